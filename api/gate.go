package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"
)

// gate lets sockets be opened a few at once, in the order they came: after a node has
// gone, all that it held come to the others in one second, and each asks the database
// who it is. Whoever finds the queue full, or waits too long in it, is told when to
// come again.
type gate struct {
	room    *semaphore.Weighted // gives room in order of asking
	most    int64
	waiting atomic.Int64
	within  time.Duration

	refused atomic.Int64
}

const (
	handshakesAtOnce = 64
	// handshakesMost bounds the memory of those who wait, some 20 KB each.
	handshakesMost = 32768
	// handshakeWithin is less than our clients wait for an answer, and than a ticket
	// lasts.
	handshakeWithin = 25 * time.Second
)

func newGate(atOnce, waiting int) *gate {
	if atOnce == 0 {
		atOnce = handshakesAtOnce
	}
	if waiting == 0 {
		waiting = mayWait()
	}
	return &gate{room: semaphore.NewWeighted(int64(atOnce)), most: int64(waiting), within: handshakeWithin}
}

// mayWait is three quarters of the files this program may have open: whoever waits
// holds a socket already, so that as many devices as a node can hold may come at once,
// and viewers, the database and files keep their part.
func mayWait() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return handshakesMost / 4
	}
	return waitingFor(uint64(files.Cur))
}

func waitingFor(files uint64) int { return int(max(64, min(handshakesMost, files/4*3))) }

var errFull = errors.New("the queue is full")

// enter waits for room; leave gives it back.
func (g *gate) enter(ctx context.Context) error {
	if g.room.TryAcquire(1) {
		return nil
	}
	if g.waiting.Add(1) > g.most {
		g.waiting.Add(-1)
		return errFull
	}
	defer g.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, g.within)
	defer cancel()
	return g.room.Acquire(ctx, 1)
}

func (g *gate) leave() { g.room.Release(1) }

// admit passes handshakes through a gate. A handler that has handed its socket on has
// left the gate.
func (s *Server) admit(g *gate, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.draining.Err() != nil {
			return errDraining
		}
		if err := g.enter(c.Request().Context()); err != nil {
			if c.Request().Context().Err() != nil {
				return err // nobody is there any more
			}
			g.refused.Add(1)
			// Not all at one moment.
			again := strconv.Itoa(1 + rand.IntN(5))
			return refuse(http.StatusServiceUnavailable, "busy", "Very many devices are coming at once; this one's turn has not come. Try again in "+again+" s, or another node.").
				with("Retry-After", again)
		}
		defer g.leave()
		return next(c)
	}
}
