package road

import (
	"encoding/binary"
	"fmt"
	"math"
)

// turns makes the turns of every mode.
func (b *builder) turns() error {
	n := b.net
	b.leave = make([][]uint32, n.nodeN)
	for arc, tail := range n.nodes {
		b.leave[tail] = append(b.leave[tail], uint32(arc))
	}
	b.gates = make(map[uint32]Gate, len(b.survey.Gates))
	for node, gate := range b.survey.Gates {
		if i, ok := b.number[node]; ok {
			b.gates[i] = gate
		}
	}
	in, out := make([]float32, len(n.nodes)), make([]float32, len(n.nodes))
	for arc := range n.nodes {
		in[arc], out[arc] = n.bearings(uint32(arc))
	}
	for m := range Mode(Modes) {
		t := &turner{builder: b, mode: m, g: &n.modes[m], in: in, out: out}
		if err := t.make(); err != nil {
			return fmt.Errorf("turns of %v: %w", m, err)
		}
	}
	return nil
}

// turner makes the turns of one mode.
type turner struct {
	*builder
	mode    Mode
	g       *graph
	in, out []float32 // bearing at the end of an arc, and at its start

	chains map[string]bool   // forbidden chains of arcs
	states map[string]uint32 // of chains that may become forbidden ones
	inside []bool            // by arc: it begins a chain
}

func (t *turner) make() error {
	arcs := len(t.g.durationMS)
	open := t.restrict()
	count := arcs + len(open)
	t.g.turnFirst = make([]uint32, 1, count+1)
	for state := range count {
		var chain []uint32
		if state < arcs {
			if t.g.durationMS[state] != shut {
				chain = []uint32{uint32(state)}
			}
		} else {
			chain = open[state-arcs]
			t.g.copyOf = append(t.g.copyOf, chain[len(chain)-1])
		}
		if chain != nil {
			t.follow(chain)
		}
		if len(t.g.turnTo) > math.MaxUint32/2 {
			return fmt.Errorf("more than %d turns", math.MaxUint32/2)
		}
		t.g.turnFirst = append(t.g.turnFirst, uint32(len(t.g.turnTo)))
	}
	return nil
}

// follow adds the turns out of the last arc of a chain. Turning round is for dead
// ends, and for where all that goes on is closed one day.
func (t *turner) follow(chain []uint32) {
	arc := chain[len(chain)-1]
	node := t.net.nodes[arc^1]
	gate, gated := t.gates[node]
	roads := t.roads(node)
	found := false
	if !gate.Closed.Has(t.mode) {
		for _, to := range t.leave[node] {
			if to != arc^1 {
				found = t.add(chain, to, roads, gate, gated) || found
			}
		}
	}
	before := len(t.g.turnCostMS)
	if t.add(chain, arc^1, roads, gate, gated) && found {
		t.g.turnCostMS[before] |= stuckBit
	}
}

func (t *turner) add(chain []uint32, to uint32, roads int, gate Gate, gated bool) bool {
	if t.g.durationMS[to] == shut {
		return false
	}
	state, ok := t.step(chain, to)
	if !ok {
		return false
	}
	arc := chain[len(chain)-1]
	cost := t.costS(arc, to, roads)
	if gated && to != arc^1 && (gate.Along == 0 || (gate.Along > 0) == (arc&1 == 0)) {
		cost += float64(gate.DelayS[t.mode])
	}
	t.g.turnTo = append(t.g.turnTo, state)
	t.g.turnCostMS = append(t.g.turnCostMS, uint32(math.Round(math.Min(math.Max(cost, 0)*1000, maxMS))))
	return true
}

// roads is how many roads meet at a node for the mode.
func (t *turner) roads(node uint32) int {
	count := 0
	for _, arc := range t.leave[node] {
		if t.g.durationMS[arc] != shut || t.g.durationMS[arc^1] != shut {
			count++
		}
	}
	return count
}

// TurnShape is how the cost of a turn grows with its angle.
type TurnShape uint8

// The shapes. A sigmoid is fitted to real turns of cars; the square suits cycles.
const (
	TurnFlat TurnShape = iota
	TurnSigmoid
	TurnSquare
)

// TurnCosts are what turns cost a mode. MostS is the cost of the sharpest turn of a
// sigmoid, and of a right angle where it grows with the square. Bias makes one side
// cost more than the other: with driving on the right, left turns. RoundS comes on top
// where one turns round.
type TurnCosts struct {
	Shape  TurnShape
	MostS  float64
	Bias   float64
	RoundS float64
}

var usualTurns = [Modes]TurnCosts{
	Foot:  {RoundS: 2},
	EBike: {Shape: TurnSquare, MostS: 6, Bias: 1.4, RoundS: 20},
	Car:   {Shape: TurnSigmoid, MostS: 7.5, Bias: 1.075, RoundS: 20},
}

// costS is what a turn takes. Where only two roads meet there is no junction.
func (t *turner) costS(from, to uint32, roads int) float64 {
	c := t.survey.Turns[t.mode]
	if c == (TurnCosts{}) {
		c = usualTurns[t.mode]
	}
	round := to == from^1
	cost := 0.0
	if round {
		cost = c.RoundS
	}
	if c.Shape == TurnFlat || roads <= 2 && !round {
		return cost
	}
	// -180..180, right of straight on is positive.
	angle := math.Mod(float64(t.out[to]-t.in[from])+540, 360) - 180
	if round {
		angle = 180
	}
	switch {
	case c.Shape == TurnSigmoid && angle >= 0:
		cost += c.MostS / (1 + math.Exp(-(13/c.Bias*angle/180 - 6.5*c.Bias)))
	case c.Shape == TurnSigmoid:
		cost += c.MostS / (1 + math.Exp(-(13*c.Bias*-angle/180 - 6.5/c.Bias)))
	case angle >= 0:
		cost += angle / 90 * angle / 90 * c.MostS / c.Bias
	default:
		cost += angle / 90 * angle / 90 * c.MostS * c.Bias
	}
	return cost
}

// bearings of an arc: the direction one arrives in at its end, and the one
// one sets out in at its start, looked at over the last ten metres so that a
// kink in the drawing counts little.
func (n *Network) bearings(arc uint32) (in, out float32) {
	const lookM = 10
	first, last := int(n.first[arc/2]), int(n.first[arc/2+1])-1
	step := 1
	if arc&1 == 1 {
		first, last, step = last, first, -1
	}
	at := func(p int) (int32, int32) { return n.points[2*p], n.points[2*p+1] }
	look := func(from, until, step int) (int32, int32) {
		lon0, lat0 := at(from)
		lon, lat := lon0, lat0
		walked := 0.0
		for p := from; p != until && walked < lookM; {
			p += step
			nextLon, nextLat := at(p)
			walked += stretchM(lon, lat, nextLon, nextLat)
			lon, lat = nextLon, nextLat
		}
		return lon, lat
	}
	lon0, lat0 := at(first)
	lon1, lat1 := look(first, last, step)
	out = float32(bearing(lon0, lat0, lon1, lat1))
	lon0, lat0 = look(last, first, -step)
	lon1, lat1 = at(last)
	in = float32(bearing(lon0, lat0, lon1, lat1))
	return in, out
}

// restrict collects the forbidden chains of the mode and answers the chains that
// need a state of their own: two or more arcs on the way to a forbidden chain.
func (t *turner) restrict() [][]uint32 {
	t.chains, t.states = map[string]bool{}, map[string]uint32{}
	t.inside = make([]bool, len(t.g.durationMS))
	var open [][]uint32
	for _, r := range t.survey.Restrictions {
		if !r.Modes.Has(t.mode) {
			continue
		}
		chain, ok := t.chain(r)
		if !ok {
			continue
		}
		last := len(chain) - 1
		if !r.Only {
			open = t.forbid(chain, open)
			continue
		}
		for _, other := range t.leave[t.net.nodes[chain[last]]] {
			if other != chain[last] && t.g.durationMS[other] != shut {
				open = t.forbid(append(chain[:last:last], other), open)
			}
		}
	}
	return open
}

func (t *turner) forbid(chain []uint32, open [][]uint32) [][]uint32 {
	t.chains[key(chain)] = true
	t.inside[chain[0]] = true
	for l := 2; l < len(chain); l++ {
		if k := key(chain[:l]); t.states[k] == 0 {
			t.states[k] = uint32(len(t.g.durationMS) + len(open))
			open = append(open, chain[:l:l])
		}
	}
	return open
}

// step answers the state in which one is after going on to an arc, false where
// that completes a forbidden chain.
func (t *turner) step(chain []uint32, to uint32) (uint32, bool) {
	if len(chain) == 1 && !t.inside[chain[0]] {
		return to, true
	}
	way := append(append(make([]uint32, 0, len(chain)+1), chain...), to)
	for i := range len(way) - 1 {
		if t.chains[key(way[i:])] {
			return 0, false
		}
	}
	for i := range len(way) - 1 {
		if state := t.states[key(way[i:])]; state != 0 {
			return state, true
		}
	}
	return to, true
}

func key(chain []uint32) string {
	k := make([]byte, 0, 4*len(chain))
	for _, arc := range chain {
		k = binary.LittleEndian.AppendUint32(k, arc)
	}
	return string(k)
}

// chain turns a restriction into arcs: in on From, along Vias, out on To.
// False where the ways do not meet like that, or the mode cannot go so anyway.
func (t *turner) chain(r Restriction) ([]uint32, bool) {
	if len(r.Vias) == 0 {
		node, ok := t.number[r.Via]
		if !ok {
			return nil, false
		}
		return t.close(r, t.arcs(r.From, node, true), nil, node)
	}
	for _, forward := range []bool{true, false} {
		var vias []uint32
		var start, node uint32
		ok := true
		for i, way := range r.Vias {
			along := t.along(way, forward)
			if i > 0 && len(along) > 0 && t.net.nodes[along[0]] != node {
				along = t.along(way, false)
				if len(along) > 0 && t.net.nodes[along[0]] != node {
					along = t.along(way, true)
				}
			}
			if len(along) == 0 || i > 0 && t.net.nodes[along[0]] != node {
				ok = false
				break
			}
			if i == 0 {
				start = t.net.nodes[along[0]]
			}
			vias = append(vias, along...)
			node = t.net.nodes[along[len(along)-1]^1]
		}
		if !ok {
			continue
		}
		if chain, ok := t.close(r, t.arcs(r.From, start, true), vias, node); ok {
			return chain, true
		}
	}
	return nil, false
}

func (t *turner) close(r Restriction, from, vias []uint32, node uint32) ([]uint32, bool) {
	to := t.arcs(r.To, node, false)
	if r.From == r.To && len(vias) == 0 && len(from) == 1 {
		to = []uint32{from[0] ^ 1} // a U-turn
	}
	if len(from) != 1 || len(to) != 1 {
		return nil, false
	}
	chain := append(append([]uint32{from[0]}, vias...), to[0])
	for _, arc := range chain {
		if t.g.durationMS[arc] == shut {
			return nil, false
		}
	}
	return chain, true
}

// arcs of a way that end at a node, or begin there.
func (t *turner) arcs(way, node uint32, ending bool) []uint32 {
	var arcs []uint32
	for _, segment := range t.ofWay[way] {
		for arc := 2 * segment; arc < 2*segment+2; arc++ {
			at := arc
			if ending {
				at = arc ^ 1
			}
			if t.net.nodes[at] == node {
				arcs = append(arcs, arc)
			}
		}
	}
	return arcs
}

// along is the whole way as arcs.
func (t *turner) along(way uint32, forward bool) []uint32 {
	segments := t.ofWay[way]
	arcs := make([]uint32, 0, len(segments))
	for i := range segments {
		if forward {
			arcs = append(arcs, 2*segments[i])
		} else {
			arcs = append(arcs, 2*segments[len(segments)-1-i]+1)
		}
	}
	return arcs
}
