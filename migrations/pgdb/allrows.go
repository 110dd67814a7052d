package pgdb

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A table is read whole by whom row security does not hold, and by whom the policy
// works lets through: gp_app and its members, the plain owner of the schema among them.
const (
	unbound = `SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user`
	hidden  = `SELECT current_user, coalesce((SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
  AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
  AND (NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'works' AND p.polcmd = '*' AND p.polpermissive
      AND pg_get_expr(p.polqual, p.polrelid) = 'true' AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r <> 0 AND pg_has_role(r, 'USAGE')))
    OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)) ORDER BY 1 LIMIT 1), '')`
)

// AllRows makes sure that what is read on this connection is every row: of a login
// that row security binds a query either shows all or is refused, never a part. A
// backup and what removes old data begin with it.
func AllRows(ctx context.Context, conn *pgx.Conn) error {
	var free bool
	if err := conn.QueryRow(ctx, unbound).Scan(&free); err != nil {
		return fmt.Errorf("ask whether every row is seen: %w", err)
	}
	if free {
		_, err := conn.Exec(ctx, "SET row_security = off")
		return err
	}
	var login, table string
	if err := conn.QueryRow(ctx, hidden).Scan(&login, &table); err != nil {
		return fmt.Errorf("ask whether every row is seen: %w", err)
	}
	if table != "" {
		return fmt.Errorf("the login %s does not see every row of the table %s; have a superuser run: GRANT gp_app, gp_viewer TO %s", login, table, pgx.Identifier{login}.Sanitize())
	}
	return nil
}
