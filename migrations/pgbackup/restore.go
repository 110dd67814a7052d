package pgbackup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations"
)

// Restore reads the file into an empty database and brings its schema up to date.
// Until the last row is in and compared, the database is marked as unfinished and
// no service starts on it; a restore that breaks off empties it again.
func (f *File) Restore(ctx context.Context, c Config, progress migrations.Progress) (*Account, error) {
	began := time.Now()
	if err := knows(f.Manifest); err != nil {
		return nil, err
	}
	conn, err := connect(ctx, c.URL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := migrations.Fit(ctx, conn); err != nil {
		return nil, err
	}
	if err := claim(ctx, conn); err != nil {
		return nil, err
	}
	if err := load(ctx, conn, c, f, progress); err != nil {
		clean := context.WithoutCancel(ctx)
		if again, cannot := connect(clean, c.URL); cannot == nil {
			defer again.Close(clean)
			if cannot := empty(clean, again); cannot != nil {
				return nil, errors.Join(err, fmt.Errorf("and the database could not be emptied again: %w", cannot))
			}
		}
		return nil, fmt.Errorf("%w (the database is empty again)", err)
	}
	if _, err := conn.Exec(ctx, "ANALYZE"); err != nil {
		return nil, fmt.Errorf("everything is restored, but ANALYZE: %w", err)
	}
	if err := migrations.UpWith(ctx, c.URL, progress); err != nil {
		return nil, fmt.Errorf("everything is restored in schema %d, but the newer one could not be made: %w", f.Manifest.SchemaVersion(), err)
	}
	a := &Account{File: f.file.Name(), Bytes: f.Size, SHA256: hex.EncodeToString(f.SHA256[:]), Took: time.Since(began), Manifest: f.Manifest}
	a.TookS = a.Took.Seconds()
	return a, nil
}

// knows refuses a schema that this program cannot make.
func knows(m Manifest) error {
	ours, err := migrations.Versions()
	if err != nil {
		return err
	}
	for _, v := range m.Versions {
		if !slices.Contains(ours, v) {
			return fmt.Errorf("%w: its schema is %d, this program's is %d; restore it with the program that made it or a newer one", ErrNewer, m.SchemaVersion(), slices.Max(ours))
		}
	}
	if len(m.Versions) == 0 {
		return fmt.Errorf("%w: it names no schema", ErrDamaged)
	}
	return nil
}

// Tables, views and sequences that no extension owns, in any schema of users.
const whatIsThere = `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relkind = 'S', 1`

// claim makes sure that the database is empty and marks it.
func claim(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, whatIsThere)
	if err != nil {
		return fmt.Errorf("look whether the database is empty: %w", err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look whether the database is empty: %w", err)
	}
	switch {
	case slices.Contains(there, "public."+migrations.RestoreMark):
		if err := empty(ctx, conn); err != nil {
			return fmt.Errorf("empty the database of the restore that did not finish: %w", err)
		}
	case len(there) > 0:
		some := there[:min(len(there), 3)]
		return fmt.Errorf("%w: database %q has %d tables and sequences, such as %s; name another database (createdb NAME, then DATABASE_URL), or another data directory (--data-dir)",
			ErrFilled, conn.Config().Database, len(there), strings.Join(some, ", "))
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE "+migrations.RestoreMark+" ()"); err != nil {
		return fmt.Errorf("mark the database as being restored: %w", err)
	}
	return nil
}

// empty drops what migrations make, and leaves extensions alone, which another
// user may have had to install.
const emptyPublic = `DO $$
DECLARE x record;
BEGIN
  FOR x IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') LOOP
    IF to_regclass(x.name::text) IS NOT NULL THEN
      EXECUTE format('DROP %s %s CASCADE', CASE x.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, x.name);
    END IF;
  END LOOP;
  FOR x IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') LOOP
    EXECUTE format('DROP SEQUENCE %s CASCADE', x.name);
  END LOOP;
  FOR x IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE format('DROP ROUTINE %s CASCADE', x.name);
  END LOOP;
  FOR x IN SELECT t.oid::regtype AS name FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') LOOP
    EXECUTE format('DROP TYPE %s CASCADE', x.name);
  END LOOP;
END $$`

func empty(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, emptyPublic)
	return err
}

// load makes the schema, then everything else in one transaction.
func load(ctx context.Context, conn *pgx.Conn, c Config, f *File, progress migrations.Progress) error {
	m := f.Manifest
	if err := migrations.Exactly(ctx, c.URL, m.Versions, progress); err != nil {
		return fmt.Errorf("make the schema of the backup: %w", err)
	}
	here, _, err := tables(ctx, conn)
	if err != nil {
		return err
	}
	if err := fits(here, m); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		done, err := restful(ctx, tx)
		if err != nil {
			return err
		}
		names := make([]string, len(here))
		for i, t := range here {
			names[i] = t.name
		}
		// What migrations put in themselves is in the backup too, as it became.
		if _, err := tx.Exec(ctx, "TRUNCATE "+quoted(names...)); err != nil {
			return fmt.Errorf("make room: %w", err)
		}
		if err := makePartitions(ctx, tx, m.Partitions); err != nil {
			return err
		}
		if err := copyIn(ctx, tx, f, c.Progress); err != nil {
			return err
		}
		for _, s := range m.Sequences {
			if _, err := tx.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", "public."+quoted(s.Name), s.Last, s.Called); err != nil {
				return fmt.Errorf("set the sequence %s: %w", s.Name, err)
			}
		}
		if err := settleXids(ctx, c.URL, tx, here, m.Xids); err != nil {
			return err
		}
		c.Progress.tell("comparing counts and photos", 0, 0)
		if differences, err := Compare(ctx, conn, m); err != nil || len(differences) > 0 {
			return errors.Join(err, differ(differences))
		}
		if err := done(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DROP TABLE "+migrations.RestoreMark)
		return err
	})
}

func differ(differences []string) error {
	if len(differences) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDiffers, strings.Join(differences, "; "))
}

// fits compares the schema that was made with the one that was backed up.
func fits(here []tableInfo, m Manifest) error {
	for _, t := range m.Tables {
		i := slices.IndexFunc(here, func(h tableInfo) bool { return h.name == t.Name })
		if i < 0 {
			return fmt.Errorf("the schema of this program has no table %s, which is in the backup", t.Name)
		}
		for _, column := range t.Columns {
			if !slices.Contains(here[i].columns, column) {
				return fmt.Errorf("table %s of this program has no column %s, which is in the backup", t.Name, column)
			}
		}
	}
	return nil
}

var trackDay = regexp.MustCompile(`^tracks_(\d{8})$`)

func makePartitions(ctx context.Context, tx pgx.Tx, all []Partition) error {
	for _, p := range all {
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('public.' || quote_ident($1)) IS NOT NULL", p.Name).Scan(&there); err != nil {
			return fmt.Errorf("look for the partition %s: %w", p.Name, err)
		}
		if there {
			continue
		}
		statement, args := fmt.Sprintf("CREATE TABLE %s PARTITION OF %s %s", quoted(p.Name), quoted(p.Parent), p.Bound), []any{}
		if day := trackDay.FindStringSubmatch(p.Name); day != nil && p.Parent == "tracks" {
			statement, args = "SELECT make_track_partitions($1::text::date, $1::text::date)", []any{day[1]}
		}
		if _, err := tx.Exec(ctx, statement, args...); err != nil {
			return fmt.Errorf("make the partition %s: %w", p.Name, err)
		}
	}
	return nil
}

func copyIn(ctx context.Context, tx pgx.Tx, f *File, progress Progress) error {
	var total, before int64
	for _, t := range f.Manifest.Tables {
		total += t.Bytes
	}
	for _, t := range f.Manifest.Tables {
		if err := copyTableIn(ctx, tx, f, t, func(n int64) { progress.tell("restoring "+t.Name, before+n, total) }); err != nil {
			return fmt.Errorf("restore table %s: %w", t.Name, err)
		}
		before += t.Bytes
	}
	return nil
}

func copyTableIn(ctx context.Context, tx pgx.Tx, f *File, t Table, tell func(int64)) error {
	in, err := f.open(entryName(t.Name))
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	through := io.TeeReader(in, &counting{to: sum, tell: tell})
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, through, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", quoted(t.Name), quoted(t.Columns...)))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != t.SHA256 || tag.RowsAffected() != t.Rows {
		return fmt.Errorf("%w: %d rows of %d came in", ErrDamaged, tag.RowsAffected(), t.Rows)
	}
	return nil
}
