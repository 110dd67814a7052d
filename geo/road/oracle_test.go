package road

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// oracle answers from the survey itself, slowly and obviously: forward, over
// whole histories of stretches, scanning lists. Every node of its surveys
// carries a gate, so that each stretch is a segment of the network.
type oracle struct {
	s    *Survey
	m    Mode
	main map[stretchArc]bool // taken from the network, tested elsewhere
	// edge says that a heading was so close to the limit that the sphere, by which the
	// oracle reckons, and the ellipsoid may differ on which side it is.
	edge bool
}

// stretchArc is one direction of the stretch behind node k of a way.
type stretchArc struct {
	way, k  int
	against bool
}

func (o *oracle) ends(a stretchArc) (from, to uint32) {
	w := o.s.Ways[a.way]
	if a.against {
		return w.Nodes[a.k+1], w.Nodes[a.k]
	}
	return w.Nodes[a.k], w.Nodes[a.k+1]
}

func (o *oracle) lengthM(a stretchArc) float64 {
	u, v := o.ends(a)
	return geo.DistanceM(o.s.Nodes[u].Point(), o.s.Nodes[v].Point())
}

func (o *oracle) seconds(a stretchArc) float64 {
	t := o.s.Ways[a.way].Travel[o.m]
	speed := t.ForwardMS
	if a.against {
		speed = t.BackwardMS
	}
	if speed == 0 {
		return math.Inf(1)
	}
	return o.lengthM(a) / float64(speed)
}

func (o *oracle) arcs() []stretchArc {
	var all []stretchArc
	for i, w := range o.s.Ways {
		for k := range len(w.Nodes) - 1 {
			for _, against := range []bool{false, true} {
				if a := (stretchArc{i, k, against}); !math.IsInf(o.seconds(a), 1) {
					all = append(all, a)
				}
			}
		}
	}
	return all
}

func (o *oracle) leaving(node uint32) []stretchArc {
	var out []stretchArc
	for _, a := range o.arcs() {
		if from, _ := o.ends(a); from == node {
			out = append(out, a)
		}
	}
	return out
}

func reversed(a stretchArc) stretchArc { return stretchArc{a.way, a.k, !a.against} }

// forbidden says whether a history of arcs breaks a restriction with its last
// step.
func (o *oracle) forbidden(history []stretchArc) bool {
	for _, r := range o.s.Restrictions {
		if !r.Modes.Has(o.m) {
			continue
		}
		for _, chain := range o.chains(r) {
			n := len(chain)
			if len(history) < n || !slices.Equal(history[len(history)-n:len(history)-1], chain[:n-1]) {
				continue
			}
			if (history[len(history)-1] == chain[n-1]) != r.Only {
				return true
			}
		}
	}
	return false
}

// chains of arcs a restriction speaks about: at most one, since the surveys here
// name ways that meet in one place only, or none.
func (o *oracle) chains(r Restriction) [][]stretchArc {
	var found [][]stretchArc
	all := o.arcs()
	onWay := func(way uint32) []stretchArc {
		return slices.DeleteFunc(slices.Clone(all), func(a stretchArc) bool { return a.way != int(way) })
	}
	whole := func(way uint32, against bool) []stretchArc {
		var arcs []stretchArc
		for k := range len(o.s.Ways[way].Nodes) - 1 {
			arcs = append(arcs, stretchArc{int(way), k, against})
		}
		if against {
			slices.Reverse(arcs)
		}
		return arcs
	}
	add := func(start uint32, vias []stretchArc, end uint32) bool {
		var ins, outs []stretchArc
		for _, w := range []uint32{r.From} {
			for k := range len(o.s.Ways[w].Nodes) - 1 {
				for _, against := range []bool{false, true} {
					a := stretchArc{int(w), k, against}
					if _, to := o.ends(a); to == start {
						ins = append(ins, a)
					}
				}
			}
		}
		for k := range len(o.s.Ways[r.To].Nodes) - 1 {
			for _, against := range []bool{false, true} {
				a := stretchArc{int(r.To), k, against}
				if from, _ := o.ends(a); from == end {
					outs = append(outs, a)
				}
			}
		}
		if r.From == r.To && len(vias) == 0 && len(ins) == 1 {
			outs = []stretchArc{reversed(ins[0])}
		}
		if len(ins) != 1 || len(outs) != 1 {
			return false
		}
		chain := append(append([]stretchArc{ins[0]}, vias...), outs[0])
		for _, a := range chain {
			if !slices.Contains(onWay(uint32(a.way)), a) {
				return false
			}
		}
		found = append(found, chain)
		return true
	}
	if len(r.Vias) == 0 {
		add(r.Via, nil, r.Via)
		return found
	}
	for _, against := range []bool{false, true} {
		vias := whole(r.Vias[0], against)
		start, _ := o.ends(vias[0])
		_, end := o.ends(vias[len(vias)-1])
		if add(start, vias, end) {
			break
		}
	}
	return found
}

// next lists the arcs that may follow a history, and what each turn costs. The
// weight has the penalty of ends-only ground in it.
func (o *oracle) next(history []stretchArc) (to []stretchArc, costS, weightS []float64) {
	last := history[len(history)-1]
	_, node := o.ends(last)
	gate := o.s.Gates[node]
	add := func(a stretchArc) {
		if math.IsInf(o.seconds(a), 1) || o.forbidden(append(slices.Clone(history), a)) {
			return
		}
		c := o.turnS(last, a, node)
		if a != reversed(last) && (gate.Along == 0 || (gate.Along > 0) == !last.against) {
			c += float64(gate.DelayS[o.m])
		}
		w := c
		if o.s.Ways[a.way].EndsOnly.Has(o.m) && !o.s.Ways[last.way].EndsOnly.Has(o.m) {
			w += 7200
		}
		to, costS, weightS = append(to, a), append(costS, c), append(weightS, w)
	}
	if !gate.Closed.Has(o.m) {
		for _, a := range o.leaving(node) {
			if a != reversed(last) {
				add(a)
			}
		}
	}
	if len(to) == 0 {
		add(reversed(last))
	}
	return to, costS, weightS
}

func (o *oracle) turnS(from, to stretchArc, node uint32) float64 {
	round := to == reversed(from)
	if o.m == Foot {
		if round {
			return 2
		}
		return 0
	}
	roads := 0
	for i, w := range o.s.Ways {
		for k := range len(w.Nodes) - 1 {
			a := stretchArc{i, k, false}
			if math.IsInf(o.seconds(a), 1) && math.IsInf(o.seconds(reversed(a)), 1) {
				continue
			}
			for _, end := range []uint32{w.Nodes[k], w.Nodes[k+1]} {
				if end == node {
					roads++
				}
			}
		}
	}
	if roads <= 2 && !round {
		return 0
	}
	heading := func(a stretchArc) float64 {
		u, v := o.ends(a)
		p, q := o.s.Nodes[u].Point(), o.s.Nodes[v].Point()
		return math.Atan2((q.Lon-p.Lon)*math.Cos(p.Lat*math.Pi/180), q.Lat-p.Lat) * 180 / math.Pi
	}
	angle := heading(to) - heading(from)
	for angle >= 180 {
		angle -= 360
	}
	for angle < -180 {
		angle += 360
	}
	extra := 0.0
	if round {
		angle, extra = 180, 20
	}
	if o.m == EBike {
		if angle < 0 {
			return angle * angle / 8100 * 6 * 1.4
		}
		return angle*angle/8100*6/1.4 + extra
	}
	if angle < 0 {
		return 7.5 / (1 + math.Exp(6.5/1.075-13*1.075*-angle/180))
	}
	return 7.5/(1+math.Exp(6.5*1.075-13/1.075*angle/180)) + extra
}

// oraclePlace is a place on an arc: the share of the arc before it.
type oraclePlace struct {
	arc   stretchArc
	share float64
	walkM float64
}

// snap looks at every stretch.
func (o *oracle) snap(f Fix) (places []oraclePlace, snapM float64) {
	p := f.Point
	type hit struct {
		m, along float64
		arc      stretchArc // along its way
		main     bool
	}
	var hits []hit
	for i, w := range o.s.Ways {
		if w.Ferry {
			continue
		}
		for k := range len(w.Nodes) - 1 {
			a := stretchArc{i, k, false}
			if math.IsInf(o.seconds(a), 1) && math.IsInf(o.seconds(reversed(a)), 1) {
				continue
			}
			m, along := distanceM(NodeAt(p), o.s.Nodes[w.Nodes[k]], o.s.Nodes[w.Nodes[k+1]])
			hits = append(hits, hit{m, along, a, o.main[a] || o.main[reversed(a)]})
		}
	}
	nearest, proper := math.Inf(1), math.Inf(1)
	for _, h := range hits {
		nearest = min(nearest, h.m)
		if h.main {
			proper = min(proper, h.m)
		}
	}
	snapM = nearest
	wantMain := proper <= nearest+500
	if wantMain {
		snapM = proper
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.m, b.m) })
	slack := 20.0
	if f.AccuracyM > 0 {
		slack = min(max(2*f.AccuracyM, 10), 50)
	}
	if !wantMain {
		slack = 0.01
	}
	// Along its heading, and against or across it.
	var against []oraclePlace
	touched := map[uint32]float64{} // nodes that candidates end at, and how near the nearest of those is
	nearer := func(node uint32, m float64) bool {
		at, is := touched[node]
		return is && at < m-0.01
	}
	roads, fourth := 0, 0.0
	var grounds [2]bool // of those as near as the nearest: public, private
	for _, h := range hits {
		if h.main != wantMain || h.m > snapM+slack {
			continue
		}
		ground := 0
		if o.s.Ways[h.arc.way].EndsOnly.Has(o.m) {
			ground = 1
		}
		if h.m <= snapM+0.01 {
			grounds[ground] = true
		}
		if u, v := o.ends(h.arc); h.m > snapM+0.01 &&
			(!grounds[ground] || roads >= 4 && h.m > fourth+0.01 || h.along == 0 && nearer(u, h.m) || h.along == 1 && nearer(v, h.m)) {
			continue
		}
		before := len(places)
		for _, pl := range []oraclePlace{{h.arc, h.along, h.m}, {reversed(h.arc), 1 - h.along, h.m}} {
			if math.IsInf(o.seconds(pl.arc), 1) {
				continue
			}
			headed := wantMain && f.Headed && f.SpeedMS >= 2 && o.m != Foot
			off := o.apart(pl.arc, f.HeadingDeg)
			o.edge = o.edge || headed && math.Abs(off-60) < 0.5
			if headed && off > 60 {
				against = append(against, pl)
			} else {
				places = append(places, pl)
			}
		}
		u, v := o.ends(h.arc)
		for _, node := range []uint32{u, v} {
			if _, is := touched[node]; !is {
				touched[node] = h.m
			}
		}
		if len(places) > before {
			if roads++; roads == 4 {
				fourth = h.m
			}
		}
	}
	if len(places) == 0 {
		places = against
	}
	return places, snapM
}

// apart is the angle between an arc and a heading.
func (o *oracle) apart(a stretchArc, heading float64) float64 {
	u, v := o.ends(a)
	p, q := o.s.Nodes[u].Point(), o.s.Nodes[v].Point()
	to := math.Atan2((q.Lon-p.Lon)*math.Cos(p.Lat*math.Pi/180), q.Lat-p.Lat) * 180 / math.Pi
	return math.Abs(math.Remainder(to-heading, 360))
}

func walkS(m float64) float64 { return m / (5 / 3.6) }

// doubtful says that two places lie so close on an arc that rounding to the
// centimetre decides which comes first.
func (o *oracle) doubtful(from, to []oraclePlace) bool {
	for _, f := range from {
		for _, t := range to {
			if f.arc == t.arc && math.Abs(f.share-t.share)*o.lengthM(f.arc) < 0.05 {
				return true
			}
		}
	}
	return false
}

// best is the seconds of the best way, walks to and from roads included.
func (o *oracle) best(from, to []oraclePlace) (weightS, durationS float64) {
	weightS = math.Inf(1)
	better := func(w, d float64) {
		if w < weightS {
			weightS, durationS = w, d
		}
	}
	type entry struct {
		history []stretchArc
		w, d    float64 // at the end of the last arc
		done    bool
	}
	var open []*entry
	at := map[string]*entry{}
	reach := func(history []stretchArc, w, d float64) {
		if len(history) > 4 { // longer than any restriction here
			history = history[len(history)-4:]
		}
		key := fmt.Sprint(history)
		if e := at[key]; e == nil {
			e = &entry{slices.Clone(history), w, d, false}
			at[key] = e
			open = append(open, e)
		} else if w < e.w {
			e.w, e.d = w, d
		}
	}
	for _, f := range from {
		for _, t := range to {
			if f.arc == t.arc && t.share >= f.share {
				d := (t.share-f.share)*o.seconds(f.arc) + walkS(f.walkM) + walkS(t.walkM)
				better(d, d)
			}
		}
		d := (1-f.share)*o.seconds(f.arc) + walkS(f.walkM)
		reach([]stretchArc{f.arc}, d, d)
	}
	for {
		var e *entry
		for _, x := range open {
			if !x.done && (e == nil || x.w < e.w) {
				e = x
			}
		}
		if e == nil || e.w >= weightS {
			return weightS, durationS
		}
		e.done = true
		next, costs, weights := o.next(e.history)
		for i, a := range next {
			for _, t := range to {
				if t.arc == a {
					part := t.share*o.seconds(a) + walkS(t.walkM)
					better(e.w+weights[i]+part, e.d+costs[i]+part)
				}
			}
			reach(append(slices.Clone(e.history), a), e.w+weights[i]+o.seconds(a), e.d+costs[i]+o.seconds(a))
		}
	}
}
