package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"testing"
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
