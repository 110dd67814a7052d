package road

import (
	"context"
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// Stand is where somebody who may be asked for again and again stands: snapped to the
// roads, with the label that answers any target without a search of its own. It
// never changes. A stand of durations no longer in force still answers, by those.
type Stand struct {
	// What every answer needs comes first, within one line of the cache.
	label cch.Label
	now   *metric
	point geo.Point
	snapM float64
	arcs  arcSet // of spot

	spot   spot
	fix    Fix
	router *Router
	mode   Mode
	round  uint64 // of Fleet.Keep that made it
}

// arcSet is a superset of some arcs, good for telling quickly that two lists of arcs
// have none in common.
type arcSet uint64

func arcsOf(s spot) (set arcSet) {
	for i := range s.at {
		set |= 1 << (s.at[i].arc / 2 % 64)
	}
	return set
}

// Point is the place that was stood at.
func (s *Stand) Point() geo.Point { return s.point }

// Mode is how one goes from here.
func (s *Stand) Mode() Mode { return s.mode }

// Stale says that the durations in force are not those of the stand: stand again.
func (s *Stand) Stale() bool { return s.router.now[s.mode].Load() != s.now }

// Stand makes the stand of a place.
func (r *Router) Stand(m Mode, p geo.Point) (*Stand, error) { return r.StandAt(m, Fix{Point: p}) }

// StandAt makes the stand of a place of which more is known.
func (r *Router) StandAt(m Mode, f Fix) (*Stand, error) {
	if err := checkAsk(m, nil, f.Point); err != nil {
		return nil, err
	}
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	a.snap.reset()
	return r.stand(a, m, r.now[m].Load(), &f), nil
}

func (r *Router) stand(a *ask, m Mode, now *metric, f *Fix) *Stand {
	s := &Stand{router: r, mode: m, now: now, point: f.Point, fix: *f}
	before := len(a.snap.places)
	s.spot = r.net.snapFix(m, now.durationMS, f, &a.snap)
	s.spot.at = append([]place(nil), a.snap.places[before:]...)
	s.snapM, s.arcs = s.spot.snapM, arcsOf(s.spot)
	r.leave(a, m, now, s.spot)
	s.label = a.search.Mark(now.weights, a.seeds)
	return s
}

// StandsToOne answers the time from each stand to a place, in their order, appended
// to times. All must be of this router. Stands of one mode and the same durations
// share one search.
func (r *Router) StandsToOne(ctx context.Context, times []Time, stands []*Stand, to geo.Point) ([]Time, error) {
	if err := to.Check(); err != nil {
		return nil, &PointError{Index: -1, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("find ways: %w", err)
	}
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	first := len(times)
	for range stands {
		times = append(times, Time{})
	}
	answers := times[first:]
	for _, s := range stands {
		a.touched |= s.label.Touch()
	}
	for left := len(stands); left > 0; {
		// Of one mode and of the same durations each round; durations change rarely.
		var of *Stand
		var goal spot
		var arcs arcSet
		var version Version
		for i, s := range stands {
			if answers[i].Kind != "" || of != nil && (s.mode != of.mode || s.now != of.now) {
				continue
			}
			if of == nil {
				of = s
				a.snap.reset()
				goal = r.net.snap(s.mode, s.now.durationMS, to, &a.snap)
				r.target(a, s.mode, s.now, goal)
				arcs, version = arcsOf(goal), r.version(s.now)
			}
			answers[i] = a.meet(s, arcs, version, to, goal)
			left--
		}
	}
	return times, nil
}

// meet answers for one stand after target; arcs are of the goal.
func (a *ask) meet(s *Stand, arcs arcSet, version Version, to geo.Point, goal spot) Time {
	key := a.search.Meet(&s.label)
	if s.arcs&arcs != 0 {
		key = min(key, s.spot.direct(goal))
	}
	t, _ := timeOf(version, key, s.point, to, s.spot, goal)
	return t
}

// Matrix answers the time from each of from to each of to, row by row: each row is
// handed over when it is known, and is the callee's to keep. A row is one of from.
func (r *Router) Matrix(ctx context.Context, m Mode, from, to []geo.Point, row func(i int, times []Time) error) error {
	for i, p := range to {
		if err := checkAsk(m, nil, p); err != nil {
			return fmt.Errorf("destination %d: %w", i, err)
		}
	}
	if len(to) == 0 {
		return nil
	}
	if err := checkAsk(m, from, to[0]); err != nil {
		return err
	}
	a := r.asks.Get().(*ask)
	defer r.asks.Put(a)
	now := r.now[m].Load()
	a.snap.reset()
	version := r.version(now)
	// The side with the labels is the targets': then rows come one after the other.
	goals := make([]goalStand, len(to))
	g, h := &r.net.modes[m], r.modes[m]
	for i, p := range to {
		goals[i].spot = r.net.snap(m, now.durationMS, p, &a.snap)
		goals[i].arcs = arcsOf(goals[i].spot)
		a.aim(g, h, now, goals[i].spot)
		goals[i].label = a.search.Mark(now.weights.Flipped(), a.seeds)
	}
	for i, p := range from {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("find ways: %w", err)
		}
		start := r.net.snap(m, now.durationMS, p, &a.snap)
		r.begin(a, m, now, start)
		arcs := arcsOf(start)
		times := make([]Time, len(to))
		for k := range goals {
			key := a.search.Meet(&goals[k].label)
			if arcs&goals[k].arcs != 0 {
				key = min(key, start.direct(goals[k].spot))
			}
			times[k], _ = timeOf(version, key, p, to[k], start, goals[k].spot)
		}
		if err := row(i, times); err != nil {
			return err
		}
	}
	return nil
}

type goalStand struct {
	spot  spot
	arcs  arcSet
	label cch.Label
}
