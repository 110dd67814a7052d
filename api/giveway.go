package api

import (
	"context"
	"io"
	"sync"
	"time"
)

// A report that brings photos costs some three times what one without does, most of it in
// two bursts of copying. While others are being dispatched it waits, a little before each
// piece of its body and a little longer before it is written: that took the slowest of the
// others, beside two hundred photos a minute on two cores, from 2.05 times as long as
// without photos to 1.75 times (make bench-photo, both in the same slow hours; see
// docs/bench.md). All waiting is bounded: a storm of reports keeps no photo out, it holds
// each megabyte up by 0.4 s at most.
const (
	pieceOfPhoto  = 256 << 10
	waitForPiece  = 100 * time.Millisecond
	waitToBeFiled = 500 * time.Millisecond
)

// crossing knows how many are being dispatched now.
type crossing struct {
	mu    sync.Mutex
	going int
	clear chan struct{} // closed when nobody is; nil while nobody waits for that
}

// enter says that somebody is being dispatched, until what it answers is called.
func (x *crossing) enter() (leave func()) {
	x.mu.Lock()
	x.going++
	x.mu.Unlock()
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.going--; x.going == 0 && x.clear != nil {
			close(x.clear)
			x.clear = nil
		}
	}
}

// giveWay waits until nobody is being dispatched, for so long at most, or until ctx ends.
func (x *crossing) giveWay(ctx context.Context, most time.Duration) {
	x.mu.Lock()
	if x.going == 0 {
		x.mu.Unlock()
		return
	}
	if x.clear == nil {
		x.clear = make(chan struct{})
	}
	clear := x.clear
	x.mu.Unlock()
	end := time.NewTimer(most)
	defer end.Stop()
	select {
	case <-clear:
	case <-end.C:
	case <-ctx.Done():
	}
}

// yielding is a reader that gives way before each piece but the first.
type yielding struct {
	ctx  context.Context
	x    *crossing
	r    io.Reader
	read int // of this piece
}

func (y *yielding) Read(p []byte) (int, error) {
	if y.read >= pieceOfPhoto {
		y.read = 0
		y.x.giveWay(y.ctx, waitForPiece)
	}
	n, err := y.r.Read(p)
	y.read += n
	return n, err
}
