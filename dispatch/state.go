package dispatch

import (
	"reflect"
	"time"
)

// state is what of a case an event speaks of when it changed. Where somebody is said
// by whom, when and why is in the event; this is only what it was and what it is.
type state struct {
	fields      map[string]any
	assignments map[AssignmentID]AssignmentState
}

func stateOf(c Case) state {
	s := state{fields: map[string]any{
		"stage": c.Stage, "dispatch": c.Dispatch, "category": c.Category, "urgency": c.Urgency, "due_at": timeOf(c.DueAt),
		"undo_until": timeOf(c.UndoUntil), "grid": c.Responsible.GridID, "owner": c.OwnerOf(), "map": c.MapID.OrNull(), "covert": c.Covert.state(), "commanders": len(c.Commanders),
	}, assignments: make(map[AssignmentID]AssignmentState, len(c.Assignments))}
	s.fields["mission"] = c.missionState()
	departments := make([]string, len(c.Departments))
	for i, d := range c.Departments {
		departments[i] = d.Part + ":" + d.Code
	}
	s.fields["departments"] = departments
	short := make([]string, len(c.Shortfalls))
	for i, f := range c.Shortfalls {
		short[i] = f.Department + ":" + string(f.Reason)
	}
	s.fields["shortfalls"] = short
	for _, a := range c.Assignments {
		s.assignments[a.ID] = a.State
	}
	return s
}

func timeOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC()
}

// differs says whether anything of the case is not as it was.
func (s state) differs(c Case) bool {
	before, _ := s.changes(c) // of a copy
	return before != nil
}

// changes answers what of the case is not as it was, as it was and as it is, and takes
// it as known from here on. Both are nil where nothing changed.
func (s *state) changes(c Case) (before, after any) {
	is := stateOf(c)
	was, now := facts{}, facts{}
	for key, value := range is.fields {
		if !reflect.DeepEqual(s.fields[key], value) {
			was[key], now[key] = s.fields[key], value
		}
	}
	old, new := facts{}, facts{}
	for id, state := range is.assignments {
		if had, there := s.assignments[id]; !there {
			old[id.String()], new[id.String()] = nil, state
		} else if had != state {
			old[id.String()], new[id.String()] = had, state
		}
	}
	for id, had := range s.assignments {
		if _, there := is.assignments[id]; !there {
			old[id.String()], new[id.String()] = had, nil
		}
	}
	if len(new) > 0 {
		was["assignments"], now["assignments"] = old, new
	}
	*s = is
	if len(now) == 0 {
		return nil, nil
	}
	return was, now
}
