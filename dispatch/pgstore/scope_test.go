package pgstore_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// town is a world with thirty cases and two dozen patrols of all kinds and areas.
type town struct {
	*world
	rnd      *rand.Rand
	accounts []dispatch.AccountID // who may have reported; the first is nobody
	devices  []dispatch.DeviceID
	scopes   map[dispatch.PatrolID]dispatch.Thing
	people   []dispatch.Person
	gear     []dispatch.Device
}

// paths of the areas, from each up.
var paths = map[string][]string{"D": {"D"}, "T1": {"T1", "D"}, "T1V1": {"T1V1", "T1", "D"}, "T2": {"T2", "D"}, "": {}}

var roles = []dispatch.Role{dispatch.RoleAdmin, dispatch.RoleOperator, dispatch.RoleOfficer, dispatch.RoleTownLeader,
	dispatch.RoleGridWorker, dispatch.RoleDevice, dispatch.RoleAuditor, dispatch.RolePartTimer}

func (w *town) oneOf(words ...string) string { return words[w.rnd.IntN(len(words))] }

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{world: newWorld(t), rnd: rand.New(rand.NewPCG(1, 2)),
		accounts: []dispatch.AccountID{{}, {UUID: uuid.New()}, {UUID: uuid.New()}},
		devices:  []dispatch.DeviceID{{}, {UUID: uuid.New()}, {UUID: uuid.New()}}}
	for range 20 {
		w.patrol("X"+uuid.NewString(), w.oneOf("police", "environment", "market", "grid"), 100)
	}
	w.exec(`UPDATE patrols SET area_code = (ARRAY['D', 'T1', 'T1V1', 'T2', NULL])[1 + floor(random() * 5)::int]`)
	for i := range 30 {
		v := w.operator
		v.Account, v.Device = w.accounts[w.rnd.IntN(3)], w.devices[w.rnd.IntN(3)]
		d := w.report(w.oneOf("C01", "A05", "C04", "C11"))
		filed, err := w.desk.FileReport(context.Background(), v, d)
		if err != nil {
			t.Fatal(err)
		}
		path := paths[[]string{"D", "T1", "T1V1", "T2", ""}[i%5]]
		w.exec(`UPDATE cases SET areas = $2 WHERE id = $1`, filed.Case.ID.UUID, path)
		if i%3 == 0 {
			w.exec(`UPDATE cases SET covert = '{"since": "2026-05-03T00:00:00Z", "until": "2126-05-03T00:00:00Z", "reason": "x", "by": null}',
				commanders = array_remove(ARRAY[$2::uuid], '00000000-0000-0000-0000-000000000000') WHERE id = $1`, filed.Case.ID.UUID, w.accounts[w.rnd.IntN(3)].UUID)
		}
		for _, a := range filed.Case.Assignments {
			if a.State != dispatch.Offered {
				continue
			}
			state := w.oneOf("offered", "declined", "done", "recalled", "expired")
			w.exec(`UPDATE assignments SET state = $2 WHERE id = $1`, a.ID.UUID, state)
			w.exec(`UPDATE patrols SET status = 'free', claimed_by = NULL, version = version + 1 WHERE id = $1 AND $2 <> 'offered'`, a.PatrolID.UUID, state)
		}
	}
	return w
}

func (w *town) allCases() []dispatch.Case {
	w.t.Helper()
	var out []dispatch.Case
	for _, id := range ask[[]uuid.UUID](w.world, `SELECT array_agg(id ORDER BY id DESC) FROM cases`) {
		c, err := w.store.Case(context.Background(), dispatch.CaseID{UUID: id}, "")
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// patrolScopes is what Visible reads of each patrol.
func (w *town) patrolScopes() map[dispatch.PatrolID]dispatch.Thing {
	w.t.Helper()
	if w.scopes != nil {
		return w.scopes
	}
	w.scopes = map[dispatch.PatrolID]dispatch.Thing{}
	for _, p := range readAll(w.t, func(cursor string) (dispatch.Page[dispatch.Patrol], error) {
		return w.store.Patrols(context.Background(), w.operator, dispatch.PatrolFilter{PageAsk: dispatch.PageAsk{Limit: 7, Cursor: cursor}})
	}) {
		one, err := w.store.Patrol(context.Background(), p.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		w.scopes[p.ID] = one.Scope
	}
	return w.scopes
}

// eachWall runs a test as the service runs, and with the conditions of the queries
// alone: each of the two walls must hold without the other. The database's own is
// tested alone in TestTheWallShowsWhatVisibleSays.
func eachWall(t *testing.T, test func(*testing.T, *town)) {
	t.Parallel()
	t.Run("both walls", func(t *testing.T) {
		t.Parallel()
		test(t, newTown(t))
	})
	t.Run("the queries alone", func(t *testing.T) {
		t.Parallel()
		w := newTown(t)
		pgtest.WallDown(t, w.db)
		test(t, w)
	})
}

// TestTheListsShowWhatVisibleSays holds the SQL of the lists against the one rule
// of who sees what: random viewers, random cases, every page.
func TestTheListsShowWhatVisibleSays(t *testing.T) {
	eachWall(t, theListsShowWhatVisibleSays)
}

func theListsShowWhatVisibleSays(t *testing.T, w *town) {
	ctx := context.Background()
	rnd, oneOf, accounts, devices := w.rnd, w.oneOf, w.accounts, w.devices
	cases, scopes := w.allCases(), w.patrolScopes()
	if len(cases) != 30 || len(scopes) != 24 {
		t.Fatalf("an operator of the district sees %d cases and %d patrols", len(cases), len(scopes))
	}
	patrols := slices.Collect(maps.Keys(scopes))
	w.exec(`DELETE FROM operator_items`)
	w.exec(`INSERT INTO operator_items (district_id, case_id, department, reason) SELECT district_id, id, 'fire', 'all_busy' FROM cases`)
	w.exec(`DELETE FROM notices`)
	w.exec(`INSERT INTO notices (district_id, case_id, report_id, account_id, device_id, why, text_zh, text_en)
		SELECT district_id, case_id, id, reporter_account, CASE WHEN reporter_account IS NULL THEN reporter_device END, 'received', '收到', 'received'
		FROM reports WHERE num_nonnulls(reporter_account, reporter_device) > 0`)
	w.staffed()
	seen, hidden := 0, 0
	for range 150 {
		v := dispatch.Viewer{District: district, Account: accounts[rnd.IntN(3)], Device: devices[rnd.IntN(3)], Role: roles[rnd.IntN(len(roles))],
			AreaCode: oneOf("", "D", "T1", "T1V1", "T2", "elsewhere"), Department: oneOf("", "police", "environment", "grid", "nobody")}
		if rnd.IntN(2) == 0 {
			v.Patrol = patrols[rnd.IntN(len(patrols))]
		}
		if rnd.IntN(20) == 0 {
			v.District = dispatch.DistrictID{UUID: uuid.New()}
		}
		var want []dispatch.CaseID
		for _, c := range cases {
			if dispatch.Visible(v, c.Scope) {
				want = append(want, c.ID)
				seen++
			} else {
				hidden++
			}
		}
		got := readAll(t, func(cursor string) (dispatch.Page[dispatch.Case], error) {
			return w.store.Cases(ctx, v, dispatch.CaseFilter{PageAsk: dispatch.PageAsk{Limit: 7, Cursor: cursor}})
		})
		if !slices.EqualFunc(got, want, func(c dispatch.Case, id dispatch.CaseID) bool { return c.ID == id }) {
			t.Fatalf("viewer %+v: SQL shows %d cases, Visible %d", v, len(got), len(want))
		}
		reports := readAll(t, func(cursor string) (dispatch.Page[dispatch.Report], error) {
			return w.store.Reports(ctx, v, false, dispatch.PageAsk{Limit: 7, Cursor: cursor})
		})
		if len(reports) != len(want) {
			t.Fatalf("viewer %+v: %d reports of %d cases", v, len(reports), len(want))
		}
		shown := map[dispatch.PatrolID]bool{}
		for _, p := range readAll(t, func(cursor string) (dispatch.Page[dispatch.Patrol], error) {
			return w.store.Patrols(ctx, v, dispatch.PatrolFilter{PageAsk: dispatch.PageAsk{Limit: 7, Cursor: cursor}})
		}) {
			shown[p.ID] = true
		}
		for id, scope := range scopes {
			if dispatch.Visible(v, scope) != shown[id] {
				t.Fatalf("viewer %+v, patrol %+v: SQL says %v", v, scope, shown[id])
			}
		}
		positioned, err := w.store.Positioned(ctx, v, nil)
		if err != nil || len(positioned) != len(shown) {
			t.Fatalf("viewer %+v: %d patrols on the map and %d in the list, %v", v, len(positioned), len(shown), err)
		}
		points, err := w.store.ReportPoints(ctx, v, time.Time{}, time.Now().Add(time.Hour))
		if err != nil || len(points) != len(want) {
			t.Fatalf("viewer %+v: %d reports in the heat of %d cases, %v", v, len(points), len(want), err)
		}
		items := readAll(t, func(cursor string) (dispatch.Page[dispatch.OperatorItem], error) {
			return w.store.OperatorItems(ctx, v, nil, dispatch.PageAsk{Limit: 7, Cursor: cursor})
		})
		if len(items) != len(want) {
			t.Fatalf("viewer %+v: %d operator's items of %d cases", v, len(items), len(want))
		}
		told, err := w.store.Notices(ctx, v, false, dispatch.PageAsk{Limit: 200})
		if err != nil || len(told.Items) != ask[int](w.world, `SELECT count(*) FROM notices WHERE district_id = $1 AND (account_id = $2 OR device_id = $3)`, v.District, v.Account, v.Device) {
			t.Fatalf("viewer %+v: %d notices, %v", v, len(told.Items), err)
		}
		w.peopleAndDevices(t, v)
	}
	if seen < 500 || hidden < 500 {
		t.Errorf("the sample is lopsided: %d seen, %d hidden", seen, hidden)
	}
}

// staffed gives each patrol a device and each area and department a person, all of
// them somewhere else before.
func (w *town) staffed() {
	w.exec(`INSERT INTO devices (id, district_id, code) SELECT id, district_id, 'D-' || code FROM patrols`)
	w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid)
		SELECT id, id, tstzrange(gp_now() - interval '1 h', NULL) FROM patrols UNION ALL
		SELECT p.id, (SELECT q.id FROM patrols q ORDER BY (q.id > p.id) DESC, q.id LIMIT 1), tstzrange(gp_now() - interval '2 h', gp_now() - interval '1 h') FROM patrols p`)
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code, phone)
		SELECT gen_random_uuid(), $1, 'S-' || coalesce(a, '') || coalesce(d, ''), 's', 'officer', d, a, '13800000000'
		FROM unnest('{D,T1,T1V1,T2,NULL}'::text[]) a, unnest('{police,environment,market,NULL}'::text[]) d`, w.operator.District)
}

func (w *town) everybody() []dispatch.Person {
	w.t.Helper()
	if w.people == nil {
		for _, id := range ask[[]uuid.UUID](w.world, `SELECT array_agg(id) FROM staff`) {
			p, err := w.store.Person(context.Background(), dispatch.StaffID{UUID: id})
			if err != nil {
				w.t.Fatal(err)
			}
			w.people = append(w.people, p)
		}
	}
	return w.people
}

func (w *town) everyDevice() []dispatch.Device {
	w.t.Helper()
	if w.gear == nil {
		for _, id := range ask[[]uuid.UUID](w.world, `SELECT array_agg(id) FROM devices`) {
			d, err := w.store.Device(context.Background(), dispatch.DeviceID{UUID: id})
			if err != nil {
				w.t.Fatal(err)
			}
			w.gear = append(w.gear, d)
		}
	}
	return w.gear
}

// peopleAndDevices holds the lists of those who manage people against Manages.
func (w *town) peopleAndDevices(t *testing.T, v dispatch.Viewer) {
	t.Helper()
	ctx := context.Background()
	people, err := w.desk.People(ctx, v, dispatch.PeopleFilter{PageAsk: dispatch.PageAsk{Limit: 200}})
	if dispatch.KindOf(err) == dispatch.Forbidden {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	devices, err := w.desk.Devices(ctx, v, dispatch.DeviceFilter{PageAsk: dispatch.PageAsk{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, p := range people.Items {
		listed[p.Code] = true
		if p.Phone == nil && strings.HasPrefix(p.Code, "S-") {
			t.Fatalf("viewer %+v is not told the telephone of %s", v, p.Code)
		}
	}
	for _, d := range devices.Items {
		listed[d.Code] = true
		if d.Patrol == nil || "D-"+d.Patrol.Code != d.Code {
			t.Fatalf("viewer %+v: the device %s speaks for %+v", v, d.Code, d.Patrol)
		}
	}
	for _, p := range w.everybody() {
		if dispatch.Manages(v, dispatch.ActManagePeople, p.Scope) != listed[p.Code] {
			t.Fatalf("viewer %+v, person %s %+v: SQL says %v", v, p.Code, p.Scope, listed[p.Code])
		}
	}
	for _, d := range w.everyDevice() {
		if dispatch.Manages(v, dispatch.ActManagePeople, d.Scope) != listed[d.Code] {
			t.Fatalf("viewer %+v, device %s %+v: SQL says %v", v, d.Code, d.Scope, listed[d.Code])
		}
	}
}

func readAll[T any](t testing.TB, page func(cursor string) (dispatch.Page[T], error)) []T {
	t.Helper()
	var out []T
	cursor := ""
	for {
		p, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Items...)
		if p.NextCursor == nil {
			return out
		}
		cursor = *p.NextCursor
	}
}
