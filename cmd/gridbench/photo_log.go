package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// seasonLog lets the log of a new cluster grow by so many megabytes and be recycled, as
// that of one that has run for some days is. A new one fills every 16 MB with zeros before
// it writes them, while all commits wait (0.1 s on a disk of 120 MB/s): the first
// gigabytes of a cluster's life, not what photos cost.
func seasonLog(ctx context.Context, dir string, megabytes int) (err error) {
	fmt.Fprintf(os.Stderr, "before: the log of the new cluster grows by %d MB and is recycled\n", megabytes)
	config, err := pgx.ParseConfig("user=gridpatrol dbname=gridpatrol")
	if err != nil {
		return err
	}
	if config.Host, err = filepath.Abs(filepath.Join(dir, "postgres.socket")); err != nil {
		return err
	}
	db, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("season the log: %w", err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()
	const step = 50
	for done := 0; done < megabytes; done += step {
		if _, err := db.Exec(ctx, `SELECT count(pg_logical_emit_message(false, 'gridbench', repeat('x', 1000000))) FROM generate_series(1, $1::int)`, step); err != nil {
			return fmt.Errorf("season the log: %w", err)
		}
	}
	if _, err := db.Exec(ctx, `CHECKPOINT`); err != nil {
		return fmt.Errorf("season the log: %w", err)
	}
	return nil
}
