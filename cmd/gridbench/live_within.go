package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// insideOf is what the questions for who is within took, and the polygons of some of them.
type insideOf struct {
	polygon, ring, scan figure
	corners             [][]float64 // lon, lat, closed
}

const (
	expectedInside = 1000 // patrols that one question counts
	polygonCorners = 12
	polygonsByRow  = 100 // that the slow ways are asked
	areaDegrees2   = 0.4 * 0.3
)

// insideFigures asks who is within a polygon of 12 corners and within a ring around each
// place, each of about 1,000 patrols where there are so many, counts them all and names 50.
func insideFigures(x *realtime.Index, places []realtime.Place, where []geo.Point) (out insideOf, err error) {
	n := len(places)
	// A square metre of what the patrols are spread over holds so many of them.
	perM2 := float64(n) / (areaDegrees2 * math.Pow(math.Pi/180*6_371_009, 2) * math.Cos(28.55*math.Pi/180))
	radiusM := math.Sqrt(min(expectedInside, float64(n)/4) / perM2 / math.Pi)
	var polygons []*grid.Area
	for _, at := range where {
		local := geo.NewLocal(at)
		flat := make([]float64, 0, 2*polygonCorners+2)
		for k := range polygonCorners + 1 {
			sin, cos := math.Sincos(2 * math.Pi * float64(k%polygonCorners) / polygonCorners)
			p := local.Point(radiusM*cos, radiusM*sin)
			flat = append(flat, p.Lon, p.Lat)
		}
		area, err := grid.NewArea(geom.NewMultiPolygonFlat(geom.XY, flat, [][]int{{len(flat)}}))
		if err != nil {
			return out, err
		}
		polygons = append(polygons, area)
		if len(out.corners) < polygonsByRow {
			out.corners = append(out.corners, flat)
		}
	}
	counted := 0
	ask := func(region dispatch.Region, near *geo.Point) time.Duration {
		began := time.Now()
		_, heads := x.Within(dispatch.WithinAsk{Region: region, Near: near, Limit: 50, Admits: func(s *dispatch.Standing) bool { return s.Presence != dispatch.Lost }})
		took := time.Since(began)
		for _, h := range heads {
			counted += h.Count
		}
		return took
	}
	inPolygon, inRing, scanned := make([]time.Duration, len(where)), make([]time.Duration, len(where)), []time.Duration{}
	for i := range where {
		inPolygon[i] = ask(polygons[i], nil)
	}
	mean := counted / len(where)
	for i := range where {
		inRing[i] = ask(geo.Around{Center: where[i], FromM: radiusM, ToM: radiusM * math.Sqrt2}, &where[i])
	}
	for _, area := range polygons[:min(len(polygons), max(10, 2_000_000/n))] {
		began := time.Now()
		inside := 0
		for i := range places {
			if area.Contains(places[i].Point) {
				inside++
			}
		}
		scanned = append(scanned, time.Since(began))
	}
	for _, took := range [][]time.Duration{inPolygon, inRing, scanned} {
		slices.Sort(took)
	}
	same, scan := "same_run", us(scanned, 0.5)
	out.polygon = figure{Name: fmt.Sprintf("within a polygon, %d of %d on average, p50", mean, n), Value: us(inPolygon, 0.5), Unit: "us", Peer: &scan, PeerSource: &same, Runs: len(inPolygon)}
	out.ring = figure{Name: fmt.Sprintf("within a ring of as much area, of %d, p50", n), Value: us(inRing, 0.5), Unit: "us", Peer: &scan, PeerSource: &same, Runs: len(inRing)}
	out.scan = figure{Name: fmt.Sprintf("linear scan of %d for the polygon, p50", n), Value: scan, Unit: "us", Runs: len(scanned)}
	return out, nil
}
