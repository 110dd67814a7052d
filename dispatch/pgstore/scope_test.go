package pgstore_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// town is a world with thirty cases and two dozen patrols of all kinds and areas.
type town struct {
	*world
	rnd      *rand.Rand
	accounts []dispatch.AccountID // who may have reported; the first is nobody
	devices  []dispatch.DeviceID
	scopes   map[dispatch.PatrolID]dispatch.Thing
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
	return readAll(w.t, func(cursor string) (dispatch.Page[dispatch.Case], error) {
		return w.store.Cases(context.Background(), w.operator, dispatch.CaseFilter{PageAsk: dispatch.PageAsk{Limit: 7, Cursor: cursor}})
	})
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

// TestTheListsShowWhatVisibleSays holds the SQL of the lists against the one rule
// of who sees what: random viewers, random cases, every page.
func TestTheListsShowWhatVisibleSays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx := context.Background()
	rnd, oneOf, accounts, devices := w.rnd, w.oneOf, w.accounts, w.devices
	cases, scopes := w.allCases(), w.patrolScopes()
	if len(cases) != 30 || len(scopes) != 24 {
		t.Fatalf("an operator of the district sees %d cases and %d patrols", len(cases), len(scopes))
	}
	patrols := slices.Collect(maps.Keys(scopes))
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
	}
	if seen < 500 || hidden < 500 {
		t.Errorf("the sample is lopsided: %d seen, %d hidden", seen, hidden)
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
