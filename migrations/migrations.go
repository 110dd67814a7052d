// Package migrations holds the schema, embedded and numbered, and takes a
// database from any earlier version to the newest.
//
// A migration that has landed is never edited; each says at its top why it is
// there. The program of the release before must run on the schema of this one.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sql/*.sql
var files embed.FS

// Step tells of one migration that was just applied.
type Step struct {
	Version int64
	Name    string
}

// Up applies every pending migration in order, one node at a time (an advisory
// lock of the session keeps others waiting). progress may be nil.
func Up(ctx context.Context, databaseURL string, progress func(Step)) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("read database url: %w", err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	return up(ctx, db, progress)
}

func up(ctx context.Context, db *sql.DB, progress func(Step)) error {
	sub, err := fs.Sub(files, "sql")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("prepare migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, sub, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	for {
		result, err := provider.UpByOne(ctx)
		if err != nil {
			if errors.Is(err, goose.ErrNoNextVersion) {
				return nil
			}
			return fmt.Errorf("migrate: %w", err)
		}
		if progress != nil {
			progress(Step{Version: result.Source.Version, Name: result.Source.Path})
		}
	}
}
