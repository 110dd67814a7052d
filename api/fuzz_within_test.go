package api_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/geo"
)

// FuzzDrawnPolygon: whatever stands in the place of a polygon, it is refused with the name
// of the field and a word about it, or holds what the twin, edge by edge, says it holds.
func FuzzDrawnPolygon(f *testing.F) {
	b := offline(f)
	for _, seed := range []string{
		`{"type":"Polygon","coordinates":[[[121.38,28.58],[121.39,28.58],[121.39,28.59],[121.38,28.59]],[[121.384,28.584],[121.386,28.584],[121.385,28.586]]]}`,
		`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[0.5,0],[2,0],[2,2],[0.5,0]]]]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}`, `{"type":"Polygon","coordinates":[]}`, `{"type":"Polygon","coordinates":[[]]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[0,0],[0,0],[0,0]]]}`, `{"type":"Polygon","coordinates":[[[1e308,0],[1,0],[1,1]]]}`, `{"type":"Polygon","coordinates":[[[179,0],[-179,0],[0,1]]]}`,
		`{"type":"LineString","coordinates":[[0,0],[1,1]]}`, `{"type":"Polygon","coordinates":[[[0,0,5],[1,0,5],[1,1,5]]]}`, `{"type":1}`, `[]`, `null`, ``, `{`, `{"type":"GeometryCollection","geometries":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		region, err := b.DrawnPolygon(text)
		if err != nil {
			fields := api.RefusedFields(err)
			if status, known := api.IsRefusal(err); !known || status != 400 || len(fields) != 1 || fields[0].Pointer != "/query/polygon" || strings.TrimSpace(fields[0].Detail) == "" {
				t.Errorf("%q is refused with %v, %+v", text, err, fields)
			}
			return
		}
		twin, ok := drawnTwin(text)
		if !ok {
			t.Fatalf("%q is taken, and the twin cannot read it", text)
		}
		box := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for _, polygon := range twin {
			for _, ring := range polygon {
				for _, c := range ring {
					box = [4]float64{min(box[0], c[0]), min(box[1], c[1]), max(box[2], c[0]), max(box[3], c[1])}
				}
			}
		}
		const steps = 17
		for i := range steps {
			for k := range steps {
				// A little beyond the drawing on each side, and never in step with its corners.
				x := box[0] + (box[2]-box[0])*(float64(i)-0.831)/(steps-2.7)
				y := box[1] + (box[3]-box[1])*(float64(k)-0.877)/(steps-2.9)
				inside, sure := twin.holds(x, y)
				if got := region.Contains(geo.Point{Lon: x, Lat: y}); sure && got != inside {
					t.Fatalf("%q: %v, %v is inside: %v, edge by edge: %v", text, x, y, got, inside)
				}
			}
		}
	})
}

type drawnPolygons [][][][]float64

func drawnTwin(text string) (drawnPolygons, bool) {
	var g struct {
		Type        string
		Coordinates json.RawMessage
	}
	if json.Unmarshal([]byte(text), &g) != nil {
		return nil, false
	}
	if g.Type == "Polygon" {
		var one [][][]float64
		err := json.Unmarshal(g.Coordinates, &one)
		return drawnPolygons{one}, err == nil
	}
	var all drawnPolygons
	err := json.Unmarshal(g.Coordinates, &all)
	return all, err == nil
}

// holds is sure where no edge is near.
func (d drawnPolygons) holds(x, y float64) (inside, sure bool) {
	const near = 1e-6 // degrees
	for _, polygon := range d {
		in := false
		for _, ring := range polygon {
			for i, a := range ring {
				b := ring[(i+1)%len(ring)]
				dx, dy := b[0]-a[0], b[1]-a[1]
				s := 0.0
				if l := dx*dx + dy*dy; l > 0 {
					s = min(1, max(0, ((x-a[0])*dx+(y-a[1])*dy)/l))
				}
				if math.Hypot(x-a[0]-s*dx, y-a[1]-s*dy) < near {
					return false, false
				}
				if (a[1] > y) != (b[1] > y) && x < a[0]+(y-a[1])/dy*dx {
					in = !in
				}
			}
		}
		inside = inside || in
	}
	return inside, true
}
