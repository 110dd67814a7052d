package main

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

// roadPatrol is a patrol somewhere, and how the oracle gets about from there.
type roadPatrol struct {
	code  string
	mode  int
	at    [2]float64
	reach *reached
}

// readPatrols answers the patrols of the tour that can be called, by department.
func readPatrols(t *testing.T) map[string][]roadPatrol {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "docs", "tour", "liechtenstein", "staff.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	modes := map[string]int{"foot": 0, "ebike": 1, "car": 2}
	all := map[string][]roadPatrol{}
	for _, row := range rows[1:] {
		if row[column["role"]] == "officer" {
			department := row[column["department"]]
			all[department] = append(all[department], roadPatrol{code: row[column["patrol_code"]], mode: modes[row[column["patrol_mode"]]]})
		}
	}
	return all
}

// The patrol that is soonest by road is the soonest by a separate reading of the
// same file, with rules, graph and search written anew.
func TestLiechtensteinRoads(t *testing.T) {
	t.Parallel()
	path := geotest.Data(t, "osm/liechtenstein.osm.pbf")
	communes := readCommunes(t, geotest.Data(t, "liechtenstein-communes.geojson"))
	survey, _, err := osm.ImportFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	network, err := road.Build(t.Context(), survey, "liechtenstein")
	if err != nil {
		t.Fatal(err)
	}
	oracle := layRoads(readWayFile(t, path))

	chance := rand.New(rand.NewPCG(3, 4))
	somewhere := func() [2]float64 {
		for {
			p := [2]float64{9.47 + 0.17*chance.Float64(), 47.04 + 0.24*chance.Float64()}
			in := func(c commune) bool { return c.holds(p) }
			if slices.ContainsFunc(communes, in) && oracle.modes[0].meet(p).walkM < 300 {
				return p
			}
		}
	}
	departments := readPatrols(t)
	names := []string{"police", "market", "environment"}
	var from [3][]geo.Point // all patrols of a mode, by department and in order
	for _, name := range names {
		patrols := departments[name]
		if len(patrols) != 12 {
			t.Fatalf("%s has %d patrols", name, len(patrols))
		}
		for i := range patrols {
			patrols[i].at = somewhere()
			patrols[i].reach = oracle.modes[patrols[i].mode].spread(patrols[i].at)
			from[patrols[i].mode] = append(from[patrols[i].mode], geo.Point{Lon: patrols[i].at[0], Lat: patrols[i].at[1]})
		}
	}

	const points = 1000
	asked, exact, close, ties, pairs, closePairs := 0, 0, 0, 0, 0, 0
	worst := 0.0
	won := [3]int{}
	for range points {
		p := somewhere()
		var goals [3]meeting
		var times [3][]road.Time
		for mode, engine := range [3]road.Mode{road.Foot, road.EBike, road.Car} {
			goals[mode] = oracle.modes[mode].meet(p)
			if times[mode], err = network.ManyToOne(t.Context(), engine, from[mode], geo.Point{Lon: p[0], Lat: p[1]}); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			patrols := departments[name]
			got, want := make([]float64, len(patrols)), make([]float64, len(patrols))
			for i, patrol := range patrols {
				want[i] = patrol.reach.to(oracle.modes[patrol.mode], p, goals[patrol.mode])
				got[i] = math.Inf(1)
				if told := times[patrol.mode][0]; told.Reachable {
					got[i] = told.DurationS
				}
				times[patrol.mode] = times[patrol.mode][1:]
			}
			first, right := 0, 0
			for i := range patrols {
				if got[i] < got[first] {
					first = i
				}
				if want[i] < want[right] {
					right = i
				}
			}
			asked++
			near := 0
			for i := range patrols {
				pairs++
				if off := math.Abs(got[i] - want[i]); got[i] == want[i] {
					closePairs++
				} else if off <= min(max(2, want[i]/100), math.MaxFloat64) {
					closePairs++
					worst = max(worst, off)
				} else if pairs-closePairs <= 20 {
					t.Logf("%s to %.7f,%.7f: %.1f s, the oracle says %.1f s", patrols[i].code, p[0], p[1], got[i], want[i])
				}
				if want[i] <= want[right]+max(1, want[right]/200) {
					near++
				}
			}
			if near > 1 {
				ties++
			}
			if first == right {
				exact++
			}
			won[patrols[right].mode]++
			if want[first] > want[right]+max(1, want[right]/200) {
				t.Errorf("%s to %.7f,%.7f: %s in %.1f s (oracle %.1f s), the oracle says %s in %.1f s (product %.1f s)", name, p[0], p[1],
					patrols[first].code, got[first], want[first], patrols[right].code, want[right], got[right])
			}
			if math.Abs(got[first]-want[first]) <= max(2, want[first]/100) {
				close++
			} else {
				t.Logf("%s to %.7f,%.7f: %s in %.1f s, the oracle says %.1f s", name, p[0], p[1], patrols[first].code, got[first], want[first])
			}
		}
	}
	t.Logf("%d points, %d choices: %d the same patrol, %d within a tie; %d durations of the chosen close; %d of %d pairs close, %.2f s apart at most; won on foot, by e-bike, by car: %v",
		points, asked, exact, ties, close, closePairs, pairs, worst, won)
	if 100*exact < 97*asked || 100*close < 99*asked || closePairs < pairs {
		t.Error("the product and the oracle are too far apart")
	}
	if won[0] == 0 || won[1] == 0 || won[2] == 0 {
		t.Error("the points are too poor")
	}
}
