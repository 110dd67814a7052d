package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MissionView is a mission as somebody looks at it, with who is on it. May says that the
// viewer commands it; Cover, which names who stands where, is for those who send.
type MissionView struct {
	Mission
	Members []MissionMember `json:"members"`
	InPlace int             `json:"in_place"` // of the members that are under way or there
	Of      int             `json:"of"`
	May     bool            `json:"may_command"`
}

// MissionMember is a patrol that is on the mission, or would be, or was to the end.
type MissionMember struct {
	AssignmentID AssignmentID    `json:"assignment_id"`
	PatrolID     PatrolID        `json:"patrol_id"`
	Code         string          `json:"code"`
	Name         string          `json:"name"`
	Department   string          `json:"department"`
	Part         string          `json:"part"`
	State        AssignmentState `json:"state"`
	People       int             `json:"people"`
	Commands     bool            `json:"commands"`
	EtaS         *float64        `json:"eta_s"`
	DepartAt     *time.Time      `json:"depart_at"`
	ArrivesAt    *time.Time      `json:"arrives_at"`
	InPlaceAt    *time.Time      `json:"in_place_at"`
	// Relieves is the assignment that it takes over; nil for most. ShiftEndsAt is nil where
	// no shift covers the present.
	Relieves    *AssignmentID `json:"relieves"`
	ShiftEndsAt *time.Time    `json:"shift_ends_at"`
}

// missionView is the mission of a case for a viewer.
func (s *Service) missionView(ctx context.Context, v Viewer, c Case) (*MissionView, error) {
	if c.Mission == nil {
		return nil, nil
	}
	out := &MissionView{Mission: *c.Mission, Members: []MissionMember{}, May: c.Stage.Open() && Commands(v, c)}
	if out.Crews == nil {
		out.Crews = []Crew{}
	}
	for i := range out.Crews {
		if out.Crews[i].Skills == nil {
			out.Crews[i].Skills = []string{}
		}
	}
	if !May(v, ActDispatch) {
		out.Cover = nil
	}
	var ids []PatrolID
	for _, a := range c.Assignments {
		if a.Kind != KindDepartment || !(a.State.Active() || a.State == Done && c.counts(a) || a.State == Proposed) {
			continue
		}
		m := MissionMember{AssignmentID: a.ID, PatrolID: a.PatrolID, Code: a.PatrolCode, Name: a.PatrolName, Department: a.Department,
			Part: a.Part, State: a.State, People: max(1, a.People), EtaS: a.EtaS, DepartAt: a.DepartAt, ArrivesAt: a.ArrivesAt,
			InPlaceAt: a.InPlaceAt, Relieves: a.Relieves.OrNull()}
		m.Commands = c.Mission.Commander != nil && *c.Mission.Commander == a.PatrolID && a.State.Active()
		if a.State.Active() {
			out.Of++
			ids = append(ids, a.PatrolID)
			if a.InPlaceAt != nil {
				out.InPlace++
			}
		}
		out.Members = append(out.Members, m)
	}
	slices.SortStableFunc(out.Members, func(a, b MissionMember) int {
		lead := func(m MissionMember) int {
			if m.Part == PartLead {
				return 0
			}
			return 1
		}
		return lead(a) - lead(b)
	})
	if len(ids) == 0 || !out.May {
		return out, nil // when a shift ends is for who may find another
	}
	ends, err := s.Store.ShiftEnds(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ask when shifts end: %w", err)
	}
	for i := range out.Members {
		if at, ok := ends[out.Members[i].PatrolID]; ok && out.Members[i].State.Active() {
			out.Members[i].ShiftEndsAt = &at
		}
	}
	return out, nil
}
