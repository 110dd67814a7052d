package dispatch

import (
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// nearTargetM is how far from the target of a covert case a patrol stays hidden when
// its own part is over: a dot that came back on the spot would point at it.
const nearTargetM = 1000

// Secret is what must not be known of a covert case until it is released: what it is
// and where, and where those are who were sent to it. Visible asks it. It travels with
// announcements and leaves through no door.
type Secret struct {
	Case        CaseID      `json:"case"`
	Areas       []string    `json:"areas"`
	Departments []string    `json:"departments"`
	Commanders  []AccountID `json:"commanders"`
	Partakers   []PatrolID  `json:"partakers"` // those who take part, or did to the end
	Place       geo.Point   `json:"place"`
	Sent        []Errand    `json:"sent"`
}

// Known says whether the viewer knows of the case: they take part, they command it, or
// they see what is covert within their scope.
func (s *Secret) Known(v Viewer) bool {
	if s.CommandedBy(v) || !v.Patrol.IsZero() && slices.Contains(s.Partakers, v.Patrol) {
		return true
	}
	return May(v, ActSeeCovert) && (v.AreaCode == "" || slices.Contains(s.Areas, v.AreaCode)) &&
		(v.Department == "" || slices.Contains(s.Departments, v.Department))
}

// CommandedBy says whether the viewer is one of the case's commanders.
func (s *Secret) CommandedBy(v Viewer) bool {
	return !v.Account.IsZero() && slices.Contains(s.Commanders, v.Account)
}

// Errand is a patrol that was sent, from when to when; without an end it is on it now.
type Errand struct {
	Patrol PatrolID   `json:"patrol"`
	From   time.Time  `json:"from"`
	Until  *time.Time `json:"until"`
}

// Hides says whether the secret hides where a patrol was at a time: all the way from
// the moment it is claimed, since a dot that drives up and goes out a kilometre short
// draws a circle around the target, and afterwards near the target. Only a viewer who
// does not know it need ask.
func (s *Secret) Hides(patrol PatrolID, at geo.Point, t time.Time) bool {
	return slices.ContainsFunc(s.Sent, func(e Errand) bool {
		return e.Patrol == patrol && !t.Before(e.From) && (e.Until == nil || t.Before(*e.Until) || geo.DistanceM(at, s.Place) <= nearTargetM)
	})
}

// HidesNow is Hides for the newest place of a patrol, whatever its device's clock says.
func (s *Secret) HidesNow(patrol PatrolID, at geo.Point) bool {
	return slices.ContainsFunc(s.Sent, func(e Errand) bool {
		return e.Patrol == patrol && (e.Until == nil || geo.DistanceM(at, s.Place) <= nearTargetM)
	})
}

// secret is what of the case must not be known; nil where it is not covert.
func (c Case) secret() []Secret {
	if c.Covert == nil {
		return nil
	}
	s := Secret{Case: c.ID, Areas: c.Scope.Areas, Departments: c.Scope.Departments, Commanders: c.Commanders,
		Partakers: c.Scope.Patrols, Place: c.Place(), Sent: []Errand{}}
	for _, a := range c.Assignments {
		if a.State == Proposed {
			continue
		}
		e := Errand{Patrol: a.PatrolID, From: a.MadeAt}
		if !a.State.Active() {
			e.Until = a.EndedAt
			if e.Until == nil {
				e.Until = &a.MadeAt
			}
		}
		s.Sent = append(s.Sent, e)
	}
	return []Secret{s}
}

// Rescope brings what decides who sees the case up to date with who is on it.
func (c *Case) Rescope() {
	c.Scope.Patrols = nil
	for _, a := range c.Assignments {
		if a.State.Active() || a.State == Done {
			c.Scope.Patrols = append(c.Scope.Patrols, a.PatrolID)
		}
	}
	c.Scope.Secrets = c.secret()
}
