package pgstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// mortal is a node's desk that dies in the middle of its work now and then: what it had
// leased it neither does nor gives back.
type mortal struct {
	*dispatch.Service
	die func() bool
}

func (m mortal) ClockDue(ctx context.Context, d dispatch.DueClock) error {
	if m.die() {
		ctx, kill := context.WithCancel(ctx)
		kill() // whatever is under way is cut off
		_ = m.Service.ClockDue(ctx, d)
		return nil
	}
	return m.Service.ClockDue(ctx, d)
}

// TestAMonthOfClocks plays 31 days of a district: cases come in, are moved on or
// forgotten, two nodes poll, nodes die over their work, the clock is set back and
// leaps, and holidays are declared. Whatever climbed a rung climbed it exactly once, and
// nothing whose time has come is left standing. make test-clocks plays it with 10,000
// cases.
func TestAMonthOfClocks(t *testing.T) {
	t.Parallel()
	many := 24
	if n, err := strconv.Atoi(os.Getenv("GRIDPATROL_CLOCK_CASES")); err == nil {
		many = n
	}
	w := newWorld(t)
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid)
		SELECT gen_random_uuid(), district_id, x.code, x.code, x.code, lead, joint, x.urgency, 'manual', valid FROM categories,
		  (VALUES ('H01', 'hard'), ('O01', 'ordinary'), ('U01', 'urgent')) AS x (code, urgency) WHERE categories.code = 'C01'`)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.SetNow(t, w.db, time.Date(2026, 9, 14, 8, 0, 0, 0, zone)) // a Monday; the holidays lie ahead
	r := rand.New(rand.NewPCG(6, uint64(many)))
	ctx := context.Background()
	leader := dispatch.Viewer{District: district, Account: w.operator.Account, Role: dispatch.RoleDutyLeader}

	var deaths atomic.Int64
	nodes := make([]*timers.Timers, 2)
	start := func(i int) {
		store := pgstore.New(w.db)
		desk, err := dispatch.New(dispatch.Config{District: district, Store: store, Live: w.live, Roads: w.roads, Grids: w.grids, Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int64
		every := int64(7 + 4*i)
		nodes[i] = timers.New(timers.Config{Book: store, Log: slog.New(slog.DiscardHandler), Desk: mortal{desk, func() bool {
			if calls.Add(1)%every == 0 {
				deaths.Add(1)
				return true
			}
			return false
		}}})
	}
	start(0)
	start(1)

	// settle lets both nodes poll until nothing is due. What a dead one leased waits for
	// its lease to run out.
	settle := func() {
		for range 400 {
			took := make([]int, len(nodes))
			var both sync.WaitGroup
			for i, n := range nodes {
				both.Go(func() {
					var err error
					if took[i], err = n.PollClocks(ctx); err != nil {
						t.Errorf("node %d: %v", i, err)
					}
				})
			}
			both.Wait()
			if slices.Max(took) > 0 {
				continue
			}
			if ask[int](w, `SELECT count(*) FROM clocks WHERE next_at <= gp_now() OR recount`) == 0 {
				return
			}
			pgtest.Advance(t, w.db, 31*time.Second) // the leases of the dead
		}
		t.Fatalf("the clocks never come to rest")
	}

	climbed := map[string]string{} // rung by arming, as last seen
	look := func() {
		rows, err := w.db.Query(ctx, `SELECT id::text, rung, warn_at, due_at, gp_now(), paused FROM clocks`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, rung string
			var warn, due, now time.Time
			var paused bool
			if err := rows.Scan(&id, &rung, &warn, &due, &now, &paused); err != nil {
				t.Fatal(err)
			}
			climbed[id] = rung
			if !paused && (rung == "running" && !warn.After(now) || rung == "warned" && !due.After(now)) {
				t.Errorf("a clock is %s at %v, due %v", rung, now, due)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}

	var open []dispatch.CaseID
	way := map[dispatch.Stage][]dispatch.MoveOrder{
		dispatch.StageReported: {{Move: "accept"}}, dispatch.StageAccepted: {{Move: "file"}}, dispatch.StageFiled: {{Move: "dispatch"}},
		dispatch.StageDispatched: {{Move: "sign"}, {Move: "return", Reason: "因", Owner: "market"}},
		dispatch.StageReturned:   {{Move: "dispatch"}, {Move: "rule", Reason: "因", Owner: "environment"}}, dispatch.StageRuled: {{Move: "dispatch"}},
		dispatch.StageSigned: {{Move: "start"}}, dispatch.StageExtended: {{Move: "resume"}}, dispatch.StageSuspended: {},
		dispatch.StageHandling:  {{Move: "feedback", Result: "好"}, {Move: "ask_extension", Reason: "因", Days: 3}, {Move: "grant"}, {Move: "ask_suspension", Reason: "因"}},
		dispatch.StageVerifying: {{Move: "fail", Reason: "未清"}}, dispatch.StageRework: {{Move: "feedback", Result: "好"}},
	}
	begin := ask[time.Time](w, `SELECT gp_now()`)
	filed, moved, back := 0, 0, 0
	for hour := 0; ask[time.Time](w, `SELECT gp_now()`).Before(begin.Add(31 * 24 * time.Hour)); hour++ {
		step := time.Duration(3+r.IntN(13)) * time.Hour
		pgtest.Advance(t, w.db, step)
		settle()
		look()
		if r.IntN(6) == 0 { // somebody sets the clock back, and nothing happens again
			back++
			pgtest.Advance(t, w.db, -3*time.Hour)
			settle()
			pgtest.Advance(t, w.db, 2*time.Hour)
			settle()
		}
		if hour == 12 {
			for _, d := range []string{"2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"} {
				day, err := dispatch.ParseDay(d)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.desk.SetDay(ctx, leader, dispatch.CalendarDay{Day: day, Kind: dispatch.DayHoliday, Name: "国庆节"}); err != nil {
					t.Fatal(err)
				}
			}
			settle()
		}
		if r.IntN(9) == 0 {
			start(r.IntN(2)) // a restart
		}
		for ; filed < many && filed < (hour+1)*many/50; filed++ {
			open = append(open, w.file([]string{"H01", "O01", "U01"}[filed%3]).ID)
		}
		for range len(open)/6 + 1 {
			if len(open) == 0 {
				break
			}
			i := r.IntN(len(open))
			c, err := w.store.Case(ctx, open[i], "")
			if err != nil {
				t.Fatal(err)
			}
			orders := way[c.Stage]
			if len(orders) == 0 {
				continue
			}
			o := orders[r.IntN(len(orders))]
			until := ask[time.Time](w, `SELECT gp_now()`).Add(time.Duration(1+r.IntN(100)) * time.Hour)
			o.Until, o.Document = &until, "文号"
			who := leader
			if o.Move == "grant" {
				who.Account = dispatch.AccountID(district) // who asked does not approve
			}
			if _, err := w.desk.Move(ctx, who, c.ID, 0, o); err == nil {
				moved++
			}
		}
	}
	pgtest.Advance(t, w.db, time.Hour)
	settle()
	look()

	want := map[string]int{}
	rungs := []string{"running", "warned", "overdue", "district"}
	for id, rung := range climbed {
		for _, r := range rungs[1 : slices.Index(rungs, rung)+1] {
			want[id+" clock."+r] = 1
		}
	}
	got := map[string]int{}
	rows, err := w.db.Query(ctx, `SELECT body->'detail'->>'arming', kind FROM case_events WHERE kind IN ('clock.warned', 'clock.overdue', 'clock.district')`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id, kind string
		if err := rows.Scan(&id, &kind); err != nil {
			t.Fatal(err)
		}
		got[id+" "+kind]++
	}
	rows.Close()
	wrong := 0
	for key, n := range got {
		// An order that is raised, or a suspension that ends, leaves with its rung.
		if n != 1 {
			t.Errorf("%s happened %d times", key, n)
			wrong++
		}
	}
	for key := range want {
		if got[key] != 1 {
			t.Errorf("%s happened %d times", key, got[key])
			wrong++
		}
	}
	unclocked := ask[int](w, `SELECT count(*) FROM cases c WHERE closed_at IS NULL AND NOT EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id)`)
	if unclocked > 0 {
		t.Errorf("%d open cases have no clock", unclocked)
	}
	said := fmt.Sprintf("%d cases, %d moves, %d armings, %d rungs climbed, %d deaths of nodes, clock set back %d times, %d wrong", filed, moved, len(climbed), len(got), deaths.Load(), back, wrong)
	t.Log(said)
	if len(got) < many || deaths.Load() == 0 || moved < many/2 {
		t.Errorf("too little happened: %s", said)
	}
}
