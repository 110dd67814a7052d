package timers

import (
	"context"
	"log/slog"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// HookDesk is what the duty does with messages to webhooks. *dispatch.Service is one.
type HookDesk interface {
	DueCalls(ctx context.Context, limit int, busy []dispatch.HookID) ([]dispatch.HookCall, error)
	Call(context.Context, dispatch.HookCall) error
	TidyHooks(context.Context) error
}

const (
	hookTick = time.Second
	hookTidy = time.Minute
	// hookCalls bounds how many messages are under way on a node.
	hookCalls = 16
)

// Hooks carries messages to webhooks. It is no part of Timers: others' servers may take
// their time, and a deadline may not wait for them.
type Hooks struct {
	Desk HookDesk
	Log  *slog.Logger
}

// Run works until ctx ends, and waits for what is under way. A webhook is asked for more
// once all that was under way to it has ended, so that one that is slow has a few at once
// and leaves the others their room.
func (h Hooks) Run(ctx context.Context) error {
	tick, tidy := time.NewTicker(hookTick), time.NewTicker(hookTidy)
	defer tick.Stop()
	defer tidy.Stop()
	ended := make(chan dispatch.HookID, hookCalls) // never more than are under way
	busy, under := map[dispatch.HookID]int{}, 0
	defer func() {
		for ; under > 0; under-- {
			<-ended
		}
	}()
	look := true
	for {
		if look && under < hookCalls && ctx.Err() == nil {
			for _, c := range h.due(ctx, hookCalls-under, busy) {
				busy[c.Hook.ID]++
				under++
				go func() {
					h.call(ctx, c)
					ended <- c.Hook.ID
				}()
			}
		}
		look = true
		select {
		case <-ctx.Done():
			return nil
		case id := <-ended:
			under--
			if busy[id]--; busy[id] == 0 {
				delete(busy, id)
			} else {
				look = false
			}
		case <-tidy.C:
			if err := h.Desk.TidyHooks(ctx); err != nil && ctx.Err() == nil {
				h.Log.ErrorContext(ctx, "tidy webhooks", "error", err)
			}
		case <-tick.C:
		}
	}
}

func (h Hooks) due(ctx context.Context, limit int, busy map[dispatch.HookID]int) []dispatch.HookCall {
	ids := make([]dispatch.HookID, 0, len(busy))
	for id := range busy {
		ids = append(ids, id)
	}
	due, err := h.Desk.DueCalls(ctx, limit, ids)
	if err != nil && ctx.Err() == nil {
		h.Log.ErrorContext(ctx, "ask what is due to webhooks", "error", err)
	}
	return due
}

func (h Hooks) call(ctx context.Context, c dispatch.HookCall) {
	if err := h.Desk.Call(ctx, c); err != nil && ctx.Err() == nil {
		h.Log.ErrorContext(ctx, "a message to a webhook is tried again later", "message", c.ID, "webhook", c.Hook.ID, "error", err)
	}
}
