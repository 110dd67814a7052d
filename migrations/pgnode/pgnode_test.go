package pgnode_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgnode"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

const patience = 10 * time.Second

// What each fault of a real database is called.
func TestLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, db *pgdb.DB)
		want  string // what is named, with spaces between
	}{
		{"all is well", func(*testing.T, *pgdb.DB) {}, ""},
		{"a standby, or a switch to read-only", func(t *testing.T, db *pgdb.DB) {
			owner(t, db, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
			db.Reset()
		}, "write"},
		{"a schema behind", func(t *testing.T, db *pgdb.DB) {
			owner(t, db, `DELETE FROM goose_db_version WHERE version_id = 7`)
		}, "schema"},
		{"a schema before there were nodes", func(t *testing.T, db *pgdb.DB) {
			owner(t, db, `DROP TABLE nodes; REVOKE SELECT ON goose_db_version FROM gp_app`)
		}, "schema"},
		{"a newer release's schema", func(t *testing.T, db *pgdb.DB) {
			owner(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
		}, ""},
		{"a database that is away", func(t *testing.T, db *pgdb.DB) { db.Close() }, "database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			node, err := pgnode.New(db, "here", "none")
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, db)
			if got := strings.Join(named(node.Look(t.Context(), patience, pgnode.Pulse{})), " "); got != c.want {
				t.Errorf("named %q, want %q", got, c.want)
			}
		})
	}
}

// named is what the faults of an error are called.
func named(err error) (names []string) {
	var fault *pgnode.Fault
	if errors.As(err, &fault) {
		names = append(names, fault.What)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		names = names[:0]
		for _, e := range joined.Unwrap() {
			names = append(names, named(e)...)
		}
	}
	return names
}

func TestANodeComesBeatsAndLeaves(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	node, err := pgnode.New(db, "here", "none")
	if err != nil {
		t.Fatal(err)
	}
	ahead, give, err := node.ClockAhead(t.Context(), time.Now)
	if err != nil || ahead.Abs() > give+time.Second { // one machine, one clock
		t.Errorf("the clock is %v ahead, give %v, %v", ahead, give, err)
	}
	late := 3 * time.Second
	for _, p := range []pgnode.Pulse{{ClockAhead: &late}, {TimersLate: &late}} {
		if err := node.Beat(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	var host string
	var clock, timers float64
	if err := db.QueryRow(t.Context(), `SELECT host, clock_ahead_s, timers_late_s FROM nodes`).Scan(&host, &clock, &timers); err != nil {
		t.Fatal(err)
	}
	if host != "here" || clock != 3 || timers != 3 {
		t.Errorf("%s, %v, %v: the clock that was measured once must stay", host, clock, timers)
	}
	owner(t, db, `INSERT INTO nodes (id, district_id, host, schema, beat_at) SELECT gen_random_uuid(), id, 'dead', 1, gp_now() - interval '2 days' FROM districts`)
	if err := node.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM nodes`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d nodes are left, %v", left, err)
	}
}

func TestVersionsAreInOrder(t *testing.T) {
	t.Parallel()
	versions, err := migrations.Versions()
	if err != nil || len(versions) < 8 || versions[0] != 1 {
		t.Errorf("%v, %v", versions, err)
	}
}

func owner(t *testing.T, db *pgdb.DB, sql string) {
	t.Helper()
	err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), sql)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
