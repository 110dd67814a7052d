package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

func readRoads(t *testing.T, name, content string) (roadsResult, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &Env{Stderr: io.Discard, Log: slog.New(slog.DiscardHandler)}
	result := roadsResult{Refused: []*feature.Refusal{}}
	network, err := importRoadsCmd{File: path}.read(t.Context(), env, &result)
	if err == nil {
		result.Stats = network.Stats()
		result.Changes = []roadsChange{{What: "roads", To: network.Source()}}
	}
	return result, err
}

func TestImportOfDrawnRoadsNamesTheBadOnes(t *testing.T) {
	t.Parallel()
	result, err := readRoads(t, "roads.geojson", `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"highway":"residential"},"geometry":{"type":"LineString","coordinates":[[121.38,28.58],[121.39,28.58]]}},
{"type":"Feature","properties":{"highway":"runway"},"geometry":{"type":"LineString","coordinates":[[121.38,28.58],[121.39,28.59]]}}
]}`)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := result.print(&out, true, true); err != nil {
		t.Fatal(err)
	}
	var told struct {
		Accepted int
		Refused  []struct {
			Line         int
			Column, Code string
		}
		Changes []struct{ To string }
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	if told.Accepted != 1 || len(told.Refused) != 1 || told.Refused[0].Line != 3 || told.Refused[0].Column != "highway" ||
		told.Refused[0].Code != "class" || len(told.Changes) != 1 || told.Changes[0].To != "roads.geojson" {
		t.Errorf("printed %s", out.String())
	}
	out.Reset()
	if err := result.print(&out, false, true); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "1 roads accepted, 1 refused") || !strings.Contains(s, "runway") || !strings.Contains(s, "nothing was stored") {
		t.Errorf("told %q", s)
	}
}

func TestProfilesToImport(t *testing.T) {
	t.Parallel()
	mine := filepath.Join(t.TempDir(), "mine.yaml")
	write := func(text string) {
		if err := os.WriteFile(mine, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const sweeper = "name: sweeper\nmode: car\naccess: {keys: [access]}\nspeed: [{key: highway, kmh: {residential: 8}}]\nturns: {shape: none}\n"
	write(sweeper)
	sets, err := importRoadsCmd{File: "x.osm.PBF", Profiles: []string{"osrm-foot", "osrm-car", mine}}.profiles()
	if err != nil || len(sets) != 2 || sets[0][road.Foot].Name != "osrm-foot" || sets[0][road.EBike] != nil ||
		sets[0][road.Car].Name != "osrm-car" || sets[1][road.Car].Name != "sweeper" {
		t.Errorf("%v, %v", sets, err)
	}
	for _, none := range []importRoadsCmd{{File: "x.osm.pbf", Profiles: []string{"none"}}, {File: "x.geojson", Profiles: []string{"osrm-car"}}} {
		if sets, err := none.profiles(); err != nil || len(sets) != 0 {
			t.Errorf("%+v: %v, %v", none, sets, err)
		}
	}
	for name, says := range map[string]string{"osrm-tank": "shipped are car", "car": "another name", mine: "speed[0].kmh.residential"} {
		write(strings.Replace(sweeper, "8", "-8", 1))
		if _, err := (importRoadsCmd{File: "x.osm.pbf", Profiles: []string{name}}).profiles(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, not %q", name, err, says)
		}
	}
}

func TestImportOfWhatIsNoRoadFile(t *testing.T) {
	t.Parallel()
	var fe *osm.FileError
	if _, err := readRoads(t, "roads.osm.pbf", "<osm/>"); !errors.As(err, &fe) {
		t.Errorf("XML named .pbf: %v", err)
	}
	if _, err := readRoads(t, "roads.txt", "hello"); err == nil || !strings.Contains(err.Error(), ".geojson") {
		t.Errorf("text: %v", err)
	}
}

func TestLonLat(t *testing.T) {
	t.Parallel()
	if p, err := lonLat(" 121.38, 28.58"); err != nil || p != (geo.Point{Lon: 121.38, Lat: 28.58}) {
		t.Errorf("%v, %v", p, err)
	}
	for _, bad := range []string{"", "121.38", "a,b", "28.58,121.38", "0,0", "NaN,1", "1,2,3"} {
		if p, err := lonLat(bad); err == nil {
			t.Errorf("%q reads as %v", bad, p)
		}
	}
}
