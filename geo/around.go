package geo

import "math"

// Around is what lies from FromM to ToM metres of a place, both included; FromM 0 is the
// disc. It may lie across the antimeridian or a pole.
type Around struct {
	Center     Point
	FromM, ToM float64
}

// Contains says whether a point lies in it, by DistanceM.
func (a Around) Contains(p Point) bool {
	d := DistanceM(a.Center, p)
	return d >= a.FromM && d <= a.ToM
}

// Boxes hold it together: one, or two that meet at the antimeridian. They overlap nowhere.
func (a Around) Boxes() []Box {
	const deg = 180 / math.Pi
	// A hair more than it is: rounding must leave nobody out.
	reach := a.ToM/EarthRadiusM*(1+1e-9) + 1e-11
	south, north := a.Center.Lat-reach*deg, a.Center.Lat+reach*deg
	if south <= -90 || north >= 90 {
		return []Box{{West: -180, South: max(south, -90), East: 180, North: min(north, 90)}}
	}
	// Where the circle is widest it touches a meridian, nearer to the pole than its middle.
	wide := math.Asin(min(1, math.Sin(reach)/math.Cos(a.Center.Lat/deg)))*deg*(1+1e-9) + 1e-9
	west, east := a.Center.Lon-wide, a.Center.Lon+wide
	switch { // it is at most half the way round
	case west < -180:
		return []Box{{-180, south, east, north}, {west + 360, south, 180, north}}
	case east > 180:
		return []Box{{west, south, 180, north}, {-180, south, east - 360, north}}
	}
	return []Box{{west, south, east, north}}
}
