package realtime_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

func TestDatabaseAwayAndBack(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	stream := uuid.New()
	p, _ := b.node.open(t, b.units[0], stream, 1)
	b.ledger.away.Store(true)
	now := b.clock.now()
	p.fixes(at(1, now))
	<-b.ledger.changed
	<-b.ledger.changed // tried twice, in vain
	if pos, seen := b.node.index.Position(b.units[0].Patrol); !seen || !pos.T.Equal(now) {
		t.Errorf("the live map stopped: %+v", pos)
	}
	if s := b.node.beacons.Stats(); !s.Away || s.Kept != 0 {
		t.Errorf("%+v", s)
	}
	b.want(0, `SELECT count(*) FROM tracks`)
	b.ledger.away.Store(false)
	p.ack(1)
	b.want(1, `SELECT count(*) FROM tracks`)
	until(t, "the database counts as there", func() bool { return !b.node.beacons.Stats().Away })
}

// With the queue full of an outage the live map goes on, and what was let go comes
// again when the database is back.
func TestOutageLongerThanTheQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, func(c *realtime.Config) { c.QueueFixes, c.Writers = beacon.MaxFixes, 1 })
	client, err := beaconclient.New(beaconclient.Config{
		URL: b.node.url + "/ws/beacon", Token: b.units[0].Device.String(), FirstPause: time.Millisecond, LongestPause: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	running := run(t, client)
	client.Add(at(0, b.clock.now()))
	flush(t, client)
	b.ledger.away.Store(true)
	const n = 1200
	var last time.Time
	for i := range n {
		last = b.clock.now()
		client.Add(at(int64(i), last))
	}
	until(t, "the newest fix shows", func() bool {
		pos, _ := b.node.index.Position(b.units[0].Patrol)
		return pos.T.Equal(last)
	})
	b.want(1, `SELECT count(*) FROM tracks`)
	b.ledger.away.Store(false)
	flush(t, client)
	b.want(n+1, `SELECT count(*) FROM tracks`)
	b.want(n+1, `SELECT count(DISTINCT seq) FROM tracks`)
	if s := client.Stats(); s.Acked != n+1 || s.Connections < 2 {
		t.Errorf("%+v: nothing was let go and sent again", s)
	}
	running()
}

func TestRestartTakesUpWhereItStood(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	now, stream := b.clock.now(), uuid.New()
	p, _ := b.node.open(t, b.units[0], stream, 1)
	p.fixes(at(1, now))
	p.ack(1)
	off, _ := b.node.open(t, b.units[1], uuid.New(), 1)
	off.fixes(at(1, now))
	off.ack(1)
	p.fixes(at(2, now.Add(time.Millisecond))) // read or not: never acknowledged falsely
	b.node.stop()
	p.closed(beacon.CloseDrain)
	realtimetest.Exec(t, b.db, `UPDATE patrols SET status = 'off_duty' WHERE id = $1`, b.units[1].Patrol.UUID)
	after := b.start()
	if pos, seen := after.index.Position(b.units[0].Patrol); !seen || pos.T.Before(now) {
		t.Errorf("after the restart: %+v, %v", pos, seen)
	}
	if _, seen := after.index.Position(b.units[1].Patrol); seen {
		t.Error("a patrol that went off duty is on the map")
	}
	_, hello := after.open(t, b.units[0], stream, 1)
	b.want(hello.Acked, `SELECT count(*) FROM tracks WHERE stream = $1`, stream)
	if hello.Acked < 1 {
		t.Errorf("acked %d is forgotten", hello.Acked)
	}
}

func TestDrainAcknowledgesWhatItHasRead(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	b.ledger.away.Store(true)
	p.fixes(at(1, b.clock.now()))
	<-b.ledger.changed
	stopped := make(chan struct{})
	go func() {
		b.node.stop()
		close(stopped)
	}()
	b.ledger.away.Store(false)
	p.ack(1)
	p.closed(beacon.CloseDrain)
	<-stopped
	b.want(1, `SELECT count(*) FROM tracks`)
}
