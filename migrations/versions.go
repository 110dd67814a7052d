package migrations

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Querier is a connection, a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Versions are the numbers of all migrations, in order.
func Versions() ([]int64, error) {
	entries, err := fs.ReadDir(files, "sql")
	if err != nil {
		return nil, err
	}
	versions := make([]int64, len(entries))
	for i, entry := range entries {
		if versions[i], err = goose.NumericComponent(path.Base(entry.Name())); err != nil {
			return nil, fmt.Errorf("number of migration %s: %w", entry.Name(), err)
		}
	}
	slices.Sort(versions)
	return versions, nil
}

const applied = `SELECT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY version_id`

// Pending compares the database's schema with this program's: which of ours are
// not applied, and which are applied that we do not know. The latter is a newer
// release's schema, on which this program still works.
func Pending(ctx context.Context, db Querier) (pending, unknown []int64, err error) {
	ours, err := Versions()
	if err != nil {
		return nil, nil, err
	}
	rows, err := db.Query(ctx, applied)
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema's version: %w", err)
	}
	theirs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema's version: %w", err)
	}
	for _, v := range ours {
		if !slices.Contains(theirs, v) {
			pending = append(pending, v)
		}
	}
	for _, v := range theirs {
		if !slices.Contains(ours, v) {
			unknown = append(unknown, v)
		}
	}
	return pending, unknown, nil
}
