package grid

import (
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// discArea is the area, in square metres, of the part of the disc around the
// local origin that lies in the shape. A polygon is the signed sum of the
// triangles from the origin to its sides, so its part of the disc is the signed
// sum of the parts of the triangles, and those have closed forms.
func (s *shape) discArea(local geo.Local, radiusM float64) float64 {
	touched := false
	for _, e := range s.edges {
		ax, ay := local.XY(geo.Point{Lon: e.ax, Lat: e.ay})
		bx, by := local.XY(geo.Point{Lon: e.bx, Lat: e.by})
		if squareToSegment(ax, ay, bx, by) < radiusM*radiusM {
			touched = true
			break
		}
	}
	if !touched {
		if s.contains(local.Origin) {
			return math.Pi * radiusM * radiusM
		}
		return 0
	}
	area := 0.0
	for _, e := range s.edges {
		ax, ay := local.XY(geo.Point{Lon: e.ax, Lat: e.ay})
		bx, by := local.XY(geo.Point{Lon: e.bx, Lat: e.by})
		area += triangleInDisc(ax, ay, bx, by, radiusM)
	}
	return area
}

// triangleInDisc is the signed area that the triangle origin, a, b has in common
// with the disc of radius r around the origin.
func triangleInDisc(ax, ay, bx, by, r float64) float64 {
	dx, dy := bx-ax, by-ay
	l := dx*dx + dy*dy
	half := ax*dx + ay*dy
	root := half*half - l*(ax*ax+ay*ay-r*r)
	if l == 0 {
		return 0
	}
	if root <= 0 {
		return sector(ax, ay, bx, by, r)
	}
	root = math.Sqrt(root)
	in, out := (-half-root)/l, (-half+root)/l
	if out <= 0 || in >= 1 {
		return sector(ax, ay, bx, by, r)
	}
	px, py, qx, qy := ax, ay, bx, by
	area := 0.0
	if in > 0 {
		px, py = ax+in*dx, ay+in*dy
		area += sector(ax, ay, px, py, r)
	}
	if out < 1 {
		qx, qy = ax+out*dx, ay+out*dy
		area += sector(qx, qy, bx, by, r)
	}
	return area + (px*qy-py*qx)/2
}

// sector is the signed area of the sector of the disc between two directions.
func sector(ax, ay, bx, by, r float64) float64 {
	return r * r * math.Atan2(ax*by-ay*bx, ax*bx+ay*by) / 2
}

// fan is a shape seen from the local origin: every side as the range of
// directions it spans and the line it lies on.
type fan []blade

// blade is the triangle from the origin to one side. Its far side is at the
// distance h/cos(theta-phi) in the direction theta.
type blade struct {
	lo, hi float64 // directions, 0 <= lo < hi <= 2 pi
	h, phi float64 // distance and direction of the line's nearest point
	sign   float64
}

func newFan(s *shape, local geo.Local) fan {
	const tinyM = 1e-9 // a line through the origin spans no area
	var f fan
	for _, e := range s.edges {
		ax, ay := local.XY(geo.Point{Lon: e.ax, Lat: e.ay})
		bx, by := local.XY(geo.Point{Lon: e.bx, Lat: e.by})
		cross := ax*by - ay*bx
		length := math.Hypot(bx-ax, by-ay)
		h := math.Abs(cross) / length
		if !(h > tinyM) {
			continue
		}
		b := blade{h: h, sign: 1}
		if cross < 0 {
			ax, ay, bx, by = bx, by, ax, ay
			b.sign = -1
		}
		b.phi = math.Atan2(-(bx - ax), by-ay) // the normal, on the side away from the origin
		b.lo = math.Atan2(ay, ax)
		if b.lo < 0 {
			b.lo += 2 * math.Pi
		}
		b.hi = b.lo + math.Atan2(math.Abs(cross), ax*bx+ay*by)
		if b.hi > 2*math.Pi {
			rest := b
			rest.lo, rest.hi = 0, b.hi-2*math.Pi
			b.hi = 2 * math.Pi
			f = append(f, rest)
		}
		f = append(f, b)
	}
	return f
}

// commonArea is the area that two shapes and the disc have in common: for each
// pair of blades the directions they share, out to the nearest of both sides and
// the rim.
func (f fan) commonArea(g fan, radiusM float64) float64 {
	total := 0.0
	for _, a := range f {
		for _, b := range g {
			lo, hi := max(a.lo, b.lo), min(a.hi, b.hi)
			if lo < hi {
				total += a.sign * b.sign * common(a, b, lo, hi, radiusM)
			}
		}
	}
	return total
}

// common integrates half the square of the nearest of both lines and the rim
// over the directions lo to hi, split where another one becomes the nearest.
func common(a, b blade, lo, hi, r float64) float64 {
	cuts := append(make([]float64, 0, 8), lo, hi)
	cut := func(theta float64) {
		theta = math.Mod(theta, 2*math.Pi)
		if theta < 0 {
			theta += 2 * math.Pi
		}
		if theta > lo && theta < hi {
			cuts = append(cuts, theta)
		}
	}
	for _, line := range [...]blade{a, b} {
		if line.h < r {
			off := math.Acos(line.h / r)
			cut(line.phi - off)
			cut(line.phi + off)
		}
	}
	// Where the lines meet: a.h cos(theta-b.phi) = b.h cos(theta-a.phi).
	sinA, cosA := math.Sincos(a.phi)
	sinB, cosB := math.Sincos(b.phi)
	meet := math.Atan2(b.h*cosA-a.h*cosB, a.h*sinB-b.h*sinA)
	cut(meet)
	cut(meet + math.Pi)

	slices.Sort(cuts)
	total := 0.0
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		mid := (from + to) / 2
		toA, toB := a.h/math.Cos(mid-a.phi), b.h/math.Cos(mid-b.phi)
		switch {
		case toA >= r && toB >= r:
			total += r * r * (to - from) / 2
		case toA <= toB:
			total += a.h * a.h * (math.Tan(to-a.phi) - math.Tan(from-a.phi)) / 2
		default:
			total += b.h * b.h * (math.Tan(to-b.phi) - math.Tan(from-b.phi)) / 2
		}
	}
	return total
}
