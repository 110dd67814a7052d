package main

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/realtime"
)

const (
	// keepFleetEvery is how often whoever is free is registered with the roads anew; a
	// fix younger than that is searched from, like that of anybody unregistered.
	keepFleetEvery = 500 * time.Millisecond
	// maxOfDepartment and maxRenewals bound the memory of that and the work of a round:
	// some 2 KB a patrol, and some 25 us a renewal.
	maxOfDepartment = 1000
	maxRenewals     = 2000
)

// fleetKeeper registers whoever could be dispatched with the roads, as they move, so
// that a report costs one search and not one for each of them.
type fleetKeeper struct {
	env   *Env
	index *realtime.Index
	fleet *road.Fleet
	now   func() time.Time // the clock of the positions

	waiting bool // some waited in the last round; only run touches it
}

// run keeps the fleet until ctx ends.
func (k *fleetKeeper) run(ctx context.Context) error {
	tick := time.NewTicker(keepFleetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		kept, err := k.fleet.Keep(ctx, dispatchable(k.index.All(), k.now()), maxRenewals)
		if err != nil && ctx.Err() == nil {
			k.env.Log.Error("register patrols with the roads", "error", err)
		}
		if err == nil {
			k.tell(kept.Waiting)
		}
	}
}

// tell logs when patrols begin to wait and when none does any more, not every round.
func (k *fleetKeeper) tell(waiting int) {
	switch {
	case waiting > 0 && !k.waiting:
		k.env.Log.Warn("more patrols move than can be registered with the roads; the others are searched from", "waiting", waiting)
	case waiting == 0 && k.waiting:
		k.env.Log.Info("all patrols that move are registered with the roads again")
	}
	k.waiting = waiting > 0
}

// dispatchable are the patrols that are free and not lost, of each department at most
// maxOfDepartment: who sent last comes first.
func dispatchable(all []realtime.Standing, now time.Time) []road.Moving {
	slices.SortFunc(all, func(a, b realtime.Standing) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), b.T.Compare(a.T), bytes.Compare(a.Patrol.UUID[:], b.Patrol.UUID[:]))
	})
	var out []road.Moving
	department, of := "", 0
	for _, s := range all {
		if s.Department != department {
			department, of = s.Department, 0
		}
		mode, err := road.ParseMode(string(s.Mode))
		if err != nil || !s.Placed || s.Status != dispatch.Free || s.Presence == dispatch.Lost || of == maxOfDepartment {
			continue
		}
		of++
		out = append(out, road.Moving{Fix: s.Position().Fix(now), Mode: mode})
	}
	return out
}
