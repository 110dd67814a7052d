package realtime

import (
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Rehearsal judges what a device would send as a service would, without one. It is
// one stream's, and no goroutine's but its caller's.
type Rehearsal struct {
	device dispatch.DeviceID
	roster *Roster
	judge  judge
}

// NewRehearsal begins a stream that plays at a speed, by the register as it stands.
func NewRehearsal(roster *Roster, device dispatch.DeviceID, speed float64) *Rehearsal {
	return &Rehearsal{device: device, roster: roster, judge: judge{speed: speed}}
}

// Judge answers why a fix that came at now would be rejected (empty: it would be
// kept) and what would be doubtful about it.
func (r *Rehearsal) Judge(f beacon.Fix, now time.Time) (beacon.Code, Verdict) {
	d := r.judge.judge(r.device, f, r.roster, now)
	return d.reject.Code, d.verdict
}
