package api

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// Nobody waits at an empty crossing, everybody until it is clear, and nobody for longer
// than they were told or once their sender is gone.
func TestPhotosGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var x crossing
		began := time.Now()
		waited := func(ctx context.Context, most time.Duration) time.Duration {
			began := time.Now()
			x.giveWay(ctx, most)
			return time.Since(began)
		}
		if d := waited(t.Context(), time.Hour); d != 0 {
			t.Errorf("at an empty crossing it waits %v", d)
		}
		for _, d := range []time.Duration{time.Second, 3 * time.Second} {
			leave := x.enter()
			time.AfterFunc(d, leave)
		}
		two := make(chan time.Duration, 2)
		for range 2 {
			go func() { two <- waited(t.Context(), time.Hour) }()
		}
		for range 2 {
			if d := <-two; d != 3*time.Second {
				t.Errorf("it went on after %v, when not all were across", d)
			}
		}
		defer x.enter()()
		if d := waited(t.Context(), time.Minute); d != time.Minute {
			t.Errorf("it waited %v, and was to wait a minute at most", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if d := waited(ctx, time.Minute); d != time.Second {
			t.Errorf("it waited %v for a sender who was gone after a second", d)
		}
		if d := time.Since(began); d != 64*time.Second {
			t.Errorf("all took %v", d)
		}
	})
}

// A body of three megabytes is held up by its pieces, and arrives whole.
func TestABodyGivesWayPieceByPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var x crossing
		sent := bytes.Repeat([]byte("photo"), 3<<20/5)
		read := func() time.Duration {
			began := time.Now()
			got, err := io.ReadAll(&yielding{ctx: t.Context(), x: &x, r: iotest.HalfReader(bytes.NewReader(sent))})
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d of %d bytes came: %v", len(got), len(sent), err)
			}
			return time.Since(began)
		}
		if d := read(); d != 0 {
			t.Errorf("with nobody before it, it took %v", d)
		}
		defer x.enter()()
		if d, most := read(), waitForPiece*3<<20/pieceOfPhoto; d < most/2 || d > most {
			t.Errorf("in a storm it was held up for %v, of %v at most", d, most)
		}
	})
}
