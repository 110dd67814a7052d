package migrations_test

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// steps is the number of migration files.
func steps(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("sql")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// upCounted migrates and answers how many steps it took.
func upCounted(ctx context.Context, url string) (int, error) {
	n := 0
	err := migrations.Up(ctx, url, func(migrations.Step) { n++ })
	return n, err
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestUpOnAnEmptyDatabaseAndAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	for turn, want := range []int{steps(t), 0} {
		n, err := upCounted(t.Context(), url)
		if err != nil {
			t.Fatalf("turn %d: %v", turn, err)
		}
		if n != want {
			t.Errorf("turn %d took %d steps, want %d", turn, n, want)
		}
	}
}

// Nodes that start together all migrate; each step must be taken once.
func TestUpByManyAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	var group sync.WaitGroup
	taken := make([]int, 3)
	for i := range taken {
		group.Go(func() {
			n, err := upCounted(t.Context(), url)
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
			taken[i] = n
		})
	}
	group.Wait()
	if sum := taken[0] + taken[1] + taken[2]; sum != steps(t) {
		t.Errorf("the nodes took %v steps, want %d together", taken, steps(t))
	}
}

// rows of a district as the first migration knows it.
const rows = `
INSERT INTO departments VALUES ('00000000-0000-7000-8000-000000000001', 'police', '公安', 'Police');
INSERT INTO areas VALUES ('00000000-0000-7000-8000-000000000001', 'D', '示范区', 'district', NULL),
                         ('00000000-0000-7000-8000-000000000001', 'T1', '一镇', 'town', 'D');
INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES
  ('00000000-0000-7000-8000-0000000000a1', '00000000-0000-7000-8000-000000000001', 'active', 'test', '[2026-01-01,)');
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom) VALUES
  ('00000000-0000-7000-8000-0000000000b1', '00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-0000000000a1',
   'G1', '一格', 'general', 'T1', 1e6, 'SRID=4326;MULTIPOLYGON(((121 28,121.01 28,121.01 28.01,121 28)))');
INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, urgency, dispatch_mode, valid) VALUES
  ('00000000-0000-7000-8000-0000000000c1', '00000000-0000-7000-8000-000000000001', 'A01', '纠纷', 'Dispute', 'police', 'ordinary', 'auto', '[2026-01-01,)');
INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES
  ('00000000-0000-7000-8000-0000000000d1', '00000000-0000-7000-8000-000000000001', 'P1', '一队', 'police', 'car');
INSERT INTO devices (id, district_id, code) VALUES
  ('00000000-0000-7000-8000-0000000000e1', '00000000-0000-7000-8000-000000000001', 'V1');`

// A district that works already keeps its rows through everything added since.
func TestUpOnAFilledDatabase(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	upTo(t, url, 1)
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	n, err := upCounted(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if n != steps(t)-1 {
		t.Errorf("took %d steps, want %d", n, steps(t)-1)
	}
	var kept int
	const count = `SELECT (SELECT count(*) FROM departments) + (SELECT count(*) FROM areas) + (SELECT count(*) FROM grids)
		+ (SELECT count(*) FROM categories) + (SELECT count(*) FROM patrols) + (SELECT count(*) FROM devices)`
	if err := conn.QueryRow(t.Context(), count).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if kept != 7 {
		t.Errorf("%d rows are left, want the 7 from before", kept)
	}
}

// What goes up comes down and up again, so that a release can be taken back.
func TestDownAndUpAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	if _, err := upCounted(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	provider := provider(t, url)
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n, err := upCounted(t.Context(), url); err != nil || n != steps(t) {
		t.Errorf("up again: %d steps, %v", n, err)
	}
}

// The program's own role may do its work and not what proof rests on.
func TestAppRoleCannotMoveTheClock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.Exec(t.Context(), "UPDATE clock_shift SET shift = '1 day'"); err == nil {
		t.Error("the app moved the clock")
	}
}

func upTo(t *testing.T, url string, version int64) {
	t.Helper()
	if _, err := provider(t, url).UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

func provider(t *testing.T, url string) *goose.Provider {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	var db *sql.DB = stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	p, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("sql"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
