package road_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// at is a place some metres east and north of a corner of Luqiao.
func at(east, north float64) geo.Point {
	const degree = 111_320
	return geo.Point{Lon: 121.38 + east/(degree*math.Cos(28.58*math.Pi/180)), Lat: 28.58 + north/110_830}
}

func network(t *testing.T, lines ...road.Line) *road.Network {
	t.Helper()
	n, err := road.FromLines(context.Background(), lines, "test")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func route(t *testing.T, n *road.Network, m road.Mode, from, to geo.Point) road.Route {
	t.Helper()
	r, err := n.Route(t.Context(), m, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// names are the roads of a route; the step from a point to a road it lies on
// is left out.
func names(r road.Route) string {
	var words []string
	for _, s := range r.Steps {
		if s.Name == "" && s.DistanceM < 1 {
			continue
		}
		words = append(words, s.Name)
	}
	return strings.Join(words, " ")
}

func about(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: %.2f, want %.2f", what, got, want)
	}
}

// block is a one-way street with a two-way way round it.
func block() []road.Line {
	return []road.Line{
		{Class: road.Residential, SpeedKMH: 36, OneWay: true, Name: "north", Points: []geo.Point{at(0, 100), at(200, 100)}},
		{Class: road.Residential, SpeedKMH: 36, Name: "east", Points: []geo.Point{at(200, 100), at(200, 0)}},
		{Class: road.Residential, SpeedKMH: 36, Name: "south", Points: []geo.Point{at(200, 0), at(0, 0)}},
		{Class: road.Residential, SpeedKMH: 36, Name: "west", Points: []geo.Point{at(0, 0), at(0, 100)}},
	}
}

func TestOneWayOnTheSameStreet(t *testing.T) {
	t.Parallel()
	n := network(t, block()...)
	west, east := at(50, 100), at(150, 100)
	with := route(t, n, road.Car, west, east)
	about(t, "with the arrow", with.DistanceM, 100, 1)
	about(t, "with the arrow", with.DurationS, 10, 0.2)
	if names(with) != "north" {
		t.Errorf("with the arrow over %q", names(with))
	}
	against := route(t, n, road.Car, east, west)
	about(t, "round the block", against.DistanceM, 500, 2)
	if names(against) != "north east south west north" {
		t.Errorf("round the block over %q", names(against))
	}
	about(t, "on foot", route(t, n, road.Foot, east, west).DistanceM, 100, 1)
}

func TestFarFromAnyRoadOneWalks(t *testing.T) {
	t.Parallel()
	n := network(t, block()...)
	r := route(t, n, road.Car, at(50, -300), at(150, 0))
	about(t, "walk", r.SnapFromM, 300, 1)
	about(t, "distance", r.DistanceM, 400, 2)
	about(t, "duration", r.DurationS, 300/(5/3.6)+10, 1)
	far := route(t, n, road.Car, at(0, -30_000), at(150, 0))
	if far.Reachable || far.SnapFromM < 29_000 {
		t.Errorf("30 km away: %+v", far.Time)
	}
}

func TestIslandsAreNotSnappedTo(t *testing.T) {
	t.Parallel()
	lines := block()
	for i := range 30 { // enough of a town that a yard is tiny beside it
		x := 300 + 20*float64(i)
		lines = append(lines, road.Line{Class: road.Residential, Points: []geo.Point{at(x, 0), at(x+20, 0)}},
			road.Line{Class: road.Residential, Points: []geo.Point{at(x, 0), at(x, 50)}})
	}
	lines = append(lines, road.Line{Class: road.Residential, Points: []geo.Point{at(200, 0), at(300, 0)}},
		road.Line{Class: road.Service, Name: "yard", Points: []geo.Point{at(60, 40), at(80, 40)}},
		road.Line{Class: road.Service, Name: "mountain", Points: []geo.Point{at(0, 5000), at(0, 5100)}})
	n := network(t, lines...)
	r := route(t, n, road.Car, at(70, 41), at(150, 0))
	if !r.Reachable || strings.Contains(names(r), "yard") || r.SnapFromM < 30 {
		t.Errorf("from the yard %+v over %q", r.Time, names(r))
	}
	// Only the mountain road is near: it is used, and leads nowhere.
	if r := route(t, n, road.Car, at(5, 5050), at(150, 0)); r.Reachable || r.SnapFromM > 6 {
		t.Errorf("from the mountain %+v", r.Time)
	}
	if r := route(t, n, road.Car, at(20, 5010), at(20, 5090)); !r.Reachable || !strings.Contains(names(r), "mountain") {
		t.Errorf("on the mountain %+v over %q", r.Time, names(r))
	}
	// Two of the yard, two of the mountain, and two of the block that nobody can
	// get onto without turning round.
	if stats := n.Stats().Modes["car"]; stats.IslandArcs != 6 {
		t.Errorf("%d arcs on islands, want 6", stats.IslandArcs)
	}
}

func TestAcrossTheRiverIsFar(t *testing.T) {
	t.Parallel()
	n := network(t,
		road.Line{Class: road.Residential, Points: []geo.Point{at(0, 0), at(1000, 0)}},
		road.Line{Class: road.Residential, Points: []geo.Point{at(0, 100), at(1000, 100)}},
		road.Line{Class: road.Residential, Name: "bridge", Points: []geo.Point{at(1000, 0), at(1000, 100)}})
	r := route(t, n, road.Foot, at(10, 5), at(10, 95))
	about(t, "over the bridge", r.DistanceM, 5+990+100+990+5, 3)
}

func TestWhoWouldWalkToTheRoadAndBackWalksStraight(t *testing.T) {
	t.Parallel()
	n := network(t, block()...)
	r := route(t, n, road.Car, at(100, -200), at(120, -200))
	about(t, "straight", r.DistanceM, 20, 0.5)
	if r.Geometry.NumCoords() != 2 || len(r.Steps) != 1 {
		t.Errorf("the way %v, %v", r.Geometry.FlatCoords(), r.Steps)
	}
}

func TestPrivateGroundCarriesNobodyThrough(t *testing.T) {
	t.Parallel()
	both := road.Travel{ForwardMS: 10, BackwardMS: 10}
	all := [road.Modes]road.Travel{both, both, both}
	survey := &road.Survey{Nodes: []road.Node{
		road.NodeAt(at(-50, 0)), road.NodeAt(at(0, 0)), road.NodeAt(at(100, 0)), road.NodeAt(at(150, 0)), road.NodeAt(at(50, 500)),
	}, Ways: []road.Way{
		{Nodes: []uint32{0, 1}, Name: "a", Class: road.Residential, Travel: all},
		{Nodes: []uint32{1, 2}, Name: "yard", Class: road.Service, Travel: all, EndsOnly: road.SetOf(road.Car)},
		{Nodes: []uint32{2, 3}, Name: "b", Class: road.Residential, Travel: all},
		{Nodes: []uint32{1, 4, 2}, Name: "round", Class: road.Residential, Travel: all},
	}}
	n, err := road.Build(context.Background(), survey, "test")
	if err != nil {
		t.Fatal(err)
	}
	if r := route(t, n, road.Car, at(-40, 0), at(140, 0)); names(r) != "a round b" {
		t.Errorf("through by car over %q", names(r))
	}
	if r := route(t, n, road.Foot, at(-40, 0), at(140, 0)); names(r) != "a yard b" {
		t.Errorf("through on foot over %q", names(r))
	}
	in := route(t, n, road.Car, at(-40, 0), at(90, 0))
	if names(in) != "a yard" || in.DurationS > 30 {
		t.Errorf("in by car over %q in %.0f s", names(in), in.DurationS)
	}
	if out := route(t, n, road.Car, at(90, 0), at(140, 0)); names(out) != "yard b" {
		t.Errorf("out by car over %q", names(out))
	}
}

// TestRestrictionOverAWay forbids turning back over a short link between two
// carriageways: in on "in", over "link", out on "back".
func TestRestrictionOverAWay(t *testing.T) {
	t.Parallel()
	one := [road.Modes]road.Travel{{ForwardMS: 10, BackwardMS: 10}, {ForwardMS: 10}, {ForwardMS: 10}}
	two := [road.Modes]road.Travel{{ForwardMS: 10, BackwardMS: 10}, {ForwardMS: 10, BackwardMS: 10}, {ForwardMS: 10, BackwardMS: 10}}
	build := func(restrictions ...road.Restriction) *road.Network {
		n, err := road.Build(context.Background(), &road.Survey{
			Nodes: []road.Node{
				road.NodeAt(at(0, 0)), road.NodeAt(at(100, 0)), road.NodeAt(at(200, 0)),
				road.NodeAt(at(0, 40)), road.NodeAt(at(100, 40)), road.NodeAt(at(200, 40)), road.NodeAt(at(100, 120)), road.NodeAt(at(1500, 10)),
			},
			Ways: []road.Way{
				{Nodes: []uint32{0, 1}, Name: "in", Class: road.Primary, Travel: one},
				{Nodes: []uint32{1, 2}, Name: "on", Class: road.Primary, Travel: one},
				{Nodes: []uint32{1, 4}, Name: "link", Class: road.Primary, Travel: two},
				{Nodes: []uint32{5, 4}, Name: "other", Class: road.Primary, Travel: one},
				{Nodes: []uint32{4, 3}, Name: "back", Class: road.Primary, Travel: one},
				{Nodes: []uint32{4, 6}, Name: "side", Class: road.Primary, Travel: two},
				{Nodes: []uint32{2, 7, 5}, Name: "far", Class: road.Primary, Travel: two},
				{Nodes: []uint32{3, 0}, Name: "near", Class: road.Primary, Travel: two},
			},
			Restrictions: restrictions,
		}, "test")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	noReturn := road.Restriction{From: 0, Vias: []uint32{2}, To: 4, Modes: road.SetOf(road.Car)}
	onlySide := road.Restriction{From: 0, Vias: []uint32{2}, To: 5, Only: true, Modes: road.SetOf(road.Car)}
	for _, c := range []struct {
		name string
		n    *road.Network
		mode road.Mode
		to   geo.Point
		want string
	}{
		{"free", build(), road.Car, at(50, 40), "in link back"},
		{"forbidden", build(noReturn), road.Car, at(50, 40), "in link side back"},
		{"not for e-bikes", build(noReturn), road.EBike, at(50, 40), "in link back"},
		{"elsewhere free", build(noReturn), road.Car, at(100, 100), "in link side"},
		{"only the side road", build(onlySide), road.Car, at(50, 40), "in link side back"},
	} {
		if r := route(t, c.n, c.mode, at(50, 0), c.to); names(r) != c.want {
			t.Errorf("%s: over %q, want %q", c.name, names(r), c.want)
		}
	}
}

func TestBollardsAndGates(t *testing.T) {
	t.Parallel()
	both := road.Travel{ForwardMS: 10, BackwardMS: 10}
	n, err := road.Build(context.Background(), &road.Survey{
		Nodes: []road.Node{road.NodeAt(at(0, 0)), road.NodeAt(at(100, 0)), road.NodeAt(at(200, 0)), road.NodeAt(at(300, 0))},
		Gates: map[uint32]road.Gate{
			1: {Closed: road.SetOf(road.Car)},
			2: {DelayS: [road.Modes]float32{road.EBike: 7}},
		},
		Ways: []road.Way{{Nodes: []uint32{0, 1, 2, 3}, Class: road.Path, Travel: [road.Modes]road.Travel{both, both, both}}},
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	from, to := at(50, 0), at(250, 0)
	about(t, "on foot", route(t, n, road.Foot, from, to).DurationS, 20, 0.2)
	about(t, "through the gate", route(t, n, road.EBike, from, to).DurationS, 27, 0.2)
	if r := route(t, n, road.Car, from, to); r.Reachable {
		t.Errorf("a car passed the bollard: %+v", r.Time)
	}
}

func TestFerriesAreBoardedAtTheirEnds(t *testing.T) {
	t.Parallel()
	both := road.Travel{ForwardMS: 5, BackwardMS: 5}
	crossing := road.Travel{ForwardMS: 1, BackwardMS: 1, DurationS: 600}
	n, err := road.Build(context.Background(), &road.Survey{
		Nodes: []road.Node{road.NodeAt(at(-100, 0)), road.NodeAt(at(0, 0)), road.NodeAt(at(1500, 0)), road.NodeAt(at(3000, 0)), road.NodeAt(at(3100, 0))},
		Ways: []road.Way{
			{Nodes: []uint32{0, 1}, Class: road.Residential, Travel: [road.Modes]road.Travel{both, both, both}},
			{Nodes: []uint32{1, 2, 3}, Name: "ferry", Class: road.Ferry, Ferry: true, Travel: [road.Modes]road.Travel{crossing, crossing, crossing}},
			{Nodes: []uint32{3, 4}, Class: road.Residential, Travel: [road.Modes]road.Travel{both, both, both}},
		},
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	about(t, "over", route(t, n, road.Car, at(-50, 0), at(3050, 0)).DurationS, 10+600+10, 0.5)
	if r := route(t, n, road.Car, at(1500, 10), at(3050, 0)); r.SnapFromM < 1400 {
		t.Errorf("boarded at sea: %+v", r.Time)
	}
}

func TestLinesJoinWhereOneEndsOnAnother(t *testing.T) {
	t.Parallel()
	n := network(t,
		road.Line{Class: road.Residential, Name: "long", Points: []geo.Point{at(0, 0), at(400, 0)}},
		road.Line{Class: road.Residential, Name: "first", Points: []geo.Point{at(100, 0.2), at(100, 100)}},
		road.Line{Class: road.Residential, Name: "second", Points: []geo.Point{at(300, -0.2), at(300, -100)}},
		road.Line{Class: road.Residential, Name: "short of it", Points: []geo.Point{at(200, 3), at(200, 100)}})
	if r := route(t, n, road.Car, at(100, 80), at(300, -80)); names(r) != "first long second" {
		t.Errorf("over %q", names(r))
	}
	if r := route(t, n, road.Foot, at(200, 60), at(50, 0)); strings.Contains(names(r), "short of it") {
		t.Errorf("a road that ends 3 m short was joined: %q", names(r))
	}
}

func TestLinesThatCannotBe(t *testing.T) {
	t.Parallel()
	good := []geo.Point{at(0, 0), at(100, 0)}
	for name, l := range map[string]road.Line{
		"no points":       {Class: road.Path},
		"one place":       {Class: road.Path, Points: []geo.Point{at(0, 0), at(0, 0)}},
		"not a number":    {Class: road.Path, Points: []geo.Point{at(0, 0), {Lon: math.NaN(), Lat: 1}}},
		"unknown class":   {Class: 200, Points: good},
		"negative speed":  {Class: road.Path, SpeedKMH: -1, Points: good},
		"speed of nobody": {Class: road.Path, SpeedKMH: math.NaN(), Points: good},
	} {
		if _, err := road.FromLines(t.Context(), []road.Line{l}, "test"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := road.FromLines(t.Context(), nil, "test"); !errors.Is(err, road.ErrEmpty) {
		t.Errorf("no lines: %v", err)
	}
}
