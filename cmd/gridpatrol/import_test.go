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
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func tableFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func importEnv(t *testing.T) (*Env, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return &Env{Stdout: out, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), DB: pgtest.New(t)}, out
}

// TestImportOfATable holds the output to what programs rely on.
func TestImportOfATable(t *testing.T) {
	t.Parallel()
	env, out := importEnv(t)
	c := importTable{File: tableFile(t, "departments.csv", "code,name_zh,name_en\npolice,公安,Police\nBad,x,y\n"), JSON: true}
	run := func() error {
		out.Reset()
		return c.storeIn(t.Context(), env, "departments", (*pgstore.Register).Departments, pgstore.RegisterOptions{})
	}
	err := run()
	if !errors.Is(err, errRefusedRows) || exitCode(err, io.Discard) != exitRefused {
		t.Errorf("refused rows are exit code 3: %v", err)
	}
	const want = `{"accepted":1,"refused":[{"line":3,"column":"code","code":"bad_value","detail":`
	if !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), `"changes":[{"what":"department","code":"police","change":"added"}]`) {
		t.Errorf("%s", out)
	}
	if err := run(); !errors.Is(err, errRefusedRows) || !strings.Contains(out.String(), `"changes":[]`) {
		t.Errorf("again: %v %s", err, out)
	}
	c.JSON, c.DryRun = false, true
	if err := run(); !errors.Is(err, errRefusedRows) || !strings.Contains(out.String(), "refused: line 3, column code: ") ||
		!strings.Contains(out.String(), "1 rows accepted, 1 refused, 0 changes; dry run, nothing was stored") {
		t.Errorf("for a person: %v %s", err, out)
	}
	c.File = tableFile(t, "gbk.csv", "code,name_zh,name_en\npolice,\xb9\xab\xb0\xb2,Police\n")
	if err := run(); err == nil || !strings.Contains(err.Error(), "CSV UTF-8") {
		t.Errorf("GBK: %v", err)
	}
}

func TestImportOfAMap(t *testing.T) {
	t.Parallel()
	env, out := importEnv(t)
	grids := func(second string) string {
		return tableFile(t, "map.geojson", `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"c":"A","n":"一"},"geometry":{"type":"Polygon","coordinates":[[[121,28],[121.01,28],[121.01,28.01],[121,28.01],[121,28]]]}},
{"type":"Feature","properties":{"c":"B","n":"二"},"geometry":{"type":"Polygon","coordinates":[[[`+second+`,28],[121.02,28],[121.02,28.01],[`+second+`,28.01],[`+second+`,28]]]}}
]}`)
	}
	c := importGridsCmd{File: grids("121.009"), CodeProperty: "c", NameProperty: "n", Activate: true}
	if err := c.storeIn(t.Context(), env, time.Time{}); !errors.Is(err, pgstore.ErrNotActivated) || exitCode(err, io.Discard) != exitFailed {
		t.Errorf("an overlap: %v", err)
	}
	if !strings.Contains(out.String(), "overlap: A with B, 1089") || !strings.Contains(out.String(), "is a draft") {
		t.Errorf("%s", out)
	}
	out.Reset()
	c.File, c.JSON = grids("121.01"), true
	if err := c.storeIn(t.Context(), env, time.Time{}); err != nil {
		t.Fatal(err)
	}
	var told struct {
		Accepted  int
		Activated bool
		Refused   []any
		Changes   []struct{ Code, Change string }
		Checked   struct {
			Grids    int
			Overlaps []any
		}
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil || told.Accepted != 2 || !told.Activated || len(told.Changes) != 2 || told.Checked.Grids != 2 ||
		told.Refused == nil || told.Checked.Overlaps == nil {
		t.Errorf("%v %s", err, out)
	}
	out.Reset()
	c.JSON = false
	if err := c.storeIn(t.Context(), env, time.Time{}); err != nil || !strings.Contains(out.String(), "the map in force says the same") {
		t.Errorf("%v %s", err, out)
	}
}

func TestEffectiveFrom(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "2026-12-01": "2026-11-30T16:00:00Z", "2026-12-01T08:00:00+08:00": "2026-12-01T00:00:00Z",
	} {
		got, err := importGridsCmd{EffectiveFrom: text, TZ: "Asia/Shanghai"}.from()
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v (%v), want %s", text, got, err, want)
		}
	}
	if _, err := (importGridsCmd{EffectiveFrom: "soon", TZ: "Asia/Shanghai"}).from(); err == nil {
		t.Error("soon is no date")
	}
}

// A map that takes effect later is not said to be in force already.
func TestImportSaysWhenAMapTakesEffect(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := importGridsCmd{EffectiveFrom: "2027-01-01"}
	if err := c.print(&out, pgstore.GridResult{Version: "v1", Activated: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "version v1 is in force from 2027-01-01 on") {
		t.Errorf("the import of a later map says %q", out.String())
	}
}

// Places come as a table or as points; a dry run names what is wrong by number and
// field and stores nothing.
func TestImportOfPlaces(t *testing.T) {
	t.Parallel()
	env, out := importEnv(t)
	run := func(c importPlacesCmd) error {
		t.Helper()
		out.Reset()
		load, o, err := c.prepare()
		if err != nil {
			return err
		}
		return c.table().storeIn(t.Context(), env, "places", load, o)
	}
	points := tableFile(t, "places.geojson", `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"K1","name":"路口","kind":"camera","url":"rtsp://video.example/1"},"geometry":{"type":"Point","coordinates":[121.4,28.5]}},{"type":"Feature","properties":{"code":"K2","name":"路口","kind":"camera","url":"ftp://video.example/1"},"geometry":{"type":"Point","coordinates":[121.4,28.5]}}]}`)
	if err := run(importPlacesCmd{File: points, DryRun: true, JSON: true}); exitCode(err, io.Discard) != exitRefused {
		t.Errorf("a refused feature is exit code 3: %v", err)
	}
	const refused = `{"accepted":1,"refused":[{"line":1,"column":"url","code":"bad_value","detail":`
	if !strings.HasPrefix(out.String(), refused) || !strings.Contains(out.String(), `"feature":2}]`) ||
		!strings.Contains(out.String(), `"changes":[{"what":"place","code":"K1","change":"added"}]`) {
		t.Errorf("%s", out)
	}
	if err := run(importPlacesCmd{File: points}); !errors.Is(err, errRefusedRows) || !strings.Contains(out.String(), "refused: feature 2 (line 1), property url: ") ||
		!strings.Contains(out.String(), "added: place K1") {
		t.Errorf("the dry run stored nothing, so it is new again: %v %s", err, out)
	}
	table := tableFile(t, "places.csv", "code,name,kind,lon,lat,url,visits_per_week\nK1,路口,camera,121.4,28.5,rtsp://video.example/1,\n")
	if err := run(importPlacesCmd{File: table}); err != nil || !strings.Contains(out.String(), "0 changes") {
		t.Errorf("the same in a table: %v %s", err, out)
	}
	if err := run(importPlacesCmd{File: table, CRS: "gcj02"}); err != nil || !strings.Contains(out.String(), "crs:  -> gcj02") {
		t.Errorf("in another datum it stands elsewhere: %v %s", err, out)
	}
	if err := run(importPlacesCmd{File: table, CRS: "mars"}); err == nil || !strings.Contains(err.Error(), "--crs") || !strings.Contains(err.Error(), "gcj02") {
		t.Errorf("an unknown datum names those there are: %v", err)
	}
}
