package track

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Shift carries a track to another part of the earth: its first point to the
// anchor, and every other one to where it lies from there by the same metres in the
// same direction. Nothing is turned. Lengths stay right on the ellipsoid to 0.1 %
// within 100 km of the first point, which adding degrees would not do: a degree of
// longitude at Beijing is an eighth shorter than one at Luqiao.
type Shift struct {
	from, to        geo.Point
	eastBy, northBy float64 // what the ellipsoid's shape adds between the two latitudes
}

// NewShift makes the shift that carries from to to.
func NewShift(from, to geo.Point) Shift {
	eastFrom, northFrom := ellipsoidScale(from)
	eastTo, northTo := ellipsoidScale(to)
	return Shift{from: from, to: to, eastBy: eastFrom / eastTo, northBy: northFrom / northTo}
}

// ellipsoidScale is how much longer a short way east and north is than on the
// sphere.
func ellipsoidScale(p geo.Point) (east, north float64) {
	x, y := geo.NewLocal(p).XY(geo.Point{Lon: p.Lon + 1, Lat: p.Lat + 1})
	degreeM := geo.EarthRadiusM * math.Pi / 180
	return x / (degreeM * max(math.Cos(p.Lat*math.Pi/180), 1e-9)), y / degreeM
}

// Move answers where p lies after the shift.
func (s Shift) Move(p geo.Point) geo.Point {
	sin, cos := math.Sincos(geo.BearingDeg(s.from, p) * math.Pi / 180)
	awayM := geo.DistanceM(s.from, p)
	x, y := awayM*sin*s.eastBy, awayM*cos*s.northBy
	return geo.Beyond(s.to, math.Atan2(x, y)*180/math.Pi, math.Hypot(x, y))
}
