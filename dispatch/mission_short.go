package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// mostShort bounds how many cases one look at what is missing takes up; the rest
// follows with the next tick. Each is a plan made for nothing mostly, beside the plans
// of reports that wait.
const mostShort = 4

// Shortfalls looks again at cases that lack a department, once somebody of it has come
// free. A case is planned again only where that sends somebody: nobody is told twice
// that nobody comes. What is not urgent is weighed with all that wait for the next window.
// Proposals that do not hold any more are made again beside.
func (s *Service) Shortfalls(ctx context.Context) error {
	return errors.Join(s.renew(ctx), s.shortfalls(ctx))
}

func (s *Service) shortfalls(ctx context.Context) error {
	short, err := s.Store.Short(ctx, waitingStages, mostShort)
	if err != nil {
		return fmt.Errorf("list what is missing: %w", err)
	}
	var faults []error
	for _, c := range short {
		if err := s.lookAgain(ctx, c); err != nil {
			faults = append(faults, fmt.Errorf("look again at case %s: %w", c.Case, err))
		}
	}
	return errors.Join(faults...)
}

func (s *Service) lookAgain(ctx context.Context, short ShortCase) error {
	c, err := s.Store.Case(ctx, short.Case, "")
	if err != nil {
		return err
	}
	b, err := s.gatherBy(ctx, c, sending{planBy: time.Now().Add(s.PlanWithin)}, nil, nil)
	if err != nil {
		return err
	}
	helps := slices.ContainsFunc(MakePlan(b.input).Teams, func(p Pick) bool { return p.Chosen != nil })
	if !helps {
		return s.Store.Looked(ctx, short)
	}
	err = s.Store.Change(ctx, short.Case, nil, func(d Docket) (Turn, error) {
		if !d.Case.Stage.Open() || slices.Contains(waitingStages, d.Case.Stage) || d.Case.Dispatch != DispatchDone || d.Case.Version != c.Version {
			return Turn{}, errNothingToDo
		}
		t := newTurn(d, system)
		t.event("shortfall.looked_again", PatrolID{}, facts{"departments": short.Departments})
		t.replanTogether(s)
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Wake()
	s.planSoon(ctx, c, becauseFilled)
	return nil
}
