package geo

import (
	"fmt"
	"math"
	"strings"
)

// CRS is the datum a position came in. WGS-84 is what is stored; the others are
// converted at the door and what was sent is kept beside it.
type CRS string

// The datums taken at the door.
const (
	WGS84    CRS = "wgs84"
	CGCS2000 CRS = "cgcs2000" // the same as WGS-84 to a metre
	GCJ02    CRS = "gcj02"    // offset by up to 700 m within China
	BD09     CRS = "bd09"     // GCJ-02, offset once more
)

// ParseCRS reads the name of a datum in any case; no name is WGS84. Its error
// names the values allowed.
func ParseCRS(s string) (CRS, error) {
	switch c := CRS(strings.ToLower(s)); c {
	case "":
		return WGS84, nil
	case WGS84, CGCS2000, GCJ02, BD09:
		return c, nil
	}
	return "", fmt.Errorf("crs %.20q is none of wgs84, cgcs2000, gcj02, bd09", s)
}

// UnmarshalText is ParseCRS.
func (c *CRS) UnmarshalText(text []byte) error {
	parsed, err := ParseCRS(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// ToWGS84 converts a position of the given datum, to within a millimetre. Outside China
// GCJ-02 is WGS-84. The empty datum is WGS-84; a datum that ParseCRS would refuse
// gives a point that Check refuses.
func ToWGS84(p Point, from CRS) Point {
	switch from {
	case "", WGS84, CGCS2000:
		return p
	case GCJ02:
		return fromGCJ02(p)
	case BD09:
		return fromGCJ02(undo(bd09Shift, p))
	}
	return Point{math.NaN(), math.NaN()}
}

// FromWGS84 is the way back, for those who ask in another datum.
func FromWGS84(p Point, to CRS) Point {
	switch to {
	case "", WGS84, CGCS2000:
		return p
	case GCJ02:
		return toGCJ02(p)
	case BD09:
		return add(toGCJ02(p), bd09Shift(toGCJ02(p)))
	}
	return Point{math.NaN(), math.NaN()}
}

// china is where maps are offset, in WGS-84: the rectangle every published
// implementation uses.
var china = Box{West: 72.004, South: 0.8293, East: 137.8347, North: 55.8271}

func toGCJ02(p Point) Point {
	if !china.Contains(p) {
		return p
	}
	return add(p, gcj02Shift(p))
}

// fromGCJ02 asks first for a place within China that would show at p. In the few
// hundred metres along the rectangle's rim both answers can be true; the one
// within China wins, so that what was converted comes back.
func fromGCJ02(p Point) Point {
	rim := Box{West: china.West - 0.02, South: china.South - 0.02, East: china.East + 0.02, North: china.North + 0.02}
	if !rim.Contains(p) {
		return p
	}
	if at := undo(gcj02Shift, p); china.Contains(at) || china.Contains(p) {
		return at
	}
	return p
}

// undo finds the point that shift moves to p. Both shifts change by less than a
// hundredth of the way, so every step gains two digits; ten are more than enough.
func undo(shift func(Point) Point, p Point) Point {
	at := p
	for range 10 {
		s := shift(at)
		next := Point{p.Lon - s.Lon, p.Lat - s.Lat}
		done := math.Abs(next.Lon-at.Lon) < 1e-12 && math.Abs(next.Lat-at.Lat) < 1e-12
		at = next
		if done {
			break
		}
	}
	return at
}

func add(p, shift Point) Point { return Point{p.Lon + shift.Lon, p.Lat + shift.Lat} }

// gcj02Shift is the published offset, in degrees, on the Krasovsky ellipsoid.
func gcj02Shift(p Point) Point {
	const (
		axisM        = 6378245.0
		eccentricity = 0.00669342162296594323 // squared
	)
	x, y := p.Lon-105, p.Lat-35
	root := math.Sqrt(math.Abs(x))
	sin := func(v float64) float64 { return math.Sin(v * math.Pi) }

	waves := (20*sin(6*x) + 20*sin(2*x)) * 2 / 3
	north := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root + waves +
		(20*sin(y)+40*sin(y/3))*2/3 + (160*sin(y/12)+320*sin(y/30))*2/3
	east := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root + waves +
		(20*sin(x)+40*sin(x/3))*2/3 + (150*sin(x/12)+300*sin(x/30))*2/3

	lat := p.Lat * math.Pi / 180
	magic := 1 - eccentricity*math.Sin(lat)*math.Sin(lat)
	return Point{
		Lon: east * 180 / (axisM / math.Sqrt(magic) * math.Cos(lat) * math.Pi),
		Lat: north * 180 / (axisM * (1 - eccentricity) / (magic * math.Sqrt(magic)) * math.Pi),
	}
}

// bd09Shift is the published offset of BD-09 from a GCJ-02 position, in degrees.
func bd09Shift(p Point) Point {
	const turns = math.Pi * 3000 / 180
	r := math.Hypot(p.Lon, p.Lat) + 0.00002*math.Sin(p.Lat*turns)
	theta := math.Atan2(p.Lat, p.Lon) + 0.000003*math.Cos(p.Lon*turns)
	return Point{Lon: r*math.Cos(theta) + 0.0065 - p.Lon, Lat: r*math.Sin(theta) + 0.006 - p.Lat}
}
