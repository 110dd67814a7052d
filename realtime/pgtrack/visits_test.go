package pgtrack_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// diary writes tracks straight into the table.
type diary struct {
	t     *testing.T
	db    *pgdb.DB
	store *pgtrack.Store
	now   time.Time // a whole hour
	seq   int64
}

func newDiary(t *testing.T) *diary {
	t.Helper()
	db := pgtest.New(t)
	now := time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	pgtest.SetNow(t, db, now.Add(30*time.Minute))
	return &diary{t: t, db: db, store: pgtrack.New(db), now: now}
}

var (
	here  = geo.Point{Lon: 121.380, Lat: 28.580}
	there = geo.Point{Lon: 121.480, Lat: 28.580}
)

func (d *diary) was(patrol dispatch.PatrolID, at geo.Point, ago time.Duration, verdict string) {
	d.t.Helper()
	d.seq++
	_, err := d.db.Exec(d.t.Context(), `INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock, verdict)
		VALUES ($1, $2, $2, $3, $4, $4, $5, $6, $7, $8, false, nullif($9, ''))`,
		pgdb.District, uuid.New(), d.seq, d.now.Add(-ago), patrol.UUID, int64(cell.At(at, 9)), at.Lon, at.Lat, verdict)
	if err != nil {
		d.t.Fatal(err)
	}
}

// places names who was where, by the cells of here and there.
func (d *diary) places(from, to time.Duration, patrols ...dispatch.PatrolID) string {
	d.t.Helper()
	visits, err := d.store.Visited(d.t.Context(), patrols, d.now.Add(-from), d.now.Add(-to))
	if err != nil {
		d.t.Fatal(err)
	}
	var out []string
	for _, v := range visits {
		name := "elsewhere"
		for n, p := range map[string]geo.Point{"here": here, "there": there} {
			if v.Cells == [3]cell.Cell{cell.At(p, 9), cell.At(p, 8), cell.At(p, 7)} {
				name = n
			}
		}
		out = append(out, fmt.Sprintf("%c:%s", 'A'+slices.Index(patrols, v.Patrol), name))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (d *diary) countAll() int {
	d.t.Helper()
	total := 0
	for {
		n, err := d.store.CountVisits(d.t.Context(), 200)
		if err != nil {
			d.t.Fatal(err)
		}
		if total += n; n == 0 {
			return total
		}
	}
}

// Counting changes no answer: the same spans are asked before and after.
func TestVisitsReadAlikeCountedOrNot(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	a, b := dispatch.NewID[struct{}](), dispatch.NewID[struct{}]()
	pa, pb := dispatch.PatrolID(a), dispatch.PatrolID(b)
	d.was(pa, here, -10*time.Minute, "") // in the hour that runs
	d.was(pa, here, 30*time.Minute, "")
	d.was(pa, here, 31*time.Minute, "late")
	d.was(pb, here, 45*time.Minute, "")
	d.was(pb, there, 90*time.Minute, "frozen")
	d.was(pb, there, 3*time.Hour, "jump")
	d.was(pa, there, 4*time.Hour, "mock,late")
	d.was(pa, there, 26*time.Hour, "")
	type span struct{ from, to time.Duration }
	want := map[span]string{
		{time.Hour, -time.Hour}:              "A:here B:here",
		{40 * time.Minute, -time.Hour}:       "A:here",
		{2 * time.Hour, 0}:                   "A:here B:here B:there",
		{2 * time.Hour, 44 * time.Minute}:    "B:here B:there",
		{90 * time.Minute, 89 * time.Minute}: "B:there", // from is in the span
		{2 * time.Hour, 90 * time.Minute}:    "",        // to is not
		{25 * time.Hour, 2 * time.Hour}:      "",        // faked or impossible
		{30 * 24 * time.Hour, -time.Hour}:    "A:here A:there B:here B:there",
	}
	check := func(when string) {
		t.Helper()
		for s, places := range want {
			if got := d.places(s.from, s.to, pa, pb); got != places {
				t.Errorf("%s: from %v to %v ago: %q, want %q", when, s.from, s.to, got, places)
			}
		}
		if got := d.places(time.Hour, 0, pb); got != "A:here" {
			t.Errorf("%s: of one patrol: %q", when, got)
		}
	}
	check("not counted")
	if n := d.countAll(); n != 32*24 {
		t.Errorf("%d hours were counted, want those of 32 days", n)
	}
	check("counted")
	// What is asked now comes from the counts.
	if err := d.db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `DELETE FROM tracks WHERE t < $1`, d.now)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := d.places(2*time.Hour, 0, pa, pb); got != "A:here B:here B:there" {
		t.Errorf("from the counts alone: %q", got)
	}
}

func TestLateFixesAreCountedLater(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	p := dispatch.PatrolID{UUID: uuid.New()}
	d.countAll()
	if n := d.countAll(); n != 0 {
		t.Errorf("%d hours are counted again at once", n)
	}
	d.was(p, here, 90*time.Minute, "late")
	if got := d.places(2*time.Hour, time.Hour, p); got != "" {
		t.Fatalf("a counted hour is read from its counts, got %q", got)
	}
	pgtest.SetNow(t, d.db, d.now.Add(7*time.Hour+5*time.Minute)) // 8 h and 5 min after 11:00
	d.countAll()
	if got := d.places(2*time.Hour, time.Hour, p); got != "A:here" {
		t.Errorf("after eight hours the late fix counts: %q", got)
	}
}

// What a program plays visits nothing, unless all is played.
func TestWhatIsPlayedVisitsNothing(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	real, played := dispatch.PatrolID{UUID: uuid.New()}, dispatch.PatrolID{UUID: uuid.New()}
	d.was(real, here, 90*time.Minute, "")
	d.was(played, there, 90*time.Minute, "")
	d.was(played, there, 10*time.Minute, "") // in the hour that is not counted yet
	mark := func(query string, args ...any) {
		t.Helper()
		if _, err := d.db.Exec(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	mark(`UPDATE tracks SET simulated = true WHERE patrol_id = $1`, played.UUID)
	mark(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'grid', '网格', 'Grid')`, pgdb.District)
	mark(`INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES ($1, $2, 'P-1', 'P-1', 'grid', 'foot')`, real.UUID, pgdb.District)
	d.countAll()
	if got := d.places(3*time.Hour, 0, real, played); got != "A:here" {
		t.Errorf("beside a real patrol: %q", got)
	}
	mark(`UPDATE patrols SET simulated = true`)
	mark(`DELETE FROM cell_hours`)
	d.countAll()
	if got := d.places(3*time.Hour, 0, real, played); got != "A:here B:there" {
		t.Errorf("where all is played: %q", got)
	}
}
