package matching

import "slices"

// bottleneck is the least limit under which as many pairs are possible as without
// one: a search by halves over the costs there are, each asked of the algorithm of
// J. Hopcroft and R. Karp (SIAM Journal on Computing 2, 1973).
func bottleneck(c Costs) int64 {
	costs := make([]int64, 0, len(c.Of))
	for _, v := range c.Of {
		if v != Never {
			costs = append(costs, v)
		}
	}
	if len(costs) == 0 {
		return 0
	}
	slices.Sort(costs)
	costs = slices.Compact(costs)
	g := newGraph(c)
	most := g.pairs(Most)
	at, _ := slices.BinarySearchFunc(costs, most, func(limit int64, most int) int { return g.pairs(limit) - most })
	return costs[at]
}

// graph is the scratch of Hopcroft and Karp.
type graph struct {
	Costs
	columnOf, rowOf, level, queue, tried []int
}

func newGraph(c Costs) *graph {
	return &graph{Costs: c, columnOf: make([]int, c.Rows), rowOf: make([]int, c.Columns), level: make([]int, c.Rows), tried: make([]int, c.Rows)}
}

// pairs is how many pairs are possible at once, each at most at limit.
func (g *graph) pairs(limit int64) int {
	for i := range g.columnOf {
		g.columnOf[i] = None
	}
	for j := range g.rowOf {
		g.rowOf[j] = None
	}
	n := 0
	for g.levels(limit) {
		clear(g.tried)
		for i, j := range g.columnOf {
			if j == None && g.extend(i, limit) {
				n++
			}
		}
	}
	return n
}

// levels counts for each row how many pairs a shortest alternating path to it
// changes, and says whether one leads on to a free column.
func (g *graph) levels(limit int64) (leads bool) {
	g.queue = g.queue[:0]
	for i, j := range g.columnOf {
		g.level[i] = None
		if j == None {
			g.level[i] = 0
			g.queue = append(g.queue, i)
		}
	}
	for at := 0; at < len(g.queue); at++ {
		i := g.queue[at]
		for j, v := range g.Of[i*g.Columns:][:g.Columns] {
			if v > limit {
				continue
			}
			next := g.rowOf[j]
			if next == None {
				leads = true
			} else if g.level[next] == None {
				g.level[next] = g.level[i] + 1
				g.queue = append(g.queue, next)
			}
		}
	}
	return leads
}

// extend pairs row i by a shortest path. Its depth is that of the levels, at most
// the number of rows.
func (g *graph) extend(i int, limit int64) bool {
	costs := g.Of[i*g.Columns:][:g.Columns]
	for ; g.tried[i] < g.Columns; g.tried[i]++ {
		j := g.tried[i]
		if costs[j] > limit {
			continue
		}
		next := g.rowOf[j]
		if next == None || g.level[next] == g.level[i]+1 && g.extend(next, limit) {
			g.columnOf[i], g.rowOf[j] = j, i
			return true
		}
	}
	return false
}
