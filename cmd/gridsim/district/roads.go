package district

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/drawn"
)

// Road is one stretch between two junctions. Where a value is the common one, it is
// empty. Class is one of trunk, primary, secondary, tertiary, residential, track
// (no cars) and path (no cars).
type Road struct {
	ID       int          `json:"id"`
	Class    string       `json:"highway"`
	SpeedKMH int          `json:"maxspeed"`
	OneWay   string       `json:"oneway"` // "yes": from the first point to the last, for wheels
	Name     string       `json:"name"`
	Bridge   string       `json:"bridge"` // "yes"
	Line     [][2]float64 `json:"-"`      // lon, lat
}

// RoadSource is what the demo roads are called where it is asked which roads
// serve.
const RoadSource = "demo district"

// Network builds the demo roads for all modes, read as an import reads them.
func Network(ctx context.Context) (*road.Network, error) {
	file, err := Files().Open(RoadsFile)
	if err != nil {
		return nil, fmt.Errorf("build demo roads: %w", err)
	}
	defer func() { _ = file.Close() }() // it is memory
	lines, _, refused, err := drawn.Lines(feature.GeoJSON(file, feature.Limits{}))
	if err != nil {
		return nil, fmt.Errorf("build demo roads: %w", err)
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("build demo roads: %w", refused[0])
	}
	net, err := road.FromLines(ctx, lines, RoadSource)
	if err != nil {
		return nil, fmt.Errorf("build demo roads: %w", err)
	}
	return net, nil
}

// Roads lists the streets of the district. Roads that meet share the point
// they meet in, to the last digit, at an end of both.
func Roads() ([]Road, error) {
	raw, err := fs.ReadFile(Files(), RoadsFile)
	if err != nil {
		return nil, fmt.Errorf("read demo roads: %w", err)
	}
	var file struct {
		Features []struct {
			Properties Road
			Geometry   struct{ Coordinates [][2]float64 }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read demo roads: %w", err)
	}
	roads := make([]Road, 0, len(file.Features))
	for _, f := range file.Features {
		f.Properties.Line = f.Geometry.Coordinates
		roads = append(roads, f.Properties)
	}
	return roads, nil
}
