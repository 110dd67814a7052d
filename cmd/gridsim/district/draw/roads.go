package draw

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// stretch is a piece of road between two junctions.
type stretch struct {
	from, to int
	line     []vec
	class    string
	name     string
	main     bool
	oneway   bool // from first to last point
	bridge   bool
	speedKMH int
}

// roadNet is the finished road map: nodes are junctions and ends.
type roadNet struct {
	nodes []vec
	edges []stretch
	land  *land
}

// bridgeEveryM is how rarely a small road crosses water: about one bridge in
// this many metres of river. Main roads always have theirs.
const bridgeEveryM = 12000.0

func layRoads(l *land, rivers []river, mains []mainRoad) (*roadNet, error) {
	rng := rand.New(rand.NewPCG(uint64(l.noise), 3))
	net := &roadNet{land: l}
	net.nodes, net.edges = cutMainRoads(mains)
	mainNodes := len(net.nodes)
	net.scatterNodes(rng, rivers, mains)
	net.joinNeighbours(rivers, mainNodes)
	if err := net.keepOneNetwork(rng); err != nil {
		return nil, err
	}
	net.classify(rng)
	net.nameStreets(rng)
	for i := range net.edges {
		e := &net.edges[i]
		e.bridge = net.crossesWater(e.line, rivers)
		if !e.main {
			e.line = bend(l.noise+90, e.line[0], e.line[1])
		}
		e.speedKMH = speedKMH[e.class]
	}
	net.oneWays(rng)
	return net, nil
}

var speedKMH = map[string]int{"trunk": 80, "primary": 60, "secondary": 50, "tertiary": 40, "residential": 30, "track": 20, "path": 15}

// scatterNodes throws junctions: one near the middle of every grid, so that all
// are reachable, then as close together as the land is built up.
func (n *roadNet) scatterNodes(rng *rand.Rand, rivers []river, mains []mainRoad) {
	l := n.land
	bins := newBins(400)
	for i, p := range n.nodes {
		bins.add(p, i)
	}
	wet := newBins(400)
	var wetAt []vec
	var wetWide []float64
	for _, r := range rivers {
		for _, p := range r.line {
			wet.add(p, len(wetAt))
			wetAt, wetWide = append(wetAt, p), append(wetWide, r.widthM)
		}
	}
	mainBins := newBins(400)
	var mainAt []vec
	for _, r := range mains {
		for _, p := range r.line {
			mainBins.add(p, len(mainAt))
			mainAt = append(mainAt, p)
		}
	}
	fits := func(p vec, apartM float64) bool {
		if l.at(p) < 0 || inLake(p, p) {
			return false
		}
		for _, i := range bins.near(p, apartM) {
			if n.nodes[i].distance(p) < apartM {
				return false
			}
		}
		for _, i := range wet.near(p, 120) {
			if wetAt[i].distance(p) < wetWide[i]/2+30 {
				return false
			}
		}
		for _, i := range mainBins.near(p, apartM) {
			if mainAt[i].distance(p) < apartM*0.55 {
				return false
			}
		}
		return true
	}
	add := func(p vec) {
		bins.add(p, len(n.nodes))
		n.nodes = append(n.nodes, p)
	}
	for _, g := range l.grids {
		if fits(g.centre, 90) {
			add(g.centre)
		}
	}
	for range 60000 {
		c := l.centres[rng.IntN(len(l.centres))]
		p := c.add(vec{(rng.Float64() - 0.5) * 60, (rng.Float64() - 0.5) * 60})
		u, h := urban(p), l.hill(p)
		apart := 150 + 230*(1-u)*(1-u) + 380*h
		if fits(p, apart) {
			add(p)
		}
	}
}

// joinNeighbours links junctions that have nobody between them (the Gabriel
// graph), unless a main road or water lies between: streets join main roads at
// junctions only, and small bridges are few.
func (n *roadNet) joinNeighbours(rivers []river, mainNodes int) {
	bins := newBins(400)
	for i, p := range n.nodes {
		bins.add(p, i)
	}
	type piece struct{ a, b vec }
	var walls []piece
	wallBins := newBins(400)
	for _, e := range n.edges {
		for k := 1; k < len(e.line); k++ {
			wallBins.add(e.line[k-1].add(e.line[k]).mul(0.5), len(walls))
			walls = append(walls, piece{e.line[k-1], e.line[k]})
		}
	}
	var bridges, mainBridges []vec
	for _, e := range n.edges {
		if n.crossesWater(e.line, rivers) {
			mainBridges = append(mainBridges, e.line[len(e.line)/2])
		}
	}
	for a := range n.nodes {
		for _, b := range bins.near(n.nodes[a], 900) {
			if b <= a || (a < mainNodes && b < mainNodes) {
				continue
			}
			p, q := n.nodes[a], n.nodes[b]
			mid, radius := p.add(q).mul(0.5), p.distance(q)/2
			if radius > 450 || inLake(p, q) {
				continue
			}
			free := true
			for _, c := range bins.near(mid, radius) {
				if c != a && c != b && n.nodes[c].distance(mid) < radius {
					free = false
					break
				}
			}
			for _, i := range wallBins.near(mid, radius+80) {
				if w := walls[i]; free && w.a != p && w.b != p && w.a != q && w.b != q {
					_, hit := meet(p, q, w.a, w.b)
					free = !hit
				}
			}
			if !free {
				continue
			}
			if n.crossesWater([]vec{p, q}, rivers) {
				if slices.ContainsFunc(bridges, func(o vec) bool { return o.distance(mid) < bridgeEveryM }) || slices.ContainsFunc(mainBridges, func(o vec) bool { return o.distance(mid) < 3000 }) {
					continue
				}
				bridges = append(bridges, mid)
			}
			n.edges = append(n.edges, stretch{from: a, to: b, line: []vec{p, q}})
		}
	}
}

func (n *roadNet) crossesWater(line []vec, rivers []river) bool {
	for _, r := range rivers {
		for k := 1; k < len(line); k++ {
			for m := 1; m < len(r.line); m++ {
				if math.Abs(r.line[m].x-line[k].x) > 1200 || math.Abs(r.line[m].y-line[k].y) > 1200 {
					continue
				}
				if _, ok := meet(line[k-1], line[k], r.line[m-1], r.line[m]); ok {
					return true
				}
			}
		}
	}
	return false
}

// keepOneNetwork thins the streets out, keeps a tree that reaches everything
// from the main roads, and drops what no road can reach.
func (n *roadNet) keepOneNetwork(rng *rand.Rand) error {
	tree, reached := n.tree()
	var kept []stretch
	for i, e := range n.edges {
		if !reached[e.from] || !reached[e.to] {
			continue
		}
		mid := e.line[0].add(e.line[len(e.line)-1]).mul(0.5)
		if e.main || tree[i] || rng.Float64() < 0.3+0.3*urban(mid) {
			kept = append(kept, e)
		}
	}
	// Number the junctions that are left.
	number := blank(len(n.nodes))
	var nodes []vec
	for i := range kept {
		for _, end := range [2]*int{&kept[i].from, &kept[i].to} {
			if number[*end] < 0 {
				number[*end] = len(nodes)
				nodes = append(nodes, n.nodes[*end])
			}
			*end = number[*end]
		}
	}
	n.nodes, n.edges = nodes, kept
	if _, reached := n.tree(); slices.Contains(reached, false) {
		return fmt.Errorf("the main roads are not one network")
	}
	return nil
}

// tree grows the cheapest ways from the first main road's first junction; main
// roads are cheap. It answers the edges it uses and the nodes it reaches.
func (n *roadNet) tree() ([]bool, []bool) {
	from := n.incident()
	used := make([]bool, len(n.edges))
	reached := make([]bool, len(n.nodes))
	via := blank(len(n.nodes))
	var q frontier
	best := make([]float64, len(n.nodes))
	for i := range best {
		best[i] = math.Inf(1)
	}
	best[0] = 0
	q.push(step{0, 0, -1})
	for len(q) > 0 {
		s := q.pop()
		if reached[s.cell] {
			continue
		}
		reached[s.cell] = true
		if via[s.cell] = s.part; s.part >= 0 {
			used[s.part] = true
		}
		for _, i := range from[s.cell] {
			e := n.edges[i]
			to := e.from + e.to - s.cell
			cost := s.costM + e.line[0].distance(e.line[len(e.line)-1])*streetCost[e.main]
			if cost < best[to] {
				best[to] = cost
				q.push(step{cost, to, i})
			}
		}
	}
	return used, reached
}

var streetCost = map[bool]float64{true: 0.25, false: 1}

func (n *roadNet) incident() [][]int {
	from := make([][]int, len(n.nodes))
	for i, e := range n.edges {
		from[e.from] = append(from[e.from], i)
		from[e.to] = append(from[e.to], i)
	}
	return from
}

// bend draws a street between two junctions: never quite straight.
func bend(n noise, a, b vec) []vec {
	d := b.sub(a)
	side := vec{-d.y, d.x}.mul(1 / d.len())
	pieces := int(math.Max(2, math.Round(d.len()/70)))
	line := []vec{a}
	for k := 1; k < pieces; k++ {
		t := float64(k) / float64(pieces)
		p := a.add(d.mul(t))
		line = append(line, p.add(side.mul(d.len()*0.09*n.rough(p, 260, 2)*4*t*(1-t))))
	}
	return append(line, b)
}

func (l *land) villages() []int {
	count := 0
	for _, v := range l.village {
		count = max(count, v+1)
	}
	return make([]int, count)
}

// villageCentre is the middle of the village's first grid.
func (l *land) villageCentre(v int) vec {
	i, _ := slices.BinarySearchFunc(l.grids, v, func(g gridOf, v int) int { return cmp.Compare(g.village, v) })
	return l.grids[i].centre
}
