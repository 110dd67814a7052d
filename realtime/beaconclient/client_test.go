package beaconclient

import (
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// With as much on its way as may be and nothing acknowledged, each newest fix still goes
// out, once, so that the live map goes on; in its turn it goes again.
func TestTheNewestGoesBeforeItsTurn(t *testing.T) {
	t.Parallel()
	for _, binary := range []bool{false, true} {
		c, err := New(Config{URL: "ws://unused"})
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		add := func(n int) {
			for range n {
				at = at.Add(time.Second)
				c.Add(beacon.Fix{T: at, Lon: 121.4, Lat: 28.6, AccuracyM: 8})
			}
		}
		sent := func() []int64 {
			t.Helper()
			var seqs []int64
			for {
				b, kind := c.message(nil, true, binary)
				if kind == nothing {
					return seqs
				}
				decode := beacon.DecodeUp
				if binary {
					decode = func(b []byte) (any, error) { return beacon.DecodeFixesBinary(b) }
				}
				m, err := decode(b)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range m.(beacon.Fixes).Good {
					seqs = append(seqs, f.Seq)
				}
			}
		}
		want := func(what string, first, last int64) {
			t.Helper()
			got := sent()
			if int64(len(got)) != last-first+1 || len(got) > 0 && (!slices.IsSorted(got) || got[0] != first || got[len(got)-1] != last) {
				t.Errorf("binary %v: %s: %d fixes are sent, %v; want %d to %d", binary, what, len(got), ends(got), first, last)
			}
		}
		silent := func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.progress = time.Now().Add(-aheadAfter)
		}

		add(maxFlying + 10)
		want("what may be on its way", 1, maxFlying)
		silent()
		want("the newest alone", maxFlying+10, maxFlying+10)
		want("nothing new", 1, 0)
		add(1)
		want("the next", maxFlying+11, maxFlying+11)
		add(1)
		c.take(beacon.Ack{Seq: 4, Also: []beacon.Range{{First: maxFlying + 10, Last: maxFlying + 10}}})
		if got := sent(); !slices.Equal(got, []int64{
			maxFlying + 1, maxFlying + 2, maxFlying + 3, maxFlying + 4, maxFlying + 5, maxFlying + 6, maxFlying + 7, maxFlying + 8, maxFlying + 9, maxFlying + 11, maxFlying + 12,
		}) {
			t.Errorf("binary %v: the rest in its turn, since the service answers: %v", binary, got)
		}
	}
}

// A fix that waits when an install takes up the stream of an earlier process goes out
// after what that one sent: it is not taken for one of those that are safe.
func TestANewProcessOfAStreamGoesOnAfterTheLast(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                    string
		hold, added             int
		acked                   int64
		wantLowest, wantHighest int64
	}{
		{name: "a new stream", hold: 10, added: 3, wantLowest: 1, wantHighest: 3},
		{name: "of an earlier process", hold: 10, added: 3, acked: 7, wantLowest: 8, wantHighest: 10},
		{name: "with nothing waiting", hold: 10, acked: 7, wantLowest: 8, wantHighest: 8},
		{name: "a new stream, some let go", hold: 10, added: 14, acked: 4, wantLowest: 5, wantHighest: 14},
	} {
		c, err := New(Config{URL: "ws://unused", Hold: tt.hold})
		if err != nil {
			t.Fatal(err)
		}
		for range tt.added {
			c.Add(beacon.Fix{Lon: 121.4, Lat: 28.6})
		}
		c.take(beacon.Hello{Acked: tt.acked})
		if tt.added == 0 {
			c.Add(beacon.Fix{Lon: 121.4, Lat: 28.6})
		}
		if held := c.Stats().Held; held != int(tt.wantHighest-tt.wantLowest+1) || c.held[0].Seq != tt.wantLowest || c.held[held-1].Seq != tt.wantHighest {
			t.Errorf("%s: %v are held, want %d to %d", tt.name, c.held, tt.wantLowest, tt.wantHighest)
			continue
		}
		c.take(beacon.Hello{Acked: tt.wantLowest})
		if held := c.Stats().Held; held != int(tt.wantHighest-tt.wantLowest) {
			t.Errorf("%s: %d are held after another hello that acknowledges the first, want %d", tt.name, held, tt.wantHighest-tt.wantLowest)
		}
	}
}

func ends(seqs []int64) []int64 {
	if len(seqs) == 0 {
		return nil
	}
	return []int64{seqs[0], seqs[len(seqs)-1]}
}
