package road

// finish makes what is derived and never stored: the turns backward, the
// copies of arcs, and the tree to snap with.
func (n *Network) finish() error {
	for m := range n.modes {
		n.modes[m].reverse()
	}
	n.plant()
	n.scratch.New = func() any { return new(search) }
	return nil
}

// passBit marks, in backFrom, a turn onto ends-only ground.
const passBit = 1 << 31

// reverse lists the turns by the state they reach. The cost there is that of the
// turn and of the whole arc behind it.
func (g *graph) reverse() {
	count := g.states()
	g.copies = map[uint32][]uint32{}
	for i, arc := range g.copyOf {
		g.copies[arc] = append(g.copies[arc], uint32(len(g.durationMS)+i))
	}
	g.backFirst = make([]uint32, count+1)
	turns := 0
	g.eachOpen(func(_, t uint32) {
		g.backFirst[g.turnTo[t]+1]++
		turns++
	})
	for i := range count {
		g.backFirst[i+1] += g.backFirst[i]
	}
	fill := make([]uint32, count)
	copy(fill, g.backFirst)
	g.backFrom = make([]uint32, turns)
	g.backCostMS = make([]uint32, turns)
	g.eachOpen(func(from, t uint32) {
		to := g.turnTo[t]
		toArc := g.arcOf(to)
		at := fill[to]
		fill[to]++
		g.backFrom[at] = from
		if g.flags[toArc]&arcEndsOnly != 0 && g.flags[g.arcOf(from)]&arcEndsOnly == 0 {
			g.backFrom[at] |= passBit
		}
		g.backCostMS[at] = g.turnCostMS[t]&^stuckBit + g.durationMS[toArc]
	})
}

// eachOpen visits every turn that can be made.
func (g *graph) eachOpen(visit func(from, t uint32)) {
	for from := range uint32(g.states()) {
		stuck := g.stuck(g.durationMS, from)
		for t := g.turnFirst[from]; t < g.turnFirst[from+1]; t++ {
			if g.open(g.durationMS, t, stuck) {
				visit(from, t)
			}
		}
	}
}
