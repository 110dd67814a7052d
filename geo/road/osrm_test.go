package road_test

import (
	"context"
	"encoding/csv"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

func init() {
	road.LoadExtract = func(t testing.TB, extract string) *road.Network { return load(t, extract) }
}

// load builds the network of an extract of the real test data, for the named profiles
// or those of dispatch.
func load(t testing.TB, extract string, names ...string) *road.Network {
	t.Helper()
	if names == nil {
		names = profile.Dispatch[:]
	}
	var profiles osm.Profiles
	for _, name := range names {
		p, err := profile.Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		profiles[p.Slot()] = p
	}
	path := geotest.Data(t, "osm/"+extract+".osm.pbf")
	begin := time.Now()
	survey, stats, err := osm.ImportFileFor(context.Background(), path, profiles, nil)
	if err != nil {
		t.Fatal(err)
	}
	read := time.Since(begin)
	network, err := road.Build(context.Background(), survey, extract)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: read %v, built %v, %+v", extract, read.Round(time.Millisecond), (time.Since(begin) - read).Round(time.Millisecond), stats)
	return network
}

var allTrips = flag.Bool("osrm.all", false, "print every trip that is more than a tenth off OSRM's")

// TestOSRM compares the profiles that follow OSRM's rules with what OSRM 6.0 answered
// for the same trips. Walks to and from the road are left out, as OSRM does.
func TestOSRM(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(geotest.Data(t, "osrm/porto-car.csv"))
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	routers := map[string]*road.Router{}
	for _, file := range files {
		extract, kind, ok := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".csv"), "-")
		p, err := profile.Shipped("osrm-" + kind)
		if !ok || err != nil {
			t.Errorf("%s is not named extract-profile.csv: %v", file, err)
			continue
		}
		router := routers[extract]
		if router == nil {
			if router, err = road.Prepare(context.Background(), load(t, extract, "osrm-foot", "osrm-bicycle", "osrm-car")); err != nil {
				t.Fatal(err)
			}
			routers[extract] = router
		}
		t.Run(extract+" "+p.Name, func(t *testing.T) {
			compareTrips(t, router, p.Slot(), readTrips(t, file))
		})
	}
}

func compareTrips(t *testing.T, router *road.Router, mode road.Mode, trips []trip) {
	t.Helper()
	var durations, distances []float64
	unreachable := 0
	for _, trip := range trips {
		r, err := router.Route(context.Background(), mode, trip.from, trip.to)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Reachable {
			unreachable++
			continue
		}
		walk := r.SnapFromM + r.SnapToM
		duration, distance := (r.DurationS-walk/(5/3.6))/trip.durationS, (r.DistanceM-walk)/trip.distanceM
		durations, distances = append(durations, duration), append(distances, distance)
		if *allTrips && math.Abs(duration-1) > 0.1 {
			t.Logf("%.6f,%.6f to %.6f,%.6f: %.3f of the time, %.3f of the way; OSRM %.0f s %.0f m", trip.from.Lon, trip.from.Lat,
				trip.to.Lon, trip.to.Lat, duration, distance, trip.durationS, trip.distanceM)
		}
	}
	slices.Sort(durations)
	slices.Sort(distances)
	at := func(v []float64, q float64) float64 { return v[int(q*float64(len(v)-1))] }
	t.Logf("%d trips, %d without a way; duration p5 %.3f median %.3f p95 %.3f, distance p5 %.3f median %.3f p95 %.3f", len(trips), unreachable,
		at(durations, .05), at(durations, .5), at(durations, .95), at(distances, .05), at(distances, .5), at(distances, .95))
	for what, v := range map[string][]float64{"durations": durations, "distances": distances} {
		if m := at(v, .5); math.Abs(m-1) > 0.01 {
			t.Errorf("the median of %s is %.3f of OSRM's", what, m)
		}
		if at(v, .05) < 0.9 || at(v, .95) > 1.1 {
			t.Errorf("%s are %.3f to %.3f of OSRM's (p5 to p95)", what, at(v, .05), at(v, .95))
		}
	}
	if unreachable > len(trips)/50 {
		t.Errorf("%d trips have no way", unreachable)
	}
}

type trip struct {
	from, to             geo.Point
	durationS, distanceM float64
}

func readTrips(t testing.TB, path string) []trip {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var trips []trip
	for _, row := range rows[1:] {
		var v [6]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		trips = append(trips, trip{geo.Point{Lon: v[0], Lat: v[1]}, geo.Point{Lon: v[2], Lat: v[3]}, v[4], v[5]})
	}
	return trips
}

func TestEveryExtractBecomesANetwork(t *testing.T) {
	t.Parallel()
	for _, extract := range []string{"columbus", "hamburg-ferry", "heidelberg", "liechtenstein", "monaco", "porto"} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			n := load(t, extract)
			stats := n.Stats()
			for name, m := range stats.Modes {
				t.Logf("%s: %+v", name, m)
				if m.Arcs == 0 || m.Turns < m.Arcs/2 {
					t.Errorf("%s: %+v", name, m)
				}
			}
		})
	}
}
