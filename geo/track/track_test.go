package track_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/track"
)

// told is what a reader says, a line each: points, refusals, and the error that
// ended it.
func told(points iter.Seq2[track.Point, error]) (out []string) {
	for p, err := range points {
		var refusal *feature.Refusal
		switch {
		case errors.As(err, &refusal):
			out = append(out, "refused: "+refusal.Error())
		case err != nil:
			out = append(out, "ended: "+err.Error())
		default:
			s := fmt.Sprintf("%d: %g %g %s", p.Line, p.Lon, p.Lat, p.T.Format(time.RFC3339Nano))
			for name, v := range map[string]float64{"a": p.AccuracyM, "s": p.SpeedMS, "h": p.HeadingDeg} {
				if !math.IsNaN(v) {
					s += fmt.Sprintf(" %s=%g", name, v)
				}
			}
			if p.Device != "" {
				s += " by " + p.Device
			}
			out = append(out, s)
		}
	}
	return out
}

const pltHead = "Geolife trajectory\r\nWGS 84\r\nAltitude is in Feet\r\nReserved 3\r\n0,2,255,My Track,0,0,2,8421376\r\n0\r\n"

func TestReaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 8<<10)
	for _, c := range []struct {
		name string
		read func(io.Reader) iter.Seq2[track.Point, error]
		file string
		want []string // beginnings
	}{
		{"GPX 1.1", track.GPX, `<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><wpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></wpt>
<trk><name>n</name><trkseg>
<trkpt lat="28.58" lon="121.38"><ele>4</ele><time>2026-11-23T08:00:00Z</time></trkpt>
<trkpt lat="28.59" lon="121.39"><ele>4</ele></trkpt>
<trkpt lat="28.6" lon="121.4"><time>2026-11-23T08:00:10</time><extensions><time>no</time></extensions></trkpt>
</trkseg><trkseg>
<trkpt lat="north" lon="121.4"><time>2026-11-23T08:00:11Z</time></trkpt>
<trkpt lat="28.7" lon="121.5"><time>yesterday</time></trkpt>
<trkpt lat="28.7" lon="121.5"><time>2026-11-23T16:00:12.5+08:00</time></trkpt>
</trkseg></trk></gpx>`, []string{
			"4: 121.38 28.58 2026-11-23T08:00:00Z",
			"refused: line 5, column time: the point has no time",
			"6: 121.4 28.6 2026-11-23T08:00:10Z",
			`refused: line 8, column lat: lat: "north" is not a number`,
			`refused: line 9, column time: time: "yesterday" is no time`,
			"10: 121.5 28.7 2026-11-23T08:00:12.5Z",
		}},
		{"GPX 1.0", track.GPX, `<gpx version="1.0"><trk><trkseg><trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time><course>90</course><speed>1.5</speed></trkpt></trkseg></trk></gpx>`,
			[]string{"1: 2 1 2020-01-01T00:00:00Z"}},
		{"GPX that breaks off", track.GPX, `<gpx><trk><trkseg><trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt>` + "\n" + `<trkpt lat="1" lon="2"><ti`,
			[]string{"1: 2 1", "ended: line 2: the GPX cannot be read on"}},
		{"no GPX", track.GPX, `<kml></kml>`, []string{`ended: line 1: the GPX cannot be read on: its root is "kml"`}},
		{"GPX in another encoding", track.GPX, `<?xml version="1.0" encoding="GBK"?><gpx></gpx>`, []string{"ended: line 1: the GPX cannot be read on: xml: opening charset"}},
		{"GPX with a bomb", track.GPX, `<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx><trk><trkseg><trkpt lat="1" lon="2"><time>&b;</time></trkpt></trkseg></trk></gpx>`,
			[]string{"ended: line 1: the GPX cannot be read on: XML syntax error"}},
		{"GPX with a huge element", track.GPX, `<gpx><metadata>` + strings.Repeat("x", 3<<20) + `</metadata></gpx>`, []string{"ended: line 1: the GPX cannot be read on: too large"}},
		{"GPX too deep", track.GPX, `<gpx>` + strings.Repeat("<x>", 100), []string{"ended: line 1: the GPX cannot be read on: too large"}},

		{"PLT", track.PLT, pltHead + "39.984702,116.318417,0,492,39744.1201851852,2008-10-23,02:53:04\r\n39.98,116.3,0,492,39744.12,2008-10-23\r\n\r\n" +
			"x,116.3,0,492,39744.12,2008-10-23,02:53:10\r\n39.98,116.3,0,492,39744.12,2008-13-23,02:53:10\r\n39.98," + long + ",0,0,0,2008-10-23,02:53:10\r\n400.16,116.3,0,-777,39744.12,2008-10-23,02:53:15",
			[]string{
				"7: 116.318417 39.984702 2008-10-23T02:53:04Z",
				"refused: line 8: has 6 fields",
				`refused: line 10, column lat: lat: "x" is not a number`,
				`refused: line 11, column time: "2008-13-23 02:53:10" is no date`,
				"refused: line 12: the line has more than",
				"13: 116.3 400.16 2008-10-23T02:53:15Z",
			}},
		{"PLT without its header", track.PLT, "39.984702,116.318417,0,492,39744.1201851852,2008-10-23,02:53:04\n", []string{"ended: line 1: holds a point already"}},
		{"PLT of nothing", track.PLT, "", []string{"ended: line 1: a PLT file begins with six header lines"}},
		{"PLT of a header alone", track.PLT, pltHead, nil},

		{"CSV", track.CSV, "t,lat,lon,accuracy_m,device\n2026-11-23T08:00:00Z,28.58,121.38,8,van-07\n1795334400,28.58,121.38,,\n1795334400123,28.58,121.38,,\n" +
			"now,28.58,121.38,,\n2026-11-23 08:00:00,28.58,121.38,,\n,28.58,121.38,,\n1795334400,NaN,121.38,,\n1795334400,28.58,121.38,-3,\n1795334400,28.58\n",
			[]string{
				"2: 121.38 28.58 2026-11-23T08:00:00Z a=8 by van-07",
				"3: 121.38 28.58 2026-11-22T08:00:00Z",
				"4: 121.38 28.58 2026-11-22T08:00:00.123Z",
				`refused: line 5, column t: t: "now" is no time`,
				`refused: line 6, column t: t: "2026-11-23 08:00:00" is no time; give RFC 3339 with a zone`,
				"refused: line 7, column t: t: has no time",
				`refused: line 8, column lat: lat: "NaN" is not a number`,
				"refused: line 9, column accuracy_m: accuracy_m: -3 is not within",
				"refused: line 10: has 2 fields",
			}},
		{"CSV with a wrong header", track.CSV, "lon,lat,when\n", []string{`ended: read table: column 3: the header names "when", which is not known; it should be lon,lat,t and perhaps accuracy_m`}},

		{"GeoJSON lines", track.GeoJSON, `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"coordTimes":["2026-11-23T08:00:00Z",1795334401,"soon"]},"geometry":{"type":"LineString","coordinates":[[121.38,28.58,4],[121.39,28.58],[121.4,28.58]]}},
{"type":"Feature","properties":{"times":[["2026-11-23T08:00:00Z"],["2026-11-23T08:00:01Z","2026-11-23T08:00:02Z"]],"device":"van-07"},"geometry":{"type":"MultiLineString","coordinates":[[[1,2]],[[3,4],[5,6]]]}},
{"type":"Feature","properties":{"coordTimes":["2026-11-23T08:00:00Z"]},"geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]}},
{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]}},
{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}]}`, []string{
			"2: 121.38 28.58 2026-11-23T08:00:00Z", "2: 121.39 28.58 2026-11-22T08:00:01Z",
			`refused: line 2, column coordTimes: position 3: "soon" is no time`,
			"3: 1 2 2026-11-23T08:00:00Z by van-07", "3: 3 4 2026-11-23T08:00:01Z by van-07", "3: 5 6 2026-11-23T08:00:02Z by van-07",
			"refused: line 4, column coordTimes: the line has 2 positions and 1 times",
			"refused: line 5, column coordTimes: the line has no times",
			"refused: line 6: is a *geom.Polygon; a track is",
		}},
		{"GeoJSON points", track.GeoJSON, `{"type":"Feature","properties":{"t":"2026-11-23T08:00:00Z","speed_ms":2},"geometry":{"type":"Point","coordinates":[121.38,28.58]}}
{"type":"Feature","properties":{"time":1795334400123},"geometry":{"type":"Point","coordinates":[121.38,28.58]}}
{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[121.38,28.58]}}
`, []string{"1: 121.38 28.58 2026-11-23T08:00:00Z s=2", "2: 121.38 28.58 2026-11-22T08:00:00.123Z", "refused: line 3, column t: the point has no time"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := told(c.read(strings.NewReader(c.file)))
			for i := range max(len(got), len(c.want)) {
				switch {
				case i >= len(got):
					t.Errorf("lacks %q", c.want[i])
				case i >= len(c.want):
					t.Errorf("says more: %q", got[i])
				case !strings.HasPrefix(got[i], c.want[i]):
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

func TestFilesInTheOrderOfNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"b/2.plt", "b/1.PLT", "a.gpx", "c.geojson", "notes.txt", "b/.DS_Store"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := track.Files([]string{filepath.Join(root, "c.geojson"), root, filepath.Join(root, "b") + "/./1.PLT"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i], _ = filepath.Rel(root, got[i])
	}
	if d := cmp.Diff([]string{"c.geojson", "a.gpx", "b/1.PLT", "b/2.plt"}, got); d != "" {
		t.Error(d)
	}
	empty := t.TempDir()
	_, err = track.Files([]string{filepath.Join(root, "notes.txt"), filepath.Join(root, "none.gpx"), empty})
	for _, word := range []string{"notes.txt: what format is it?", "none.gpx", empty + ": holds no track"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

// Every line of the real tracks is a point, and none is refused: the files hold six
// header lines and 80,989 points.
func TestRealTracksAreReadWhole(t *testing.T) {
	t.Parallel()
	files, err := track.Files([]string{geotest.Data(t, "geolife")})
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Count(strings.TrimRight(string(raw), "\r\n"), "\n") + 1 - 6
		read := told(track.Open(file))
		if len(read) != want || slices.ContainsFunc(read, func(s string) bool { return !strings.Contains(s, "T") || strings.HasPrefix(s, "refused") }) {
			t.Errorf("%s: %d points of %d lines", file, len(read), want)
		}
		points += len(read)
	}
	if points != 80_989 {
		t.Errorf("%d points", points)
	}
}

// lengthM is the ellipsoid's length of a short way, in the middle of which the flat
// map is exact.
func lengthM(a, b geo.Point) float64 {
	b.Lon = a.Lon + math.Remainder(b.Lon-a.Lon, 360) // the short way over the antimeridian
	l := geo.NewLocal(geo.Point{Lon: (a.Lon + b.Lon) / 2, Lat: (a.Lat + b.Lat) / 2})
	ax, ay := l.XY(a)
	bx, by := l.XY(b)
	return math.Hypot(bx-ax, by-ay)
}

func TestAShiftKeepsLengthsAndDirections(t *testing.T) {
	t.Parallel()
	beijing, luqiao := geo.Point{Lon: 116.318417, Lat: 39.984702}, geo.Point{Lon: 121.38, Lat: 28.58}
	for _, way := range [][2]geo.Point{{beijing, luqiao}, {luqiao, beijing}, {luqiao, {Lon: -179.99, Lat: -35}}, {luqiao, luqiao}} {
		s := track.NewShift(way[0], way[1])
		if got := s.Move(way[0]); geo.DistanceM(got, way[1]) > 0.001 {
			t.Errorf("the first point comes to %v, want %v", got, way[1])
		}
		worst := 0.0
		for _, awayM := range []float64{0, 1, 1000, 30_000, 100_000} {
			for bearing := 0.0; bearing < 360; bearing += 30 {
				a := geo.Beyond(way[0], bearing, awayM)
				for turn := 0.0; turn < 360; turn += 45 {
					b := geo.Beyond(a, turn, 500)
					before, after := lengthM(a, b), lengthM(s.Move(a), s.Move(b))
					worst = max(worst, math.Abs(after/before-1))
				}
				if got := geo.BearingDeg(way[1], s.Move(a)); awayM > 0 && math.Abs(math.Remainder(got-bearing, 360)) > 0.1 {
					t.Errorf("%g m towards %g lie towards %g after the shift", awayM, bearing, got)
				}
			}
		}
		if worst > 0.001 {
			t.Errorf("from %v to %v: lengths change by %.3f %%", way[0], way[1], worst*100)
		}
	}
}

func FuzzReaders(f *testing.F) {
	f.Add(byte(0), []byte(`<gpx><trk><trkseg><trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt></trkseg></trk></gpx>`))
	f.Add(byte(1), []byte(pltHead+"39.984702,116.318417,0,492,39744.1201851852,2008-10-23,02:53:04\r\n"))
	f.Add(byte(2), []byte("lon,lat,t\n121,28,1795334400\n"))
	f.Add(byte(3), []byte(`{"type":"Feature","properties":{"coordTimes":[[1],2]},"geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]}}`))
	f.Add(byte(3), []byte(`{"type":"Feature","properties":{"t":1e308},"geometry":{"type":"Point","coordinates":[1,2]}}`))
	readers := []func(io.Reader) iter.Seq2[track.Point, error]{track.GPX, track.PLT, track.CSV, track.GeoJSON}
	f.Fuzz(func(t *testing.T, which byte, file []byte) {
		n := 0
		for p, err := range readers[int(which)%len(readers)](strings.NewReader(string(file))) {
			if n++; n > len(file)+1 {
				t.Fatalf("%d points out of %d bytes", n, len(file))
			}
			if err != nil {
				if err.Error() == "" {
					t.Error("an error without words")
				}
				continue
			}
			if y := p.T.Year(); y < 1970 || y > 9999 || math.IsNaN(p.Lon) || math.IsInf(p.Lat, 0) || p.SpeedMS < 0 || p.HeadingDeg > 360 || p.AccuracyM < 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
