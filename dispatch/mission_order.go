package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MissionAct is what is done to a mission.
type MissionAct string

// The acts. All but InPlaceAct are the commander's, or an operator's.
const (
	MoreAct      MissionAct = "more"      // a second alarm: more of a department, or another one
	ReleaseAct   MissionAct = "release"   // one patrol may leave
	HandOverAct  MissionAct = "hand_over" // another takes over from one, once it is there
	CommanderAct MissionAct = "commander" // another commands
	InPlaceAct   MissionAct = "in_place"  // a patrol is where they meet
	GoAct        MissionAct = "go"
	RecallAct    MissionAct = "recall" // all come back
)

// MissionActs are all of them.
var MissionActs = []MissionAct{MoreAct, ReleaseAct, HandOverAct, CommanderAct, InPlaceAct, GoAct, RecallAct}

// MissionOrder is an act and what belongs to it. Department, People (0: one, unless only
// skills are asked for) and Skills are of a second alarm, with Patrol to ask for a certain
// one; Assignment says whom to release or relieve, or who is in place; Anyway goes though
// not all are in place.
type MissionOrder struct {
	Act        MissionAct
	Department string
	People     int
	Skills     []string
	Patrol     PatrolID
	Assignment AssignmentID
	Reason     string
	Anyway     bool
}

const (
	reasonReleased = "was released from the mission"
	reasonStood    = "the mission was recalled"
	maxReason      = 500
	maxSkill       = 32
)

// check answers what an order lacks, whatever the case.
func (o *MissionOrder) check() error {
	o.Reason = strings.TrimSpace(o.Reason)
	if utf8.RuneCountInString(o.Reason) > maxReason {
		return invalid("/reason", fmt.Sprintf("may have %d characters at most", maxReason))
	}
	switch o.Act {
	case MoreAct:
		if o.Department == "" {
			return invalid("/department", "is missing; say of which department more is wanted")
		}
		if o.Department == GridDepartment || local(o.Department) {
			return invalid("/department", "must be a department; the grid's own people look first at every case")
		}
		if o.People < 0 || o.People > mostPeople {
			return invalid("/people", fmt.Sprintf("must be 0 to %d", mostPeople))
		}
		if len(o.Skills) > mostSkills {
			return invalid("/skills", fmt.Sprintf("may be %d at most", mostSkills))
		}
		for i, skill := range o.Skills {
			if skill == "" || utf8.RuneCountInString(skill) > maxSkill {
				return invalid(fmt.Sprintf("/skills/%d", i), fmt.Sprintf("must have 1 to %d characters", maxSkill))
			}
		}
		if o.People == 0 && len(o.Skills) == 0 {
			o.People = 1
		}
	case ReleaseAct, HandOverAct, InPlaceAct:
		if o.Assignment.IsZero() {
			return invalid("/assignment_id", "is missing; say which assignment of the mission is meant")
		}
	case CommanderAct:
		if o.Patrol.IsZero() {
			return invalid("/patrol_id", "is missing; say which patrol of the mission is to command")
		}
	case GoAct:
		if o.Anyway && o.Reason == "" {
			return invalid("/reason", "is missing; say why to go before all are in place, it is recorded")
		}
	case RecallAct:
		if o.Reason == "" {
			return invalid("/reason", "is missing; whoever is called back is told why")
		}
	default:
		return invalid("/path/action", "must be more, release, hand_over, commander, in_place, go or recall")
	}
	return nil
}

// Commands says whether a viewer commands the mission of a case: an operator any, and
// whoever belongs to the patrol that the mission was given to.
func Commands(v Viewer, c Case) bool {
	if May(v, ActDispatch) {
		return true
	}
	return c.Mission != nil && c.Mission.Commander != nil && !v.Patrol.IsZero() && v.Patrol == *c.Mission.Commander
}

// ordered says whether a viewer may do an act to a case as it is.
func (o MissionOrder) ordered(v Viewer, c Case) error {
	if !Visible(v, c.Scope) {
		return hidden("case")
	}
	if !c.Stage.Open() {
		return closedCase(c)
	}
	if slices.Contains(waitingStages, c.Stage) {
		return &Fault{Kind: Conflict, Code: "mission-not-under-way", Detail: fmt.Sprintf("The case is %s; nobody is sent or ordered in a mission before it is dispatched again.", c.Stage)}
	}
	if c.Mission == nil && o.Act != MoreAct && o.Act != HandOverAct {
		return &Fault{Kind: Conflict, Code: "no-mission", Detail: "One patrol alone is no mission; ask for more first."}
	}
	if Commands(v, c) {
		return nil
	}
	switch o.Act {
	case HandOverAct: // whom the clock asks to hand over may do so, and leaves to others who comes
		if i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == o.Assignment }); i >= 0 && !v.Patrol.IsZero() &&
			c.Assignments[i].PatrolID == v.Patrol && c.Assignments[i].ShiftEndsAt != nil && o.Patrol.IsZero() {
			return nil
		}
	case InPlaceAct:
		if i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == o.Assignment }); i >= 0 && !v.Patrol.IsZero() && c.Assignments[i].PatrolID == v.Patrol {
			return nil
		}
	}
	return &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Only the commander of the mission, or an operator, may do this."}
}

// Command does something to the mission of a case.
func (s *Service) Command(ctx context.Context, v Viewer, id CaseID, version int64, o MissionOrder) (CaseDetail, error) {
	c, err := s.visible(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if err := allow(v, ActAnswer); err != nil {
		return CaseDetail{}, err
	}
	if err := o.check(); err != nil {
		return CaseDetail{}, err
	}
	if err := o.ordered(v, c); err != nil {
		return CaseDetail{}, err
	}
	if err := (Docket{Case: c}).expect(version); err != nil {
		return CaseDetail{}, err
	}
	switch o.Act {
	case MoreAct:
		err = s.sendMore(ctx, v, c, version, o)
	case HandOverAct:
		err = s.handOver(ctx, v, c, version, o)
	default:
		err = s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
			if err := o.ordered(v, d.Case); err != nil {
				return Turn{}, err
			}
			if err := d.expect(version); err != nil {
				return Turn{}, err
			}
			t := newTurn(d, v)
			if err := t.command(o); err != nil {
				return Turn{}, err
			}
			return t.done()
		})
		if errors.Is(err, errNothingToDo) {
			err = nil
		}
	}
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	return s.detail(ctx, v, id)
}

// sendMore is the second alarm: what is asked for is added to what the department is to
// bring, and whoever can fill it goes at once.
func (s *Service) sendMore(ctx context.Context, v Viewer, c Case, version int64, o MissionOrder) error {
	if err := s.knownUnit(ctx, MoveOrder{Owner: o.Department}); err != nil {
		return invalid("/department", fmt.Sprintf("%.32q is no department; choose one of the list", o.Department))
	}
	out := sending{actor: v, why: WhyMore, version: version, operator: true, atOnce: true, note: o.Reason,
		more: &Crew{Department: o.Department, People: o.People, Skills: o.Skills}, may: func(c Case) error { return o.ordered(v, c) }}
	if !o.Patrol.IsZero() {
		out.choices = []Choice{{Department: o.Department, PatrolID: o.Patrol, Adds: true}}
	}
	_, err := s.send(ctx, c, out)
	return err
}

// errBrought refuses a second alarm that what is there fills.
func errBrought(more Crew) error {
	return &Fault{Kind: Conflict, Code: "nothing-to-send",
		Detail: fmt.Sprintf("Those of department %s who are under way bring %s already; ask for people as well, or for another skill.", more.Department, strings.Join(more.Skills, ", ")),
		Fields: []FieldFault{{"/skills", "is brought already"}}}
}

func notUnderWay(a Assignment) error {
	return &Fault{Kind: Conflict, Code: "assignment-moved-on", Detail: fmt.Sprintf("The assignment of %s is %s; it is not on the case any more.", a.PatrolCode, a.State)}
}

// command does what needs no plan.
func (t *turn) command(o MissionOrder) error {
	c, m := &t.Case, t.Case.Mission
	i := t.find(o.Assignment)
	switch o.Act {
	case ReleaseAct, InPlaceAct:
		if i < 0 || c.Assignments[i].Kind != KindDepartment {
			return hidden("assignment")
		}
		if a := c.Assignments[i]; !a.State.Active() {
			return notUnderWay(a)
		}
	}
	switch o.Act {
	case ReleaseAct:
		reason := reasonReleased
		if o.Reason != "" {
			reason += ": " + o.Reason
		}
		t.letGo(i, reason)
	case InPlaceAct:
		return t.inPlace(i)
	case CommanderAct:
		if !slices.ContainsFunc(c.members(), func(i int) bool { return c.Assignments[i].PatrolID == o.Patrol }) {
			return invalid("/patrol_id", "is no patrol of this mission; name one that is under way or there")
		}
		if m.Commander != nil && *m.Commander == o.Patrol {
			return errNothingToDo
		}
		m.Commander = &o.Patrol
		t.event("mission.commander", o.Patrol, facts{"patrol": o.Patrol, "reason": o.Reason})
	case GoAct:
		switch {
		case m.State == Going:
			return errNothingToDo
		case m.State == Ended:
			return &Fault{Kind: Conflict, Code: "mission-ended", Detail: "Nobody is on the mission any more."}
		case m.State != InPlace && !o.Anyway:
			waits := 0
			for _, k := range c.members() {
				if c.Assignments[k].InPlaceAt == nil {
					waits++
				}
			}
			return &Fault{Kind: Conflict, Code: "not-all-in-place", Detail: fmt.Sprintf("%d of the patrols are not in place yet; wait for them, or say anyway and why.", waits)}
		}
		m.State, m.WentAt = Going, &t.now
		t.event("mission.go", PatrolID{}, facts{"anyway": o.Anyway, "reason": o.Reason})
	case RecallAct:
		for _, k := range c.members() {
			t.end(k, Recalled, reasonStood+": "+o.Reason)
		}
		m.Crews, m.Cover = nil, nil
		c.Dispatch = DispatchNone
		t.Disarm = append(t.Disarm, Step{Step: StepDispatch})
		t.event("mission.recalled", PatrolID{}, facts{"reason": o.Reason})
	}
	return nil
}

// letGo lets one patrol go, and wants as much less of its department.
func (t *turn) letGo(i int, reason string) {
	c := &t.Case
	a := c.Assignments[i]
	t.end(i, Recalled, reason)
	k := slices.IndexFunc(c.Mission.Crews, func(crew Crew) bool { return crew.Department == a.Department })
	if k < 0 {
		return
	}
	crews := slices.Clone(c.Mission.Crews)
	crew := crews[k]
	crew.People = max(0, crew.People-max(1, a.People))
	_, gone := missing(*c, crew)
	crew.Skills = slices.DeleteFunc(slices.Clone(crew.Skills), func(skill string) bool { return slices.Contains(gone, skill) && slices.Contains(a.Brings, skill) })
	if crew.People == 0 {
		crew.Skills = nil
	}
	crews[k] = crew
	c.Mission.Crews = crews
	if people, skills := missing(*c, crew); people == 0 && len(skills) == 0 {
		c.Shortfalls = slices.DeleteFunc(slices.Clone(c.Shortfalls), func(f Shortfall) bool { return f.Department == a.Department })
		t.Settled = append(t.Settled, a.Department)
	}
	t.event("mission.released", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "reason": reason})
	if slices.ContainsFunc(c.Assignments, func(o Assignment) bool { return t.handles(o) && o.State == Done && c.counts(o) }) {
		t.follow(Done) // it may have been the last that the case waited for
	}
}

// inPlace notes that a patrol is where they meet. Where that is the place itself, it has
// arrived.
func (t *turn) inPlace(i int) error {
	a := &t.Case.Assignments[i]
	if a.InPlaceAt != nil {
		return errNothingToDo
	}
	if t.Case.Mission.Rendezvous == nil {
		t.advance(i, There)
		return nil
	}
	if a.State == Offered || a.State == Taken {
		t.advance(i, OnTheWay)
	}
	a = &t.Case.Assignments[i]
	a.InPlaceAt = &t.now
	t.set(i)
	t.event("mission.arrived", a.PatrolID, facts{"assignment": a.ID, "department": a.Department})
	return nil
}
