package realtime_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// A device hears how often to send when that changes: by its battery, by standing still
// and by going on, whoever says so, by its silence, and by what its patrol is sent to.
func TestADeviceIsToldHowOftenToSend(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	u, stream, seq := b.units[0], uuid.New(), int64(0)
	p, _ := b.node.open(t, u, stream, 1)
	send := func(battery float64) {
		t.Helper()
		seq++
		f := at(seq, b.clock.now())
		f.Lon, f.Lat, f.SpeedMS, f.Battery = 121.38, 28.58, 0, battery
		p.fixes(f)
		until(t, "the fix is shown", func() bool {
			at, _ := b.node.index.Standing(u.Patrol)
			return at.T.Equal(f.T)
		})
	}
	told := func(want int, why string) {
		t.Helper()
		for {
			down, err := p.next()
			if err != nil {
				t.Fatalf("%s: %v, want to be told %d s", why, err, want)
			}
			if m, ok := down.(beacon.Interval); ok {
				if m.IntervalS != want {
					t.Fatalf("%s: told %d s, want %d s", why, m.IntervalS, want)
				}
				return
			}
		}
	}
	send(0.5)
	send(0.19) // had the first said anything, it would be heard first
	told(30, "a low battery")
	send(0.18)
	send(0.5)
	told(5, "charged")
	b.clock.advance(realtime.StillAfter + time.Second)
	send(0.5)
	told(15, "still")
	other := realtime.Place{Patrol: u.Patrol, Device: b.units[1].Device, Stream: uuid.New(), Seq: 1, T: b.clock.now().Add(time.Millisecond), AccuracyM: 8}
	other.Point.Lon, other.Point.Lat = 121.38, 28.6
	b.node.beacons.HearPlaces([]realtime.Place{other})
	told(5, "another node has seen it move")
	b.clock.advance(time.Second)
	send(0.5)
	b.clock.advance(realtime.StillAfter)
	send(0.5)
	told(15, "still again")
	b.clock.advance(realtime.FreshAtLeast + time.Second)
	told(5, "silent") // by the sweep
	send(0.1)
	told(30, "a low battery, still")
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: u.Patrol, Status: dispatch.Assigned, Version: 2}})
	told(2, "sent to a case")
	send(0.1)
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: u.Patrol, Status: dispatch.Free, Version: 3}})
	told(30, "free again")
	// The next socket is told before it has sent anything, after a restart too.
	p.ack(seq)
	p.conn.Close()
	if _, hello := b.node.open(t, u, stream, 1); hello.IntervalS != 30 {
		t.Errorf("a new socket is told %d s, want 30", hello.IntervalS)
	}
	b.node.stop()
	b.node = b.start()
	if _, hello := b.node.open(t, u, stream, 1); hello.IntervalS != 30 {
		t.Errorf("after a restart it is told %d s, want 30", hello.IntervalS)
	}
}
