package realtime

import (
	"slices"
	"time"
)

// clock measures how far a device's clock is from the service's. A message that was
// not held back tells: what is between its newest fix and its receipt is the
// difference of the clocks and the way of the message. The measure serves what is
// shown and how fresh it is; the time that was sent stays the fix's own.
type clock struct {
	heard    time.Time // receipt of the last message
	newest   time.Time // its newest fix
	behindMS [clockSamples]int32
	n        uint8 // of behindMS, from the first
	next     uint8 // where the next goes
	behind   time.Duration
	known    bool
}

const (
	clockSamples = 8
	clockLeast   = 5 // samples before anything is believed
	// clockRank is which of the samples counts, from the smallest: the way of a message
	// only adds, but one fix with a time of its own must not count.
	clockRank = 2
	// clockSlack is what is put down to the way of the message.
	clockSlack = 5 * time.Second
	// clockGap forgets what was measured before it.
	clockGap = 10 * time.Minute
	// unbuffered is the most fixes of a message that was not held back.
	unbuffered = 2
	clockMost  = 20 * 24 * time.Hour
)

// hear takes a message: how many fixes it had, the newest of them, and its receipt.
func (c *clock) hear(fixes int, newest, received time.Time) {
	step, waited := newest.Sub(c.newest), received.Sub(c.heard)
	first := c.heard.IsZero()
	c.newest, c.heard = newest, received
	if !first && (waited > clockGap || waited < 0) {
		c.n, c.next, c.known = 0, 0, false
	}
	// What was held back comes faster than it was made, and what follows a gap slower.
	if first || fixes > unbuffered || step <= 0 || waited < step/2 || waited > 2*step {
		return
	}
	behind := received.Sub(newest)
	if behind.Abs() > clockMost {
		return
	}
	c.behindMS[c.next] = int32(behind / time.Millisecond)
	c.next = (c.next + 1) % clockSamples
	c.n = min(c.n+1, clockSamples)
	if c.n < clockLeast {
		return
	}
	sorted := c.behindMS
	slices.Sort(sorted[:c.n])
	c.behind, c.known = time.Duration(sorted[clockRank])*time.Millisecond, true
}

// off is what is to be added to a sent time to have the service's; 0 for a clock that
// is right, or not yet known.
func (c *clock) off() time.Duration {
	if !c.known || c.behind.Abs() < clockSlack {
		return 0
	}
	return c.behind
}

// remember takes over what an earlier socket of the device has measured.
func (c *clock) remember(off time.Duration) {
	if off != 0 {
		c.behind, c.known = off, true
	}
}
