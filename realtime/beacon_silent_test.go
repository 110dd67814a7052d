package realtime_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// hush is a database that takes questions and answers none, as behind a cable that was
// cut: whoever asks hears nothing until it gives up.
type hush struct {
	realtime.Ledger
	realtime.RosterSource
	realtime.Snapshots
	silent atomic.Bool
	asked  chan struct{} // a question that hangs, when somebody waits for it
}

func (h *hush) answers(ctx context.Context) error {
	if !h.silent.Load() {
		return nil
	}
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hush) Streams(ctx context.Context, keys []realtime.StreamKey) (map[realtime.StreamKey]realtime.StreamRecord, error) {
	if err := h.answers(ctx); err != nil {
		return nil, err
	}
	return h.Ledger.Streams(ctx, keys)
}

func (h *hush) Commit(ctx context.Context, b *realtime.Batch) error {
	if err := h.answers(ctx); err != nil {
		return err
	}
	return h.Ledger.Commit(ctx, b)
}

func (h *hush) Revision(ctx context.Context) (int64, error) {
	if err := h.answers(ctx); err != nil {
		return 0, err
	}
	return h.RosterSource.Revision(ctx)
}

func (h *hush) Roster(ctx context.Context, since time.Time) (*realtime.Roster, error) {
	if err := h.answers(ctx); err != nil {
		return nil, err
	}
	return h.RosterSource.Roster(ctx, since)
}

func (h *hush) SavePlaces(ctx context.Context, places []realtime.Place) error {
	if err := h.answers(ctx); err != nil {
		return err
	}
	return h.Snapshots.SavePlaces(ctx, places)
}

// hushed is a bundle whose database can fall silent.
func hushed(t *testing.T, units int, change ...func(*realtime.Config)) (*bundle, *hush) {
	h := &hush{asked: make(chan struct{})}
	b := setup(t, units, append(change, func(c *realtime.Config) {
		h.Ledger, h.RosterSource, h.Snapshots = c.Ledger, c.Rosters, c.Snapshots
		c.Ledger, c.Rosters, c.Snapshots = h, h, h
	})...)
	return b, h
}

// A database that says nothing at all counts as away, and holds up neither the live map
// nor what is due each second. What was not acknowledged lands once when it is back.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	b, h := hushed(t, 2, func(c *realtime.Config) {
		c.QueueFixes, c.Writers, c.AnswerWithin = beacon.MaxFixes, 1, 300*time.Millisecond
	})
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	still, _ := b.node.open(t, b.units[1], uuid.New(), 1)
	still.fixes(at(1, b.clock.now()))
	still.ack(1)

	h.silent.Store(true)
	const n = 3 * beacon.MaxFixes // more than the queue holds
	var last time.Time
	var burst []beacon.Fix
	for seq := int64(1); seq <= n; seq++ {
		last = b.clock.now()
		if burst = append(burst, at(seq, last)); len(burst) == 50 {
			p.fixes(burst...)
			burst = nil
		}
	}
	until(t, "the newest fix shows", func() bool {
		at, _ := b.node.index.Position(b.units[0].Patrol)
		return at.T.Equal(last)
	})
	until(t, "the database counts as away", func() bool { return b.node.beacons.Stats().Away })
	<-h.asked // it is asked again, and again
	<-h.asked
	b.clock.advance(realtime.LostAfter + time.Second)
	until(t, "whoever says nothing is lost", func() bool {
		s, _ := b.node.index.Standing(b.units[1].Patrol)
		return s.Presence == dispatch.Lost
	})
	if s := b.node.beacons.Stats(); s.Kept != 1 {
		t.Errorf("%d fixes are kept by a silent database", s.Kept)
	}
	h.silent.Store(false)
	p.closed(beacon.CloseDrain) // what was let go is to be sent again
	until(t, "the database counts as there", func() bool { return !b.node.beacons.Stats().Away })
}

// A commit that was given up may land all the same, later: the next try finds the
// stream moved, and what it carries settled.
func TestCommitThatLandsAfterItWasGivenUp(t *testing.T) {
	t.Parallel()
	late := &lateLedger{}
	b := setup(t, 1, func(c *realtime.Config) {
		c.AnswerWithin = 100 * time.Millisecond
		late.Ledger, c.Ledger = c.Ledger, late
	})
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	late.hold.Store(true)
	now := b.clock.now()
	off := at(3, now.Add(-48*time.Hour)) // counted, not kept
	p.fixes(at(1, now), at(2, now), off)
	p.ack(3)
	if late.lost.Load() != 1 {
		t.Fatalf("%d answers were lost, want 1", late.lost.Load())
	}
	b.want(2, `SELECT count(*) FROM tracks`)
	b.want(2, `SELECT count(DISTINCT seq) FROM tracks`)
	b.want(1, `SELECT sum(fixes) FROM off_duty_counts`)
}

// lateLedger commits and keeps the answer to itself, once.
type lateLedger struct {
	realtime.Ledger
	hold atomic.Bool
	lost atomic.Int64
}

func (l *lateLedger) Commit(ctx context.Context, b *realtime.Batch) error {
	if !l.hold.CompareAndSwap(true, false) {
		return l.Ledger.Commit(ctx, b)
	}
	<-ctx.Done()
	if err := l.Ledger.Commit(context.WithoutCancel(ctx), b); err != nil {
		return err
	}
	l.lost.Add(1)
	return ctx.Err()
}
