package dispatch

import (
	"context"
	"fmt"
	"time"
)

// Shift is a stretch of duty of a patrol: planned, or begun by hand.
type Shift struct {
	ID       DutyID    `json:"id"`
	PatrolID PatrolID  `json:"patrol_id"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Source   string    `json:"source"` // shift, manual
}

// LongestShift is a bound against typing errors in dates, as in an import.
const LongestShift = 31 * 24 * time.Hour

// PatrolShifts lists the duties of a patrol that lie in a span of time, by when they
// begin. Whoever sees the patrol sees when it is on duty.
func (s *Service) PatrolShifts(ctx context.Context, v Viewer, id PatrolID, from, until time.Time) ([]Shift, error) {
	if _, err := s.Patrol(ctx, v, id); err != nil {
		return nil, err
	}
	r, err := s.Store.Holds(ctx, DutyHold, Hold{Patrol: id})
	if err != nil {
		return nil, err
	}
	out := []Shift{}
	for _, h := range r.Holds {
		if h.Meets(Span{from, until}) {
			out = append(out, shiftOf(h))
		}
	}
	return out, nil
}

func shiftOf(h Hold) Shift {
	return Shift{ID: h.ID, PatrolID: h.Patrol, From: h.From.UTC(), Until: h.Until.UTC(), Source: h.Source}
}

// ahead reads the ends of a shift that has not begun. What is past stays as it was:
// whoever was off duty was not tracked, and a shift laid afterwards would say that
// they might have been.
func ahead(now, from, until time.Time) (Span, error) {
	switch {
	case from.Before(now.Add(-nearlyNow)):
		return Span{}, invalid("/from", "lies in the past; duty is never given after the fact")
	case from.After(now.Add(MostAhead)):
		return Span{}, invalid("/from", "is more than a year ahead")
	case from.Before(now):
		from = now
	}
	return lasting(Span{from.UTC(), until.UTC()})
}

func lasting(s Span) (Span, error) {
	switch {
	case !s.Until.After(s.From):
		return Span{}, invalid("/until", "must be after from")
	case s.Until.Sub(s.From) > LongestShift:
		return Span{}, invalid("/until", "makes a shift longer than 31 days")
	}
	return s, nil
}

// AddShift plans a shift of a patrol.
func (s *Service) AddShift(ctx context.Context, v Viewer, id PatrolID, from, until time.Time) (Shift, error) {
	if _, err := s.managedPatrol(ctx, v, ActManagePeople, id); err != nil {
		return Shift{}, err
	}
	var made Shift
	err := s.Store.ChangeHolds(ctx, DutyHold, Hold{Patrol: id}, func(r Holds) (PeopleTurn, error) {
		when, err := ahead(r.Now, from, until)
		if err != nil {
			return PeopleTurn{}, err
		}
		want := Hold{ID: NewID[dutyKind](), Patrol: id, Source: "shift", Span: when}
		if err := s.free(r.Holds, want); err != nil {
			return PeopleTurn{}, err
		}
		made = shiftOf(want)
		return s.peopleTurn(v, DutyHold, "shift.added", r.Now, id, []Edit{{Now: &want}}, nil, when, facts{"duty": want.ID}, "")
	})
	return made, err
}

// free refuses a shift that meets another of the patrol.
func (s *Service) free(rows []Hold, want Hold) error {
	for _, row := range rows {
		if row.ID != want.ID && row.Meets(want.Span) {
			what := "a shift"
			if row.Source == "manual" {
				what = "a duty begun by hand"
			}
			return clash("shift-overlap", "/from", fmt.Sprintf("the patrol has %s %s", what, row.since(s.Zone)), "change or end that one first")
		}
	}
	return nil
}

// ShiftChange moves the ends of a shift; nil leaves one as it is.
type ShiftChange struct{ From, Until *time.Time }

// ChangeShift moves a shift's ends: of one that has begun only its end, of one that is
// over none.
func (s *Service) ChangeShift(ctx context.Context, v Viewer, id DutyID, in ShiftChange) (Shift, error) {
	var changed Shift
	err := s.changeDuty(ctx, v, id, func(r Holds, row Hold) (PeopleTurn, error) {
		next, err := row, error(nil)
		if in.Until != nil {
			next.Until = in.Until.UTC()
		}
		if row.From.After(r.Now) {
			if in.From != nil {
				next.From = in.From.UTC()
			}
			next.Span, err = ahead(r.Now, next.From, next.Until)
		} else if in.From != nil && !in.From.Equal(row.From) {
			err = invalid("/from", "has passed; only the end of a shift that has begun can be changed")
		} else if next.Until.Before(r.Now) {
			err = invalid("/until", "lies in the past; end the shift instead")
		} else {
			next.Span, err = lasting(next.Span)
		}
		if err == nil {
			err = s.free(r.Holds, next)
		}
		if err != nil {
			return PeopleTurn{}, err
		}
		changed = shiftOf(next)
		return s.peopleTurn(v, DutyHold, "shift.changed", r.Now, row.Patrol, []Edit{{&row, &next}}, nil, next.Span, facts{"duty": id, "was": row.told()}, "")
	})
	return changed, err
}

// EndShift ends a shift that has begun, and takes back one that has not.
func (s *Service) EndShift(ctx context.Context, v Viewer, id DutyID) error {
	return s.changeDuty(ctx, v, id, func(r Holds, row Hold) (PeopleTurn, error) {
		return s.peopleTurn(v, DutyHold, "shift.ended", r.Now, row.Patrol, []Edit{cut(row, r.Now)}, nil, Span{row.From, r.Now}, facts{"duty": id, "was": row.told()}, "")
	})
}

func (s *Service) changeDuty(ctx context.Context, v Viewer, id DutyID, decide func(Holds, Hold) (PeopleTurn, error)) error {
	if err := manages(v, ActManagePeople); err != nil {
		return err
	}
	patrol, err := s.Store.PatrolOfDuty(ctx, id)
	if err != nil {
		return err
	}
	if _, err := s.managedPatrol(ctx, v, ActManagePeople, patrol); KindOf(err) == NotFound {
		return hidden("shift")
	} else if err != nil {
		return err
	}
	return s.Store.ChangeHolds(ctx, DutyHold, Hold{Patrol: patrol}, func(r Holds) (PeopleTurn, error) {
		for _, row := range r.Holds {
			if row.ID != id {
				continue
			}
			if !row.endsAfter(r.Now) {
				return PeopleTurn{}, &Fault{Kind: Conflict, Code: "shift-over", Detail: "This shift is over; what is past stays as it was."}
			}
			return decide(r, row)
		}
		return PeopleTurn{}, hidden("shift")
	})
}
