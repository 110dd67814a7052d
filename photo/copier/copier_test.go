package copier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCopiesAreThoseMadeHere(t *testing.T) {
	t.Parallel()
	original := phototest.JPEG(t, 700, 500)
	want, err := photo.Make(original)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{AtOnce: 2})
	var g sync.WaitGroup
	for range 6 {
		g.Go(func() {
			got, err := c.Copies(t.Context(), original, false)
			if err != nil || len(got) != len(want) {
				t.Errorf("%d copies: %v", len(got), err)
				return
			}
			for i := range got {
				if got[i].Size != want[i].Size || got[i].Width != want[i].Width || !bytes.Equal(got[i].JPEG, want[i].JPEG) {
					t.Errorf("copy %s differs", got[i].Size)
				}
			}
		})
	}
	g.Wait()
}

func TestRefusalsComeThrough(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	for _, h := range phototest.HostileSet(t) {
		_, err := c.Copies(t.Context(), h.Body, false)
		var refused *photo.Refusal
		if !errors.As(err, &refused) || refused.Code != h.Code {
			t.Errorf("%s: %v", h.Name, err)
		}
	}
}

func TestWhoeverWaitsMayLeave(t *testing.T) {
	t.Parallel()
	c := New(Config{AtOnce: 1})
	c.watched <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Copies(ctx, nil, true); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrNotNow) {
		t.Errorf("answered %v", err)
	}
}

func TestAProcessThatTakesTooLongIsEnded(t *testing.T) {
	t.Parallel()
	c := New(Config{Within: time.Nanosecond})
	if _, err := c.Copies(t.Context(), phototest.JPEG(t, 8, 8), false); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotNow) {
		t.Errorf("answered %v", err)
	}
}

func TestAProcessThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	c.program = "/proc/self/no-such-program"
	if _, err := c.Copies(t.Context(), phototest.JPEG(t, 8, 8), false); !errors.Is(err, ErrNotNow) {
		t.Errorf("answered %v", err)
	}
}

func TestOnlyAProcessOfThatNameIsTheChild(t *testing.T) {
	t.Parallel()
	if os.Args[0] == processName {
		t.Fatal("this test runs in the child")
	}
}

// An answer is believed as little as the photo it comes from.
func FuzzAnswer(f *testing.F) {
	var good bytes.Buffer
	if code := answerTo(phototest.JPEG(f, 16, 8), &good, os.Stderr); code != 0 {
		f.Fatal(code)
	}
	f.Add(good.Bytes())
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"refusal":{"Code":"damaged","Detail":"is"}}` + "\n"))
	head, _ := json.Marshal(answer{Copies: []described{{photo.Shown, 1, 1, 1 << 40}, {photo.Thumb, 1, 1, -1}}})
	f.Add(append(head, '\n'))
	head, _ = json.Marshal(answer{Copies: []described{{photo.Shown, 1, 1, 4}, {photo.Thumb, 1, 1, 4}}})
	f.Add(append(head, "\nevil bad"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		copies, err := read(b)
		if err == nil && len(copies) != 2 {
			t.Errorf("%d copies and no error", len(copies))
		}
		for _, c := range copies {
			if _, err := photo.Inspect(c.JPEG); err != nil {
				t.Errorf("a copy that is no photo: %v", err)
			}
		}
	})
}

func BenchmarkSmallPhoto(b *testing.B) {
	c, body := New(Config{}), phototest.JPEG(b, 8, 8)
	for b.Loop() {
		if _, err := c.Copies(b.Context(), body, false); err != nil {
			b.Fatal(err)
		}
	}
}
