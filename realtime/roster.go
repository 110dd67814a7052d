package realtime

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Patrol is what the live side knows of a patrol from the register.
type Patrol struct {
	ID         dispatch.PatrolID
	District   dispatch.DistrictID
	Department string
	Mode       dispatch.Mode
	// Areas is the patrol's area and every area above it.
	Areas   []string
	Status  dispatch.Status
	Version int64
	// Simulated patrols are played by a program; what they do is no proof.
	Simulated bool
}

// Thing is the patrol as the rule of visibility sees it.
func (p *Patrol) Thing() dispatch.Thing {
	return dispatch.Thing{
		District: p.District, Areas: p.Areas,
		Departments: []string{p.Department}, Patrols: []dispatch.PatrolID{p.ID},
	}
}

// Secret is what a covert case hides, by the version of the case that said so.
type Secret struct {
	dispatch.Secret
	Version int64
}

// Span is a stretch of time, From included, To not. A zero To has no end.
type Span struct{ From, To time.Time }

// Holds says whether t lies in the span.
func (s Span) Holds(t time.Time) bool {
	return !t.Before(s.From) && (s.To.IsZero() || t.Before(s.To))
}

// Binding says that a device speaks for a patrol during a span.
type Binding struct {
	Patrol dispatch.PatrolID
	During Span
}

// Roster is the register as it stood at one revision: which device speaks for
// which patrol and who is on duty, over the days that a fix may come from. It is
// never changed once built; a new revision is a new Roster.
type Roster struct {
	Revision int64
	Patrols  map[dispatch.PatrolID]*Patrol
	// Bindings and Duties are sorted by From and do not overlap.
	Bindings map[dispatch.DeviceID][]Binding
	Duties   map[dispatch.PatrolID][]Span
	// Revoked devices may not hold a socket.
	Revoked map[dispatch.DeviceID]bool
	// Simulated devices are programs; what they send is kept with that mark.
	Simulated map[dispatch.DeviceID]bool
	// Secrets are those of the covert cases at present.
	Secrets []Secret

	reverse   sync.Once // makes devicesOf at the first question
	devicesOf map[dispatch.PatrolID][]dispatch.DeviceID
}

// PatrolAt is the patrol that the device speaks for at t, or nil.
func (r *Roster) PatrolAt(device dispatch.DeviceID, t time.Time) *Patrol {
	bindings := r.Bindings[device]
	i := sort.Search(len(bindings), func(i int) bool { return bindings[i].During.From.After(t) }) - 1
	if i < 0 || !bindings[i].During.Holds(t) {
		return nil
	}
	return r.Patrols[bindings[i].Patrol]
}

// OnDuty says whether the patrol is on duty at t.
func (r *Roster) OnDuty(patrol dispatch.PatrolID, t time.Time) bool {
	duties := r.Duties[patrol]
	i := sort.Search(len(duties), func(i int) bool { return duties[i].From.After(t) }) - 1
	return i >= 0 && duties[i].Holds(t)
}

// Devices is the devices that speak for the patrol at t.
func (r *Roster) Devices(patrol dispatch.PatrolID, t time.Time) []dispatch.DeviceID {
	r.reverse.Do(func() {
		r.devicesOf = map[dispatch.PatrolID][]dispatch.DeviceID{}
		for device, bindings := range r.Bindings {
			for _, b := range bindings {
				if of := r.devicesOf[b.Patrol]; !slices.Contains(of, device) {
					r.devicesOf[b.Patrol] = append(of, device)
				}
			}
		}
	})
	var now []dispatch.DeviceID
	for _, device := range r.devicesOf[patrol] {
		if p := r.PatrolAt(device, t); p != nil && p.ID == patrol {
			now = append(now, device)
		}
	}
	return now
}

// RosterSource reads the register. Revision is cheap and moves whenever anything
// that Roster answers has changed.
type RosterSource interface {
	Revision(ctx context.Context) (int64, error)
	Roster(ctx context.Context, since time.Time) (*Roster, error)
}
