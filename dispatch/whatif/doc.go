// Package whatif runs past reports again, by another way to choose who goes or with
// other patrols, and compares when somebody would have been there with when somebody was.
//
// # What it is not
//
// It writes nothing and asks nobody who is on duty now. What happened comes through the
// ports of this file, roads answer how long a way is, and the rest is arithmetic: the
// same past gives the same figures, byte for byte.
//
// # Model
//
// Each called department of a past report is a part that waits for one patrol. The
// clock goes from one thing that happens to the next: a report comes in, a window
// closes, a patrol is done, a shift begins, somebody has waited too long. At each of
// them the policy gives patrols to the parts that wait.
//
//   - A patrol that was not sent stands where its track says, or, of a roster, at its
//     post. One whose last fix is older than LostAfter is not sent.
//   - Who is sent is there after the way by road and Slack, which is how much longer than
//     promised people really took in that time; stays as long as the patrols that were
//     really there, or as is usual for its department; then is free where it is, and back
//     on its own way as soon as it could have walked or driven there in a straight line.
//   - A part for which nobody is free waits. After GiveUp nobody comes any more.
//
// What this leaves out: skills, how many people come with a patrol, where it works, whose
// turn it is among those who are there within a minute, breaks, who declines, who does
// not answer, and that a patrol's track bends towards the case it was really sent to.
// The current policy is played by the same rules, so compare columns that were played with one another, and look at
// what really happened to see how far the play is from it.
package whatif

import (
	"context"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

const (
	// LostAfter is how old a patrol's last fix may be for it to be sent.
	LostAfter = 10 * time.Minute
	// GiveUp is how long a part waits for a patrol.
	GiveUp = 2 * time.Hour
	// WarmUp is how long before the first report that counts the play begins, so that not
	// everybody is free then.
	WarmUp = 2 * time.Hour
	// usualStay is how long a patrol stays where nothing is known of its department.
	usualStay = 30 * time.Minute
	// Grain is how far apart the fixes of a track are that the play looks at.
	Grain = 30 * time.Second
	// step is how much of the tracks is read at once.
	step = time.Hour
)

// Report is what somebody saw once, and who was called. At is when patrols were first
// wanted: when it came in, or when an operator sent.
type Report struct {
	Case     dispatch.CaseID
	Number   string
	Category string
	Urgent   bool
	Place    geo.Point
	Town     string
	At       time.Time
	Parts    []Part
}

// Part is one called department, and what really became of it.
type Part struct {
	Department string
	// ArrivedS is when its first patrol was there, in seconds after At; nil: nobody was.
	ArrivedS *float64
	// StayS is how long that one stayed, nil where nobody knows.
	StayS *float64
	// LateS is how much longer than promised it took from the offer on, nil where nothing
	// was promised.
	LateS *float64
}

// Patrol is one that was on duty then, or that a roster would have.
type Patrol struct {
	ID         dispatch.PatrolID
	Code       string
	Department string
	Mode       road.Mode
	// Post is where it stands when it is not sent; nil: where its track says.
	Post *geo.Point
	// Duty are the times it is on duty, in order.
	Duty []dispatch.Span
}

// Fix is where a patrol was.
type Fix struct {
	Patrol dispatch.PatrolID
	T      time.Time
	Point  geo.Point
}

// Past is what happened.
type Past interface {
	// Reports answers what was reported from one time to another (not included), by At.
	Reports(ctx context.Context, from, to time.Time) ([]Report, error)
	// OnDuty answers who was on duty between the two, by code.
	OnDuty(ctx context.Context, from, to time.Time) ([]Patrol, error)
	// Fixes answers where patrols were, in the order of time, of each at most one in
	// Grain.
	Fixes(ctx context.Context, from, to time.Time) ([]Fix, error)
}

// Roads answers how long ways are. *road.Switch is one.
type Roads interface {
	ManyToOne(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]road.Time, error)
}
