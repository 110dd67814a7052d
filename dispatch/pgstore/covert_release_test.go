package pgstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The chief of the grid and the leader of the town hear of a covert case when it is
// released, by hand or by its time, once, and not before; of one that came to nothing never.
func TestWhoAnswersForThePlaceHearsOfARelease(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"by hand", "by its time"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			duty, reporter := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleGridWorker, "")
			heard := func(c dispatch.CaseID) string {
				return ask[string](w, `SELECT coalesce(string_agg(s.code || ' ' || n.why, ', ' ORDER BY s.code), '') FROM notices n JOIN staff s ON s.id = n.staff_id
					WHERE n.case_id = $1 AND n.why IN ('grid_chief', 'town_leader')`, c.UUID)
			}
			release := func(c dispatch.CaseID) {
				t.Helper()
				if err := w.released(how, duty, c); err != nil {
					t.Fatal(err)
				}
			}
			secret := w.covertly(duty).ID
			eq(t, "while it is covert", heard(secret), "")
			release(secret)
			eq(t, "on release", heard(secret), "chief grid_chief, leader town_leader")
			text := ask[string](w, `SELECT text_zh FROM notices WHERE case_id = $1 AND staff_id = $2`, secret.UUID, w.staff["chief"].UUID)
			if !strings.Contains(text, "解除保密") || !strings.Contains(text, w.see(secret).Case.Number) {
				t.Errorf("the chief reads %q", text)
			}
			eq(t, "and it is on record", ask[int](w, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = 'told'`, secret.UUID), 2)

			void := w.filedBy(reporter, "A05", 900)
			had := heard(void.Case.ID)
			w.cover(duty, void.Case.ID, ask[time.Time](w, `SELECT gp_now() + interval '1 h'`))
			w.move(duty, void.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveVoid, Reason: "查无此事"})
			release(void.Case.ID)
			eq(t, "of what came to nothing", heard(void.Case.ID), had)
		})
	}
}
