package pgstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// The looks at a covert case's place are for those who know of it: its commander and the
// people who take part are told at each step, also that nobody went, and find it in their
// list; the grid's worker and chief and the town's leader are not and do not.
func TestThoseWhoKnowLookAgainAtACovertPlace(t *testing.T) {
	t.Parallel()
	for _, wall := range []string{"both walls", "the queries alone"} {
		t.Run(wall, func(t *testing.T) {
			t.Parallel()
			w, c, zone := night(t)
			if wall != "both walls" {
				pgtest.WallDown(t, w.db)
			}
			ctx := context.Background()
			// In on it: the people of P1, one by her own account and one by the patrol's
			// telephone. P2 is not.
			for code, patrol := range map[string]string{"cop": "P1", "partner": "P1", "bystander": "P2"} {
				id := uuid.Must(uuid.NewV7())
				w.staff[code] = dispatch.StaffID{UUID: id}
				w.exec(`INSERT INTO staff (id, district_id, code, name, role, department) VALUES ($1, $2, $3, $3, 'officer', 'police')`, id, pgdb.District, code)
				w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, w.ids[patrol].UUID, id)
			}
			w.exec(`UPDATE assignments SET state = 'done', ended_at = coalesce(ended_at, gp_now()) WHERE case_id = $1 AND patrol_id = $2`, c.ID.UUID, w.ids["P1"].UUID)
			commander := w.person2(dispatch.RoleOperator, "")
			commander.Staff = dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
			w.staff["commander"] = commander.Staff
			w.exec(`INSERT INTO staff (id, district_id, code, name, role) VALUES ($1, $2, 'commander', 'commander', 'operator')`, commander.Staff.UUID, pgdb.District)
			w.exec(`INSERT INTO accounts (id, district_id, username, role, staff_id, password_hash) VALUES ($1, $2, 'commander', 'operator', $3, 'none')`,
				commander.Account.UUID, pgdb.District, commander.Staff.UUID)
			w.exec(`UPDATE cases SET covert = jsonb_build_object('since', gp_now(), 'until', gp_now() + interval '20 d', 'reason', 'x'), commanders = ARRAY[$2::uuid] WHERE id = $1`,
				c.ID.UUID, commander.Account.UUID)
			phone := w.as("P1")
			phone.Staff = w.staff["partner"]
			cop := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: dispatch.RoleOfficer, Department: "police",
				Staff: w.staff["cop"], Patrol: w.ids["P1"]}
			knows := map[string]dispatch.Viewer{"commander": commander, "cop": cop, "partner": phone}
			stranger := w.as("G1")
			stranger.Staff = w.staff["G1"]
			chief := w.person2(dispatch.RoleGridChief, "")
			chief.Staff = w.staff["chief"]
			leader := w.person2(dispatch.RoleTownLeader, "")
			leader.Staff = w.staff["leader"]
			bystander := w.as("P2")
			bystander.Staff = w.staff["bystander"]
			others := map[string]dispatch.Viewer{"G1": stranger, "chief": chief, "leader": leader, "bystander": bystander, "another operator": w.person2(dispatch.RoleOperator, "")}

			for step, at := range []struct {
				when time.Time
				why  string
			}{
				{time.Date(2026, 5, 7, 20, 5, 0, 0, zone), dispatch.WhyRevisit},
				{time.Date(2026, 5, 7, 22, 5, 0, 0, zone), dispatch.WhyRevisitMissed},
				{time.Date(2026, 5, 8, 10, 5, 0, 0, zone), dispatch.WhyRevisitClimbed},
			} {
				pgtest.SetNow(t, w.db, at.when)
				w.deadlinesDue()
				w.deadlinesDue()
				eq(t, at.why+": people told", ask[int](w, `SELECT count(*) FROM notices WHERE case_id = $1 AND why LIKE 'revisit%'`, c.ID.UUID), (step+1)*len(knows))
				eq(t, at.why+": people told at once", ask[int](w, `SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8')::jsonb->'notice'->>'why' = $1`, at.why), len(knows))
				for name, v := range knows {
					eq(t, name+" is told "+at.why, w.rung(name, at.why), 1)
					page, err := w.desk.Notices(ctx, v, true, dispatch.PageAsk{})
					if err != nil || len(page.Items) == 0 || page.Items[0].Why != at.why || page.Unseen != step+1 {
						t.Errorf("%s: %s reads %+v, %d unseen, %v", at.why, name, page.Items, page.Unseen, err)
					}
					if found := w.looks(v); len(found) != 1 || found[0].CaseID != c.ID {
						t.Errorf("%s: %s finds %+v in the list", at.why, name, found)
					}
				}
				for name, v := range others {
					page, err := w.desk.Notices(ctx, v, false, dispatch.PageAsk{})
					if err != nil {
						t.Fatal(err)
					}
					for _, n := range page.Items {
						if n.Why == at.why {
							t.Errorf("%s is told %+v", name, n)
						}
					}
					if found := w.looks(v); len(found) != 0 {
						t.Errorf("%s: %s finds %+v in the list", at.why, name, found)
					}
				}
			}
			if text := ask[string](w, `SELECT text_zh || text_en FROM notices WHERE why = 'revisit_climbed' LIMIT 1`); text == "" || containsAny(text, "镇街", "town") {
				t.Errorf("says of a town that is not told: %s", text)
			}
			// One of them goes, and says so.
			look := w.looks(phone)[0]
			if done, err := w.desk.ClearRevisit(ctx, phone, look.ID, "门锁着", nil); err != nil || done.State != dispatch.RevisitClear {
				t.Errorf("who takes part answers: %+v, %v", done, err)
			}
		})
	}
}

func containsAny(s string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}
