package roster

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/twpayne/go-geom"
)

// Water is a river, canal or lake as the map draws it. WidthM is 0 where it is not
// known, and of an area.
type Water struct {
	Number     int
	Kind, Name string
	WidthM     float64
	Geom       geom.T
}

// waterKinds are the kinds of water; a line of none is a river, an area a lake.
var waterKinds = []string{"river", "canal", "stream", "lake", "sea"}

// Waters reads lines and polygons with the properties kind, name and width_m.
func Waters(features iter.Seq2[feature.Feature, error]) (good []Water, refused []Refusal, err error) {
	for f, err := range features {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			refused = append(refused, *refusal)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		w, refusal := waterOf(f)
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		good = append(good, w)
	}
	return good, refused, nil
}

func waterOf(f feature.Feature) (Water, *Refusal) {
	r := f.Row()
	w := Water{Number: f.Number, Kind: r.Get("kind"), Name: r.Get("name"), Geom: f.Geom}
	usual := "river"
	switch f.Geom.(type) {
	case *geom.LineString, *geom.MultiLineString:
	case *geom.Polygon, *geom.MultiPolygon:
		usual = "lake"
	default:
		return w, r.Refuse("geometry", feature.CodeGeometry, "water is a line or a polygon")
	}
	if w.Kind == "" {
		w.Kind = usual
	}
	if !slices.Contains(waterKinds, w.Kind) {
		return w, r.Refuse("kind", CodeValue, "%.60q is none of %s", w.Kind, strings.Join(waterKinds, ", "))
	}
	if len(w.Name) > maxPlaceName {
		return w, r.Refuse("name", CodeValue, "has %d bytes; %d are the most", len(w.Name), maxPlaceName)
	}
	if text := r.Get("width_m"); text != "" {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v > 0 && v <= 100_000) {
			return w, r.Refuse("width_m", CodeValue, "%.40q is no width in metres", text)
		}
		w.WidthM = v
	}
	return w, nil
}
