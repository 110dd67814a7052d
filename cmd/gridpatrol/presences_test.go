package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// fakePresences is a book in memory.
type fakePresences struct {
	now    map[dispatch.PatrolID]string
	got    []string
	err    error
	better string        // what another node knows of everybody
	wrote  chan struct{} // told of each write, where it is not nil
}

func (f *fakePresences) Turn(_ context.Context, all []pgtrack.Turned) (map[dispatch.PatrolID]string, error) {
	if f.err != nil {
		return nil, f.err
	}
	now := map[dispatch.PatrolID]string{}
	for _, t := range all {
		f.got = append(f.got, t.Presence)
		f.now[t.Patrol] = t.Presence
		now[t.Patrol] = cmp.Or(f.better, t.Presence)
	}
	if f.wrote != nil {
		f.wrote <- struct{}{}
	}
	return now, nil
}

// A change is written once, tried again while the database is away, and what does not
// change, or only between moving and standing still, writes nothing.
func TestTheRecordOfPresence(t *testing.T) {
	t.Parallel()
	id := dispatch.PatrolID{UUID: uuid.New()}
	live, book := fakeLive{}, &fakePresences{now: map[dispatch.PatrolID]string{}}
	k := newPresenceKeeper(&Env{Log: slog.New(slog.DiscardHandler)}, realtime.NewIndex(time.Now), realtime.NewLocalBus(), book)
	k.live = live
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, s := range []struct {
		status   dispatch.Status
		placed   bool
		presence dispatch.Presence
		fails    bool
		want     []string
	}{
		{dispatch.Free, false, dispatch.Lost, false, nil}, // on duty, and not heard of yet
		{dispatch.Free, true, dispatch.Online, true, nil},
		{dispatch.Free, true, dispatch.Online, false, []string{"online"}},
		{dispatch.EnRoute, true, dispatch.Still, false, nil},
		{dispatch.EnRoute, true, dispatch.Stale, false, []string{"stale"}},
		{dispatch.EnRoute, true, dispatch.Lost, false, []string{"lost"}},
		{dispatch.EnRoute, true, dispatch.Lost, false, nil},
		{dispatch.Free, true, dispatch.Online, false, []string{"online"}},
		{dispatch.OffDuty, false, dispatch.Lost, false, []string{"off_duty"}},
		{dispatch.Free, false, dispatch.Lost, false, nil}, // back on duty, and not heard of yet
	} {
		book.got, book.err = nil, nil
		if s.fails {
			book.err = errors.New("away")
		}
		live[id] = realtime.Standing{Placed: s.placed, Presence: s.presence, Enrolled: &realtime.Enrolled{Status: s.status}, Place: realtime.Place{Patrol: id, T: at}}
		k.moved[id] = struct{}{}
		if err := k.look(t.Context()); (err != nil) != s.fails || s.fails != (len(k.moved) > 0) {
			t.Fatalf("%+v: %v, %d left", s, err, len(k.moved))
		}
		if !slices.Equal(book.got, s.want) {
			t.Errorf("%+v: wrote %v", s, book.got)
		}
	}
}

// What a node has to write when it starts is written without anybody moving; a crowd goes
// in bounded parts; whom another node knows better is asked about again; and who leaves
// the register and comes back is written anew.
func TestTheRecordOfPresenceOfMany(t *testing.T) {
	t.Parallel()
	live, book := fakeLive{}, &fakePresences{now: map[dispatch.PatrolID]string{}}
	k := newPresenceKeeper(&Env{Log: slog.New(slog.DiscardHandler)}, realtime.NewIndex(time.Now), realtime.NewLocalBus(), book)
	k.live = live
	stand := func(id dispatch.PatrolID, presence dispatch.Presence) {
		live[id] = realtime.Standing{Placed: true, Presence: presence, Enrolled: &realtime.Enrolled{Status: dispatch.Free}, Place: realtime.Place{Patrol: id, T: time.Now()}}
		k.moved[id] = struct{}{}
	}
	look := func(want int) {
		t.Helper()
		book.got = nil
		if err := k.look(t.Context()); err != nil || len(book.got) != want {
			t.Errorf("wrote %d, want %d, %v", len(book.got), want, err)
		}
	}
	one := dispatch.PatrolID{UUID: uuid.New()}
	stand(one, dispatch.Online)
	for range mostTurned {
		stand(dispatch.PatrolID{UUID: uuid.New()}, dispatch.Online)
	}
	look(mostTurned)
	look(1)
	look(0)

	book.better = "lost"
	stand(one, dispatch.Stale)
	look(1)
	book.better = ""
	stand(one, dispatch.Stale)
	look(1)

	delete(live, one)
	k.moved[one] = struct{}{}
	look(0)
	stand(one, dispatch.Stale)
	look(1)

	clear(k.moved)
	clear(k.written)
	book.wrote = make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- k.run(ctx) }()
	<-book.wrote
	stop()
	for open := true; open; {
		select {
		case <-book.wrote:
		case err := <-ended:
			if open = false; err != nil {
				t.Error(err)
			}
		}
	}
}
