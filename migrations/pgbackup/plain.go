package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// forced are the tables whose row security binds their owner too.
const forced = `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relforcerowsecurity ORDER BY 1`

// triggered are the tables that have triggers of their own.
const triggered = `SELECT DISTINCT c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND NOT g.tgisinternal AND g.tgenabled <> 'D' ORDER BY 1`

// restful keeps triggers from acting: they have acted when the rows were written. done
// is called when all rows are in. A superuser only has to say so. Whoever merely owns the
// tables may do the same to each of them: triggers off, and row security no longer forced,
// since COPY does not go with it; foreign keys are asked, in the order in which the tables
// are loaded. All of it is undone by done, or with the transaction.
func restful(ctx context.Context, tx pgx.Tx) (done func() error, err error) {
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica")
		return err
	})
	if err == nil {
		return func() error { return nil }, nil
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" {
		return nil, err
	}
	ask := func(query string) ([]string, error) {
		rows, err := tx.Query(ctx, query)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	var begin, end []string
	both := func(table, first, last string) {
		begin, end = append(begin, "ALTER TABLE "+quoted(table)+" "+first), append(end, "ALTER TABLE "+quoted(table)+" "+last)
	}
	names, err := ask(forced)
	if err != nil {
		return nil, fmt.Errorf("look for row security: %w", err)
	}
	for _, name := range names {
		both(name, "NO FORCE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY")
	}
	if names, err = ask(triggered); err != nil {
		return nil, fmt.Errorf("look for triggers: %w", err)
	}
	for _, name := range names {
		both(name, "DISABLE TRIGGER USER", "ENABLE TRIGGER USER")
	}
	say := func(statements []string) error {
		if _, err := tx.Exec(ctx, strings.Join(statements, ";\n")); err != nil {
			return fmt.Errorf("let the rows in as the owner of the tables: %w", err)
		}
		return nil
	}
	return func() error { return say(end) }, say(begin)
}
