package realtime_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// Whoever was shown a patrol is written down with it, also when the patrol is out of
// sight again and the database was away for a moment; nobody else is.
func TestLooksAreWrittenDown(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	for i := range b.units {
		p, _ := b.node.open(t, b.units[i], uuid.New(), 1)
		p.fixes(at(1, b.clock.now()))
		p.ack(1)
	}
	fire := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.New()}, Role: dispatch.RoleOfficer, Department: "fire"}
	chief := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.New()}, Role: dispatch.RoleOperator, AreaCode: realtimetest.Area}
	for _, who := range []dispatch.Viewer{fire, chief} {
		s := b.node.watch(t, who)
		s.frame()
		if who == chief {
			s.send(`{"type":"view","bbox":[0,0,1,1],"zoom":10}`)
			s.until("nothing is in sight", func(f liveFrame) bool { return len(f.Gone) == 2 })
		}
	}
	wall := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.New()}, Role: dispatch.RoleOperator}
	w := b.node.wall(t, wall)
	for len(w.picture.Patrols) != 2 {
		w.step()
	}
	w.send(`{"type":"view","bbox":[0,0,1,1],"zoom":12}`)
	for len(w.picture.Patrols) > 0 {
		w.step()
	}
	b.looksMu.Lock()
	b.looksFail = 1
	b.looksMu.Unlock()
	b.node.stop()

	b.looksMu.Lock()
	defer b.looksMu.Unlock()
	if len(b.looked[chief]) != 2 {
		t.Errorf("the chief saw two patrols, written down are %d", len(b.looked[chief]))
	}
	if len(b.looked[wall]) != 2 {
		t.Errorf("the wall showed two patrols, written down are %d", len(b.looked[wall]))
	}
	if len(b.looked[fire]) != 0 {
		t.Errorf("the officer of another department saw nobody, written down are %d", len(b.looked[fire]))
	}
}
