package road

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// Router answers from a network that was prepared: the same answers as the network's
// own, in microseconds, with durations that may change while it serves. Each question
// is answered whole by the durations in force when it began.
type Router struct {
	net   *Network
	modes [Modes]*hierarchy
	now   [Modes]atomic.Pointer[metric]
	asks  sync.Pool // *ask
	// unclosed answers by the durations in force with nothing closed.
	unclosed *Router
	// plain is by the durations the network was built with.
	plain [Modes]*metric
	// number is what Switch.Set calls the network; the switch writes it.
	number atomic.Uint32
}

var _ Engine = (*Router)(nil)

// Prepare makes a router of a network, with the durations it was built with. Networks
// that Build made carry the order this needs; for those of old files it is found
// here, which takes longer.
func Prepare(ctx context.Context, n *Network) (*Router, error) {
	r := &Router{net: n, unclosed: &Router{net: n}}
	r.asks.New = func() any { return new(ask) }
	r.unclosed.asks.New = r.asks.New
	var faults [Modes]error
	var working sync.WaitGroup
	for m := range Mode(Modes) {
		working.Go(func() { faults[m] = r.prepare(ctx, m) })
	}
	working.Wait()
	if err := errors.Join(faults[:]...); err != nil {
		return nil, fmt.Errorf("prepare roads: %w", err)
	}
	return r, nil
}

func (r *Router) prepare(ctx context.Context, m Mode) error {
	h, err := r.net.prepare(ctx, m)
	if err != nil {
		return fmt.Errorf("%v: %w", m, err)
	}
	now, err := r.net.customize(ctx, m, h, r.net.modes[m].durationMS, 1)
	if err != nil {
		return fmt.Errorf("%v: %w", m, err)
	}
	r.modes[m], r.unclosed.modes[m], r.plain[m] = h, h, now
	r.now[m].Store(now)
	r.unclosed.now[m].Store(now)
	return nil
}

// Unclosed is how the roads would be with nothing closed, and whether anything is
// closed to a mode.
func (r *Router) Unclosed(m Mode) (Engine, bool) {
	return r.unclosed, r.now[m].Load() != r.unclosed.now[m].Load()
}

// version is what answers by a metric carry.
func (r *Router) version(now *metric) Version {
	return Version{Network: r.number.Load(), Conditions: uint32(now.version), Learned: now.learned}
}

// Network is what the router was made of.
func (r *Router) Network() *Network { return r.net }

// ask is the memory of one question. Whoever asks takes one from the pool.
type ask struct {
	search cch.Search
	snap   snapper
	seeds  []cch.Seed
	which  []uint32 // by seed: the target place it stands before
	way    []uint32
	begin  []int // see tracer

	fix     Fix      // of a bare point
	stands  []*Stand // by source
	touched uint32   // see cch.Label.Touch
}

// target sets where to.
func (r *Router) target(a *ask, m Mode, now *metric, goal spot) {
	a.aim(&r.net.modes[m], r.modes[m], now, goal)
	a.search.Target(now.weights, a.seeds)
}

// aim lists what leads straight onto the arcs of a target, with what is left then.
func (a *ask) aim(g *graph, h *hierarchy, now *metric, goal spot) {
	a.seeds, a.which = a.seeds[:0], a.which[:0]
	for i, at := range goal.at {
		a.onto(g, h, at, uint32(i), at.arc)
		for _, state := range g.copies[at.arc] {
			a.onto(g, h, at, uint32(i), state)
		}
	}
}

func (a *ask) onto(g *graph, h *hierarchy, at place, which, state uint32) {
	for t := g.backFirst[state]; t < g.backFirst[state+1]; t++ {
		prev, key := g.backFrom[t], lengthOf(g.backCostMS[t]-g.durationMS[at.arc], 0)+at.before()
		if prev&passBit != 0 {
			prev &^= passBit
			key += pass
		}
		a.seeds = append(a.seeds, cch.Seed{Vertex: h.vertex[prev], Key: key})
		a.which = append(a.which, which)
	}
}

// rest is the walk to a place and what is left of its arc from there.
func (n *Network) rest(now *metric, at place) cch.Key {
	return lengthOf(now.durationMS[at.arc]-at.beforeMS, n.lengthCM[at.arc/2]-at.beforeCM) + lengthOf(at.walk())
}

// from answers the length of the best way from a spot to the target, the place it
// begins at, and which target place it goes to if it stays on one arc, else -1.
func (r *Router) from(a *ask, m Mode, now *metric, start, goal spot) (best cch.Key, begin place, straight int32) {
	best, straight = cch.Inf, -1
	for _, at := range start.at {
		if key, which := direct(at, goal); key < best {
			best, begin, straight = key, at, which
		}
		if key := a.search.From(r.modes[m].vertex[at.arc]) + r.net.rest(now, at); key < best {
			best, begin, straight = key, at, -1
		}
	}
	return best, begin, straight
}

// ManyToOne implements Engine.
func (r *Router) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	return r.AppendManyToOne(ctx, nil, m, from, to)
}

// AppendManyToOne is ManyToOne into a slice of the caller's: with room in it, asking
// allocates nothing.
func (r *Router) AppendManyToOne(ctx context.Context, times []Time, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	if err := checkAsk(m, from, to); err != nil {
		return nil, err
	}
	return r.manyToOne(ctx, times, m, sources{points: from}, to)
}

// FixesToOne is ManyToOne from places of which more is known.
func (r *Router) FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	if err := checkFixes(m, from, to); err != nil {
		return nil, err
	}
	return r.manyToOne(ctx, nil, m, sources{fixes: from}, to)
}

// sources are where ways begin: bare points, or fixes, of which some may have stands.
type sources struct {
	points []geo.Point
	fixes  []Fix
	stands map[Mover]*Stand
}

// known looks up the stands of all sources, as far as they are of the same fix and of
// the durations in force, and touches them. Each round of it waits for memory once for
// many and not for each.
func (a *ask) known(m Mode, now *metric, from sources) {
	a.stands = a.stands[:0]
	if len(from.stands) == 0 {
		return
	}
	for i := range from.fixes {
		a.stands = append(a.stands, from.stands[from.fixes[i].Who])
	}
	for i, s := range a.stands {
		if s == nil || s.now != now || s.mode != m || s.fix != from.fixes[i] {
			a.stands[i] = nil
			continue
		}
		a.touched |= s.label.Touch()
	}
}

func (r *Router) manyToOne(ctx context.Context, times []Time, m Mode, from sources, to geo.Point) ([]Time, error) {
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	now := r.now[m].Load()
	a.snap.reset()
	goal := r.net.snap(m, now.durationMS, to, &a.snap)
	r.target(a, m, now, goal)
	a.known(m, now, from)
	defer clear(a.stands) // so that no pool keeps them
	arcs, version, kept := arcsOf(goal), r.version(now), len(a.snap.places)
	for i := range max(len(from.points), len(from.fixes)) {
		if i&63 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("find ways: %w", ctx.Err())
		}
		if i < len(a.stands) && a.stands[i] != nil {
			times = append(times, a.meet(a.stands[i], arcs, version, to, goal))
			continue
		}
		var f *Fix
		if from.fixes != nil {
			f = &from.fixes[i]
		} else {
			a.fix.Point = from.points[i]
			f = &a.fix
		}
		a.snap.places = a.snap.places[:kept]
		start := r.net.snapFix(m, now.durationMS, f, &a.snap)
		key, _, _ := r.from(a, m, now, start, goal)
		t, _ := timeOf(version, key, f.Point, to, start, goal)
		times = append(times, t)
	}
	return times, nil
}

// Route implements Engine. It finds a way as long as the one of ManyToOne.
func (r *Router) Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error) {
	var d Drawing
	if err := r.Draw(ctx, m, from, to, &d); err != nil || !d.Reachable {
		return Route{Time: d.Time}, err
	}
	return d.route(), nil
}

// Drawing is a Route in memory of the caller's: its line is lon, lat, lon, lat, ...,
// empty where Reachable is false.
type Drawing struct {
	Time
	Flat  []float64
	Steps []Step
}

// Draw is Route into a drawing made before, which is lost: with room in it, asking
// allocates nothing.
func (r *Router) Draw(ctx context.Context, m Mode, from, to geo.Point, d *Drawing) error {
	d.Time, d.Flat, d.Steps = Time{}, d.Flat[:0], d.Steps[:0]
	if err := checkAsk(m, []geo.Point{from}, to); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("find a way: %w", err)
	}
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	now := r.now[m].Load()
	a.snap.reset()
	start, goal := r.net.snap(m, now.durationMS, from, &a.snap), r.net.snap(m, now.durationMS, to, &a.snap)
	r.target(a, m, now, goal)
	key, begin, straight := r.from(a, m, now, start, goal)
	t, walked := timeOf(r.version(now), key, from, to, start, goal)
	switch {
	case !t.Reachable:
		d.Time = t
		return nil
	case walked:
		d.straight(t, from, to)
		return nil
	}
	trace := tracer{net: r.net, flat: d.Flat, steps: d.Steps, begin: a.begin[:0]}
	trace.walk(from, begin)
	var end place
	if straight >= 0 {
		end = goal.at[straight]
		trace.arc(begin.arc, begin.beforeCM, end.beforeCM, end.beforeMS-begin.beforeMS)
	} else {
		end = r.trace(&trace, a, m, now, begin, goal)
	}
	trace.walk(to, end)
	a.begin = trace.begin
	*d = trace.drawing(t, begin, end)
	return nil
}

// trace draws the way from a place to the target that was asked for last, and answers
// which of its places that was.
func (r *Router) trace(to *tracer, a *ask, m Mode, now *metric, begin place, goal spot) place {
	g, h := &r.net.modes[m], r.modes[m]
	a.way = a.search.Path(a.way[:0], h.vertex[begin.arc])
	to.arc(begin.arc, begin.beforeCM, r.net.lengthCM[begin.arc/2], now.durationMS[begin.arc]-begin.beforeMS)
	state := h.state[a.way[0]]
	for _, v := range a.way[1:] {
		next := h.state[v]
		arc := g.arcOf(next)
		to.arc(arc, 0, r.net.lengthCM[arc/2], g.turnMS(state, next)+now.durationMS[arc])
		state = next
	}
	last, best := a.way[len(a.way)-1], -1
	for i, seed := range a.seeds {
		if seed.Vertex == last && (best < 0 || seed.Key < a.seeds[best].Key) {
			best = i
		}
	}
	end := goal.at[a.which[best]]
	walkMS, _ := end.walk()
	to.arc(end.arc, 0, end.beforeCM, msOf(a.seeds[best].Key)-walkMS)
	return end
}

// turnMS is what a turn costs that there is.
func (g *graph) turnMS(from, to uint32) uint32 {
	for t := g.turnFirst[from]; t < g.turnFirst[from+1]; t++ {
		if g.turnTo[t] == to {
			return g.turnCostMS[t] &^ stuckBit
		}
	}
	return 0
}
