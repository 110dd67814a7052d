package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A proposal claims nobody, so that nothing keeps its patrols from being proposed elsewhere,
// or sent, but what is here: a plan that is only proposed passes those by that another
// proposal names, unless nobody else is left, and one whose patrol was sent elsewhere is
// made again.

const (
	barredNamed   = "is proposed for another report"
	becauseNamed  = "nobody else is free: it is proposed for another report too"
	becauseTaken  = "whom it named went elsewhere"
	becauseFilled = "somebody came free"
)

// mostStale bounds how many proposals are made again at one tick; the rest follows. Plans
// for those who wait for a decision must not crowd out plans for those who are sent.
const mostStale = 2

// StaleProposal is a proposal that does not hold any more: somebody whom it names is not
// free, or, where Taken is false, somebody came free of a department that it lacks, or of
// which it names whom another proposal names too.
type StaleProposal struct {
	Case  CaseID
	Taken bool
}

// ProposalStore knows what is proposed.
type ProposalStore interface {
	// Named answers which of some patrols the proposals of other cases name, those of covert
	// cases left out: that they are proposed is part of the secret.
	Named(ctx context.Context, of []PatrolID, but []CaseID) (map[PatrolID]bool, error)
	// StaleProposals answers some, those that wait longest first. One that is answered, or
	// looked at and found to hold, is left alone for a while.
	StaleProposals(ctx context.Context, limit int) ([]StaleProposal, error)
}

// passNamed bars from a proposal whom another one names, team by team, where the team finds
// as many without them.
func (s *Service) passNamed(ctx context.Context, b *brief, beside []CaseID) error {
	var could []PatrolID
	for _, team := range b.input.Teams {
		for _, r := range team.Runners {
			if r.Barred == "" {
				could = append(could, r.PatrolID)
			}
		}
	}
	named, err := s.Store.Named(ctx, could, append([]CaseID{b.c.ID}, beside...))
	if err != nil {
		return fmt.Errorf("ask who is proposed already: %w", err)
	}
	b.bar(func(r Runner) string {
		if named[r.PatrolID] {
			return barredNamed
		}
		return ""
	})
	return nil
}

// bar bars runners for the reasons that why gives, unless their team falls short by that:
// then it may have them all, and the proposal says so.
func (b *brief) bar(why func(Runner) string) {
	before := MakePlan(b.input)
	barred := make([][]int, len(b.input.Teams))
	for i := range b.input.Teams {
		team := &b.input.Teams[i]
		for k := range team.Runners {
			r := &team.Runners[k]
			if because := why(*r); because != "" && r.Barred == "" {
				r.Barred = because
				barred[i] = append(barred[i], k)
			}
		}
	}
	after := MakePlan(b.input)
	for i := range b.input.Teams {
		if after.Teams[i].Shortfall == "" || len(before.Teams[i].going()) <= len(after.Teams[i].going()) {
			continue
		}
		for _, k := range barred[i] {
			b.input.Teams[i].Runners[k].Barred = ""
		}
		b.named = b.named || len(barred[i]) > 0
	}
}

// matchLater has a proposal matched in the next window with what comes meanwhile.
func (t *turn) matchLater(window time.Duration, reporter PatrolID) {
	t.Arm = append(t.Arm, Deadline{ID: NewID[deadlineKind](), Case: t.Case.ID, Stage: string(t.Case.Stage), Step: StepDispatch, DueAt: t.now.Add(window),
		Together: true, Reporter: reporter})
}

// proposes says whether a plan names whom the case names already.
func (c Case) proposes(p Plan) bool {
	var is, would []PatrolID
	for _, a := range c.Assignments {
		if a.State == Proposed {
			is = append(is, a.PatrolID)
		}
	}
	for _, pick := range p.Teams {
		would = append(would, pick.going()...)
	}
	slices.SortFunc(is, compareIDs)
	slices.SortFunc(would, compareIDs)
	return slices.Equal(is, would)
}

// renew has proposals made again that do not hold any more, in a window with others.
func (s *Service) renew(ctx context.Context) error {
	stale, err := s.Store.StaleProposals(ctx, mostStale)
	if err != nil {
		return fmt.Errorf("list proposals that do not hold: %w", err)
	}
	var faults []error
	for _, p := range stale {
		var c Case
		because := becauseFilled
		if p.Taken {
			because = becauseTaken
		}
		err := s.Store.Change(ctx, p.Case, nil, func(d Docket) (Turn, error) {
			if d.Case.Stage != StageReported || d.Case.Dispatch != DispatchProposed {
				return Turn{}, errNothingToDo
			}
			t := newTurn(d, system)
			t.event("plan.stale", PatrolID{}, facts{"because": because})
			t.replanTogether(s)
			c = t.Case
			return t.done()
		})
		switch {
		case errors.Is(err, errNothingToDo):
		case err != nil:
			faults = append(faults, fmt.Errorf("make the proposal of case %s again: %w", p.Case, err))
		default:
			s.Wake()
			s.planSoon(ctx, c, because)
		}
	}
	return errors.Join(faults...)
}

// replanTogether leaves what is missing to the next window, where the case is weighed with
// all that wait; what is urgent, and all where there are no windows, to the deadline at once.
func (t *turn) replanTogether(s *Service) {
	t.replan(s.PlanWithin + time.Second)
	if s.BatchWindow <= 0 || t.Case.Urgency == "urgent" {
		return
	}
	for i := range t.Arm {
		if d := &t.Arm[i]; d.Step == StepDispatch {
			d.DueAt, d.Together = t.now.Add(s.BatchWindow), true
		}
	}
}

// planSoon makes at once what is not left to a window.
func (s *Service) planSoon(ctx context.Context, c Case, why string) {
	if s.BatchWindow <= 0 || c.Urgency == "urgent" {
		s.nextBest(ctx, c.ID, why)
	}
}
