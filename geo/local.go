package geo

import "math"

// Local is a flat map in metres around an origin, x to the east and y to the
// north, with the ellipsoid's true scale at the origin. Within 5 km of it
// lengths are right to 0.1 %, so shares and areas are better than that; it is no
// map for a whole province.
type Local struct {
	Origin         Point
	lonM, latM     float64 // metres to a degree
	perLon, perLat float64 // degrees to a metre
}

// NewLocal makes the flat map around a point.
func NewLocal(origin Point) Local {
	const (
		axisM        = 6378137.0
		eccentricity = 0.00669437999014 // squared
		rad          = math.Pi / 180
	)
	sin, cos := math.Sincos(origin.Lat * rad)
	w := 1 - eccentricity*sin*sin
	l := Local{Origin: origin, latM: axisM * (1 - eccentricity) / (w * math.Sqrt(w)) * rad}
	l.lonM = axisM / math.Sqrt(w) * max(cos, 1e-9) * rad // at a pole every longitude is here
	l.perLon, l.perLat = 1/l.lonM, 1/l.latM
	return l
}

// XY answers where p is on the flat map.
func (l Local) XY(p Point) (x, y float64) {
	return (p.Lon - l.Origin.Lon) * l.lonM, (p.Lat - l.Origin.Lat) * l.latM
}

// Point answers the position of a place on the flat map.
func (l Local) Point(x, y float64) Point {
	return Point{Lon: l.Origin.Lon + x*l.perLon, Lat: l.Origin.Lat + y*l.perLat}
}

// Box answers the box that holds every point within radiusM of the origin.
func (l Local) Box(radiusM float64) Box {
	lon, lat := radiusM*l.perLon, radiusM*l.perLat
	return Box{West: l.Origin.Lon - lon, South: l.Origin.Lat - lat, East: l.Origin.Lon + lon, North: l.Origin.Lat + lat}
}

// BearingDeg is the direction in which to leave from to reach to by the shortest
// way: 0 north, 90 east, below 360. It is 0 for two equal points.
func BearingDeg(from, to Point) float64 {
	const rad = math.Pi / 180
	sinLon, cosLon := math.Sincos((to.Lon - from.Lon) * rad)
	sinFrom, cosFrom := math.Sincos(from.Lat * rad)
	sinTo, cosTo := math.Sincos(to.Lat * rad)
	deg := math.Atan2(sinLon*cosTo, cosFrom*sinTo-sinFrom*cosTo*cosLon) / rad
	if deg < 0 {
		deg += 360
	}
	if deg >= 360 { // a hair west of north rounds up
		deg = 0
	}
	return deg
}

// Beyond is the place that lies at a distance from p in a direction (0 north, 90
// east), along the great circle.
func Beyond(p Point, bearingDeg, distanceM float64) Point {
	const rad = math.Pi / 180
	sinLat, cosLat := math.Sincos(p.Lat * rad)
	sinBearing, cosBearing := math.Sincos(bearingDeg * rad)
	sinWay, cosWay := math.Sincos(distanceM / EarthRadiusM)
	lat := math.Asin(max(-1, min(1, sinLat*cosWay+cosLat*sinWay*cosBearing)))
	lon := p.Lon + math.Atan2(sinBearing*sinWay*cosLat, cosWay-sinLat*math.Sin(lat))/rad
	return Point{Lon: math.Remainder(lon, 360), Lat: lat / rad}
}
