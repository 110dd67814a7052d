package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// leaves gives a patrol one shift, from now on for so long.
func (w *world) leaves(code string, left time.Duration) {
	w.t.Helper()
	w.exec(`DELETE FROM duties WHERE patrol_id = $1`, w.ids[code].UUID)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange(gp_now() - interval '1 h', gp_now() + make_interval(secs => $2)), 'shift')`,
		w.ids[code].UUID, left.Seconds())
}

func (w *world) endings() {
	w.t.Helper()
	if err := w.desk.HandOvers(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) items(c dispatch.Case) string {
	w.t.Helper()
	return ask[string](w, `SELECT coalesce(string_agg(department || ' ' || reason, ', ' ORDER BY department), '') FROM operator_items WHERE case_id = $1 AND settled_at IS NULL`, c.ID.UUID)
}

// heard is what patrols were told of their hand-overs, in order.
func (w *world) heard() string {
	w.t.Helper()
	return ask[string](w, `SELECT coalesce(string_agg(b->'hand_over'->>'reason', ' ' ORDER BY xid, id), '')
		FROM (SELECT xid, id, convert_from(body, 'UTF8')::jsonb AS b FROM outbox) o WHERE b ? 'hand_over'`)
}

// alone is a case that one patrol of the police goes to, and is there.
func (w *world) alone() dispatch.Case {
	w.t.Helper()
	w.ordinary("O05", "police")
	w.open(func(c *dispatch.Config) { c.BatchWindow = -1 })
	c := w.file("O05")
	eq(w.t, "who goes", who(c, "police"), "P1")
	w.mustAnswer(c, "P1", dispatch.Arrive)
	return c
}

// Where nobody else is there, nobody is told that whoever wants to go home is free soonest.
func TestNobodyWaitsForWhomTheyRelieve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leaves("P1", 20*time.Minute)
	c := w.alone()
	w.exec(`DELETE FROM duties WHERE patrol_id IN (SELECT id FROM patrols WHERE department = 'police' AND code <> 'P1')`)
	w.exec(`UPDATE patrols SET status = 'off_duty', version = version + 1 WHERE department = 'police' AND code <> 'P1'`)
	w.endings()
	seen := w.see(c.ID)
	if len(seen.HandOvers) != 1 || seen.HandOvers[0].Relief != nil || seen.HandOvers[0].Next != nil {
		t.Fatalf("the case shows %+v", seen.HandOvers)
	}
	_, err := w.order(w.as("P1"), c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: seen.HandOvers[0].AssignmentID})
	if code(err) != "nobody-to-relieve" || strings.Contains(err.Error(), "P1") {
		t.Errorf("nobody can: %v", err)
	}
}

// A patrol alone on a case is told half an hour before its shift ends, the desk sees it, and
// the nearest of its department takes over; it stays until they are there.
func TestAShiftEndsOnACase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leaves("P1", 2*time.Hour)
	c := w.alone()
	w.endings()
	eq(t, "two hours before", w.items(c)+w.heard(), "")
	pgtest.Advance(t, w.db, 89*time.Minute)
	w.endings()
	eq(t, "31 minutes before", w.items(c)+w.heard(), "")
	pgtest.Advance(t, w.db, 2*time.Minute)
	w.endings()
	w.endings() // once
	eq(t, "in the list", w.items(c), "police shift_ends")
	eq(t, "told", w.heard(), "shift_ends")
	eq(t, "in the record", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'hand_over.due'`), 1)
	seen := w.see(c.ID)
	if len(seen.HandOvers) != 1 {
		t.Fatalf("the case shows %+v", seen.HandOvers)
	}
	h := seen.HandOvers[0]
	if h.Code != "P1" || h.Reason != "shift_ends" || h.RelievedBy != nil || h.Relief == nil || h.Relief.Code != "P2" || h.Relief.Part != "nearest" || h.Relief.EtaS == nil {
		t.Fatalf("the case shows %+v, relief %+v", h, h.Relief)
	}
	own, err := w.desk.Case(context.Background(), w.as("P1"), c.ID)
	if err != nil || len(own.HandOvers) != 1 || own.HandOvers[0].Relief != nil {
		t.Errorf("the patrol sees its own, and chooses nobody: %+v %v", own.HandOvers, err)
	}

	if _, err := w.order(w.as("P1"), c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: h.AssignmentID, Patrol: w.ids["P2"]}); code(err) != "forbidden" {
		t.Errorf("the patrol names who comes: %v", err)
	}
	got := w.mustOrder(w.as("P1"), c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: h.AssignmentID})
	if len(got.HandOvers) != 1 || got.HandOvers[0].RelievedBy == nil || got.HandOvers[0].RelievedBy.Code != "P2" {
		t.Errorf("on the way: %+v", got.HandOvers)
	}
	eq(t, "nothing for the desk to do", w.items(c), "")
	eq(t, "told", w.heard(), "shift_ends relief_goes")
	eq(t, "one after the other is no mission", ask[int](w, `SELECT count(*) FROM missions`), 0)
	eq(t, "they stay", w.status("P1"), dispatch.OnScene)
	w.mustAnswer(c, "P2", dispatch.Decline)
	eq(t, "who comes declines", w.items(c), "police shift_ends")
	eq(t, "told", w.heard(), "shift_ends relief_goes shift_ends")

	pgtest.Advance(t, w.db, time.Hour) // the shift is over, nobody came
	w.endings()
	eq(t, "still in the list", w.items(c), "police shift_ends")
	w.setStatus("P2", "free")
	w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: h.AssignmentID, Patrol: w.ids["P2"]})
	w.mustAnswer(c, "P2", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	eq(t, "goes home", w.status("P1"), dispatch.OffDuty)
	eq(t, "is there", w.status("P2"), dispatch.OnScene)
	eq(t, "stage", w.see(c.ID).Stage, dispatch.StageHandling)
	eq(t, "list", w.items(c), "")
	w.mustAnswer(c, "P2", dispatch.Finish)
	eq(t, "stage", w.see(c.ID).Stage, dispatch.StageVerifying)
}

// Who looks first for the grid is relieved by its substitute though others are nearer, else
// by who is near; nobody is suggested who goes home as soon.
func TestAGridWorkerHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("S1", "substitute", 4000)
	w.patrol("N1", "grid", 60)
	w.leaves("G1", 20*time.Minute)
	c := w.alone()
	eq(t, "first look", who(c, "grid"), "G1")
	w.mustAnswer(c, "G1", dispatch.Arrive)
	w.endings()
	eq(t, "list", w.items(c), "grid shift_ends")
	relief := func() string {
		h := w.see(c.ID).HandOvers
		switch {
		case len(h) != 1:
			t.Fatalf("%+v", h)
		case h[0].Relief != nil:
			return h[0].Relief.Code + " " + h[0].Relief.Part
		case h[0].Next != nil:
			return "next " + h[0].Next.Code
		}
		return "nobody"
	}
	eq(t, "relief", relief(), "S1 substitute")
	w.leaves("S1", 10*time.Minute)
	eq(t, "relief when the substitute goes home too", relief(), "N1 nearest")
	w.setStatus("N1", "break")
	eq(t, "relief when nobody can", relief(), "nobody")
	id := w.see(c.ID).HandOvers[0].AssignmentID
	if _, err := w.order(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: id}); code(err) != "nobody-to-relieve" || !strings.Contains(err.Error(), "They stay") {
		t.Errorf("nobody can: %v", err)
	}
	// The next shift of the grid comes.
	w.setStatus("S1", "off_duty")
	w.exec(`DELETE FROM duties WHERE patrol_id = $1`, w.ids["S1"].UUID)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange(gp_now() + interval '20 min', gp_now() + interval '8 h'), 'shift')`, w.ids["S1"].UUID)
	eq(t, "who comes on duty next", relief(), "next S1")
	pgtest.Advance(t, w.db, 21*time.Minute)
	if err := w.desk.Shifts(context.Background()); err != nil {
		t.Fatal(err)
	}
	eq(t, "on duty", relief(), "S1 substitute")
	w.mustOrder(w.as("G1"), c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: id})
	w.mustAnswer(c, "S1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	eq(t, "goes home", w.status("G1"), dispatch.OffDuty)
	eq(t, "list", w.items(c), "")
}

// A shift that is made longer takes the word back; rules of the district that want no word
// give none; and what a department lacks stays in the list beside.
func TestWhoIsNotToHandOverAfterAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE dispatch_rules SET hand_over_s = 0`)
	w.leaves("P1", 10*time.Minute)
	c := w.alone()
	w.endings()
	eq(t, "nobody is told", w.items(c)+w.heard(), "")
	w.exec(`UPDATE dispatch_rules SET hand_over_s = 900`)
	w.endings()
	eq(t, "by the rule", w.items(c), "police shift_ends")
	w.leaves("P1", 3*time.Hour)
	w.endings()
	eq(t, "longer", w.items(c), "")
	eq(t, "told", w.heard(), "shift_ends not_needed")
	w.leaves("P1", 10*time.Minute)
	w.endings()

	// More is asked for than there is: the item says that, and afterwards this again.
	w.setStatus("P2", "break")
	w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", People: 1})
	eq(t, "lacks", w.items(c), "police all_busy")
	w.endings()
	eq(t, "still", w.items(c), "police all_busy")
	w.exec(`UPDATE patrols SET status = 'free', status_at = gp_now(), version = version + 1 WHERE code = 'P2'`)
	if err := w.desk.Shortfalls(context.Background()); err != nil {
		t.Fatal(err)
	}
	eq(t, "filled", w.status("P2"), dispatch.Assigned)
	eq(t, "and this is left", w.items(c), "police shift_ends")
	if _, err := w.desk.CloseCase(context.Background(), w.operator, c.ID, 0, dispatch.Closing{Reason: "settled"}); err != nil {
		t.Fatal(err)
	}
	eq(t, "closed", w.items(c), "")
}
