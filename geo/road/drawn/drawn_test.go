package drawn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/drawn"
)

func TestLines(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"LineString","coordinates":[[121.38,28.58],[121.39,28.58]]}`
	for _, c := range []struct {
		name, properties, geometry string
		code                       string // of the refusal
		class                      road.Class
		kmh                        float64
		oneWay                     bool
		firstLon                   float64
		modes                      []string
	}{
		{name: "nothing said", properties: `{}`, class: road.OtherRoad, modes: []string{"foot", "ebike", "car"}},
		{name: "class", properties: `{"highway":"footway"}`, class: road.Footway, modes: []string{"foot", "ebike"}},
		{name: "other word for the class", properties: `{"fclass":"Primary"}`, class: road.Primary, modes: []string{"foot", "ebike", "car"}},
		{name: "speed", properties: `{"speed_kmh":33}`, class: road.OtherRoad, kmh: 33, modes: []string{"foot", "ebike", "car"}},
		{name: "limit", properties: `{"maxspeed":"50"}`, class: road.OtherRoad, kmh: 40, modes: []string{"foot", "ebike", "car"}},
		{name: "one way", properties: `{"oneway":"yes"}`, class: road.OtherRoad, oneWay: true, modes: []string{"foot", "ebike", "car"}},
		{name: "against the drawing", properties: `{"oneway":-1}`, class: road.OtherRoad, oneWay: true, firstLon: 121.39, modes: []string{"foot", "ebike", "car"}},
		{name: "modes", properties: `{"modes":"foot;car"}`, class: road.OtherRoad, modes: []string{"foot", "car"}},
		{name: "a list of modes", properties: `{"modes":["ebike"]}`, class: road.OtherRoad, modes: []string{"ebike"}},
		{name: "modes one by one", properties: `{"bicycle":"no","motor_vehicle":false}`, class: road.OtherRoad, modes: []string{"foot"}},
		{name: "several parts", properties: `{}`, class: road.OtherRoad, modes: []string{"foot", "ebike", "car"},
			geometry: `{"type":"MultiLineString","coordinates":[[[121.38,28.58],[121.39,28.58]]]}`},
		{name: "unknown class", properties: `{"highway":"runway"}`, code: drawn.CodeClass},
		{name: "bad speed", properties: `{"speed_kmh":"fast"}`, code: drawn.CodeSpeed},
		{name: "negative speed", properties: `{"speed_kmh":-5}`, code: drawn.CodeSpeed},
		{name: "bad direction", properties: `{"oneway":"sometimes"}`, code: drawn.CodeDirection},
		{name: "bad mode", properties: `{"modes":"boat"}`, code: drawn.CodeModes},
		{name: "nobody", properties: `{"foot":"no","ebike":"no","car":"no"}`, code: drawn.CodeModes},
		{name: "a point", properties: `{}`, geometry: `{"type":"Point","coordinates":[121.38,28.58]}`, code: feature.CodeGeometry},
		{name: "no length", properties: `{}`, geometry: `{"type":"LineString","coordinates":[[121.38,28.58],[121.38,28.58]]}`, code: feature.CodeGeometry},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.geometry == "" {
				c.geometry = plain
			}
			if c.firstLon == 0 {
				c.firstLon = 121.38
			}
			file := fmt.Sprintf(`{"type":"FeatureCollection","features":[{"type":"Feature","properties":%s,"geometry":%s}]}`, c.properties, c.geometry)
			lines, accepted, refused, err := drawn.Lines(feature.GeoJSON(strings.NewReader(file), feature.Limits{}))
			if err != nil {
				t.Fatal(err)
			}
			if c.code != "" {
				if len(refused) != 1 || refused[0].Code != c.code || accepted != 0 {
					t.Errorf("accepted %d, refused %v, want one of code %s", accepted, refused, c.code)
				}
				return
			}
			if len(lines) != 1 || accepted != 1 || len(refused) != 0 {
				t.Fatalf("%d lines, %d accepted, refused %v", len(lines), accepted, refused)
			}
			l := lines[0]
			if l.Class != c.class || l.SpeedKMH != c.kmh || l.OneWay != c.oneWay || l.Points[0].Lon != c.firstLon ||
				!slices.Equal(l.Modes.Strings(), c.modes) {
				t.Errorf("read %+v %v", l, l.Modes.Strings())
			}
		})
	}
}
