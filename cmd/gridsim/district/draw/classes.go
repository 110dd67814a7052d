package draw

import (
	"math"
	"math/rand/v2"
)

// classify makes the ways to the villages tertiary, the rest streets, and, off
// the tree and out in the country or the hills, tracks and paths: what
// remains for cars is one network.
func (n *roadNet) classify(rng *rand.Rand) {
	tree, _ := n.tree()
	from := n.incident()
	parent := n.parents(tree, from)
	busy := make([]int, len(n.edges))
	for v := range n.land.villages() {
		node := n.nearest(n.land.villageCentre(v))
		for at := node; parent[at] >= 0; {
			e := n.edges[parent[at]]
			if e.main {
				break
			}
			busy[parent[at]]++
			at = e.from + e.to - at
		}
	}
	for i := range n.edges {
		e := &n.edges[i]
		if e.main {
			continue
		}
		mid := e.line[0].add(e.line[1]).mul(0.5)
		u, h := urban(mid), n.land.hill(mid)
		switch {
		case busy[i] >= 1:
			e.class = "tertiary"
		case !tree[i] && rng.Float64() < h:
			e.class = "path"
		case !tree[i] && rng.Float64() < 0.55*(1-u)*(1-u):
			e.class = []string{"track", "track", "path"}[rng.IntN(3)]
		default:
			e.class = "residential"
		}
	}
}

func (n *roadNet) parents(tree []bool, from [][]int) []int {
	parent := blank(len(n.nodes))
	seen := make([]bool, len(n.nodes))
	seen[0] = true
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		for _, i := range from[queue[0]] {
			to := n.edges[i].from + n.edges[i].to - queue[0]
			if tree[i] && !seen[to] {
				seen[to] = true
				parent[to] = i
				queue = append(queue, to)
			}
		}
	}
	return parent
}

func (n *roadNet) nearest(p vec) int {
	best, bestM := 0, math.Inf(1)
	for i, q := range n.nodes {
		if d := p.distance(q); d < bestM {
			best, bestM = i, d
		}
	}
	return best
}

// oneWays turns some town streets into one-way streets, as long as everybody
// who drives can still get everywhere.
func (n *roadNet) oneWays(rng *rand.Rand) {
	for i := range n.edges {
		e := &n.edges[i]
		if (e.class == "residential" || e.class == "tertiary") && urban(e.line[0]) > 0.5 && !e.bridge {
			e.oneway = rng.Float64() < 0.14
		}
	}
	for {
		ahead, back := n.drivable(false), n.drivable(true)
		changed := false
		for i := range n.edges {
			e := &n.edges[i]
			if e.oneway && (ahead[e.from] != back[e.from] || ahead[e.to] != back[e.to]) {
				e.oneway, changed = false, true
			}
		}
		if !changed {
			return
		}
	}
}

// drivable says which junctions a car gets to from the first one, or back from.
func (n *roadNet) drivable(back bool) []bool {
	from := n.incident()
	seen := make([]bool, len(n.nodes))
	seen[0] = true
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		for _, i := range from[queue[0]] {
			e := n.edges[i]
			if e.class == "track" || e.class == "path" || (e.oneway && (e.from == queue[0]) == back) {
				continue
			}
			if to := e.from + e.to - queue[0]; !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return seen
}
