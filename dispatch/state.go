package dispatch

import (
	"maps"
	"reflect"
	"slices"
	"time"
)

// state is what of a case an event speaks of when it changed. Where somebody is said
// by whom, when and why is in the event; this is only what it was and what it is.
type state struct {
	fields      map[string]any
	assignments map[AssignmentID]AssignmentState
	clocks      map[ClockName]facts
}

func stateOf(c Case) state {
	s := state{fields: map[string]any{
		"stage": c.Stage, "dispatch": c.Dispatch, "category": c.Category, "urgency": c.Urgency, "due_at": timeOf(c.DueAt),
		"undo_until": timeOf(c.UndoUntil), "grid": c.Responsible.GridID, "owner": c.OwnerOf(), "map": c.MapID.OrNull(), "covert": c.Covert.state(), "commanders": commandersOf(c),
	}, assignments: make(map[AssignmentID]AssignmentState, len(c.Assignments))}
	s.fields["mission"] = c.missionState()
	s.fields["shift_ends"] = c.handOverState()
	c.Flow.state(s.fields)
	s.clocks = make(map[ClockName]facts, len(c.Clocks))
	for _, k := range c.Clocks {
		s.clocks[k.Name] = facts{"due_at": k.DueAt.UTC(), "rung": k.Rung, "paused": k.Paused}
	}
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

// commandersOf names who was let in to a covert case, in one order.
func commandersOf(c Case) []string {
	out := make([]string, len(c.Commanders))
	for i, id := range c.Commanders {
		out[i] = id.String()
	}
	slices.Sort(out)
	return out
}

// state adds what a case's way has left behind: orders, requests, how often it was urged,
// returned and extended. Who handled it is the actors of its events.
func (f Flow) state(into map[string]any) {
	into["supervision"], into["ask"], into["return"], into["drawn"], into["joined"] = nil, nil, nil, nil, nil
	if s := f.Supervision; s != nil {
		into["supervision"] = facts{"level": s.Level, "by": s.By, "due_at": s.DueAt.UTC(), "answered_at": timeOf(s.AnsweredAt)}
	}
	if a := f.Ask; a != nil {
		into["ask"] = facts{"for": a.For, "days": a.Days, "until": timeOf(a.Until)}
	}
	if r := f.Return; r != nil {
		into["return"] = facts{"from": r.From, "proposed": r.Proposed}
	}
	if f.Drawn != nil {
		into["drawn"] = *f.Drawn
	}
	if j := f.Joined; j != nil {
		into["joined"] = j.Number
	}
	into["returns"], into["extensions"], into["urged"], into["reopened"] = f.Returns, f.Extensions, f.Urged, f.Reopened
	into["ruled"], into["tier"], into["suspended_until"], into["urged_at"] = f.Ruled, f.Tier, timeOf(f.Until), timeOf(f.UrgedAt)
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

// severally are the fields of which only what changed is said, one by one.
var severally = []string{"clocks", "assignments"}

// merged is a change and the one that followed it as one: what was before the first, what
// is after the second.
func merged(before, after, then, now any) (was, is any) {
	first, last := facts{}, facts{}
	for _, from := range []any{before, then} { // what was first stays
		if f, ok := from.(facts); ok {
			for key, v := range f {
				if old, there := first[key]; !there {
					first[key] = v
				} else if slices.Contains(severally, key) {
					both := maps.Clone(v.(facts))
					maps.Copy(both, old.(facts))
					first[key] = both
				}
			}
		}
	}
	for _, to := range []any{after, now} { // what is last counts
		if f, ok := to.(facts); ok {
			for key, v := range f {
				if old, there := last[key]; there && slices.Contains(severally, key) {
					both := maps.Clone(old.(facts))
					maps.Copy(both, v.(facts))
					v = both
				}
				last[key] = v
			}
		}
	}
	return first, last
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
	gone, runs := facts{}, facts{}
	for n, k := range is.clocks {
		if had, there := s.clocks[n]; !there {
			gone[string(n)], runs[string(n)] = nil, k
		} else if !reflect.DeepEqual(had, k) {
			gone[string(n)], runs[string(n)] = had, k
		}
	}
	for n, had := range s.clocks {
		if _, there := is.clocks[n]; !there {
			gone[string(n)], runs[string(n)] = had, nil
		}
	}
	if len(runs) > 0 {
		was["clocks"], now["clocks"] = gone, runs
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
