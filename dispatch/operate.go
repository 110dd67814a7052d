package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Choice is a patrol that an operator wants for a department. It takes the place of who
// has the department's part, unless it adds to them.
type Choice struct {
	Department string
	PatrolID   PatrolID
	Adds       bool
}

// Order is an operator's word to send, as planned or as chosen.
type Order struct {
	Choices []Choice
	Note    string
}

// Dispatch sends patrols: those of a plan made anew at this moment, or the chosen
// ones. A department that has a patrol already gets the chosen one instead. The
// claim commits at once; the offers leave when Undo is no longer possible.
//
// In this and the methods below a version of 0 is not compared; any other must be
// the case's, or the Fault is a Conflict with CodeOldVersion.
func (s *Service) Dispatch(ctx context.Context, v Viewer, id CaseID, version int64, o Order) (CaseDetail, error) {
	c, err := s.changeable(ctx, v, ActDispatch, id)
	if err != nil {
		return CaseDetail{}, err
	}
	for i, ch := range o.Choices {
		if slices.ContainsFunc(o.Choices[:i], func(other Choice) bool { return other.PatrolID == ch.PatrolID }) {
			return CaseDetail{}, invalid(fmt.Sprintf("/choices/%d", i), "names a patrol twice")
		}
	}
	if err := (Docket{Case: c}).expect(version); err != nil {
		return CaseDetail{}, err
	}
	if !c.Stage.Open() {
		return CaseDetail{}, closedCase(c)
	}
	if err := s.listed(ctx, c.Category); err != nil {
		return CaseDetail{}, err
	}
	if c.Stage == StageReturned {
		if _, no := judge(v, c, MoveOrder{Move: MoveDispatch}, time.Time{}); no != nil {
			return CaseDetail{}, no
		}
	}
	if len(o.Choices) == 0 && c.Dispatch == DispatchDone && len(wanted(c, crewsOf(c, CategoryRule{}, nil), nil)) == 0 {
		return CaseDetail{}, &Fault{Kind: Conflict, Code: "nothing-to-send",
			Detail: "Every department of this case has its patrol; choose another patrol to send it instead."}
	}
	_, err = s.send(ctx, c, sending{actor: v, why: WhyOperator, version: version, choices: o.Choices, operator: true, note: o.Note})
	if errors.Is(err, errSettled) {
		return CaseDetail{}, closedCase(c)
	}
	if err != nil {
		return CaseDetail{}, err
	}
	return s.detail(ctx, v, id)
}

// Undo takes a dispatch back before its offers have left: who was claimed is free
// again, and a patrol that had to give way has the case back if nothing else
// claimed it.
func (s *Service) Undo(ctx context.Context, v Viewer, id CaseID, version int64) (CaseDetail, error) {
	c, err := s.changeable(ctx, v, ActDispatch, id)
	if err != nil {
		return CaseDetail{}, err
	}
	var back []PatrolID
	for _, a := range c.Assignments {
		if a.State == Recalled && a.Reason == reasonReplaced {
			back = append(back, a.PatrolID)
		}
	}
	slices.SortFunc(back, compareIDs)
	back = slices.Compact(back)
	err = s.Store.Change(ctx, id, back, func(d Docket) (Turn, error) {
		if err := d.expect(version); err != nil {
			return Turn{}, err
		}
		if d.Case.UndoUntil == nil || !d.Now.Before(*d.Case.UndoUntil) {
			return Turn{}, &Fault{Kind: Conflict, Code: "too-late", Detail: "The offers have left; recall a patrol by sending another."}
		}
		t := newTurn(d, v)
		t.undo(s)
		return t.done()
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	return s.detail(ctx, v, id)
}

func (t *turn) undo(s *Service) {
	c := &t.Case
	var undone []Assignment
	for i, a := range c.Assignments {
		if a.State == Offered && a.LeavesAt != nil {
			t.end(i, Recalled, reasonUndone)
			undone = append(undone, a)
		}
	}
	c.UndoUntil = nil
	t.event("undone", PatrolID{}, facts{"assignments": len(undone)})
	for _, u := range undone {
		for _, old := range c.Assignments {
			p := t.patrols[old.PatrolID]
			if old.Reason == reasonReplaced && old.Kind == u.Kind && old.Department == u.Department &&
				old.EndedAt != nil && old.EndedAt.Add(s.UndoWithin+time.Second).After(t.now) && p.Status == Free && p.ClaimedBy.IsZero() {
				t.giveBack(old, s)
				break
			}
		}
	}
	if !slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.State.Active() || a.State == Done }) {
		c.Dispatch = DispatchNone
		if c.Stage == StageDispatched {
			t.stage(StageReported, "the dispatch was taken back")
		}
	}
	t.unfill()
}

// unfill puts back what lacked before a dispatch that is taken back: who was to fill it does
// not come, and nobody would look for another.
func (t *turn) unfill() {
	c := &t.Case
	for _, gap := range c.Flow.Filled {
		if slices.ContainsFunc(c.Shortfalls, func(f Shortfall) bool { return f.Department == gap.Department }) {
			continue // it lacked somebody all the same
		}
		c.Shortfalls = append(slices.Clone(c.Shortfalls), gap)
		if c.Dispatch == DispatchDone {
			t.Items = append(t.Items, gap)
		}
		t.change("shortfall", PatrolID{}, facts{"department": gap.Department, "reason": gap.Reason, "considered": gap.Considered, "because": reasonUndone},
			facts{"item": nil}, facts{"item": gap.Department + ":" + string(gap.Reason)})
	}
	c.Flow.Filled = nil
}

// giveBack offers a case again to a patrol that had to give way.
func (t *turn) giveBack(old Assignment, s *Service) {
	a := old
	a.ID, a.State, a.Reason, a.EndedAt = NewID[assignmentKind](), Offered, "", nil
	a.ArrivedAt, a.DepartAt, a.InPlaceAt = nil, nil, nil // of a way that it was called back from
	t.Case.Assignments = append(t.Case.Assignments, a)
	t.offer(len(t.Case.Assignments)-1, s.AnswerWithin)
	t.Add = append(t.Add, t.Case.Assignments[len(t.Case.Assignments)-1])
	t.move(a.PatrolID, Assigned, a.ID)
	t.event("assignment.offered", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "kind": a.Kind, "reason": reasonUndone})
}

// Closing is what whoever closes a case says: Answer to those who reported it, word
// for word, and Reason to the history alone. Without an answer the reporters are told
// what the record says; nobody who reported is left without.
type Closing struct {
	Reason string
	Answer string
}

// CloseCase closes a case, one step of the main line after the other. Patrols that
// are still on it are recalled, and every reporter hears the result.
func (s *Service) CloseCase(ctx context.Context, v Viewer, id CaseID, version int64, o Closing) (CaseDetail, error) {
	if _, err := s.changeable(ctx, v, ActCloseCase, id); err != nil {
		return CaseDetail{}, err
	}
	err := s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
		if err := d.expect(version); err != nil {
			return Turn{}, err
		}
		if !d.Case.Stage.Open() {
			return Turn{}, closedCase(d.Case)
		}
		if err := mayClose(v, d.Case, d.Now); err != nil {
			return Turn{}, err
		}
		t := newTurn(d, v)
		because := "an operator closed the case"
		if o.Reason != "" {
			because += ": " + o.Reason
		}
		t.finish(o, because)
		return t.done()
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	return s.detail(ctx, v, id)
}

func closedCase(c Case) error {
	return &Fault{Kind: Conflict, Code: "case-closed", Detail: fmt.Sprintf("Case %s is %s; nothing can be changed in it.", c.Number, c.Stage)}
}

// changeable answers a case that the viewer may see and act on.
func (s *Service) changeable(ctx context.Context, v Viewer, a Action, id CaseID) (Case, error) {
	c, err := s.visible(ctx, v, id)
	if err != nil {
		return Case{}, err
	}
	return c, allow(v, a)
}
