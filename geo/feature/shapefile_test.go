package feature_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/twpayne/go-geom"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// shp writes polygons by the letter of the white paper; a nil one becomes a null shape.
func shp(polygons ...[][]float64) []byte {
	var body bytes.Buffer
	for i, rings := range polygons {
		var rec bytes.Buffer
		put := func(v any) { _ = binary.Write(&rec, binary.LittleEndian, v) }
		if rings == nil {
			put(int32(0))
		} else {
			put(int32(5))
			put([4]float64{0, 0, 1, 1})
			put(int32(len(rings)))
			total := 0
			for _, r := range rings {
				total += len(r) / 2
			}
			put(int32(total))
			start := 0
			for _, r := range rings {
				put(int32(start))
				start += len(r) / 2
			}
			for _, r := range rings {
				put(r)
			}
		}
		_ = binary.Write(&body, binary.BigEndian, [2]int32{int32(i + 1), int32(rec.Len() / 2)})
		body.Write(rec.Bytes())
	}
	head := make([]byte, 100)
	binary.BigEndian.PutUint32(head, 9994)
	binary.BigEndian.PutUint32(head[24:], uint32(50+body.Len()/2))
	binary.LittleEndian.PutUint32(head[28:], 1000)
	binary.LittleEndian.PutUint32(head[32:], 5)
	return append(head, body.Bytes()...)
}

// table writes a .dbf with one character field and one number; a value that starts with * is deleted.
func table(values ...string) []byte {
	const width = 12
	head := make([]byte, 32, 32+64+1)
	head[0] = 3
	binary.LittleEndian.PutUint32(head[4:], uint32(len(values)))
	binary.LittleEndian.PutUint16(head[8:], 32+64+1)
	binary.LittleEndian.PutUint16(head[10:], 1+width+4)
	field := func(name string, kind byte, size byte) {
		f := make([]byte, 32)
		copy(f, name)
		f[11], f[16] = kind, size
		head = append(head, f...)
	}
	field("NAME", 'C', width)
	field("NO", 'N', 4)
	head = append(head, '\r')
	for i, v := range values {
		mark := byte(' ')
		if v, _ := strings.CutPrefix(v, "*"); v != values[i] {
			mark = '*'
		}
		v = strings.TrimPrefix(v, "*")
		row := append([]byte{mark}, bytes.Repeat([]byte{' '}, width)...)
		copy(row[1:], v[:min(len(v), width)])
		head = append(head, row...)
		head = append(head, fmt.Sprintf("%4d", i)...)
	}
	return append(head, 0x1a)
}

var (
	outer = []float64{121, 28, 121, 28.1, 121.1, 28.1, 121.1, 28, 121, 28} // clockwise, as shapefiles are
	inner = []float64{121.02, 28.02, 121.04, 28.02, 121.04, 28.04, 121.02, 28.02}
	other = []float64{122, 28, 122, 28.1, 122.1, 28.1, 122, 28}
)

func write(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gbk(t *testing.T, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestShapefile(t *testing.T) {
	t.Parallel()
	const wgs84 = `GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]]]`
	metres := []float64{40500000, 3161000, 40500000, 3162000, 40501000, 3162000, 40500000, 3161000}
	for name, row := range map[string]struct {
		files   map[string][]byte
		good    []string
		refused []int // record numbers
		end     string
	}{
		"UTF-8 by guess":       {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table("方林社区")}, []string{"方林社区"}, nil, ""},
		"UTF-8 cut in the mid": {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table("a方林社区")}, []string{"a方林社"}, nil, ""},
		"GBK by guess":         {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table(gbk(t, "方林社区"))}, []string{"方林社区"}, nil, ""},
		"GBK by .cpg":          {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table(gbk(t, "方林")), "a.cpg": []byte("GBK\n")}, []string{"方林"}, nil, ""},
		"GBK by code page":     {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table(gbk(t, "方林")), "a.CPG": []byte("936")}, []string{"方林"}, nil, ""},
		"UTF-8 by .cpg, names in capitals": {map[string][]byte{"a.SHP": shp([][]float64{outer}), "A.DBF": table("方林"), "a.cpg": []byte("UTF-8"), "a.prj": []byte(wgs84)},
			[]string{"方林"}, nil, ""},
		"null shape, good neighbours": {map[string][]byte{"a.shp": shp([][]float64{outer}, nil, [][]float64{outer}), "a.dbf": table("a", "b", "c")}, []string{"a", "c"}, []int{2}, ""},
		"metres":                      {map[string][]byte{"a.shp": shp([][]float64{metres}, [][]float64{outer}), "a.dbf": table("a", "b")}, []string{"b"}, []int{1}, ""},
		"a deleted record":            {map[string][]byte{"a.shp": shp([][]float64{outer}, [][]float64{outer}), "a.dbf": table("*a", "b")}, []string{"b"}, nil, ""},
		"projected": {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table("a"), "a.prj": []byte(`PROJCS["CGCS2000_3_Degree_GK_CM_120E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000"]]`)},
			nil, nil, "another reference system"},
		"no table":         {map[string][]byte{"a.shp": shp([][]float64{outer})}, nil, nil, "side by side"},
		"table too short":  {map[string][]byte{"a.shp": shp([][]float64{outer}, [][]float64{outer}), "a.dbf": table("a")}, []string{"a"}, nil, "fewer records"},
		"cut short":        {map[string][]byte{"a.shp": shp([][]float64{outer}, [][]float64{outer})[:300], "a.dbf": table("a", "b")}, []string{"a"}, nil, "record 2"},
		"unknown encoding": {map[string][]byte{"a.shp": shp([][]float64{outer}), "a.dbf": table("a"), "a.cpg": []byte("klingon")}, nil, nil, "klingon"},
		"no shapefile":     {map[string][]byte{"a.shp": bytes.Repeat([]byte("x"), 200), "a.dbf": table("a")}, nil, nil, "9994"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, refused, end := drain(feature.Open(filepath.Join(write(t, row.files), "a.shp"), feature.Limits{}))
			var names []string
			var numbers []int
			for _, f := range good {
				names = append(names, f.Properties["NAME"])
			}
			for _, r := range refused {
				numbers = append(numbers, r.Line)
			}
			if !slices.Equal(names, row.good) || !slices.Equal(numbers, row.refused) {
				t.Errorf("good %q, refused %v", names, refused)
			}
			if (end == nil) != (row.end == "") || (end != nil && !strings.Contains(end.Error(), row.end)) {
				t.Errorf("ended with %v, want %q", end, row.end)
			}
		})
	}
}

func TestShapefileRings(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string][]byte{"a.shp": shp([][]float64{outer, inner, other}), "a.dbf": table("a")})
	good, refused, end := drain(feature.Open(filepath.Join(dir, "a.shp"), feature.Limits{}))
	if len(good) != 1 || refused != nil || end != nil {
		t.Fatalf("%v %v %v", good, refused, end)
	}
	mp := good[0].Geom.(*geom.MultiPolygon)
	if mp.NumPolygons() != 2 || mp.Polygon(0).NumLinearRings() != 2 || good[0].Properties["NO"] != "0" {
		t.Errorf("%v %v", mp.Coords(), good[0].Properties)
	}
	tidy, _, err := feature.Polygons(mp)
	if want := 0.01 - 0.0002 + 0.005; err != nil || math.Abs(tidy.Area()-want) > 1e-9 {
		t.Errorf("area %v, want %v (%v)", tidy.Area(), want, err)
	}
}

func TestZippedShapefile(t *testing.T) {
	t.Parallel()
	zipped := func(files map[string][]byte) string {
		path := filepath.Join(t.TempDir(), "a.zip")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z := zip.NewWriter(f)
		for name, data := range files {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := map[string][]byte{"map/grids.shp": shp([][]float64{outer}), "map/grids.dbf": table("a"), "__MACOSX/map/._grids.shp": nil, "readme.txt": nil}
	if good, refused, end := drain(feature.Open(zipped(one), feature.Limits{})); len(good) != 1 || refused != nil || end != nil {
		t.Errorf("%v %v %v", good, refused, end)
	}
	one["b.shp"] = nil
	if _, _, end := drain(feature.Open(zipped(one), feature.Limits{})); end == nil || !strings.Contains(end.Error(), "holds 2 shapefiles") {
		t.Errorf("%v", end)
	}
}

func FuzzShapefile(f *testing.F) {
	f.Add(shp([][]float64{outer, inner}), table("a"), "")
	f.Add(shp(nil, [][]float64{other}), table("*a", "b"), "GBK")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, shapes, records []byte, charset string) {
		own, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(own)
		for name, data := range map[string][]byte{"a.shp": shapes, "a.dbf": records, "a.cpg": []byte(charset)} {
			if err := os.WriteFile(filepath.Join(own, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		good, _, _ := drain(feature.Open(filepath.Join(own, "a.shp"), feature.Limits{FeatureBytes: 1 << 16, Features: 100}))
		for _, g := range good {
			if g.Geom == nil || g.Geom.SRID() != 4326 {
				t.Fatalf("an unusable geometry came through: %v", g)
			}
		}
	})
}
