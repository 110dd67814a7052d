package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// ordinary is a category that is dispatched at once, yet may wait for others.
func (w *world) ordinary(code, lead string) {
	w.category(code, lead, nil, "auto")
	w.exec(`UPDATE categories SET urgency = 'ordinary' WHERE code = $1`, code)
}

// fileAt files a report so many metres east of the vat.
func (w *world) fileAt(category string, east float64) dispatch.Case {
	w.t.Helper()
	d := w.report(category)
	d.Sent = atM(east)
	filed, err := w.desk.FileReport(context.Background(), w.operator, d)
	if err != nil {
		w.t.Fatalf("file a report: %v", err)
	}
	return filed.Case
}

// node is the timers of a program that polls by hand.
func (w *world) node() *timers.Timers { return timers.New(timers.Config{Book: w.store, Desk: w.desk}) }

func (w *world) poll(n *timers.Timers) {
	w.t.Helper()
	if err := n.PollWindow(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func why(w *world, c dispatch.Case) string {
	return ask[string](w, `SELECT coalesce(string_agg(why, ' | ' ORDER BY made_at), '') FROM plans WHERE case_id = $1`, c.ID.UUID)
}

func TestWhatIsUrgentNeverWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	urgent := w.file("C01")
	eq(t, "urgent", urgent.Dispatch, dispatch.DispatchDone)
	eq(t, "windows of what is urgent", ask[int](w, `SELECT count(*) FROM deadlines WHERE together`), 0)
	waits := w.fileAt("O05", 900)
	eq(t, "ordinary", waits.Dispatch, dispatch.DispatchPending)
	if waits.Responsible.Code == nil || *waits.Responsible.Code != "G-001" {
		t.Errorf("who answers for the place is known before the plan: %+v", waits.Responsible)
	}
	eq(t, "its window in ms", ask[int](w, `SELECT (extract(epoch FROM d.due_at - c.made_at) * 1000)::int FROM deadlines d JOIN cases c ON c.id = d.case_id WHERE together`), 2000)
	n := w.node()
	w.poll(n)
	eq(t, "before its window closes", w.see(waits.ID).Dispatch, dispatch.DispatchPending)
	pgtest.Advance(t, w.db, 2*time.Second)
	w.poll(n)
	eq(t, "after it", w.see(waits.ID).Dispatch, dispatch.DispatchDone)
	eq(t, "who goes", who(w.see(waits.ID).Case, "police"), "P2")
	eq(t, "what is left", ask[int](w, `SELECT count(*) FROM deadlines WHERE step = 'dispatch'`), 0)
	// A worker on the spot looks first, though the plan comes later.
	d := w.report("O05")
	d.Sent = atM(50)
	filed, err := w.desk.FileReport(context.Background(), w.as("G1"), d)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE patrols SET status = 'free', claimed_by = NULL, version = version + 1 WHERE code = 'G1'`)
	w.exec(`UPDATE assignments SET state = 'done' WHERE kind = 'first_look' AND active`)
	pgtest.Advance(t, w.db, 2*time.Second)
	w.poll(n)
	if a, ok := current(w.see(filed.Case.ID).Case, w.ids["G1"]); !ok || a.State != dispatch.There {
		t.Errorf("whoever reported stands there: %+v", a)
	}
	w.open(func(c *dispatch.Config) { c.BatchWindow = -1 })
	eq(t, "without a window", w.fileAt("O05", 900).Dispatch, dispatch.DispatchDone)
}

// Fifty reports at once, sixty patrols: through the service, once each to the nearest and
// once together.
func TestACrowd(t *testing.T) {
	t.Parallel()
	const reports, patrols = 50, 60
	total := func(window time.Duration) (sumS float64, served int) {
		w := newWorld(t)
		w.ordinary("O05", "police")
		r := rand.New(rand.NewPCG(3, 5))
		for i := range patrols - 2 {
			w.patrol(fmt.Sprintf("X%02d", i), "police", r.Float64()*20_000)
		}
		w.open(func(c *dispatch.Config) { c.BatchWindow = window })
		for range reports {
			w.fileAt("O05", r.Float64()*20_000)
		}
		if window > 0 {
			eq(t, "wait", ask[int](w, `SELECT count(*) FROM deadlines WHERE together`), reports)
			pgtest.Advance(t, w.db, 3*time.Second)
			began := time.Now()
			w.poll(w.node())
			t.Logf("%d reports and %d patrols planned together in %v", reports, patrols, time.Since(began).Round(time.Millisecond))
			explained := ask[string](w, `SELECT min(why) FROM plans`)
			if !strings.HasPrefix(explained, fmt.Sprintf("matched in a batch of %d reports: all together are there ", reports)) {
				t.Errorf("the plans say %q", explained)
			}
			if other := ask[int](w, `SELECT count(*) FROM plans WHERE why <> $1`, explained); other > 0 {
				t.Errorf("%d plans were not what was matched", other)
			}
		}
		eq(t, "planned", ask[int](w, `SELECT count(*) FROM cases WHERE dispatch = 'done'`), reports)
		return ask[float64](w, `SELECT sum(eta_s) FROM assignments WHERE kind = 'department'`), ask[int](w, `SELECT count(*) FROM assignments WHERE kind = 'department'`)
	}
	nearest, n1 := total(-1)
	together, n2 := total(2 * time.Second)
	t.Logf("%d reports at once: %.0f s to all in sum when each gets the nearest (%d served), %.0f s together (%d served): %.0f %% less",
		reports, nearest, n1, together, n2, 100*(1-together/nearest))
	if n1 != reports || n2 != reports || together > nearest {
		t.Errorf("together %v s for %d, one after the other %v s for %d", together, n2, nearest, n1)
	}
}

// Reports that come at any time, two nodes that poll, one of which dies over what it had
// taken now and then: each report is planned once, and none waits longer than its
// window, a poll, and the lease of the dead.
func TestNoReportWaitsLongerThanItsWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	for i := range 30 {
		w.patrol(fmt.Sprintf("X%02d", i), "police", float64(i*300))
	}
	const tick = 250 * time.Millisecond
	ctx := context.Background()
	r := rand.New(rand.NewPCG(8, 1))
	nodes := []*timers.Timers{w.node(), w.node()}
	filed, deaths, dieAt := 0, 0, 10
	for step := range 60 {
		for range r.IntN(3) * (1 - step/50) {
			w.fileAt("O05", r.Float64()*9000)
			filed++
		}
		pgtest.Advance(t, w.db, tick)
		now := ask[time.Time](w, `SELECT gp_now()`)
		if step >= dieAt {
			taken, err := w.store.LeaseTogether(ctx, 200, 30*time.Second) // and nothing comes of it
			if err != nil {
				t.Fatal(err)
			}
			if len(taken) > 0 {
				deaths, dieAt = deaths+1, step+10
			}
		}
		var both sync.WaitGroup
		for _, n := range nodes {
			both.Go(func() {
				if err := n.PollWindow(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if late := ask[int](w, `SELECT count(*) FROM deadlines WHERE together AND tries = 0 AND due_at <= $1`, now); late > 0 {
			t.Errorf("step %d: %d reports wait though their window is closed", step, late)
		}
	}
	pgtest.Advance(t, w.db, 31*time.Second) // the leases of the dead
	left, err := w.store.LeaseDeadlines(ctx, 1000, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range left {
		if d.Step == dispatch.StepDispatch {
			if err := w.desk.Due(ctx, d); err != nil {
				t.Error(err)
			}
		}
	}
	if deaths == 0 || filed < 30 {
		t.Fatalf("too little happened: %d reports, %d deaths", filed, deaths)
	}
	eq(t, "not planned", ask[int](w, `SELECT count(*) FROM cases WHERE dispatch = 'pending'`), 0)
	eq(t, "planned twice", ask[int](w, `SELECT count(*) FROM (SELECT FROM plans GROUP BY case_id HAVING count(*) > 1) x`), 0)
	eq(t, "windows left", ask[int](w, `SELECT count(*) FROM deadlines WHERE step = 'dispatch'`), 0)
}

// A patrol that has not set out goes elsewhere where that saves enough, its case has
// another before it loses it, and neither is moved again soon, nor ever back.
func TestAPatrolIsMovedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	w.nobodyOnDuty()
	w.patrol("A", "police", 0)
	w.patrol("B", "police", 9100)
	w.setStatus("B", "break")
	n := w.node()
	plan := func(c dispatch.Case) dispatch.Case {
		pgtest.Advance(t, w.db, 3*time.Second)
		w.poll(n)
		return w.see(c.ID).Case
	}
	far := plan(w.fileAt("O05", 9000))
	eq(t, "who goes far", who(far, "police"), "A")
	w.setStatus("B", "free")
	near := plan(w.fileAt("O05", -100))
	eq(t, "who goes near", who(near, "police"), "A")
	eq(t, "who goes far instead", who(w.see(far.ID).Case, "police"), "B")
	if a, _ := current(w.see(far.ID).Case, w.ids["A"]); a.State != dispatch.Recalled {
		t.Errorf("A is told: %v", a.State)
	}
	if said := why(w, far); !strings.Contains(said, "weighed against patrols that have not set out: all together are there") {
		t.Errorf("the plans say %q", said)
	}
	// B has not set out and is somewhere else by now: it would be moved again, were it not
	// so soon after.
	at := func(code string, east float64) {
		w.live.edit(w.ids[code], func(p *dispatch.Position) { p.Point = atM(east) })
	}
	at("B", 15_000)
	w.patrol("C", "police", 9050)
	third := plan(w.fileAt("O05", 15_100))
	eq(t, "a case that was part of a move keeps its patrol", who(w.see(far.ID).Case, "police"), "B")
	eq(t, "who goes third", who(third, "police"), "C")
	pgtest.Advance(t, w.db, 11*time.Minute)
	w.patrol("D", "police", 9040)
	fourth := plan(w.fileAt("O05", 15_120))
	eq(t, "ten minutes later it is moved", who(fourth, "police"), "B")
	eq(t, "and the far case has another", who(w.see(far.ID).Case, "police"), "D")
	// A would be the best for the case it was taken off, and never goes back.
	pgtest.Advance(t, w.db, 11*time.Minute)
	w.mustAnswer(near, "A", dispatch.Arrive, dispatch.Finish)
	at("A", 9000)
	at("D", 30_000)
	fifth := plan(w.fileAt("O05", 30_050))
	eq(t, "nobody goes back", who(w.see(far.ID).Case, "police"), "D")
	eq(t, "who goes fifth", who(fifth, "police"), "A")
	eq(t, "held twice", ask[int](w, `SELECT count(*) FROM (SELECT FROM assignments WHERE active GROUP BY patrol_id HAVING count(*) > 1) x`), 0)
	eq(t, "claims that are none", ask[int](w, `SELECT count(*) FROM patrols p WHERE claimed_by IS NOT NULL AND NOT EXISTS
		(SELECT FROM assignments a WHERE a.id = p.claimed_by AND a.patrol_id = p.id AND a.active)`), 0)
}

func TestWhoIsNotMoved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before func(w *world, far dispatch.Case)
		saves  *int // in seconds
	}{
		{"one that has set out", func(w *world, far dispatch.Case) { w.mustAnswer(far, "A", dispatch.SetOut) }, nil},
		{"one that would save too little", func(*world, dispatch.Case) {}, new(3600)},
		{"one where nobody is ever moved", func(*world, dispatch.Case) {}, new(0)},
		{"one that an operator sent", func(w *world, far dispatch.Case) {
			w.exec(`UPDATE plans SET why = $2 WHERE case_id = $1`, far.ID.UUID, dispatch.WhyOperator)
		}, nil},
		{"one that was asked for as more", func(w *world, far dispatch.Case) {
			w.exec(`UPDATE plans SET why = $2 WHERE case_id = $1`, far.ID.UUID, dispatch.WhyMore)
		}, nil},
		{"one that comes to relieve somebody", func(w *world, far dispatch.Case) {
			w.exec(`UPDATE assignments a SET relieves = f.id FROM assignments f WHERE a.case_id = $1 AND a.kind = 'department' AND f.case_id = $1 AND f.kind = 'first_look'`, far.ID.UUID)
		}, nil},
		{"one of several departments", func(w *world, far dispatch.Case) {
			w.exec(`UPDATE cases SET called = called || '[{"code": "environment", "part": "assist", "because": ""}]' WHERE id = $1`, far.ID.UUID)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ordinary("O05", "police")
			w.nobodyOnDuty()
			w.patrol("A", "police", 0)
			w.patrol("B", "police", 9100)
			w.setStatus("B", "break")
			if c.saves != nil {
				w.exec(`UPDATE dispatch_rules SET move_saves_s = $1`, *c.saves)
			}
			n := w.node()
			far := w.fileAt("O05", 9000)
			pgtest.Advance(t, w.db, 3*time.Second)
			w.poll(n)
			c.before(w, far)
			if w.status("B") == dispatch.Break {
				w.setStatus("B", "free")
			}
			near := w.fileAt("O05", -100)
			pgtest.Advance(t, w.db, 3*time.Second)
			w.poll(n)
			eq(t, "who goes far", who(w.see(far.ID).Case, "police"), "A")
			eq(t, "who goes near", who(w.see(near.ID).Case, "police"), "B")
		})
	}
}
