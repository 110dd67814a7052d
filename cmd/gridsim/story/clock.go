package story

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// Clock is the time of the story: the machine's, moved on, as far as everybody who is
// in the story goes by it.
type Clock struct {
	// move moves the database's clock as well.
	move  func(ctx context.Context, by time.Duration) error
	shift atomic.Int64  // nanoseconds; the play writes, everybody reads
	pace  atomic.Uint64 // bits of a float64: how many times as fast as life, for those who look on
	scene atomic.Pointer[Scene]
}

// NewClock makes a clock that stands as the machine's does. Move is told by how much to
// move that of the database.
func NewClock(move func(ctx context.Context, by time.Duration) error) *Clock {
	c := &Clock{move: move}
	c.show(Scene{}, 1)
	return c
}

// Now is the time of the story.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.shift.Load())) }

// Jump moves the clock on at once.
func (c *Clock) Jump(ctx context.Context, by time.Duration) error {
	if by < 0 {
		return fmt.Errorf("move the story's clock: %v is back in time", by)
	}
	if by == 0 {
		return nil
	}
	c.shift.Add(int64(by))
	if err := c.move(ctx, by); err != nil {
		return fmt.Errorf("move the story's clock: %w", err)
	}
	return nil
}

// JumpTo moves the clock on to the next time that it is so late in a zone.
func (c *Clock) JumpTo(ctx context.Context, hour, minute int, zone *time.Location) error {
	now := c.Now().In(zone)
	to := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, zone)
	if to.Before(now) {
		to = to.AddDate(0, 0, 1)
	}
	return c.Jump(ctx, to.Sub(now))
}

func (c *Clock) show(s Scene, pace float64) {
	c.scene.Store(&s)
	c.pace.Store(math.Float64bits(pace))
}

// Shown is what those who look on are told.
func (c *Clock) Shown() (Scene, float64) { return *c.scene.Load(), math.Float64frombits(c.pace.Load()) }
