package timers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
)

// hookDesk has messages that wait for a webhook each; a call ends when it is let go.
type hookDesk struct {
	mu      sync.Mutex // of what follows
	waiting []dispatch.HookID
	limits  []int
	tidied  int
	fault   error
	calls   chan dispatch.HookID
	let     map[dispatch.HookID]chan error
}

func (d *hookDesk) DueCalls(_ context.Context, limit int, busy []dispatch.HookID) (out []dispatch.HookCall, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = append(d.limits, limit)
	var left []dispatch.HookID
	for _, id := range d.waiting {
		if len(out) < limit && !slices.Contains(busy, id) {
			out = append(out, dispatch.HookCall{Hook: dispatch.Hook{ID: id}})
		} else {
			left = append(left, id)
		}
	}
	d.waiting = left
	return out, d.fault
}

func (d *hookDesk) Call(ctx context.Context, c dispatch.HookCall) error {
	d.calls <- c.Hook.ID
	select {
	case err := <-d.let[c.Hook.ID]:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *hookDesk) TidyHooks(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidied++
	return nil
}

// asks is how often it was asked for more.
func (d *hookDesk) asks() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.limits)
}

// left is how many wait.
func (d *hookDesk) left() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}

// comes puts messages in the place of those that wait.
func (d *hookDesk) comes(ids ...dispatch.HookID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting, d.fault = ids, nil
}

func (d *hookDesk) called() (n int) {
	for len(d.calls) > 0 {
		<-d.calls
		n++
	}
	return n
}

// running starts the hooks in a bubble, and answers what ends them and waits.
func running(d *hookDesk) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- timers.Hooks{Desk: d, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
	return func() error { cancel(); return <-ended }
}

func newHookDesk(hooks int) (*hookDesk, []dispatch.HookID) {
	d := &hookDesk{calls: make(chan dispatch.HookID, 100), let: map[dispatch.HookID]chan error{}}
	var ids []dispatch.HookID
	for range hooks {
		id := dispatch.HookID{}
		id.UUID[15] = byte(len(ids) + 1)
		ids, d.let[id] = append(ids, id), make(chan error)
	}
	return d, ids
}

// A webhook that does not answer has what it was given and no more, while the others go on.
func TestASlowWebhookLeavesTheOthersTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ids := newHookDesk(2)
		slow, quick := ids[0], ids[1]
		d.comes(slow, slow, quick)
		stop := running(d)
		synctest.Wait()
		if n := d.called(); n != 3 {
			t.Fatalf("%d of 3 are under way at once", n)
		}
		d.comes(slow, quick)
		d.let[quick] <- errors.New("refused")
		synctest.Wait() // its end alone makes it look again, without a tick
		if n := d.called(); n != 1 || !slices.Equal(d.waiting, []dispatch.HookID{slow}) {
			t.Fatalf("%d were called and %v wait; the slow one had two under way", n, d.waiting)
		}
		asked := d.asks()
		d.let[slow] <- nil
		synctest.Wait()
		if d.asks() != asked {
			t.Fatal("it asked for more when one of the two had ended")
		}
		pass(3 * time.Second) // three ticks
		if n := d.called(); n != 0 {
			t.Fatalf("%d were called while one was still under way to the slow webhook", n)
		}
		d.let[slow] <- nil
		synctest.Wait()
		if n := d.called(); n != 1 || len(d.waiting) != 0 {
			t.Fatalf("%d were called and %v wait, when the slow one was free", n, d.waiting)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// No more than sixteen are under way, however many webhooks there are, and what comes due
// is found by the tick.
func TestWebhooksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ids := newHookDesk(20)
		d.fault = errors.New("the database is away") // what was answered before it is called all the same
		stop := running(d)
		synctest.Wait()
		if n := d.called(); n != 0 {
			t.Fatalf("%d were called of none", n)
		}
		d.comes(ids...)
		pass(time.Second)
		if n := d.called(); n != 16 || len(d.waiting) != 4 {
			t.Fatalf("%d were called and %d wait of 20", n, len(d.waiting))
		}
		asked := d.asks()
		pass(5 * time.Second)
		if d.asks() != asked {
			t.Fatalf("it asked %d times for more than it may have under way", d.asks()-asked)
		}
		for i := range 4 {
			d.let[ids[i]] <- nil
			synctest.Wait()
			if n := d.called(); n != 1 || d.left() != 3-i {
				t.Fatalf("%d were called and %d wait, when %d had ended", n, d.left(), i+1)
			}
		}
		if slices.Max(d.limits) != 16 {
			t.Fatalf("it asked for %v", d.limits)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// It ends when what is under way has ended, and not before; what is old is tidied once a
// minute.
func TestWebhooksEndWithWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ids := newHookDesk(1)
		d.comes(ids[0])
		left := make(chan struct{})
		slow := deskThatLingers{d, left}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- timers.Hooks{Desk: slow, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
		pass(3*time.Minute + time.Second)
		if d.called() != 1 || d.tidied != 3 {
			t.Fatalf("tidied %d times in three minutes", d.tidied)
		}
		cancel()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended (%v) with a message under way", err)
		default:
		}
		close(left)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

// deskThatLingers is one whose call ends some time after it was told to.
type deskThatLingers struct {
	*hookDesk
	left chan struct{}
}

func (d deskThatLingers) Call(ctx context.Context, c dispatch.HookCall) error {
	err := d.hookDesk.Call(ctx, c)
	<-d.left
	return err
}
