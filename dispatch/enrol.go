package dispatch

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// EnrolWithin is how long a one-time code is good.
const EnrolWithin = 15 * time.Minute

// enrolAgainWithin is how long the phone that used a code may ask for its token again,
// because the answer was lost on the way.
const enrolAgainWithin = 5 * time.Minute

// DeviceTokenTTL is how long an enrolled device is let in before it must enrol again.
const DeviceTokenTTL = 365 * 24 * time.Hour

// Enrolment is a one-time code without the code.
type Enrolment struct {
	ID        EnrolmentID `json:"id"`
	Patrol    PatrolRef   `json:"patrol"`
	StaffID   *StaffID    `json:"staff_id"`
	MadeAt    time.Time   `json:"made_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	UsedAt    *time.Time  `json:"used_at"`
	DeviceID  *DeviceID   `json:"device_id"`
	State     string      `json:"state"` // open, used, expired, withdrawn

	Withdrawn bool      `json:"-"`
	Install   uuid.UUID `json:"-"`
	Now       time.Time `json:"-"`
	Scope     Thing     `json:"-"`
	// Devices is how many devices the patrol has had, for the next one's code.
	Devices int `json:"-"`
}

// state says what has become of a code.
func (e *Enrolment) state() {
	switch {
	case e.UsedAt != nil:
		e.State = "used"
	case e.Withdrawn:
		e.State = "withdrawn"
	case !e.ExpiresAt.After(e.Now):
		e.State = "expired"
	default:
		e.State = "open"
	}
}

// OpenEnrolment keeps a code, which the door has made, for a patrol; staff says for
// whose phone it is, if anybody's.
func (s *Service) OpenEnrolment(ctx context.Context, v Viewer, patrol PatrolID, staff StaffID, codeHash []byte) (Enrolment, error) {
	if err := manages(v, ActEnrolDevice); err != nil {
		return Enrolment{}, err
	}
	if _, err := s.managedPatrol(ctx, v, ActEnrolDevice, patrol); KindOf(err) == NotFound {
		return Enrolment{}, invalid("/patrol_id", "names no patrol within your scope")
	} else if err != nil {
		return Enrolment{}, err
	}
	if !staff.IsZero() {
		if _, err := s.managedPerson(ctx, v, staff); err != nil {
			return Enrolment{}, err
		}
	}
	in := NewEnrolment{ID: NewID[enrolmentKind](), CodeHash: codeHash, Patrol: patrol, Staff: staff, MadeBy: v.Account, TTL: EnrolWithin}
	made, err := s.Store.OpenEnrolment(ctx, in, func(now time.Time) (PeopleTurn, error) {
		e, err := newChange("enrolment.opened", now, s.District, CaseID{}, patrol, v, facts{"enrolment": in.ID, "staff": staff.OrNull()},
			nil, facts{"state": "open", "expires_at": now.Add(in.TTL).UTC()})
		return PeopleTurn{Events: []Event{e}}, err
	})
	made.state()
	return made, err
}

// Enrolment says what has become of a code.
func (s *Service) Enrolment(ctx context.Context, v Viewer, id EnrolmentID) (Enrolment, error) {
	if err := manages(v, ActEnrolDevice); err != nil {
		return Enrolment{}, err
	}
	e, err := s.Store.Enrolment(ctx, id)
	if err != nil {
		return Enrolment{}, err
	}
	if !Manages(v, ActEnrolDevice, e.Scope) {
		return Enrolment{}, hidden("enrolment")
	}
	e.state()
	return e, nil
}

// WithdrawEnrolment makes a code worthless that nobody has used yet.
func (s *Service) WithdrawEnrolment(ctx context.Context, v Viewer, id EnrolmentID) error {
	if _, err := s.Enrolment(ctx, v, id); err != nil {
		return err
	}
	return s.Store.WithdrawEnrolment(ctx, id, func(e Enrolment) (PeopleTurn, error) {
		if e.state(); e.State == "used" {
			return PeopleTurn{}, &Fault{Kind: Conflict, Code: "enrolment-used", Detail: "The code was used already; report the device lost if it should not have been."}
		}
		event, err := newChange("enrolment.withdrawn", e.Now, s.District, CaseID{}, e.Patrol.ID, v, facts{"enrolment": id},
			facts{"state": e.State}, facts{"state": "withdrawn"})
		return PeopleTurn{Events: []Event{event}}, err
	})
}

// Redemption is a phone that shows a code. Install is an identifier that the phone
// made for itself; Token is what it is to be given.
type Redemption struct {
	CodeHash []byte
	Name     string
	Model    string
	Install  uuid.UUID
	Token    TokenHash
	From     string // the address that it came from
}

// Redeemed is the device that a phone has become.
type Redeemed struct {
	Device DeviceID
	Code   string
	Patrol PatrolRef
}

// CodeBadEnrolment is the fault of a code that opens nothing, whatever the reason: a
// guesser learns nothing from it.
const CodeBadEnrolment = "enrolment-code"

func badCode() error {
	return &Fault{Kind: Invalid, Code: CodeBadEnrolment,
		Detail: "This code opens nothing: it is mistyped, was used, or is older than 15 minutes. Check it, or ask for a new one.",
		Fields: []FieldFault{{"/code", "is not good"}}}
}

// Redeem makes the phone that shows a good code a device of the code's patrol, from
// now on.
func (s *Service) Redeem(ctx context.Context, in Redemption) (Redeemed, error) {
	var out Redeemed
	err := s.Store.Redeem(ctx, in.CodeHash, func(e Enrolment) (PeopleTurn, error) {
		e.state()
		out.Patrol = e.Patrol
		give := &EnrolledDevice{Enrolment: e.ID, Name: in.Name, Model: in.Model, Install: in.Install, Token: in.Token}
		turn := PeopleTurn{Kind: BindingHold, Enrol: give}
		kind := "device.enrolled"
		switch {
		case e.State == "open":
			give.ID, give.Code = NewID[deviceKind](), deviceCode(e)
			turn.Edits = []Edit{{Now: &Hold{Device: give.ID, Patrol: e.Patrol.ID, Span: Span{From: e.Now}}}}
		case e.State == "used" && e.Install == in.Install && e.Now.Before(e.UsedAt.Add(enrolAgainWithin)):
			give.ID, give.Again = *e.DeviceID, true
			kind = "device.enrolled_again"
		default:
			return PeopleTurn{}, badCode()
		}
		out.Device = give.ID
		before, after := told(turn.Edits)
		event, err := newChange(kind, e.Now, s.District, CaseID{}, e.Patrol.ID, Viewer{Device: give.ID, Role: RoleDevice, From: in.From},
			facts{"device": give.ID, "enrolment": e.ID}, before, after)
		turn.Events = []Event{event}
		return turn, err
	})
	if KindOf(err) == NotFound {
		return Redeemed{}, badCode()
	}
	if err != nil {
		return Redeemed{}, err
	}
	made, err := s.Store.Device(ctx, out.Device)
	out.Code = made.Code
	return out, err
}

// deviceCode names a patrol's next device: P-07-3 is its third.
func deviceCode(e Enrolment) string {
	return e.Patrol.Code + "-" + strconv.Itoa(e.Devices+1)
}
