package main

import (
	"context"
	"fmt"
)

type migrateCmd struct {
	Up migrateUpCmd `cmd:"" help:"Apply every pending migration."`
}

type migrateUpCmd struct{}

// Run relies on openDatabase, which migrates before it answers.
func (migrateUpCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	fmt.Fprintln(env.Stdout, "the schema is up to date")
	return nil
}
