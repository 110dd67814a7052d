package timers_test

import (
	"context"
	"testing/synctest"
	"time"
)

// pass lets time go by in a bubble, whose clock stands while anybody is at work: nothing
// is waited for, and all that was due has been done when it returns.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// work takes so long on the bubble's clock, or as long as ctx lasts.
func work(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
