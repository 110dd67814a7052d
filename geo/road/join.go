package road

import "math"

// stretchGrid finds the straight stretches of a survey's ways near a node, by
// squares of about a hundred metres.
type stretchGrid map[[2]int32][]wayStretch

type wayStretch struct{ way, after int32 }

const squareSide = 10_000 // in 1e-7 degree

// stretches enters every stretch into the squares its box touches, cutting long
// ones so that a diagonal does not fill a whole region.
func stretches(s *Survey) stretchGrid {
	g := stretchGrid{}
	for i, w := range s.Ways {
		for k := range len(w.Nodes) - 1 {
			a, b := s.Nodes[w.Nodes[k]], s.Nodes[w.Nodes[k+1]]
			g.enter(a, b, wayStretch{int32(i), int32(k)})
		}
	}
	return g
}

func (g stretchGrid) enter(a, b Node, st wayStretch) {
	if max(abs(int64(a.Lon7)-int64(b.Lon7)), abs(int64(a.Lat7)-int64(b.Lat7))) > 4*squareSide {
		mid := Node{int32((int64(a.Lon7) + int64(b.Lon7)) / 2), int32((int64(a.Lat7) + int64(b.Lat7)) / 2)}
		g.enter(a, mid, st)
		g.enter(mid, b, st)
		return
	}
	const margin = 100 // about a metre: more than joinM
	west, east := square(min(a.Lon7, b.Lon7)-margin), square(max(a.Lon7, b.Lon7)+margin)
	south, north := square(min(a.Lat7, b.Lat7)-margin), square(max(a.Lat7, b.Lat7)+margin)
	for x := west; x <= east; x++ {
		for y := south; y <= north; y++ {
			at := [2]int32{x, y}
			if have := g[at]; len(have) == 0 || have[len(have)-1] != st {
				g[at] = append(have, st)
			}
		}
	}
}

// around calls f once for each stretch in the square of a node.
func (g stretchGrid) around(n Node, f func(way, after int)) {
	for _, st := range g[[2]int32{square(n.Lon7), square(n.Lat7)}] {
		f(int(st.way), int(st.after))
	}
}

func square(v int32) int32 { return int32(math.Floor(float64(v) / squareSide)) }

func abs(v int64) int64 { return max(v, -v) }

// distanceM from a node to a stretch, and how far along it the nearest place is.
func distanceM(n, a, b Node) (m, along float64) {
	p := planeAt(n.Point().Lat)
	x := func(o Node) float64 { return float64(int64(o.Lon7)-int64(n.Lon7)) / 1e7 * p.lonM }
	y := func(o Node) float64 { return float64(int64(o.Lat7)-int64(n.Lat7)) / 1e7 * p.latM }
	dx, dy := x(b)-x(a), y(b)-y(a)
	if l2 := dx*dx + dy*dy; l2 > 0 {
		along = math.Min(math.Max(-(x(a)*dx+y(a)*dy)/l2, 0), 1)
	}
	return math.Hypot(x(a)+along*dx, y(a)+along*dy), along
}
