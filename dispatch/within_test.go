package dispatch

import (
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
)

// Who is inside is counted and named within the viewer's scope; who is lost, off duty or
// not seen yet is nowhere. A grid is a region of its area's viewers.
func TestInsideKeepsToTheViewersScope(t *testing.T) {
	t.Parallel()
	w := setupCovering(t)
	patrols := w.Store.(only).patrols
	w.Live = near{w.Live.(heard), patrols}
	gridA, gridB := NewID[gridKind](), NewID[gridKind]()
	outline := square(121.30, 28.50, 121.40, 28.55)
	ix, err := grid.New([]grid.Grid{{Code: "a", Geom: outline}, {Code: "b", Geom: square(121.35, 28.50, 121.40, 28.55)}})
	if err != nil {
		t.Fatal(err)
	}
	w.Grids.(*Atlas).Replace([]MapVersion{{Grids: []GridRow{{ID: gridA, Code: "a", Areas: []string{"A", "D"}}, {ID: gridB, Code: "b", Areas: []string{"B", "D"}}}, Index: ix}})
	everywhere, err := grid.NewArea(outline)
	if err != nil {
		t.Fatal(err)
	}
	names := map[PatrolID]string{w.ofA.ID: "of A", w.ofB.ID: "of B", w.stale.ID: "stale", w.busy.ID: "busy", patrols[5].ID: "market"}
	operator := Viewer{Role: RoleOperator, District: w.district}
	leaderA := Viewer{Role: RoleTownLeader, District: w.district, AreaCode: "A"}
	policeA := leaderA
	policeA.Department = "police"
	for _, c := range []struct {
		name string
		v    Viewer
		ask  InsideAsk
		want []string
		free int
		kind Kind
	}{
		{"all of it", operator, InsideAsk{Region: everywhere}, []string{"busy", "market", "of A", "of B", "stale"}, 4, ""},
		{"a town's leader", leaderA, InsideAsk{Region: everywhere}, []string{"busy", "market", "of A", "stale"}, 3, ""},
		{"its police", policeA, InsideAsk{Region: everywhere}, []string{"busy", "of A", "stale"}, 2, ""},
		{"of a department", operator, InsideAsk{Region: everywhere, Department: "market"}, []string{"market"}, 1, ""},
		{"on scene", operator, InsideAsk{Region: everywhere, Status: OnScene}, []string{"busy"}, 0, ""},
		{"around", operator, InsideAsk{Region: geo.Around{Center: w.inA, FromM: 1, ToM: 4000}, Near: &w.inA}, []string{"busy", "market", "stale"}, 2, ""},
		{"a grid", operator, InsideAsk{Grid: gridB}, []string{"busy", "market", "of B", "stale"}, 3, ""}, // three stand on its border
		{"a grid of another town", leaderA, InsideAsk{Grid: gridB}, nil, 0, NotFound},
		{"no grid", leaderA, InsideAsk{Grid: NewID[gridKind]()}, nil, 0, NotFound},
		{"an auditor", Viewer{Role: RoleAuditor, District: w.district}, InsideAsk{Region: everywhere}, nil, 0, Forbidden},
		{"another district", Viewer{Role: RoleOperator, District: NewID[districtKind]()}, InsideAsk{Region: everywhere}, []string{}, 0, ""},
	} {
		c.ask.Limit = 50
		got, err := w.Inside(t.Context(), c.v, c.ask)
		if c.kind != "" {
			if KindOf(err) != c.kind {
				t.Errorf("%s: %v, want %s", c.name, err, c.kind)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var inside []string
		for _, p := range got.Items {
			inside = append(inside, names[p.PatrolID])
			if (p.AirM != nil) != (c.ask.Near != nil) {
				t.Errorf("%s: %v m away", c.name, p.AirM)
			}
		}
		free := 0
		for _, h := range got.Departments {
			free += h.Free
		}
		if slices.Sort(inside); !slices.Equal(inside, c.want) || got.Total != len(c.want) || free != c.free {
			t.Errorf("%s: %v, %d of whom %d are free; want %v, %d", c.name, inside, got.Total, free, c.want, c.free)
		}
	}
	c := InsideAsk{Region: everywhere, Limit: 2}
	if got, err := w.Inside(t.Context(), operator, c); err != nil || len(got.Items) != 2 || got.Total != 5 {
		t.Errorf("two of five: %d of %d, %v", len(got.Items), got.Total, err)
	}
	if _, areas, known := w.Grids.Outline(gridA); !known || !slices.Equal(areas, []string{"A", "D"}) {
		t.Errorf("a grid's areas: %v, %v", areas, known)
	}
}
