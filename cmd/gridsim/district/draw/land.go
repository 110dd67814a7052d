package draw

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// cellSideM is the side of a lattice cell: border corners lie about this far apart.
const cellSideM = 38.0

// key names a cell by its centre, or a corner, in lattice units: half a cell's
// width east, half a side north.
type key struct{ x, y int32 }

func (k key) plus(d key) key { return key{k.x + d.x, k.y + d.y} }
func (k key) vec() vec {
	return vec{float64(k.x) * cellSideM * 0.8660254037844386, float64(k.y) * cellSideM * 0.5}
}

// corners run counter-clockwise; side i lies between corner i and i+1 and
// borders the cell at sides[i].
var (
	corners = [6]key{{1, 1}, {0, 2}, {-1, 1}, {-1, -1}, {0, -2}, {1, -1}}
	sides   = [6]key{{1, 3}, {-1, 3}, {-2, 0}, {-1, -3}, {1, -3}, {2, 0}}
)

// land is the lattice and who owns each cell. cells is in a fixed order; the
// other slices go along with it, -1 for none.
type land struct {
	noise   noise
	rng     *rand.Rand
	cells   []key
	index   map[key]int // looked up, never ranged over
	centres []vec
	next    [][6]int // neighbours by side
	barrier [][6]float64

	town, village, grid []int
	grids               []gridOf
}

// gridOf is one general grid: its village and its place among the grids of the
// village.
type gridOf struct {
	village int
	number  int // within the village, from 1
	inTown  int // within the town, from 1
	cells   []int
	centre  vec
}

// outline is the invented shape of the district, kilometres.
var outline = []vec{
	{-12.8, 3}, {-12.1, 5.2}, {-10.2, 5.6}, {-9.4, 7.2}, {-7.4, 6.9}, {-6.4, 5.2}, {-3.4, 5.2}, {-2.2, 4.6}, {-0.8, 5.6}, {1.8, 5.4},
	{3.2, 6.9}, {6.6, 7.3}, {8.8, 6.1}, {11.2, 6.6}, {12.9, 5.2}, {12.6, 2.6}, {13.3, 1.6}, {12.4, -0.6}, {13.4, -2.6}, {12.2, -4.9},
	{9.6, -6.7}, {7.6, -6.1}, {5.4, -7.0}, {3.4, -5.6}, {0.8, -5.4}, {-1.4, -6.6}, {-4, -7.2}, {-6.2, -6.4},
	{-7.6, -4.9}, {-10.2, -5.1}, {-12.3, -3.4}, {-11.5, -1.2}, {-12.0, 0.8},
}

func newLand(seed uint64) *land {
	l := &land{noise: noise(seed), rng: rand.New(rand.NewPCG(seed, 1)), index: map[key]int{}}
	ring := make([]vec, len(outline))
	for i, p := range outline {
		ring[i] = p.mul(1000)
	}
	ring = curve(append(ring, ring[0]), 200)
	const rows, cols = 160, 240 // half of the lattice: 9 km north, 16 km east
	in := func(k key) bool { return inside((l.noise+3).push(k.vec(), 1700, 820, 6), ring) }
	// From the middle outwards, so that islands and lakes at the edge are left out.
	start := key{0, 0}
	seen := map[key]bool{start: true}
	for queue := []key{start}; len(queue) > 0; queue = queue[1:] {
		l.cells = append(l.cells, queue[0])
		for _, d := range sides {
			k := queue[0].plus(d)
			if !seen[k] && k.y > -3*rows && k.y < 3*rows && k.x > -2*cols && k.x < 2*cols && in(k) {
				seen[k] = true
				queue = append(queue, k)
			}
		}
	}
	l.fillHoles(seen, rows, cols)
	slices.SortFunc(l.cells, func(a, b key) int { return cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x)) })
	for i, k := range l.cells {
		l.index[k] = i
		l.centres = append(l.centres, k.vec())
	}
	l.next = make([][6]int, len(l.cells))
	l.barrier = make([][6]float64, len(l.cells))
	for i, k := range l.cells {
		for s, d := range sides {
			l.next[i][s] = -1
			if j, ok := l.index[k.plus(d)]; ok {
				l.next[i][s] = j
			}
		}
	}
	l.town = blank(len(l.cells))
	l.village = blank(len(l.cells))
	l.grid = blank(len(l.cells))
	return l
}

// fillHoles adds cells that are out but enclosed: the district is one piece
// without holes.
func (l *land) fillHoles(seen map[key]bool, rows, cols int32) {
	out := map[key]bool{}
	start := key{-2*cols - 8, 0}
	start.x += start.x & 1
	out[start] = true
	for queue := []key{start}; len(queue) > 0; queue = queue[1:] {
		for _, d := range sides {
			k := queue[0].plus(d)
			if !out[k] && !seen[k] && k.y > -3*rows-12 && k.y < 3*rows+12 && k.x > -2*cols-12 && k.x < 2*cols+12 {
				out[k] = true
				queue = append(queue, k)
			}
		}
	}
	for again := true; again; {
		again = false
		for _, k := range l.cells {
			for _, d := range sides {
				if n := k.plus(d); !seen[n] && !out[n] {
					seen[n] = true
					l.cells = append(l.cells, n)
					again = true
				}
			}
		}
	}
}

func blank(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = -1
	}
	return s
}

// at is the cell that holds p, or -1.
func (l *land) at(p vec) int {
	row := math.Round(p.y / (cellSideM * 1.5))
	best, bestM := -1, math.Inf(1)
	for dr := -1.0; dr <= 1; dr++ {
		y := int32(row+dr) * 3
		x := int32(math.Round(p.x / (cellSideM * 0.8660254037844386)))
		for dx := int32(-2); dx <= 2; dx++ {
			if i, ok := l.index[key{x + dx, y}]; ok {
				if m := l.centres[i].distance(p); m < bestM {
					best, bestM = i, m
				}
			}
		}
	}
	if bestM > cellSideM {
		return -1
	}
	return best
}

// fence makes it dear to grow across the line: borders then follow rivers and
// main roads, as they do in life.
func (l *land) fence(line []vec, costM float64) {
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		mid := l.at(a.add(b).mul(0.5))
		if mid < 0 {
			continue
		}
		near := []int{mid}
		for ring, from := 0, 0; ring < 2; ring++ {
			to := len(near)
			for _, c := range near[from:to] {
				for _, n := range l.next[c] {
					if n >= 0 && !slices.Contains(near, n) {
						near = append(near, n)
					}
				}
			}
			from = to
		}
		for _, c := range near {
			for s, n := range l.next[c] {
				if n < 0 {
					continue
				}
				if _, ok := meet(l.centres[c], l.centres[n], a, b); ok {
					l.barrier[c][s] = math.Max(l.barrier[c][s], costM)
					l.barrier[n][(s+3)%6] = math.Max(l.barrier[n][(s+3)%6], costM)
				}
			}
		}
	}
}

// urban is how built-up a place is, 0 to 1.
func urban(p vec) float64 {
	u := 0.0
	for _, t := range plans {
		d := p.distance(t.centre) / t.reachM
		u = math.Max(u, t.urban*math.Exp(-d*d*0.7))
	}
	return u
}

// hills lie in the west and a few stand in the plain.
var hills = []struct {
	at    vec
	sizeM float64
}{{vec{-11800, 600}, 1500}, {vec{-11200, -3900}, 1300}, {vec{-10600, 6200}, 1300}, {vec{-7900, -5200}, 900}, {vec{-2000, -6300}, 700}, {vec{9800, -5900}, 1000}, {vec{-1600, 4300}, 600}}

func (l *land) hill(p vec) float64 {
	h := 0.0
	for _, x := range hills {
		d := (l.noise+5).push(p, 900, 400, 3).distance(x.at) / x.sizeM
		h = math.Max(h, 1.3-d)
	}
	return math.Max(0, math.Min(1, h*1.5))
}
