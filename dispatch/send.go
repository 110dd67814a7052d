package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// raceTries is how often a plan is made because somebody else claimed one of the
	// patrols of the plan before.
	raceTries = 3
	// movedTries is how often it is made anew because the case itself moved on.
	movedTries = 5
)

// sending is one attempt to give a case who it lacks.
type sending struct {
	actor    Viewer
	why      string   // what made the plan necessary
	version  int64    // of the case, as an operator saw it; 0 compares nothing
	choices  []Choice // an operator's
	reporter PatrolID // the patrol of whoever reported, on a new case
	operator bool     // an operator sends: offers leave later, and undo is possible
	note     string
	planBy   time.Time      // when to give up planning; zero: when ctx ends
	ready    *brief         // what the first try is made from, where that is gathered already
	answer   *PendingAnswer // the idempotency key that waits for the response
	filed    ReportID
	followUp *FollowUp
	relieves AssignmentID // whom the plan finds somebody for, and nothing else
	more     *Crew        // what is asked for beside what the case has
	atOnce   bool         // the offers leave with the commit
	may      func(Case) error
	again    bool     // a proposal is made again, where that changes it
	beside   []CaseID // that are planned together with this one
}

// lends says whether a patrol goes where it does not work since an operator chose it. A
// commander on scene chooses among those who work there.
func (o sending) lends(id PatrolID) bool {
	return o.operator && May(o.actor, ActDispatch) && slices.ContainsFunc(o.choices, func(ch Choice) bool { return ch.PatrolID == id })
}

// reasons for which an assignment ends.
const (
	reasonLost       = "its position was lost"
	reasonTimeout    = "no answer in time"
	reasonReplaced   = "an operator sent another"
	reasonMoved      = "is needed sooner elsewhere"
	reasonUndone     = "the dispatch was taken back"
	reasonCaseClosed = "the case was closed"
	reasonRelieved   = "was relieved"
)

// send plans and commits until it succeeds. A patrol that somebody else claims in
// between makes a new plan; after three lost races the departments that lost them
// are given up as contended, which an operator is told of.
func (s *Service) send(ctx context.Context, c Case, o sending) (Case, error) {
	var contended []PatrolID
	var givenUp []string
	moved := 0
	for try := 1; ; try++ {
		var b brief
		var err error
		switch {
		case o.ready == nil:
			b, err = s.gatherBy(ctx, c, o, contended, givenUp)
		case try == 1:
			b = *o.ready
		default: // what was matched does not hold any more
			o.ready, o.why = nil, "what was matched with others was lost to somebody else"
			b, err = s.gatherBy(ctx, c, o, contended, givenUp)
		}
		if err != nil {
			return Case{}, err
		}
		plan, input, output, err := planBytes(b.input)
		if err != nil {
			return Case{}, err
		}
		if err := chosenCanGo(plan, b.input, o); err != nil {
			return Case{}, err
		}
		if o.more != nil && !slices.ContainsFunc(b.input.Teams, func(t Team) bool { return t.Kind == KindDepartment && t.Department == o.more.Department }) {
			return Case{}, errBrought(*o.more)
		}
		if !o.relieves.IsZero() {
			if err := b.canRelieve(plan); err != nil {
				return Case{}, err
			}
		}
		record := &PlanRecord{ID: NewID[planKind](), Why: o.why, Input: input, Output: output}
		claims := claimsOf(plan)
		if proposes(b, o) {
			claims = nil
		}
		var done Case
		var first bool // the case had no plan before
		var waited time.Duration
		began := time.Now()
		err = s.Store.Change(ctx, c.ID, claims, func(d Docket) (Turn, error) {
			first, waited = d.Case.Stage == StageReported && d.Case.Dispatch == DispatchPending, d.Now.Sub(d.Case.MadeAt)
			turn, err := s.dispatchTurn(d, b, plan, record, claims, o)
			done = turn.Case
			return turn, err
		})
		var race *LostRace
		switch {
		case errors.As(err, &race):
			contended = append(contended, race.Patrols...)
			if try >= raceTries {
				givenUp = append(givenUp, departmentsOf(plan, race.Patrols)...)
			}
			continue
		case errors.Is(err, errMoved) && moved < movedTries:
			moved++
			if c, err = s.Store.Case(ctx, c.ID, ""); err != nil {
				return Case{}, err
			}
			continue
		case errors.Is(err, errMoved):
			return Case{}, movesTooFast(c, err)
		case err != nil:
			return Case{}, err
		}
		s.Wake()
		if done.Mission != nil {
			s.gatherSoon(done.ID)
		}
		if first {
			// On the database's clock up to here, and ours for the commit itself.
			s.planned.Store(time.Now().UnixNano())
			s.Planned(done.Dispatch, waited+time.Since(began))
		}
		return done, nil
	}
}

// movesTooFast is the fault of a case that others changed each time while it was planned:
// nothing is wrong with it, and the next try may be the one that fits in between.
func movesTooFast(c Case, err error) error {
	return &Fault{Kind: Unavailable, Code: "case-moves",
		Detail: fmt.Sprintf("Case %s was changed by others each time while its plan was made; try again in a moment.", c.Number), Err: err}
}

func (s *Service) gatherBy(ctx context.Context, c Case, o sending, contended []PatrolID, givenUp []string) (brief, error) {
	if !o.planBy.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, o.planBy)
		defer cancel()
	}
	return s.gather(ctx, c, o, contended, givenUp)
}

// proposes says whether the plan of a new case is only proposed.
func proposes(b brief, o sending) bool {
	return !o.operator && b.rule.Mode != Auto && b.c.Stage == StageReported
}

func claimsOf(p Plan) []PatrolID {
	var claims []PatrolID
	for _, t := range p.Teams {
		claims = append(claims, t.going()...)
	}
	slices.SortFunc(claims, compareIDs)
	return claims
}

func departmentsOf(p Plan, lost []PatrolID) []string {
	var out []string
	for _, t := range p.Teams {
		if slices.ContainsFunc(t.going(), func(id PatrolID) bool { return slices.Contains(lost, id) }) {
			out = append(out, t.Department)
		}
	}
	return out
}

// chosenCanGo refuses an operator's choice that cannot be kept, and says why.
func chosenCanGo(p Plan, in PlanInput, o sending) error {
	for i, team := range in.Teams {
		if team.Wanted == nil {
			continue
		}
		wanted := append([]PatrolID{*team.Wanted}, team.WantedToo...)
		k := slices.IndexFunc(wanted, func(id PatrolID) bool { return !slices.Contains(p.Teams[i].going(), id) })
		if k < 0 {
			continue
		}
		detail := fmt.Sprintf("The chosen patrol is none of department %s.", team.Department)
		for _, c := range p.Teams[i].Candidates {
			if c.PatrolID == wanted[k] && c.RejectedBecause != nil {
				why := *c.RejectedBecause
				if strings.HasPrefix(why, "busy: ") {
					why = "busy" // how far it is on another case is that case's business
				}
				detail = fmt.Sprintf("Patrol %s cannot go: %s. Choose another.", c.Code, why)
			}
		}
		at := slices.IndexFunc(o.choices, func(ch Choice) bool { return ch.PatrolID == wanted[k] })
		return &Fault{Kind: Conflict, Code: "patrol-not-available", Detail: detail,
			Fields: []FieldFault{{Pointer: fmt.Sprintf("/choices/%d/patrol_id", at), Detail: detail}}}
	}
	return nil
}

// dispatchTurn is the decision itself: what the plan says, on the case as it lies
// locked. The plan may have been made for a case that has moved on; what it would
// give twice is left out, and a case that was closed gets nothing.
func (s *Service) dispatchTurn(d Docket, b brief, plan Plan, record *PlanRecord, claims []PatrolID, o sending) (Turn, error) {
	if err := d.expect(o.version); err != nil {
		return Turn{}, err
	}
	again := o.again && d.Case.Stage == StageReported && d.Case.Dispatch == DispatchProposed
	if !d.Case.Stage.Open() || (!o.operator && !again && d.Case.Dispatch != DispatchPending) {
		return Turn{}, errSettled
	}
	if again && d.Case.proposes(plan) {
		return Turn{}, errNothingToDo
	}
	if d.Case.Version != b.c.Version {
		return Turn{}, errMoved
	}
	if o.may != nil {
		if err := o.may(d.Case); err != nil {
			return Turn{}, err
		}
	}
	if err := d.lost(claims); err != nil {
		return Turn{}, err
	}
	t := newTurn(d, o.actor)
	c := &t.Case
	c.Responsible, c.RunnerUp, c.MapID, c.Departments = b.c.Responsible, b.c.RunnerUp, b.c.MapID, b.c.Departments
	c.Scope.Areas, c.Scope.Departments = b.c.Scope.Areas, b.c.Scope.Departments
	if o.relieves.IsZero() {
		t.Disarm = append(t.Disarm, Step{Step: StepDispatch})
	}
	t.tell(b)
	if c.Stage == StageReported {
		t.event("located", PatrolID{}, facts{"grid": c.Responsible.Code, "map": c.MapID.OrNull(), "basis": c.Responsible.Basis,
			"share": c.Responsible.Share})
	}
	switch {
	case proposes(b, o) && b.rule.Mode == Manual:
		c.Dispatch = DispatchNone
	case proposes(b, o):
		c.Dispatch = DispatchProposed
		record.State = "proposed"
		t.Plan = record
		t.propose(plan, record.ID, b)
		if o.ready == nil && s.BatchWindow > 0 && c.Urgency != "urgent" {
			t.matchLater(s.BatchWindow, o.reporter)
		}
	case !o.relieves.IsZero():
		record.State = "committed"
		t.Plan = record
		s.sendRelief(t, plan, record.ID, b, o)
	default:
		record.State = "committed"
		t.Plan = record
		s.commit(t, plan, record.ID, b, o)
	}
	turn, err := t.done()
	if err != nil || o.answer == nil {
		return turn, err
	}
	response, err := json.Marshal(Filed{ReportID: o.filed, Case: turn.Case, FollowUp: o.followUp})
	if err != nil {
		return Turn{}, fmt.Errorf("write answer to report: %w", err)
	}
	answer := *o.answer
	answer.Response = response
	turn.Answer = &answer
	return turn, nil
}

// errSettled: somebody else planned the case meanwhile. errMoved: the case changed
// while it was being planned; plan again from what it is now.
var (
	errSettled = errors.New("the case is planned already")
	errMoved   = errors.New("the case moved on while it was planned")
)

// tell notes for the grid's chief and the town's leader that there is a case.
func (t *turn) tell(b brief) {
	if t.Case.Stage != StageReported || t.Case.Covert != nil {
		return
	}
	t.tellPlace(b.chiefs, b.leaders, saidToStaff)
}

// tellPlace tells the grid's chief and the town's leader something about a case in their
// place, and that they were told is on record.
func (t *turn) tellPlace(chiefs, leaders []StaffID, say func(n Names, c Case, why string) Words) {
	tell := func(staff []StaffID, why string) {
		for _, id := range staff {
			t.event("told", PatrolID{}, facts{"staff": id, "why": why})
		}
		t.note(staff, why, say(t.names, t.Case, why))
	}
	tell(chiefs, "grid_chief")
	tell(leaders, "town_leader")
}

// propose keeps who would go; nobody is claimed.
func (t *turn) propose(plan Plan, id PlanID, b brief) {
	t.DropProposed = true
	t.Case.Assignments = slices.DeleteFunc(t.Case.Assignments, func(a Assignment) bool { return a.State == Proposed })
	t.Case.Shortfalls = []Shortfall{}
	for i, pick := range plan.Teams {
		if pick.Shortfall != "" {
			t.Case.Shortfalls = append(t.Case.Shortfalls, b.shortfallOf(pick, b.input.Teams[i]))
		}
		for _, goes := range pick.going() {
			a := assignmentOf(pick, goes, b.input.Teams[i], id)
			a.State = Proposed
			t.Add = append(t.Add, a)
			t.Case.Assignments = append(t.Case.Assignments, a)
		}
	}
	t.join(plan, b)
	said := facts{"plan": id}
	if b.named {
		said["because"] = becauseNamed
	}
	t.event("plan.proposed", PatrolID{}, said)
}

// commit claims who goes, and names who is missing.
func (s *Service) commit(t *turn, plan Plan, id PlanID, b brief, o sending) {
	c := &t.Case
	if c.Dispatch == DispatchProposed || c.Dispatch == DispatchNone {
		t.DropProposed = true
		c.Assignments = slices.DeleteFunc(c.Assignments, func(a Assignment) bool { return a.State == Proposed })
	}
	because := fmt.Sprintf("category %s is dispatched %s", c.Category, b.rule.Mode)
	if o.operator {
		because = "an operator sent it"
	}
	t.event("plan", PatrolID{}, facts{"plan": id, "why": o.why, "note": o.note})
	t.walk(StageDispatched, because)
	c.Dispatch = DispatchDone
	if o.operator && !o.atOnce {
		until := t.now.Add(s.UndoWithin)
		c.UndoUntil = &until
	}
	var sent []Assignment
	var missing []string
	planned := func(old Shortfall) bool {
		return slices.ContainsFunc(plan.Teams, func(p Pick) bool { return p.Department == old.Department })
	}
	short := slices.DeleteFunc(slices.Clone(c.Shortfalls), planned)
	c.Flow.Filled = nil
	if c.UndoUntil != nil {
		c.Flow.Filled = slices.DeleteFunc(slices.Clone(c.Shortfalls), func(old Shortfall) bool { return !planned(old) })
	}
	for i, pick := range plan.Teams {
		team := b.input.Teams[i]
		if pick.Shortfall != "" {
			gap := b.shortfallOf(pick, team)
			short = append(short, gap)
			t.Items = append(t.Items, gap)
			missing = append(missing, gap.Department)
			said := facts{"department": gap.Department, "kind": pick.Kind, "reason": gap.Reason, "considered": gap.Considered}
			if pick.Closed != "" {
				said["because"] = pick.Closed
			}
			t.change("shortfall", PatrolID{}, said, facts{"item": nil}, facts{"item": gap.Department + ":" + string(gap.Reason)})
		}
		if team.Wanted != nil && !team.Adds {
			t.replace(pick)
		}
		for _, goes := range pick.going() {
			a := t.assign(pick, assignmentOf(pick, goes, team, id), s, o)
			sent = append(sent, a)
			if k := slices.IndexFunc(team.Runners, func(r Runner) bool { return r.PatrolID == goes && r.Lent != "" }); k >= 0 {
				t.event("lent", goes, facts{"assignment": a.ID, "department": a.Department, "works_in": team.Runners[k].Lent, "until": "the case ends"})
			}
		}
		if left, lacks := t.leftOf(pick, team, b); lacks {
			short = append(short, left) // what was chosen beside it does not fill it
		} else if pick.Shortfall == "" {
			t.Settled = append(t.Settled, pick.Department)
		}
	}
	c.Shortfalls = short
	t.join(plan, b)
	if !o.operator || o.atOnce { // an operator may take it back; it is told when the offers leave
		t.tellSent(sent)
	}
	if len(sent) > 0 { // others are coming: that nobody looks first is the desk's business
		missing = slices.DeleteFunc(missing, func(department string) bool { return department == GridDepartment })
	}
	if len(missing) > 0 {
		t.toReporters(WhyWaiting, saidWaiting(t.names, missing))
	}
}

// leftOf is what a department lacked before and lacks still, though somebody was chosen
// to go beside those who do.
func (t *turn) leftOf(p Pick, team Team, b brief) (Shortfall, bool) {
	if team.Wanted == nil || !team.Adds || p.Shortfall != "" {
		return Shortfall{}, false
	}
	was := slices.IndexFunc(t.Case.Shortfalls, func(f Shortfall) bool { return f.Department == p.Department })
	k := slices.IndexFunc(b.crews, func(c Crew) bool { return c.Department == p.Department })
	if was < 0 || k < 0 {
		return Shortfall{}, false
	}
	left := t.Case.Shortfalls[was]
	left.People, left.Skills = missing(t.Case, b.crews[k])
	left.Lenders = slices.DeleteFunc(slices.Clone(left.Lenders), func(l Lender) bool { return slices.Contains(p.going(), l.PatrolID) })
	return left, left.People > 0 || len(left.Skills) > 0
}

// replace recalls who has the department's part now; an operator chose another.
func (t *turn) replace(pick Pick) {
	for i, a := range t.Case.Assignments {
		if a.Kind == pick.Kind && a.Department == pick.Department && a.State.Active() {
			t.end(i, Recalled, reasonReplaced)
		}
	}
}

func (t *turn) assign(pick Pick, a Assignment, s *Service, o sending) Assignment {
	a.MadeAt, a.Relieves = t.now, o.relieves
	if a.EtaS != nil {
		at := t.now.Add(time.Duration(*a.EtaS * float64(time.Second)))
		a.ArrivesAt = &at
	}
	status := Assigned
	switch {
	case pick.OnScene:
		a.State, status = There, OnScene
		a.OfferedAt, a.ArrivedAt = &t.now, &t.now
	case o.operator && !o.atOnce:
		leaves := t.now.Add(s.UndoWithin)
		a.State, a.LeavesAt = Offered, &leaves
		t.arm(a.ID, StepOffer, leaves)
	default:
		a.State = Offered
	}
	t.Case.Assignments = append(t.Case.Assignments, a)
	if a.State == Offered && a.LeavesAt == nil {
		t.offer(len(t.Case.Assignments)-1, s.AnswerWithin)
	}
	t.Add = append(t.Add, t.Case.Assignments[len(t.Case.Assignments)-1])
	t.move(a.PatrolID, status, a.ID)
	said := facts{"assignment": a.ID, "department": a.Department, "kind": a.Kind,
		"part": a.Part, "eta_s": a.EtaS, "road_m": a.RoadM, "fix_age_s": a.FixAgeS}
	if pick.Closed != "" {
		said["because"] = pick.Closed
	}
	t.event("assignment."+string(a.State), a.PatrolID, said)
	return t.Case.Assignments[len(t.Case.Assignments)-1]
}

func assignmentOf(pick Pick, goes PatrolID, team Team, plan PlanID) Assignment {
	candidates := pick.candidatesFor(goes)
	chosen := candidates[0]
	a := Assignment{ID: NewID[assignmentKind](), Kind: pick.Kind, Department: pick.Department, Part: pick.Part, PlanID: plan,
		PatrolID: chosen.PatrolID, PatrolCode: chosen.Code, PatrolName: chosen.Name, Mode: chosen.Mode,
		EtaS: chosen.EtaS, RoadM: chosen.RoadM, EtaKind: chosen.EtaKind, FixAgeS: chosen.FixAgeS, Candidates: candidates, People: 1}
	if i := slices.IndexFunc(team.Runners, func(r Runner) bool { return r.PatrolID == goes }); i >= 0 {
		a.People, a.Brings = max(1, team.Runners[i].People), team.Runners[i].Skills
	}
	return a
}
