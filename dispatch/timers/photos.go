package timers

import (
	"context"
	"log/slog"
	"time"
)

// PhotoDesk is what the duty does with photos when nobody waits for it.
// *dispatch.Service is one.
type PhotoDesk interface {
	CopyNextPhoto(context.Context) (bool, error)
	DropPhotos(context.Context) error
}

const (
	photoTick = time.Second
	dropEvery = time.Hour
)

// Photos makes the copies of photos, one after the other, and drops those whose
// time is over. It is no part of Timers: a photo may take a minute, and a deadline
// may not wait for it.
type Photos struct {
	Desk PhotoDesk
	Log  *slog.Logger
}

// Run works until ctx ends. After an error it rests, so that a database that is
// away is not asked without end.
func (p Photos) Run(ctx context.Context) error {
	tick, drop := time.NewTicker(photoTick), time.NewTicker(dropEvery)
	defer tick.Stop()
	defer drop.Stop()
	for {
		found, err := p.Desk.CopyNextPhoto(ctx)
		if err != nil && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "a photo is copied again later", "error", err)
		}
		if found && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-drop.C:
			if err := p.Desk.DropPhotos(ctx); err != nil && ctx.Err() == nil {
				p.Log.ErrorContext(ctx, "drop photos", "error", err)
			}
		case <-tick.C:
		}
	}
}
