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
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// mortal is a node's desk that dies in the middle of its work now and then: from then on
// it neither does what it had leased nor gives it back.
type mortal struct {
	*dispatch.Service
	dead *atomic.Bool
	die  func() bool
}

func (m mortal) ClocksDue(ctx context.Context, due []dispatch.DueClock) map[dispatch.DueClock]error {
	if m.dead.Load() {
		return nil
	}
	if m.die() {
		m.dead.Store(true)
		ctx, kill := context.WithCancel(ctx)
		kill() // whatever is under way is cut off
		_ = m.Service.ClocksDue(ctx, due)
		return nil
	}
	return m.Service.ClocksDue(ctx, due)
}

// The clocks are polled as dispatch/timers does.
const (
	clockTick  = 250 * time.Millisecond
	latestRung = 2 * time.Second
)

// onTheWay is what is done with a case in each stage while a month is played.
var onTheWay = map[dispatch.Stage][]dispatch.MoveOrder{
	dispatch.StageReported: {{Move: "accept"}}, dispatch.StageAccepted: {{Move: "file"}}, dispatch.StageFiled: {{Move: "dispatch"}},
	dispatch.StageDispatched: {{Move: "sign"}, {Move: "return", Reason: "因", Owner: "market"}},
	dispatch.StageReturned:   {{Move: "dispatch"}, {Move: "rule", Reason: "因", Owner: "environment"}}, dispatch.StageRuled: {{Move: "dispatch"}},
	dispatch.StageSigned: {{Move: "start"}}, dispatch.StageExtended: {{Move: "resume"}}, dispatch.StageSuspended: {},
	dispatch.StageHandling:  {{Move: "feedback", Result: "好"}, {Move: "ask_extension", Reason: "因", Days: 3}, {Move: "grant"}, {Move: "ask_suspension", Reason: "因"}},
	dispatch.StageVerifying: {{Move: "fail", Reason: "未清"}}, dispatch.StageRework: {{Move: "feedback", Result: "好"}},
}

// TestAMonthOfClocks plays 31 days of a district: cases come in, are moved on or
// forgotten, two nodes poll, nodes die over their work, the clock is set back and
// leaps, and holidays are declared. Whatever climbed a rung climbed it exactly once, at
// most two seconds late by the database's clock, and nothing whose time has come is left
// standing. That clock stands still while something is done, so that no figure is the
// machine's. make test-clocks plays it with 10,000 cases.
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
	now := time.Date(2026, 9, 14, 8, 0, 0, 0, zone) // a Monday; the holidays lie ahead
	pgtest.Freeze(t, w.db, now)
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `GRANT UPDATE ON clock_shift TO gp_app`) // it is moved some ten thousand times
		return err
	}); err != nil {
		t.Fatal(err)
	}
	set := func(to time.Time) {
		w.exec(`UPDATE clock_shift SET shift = shift + $1::interval`, to.Sub(now))
		now = to
	}
	r := rand.New(rand.NewPCG(6, uint64(many)))
	ctx := context.Background()
	leader := dispatch.Viewer{District: district, Account: w.operator.Account, Role: dispatch.RoleDutyLeader}

	var deaths int64
	var calls atomic.Int64
	var lastDeath time.Time
	var mayDie atomic.Bool
	nodes, dead := make([]*timers.Timers, 2), make([]*atomic.Bool, 2)
	start := func(i int) {
		store := pgstore.New(w.db)
		desk, err := dispatch.New(dispatch.Config{District: district, Store: store, Live: w.live, Roads: w.roads, Grids: w.grids, Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		dead[i] = &atomic.Bool{}
		nodes[i] = timers.New(timers.Config{Book: store, Log: slog.New(slog.DiscardHandler), Desk: mortal{desk, dead[i], func() bool {
			return calls.Add(1)%7 == 0 && mayDie.CompareAndSwap(true, false)
		}}})
	}
	start(0)
	start(1)

	// tick lets both nodes poll at once, and buries the dead. One of them lives.
	tick := func() {
		mayDie.Store(now.Sub(lastDeath).Abs() > 5*time.Second)
		var both sync.WaitGroup
		for i, n := range nodes {
			both.Go(func() {
				for range 1000 {
					took, err := n.PollClocks(ctx)
					if err != nil {
						t.Errorf("node %d: %v", i, err)
					}
					if took == 0 || dead[i].Load() {
						return
					}
				}
			})
		}
		both.Wait()
		for i := range nodes {
			if dead[i].Load() {
				deaths++
				lastDeath = now
				start(i)
			}
		}
	}

	// pending is what was due after a tick, and since when somebody could have done it.
	pending := map[string]time.Time{}
	var latest time.Duration
	due := func() int {
		rows, err := w.db.Query(ctx, `SELECT id::text || ' ' || rung || CASE WHEN `+stale+` THEN ' recount' ELSE '' END, least(next_at, gp_now())
			FROM clocks WHERE next_at <= gp_now() OR `+stale)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		still := map[string]time.Time{}
		for rows.Next() {
			var key string
			var since *time.Time
			if err := rows.Scan(&key, &since); err != nil {
				t.Fatal(err)
			}
			first, known := pending[key]
			if !known {
				first = now.Add(-clockTick) // due since the tick before, at the earliest
				if since != nil && since.After(first) {
					first = *since
				}
			}
			still[key] = first
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for key, first := range pending {
			late := now.Sub(first)
			latest = max(latest, late)
			if _, waits := still[key]; late > latestRung {
				t.Errorf("clock %s is %v late (waits still: %v)", key, late, waits)
				delete(still, key)
			}
		}
		pending = still
		return len(still)
	}

	// settle ticks until nothing is due; until ticks at each moment at which something is.
	settle := func() {
		for range 1000 {
			tick()
			if due() == 0 {
				return
			}
			set(now.Add(clockTick))
		}
		t.Fatalf("the clocks never come to rest")
	}
	until := func(target time.Time) {
		for {
			settle()
			var next *time.Time
			if err := w.db.QueryRow(ctx, `SELECT min(next_at) FROM clocks`).Scan(&next); err != nil {
				t.Fatal(err)
			}
			if next == nil || next.After(target) {
				break
			}
			// The first tick after it: anywhere within the half second.
			set(next.Add(time.Duration(r.Int64N(int64(clockTick)))).Truncate(time.Microsecond))
		}
		if target.After(now) {
			set(target)
		}
		settle()
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
	begin := now
	filed, back := 0, 0
	var moved atomic.Int64
	var mu sync.Mutex // guards open while reports come in
	for hour := 0; now.Before(begin.Add(31 * 24 * time.Hour)); hour++ {
		until(now.Add(time.Duration(3+r.IntN(13)) * time.Hour))
		look()
		if r.IntN(6) == 0 { // somebody sets the clock back, and nothing happens again
			back++
			pending = map[string]time.Time{}
			set(now.Add(-3 * time.Hour))
			settle()
			until(now.Add(2 * time.Hour))
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
		// What comes in and what is moved on does so over some seconds, by several at once.
		for range 2 {
			until(now.Add(time.Duration(r.Int64N(int64(3 * time.Second)))))
			var g errgroup.Group
			g.SetLimit(4)
			for last := min(many, filed+max(1, many/100)); filed < last && filed < (hour+1)*many/50; filed++ {
				category := []string{"H01", "O01", "U01"}[filed%3]
				g.Go(func() error {
					c, err := w.desk.FileReport(ctx, w.operator, w.report(category))
					mu.Lock()
					defer mu.Unlock()
					open = append(open, c.Case.ID)
					return err
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			for range min(len(open), len(open)/20+1) {
				id, dice, until := open[r.IntN(len(open))], r.Int(), now.Add(time.Duration(1+r.IntN(100))*time.Hour)
				g.Go(func() error {
					c, err := w.store.Case(ctx, id, "")
					if err != nil {
						return err
					}
					orders := onTheWay[c.Stage]
					if len(orders) == 0 {
						return nil
					}
					o := orders[dice%len(orders)]
					o.Until, o.Document = &until, "文号"
					who := leader
					if o.Move == "grant" {
						who.Account = dispatch.AccountID(district) // who asked does not approve
					}
					if _, err := w.desk.Move(ctx, who, c.ID, 0, o); err == nil {
						moved.Add(1)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(now.Add(time.Hour))
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
	said := fmt.Sprintf("%d cases, %d moves, %d armings, %d rungs climbed, the latest %v late, %d deaths of nodes, clock set back %d times, %d wrong",
		filed, moved.Load(), len(climbed), len(got), latest, deaths, back, wrong)
	t.Log(said)
	if len(got) < many || deaths == 0 || moved.Load() < int64(many) || latest < clockTick {
		t.Errorf("too little happened: %s", said)
	}
}
