package timers_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/timers"
)

// darkroom has some photos waiting, and is away for some calls.
type darkroom struct {
	mu                          sync.Mutex // guards the rest; the goroutine of Photos works, the test looks
	waiting, away, calls, drops int
	copied                      []time.Duration
	begun                       time.Time
	unliked, fails, asked       int // photos without a likeness, and who looks for them
	takes                       time.Duration
	busy                        time.Duration // how long reports come in
}

func (d *darkroom) Dispatching() bool { return time.Since(d.begun) < d.busy }

// LikeNextPhotos sees to two at a time.
func (d *darkroom) LikeNextPhotos(_ context.Context, after [32]byte) ([32]byte, int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.fails > 0 {
		d.fails--
		return after, 0, errors.New("the vault is away")
	}
	n := min(2, d.unliked)
	d.unliked -= n
	after[0] += byte(n)
	return after, n, nil
}

func (d *darkroom) CopyNextPhoto(ctx context.Context) (bool, error) {
	if err := work(ctx, d.takes); err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.away > 0 {
		d.away--
		return false, errors.New("the database is away")
	}
	if d.waiting == 0 {
		return false, nil
	}
	d.waiting--
	d.copied = append(d.copied, time.Since(d.begun))
	return true, nil
}

func (d *darkroom) DropPhotos(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drops++
	return nil
}

func TestPhotosAreCopiedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &darkroom{waiting: 3, away: 2, begun: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- timers.Photos{Desk: d, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
		pass(2*time.Hour + time.Second)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(d.copied) != 3 || d.copied[0] != 2*time.Second || d.copied[2] != 2*time.Second {
			t.Errorf("copied at %v; after two misses they follow one another", d.copied)
		}
		if d.drops != 2 {
			t.Errorf("dropped %d times in two hours", d.drops)
		}
		if d.calls > 2*3600+10 {
			t.Errorf("asked %d times in two hours", d.calls)
		}
	})
}

// While reports come in, a copier leaves two thirds of its time to them.
func TestPhotosLeaveTheMachineToReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &darkroom{waiting: 40, takes: time.Second, busy: 30 * time.Second, begun: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- timers.Photos{Desk: d, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
		pass(time.Minute + time.Millisecond)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		// One in three seconds for half a minute, then one a second.
		if len(d.copied) < 10+30-1 || d.copied[9] != 28*time.Second || d.copied[10] != 31*time.Second || d.copied[11] != 32*time.Second {
			t.Errorf("copied at %v", d.copied)
		}
	})
}

// What was there before likenesses gets them in one go, once nothing waits to be copied,
// and then is asked for once an hour.
func TestLikenessesAreTakenWhenNothingElseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &darkroom{waiting: 3, unliked: 5, fails: 1, begun: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- timers.Photos{Desk: d, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
		pass(59 * time.Second)
		d.mu.Lock()
		if d.asked != 1 || len(d.copied) != 3 {
			t.Errorf("a vault that is away is asked %d times in a minute", d.asked)
		}
		d.mu.Unlock()
		pass(3 * time.Second)
		d.mu.Lock()
		if d.unliked != 0 || d.asked != 5 { // the miss, 2, 2, 1 and none
			t.Errorf("%d are left after %d looks", d.unliked, d.asked)
		}
		d.mu.Unlock()
		pass(3 * time.Hour)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if d.asked < 7 || d.asked > 8 {
			t.Errorf("asked %d times in three hours", d.asked)
		}
	})
}
