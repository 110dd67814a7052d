package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// VersionTable is where goose keeps what was applied.
const VersionTable = "goose_db_version"

// RestoreMark is a table that stands for as long as a restore is not finished; a
// database that has it is not to be worked with.
const RestoreMark = "restore_unfinished"

const restoreMarked = `SELECT to_regclass('public.` + RestoreMark + `') IS NOT NULL`

// mustBeWhole refuses a database that a restore left half done.
func mustBeWhole(ctx context.Context, q Querier) error {
	rows, err := q.Query(ctx, restoreMarked)
	if err != nil {
		return fmt.Errorf("look for an unfinished restore: %w", err)
	}
	marked, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return fmt.Errorf("look for an unfinished restore: %w", err)
	}
	if marked {
		return errors.New("a restore into this database did not finish; run gridpatrol restore again, which begins anew")
	}
	return nil
}

// Applied are the versions that a database has, in order; none for an empty one.
func Applied(ctx context.Context, q Querier) ([]int64, error) {
	var there bool
	rows, err := q.Query(ctx, `SELECT to_regclass('public.`+VersionTable+`') IS NOT NULL`)
	if err == nil {
		there, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	}
	if err == nil && !there {
		return nil, nil
	}
	if err == nil {
		rows, err = q.Query(ctx, applied)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the schema's version: %w", err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("ask for the schema's version: %w", err)
	}
	return versions, nil
}

var createTable = regexp.MustCompile(`(?im)^\s*CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:public\.)?"?([a-z0-9_]+)"?`)

// Tables are the names of all tables that any migration makes, so that what
// somebody else put into the database can be told from what is ours.
func Tables() map[string]bool {
	names := map[string]bool{}
	entries, err := fs.ReadDir(files, "sql")
	if err != nil {
		return names // embedded, so it is there
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, "sql/"+e.Name())
		if err != nil {
			continue
		}
		for _, found := range createTable.FindAllSubmatch(content, -1) {
			names[string(found[1])] = true
		}
	}
	return names
}
