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
	LikeNextPhotos(ctx context.Context, after [32]byte) (last [32]byte, n int, err error)
	// Dispatching says whether reports come in these seconds.
	Dispatching() bool
}

const (
	photoTick = time.Second
	dropEvery = time.Hour
	// likeEvery is how long after a pass the next one looks for photos without a likeness:
	// those of before there were any, and those that a program of the release before copied.
	likeEvery = time.Hour
	// restFor is how many times as long as a copy took its copier rests while reports come
	// in. Even in the idle class it takes the caches and the memory's time from whoever
	// dispatches; a photo that somebody looks at is copied at once, whatever waits here.
	restFor = 2
	// sayEvery is after how many of them the log is told how far it is.
	sayEvery = 1000
)

// likening is one pass over the photos without a likeness, a few at a time, whenever no
// photo waits to be copied. A pass that is broken off begins anew with the program.
type likening struct {
	after [32]byte
	done  int
	next  time.Time // when the next pass may begin
}

// step sees to a few, and says whether there were any.
func (l *likening) step(ctx context.Context, p Photos) bool {
	if time.Now().Before(l.next) {
		return false
	}
	last, n, err := p.Desk.LikeNextPhotos(ctx, l.after)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "photos are likened again later", "done", l.done, "error", err)
		}
		l.next = time.Now().Add(time.Minute)
		return false
	}
	said := l.done / sayEvery
	l.after, l.done = last, l.done+n
	if n > 0 && l.done/sayEvery > said {
		p.Log.InfoContext(ctx, "taking the likeness of photos", "done", l.done)
	}
	if n == 0 {
		if l.done > 0 {
			p.Log.InfoContext(ctx, "every photo has its likeness", "done", l.done)
		}
		*l = likening{next: time.Now().Add(likeEvery)}
	}
	return n > 0
}

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
	var likes likening
	for {
		began := time.Now()
		found, err := p.Desk.CopyNextPhoto(ctx)
		if err != nil && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "a photo is copied again later", "error", err)
		}
		if found && err == nil && ctx.Err() == nil {
			if p.Desk.Dispatching() {
				rest(ctx, restFor*time.Since(began))
			}
			continue
		}
		if err == nil && ctx.Err() == nil && likes.step(ctx, p) {
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

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
