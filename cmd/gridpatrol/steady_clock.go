package main

import (
	"sync"
	"time"
)

// tooFarOff is how far this machine's clock may be from the database's before the node
// takes no work: what it tells other programs, and they it, is by then worth little. It
// is also the most that a clock which was found to be fast is waited for.
const tooFarOff = 30 * time.Second

// steadyClock is the database's clock as this machine tells it without asking: a moment
// of the database's and what has passed since by the monotonic clock, which nobody sets.
// Fixes are judged by it on every node alike, whatever the machine's own clock says.
//
// It does not go back: where it was fast it stands until it is right, so that what came
// later never seems to have come earlier. Beyond tooFarOff, where the database's own
// clock was set, it is set too.
type steadyClock struct {
	local  func() time.Time // this machine's, with a monotonic reading
	opened time.Time        // by local

	mu     sync.RWMutex // guards all below; set writes
	known  bool         // it was set; nobody goes by it before
	offset time.Duration
	floor  time.Time // the latest that it has said when it was set
}

// newSteadyClock goes by the machine's clock until it is set.
func newSteadyClock(local func() time.Time) *steadyClock {
	return &steadyClock{local: local, opened: local()}
}

// now is a wall time without a monotonic reading: that would not know of set.
func (c *steadyClock) now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.nowLocked()
}

func (c *steadyClock) nowLocked() time.Time {
	t := c.toldLocked()
	if t.Before(c.floor) {
		return c.floor
	}
	return t
}

// toldLocked is the time without regard for what was said before.
func (c *steadyClock) toldLocked() time.Time {
	return c.opened.Round(0).Add(c.local().Sub(c.opened) + c.offset)
}

// set says how far this machine's clock is before the database's, give or take. What is
// within that is no news.
func (c *steadyClock) set(ahead, give time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	right := c.local().Round(0).Add(-ahead)
	before, known := c.nowLocked(), c.known
	c.known = true
	off := right.Sub(c.toldLocked())
	if off.Abs() <= give {
		return
	}
	c.offset += off
	c.floor = time.Time{}
	if known && before.Sub(right) <= tooFarOff {
		c.floor = before
	}
}
