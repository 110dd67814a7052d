// Package geo is the vocabulary every other package shares for places: points,
// boxes, distances and the datums that come in at the door.
//
// It holds small values only. Polygons and lines cross package borders as
// go-geom types with SRID 4326. Lon comes before Lat everywhere.
package geo

import (
	"errors"
	"fmt"
	"math"
)

// EarthRadiusM is the mean radius of the WGS-84 ellipsoid (IUGG R1), metres.
const EarthRadiusM = 6371008.8

// Point is a WGS-84 position in degrees.
type Point struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// Errors a caller branches on. Both are wrapped with the offending values.
var (
	// ErrCoordinate says that a coordinate is not a finite number within range.
	ErrCoordinate = errors.New("bad coordinate")
	// ErrNullIsland says that a device without a position sent 0, 0.
	ErrNullIsland = errors.New("null island")
)

// Check answers nil for a usable position. Its error wraps ErrCoordinate or
// ErrNullIsland and says what to do, "did you mean" included when longitude
// and latitude look swapped.
func (p Point) Check() error {
	switch {
	case math.IsNaN(p.Lon) || math.IsInf(p.Lon, 0) || math.IsNaN(p.Lat) || math.IsInf(p.Lat, 0):
		return fmt.Errorf("%w: lon and lat must be finite numbers", ErrCoordinate)
	case math.Abs(p.Lat) > 90 && math.Abs(p.Lat) <= 180 && math.Abs(p.Lon) <= 90:
		return fmt.Errorf("%w: lat %g is outside -90..90; did you mean lon %g, lat %g?", ErrCoordinate, p.Lat, p.Lat, p.Lon)
	case math.Abs(p.Lat) > 90:
		return fmt.Errorf("%w: lat %g is outside -90..90", ErrCoordinate, p.Lat)
	case math.Abs(p.Lon) > 180:
		return fmt.Errorf("%w: lon %g is outside -180..180", ErrCoordinate, p.Lon)
	case p.Lon == 0 && p.Lat == 0:
		return fmt.Errorf("%w: 0, 0 means that the device had no position", ErrNullIsland)
	}
	return nil
}

// DistanceM is the great-circle distance in metres (haversine; within 0.5 % of
// the ellipsoid).
func DistanceM(a, b Point) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((b.Lat - a.Lat) * rad / 2)
	sinLon := math.Sin((b.Lon - a.Lon) * rad / 2)
	h := sinLat*sinLat + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*sinLon*sinLon
	return 2 * EarthRadiusM * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Box is a bounding box in degrees. It does not cross the antimeridian.
type Box struct{ West, South, East, North float64 }

// Contains says whether p lies in the box, edges included.
func (b Box) Contains(p Point) bool {
	return p.Lon >= b.West && p.Lon <= b.East && p.Lat >= b.South && p.Lat <= b.North
}
