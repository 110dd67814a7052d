package dispatch

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// PeopleStore keeps the dated register: who is in which patrol, who has which part in
// which grid, which device speaks for whom, and when a patrol is on duty.
type PeopleStore interface {
	// ChangeHolds locks all that may clash with holds like key, asks decide what is to
	// be written, and commits it. key names the person of a member, the grid of a post,
	// the device of a binding, the patrol of a duty.
	ChangeHolds(ctx context.Context, k HoldKind, key Hold, decide func(Holds) (PeopleTurn, error)) error
	// Holds reads the same rows without a lock.
	Holds(ctx context.Context, k HoldKind, key Hold) (Holds, error)
	Person(ctx context.Context, id StaffID) (Person, error)
	// People lists the people whom a viewer with this scope may manage, by code.
	People(ctx context.Context, v Viewer, f PeopleFilter) (Page[Person], error)
	// Grid answers what a grid's code is and where it lies.
	Grid(ctx context.Context, id GridID) (GridRef, error)
	// PatrolPeople answers who is in a patrol at a time (nil: at present), who will be,
	// and whether it is on duty then.
	PatrolPeople(ctx context.Context, id PatrolID, at *time.Time) (PatrolPeople, error)
	// Phones answers the telephones of those of these people whom the viewer may call.
	Phones(ctx context.Context, v Viewer, ids []StaffID) (map[StaffID]string, error)
	// PatrolOfDuty answers whose a duty is.
	PatrolOfDuty(ctx context.Context, id DutyID) (PatrolID, error)
	Device(ctx context.Context, id DeviceID) (Device, error)
	// Devices lists the devices of patrols that a viewer with this scope may manage, by
	// code; one that was never bound is in nobody's area.
	Devices(ctx context.Context, v Viewer, f DeviceFilter) (Page[Device], error)

	// OpenEnrolment keeps a one-time code, and withdraws those still open of the same
	// patrol and person.
	OpenEnrolment(ctx context.Context, e NewEnrolment, decide func(now time.Time) (PeopleTurn, error)) (Enrolment, error)
	Enrolment(ctx context.Context, id EnrolmentID) (Enrolment, error)
	WithdrawEnrolment(ctx context.Context, id EnrolmentID, decide func(Enrolment) (PeopleTurn, error)) error
	// Redeem locks the enrolment of a code and writes what decide answers for it.
	Redeem(ctx context.Context, codeHash []byte, decide func(Enrolment) (PeopleTurn, error)) error
}

// Holds is the rows of a kind that lie locked on the table.
type Holds struct {
	Now   time.Time
	Holds []Hold
}

// PeopleTurn is what one decision about people, shifts and devices writes.
type PeopleTurn struct {
	Kind   HoldKind
	Edits  []Edit
	Events []Event
	// Revoke ends a device with everything that opens a door to it.
	Revoke DeviceID
	// Enrol makes a device, or gives one that is there a new token and ends its others.
	Enrol *EnrolledDevice
}

// EnrolledDevice is a device and the token it is given, as a hash.
type EnrolledDevice struct {
	ID        DeviceID
	Again     bool // the device is there; only its token is new
	Code      string
	Name      string
	Model     string
	Enrolment EnrolmentID
	Install   uuid.UUID
	Token     TokenHash
}

// TokenHash is a new token as the register keeps it.
type TokenHash struct {
	ID   uuid.UUID
	Hash []byte
	Hint string
	TTL  time.Duration
}

// NewEnrolment is a one-time code, as a hash, that makes a phone a patrol's device.
type NewEnrolment struct {
	ID       EnrolmentID
	CodeHash []byte
	Patrol   PatrolID
	Staff    StaffID
	MadeBy   AccountID
	TTL      time.Duration
}

// GridRef is a grid's code, name and place in the district.
type GridRef struct {
	ID    GridID
	Code  string
	Name  string
	Scope Thing
}

// PatrolPeople is who is in a patrol at a time.
type PatrolPeople struct {
	At      time.Time
	Members []Member
	Planned []Member
	OnDuty  bool
}
