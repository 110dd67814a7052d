package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verb is what a patrol answers to an assignment.
type Verb string

// The answers to an assignment.
const (
	Accept  Verb = "accept"
	Decline Verb = "decline"
	SetOut  Verb = "en_route"
	Arrive  Verb = "on_scene"
	Finish  Verb = "done"
)

// answers is what each verb leads to and from where. A verb that has been said
// already changes nothing, since phones say things twice.
var answers = map[Verb]struct {
	to   AssignmentState
	from []AssignmentState
}{
	Accept:  {Taken, []AssignmentState{Offered}},
	Decline: {Declined, []AssignmentState{Offered, Taken}},
	SetOut:  {OnTheWay, []AssignmentState{Offered, Taken}},
	Arrive:  {There, []AssignmentState{Offered, Taken, OnTheWay}},
	Finish:  {Done, []AssignmentState{There}},
}

// Answer is what a patrol, or an operator for it, says to an assignment: said is why it
// is declined, or what was done and found where it is finished. A declined one goes to
// the next best at once.
func (s *Service) Answer(ctx context.Context, v Viewer, id CaseID, aid AssignmentID, verb Verb, version int64, said string) (CaseDetail, error) {
	return s.answer(ctx, v, id, aid, verb, version, said, Shown{})
}

func (s *Service) answer(ctx context.Context, v Viewer, id CaseID, aid AssignmentID, verb Verb, version int64, said string, shown Shown) (CaseDetail, error) {
	if err := allow(v, ActAnswer); err != nil {
		return CaseDetail{}, err
	}
	rule, known := answers[verb]
	if !known {
		return CaseDetail{}, invalid("/path/action", "must be accept, decline, en_route, on_scene or done")
	}
	err := s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, v)
		i := t.find(aid)
		if i < 0 && !Visible(v, d.Case.Scope) {
			return Turn{}, hidden("case")
		}
		if i < 0 {
			return Turn{}, hidden("assignment")
		}
		a := &t.Case.Assignments[i]
		if err := mayAnswer(v, d.Case, *a); err != nil {
			return Turn{}, err
		}
		if err := d.expect(version); err != nil {
			return Turn{}, err
		}
		if a.State == rule.to {
			return Turn{}, errNothingToDo
		}
		if !slices.Contains(rule.from, a.State) {
			return Turn{}, &Fault{Kind: Conflict, Code: "assignment-moved-on",
				Detail: fmt.Sprintf("The assignment is %s; %s is not possible from there.", a.State, verb)}
		}
		if verb == Decline {
			t.end(i, Declined, said)
			t.replan(s.PlanWithin + time.Second)
		} else {
			if result := strings.TrimSpace(said); verb == Finish && result != "" {
				t.event("result", a.PatrolID, facts{"result": result, "unit": a.Department, "assignment": a.ID})
			}
			t.show(StepDone, a.PatrolID, shown)
			t.advance(i, rule.to)
		}
		return t.done()
	})
	switch {
	case errors.Is(err, errNothingToDo):
	case err != nil:
		return CaseDetail{}, err
	default:
		s.Wake()
	}
	if verb == Decline {
		if err == nil {
			s.nextBest(ctx, id, "declined")
		}
		return s.parted(ctx, v, id, aid)
	}
	return s.detail(ctx, v, id)
}

// parted answers a case to whoever has just declined it: as a whole where they see it all
// the same, and else no more than that they did. Phones say things twice, and what became
// of the case meanwhile is not theirs to hear.
func (s *Service) parted(ctx context.Context, v Viewer, id CaseID, aid AssignmentID) (CaseDetail, error) {
	c, err := s.Store.Detail(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if Visible(v, c.Scope) {
		err = s.addTo(ctx, v, &c)
		return c, err
	}
	out := CaseDetail{Case: c.receipt(), Reports: []Report{}, Events: []CaseEvent{}, Nearby: Nearby{}, Moves: []NextMove{}, Precedents: []Precedent{},
		Past: []PastCase{}, Holds: []JoinedCase{}, Been: []Been{}, Revisits: []Revisit{}, Evidence: []Evidence{}, Now: c.Now}
	for _, a := range c.Assignments {
		if a.ID == aid {
			a.Candidates = []Candidate{}
			out.Assignments = []Assignment{a}
		}
	}
	return out, nil
}

// mayAnswer says whether a viewer may answer for an assignment. Whoever had it and
// lost it may hear that, though the case is hidden from them by now.
func mayAnswer(v Viewer, c Case, a Assignment) error {
	switch {
	case v.District == c.Scope.District && v.Patrol == a.PatrolID:
		return nil
	case !Visible(v, c.Scope):
		return hidden("case") // as if it were not there
	case !May(v, ActDispatch):
		return &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Only the patrol that it was given to, or an operator, may answer this assignment."}
	}
	return nil
}

// errNothingToDo: what is asked for is so already.
var errNothingToDo = errors.New("nothing to do")

// advance moves an assignment forward, and the case and the patrol with it.
func (t *turn) advance(i int, to AssignmentState) {
	a := &t.Case.Assignments[i]
	a.State, a.LeavesAt, a.ExpiresAt = to, nil, nil
	if a.OfferedAt == nil {
		a.OfferedAt = &t.now
	}
	t.Disarm = append(t.Disarm, Step{a.ID, StepAnswer}, Step{a.ID, StepOffer})
	t.event("assignment."+string(to), a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "kind": a.Kind})
	switch to {
	case OnTheWay:
		t.move(a.PatrolID, EnRoute, a.ID)
	case There:
		a.ArrivedAt = &t.now
		if a.InPlaceAt == nil {
			a.InPlaceAt = &t.now
		}
		if t.actor.Patrol == a.PatrolID {
			t.Case.Flow.handled(t.actor)
		}
		t.move(a.PatrolID, OnScene, a.ID)
	case Done:
		a.EndedAt = &t.now
		t.move(a.PatrolID, Free, AssignmentID{})
	}
	t.set(i)
	t.tellStep(*a)
	if to == There {
		t.relieve(*a)
	}
	if t.handles(*a) {
		t.follow(to)
	}
}

// handles says whether an assignment is what settles the case: those of
// departments, or the first look where no department is called.
func (t *turn) handles(a Assignment) bool {
	if a.Kind == KindDepartment {
		return true
	}
	return !slices.ContainsFunc(t.Case.Departments, func(d CaseDepartment) bool { return !local(d.Code) })
}

// follow takes the case along with its assignments: signed when the first is
// accepted, in handling when the first is there, fed back when the last is done.
func (t *turn) follow(to AssignmentState) {
	switch t.Case.Stage {
	case StageReturned, StageRuled, StageReopened:
		return // whose it is must be settled first
	}
	switch to {
	case Taken, OnTheWay:
		t.walk(StageSigned, "the first patrol accepted")
	case There:
		t.walk(StageHandling, "the first patrol is on scene")
	case Done:
		for _, a := range t.Case.Assignments {
			if t.handles(a) && a.State.Active() {
				return
			}
		}
		if t.Case.Dispatch == DispatchDone {
			t.walk(StageVerifying, "all patrols are done")
		}
	}
}

// nextBest plans for what a case lacks. What fails here is left to the deadline
// that was armed with the change that made the gap.
func (s *Service) nextBest(ctx context.Context, id CaseID, why string) {
	ctx = context.WithoutCancel(ctx)
	if err := s.finish(ctx, id, why); err != nil {
		s.Log.ErrorContext(ctx, "a case waits for its next plan", "case", id, "error", err)
	}
}

func (s *Service) finish(ctx context.Context, id CaseID, why string) error {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return err
	}
	if c.Dispatch != DispatchPending {
		return nil
	}
	_, err = s.send(ctx, c, sending{actor: system, why: why, planBy: time.Now().Add(s.PlanWithin)})
	if errors.Is(err, errSettled) {
		return nil
	}
	return err
}

// Due does what a deadline asks for. It does nothing when the case has moved on.
func (s *Service) Due(ctx context.Context, d Deadline) error {
	switch d.Step {
	case StepDispatch:
		return s.dispatchDue(ctx, d)
	case StepOffer:
		return s.offerDue(ctx, d)
	case StepAnswer:
		return s.answerDue(ctx, d)
	case StepRevisit:
		return s.revisitDue(ctx, d)
	case StepRelease:
		return s.releaseDue(ctx, d)
	}
	return fmt.Errorf("deadline %s: unknown step %q", d.ID, d.Step)
}

// dispatchDue plans a case that nobody planned in time.
func (s *Service) dispatchDue(ctx context.Context, d Deadline) error {
	if err := s.finish(ctx, d.Case, "the deadline to plan"); err != nil {
		return fmt.Errorf("plan case %s: %w", d.Case, err)
	}
	return s.disarm(ctx, d, nil)
}

// offerDue lets an operator's offer leave.
func (s *Service) offerDue(ctx context.Context, d Deadline) error {
	return s.disarm(ctx, d, func(t *turn, i int) {
		if t.Case.UndoUntil != nil { // the first of those that leave together tells of all
			var leaving []Assignment
			for _, a := range t.Case.Assignments {
				if a.State == Offered && a.LeavesAt != nil {
					leaving = append(leaving, a)
				}
			}
			t.tellSent(leaving)
		}
		t.offer(i, s.AnswerWithin)
		t.set(i)
		t.Case.UndoUntil = nil
		t.event("assignment.offer_left", t.Case.Assignments[i].PatrolID, facts{"assignment": d.Assignment})
	})
}

// answerDue gives an offer that nobody answered to the next best.
func (s *Service) answerDue(ctx context.Context, d Deadline) error {
	gap := false
	err := s.disarm(ctx, d, func(t *turn, i int) {
		gap = true
		t.end(i, Expired, reasonTimeout)
		t.replan(s.PlanWithin + time.Second)
	})
	if err == nil && gap {
		s.nextBest(ctx, d.Case, "no answer in time")
	}
	return err
}

// disarm ends a deadline, and does first what is due if its assignment is still in
// the state that the deadline was armed in, and nobody did it in the meantime: a node that
// stood still past its lease comes second.
func (s *Service) disarm(ctx context.Context, d Deadline, due func(t *turn, i int)) error {
	err := s.Store.Change(ctx, d.Case, nil, func(k Docket) (Turn, error) {
		t := newTurn(k, system)
		i := t.find(d.Assignment)
		if due == nil || i < 0 || string(t.Case.Assignments[i].State) != d.Stage {
			return Turn{}, errNothingToDo
		}
		if d.Step == StepOffer && t.Case.Assignments[i].LeavesAt == nil { // it left, and is offered still
			return Turn{}, errNothingToDo
		}
		due(t, i)
		t.Disarm = append(t.Disarm, Step{d.Assignment, d.Step})
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return s.Store.DropDeadline(ctx, d.ID)
	}
	if err == nil {
		s.Wake()
	}
	return err
}

// LostPatrols gives the assignments of patrols whose position was lost before they
// arrived to the next best. A patrol that was never seen since the program
// started is not lost: nothing is known of it yet.
func (s *Service) LostPatrols(ctx context.Context) error {
	waiting, err := s.Store.Unarrived(ctx)
	if err != nil {
		return fmt.Errorf("list assignments under way: %w", err)
	}
	var faults []error
	for _, u := range waiting {
		if at, ok := s.Live.Position(u.Patrol); !ok || at.Presence != Lost {
			continue
		}
		err := s.Store.Change(ctx, u.Case, nil, func(d Docket) (Turn, error) {
			t := newTurn(d, system)
			i := t.find(u.Assignment)
			if i < 0 || !slices.Contains([]AssignmentState{Offered, Taken, OnTheWay}, t.Case.Assignments[i].State) {
				return Turn{}, errNothingToDo
			}
			t.end(i, Recalled, reasonLost)
			t.replan(s.PlanWithin + time.Second)
			return t.done()
		})
		switch {
		case errors.Is(err, errNothingToDo):
		case err != nil:
			faults = append(faults, fmt.Errorf("take case %s from a lost patrol: %w", u.Case, err))
		default:
			s.Wake()
			s.nextBest(ctx, u.Case, "the patrol was lost")
		}
	}
	return errors.Join(faults...)
}
