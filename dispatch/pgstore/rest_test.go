package pgstore_test

import (
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// comesFree has a patrol free from now on.
func (w *world) comesFree(code string) {
	w.t.Helper()
	w.exec(`UPDATE patrols SET status = 'free', status_at = gp_now(), version = version + 1 WHERE code = $1`, code)
}

// Whoever comes free is sent to no case that waits for something else than patrols: it
// rests, or is checked. When it goes on they go.
func TestNobodyIsSentToACaseThatRests(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]struct {
		rest, goOn func(w *world, c dispatch.Case)
	}{
		"suspended": {func(w *world, c dispatch.Case) {
			env := w.person2(dispatch.RoleOfficer, "environment")
			w.move(env, c.ID, dispatch.MoveOrder{Move: "sign"})
			w.move(env, c.ID, dispatch.MoveOrder{Move: "start"})
			until := w.see(c.ID).Now.Add(24 * time.Hour)
			w.move(env, c.ID, dispatch.MoveOrder{Move: "ask_suspension", Reason: "业主外出", Until: &until})
			w.move(w.person2(dispatch.RoleDutyLeader, ""), c.ID, dispatch.MoveOrder{Move: "grant"})
		}, func(w *world, c dispatch.Case) {
			w.move(w.person2(dispatch.RoleOfficer, "environment"), c.ID, dispatch.MoveOrder{Move: "resume"})
		}},
		"checked": {func(w *world, c dispatch.Case) {
			w.mustAnswer(c, "E1", dispatch.Accept, dispatch.Arrive, dispatch.Finish)
		}, func(w *world, c dispatch.Case) {
			w.move(w.person2(dispatch.RoleDistrictSupervisor, ""), c.ID, dispatch.MoveOrder{Move: "fail", Reason: "未清"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setStatus("P1", "break")
			w.setStatus("P2", "break")
			c := w.file("C01")
			eq(t, "lacks", w.items(c), "police all_busy")
			rest.rest(w, c)
			pgtest.Advance(t, w.db, time.Minute)
			w.comesFree("P1")
			w.shortfalls()
			eq(t, "while it rests", w.status("P1"), dispatch.Free)
			eq(t, "it lacks still", w.items(c), "police all_busy")
			rest.goOn(w, c)
			w.shortfalls()
			eq(t, "when it goes on", w.status("P1"), dispatch.Assigned)
		})
	}
}
