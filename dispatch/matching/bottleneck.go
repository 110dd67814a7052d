package matching

import "slices"

// sampled is how many of the costs are looked at to find about where the limit lies.
const sampled = 1024

// bottleneck is the least limit under which as many pairs are possible as without
// one: a search over the costs there are, each asked of the algorithm of J. Hopcroft
// and R. Karp (SIAM Journal on Computing 2, 1973), which goes on from the pairs that
// the dearest limit so far that was too low left.
//
// Most often the limit is the dearest of what each row and each column costs at least,
// so that is asked first; and it is near the cheap end, so that the rest is searched
// from there.
func bottleneck(c Costs) int64 {
	g := newGraph(c)
	most := g.pairs(Most)
	if most == 0 {
		return 0
	}
	g.clear()
	low := needed(c, most)
	if g.enough(low, most) {
		return low
	}
	var above []int64
	for _, v := range c.Of {
		if v > low && v != Never {
			above = append(above, v)
		}
	}
	sample := make([]int64, 0, sampled)
	for k := 0; k < len(above); k += len(above)/sampled + 1 {
		sample = append(sample, above[k])
	}
	slices.Sort(sample)
	high := int64(Most)
	for k := 0; k < len(sample); k = 2*k + 1 {
		if sample[k] > low {
			if g.enough(sample[k], most) {
				high = sample[k]
				break
			}
			low = sample[k]
		}
	}
	above = slices.DeleteFunc(above, func(v int64) bool { return v <= low || v > high })
	slices.Sort(above)
	above = slices.Compact(above)
	at, _ := slices.BinarySearchFunc(above, most, func(limit int64, most int) int {
		if g.enough(limit, most) {
			return 0
		}
		return -1
	})
	return above[at]
}

// needed is a limit below which there cannot be so many pairs: some row of theirs, or
// some column, costs more whatever it is paired with.
func needed(c Costs, pairs int) int64 {
	rows, columns := make([]int64, c.Rows), make([]int64, c.Columns)
	for i := range rows {
		rows[i] = Never
	}
	for j := range columns {
		columns[j] = Never
	}
	for i := range rows {
		for j, v := range c.Of[i*c.Columns:][:c.Columns] {
			rows[i], columns[j] = min(rows[i], v), min(columns[j], v)
		}
	}
	slices.Sort(rows)
	slices.Sort(columns)
	return max(rows[pairs-1], columns[pairs-1])
}

// graph is the scratch of Hopcroft and Karp, and the pairs that it goes on from.
type graph struct {
	Costs
	columnOf, rowOf, level, queue, tried []int
	keptColumn, keptRow                  []int
}

func newGraph(c Costs) *graph {
	g := &graph{Costs: c, columnOf: make([]int, c.Rows), rowOf: make([]int, c.Columns), level: make([]int, c.Rows), tried: make([]int, c.Rows)}
	g.clear()
	return g
}

func (g *graph) clear() {
	for i := range g.columnOf {
		g.columnOf[i] = None
	}
	for j := range g.rowOf {
		g.rowOf[j] = None
	}
}

// enough says whether so many pairs are possible at a limit. If they are not, the next
// question goes on from those that are, and must be for a limit above this one; if they
// are, from where this one began.
func (g *graph) enough(limit int64, pairs int) bool {
	g.keptColumn, g.keptRow = append(g.keptColumn[:0], g.columnOf...), append(g.keptRow[:0], g.rowOf...)
	if g.pairs(limit) < pairs {
		return false
	}
	copy(g.columnOf, g.keptColumn)
	copy(g.rowOf, g.keptRow)
	return true
}

// pairs is how many pairs are possible at once, each at most at limit, going on from
// those that there are.
func (g *graph) pairs(limit int64) int {
	n := 0
	for _, j := range g.columnOf {
		if j != None {
			n++
		}
	}
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
