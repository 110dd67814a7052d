package realtime_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// A phone whose clock is wrong is where it is, and as fresh as it is, for a service that
// was restarted and for another node that reads the database; and its first message there
// is shown at once, before anything could be measured anew.
func TestAWrongClockIsKnownAfterARestartAndElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		behind time.Duration
	}{
		{"12 minutes behind", 12 * time.Minute},
		{"90 seconds ahead", -90 * time.Second},
		{"an hour ahead", -time.Hour}, // its fixes are quarantined for their time
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 2)
			elsewhere := b.start() // another node, which is told nothing
			stream := uuid.New()
			say := func(p *phone, seq int64) {
				t.Helper()
				p.fixes(at(seq, b.clock.now().Add(-c.behind)))
				p.ack(seq)
			}
			stands := func(n *node, u realtimetest.Unit, seq int64, where string) {
				t.Helper()
				s, _ := n.index.Standing(u.Patrol)
				if age := b.clock.now().Sub(s.T); !s.Placed || s.Presence != dispatch.Online || age.Abs() > time.Minute {
					t.Errorf("%s: placed %v, %s, as of %v ago", where, s.Placed, s.Presence, age)
				}
				if f := at(seq, s.T); s.Point != (geo.Point{Lon: f.Lon, Lat: f.Lat}) {
					t.Errorf("%s: at %v, want %v", where, s.Point, geo.Point{Lon: f.Lon, Lat: f.Lat})
				}
			}
			const measured = 10
			var phones []*phone
			for _, u := range b.units {
				p, _ := b.node.open(t, u, stream, 1)
				phones = append(phones, p)
			}
			for seq := range int64(measured) {
				b.clock.advance(5 * time.Second)
				for _, p := range phones {
					say(p, seq+1)
				}
			}
			stands(b.node, b.units[0], measured, "where it was heard")

			b.node.stop() // and keeps the newest places
			if err := elsewhere.beacons.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, n := range []*node{b.start(), elsewhere} {
				where := [...]string{"after a restart", "on another node"}[i]
				stands(n, b.units[i], measured, where)
				p, _ := n.open(t, b.units[i], stream, 1)
				b.clock.advance(5 * time.Second)
				say(p, measured+1)
				stands(n, b.units[i], measured+1, where+", after one message")
			}
		})
	}
}
