package main

import (
	"context"
	"time"
)

// Visits by cell are counted soon after an hour has ended; a first start counts the
// hours of the last month, few at a time, the newest first.
const (
	visitsEvery  = time.Minute
	visitsAtOnce = 12 // hours
)

// countVisits counts where patrols have been until ctx ends. Until an hour is
// counted, whoever asks for it reads its tracks themselves.
func (s *service) countVisits(ctx context.Context) error {
	tick := time.NewTicker(visitsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if n, err := s.tracks.CountVisits(ctx, visitsAtOnce); err != nil && ctx.Err() == nil {
			s.env.Log.Error("count visits by cell", "error", err)
		} else if n > 0 {
			s.env.Log.Debug("visits by cell are counted", "hours", n)
		}
	}
}
