package dispatch

import (
	"context"
	"errors"
	"fmt"
)

// SetStatus changes what a patrol is doing, if nobody changed it since version.
// Only free, break and off_duty are set by hand: the others follow from what is
// answered to an assignment. Off duty ends the present duty; free begins one when
// there is none.
func (s *Service) SetStatus(ctx context.Context, v Viewer, id PatrolID, to Status, version int64) (Patrol, error) {
	switch to {
	case Free, Break, OffDuty:
	case Assigned, EnRoute, OnScene:
		return Patrol{}, &Fault{Kind: Conflict, Code: "answer-the-assignment",
			Detail: "This status follows from an assignment; answer the assignment instead.",
			Fields: []FieldFault{{"/status", "must be free, break or off_duty"}}}
	default:
		return Patrol{}, invalid("/status", "must be free, break or off_duty")
	}
	return s.setStatus(ctx, v, id, to, version)
}

// SetDuty puts the viewer's own patrol on or off duty.
func (s *Service) SetDuty(ctx context.Context, v Viewer, on bool) (Patrol, error) {
	if v.Patrol.IsZero() {
		return Patrol{}, &Fault{Kind: Conflict, Code: "no-patrol", Detail: "You belong to no patrol at present; ask an operator to put you in one."}
	}
	to := OffDuty
	if on {
		to = Free
	}
	return s.setStatus(ctx, v, v.Patrol, to, 0)
}

func (s *Service) setStatus(ctx context.Context, v Viewer, id PatrolID, to Status, version int64) (Patrol, error) {
	p, err := s.Store.Patrol(ctx, id)
	if err != nil {
		return Patrol{}, err
	}
	if !Visible(v, p.Scope) {
		return Patrol{}, hidden("patrol")
	}
	need := ActCommandPatrol
	if v.Patrol == id {
		need = ActSetStatus
	}
	if err := allow(v, need); err != nil {
		return Patrol{}, err
	}
	err = s.Store.ChangePatrol(ctx, id, func(h Held) (PatrolTurn, error) {
		if version != 0 && version != h.Version {
			return PatrolTurn{}, &Fault{Kind: Conflict, Code: CodeOldVersion,
				Detail: fmt.Sprintf("The patrol has version %d by now, not %d; read it again before changing it.", h.Version, version)}
		}
		if !h.ClaimedBy.IsZero() {
			return PatrolTurn{}, &Fault{Kind: Conflict, Code: "patrol-claimed",
				Detail: "The patrol has an assignment; finish or decline it first."}
		}
		change := DutyStays
		switch {
		case to == OffDuty && h.OnDuty:
			change = DutyEnds
		case to != OffDuty && !h.OnDuty:
			change = DutyBegins
		case to == h.Status:
			return PatrolTurn{}, errNothingToDo
		}
		return patrolTurn(h, to, change, v)
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return Patrol{}, err
	}
	s.Wake()
	p, err = s.Store.Patrol(ctx, id)
	if err != nil {
		return Patrol{}, err
	}
	s.place(&p.Patrol)
	return p.Patrol, s.hide(ctx, v, &p)
}

func patrolTurn(h Held, to Status, change DutyChange, actor Viewer) (PatrolTurn, error) {
	e, err := newChange("patrol.status", h.Now, h.District, CaseID{}, h.ID, actor, facts{"from": h.Status, "to": to},
		facts{"status": h.Status, "on_duty": h.OnDuty}, facts{"status": to, "on_duty": change == DutyBegins || change == DutyStays && h.OnDuty})
	if err != nil {
		return PatrolTurn{}, err
	}
	return PatrolTurn{
		Move:   PatrolMove{ID: h.ID, Version: h.Version, To: to},
		Duty:   change,
		Events: []Event{e},
		Tell: []Announcement{{District: h.District, Patrol: &PatrolChanged{
			ID: h.ID, Department: h.Department, Status: to, Version: h.Version + 1}}},
	}, nil
}

// Shifts sets patrols free whose duty has begun and off duty whose duty has ended.
// A patrol that is claimed finishes first.
func (s *Service) Shifts(ctx context.Context) error {
	n, err := s.Store.Shifts(ctx, func(h Held, to Status) (PatrolTurn, error) {
		return patrolTurn(h, to, DutyStays, system)
	})
	if err != nil {
		return fmt.Errorf("change shifts: %w", err)
	}
	if n > 0 {
		s.Wake()
	}
	return nil
}
