package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ride lays out the moves of a mode.
func (o *oracleRoads) ride(mode int) *modeRoads {
	r := &modeRoads{oracleRoads: o, mode: mode, bans: map[int][]int{}, known: map[standing]int{}}
	for _, b := range o.wayFile.bans {
		if b.binds[mode] {
			for _, from := range b.from {
				for _, to := range b.to {
					r.ban(b, from, to)
				}
			}
		}
	}
	for l := range o.lanes {
		r.number(standing{lane: l})
	}
	for s := 0; s < len(r.state); s++ { // moves find more states
		r.moves = append(r.moves, r.onward(r.state[s]))
	}
	r.findMain()
	return r
}

func (r *modeRoads) open(l int) bool { return !math.IsInf(r.lanes[l].seconds[r.mode], 1) }

func (r *modeRoads) number(at standing) int {
	n, ok := r.known[at]
	if !ok {
		n = len(r.state)
		r.known[at] = n
		r.state = append(r.state, at)
	}
	return n
}

// touching is the part of a way one of whose ends is among the nodes.
func (r *modeRoads) touching(way int64, nodes ...int64) int {
	for _, node := range nodes {
		for _, p := range r.ofID[way] {
			if n := r.parts[p].nodes; n[0] == node || n[len(n)-1] == node {
				return p
			}
		}
	}
	return -1
}

// only answers the one lane of a part that ends (or begins) at a node, -1 where
// there is none or several.
func (r *modeRoads) only(p int, node int64, ending bool) int {
	found := -1
	for _, l := range r.parts[p].lanes {
		for _, l := range []int{l, l + 1} {
			if ending && r.lanes[l].to == node || !ending && r.lanes[l].from == node {
				if found >= 0 {
					return -1
				}
				found = l
			}
		}
	}
	return found
}

// ban forbids the chains that a turn restriction speaks of.
func (r *modeRoads) ban(b banDrawn, from, to int64) {
	if b.viaNode {
		in, out := r.touching(from, b.via[0]), r.touching(to, b.via[0])
		if in < 0 || out < 0 {
			return
		}
		first, last := r.only(in, b.via[0], true), r.only(out, b.via[0], false)
		if in == out && first >= 0 {
			last = first ^ 1
		}
		r.forbid(b.only, []int{first, last})
		return
	}
	whole := func(p int, against bool) []int {
		lanes := slices.Clone(r.parts[p].lanes)
		if against {
			slices.Reverse(lanes)
			for i := range lanes {
				lanes[i] ^= 1
			}
		}
		return lanes
	}
	var parts []int
	for _, way := range b.via {
		if len(r.ofID[way]) != 1 {
			return
		}
		parts = append(parts, r.ofID[way][0])
	}
	endsOf := func(p int) []int64 {
		n := r.parts[p].nodes
		return []int64{n[0], n[len(n)-1]}
	}
	in, out := r.touching(from, endsOf(parts[0])...), r.touching(to, endsOf(parts[len(parts)-1])...)
	if in < 0 || out < 0 {
		return
	}
	for _, against := range []bool{false, true} {
		middle := whole(parts[0], against)
		for _, p := range parts[1:] {
			end := r.lanes[middle[len(middle)-1]].to
			next := whole(p, r.lanes[whole(p, false)[0]].from != end)
			if r.lanes[next[0]].from != end {
				break
			}
			middle = append(middle, next...)
		}
		if last := middle[len(middle)-1]; r.lanes[last].part == parts[len(parts)-1] {
			chain := append([]int{r.only(in, r.lanes[middle[0]].from, true)}, middle...)
			if r.forbid(b.only, append(chain, r.only(out, r.lanes[last].to, false))) {
				return
			}
		}
	}
}

// forbid adds a chain, or what leaves it before its end.
func (r *modeRoads) forbid(only bool, chain []int) bool {
	for _, l := range chain {
		if l < 0 || !r.open(l) {
			return false
		}
	}
	add := func(chain []int) {
		r.bans[chain[0]] = append(r.bans[chain[0]], len(r.chain))
		r.chain = append(r.chain, chain)
	}
	if !only {
		add(chain)
		return true
	}
	before := chain[:len(chain)-1]
	for _, l := range r.out[r.lanes[chain[len(chain)-1]].from] {
		if l != chain[len(chain)-1] && r.open(l) {
			add(append(slices.Clone(before), l))
		}
	}
	return true
}

// onward are the moves out of a state: anywhere but back, and back where there is
// nothing else.
func (r *modeRoads) onward(at standing) []move {
	if !r.open(at.lane) {
		return nil
	}
	var moves []move
	try := func(to int) {
		into, free := r.follow(at, to)
		if r.open(to) && free {
			moves = append(moves, move{
				to: r.number(standing{to, into}), s: r.turnS(r.mode, at.lane, to),
				entry: r.lanes[to].ends[r.mode] && !r.lanes[at.lane].ends[r.mode],
			})
		}
	}
	node := r.lanes[at.lane].to
	if !r.posts[node].shut[r.mode] {
		for _, to := range r.out[node] {
			if to != at.lane^1 {
				try(to)
			}
		}
	}
	if len(moves) == 0 {
		try(at.lane ^ 1)
	}
	return moves
}

// follow answers which forbidden chains one is in after a move, and whether the
// move completes none.
func (r *modeRoads) follow(at standing, to int) (into string, free bool) {
	live := strings.Fields(at.into)
	for _, c := range r.bans[at.lane] {
		live = append(live, fmt.Sprintf("%d:1", c))
	}
	var next []string
	for _, l := range live {
		var c, done int
		fmt.Sscanf(l, "%d:%d", &c, &done)
		if r.chain[c][done] != to {
			continue
		}
		if done+1 == len(r.chain[c]) {
			return "", false
		}
		next = append(next, fmt.Sprintf("%d:%d", c, done+1))
	}
	slices.Sort(next)
	return strings.Join(slices.Compact(next), " "), true
}

// findMain finds the lanes worth meeting: of sets that are mutually reachable, by
// Kosaraju's algorithm, and not tiny.
func (r *modeRoads) findMain() {
	back := make([][]int, len(r.state))
	for s, moves := range r.moves {
		for _, m := range moves {
			back[m.to] = append(back[m.to], s)
		}
	}
	seen, set := make([]bool, len(r.state)), make([]int, len(r.state))
	var done []int
	for root := range r.state {
		if seen[root] {
			continue
		}
		type step struct{ state, next int }
		for path := []step{{root, 0}}; len(path) > 0; {
			top := &path[len(path)-1]
			seen[top.state] = true
			if top.next == len(r.moves[top.state]) {
				done = append(done, top.state)
				path = path[:len(path)-1]
				continue
			}
			to := r.moves[top.state][top.next].to
			top.next++
			if !seen[to] {
				path = append(path, step{to, 0})
			}
		}
	}
	size := []int{0}
	largest := 0
	for _, root := range slices.Backward(done) {
		if set[root] > 0 || !r.open(r.state[root].lane) {
			continue
		}
		size = append(size, 0)
		number := len(size) - 1
		for todo := []int{root}; len(todo) > 0; {
			s := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if set[s] == 0 {
				set[s] = number
				size[number]++
				todo = append(todo, back[s]...)
			}
		}
		largest = max(largest, size[number])
	}
	r.main = make([]bool, len(r.lanes))
	for l := range r.lanes {
		n := size[set[l]]
		r.main[l] = r.open(l) && 100*n >= largest && (n >= 40 || 2*n >= largest)
	}
}

// meet looks at every stretch around a point: the nearest roads that are no island,
// unless one on an island is 500 m nearer; and of those up to 20 m farther four more
// (and what is as near as the fourth), each with its own walk, of the same ground as
// the nearest, public or private, and unless all they offer is to leave one nearer.
func (r *modeRoads) meet(p [2]float64) meeting {
	type near struct {
		m, share float64
		lane     int
		end      int64 // the node it is nearest at, 0 in between
	}
	var all []near
	lonM, latM := metresADegree(p[1])
	nearest, nearestMain := math.Inf(1), math.Inf(1)
	best := map[int]int{}
	look := func(s stretch) {
		l := &r.lanes[s.lane]
		if l.ferry || !r.open(s.lane) && !r.open(s.lane^1) {
			return
		}
		a, b := l.line[s.after], l.line[s.after+1]
		ax, ay, bx, by := (a[0]-p[0])*lonM, (a[1]-p[1])*latM, (b[0]-p[0])*lonM, (b[1]-p[1])*latM
		t := 0.0
		if long := (bx-ax)*(bx-ax) + (by-ay)*(by-ay); long > 0 {
			t = max(0, min(1, (ax*(ax-bx)+ay*(ay-by))/long))
		}
		m := math.Hypot(ax+t*(bx-ax), ay+t*(by-ay))
		if k, have := best[s.lane]; have && all[k].m <= m {
			return
		}
		before := t * apart(a, b)
		for k := range s.after {
			before += apart(l.line[k], l.line[k+1])
		}
		share := 0.0
		if l.lengthM > 0 {
			share = min(1, before/l.lengthM)
		}
		found := near{m: m, share: share, lane: s.lane}
		if t == 0 && s.after == 0 {
			found.end = l.from
		} else if t == 1 && s.after == len(l.line)-2 {
			found.end = l.to
		}
		if k, have := best[s.lane]; have {
			all[k] = found
		} else {
			best[s.lane] = len(all)
			all = append(all, found)
		}
		nearest = min(nearest, m)
		if r.main[s.lane] || r.main[s.lane^1] {
			nearestMain = min(nearestMain, m)
		}
	}
	// Squares are 190 m wide and more: those out to some number hold what is nearest
	// so far from the point, or all roads are looked at.
	middle := binAt(p)
	complete := false
	for _, around := range []int{2, 8} {
		for x := -around; x <= around && !complete; x++ {
			for y := -around; y <= around; y++ {
				for _, s := range r.bins[[2]int{middle[0] + x, middle[1] + y}] {
					look(s)
				}
			}
		}
		complete = complete || min(nearestMain+20, nearest+500) <= float64(around)*185
	}
	for l := 0; l < len(r.lanes) && !complete; l += 2 {
		for k := range len(r.lanes[l].line) - 1 {
			look(stretch{l, k})
		}
	}
	island := nearestMain > nearest+500
	from := meeting{walkM: nearestMain}
	if island {
		from.walkM = nearest
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.m, b.m) })
	roads, fourth := 0, 0.0
	ended, grounds := map[int64]float64{}, map[bool]bool{}
	for _, n := range all {
		if main := r.main[n.lane] || r.main[n.lane^1]; main == island {
			continue
		}
		private := r.lanes[n.lane].ends[r.mode] || r.lanes[n.lane^1].ends[r.mode]
		if n.m <= from.walkM+0.01 {
			grounds[private] = true
		} else {
			nearer, leaves := ended[n.end]
			leaves = leaves && n.end != 0 && nearer < n.m-0.01
			if island || n.m > from.walkM+20 || roads >= 4 && n.m > fourth+0.01 || !grounds[private] || leaves {
				continue
			}
		}
		if r.open(n.lane) {
			from.places = append(from.places, laneAt{n.lane, n.share, n.m})
		}
		if r.open(n.lane ^ 1) {
			from.places = append(from.places, laneAt{n.lane ^ 1, 1 - n.share, n.m})
		}
		for _, node := range []int64{r.lanes[n.lane].from, r.lanes[n.lane].to} {
			if _, have := ended[node]; !have {
				ended[node] = n.m
			}
		}
		if roads++; roads == 4 {
			fourth = n.m
		}
	}
	return from
}
