package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

// deadlinesDue does what is due now, as the poller does.
func (w *world) deadlinesDue() {
	w.t.Helper()
	ctx := context.Background()
	for range 100 {
		due, err := w.store.LeaseDeadlines(ctx, 64, 30*time.Second)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		for _, d := range due {
			if err := w.desk.Due(ctx, d); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.t.Fatal("the deadlines never come to rest")
}

// night is a world at 20:40 on 3 May in which C01 is looked at again after 3, 7 and 30
// days, and a case of it that was closed the next morning.
func night(t *testing.T) (*world, dispatch.Case, *time.Location) {
	t.Helper()
	w := newWorld(t)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 3, 20, 40, 0, 0, zone))
	w.exec(`UPDATE duties SET during = tstzrange(gp_now() - interval '1 d', gp_now() + interval '60 d')`)
	w.rules("C01", func(r *dispatch.CategoryRules) { r.RevisitDays = []int{3, 7, 30} })
	c := w.file("C01")
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 4, 9, 0, 0, 0, zone))
	w.close(c.ID, "")
	return w, c, zone
}

func (w *world) looks(v dispatch.Viewer) []dispatch.Revisit {
	w.t.Helper()
	found, err := w.desk.Revisits(context.Background(), v)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func (w *world) rung(staff, why string) int {
	return ask[int](w, `SELECT count(*) FROM notices WHERE staff_id = $1 AND why = $2`, w.staff[staff].UUID, why)
}

func states(c dispatch.CaseDetail) string {
	out := []string{}
	for _, r := range c.Revisits {
		out = append(out, string(r.State))
	}
	return strings.Join(out, " ")
}

func TestAPlaceIsLookedAtAgainAtNight(t *testing.T) {
	t.Parallel()
	w, c, zone := night(t)
	ctx := context.Background()
	seen := w.see(c.ID)
	eq(t, "planned", states(seen), "planned planned planned")
	for i, want := range []string{"05-07 20:00", "05-11 20:00", "06-03 20:00"} {
		eq(t, "in the hour of the first event", seen.Revisits[i].OpensAt.In(zone).Format("01-02 15:04"), want)
	}
	eq(t, "one deadline, armed with the closing", ask[int](w, `SELECT count(*) FROM deadlines WHERE case_id = $1 AND step = 'revisit'
		AND due_at = (SELECT min(opens_at) FROM revisits)`, c.ID.UUID), 1)
	worker := w.as("G1")
	eq(t, "not three days before", len(w.looks(worker)), 0)

	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 12, 0, 0, 0, zone))
	w.deadlinesDue()
	if mine := w.looks(worker); len(mine) != 1 || mine[0].State != dispatch.RevisitPlanned || mine[0].Number != c.Number || *mine[0].GridCode != "G-001" {
		t.Fatalf("at noon the worker is shown %+v", mine)
	}
	eq(t, "and not rung up yet", w.rung("G1", "revisit"), 0)
	eq(t, "nobody of another grid", len(w.looks(w.as("P1"))), 0)

	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 20, 5, 0, 0, zone))
	w.deadlinesDue()
	eq(t, "told at the hour", w.rung("G1", "revisit"), 1)
	w.deadlinesDue()
	eq(t, "once", w.rung("G1", "revisit"), 1)
	look := w.looks(worker)[0]
	if _, err := w.desk.ClearRevisit(ctx, w.as("P1"), look.ID, "", nil); dispatch.KindOf(err) != dispatch.NotFound && w.see(c.ID).Revisits[0].State == dispatch.RevisitClear {
		t.Errorf("somebody else's patrol answers: %v", err)
	}
	photo := snapshot(t, phototest.Street(7, 40, 30))
	done, err := w.desk.ClearRevisit(ctx, worker, look.ID, " 大门锁着，无气味 ", []dispatch.NewPhoto{photo})
	if err != nil || done.State != dispatch.RevisitClear || done.Note != "大门锁着，无气味" || len(done.Photos) != 1 {
		t.Errorf("answered: %+v, %v", done, err)
	}
	if again, err := w.desk.ClearRevisit(ctx, worker, look.ID, "又按了一下", nil); err != nil || again.Note != done.Note {
		t.Errorf("a phone says it twice: %+v, %v", again, err)
	}
	eq(t, "one event", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'revisit.clear' AND body->>'actor' LIKE 'device:%'`), 1)
	if _, _, err := w.store.Photo(ctx, w.operator, photo.SHA256); err != nil {
		t.Errorf("its photo cannot be seen: %v", err)
	}
	market := w.person2(dispatch.RoleOfficer, "market")
	if _, _, err := w.store.Photo(ctx, market, photo.SHA256); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("whoever may not see the case sees its photo: %v", err)
	}
	if _, err := w.desk.ClearRevisit(ctx, worker, w.see(c.ID).Revisits[1].ID, "", nil); codeOf(err) != "revisit-early" {
		t.Errorf("the next one is answered days before: %v", err)
	}

	pgtest.SetNow(t, w.db, time.Date(2026, 5, 11, 22, 1, 0, 0, zone)) // nobody went, and nobody polled
	w.deadlinesDue()
	eq(t, "missed", states(w.see(c.ID)), "clear missed planned")
	eq(t, "the chief is told", w.rung("chief", "revisit_missed"), 1)
	eq(t, "not the town", w.rung("leader", "revisit_climbed"), 0)
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 12, 10, 1, 0, 0, zone))
	w.deadlinesDue()
	eq(t, "the town is told", w.rung("leader", "revisit_climbed"), 1)
	late := w.looks(worker)
	if len(late) != 1 {
		t.Fatalf("it can still be done: %+v", late)
	}
	if _, err := w.desk.ClearRevisit(ctx, worker, late[0].ID, "", nil); err != nil {
		t.Error(err)
	}
	eq(t, "said to be late", ask[bool](w, `SELECT (body->'detail'->>'late')::boolean FROM case_events WHERE kind = 'revisit.clear' ORDER BY id DESC LIMIT 1`), true)
}

// The task follows the place: another worker, and another grid, have it without
// anybody doing anything.
func TestARevisitFollowsThePlace(t *testing.T) {
	t.Parallel()
	w, c, zone := night(t)
	w.exec(`UPDATE grid_staff SET valid = tstzrange('2020-01-01', '2021-01-01') WHERE staff_id = $1`, w.staff["G1"].UUID)
	w.exec(`UPDATE grid_staff SET part = 'substitute' WHERE staff_id = $1`, w.staff["G1"].UUID)
	w.post("G2", "worker", 400)
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 20, 5, 0, 0, zone))
	w.deadlinesDue()
	eq(t, "the worker of before has nothing", len(w.looks(w.as("G1"))), 0)
	eq(t, "nor is told", w.rung("G1", "revisit"), 0)
	eq(t, "the one of today has it", len(w.looks(w.as("G2"))), 1)
	eq(t, "and is told", w.rung("G2", "revisit"), 1)

	// The map is drawn anew: the place lies in a grid of another code and other people.
	w.exec(`UPDATE grid_versions SET valid = tstzrange('2020-01-01', gp_now())`)
	version, grid := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES ($1, $2, 'active', 'redrawn', tstzrange(gp_now(), NULL))`, version, pgdb.District)
	w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		VALUES ($1, $2, $3, 'G-900', 'G-900', 'general', 'T2', 1, ST_Multi(ST_MakeEnvelope(121.3, 28.5, 121.4, 28.6, 4326)))`, grid, pgdb.District, version)
	code := "G-900"
	w.grids.answer.Responsible.Code, w.grids.answer.MapID = &code, dispatch.MapID{UUID: version}
	w.open(nil)
	patrol := w.patrol("G3", "grid", 100)
	staff := dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
	w.staff["G3"] = staff
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, department) VALUES ($1, $2, 'G3', 'G3', 'grid_worker', 'grid')`, staff.UUID, pgdb.District)
	w.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, 'G-900', $2, 'worker', '[2020-01-01,)')`, pgdb.District, staff.UUID)
	w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, patrol.UUID, staff.UUID)
	eq(t, "the old grid's worker has nothing", len(w.looks(w.as("G2"))), 0)
	eq(t, "the new one's has it", len(w.looks(w.as("G3"))), 1)
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 22, 5, 0, 0, zone))
	w.deadlinesDue()
	if r := w.see(c.ID).Revisits[0]; r.State != dispatch.RevisitMissed || *r.GridCode != "G-900" {
		t.Errorf("missed in %v", r)
	}
	eq(t, "a grid without a chief: its town is told", w.rung("leader", "revisit_missed"), 1)
}

// "Found again" is a new report, linked with the old case; so is any report nearby.
func TestWhatComesBackIsLinked(t *testing.T) {
	t.Parallel()
	w, c, zone := night(t)
	ctx := context.Background()
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 20, 10, 0, 0, zone))
	w.deadlinesDue()
	worker := w.as("G1")
	look := w.looks(worker)[0]
	d := w.report("C04") // what it is by now may be something else
	d.Revisit, d.Sent = look.ID, atM(90)
	filed, err := w.desk.FileReport(ctx, worker, d)
	if err != nil {
		t.Fatal(err)
	}
	old := w.see(c.ID)
	eq(t, "found, and the next nights stay", states(old), "found planned planned")
	if got := old.Revisits[0].NewCase; got == nil || *got != filed.Case.ID {
		t.Errorf("found by %v", got)
	}
	linked := 0
	for _, p := range w.see(filed.Case.ID).Past {
		if p.Linked && p.CaseID == c.ID {
			linked++
		}
	}
	eq(t, "the new case says so", linked, 1)

	// Somebody else reports the same matter days later, knowing of nothing.
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 11, 20, 30, 0, 0, zone))
	w.deadlinesDue()
	next := w.filedBy(w.operator, "C01", 60)
	eq(t, "it answers the revisit", states(w.see(c.ID)), "found found planned")
	eq(t, "by a link", ask[string](w, `SELECT why FROM case_links WHERE case_id = $1 AND old_case_id = $2`, next.Case.ID.UUID, c.ID.UUID), "nearby")
	eq(t, "events", ask[int](w, `SELECT count(*) FROM case_events WHERE kind IN ('came_back', 'linked')`), 4)
	far := w.filedBy(w.operator, "C01", 400)
	eq(t, "too far is no return", ask[int](w, `SELECT count(*) FROM case_links WHERE case_id = $1`, far.Case.ID.UUID), 0)

	// A stranger names a revisit that is none of theirs: the report counts, the link does not.
	d.Revisit, d.Sent = w.see(c.ID).Revisits[2].ID, atM(3000)
	stranger := w.person2(dispatch.RoleOfficer, "market")
	if filed, err = w.desk.FileReport(ctx, stranger, d); err != nil {
		t.Fatal(err)
	}
	eq(t, "no link", ask[int](w, `SELECT count(*) FROM case_links WHERE case_id = $1`, filed.Case.ID.UUID), 0)
}

func TestAReopenedCaseIsNotRevisited(t *testing.T) {
	t.Parallel()
	w, c, zone := night(t)
	w.move(w.operator, c.ID, dispatch.MoveOrder{Move: "reopen", Reason: "又冒烟了"})
	eq(t, "stopped", states(w.see(c.ID)), "stopped stopped stopped")
	eq(t, "no deadline", ask[int](w, `SELECT count(*) FROM deadlines WHERE case_id = $1 AND step = 'revisit'`, c.ID.UUID), 0)
	pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 20, 10, 0, 0, zone))
	w.deadlinesDue()
	eq(t, "nobody is told", w.rung("G1", "revisit"), 0)
	w.close(c.ID, "")
	eq(t, "closed again, it is looked at again", strings.Count(states(w.see(c.ID)), "planned"), 3)
	id := dispatch.RevisitID{UUID: ask[uuid.UUID](w, `SELECT id FROM revisits WHERE state = 'stopped' LIMIT 1`)}
	if _, err := w.desk.ClearRevisit(context.Background(), w.operator, id, "", nil); codeOf(err) != "revisit-over" {
		t.Errorf("a stopped one is answered: %v", err)
	}
}

func TestRulesOfRevisitsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.person2(dispatch.RoleDutyLeader, "")
	for name, edit := range map[string]func(*dispatch.CategoryRules){
		"no night":         func(r *dispatch.CategoryRules) { r.RevisitDays = []int{0} },
		"not ascending":    func(r *dispatch.CategoryRules) { r.RevisitDays = []int{7, 3} },
		"too many":         func(r *dispatch.CategoryRules) { r.RevisitDays = []int{1, 2, 3, 4, 5, 6, 7} },
		"years later":      func(r *dispatch.CategoryRules) { r.RevisitDays = []int{400} },
		"too far":          func(r *dispatch.CategoryRules) { r.Same.DistanceM = 5000 },
		"too long":         func(r *dispatch.CategoryRules) { r.Same.Minutes = 1 << 20 },
		"any picture will": func(r *dispatch.CategoryRules) { r.Same.PhotoBits = 30 },
	} {
		r := dispatch.CategoryRules{Code: "C01", Listed: true, Same: dispatch.UsualSame}
		edit(&r)
		if err := w.desk.SetCategoryRules(context.Background(), leader, r); dispatch.KindOf(err) != dispatch.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
