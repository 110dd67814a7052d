package realtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// held is a ledger whose commits say that they have begun and wait to be let go.
type held struct {
	realtime.Ledger
	begun chan struct{}
	let   chan struct{}
}

func (h *held) Commit(ctx context.Context, b *realtime.Batch) error {
	if len(b.Track) > 0 {
		h.begun <- struct{}{}
		<-h.let
	}
	return h.Ledger.Commit(ctx, b)
}

// A device that is sent away hears first that what it sent is safe.
func TestSentAwayAfterTheLastAcknowledgement(t *testing.T) {
	t.Parallel()
	ledger := &held{begun: make(chan struct{}), let: make(chan struct{})}
	b := setup(t, 1, func(c *realtime.Config) { ledger.Ledger, c.Ledger = c.Ledger, ledger })
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	<-ledger.begun
	b.node.shut()
	close(ledger.let)
	p.ack(1)
	if reason := p.closed(beacon.CloseDrain); reason == "" {
		t.Error("no reason is given")
	}
}

// Another node's word about a stream closes its socket here, unless the socket is the
// newer one.
func TestAStreamThatMovedToAnotherNode(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	key := realtime.StreamKey{Device: b.units[0].Device, Stream: uuid.New()}
	before := time.Now()
	p, _ := b.node.open(t, b.units[0], key.Stream, 1)
	b.node.beacons.HearClaims([]realtime.Claim{{Key: key, At: before.Add(-time.Second)}})
	p.fixes(at(1, b.clock.now()))
	p.ack(1) // it is still open
	if mine := b.node.beacons.Claims(); len(mine) != 1 || mine[0].Key != key || mine[0].At.Before(before) {
		t.Errorf("claims %+v, want the one socket", mine)
	}
	b.node.beacons.HearClaims([]realtime.Claim{{Key: key, At: time.Now().Add(time.Second)}})
	p.closed(beacon.CloseReplaced)
}

// Places of other nodes move the map, by word or from the database, but bring nobody
// back who went off duty.
func TestPlacesOfOtherNodes(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	place := func(i int, seq int64, lon float64) realtime.Place {
		return realtime.Place{Patrol: b.units[i].Patrol, Device: b.units[i].Device, Seq: seq, T: b.clock.now(), Point: geo.Point{Lon: lon, Lat: 28.5}}
	}
	on := func(i int, lon float64) bool {
		s, known := b.node.index.Standing(b.units[i].Patrol)
		return known && s.Placed && s.Point.Lon == lon
	}
	b.node.beacons.HearPlaces([]realtime.Place{place(0, 1, 121.1), place(1, 1, 121.1)})
	if !on(0, 121.1) || !on(1, 121.1) {
		t.Error("a place from another node is not shown")
	}
	standing, _ := b.node.index.Standing(b.units[1].Patrol)
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: b.units[1].Patrol, Status: dispatch.OffDuty, Version: standing.Version + 1}})
	later := []realtime.Place{place(0, 2, 121.2), place(1, 2, 121.2)}
	b.node.beacons.HearPlaces(later)
	if !on(0, 121.2) {
		t.Error("a newer place does not move the patrol")
	}
	if on(1, 121.2) {
		t.Error("whoever is off duty is shown")
	}
	if err := b.config.Snapshots.SavePlaces(t.Context(), []realtime.Place{place(0, 3, 121.3)}); err != nil {
		t.Fatal(err)
	}
	if err := b.node.beacons.CatchUp(t.Context()); err != nil || !on(0, 121.3) {
		t.Errorf("what is in the database is not shown: %v", err)
	}
}
