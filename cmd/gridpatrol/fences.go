package main

import (
	"context"
	"errors"
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
	// readFencesEvery is how often the fences are read anew.
	readFencesEvery = 20 * time.Second
	// maxCrossings bounds what one look writes; what is beyond it comes with a later one,
	// since a watch that is not written is not moved.
	maxCrossings = 500
)

// fenceBook is where fences stand and crossings go. *pgtrack.Store is one.
type fenceBook interface {
	Areas(ctx context.Context) ([]pgtrack.Area, error)
	Cross(ctx context.Context, all []pgtrack.Crossed) (news []pgtrack.Crossed, err error)
	ForgetSides(ctx context.Context) error
}

// fenceKeeper watches patrols on duty at the edge of their own grids, and of areas that
// are closed for how they move. It looks at the places of the live map, so that what
// moves nobody there crosses nothing here.
type fenceKeeper struct {
	env  *Env
	all  func() []realtime.Standing
	book fenceBook

	// run's own:
	own     map[dispatch.PatrolID]*watchedArea
	closed  []*watchedArea
	watches map[watchKey]*fence.Watch
	seen    map[dispatch.PatrolID]time.Time // the newest fix that was looked at
	unsaved []pgtrack.Crossed
}

type watchedArea struct {
	pgtrack.Area
	fence *fence.Fence
}

type watchKey struct {
	patrol dispatch.PatrolID
	kind   string
	name   string
}

func newFenceKeeper(env *Env, index *realtime.Index, book fenceBook) *fenceKeeper {
	return &fenceKeeper{env: env, all: index.All, book: book, watches: map[watchKey]*fence.Watch{}, seen: map[dispatch.PatrolID]time.Time{}}
}

// run watches until ctx ends.
func (k *fenceKeeper) run(ctx context.Context) error {
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
		if err = errors.Join(err, k.look(ctx)); err != nil && ctx.Err() == nil {
			k.env.Log.Error("watch the fences", "error", err)
		}
	}
}

// read takes the fences over. A watch stays as long as its fence does.
func (k *fenceKeeper) read(ctx context.Context) error {
	areas, err := k.book.Areas(ctx)
	if err != nil {
		return err
	}
	k.own, k.closed = map[dispatch.PatrolID]*watchedArea{}, nil
	named := map[string]bool{}
	for _, a := range areas {
		f, err := fence.New(a.Rings)
		if err != nil {
			k.env.Log.Warn("an area cannot be watched", "kind", a.Kind, "name", a.Name, "error", err)
			continue
		}
		named[a.Kind+a.Name] = true
		if a.Kind == pgtrack.OwnGrid {
			k.own[a.Patrol] = &watchedArea{a, f}
		} else {
			k.closed = append(k.closed, &watchedArea{a, f})
		}
	}
	for key := range k.watches {
		if !named[key.kind+key.name] {
			delete(k.watches, key)
		}
	}
	return k.book.ForgetSides(ctx)
}

// look holds whoever has moved against the fences and writes down what was crossed.
func (k *fenceKeeper) look(ctx context.Context) error {
	for _, s := range k.all() {
		if len(k.unsaved) >= maxCrossings {
			break
		}
		if !s.Placed || s.Status == dispatch.OffDuty || s.Presence == dispatch.Lost {
			if _, watched := k.seen[s.Patrol]; watched {
				k.forget(s.Patrol)
			}
			continue
		}
		if !s.T.After(k.seen[s.Patrol]) {
			continue
		}
		k.seen[s.Patrol] = s.T
		if own := k.own[s.Patrol]; own != nil {
			k.step(own, s)
		}
		for _, c := range k.closed {
			if slices.Contains(c.Modes, string(s.Mode)) {
				k.step(c, s)
			}
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
	for _, c := range news {
		k.env.Log.Info("a patrol crossed a fence", "patrol", c.Patrol, "kind", c.Kind, "name", c.Name, "inside", c.Inside, "at", c.At)
	}
	return nil
}

func (k *fenceKeeper) step(a *watchedArea, s realtime.Standing) {
	key := watchKey{s.Patrol, a.Kind, a.Name}
	w := k.watches[key]
	if w == nil {
		w = &fence.Watch{}
		k.watches[key] = w
	}
	before := w.Side
	crossed := w.Step(a.fence, fence.Fix{Point: s.Point, T: s.T, AccuracyM: s.AccuracyM})
	add := func(inside, first bool, at time.Time) {
		k.unsaved = append(k.unsaved, pgtrack.Crossed{
			Patrol: s.Patrol, Kind: a.Kind, Name: a.Name, Inside: inside, At: at, First: first, Simulated: s.Simulated,
		})
	}
	// Outside of a closed area is where everybody is: only who came near is written down.
	if before == fence.Unknown && w.Side != fence.Unknown && (a.Kind == pgtrack.OwnGrid || w.Side == fence.Inside) {
		add(w.Side == fence.Inside, a.Kind == pgtrack.OwnGrid, s.T)
	}
	for _, c := range crossed {
		add(c.Entered, false, c.T)
	}
}

// forget ends the watches of who has gone off duty or was lost: the next fix begins anew.
func (k *fenceKeeper) forget(id dispatch.PatrolID) {
	delete(k.seen, id)
	for key := range k.watches {
		if key.patrol == id {
			delete(k.watches, key)
		}
	}
}
