package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// oldest is the schema of the first release: a district that works since then has
// rows in every table that was touched after it.
const oldest = 7

const manyRows = `
INSERT INTO departments SELECT id, 'police', '公安', 'Police' FROM districts;
INSERT INTO areas SELECT id, 'D', '示范区', 'district', NULL FROM districts;
INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT gen_random_uuid(), id, 'active', 'test', '[2026-01-01,)' FROM districts;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), district_id, id, 'G' || n, '格', 'general', 'D', 1e6, ST_Multi(ST_MakeEnvelope(121 + n * 0.01, 28, 121.01 + n * 0.01, 28.01, 4326)) FROM grid_versions, generate_series(1, 600) n;
INSERT INTO staff (id, district_id, code, name, role) SELECT gen_random_uuid(), id, 'S' || n, '王', 'officer' FROM districts, generate_series(1, 2000) n;
INSERT INTO patrols (id, district_id, code, name, department, mode) SELECT gen_random_uuid(), id, 'P' || n, '队', 'police', 'car' FROM districts, generate_series(1, 700) n;
INSERT INTO devices (id, district_id, code) SELECT gen_random_uuid(), district_id, 'V-' || code FROM patrols;
INSERT INTO accounts (id, district_id, username, role, password_hash) SELECT gen_random_uuid(), id, 'u' || n, 'operator', 'x' FROM districts, generate_series(1, 500) n;
INSERT INTO places (id, district_id, code, name, kind, geom) SELECT gen_random_uuid(), id, 'L' || n, '处', 'camera', ST_SetSRID(ST_MakePoint(121.3, 28.5), 4326) FROM districts, generate_series(1, 2000) n;
INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell)
  SELECT gen_random_uuid(), id, 'N' || n, 'reported', 'none', 'C01', 'urgent', 121.3, 28.5, 9 FROM districts, generate_series(1, 20000) n;
INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, observed_at)
  SELECT gen_random_uuid(), district_id, id, category, lon, lat, lon, lat, 'wgs84', cell, 'x', gp_now() FROM cases;
INSERT INTO plans (id, district_id, case_id, state, why, input, output) SELECT gen_random_uuid(), district_id, id, 'committed', 'x', '', '' FROM cases;
INSERT INTO case_events (district_id, case_id, kind, at, canonical, body) SELECT district_id, id, 'reported', made_at, '', '{}' FROM cases;
INSERT INTO operator_items (district_id, case_id, department, reason) SELECT district_id, id, 'police', 'all_busy' FROM cases LIMIT 500;
INSERT INTO photos (district_id, sha256, media_type, width, height, content) SELECT id, sha256(n::text::bytea), 'image/jpeg', 1, 1, n::text::bytea FROM districts, generate_series(1, 3000) n;
SELECT make_track_partitions((gp_now() AT TIME ZONE 'UTC')::date - 2, (gp_now() AT TIME ZONE 'UTC')::date);
INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
  SELECT d.district_id, d.id, d.id, n, gp_now() - n * interval '10 minutes', gp_now(), d.id, 9, 121.3, 28.5, false FROM devices d, generate_series(1, 150) n;`

func filledAt(t *testing.T, version int64) (url string, conn *pgx.Conn) {
	t.Helper()
	url = pgtest.EmptyURL(t)
	upTo(t, url, version)
	conn = connect(t, url)
	if _, err := conn.Exec(t.Context(), manyRows); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

const userTables = `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname NOT IN ('spatial_ref_sys', 'goose_db_version') ORDER BY 1`

func tablesOf(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), userTables)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// probes read one row of each table in turn, as the service does all the time, and
// count reads that stood in a queue for a lock for 200 ms. The server counts that,
// not a clock of ours: a busy machine makes a read slow and no lock long.
type probes struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex // guards the rest
	reads   int
	longest time.Duration
	stalled []string
	faults  []error
	first   chan struct{} // closed at the first stall
}

func probe(t *testing.T, url string, tables []string) *probes {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &probes{stop: cancel, first: make(chan struct{})}
	for hand := range 2 {
		conn := connect(t, url)
		if _, err := conn.Exec(ctx, "SET lock_timeout = '200ms'"); err != nil {
			t.Fatal(err)
		}
		p.done.Go(func() {
			for n := hand * len(tables) / 2; ctx.Err() == nil; n++ {
				table := tables[n%len(tables)]
				began := time.Now()
				_, err := conn.Exec(ctx, "SELECT 1 FROM "+table+" LIMIT 1")
				p.count(ctx, table, time.Since(began), err)
			}
		})
	}
	t.Cleanup(func() { cancel(); p.done.Wait() })
	return p
}

func (p *probes) count(ctx context.Context, table string, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &pg) && pg.Code == "55P03":
		if len(p.stalled) == 0 {
			close(p.first)
		}
		p.stalled = append(p.stalled, table)
	case errors.As(err, &pg) && pg.Code == "42P01": // a migration dropped it
	case err != nil:
		p.faults = append(p.faults, err)
	default:
		p.reads++
		p.longest = max(p.longest, took)
	}
}

// longReader reads every table in one transaction and keeps it open.
func longReader(t *testing.T, url string, tables []string) (reader *pgx.Conn, pid uint32) {
	t.Helper()
	reader = connect(t, url)
	if _, err := reader.Exec(t.Context(), "BEGIN; LOCK TABLE "+strings.Join(tables, ", ")+" IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	return reader, reader.PgConn().PID()
}

// A migration that keeps readers waiting does so each time and at the same table; a machine
// that has no turn for the upgrade while it holds a lock does so here and there.
func TestNoReaderIsStalledByAnUpgrade(t *testing.T) {
	t.Parallel()
	var each []string // tables at which reads waited in every try
	for try := range 3 {
		stalled := upgradeBesideReaders(t)
		if try == 0 {
			each = stalled
		}
		each = slices.DeleteFunc(each, func(table string) bool { return !slices.Contains(stalled, table) })
		if len(each) == 0 {
			return
		}
	}
	t.Errorf("reads waited for a lock for 200 ms, three times of three: %v", slices.Compact(slices.Sorted(slices.Values(each))))
}

// upgradeBesideReaders upgrades a filled database beside a reader of every table, who goes
// when the upgrade has named it, and says which reads waited for 200 ms.
func upgradeBesideReaders(t *testing.T) (stalled []string) {
	t.Helper()
	url, conn := filledAt(t, oldest)
	tables := tablesOf(t, conn)
	reader, pid := longReader(t, url, tables)
	p := probe(t, url, tables)

	named := make(chan struct{})
	tries := 0
	finished := make(chan error, 1)
	go func() {
		finished <- migrations.UpWith(t.Context(), url, migrations.Progress{Waiting: func(w migrations.Wait) {
			for _, b := range w.Blockers {
				if b.PID == int32(pid) {
					tries++
				}
			}
			if tries == 3 {
				close(named)
				tries++
			}
		}})
	}()
	select {
	case <-named: // it met the reader three times, named it, and gave way
	case err := <-finished:
		t.Fatalf("the upgrade ended beside a reader of every table: %v", err)
	}
	if _, err := reader.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.done.Wait()
	t.Logf("%d reads, the longest %v; stalled: %v", p.reads, p.longest, slices.Compact(slices.Sorted(slices.Values(p.stalled))))
	if len(p.faults) > 0 {
		t.Errorf("reads failed: %v", p.faults)
	}
	if p.reads < 50 {
		t.Errorf("only %d reads were made", p.reads)
	}
	return p.stalled
}

// Without giving way the same reads are stalled, or the test above sees nothing.
func TestReadersAreStalledWithoutGivingWay(t *testing.T) {
	t.Parallel()
	url, conn := filledAt(t, oldest)
	tables := tablesOf(t, conn)
	reader, _ := longReader(t, url, tables)
	p := probe(t, url, tables)
	finished := make(chan error, 1)
	plain := provider(t, url)
	go func() {
		_, err := plain.Up(t.Context())
		finished <- err
	}()
	select {
	case <-p.first:
	case err := <-finished:
		t.Fatalf("no reader was stalled: %v", err)
	}
	if _, err := reader.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
}

// From every schema a release may have left, rows are kept on the way up.
func TestUpFromEveryVersionKeepsTheRows(t *testing.T) {
	t.Parallel()
	versions, err := migrations.Versions()
	if err != nil {
		t.Fatal(err)
	}
	counts := func(conn *pgx.Conn, tables []string) string {
		var b strings.Builder
		for _, table := range tables {
			var n int64
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %d\n", table, n)
		}
		return b.String()
	}
	url, conn := filledAt(t, oldest)
	for _, version := range versions {
		if version <= oldest {
			continue
		}
		tables := []string{"departments", "areas", "grids", "staff", "patrols", "devices", "accounts", "places", "cases", "reports", "plans", "case_events", "operator_items", "photos", "tracks"}
		before := counts(conn, tables)
		if err := migrations.Exactly(t.Context(), url, []int64{version}, migrations.Progress{}); err != nil {
			t.Fatal(err)
		}
		if after := counts(conn, tables); after != before {
			t.Errorf("schema %d changed what is there:\n%s\nto\n%s", version, before, after)
		}
	}
}

// What cannot run in a transaction waits without keeping anybody waiting; what an
// earlier try left broken is made anew.
func TestIndexesAreMadeBesideReaders(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE things (n int); INSERT INTO things SELECT generate_series(1, 10)"); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"00001_index.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS things_n ON things (n);\n-- +goose Down\n")}}
	// Two equal rows break the first try off and leave an index that is not valid.
	if _, err := conn.Exec(t.Context(), "INSERT INTO things VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := migrations.UpFrom(t.Context(), url, files, time.Minute, migrations.Progress{}); err == nil {
		t.Fatal("a unique index over two equal rows")
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM things WHERE ctid = (SELECT max(ctid) FROM things WHERE n = 1)"); err != nil {
		t.Fatal(err)
	}
	writer := connect(t, url)
	if _, err := writer.Exec(t.Context(), "BEGIN; INSERT INTO things VALUES (99)"); err != nil {
		t.Fatal(err)
	}
	finished := make(chan error, 1)
	go func() { finished <- migrations.UpFrom(t.Context(), url, files, time.Minute, migrations.Progress{}) }()
	waits(t, conn, "%INDEX CONCURRENTLY%") // first to drop the broken one
	if _, err := conn.Exec(t.Context(), "SET lock_timeout = '200ms'; INSERT INTO things VALUES (98); SELECT count(*) FROM things"); err != nil {
		t.Errorf("somebody had to wait behind the index: %v", err)
	}
	if _, err := writer.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	var valid bool
	if err := conn.QueryRow(t.Context(), "SELECT indisvalid FROM pg_index WHERE indexrelid = 'things_n'::regclass").Scan(&valid); err != nil || !valid {
		t.Errorf("the index is valid: %v, %v", valid, err)
	}
}

// waits answers when a statement of that form waits for a lock.
func waits(t *testing.T, conn *pgx.Conn, like string) {
	t.Helper()
	for waiting := false; !waiting; {
		const query = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE $1 AND wait_event_type = 'Lock')`
		if err := conn.QueryRow(t.Context(), query, like).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader that never ends is waited for so long and no longer, and is named; a
// data migration is heard.
func TestAnUpgradeGivesUpAndSaysWhy(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE things (n int)"); err != nil {
		t.Fatal(err)
	}
	_, pid := longReader(t, url, []string{"things"})
	files := fstest.MapFS{
		"00001_fill.sql":  {Data: []byte("-- +goose Up\nDROP TABLE IF EXISTS nowhere;\n-- +goose StatementBegin\nDO $$ BEGIN RAISE NOTICE '3 of 4'; END $$;\n-- +goose StatementEnd\n-- +goose Down\n")},
		"00002_alter.sql": {Data: []byte("-- +goose Up\nALTER TABLE things ADD COLUMN m int;\n-- +goose Down\n")},
	}
	var heard []string
	err := migrations.UpFrom(t.Context(), url, files, time.Second, migrations.Progress{
		Working: func(s migrations.Step, _ time.Duration, note string) {
			heard = append(heard, fmt.Sprint(s.Version, " ", note))
		},
	})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d, idle in transaction", pid)) {
		t.Errorf("it gave up with %v", err)
	}
	if len(heard) == 0 || heard[0] != "1 3 of 4" {
		t.Errorf("heard %q", heard)
	}
}

// An index outside a transaction is the one thing that may be half made.
func TestMigrationsOutsideATransactionCanBeRepeated(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile("sql/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "+goose NO TRANSACTION") {
			continue
		}
		for _, line := range strings.Split(string(content), "\n") {
			if strings.Contains(line, "INDEX CONCURRENTLY") && !strings.Contains(line, "EXISTS") {
				t.Errorf("%s: %q cannot be repeated; say IF NOT EXISTS", e.Name(), line)
			}
		}
	}
}
