package timers

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// lease is how long a deadline waits for whoever took it and died. A plan may take
// longer than that, so the lease is renewed for as long as the work goes on: another node
// takes over within a second of a death, and not before. Should two work on one all the
// same, the second does nothing, since what it does is decided under the lock of its case.
const (
	lease      = time.Second
	renewEvery = 300 * time.Millisecond
)

// hold keeps deadlines from other pollers while they are worked on.
type hold struct {
	stop context.CancelFunc

	mu  sync.Mutex // guards ids
	ids map[dispatch.DeadlineID]struct{}
}

// hold renews the leases of these deadlines until each is done, or ctx ends. Whoever calls
// waits for ended.
func (c Config) hold(ctx context.Context, due []dispatch.Deadline, ended *sync.WaitGroup) *hold {
	h := &hold{ids: make(map[dispatch.DeadlineID]struct{}, len(due))}
	if len(due) == 0 {
		return h
	}
	for _, d := range due {
		h.ids[d.ID] = struct{}{}
	}
	ctx, h.stop = context.WithCancel(ctx)
	ended.Go(func() {
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			h.mu.Lock()
			ids := slices.Collect(maps.Keys(h.ids))
			h.mu.Unlock()
			if len(ids) == 0 {
				return
			}
			if err := c.Book.RenewDeadlines(ctx, ids, lease); err != nil && ctx.Err() == nil {
				c.Log.ErrorContext(ctx, "renew the leases of deadlines", "deadlines", len(ids), "error", err)
			}
		}
	})
	return h
}

// done says that a deadline is not worked on any more. The last ends the hold.
func (h *hold) done(id dispatch.DeadlineID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ids, id)
	if len(h.ids) == 0 {
		h.stop()
	}
}
