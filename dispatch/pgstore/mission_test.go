package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

// crew gives a category's departments more to bring.
func (w *world) crew(category, crews string) {
	w.exec(`INSERT INTO category_rules (district_id, code, crews) VALUES ($1, $2, $3)`, pgdb.District, category, crews)
}

func (w *world) order(v dispatch.Viewer, c dispatch.CaseID, o dispatch.MissionOrder) (dispatch.CaseDetail, error) {
	w.t.Helper()
	return w.desk.Command(context.Background(), v, c, 0, o)
}

func (w *world) mustOrder(v dispatch.Viewer, c dispatch.CaseID, o dispatch.MissionOrder) dispatch.CaseDetail {
	w.t.Helper()
	out, err := w.order(v, c, o)
	if err != nil {
		w.t.Fatalf("%s: %v", o.Act, err)
	}
	return out
}

// owner runs what only the owner of the tables may.
func (w *world) owner(query string) {
	w.t.Helper()
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error { _, err := conn.Exec(context.Background(), query); return err }); err != nil {
		w.t.Fatal(err)
	}
}

func code(err error) string {
	var f *dispatch.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func active(c dispatch.Case, patrol dispatch.PatrolID) dispatch.Assignment {
	for _, a := range c.Assignments {
		if a.PatrolID == patrol && a.State.Active() {
			return a
		}
	}
	return dispatch.Assignment{}
}

func kinds(c dispatch.CaseDetail) map[string]int {
	out := map[string]int{}
	for _, e := range c.Events {
		out[e.Kind]++
	}
	return out
}

// Environment leads and police assist: P2 arrives nearer to E1 than P1, who would wait.
// They gather, are all in place, and go when the commander says so.
func TestAMissionGathersAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live.edit(w.ids["P2"], func(p *dispatch.Position) { p.Point = atM(580) })
	c := w.file("C01")
	got := w.see(c.ID)
	m := got.Mission
	if m == nil || m.State != dispatch.Gathering || len(m.Members) != 2 || m.Members[0].Code != "E1" || m.Members[1].Code != "P2" || m.MeetAt == nil || m.Of != 2 || m.InPlace != 0 {
		t.Fatalf("the mission is %+v", m)
	}
	eq(t, "who commands", *m.Commander, w.ids["E1"])
	if _, err := w.order(w.as("P2"), c.ID, dispatch.MissionOrder{Act: dispatch.GoAct}); code(err) != "forbidden" {
		t.Errorf("an assistant says go: %v", err)
	}
	if _, err := w.order(w.as("E1"), c.ID, dispatch.MissionOrder{Act: dispatch.GoAct}); code(err) != "not-all-in-place" {
		t.Errorf("go before all are in place: %v", err)
	}
	if _, err := w.order(w.as("P1"), c.ID, dispatch.MissionOrder{Act: dispatch.GoAct}); code(err) != "not-found" {
		t.Errorf("go by a stranger: %v", err)
	}
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	eq(t, "one is in place", w.see(c.ID).Mission.InPlace, 1)
	w.mustOrder(w.as("P2"), c.ID, dispatch.MissionOrder{Act: dispatch.InPlaceAct, Assignment: active(w.see(c.ID).Case, w.ids["P2"]).ID})
	got = w.see(c.ID)
	eq(t, "all are", got.Mission.State, dispatch.InPlace)
	w.mustOrder(w.as("E1"), c.ID, dispatch.MissionOrder{Act: dispatch.GoAct})
	got = w.see(c.ID)
	eq(t, "state", got.Mission.State, dispatch.Going)
	for _, kind := range []string{"mission.commander", "mission.in_place", "mission.go"} {
		eq(t, kind, kinds(got)[kind], 1)
	}
	eq(t, "told", ask[int](w, `SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8')::jsonb #>> '{mission,state}' = 'going'`), 1)
}

// Two officers, one with a camera: two patrols of one, and what is missing is named.
func TestACrewIsAsManyAsTheCategorySays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crew("C01", `[{"department":"police","people":2,"skills":["camera"]}]`)
	w.patrol("P3", "police", 1200)
	w.exec(`UPDATE patrols SET skills = '{camera}' WHERE code = 'P3'`)
	c := w.file("C01")
	eq(t, "P3 with the camera", w.status("P3"), dispatch.Assigned)
	eq(t, "P2, nearer to P3 in time than P1", w.status("P2"), dispatch.Assigned)
	eq(t, "P1 stays", w.status("P1"), dispatch.Free)
	eq(t, "shortfalls", len(c.Shortfalls), 0)

	again := w.file("C01") // E1, P2, P3 are busy
	byDepartment := map[string]dispatch.Shortfall{}
	for _, s := range again.Shortfalls {
		byDepartment[s.Department] = s
	}
	police := byDepartment["police"]
	if police.Reason != dispatch.AllBusy || police.People != 1 || len(police.Skills) != 1 || len(police.Who) != 2 || police.Soonest == nil || !police.Soonest.Estimated {
		t.Errorf("police: %+v", police)
	}
	eq(t, "who can goes", w.status("P1"), dispatch.Assigned)
	eq(t, "nobody of environment", byDepartment["environment"].Reason, dispatch.AllBusy)

	// E1 comes free: the case that lacks it has it, and nobody plans by hand.
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive, dispatch.Finish)
	if err := w.desk.Shortfalls(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := w.see(again.ID)
	eq(t, "environment", who(got.Case, "environment"), "E1")
	eq(t, "looked again", kinds(got)["shortfall.looked_again"], 1)
	if len(got.Shortfalls) != 2 || got.Shortfalls[0].Department != "grid" || got.Shortfalls[1].Department != "police" {
		t.Errorf("still missing: %+v", got.Shortfalls)
	}
	before := len(got.Events)
	w.patrol("P4", "police", 1500) // free, but nobody knows where
	w.live.edit(w.ids["P4"], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
	w.exec(`UPDATE patrols SET status_at = gp_now() WHERE code = 'P4'`)
	if err := w.desk.Shortfalls(context.Background()); err != nil {
		t.Fatal(err)
	}
	eq(t, "events where nothing changed", len(w.see(again.ID).Events), before)
}

// Working area and the end of the shift are hard rules, each told of who could go else.
func TestNobodyGoesOutOfTheirAreaOrBeyondTheirShift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE patrols SET works_in = '{T2}' WHERE code = 'P1'`)
	w.exec(`UPDATE duties SET during = tstzrange(lower(during), gp_now() + interval '5 s') WHERE patrol_id = $1`, w.ids["P2"])
	c := w.file("C01")
	if len(c.Shortfalls) != 1 || c.Shortfalls[0].Department != "police" {
		t.Fatalf("shortfalls %+v", c.Shortfalls)
	}
	short := c.Shortfalls[0]
	eq(t, "reason", short.Reason, dispatch.OutOfReach)
	if len(short.Lenders) != 1 || short.Lenders[0].Code != "P1" || short.Lenders[0].WorksIn != "T2" {
		t.Errorf("lenders %+v", short.Lenders)
	}
	var why []string
	for _, p := range short.Who {
		why = append(why, p.Code+" "+p.Because)
	}
	all := strings.Join(why, "; ")
	if !strings.Contains(all, "P1 works in T2 only") || !strings.Contains(all, "P2 its shift ends in") {
		t.Errorf("who: %s", all)
	}
}

// A second alarm, a release, a hand-over: the demand of the mission follows.
func TestTheCommanderAsksForMoreReleasesAndHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.patrol("P3", "police", 1500)
	c := w.file("C01") // E1, P1
	commander := w.as("E1")
	got := w.mustOrder(commander, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", People: 1, Reason: "more than we thought"})
	eq(t, "second police", w.status("P2"), dispatch.Assigned)
	eq(t, "first stays", w.status("P1"), dispatch.Assigned)
	eq(t, "of", got.Mission.Of, 3)
	got = w.mustOrder(commander, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "market"})
	if len(got.Shortfalls) != 1 || got.Shortfalls[0].Department != "market" || got.Shortfalls[0].Reason != dispatch.NobodyOnDuty {
		t.Errorf("nobody of market is there: %+v", got.Shortfalls)
	}
	if _, err := w.order(commander, c.ID, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "navy"}); err == nil || !strings.Contains(err.Error(), "no department") {
		t.Errorf("a department that is none: %v", err)
	}
	got = w.mustOrder(commander, c.ID, dispatch.MissionOrder{Act: dispatch.ReleaseAct, Assignment: active(got.Case, w.ids["P2"]).ID})
	eq(t, "released", w.status("P2"), dispatch.Free)
	eq(t, "of", got.Mission.Of, 2)
	for _, crew := range got.Mission.Crews {
		if crew.Department == "police" && crew.People != 1 {
			t.Errorf("police are to bring %d", crew.People)
		}
	}

	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	old := active(w.see(c.ID).Case, w.ids["P1"])
	w.mustOrder(commander, c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: old.ID, Patrol: w.ids["P3"]})
	eq(t, "the relief comes", w.status("P3"), dispatch.Assigned)
	eq(t, "they stay until then", w.status("P1"), dispatch.OnScene)
	if _, err := w.order(commander, c.ID, dispatch.MissionOrder{Act: dispatch.HandOverAct, Assignment: old.ID}); code(err) != "relieved-already" {
		t.Errorf("relieved twice: %v", err)
	}
	w.mustAnswer(c, "P3", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	eq(t, "relieved", w.status("P1"), dispatch.Free)
	eq(t, "police", who(w.see(c.ID).Case, "police") != "", true)

	w.mustOrder(w.operator, c.ID, dispatch.MissionOrder{Act: dispatch.CommanderAct, Patrol: w.ids["P3"]})
	if _, err := w.order(commander, c.ID, dispatch.MissionOrder{Act: dispatch.RecallAct, Reason: "over"}); code(err) != "forbidden" {
		t.Errorf("who commanded before: %v", err)
	}
	got = w.mustOrder(w.as("P3"), c.ID, dispatch.MissionOrder{Act: dispatch.RecallAct, Reason: "over"})
	eq(t, "ended", got.Mission.State, dispatch.Ended)
	eq(t, "nobody is held", ask[int](w, `SELECT count(*) FROM assignments WHERE active AND kind = 'department'`), 0)
}

// What breaks in the midst of writing a plan leaves nothing of it behind: neither who
// was claimed before, nor an event.
func TestAPlanCommitsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The second claim of a case fails in the database itself, whatever the program thinks.
	w.owner(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.code = 'P1' AND NEW.claimed_by IS NOT NULL THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON patrols FOR EACH ROW EXECUTE FUNCTION refuse()`)
	filed, err := w.desk.FileReport(context.Background(), w.operator, w.report("C01"))
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "the plan waits", filed.Case.Dispatch, dispatch.DispatchPending)
	for _, table := range []string{"assignments", "missions", "plans", "operator_items"} {
		eq(t, "rows of "+table, ask[int](w, `SELECT count(*) FROM `+table), 0)
	}
	eq(t, "claimed", ask[int](w, `SELECT count(*) FROM patrols WHERE claimed_by IS NOT NULL`), 0)
	eq(t, "events beyond the report", ask[int](w, `SELECT count(*) FROM case_events WHERE kind LIKE 'assignment%' OR kind LIKE 'mission%'`), 0)
	w.owner(`DROP TRIGGER refuse ON patrols`)
	if err := w.desk.Due(context.Background(), dispatch.Deadline{Case: filed.Case.ID, Step: dispatch.StepDispatch}); err != nil {
		t.Fatal(err)
	}
	eq(t, "then all of it", ask[int](w, `SELECT count(*) FROM patrols WHERE claimed_by IS NOT NULL`), 3)
}

// A list of cases says what is missing; who was considered, and how far they are, is for
// whoever looks at one.
func TestAListNamesNobodyWhoWasConsidered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setStatus("P1", "break")
	w.setStatus("P2", "break")
	c := w.file("C01")
	if f := w.see(c.ID).Shortfalls; len(f) == 0 || len(f[0].Who) == 0 {
		t.Fatalf("the case says %+v", f)
	}
	page, err := w.desk.Cases(context.Background(), w.operator, dispatch.CaseFilter{})
	if err != nil || len(page.Items) != 1 || len(page.Items[0].Shortfalls) == 0 {
		t.Fatalf("%+v %v", page, err)
	}
	for _, f := range page.Items[0].Shortfalls {
		if len(f.Who) > 0 || f.Soonest != nil || len(f.Lenders) > 0 {
			t.Errorf("the list says %+v", f)
		}
	}
}
