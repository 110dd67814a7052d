package osm_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

// A restriction via a way binds the ways of the survey, in their order, also where
// the file numbers everything below nought, as editors do before an upload.
func TestRestrictionViaAWayAndNegativeNumbers(t *testing.T) {
	t.Parallel()
	for _, sign := range []int64{1, -1} {
		for _, dense := range []bool{true, false} {
			file := (&pbf{
				dense: dense,
				nodes: []pbfNode{
					{id: 1 * sign, lon: 1, lat: 1}, {id: 2 * sign, lon: 1.001, lat: 1}, {id: 3 * sign, lon: 1.001, lat: 1.0002},
					{id: 4 * sign, lon: 1, lat: 1.0002}, {id: 5 * sign, lon: 1.002, lat: 1}, {id: 6 * sign, lon: 1.002, lat: 1.0002},
				},
				ways: []pbfWay{
					{id: 11 * sign, refs: []int64{1 * sign, 2 * sign}, tags: []string{"highway", "residential", "name", "there"}},
					{id: 12 * sign, refs: []int64{2 * sign, 3 * sign}, tags: []string{"highway", "residential", "name", "link"}},
					{id: 13 * sign, refs: []int64{3 * sign, 4 * sign}, tags: []string{"highway", "residential", "name", "back"}},
					{id: 14 * sign, refs: []int64{2 * sign, 5 * sign, 6 * sign, 3 * sign}, tags: []string{"highway", "residential", "name", "round"}},
				},
				relations: []pbfRelation{{id: 1 * sign, tags: []string{"type", "restriction", "restriction", "no_u_turn"},
					members: []pbfMember{{1, 11 * sign, "from"}, {1, 12 * sign, "via"}, {1, 13 * sign, "to"}}}},
			}).file()
			survey, stats := read(t, file)
			if stats.Restrictions != 1 || len(survey.Restrictions) != 1 || stats.NodesMissing != 0 {
				t.Fatalf("numbers of sign %d: %+v", sign, stats)
			}
			r := survey.Restrictions[0]
			if survey.Ways[r.From].Name != "there" || len(r.Vias) != 1 || survey.Ways[r.Vias[0]].Name != "link" || survey.Ways[r.To].Name != "back" {
				t.Errorf("restriction %+v", r)
			}
			if got := survey.Ways[r.From].Origin; got != 11*sign {
				t.Errorf("way %d is number %d", 11*sign, got)
			}
			network, err := road.Build(t.Context(), survey, "u-turn")
			if err != nil {
				t.Fatal(err)
			}
			from, to := geo.Point{Lon: 1.0002, Lat: 1}, geo.Point{Lon: 1.0002, Lat: 1.0002}
			car, err := network.Route(t.Context(), road.Car, from, to)
			if err != nil {
				t.Fatal(err)
			}
			foot, err := network.Route(t.Context(), road.Foot, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if car.DistanceM < foot.DistanceM+150 {
				t.Errorf("by car %.0f m, on foot %.0f m: nobody drove round", car.DistanceM, foot.DistanceM)
			}
		}
	}
}

func TestNoTurnOnRedForbidsNoTurn(t *testing.T) {
	t.Parallel()
	file := (&pbf{
		nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}, {id: 3, lon: 1.001, lat: 1.001}},
		ways: []pbfWay{{id: 1, refs: []int64{1, 2}, tags: []string{"highway", "residential"}},
			{id: 2, refs: []int64{2, 3}, tags: []string{"highway", "residential"}}},
		relations: []pbfRelation{{id: 1, tags: []string{"type", "restriction", "restriction", "no_right_turn_on_red"},
			members: []pbfMember{{1, 1, "from"}, {0, 2, "via"}, {1, 2, "to"}}}},
	}).file()
	if survey, _ := read(t, file); len(survey.Restrictions) != 0 {
		t.Errorf("%+v", survey.Restrictions)
	}
}

// forOSRM are the profiles that follow OSRM's rules.
func forOSRM(t *testing.T) osm.Profiles {
	t.Helper()
	var profiles osm.Profiles
	for m, name := range [road.Modes]string{"osrm-foot", "osrm-bicycle", "osrm-car"} {
		p, err := profile.Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		profiles[m] = p
	}
	return profiles
}

// TestTagsForOSRM reads one way per row for the profiles that follow OSRM's rules, each
// row a rule in which they differ from dispatch's. Speeds are km/h along and against,
// 0 for shut.
func TestTagsForOSRM(t *testing.T) {
	t.Parallel()
	profiles := forOSRM(t)
	both := func(kmh float64) [2]float64 { return [2]float64{kmh, kmh} }
	no := both(0)
	for name, c := range map[string]struct {
		tags               []string
		foot, bicycle, car [2]float64
		ends               []string
	}{
		"residential":                   {[]string{"highway", "residential"}, both(5), both(15), both(25), nil},
		"a one-way street":              {[]string{"highway", "residential", "oneway", "yes"}, both(5), [2]float64{15, 4}, [2]float64{25, 0}, nil},
		"a one-way street backward":     {[]string{"highway", "residential", "oneway", "-1"}, both(5), [2]float64{4, 15}, [2]float64{0, 25}, nil},
		"a roundabout":                  {[]string{"highway", "tertiary", "junction", "roundabout"}, both(5), [2]float64{15, 0}, [2]float64{40, 0}, nil},
		"a contraflow lane":             {[]string{"highway", "residential", "oneway", "yes", "cycleway", "opposite_lane"}, both(5), both(15), [2]float64{25, 0}, nil},
		"one way, not for cycles":       {[]string{"highway", "residential", "oneway", "yes", "oneway:bicycle", "no"}, both(5), both(15), [2]float64{25, 0}, nil},
		"a lane on a path":              {[]string{"highway", "path", "cycleway:right", "lane"}, both(5), [2]float64{15, 13}, no, nil},
		"a footway":                     {[]string{"highway", "footway"}, both(5), both(4), no, nil},
		"a footway for cycles":          {[]string{"highway", "footway", "bicycle", "designated"}, both(5), both(15), no, nil},
		"a footway nobody walks":        {[]string{"highway", "footway", "foot", "no"}, no, no, no, nil},
		"steps":                         {[]string{"highway", "steps"}, both(5), both(2), no, nil},
		"dismount":                      {[]string{"highway", "residential", "bicycle", "dismount"}, both(5), both(4), both(25), nil},
		"use the path beside":           {[]string{"highway", "secondary", "bicycle", "use_sidepath"}, both(5), no, both(55), nil},
		"a trunk road":                  {[]string{"highway", "trunk"}, no, no, both(85), nil},
		"a private drive":               {[]string{"highway", "service", "access", "private"}, no, no, both(15), []string{"car"}},
		"a private track":               {[]string{"highway", "track", "access", "private"}, no, no, no, nil},
		"a track with permission":       {[]string{"highway", "track", "motor_vehicle", "yes", "tracktype", "grade5"}, both(5), both(12), both(10), nil},
		"open to all":                   {[]string{"highway", "path", "access", "yes"}, both(5), both(13), both(10), nil},
		"a word nobody knows":           {[]string{"highway", "path", "motor_vehicle", "sometimes"}, both(5), both(13), both(10), nil},
		"a limit":                       {[]string{"highway", "primary", "maxspeed", "50"}, both(5), both(15), both(40), nil},
		"a limit below a cycle's speed": {[]string{"highway", "residential", "maxspeed", "10"}, both(5), both(10), both(8), nil},
		"a limit of a country":          {[]string{"highway", "primary", "maxspeed", "CH:rural"}, both(5), both(15), both(64), nil},
		"a limit nobody can read":       {[]string{"highway", "primary", "maxspeed:advisory", "slow", "maxspeed", "50"}, both(5), both(15), both(65), nil},
		"gravel":                        {[]string{"highway", "residential", "surface", "gravel"}, both(3.75), both(6), both(25), nil},
		"mud":                           {[]string{"highway", "primary", "surface", "mud"}, both(2.5), both(3), both(10), nil},
		"rough":                         {[]string{"highway", "primary", "smoothness", "very_bad"}, both(5), both(15), both(20), nil},
		"nothing gets through":          {[]string{"highway", "primary", "smoothness", "impassable"}, both(5), both(15), no, nil},
		"narrow":                        {[]string{"highway", "residential", "width", "1.9"}, both(5), both(15), no, nil},
		"low for one side":              {[]string{"highway", "residential", "maxheight:forward", "1.8"}, both(5), both(15), [2]float64{0, 25}, nil},
		"short":                         {[]string{"highway", "residential", "maxlength", "4"}, both(5), both(15), no, nil},
		"weak":                          {[]string{"highway", "residential", "maxweight", "1.5"}, both(5), both(15), no, nil},
		"changes by the hour":           {[]string{"highway", "residential", "oneway", "reversible"}, both(5), both(15), no, nil},
		"an area":                       {[]string{"highway", "service", "area", "yes"}, both(5), both(15), no, nil},
		"planned":                       {[]string{"highway", "residential", "proposed", "yes"}, no, no, no, nil},
		"being widened":                 {[]string{"highway", "residential", "construction", "widening"}, both(5), both(15), both(25), nil},
		"being built":                   {[]string{"highway", "residential", "construction", "yes"}, both(5), no, no, nil},
		"for the ambulance":             {[]string{"highway", "service", "service", "emergency_access"}, both(5), both(15), no, nil},
		"a car park":                    {[]string{"amenity", "parking"}, both(5), both(10), no, nil},
		"a bridge that swings":          {[]string{"highway", "secondary", "bridge", "movable"}, both(5), both(5), both(5), nil},
		"a ferry":                       {[]string{"route", "ferry"}, both(5), both(5), both(5), nil},
		"a train for cars":              {[]string{"route", "shuttle_train"}, no, no, both(10), nil},
		"one way on foot":               {[]string{"highway", "footway", "oneway:foot", "yes"}, [2]float64{5, 0}, both(4), no, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := (&pbf{
				nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1}, {id: 3, lon: 1, lat: 1.001}},
				ways: []pbfWay{{id: 1, refs: []int64{1, 2}, tags: c.tags},
					{id: 2, refs: []int64{1, 3}, tags: []string{"highway", "residential", "name", "other"}}},
			}).file()
			survey, _, err := osm.ImportFor(t.Context(), bytes.NewReader(file), int64(len(file)), profiles, nil)
			if err != nil {
				t.Fatal(err)
			}
			var way road.Way
			if len(survey.Ways) == 2 {
				way = survey.Ways[0]
			}
			for m, want := range [road.Modes][2]float64{c.foot, c.bicycle, c.car} {
				got := way.Travel[m]
				if math.Abs(float64(got.ForwardMS)*3.6-want[0]) > 0.01 || math.Abs(float64(got.BackwardMS)*3.6-want[1]) > 0.01 {
					t.Errorf("%s: %.2f and %.2f km/h, want %v", profiles[m].Name, got.ForwardMS*3.6, got.BackwardMS*3.6, want)
				}
			}
			if got := way.EndsOnly.Strings(); !slices.Equal(got, c.ends) && len(got)+len(c.ends) > 0 {
				t.Errorf("ends only for %v, want %v", got, c.ends)
			}
		})
	}
}

// TestGatesForOSRM is where the OSRM profiles differ from dispatch's at a barrier.
func TestGatesForOSRM(t *testing.T) {
	t.Parallel()
	profiles := forOSRM(t)
	for name, c := range map[string]struct {
		tags   []string
		closed []string
		delayS [road.Modes]float32
	}{
		"a gate":                {[]string{"barrier", "gate"}, nil, [road.Modes]float32{}},
		"a swing gate":          {[]string{"barrier", "swing_gate"}, []string{"car"}, [road.Modes]float32{}},
		"a stile":               {[]string{"barrier", "stile"}, []string{"car"}, [road.Modes]float32{}},
		"a fence that sounds":   {[]string{"barrier", "fence", "sensory", "audible"}, []string{"foot", "ebike", "car"}, [road.Modes]float32{}},
		"a private gate":        {[]string{"barrier", "gate", "access", "private"}, []string{"foot", "ebike"}, [road.Modes]float32{}},
		"a bollard, and a word": {[]string{"barrier", "bollard", "access", "sometimes"}, nil, [road.Modes]float32{}},
		"a crossing on foot":    {[]string{"highway", "crossing", "access", "no", "foot", "yes"}, []string{"car"}, [road.Modes]float32{}},
		"signals":               {[]string{"highway", "traffic_signals"}, nil, [road.Modes]float32{2, 2, 2}},
		"a stop":                {[]string{"highway", "stop"}, nil, [road.Modes]float32{0, 0, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := (&pbf{
				nodes: []pbfNode{{id: 1, lon: 1, lat: 1}, {id: 2, lon: 1.001, lat: 1, tags: c.tags}, {id: 3, lon: 1.002, lat: 1}},
				ways:  []pbfWay{{id: 1, refs: []int64{1, 2, 3}, tags: []string{"highway", "residential"}}},
			}).file()
			survey, _, err := osm.ImportFor(t.Context(), bytes.NewReader(file), int64(len(file)), profiles, nil)
			if err != nil {
				t.Fatal(err)
			}
			gate := survey.Gates[1]
			if got := gate.Closed.Strings(); !slices.Equal(got, c.closed) && len(got)+len(c.closed) > 0 || gate.DelayS != c.delayS {
				t.Errorf("closed to %v, want %v; delays %v, want %v", got, c.closed, gate.DelayS, c.delayS)
			}
		})
	}
}
