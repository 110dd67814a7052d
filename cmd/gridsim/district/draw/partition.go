package draw

import (
	"cmp"
	"math"
	"slices"
)

// grow shares the cells out among the seeds: each cell goes to the seed it costs
// least to reach, a seed starting with its handicap. Parts are connected by
// construction. Cells outside within stay as they are.
func (l *land) grow(within []int, seeds []int, handicapM []float64) []int {
	owner := blank(len(l.cells))
	allowed := make([]bool, len(l.cells))
	for _, c := range within {
		allowed[c] = true
	}
	var q frontier
	for i, c := range seeds {
		q.push(step{handicapM[i], c, i})
	}
	for len(q) > 0 {
		s := q.pop()
		if owner[s.cell] >= 0 {
			continue
		}
		owner[s.cell] = s.part
		for side, n := range l.next[s.cell] {
			if n < 0 || !allowed[n] || owner[n] >= 0 {
				continue
			}
			mid := l.centres[s.cell].add(l.centres[n]).mul(0.5)
			rough := 1 + 0.55*(l.noise+7).rough(mid, 420, 3)
			q.push(step{s.costM + l.centres[s.cell].distance(l.centres[n])*rough + l.barrier[s.cell][side], n, s.part})
		}
	}
	return owner
}

type step struct {
	costM float64
	cell  int
	part  int
}

func (a step) before(b step) bool {
	if a.costM != b.costM {
		return a.costM < b.costM
	}
	return a.cell < b.cell || a.cell == b.cell && a.part < b.part
}

// frontier is a binary heap of steps, the cheapest first. It is the inner loop
// of everything that grows here; container/heap takes three times as long.
type frontier []step

func (f *frontier) push(s step) {
	q := append(*f, s)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !s.before(q[up]) {
			break
		}
		q[i], i = q[up], up
	}
	q[i] = s
	*f = q
}

func (f *frontier) pop() step {
	q := *f
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	for i := 0; len(q) > 0; {
		down := 2*i + 1
		if down+1 < len(q) && q[down+1].before(q[down]) {
			down++
		}
		if down >= len(q) || !q[down].before(last) {
			q[i] = last
			break
		}
		q[i], i = q[down], down
	}
	*f = q
	return top
}

// split cuts the cells into len(share) connected parts whose sizes go as the
// shares: seeds move to the middle of their parts a few times (Lloyd) unless
// they are pinned, and a part that is too big starts later.
func (l *land) split(within []int, share []float64, seeds []int, rounds int) []int {
	pinned := seeds != nil
	if !pinned {
		seeds = l.scatter(within, len(share))
	}
	total := 0.0
	for _, s := range share {
		total += s
	}
	handicap := make([]float64, len(share))
	var owner []int
	for round := range rounds {
		owner = l.grow(within, seeds, handicap)
		count := make([]float64, len(share))
		sum := make([]vec, len(share))
		for _, c := range within {
			count[owner[c]]++
			sum[owner[c]] = sum[owner[c]].add(l.centres[c])
		}
		if round == rounds-1 {
			break
		}
		for i := range share {
			want := share[i] / total * float64(len(within))
			handicap[i] += 0.5 * (math.Sqrt(count[i]) - math.Sqrt(want)) * cellSideM * 1.6
		}
		if pinned || round > rounds*2/3 {
			continue
		}
		best := make([]float64, len(share))
		for i := range best {
			best[i] = math.Inf(1)
		}
		for _, c := range within {
			i := owner[c]
			if d := l.centres[c].distance(sum[i].mul(1 / count[i])); d < best[i] {
				best[i], seeds[i] = d, c
			}
		}
	}
	return owner
}

// scatter picks n cells far from each other: each the best of several throws.
func (l *land) scatter(within []int, n int) []int {
	var seeds []int
	for range n {
		best, bestM := -1, -1.0
		for range 24 {
			c := within[l.rng.IntN(len(within))]
			nearest := math.Inf(1)
			for _, s := range seeds {
				nearest = math.Min(nearest, l.centres[c].distance(l.centres[s]))
			}
			if nearest > bestM && !slices.Contains(seeds, c) {
				best, bestM = c, nearest
			}
		}
		seeds = append(seeds, best)
	}
	return seeds
}

// partition cuts the land into towns.
func (l *land) partition(r *register, rivers []river) {
	for _, w := range rivers {
		l.fence(w.line, w.widthM*6)
	}
	all := make([]int, len(l.cells))
	for i := range all {
		all[i] = i
	}
	share := make([]float64, len(r.towns))
	seeds := make([]int, len(r.towns))
	for i, t := range r.towns {
		share[i] = t.areaKM2
		seeds[i] = l.at(t.centre)
	}
	l.town = l.split(all, share, seeds, 24)
}

// partitionTowns cuts the towns into villages, and these into grids.
func (l *land) partitionTowns(r *register, rivers []river, roads []mainRoad) {
	for _, road := range roads {
		l.fence(road.line, 130)
	}
	for t := range r.towns {
		l.partitionTown(r, t)
	}
	counts := make([]int, len(r.towns))
	for i := range l.grids {
		g := &l.grids[i]
		t := r.villages[g.village].town
		counts[t]++
		g.inTown = counts[t]
	}
}

func (l *land) partitionTown(r *register, t int) {
	town := &r.towns[t]
	within := l.cellsOf(l.town, t)
	n := len(town.villages)
	// Villages near the centre are smaller.
	share := make([]float64, n)
	for i := range share {
		share[i] = 0.7 + 0.6*l.rng.Float64()
	}
	owner := l.split(within, share, nil, 24)
	// Name them from the north-west, so that the list reads like the map.
	centres := make([]vec, n)
	counts := make([]float64, n)
	for _, c := range within {
		centres[owner[c]] = centres[owner[c]].add(l.centres[c])
		counts[owner[c]]++
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
		centres[i] = centres[i].mul(1 / counts[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(centres[a].distance(town.centre), centres[b].distance(town.centre))
	})
	place := make([]int, n)
	for rank, part := range order {
		place[part] = rank
	}
	for _, c := range within {
		l.village[c] = town.villages[place[owner[c]]]
	}
	// Grids go by land and by how near to the centre it is.
	weight := make([]float64, n)
	for rank, part := range order {
		weight[rank] = counts[part] * (1 + 1.2*math.Exp(-centres[part].distance(town.centre)/town.reachM))
	}
	for rank, count := range apportion(town.grids, weight) {
		v := town.villages[rank]
		r.villages[v].grids = count
		l.partitionVillage(v, count)
	}
}

func (l *land) partitionVillage(v, n int) {
	within := l.cellsOf(l.village, v)
	share := make([]float64, n)
	for i := range share {
		share[i] = 0.75 + 0.5*l.rng.Float64()
	}
	owner := l.split(within, share, nil, 18)
	first := len(l.grids)
	for i := range n {
		l.grids = append(l.grids, gridOf{village: v, number: i + 1})
	}
	for _, c := range within {
		g := first + owner[c]
		l.grid[c] = g
		l.grids[g].cells = append(l.grids[g].cells, c)
		l.grids[g].centre = l.grids[g].centre.add(l.centres[c])
	}
	for i := first; i < len(l.grids); i++ {
		g := &l.grids[i]
		mean := g.centre.mul(1 / float64(len(g.cells)))
		best := math.Inf(1)
		for _, c := range g.cells { // a cell of its own, also where the grid is a crescent
			if d := l.centres[c].distance(mean); d < best {
				best, g.centre = d, l.centres[c]
			}
		}
	}
}

func (l *land) cellsOf(owner []int, part int) []int {
	var cells []int
	for c, o := range owner {
		if o == part {
			cells = append(cells, c)
		}
	}
	return cells
}

// apportion shares total out by weight, at least one each, largest remainders
// first.
func apportion(total int, weight []float64) []int {
	sum := 0.0
	for _, w := range weight {
		sum += w
	}
	counts := make([]int, len(weight))
	left := total - len(weight)
	rest := make([]float64, len(weight))
	given := 0
	for i, w := range weight {
		exact := w / sum * float64(left)
		counts[i] = 1 + int(exact)
		given += int(exact)
		rest[i] = exact - math.Floor(exact)
	}
	order := make([]int, len(weight))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left-given] {
		counts[i]++
	}
	return counts
}
