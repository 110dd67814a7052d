package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MoveOrder is a move and what it brings with it.
type MoveOrder struct {
	Move     Move
	Reason   string
	Result   string
	Owner    string // a department, or village or town
	Days     int
	Until    *time.Time
	Document string
	Level    string
	Case     CaseID // another: that this one is joined to, or whose matter is seen to as well
	Hours    int    // until a supervision order is to be answered; 0: as answerDue says
	Shown    Shown
}

// FlowStore keeps what moves leave behind outside of their case.
type FlowStore interface {
	// InZone says which zone the district's calendar is of, before anything is asked.
	InZone(zone *time.Location)
	// Departments answers the codes of all departments.
	Departments(ctx context.Context) ([]string, error)
	// Audience answers the people who are told of a case's clocks.
	Audience(ctx context.Context, c Case) (Audience, error)
	// ChangeAll does to several cases what Change does to one, with who is told of their
	// clocks, in one commit, and answers those it had: a case that somebody else holds is
	// passed by. Where decide answers ErrLeave the case stays as it is; after another error
	// all do.
	ChangeAll(ctx context.Context, ids []CaseID, decide func(Docket, Audience) (Turn, error)) ([]CaseID, error)
	// Precedents answers the newest rulings on a category near a place, of cases that
	// the viewer may see.
	Precedents(ctx context.Context, v Viewer, c Case, withinM float64, limit int) ([]Precedent, error)
	// ReleaseClock gives a clock back that had nothing to do.
	ReleaseClock(ctx context.Context, due DueClock) error
	// Unclocked answers some cases whose clocks are not those of their stage: open ones
	// without any, finished ones with one.
	Unclocked(ctx context.Context) ([]CaseID, error)
}

// ErrLeave is what a decision on one of several cases answers that leaves it as it is.
var ErrLeave = errors.New("the case is left as it is")

// Audience is who hears of a clock: the unit's officers, the town's leaders, the
// district's. Of a covert case it is Knowing alone, those who command it or take part; once
// it is released its grid's Chiefs hear of it too, who are asked for of a covert case alone.
type Audience struct{ Unit, Town, District, Knowing, Chiefs []StaffID }

// Precedent is a ruling that was made nearby.
type Precedent struct {
	CaseID    CaseID    `json:"case_id"`
	Number    string    `json:"number"`
	Owner     string    `json:"owner"`
	From      string    `json:"from"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	DistanceM float64   `json:"distance_m"`
}

// Ruling is what a ruling keeps as a precedent.
type Ruling struct {
	Owner, From, Reason string
	By                  AccountID
}

// precedentM is how near a ruling must be to be suggested.
const (
	precedentM    = 1500
	mostPrecedent = 3
)

// Move takes a case one step by the table of rules, or says why that cannot be.
func (s *Service) Move(ctx context.Context, v Viewer, id CaseID, version int64, o MoveOrder) (CaseDetail, error) {
	switch o.Move {
	case MoveUndo:
		return s.Undo(ctx, v, id, version)
	case MoveClose:
		return s.CloseCase(ctx, v, id, version, Closing{Reason: o.Reason, Answer: o.Result})
	case MoveJoin:
		return s.Join(ctx, v, id, version, o)
	case MoveSplit:
		return s.Split(ctx, v, id, version, o)
	}
	c, err := s.visible(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if _, known := moveWords[o.Move]; !known {
		return CaseDetail{}, invalid("/move", "is none of the moves; ask the case which ones there are")
	}
	if err := s.knownUnit(ctx, o); err != nil {
		return CaseDetail{}, err
	}
	if err := s.onTheList(ctx, v, c, o); err != nil {
		return CaseDetail{}, err
	}
	if err := o.Shown.check(o.Move); err != nil {
		return CaseDetail{}, err
	}
	if again, err := s.shownBefore(ctx, v, id, o.Move, o.Shown); err != nil || again {
		return s.again(ctx, v, id, err)
	}
	if len(o.Shown.Photos) > 0 { // nothing is kept of who may not take the step
		if _, no := judge(v, c, o, time.Time{}); no != nil {
			return CaseDetail{}, no
		}
	}
	o.Shown.Photos = s.keepOutside(ctx, o.Shown.Photos)
	audience, err := s.Store.Audience(ctx, c)
	if err != nil {
		return CaseDetail{}, fmt.Errorf("ask whom to tell: %w", err)
	}
	plan := false
	err = s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
		if !Visible(v, d.Case.Scope) {
			return Turn{}, hidden("case")
		}
		if err := d.expect(version); err != nil {
			return Turn{}, err
		}
		r, no := judge(v, d.Case, o, d.Now)
		if no != nil {
			return Turn{}, no
		}
		if err := o.check(r, d.Case, d.Now); err != nil {
			return Turn{}, err
		}
		t := newTurn(d, v)
		t.show(o.Move, v.Patrol, o.Shown)
		plan = t.take(s, r, o, audience)
		return t.done()
	})
	if err != nil {
		// A twin of this request may have been first.
		if again, _ := s.shownBefore(ctx, v, id, o.Move, o.Shown); again {
			return s.again(ctx, v, id, nil)
		}
		return CaseDetail{}, err
	}
	s.Wake()
	if plan {
		s.nextBest(ctx, id, "more is to be seen to")
	}
	return s.detail(ctx, v, id)
}

// knownUnit refuses an owner that nobody is.
func (s *Service) knownUnit(ctx context.Context, o MoveOrder) error {
	if o.Owner == "" || local(o.Owner) {
		return nil
	}
	known, err := s.Store.Departments(ctx)
	if err != nil {
		return fmt.Errorf("list departments: %w", err)
	}
	if !slices.Contains(known, o.Owner) {
		return invalid("/owner", fmt.Sprintf("%.32q is no department; choose one of the list, village or town", o.Owner))
	}
	return nil
}

// take does what a row of the table says, and answers whether patrols are to be
// planned for the new unit.
func (t *turn) take(s *Service, r Rule, o MoveOrder, told Audience) (plan bool) {
	f := &t.Case.Flow
	because := strings.TrimSpace(o.Reason)
	switch r.Move {
	case MoveSelfHandle:
		f.handled(t.actor)
		t.settleOnSpot(s, strings.TrimSpace(o.Result))
		return false
	case MoveDispatch:
		return t.handOver(s, r, o)
	case MoveCombine:
		return t.combine(s, o)
	case MoveSign, MoveStart:
		f.handled(t.actor)
	case MoveReturn:
		t.giveUp()
		f.Returns++
		f.Return = &Returned{From: t.Case.lead(), Proposed: o.Owner, Reason: because, At: t.now}
		t.event("returned", PatrolID{}, facts{"from": t.Case.lead(), "proposed": o.Owner, "reason": because, "count": f.Returns})
	case MoveRule:
		f.Ruled = o.Owner
		t.Ruling = &Ruling{Owner: o.Owner, From: f.Return.From, Reason: because, By: t.actor.Account}
		t.event("ruled", PatrolID{}, facts{"owner": o.Owner, "from": f.Return.From, "reason": because})
	case MoveAskExtension:
		f.handled(t.actor)
		f.Ask = &Asked{For: AskedExtension, Days: o.Days, Reason: because, At: t.now}
		t.event("asked", PatrolID{}, facts{"for": AskedExtension, "days": o.Days, "reason": because})
	case MoveAskSuspension:
		f.handled(t.actor)
		until := o.Until.UTC()
		f.Ask = &Asked{For: AskedSuspension, Until: &until, Reason: because, At: t.now}
		t.event("asked", PatrolID{}, facts{"for": AskedSuspension, "until": until, "reason": because})
	case MoveGrant:
		t.grant(o)
	case MoveRefuse:
		asked := f.Ask.For
		f.Ask = nil
		t.event("refused", PatrolID{}, facts{"for": asked, "reason": because})
	case MoveResume:
		f.Until = nil
	case MoveFeedback:
		f.handled(t.actor)
		f.Ask = nil
		t.giveUp()
		t.event("result", PatrolID{}, facts{"result": strings.TrimSpace(o.Result), "unit": t.Case.lead()})
	case MovePass:
		t.event("checked", PatrolID{}, facts{"passed": true, "result": strings.TrimSpace(o.Result)})
		t.finish(Closing{Answer: ""}, "the check passed")
		return false
	case MoveFail:
		t.event("checked", PatrolID{}, facts{"passed": false, "reason": because})
	case MoveReopen:
		f.Reopened++
		f.ReopenedAt = &t.now
		f.Returns, f.Return, f.Ruled, f.Ask, f.Extensions, f.Supervision, f.Drawn, f.Tier = 0, nil, "", nil, 0, nil, nil, ""
		t.Case.Dispatch = DispatchNone
	case MoveUrge:
		f.Urged++
		f.UrgedAt = &t.now
		t.event("urged", PatrolID{}, facts{"count": f.Urged, "reason": because, "unit": t.Case.lead()})
		t.toStaff(told, told.Unit, WhyUrged, saidUrged(t.Case, because))
	case MoveSupervise:
		t.supervise(o.Level, because, t.answerDue(o.Hours), told)
	case MoveAnswer:
		f.handled(t.actor)
		f.Supervision.AnsweredAt, f.Supervision.Answer = &t.now, strings.TrimSpace(o.Result)
		t.event("supervision.answered", PatrolID{}, facts{"level": f.Supervision.Level, "result": f.Supervision.Answer,
			"late": t.now.After(f.Supervision.DueAt)})
	}
	if r.To != "" {
		t.stage(r.To, because)
	}
	if r.Move == MoveFeedback {
		t.stage(StageVerifying, "fed back; somebody else checks")
	}
	return false
}

func (f *Flow) handled(v Viewer) {
	for _, n := range v.names() {
		if !slices.Contains(f.Handlers, n) {
			f.Handlers = append(f.Handlers, n)
		}
	}
}

// grant gives what was asked for.
func (t *turn) grant(o MoveOrder) {
	f := &t.Case.Flow
	said := facts{"for": f.Ask.For, "document": strings.TrimSpace(o.Document)}
	if f.Ask.For == AskedSuspension {
		f.Until = f.Ask.Until
		said["until"] = f.Until
	} else {
		f.Extensions++
		if k := t.clock(ClockSettle); k != nil {
			sent := k.Since
			if f.SentAt != nil {
				sent = *f.SentAt
			}
			if !t.calendar.extend(k, f.Ask.Days, sent, t.now) && t.err == nil {
				t.err = noTimeLeft
			}
			t.touch(ClockSettle)
			said["due_at"] = k.DueAt
		}
		said["days"] = f.Ask.Days
	}
	f.Ask = nil
	t.event("granted", PatrolID{}, said)
}

// noTimeLeft is the fault of granting what could only end in the past.
var noTimeLeft = &Fault{Kind: Conflict, Code: "no-time-left",
	Detail: fmt.Sprintf("No case is given more than %d working days from its first dispatch, and those of this one are over; refuse what was asked for.", MostDays)}

// giveUp ends what patrols still have to do with the case: the unit returned it or has
// fed back.
func (t *turn) giveUp() {
	for i, a := range t.Case.Assignments {
		if a.State.Active() && a.Kind == KindDepartment {
			t.end(i, Recalled, reasonUnitDone)
		}
	}
	t.Case.UndoUntil = nil
}

const reasonUnitDone = "the unit has answered for the case"

// handOver gives the case to a unit: the one named, or ruled, or proposed, or the one
// it has. What came back goes to patrols at once; what was reopened or filed waits for
// whom the desk sends.
func (t *turn) handOver(s *Service, r Rule, o MoveOrder) (plan bool) {
	c := &t.Case
	f := &c.Flow
	to := o.Owner
	switch {
	case f.Ruled != "":
		to = f.Ruled
	case to == "" && c.Stage == StageReturned && f.Return != nil:
		to = f.Return.Proposed
	}
	from := c.lead()
	if to != "" && to != from {
		because := "an operator handed it over"
		if f.Ruled != "" {
			because = "a ruling named it"
		} else if c.Stage == StageReturned {
			because = "another unit returned it"
		}
		rest := slices.DeleteFunc(slices.Clone(c.Departments), func(d CaseDepartment) bool { return d.Code == to || d.Part == PartLead })
		c.Departments = append([]CaseDepartment{{Code: to, Part: PartLead, Because: because}}, rest...)
		c.Scope.Departments = scopeDepartments(*c)
	}
	t.event("handed_over", PatrolID{}, facts{"from": from, "to": c.lead(), "note": strings.TrimSpace(o.Reason)})
	t.DropProposed = true
	c.Assignments = slices.DeleteFunc(c.Assignments, func(a Assignment) bool { return a.State == Proposed })
	plan = c.Stage == StageReturned || c.Stage == StageRuled
	t.stage(StageDispatched, "handed to the unit")
	if plan {
		t.replan(s.PlanWithin + time.Second)
	} else {
		c.Dispatch = DispatchNone
	}
	return plan
}

// finish ends a case at the stage closed: everybody who reported hears of it, and who
// is still on it is recalled.
func (t *turn) finish(o Closing, because string) {
	answer := strings.TrimSpace(o.Answer)
	t.event("answered", PatrolID{}, facts{"reports": len(t.reporters), "standard": answer == "", "held": t.Case.Covert != nil})
	t.toReporters(WhyClosed, saidClosed(t.names, t.Case, answer))
	for i, a := range t.Case.Assignments {
		if a.State.Active() {
			t.end(i, Recalled, reasonCaseClosed)
		}
	}
	t.walk(StageClosed, because)
	if t.Case.Dispatch != DispatchDone {
		t.Case.Dispatch = DispatchNone
	}
	if t.Case.Flow.Tier == "" {
		t.Case.Flow.Tier = tierOf(t.Case)
	}
	t.event("settled", PatrolID{}, facts{"tier": t.Case.Flow.Tier})
	t.planRevisits()
	t.Case.UndoUntil = nil
	t.DropProposed, t.DisarmAll = true, true
	t.Case.Assignments = slices.DeleteFunc(t.Case.Assignments, func(a Assignment) bool { return a.State == Proposed })
	for _, dep := range append([]CaseDepartment{{Code: GridDepartment}}, t.Case.Departments...) {
		t.Settled = append(t.Settled, dep.Code)
	}
}

// The tiers at which a case is settled.
const (
	TierGrid     = "grid"
	TierVillage  = "village"
	TierTown     = "town"
	TierDistrict = "district"
)

// tierOf is where a case was settled: by whoever led it, or in the grid when nobody
// else ever set out.
func tierOf(c Case) string {
	switch lead := c.lead(); {
	case lead == settledByVillage:
		return TierVillage
	case lead == settledByTown:
		return TierTown
	case lead == GridDepartment, !slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.Kind == KindDepartment && a.ArrivedAt != nil }) &&
		slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.Kind == KindFirstLook && a.State == Done }):
		return TierGrid
	}
	return TierDistrict
}

// settleOnSpot is the one tap: settled where it was seen. The lot decides whether it is
// checked; the lot is the case's own number, so nobody can choose.
func (t *turn) settleOnSpot(s *Service, result string) {
	c := &t.Case
	for i, a := range c.Assignments {
		if a.State.Active() {
			t.advanceQuietly(i)
		}
	}
	t.DropProposed = true
	c.Assignments = slices.DeleteFunc(c.Assignments, func(a Assignment) bool { return a.State == Proposed })
	drawn := Drawn(c.Number, c.Category, t.rule.CheckPercent)
	c.Flow.Drawn = &drawn
	switch t.actor.Role {
	case RoleTownLeader:
		c.Flow.Tier = TierTown
	case RoleGridChief, RoleInstructor:
		c.Flow.Tier = TierVillage
	default:
		c.Flow.Tier = TierGrid
	}
	c.Dispatch = DispatchNone
	t.event("result", PatrolID{}, facts{"result": result, "tier": c.Flow.Tier})
	t.stage(StageSelfHandled, result)
	t.event("drawn", PatrolID{}, facts{"checked": drawn, "percent": t.rule.CheckPercent})
	t.stage(StageVerifying, "settled on the spot")
	if !drawn {
		t.finish(Closing{}, "the lot spared it")
	}
}

// advanceQuietly ends an assignment as done without taking the case along.
func (t *turn) advanceQuietly(i int) {
	a := &t.Case.Assignments[i]
	a.State, a.EndedAt, a.LeavesAt, a.ExpiresAt = Done, &t.now, nil, nil
	t.set(i)
	t.Disarm = append(t.Disarm, Step{a.ID, StepAnswer}, Step{a.ID, StepOffer})
	t.event("assignment.done", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "kind": a.Kind})
	t.move(a.PatrolID, Free, AssignmentID{})
}

// mayClose says why a viewer may not close a case, in the words of the table.
func mayClose(v Viewer, c Case, now time.Time) error {
	if _, no := judge(v, c, MoveOrder{Move: MoveClose}, now); no != nil {
		return no
	}
	return nil
}
