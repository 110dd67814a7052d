package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fitting is what the first migration needs of a login that is no superuser: PostGIS
// in the database, the right to make roles, and a schema to make tables in. From
// PostgreSQL 16 on, roles that are there already can only be handed on by who made them.
const fitting = `SELECT current_user, current_database(), r.rolsuper, r.rolcreaterole, has_schema_privilege('public', 'CREATE'),
  EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis'),
  coalesce((SELECT string_agg(quote_ident(g.rolname), ', ' ORDER BY g.rolname) FROM pg_roles g WHERE g.rolname IN ('gp_app', 'gp_viewer')
    AND NOT pg_has_role(g.oid, 'MEMBER') AND current_setting('server_version_num')::int >= 160000 AND NOT pg_has_role(g.oid, 'MEMBER WITH ADMIN OPTION')), '')
FROM pg_roles r WHERE r.rolname = current_user`

// Fit says whether a login can make the schema in an empty database, and all that a
// superuser has to run before where it cannot. Half a schema helps nobody.
func Fit(ctx context.Context, conn *pgx.Conn) error {
	var login, database, missing string
	var super, roles, schema, postgis bool
	if err := conn.QueryRow(ctx, fitting).Scan(&login, &database, &super, &roles, &schema, &postgis, &missing); err != nil {
		return fmt.Errorf("ask what the login may do: %w", err)
	}
	if super {
		return nil
	}
	if !postgis {
		// Who runs databases for others may let a login have it that is no superuser, so it
		// is tried, and taken back.
		taken := errors.New("taken back")
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "CREATE EXTENSION postgis"); err != nil {
				return err
			}
			return taken
		})
		var pg *pgconn.PgError
		postgis = !errors.As(err, &pg) || pg.Code != "42501" // what else is wrong the migration says
	}
	var remedies []string
	if !postgis {
		remedies = append(remedies, fmt.Sprintf("CREATE EXTENSION postgis (in the database %s)", database))
	}
	if !roles {
		remedies = append(remedies, fmt.Sprintf("ALTER ROLE %s CREATEROLE", pgx.Identifier{login}.Sanitize()))
	}
	if !schema {
		remedies = append(remedies, fmt.Sprintf("ALTER SCHEMA public OWNER TO %s (in the database %s)", pgx.Identifier{login}.Sanitize(), database))
	}
	if missing != "" {
		remedies = append(remedies, fmt.Sprintf("GRANT %s TO %s", missing, pgx.Identifier{login}.Sanitize()))
	}
	if len(remedies) == 0 {
		return nil
	}
	return fmt.Errorf("the login %s is no superuser and cannot make the schema in the database %s; have a superuser run: %s",
		login, database, strings.Join(remedies, "; "))
}
