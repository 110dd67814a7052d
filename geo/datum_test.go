package geo_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

func TestParseCRS(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]geo.CRS{
		"": geo.WGS84, "wgs84": geo.WGS84, "WGS84": geo.WGS84, "GCJ02": geo.GCJ02, "bd09": geo.BD09, "cgcs2000": geo.CGCS2000,
	} {
		if got, err := geo.ParseCRS(s); err != nil || got != want {
			t.Errorf("ParseCRS(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	_, err := geo.ParseCRS("epsg:4326")
	if err == nil || !strings.Contains(err.Error(), "wgs84, cgcs2000, gcj02, bd09") {
		t.Errorf("the error must name the values allowed: %v", err)
	}
	var in struct{ CRS geo.CRS }
	if err := json.Unmarshal([]byte(`{"crs":"mars"}`), &in); err == nil {
		t.Error("an unknown datum must not be read from JSON")
	}
}

// TestKnownOffsets holds the formulas to values published with other
// implementations (Tiananmen, Shanghai).
func TestKnownOffsets(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		wgs  geo.Point
		crs  geo.CRS
		want geo.Point
	}{
		"beijing gcj02":   {geo.Point{Lon: 116.404, Lat: 39.915}, geo.GCJ02, geo.Point{Lon: 116.41024449916938, Lat: 39.91640428150164}},
		"beijing bd09":    {geo.Point{Lon: 116.404, Lat: 39.915}, geo.BD09, geo.Point{Lon: 116.41662724378733, Lat: 39.922699552216216}},
		"shanghai gcj02":  {geo.Point{Lon: 121.5272106, Lat: 31.1774276}, geo.GCJ02, geo.Point{Lon: 121.531541859215, Lat: 31.17530398364597}},
		"outside is same": {geo.Point{Lon: 9.5209, Lat: 47.1410}, geo.GCJ02, geo.Point{Lon: 9.5209, Lat: 47.1410}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := geo.FromWGS84(row.wgs, row.crs)
			if d := geo.DistanceM(got, row.want); d > 1 {
				t.Errorf("%v is %v, %.2f m from %v", row.wgs, got, d, row.want)
			}
			if d := geo.DistanceM(geo.ToWGS84(got, row.crs), row.wgs); d > 0.001 {
				t.Errorf("back is off by %g m", d)
			}
		})
	}
}

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		crs := rapid.SampledFrom([]geo.CRS{"", geo.WGS84, geo.CGCS2000, geo.GCJ02, geo.BD09}).Draw(t, "crs")
		p := geo.Point{Lon: rapid.Float64Range(72.1, 137.7).Draw(t, "lon"), Lat: rapid.Float64Range(0.9, 55.7).Draw(t, "lat")}
		sent := geo.FromWGS84(p, crs)
		if d := geo.DistanceM(geo.ToWGS84(sent, crs), p); d > 0.01 {
			t.Fatalf("%v as %s is %v, and back off by %g m", p, crs, sent, d)
		}
		if crs == geo.GCJ02 {
			if d := geo.DistanceM(sent, p); d < 20 || d > 2000 {
				t.Fatalf("within China the offset is hundreds of metres, not %g", d)
			}
		}
	})
}

// TestRim walks along the rim of the rectangle, where one formula ends.
func TestRim(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := geo.Point{Lon: 72.004 + rapid.Float64Range(0, 0.02).Draw(t, "lon"), Lat: rapid.Float64Range(0.8293, 55.8271).Draw(t, "lat")}
		if d := geo.DistanceM(geo.ToWGS84(geo.FromWGS84(p, geo.GCJ02), geo.GCJ02), p); d > 0.01 {
			t.Fatalf("%v comes back %g m off", p, d)
		}
	})
}

func TestOutsideChinaNothingMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := geo.Point{Lon: rapid.Float64Range(-180, 71.9).Draw(t, "lon"), Lat: rapid.Float64Range(-90, 90).Draw(t, "lat")}
		if got := geo.ToWGS84(p, geo.GCJ02); got != p {
			t.Fatalf("%v moved to %v", p, got)
		}
		if got := geo.FromWGS84(p, geo.GCJ02); got != p {
			t.Fatalf("%v moved to %v", p, got)
		}
	})
}

func FuzzToWGS84(f *testing.F) {
	f.Add(121.4, 28.6, "gcj02")
	f.Add(math.Inf(1), 0.0, "bd09")
	f.Add(math.NaN(), 0.0, "moon")
	f.Fuzz(func(t *testing.T, lon, lat float64, name string) {
		crs, err := geo.ParseCRS(name)
		in := geo.Point{Lon: lon, Lat: lat}
		if err != nil {
			if geo.ToWGS84(in, geo.CRS(name)).Check() == nil {
				t.Errorf("an unknown datum gave a usable point")
			}
			return
		}
		out := geo.ToWGS84(in, crs)
		if in.Check() == nil && math.Abs(lat) < 85 && math.Abs(lon) < 179 && geo.DistanceM(in, out) > 5000 {
			t.Errorf("%v in %s moved to %v", in, crs, out)
		}
	})
}
