package pgstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// tick does every deadline that is due, as the poller would.
func (w *world) tick() int {
	w.t.Helper()
	ctx := context.Background()
	due, err := w.store.LeaseDeadlines(ctx, 100, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range due {
		if err := w.desk.Due(ctx, d); err != nil {
			w.t.Fatalf("deadline %s: %v", d.Step, err)
		}
	}
	return len(due)
}

func TestWhoDoesNotAnswerIsReplacedAfterTwoMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	w.mustAnswer(c, "G1", dispatch.Accept)
	w.mustAnswer(c, "E1", dispatch.Accept)
	pgtest.Advance(t, w.db, 100*time.Second) // the clock runs on while the test does
	eq(t, "nothing due yet", w.tick(), 0)
	pgtest.Advance(t, w.db, 21*time.Second)
	eq(t, "one offer is due", w.tick(), 1)
	seen := w.see(c.ID)
	eq(t, "police", who(seen.Case, "police"), "P2")
	old, _ := current(seen.Case, w.ids["P1"])
	eq(t, "P1's assignment", old.State, dispatch.Expired)
	eq(t, "P1", w.status("P1"), dispatch.Free)
	eq(t, "E1 accepted in time", who(seen.Case, "environment"), "E1")
	_, err := w.desk.Answer(context.Background(), w.as("P1"), c.ID, old.ID, dispatch.Accept, 0, "")
	eq(t, "a late acceptance", codeOf(err), "assignment-moved-on")
}

func TestALateDeadlineDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	pgtest.Advance(t, w.db, 3*time.Minute)
	due, err := w.store.LeaseDeadlines(context.Background(), 100, time.Minute)
	if err != nil || len(due) != 3 {
		t.Fatalf("%d due, %v", len(due), err)
	}
	for _, p := range []string{"G1", "P1", "E1"} {
		w.mustAnswer(c, p, dispatch.Accept)
	}
	for _, d := range due {
		if err := w.desk.Due(context.Background(), d); err != nil {
			t.Error(err)
		}
	}
	eq(t, "police", who(w.see(c.ID).Case, "police"), "P1")
	again, err := w.store.LeaseDeadlines(context.Background(), 100, time.Minute)
	eq(t, "leased again", len(again), 0)
	eq(t, "error", err, nil)
}

func TestALostPatrolIsReplacedUnlessItHasArrived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut)
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.Arrive)
	for _, p := range []string{"P1", "E1"} {
		w.live.edit(w.ids[p], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
	}
	if err := w.desk.LostPatrols(context.Background()); err != nil {
		t.Fatal(err)
	}
	seen := w.see(c.ID)
	eq(t, "police", who(seen.Case, "police"), "P2")
	eq(t, "environment", who(seen.Case, "environment"), "E1")
	eq(t, "P1", w.status("P1"), dispatch.Free)
}

func TestThreeLostRacesBecomeAnOperatorsItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.patrol("P3", "police", 1200)
	// Whoever is looked at is claimed by somebody else while the roads are asked.
	var races int
	w.roads.setHook(func(context.Context) error {
		for _, p := range []string{"P1", "P2", "P3"}[min(races, 2):][:1] {
			w.setStatus(p, "break")
		}
		races++
		return nil
	})
	c := w.file("C01")
	eq(t, "plans", races, 4)
	eq(t, "environment", who(c, "environment"), "E1")
	if len(c.Shortfalls) != 1 || c.Shortfalls[0].Reason != dispatch.Contended {
		t.Errorf("shortfalls: %+v", c.Shortfalls)
	}
	eq(t, "operator's list", ask[string](w, `SELECT department || ' ' || reason FROM operator_items`), "police contended")
}

func TestOneLostRaceTakesTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var once sync.Once
	w.roads.setHook(func(context.Context) error {
		once.Do(func() { w.setStatus("P1", "break") })
		return nil
	})
	c := w.file("C01")
	eq(t, "police", who(c, "police"), "P2")
	eq(t, "shortfalls", len(c.Shortfalls), 0)
}

func TestAReportWithoutAPlanIsPendingAndTheDeadlineFinishesIt(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]func(context.Context) error{
		"roads fail": func(context.Context) error { return errors.New("no roads") },
		"roads hang": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.open(func(c *dispatch.Config) { c.PlanWithin = 50 * time.Millisecond })
			w.roads.setHook(hook)
			c := w.file("C01")
			eq(t, "dispatch", c.Dispatch, dispatch.DispatchPending)
			eq(t, "stage", c.Stage, dispatch.StageReported)
			w.roads.setHook(nil)
			w.open(nil) // as much time as a loaded machine needs
			eq(t, "not due at once", w.tick(), 0)
			pgtest.Advance(t, w.db, 5*time.Second)
			eq(t, "due", w.tick(), 1)
			seen := w.see(c.ID)
			eq(t, "dispatch", seen.Dispatch, dispatch.DispatchDone)
			eq(t, "police", who(seen.Case, "police"), "P1")
			eq(t, "stages", stages(seen), " accepted filed dispatched")
			pgtest.Advance(t, w.db, time.Second)
			eq(t, "nothing is left due", w.tick(), 0)
		})
	}
}

func TestTheSameKeyGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	d := w.report("C01")
	d.Key, d.BodySHA256 = "k1", sha256.Sum256([]byte("a body"))

	// Twins at once, the elder held up while it plans.
	slow := make(chan struct{})
	w.roads.setHook(func(context.Context) error { <-slow; return nil })
	const twins = 8
	answers := make([]dispatch.Filed, twins)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			var err error
			if answers[i], err = w.desk.FileReport(ctx, w.operator, d); err != nil {
				t.Error(err)
			}
		})
	}
	for ask[int](w, `SELECT count(*) FROM idempotency_keys`) == 0 {
	}
	close(slow)
	wg.Wait()
	fresh := 0
	var first []byte
	for _, a := range answers {
		if !a.Replayed {
			fresh++
		}
		text, _ := json.Marshal(a)
		if first == nil {
			first = text
		}
		if string(text) != string(first) {
			t.Errorf("twins differ:\n%s\n%s", text, first)
		}
	}
	eq(t, "fresh answers", fresh, 1)
	eq(t, "cases", ask[int](w, `SELECT count(*) FROM cases`), 1)

	d.BodySHA256 = sha256.Sum256([]byte("another body"))
	_, err := w.desk.FileReport(ctx, w.operator, d)
	eq(t, "another body", codeOf(err), dispatch.CodeIdempotencyMismatch)
	_, err = w.desk.FileReport(ctx, w.as("G1"), d)
	eq(t, "another caller has a space of their own", err, nil)

	pgtest.Advance(t, w.db, 73*time.Hour)
	if err := w.store.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	eq(t, "keys after 72 h", ask[int](w, `SELECT count(*) FROM idempotency_keys`), 0)
}

func TestTheGridsWorkerWhoReportsIsOnSceneAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live.edit(w.ids["G1"], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
	filed, err := w.desk.FileReport(context.Background(), w.as("G1"), w.report("C01"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := current(filed.Case, w.ids["G1"])
	eq(t, "first look", a.State, dispatch.There)
	eq(t, "G1", w.status("G1"), dispatch.OnScene)
}

func TestTheFirstLookGoesDownTheLineOfTheGrid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("S1", "substitute", 2000)
	w.post("T1", "part_timer", 1000)
	w.patrol("N1", "grid", 10) // works in another grid
	for _, want := range []string{"G1", "S1", "T1", "N1", ""} {
		c := w.file("C11")
		eq(t, "first look", who(c, "grid"), want)
	}
	c := w.file("C11")
	if len(c.Shortfalls) != 1 || c.Shortfalls[0].Reason != dispatch.AllBusy || c.Shortfalls[0].Considered != 4 {
		t.Errorf("shortfalls: %+v", c.Shortfalls)
	}
}

func TestTheRoadDecidesAndNotTheAir(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.roads.longer = map[geo.Point]float64{atM(300): 600} // P1 is across the river
	eq(t, "police", who(w.file("C01"), "police"), "P2")
}

func TestStaleComesAfterFreshAndLostNever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live.edit(w.ids["P1"], func(p *dispatch.Position) { p.Presence = dispatch.Stale })
	eq(t, "police", who(w.file("C01"), "police"), "P2")
	eq(t, "police", who(w.file("C01"), "police"), "P1")
	w = newWorld(t)
	for _, p := range []string{"P1", "P2"} {
		w.live.edit(w.ids[p], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
	}
	c := w.file("C01")
	if len(c.Shortfalls) != 1 || c.Shortfalls[0].Reason != dispatch.AllStale {
		t.Errorf("shortfalls: %+v", c.Shortfalls)
	}
}

func TestAnOperatorSendsAnotherAndTakesItBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Accept)
	sent, err := w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P2"]}}})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "police", who(sent.Case, "police"), "P2")
	eq(t, "P1", w.status("P1"), dispatch.Free)
	undone, err := w.desk.Undo(ctx, w.operator, c.ID, sent.Version)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "police", who(undone.Case, "police"), "P1")
	eq(t, "P2", w.status("P2"), dispatch.Free)
	eq(t, "stage", undone.Stage, dispatch.StageSigned)

	if _, err = w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P2"]}}}); err != nil {
		t.Fatal(err)
	}
	pgtest.Advance(t, w.db, 6*time.Second)
	eq(t, "the offer leaves", w.tick(), 1)
	a, _ := current(w.see(c.ID).Case, w.ids["P2"])
	if a.OfferedAt == nil || a.ExpiresAt == nil {
		t.Errorf("the offer has not left: %+v", a)
	}
	_, err = w.desk.Undo(ctx, w.operator, c.ID, 0)
	eq(t, "undo", codeOf(err), "too-late")
}

func TestShiftsBeginAndEndButAClaimFinishesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	pgtest.Advance(t, w.db, 9*time.Hour)
	if err := w.desk.Shifts(ctx); err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 went home", w.status("P2"), dispatch.OffDuty)
	eq(t, "P1 finishes first", w.status("P1"), dispatch.OnScene)
	w.mustAnswer(c, "P1", dispatch.Finish)
	eq(t, "P1 went home", w.status("P1"), dispatch.OffDuty)

	on, err := w.desk.SetDuty(ctx, w.as("P2"), true)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 came back", on.Status, dispatch.Free)
	if err := w.desk.Shifts(ctx); err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 stays", w.status("P2"), dispatch.Free)
	p, err := w.desk.Patrol(ctx, w.operator, w.ids["P2"])
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.desk.SetStatus(ctx, w.operator, p.ID, dispatch.Break, p.Version-1)
	eq(t, "old version", codeOf(err), dispatch.CodeOldVersion)
	if _, err = w.desk.SetStatus(ctx, w.operator, p.ID, dispatch.OffDuty, p.Version); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.Shifts(ctx); err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 is off duty to stay", w.status("P2"), dispatch.OffDuty)
}

func TestWhatIsCommittedIsAnnouncedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.file("C11") // before anybody follows
	f, err := w.store.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// A long transaction elsewhere holds nobody up.
	long, err := w.db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Rollback(ctx)
	if _, err := long.Exec(ctx, `INSERT INTO outbox (district_id, body) VALUES ($1, '{"notice":{"why":"late"}}')`, district.UUID); err != nil {
		t.Fatal(err)
	}
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut)
	var versions []int64
	var patrol []int64
	offers, late := 0, 0
	hear := func() {
		news, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range news {
			switch {
			case a.Case != nil && a.Case.ID == c.ID:
				versions = append(versions, a.Case.Version)
			case a.Patrol != nil && a.Patrol.ID == w.ids["P1"]:
				patrol = append(patrol, a.Patrol.Version)
			case a.Offer != nil:
				offers++
			case a.Notice != nil && a.Notice.Why == "late":
				late++
			}
		}
	}
	hear()
	hear()
	w.mustAnswer(c, "P1", dispatch.Arrive)
	hear()
	if err := long.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	hear()
	hear()
	if got, want := asText(versions), "[1,2,3,4,5]"; got != want {
		t.Errorf("case versions %s, want %s", got, want)
	}
	if got, want := asText(patrol), "[2,3,4]"; got != want {
		t.Errorf("patrol versions %s, want %s", got, want)
	}
	eq(t, "offers", offers, 2) // the grid's worker is on the first case
	eq(t, "the late committer", late, 1)
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestNumbersCountByTheDistrictsDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// 23:59 in Shanghai; the first reports of a day come together.
	pgtest.SetNow(t, w.db, time.Date(2026, 11, 23, 15, 59, 0, 0, time.UTC))
	var mu sync.Mutex
	numbers := map[string]bool{}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			c := w.file("A05")
			mu.Lock()
			defer mu.Unlock()
			numbers[c.Number] = true
		})
	}
	wg.Wait()
	if len(numbers) != 12 || numbers["20261123-0000"] {
		t.Errorf("numbers: %v", numbers)
	}
	pgtest.SetNow(t, w.db, time.Date(2026, 11, 23, 16, 0, 1, 0, time.UTC))
	eq(t, "the next day", w.file("A05").Number, "20261124-0001")
}
