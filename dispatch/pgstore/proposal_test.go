package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// confirmed is a category whose reports an operator confirms.
func (w *world) confirmed(code, lead string) {
	w.t.Helper()
	w.category(code, lead, nil, "confirm")
	w.exec(`UPDATE categories SET urgency = 'ordinary' WHERE code = $1`, code)
}

func (w *world) shortfalls() {
	w.t.Helper()
	if err := w.desk.Shortfalls(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// window lets the window of what waits close.
func (w *world) window(n interface {
	PollWindow(context.Context) error
}) {
	w.t.Helper()
	pgtest.Advance(w.t, w.db, 3*time.Second)
	if err := n.PollWindow(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// Two reports that wait for confirmation are matched together; one whose patrol is sent to
// another is proposed anew; and where nobody else is left both name the same and say so.
func TestProposalsNameDifferentPatrols(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.confirmed("K05", "police")
	w.ordinary("O05", "police")
	n := w.node()
	// Each alone would take P2, and the one at 1500 m must have it.
	a, b := w.fileAt("K05", 800), w.fileAt("K05", 1500)
	eq(t, "proposed at once", a.Dispatch, dispatch.DispatchProposed)
	eq(t, "who alone", who(w.see(a.ID).Case, "police")+who(w.see(b.ID).Case, "police"), "P2P1")
	w.window(n)
	eq(t, "proposed", w.see(a.ID).Dispatch, dispatch.DispatchProposed)
	eq(t, "first", who(w.see(a.ID).Case, "police"), "P1")
	eq(t, "second", who(w.see(b.ID).Case, "police"), "P2")
	eq(t, "nobody is claimed", w.status("P1")+" "+w.status("P2"), "free free")

	// A third, in a window of its own, finds all named.
	c := w.fileAt("K05", 400)
	w.window(n)
	eq(t, "third", who(w.see(c.ID).Case, "police"), "P1")
	eq(t, "says so", ask[string](w, `SELECT coalesce(body#>>'{detail,because}', '') FROM case_events WHERE kind = 'plan.proposed' AND case_id = $1`, c.ID.UUID),
		"nobody else is free: it is proposed for another report too")
	w.patrol("P3", "police", 5000)
	d := w.fileAt("K05", 300)
	w.window(n)
	eq(t, "who is named nowhere goes before who is nearer", who(w.see(d.ID).Case, "police"), "P3")

	// One is confirmed, which takes the patrol of another.
	if _, err := w.desk.Dispatch(context.Background(), w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P1"]}}}); err != nil {
		t.Fatal(err)
	}
	w.shortfalls()
	eq(t, "made again at once", w.see(a.ID).Dispatch, dispatch.DispatchPending)
	w.window(n)
	got := w.see(a.ID)
	eq(t, "proposed again", got.Dispatch, dispatch.DispatchProposed)
	now := who(got.Case, "police")
	if now != "P2" && now != "P3" {
		t.Fatalf("the proposal names %q", now)
	}
	w.shortfalls()
	eq(t, "and not again", w.see(a.ID).Version, got.Version)

	// Whom it names now goes, too, when it has waited for five minutes and was looked at.
	w.exec(`UPDATE cases SET made_at = gp_now() - interval '5 min' WHERE id = $1`, a.ID.UUID)
	pgtest.Advance(t, w.db, 10*time.Second)
	w.shortfalls()
	w.setStatus(now, "break")
	pgtest.Advance(t, w.db, 30*time.Second)
	w.shortfalls()
	eq(t, "not looked at before an eighth of that", w.see(a.ID).Dispatch, dispatch.DispatchProposed)
	pgtest.Advance(t, w.db, 10*time.Second)
	w.shortfalls()
	eq(t, "made again", w.see(a.ID).Dispatch, dispatch.DispatchPending)
	w.window(n)
	w.setStatus(who(w.see(a.ID).Case, "police"), "break")
	pgtest.Advance(t, w.db, 4*time.Minute)
	w.shortfalls()
	eq(t, "not again before it has waited as long as until then", w.see(a.ID).Dispatch, dispatch.DispatchProposed)
	pgtest.Advance(t, w.db, 2*time.Minute)
	w.shortfalls()
	eq(t, "made again", w.see(a.ID).Dispatch, dispatch.DispatchPending)
	w.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now() WHERE id = $1`, a.ID.UUID)
	pgtest.Advance(t, w.db, 10*time.Minute)
	w.shortfalls()
	eq(t, "what is over is not looked at", ask[int](w, `SELECT count(*) FROM proposal_looks WHERE case_id = $1`, a.ID.UUID), 0)
}

// A report that lacked somebody is weighed with those that wait once somebody is free: who
// has waited longest is not always whom it helps most.
func TestAShortfallWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	w.confirmed("K05", "police")
	n := w.node()
	w.setStatus("P1", "break")
	w.setStatus("P2", "break")
	far, near, proposal := w.fileAt("O05", 30_000), w.fileAt("O05", 200), w.fileAt("K05", 310)
	w.window(n)
	for _, c := range []dispatch.Case{far, near, proposal} {
		eq(t, "lacks", ask[int](w, `SELECT count(*) FROM cases WHERE id = $1 AND shortfalls @> '[{"department": "police"}]'`, c.ID.UUID), 1)
	}
	pgtest.Advance(t, w.db, time.Minute)
	free := func(code string) {
		w.exec(`UPDATE patrols SET status = 'free', status_at = gp_now(), version = version + 1 WHERE code = $1`, code)
	}
	free("P1")
	w.shortfalls()
	eq(t, "waits for the window", w.see(far.ID).Dispatch, dispatch.DispatchPending)
	w.window(n)
	eq(t, "whom it helps most", who(w.see(near.ID).Case, "police"), "P1")
	eq(t, "who waits longest waits on", who(w.see(far.ID).Case, "police"), "")
	pgtest.Advance(t, w.db, time.Minute)
	free("P2")
	w.shortfalls()
	w.window(n)
	eq(t, "then the other", who(w.see(far.ID).Case, "police"), "P2")
	if !strings.Contains(why(w, near), "matched in a batch") {
		t.Errorf("the plans say %q", why(w, near))
	}
}

// Whatever comes and goes: once it is quiet, no proposal names who is not free, and as many
// different patrols are named as can be.
func TestProposalsShareThePatrols(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w := newWorld(t)
		w.confirmed("K05", "police")
		w.ordinary("O05", "police")
		codes := []string{"P1", "P2"}
		for i := range 4 {
			code := fmt.Sprintf("X%d", i)
			w.patrol(code, "police", float64(i)*1500)
			codes = append(codes, code)
		}
		r := rand.New(rand.NewPCG(seed, 3))
		n := w.node()
		for step := range 12 {
			for range r.IntN(3) {
				w.fileAt([]string{"K05", "K05", "O05"}[r.IntN(3)], r.Float64()*6000)
			}
			pgtest.Advance(t, w.db, time.Second)
			switch code := codes[r.IntN(len(codes))]; w.status(code) {
			case dispatch.Free:
				w.exec(`UPDATE patrols SET status = 'break', status_at = gp_now(), version = version + 1 WHERE code = $1`, code)
			case dispatch.Break:
				w.exec(`UPDATE patrols SET status = 'free', status_at = gp_now(), version = version + 1 WHERE code = $1`, code)
			}
			pgtest.Advance(t, w.db, time.Second)
			for range 8 { // two a tick, and each only so often
				pgtest.Advance(t, w.db, 10*time.Minute)
				w.shortfalls()
				w.window(n)
			}
			w.window(n)
			named := ask[int](w, `SELECT count(DISTINCT patrol_id) FROM assignments WHERE state = 'proposed' AND department = 'police'`)
			free := ask[int](w, `SELECT count(*) FROM patrols WHERE status = 'free' AND department = 'police'`)
			open := ask[int](w, `SELECT count(*) FROM cases WHERE dispatch = 'proposed'`)
			if named != min(free, open) {
				t.Errorf("seed %d step %d: %d proposals name %d of %d free patrols", seed, step, open, named, free)
			}
			eq(t, "named though not free", ask[int](w, `SELECT count(*) FROM assignments a JOIN patrols p ON p.id = a.patrol_id WHERE a.state = 'proposed' AND p.status <> 'free'`), 0)
			eq(t, "not planned", ask[int](w, `SELECT count(*) FROM cases WHERE dispatch = 'pending'`), 0)
		}
	}
}
