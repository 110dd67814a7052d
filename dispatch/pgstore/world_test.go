package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// world is a small town on a real database: one grid with its people, and police,
// environment and market patrols along a street that runs east.
type world struct {
	t     testing.TB
	db    *pgdb.DB
	store *pgstore.Store
	desk  *dispatch.Service
	live  *fakeLive
	roads *fakeRoads
	grids fakeGrids
	ids   map[string]dispatch.PatrolID
	staff map[string]dispatch.StaffID
	// operator sees and may do everything.
	operator dispatch.Viewer
	said     talk // by nodes of its own
}

var (
	district = dispatch.DistrictID{UUID: pgdb.District}
	vat      = geo.Point{Lon: 121.380, Lat: 28.580} // where things happen
)

// atM is a place so many metres east of the vat.
func atM(east float64) geo.Point {
	x, y := geo.NewLocal(vat).XY(vat)
	return geo.NewLocal(vat).Point(x+east, y)
}

// newWorld has G1, the grid's own worker, at 50 m; police P1 at 300 m and P2 at
// 900 m; environment E1 at 600 m. Everybody is on duty, free and fresh.
func newWorld(t testing.TB) *world {
	t.Helper()
	db := pgtest.New(t)
	w := &world{t: t, db: db, store: pgstore.New(db), live: &fakeLive{at: map[dispatch.PatrolID]dispatch.Position{}},
		roads: &fakeRoads{}, ids: map[string]dispatch.PatrolID{}, staff: map[string]dispatch.StaffID{},
		operator: dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: dispatch.RoleOperator}}
	w.exec(`INSERT INTO departments (district_id, code, name_zh, name_en)
		SELECT $1, c, c, c FROM unnest('{grid,police,environment,market}'::text[]) c`, pgdb.District)
	w.exec(`INSERT INTO areas (district_id, code, name, level, parent_code) VALUES
		($1, 'D', 'district', 'district', NULL), ($1, 'T1', 'town', 'town', 'D'), ($1, 'T1V1', 'village', 'village', 'T1'), ($1, 'T2', 'town', 'town', 'D')`, pgdb.District)
	w.category("C01", "environment", []string{"police"}, "auto")
	w.category("A05", "police", nil, "manual")
	w.category("C04", "environment", nil, "confirm")
	w.category("C11", "town", nil, "auto")
	w.grid("G-001")
	w.post("G1", "worker", 50)
	w.person("chief", "grid_chief", "chief")
	w.leader("leader", "T1")
	w.patrol("P1", "police", 300)
	w.patrol("P2", "police", 900)
	w.patrol("E1", "environment", 600)
	w.open(nil)
	return w
}

// open makes the service anew, with a configuration changed by edit.
func (w *world) open(edit func(*dispatch.Config)) {
	w.t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		w.t.Fatal(err)
	}
	c := dispatch.Config{District: district, Store: w.store, Live: w.live, Roads: w.roads, Grids: w.grids, Zone: zone,
		PlanWithin: time.Minute} // a loaded machine is no reason to put a plan off
	if edit != nil {
		edit(&c)
	}
	if w.desk, err = dispatch.New(c); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(context.Background(), query, args...); err != nil {
		w.t.Fatalf("%v in %.80s", err, query)
	}
}

func ask[T any](w *world, query string, args ...any) T {
	w.t.Helper()
	var v T
	if err := w.db.QueryRow(context.Background(), query, args...).Scan(&v); err != nil {
		w.t.Fatalf("%v in %.80s", err, query)
	}
	return v
}

func (w *world) category(code, lead string, joint []string, mode string) {
	if joint == nil {
		joint = []string{}
	}
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid)
		VALUES ($1, $2, $3, $3, $3, $4, $5, 'urgent', $6, '[2020-01-01,)')`, uuid.Must(uuid.NewV7()), pgdb.District, code, lead, joint, mode)
}

func (w *world) grid(code string) {
	version, id := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES ($1, $2, 'active', 'test', '[2020-01-01,)')`, version, pgdb.District)
	w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		VALUES ($1, $2, $3, $4, $4, 'general', 'T1V1', 1, ST_Multi(ST_MakeEnvelope(121.3, 28.5, 121.4, 28.6, 4326)))`, id, pgdb.District, version, code)
	name, kind := code, "general"
	w.grids.answer = dispatch.Located{Responsible: dispatch.Responsible{GridID: &dispatch.GridID{UUID: id}, Code: &name, Name: &name, Kind: &kind,
		Share: 1, Basis: dispatch.BasisInside}, MapID: dispatch.MapID{UUID: version}, Areas: []string{"T1V1", "T1", "D"}}
}

// nobodyOnDuty sends home whom the world begins with; who comes after it goes alone.
func (w *world) nobodyOnDuty() {
	w.exec(`DELETE FROM duties; UPDATE patrols SET status = 'off_duty' WHERE code IN ('P1', 'P2')`)
}

// patrol puts a patrol on duty, free, so many metres east, in a car.
func (w *world) patrol(code, department string, east float64) dispatch.PatrolID {
	id := dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}
	w.ids[code] = id
	w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, status, area_code) VALUES ($1, $2, $3, $3, $4, 'car', 'free', 'T1')`,
		id.UUID, pgdb.District, code, department)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', gp_now() + interval '8 h'), 'shift')`,
		uuid.Must(uuid.NewV7()), id.UUID)
	w.live.put(dispatch.Position{PatrolID: id, Department: department, Point: atM(east), T: time.Now(), Presence: dispatch.Online})
	return id
}

func (w *world) person(code, role, part string) dispatch.StaffID {
	id := dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
	w.staff[code] = id
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, department) VALUES ($1, $2, $3, $3, $4, 'grid')`, id.UUID, pgdb.District, code, role)
	w.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, 'G-001', $2, $3, '[2020-01-01,)')`, pgdb.District, id.UUID, part)
	return id
}

func (w *world) leader(code, area string) {
	id := dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
	w.staff[code] = id
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, area_code) VALUES ($1, $2, $3, $3, 'town_leader', $4)`, id.UUID, pgdb.District, code, area)
}

// post gives the grid a person who is a patrol of one.
func (w *world) post(code, part string, east float64) dispatch.PatrolID {
	staff := w.person(code, "grid_worker", part)
	patrol := w.patrol(code, "grid", east)
	w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, patrol.UUID, staff.UUID)
	return patrol
}

func (w *world) report(category string) dispatch.ReportDraft {
	return dispatch.ReportDraft{Category: category, Sent: vat, CRS: geo.WGS84, AccuracyM: 8, Description: "a vat behind the wall"}
}

func (w *world) file(category string) dispatch.Case {
	w.t.Helper()
	filed, err := w.desk.FileReport(context.Background(), w.operator, w.report(category))
	if err != nil {
		w.t.Fatalf("file a report: %v", err)
	}
	return filed.Case
}

func (w *world) see(id dispatch.CaseID) dispatch.CaseDetail {
	w.t.Helper()
	c, err := w.desk.Case(context.Background(), w.operator, id)
	if err != nil {
		w.t.Fatalf("look at the case: %v", err)
	}
	return c
}

func (w *world) status(code string) dispatch.Status {
	w.t.Helper()
	return dispatch.Status(ask[string](w, `SELECT status FROM patrols WHERE code = $1`, code))
}

func (w *world) setStatus(code, status string) {
	w.exec(`UPDATE patrols SET status = $2, version = version + 1 WHERE code = $1`, code, status)
}

// as is the device that speaks for a patrol.
func (w *world) as(code string) dispatch.Viewer {
	return dispatch.Viewer{District: district, Device: dispatch.DeviceID{UUID: uuid.Must(uuid.NewV7())}, Patrol: w.ids[code], Role: dispatch.RoleDevice}
}

// answer says something to the assignment that a patrol has in a case.
func (w *world) answer(c dispatch.Case, patrol string, verb dispatch.Verb) (dispatch.CaseDetail, error) {
	w.t.Helper()
	a, ok := current(w.see(c.ID).Case, w.ids[patrol])
	if !ok {
		w.t.Fatalf("%s has no assignment in case %s", patrol, c.Number)
	}
	return w.desk.Answer(context.Background(), w.as(patrol), c.ID, a.ID, verb, 0, "")
}

func (w *world) mustAnswer(c dispatch.Case, patrol string, verbs ...dispatch.Verb) dispatch.CaseDetail {
	w.t.Helper()
	var out dispatch.CaseDetail
	for _, verb := range verbs {
		var err error
		if out, err = w.answer(c, patrol, verb); err != nil {
			w.t.Fatalf("%s says %s: %v", patrol, verb, err)
		}
	}
	return out
}

// current is the newest assignment of a patrol in a case.
func current(c dispatch.Case, patrol dispatch.PatrolID) (dispatch.Assignment, bool) {
	for i := len(c.Assignments) - 1; i >= 0; i-- {
		if c.Assignments[i].PatrolID == patrol {
			return c.Assignments[i], true
		}
	}
	return dispatch.Assignment{}, false
}

// who answers who has a department's part at present.
func who(c dispatch.Case, department string) string {
	for _, a := range c.Assignments {
		if a.Department == department && (a.State.Active() || a.State == dispatch.Done || a.State == dispatch.Proposed) {
			return a.PatrolCode
		}
	}
	return ""
}

func stages(c dispatch.CaseDetail) string {
	out := ""
	for _, e := range c.Events {
		if e.Kind == "stage" {
			var d struct{ To string }
			mustJSON(e.Detail, &d)
			out += " " + d.To
		}
	}
	return out
}

// fakeLive knows where patrols are.
type fakeLive struct {
	mu sync.Mutex // guards at; tests write, the service reads
	at map[dispatch.PatrolID]dispatch.Position
}

func (f *fakeLive) put(p dispatch.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at[p.PatrolID] = p
}

func (f *fakeLive) edit(id dispatch.PatrolID, edit func(*dispatch.Position)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.at[id]
	edit(&p)
	f.at[id] = p
}

func (f *fakeLive) Position(id dispatch.PatrolID) (dispatch.Position, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.at[id]
	return p, ok
}

func (f *fakeLive) Candidates(department string, near geo.Point, limit int) []dispatch.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []dispatch.Position
	for _, p := range f.at {
		if (department == "" || p.Department == department) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out
}

func (f *fakeLive) Within(dispatch.WithinAsk) ([]dispatch.Position, []dispatch.Headcount) {
	return nil, nil
}

func (f *fakeRoads) Unclosed(road.Mode) (road.Engine, bool) { return f, false }

// fakeRoads is straight lines, unless a test puts something in the way.
type fakeRoads struct {
	road.Straight
	mu   sync.Mutex // guards hook; tests write, the service reads
	hook func(ctx context.Context) error
	// longer adds seconds to the way from a point, and from those in none there is no way.
	longer map[geo.Point]float64
	none   map[geo.Point]bool
}

// cut leaves no way from a point.
func (f *fakeRoads) cut(from geo.Point) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.none = map[geo.Point]bool{from: true}
}

func (f *fakeRoads) ManyToOne(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]road.Time, error) {
	f.mu.Lock()
	hook, longer, none := f.hook, f.longer, f.none
	f.mu.Unlock()
	if hook != nil && to == vat { // whether a town is covered is another question
		if err := hook(ctx); err != nil {
			return nil, err
		}
	}
	times, err := f.Straight.ManyToOne(ctx, m, from, to)
	for i := range times {
		times[i].DurationS += longer[from[i]]
		times[i].Kind = road.KindRoad
		if none[from[i]] {
			times[i] = road.Time{Kind: road.KindRoad}
		}
	}
	return times, err
}

func (f *fakeRoads) setHook(hook func(context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

type fakeGrids struct{ answer dispatch.Located }

func (f fakeGrids) Locate(context.Context, geo.Point, float64, string, time.Time) (dispatch.Located, error) {
	return f.answer, nil
}

func (f fakeGrids) Extent() (geo.Box, bool) { return geo.Box{}, false }

func (f fakeGrids) Outline(dispatch.GridID) (dispatch.Region, []string, bool) {
	return nil, nil, false
}

func eq[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
