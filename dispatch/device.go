package dispatch

import (
	"context"
	"time"
)

// Device is what speaks for a patrol. LastSeen is when it was last heard at all, T its
// newest fix that was kept; neither says where.
type Device struct {
	ID         DeviceID   `json:"id"`
	Code       string     `json:"code"`
	Name       *string    `json:"name"`
	Model      *string    `json:"model"`
	Simulated  bool       `json:"simulated"`
	Patrol     *PatrolRef `json:"patrol"`
	BoundSince *time.Time `json:"bound_since"`
	EnrolledAt *time.Time `json:"enrolled_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastSeen   *time.Time `json:"last_seen"`
	T          *time.Time `json:"t"`
	Battery    *float64   `json:"battery"`
	Presence   Presence   `json:"presence"`
	Tokens     int        `json:"tokens"` // that open a door at present

	Scope Thing `json:"-"`
}

// DeviceFilter chooses among devices; empty chooses all.
type DeviceFilter struct {
	Patrol PatrolID
	// Revoked takes in those that were reported lost.
	Revoked bool
	PageAsk
}

// Devices lists the devices of patrols that the viewer may manage.
func (s *Service) Devices(ctx context.Context, v Viewer, f DeviceFilter) (Page[Device], error) {
	if err := manages(v, ActManagePeople); err != nil {
		return Page[Device]{}, err
	}
	page, err := s.Store.Devices(ctx, v, f)
	if err != nil {
		return Page[Device]{}, err
	}
	for i := range page.Items {
		s.presence(&page.Items[i])
	}
	return page, nil
}

// Device answers one device.
func (s *Service) Device(ctx context.Context, v Viewer, id DeviceID) (Device, error) {
	d, err := s.managedDevice(ctx, v, ActManagePeople, id)
	if err != nil {
		return Device{}, err
	}
	s.presence(&d)
	return d, nil
}

// presence is the patrol's where this device is the one, or one of those, that it
// comes from: the index is a little ahead of the disk.
func (s *Service) presence(d *Device) {
	d.Presence = Lost
	if d.T == nil || d.Patrol == nil {
		return
	}
	if at, ok := s.Live.Position(d.Patrol.ID); ok && !at.T.After(d.T.Add(time.Minute)) {
		d.Presence = at.Presence
	}
}

func (s *Service) managedDevice(ctx context.Context, v Viewer, a Action, id DeviceID) (Device, error) {
	if err := manages(v, a); err != nil {
		return Device{}, err
	}
	d, err := s.Store.Device(ctx, id)
	if err != nil {
		return Device{}, err
	}
	if !Manages(v, a, d.Scope) {
		return Device{}, hidden("device")
	}
	return d, nil
}

// NewBinding makes a device speak for a patrol from a time on, and no longer for
// another.
type NewBinding struct {
	Patrol PatrolID
	From   *time.Time
	Reason string
}

// BindDevice lets a device speak for a patrol. Fixes belong to whom the device spoke
// for at their own time, so what is still on its way stays with the patrol before.
func (s *Service) BindDevice(ctx context.Context, v Viewer, id DeviceID, in NewBinding) (Device, error) {
	d, err := s.managedDevice(ctx, v, ActManagePeople, id)
	if err != nil {
		return Device{}, err
	}
	if d.RevokedAt != nil {
		return Device{}, &Fault{Kind: Conflict, Code: "device-revoked", Detail: "The device was reported lost; enrol it anew as another device."}
	}
	if _, err := s.managedPatrol(ctx, v, ActManagePeople, in.Patrol); KindOf(err) == NotFound {
		return Device{}, invalid("/patrol_id", "names no patrol within your scope")
	} else if err != nil {
		return Device{}, err
	}
	err = s.Store.ChangeHolds(ctx, BindingHold, Hold{Device: id}, func(r Holds) (PeopleTurn, error) {
		when, err := span(r.Now, in.From, nil, in.Reason)
		if err != nil {
			return PeopleTurn{}, err
		}
		if h, ok := inForce(r.Holds, when.From, func(Hold) bool { return true }); ok && h.Patrol == in.Patrol && h.Until.IsZero() {
			return PeopleTurn{}, clash("already-bound", "/patrol_id", "the device speaks for this patrol already, "+h.since(s.Zone), "")
		}
		edits, displaced := lay(BindingHold, r.Holds, Hold{Device: id, Patrol: in.Patrol, Span: when})
		return s.peopleTurn(v, BindingHold, "device.bound", r.Now, in.Patrol, edits, displaced, when, facts{"device": id}, in.Reason)
	})
	if err != nil {
		return Device{}, err
	}
	return s.Device(ctx, v, id)
}

// UnbindDevice lets a device speak for nobody.
func (s *Service) UnbindDevice(ctx context.Context, v Viewer, id DeviceID, end Ending) (Device, error) {
	if _, err := s.managedDevice(ctx, v, ActManagePeople, id); err != nil {
		return Device{}, err
	}
	err := s.Store.ChangeHolds(ctx, BindingHold, Hold{Device: id}, func(r Holds) (PeopleTurn, error) {
		turn, err := s.endHold(v, BindingHold, "device.unbound", r, PatrolID{}, end, facts{"device": id}, "The device speaks for nobody",
			func(Hold) bool { return true })
		return turn, err
	})
	if err != nil {
		return Device{}, err
	}
	return s.Device(ctx, v, id)
}

// RevokeDevice ends a device that is lost: its tokens, its sockets within a second on
// every node, and that it speaks for anybody. To do it twice is no error.
func (s *Service) RevokeDevice(ctx context.Context, v Viewer, id DeviceID, reason string) (Device, error) {
	d, err := s.managedDevice(ctx, v, ActRevokeDevice, id)
	if err != nil || d.RevokedAt != nil {
		return d, err
	}
	err = s.Store.ChangeHolds(ctx, BindingHold, Hold{Device: id}, func(r Holds) (PeopleTurn, error) {
		return revocation(s.District, v, id, r, reason)
	})
	if err != nil {
		return Device{}, err
	}
	return s.Device(ctx, v, id)
}

// Revoke is RevokeDevice for whoever has the database in hand.
func Revoke(ctx context.Context, store PeopleStore, district DistrictID, id DeviceID, reason string) error {
	return store.ChangeHolds(ctx, BindingHold, Hold{Device: id}, func(r Holds) (PeopleTurn, error) {
		return revocation(district, Viewer{District: district, From: FromCommand}, id, r, reason)
	})
}

func revocation(district DistrictID, v Viewer, id DeviceID, r Holds, reason string) (PeopleTurn, error) {
	turn := PeopleTurn{Kind: BindingHold, Revoke: id}
	detail := facts{"device": id}
	if reason != "" {
		detail["reason"] = reason
	}
	var patrol PatrolID
	for _, h := range r.Holds {
		if h.endsAfter(r.Now) {
			if h.Holds(r.Now) {
				patrol = h.Patrol
			}
			turn.Edits = append(turn.Edits, cut(h, r.Now))
		}
	}
	before, after := told(turn.Edits)
	e, err := newChange("device.revoked", r.Now, district, CaseID{}, patrol, v, detail, before, after)
	turn.Events = []Event{e}
	return turn, err
}
