package main

import (
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
	now map[dispatch.PatrolID]string
	got []string
	err error
}

func (f *fakePresences) Turn(_ context.Context, all []pgtrack.Turned) (map[dispatch.PatrolID]string, error) {
	if f.err != nil {
		return nil, f.err
	}
	now := map[dispatch.PatrolID]string{}
	for _, t := range all {
		f.got = append(f.got, t.Presence)
		f.now[t.Patrol] = t.Presence
		now[t.Patrol] = t.Presence
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
