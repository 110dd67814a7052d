package osm_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

func read(t *testing.T, file []byte) (*road.Survey, osm.Stats) {
	t.Helper()
	survey, stats, err := osm.Import(context.Background(), bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return survey, stats
}

// TestTags reads one way per row. Speeds are km/h as "along/against", - for shut.
func TestTags(t *testing.T) {
	t.Parallel()
	const shut = -1
	both := func(kmh float64) [2]float64 { return [2]float64{kmh, kmh} }
	along := func(kmh float64) [2]float64 { return [2]float64{kmh, shut} }
	against := func(kmh float64) [2]float64 { return [2]float64{shut, kmh} }
	no := both(shut)
	for _, c := range []struct {
		name             string
		tags             []string
		foot, ebike, car [2]float64
		ends             []string
	}{
		{"residential", []string{"highway", "residential"}, both(5), both(22), both(25), nil},
		{"motorway implies one way", []string{"highway", "motorway"}, no, no, along(90), nil},
		{"motorway both ways", []string{"highway", "motorway", "oneway", "no"}, no, no, both(90), nil},
		{"one way", []string{"highway", "secondary", "oneway", "yes"}, both(5), along(22), along(55), nil},
		{"one way backward", []string{"highway", "secondary", "oneway", "-1"}, both(5), against(22), against(55), nil},
		{"one way, not for cycles", []string{"highway", "secondary", "oneway", "yes", "oneway:bicycle", "no"}, both(5), both(22), along(55), nil},
		{"contraflow lane", []string{"highway", "secondary", "oneway", "yes", "cycleway", "opposite_lane"}, both(5), both(22), along(55), nil},
		{"roundabout", []string{"highway", "tertiary", "junction", "roundabout"}, both(5), along(22), along(40), nil},
		{"turns round twice a day", []string{"highway", "primary", "oneway", "reversible"}, both(5), no, no, nil},
		{"one way on foot", []string{"highway", "footway", "oneway:foot", "yes"}, along(5), both(4), no, nil},
		{"escalator", []string{"highway", "steps", "conveying", "backward"}, against(5), no, no, nil},
		{"steps", []string{"highway", "steps"}, both(5), no, no, nil},
		{"living street", []string{"highway", "living_street"}, both(5), both(18), both(10), nil},
		{"limit", []string{"highway", "primary", "maxspeed", "50"}, both(5), both(22), both(40), nil},
		{"limit in miles", []string{"highway", "primary", "maxspeed", "30 mph"}, both(5), both(22), both(30 * 1.609344 * 0.8), nil},
		{"limit of a zone", []string{"highway", "primary", "maxspeed", "DE:zone30"}, both(5), both(22), both(24), nil},
		{"limit of a country", []string{"highway", "primary", "maxspeed", "CN:rural"}, both(5), both(22), both(56), nil},
		{"limit each way", []string{"highway", "primary", "maxspeed:forward", "50", "maxspeed:backward", "30"}, both(5), both(22), [2]float64{40, 24}, nil},
		{"limit that says nothing", []string{"highway", "primary", "maxspeed", "signals"}, both(5), both(22), both(65), nil},
		{"mud", []string{"highway", "unclassified", "surface", "mud"}, both(2.5), both(4), both(10), nil},
		{"private", []string{"highway", "service", "access", "private"}, both(5), both(18), both(15), []string{"foot", "ebike", "car"}},
		{"residents by car only", []string{"highway", "service", "motor_vehicle", "destination"}, both(5), both(18), both(15), []string{"car"}},
		{"nobody", []string{"highway", "service", "access", "no"}, no, no, no, nil},
		{"nobody but on foot", []string{"highway", "service", "access", "no", "foot", "yes"}, both(5), no, no, nil},
		{"no wheels", []string{"highway", "residential", "vehicle", "no"}, both(5), no, no, nil},
		{"no engines", []string{"highway", "residential", "motor_vehicle", "no"}, both(5), both(22), no, nil},
		{"cars though no engines", []string{"highway", "residential", "motor_vehicle", "no", "motorcar", "yes"}, both(5), both(22), both(25), nil},
		{"kindest of several", []string{"highway", "residential", "motor_vehicle", "delivery;yes"}, both(5), both(22), both(25), nil},
		{"path", []string{"highway", "path"}, both(5), both(15), no, nil},
		{"footway", []string{"highway", "footway"}, both(5), both(4), no, nil},
		{"footway for cycles", []string{"highway", "footway", "bicycle", "yes"}, both(5), both(15), no, nil},
		{"footway open to all is no road", []string{"highway", "footway", "access", "yes"}, both(5), both(4), no, nil},
		{"track with permission", []string{"highway", "track", "motor_vehicle", "yes"}, both(5), both(15), both(10), nil},
		{"low bridge", []string{"highway", "residential", "maxheight", "1.8"}, both(5), both(22), no, nil},
		{"motor road", []string{"highway", "trunk", "motorroad", "yes"}, no, no, both(85), nil},
		{"not built", []string{"highway", "construction", "construction", "primary"}, no, no, no, nil},
		{"a river", []string{"waterway", "river"}, no, no, no, nil},
		{"a car park open to all", []string{"amenity", "parking", "access", "yes"}, no, no, no, nil},
		{"an island open on foot", []string{"place", "island", "foot", "yes", "motor_vehicle", "yes", "bicycle", "yes"}, no, no, no, nil},
		{"a way of a kind nobody knows", []string{"highway", "shortcut", "foot", "yes"}, both(5), no, no, nil},
		{"pier", []string{"man_made", "pier"}, both(5), both(4), no, nil},
		{"ferry", []string{"route", "ferry"}, both(5), both(5), both(5), nil},
		{"ferry for people", []string{"route", "ferry", "vehicle", "no"}, both(5), no, no, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// A second road keeps files with one closed way from being empty.
			file := (&pbf{
				nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}, {id: 3, lon: 1, lat: 1.001}},
				ways: []pbfWay{
					{id: 1, refs: []int64{1, 2}, tags: c.tags},
					{id: 2, refs: []int64{1, 3}, tags: []string{"highway", "residential", "name", "other"}},
				},
			}).file()
			survey, _ := read(t, file)
			var way road.Way
			if len(survey.Ways) == 2 {
				way = survey.Ways[0]
			}
			for m, want := range [road.Modes][2]float64{c.foot, c.ebike, c.car} {
				got := [2]float32{way.Travel[m].ForwardMS, way.Travel[m].BackwardMS}
				for d := range want {
					kmh := float64(got[d]) * 3.6
					if want[d] == shut && kmh != 0 || want[d] != shut && math.Abs(kmh-want[d]) > 0.01 {
						t.Errorf("%v: %.1f km/h, want %v", road.Mode(m), kmh, want)
						break
					}
				}
			}
			if got := way.EndsOnly.Strings(); !slices.Equal(got, c.ends) && len(got)+len(c.ends) > 0 {
				t.Errorf("ends only for %v, want %v", got, c.ends)
			}
		})
	}
}

func TestFerryDuration(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]float32{"20": 1200, "01:30": 5400, "00:00:45": 45, "PT1H5M": 3900, "soon": 0, "100:00:00": 0, "-5": 0} {
		file := (&pbf{
			nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}},
			ways:  []pbfWay{{id: 1, refs: []int64{1, 2}, tags: []string{"route", "ferry", "duration", value}}},
		}).file()
		survey, _ := read(t, file)
		if got := survey.Ways[0].Travel[road.Car].DurationS; got != want || !survey.Ways[0].Ferry {
			t.Errorf("duration %q reads as %g s, want %g", value, got, want)
		}
	}
}

func TestGates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		tags   []string
		closed []string
		delayS float32 // by car
	}{
		{"bollard", []string{"barrier", "bollard"}, []string{"car"}, 0},
		{"rising bollard", []string{"barrier", "bollard", "bollard", "rising"}, nil, 0},
		{"gate", []string{"barrier", "gate"}, nil, 60},
		{"locked gate", []string{"barrier", "gate", "access", "no"}, []string{"foot", "ebike", "car"}, 0},
		{"gate open on foot", []string{"barrier", "gate", "access", "no", "foot", "yes"}, []string{"ebike", "car"}, 0},
		{"private gate", []string{"barrier", "gate", "access", "private"}, nil, 0},
		{"kerb", []string{"barrier", "kerb", "kerb", "lowered"}, nil, 0},
		{"stile", []string{"barrier", "stile"}, []string{"ebike", "car"}, 0},
		{"wall", []string{"barrier", "wall"}, []string{"foot", "ebike", "car"}, 0},
		{"bollard that lets cars", []string{"barrier", "bollard", "motor_vehicle", "yes"}, nil, 0},
		{"signals", []string{"highway", "traffic_signals"}, nil, 2},
		{"low beam", []string{"barrier", "height_restrictor", "maxheight", "1.9"}, []string{"car"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, dense := range []bool{true, false} {
				file := (&pbf{
					dense: dense,
					nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1, tags: c.tags}, {id: 3, lon: 1.002, lat: 1}},
					ways:  []pbfWay{{id: 1, refs: []int64{1, 2, 3}, tags: []string{"highway", "residential"}}},
				}).file()
				survey, _ := read(t, file)
				gate := survey.Gates[1]
				if got := gate.Closed.Strings(); !slices.Equal(got, c.closed) && len(got)+len(c.closed) > 0 {
					t.Errorf("closed to %v, want %v", got, c.closed)
				}
				if got := gate.DelayS[road.Car]; got != c.delayS {
					t.Errorf("delays a car %g s, want %g", got, c.delayS)
				}
			}
		})
	}
}

func TestBridgesAndTunnels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags           []string
		bridge, tunnel bool
	}{
		{nil, false, false},
		{[]string{"bridge", "yes"}, true, false},
		{[]string{"bridge", "viaduct"}, true, false},
		{[]string{"bridge", "no", "tunnel", "no"}, false, false},
		{[]string{"tunnel", "building_passage"}, false, true},
	} {
		file := (&pbf{
			nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}},
			ways:  []pbfWay{{id: 1, refs: []int64{1, 2}, tags: append([]string{"highway", "residential"}, c.tags...)}},
		}).file()
		survey, _ := read(t, file)
		n, err := road.Build(t.Context(), survey, "test")
		if err != nil {
			t.Fatal(err)
		}
		var kept bytes.Buffer
		if _, err := n.WriteTo(&kept); err != nil {
			t.Fatal(err)
		}
		if n, err = road.Read(&kept); err != nil {
			t.Fatal(err)
		}
		if s := n.Segment(0); s.Bridge != c.bridge || s.Tunnel != c.tunnel {
			t.Errorf("%v: %+v", c.tags, s)
		}
	}
}

func TestWaysAreCutWhereNodesAreMissing(t *testing.T) {
	t.Parallel()
	file := (&pbf{
		nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}, {id: 4, lon: 1.003, lat: 1}, {id: 5, lon: 1.004, lat: 1}},
		ways:  []pbfWay{{id: 1, refs: []int64{1, 2, 3, 4, 5, 6}, tags: []string{"highway", "residential"}}},
	}).file()
	survey, stats := read(t, file)
	if len(survey.Ways) != 2 || stats.NodesMissing != 2 || len(survey.Ways[0].Nodes) != 2 || len(survey.Ways[1].Nodes) != 2 {
		t.Errorf("%d ways, stats %+v", len(survey.Ways), stats)
	}
}

func TestFileWithoutRoads(t *testing.T) {
	t.Parallel()
	file := (&pbf{
		nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}},
		ways:  []pbfWay{{id: 1, refs: []int64{1, 2}, tags: []string{"building", "yes"}}},
	}).file()
	if _, _, err := osm.Import(context.Background(), bytes.NewReader(file), int64(len(file)), nil); !errors.Is(err, osm.ErrNoRoads) {
		t.Errorf("got %v, want ErrNoRoads", err)
	}
}

func TestProgressReachesTheTotal(t *testing.T) {
	t.Parallel()
	file := town().file()
	var last, total int64
	_, _, err := osm.Import(context.Background(), bytes.NewReader(file), int64(len(file)), func(read, of int64) {
		if read < last {
			t.Errorf("progress went back from %d to %d", last, read)
		}
		last, total = read, of
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total != 2*int64(len(file)) {
		t.Errorf("ended at %d of %d", last, total)
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	file := town().file()
	if _, _, err := osm.Import(ctx, bytes.NewReader(file), int64(len(file)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestRestrictions drives a car through a crossing of four roads, west to east
// and south to north, that meet at node 5.
func TestRestrictions(t *testing.T) {
	t.Parallel()
	cross := func(relation ...pbfRelation) []byte {
		return (&pbf{
			nodes: []pbfNode{
				{id: 5, lon: 1, lat: 1}, {id: 1, lon: 0.999, lat: 1}, {id: 2, lon: 1.001, lat: 1},
				{id: 3, lon: 1, lat: 0.999}, {id: 4, lon: 1, lat: 1.001},
			},
			ways: []pbfWay{
				{id: 11, refs: []int64{1, 5}, tags: []string{"highway", "residential", "name", "west"}},
				{id: 12, refs: []int64{5, 2}, tags: []string{"highway", "residential", "name", "east"}},
				{id: 13, refs: []int64{3, 5}, tags: []string{"highway", "residential", "name", "south"}},
				{id: 14, refs: []int64{4, 5}, tags: []string{"highway", "residential", "name", "north"}},
			},
			relations: relation,
		}).file()
	}
	rule := func(tags ...string) pbfRelation {
		return pbfRelation{id: 1, tags: append([]string{"type", "restriction"}, tags...),
			members: []pbfMember{{1, 11, "from"}, {0, 5, "via"}, {1, 14, "to"}}}
	}
	for _, c := range []struct {
		name      string
		relations []pbfRelation
		bound     []string // modes that feel it
		only      bool
		unclear   int
	}{
		{"no left turn", []pbfRelation{rule("restriction", "no_left_turn")}, []string{"ebike", "car"}, false, 0},
		{"except cycles", []pbfRelation{rule("restriction", "no_left_turn", "except", "psv;bicycle")}, []string{"car"}, false, 0},
		{"cars only", []pbfRelation{rule("restriction:motorcar", "no_left_turn")}, []string{"car"}, false, 0},
		{"lorries only", []pbfRelation{rule("restriction:hgv", "no_left_turn")}, nil, false, 0},
		{"at some hours", []pbfRelation{rule("restriction:conditional", "no_left_turn @ (07:00-09:00)")}, nil, false, 0},
		{"only left", []pbfRelation{rule("restriction", "only_left_turn")}, []string{"ebike", "car"}, true, 0},
		{"without to", []pbfRelation{{id: 1, tags: []string{"type", "restriction", "restriction", "no_left_turn"},
			members: []pbfMember{{1, 11, "from"}, {0, 5, "via"}}}}, nil, false, 1},
		{"via elsewhere", []pbfRelation{{id: 1, tags: []string{"type", "restriction", "restriction", "no_left_turn"},
			members: []pbfMember{{1, 11, "from"}, {0, 4, "via"}, {1, 14, "to"}}}}, nil, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			survey, stats := read(t, cross(c.relations...))
			if stats.RestrictionsUnclear != c.unclear {
				t.Errorf("%d unclear restrictions, want %d", stats.RestrictionsUnclear, c.unclear)
			}
			if len(c.bound) == 0 {
				if len(survey.Restrictions) != 0 {
					t.Errorf("restrictions %+v", survey.Restrictions)
				}
				return
			}
			if len(survey.Restrictions) != 1 {
				t.Fatalf("restrictions %+v", survey.Restrictions)
			}
			r := survey.Restrictions[0]
			if !slices.Equal(r.Modes.Strings(), c.bound) || r.Only != c.only ||
				survey.Ways[r.From].Name != "west" || survey.Ways[r.To].Name != "north" {
				t.Errorf("restriction %+v", r)
			}
		})
	}
}
