package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// The clocks of a covert case are not silent: those who know of it are told that they run
// out, urged and ordered, each once, and those of the unit, the town and the district who
// do not are told nothing. It is the same whether one case climbs or many together.
func TestAForgottenCovertCaseClimbs(t *testing.T) {
	t.Parallel()
	for name, climb := range map[string]func(*world, dispatch.CaseID){
		"one by one": func(w *world, id dispatch.CaseID) {
			if err := w.desk.ClockDue(context.Background(), dispatch.DueClock{Case: id}); err != nil {
				w.t.Fatal(err)
			}
		},
		"together": func(w *world, _ dispatch.CaseID) { poll(w.t, w) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx := context.Background()
			staff := func(code, role, department string) dispatch.StaffID {
				id := dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
				w.staff[code] = id
				w.exec(`INSERT INTO staff (id, district_id, code, name, role, department) VALUES ($1, $2, $3, $3, $4, nullif($5, ''))`, id.UUID, pgdb.District, code, role, department)
				return id
			}
			for code, patrol := range map[string]string{"cop": "P1", "bystander": "P2"} {
				w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, w.ids[patrol].UUID, staff(code, "officer", "police").UUID)
			}
			staff("supervisor", "district_supervisor", "")
			leader := w.person2(dispatch.RoleDutyLeader, "")
			leader.Staff = staff("commander", "duty_leader", "")
			w.exec(`INSERT INTO accounts (id, district_id, username, role, staff_id, password_hash) VALUES ($1, $2, 'commander', 'duty_leader', $3, 'none')`,
				leader.Account.UUID, pgdb.District, leader.Staff.UUID)
			c := w.covertly(leader)
			w.cover(leader, c.ID, time.Now().Add(20*24*time.Hour))
			w.mustAnswerAs(leader, c, "P1", dispatch.Accept, dispatch.SetOut)
			told := func(code string, whys ...string) int {
				return ask[int](w, `SELECT count(*) FROM notices WHERE staff_id = $1 AND why = ANY ($2)`, w.staff[code].UUID, whys)
			}
			clocks := []string{"clock_warned", "clock_overdue", "clock_district", "urged", "supervised"}
			step := func(after time.Duration, what string, whys ...string) {
				t.Helper()
				pgtest.Advance(t, w.db, after)
				climb(w, c.ID)
				for _, why := range whys {
					for _, code := range []string{"cop", "commander"} {
						eq(t, what+": "+code+" hears "+why, told(code, why) > 0, true)
					}
				}
			}
			step(19*time.Hour, "three quarters", "clock_warned")
			w.move(leader, c.ID, dispatch.MoveOrder{Move: dispatch.MoveUrge, Reason: "抓紧"})
			eq(t, "who urges need not be told", ask[int](w, `SELECT count(*) FROM notices WHERE why = 'urged' AND seen_at IS NULL`), 1)
			eq(t, "the unit is urged", told("cop", "urged"), 1)
			step(6*time.Hour, "over", "clock_overdue", "supervised")
			eq(t, "an order is told once", told("cop", "supervised"), 1)
			for _, code := range []string{"bystander", "supervisor", "leader", "chief", "G1"} {
				eq(t, code+" is told", told(code, clocks...), 0)
			}
			// Released it climbs like any other.
			if _, err := w.desk.Release(ctx, leader, c.ID, 0, ""); err != nil {
				t.Fatal(err)
			}
			step(3*time.Hour, "released")
			eq(t, "the town hears of a case that is open to see", told("leader", "supervised") > 0, true)
		})
	}
}

// mustAnswerAs is mustAnswer for a case that only the viewer and the patrol know of.
func (w *world) mustAnswerAs(v dispatch.Viewer, c dispatch.Case, patrol string, verbs ...dispatch.Verb) {
	w.t.Helper()
	a, ok := current(w.seenBy(v, c.ID).Case, w.ids[patrol])
	if !ok {
		w.t.Fatalf("%s has no assignment", patrol)
	}
	for _, verb := range verbs {
		if _, err := w.desk.Answer(context.Background(), w.as(patrol), c.ID, a.ID, verb, 0, ""); err != nil {
			w.t.Fatalf("%s says %s: %v", patrol, verb, err)
		}
	}
}
