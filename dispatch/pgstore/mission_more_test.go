package pgstore_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// crowd puts further people into a patrol.
func (w *world) crowd(patrol string, people int) {
	for range people {
		id := uuid.Must(uuid.NewV7())
		w.exec(`INSERT INTO staff (id, district_id, code, name, role, department) VALUES ($1, $2, $3, $3, 'officer', 'police')`, id, pgdb.District, id.String())
		w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, w.ids[patrol].UUID, id)
	}
}

// A case of police alone to which environment is called is a mission like one whose
// category calls both: who leads, who assists, where and when they meet.
func TestASecondDepartmentMakesAMission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.streets()
	c := w.file("A03")
	if w.see(c.ID).Mission != nil {
		t.Fatal("one patrol is no mission")
	}
	got := w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "environment", People: 1, Reason: "it stinks"})
	m := got.Mission
	if m == nil || m.State != dispatch.Gathering || len(m.Members) != 2 || m.Members[0].Code != "P1" || m.Members[0].Part != dispatch.PartLead ||
		m.Members[1].Code != "E1" || m.Members[1].Part != dispatch.PartAssist || len(m.Crews) != 2 {
		t.Fatalf("the mission is %+v", m)
	}
	eq(t, "who commands", *m.Commander, w.ids["P1"])
	eq(t, "the case is of both", got.Departments[1], dispatch.CaseDepartment{Code: "environment", Part: dispatch.PartAssist, Because: "more was asked for"})
	w.gather()
	got = w.see(c.ID)
	if r := got.Mission.Rendezvous; r == nil || len(r.Members) != 2 || r.MeetAt == nil || r.Members[0].DepartAt == nil || r.Members[1].DepartAt == nil {
		t.Errorf("they meet at %+v", r)
	}
}

// Whoever comes to people who are there goes to them.
func TestMoreGoToThoseWhoAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.streets()
	c := w.file("A03")
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	got := w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "environment"})
	eq(t, "E1 comes", w.status("E1"), dispatch.Assigned)
	eq(t, "P1 is in place", got.Mission.InPlace, 1)
	w.gather()
	if r := w.see(c.ID).Mission.Rendezvous; r != nil {
		t.Errorf("they meet at %+v, and one of them is there", r)
	}
}

// One more patrol is one more, however many people the first brought.
func TestMoreIsMoreThanIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.crowd("P1", 3)
	c := w.file("A03")
	eq(t, "P1 goes", who(c, "police"), "P1")
	got := w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", People: 1})
	eq(t, "P2 comes", w.status("P2"), dispatch.Assigned)
	eq(t, "P1 stays", w.status("P1"), dispatch.Assigned)
	if got.Mission == nil || got.Mission.Of != 2 || got.Mission.Crews[0].People != 4 {
		t.Errorf("the mission is %+v", got.Mission)
	}
}

// Two people with a camera are asked for, and who brings them is looked for.
func TestMoreTakesPeopleAndSkills(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.patrol("P3", "police", 2500)
	w.patrol("P4", "police", 2000)
	w.exec(`UPDATE patrols SET skills = '{camera}' WHERE code = 'P3'`)
	c := w.file("A03")
	got := w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", People: 2, Skills: []string{"camera"}})
	eq(t, "who has the camera", w.status("P3"), dispatch.Assigned)
	eq(t, "three go", got.Mission.Of, 3)
	eq(t, "nothing lacks", len(got.Shortfalls), 0)
	_, err := w.order(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", Skills: []string{"camera"}})
	eq(t, "a camera that is there", code(err), "nothing-to-send")
}

// Before anybody was sent the plan goes with what is asked for, as one.
func TestMoreOfACaseThatNobodyGoesTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proposed := w.file("C04")
	eq(t, "proposed", proposed.Dispatch, dispatch.DispatchProposed)
	got := w.mustOrder(w.operator, proposed.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", People: 1})
	eq(t, "lead", who(got.Case, "environment"), "E1")
	eq(t, "assist", who(got.Case, "police") != "", true)
	eq(t, "sent", got.Dispatch, dispatch.DispatchDone)
	eq(t, "of", got.Mission.Of, 2)
	eq(t, "proposals left", ask[int](w, `SELECT count(*) FROM assignments WHERE state = 'proposed'`), 0)

	if _, err := w.desk.CloseCase(context.Background(), w.operator, proposed.ID, 0, dispatch.Closing{Reason: "over"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.order(w.operator, proposed.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police"})
	eq(t, "a closed case", code(err), "case-closed")
}

// An operator lends a patrol of another area; nobody else does, and no plan.
func TestAnOperatorLendsAPatrol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.exec(`UPDATE patrols SET works_in = '{T2}' WHERE department = 'police'`)
	c := w.file("A03")
	if len(c.Shortfalls) != 1 || len(c.Shortfalls[0].Lenders) != 2 {
		t.Fatalf("shortfalls %+v", c.Shortfalls)
	}
	got, err := w.desk.Dispatch(context.Background(), w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P1"], Adds: true}}})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "P1 goes", w.status("P1"), dispatch.Assigned)
	eq(t, "shortfalls", len(got.Shortfalls), 0)
	eq(t, "items", ask[int](w, `SELECT count(*) FROM operator_items WHERE settled_at IS NULL`), 0)
	eq(t, "lent", kinds(got)["lent"], 1)
	eq(t, "for how long", ask[string](w, `SELECT body#>>'{detail,works_in}' || ', ' || (body#>>'{detail,until}') FROM case_events WHERE kind = 'lent'`), "T2, the case ends")
	plans, err := w.store.Plans(context.Background(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		if again, err := dispatch.Replay(p.Input); err != nil || string(again) != string(p.Output) {
			t.Errorf("the plan because %s does not replay: %v", p.Why, err)
		}
	}
	eq(t, "no plan lends", who(w.file("A03"), "police"), "")

	// The commander of a mission calls whoever works there, and nobody else.
	w.category("C09", "environment", nil, "auto")
	vat := w.file("C09")
	w.mustOrder(w.operator, vat.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police"})
	_, err = w.order(w.as("E1"), vat.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", Patrol: w.ids["P2"]})
	eq(t, "a commander lends", code(err), "patrol-not-available")
	w.mustOrder(w.operator, vat.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", Patrol: w.ids["P2"]})
	eq(t, "an operator does", w.status("P2"), dispatch.Assigned)
}

// What a loan does not fill is lacking still.
func TestALoanThatDoesNotFillTheGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.crew("A03", `[{"department":"police","people":2,"skills":[]}]`)
	w.exec(`UPDATE patrols SET works_in = '{T2}' WHERE department = 'police'`)
	c := w.file("A03")
	lend := func(code string) dispatch.CaseDetail {
		got, err := w.desk.Dispatch(context.Background(), w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids[code], Adds: true}}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := lend("P1")
	if len(got.Shortfalls) != 1 || got.Shortfalls[0].People != 1 || len(got.Shortfalls[0].Lenders) != 1 || got.Shortfalls[0].Lenders[0].Code != "P2" {
		t.Errorf("shortfalls %+v", got.Shortfalls)
	}
	eq(t, "items", ask[int](w, `SELECT count(*) FROM operator_items WHERE settled_at IS NULL`), 1)
	got = lend("P2")
	eq(t, "shortfalls", len(got.Shortfalls), 0)
	eq(t, "both go", w.status("P1") == dispatch.Assigned && w.status("P2") == dispatch.Assigned, true)
	eq(t, "items", ask[int](w, `SELECT count(*) FROM operator_items WHERE settled_at IS NULL`), 0)
}

// A patrol that works in the grid of the case is at home there.
func TestAGridIsAWorkingArea(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.exec(`UPDATE patrols SET works_in = '{T2}' WHERE code = 'P1'`)
	w.exec(`UPDATE patrols SET works_in = '{T2,G-001}' WHERE code = 'P2'`)
	got := w.see(w.file("A03").ID)
	eq(t, "who goes", who(got.Case, "police"), "P2")
	eq(t, "lent", kinds(got)["lent"], 0)
}
