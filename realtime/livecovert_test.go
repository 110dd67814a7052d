package realtime_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// counted is how many patrols a screen is told of that is too far out for dots.
func (w *wall) counted() (n uint32) {
	for _, states := range w.picture.Counts {
		for _, k := range states {
			n += k
		}
	}
	return n
}

// Of a patrol on a covert case a binary screen knows neither the dot nor that a cell holds
// one more, from the moment on and in windows that open later; who knows of the case keeps
// both, and with the release everybody has them back.
func TestABinaryWallCountsNoHiddenPatrol(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	for i, u := range b.units {
		p, _ := b.node.open(t, u, uuid.New(), 1)
		p.fixes(at(1, b.clock.now().Add(-time.Duration(1+i)*time.Second)))
		p.ack(1)
	}
	gone, other := b.units[0], b.units[1]
	leader := operator
	leader.Role, leader.Account = dispatch.RoleDutyLeader, dispatch.AccountID{UUID: uuid.New()}
	const far, near = `{"type":"view","bbox":[121,28,122,29],"zoom":8}`, `{"type":"view","bbox":[121,28,122,29],"zoom":13}`
	there, away := func(p *liveframe.Patrol) bool { return p != nil }, func(p *liveframe.Patrol) bool { return p == nil }
	open := func(who dispatch.Viewer, view string) *wall {
		w := b.node.wall(t, who)
		w.send(view)
		return w
	}
	until := func(w *wall, n uint32) {
		t.Helper()
		for w.counted() != n {
			w.step()
		}
	}
	counts, knows, dots := open(operator, far), open(leader, far), open(operator, near)
	until(counts, 2)
	until(knows, 2)
	dots.until(there, gone)
	c := dispatch.CaseID{UUID: uuid.New()}
	scope := dispatch.Thing{District: district, Patrols: []dispatch.PatrolID{gone.Patrol}}
	released := scope
	scope.Secrets = []dispatch.Secret{{Case: c, Partakers: scope.Patrols, Place: geo.Point{Lon: 121.9, Lat: 28.9}, Sent: []dispatch.Errand{{Patrol: gone.Patrol, From: b.clock.now()}}}}
	b.node.beacons.Announce(dispatch.Announcement{District: district, Case: &dispatch.CaseChanged{ID: c, Number: "2026-1", Version: 2, Scope: scope, Covert: true, Hidden: true}})
	until(counts, 1)
	dots.until(away, gone)
	dots.until(there, other)
	late := open(operator, far)
	until(late, 1)
	until(knows, 2)
	knows.send(near)
	knows.until(there, gone)
	b.node.beacons.Announce(dispatch.Announcement{District: district, Case: &dispatch.CaseChanged{ID: c, Number: "2026-1", Version: 3, Scope: released}})
	until(counts, 2)
	until(late, 2)
	dots.until(there, gone)
}
