package road

// islands marks, for each mode, the arcs worth snapping to: those of strongly
// connected components that are not tiny. A yard behind a wall, or a clipped
// road at the edge of the extract, would otherwise swallow trips.
func (b *builder) islands() error {
	for m := range b.net.modes {
		g := &b.net.modes[m]
		component, sizes := g.components()
		largest := 0
		for _, size := range sizes {
			largest = max(largest, size)
		}
		for arc, d := range g.durationMS {
			if d != shut && worthSnapping(sizes[component[arc]], largest) {
				g.flags[arc] |= arcMain
			}
		}
	}
	return nil
}

// worthSnapping judges a component by its number of states.
func worthSnapping(size, largest int) bool {
	const few = 40 // some 20 two-way segments
	return size*100 >= largest && (size >= few || 2*size >= largest)
}

// components finds the strongly connected components of the states by Tarjan's
// algorithm, with a stack of its own since roads are deeper than goroutines like.
func (g *graph) components() (component []uint32, sizes []int) {
	n := g.states()
	const none = ^uint32(0)
	component = make([]uint32, n)
	index := make([]uint32, n) // order of discovery + 1; 0 is undiscovered
	low := make([]uint32, n)
	for i := range component {
		component[i] = none
	}
	type frame struct {
		state, turn uint32
		stuck       bool
	}
	var frames []frame
	var stack []uint32
	counter := uint32(0)
	for root := range uint32(n) {
		if index[root] != 0 || g.durationMS[g.arcOf(root)] == shut {
			continue
		}
		counter++
		index[root], low[root] = counter, counter
		frames = append(frames, frame{root, g.turnFirst[root], g.stuck(g.durationMS, root)})
		stack = append(stack, root)
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			s := f.state
			if f.turn < g.turnFirst[s+1] {
				to := g.turnTo[f.turn]
				f.turn++
				switch {
				case !g.open(g.durationMS, f.turn-1, f.stuck):
				case index[to] == 0:
					counter++
					index[to], low[to] = counter, counter
					frames = append(frames, frame{to, g.turnFirst[to], g.stuck(g.durationMS, to)})
					stack = append(stack, to)
				case component[to] == none:
					low[s] = min(low[s], index[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := frames[len(frames)-1].state
				low[up] = min(low[up], low[s])
			}
			if low[s] != index[s] {
				continue
			}
			size := 0
			for {
				top := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				component[top] = uint32(len(sizes))
				size++
				if top == s {
					break
				}
			}
			sizes = append(sizes, size)
		}
	}
	return component, sizes
}
