package city

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Places is where people go: points by grid, points anywhere, and which patrol
// belongs to which grid.
type Places struct {
	all    []geo.Point
	byGrid map[string][]geo.Point
	gridOf map[string]string // patrol code to grid code
}

// demoPlaces are the junctions of the demo roads by the grid they lie in, and
// the middle of the grid where it has none.
func demoPlaces() (*Places, error) {
	p := &Places{byGrid: map[string][]geo.Point{}, gridOf: map[string]string{}}
	staff, err := district.Staff()
	if err != nil {
		return nil, err
	}
	for _, s := range staff {
		if s["patrol_code"] != "" && s["grid_code"] != "" {
			p.gridOf[s["patrol_code"]] = s["grid_code"]
		}
	}
	roads, err := district.Roads()
	if err != nil {
		return nil, err
	}
	seen := map[geo.Point]bool{}
	for _, r := range roads {
		for _, c := range [2][2]float64{r.Line[0], r.Line[len(r.Line)-1]} {
			if at := (geo.Point{Lon: c[0], Lat: c[1]}); !seen[at] {
				seen[at] = true
				p.all = append(p.all, at)
			}
		}
	}
	grids, err := demoGrids()
	if err != nil {
		return nil, err
	}
	for _, g := range grids {
		var middle geo.Point
		box := geo.Box{West: 180, South: 90, East: -180, North: -90}
		for _, c := range g.ring[1:] {
			middle.Lon += c.Lon / float64(len(g.ring)-1)
			middle.Lat += c.Lat / float64(len(g.ring)-1)
			box.West, box.East = math.Min(box.West, c.Lon), math.Max(box.East, c.Lon)
			box.South, box.North = math.Min(box.South, c.Lat), math.Max(box.North, c.Lat)
		}
		for _, at := range p.all {
			if box.Contains(at) && inRing(at, g.ring) {
				p.byGrid[g.code] = append(p.byGrid[g.code], at)
			}
		}
		if len(p.byGrid[g.code]) == 0 {
			p.byGrid[g.code] = []geo.Point{middle}
		}
	}
	return p, nil
}

type demoGrid struct {
	code string
	ring []geo.Point
}

func demoGrids() ([]demoGrid, error) {
	raw, err := fs.ReadFile(district.Files(), district.GridsFile)
	if err != nil {
		return nil, fmt.Errorf("read demo grids: %w", err)
	}
	var file struct {
		Features []struct {
			Properties struct{ Code, Kind string }
			Geometry   struct{ Coordinates [][][2]float64 }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read demo grids: %w", err)
	}
	var out []demoGrid
	for _, f := range file.Features {
		if f.Properties.Kind != "general" {
			continue
		}
		g := demoGrid{code: f.Properties.Code}
		for _, c := range f.Geometry.Coordinates[0] {
			g.ring = append(g.ring, geo.Point{Lon: c[0], Lat: c[1]})
		}
		out = append(out, g)
	}
	return out, nil
}

func inRing(p geo.Point, ring []geo.Point) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		a, b := ring[i], ring[j]
		if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lon < (b.Lon-a.Lon)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lon {
			in = !in
		}
	}
	return in
}

// gridRow is a grid as the list shows it.
type gridRow struct {
	Code string     `json:"code"`
	BBox [4]float64 `json:"bbox"`
}

// findPlaces learns where people can go from the grids that the service has. demo
// says that they are those of the demo district.
func findPlaces(ctx context.Context, s *service, who caller, rng *rand.Rand) (p *Places, demo bool, err error) {
	p = &Places{byGrid: map[string][]geo.Point{}, gridOf: map[string]string{}}
	known, err := demoGrids()
	if err != nil {
		return nil, false, err
	}
	codes := map[string]bool{}
	for _, g := range known {
		codes[g.code] = true
	}
	const mostGrids, pointsEach = 10_000, 4
	err = each(ctx, s, who, "/api/v1/grids", mostGrids, func(g gridRow) {
		demo = demo || codes[g.Code]
		for range pointsEach {
			at := geo.Point{
				Lon: g.BBox[0] + (g.BBox[2]-g.BBox[0])*(0.2+0.6*rng.Float64()),
				Lat: g.BBox[1] + (g.BBox[3]-g.BBox[1])*(0.2+0.6*rng.Float64()),
			}
			p.all = append(p.all, at)
			p.byGrid[g.Code] = append(p.byGrid[g.Code], at)
		}
	})
	if err != nil {
		return nil, false, fmt.Errorf("list grids: %w", err)
	}
	if demo {
		p, err = demoPlaces()
		return p, true, err
	}
	if len(p.all) == 0 {
		return nil, false, fmt.Errorf("the service has no grids: import some first")
	}
	return p, false, nil
}

// reachM is how far a patrol of each mode roams in one go.
var reachM = map[string]float64{"foot": 1200, "ebike": 2500, "car": 5000}

// home is where a patrol begins when nobody knows where it is.
func (p *Places) home(patrolCode string, rng *rand.Rand) geo.Point {
	if own := p.byGrid[p.gridOf[patrolCode]]; len(own) > 0 {
		return own[rng.IntN(len(own))]
	}
	return p.all[rng.IntN(len(p.all))]
}

// next is where a patrol walks or drives to: a grid worker within the grid,
// everybody else to somewhere near.
func (p *Places) next(patrolCode, mode string, from geo.Point, rng *rand.Rand) geo.Point {
	if own := p.byGrid[p.gridOf[patrolCode]]; len(own) > 1 {
		return own[rng.IntN(len(own))]
	}
	best, bestM := from, math.Inf(1)
	for range 60 {
		at := p.all[rng.IntN(len(p.all))]
		d := geo.DistanceM(from, at)
		if d > 50 && d < reachM[mode] {
			return at
		}
		if d > 50 && d < bestM {
			best, bestM = at, d
		}
	}
	return best
}
