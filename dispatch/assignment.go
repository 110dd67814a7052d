package dispatch

import (
	"slices"
	"time"
)

// The kinds of assignment.
const (
	KindFirstLook  = "first_look" // the responsible grid's worker looks first
	KindDepartment = "department"
)

// AssignmentState is how far one patrol has come with one case.
type AssignmentState string

// The states of an assignment.
const (
	Proposed AssignmentState = "proposed" // of a plan that an operator has yet to send
	Offered  AssignmentState = "offered"
	Taken    AssignmentState = "accepted"
	OnTheWay AssignmentState = "en_route"
	There    AssignmentState = "on_scene"
	Done     AssignmentState = "done"
	Declined AssignmentState = "declined"
	Expired  AssignmentState = "expired"
	Recalled AssignmentState = "recalled"
)

// Active says whether the assignment holds its patrol.
func (s AssignmentState) Active() bool {
	return slices.Contains([]AssignmentState{Offered, Taken, OnTheWay, There}, s)
}

// Assignment sends one patrol to one case.
type Assignment struct {
	ID         AssignmentID    `json:"id"`
	Kind       string          `json:"kind"`
	Department string          `json:"department"`
	PatrolID   PatrolID        `json:"patrol_id"`
	PatrolCode string          `json:"patrol_code"`
	PatrolName string          `json:"patrol_name"`
	State      AssignmentState `json:"state"`
	EtaS       *float64        `json:"eta_s"`
	RoadM      *float64        `json:"road_m"`
	Mode       Mode            `json:"mode"`
	EtaKind    *string         `json:"eta_kind"`
	FixAgeS    *float64        `json:"fix_age_s"`
	OfferedAt  *time.Time      `json:"offered_at"`
	ExpiresAt  *time.Time      `json:"expires_at"`
	ArrivedAt  *time.Time      `json:"arrived_at"`
	Candidates []Candidate     `json:"candidates"`

	// What follows is for the rules and never leaves through a door. LeavesAt is
	// when the offer goes out, nil once it has gone. Reason says why it ended.
	Part     string     `json:"-"`
	PlanID   PlanID     `json:"-"`
	LeavesAt *time.Time `json:"-"`
	EndedAt  *time.Time `json:"-"`
	MadeAt   time.Time  `json:"-"`
	Reason   string     `json:"-"`
	// People and Brings are what came with the patrol when it was sent: how many, and
	// their skills.
	People int      `json:"-"`
	Brings []string `json:"-"`
	// DepartAt is when it is to leave, so that all arrive together, ArrivesAt when it is
	// expected where they meet, InPlaceAt when it was there. All nil until known.
	DepartAt  *time.Time `json:"-"`
	ArrivesAt *time.Time `json:"-"`
	InPlaceAt *time.Time `json:"-"`
	// Relieves is the assignment that this one takes over on arrival; zero for most.
	Relieves AssignmentID `json:"-"`
	// ShiftEndsAt is when the shift ends of a patrol that was told to hand over.
	ShiftEndsAt *time.Time `json:"-"`
}

// Candidate is a patrol that was looked at for an assignment. Rank 1 would be
// sent first; one that cannot be sent has no rank and a reason.
type Candidate struct {
	PatrolID        PatrolID `json:"patrol_id"`
	Code            string   `json:"code"`
	Name            string   `json:"name"`
	Rank            *int     `json:"rank"`
	Mode            Mode     `json:"mode"`
	EtaS            *float64 `json:"eta_s"`
	RoadM           *float64 `json:"road_m"`
	AirM            *float64 `json:"air_m"`
	EtaKind         *string  `json:"eta_kind"`
	EtaBasis        *string  `json:"eta_basis,omitempty"` // see road.Version.Basis; older ones have none
	EtaLowS         *float64 `json:"eta_low_s,omitempty"` // see Promise; absent without evidence
	EtaHighS        *float64 `json:"eta_high_s,omitempty"`
	Roads           *string  `json:"roads_version,omitempty"` // see road.Version; older ones have none
	FixAgeS         *float64 `json:"fix_age_s"`
	Lon             *float64 `json:"lon"`
	Lat             *float64 `json:"lat"`
	RejectedBecause *string  `json:"rejected_because"`
}
