package pgstore_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// matched plans all that waits for the window, as one.
func (w *world) matched() {
	w.t.Helper()
	pgtest.Advance(w.t, w.db, 3*time.Second)
	w.poll(w.node())
}

// A batch leaves whoever brings the skill that a case wants to that case, though another
// would be there first and the two together sooner.
func TestABatchMindsWhatIsToBeBrought(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	w.ordinary("O06", "police")
	w.crew("O06", `[{"department":"police","people":1,"skills":["camera"]}]`)
	w.exec(`UPDATE patrols SET skills = '{camera}' WHERE code = 'P2'`)
	near, far := w.fileAt("O06", 310), w.fileAt("O05", 890)
	w.matched()
	for c, want := range map[dispatch.CaseID]string{near.ID: "P2", far.ID: "P1"} {
		got := w.see(c)
		eq(t, "who goes in category "+got.Category, who(got.Case, "police"), want)
		eq(t, "who lacks in category "+got.Category, strings.Contains(w.items(got.Case), "police"), false)
	}
}

// Who is on a case with a skill that it wants is moved only where another brings it there.
func TestWhoIsMovedLeavesNoGap(t *testing.T) {
	t.Parallel()
	for name, skills := range map[string]string{"nobody else brings it": "{}", "another brings it": "{camera}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ordinary("O05", "police")
			w.ordinary("O06", "police")
			w.crew("O06", `[{"department":"police","people":1,"skills":["camera"]}]`)
			w.nobodyOnDuty()
			w.patrol("A", "police", 0)
			w.patrol("B", "police", 9100)
			w.exec(`UPDATE patrols SET skills = '{camera}' WHERE code = 'A'`)
			w.exec(`UPDATE patrols SET skills = $1 WHERE code = 'B'`, skills)
			w.setStatus("B", "break")
			far := w.fileAt("O06", 9000)
			w.matched()
			eq(t, "who goes far", who(w.see(far.ID).Case, "police"), "A")
			w.setStatus("B", "free")
			near := w.fileAt("O05", -100)
			w.matched()
			wantFar, wantNear := "A", "B"
			if skills != "{}" {
				wantFar, wantNear = "B", "A"
			}
			got := w.see(far.ID)
			eq(t, "who goes far then", who(got.Case, "police"), wantFar)
			eq(t, "who lacks there", strings.Contains(w.items(got.Case), "police"), false)
			eq(t, "who goes near", who(w.see(near.ID).Case, "police"), wantNear)
		})
	}
}

// Two cases of one batch take the two patrols that a town has: neither plan by itself
// leaves it, both together do, and both say so.
func TestABatchThatLeavesATownIsMarked(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]bool{"both go": false, "a third stays": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := coverWorld(t)
			w.ordinary("O05", "police")
			w.patrol("P3", "police", 900)
			if more {
				w.patrol("P4", "police", -4000)
			}
			a, b := w.fileAt("O05", 310), w.fileAt("O05", 890)
			w.matched()
			for _, c := range []dispatch.Case{a, b} {
				got := w.see(c.ID)
				if got.Dispatch != dispatch.DispatchDone || who(got.Case, "police") == "" || who(got.Case, "police") == "P2" {
					t.Fatalf("%s goes", who(got.Case, "police"))
				}
				if marked := got.Cover != nil && len(got.Cover.Towns) == 1 && got.Cover.Towns[0].Code == "T1"; marked == more {
					t.Errorf("%s goes, marked %+v", who(got.Case, "police"), got.Cover)
				}
				plans, err := w.store.Plans(context.Background(), c.ID)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range plans {
					if again, err := dispatch.Replay(p.Input); err != nil || string(again) != string(p.Output) {
						t.Errorf("the plan does not replay: %v", err)
					}
				}
			}
		})
	}
}

// A patrol that was matched with a covert case and is not sent to it in the end, since it
// is another's turn, is on no errand: why it did not go to the other case of the batch
// must not name the covert one all the same.
func TestABatchNamesNoCovertCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "police")
	w.nobodyOnDuty()
	w.patrol("A", "police", 0)
	w.patrol("B", "police", 300)
	w.patrol("C", "police", 5100)
	done := w.fileAt("O05", 0)
	w.matched()
	eq(t, "who was sent before", who(w.see(done.ID).Case, "police"), "A")
	w.mustAnswer(done, "A", dispatch.Accept, dispatch.Arrive, dispatch.Finish)
	leader, other := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOperator, "")
	d := w.report("O05")
	d.Sent, d.Covert = atM(0), &dispatch.CoverOrder{Reason: "便衣摸排"}
	filed, err := w.desk.FileReport(context.Background(), leader, d)
	if err != nil {
		t.Fatal(err)
	}
	open := w.fileAt("O05", 5000)
	w.matched()
	eq(t, "whose turn it is", who(w.seenBy(leader, filed.Case.ID).Case, "police"), "B")
	got := w.seenBy(other, open.ID)
	eq(t, "who goes to the other", who(got.Case, "police"), "C")
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if number := filed.Case.Number; strings.Contains(string(text), number) {
		t.Errorf("another operator reads %s in %s", number, text)
	}
}
