package city

import (
	"context"
	"errors"
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Guide finds the way. It is asked by many patrols at once.
type Guide interface {
	// Way answers the line from one place to another and how long it takes.
	Way(ctx context.Context, mode string, from, to geo.Point) ([]geo.Point, float64, error)
}

var errNoWay = errors.New("there is no way")

// LocalGuide asks roads in this process.
type LocalGuide struct{ Engine road.Engine }

// Way implements Guide.
func (g LocalGuide) Way(ctx context.Context, mode string, from, to geo.Point) ([]geo.Point, float64, error) {
	m, err := road.ParseMode(mode)
	if err != nil {
		return nil, 0, err
	}
	r, err := g.Engine.Route(ctx, m, from, to)
	if err != nil {
		return nil, 0, fmt.Errorf("find the way: %w", err)
	}
	if !r.Reachable || r.Geometry == nil {
		return nil, 0, errNoWay
	}
	flat := r.Geometry.FlatCoords()
	stride := r.Geometry.Stride()
	points := make([]geo.Point, 0, len(flat)/stride)
	for i := 0; i+1 < len(flat); i += stride {
		points = append(points, geo.Point{Lon: flat[i], Lat: flat[i+1]})
	}
	return points, r.DurationS, nil
}
