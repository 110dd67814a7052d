package road

import (
	"context"
	"fmt"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// OneToMany answers the time from one place to each of several, in their order: the
// same times as ManyToOne says for each of them. A Router sweeps its hierarchy once;
// any engine can be asked.
func OneToMany(ctx context.Context, e Engine, m Mode, from geo.Point, to []geo.Point) ([]Time, error) {
	e = Serving(e)
	if sweeps, ok := e.(interface {
		OneToMany(context.Context, Mode, geo.Point, []geo.Point) ([]Time, error)
	}); ok {
		return sweeps.OneToMany(ctx, m, from, to)
	}
	if err := checkSpread(m, from, to); err != nil {
		return nil, err
	}
	times := make([]Time, len(to))
	for i, p := range to {
		one, err := e.ManyToOne(ctx, m, []geo.Point{from}, p)
		if err != nil {
			return nil, err
		}
		times[i] = one[0]
	}
	return times, nil
}

func checkSpread(m Mode, from geo.Point, to []geo.Point) error {
	for i, p := range to {
		if err := checkAsk(m, nil, p); err != nil {
			return fmt.Errorf("destination %d: %w", i, err)
		}
	}
	return checkAsk(m, []geo.Point{from}, from)
}

// Serving is the engine behind a Switch or a Fleet, the own engine behind a server
// outside, or the engine itself: what several questions that belong together are asked
// of.
func Serving(e Engine) Engine {
	switch e := e.(type) {
	case interface{ Engine() Engine }:
		return e.Engine()
	case interface{ Own() Engine }:
		return Serving(e.Own())
	}
	return e
}

// OneToMany implements the function of that name.
func (r *Router) OneToMany(ctx context.Context, m Mode, from geo.Point, to []geo.Point) ([]Time, error) {
	if err := checkSpread(m, from, to); err != nil {
		return nil, err
	}
	return r.fromOne(ctx, m, r.now[m].Load(), from, to)
}

func (r *Router) fromOne(ctx context.Context, m Mode, now *metric, from geo.Point, to []geo.Point) ([]Time, error) {
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	a.snap.reset()
	start := r.net.snap(m, now.durationMS, from, &a.snap)
	r.begin(a, m, now, start)
	kept := len(a.snap.places)
	times := make([]Time, len(to))
	g, h := &r.net.modes[m], r.modes[m]
	for i, p := range to {
		if i&63 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("find ways: %w", ctx.Err())
		}
		a.snap.places = a.snap.places[:kept]
		goal := r.net.snap(m, now.durationMS, p, &a.snap)
		best := start.direct(goal)
		a.aim(g, h, now, goal)
		for _, seed := range a.seeds {
			// What leads onto the arc may be shut since; then there is no way to it.
			if k := a.search.From(seed.Vertex) + seed.Key; k < best {
				best = k
			}
		}
		times[i], _ = timeOf(r.version(now), best, from, p, start, goal)
	}
	return times, nil
}

// begin makes a place where ways begin the target of the search in the roads turned
// round.
func (r *Router) begin(a *ask, m Mode, now *metric, start spot) {
	r.leave(a, m, now, start)
	a.search.Target(now.weights.Flipped(), a.seeds)
}

// leave lists the ends of the arcs of a place, with what is left until then.
func (r *Router) leave(a *ask, m Mode, now *metric, start spot) {
	a.seeds = a.seeds[:0]
	for _, at := range start.at {
		a.seeds = append(a.seeds, cch.Seed{Vertex: r.modes[m].vertex[at.arc], Key: r.net.rest(now, at)})
	}
}

// ReachAsk is a question for what can be reached from a place in a time, or, Back,
// from where the place can be reached.
type ReachAsk struct {
	Mode    Mode
	At      geo.Point
	WithinS float64
	Back    bool
}

// Reach answers how long it takes to each of some places that are reached in time.
// places lists those that count within a box, which is never too small; found is
// called for each that is reached, in the order they were listed. All is answered by
// the same durations.
func Reach(ctx context.Context, e Engine, ask ReachAsk, places func(geo.Box) ([]geo.Point, error), found func(i int, t Time) error) error {
	if err := checkAsk(ask.Mode, nil, ask.At); err != nil {
		return err
	}
	e = Serving(e)
	var box geo.Box
	var now *metric
	var err error
	router, ok := e.(*Router)
	if ok {
		now = router.now[ask.Mode].Load()
		if box, err = router.around(ctx, now, ask); err != nil {
			return err
		}
	} else {
		// Nobody is faster than the fastest road allows.
		fastest := float64(fastestMS)
		if _, straight := e.(Straight); straight {
			fastest = straightSpeedMS[ask.Mode]
		}
		box = geo.NewLocal(ask.At).Box(ask.WithinS * fastest)
	}
	list, err := places(box)
	if err != nil {
		return err
	}
	if err := checkAsk(ask.Mode, list, ask.At); err != nil {
		return err
	}
	var times []Time
	switch {
	case ok && ask.Back:
		times, err = router.frozen(ask.Mode, now).ManyToOne(ctx, ask.Mode, list, ask.At)
	case ok:
		times, err = router.fromOne(ctx, ask.Mode, now, ask.At, list)
	case ask.Back:
		times, err = e.ManyToOne(ctx, ask.Mode, list, ask.At)
	default:
		times, err = OneToMany(ctx, e, ask.Mode, ask.At, list)
	}
	if err != nil {
		return err
	}
	for i, t := range times {
		if t.Reachable && t.DurationS <= ask.WithinS {
			if err := found(i, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// frozen is a router of one mode that goes on answering by the durations given.
func (r *Router) frozen(m Mode, now *metric) *Router {
	f := &Router{net: r.net, modes: r.modes}
	f.asks.New = func() any { return new(ask) }
	f.now[m].Store(now)
	f.unclosed = f
	f.number.Store(r.number.Load())
	return f
}

// fastestMS is what no road of an engine we do not know allows, metres a second.
const fastestMS = 45

// around is a box that holds every place that is reached in time, those off the roads
// too.
func (r *Router) around(ctx context.Context, now *metric, q ReachAsk) (geo.Box, error) {
	m := q.Mode
	g, h := &r.net.modes[m], r.modes[m]
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	a.snap.reset()
	at := r.net.snap(m, now.durationMS, q.At, &a.snap)
	if q.Back {
		r.target(a, m, now, at)
	} else {
		r.begin(a, m, now, at)
	}
	b := geo.Box{West: q.At.Lon, South: q.At.Lat, East: q.At.Lon, North: q.At.Lat}
	extend := func(segment uint32) {
		for p := r.net.first[segment]; p < r.net.first[segment+1]; p++ {
			at := r.net.point(p)
			b.West, b.East = math.Min(b.West, at.Lon), math.Max(b.East, at.Lon)
			b.South, b.North = math.Min(b.South, at.Lat), math.Max(b.North, at.Lat)
		}
	}
	for _, place := range at.at {
		extend(place.arc / 2)
	}
	// The end of an arc is reached, or is left in time to arrive: so may be some of all
	// that it leads to, or of itself.
	for v, s := range h.state {
		if v&4095 == 0 && ctx.Err() != nil {
			return b, fmt.Errorf("see how far one gets: %w", ctx.Err())
		}
		key := a.search.From(uint32(v))
		if key >= cch.Inf || float64(msOf(key)) > q.WithinS*1000 {
			continue
		}
		extend(g.arcOf(s) / 2)
		for t := g.turnFirst[s]; t < g.turnFirst[s+1]; t++ {
			extend(g.arcOf(g.turnTo[t]) / 2)
		}
	}
	// And the walk from the road, or from where one stands if that is nearer.
	walkM := q.WithinS*walkMS + 1
	south, north := geo.NewLocal(geo.Point{Lon: b.West, Lat: b.South}).Box(walkM), geo.NewLocal(geo.Point{Lon: b.East, Lat: b.North}).Box(walkM)
	return geo.Box{
		West: math.Min(south.West, b.West-(north.East-b.East)), South: south.South,
		East: math.Max(north.East, b.East+(b.West-south.West)), North: north.North,
	}, nil
}
