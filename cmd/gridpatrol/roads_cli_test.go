package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// lattice is a town of crossing streets, with an island beside it.
func lattice(t *testing.T) *road.Network {
	t.Helper()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.0018*y} }
	lines := []road.Line{{Class: road.Residential, Name: "孤岛", Points: []geo.Point{at(20, 20), at(21, 20)}}}
	for i := range 6 {
		across, along := road.Line{Class: road.Residential, Name: "横街"}, road.Line{Class: road.Residential, Name: "直街"}
		for k := range 6 {
			across.Points = append(across.Points, at(float64(k), float64(i)))
			along.Points = append(along.Points, at(float64(i), float64(k)))
		}
		lines = append(lines, across, along)
	}
	n, err := road.FromLines(t.Context(), lines, "lattice")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRoadsBenchComparesEveryAnswer(t *testing.T) {
	t.Parallel()
	c := roadsBenchCmd{Patrols: 20, Rounds: 3, Seed: 5}
	first, err := benchOf(t.Context(), lattice(t), road.Car, c)
	if err != nil {
		t.Fatal(err)
	}
	if first.Wrong != 0 || first.Verified != 3*(20+20+1) || len(first.Figures) != 5 || len(first.Checksum) != 16 {
		t.Errorf("%+v", first)
	}
	again, err := benchOf(t.Context(), lattice(t), road.Car, c)
	if err != nil || again.Checksum != first.Checksum {
		t.Errorf("the same places give %s, then %s (%v)", first.Checksum, again.Checksum, err)
	}
	c.Seed++
	if other, err := benchOf(t.Context(), lattice(t), road.Car, c); err != nil || other.Checksum == first.Checksum {
		t.Errorf("other places give the same answers (%v)", err)
	}
}

func TestRoadsCheckTellsWhatToDo(t *testing.T) {
	t.Parallel()
	n := lattice(t)
	h, err := n.Health(t.Context(), road.Car)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f := roadsFaults{Version: 3, Source: "lattice", Stats: n.Stats(), Modes: map[string]road.Health{"car": h},
		Grids: map[string][]strandGrid{"car": {{Code: "G-1", Name: "海岛网格"}}}}
	if err := f.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"version 3 from lattice is sound", "car: 1 islands", "孤岛", "connect it with the rest", "G-1 海岛网格", "check that the file covers the grid"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing of %q in:\n%s", want, out.String())
		}
	}
}

func TestRoadsRouteIsToldStreetByStreet(t *testing.T) {
	t.Parallel()
	way, err := lattice(t).Route(t.Context(), road.Car, geo.Point{Lon: 121.381, Lat: 28.58}, geo.Point{Lon: 121.384, Lat: 28.5827})
	if err != nil {
		t.Fatal(err)
	}
	for chinese, want := range map[bool]string{true: "左转，进入直街", false: "left onto 直街"} {
		var out bytes.Buffer
		if err := printRoute(&out, way, road.Car, chinese); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("nothing of %q in:\n%s", want, out.String())
		}
	}
}

func TestOutsideServersAreCheckedBeforeTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config outsideConfig
		says   string
	}{
		"no mode":       {outsideConfig{OSRM: map[string]string{"boat": "http://h:1"}, Timeout: 1e9}, "boat"},
		"no address":    {outsideConfig{OSRM: map[string]string{"car": "h:5000"}, Timeout: 1e9}, "no address"},
		"both":          {outsideConfig{OSRM: map[string]string{"car": "http://h:1"}, Valhalla: "http://h:2", Timeout: 1e9}, "one of them"},
		"for ever":      {outsideConfig{Valhalla: "http://h:2", Timeout: 1e13}, "not within"},
		"a bad address": {outsideConfig{Valhalla: "ftp://h", Timeout: 1e9}, "no address"},
	} {
		faults := c.config.faults()
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), c.says) {
			t.Errorf("%s: %v", name, faults)
		}
	}
	own := &road.Switch{}
	if (outsideConfig{}).ways(own, nil) != own {
		t.Error("without a server, something stands before the own engine")
	}
	for _, c := range []outsideConfig{{Valhalla: "http://h:2", Timeout: 1e9}, {OSRM: map[string]string{"car": "http://h:1"}, Timeout: 1e9}} {
		if len(c.faults()) != 0 || c.ways(own, nil) == own {
			t.Errorf("%+v is not used: %v", c, c.faults())
		}
	}
}

// The two commands that import a file do the same with it, profiles included.
func TestTheTwoImportsOfAFileAreOne(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "town.osm.pbf")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--profiles", "none"}, {"--profiles", "osrm-car,sweeper.yaml", "--dry-run", "--json"}} {
		var one, other commands
		for words, c := range map[string]*commands{"import roads": &one, "roads import": &other} {
			parser, err := kong.New(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(append(append(strings.Fields(words), file), flags...)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := other.Roads.Import.file(), one.Import.Roads; len(want.Profiles) == 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("with %v: %+v, not %+v", flags, got, want)
		}
	}
}
