package road

import "math"

// plane measures around one latitude: metres a degree of longitude and of
// latitude on the WGS-84 ellipsoid. Within some kilometres it agrees with the
// geodesic to a few parts in a million.
type plane struct{ lonM, latM float64 }

func planeAt(lat float64) plane {
	const (
		equatorM = 6378137.0
		e2       = 0.00669437999014
		rad      = math.Pi / 180
	)
	sin, cos := math.Sincos(lat * rad)
	w2 := 1 / (1 - e2*sin*sin)
	w := math.Sqrt(w2)
	return plane{lonM: rad * equatorM * w * cos, latM: rad * equatorM * w * w2 * (1 - e2)}
}

// stretchM is the length of a straight stretch between two points given in
// units of 1e-7 degree.
func stretchM(lon1, lat1, lon2, lat2 int32) float64 {
	p := planeAt((float64(lat1) + float64(lat2)) / 2e7)
	return long(float64(int64(lon2)-int64(lon1))/1e7*p.lonM, float64(int64(lat2)-int64(lat1))/1e7*p.latM)
}

// bearing is the direction from one point to another, degrees clockwise from
// north.
func bearing(lon1, lat1, lon2, lat2 int32) float64 {
	p := planeAt((float64(lat1) + float64(lat2)) / 2e7)
	return math.Atan2(float64(int64(lon2)-int64(lon1))*p.lonM, float64(int64(lat2)-int64(lat1))*p.latM) * 180 / math.Pi
}

// long is math.Hypot for lengths on the globe, which cannot overflow.
func long(x, y float64) float64 { return math.Sqrt(x*x + y*y) }
