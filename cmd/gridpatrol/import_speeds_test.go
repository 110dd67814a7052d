package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// A table of speeds with bad rows sets the good ones, and a dry run none.
func TestImportOfSpeeds(t *testing.T) {
	t.Parallel()
	env, out := importEnv(t)
	s := &road.Survey{Nodes: []road.Node{road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.58}), road.NodeAt(geo.Point{Lon: 121.39, Lat: 28.58})},
		Ways: []road.Way{{Nodes: []uint32{0, 1}, Class: road.Primary, Origin: 4711}}}
	s.Ways[0].Travel[road.Car] = road.Travel{ForwardMS: 10, BackwardMS: 10}
	n, err := road.Build(t.Context(), s, "one way")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgroad.Store(t.Context(), env.DB, n); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "speeds.csv")
	if err := os.WriteFile(file, []byte("way,class,days,hours,kmh,factor\n4711,,mon-fri,07:00-09:00,20,\n4712,,,,20,\n,primary,,,,0.5\n,primary,,,fast,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		out.Reset()
		if err := (importSpeedsCmd{File: file, JSON: true, DryRun: dry}).storeIn(t.Context(), env); !errors.Is(err, errRefusedRows) {
			t.Fatalf("got %v", err)
		}
		var told struct {
			Accepted int
			Refused  []struct {
				Line                 int
				Column, Code, Detail string
			}
		}
		if err := json.Unmarshal(out.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		if told.Accepted != 2 || len(told.Refused) != 2 || told.Refused[0].Line != 3 || told.Refused[0].Column != "way" ||
			told.Refused[1].Line != 5 || told.Refused[1].Column != "kmh" {
			t.Errorf("%s", out)
		}
		var standing int
		if err := env.DB.QueryRow(t.Context(), `SELECT count(*) FROM road_speeds WHERE ended_at IS NULL AND made_by IS NULL`).Scan(&standing); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 0, false: 2}[dry]; standing != want {
			t.Errorf("dry %v: %d speeds stand, want %d", dry, standing, want)
		}
	}
}
