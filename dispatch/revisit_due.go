package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The reasons for which staff are told of revisits.
const (
	WhyRevisit        = "revisit"
	WhyRevisitMissed  = "revisit_missed"
	WhyRevisitClimbed = "revisit_climbed"
)

func saidRevisit(n Names, c Case, r Revisit, why string, zone *time.Location) Words {
	if c.Covert != nil && why == WhyRevisitClimbed {
		why = WhyRevisitMissed // no town is told of it
	}
	w, at := n.category(r.Category), r.OpensAt.In(zone).Format("01-02 15:04")+"–"+r.ClosesAt.In(zone).Format("15:04")
	switch why {
	case WhyRevisit:
		return Words{fmt.Sprintf("回访提醒：%s（%s）办结后第 %d 天，请于 %s 到现场查看有无复发。", w.ZH, c.Number, r.AfterDays, at),
			fmt.Sprintf("Look again: %s (%s), %d days after it was closed; be there %s.", w.EN, c.Number, r.AfterDays, at)}
	case WhyRevisitMissed:
		return Words{fmt.Sprintf("回访未完成：%s（%s）应于 %s 回访，尚无人查看，请督促。", w.ZH, c.Number, at),
			fmt.Sprintf("Nobody looked again: %s (%s) was due %s; please see to it.", w.EN, c.Number, at)}
	}
	return Words{fmt.Sprintf("回访逾期上报镇街：%s（%s）应于 %s 回访，至今无人查看。", w.ZH, c.Number, at),
		fmt.Sprintf("Still nobody looked again: %s (%s) was due %s; the town is told.", w.EN, c.Number, at)}
}

// revisitDue does what is due of a case's revisits: tells the people of the grid that the
// place lies in now that it is the hour, its chief that nobody went, and the town.
func (s *Service) revisitDue(ctx context.Context, d Deadline) (err error) {
	for range movedTries {
		if err = s.climbRevisits(ctx, d); !errors.Is(err, errMoved) {
			break
		}
	}
	return err
}

func (s *Service) climbRevisits(ctx context.Context, d Deadline) error {
	c, err := s.Store.Case(ctx, d.Case, "")
	if err != nil {
		return err
	}
	at, err := s.Grids.Locate(ctx, c.Place(), accuracyOf(c), c.Category, time.Time{})
	if err != nil {
		return fmt.Errorf("ask whose place it is: %w", err)
	}
	ask := DutyAsk{Category: c.Category, Areas: at.Areas}
	if at.Responsible.Code != nil {
		ask.GridCode = *at.Responsible.Code
	}
	duty, err := s.Store.Duty(ctx, ask)
	if err != nil {
		return fmt.Errorf("ask who is to look again: %w", err)
	}
	know, err := s.Store.PeopleBehind(ctx, c.Commanders, c.Scope.Patrols)
	if err != nil {
		return fmt.Errorf("ask who knows of it: %w", err)
	}
	err = s.Store.Change(ctx, d.Case, nil, func(k Docket) (Turn, error) {
		if k.Case.Version != c.Version {
			return Turn{}, errMoved // who knows of it may be others by now
		}
		t := newTurn(k, system)
		moved := false
		for _, r := range slices.Clone(t.revisits) {
			for r.State.Waits() && r.NextAt != nil && !r.NextAt.After(t.now) {
				t.climbRevisit(&r, at.Responsible.Code, duty, know)
				moved = true
			}
		}
		if !moved {
			return Turn{}, errNothingToDo
		}
		t.armRevisits()
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return s.rearmRevisits(ctx, d)
	}
	if err == nil {
		s.Wake()
	}
	return err
}

// rearmRevisits is for a deadline that came too early, or with nothing left to do: it is
// dropped, unless something waits.
func (s *Service) rearmRevisits(ctx context.Context, d Deadline) error {
	err := s.Store.Change(ctx, d.Case, nil, func(k Docket) (Turn, error) {
		t := newTurn(k, system)
		if !slices.ContainsFunc(t.revisits, func(r Revisit) bool { return r.State.Waits() && r.NextAt != nil }) {
			return Turn{}, errNothingToDo
		}
		t.armRevisits()
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return s.Store.DropDeadline(ctx, d.ID)
	}
	return err
}

func accuracyOf(c Case) float64 {
	if c.AccuracyM == nil {
		return 0
	}
	return *c.AccuracyM
}

// climbRevisit takes a revisit one step up. Of a covert case neither the grid's people nor
// the town may know: those are told who do, at each step, or nobody would go and nobody
// hear that nobody went.
func (t *turn) climbRevisit(r *Revisit, grid *string, duty Duty, know []StaffID) {
	whom := func(parts ...string) (out []StaffID) {
		for _, p := range duty.Posts {
			if slices.Contains(parts, p.Part) && !slices.Contains(out, p.Staff) {
				out = append(out, p.Staff)
			}
		}
		return out
	}
	r.GridCode = grid
	var told []StaffID
	why := ""
	next := time.Time{}
	switch r.State {
	case RevisitPlanned:
		r.State, why, next = RevisitOpen, WhyRevisit, r.ClosesAt
		if told = whom("worker", "substitute"); len(told) == 0 {
			told = whom("part_timer", "chief")
		}
	case RevisitOpen:
		r.State, why, next = RevisitMissed, WhyRevisitMissed, r.ClosesAt.Add(revisitClimb)
		if told = whom("chief"); len(told) == 0 {
			told = duty.Leaders
		}
	default:
		r.State, why = RevisitClimbed, WhyRevisitClimbed
		told = duty.Leaders
	}
	r.NextAt = nil
	if !next.IsZero() {
		r.NextAt = &next
	}
	t.setRevisit(*r)
	if t.Case.Covert != nil {
		told = know
	}
	t.event("revisit."+string(r.State), PatrolID{}, facts{"revisit": r.ID, "days": r.AfterDays, "grid": grid, "told": len(told)})
	t.note(told, why, saidRevisit(t.names, t.Case, *r, why, t.calendar.zone))
}
