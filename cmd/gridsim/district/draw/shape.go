package draw

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// shape is where every border corner ended up, and the rings made of them.
type shape struct {
	land  *land
	place map[key]degrees // looked up, never ranged over
}

// border is a side of a cell whose two cells belong to different grids, or that
// lies on the outline.
type border struct{ a, b key }

// shape moves the corners of all grid borders: a smooth push, then an even
// roundness that takes the lattice out of the line, then a little roughness. A
// corner is moved once and for all its neighbours. Where a move makes borders
// cross, the corners involved go back towards the lattice until nothing does.
func (l *land) shape() (*shape, error) {
	near := map[key][]key{} // corner to the corners along borders
	var list []key
	var borders []border
	link := func(a, b key) {
		if near[a] == nil {
			list = append(list, a)
		}
		if !slices.Contains(near[a], b) {
			near[a] = append(near[a], b)
		}
	}
	for i, k := range l.cells {
		for s, n := range l.next[i] {
			if n >= 0 && (l.grid[n] == l.grid[i] || n < i) {
				continue
			}
			a, b := k.plus(corners[s]), k.plus(corners[(s+1)%6])
			link(a, b)
			link(b, a)
			borders = append(borders, border{a, b})
		}
	}
	at := make(map[key]vec, len(list))
	for _, k := range list {
		at[k] = k.vec()
	}
	for range 3 {
		moved := make(map[key]vec, len(list))
		for _, k := range list {
			sum := vec{}
			for _, n := range near[k] {
				sum = sum.add(at[n])
			}
			moved[k] = at[k].mul(0.45).add(sum.mul(0.55 / float64(len(near[k]))))
		}
		at = moved
	}
	keep := make(map[key]float64, len(list))
	place := func(k key) degrees {
		p := (l.noise + 17).push(at[k], 230, 26, 2)
		p = (l.noise + 23).push(p, 60, 6, 1)
		return k.vec().add(p.sub(k.vec()).mul(1 - keep[k])).degrees()
	}
	s := &shape{land: l, place: make(map[key]degrees, len(list))}
	for _, k := range list {
		s.place[k] = place(k)
	}
	for range 12 {
		bad := s.crossings(borders)
		if len(bad) == 0 {
			return s, nil
		}
		for _, k := range bad {
			for _, n := range append([]key{k}, near[k]...) {
				keep[n] = math.Min(1, keep[n]+0.25)
				s.place[n] = place(n)
			}
		}
	}
	return nil, fmt.Errorf("borders still cross at %d corners", len(s.crossings(borders)))
}

// crossings lists the corners of borders that touch where they share no corner,
// or fold back on one another. It is exact: on whole 1e-7 degrees.
func (s *shape) crossings(borders []border) []key {
	const bin = 8000 // 1e-7 degrees, about 80 m
	type square struct{ x, y int64 }
	bins := map[square][]int{}
	var bad []key
	mark := func(b border) {
		for _, k := range [2]key{b.a, b.b} {
			if !slices.Contains(bad, k) {
				bad = append(bad, k)
			}
		}
	}
	for i, b := range borders {
		p, q := s.place[b.a], s.place[b.b]
		if p == q {
			mark(b)
		}
		for x := min(p.lon, q.lon) / bin; x <= max(p.lon, q.lon)/bin; x++ {
			for y := min(p.lat, q.lat) / bin; y <= max(p.lat, q.lat)/bin; y++ {
				for _, j := range bins[square{x, y}] {
					if s.clash(b, borders[j]) {
						mark(b)
						mark(borders[j])
					}
				}
				bins[square{x, y}] = append(bins[square{x, y}], i)
			}
		}
	}
	return bad
}

// clash says whether two borders meet anywhere but in a corner they share.
func (s *shape) clash(u, v border) bool {
	a, b, c, d := s.place[u.a], s.place[u.b], s.place[v.a], s.place[v.b]
	if u == v {
		return false
	}
	switch {
	case u.a == v.a:
		return folded(a, b, d)
	case u.a == v.b:
		return folded(a, b, c)
	case u.b == v.a:
		return folded(b, a, d)
	case u.b == v.b:
		return folded(b, a, c)
	}
	d1, d2 := turn(a, b, c), turn(a, b, d)
	d3, d4 := turn(c, d, a), turn(c, d, b)
	if d1*d2 < 0 && d3*d4 < 0 {
		return true
	}
	return d1 == 0 && between(a, b, c) || d2 == 0 && between(a, b, d) ||
		d3 == 0 && between(c, d, a) || d4 == 0 && between(c, d, b)
}

// folded says whether two borders leave the corner o in the same direction.
func folded(o, p, q degrees) bool {
	return turn(o, p, q) == 0 && (p.lon-o.lon)*(q.lon-o.lon)+(p.lat-o.lat)*(q.lat-o.lat) > 0
}

func turn(a, b, c degrees) int64 {
	return int64(cmp.Compare((b.lon-a.lon)*(c.lat-a.lat), (b.lat-a.lat)*(c.lon-a.lon)))
}

func between(a, b, c degrees) bool {
	return min(a.lon, b.lon) <= c.lon && c.lon <= max(a.lon, b.lon) &&
		min(a.lat, b.lat) <= c.lat && c.lat <= max(a.lat, b.lat)
}

// rings are the borders of all cells that one owner has: the outer ring first,
// counter-clockwise, closed, then holes. Owner is one of land's slices, or nil for the
// whole district.
func (s *shape) rings(owner []int, part int, cells []int) [][]degrees {
	own := func(c int) bool { return c >= 0 && (owner == nil || owner[c] == part) }
	after := map[key]key{}
	var starts []key
	for _, c := range cells {
		k := s.land.cells[c]
		for i, n := range s.land.next[c] {
			if !own(n) {
				a := k.plus(corners[i])
				after[a] = k.plus(corners[(i+1)%6])
				starts = append(starts, a)
			}
		}
	}
	var rings [][]degrees
	for _, start := range starts {
		if _, ok := after[start]; !ok {
			continue
		}
		var ring []degrees
		for k := start; ; {
			ring = append(ring, s.place[k])
			n, ok := after[k]
			if !ok {
				break
			}
			delete(after, k)
			k = n
		}
		rings = append(rings, ring)
	}
	slices.SortStableFunc(rings, func(a, b []degrees) int { return cmp.Compare(area2(b), area2(a)) })
	return rings
}

// area2 is twice the signed area of a closed ring in square 1e-7 degrees.
func area2(ring []degrees) int64 {
	sum := int64(0)
	o := ring[0]
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		sum += (a.lon-o.lon)*(b.lat-o.lat) - (b.lon-o.lon)*(a.lat-o.lat)
	}
	return sum
}
