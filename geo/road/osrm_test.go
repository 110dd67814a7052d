package road_test

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

func init() { road.LoadExtract = load }

// load builds the network of an extract of the real test data.
func load(t testing.TB, extract string) *road.Network {
	t.Helper()
	path := geotest.Data(t, "osm/"+extract+".osm.pbf")
	begin := time.Now()
	survey, stats, err := osm.ImportFile(context.Background(), path, nil)
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

var allTrips = flag.Bool("osrm.all", false, "compare with all trips OSRM was asked for, not with each fourth")

// TestOSRM prints how our durations and distances compare with what OSRM answers
// for the same trips. Walks to and from the road are left out, as OSRM does.
func TestOSRM(t *testing.T) {
	t.Parallel()
	for _, extract := range []string{"liechtenstein", "porto"} {
		network := load(t, extract)
		for _, c := range []struct {
			mode    road.Mode
			profile string
		}{{road.Car, "car"}, {road.EBike, "bicycle"}, {road.Foot, "foot"}} {
			trips := readTrips(t, geotest.Data(t, fmt.Sprintf("osrm/%s-%s.csv", extract, c.profile)))
			var durations, distances []float64
			unreachable, count := 0, 0
			if !*allTrips {
				trips = slices.DeleteFunc(trips, func(trip) bool { count++; return count%4 != 0 })
			}
			for _, trip := range trips {
				r, err := network.Route(context.Background(), c.mode, trip.from, trip.to)
				if err != nil {
					t.Fatal(err)
				}
				if !r.Reachable {
					unreachable++
					continue
				}
				walk := r.SnapFromM + r.SnapToM
				durations = append(durations, (r.DurationS-walk/(5/3.6))/trip.durationS)
				distances = append(distances, (r.DistanceM-walk)/trip.distanceM)
			}
			slices.Sort(durations)
			slices.Sort(distances)
			at := func(v []float64, q float64) float64 { return v[int(q*float64(len(v)-1))] }
			t.Logf("%-14s %-8s trips %d unreachable %d  duration p5 %.3f median %.3f p95 %.3f  distance p5 %.3f median %.3f p95 %.3f",
				extract, c.profile, len(trips), unreachable,
				at(durations, .05), at(durations, .5), at(durations, .95), at(distances, .05), at(distances, .5), at(distances, .95))
			if m := at(distances, .5); math.Abs(m-1) > 0.1 {
				t.Errorf("%s %s: the median distance is %.3f of OSRM's", extract, c.profile, m)
			}
			// An e-bike is meant to be faster than OSRM's bicycle.
			if m := at(durations, .5); c.mode != road.EBike && math.Abs(m-1) > 0.1 {
				t.Errorf("%s %s: the median duration is %.3f of OSRM's", extract, c.profile, m)
			}
			if unreachable > len(trips)/50 {
				t.Errorf("%s %s: %d trips have no way", extract, c.profile, unreachable)
			}
		}
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
