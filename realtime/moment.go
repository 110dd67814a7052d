package realtime

import (
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The words of a presence as it is written down. Whoever stands still is heard of.
const (
	MomentOnline  = "online"
	MomentStale   = "stale"
	MomentLost    = "lost"
	MomentOffDuty = "off_duty"
)

// Moment answers what a patrol's presence is to whoever writes it down, and since when at
// the earliest, by its newest fix: so every node says the same of it. A zero time is the
// present. It is nothing while somebody is on duty and was not heard of yet.
func (s *Standing) Moment() (presence string, since time.Time) {
	switch {
	case s.Status == dispatch.OffDuty:
		return MomentOffDuty, time.Time{}
	case !s.Placed:
		return "", time.Time{}
	case s.Presence == dispatch.Lost:
		return MomentLost, s.T.Add(LostAfter)
	case s.Presence == dispatch.Stale:
		return MomentStale, s.T.Add(FreshFor(IntervalLow))
	}
	return MomentOnline, s.T
}

// PresenceMoment is a change in the record of a patrol's presence: of its presence, or of
// a fence that it came into or left.
type PresenceMoment struct {
	ID        int64
	At        time.Time
	Kind      string  // a presence, entered or left
	Area      *string // grid, closure or place
	Name      *string // the codes of the grids, the closure's id, the place's code
	Because   *string // of who left a fence not by their own way
	Simulated bool
}

// MomentCursor is a moment that another page of a record comes after; the zero value
// comes before all.
type MomentCursor struct {
	At time.Time
	ID int64
}
