package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ShiftEnds is the reason of an operator's item of a patrol whose shift ends while it is on
// a case. No plan gives it: it is no shortfall, somebody is there.
const ShiftEnds ShortfallReason = "shift_ends"

// What a patrol is told of its hand-over.
const (
	HandOverShiftEnds  = "shift_ends"  // find somebody who takes over
	HandOverReliefGoes = "relief_goes" // somebody is on the way
	HandOverNotNeeded  = "not_needed"  // the shift goes on
)

// mostPrompts bounds how many patrols are told at one tick; the rest follows with the next.
const mostPrompts = 100

// waitingStages are those in which nobody is sent to a case or ordered on it before it is
// dispatched again.
var waitingStages = []Stage{StageReturned, StageRuled, StageReopened, StageSuspended, StageSelfHandled, StageVerifying, StageFeedback}

// ShiftEnding is an assignment whose patrol is to be told that its shift ends, or, where EndsAt
// is nil, that it goes on after all.
type ShiftEnding struct {
	Case       CaseID
	Assignment AssignmentID
	EndsAt     *time.Time
}

// HandOverStore finds them.
type HandOverStore interface {
	// Endings answers the assignments under way of which a patrol is told what is not so any
	// more, or not told what is: that its shift ends within what the rules of the district
	// say, or has ended. Those of cases in the given stages are left out.
	Endings(ctx context.Context, but []Stage, limit int) ([]ShiftEnding, error)
}

// HandOvers tells patrols that are on a case, and the desk, that their shift ends.
func (s *Service) HandOvers(ctx context.Context) error {
	ends, err := s.Store.Endings(ctx, waitingStages, mostPrompts)
	if err != nil {
		return fmt.Errorf("list whose shift ends: %w", err)
	}
	var faults []error
	for _, e := range ends {
		err := s.Store.Change(ctx, e.Case, nil, func(d Docket) (Turn, error) {
			t := newTurn(d, system)
			i := t.find(e.Assignment)
			if i < 0 || !t.Case.Assignments[i].State.Active() || sameTime(t.Case.Assignments[i].ShiftEndsAt, e.EndsAt) {
				return Turn{}, errNothingToDo
			}
			a := &t.Case.Assignments[i]
			a.ShiftEndsAt = e.EndsAt
			t.set(i)
			if e.EndsAt != nil {
				t.event("hand_over.due", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "reason": "its shift ends"})
			} else {
				t.event("hand_over.lifted", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "reason": "its shift goes on"})
			}
			return t.done()
		})
		switch {
		case errors.Is(err, errNothingToDo):
		case err != nil:
			faults = append(faults, fmt.Errorf("tell that the shift ends, case %s: %w", e.Case, err))
		default:
			s.Wake()
		}
	}
	return errors.Join(faults...)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// toHandOver is an assignment whose patrol is to hand over: when its shift ends, and the
// assignment that takes over, zero while nobody is on the way.
type toHandOver struct {
	department string
	endsAt     time.Time
	by         AssignmentID
}

// handOvers are the assignments of a case that are to be handed over.
func (c Case) handOvers() map[AssignmentID]toHandOver {
	var out map[AssignmentID]toHandOver
	for _, a := range c.Assignments {
		if a.ShiftEndsAt == nil || !a.State.Active() {
			continue
		}
		h := toHandOver{department: a.Department, endsAt: *a.ShiftEndsAt}
		if by, comes := c.relief(a.ID); comes {
			h.by = by.ID
		}
		if out == nil {
			out = map[AssignmentID]toHandOver{}
		}
		out[a.ID] = h
	}
	return out
}

// relief is who comes to take over from an assignment.
func (c Case) relief(id AssignmentID) (Assignment, bool) {
	i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.Relieves == id && a.State.Active() })
	if i < 0 {
		return Assignment{}, false
	}
	return c.Assignments[i], true
}

// relieves says whether an assignment is to take over from one that is there still.
func (c Case) relieves(a Assignment) bool {
	return !a.Relieves.IsZero() && slices.ContainsFunc(c.Assignments, func(o Assignment) bool { return o.ID == a.Relieves && o.State.Active() })
}

// lackRelief are the departments of hand-overs that nobody is on the way for.
func lackRelief(all map[AssignmentID]toHandOver) (out []string) {
	for _, h := range all {
		if h.by.IsZero() && !slices.Contains(out, h.department) {
			out = append(out, h.department)
		}
	}
	slices.Sort(out)
	return out
}

// keepHandOvers brings the operator's items, and what patrols are told, into line with who
// is to hand over by now: whatever a turn did, who lacks a relief stands in the list.
func (t *turn) keepHandOvers() {
	is := t.Case.handOvers()
	had, lack := lackRelief(t.toHandOver), lackRelief(is)
	for _, department := range lack {
		// A shortfall of the department that is settled by this had its place in the list.
		if !slices.Contains(had, department) || slices.Contains(t.Settled, department) {
			t.Items = append([]Shortfall{{Department: department, Reason: ShiftEnds}}, t.Items...)
		}
	}
	for _, department := range had {
		if !slices.Contains(lack, department) {
			t.HandedOver = append(t.HandedOver, department)
		}
	}
	for _, a := range t.Case.Assignments {
		was, before := t.toHandOver[a.ID]
		now, after := is[a.ID]
		if was == now || !a.State.Active() {
			continue
		}
		told := &HandOverTold{PatrolID: a.PatrolID, AssignmentID: a.ID, CaseID: t.Case.ID, Reason: HandOverShiftEnds}
		switch {
		case before && !after:
			told.Reason = HandOverNotNeeded
		case !now.by.IsZero():
			told.Reason = HandOverReliefGoes
		}
		if after {
			told.EndsAt = &now.endsAt
		}
		t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, HandOver: told})
	}
}

// handOverState is what of it an event speaks of when it changed: by assignment, when the
// shift ends.
func (c Case) handOverState() any {
	all := c.handOvers()
	if all == nil {
		return nil
	}
	out := facts{}
	for id, h := range maps.All(all) {
		out[id.String()] = h.endsAt.UTC()
	}
	return out
}

// handOver finds somebody who relieves a patrol; that one stays until they are there.
func (s *Service) handOver(ctx context.Context, v Viewer, c Case, version int64, o MissionOrder) error {
	i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == o.Assignment })
	if i < 0 {
		return hidden("assignment")
	}
	a := c.Assignments[i]
	if !a.State.Active() {
		return notUnderWay(a)
	}
	if a.LeavesAt != nil {
		return &Fault{Kind: Conflict, Code: "not-sent-yet", Detail: fmt.Sprintf("The offer of %s has not left; take it back, or send another instead.", a.PatrolCode)}
	}
	if by, comes := c.relief(a.ID); comes {
		return &Fault{Kind: Conflict, Code: "relieved-already", Detail: fmt.Sprintf("%s is on its way to relieve them.", by.PatrolCode)}
	}
	_, err := s.send(ctx, c, handingOver(v, a, version, o))
	return err
}

// handingOver is the sending of a hand-over.
func handingOver(v Viewer, a Assignment, version int64, o MissionOrder) sending {
	out := sending{actor: v, why: "a hand-over", version: version, operator: true, atOnce: true, note: o.Reason, relieves: a.ID,
		may: func(c Case) error {
			if err := o.ordered(v, c); err != nil {
				return err
			}
			if by, comes := c.relief(a.ID); comes { // two asked at once
				return &Fault{Kind: Conflict, Code: "relieved-already", Detail: fmt.Sprintf("%s is on its way to relieve them.", by.PatrolCode)}
			}
			return nil
		}}
	if !o.Patrol.IsZero() {
		out.choices = []Choice{{Department: a.Department, PatrolID: o.Patrol, Adds: true}}
	}
	return out
}

// barredEndsToo: who is off duty as soon as the one they relieve is no relief.
const barredEndsToo = "its own shift ends as soon"

// relieving is the team that a hand-over looks for: as many people as are relieved, and
// those of the mission's skills that they bring. Who looks first is relieved by the people
// of the grid, the substitute before others, and else by whoever of the grid is nearest.
func relieving(c Case, o sending) []Team {
	i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == o.relieves && a.State.Active() })
	if i < 0 {
		return nil
	}
	a := c.Assignments[i]
	team := Team{Kind: a.Kind, Department: a.Department, Part: a.Part, Adds: true}
	if a.Kind == KindDepartment {
		team.People = max(1, a.People)
	}
	if crew, ok := c.Mission.crew(a.Department); ok {
		for _, skill := range crew.Skills {
			if slices.Contains(a.Brings, skill) {
				team.Skills = append(team.Skills, skill)
			}
		}
	}
	for _, ch := range o.choices {
		team.Wanted = &ch.PatrolID
	}
	return []Team{team}
}

// stayLonger bars from a hand-over who goes off duty as soon as the one they would relieve,
// unless an operator wants them.
func (team *Team) stayLonger(c Case, o sending, now time.Time) {
	i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == o.relieves })
	if i < 0 || c.Assignments[i].ShiftEndsAt == nil || team.Wanted != nil {
		return
	}
	left := c.Assignments[i].ShiftEndsAt.Sub(now).Seconds()
	for k := range team.Runners {
		r := &team.Runners[k]
		if r.Barred == "" && r.ShiftEndsS != nil && *r.ShiftEndsS <= left {
			r.Barred = barredEndsToo
		}
	}
}

// canRelieve refuses a hand-over for which nobody is found; who stays must not be ended
// by a wish.
func (b brief) canRelieve(p Plan) error {
	if len(p.Teams) == 0 {
		return &Fault{Kind: Conflict, Code: "assignment-moved-on", Detail: "Whom you want relieved is not on this case any more; read it again."}
	}
	if p.Teams[0].Chosen != nil && p.Teams[0].Shortfall == "" {
		return nil
	}
	short := b.shortfallOf(p.Teams[0], b.input.Teams[0])
	detail := fmt.Sprintf("Nobody of department %s can relieve them (%s)", short.Department, strings.ReplaceAll(string(short.Reason), "_", " "))
	if next := b.nextRelief(p.Teams[0]); next != nil {
		detail += fmt.Sprintf("; %s is free soonest, in about %.0f min", next.Code, max(1, next.At.Sub(b.input.Now).Round(time.Minute).Minutes()))
	}
	return &Fault{Kind: Conflict, Code: "nobody-to-relieve", Detail: detail + ". They stay until somebody does."}
}

// nextRelief is who could take over first where nobody can now: for who looks first, who of
// the grid comes on duty next; for others who of the department is free soonest.
func (b brief) nextRelief(p Pick) *Soonest {
	team := b.input.Teams[0]
	if team.Kind != KindFirstLook {
		return b.shortfallOf(p, team).Soonest
	}
	var out *Soonest
	for _, o := range b.relief[p.Department].Busy {
		own := slices.ContainsFunc(team.Runners, func(r Runner) bool { return r.PatrolID == o.PatrolID && r.Post < postNear })
		if own && o.Known && o.FreeAt != nil && !b.c.has(o.PatrolID) && (out == nil || o.FreeAt.Before(out.At)) {
			out = &Soonest{PatrolID: o.PatrolID, Code: o.Code, Name: o.Name, At: *o.FreeAt}
		}
	}
	return out
}

// sendRelief commits a hand-over: who takes over is claimed, and all else of the case stays
// as it is.
func (s *Service) sendRelief(t *turn, plan Plan, id PlanID, b brief, o sending) {
	t.event("plan", PatrolID{}, facts{"plan": id, "why": o.why, "note": o.note})
	var sent []Assignment
	for i, pick := range plan.Teams {
		for _, goes := range pick.going() {
			sent = append(sent, t.assign(pick, assignmentOf(pick, goes, b.input.Teams[i], id), s, o))
		}
	}
	if t.Case.Mission != nil {
		t.join(plan, b)
	}
	t.tellSent(sent)
}

// relieve ends the assignment that somebody who has arrived takes over.
func (t *turn) relieve(by Assignment) {
	if by.Relieves.IsZero() {
		return
	}
	i := t.find(by.Relieves)
	if i < 0 || !t.Case.Assignments[i].State.Active() {
		return
	}
	commanded := t.Case.Mission != nil && t.Case.Mission.Commander != nil && *t.Case.Mission.Commander == t.Case.Assignments[i].PatrolID
	t.end(i, Done, reasonRelieved)
	old := t.Case.Assignments[i]
	t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Recall: &Recall{PatrolID: old.PatrolID, AssignmentID: old.ID, CaseID: t.Case.ID, Reason: reasonRelieved}})
	if commanded {
		id := by.PatrolID
		t.Case.Mission.Commander = &id
		t.event("mission.commander", id, facts{"patrol": id, "because": "relieved the commander"})
	}
}
