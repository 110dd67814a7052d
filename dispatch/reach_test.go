package dispatch

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// heard is where patrols are, and how lately that is known.
type heard map[PatrolID]Position

func (h heard) Candidates(string, geo.Point, int) []Position { return nil }

func (h heard) Within(WithinAsk) ([]Position, []Headcount) { return nil, nil }

func (h heard) Position(id PatrolID) (Position, bool) {
	at, ok := h[id]
	return at, ok
}

// only answers one patrol of those on duty.
type only struct{ onDuty }

func (s only) Positioned(ctx context.Context, v Viewer, ids []PatrolID) ([]Patrol, error) {
	all, err := s.onDuty.Positioned(ctx, v, ids)
	if ids == nil {
		return all, err
	}
	return slices.DeleteFunc(all, func(p Patrol) bool { return !slices.Contains(ids, p.ID) }), err
}

type covering struct {
	*Service
	district              DistrictID
	inA, inB              geo.Point
	ofA, ofB, stale, busy Patrol
}

// setupCovering is two towns side by side with a free patrol of the police each, and
// others that must not count.
func setupCovering(t *testing.T) *covering {
	t.Helper()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	atlas := NewAtlas(func() time.Time { return from })
	atlas.Replace([]MapVersion{version(t, from, time.Time{},
		[]GridRow{{Code: "a", Kind: "general", Areas: []string{"A", "D"}}, {Code: "b", Kind: "general", Areas: []string{"B", "D"}}},
		[]*geom.MultiPolygon{square(121.30, 28.50, 121.35, 28.55), square(121.35, 28.50, 121.40, 28.55)})})
	w := &covering{district: NewID[districtKind](), inA: geo.Point{Lon: 121.32, Lat: 28.52}, inB: geo.Point{Lon: 121.38, Lat: 28.53}}
	patrol := func(department string, status Status, areas ...string) Patrol {
		return Patrol{ID: NewID[patrolKind](), Department: department, Status: status, Mode: Car,
			Scope: Thing{District: w.district, Areas: areas, Departments: []string{department}}}
	}
	w.ofA, w.ofB = patrol("police", Free, "A", "D"), patrol("police", Free, "B", "D")
	w.stale, w.busy = patrol("police", Free, "A", "D"), patrol("police", OnScene, "A", "D")
	lost, market, unseen := patrol("police", Free, "A", "D"), patrol("market", Free, "A", "D"), patrol("police", Free, "A", "D")
	middle := geo.Point{Lon: 121.35, Lat: 28.525}
	at := func(p Patrol, where geo.Point, presence Presence) Position {
		return Position{PatrolID: p.ID, Point: where, Presence: presence}
	}
	w.Service = &Service{coverages: newCoverages(), Config: Config{Grids: atlas, Roads: &road.Switch{},
		Store: only{onDuty{patrols: []Patrol{w.ofA, w.ofB, w.stale, w.busy, lost, market, unseen}}},
		Live: heard{
			w.ofA.ID: at(w.ofA, w.inA, Online), w.ofB.ID: at(w.ofB, w.inB, Still), w.stale.ID: at(w.stale, middle, Stale),
			w.busy.ID: at(w.busy, middle, Online), lost.ID: at(lost, middle, Lost), market.ID: at(market, middle, Online),
		}}}
	return w
}

// Each cell of the viewer's area has the time of the first of the patrols that the
// viewer may see, and of no other: a time would betray where somebody is.
func TestCoverageCountsWhatTheViewerSees(t *testing.T) {
	t.Parallel()
	w := setupCovering(t)
	for area, counted := range map[string][]Position{
		"":  {{Point: w.inA}, {Point: w.inB}},
		"A": {{Point: w.inA}},
		"B": {{Point: w.inB}},
		"C": nil,
	} {
		for res := 7; res <= 9; res++ {
			got, err := w.Coverage(t.Context(), Viewer{Role: RoleTownLeader, District: w.district, AreaCode: area}, CoverageAsk{Department: "police", Res: res})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Patrols) != len(counted) || len(got.Cells) == 0 != (area == "C") {
				t.Errorf("%q at %d: %d patrols, %d cells", area, res, len(got.Patrols), len(got.Cells))
			}
			if (area == "" || area == "A") != (got.Stale == 1) {
				t.Errorf("%q: %d stale", area, got.Stale)
			}
			for _, c := range got.Cells {
				middle, err := c.Cell.Center()
				if err != nil {
					t.Fatal(err)
				}
				if inA := middle.Lon < 121.35; area == "A" && !inA || area == "B" && inA {
					t.Errorf("%q is told of %v", area, middle)
				}
				want := math.Inf(1)
				for _, p := range counted {
					one, err := w.Roads.ManyToOne(t.Context(), road.Car, []geo.Point{p.Point}, middle)
					if err != nil {
						t.Fatal(err)
					}
					want = min(want, one[0].DurationS)
				}
				if c.EtaS == nil || *c.EtaS != want {
					t.Errorf("%q, %v: %v s, not %g", area, middle, c.EtaS, want)
				}
			}
		}
	}
	// Nobody of a department is a map of holes, not an empty map.
	got, err := w.Coverage(t.Context(), Viewer{Role: RoleOperator, District: w.district}, CoverageAsk{Department: "fire"})
	if err != nil || len(got.Cells) < 100 || got.Cells[0].EtaS != nil || got.Res != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Coverage(t.Context(), Viewer{Role: RoleGridWorker, District: w.district}, CoverageAsk{Department: "police"}); KindOf(err) != Forbidden {
		t.Errorf("a worker: %v", err)
	}
	if _, err := w.Coverage(t.Context(), Viewer{Role: RoleOperator, District: w.district}, CoverageAsk{Department: "police", Res: 4}); KindOf(err) != Invalid {
		t.Errorf("resolution 4: %v", err)
	}
}

func TestReachFromAPatrolKeepsToItsScope(t *testing.T) {
	t.Parallel()
	w := setupCovering(t)
	leader := Viewer{Role: RoleTownLeader, District: w.district, AreaCode: "A"}
	got, err := w.Reach(t.Context(), leader, ReachAsk{Patrol: w.ofA.ID, Minutes: 3})
	if err != nil || got.At != w.inA || got.Mode != Car || len(got.Cells) < 10 || !slices.Equal(got.Looked, []PatrolID{w.ofA.ID}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range got.Cells {
		if middle, _ := c.Cell.Center(); *c.EtaS > 180 || geo.DistanceM(middle, w.inA) > 180*10 {
			t.Errorf("%v in %g s", middle, *c.EtaS)
		}
	}
	if _, err := w.Reach(t.Context(), leader, ReachAsk{Patrol: w.ofB.ID, Minutes: 3}); KindOf(err) != NotFound {
		t.Errorf("another town's: %v", err)
	}
	if _, err := w.Reach(t.Context(), leader, ReachAsk{Point: w.inA, Minutes: 0}); KindOf(err) != Invalid {
		t.Errorf("no minutes: %v", err)
	}
	// Far is coarse, too far is refused with what to do.
	far, err := w.Reach(t.Context(), leader, ReachAsk{Point: w.inA, Minutes: 60})
	if err != nil || far.Res >= 9 || len(far.Cells) == 0 || len(far.Looked) != 0 {
		t.Errorf("an hour: resolution %d, %d cells, %v", far.Res, len(far.Cells), err)
	}
	if _, err := w.Reach(t.Context(), leader, ReachAsk{Point: w.inA, Minutes: 60, Res: 9}); KindOf(err) != Invalid {
		t.Errorf("an hour in small cells: %v", err)
	}
}
