package pgtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// sight is what bounds a viewer in the database: the policies, and the views named
// after the tables that they show a part of.
const sight = `
SELECT format('ALTER POLICY sees ON %s USING (true)', p.polrelid::regclass)
FROM pg_policy p WHERE p.polname = 'sees'
UNION ALL
SELECT format('CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s', v.oid::regclass,
  (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = v.oid AND a.attnum > 0),
  (SELECT t.oid::regclass FROM pg_class t WHERE t.relnamespace = v.relnamespace AND t.relname = regexp_replace(v.relname, '_seen$', '')))
FROM pg_class v WHERE v.relnamespace = 'public'::regnamespace AND v.relkind = 'v' AND v.relname ~ '_seen$'`

// WallDown takes the second wall of this database down (docs/decisions/0003): whoever
// reads on behalf of a viewer then sees every row, so that what the queries
// themselves keep back can be tested alone.
func WallDown(t testing.TB, db *pgdb.DB) {
	t.Helper()
	ctx := context.Background()
	err := db.Owner(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sight)
		if err != nil {
			return err
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("pgtest: take the second wall down: %v", err)
	}
	// Nobody in particular now sees what there is.
	err = db.As(ctx, pgdb.Viewer{}, func(tx pgx.Tx) error {
		var n int
		err := tx.QueryRow(ctx, `SELECT count(*) FROM districts`).Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("a viewer still sees no district")
		}
		return err
	})
	if err != nil {
		t.Fatalf("pgtest: without the second wall: %v", err)
	}
}
