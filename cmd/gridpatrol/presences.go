package main

import (
	"context"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// mostTurned bounds what one write holds; the rest comes with the next, a moment later.
const mostTurned = 500

// presenceBook is where changes of presence go. *pgtrack.Store is one.
type presenceBook interface {
	Turn(ctx context.Context, all []pgtrack.Turned) (now map[dispatch.PatrolID]string, err error)
}

// presenceKeeper writes down when patrols were heard of, were lost or went off duty. It
// hears what the live map shows, one place a patrol however many there were, and asks
// nobody for anything: who does not change costs nothing.
type presenceKeeper struct {
	env  *Env
	live interface {
		All() []realtime.Standing
		Standing(dispatch.PatrolID) (realtime.Standing, bool)
	}
	news realtime.Subscription
	book presenceBook

	// run's own:
	written map[dispatch.PatrolID]string
	moved   map[dispatch.PatrolID]struct{} // still to be looked at; at most all patrols
}

func newPresenceKeeper(env *Env, index *realtime.Index, bus realtime.Bus, book presenceBook) *presenceKeeper {
	return &presenceKeeper{env: env, live: index, news: bus.Subscribe(), book: book, written: map[dispatch.PatrolID]string{}, moved: map[dispatch.PatrolID]struct{}{}}
}

// run writes until ctx ends.
func (k *presenceKeeper) run(ctx context.Context) error {
	defer k.news.Close()
	for _, s := range k.live.All() {
		k.moved[s.Patrol] = struct{}{} // what changed while no node was at work
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if len(k.moved) == 0 {
			k.hear(ctx)
		} else {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			k.hear(short)
			cancel()
		}
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			k.env.Log.Error("write the record of presence", "error", err)
		}
	}
}

// hear waits for somebody to move and takes over who has.
func (k *presenceKeeper) hear(ctx context.Context) {
	news, err := k.news.Receive(ctx)
	if err != nil {
		return
	}
	for id := range news.Moved {
		k.moved[id] = struct{}{}
	}
}

// look writes down who has changed. What is not written is looked at again.
func (k *presenceKeeper) look(ctx context.Context) error {
	var turned []pgtrack.Turned
	for id := range k.moved {
		if len(turned) == mostTurned {
			break
		}
		s, known := k.live.Standing(id)
		if !known {
			delete(k.written, id)
			delete(k.moved, id)
			continue
		}
		presence, since := s.Moment()
		if presence == "" || presence == k.written[id] {
			delete(k.moved, id)
			continue
		}
		turned = append(turned, pgtrack.Turned{Patrol: id, Presence: presence, At: since})
	}
	if len(turned) == 0 {
		return nil
	}
	now, err := k.book.Turn(ctx, turned)
	if err != nil {
		return err
	}
	for _, t := range turned {
		delete(k.moved, t.Patrol)
		if presence, any := now[t.Patrol]; any {
			k.written[t.Patrol] = presence
		} else {
			k.written[t.Patrol] = t.Presence // never heard of: there is nothing to write
		}
	}
	return nil
}
