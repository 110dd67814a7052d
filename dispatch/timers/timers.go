// Package timers is what ticks: the pollers of deadlines and clocks, the outbox relay, shifts,
// lost patrols, and the broom. Each tick calls one method of the duty or of the
// store; the rules are theirs.
//
// # Model
//
// Every node runs all of it. A deadline is leased from its row while it is worked on, so
// two nodes never work on one at once, and what it does is decided under the lock of
// its case, so a late or a second try does nothing. The relay alone announces:
// what was committed is read from the outbox, in order, when the bell rings or
// the clock ticks, whichever node wrote it.
//
// An error of a tick is logged and the next tick tries again: a database that is
// away for a minute must not take the timers with it.
package timers

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"golang.org/x/sync/errgroup"
)

// Desk is what the duty does when a time has come. *dispatch.Service is one.
type Desk interface {
	Due(context.Context, dispatch.Deadline) error
	// Together does what several deadlines ask for at once, and answers which of them
	// failed.
	Together(context.Context, []dispatch.Deadline) map[dispatch.DeadlineID]error
	LostPatrols(context.Context) error
	Shifts(context.Context) error
	// ClocksDue does what several clocks ask for at once, and answers which of them failed.
	ClocksDue(context.Context, []dispatch.DueClock) map[dispatch.DueClock]error
	Adopt(context.Context) error
	Gatherings(context.Context) error
	// GatherAsked runs until ctx ends.
	GatherAsked(context.Context) error
	Shortfalls(context.Context) error
	HandOvers(context.Context) error
}

// Book is where the deadlines stand. *pgstore.Store is one.
type Book interface {
	LeaseDeadlines(ctx context.Context, limit int, lease time.Duration) ([]dispatch.Deadline, error)
	LeaseTogether(ctx context.Context, limit int, lease time.Duration) ([]dispatch.Deadline, error)
	RenewDeadlines(ctx context.Context, ids []dispatch.DeadlineID, lease time.Duration) error
	PostponeDeadline(context.Context, dispatch.DeadlineID) error
	LeaseClocks(ctx context.Context, limit int, lease time.Duration) ([]dispatch.DueClock, error)
	PostponeClock(context.Context, dispatch.DueClock) error
	Forget(context.Context) error
}

// Outbox answers what was committed since it was asked last, in order.
// *pgstore.Follower is one.
type Outbox interface {
	Next(context.Context) ([]dispatch.Announcement, error)
}

// Config is what the timers work with. All but Log are required.
type Config struct {
	Desk Desk
	Book Book
	// Follow starts reading the outbox from the present on.
	Follow   func(context.Context) (Outbox, error)
	Announce dispatch.Announcer
	// Bell is rung after each commit; dispatch.Config.Wake is its Ring.
	Bell *Bell
	Log  *slog.Logger
}

const (
	// clockLease is how long a clock waits for whoever took it and died. What a clock does
	// is one short transaction that does nothing a second time, so a slow node costs work
	// and never a rung. With the tick before and after it is a second until another node is
	// at what a dead one left, and few are taken at once, so that this is little: a rung is
	// at most 2 s late, and half of that is for the work.
	clockLease   = 500 * time.Millisecond
	clocksAtOnce = 32
	// clocksTogether are seen to in one commit, so that a burst costs few of them.
	clocksTogether = 16
	// atOnce bounds how many deadlines of a kind one poll takes, so that nodes share a
	// crowd; hands work on them.
	atOnce = 16
	hands  = 4
	// atOnceTogether bounds how many plans are made as one.
	atOnceTogether = 200
)

// Bell wakes the relay. Ringing never blocks; many rings are one.
type Bell struct{ rung chan struct{} }

// NewBell makes a bell.
func NewBell() *Bell { return &Bell{rung: make(chan struct{}, 1)} }

// Ring wakes whoever waits for the bell, now or as soon as they listen.
func (b *Bell) Ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// Timers tick once Run is called.
type Timers struct {
	c      Config
	rounds [len(names)]round
}

// New makes timers.
func New(c Config) *Timers {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	t := &Timers{c: c}
	for i := range t.rounds {
		t.rounds[i].ended.Store(time.Now().UnixNano())
	}
	return t
}

// Run ticks until ctx ends, and waits for what is being done.
func (t *Timers) Run(ctx context.Context) error {
	c := t.c
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.poll(ctx) })
	g.Go(func() error { return t.every(ctx, windows, "plan what waits together", t.PollWindow) })
	g.Go(func() error { return t.pollClocks(ctx) })
	g.Go(func() error { return t.relay(ctx) })
	g.Go(func() error { return t.every(ctx, adoption, "give cases their clocks", c.Desk.Adopt) })
	g.Go(func() error { return t.every(ctx, shifts, "change shifts", c.Desk.Shifts) })
	g.Go(func() error { return t.every(ctx, lost, "look for lost patrols", c.Desk.LostPatrols) })
	g.Go(func() error { return t.every(ctx, gathering, "see who gathers", c.Desk.Gatherings) })
	g.Go(func() error { return c.Desk.GatherAsked(ctx) })
	g.Go(func() error { return t.every(ctx, missing, "look again for who is missing", c.Desk.Shortfalls) })
	g.Go(func() error { return t.every(ctx, endings, "tell whose shift ends", c.Desk.HandOvers) })
	g.Go(func() error { return t.every(ctx, broom, "forget what is old", c.Book.Forget) })
	return g.Wait()
}

// every calls do at once and then with each tick.
func (t *Timers) every(ctx context.Context, n name, what string, do func(context.Context) error) error {
	tick := time.NewTicker(ticks[n])
	defer tick.Stop()
	for {
		err := do(ctx)
		if err != nil && ctx.Err() == nil {
			t.c.Log.ErrorContext(ctx, what, "error", err)
		}
		t.rounds[n].end(err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// poll does what is due. As long as a poll finds all it may take, the next follows once
// all of them are in somebody's hands: a plan that takes long keeps one hand and no more.
func (t *Timers) poll(ctx context.Context) error {
	c := t.c
	var all errgroup.Group // do logs
	all.SetLimit(hands)
	var holds sync.WaitGroup
	defer holds.Wait()
	defer func() { _ = all.Wait() }()
	return t.every(ctx, deadlines, "poll deadlines", func(ctx context.Context) error {
		for ctx.Err() == nil {
			due, err := c.Book.LeaseDeadlines(ctx, atOnce, lease)
			if err != nil {
				return err
			}
			h := c.hold(ctx, due, &holds)
			for _, d := range due {
				all.Go(func() error { c.do(ctx, d, h); return nil })
			}
			if len(due) < atOnce {
				return nil
			}
		}
		return nil
	})
}

// PollWindow takes the plans that wait for one another once their window closes, and
// makes them.
func (t *Timers) PollWindow(ctx context.Context) error {
	c := t.c
	for ctx.Err() == nil {
		due, err := c.Book.LeaseTogether(ctx, atOnceTogether, lease)
		if err != nil || len(due) == 0 {
			return err
		}
		var ended sync.WaitGroup
		h := c.hold(ctx, due, &ended)
		failed := c.Desk.Together(ctx, due)
		for _, d := range due {
			h.done(d.ID)
		}
		ended.Wait()
		for _, d := range due {
			if err := failed[d.ID]; err != nil {
				c.late(ctx, d, err)
			}
		}
		if len(due) < atOnceTogether {
			return nil
		}
	}
	return nil
}

// pollClocks does for the clocks of cases what poll does for deadlines.
func (t *Timers) pollClocks(ctx context.Context) error {
	return t.every(ctx, caseClocks, "poll the clocks of cases", func(ctx context.Context) error {
		for ctx.Err() == nil {
			n, err := t.PollClocks(ctx)
			if err != nil {
				return err
			}
			if n < clocksAtOnce {
				return nil
			}
		}
		return nil
	})
}

// PollClocks takes the clocks that are due now, a bounded number, and does what they
// ask for. It answers how many it took.
func (t *Timers) PollClocks(ctx context.Context) (int, error) {
	c := t.c
	due, err := c.Book.LeaseClocks(ctx, clocksAtOnce, clockLease)
	if err != nil {
		return 0, err
	}
	slices.SortFunc(due, func(a, b dispatch.DueClock) int { return slices.Compare(a.Case.UUID[:], b.Case.UUID[:]) })
	var g errgroup.Group
	for some := range slices.Chunk(due, clocksTogether) {
		g.Go(func() error { c.doClocks(ctx, some); return nil })
	}
	_ = g.Wait() // doClocks logs
	return len(due), nil
}

func (c Config) doClocks(ctx context.Context, due []dispatch.DueClock) {
	failed := c.Desk.ClocksDue(ctx, due)
	for _, d := range due {
		err := failed[d]
		if err == nil || ctx.Err() != nil {
			continue
		}
		c.Log.ErrorContext(ctx, "a clock is tried again later", "clock", d.Name, "case", d.Case, "error", err)
		if err := c.Book.PostponeClock(ctx, d); err != nil && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "postpone clock", "error", err)
		}
	}
}

func (c Config) do(ctx context.Context, d dispatch.Deadline, h *hold) {
	err := c.Desk.Due(ctx, d)
	h.done(d.ID)
	if err != nil {
		c.late(ctx, d, err)
	}
}

// late gives a deadline whose work went wrong another try.
func (c Config) late(ctx context.Context, d dispatch.Deadline, err error) {
	if ctx.Err() != nil {
		return // a lease that a stopping program leaves runs out by itself
	}
	c.Log.ErrorContext(ctx, "a deadline is tried again later", "step", d.Step, "case", d.Case, "error", err)
	if err := c.Book.PostponeDeadline(ctx, d.ID); err != nil && ctx.Err() == nil {
		c.Log.ErrorContext(ctx, "postpone deadline", "error", err)
	}
}

// relay announces what was committed.
func (t *Timers) relay(ctx context.Context) error {
	c := t.c
	tick := time.NewTicker(ticks[relay])
	defer tick.Stop()
	var outbox Outbox
	for {
		err := c.announce(ctx, &outbox)
		if err != nil && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "relay announcements", "error", err)
		}
		t.rounds[relay].end(err)
		select {
		case <-ctx.Done():
			return nil
		case <-c.Bell.rung:
		case <-tick.C:
		}
	}
}

func (c Config) announce(ctx context.Context, outbox *Outbox) error {
	if *outbox == nil {
		started, err := c.Follow(ctx)
		if err != nil {
			return err
		}
		*outbox = started
	}
	news, err := (*outbox).Next(ctx)
	if err != nil {
		return err
	}
	for _, a := range news {
		c.Announce.Announce(a)
	}
	return nil
}
