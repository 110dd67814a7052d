package timers_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
)

// station is everything the timers call, and what they called.
type station struct {
	mu        sync.Mutex // guards all; the timers' goroutines write
	due       []dispatch.Deadline
	failing   int // how many calls of Due still fail
	done      []time.Duration
	postponed int
	slow      time.Duration // how long Due takes
	slowStep  string        // and of which step; empty is any
	renewed   []time.Duration
	window    []dispatch.Deadline // waiting together, the first due first
	batches   []int
	batched   []time.Duration
	shifts    int
	outbox    []dispatch.Announcement
	heard     []time.Duration
	down      bool
	begun     time.Time
}

func (s *station) Due(ctx context.Context, d dispatch.Deadline) error {
	if s.slowStep == "" || s.slowStep == d.Step {
		if err := work(ctx, s.slow); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing > 0 {
		s.failing--
		return errors.New("no roads")
	}
	s.done = append(s.done, time.Since(s.begun))
	return nil
}

func (s *station) Together(_ context.Context, due []dispatch.Deadline) map[dispatch.DeadlineID]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(due))
	s.batched = append(s.batched, time.Since(s.begun))
	if s.failing > 0 {
		s.failing--
		return map[dispatch.DeadlineID]error{due[0].ID: errors.New("no roads")}
	}
	return nil
}

// LeaseTogether is the store's rule in short: once one is due, all.
func (s *station) LeaseTogether(_ context.Context, limit int, _ time.Duration) ([]dispatch.Deadline, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.window
	if len(out) == 0 || out[0].DueAt.After(time.Now()) {
		return nil, nil
	}
	out = out[:min(limit, len(out))]
	s.window = s.window[len(out):]
	return out, nil
}

func (s *station) LostPatrols(context.Context) error     { return nil }
func (s *station) Gatherings(context.Context) error      { return nil }
func (s *station) GatherAsked(ctx context.Context) error { <-ctx.Done(); return nil }
func (s *station) Shortfalls(context.Context) error      { return nil }
func (s *station) HandOvers(context.Context) error       { return nil }
func (s *station) Adopt(context.Context) error           { return nil }
func (s *station) ClocksDue(context.Context, []dispatch.DueClock) map[dispatch.DueClock]error {
	return nil
}
func (s *station) PostponeClock(context.Context, dispatch.DueClock) error { return nil }
func (s *station) LeaseClocks(context.Context, int, time.Duration) ([]dispatch.DueClock, error) {
	return nil, nil
}
func (s *station) Forget(context.Context) error { return nil }

func (s *station) Shifts(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shifts++
	return nil
}

func (s *station) LeaseDeadlines(_ context.Context, limit int, _ time.Duration) ([]dispatch.Deadline, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("the database is away")
	}
	var out []dispatch.Deadline
	rest := s.due[:0:0]
	for _, d := range s.due {
		if len(out) < limit && !d.DueAt.After(time.Now()) {
			out = append(out, d)
		} else {
			rest = append(rest, d)
		}
	}
	s.due = rest
	return out, nil
}

func (s *station) RenewDeadlines(_ context.Context, ids []dispatch.DeadlineID, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range ids {
		s.renewed = append(s.renewed, time.Since(s.begun))
	}
	return nil
}

func (s *station) PostponeDeadline(context.Context, dispatch.DeadlineID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.postponed++
	return nil
}

func (s *station) Next(context.Context) ([]dispatch.Announcement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.outbox
	s.outbox = nil
	return out, nil
}

func (s *station) Announce(dispatch.Announcement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, time.Since(s.begun))
}

func (s *station) read(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func run(t *testing.T, s *station, during func(bell *timers.Bell)) {
	synctest.Test(t, func(t *testing.T) {
		s.begun = time.Now()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		bell := timers.NewBell()
		go func() {
			ended <- timers.New(timers.Config{Desk: s, Book: s, Announce: s, Bell: bell,
				Follow: func(context.Context) (timers.Outbox, error) { return s, nil }}).Run(ctx)
		}()
		synctest.Wait()
		during(bell)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestADeadlineFiresWithinAQuarterOfASecond(t *testing.T) {
	s := &station{}
	run(t, s, func(*timers.Bell) {
		s.read(func() { s.due = []dispatch.Deadline{{DueAt: s.begun.Add(1600 * time.Millisecond)}} })
		pass(10 * time.Second)
		s.read(func() {
			if len(s.done) != 1 || s.done[0] != 1750*time.Millisecond {
				t.Errorf("fired at %v", s.done)
			}
		})
	})
}

func TestMoreThanOnePollTakesFollowAtOnce(t *testing.T) {
	s := &station{}
	run(t, s, func(*timers.Bell) {
		s.read(func() { s.due = make([]dispatch.Deadline, 1000) })
		pass(time.Second)
		s.read(func() {
			if len(s.done) != 1000 || s.done[999] != 250*time.Millisecond {
				t.Errorf("%d fired, the last at %v", len(s.done), s.done[len(s.done)-1])
			}
		})
	})
}

// A lease is short, so that another node is there soon when this one dies; a plan may
// take longer.
func TestALeaseIsRenewedForAsLongAsTheWorkTakes(t *testing.T) {
	s := &station{slow: 2 * time.Second}
	run(t, s, func(*timers.Bell) {
		s.read(func() { s.due = []dispatch.Deadline{{ID: dispatch.DeadlineID{UUID: uuid.New()}}} })
		pass(10 * time.Second)
		s.read(func() {
			if len(s.done) != 1 || s.done[0] != 2250*time.Millisecond {
				t.Errorf("done at %v", s.done)
			}
			last := 250 * time.Millisecond // taken
			for _, at := range append(s.renewed, 2250*time.Millisecond) {
				if at-last > 500*time.Millisecond { // with a lease of 1 s
					t.Errorf("renewed at %v", s.renewed)
				}
				last = at
			}
			if len(s.renewed) > 7 {
				t.Errorf("renewed when all was done: %v", s.renewed)
			}
		})
	})
}

// A plan that takes long keeps one hand, and nobody else's time.
func TestALongPlanKeepsNoOtherDeadline(t *testing.T) {
	s := &station{slow: 10 * time.Second, slowStep: dispatch.StepDispatch}
	run(t, s, func(*timers.Bell) {
		s.read(func() {
			s.due = []dispatch.Deadline{{ID: dispatch.DeadlineID{UUID: uuid.New()}, Step: dispatch.StepDispatch}}
			for i := range 100 {
				s.due = append(s.due, dispatch.Deadline{ID: dispatch.DeadlineID{UUID: uuid.New()}, DueAt: s.begun.Add(time.Duration(i) * 10 * time.Millisecond)})
			}
		})
		pass(2 * time.Second)
		s.read(func() {
			if len(s.done) != 100 {
				t.Errorf("%d were done beside a long plan", len(s.done))
			}
		})
	})
}

func TestWhatFailsIsPostponed(t *testing.T) {
	s := &station{failing: 1}
	run(t, s, func(*timers.Bell) {
		s.read(func() { s.due = make([]dispatch.Deadline, 1) })
		pass(time.Second)
		s.read(func() {
			if s.postponed != 1 || len(s.done) != 0 {
				t.Errorf("postponed %d, done %d", s.postponed, len(s.done))
			}
		})
	})
}

func TestADatabaseThatComesBackIsAskedAgain(t *testing.T) {
	s := &station{down: true}
	run(t, s, func(*timers.Bell) {
		s.read(func() { s.due = make([]dispatch.Deadline, 1) })
		pass(time.Minute)
		s.read(func() { s.down = false })
		pass(time.Second)
		s.read(func() {
			if len(s.done) != 1 || s.shifts < 60 {
				t.Errorf("done %d, shift ticks %d", len(s.done), s.shifts)
			}
		})
	})
}

func TestTheBellAnnouncesAtOnceAndTheTickWithoutIt(t *testing.T) {
	s := &station{}
	run(t, s, func(bell *timers.Bell) {
		pass(100 * time.Millisecond)
		s.read(func() { s.outbox = make([]dispatch.Announcement, 2) })
		bell.Ring()
		bell.Ring()
		synctest.Wait()
		s.read(func() {
			if len(s.heard) != 2 || s.heard[0] != 100*time.Millisecond {
				t.Errorf("heard at %v", s.heard)
			}
			s.outbox = make([]dispatch.Announcement, 1) // another node committed
		})
		pass(time.Second)
		s.read(func() {
			if len(s.heard) != 3 || s.heard[2] != 500*time.Millisecond {
				t.Errorf("heard at %v", s.heard)
			}
		})
	})
}

func TestALateClockIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &station{begun: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		all := timers.New(timers.Config{Desk: s, Book: s, Announce: s, Bell: timers.NewBell(),
			Follow: func(context.Context) (timers.Outbox, error) { return s, nil }})
		ended := make(chan error)
		go func() { ended <- all.Run(ctx) }()
		pass(90 * time.Second)
		if late := all.Late(); late > time.Second {
			t.Errorf("all clocks go, yet one is %v late", late)
		}
		s.read(func() { s.down = true })
		pass(30 * time.Second)
		if late := all.Late(); late < 28*time.Second || late > 30*time.Second {
			t.Errorf("deadlines are not polled for 30 s, and %v late", late)
		}
		for _, r := range all.Rounds() {
			if (r.Failed > 0) != (r.Name == "deadlines") {
				t.Errorf("%s failed %d times", r.Name, r.Failed)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestWhatWaitsTogetherIsTakenTogetherSoonAfterItIsDue(t *testing.T) {
	s := &station{failing: 1}
	run(t, s, func(*timers.Bell) {
		s.read(func() {
			for i := range 3 {
				s.window = append(s.window, dispatch.Deadline{ID: dispatch.DeadlineID{UUID: uuid.New()}, DueAt: s.begun.Add(1300*time.Millisecond + time.Duration(i)*time.Second)})
			}
		})
		pass(1200 * time.Millisecond)
		s.read(func() {
			if len(s.batches) != 0 {
				t.Errorf("taken before the window closes, at %v", s.batched)
			}
		})
		pass(300 * time.Millisecond)
		s.read(func() {
			if len(s.batches) != 1 || s.batches[0] != 3 || s.batched[0] != 1500*time.Millisecond {
				t.Errorf("%v taken at %v", s.batches, s.batched)
			}
			if s.postponed != 1 {
				t.Errorf("the one that failed is tried again: %d", s.postponed)
			}
		})
	})
}
