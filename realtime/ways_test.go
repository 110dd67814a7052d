package realtime_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Of a burst after a gap the way is told, in order, without what is doubtful for more
// than its age, once it is on disk; a single fix is no way.
func TestABurstTellsItsWay(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now().Add(-6*time.Minute)))
	p.ack(1)
	box := b.node.bus.Subscribe()
	defer box.Close()
	began := b.clock.now().Add(-5 * time.Minute)
	var burst []beacon.Fix
	for seq := int64(2); seq <= 61; seq++ {
		f := at(seq, began.Add(time.Duration(seq)*5*time.Second-10*time.Second))
		f.Mock = seq == 30
		burst = append(burst, f)
	}
	burst[3], burst[4] = burst[4], burst[3]
	p.fixes(burst...)
	p.ack(61)
	for {
		news, err := box.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(news.Ways) == 0 {
			continue
		}
		way := news.Ways[0]
		if len(news.Ways) != 1 || len(way) != 59 {
			t.Fatalf("%d ways, the first of %d places; want one of 59", len(news.Ways), len(way))
		}
		for i, place := range way {
			if place.Patrol != b.units[0].Patrol || i > 0 && !place.T.After(way[i-1].T) || place.Seq == 30 {
				t.Errorf("%d: %+v", i, place)
			}
		}
		return
	}
}
