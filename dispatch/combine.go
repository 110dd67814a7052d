package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Been is a department that was at a place, by where its patrols have really been.
type Been struct {
	Department string    `json:"department"`
	At         time.Time `json:"at"`
}

const (
	beenM    = 80 // from the place
	beenStay = 3 * time.Minute
)

// been answers which departments were at the place of a case lately: not who drove
// through, but whose patrol stayed. It names departments, never patrols or people. Who
// was here for a covert case was not here, for a viewer who does not know of it.
func (s *Service) been(ctx context.Context, v Viewer, veil Veil, c Case) ([]Been, error) {
	if !May(v, ActDispatch) || !c.Stage.Open() {
		return []Been{}, nil // it is for whoever decides who goes, while that is open
	}
	found, err := s.Store.Been(ctx, c, beenM, beenStay, visitDays, veil.cases())
	if found == nil {
		found = []Been{}
	}
	return found, err
}

// combine is 综合查一次: another department sees to its own matter on the same visit. It
// is added to the case, and somebody of it is sent with those who go.
func (t *turn) combine(s *Service, o MoveOrder) (plan bool) {
	c := &t.Case
	said := facts{"department": o.Owner, "reason": strings.TrimSpace(o.Reason)}
	if !o.Case.IsZero() {
		said["case"] = o.Case
	}
	if !slices.ContainsFunc(c.Departments, func(d CaseDepartment) bool { return d.Code == o.Owner }) {
		c.Departments = append(c.Departments, CaseDepartment{Code: o.Owner, Part: PartAssist, Because: becauseCombined})
		c.Scope.Departments = scopeDepartments(*c)
	}
	t.event("combined", PatrolID{}, said)
	if c.Dispatch == DispatchDone && len(wanted(*c, crewsOf(*c, CategoryRule{}, nil), nil)) > 0 {
		t.replan(s.PlanWithin + time.Second)
		return true
	}
	return false
}

const becauseCombined = "one visit for both matters"

// onTheList refuses to order work of a category that the published list does not hold,
// whoever orders it: to hand it to a unit, or to take another matter along.
func (s *Service) onTheList(ctx context.Context, v Viewer, c Case, o MoveOrder) error {
	if o.Move != MoveDispatch && o.Move != MoveCombine {
		return nil
	}
	codes := []string{c.Category}
	if o.Move == MoveCombine {
		if local(o.Owner) {
			return invalid("/owner", "names no department; choose one that has patrols")
		}
		if !o.Case.IsZero() {
			other, err := s.visible(ctx, v, o.Case)
			if err != nil {
				return err
			}
			codes = append(codes, other.Category)
		}
	}
	return s.listed(ctx, codes...)
}

// listed answers the fault of the first category that is not on the list. What is sent
// by itself was on it when it was reported, in the same moment.
func (s *Service) listed(ctx context.Context, codes ...string) error {
	all, err := s.Store.CategoryRules(ctx)
	if err != nil {
		return fmt.Errorf("ask for the published list: %w", err)
	}
	for _, r := range all {
		if !r.Listed && slices.Contains(codes, r.Code) {
			return NotListed(r.Code, r.Article)
		}
	}
	return nil
}
