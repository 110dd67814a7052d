package feature_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/twpayne/go-geom"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// drain tells what came: features, refusals as text, and what ended the stream.
func drain(features iter.Seq2[feature.Feature, error]) (good []feature.Feature, refused []feature.Refusal, end error) {
	for f, err := range features {
		var r *feature.Refusal
		switch {
		case errors.As(err, &r):
			refused = append(refused, *r)
		case err != nil:
			end = err
		default:
			good = append(good, f)
		}
	}
	return good, refused, end
}

const triangle = `{"type":"Polygon","coordinates":[[[121,28],[121.1,28],[121,28.1],[121,28]]]}`

func named(name string) string {
	return fmt.Sprintf(`{"type":"Feature","properties":{"code":%q},"geometry":%s}`, name, triangle)
}

func TestGeoJSON(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text    string
		good    []string // codes
		refused []string // line: code
		end     string
	}{
		"collection":             {`{"type":"FeatureCollection","features":[` + named("a") + `,` + named("b") + `]}`, []string{"a", "b"}, nil, ""},
		"features before type":   {`{"features":[` + named("a") + `],"type":"FeatureCollection"}`, []string{"a"}, nil, ""},
		"a BOM":                  {"\xef\xbb\xbf" + `{"type":"FeatureCollection","features":[` + named("a") + `]}`, []string{"a"}, nil, ""},
		"one feature":            {named("a"), []string{"a"}, nil, ""},
		"one feature over lines": {strings.ReplaceAll(named("a"), ",", ",\n"), []string{"a"}, nil, ""},
		"a feature a line":       {named("a") + "\n\n\x1e" + named("b") + "\r\n{bad}\n" + named("c"), []string{"a", "b", "c"}, []string{"4: syntax"}, ""},
		"a number keeps digits":  {strings.ReplaceAll(`{"features":[`+named("x")+`]}`, `"x"`, `331004001002`), []string{"331004001002"}, nil, ""},
		"null geometry": {`{"type":"FeatureCollection","features":[
			{"type":"Feature","properties":{},"geometry":null},
			` + named("b") + `]}`, []string{"b"}, []string{"2: geometry"}, ""},
		"swapped":        {`{"features":[` + strings.ReplaceAll(named("a"), "[121,28]", "[28,121]") + `]}`, nil, []string{"1: geometry"}, ""},
		"metres":         {`{"features":[` + strings.ReplaceAll(named("a"), "[121,28]", "[40500123.5,3161000]") + `]}`, nil, []string{"1: geometry"}, ""},
		"not a feature":  {`{"features":[{"type":"Point","coordinates":[1,2]},` + named("b") + `]}`, []string{"b"}, []string{"1: syntax"}, ""},
		"GBK":            {`{"features":[` + strings.ReplaceAll(named("a"), "code", "\xcd\xf8\xb8\xf1") + `]}`, nil, []string{"1: encoding"}, ""},
		"old CRS":        {`{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"features":[` + named("a") + `]}`, []string{"a"}, nil, ""},
		"projected CRS":  {`{"crs":{"type":"name","properties":{"name":"EPSG:3857"}},"features":[` + named("a") + `]}`, nil, nil, "another reference system"},
		"cut short":      {"{\"features\":[\n" + named("a") + ",\n", []string{"a"}, nil, "line 2"},
		"no JSON":        {"hello", nil, nil, "line 1"},
		"empty":          {"", nil, nil, "unexpected EOF"},
		"a list":         {"[]", nil, nil, "FeatureCollection"},
		"UTF-16":         {"\xff\xfe{\x00", nil, nil, "UTF-16"},
		"no list inside": {`{"features":{}}`, nil, nil, "should be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, refused, end := drain(feature.GeoJSON(strings.NewReader(row.text), feature.Limits{}))
			var codes, refusals []string
			for _, f := range good {
				codes = append(codes, f.Properties["code"])
				if f.Geom.SRID() != 4326 {
					t.Errorf("SRID %d", f.Geom.SRID())
				}
			}
			for _, r := range refused {
				refusals = append(refusals, fmt.Sprintf("%d: %s", r.Line, r.Code))
			}
			if !slices.Equal(codes, row.good) || !slices.Equal(refusals, row.refused) {
				t.Errorf("good %q, refused %q (%v)", codes, refusals, refused)
			}
			if (end == nil) != (row.end == "") || (end != nil && !strings.Contains(end.Error(), row.end)) {
				t.Errorf("ended with %v, want %q", end, row.end)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	text := `{"features":[` + named("a") + `,` + named("b") + `]}`
	for name, limits := range map[string]feature.Limits{"bytes": {FeatureBytes: 50}, "features": {Features: 1}} {
		if _, _, end := drain(feature.GeoJSON(strings.NewReader(text), limits)); !errors.Is(end, feature.ErrTooLarge) {
			t.Errorf("%s: %v", name, end)
		}
	}
	if _, refused, _ := drain(feature.GeoJSON(strings.NewReader(text), feature.Limits{Vertices: 3})); len(refused) != 2 {
		t.Errorf("too many vertices refuse the feature: %v", refused)
	}
	if _, _, end := drain(feature.GeoJSONLines(strings.NewReader(named("a")+"\n"+named("b")), feature.Limits{FeatureBytes: 100})); !errors.Is(end, feature.ErrTooLarge) {
		t.Errorf("a long line: %v", end)
	}
	var end error
	for _, err := range feature.CSV(strings.NewReader("a\n"+strings.Repeat("x\n", 100)), []string{"a"}, nil, feature.Limits{TableBytes: 100}) {
		end = err
	}
	if !errors.Is(end, feature.ErrTooLarge) {
		t.Errorf("a long table: %v", end)
	}
}

func TestLiechtenstein(t *testing.T) {
	t.Parallel()
	good, refused, end := drain(feature.Open(geotest.Data(t, "liechtenstein-communes.geojson"), feature.Limits{}))
	if len(good) != 11 || len(refused) != 0 || end != nil {
		t.Fatalf("%d features, %v, %v", len(good), refused, end)
	}
	polygons := 0
	for _, f := range good {
		mp, repairs, err := feature.Polygons(f.Geom)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(f.Properties["code"], f.Properties["name"], mp.NumPolygons(), mp.NumCoords(), repairs)
		polygons += mp.NumPolygons()
	}
	if polygons <= 11 {
		t.Errorf("%d polygons; the exclaves are lost", polygons)
	}
}

func TestOpenByName(t *testing.T) {
	t.Parallel()
	if _, _, end := drain(feature.Open("map.dwg", feature.Limits{})); end == nil || !strings.Contains(end.Error(), ".geojson") {
		t.Errorf("%v", end)
	}
	if _, _, end := drain(feature.Open(filepath.Join(t.TempDir(), "none.geojson"), feature.Limits{})); !errors.Is(end, os.ErrNotExist) {
		t.Errorf("%v", end)
	}
	path := filepath.Join(t.TempDir(), "grids.geojsonl")
	if err := os.WriteFile(path, []byte("{bad}\n"+named("b")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if good, refused, end := drain(feature.Open(path, feature.Limits{})); len(good) != 1 || len(refused) != 1 || end != nil {
		t.Errorf("%v %v %v", good, refused, end)
	}
}

func TestPolygons(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		rings   [][]geom.Coord
		repairs []string
		err     bool
	}{
		"tidy":         {[][]geom.Coord{{{0, 0}, {4, 0}, {0, 4}, {0, 0}}}, nil, false},
		"open":         {[][]geom.Coord{{{0, 0}, {4, 0}, {0, 4}}}, []string{feature.RepairClosed}, false},
		"repeating":    {[][]geom.Coord{{{0, 0}, {4, 0}, {4, 0}, {0, 4}, {0, 0}}}, []string{feature.RepairDuplicates}, false},
		"clockwise":    {[][]geom.Coord{{{0, 0}, {0, 4}, {4, 0}, {0, 0}}}, []string{feature.RepairOrientation}, false},
		"hole wrong":   {[][]geom.Coord{{{0, 0}, {4, 0}, {0, 4}, {0, 0}}, {{1, 1}, {2, 1}, {1, 2}, {1, 1}}}, []string{feature.RepairOrientation}, false},
		"hole no ring": {[][]geom.Coord{{{0, 0}, {4, 0}, {0, 4}, {0, 0}}, {{1, 1}, {2, 1}, {1, 1}}}, []string{feature.RepairDropped}, false},
		"no ring":      {[][]geom.Coord{{{0, 0}, {4, 0}, {0, 0}}}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mp, repairs, err := feature.Polygons(geom.NewPolygon(geom.XY).MustSetCoords(row.rings))
			if (err != nil) != row.err || !slices.Equal(repairs, row.repairs) {
				t.Fatalf("%v %v", repairs, err)
			}
			if err == nil && mp.Area() <= 0 {
				t.Errorf("area %v", mp.Area())
			}
		})
	}
	if _, _, err := feature.Polygons(geom.NewPoint(geom.XY)); err == nil {
		t.Error("a point is no polygon")
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("code,name\n1,方林社区\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		text    string
		good    []string // code=name
		refused []string // line: code
		end     string
	}{
		"plain":              {"code,name\n1,一\n2,二\n", []string{"1=一", "2=二"}, nil, ""},
		"other order, BOM":   {"\xef\xbb\xbfName , CODE\r\n一, 1 \r\n", []string{"1=一"}, nil, ""},
		"optional":           {"code,name,note\n1,a,b\n", []string{"1=a"}, nil, ""},
		"quoted line break":  {"code,name\n1,\"a\nb\"\n2,c\n", []string{"1=a\nb", "2=c"}, nil, ""},
		"empty rows":         {"code,name\n,\n\n1,a\n", []string{"1=a"}, nil, ""},
		"too few fields":     {"code,name\n1\n2,b\n", []string{"2=b"}, []string{"2: fields"}, ""},
		"too many fields":    {"code,name\n1,a,b\n2,b\n", []string{"2=b"}, []string{"2: fields"}, ""},
		"a stray quote":      {"code,name\n1,a\"b\n2,b\n", []string{"2=b"}, []string{"2: syntax"}, ""},
		"lacks a column":     {"code\n1\n", nil, nil, `lacks "name"`},
		"an unknown column":  {"code,name,nmae\n", nil, nil, `column 3: the header names "nmae"`},
		"a column twice":     {"code,name,name\n", nil, nil, "twice"},
		"semicolons":         {"code;name\n1;a\n", nil, nil, "not separated by commas"},
		"empty":              {"", nil, nil, "code,name"},
		"GBK in a row":       {gbk, nil, nil, "CSV UTF-8"},
		"GBK in the header":  {strings.ReplaceAll(gbk, "name", "\xc3\xfb\xb3\xc6"), nil, nil, "CSV UTF-8"},
		"UTF-16 from Excel":  {"\xff\xfec\x00", nil, nil, "UTF-16"},
		"never closed quote": {"code,name\n1,a\n2,\"b\n", []string{"1=a"}, []string{"3: syntax"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var good, refused []string
			var end error
			for r, err := range feature.CSV(strings.NewReader(row.text), []string{"code", "name"}, []string{"note"}, feature.Limits{}) {
				var refusal *feature.Refusal
				switch {
				case errors.As(err, &refusal):
					refused = append(refused, fmt.Sprintf("%d: %s", refusal.Line, refusal.Code))
				case err != nil:
					end = err
				default:
					good = append(good, r.Get("code")+"="+r.Get("name"))
				}
			}
			if !slices.Equal(good, row.good) || !slices.Equal(refused, row.refused) {
				t.Errorf("good %q, refused %q", good, refused)
			}
			if (end == nil) != (row.end == "") || (end != nil && !strings.Contains(end.Error(), row.end)) {
				t.Errorf("ended with %v, want %q", end, row.end)
			}
		})
	}
}

func FuzzGeoJSON(f *testing.F) {
	f.Add([]byte(`{"type":"FeatureCollection","features":[` + named("a") + `]}`))
	f.Add([]byte(named("a") + "\n" + named("b")))
	f.Add([]byte(`{"features":[{"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[[[]]]}}]}`))
	f.Add([]byte(`{"features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[]}}],"x":[[1e999]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, stream := range []func(io.Reader, feature.Limits) iter.Seq2[feature.Feature, error]{feature.GeoJSON, feature.GeoJSONLines} {
			good, _, _ := drain(stream(strings.NewReader(string(text)), feature.Limits{FeatureBytes: 1 << 16, Features: 100}))
			for _, g := range good {
				if len(g.Geom.FlatCoords()) == 0 || g.Geom.SRID() != 4326 {
					t.Fatalf("an unusable geometry came through: %v", g)
				}
				if mp, _, err := feature.Polygons(g.Geom); err == nil && mp.NumPolygons() == 0 {
					t.Fatalf("no polygon and no error")
				}
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("code,name\n1,a\n")
	f.Add("\xef\xbb\xbfcode,name\n\"1\n\",a\n2")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for row, err := range feature.CSV(strings.NewReader(text), []string{"code", "name"}, []string{"note"}, feature.Limits{}) {
			if err == nil && row.Line <= last {
				t.Fatalf("line %d after line %d", row.Line, last)
			}
			last = max(last, row.Line)
		}
	})
}
