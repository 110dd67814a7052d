package timers_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/timers"
)

// darkroom has some photos waiting, and is away for some calls.
type darkroom struct {
	waiting, away, calls, drops int
	copied                      []time.Duration
	begun                       time.Time
}

func (d *darkroom) CopyNextPhoto(context.Context) (bool, error) {
	d.calls++
	if d.away > 0 {
		d.away--
		return false, errors.New("the database is away")
	}
	if d.waiting == 0 {
		return false, nil
	}
	d.waiting--
	d.copied = append(d.copied, time.Since(d.begun))
	return true, nil
}

func (d *darkroom) DropPhotos(context.Context) error {
	d.drops++
	return nil
}

func TestPhotosAreCopiedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &darkroom{waiting: 3, away: 2, begun: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- timers.Photos{Desk: d, Log: slog.New(slog.DiscardHandler)}.Run(ctx) }()
		time.Sleep(2*time.Hour + time.Second)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(d.copied) != 3 || d.copied[0] != 2*time.Second || d.copied[2] != 2*time.Second {
			t.Errorf("copied at %v; after two misses they follow one another", d.copied)
		}
		if d.drops != 2 {
			t.Errorf("dropped %d times in two hours", d.drops)
		}
		if d.calls > 2*3600+10 {
			t.Errorf("asked %d times in two hours", d.calls)
		}
	})
}
