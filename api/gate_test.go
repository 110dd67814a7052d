package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
)

// storm sends as many handshakes as come at once through a gate whose handler waits
// for let, and answers what became of each, by its number.
func storm(t *testing.T, g *gate, count int, handler func(i int)) []error {
	t.Helper()
	s := &Server{}
	s.draining, s.drain = context.WithCancel(t.Context())
	t.Cleanup(s.drain)
	e := echo.New()
	out := make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			c := e.NewContext(httptest.NewRequestWithContext(t.Context(), "GET", "/ws/beacon", nil), httptest.NewRecorder())
			out[i] = s.admit(g, func(echo.Context) error { handler(i); return nil })(c)
		})
	}
	all.Wait()
	return out
}

// Ten thousand devices at once are all let in, never more than a few at a time.
func TestAStormIsLetInAFewAtATime(t *testing.T) {
	t.Parallel()
	const devices, atOnce = 10_000, 8
	g := newGate(atOnce, devices)
	g.within = time.Minute
	var mu sync.Mutex
	inside, most, served := 0, 0, 0
	for i, err := range storm(t, g, devices, func(int) {
		mu.Lock()
		inside++
		most = max(most, inside)
		mu.Unlock()
		mu.Lock()
		inside--
		served++
		mu.Unlock()
	}) {
		if err != nil {
			t.Fatalf("device %d: %v", i, err)
		}
	}
	if served != devices || most > atOnce {
		t.Errorf("%d were served, at most %d at once; want %d, %d at most", served, most, devices, atOnce)
	}
}

// Ten thousand who come one after the other, while a few are served at a time, come in
// in that order, and nobody is sent away, by the queue a node has with 20,000 files.
func TestAStormIsLetInInTheOrderItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const devices, atOnce = 10_000, 4
		g := newGate(atOnce, waitingFor(20_000))
		serve := make(chan struct{})
		var order []int
		var mu sync.Mutex // guards order
		var all sync.WaitGroup
		for i := range devices {
			all.Go(func() {
				if err := g.enter(t.Context()); err != nil {
					t.Errorf("device %d: %v", i, err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				<-serve
				g.leave()
			})
			synctest.Wait() // it is in, or stands in the queue
		}
		for range devices {
			serve <- struct{}{}
			synctest.Wait()
		}
		all.Wait()
		if len(order) != devices || !slices.IsSorted(order) {
			t.Errorf("%d came in, in order: %v", len(order), slices.IsSorted(order))
		}
		if waiting := g.waiting.Load(); waiting != 0 {
			t.Errorf("%d wait still", waiting)
		}
	})
}

// The queue follows the files that may be open, and has a bound all the same.
func TestTheQueueFollowsTheLimitOfSockets(t *testing.T) {
	t.Parallel()
	for files, want := range map[uint64]int{1024: 768, 20_000: 15_000, 1 << 20: handshakesMost, ^uint64(0): handshakesMost, 0: 64} {
		if got := waitingFor(files); got != want {
			t.Errorf("%d files: %d may wait, want %d", files, got, want)
		}
	}
}

// Who finds the queue full is told when to come again; who waits is not passed over.
func TestAFullQueueSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	const devices = 20
	g := newGate(1, 3)
	let := make(chan struct{})
	var once sync.Once
	full := func() bool { return g.refused.Load() == devices-1-3 }
	outcomes := storm(t, g, devices, func(int) {
		once.Do(func() {
			// The first one stays inside until all that do not fit have been told.
			for !full() {
				runtime.Gosched()
			}
			close(let)
		})
		<-let
	})
	in, told := 0, 0
	for i, err := range outcomes {
		var r *refusal
		switch {
		case err == nil:
			in++
		case errors.As(err, &r) && r.Status == http.StatusServiceUnavailable:
			told++
			if again, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || again < 1 || again > 5 {
				t.Errorf("device %d: Retry-After is %q", i, r.header.Get("Retry-After"))
			}
		default:
			t.Errorf("device %d: %v", i, err)
		}
	}
	if in != 4 || told != devices-4 {
		t.Errorf("%d came in and %d were told, want 4 and %d", in, told, devices-4)
	}
}

// Who waits too long is told too, and the place in the queue is free again.
func TestWaitingHasAnEnd(t *testing.T) {
	t.Parallel()
	g := newGate(1, 1)
	g.within = time.Millisecond
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.enter(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the end of waiting", err)
		}
	}
	g.leave()
	if err := g.enter(t.Context()); err != nil {
		t.Error(err)
	}
}
