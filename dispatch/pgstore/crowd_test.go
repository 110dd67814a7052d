package pgstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// crowdDue is so many cases whose clocks of this unit are due since so long, and have been
// warned of. Their numbers begin with the unit.
func (w *world) crowdDue(many int, unit, since string) {
	w.t.Helper()
	w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments, called)
		SELECT gen_random_uuid(), $1, $2 || n, 'handling', 'done', 'C04', CASE $2 WHEN 'always' THEN 'urgent' ELSE 'ordinary' END, 121.38, 28.58, 1, '{T1V1,T1,D}', '{environment}',
		  '[{"code": "environment", "part": "lead", "because": "category"}]' FROM generate_series(1, $3) n`, pgdb.District, unit, many)
	w.exec(`INSERT INTO clocks (case_id, district_id, name, id, rung, unit, span_s, since, warn_at, due_at, district_at, next_at, counted)
		SELECT id, district_id, 'settle', gen_random_uuid(), 'warned', $1, 3600, gp_now() - interval '9 d', gp_now() - interval '8 d', gp_now() - $2::interval, gp_now() + interval '9 d',
		  gp_now() - $2::interval, (SELECT max(version) FROM calendars) FROM cases WHERE number LIKE $1 || '%'`, unit, since)
}

// Where a night's clocks are all due when offices open, two nodes take them up together,
// one of them dies over its work again and again, and each climbs once and is told of once.
func TestACrowdClimbsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 400
	pgtest.Freeze(t, w.db, time.Now())
	w.crowdDue(many, dispatch.UnitHours, "1 ms")
	var both sync.WaitGroup
	var turns atomic.Int64
	for range 2 {
		both.Go(func() {
			for left := 1; left > 0 && t.Context().Err() == nil; {
				dead := &atomic.Bool{}
				node := timers.New(timers.Config{Book: pgstore.New(w.db), Log: slog.New(slog.DiscardHandler),
					Desk: mortal{w.desk, dead, func() bool { return turns.Add(1)%5 == 0 }}})
				for took := 1; took > 0 && !dead.Load(); {
					var err error
					if took, err = node.PollClocks(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
				// Its leases run out, and perhaps those of the living; what these write just now is
				// not waited for, or either would wait for the other.
				w.exec(`UPDATE clocks k SET leased_until = NULL FROM (SELECT case_id, name FROM clocks WHERE next_at <= gp_now() AND leased_until IS NOT NULL AND tries > 0
					FOR UPDATE SKIP LOCKED) o WHERE (k.case_id, k.name) = (o.case_id, o.name)`)
				left = ask[int](w, `SELECT count(*) FROM clocks WHERE next_at <= gp_now()`)
			}
		})
	}
	both.Wait()
	for what, query := range map[string]string{
		"climbed":                `SELECT count(*) FROM case_events WHERE kind = 'clock.overdue'`,
		"climbed, once":          `SELECT count(DISTINCT body->'detail'->>'arming') FROM case_events WHERE kind = 'clock.overdue'`,
		"told the town's leader": `SELECT count(*) FROM notices WHERE why = 'clock_overdue'`,
		"told of once":           `SELECT count(DISTINCT case_id) FROM notices WHERE why = 'clock_overdue'`,
		"under supervision":      `SELECT count(*) FROM clocks WHERE name = 'supervision'`,
		"announced":              `SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8')::jsonb->'notice'->>'why' = 'clock_overdue'`,
	} {
		eq(t, what, ask[int](w, query), many)
	}
	if turns.Load() < 5 {
		t.Error("no node died")
	}
}

// An urgent clock waits for no crowd, however late that is, and neither waits for an edit
// of the calendar that has all of them counted again; nor do urgent ones keep the rest.
func TestUrgentClocksComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pgtest.Freeze(t, w.db, time.Now())
	w.crowdDue(90, dispatch.UnitHours, "1 h")
	w.crowdDue(12, dispatch.UnitAlways, "1 ms")
	lease := func() (out map[string]int) {
		due, err := w.store.LeaseClocks(t.Context(), 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		out = map[string]int{}
		for _, d := range due {
			out[ask[string](w, `SELECT unit FROM clocks WHERE case_id = $1`, d.Case.UUID)]++
		}
		return out
	}
	eq(t, "first", fmt.Sprint(lease()), "map[always:10 working_time:10]")
	eq(t, "then", fmt.Sprint(lease()), "map[always:2 working_time:10]")
	w.exec(`UPDATE calendars SET version = version + 1`)
	w.exec(`UPDATE clocks SET leased_until = NULL`)
	eq(t, "beside an edit", fmt.Sprint(lease()["always"]), "10")
}

// A night's looks at places, which are all due at its first minute, keep no plan, no offer
// and no answer, and these do not keep the looks.
func TestWhatPatrolsWaitForComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pgtest.Freeze(t, w.db, time.Now())
	w.crowdDue(60, dispatch.UnitHours, "1 h")
	w.exec(`INSERT INTO deadlines (id, district_id, case_id, stage, step, due_at) SELECT gen_random_uuid(), district_id, id, stage, 'revisit', gp_now() - interval '1 h' FROM cases`)
	w.exec(`INSERT INTO deadlines (id, district_id, case_id, stage, step, due_at) SELECT gen_random_uuid(), district_id, id, stage, 'dispatch', gp_now() FROM cases ORDER BY id LIMIT 12`)
	for _, want := range []int{10, 2} {
		due, err := w.store.LeaseDeadlines(t.Context(), 10, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		pressing := 0
		for i, d := range due {
			if d.Pressing() && i == pressing {
				pressing++
			}
		}
		eq(t, "stand first", pressing, want)
		eq(t, "the looks get on", len(due)-pressing, 10)
	}
}

// BenchmarkACrowd is how many rungs a second two nodes climb where 2,000 are due at one
// moment.
func BenchmarkACrowd(b *testing.B) {
	w := newWorld(b)
	const many = 2000
	w.crowdDue(many, dispatch.UnitHours, "1 ms")
	w.exec(`ANALYZE`)
	for b.Loop() {
		b.StopTimer()
		w.exec(`UPDATE clocks SET rung = 'warned', leased_until = NULL, id = gen_random_uuid(), next_at = gp_now() - interval '1 s', district_at = gp_now() + interval '9 d' WHERE name = 'settle'`)
		b.StartTimer()
		var both sync.WaitGroup
		for range 2 {
			node := timers.New(timers.Config{Desk: w.desk, Book: pgstore.New(w.db)})
			both.Go(func() {
				for n := 1; n > 0; {
					var err error
					if n, err = node.PollClocks(context.Background()); err != nil {
						b.Error(err)
					}
				}
			})
		}
		both.Wait()
	}
	b.ReportMetric(float64(many*b.N)/b.Elapsed().Seconds(), "rungs/s")
}
