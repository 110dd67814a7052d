package dispatch

import (
	"context"
	"slices"
	"time"
)

// RevisitState is how a look at a place after its case was closed stands.
type RevisitState string

// The states of a revisit.
const (
	RevisitPlanned RevisitState = "planned"
	RevisitOpen    RevisitState = "open"    // it is the hour; whose grid it is was told
	RevisitMissed  RevisitState = "missed"  // the hour is over; the grid's chief was told
	RevisitClimbed RevisitState = "climbed" // and half a day later the town
	RevisitClear   RevisitState = "clear"   // somebody looked, and found nothing
	RevisitFound   RevisitState = "found"   // it is there again; a new case has it
	RevisitStopped RevisitState = "stopped" // the case goes on, or nobody is to look
)

// Waits says whether somebody is still to go.
func (r RevisitState) Waits() bool {
	return r == RevisitPlanned || r == RevisitOpen || r == RevisitMissed || r == RevisitClimbed
}

// Revisit is a place that is to be looked at again. It belongs to the place: who goes is
// asked when it is time, from the grids and the people of that day.
type Revisit struct {
	ID        RevisitID    `json:"id"`
	CaseID    CaseID       `json:"case_id"`
	Number    string       `json:"number"`
	AfterDays int          `json:"after_days"`
	Category  string       `json:"category"`
	Lon       float64      `json:"lon"`
	Lat       float64      `json:"lat"`
	OpensAt   time.Time    `json:"opens_at"`
	ClosesAt  time.Time    `json:"closes_at"`
	State     RevisitState `json:"state"`
	GridCode  *string      `json:"grid"` // that was asked last
	DoneAt    *time.Time   `json:"done_at"`
	Note      string       `json:"note"`
	NewCase   *CaseID      `json:"new_case_id"`
	Photos    []Photo      `json:"photos"`

	NextAt    *time.Time `json:"-"` // when its next step is due
	DoneBy    string     `json:"-"`
	NewPhotos []NewPhoto `json:"-"` // that come with the answer
	Seen      bool       `json:"-"` // its case is the viewer's to see
	Covert    bool       `json:"-"` // and is covert
}

// CaseLink says of a case that an earlier one was the same matter.
type CaseLink struct {
	Old CaseID
	Why string
}

// Why a case is linked to an older one.
const (
	LinkRevisit = "revisit" // whoever looked again found it again
	LinkNearby  = "nearby"  // it was reported near it
)

const (
	revisitHours = 2              // that a look may take: the hour of the first event and one more
	revisitAhead = 12 * time.Hour // how long before it is shown
	revisitClimb = 12 * time.Hour // after a missed one, until the town hears of it
	mostRevisits = 6              // of a category
	mostNights   = 366
	againDays    = 90 // how long after its end a matter of the same category is that one come back
)

// RevisitAsk chooses among revisits: of one case, or all that wait and are near in time.
type RevisitAsk struct {
	Case CaseID
	Soon time.Duration
}

// RevisitStore keeps revisits; what changes them is written with their case.
type RevisitStore interface {
	// Revisits answers at most 200, the earliest first, of those that the viewer may see.
	Revisits(ctx context.Context, v Viewer, ask RevisitAsk) ([]Revisit, error)
	// RevisitCase answers the case of a revisit, whoever may see it.
	RevisitCase(ctx context.Context, id RevisitID) (CaseID, error)
	// PostsOf answers the codes of the grids that the people of the viewer's patrol have a
	// part in now.
	PostsOf(ctx context.Context, v Viewer) ([]string, error)
	// PeopleBehind answers who these accounts belong to and who is in these patrols now.
	PeopleBehind(ctx context.Context, accounts []AccountID, patrols []PatrolID) ([]StaffID, error)
}

// planRevisits sets the looks that the category asks for after a case is closed: on so
// many days from now, in the hour in which it was first reported.
func (t *turn) planRevisits() {
	if len(t.rule.RevisitDays) == 0 {
		return
	}
	zone := t.calendar.zone
	hour, today := t.Case.MadeAt.In(zone).Hour(), t.now.In(zone)
	var opens []time.Time
	for _, n := range t.rule.RevisitDays {
		at := time.Date(today.Year(), today.Month(), today.Day()+n, hour, 0, 0, 0, zone).UTC()
		r := Revisit{ID: NewID[revisitKind](), CaseID: t.Case.ID, Number: t.Case.Number, AfterDays: n, Category: t.Case.Category,
			Lon: t.Case.Lon, Lat: t.Case.Lat, OpensAt: at, ClosesAt: at.Add(revisitHours * time.Hour), State: RevisitPlanned}
		r.NextAt = &r.OpensAt
		opens = append(opens, at)
		t.setRevisit(r)
	}
	t.event("revisits.planned", PatrolID{}, facts{"days": t.rule.RevisitDays, "at": opens})
	t.armRevisits()
}

// looksOf is what of revisits an event speaks of when it changed.
func looksOf(all []Revisit) map[RevisitID]RevisitState {
	out := make(map[RevisitID]RevisitState, len(all))
	for _, r := range all {
		out[r.ID] = r.State
	}
	return out
}

// looked answers which revisits are not as the last event left them, and takes them as
// known from here on. Both are nil where none is.
func (t *turn) looked() (was, is facts) {
	now := looksOf(t.revisits)
	for id, state := range now {
		had, there := t.looks[id]
		if there && had == state {
			continue
		}
		if is == nil {
			was, is = facts{}, facts{}
		}
		if was[id.String()], is[id.String()] = any(had), state; !there {
			was[id.String()] = nil
		}
	}
	t.looks = now
	return was, is
}

// setRevisit notes a revisit that is new or has changed.
func (t *turn) setRevisit(r Revisit) {
	for _, list := range []*[]Revisit{&t.revisits, &t.SetRevisits} {
		if i := slices.IndexFunc(*list, func(x Revisit) bool { return x.ID == r.ID }); i >= 0 {
			(*list)[i] = r
		} else {
			*list = append(*list, r)
		}
	}
}

// armRevisits sets the one deadline of the case's revisits to whatever is next.
func (t *turn) armRevisits() {
	var next *time.Time
	for _, r := range t.revisits {
		if r.State.Waits() && r.NextAt != nil && (next == nil || r.NextAt.Before(*next)) {
			next = r.NextAt
		}
	}
	if next == nil {
		t.Disarm = append(t.Disarm, Step{Step: StepRevisit})
		return
	}
	t.arm(AssignmentID{}, StepRevisit, *next)
}

// stopRevisits ends what is still to be looked at: the case goes on, and is looked after
// by whoever has it.
func (t *turn) stopRevisits(because string) {
	n := 0
	for _, r := range slices.Clone(t.revisits) {
		if r.State.Waits() {
			r.State, r.NextAt = RevisitStopped, nil
			t.setRevisit(r)
			n++
		}
	}
	if n > 0 {
		t.Disarm = append(t.Disarm, Step{Step: StepRevisit})
		t.event("revisits.stopped", PatrolID{}, facts{"count": n, "because": because})
	}
}
