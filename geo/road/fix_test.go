package road_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// carriageways is a road of two one-way sides 12 m apart, 2 km long, joined at their
// ends: east on the south side, west on the north side. A lane runs beside it, and a
// yard behind it leads nowhere.
func carriageways(t *testing.T) *road.Network {
	lines := []road.Line{
		{Class: road.Primary, Name: "east", OneWay: true, Points: []geo.Point{at(0, 0), at(2000, 0)}},
		{Class: road.Primary, Name: "west", OneWay: true, Points: []geo.Point{at(2000, 12), at(0, 12)}},
		{Class: road.Primary, Name: "turn", Points: []geo.Point{at(0, 0), at(0, 12)}},
		{Class: road.Primary, Name: "turn", Points: []geo.Point{at(2000, 0), at(2000, 12)}},
		{Class: road.Residential, Name: "lane", Points: []geo.Point{at(0, 12), at(0, 300), at(2000, 300), at(2000, 12)}},
		{Class: road.Service, Name: "yard", Points: []geo.Point{at(1000, 20), at(1010, 20)}},
	}
	// Side streets make the whole large enough that the yard is an island.
	for x := 100.0; x < 2000; x += 100 {
		lines = append(lines, road.Line{Class: road.Residential, Name: "side", Points: []geo.Point{at(x, 300), at(x, 400)}})
	}
	return network(t, lines...)
}

func via(r road.Route) string { return strings.Join(strings.Fields(names(r)), " ") }

func TestBothSidesOfADualCarriagewayMayWin(t *testing.T) {
	t.Parallel()
	n := carriageways(t)
	for _, c := range []struct {
		name     string
		from, to geo.Point
		want     string
	}{
		// The places lie nearer to the side that goes the other way.
		{"east", at(1000, 8), at(1500, 3), "east"},
		{"west", at(1000, 4), at(500, 9), "west"},
	} {
		r := route(t, n, road.Car, c.from, c.to)
		if via(r) != c.want || r.DistanceM > 530 {
			t.Errorf("%s: %.0f m over %q", c.name, r.DistanceM, via(r))
		}
		if got := geo.DistanceM(c.from, geo.Point{Lon: r.Geometry.Coord(1).X(), Lat: r.Geometry.Coord(1).Y()}); got-r.SnapFromM > 0.1 || r.SnapFromM-got > 0.1 {
			t.Errorf("%s: walks %.2f m to the road, says %.2f m", c.name, got, r.SnapFromM)
		}
	}
}

func timeFrom(t *testing.T, e road.Engine, m road.Mode, f road.Fix, to geo.Point) road.Time {
	t.Helper()
	times, err := road.FixesToOne(t.Context(), e, m, []road.Fix{f}, to)
	if err != nil {
		t.Fatal(err)
	}
	return times[0]
}

func TestWhoMovesGoesOnAsHeIsHeaded(t *testing.T) {
	t.Parallel()
	n := carriageways(t)
	to := at(1500, -3) // ahead for who goes east
	for _, c := range []struct {
		name  string
		mode  road.Mode
		fix   road.Fix
		ahead bool // the way is straight on, not over the far end
	}{
		{"nothing known", road.Car, road.Fix{}, true},
		{"eastbound", road.Car, road.Fix{SpeedMS: 12, HeadingDeg: 85, Headed: true}, true},
		{"westbound", road.Car, road.Fix{SpeedMS: 12, HeadingDeg: 275, Headed: true}, false},
		{"at rest, pointing west", road.Car, road.Fix{SpeedMS: 0.5, HeadingDeg: 275, Headed: true}, true},
		{"a speed without a heading", road.Car, road.Fix{SpeedMS: 12, HeadingDeg: 275}, true},
		{"across the road", road.Car, road.Fix{SpeedMS: 12, HeadingDeg: 0, Headed: true}, true},
		{"on foot", road.Foot, road.Fix{SpeedMS: 3, HeadingDeg: 275, Headed: true}, true},
		{"a good fix on the far side", road.Car, road.Fix{AccuracyM: 3}, false},
	} {
		c.fix.Point = at(1000, 7)
		if c.name == "a good fix on the far side" {
			c.fix.Point = at(1000, 12)
		}
		got := timeFrom(t, n, c.mode, c.fix, to)
		if ahead := got.DistanceM < 600; ahead != c.ahead {
			t.Errorf("%s: %.0f m", c.name, got.DistanceM)
		}
	}
}

func TestAnIslandIsNotSnappedTo(t *testing.T) {
	t.Parallel()
	n := carriageways(t)
	got := timeFrom(t, n, road.Car, road.Fix{Point: at(1005, 21)}, at(500, 12))
	if !got.Reachable || got.SnapFromM < 8 || got.SnapFromM > 10 {
		t.Errorf("beside a yard that leads nowhere: %+v", got)
	}
}

// Of every kind of question, moving or not, the answer is Dijkstra's from the same
// candidates.
func TestFixesAgreeWithDijkstra(t *testing.T) {
	t.Parallel()
	n := load(t, "liechtenstein")
	router, err := road.Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	points := onRoads(n, r, 120)
	fixes := make([]road.Fix, 100)
	for i := range fixes {
		fixes[i] = road.Fix{Point: points[i], AccuracyM: r.Float64() * 40, SpeedMS: r.Float64() * 8, HeadingDeg: r.Float64() * 360, Headed: i%2 == 0}
	}
	for m := range road.Mode(road.Modes) {
		differ := 0
		for _, to := range points[100:] {
			want, err := n.FixesToOne(t.Context(), m, fixes, to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := router.FixesToOne(t.Context(), m, fixes, to)
			if err != nil {
				t.Fatal(err)
			}
			bare, err := n.ManyToOne(t.Context(), m, points[:100], to)
			if err != nil {
				t.Fatal(err)
			}
			for i := range fixes {
				stand, err := router.StandAt(m, fixes[i])
				if err != nil {
					t.Fatal(err)
				}
				stood, err := router.StandsToOne(context.Background(), nil, []*road.Stand{stand}, to)
				if err != nil {
					t.Fatal(err)
				}
				if got[i] != want[i] || stood[0] != want[i] {
					t.Fatalf("%v from %+v to %v: %+v, from a stand %+v, by Dijkstra %+v", m, fixes[i], to, got[i], stood[0], want[i])
				}
				if bare[i] != want[i] {
					differ++
				}
			}
		}
		if differ == 0 {
			t.Errorf("%v: what is known of a start changes nothing", m)
		}
	}
}
