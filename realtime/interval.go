package realtime

import (
	"math"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// How often each device is asked to send. It follows from what its patrol is about and
// from its own battery, so that of two devices of one patrol each is told its own, and
// is said again only when it is another one than was said.

// power notes how full the device's battery is, if it says so.
func (s *socket) power(battery float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !math.IsNaN(battery) || s.told == 0 {
		s.battery = float32(battery)
	}
}

// tell says how often to send by how the device's patrol stands, if that is news. A
// device that was not greeted yet hears it then.
func (s *socket) tell(at *Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := intervalFor(at.Status, at.Presence, float64(s.battery))
	if s.told == 0 || s.told == every {
		return
	}
	s.told = every
	s.queueLocked(posted{websocket.TextMessage, beacon.Append(nil, beacon.Interval{IntervalS: int(every / time.Second)})})
}

// retell tells all devices of a patrol that stands otherwise than before.
func (b *BeaconServer) retell(at *Standing) {
	for _, device := range b.roster.Load().Devices(at.Patrol, b.now()) {
		for _, s := range b.of(device) {
			s.tell(at)
		}
	}
}

// intervalOf is what a device with so full a battery is told when it is greeted.
func (b *BeaconServer) intervalOf(device dispatch.DeviceID, battery float64) time.Duration {
	at := Standing{Enrolled: &nobody}
	if p := b.roster.Load().PatrolAt(device, b.now()); p != nil {
		at, _ = b.index.Standing(p.ID)
	}
	return intervalFor(at.Status, at.Presence, battery)
}
