package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/batch"
)

// MostWindow bounds how long a report may wait for others.
const MostWindow = 10 * time.Second

// WhyOperator is the reason of a plan that an operator sent, WhyMore of one that a
// commander or an operator asked more people by, and ReasonMoved that of an assignment
// whose patrol was sent elsewhere. The store looks for them.
const (
	WhyOperator = "an operator sent it"
	WhyMore     = "more was asked for"
	ReasonMoved = reasonMoved
)

// An hour later is what it counts as in a batch that a patrol's place is old, and that it
// is a grid's substitute rather than its worker; two hours for a part-timer, and so on.
const countsLater = time.Hour

// waitsForOthers says whether a new case waits for the window: what is urgent never
// does, nor what an operator sends: it is proposed at once, and matched with others later.
func (s *Service) waitsForOthers(rule CategoryRule) bool {
	return s.BatchWindow > 0 && rule.Mode == Auto && rule.Urgency != "urgent"
}

// Together plans the cases of these deadlines at once, see package batch for what is
// least: for each department its patrols are matched with all who want one, an urgent
// case counts four times an ordinary one, and each up to three times as much as the
// clock it is on runs out. A patrol that has not set out for another case may be sent
// here instead, where a free one takes its place there and both together are there
// sooner by more than the rules of the district say. It answers the deadlines that failed, and why.
//
// What is matched is only a wish: each case is its own Change, and a patrol that somebody
// else claimed in between costs that case a plan of its own. A program that dies halfway
// leaves the deadlines of the others, which run on alone.
func (s *Service) Together(ctx context.Context, due []Deadline) map[DeadlineID]error {
	failed := map[DeadlineID]error{}
	b := &batchPlan{s: s}
	var err error
	if b.rules, err = s.Store.DispatchRules(ctx); err != nil { // plans matter more than moves
		s.Log.ErrorContext(ctx, "nobody is moved", "error", err)
	}
	cases := make([]CaseID, len(due))
	for i, d := range due {
		cases[i] = d.Case
	}
	for _, d := range due {
		entry, err := s.entryFor(ctx, d, cases)
		switch {
		case err != nil:
			failed[d.ID] = fmt.Errorf("plan case %s: %w", d.Case, err)
		case entry == nil: // the case has moved on
			if err := s.Store.DropDeadline(ctx, d.ID); err != nil {
				failed[d.ID] = err
			}
		default:
			b.entries = append(b.entries, entry)
		}
	}
	if len(b.entries) == 1 && b.entries[0].again { // nothing came meanwhile to match it with
		if err := s.Store.DropDeadline(ctx, b.entries[0].due.ID); err != nil {
			failed[b.entries[0].due.ID] = err
		}
		return failed
	}
	if len(b.entries) > 0 {
		if err := b.match(ctx); err != nil {
			s.Log.ErrorContext(ctx, "cases are planned one by one", "cases", len(b.entries), "error", err)
			b.unmatch()
		}
	}
	b.move(ctx)
	for _, e := range b.entries {
		if e.held != nil {
			continue
		}
		_, err := s.send(ctx, e.b.c, sending{actor: system, why: e.why, reporter: e.reporter, ready: &e.b, again: e.again, beside: cases, planBy: time.Now().Add(s.PlanWithin)})
		if err == nil || errors.Is(err, errSettled) || errors.Is(err, errNothingToDo) {
			err = s.disarm(ctx, e.due, nil)
		}
		if err != nil {
			failed[e.due.ID] = fmt.Errorf("plan case %s: %w", e.b.c.Number, err)
		}
	}
	return failed
}

// entry is a case in a batch: one that waits, or one that holds a patrol which could
// move.
type entry struct {
	due      Deadline
	b        brief
	why      string
	reporter PatrolID
	held     *Movable
	again    bool // it is proposed already, and matched now with what came after it
}

func (s *Service) entryFor(ctx context.Context, d Deadline, beside []CaseID) (*entry, error) {
	c, err := s.Store.Case(ctx, d.Case, "")
	again := c.Dispatch == DispatchProposed && c.Stage == StageReported
	if err != nil || c.Dispatch != DispatchPending && !again {
		return nil, err
	}
	b, err := s.gatherBy(ctx, c, sending{actor: system, reporter: d.Reporter, beside: beside, planBy: time.Now().Add(s.PlanWithin)}, nil, nil)
	return &entry{due: d, b: b, why: "its window closed", reporter: d.Reporter, again: again}, err
}

// proposes says whether what comes of it is only proposed, and claims nobody.
func (e *entry) proposes() bool { return e.held == nil && proposes(e.b, sending{}) }

// batchPlan is several cases on one table.
type batchPlan struct {
	s       *Service
	rules   DispatchRules
	entries []*entry
}

// seat is one team of one entry.
type seat struct {
	e    *entry
	team int
}

func (t seat) in() *Team { return &t.e.b.input.Teams[t.team] }

// match settles who goes where, and writes it into the inputs of the plans: whoever goes
// to one case of the batch is barred from the others, and the reason says so.
func (b *batchPlan) match(ctx context.Context) error {
	departments := b.departments()
	if b.rules.MoveSaves > 0 {
		if err := b.hold(ctx, departments); err != nil {
			return err
		}
	}
	if len(b.entries) == 1 {
		return nil // alone it is planned like any other
	}
	goes := map[PatrolID]*entry{} // to another case than it is on
	var going []Leaving
	served, savedMS, waiting := 0, int64(0), 0
	for _, e := range b.entries {
		if e.held == nil {
			waiting++
		}
	}
	// Who is sent comes before who is only proposed, and leaves the rest to them.
	for _, proposed := range []bool{false, true} {
		for _, d := range b.departments() {
			seats, patrols := b.seats(d, proposed)
			wants := make([]batch.Want, len(seats))
			for i, t := range seats {
				wants[i] = b.want(t, patrols)
				for p := range patrols {
					if proposed && goes[patrols[p]] != nil {
						wants[i].Ways[p] = batch.Way{}
					}
				}
			}
			choice, err := batch.Choose(wants, len(patrols), batch.Rules{MoveMS: b.rules.MoveSaves.Milliseconds()})
			if err != nil {
				return fmt.Errorf("match the patrols of %s: %w", d, err)
			}
			turns, err := batch.Nearest(wants, len(patrols))
			if err != nil {
				return fmt.Errorf("match the patrols of %s: %w", d, err)
			}
			served += choice.Served - turns.Served
			savedMS += turns.ArrivalMS - choice.ArrivalMS
			for i, p := range choice.Patrol {
				if p != batch.None {
					goes[patrols[p]] = seats[i].e
					going = append(going, Leaving{patrols[p], time.Duration(wants[i].Ways[p].ArrivalMS) * time.Millisecond})
				}
			}
		}
	}
	why := fmt.Sprintf("matched in a batch of %d reports", waiting)
	if waiting == 1 {
		why = "weighed against patrols that have not set out"
	}
	switch {
	case served > 0:
		why += fmt.Sprintf(": %d more get somebody than one after the other", served)
	case savedMS > 0:
		why += fmt.Sprintf(": all together are there %d s sooner than one after the other", savedMS/1000)
	}
	for _, e := range b.entries {
		e.why = why
		// Who is matched with a covert case need not be sent to it in the end, and then is on
		// no errand that a veil would hide.
		covertly := func(to *entry) bool { return to.b.c.Covert != nil }
		for i := range e.b.input.Teams {
			for j := range e.b.input.Teams[i].Runners {
				r := &e.b.input.Teams[i].Runners[j]
				to := goes[r.PatrolID]
				switch {
				case to == nil || to == e || r.Barred != "" || e.proposes() && to.proposes():
				case covertly(to):
					r.Barred = busyElsewhere
				default:
					r.Barred = fmt.Sprintf("goes to case %s, matched in the same batch", to.b.c.Number)
				}
			}
		}
		if !e.proposes() {
			continue
		}
		// One proposal beside another names the same only where nobody else is left.
		e.b.bar(func(r Runner) string {
			switch to := goes[r.PatrolID]; {
			case to == nil || to == e:
				return ""
			case covertly(to):
				return busyElsewhere
			}
			return barredNamed
		})
	}
	return b.foresee(ctx, going, goes)
}

// unmatch leaves every case to its own nearest.
func (b *batchPlan) unmatch() {
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return e.held != nil })
}

// departments are those that the entries want somebody of, in the order they come.
func (b *batchPlan) departments() []string {
	var out []string
	for _, e := range b.entries {
		for _, t := range e.b.input.Teams {
			if !slices.Contains(out, t.Department) {
				out = append(out, t.Department)
			}
		}
	}
	return out
}

// hold brings the cases in whose patrols have not set out and could move.
func (b *batchPlan) hold(ctx context.Context, departments []string) error {
	list, err := b.s.Store.Movable(ctx, departments, b.rules.MoveQuiet)
	if err != nil {
		return fmt.Errorf("ask who has not set out: %w", err)
	}
	waiting := b.entries
	for _, m := range list {
		c, err := b.s.Store.Case(ctx, m.Case, "")
		if err != nil {
			return err
		}
		as := c
		as.Assignments = slices.DeleteFunc(slices.Clone(c.Assignments), func(a Assignment) bool { return a.ID == m.Assignment })
		held, err := b.s.gatherBy(ctx, as, sending{actor: system, planBy: time.Now().Add(b.s.PlanWithin)}, nil, nil)
		if err != nil {
			return err
		}
		held.c = c
		held.input.Teams = slices.DeleteFunc(held.input.Teams, func(t Team) bool { return t.Kind != KindDepartment || t.Department != m.Department })
		b.entries = append(b.entries, &entry{b: held, held: &m})
	}
	// To them, and to who waits, a patrol that could move is as good as free.
	for _, e := range b.entries {
		if err := b.free(ctx, e, list); err != nil {
			return err
		}
	}
	// A case whose own patrol cannot be placed stays as it is.
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool {
		if e.held == nil {
			return false
		}
		if len(e.b.input.Teams) != 1 {
			return true
		}
		return !slices.ContainsFunc(e.b.input.Teams[0].Runners, func(r Runner) bool {
			return r.PatrolID == e.held.Patrol && canCome(r, e.b.input.Teams[0])
		})
	})
	// Whose case is not on the table after all is not free for others either.
	stays := func(id PatrolID) bool {
		return !slices.ContainsFunc(b.entries, func(e *entry) bool { return e.held != nil && e.held.Patrol == id })
	}
	for _, m := range list {
		if !stays(m.Patrol) {
			continue
		}
		for _, e := range waiting {
			for i := range e.b.input.Teams {
				for j := range e.b.input.Teams[i].Runners {
					if r := &e.b.input.Teams[i].Runners[j]; r.PatrolID == m.Patrol {
						r.Status = Assigned
					}
				}
			}
		}
	}
	return nil
}

// free makes the patrols that could move free in an entry, and asks for their ways.
func (b *batchPlan) free(ctx context.Context, e *entry, list []Movable) error {
	for i := range e.b.input.Teams {
		for j := range e.b.input.Teams[i].Runners {
			r := &e.b.input.Teams[i].Runners[j]
			if r.Status == Assigned && slices.ContainsFunc(list, func(m Movable) bool { return m.Patrol == r.PatrolID }) {
				r.Status = Free
			}
		}
	}
	return b.s.askWays(ctx, e.b.input)
}

// seats are the teams of a department, those that are proposed or those that are not, and
// all who could be in one of them.
func (b *batchPlan) seats(department string, proposed bool) (seats []seat, patrols []PatrolID) {
	for _, e := range b.entries {
		if e.proposes() != proposed {
			continue
		}
		for i, t := range e.b.input.Teams {
			if t.Department != department {
				continue
			}
			seats = append(seats, seat{e, i})
			for _, r := range t.Runners {
				if !slices.Contains(patrols, r.PatrolID) {
					patrols = append(patrols, r.PatrolID)
				}
			}
		}
	}
	slices.SortFunc(patrols, compareIDs)
	return seats, patrols
}

// canCome says whether a runner could be sent and how long it takes is known.
func canCome(r Runner, t Team) bool {
	return failing(r, t, nil) == failNone && r.Leg != nil && r.Leg.Reachable
}

// brings is how many of the skills that are wanted a runner has.
func (t Team) brings(r Runner) (n int) {
	for _, skill := range t.Skills {
		if slices.Contains(r.Skills, skill) {
			n++
		}
	}
	return n
}

// want is what a team asks of a batch. Whoever reported is there already, and looks
// first where they may.
func (b *batchPlan) want(t seat, patrols []PatrolID) batch.Want {
	team, c := *t.in(), t.e.b.c
	w := batch.Want{Weight: batch.Weight(c.Urgency == "urgent", usedUp(c, t.e.b.input.Now)), Ways: make([]batch.Way, len(patrols)), Has: batch.None}
	reporter := t.e.b.input.Reporter
	there := reporter != nil && team.Kind == KindFirstLook && slices.ContainsFunc(team.Runners, func(r Runner) bool {
		return r.PatrolID == *reporter && canCome(r, team)
	})
	// One seat stands for the team: where skills are wanted it is for who brings most of
	// them, or as many as who is to be moved away. The rest of the team is whoever the match
	// leaves.
	skills := 0
	for _, r := range team.Runners {
		if canCome(r, team) && (t.e.held == nil || r.PatrolID == t.e.held.Patrol) {
			skills = max(skills, team.brings(r))
		}
	}
	for _, r := range team.Runners {
		if !canCome(r, team) || there && r.PatrolID != *reporter || team.brings(r) < skills {
			continue
		}
		at, _ := slices.BinarySearchFunc(patrols, r.PatrolID, compareIDs)
		later := time.Duration(max(0, r.Post-1)+staleness(r.Presence)) * countsLater
		w.Ways[at] = batch.Way{Known: true, ArrivalMS: int64(math.Round(r.Leg.DurationS * 1000)), LaterMS: later.Milliseconds()}
		if t.e.held != nil && r.PatrolID == t.e.held.Patrol {
			w.Has = at
		}
	}
	return w
}

// usedUp is the share of the limit that counts for a case which is gone.
func usedUp(c Case, now time.Time) float64 {
	if len(c.Clocks) == 0 || !c.Clocks[0].Since.Before(c.Clocks[0].DueAt) {
		return 0
	}
	k := c.Clocks[0]
	return now.Sub(k.Since).Seconds() / k.DueAt.Sub(k.Since).Seconds()
}

// move gives the cases whose patrol is needed elsewhere another one. They come first: a
// case never loses its patrol before it has the next.
func (b *batchPlan) move(ctx context.Context) {
	for _, e := range b.entries {
		if e.held == nil {
			continue
		}
		team := e.b.input.Teams[0]
		if !slices.ContainsFunc(team.Runners, func(r Runner) bool { return r.PatrolID == e.held.Patrol && r.Barred != "" }) {
			continue // it keeps what it has
		}
		err := b.s.moveTo(ctx, e, b.rules.MoveSaves)
		var race *LostRace
		switch {
		case err == nil:
			b.s.Wake()
		case errors.Is(err, errNothingToDo), errors.Is(err, errMoved), errors.As(err, &race):
			// It has moved on, and keeps what it has; who wanted its patrol plans anew.
		default:
			b.s.Log.ErrorContext(ctx, "a patrol stays where it was sent", "case", e.b.c.ID, "error", err)
		}
	}
}

// moveTo gives a case another patrol for the one that it holds, which saves as much as a
// move must.
func (s *Service) moveTo(ctx context.Context, e *entry, must time.Duration) error {
	plan, input, output, err := planBytes(e.b.input)
	if err != nil {
		return err
	}
	pick := plan.Teams[0]
	if len(pick.going()) != 1 || pick.Shortfall != "" { // whoever is moved leaves no gap
		return errNothingToDo
	}
	record := &PlanRecord{ID: NewID[planKind](), Why: e.why, Input: input, Output: output, State: "committed"}
	claims := claimsOf(plan)
	return s.Store.Change(ctx, e.b.c.ID, claims, func(d Docket) (Turn, error) {
		if d.Case.Version != e.b.c.Version {
			return Turn{}, errMoved
		}
		if err := d.lost(claims); err != nil {
			return Turn{}, err
		}
		t := newTurn(d, system)
		i := t.find(e.held.Assignment)
		if i < 0 || t.Case.Assignments[i].State != Offered && t.Case.Assignments[i].State != Taken {
			return Turn{}, errNothingToDo
		}
		t.Plan = record
		t.event("plan", PatrolID{}, facts{"plan": record.ID, "why": e.why})
		t.end(i, Recalled, reasonMoved)
		t.event("moved", e.held.Patrol, facts{"assignment": e.held.Assignment, "department": e.held.Department, "reason": reasonMoved,
			"must_save_s": must.Seconds()})
		sent := t.assign(pick, assignmentOf(pick, *pick.Chosen, e.b.input.Teams[0], record.ID), s, sending{actor: system})
		t.tellSent([]Assignment{sent})
		return t.done()
	})
}
