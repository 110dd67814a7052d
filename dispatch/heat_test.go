package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/twpayne/go-geom"
)

// onDuty answers the patrols that a viewer may see; nothing else is asked of it.
type onDuty struct {
	Store
	patrols []Patrol
}

func (onDuty) Secrets(context.Context) ([]Secret, error) { return nil, nil }

func (s onDuty) Positioned(_ context.Context, v Viewer, _ []PatrolID) (out []Patrol, err error) {
	for _, p := range s.patrols {
		if Visible(v, p.Scope) {
			out = append(out, p)
		}
	}
	return out, nil
}

type trails map[PatrolID][]geo.Point

func (t trails) Visited(_ context.Context, patrols []PatrolID, _, _ time.Time) (out []Visit, err error) {
	for _, id := range patrols {
		for _, p := range t[id] {
			out = append(out, VisitAt(id, p))
		}
	}
	return out, nil
}

// standing is where patrols are now.
type standing map[PatrolID]geo.Point

func (s standing) Candidates(string, geo.Point, int) []Position { return nil }

func (s standing) Within(WithinAsk) ([]Position, []Headcount) { return nil, nil }

func (s standing) Position(id PatrolID) (Position, bool) {
	at, ok := s[id]
	return Position{PatrolID: id, Point: at, Presence: Online}, ok
}

// Two towns side by side: a leader sees their own patrols, and these within their
// own town only; the district sees all of it.
func TestPatrolsByCellStayInTheViewersTown(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	atlas := NewAtlas(func() time.Time { return from })
	atlas.Replace([]MapVersion{version(t, from, time.Time{},
		[]GridRow{{Code: "a", Kind: "general", Areas: []string{"A", "D"}}, {Code: "b", Kind: "general", Areas: []string{"B", "D"}}},
		[]*geom.MultiPolygon{square(121.30, 28.50, 121.35, 28.60), square(121.35, 28.50, 121.40, 28.60)})})
	inA, inB, outside := geo.Point{Lon: 121.32, Lat: 28.55}, geo.Point{Lon: 121.38, Lat: 28.55}, geo.Point{Lon: 121.45, Lat: 28.55}
	district := NewID[districtKind]()
	patrol := func(areas ...string) Patrol {
		return Patrol{ID: NewID[patrolKind](), Scope: Thing{District: district, Areas: areas, Departments: []string{"police"}}}
	}
	ofA, ofB, ofAll := patrol("A", "D"), patrol("B", "D"), patrol("D")
	s := &Service{Config: Config{Grids: atlas, Store: onDuty{patrols: []Patrol{ofA, ofB, ofAll}}, Trails: trails{
		ofA.ID: {inA, inA, inB, outside}, ofB.ID: {inA, inB}, ofAll.ID: {inA},
	}}}
	where := map[cell.Cell]string{}
	for res := 7; res <= 9; res++ {
		where[cell.At(inA, res)], where[cell.At(inB, res)], where[cell.At(outside, res)] = "in A", "in B", "outside"
	}
	for area, want := range map[string]string{"A": "in A 1; looked at 1", "B": "in B 1; looked at 1", "": "in A 3, in B 2, outside 1; looked at 3", "C": "; looked at 0"} {
		for res := 7; res <= 9; res++ {
			counts, looked, err := s.PatrolCells(t.Context(), Viewer{Role: RoleTownLeader, District: district, AreaCode: area}, res, from, from.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range counts {
				got = append(got, fmt.Sprintf("%s %d", where[c.Cell], c.Count))
			}
			slices.Sort(got)
			if text := fmt.Sprintf("%s; looked at %d", strings.Join(got, ", "), len(looked)); text != want {
				t.Errorf("area %q, resolution %d: %q, want %q", area, res, text, want)
			}
		}
	}
	// Without a span it is where they are now.
	s.Live = standing{ofA.ID: inB, ofB.ID: inB}
	counts, looked, err := s.PatrolCells(t.Context(), Viewer{Role: RoleTownLeader, District: district, AreaCode: "B"}, 9, time.Time{}, time.Time{})
	if err != nil || len(counts) != 1 || counts[0] != (CellCount{cell.At(inB, 9), 1}) || !slices.Equal(looked, []PatrolID{ofB.ID}) {
		t.Errorf("now: %v %v %v", counts, looked, err)
	}
	if _, _, err := s.PatrolCells(t.Context(), Viewer{Role: RoleGridWorker, District: district}, 9, from, from.Add(time.Hour)); KindOf(err) != Forbidden {
		t.Errorf("a grid worker sees no other patrol: %v", err)
	}
}
