package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

// profiles holds the profiles that follow OSRM's rules against what OSRM answered for
// the same trips, where trips on this extract are recorded beside it.
func (b *roadBench) profiles(path string) error {
	extract, _, _ := strings.Cut(filepath.Base(path), ".")
	trips := filepath.Join(filepath.Dir(path), "..", "osrm", extract+"-")
	var all osm.Profiles
	for _, kind := range []string{"foot", "bicycle", "car"} {
		p, err := profile.Shipped("osrm-" + kind)
		if err != nil {
			return err
		}
		all[p.Slot()] = p
		if _, err := os.Stat(trips + kind + ".csv"); err != nil {
			fmt.Printf("no trips of OSRM on %s are recorded\n", extract)
			return nil
		}
	}
	survey, _, err := osm.ImportFileFor(b.ctx, path, all, nil)
	if err != nil {
		return err
	}
	net, err := road.Build(b.ctx, survey, extract)
	if err != nil {
		return err
	}
	router, err := road.Prepare(b.ctx, net)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := b.profile(router, p, trips+strings.TrimPrefix(p.Name, "osrm-")+".csv"); err != nil {
			return err
		}
	}
	return nil
}

func (b *roadBench) profile(router *road.Router, p *profile.Profile, file string) error {
	trips, err := readTrips(file)
	if err != nil {
		return err
	}
	var durations, distances []float64
	for _, t := range trips {
		way, err := router.Route(b.ctx, p.Slot(), geo.Point{Lon: t[0], Lat: t[1]}, geo.Point{Lon: t[2], Lat: t[3]})
		if err != nil {
			return err
		}
		if !way.Reachable {
			continue
		}
		// OSRM leaves the walks out.
		walkM := way.SnapFromM + way.SnapToM
		durations = append(durations, (way.DurationS-walkM/(5/3.6))/t[4])
		distances = append(distances, (way.DistanceM-walkM)/t[5])
	}
	if len(durations) == 0 {
		return fmt.Errorf("%s: none of its trips has a way on these roads; are they of another place?", file)
	}
	slices.Sort(durations)
	slices.Sort(distances)
	off := func(q float64) float64 { // in per cent, the worse of the two
		i := int(q * float64(len(durations)-1))
		return 100 * math.Max(math.Abs(durations[i]-1), math.Abs(distances[i]-1))
	}
	peer, source := recorded(0)
	b.add(figure{Name: p.Name + ": durations and distances off OSRM's, median", Value: off(0.5), Unit: "%", Bar: bar(1), Peer: peer, PeerSource: source, Runs: len(durations)})
	b.add(figure{Name: p.Name + ": the same, p5 and p95", Value: math.Max(off(0.05), off(0.95)), Unit: "%", Bar: bar(10), Peer: peer, PeerSource: source, Runs: len(durations)})
	return nil
}

// readTrips reads recorded trips, the columns in the order of the header it asks for.
func readTrips(file string) ([][6]float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	const columns = "from_lon,from_lat,to_lon,to_lat,duration_s,distance_m"
	if len(rows) < 2 || len(rows[0]) < 6 {
		return nil, fmt.Errorf("read %s: it holds no trips; give a line for each below the header %s", file, columns)
	}
	var trips [][6]float64
	for i, row := range rows[1:] {
		var t [6]float64
		for k := range t {
			if t[k], err = strconv.ParseFloat(row[k], 64); err != nil {
				return nil, fmt.Errorf("read %s: line %d: %w", file, i+2, err)
			}
		}
		trips = append(trips, t)
	}
	return trips, nil
}
