package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/fence"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

const (
	// lookForCrossings is how often whoever moved is held against the fences.
	lookForCrossings = time.Second
	// readFencesEvery is how often the fences are read anew, and everybody is looked at,
	// whether they have moved or not.
	readFencesEvery = 20 * time.Second
	// maxCrossings bounds what one look writes; what is beyond it comes with a later one,
	// since a watch that is not written is not moved.
	maxCrossings = 500
	// maxWays bounds the ways that wait while crossings cannot be written.
	maxWays = 2000
)

// fenceBook is where fences stand and crossings go. *pgtrack.Store is one.
type fenceBook interface {
	Areas(ctx context.Context) ([]pgtrack.Area, error)
	Insides(ctx context.Context) (map[dispatch.PatrolID][]pgtrack.FenceName, error)
	Cross(ctx context.Context, all []pgtrack.Crossed) (news []pgtrack.Crossed, err error)
	ForgetSides(ctx context.Context) error
}

// fenceKeeper watches patrols on duty at the edge of their own grids, of areas that are
// closed for how they move, and of places with a fence. It looks at the places of the
// live map, so that what moves nobody there crosses nothing here. Whoever is lost or goes
// off duty within a fence has left it, for that reason.
type fenceKeeper struct {
	env  *Env
	live interface {
		All() []realtime.Standing
		Standing(dispatch.PatrolID) (realtime.Standing, bool)
	}
	news realtime.Subscription
	book fenceBook

	// run's own:
	areas   map[pgtrack.FenceName]*watchedArea
	own     map[dispatch.PatrolID]*watchedArea
	shared  *fence.Index[*watchedArea] // of all but patrols' own
	watched map[dispatch.PatrolID]*watchedPatrol
	moved   map[dispatch.PatrolID]struct{} // still to be looked at
	heard   map[dispatch.PatrolID]struct{} // since the last look, to be looked at in the one after
	ways    [][]realtime.Place             // still to be walked
	unsaved []pgtrack.Crossed
}

type watchedArea struct {
	pgtrack.Area
	fence *fence.Fence
}

// watchedPatrol is where a patrol was last and the fences it is in or near; of all others
// it is outside. A nil place is of somebody who has not been seen yet.
type watchedPatrol struct {
	last    *fence.Fix
	watches map[pgtrack.FenceName]*fence.Watch
}

func newFenceKeeper(env *Env, index *realtime.Index, bus realtime.Bus, book fenceBook) *fenceKeeper {
	return &fenceKeeper{env: env, live: index, news: bus.Subscribe(), book: book,
		watched: map[dispatch.PatrolID]*watchedPatrol{}, moved: map[dispatch.PatrolID]struct{}{}, heard: map[dispatch.PatrolID]struct{}{}, shared: &fence.Index[*watchedArea]{}}
}

// run watches until ctx ends.
func (k *fenceKeeper) run(ctx context.Context) error {
	defer k.news.Close()
	tick := time.NewTicker(lookForCrossings)
	defer tick.Stop()
	var read time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var err error
		if time.Since(read) >= readFencesEvery {
			read = time.Now()
			err = k.read(ctx)
		}
		k.hear(ctx)
		if err = errors.Join(err, k.look(ctx)); err != nil && ctx.Err() == nil {
			k.env.Log.Error("watch the fences", "error", err)
		}
	}
}

// hear takes over who has moved since the last look, and waits for somebody to, but not
// for longer than until the next. The place that a burst ends with shows before the way
// there is on disk, so that who has moved is looked at one look later, after the way.
func (k *fenceKeeper) hear(ctx context.Context) {
	for id := range k.heard {
		k.moved[id] = struct{}{}
	}
	clear(k.heard)
	ctx, cancel := context.WithTimeout(ctx, lookForCrossings)
	defer cancel()
	news, err := k.news.Receive(ctx)
	if err != nil {
		return // nobody has moved
	}
	for id := range news.Moved {
		k.heard[id] = struct{}{}
	}
	if len(k.ways)+len(news.Ways) <= maxWays {
		k.ways = append(k.ways, news.Ways...)
	}
}

// walk takes the steps of who was out of reach, and tells now where they went.
func (k *fenceKeeper) walk() {
	for len(k.ways) > 0 && len(k.unsaved) < maxCrossings {
		way := k.ways[0]
		k.ways = k.ways[1:]
		s, known := k.live.Standing(way[0].Patrol)
		if !known {
			continue
		}
		for _, s.Place = range way {
			k.step(s.Patrol, s)
		}
	}
}

// read takes the fences over, and what is written down of who is in them: what this node
// saw before it stopped, and what others have seen.
func (k *fenceKeeper) read(ctx context.Context) error {
	areas, err := k.book.Areas(ctx)
	if err != nil {
		return err
	}
	k.areas, k.own, k.shared = map[pgtrack.FenceName]*watchedArea{}, map[dispatch.PatrolID]*watchedArea{}, &fence.Index[*watchedArea]{}
	for _, a := range areas {
		f, err := fence.New(a.Rings)
		one := &watchedArea{a, f}
		if err == nil && a.Kind != pgtrack.OwnGrid {
			err = k.shared.Add(f, one)
		}
		if err != nil {
			k.env.Log.Warn("an area cannot be watched", "kind", a.Kind, "name", a.Name, "error", err)
			continue
		}
		if a.Kind == pgtrack.OwnGrid {
			k.own[a.Patrol] = one
		} else {
			k.areas[a.FenceName] = one
		}
	}
	for id, p := range k.watched {
		maps.DeleteFunc(p.watches, func(name pgtrack.FenceName, _ *fence.Watch) bool { return k.area(id, name) == nil })
	}
	if err := k.book.ForgetSides(ctx); err != nil {
		return err
	}
	for _, s := range k.live.All() {
		k.moved[s.Patrol] = struct{}{}
	}
	if len(k.unsaved) > 0 {
		return nil // what is written down is not yet what was seen
	}
	insides, err := k.book.Insides(ctx)
	if err != nil {
		return err
	}
	k.agree(insides)
	return nil
}

// area is a fence as a patrol meets it, nil where it is none for it any more.
func (k *fenceKeeper) area(id dispatch.PatrolID, name pgtrack.FenceName) *watchedArea {
	if own := k.own[id]; own != nil && own.FenceName == name {
		return own
	}
	return k.areas[name]
}

// agree brings together what was seen and what is written down. Where they differ,
// another node has written what this one does not see, or this one has just begun.
func (k *fenceKeeper) agree(insides map[dispatch.PatrolID][]pgtrack.FenceName) {
	for id, names := range insides {
		p := k.patrol(id)
		k.moved[id] = struct{}{}
		for _, name := range names {
			if k.area(id, name) == nil {
				continue
			}
			switch w := p.watches[name]; {
			case w == nil:
				started := fence.Begin(fence.Inside, p.last)
				p.watches[name] = &started
			case w.Side == fence.Outside:
				k.add(id, name, false, p.last.T, "")
			case w.Side == fence.Unknown:
				w.Side = fence.Inside
			}
		}
	}
	for id, p := range k.watched {
		for name, w := range p.watches {
			switch {
			case w.Side != fence.Inside || slices.Contains(insides[id], name):
			case p.last == nil: // known from what was written down alone, and that has changed
				delete(p.watches, name)
			default:
				k.add(id, name, true, p.last.T, "")
			}
		}
	}
}

func (k *fenceKeeper) patrol(id dispatch.PatrolID) *watchedPatrol {
	p := k.watched[id]
	if p == nil {
		p = &watchedPatrol{watches: map[pgtrack.FenceName]*fence.Watch{}}
		k.watched[id] = p
	}
	return p
}

// look holds whoever has moved against the fences and writes down what was crossed.
func (k *fenceKeeper) look(ctx context.Context) error {
	k.walk()
	for id := range k.moved {
		if len(k.unsaved) >= maxCrossings {
			break
		}
		delete(k.moved, id)
		s, known := k.live.Standing(id)
		switch {
		case !known || s.Status == dispatch.OffDuty:
			k.lose(id, time.Time{}, pgtrack.WhyOffDuty)
		case s.Presence == dispatch.Lost && s.Placed:
			k.lose(id, s.T.Add(realtime.LostAfter), pgtrack.WhyLost)
		case s.Presence == dispatch.Lost:
			k.lose(id, time.Time{}, pgtrack.WhyLost)
		default:
			k.step(id, s)
		}
	}
	if len(k.unsaved) == 0 {
		return nil
	}
	news, err := k.book.Cross(ctx, k.unsaved)
	if err != nil {
		return err // and tried again with the next
	}
	k.unsaved = nil
	if len(news) > 0 { // who was where is for those who may see it, and in no log
		k.env.Log.Debug("patrols crossed fences", "crossings", len(news))
	}
	return nil
}

// step takes a patrol's next place.
func (k *fenceKeeper) step(id dispatch.PatrolID, s realtime.Standing) {
	p := k.patrol(id)
	if p.last != nil && !s.T.After(p.last.T) {
		return
	}
	fix := fence.Fix{Point: s.Point, T: s.T, AccuracyM: s.AccuracyM}
	near := map[pgtrack.FenceName]bool{}
	meet := func(a *watchedArea) {
		if near[a.FenceName] || a.Kind == pgtrack.ClosedArea && !slices.Contains(a.Modes, string(s.Mode)) {
			return
		}
		near[a.FenceName] = true
		w := p.watches[a.FenceName]
		if w == nil {
			side := fence.Outside // it was not near before
			if p.last == nil {
				side = fence.Unknown
			}
			started := fence.Begin(side, p.last)
			w = &started
			p.watches[a.FenceName] = w
		}
		before := w.Side
		crossed := w.Step(a.fence, fix)
		if before == fence.Unknown && w.Side == fence.Inside {
			k.add(id, a.FenceName, true, s.T, "")
		}
		for _, c := range crossed {
			k.add(id, a.FenceName, c.Entered, c.T, "")
		}
	}
	if own := k.own[id]; own != nil {
		meet(own)
	}
	k.shared.Near(p.last, fix, meet)
	for name, w := range p.watches {
		if near[name] {
			continue
		}
		if w.Side == fence.Inside { // it went far in one step
			if a := k.area(id, name); a != nil {
				meet(a)
			}
		}
		if w.Side != fence.Inside {
			delete(p.watches, name)
		}
	}
	p.last = &fix
}

// lose ends the watches of who has gone off duty or was lost: the next fix begins anew,
// and whoever was in a fence has left it.
func (k *fenceKeeper) lose(id dispatch.PatrolID, at time.Time, why string) {
	p := k.watched[id]
	if p == nil {
		return
	}
	for name, w := range p.watches {
		if w.Side == fence.Inside {
			k.add(id, name, false, at, why)
		}
	}
	delete(k.watched, id)
}

func (k *fenceKeeper) add(id dispatch.PatrolID, name pgtrack.FenceName, inside bool, at time.Time, why string) {
	k.unsaved = append(k.unsaved, pgtrack.Crossed{Patrol: id, FenceName: name, Inside: inside, At: at, Why: why})
}
