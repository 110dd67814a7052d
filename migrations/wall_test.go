package migrations_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// unwalled are the tables without row security, and why.
var unwalled = map[string]string{
	"goose_db_version":    "which migrations ran; no row of anybody",
	"spatial_ref_sys":     "PostGIS's own",
	"clock_shift":         "one row, of the cluster",
	"revisions":           "counters, of no district",
	"access_revision":     "a counter, of no district",
	"tracks":              "filled by COPY, which row security refuses; viewers read tracks_seen",
	"cell_visits":         "filled by COPY; no viewer is granted it",
	"road_segments":       "filled by COPY; roads are everybody's",
	"road_network_chunks": "filled by COPY; bytes of a file that no viewer is granted",
}

// Every table is walled or says why not. What gp_viewer may read is bounded by a
// policy of its own, by a view of ours, or is no row of anybody.
func TestEveryTableIsWalled(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Query(t.Context(), `SELECT c.relname, c.relkind::text AS kind, c.relrowsecurity AND c.relforcerowsecurity AS walled,
	  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'works') AS works,
	  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'sees' AND p.polcmd = 'r') AS sees,
	  has_any_column_privilege('gp_viewer', c.oid, 'SELECT') AS readable,
	  has_any_column_privilege('gp_viewer', c.oid, 'INSERT, UPDATE') OR has_table_privilege('gp_viewer', c.oid, 'DELETE, TRUNCATE') AS writable,
	  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND (0 = ANY (p.polroles) OR p.polname NOT IN ('works', 'sees')))::int AS strange
	FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
	  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e' AND c.relkind = 'v')`)
	if err != nil {
		t.Fatal(err)
	}
	type table struct {
		Relname, Kind                           string
		Walled, Works, Sees, Readable, Writable bool
		Strange                                 int
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		t.Fatal(err)
	}
	views := map[string]bool{"grids_seen": true, "places_seen": true, "waters_seen": true, "tracks_seen": true, "patrol_names": true,
		"people_seen": true, "device_states_seen": true, "phones_seen": true, "told_cases": true, "own_report_cases": true, "reported_cases": true, "reports_told": true}
	for _, x := range tables {
		_, open := unwalled[x.Relname]
		switch {
		case x.Writable:
			t.Errorf("gp_viewer may write %s", x.Relname)
		case x.Kind != "r" && x.Kind != "p":
			if x.Readable && !views[x.Relname] {
				t.Errorf("gp_viewer reads the view %s: bound it by gp_viewer() and name it in this test", x.Relname)
			}
		case open:
			if x.Walled {
				t.Errorf("%s is walled by now; take it out of the exemptions", x.Relname)
			}
			if x.Readable && (x.Relname == "tracks" || x.Relname == "cell_visits") {
				t.Errorf("gp_viewer reads all of %s", x.Relname)
			}
		case !x.Walled || !x.Works:
			t.Errorf("table %s has no wall: let its migration call gp_close('%s', what a viewer sees of it or null), or exempt it here with a reason", x.Relname, x.Relname)
		case x.Readable && !x.Sees:
			t.Errorf("gp_viewer is granted %s without a policy that bounds it; grant through gp_close", x.Relname)
		case x.Strange > 0:
			t.Errorf("%s has policies for everybody, or beside works and sees", x.Relname)
		}
	}
	if len(tables) < 30 {
		t.Errorf("only %d tables were looked at", len(tables))
	}
}

// A login that is no superuser owns the schema, runs the migrations and the service.
func TestPlainOwner(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, url := pgtest.Plain(t)
	if err := migrations.Up(ctx, url, nil); err != nil {
		t.Fatal(err)
	}
	db, err := pgdb.Open(ctx, pgdb.Config{URL: url, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var session, role string
	if err := db.QueryRow(ctx, "SELECT session_user, current_user").Scan(&session, &role); err != nil || session != "plain" || role != "gp_app" {
		t.Fatalf("works as %s in the role %s, %v", session, role, err)
	}
	for _, row := range strings.Split(strings.TrimSpace(rows), ";\n") {
		if _, err := db.Exec(ctx, row); err != nil {
			t.Fatal(err)
		}
	}
	const grids = `SELECT (SELECT count(*) FROM grids), (SELECT count(*) FROM grids_seen), (SELECT count(*) FROM tracks_seen), (SELECT count(*) FROM places_seen)`
	for area, want := range map[string]int{"": 1, "T1": 1, "D": 1, "elsewhere": 0} {
		var direct, seen, none int
		err := db.As(ctx, pgdb.Viewer{District: pgdb.District, Wide: true, Area: area}, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, grids).Scan(&direct, &seen, &none, &none)
		})
		if err != nil || direct != want || seen != want {
			t.Errorf("area %q: %d grids, %d through the view, want %d, %v", area, direct, seen, want, err)
		}
	}
	// The policies ask for one another's tables without going in circles.
	for _, table := range []string{"cases", "assignments", "reports", "case_events", "report_photos", "photos", "patrol_members", "duties", "places"} {
		if err := db.As(ctx, pgdb.Viewer{District: pgdb.District, Area: "T1"}, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT FROM "+table)
			return err
		}); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
	// The owner still sees all, for partitions, imports and dumps.
	err = db.Owner(ctx, func(owner *pgx.Conn) error {
		var n int
		if err := owner.QueryRow(ctx, "SELECT count(*) FROM patrols").Scan(&n); err != nil || n != 1 {
			t.Errorf("the owner sees %d patrols, %v", n, err)
		}
		_, err := owner.Exec(ctx, "SELECT make_track_partitions(gp_now()::date, gp_now()::date + 1)")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What bounds a viewer is part of every plan they ask for, and policies that ask through
// the policies of other tables multiply: one table must not bring half the schema along.
func TestAWallIsCheapToPlan(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rows, err := db.Query(t.Context(), `SELECT p.polrelid::regclass::text FROM pg_policy p WHERE p.polname = 'sees' AND has_table_privilege('gp_viewer', p.polrelid, 'SELECT') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) < 20 {
		t.Errorf("only %d tables were looked at", len(tables))
	}
	err = db.As(t.Context(), pgdb.Viewer{District: pgdb.District, Wide: true}, func(tx pgx.Tx) error {
		for _, table := range tables {
			rows, err := tx.Query(t.Context(), "EXPLAIN (COSTS off) SELECT * FROM "+table)
			if err != nil {
				return err
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			const most = 100 // lines
			if len(plan) > most {
				t.Errorf("what a viewer sees of %s is a plan of %d lines, at most %d are cheap: ask by a function that keeps its plan, as gp_sees_photo does", table, len(plan), most)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
