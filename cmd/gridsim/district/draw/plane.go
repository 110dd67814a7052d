package draw

import (
	"math"
	"strconv"
)

// The plane is metres east and north of the middle of the district.
const (
	middleLon = 121.42
	middleLat = 28.56
	mPerLat   = 110800.0
	// cos(28.56 deg) x 111320, written out so that no platform rounds it its own way.
	mPerLon = 97774.0
)

// vec is a place or a way on the plane, metres.
type vec struct{ x, y float64 }

func (a vec) add(b vec) vec          { return vec{a.x + b.x, a.y + b.y} }
func (a vec) sub(b vec) vec          { return vec{a.x - b.x, a.y - b.y} }
func (a vec) mul(f float64) vec      { return vec{a.x * f, a.y * f} }
func (a vec) dot(b vec) float64      { return a.x*b.x + a.y*b.y }
func (a vec) cross(b vec) float64    { return a.x*b.y - a.y*b.x }
func (a vec) len() float64           { return math.Sqrt(a.x*a.x + a.y*a.y) }
func (a vec) distance(b vec) float64 { return a.sub(b).len() }

// degrees is a place in whole 1e-7 degrees (about a centimetre): what is written
// to the files, and what the exact checks compute on.
type degrees struct{ lon, lat int64 }

func (a vec) degrees() degrees {
	return degrees{
		int64(math.Round((middleLon + a.x/mPerLon) * 1e7)),
		int64(math.Round((middleLat + a.y/mPerLat) * 1e7)),
	}
}

func appendE7(b []byte, v int64) []byte {
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	b = strconv.AppendInt(b, v/1e7, 10)
	b = append(b, '.')
	frac := strconv.FormatInt(v%1e7+1e7, 10)
	return append(b, frac[1:]...)
}

func appendPoint(b []byte, d degrees) []byte {
	b = append(b, '[')
	b = appendE7(b, d.lon)
	b = append(b, ',')
	b = appendE7(b, d.lat)
	return append(b, ']')
}

func appendLine(b []byte, line []degrees) []byte {
	b = append(b, '[')
	for i, d := range line {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPoint(b, d)
	}
	return append(b, ']')
}

// meet says whether the open segments ab and cd cross in one point inside both,
// and where.
func meet(a, b, c, d vec) (vec, bool) {
	r, s := b.sub(a), d.sub(c)
	den := r.cross(s)
	if den == 0 {
		return vec{}, false
	}
	t := c.sub(a).cross(s) / den
	u := c.sub(a).cross(r) / den
	if t <= 0 || t >= 1 || u <= 0 || u >= 1 {
		return vec{}, false
	}
	return a.add(r.mul(t)), true
}

// toSegment is the distance from p to the segment ab.
func toSegment(p, a, b vec) float64 {
	ab := b.sub(a)
	t := 0.0
	if l := ab.dot(ab); l > 0 {
		t = math.Max(0, math.Min(1, p.sub(a).dot(ab)/l))
	}
	return p.distance(a.add(ab.mul(t)))
}

// inside says whether p is in the polygon (even-odd).
func inside(p vec, ring []vec) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		a, b := ring[i], ring[j]
		if (a.y > p.y) != (b.y > p.y) && p.x < (b.x-a.x)*(p.y-a.y)/(b.y-a.y)+a.x {
			in = !in
		}
	}
	return in
}

// curve draws a smooth line through the points (Catmull-Rom), sampled about
// every stepM metres.
func curve(points []vec, stepM float64) []vec {
	var out []vec
	at := func(i int) vec {
		switch {
		case i < 0:
			return points[0].mul(2).sub(points[1])
		case i >= len(points):
			n := len(points)
			return points[n-1].mul(2).sub(points[n-2])
		}
		return points[i]
	}
	for i := 0; i+1 < len(points); i++ {
		p0, p1, p2, p3 := at(i-1), at(i), at(i+1), at(i+2)
		n := int(math.Max(1, math.Round(p1.distance(p2)/stepM)))
		for k := range n {
			t := float64(k) / float64(n)
			t2, t3 := t*t, t*t*t
			out = append(out, p1.mul(2).
				add(p2.sub(p0).mul(t)).
				add(p0.mul(2).sub(p1.mul(5)).add(p2.mul(4)).sub(p3).mul(t2)).
				add(p1.mul(3).sub(p0).sub(p2.mul(3)).add(p3).mul(t3)).mul(0.5))
		}
	}
	return append(out, points[len(points)-1])
}

// noise is smooth value noise in -1..1, the same for the same seed and place.
type noise uint64

func (n noise) corner(ix, iy int64) float64 {
	h := uint64(n)*0x9E3779B97F4A7C15 ^ uint64(ix)*0xBF58476D1CE4E5B9 ^ uint64(iy)*0x94D049BB133111EB
	h ^= h >> 30
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 27
	h *= 0x94D049BB133111EB
	h ^= h >> 31
	return float64(h>>11)/(1<<52) - 1
}

func (n noise) at(p vec, waveM float64) float64 {
	x, y := p.x/waveM, p.y/waveM
	fx, fy := math.Floor(x), math.Floor(y)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	ix, iy := int64(fx), int64(fy)
	top := n.corner(ix, iy)*(1-tx) + n.corner(ix+1, iy)*tx
	bottom := n.corner(ix, iy+1)*(1-tx) + n.corner(ix+1, iy+1)*tx
	return top*(1-ty) + bottom*ty
}

// rough is noise with finer and finer detail.
func (n noise) rough(p vec, waveM float64, octaves int) float64 {
	sum, gain, total := 0.0, 1.0, 0.0
	for i := range octaves {
		sum += gain * (n+noise(i)*101).at(p, waveM)
		total += gain
		gain *= 0.5
		waveM *= 0.5
	}
	return sum / total
}

// push moves p by up to byM in a direction that changes smoothly over waveM.
func (n noise) push(p vec, waveM, byM float64, octaves int) vec {
	return p.add(vec{(n+11).rough(p, waveM, octaves) * byM, (n+29).rough(p, waveM, octaves) * byM})
}
