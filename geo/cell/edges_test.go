package cell_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// Edges never claim a place that H3 puts elsewhere, and rarely give up.
func TestEdgesAgreeWithH3(t *testing.T) {
	t.Parallel()
	asked, sure := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		res := rapid.SampledFrom([]int{7, 8, 9}).Draw(t, "res")
		lat := rapid.Float64Range(-85, 85).Draw(t, "lat")
		if rapid.Bool().Draw(t, "at home") {
			lat = rapid.Float64Range(28, 29).Draw(t, "home lat")
		}
		home := geo.Point{Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"), Lat: lat}
		e := cell.EdgesOf(cell.At(home, res))
		wide := (e.Around.East - e.Around.West) / 2
		high := (e.Around.North - e.Around.South) / 2
		for range 50 {
			p := geo.Point{Lon: e.Middle.Lon + wide*rapid.Float64Range(-1, 1).Draw(t, "dx"), Lat: e.Middle.Lat + high*rapid.Float64Range(-1, 1).Draw(t, "dy")}
			in := cell.At(p, res) == e.Cell
			if e.Surely(p) && !in {
				t.Fatalf("%v is surely in %v, and H3 says %v", p, e.Cell, cell.At(p, res))
			}
			if in && !e.Around.Contains(p) {
				t.Fatalf("%v is in %v and outside the box around it", p, e.Cell)
			}
			if in && e.Middle.Lat > -79 && e.Middle.Lat < 79 && wide < 1 {
				asked++
				if e.Surely(p) {
					sure++
				}
			}
		}
	})
	if sure < asked*9/10 {
		t.Errorf("sure of %d of %d places only", sure, asked)
	}
}

func TestUpIsTheParent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := cell.At(anyPoint(t), rapid.IntRange(0, cell.MaxRes).Draw(t, "res"))
		res := rapid.IntRange(-1, 16).Draw(t, "up")
		want := cell.Cell(0)
		if res >= 0 && res <= c.Resolution() {
			want = c.Parent(res)
		}
		if got := c.Up(res); got != want {
			t.Fatalf("%v up to %d is %v, H3 says %v", c, res, got, want)
		}
	})
}

func BenchmarkSurely(b *testing.B) {
	b.ReportAllocs()
	e := cell.EdgesOf(cell.At(geo.Point{Lon: 121.37, Lat: 28.58}, cell.Res))
	for b.Loop() {
		_ = e.Surely(e.Middle)
	}
}
