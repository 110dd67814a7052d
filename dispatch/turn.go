package dispatch

import (
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/proof"
)

// system is who acts when nobody does: rules and clocks.
var system = Viewer{}

// turn is a Turn in the making: the docket as it changes under a decision's hands.
// Whatever it changes it also writes down as an event, and tells.
type turn struct {
	Turn
	now       time.Time
	actor     Viewer
	patrols   map[PatrolID]Held
	names     Names
	reporters []Reporter
	was       state                      // of the case as the last event left it
	looks     map[RevisitID]RevisitState // as the last event left them
	said      proof.Entry                // the last event, which the end of the turn may add to
	calendar  *Calendar
	rule      CheckRule
	revisits  []Revisit
	touched   []ClockName // clocks that are to be written
	// toHandOver are the hand-overs of the case as it was.
	toHandOver map[AssignmentID]toHandOver
	hooks      []Hook
	before     Case  // as it lay on the table
	hidden     bool  // the case has become covert by this
	err        error // the first fault of writing an event
}

func newTurn(d Docket, actor Viewer) *turn {
	return &turn{Turn: Turn{Case: d.Case}, now: d.Now, actor: actor, patrols: d.Patrols, names: d.Names, reporters: d.Reporters,
		was: stateOf(d.Case), calendar: d.Calendar, rule: d.Rule, revisits: d.Revisits, looks: looksOf(d.Revisits),
		toHandOver: d.Case.handOvers(), hooks: d.Hooks, before: d.Case}
}

// done closes the turn: the case has a new version, and everybody is told. A change
// that no event spoke of yet gets one of its own.
func (t *turn) done() (Turn, error) {
	t.keepMission()
	t.keepCover()
	t.keepHandOvers()
	t.keepTime()
	if t.was.differs(t.Case) {
		t.last()
	}
	if t.err != nil {
		return Turn{}, t.err
	}
	for _, n := range t.touched {
		if k := t.clock(n); k != nil {
			t.SetClocks = append(t.SetClocks, *k)
		}
	}
	t.Case.Version++
	t.Case.Owner = t.Case.OwnerOf()
	t.Case.Rescope()
	t.keepQuiet()
	t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Case: caseChanged(t.Case, t.hidden)})
	t.tellMission()
	t.News, t.err = newsFor(t.hooks, t.before, t.Case, t.Events, t.now)
	return t.Turn, t.err
}

func caseChanged(c Case, hidden bool) *CaseChanged {
	out := &CaseChanged{ID: c.ID, Number: c.Number, Stage: c.Stage, Dispatch: c.Dispatch, Category: c.Category,
		Urgency: c.Urgency, Lon: c.Lon, Lat: c.Lat, Version: c.Version, MadeAt: c.MadeAt,
		Shortfalls: plainShortfalls(c.Shortfalls), Scope: c.Scope, Patrols: []CasePatrol{}, Covert: c.Covert != nil, Hidden: hidden}
	for _, a := range c.Assignments {
		out.Patrols = append(out.Patrols, CasePatrol{AssignmentID: a.ID, PatrolID: a.PatrolID,
			Department: a.Department, Kind: a.Kind, State: a.State, EtaS: a.EtaS})
	}
	return out
}

func actorName(v Viewer) string {
	switch {
	case !v.Account.IsZero():
		return "account:" + v.Account.String()
	case !v.Device.IsZero():
		return "device:" + v.Device.String()
	case v.From == FromCommand:
		return "command"
	case v.Resident:
		return reporterActor
	}
	return "system"
}

// ActorOf is a viewer as events name them. A device acts for its patrol, and so does
// whoever answers for the one they are in; an account is somebody's.
func ActorOf(v Viewer) proof.Actor {
	a := proof.Actor{Name: actorName(v), Role: string(v.Role), Simulated: v.Simulated}
	if v.From != FromCommand {
		a.Address = v.From
	}
	switch {
	case !v.Patrol.IsZero():
		a.OnBehalf = "patrol:" + v.Patrol.String()
	case !v.Staff.IsZero():
		a.OnBehalf = "staff:" + v.Staff.String()
	}
	return a
}

func newEvent(kind string, at time.Time, district DistrictID, c CaseID, p PatrolID, actor Viewer, detail any) (Event, error) {
	return newChange(kind, at, district, c, p, actor, detail, nil, nil)
}

// newChange writes an event that says what was changed, from what to what.
func newChange(kind string, at time.Time, district DistrictID, c CaseID, p PatrolID, actor Viewer, detail, before, after any) (Event, error) {
	return proof.Write(newEntry(kind, at, district, c, p, actor, detail, before, after))
}

// newEntry is an event before it is written. Why is what the detail gives as its reason.
func newEntry(kind string, at time.Time, district DistrictID, c CaseID, p PatrolID, actor Viewer, detail, before, after any) proof.Entry {
	e := proof.Entry{Kind: kind, At: at, District: district.UUID, Case: c.UUID, Patrol: p.UUID, Actor: ActorOf(actor),
		Detail: detail, Before: before, After: after}
	if f, ok := detail.(facts); ok {
		for _, key := range []string{"because", "reason", "why", "note"} {
			if why, ok := f[key].(string); ok && why != "" && e.Why == "" {
				e.Why = why
			}
		}
	}
	return e
}

// event writes down what the decision did since the event before it: what changed in
// the case between the two stands in it as before and after.
func (t *turn) event(kind string, patrol PatrolID, detail any) {
	t.change(kind, patrol, detail, nil, nil)
}

// change is an event of something that changed beside the case, from what to what.
func (t *turn) change(kind string, patrol PatrolID, detail any, from, to facts) {
	before, after := t.was.changes(t.Case)
	if was, is := t.looked(); is != nil {
		before, after = merged(before, after, facts{"revisits": was}, facts{"revisits": is})
	}
	if to != nil {
		before, after = merged(before, after, from, to)
	}
	t.said = newEntry(kind, t.now, t.Case.Scope.District, t.Case.ID, patrol, t.actor, detail, before, after)
	t.Events = append(t.Events, t.written(t.said))
}

func (t *turn) written(entry proof.Entry) Event {
	e, err := proof.Write(entry)
	if err != nil && t.err == nil {
		t.err = err
	}
	return e
}

// last says what the end of the turn changed beside: the clocks that follow from what
// was decided belong to the decision's last event, anything else has one of its own.
func (t *turn) last() {
	was := t.was
	before, after := was.changes(t.Case)
	if changed, ok := after.(facts); ok && len(t.Events) > 0 {
		clocksOnly := true
		for key := range changed {
			clocksOnly = clocksOnly && (key == "clocks" || key == "due_at")
		}
		if clocksOnly {
			t.said.Before, t.said.After = merged(t.said.Before, t.said.After, before, after)
			t.Events[len(t.Events)-1], t.was = t.written(t.said), was
			return
		}
	}
	t.event("changed", PatrolID{}, nil)
}

type facts map[string]any

// stage takes the case one step.
func (t *turn) stage(to Stage, because string) {
	from := t.Case.Stage
	if !from.May(to) && t.err == nil {
		t.err = fmt.Errorf("case %s may not go from %s to %s", t.Case.Number, from, to)
	}
	t.Case.Stage = to
	switch from {
	case StageHandling:
		t.Case.Flow.Ask = nil
	case StageSuspended:
		t.Case.Flow.Until = nil
	}
	switch to {
	case StageReopened, StageReported:
		t.Case.ClosedAt = nil
	case StageClosed, StageVoid:
		t.Case.ClosedAt = &t.now
		if to == StageVoid && t.Case.Flow.Joined == nil { // else they are told where it went
			t.toReporters(WhyVoid, saidVoid())
		}
	}
	t.keepTime()
	t.event("stage", PatrolID{}, facts{"from": from, "to": to, "because": because, "owner": t.Case.OwnerOf()})
	if from == StageClosed || to == StageVoid {
		t.stopRevisits(because)
	}
	if turns[to] {
		t.toReporters(WhyStage, saidStage(to))
	}
}

// walk takes the case along the main line, one event a step.
func (t *turn) walk(to Stage, because string) {
	for _, s := range t.Case.Stage.wayTo(to) {
		t.stage(s, because)
	}
}

// move changes a patrol's status and what claims it.
func (t *turn) move(id PatrolID, to Status, claim AssignmentID) {
	p, ok := t.patrols[id]
	if !ok {
		return
	}
	if claim.IsZero() && to == Free && !p.OnDuty {
		to = OffDuty // its shift ended while it was claimed
	}
	t.Patrols = append(t.Patrols, PatrolMove{ID: id, Version: p.Version, To: to, Claim: claim})
	p.Status, p.ClaimedBy = to, claim
	p.Version++
	t.patrols[id] = p
	told := &PatrolChanged{ID: id, Department: p.Department, Status: to, Version: p.Version}
	if !claim.IsZero() {
		told.CaseID = &t.Case.ID
	}
	t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Patrol: told})
}

// find answers the place of an assignment in the case, -1 when it is not there.
func (t *turn) find(id AssignmentID) int {
	for i := range t.Case.Assignments {
		if t.Case.Assignments[i].ID == id {
			return i
		}
	}
	return -1
}

// set writes an assignment that was changed in place.
func (t *turn) set(i int) { t.Set = append(t.Set, t.Case.Assignments[i]) }

// end takes an assignment away from its patrol, which is free again.
func (t *turn) end(i int, state AssignmentState, reason string) {
	a := &t.Case.Assignments[i]
	left := a.LeavesAt == nil
	a.State, a.Reason, a.EndedAt = state, reason, &t.now
	a.LeavesAt, a.ExpiresAt = nil, nil
	t.set(i)
	t.Disarm = append(t.Disarm, Step{a.ID, StepAnswer}, Step{a.ID, StepOffer})
	t.event("assignment."+string(state), a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "kind": a.Kind, "reason": reason})
	t.move(a.PatrolID, Free, AssignmentID{})
	if left && (state == Recalled || state == Expired) {
		t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Recall: &Recall{
			PatrolID: a.PatrolID, AssignmentID: a.ID, CaseID: t.Case.ID, Reason: reason}})
	}
}

// offer tells a patrol to go; it has until then to answer.
func (t *turn) offer(i int, answerWithin time.Duration) {
	a := &t.Case.Assignments[i]
	expires := t.now.Add(answerWithin)
	a.OfferedAt, a.ExpiresAt, a.LeavesAt = &t.now, &expires, nil
	t.arm(a.ID, StepAnswer, expires)
	t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Offer: &Offer{PatrolID: a.PatrolID,
		AssignmentID: a.ID, CaseID: t.Case.ID, Kind: a.Kind, Category: t.Case.Category, Lon: t.Case.Lon, Lat: t.Case.Lat,
		EtaS: a.EtaS, ExpiresAt: a.ExpiresAt}})
}

func (t *turn) arm(a AssignmentID, step string, due time.Time) {
	stage := string(t.Case.Stage)
	if !a.IsZero() {
		stage = string(Offered)
	}
	t.Arm = append(t.Arm, Deadline{ID: NewID[deadlineKind](), Case: t.Case.ID, Assignment: a, Stage: stage, Step: step, DueAt: due})
}

// replan leaves what is missing to the next plan. The deadline is there in case
// that whoever decided this dies before planning.
func (t *turn) replan(after time.Duration) {
	if t.Case.Stage == StageReturned || t.Case.Stage == StageRuled {
		t.Case.Dispatch = DispatchNone // whose it is must be settled first
		return
	}
	t.Case.Dispatch = DispatchPending
	t.Disarm = append(t.Disarm, Step{Step: StepDispatch})
	t.arm(AssignmentID{}, StepDispatch, t.now.Add(after))
}

// expect refuses a change by somebody who saw another version.
func (d Docket) expect(version int64) error {
	if version != 0 && version != d.Case.Version {
		return &Fault{Kind: Conflict, Code: CodeOldVersion,
			Detail: fmt.Sprintf("The case has version %d by now, not %d; read it again before changing it.", d.Case.Version, version)}
	}
	return nil
}

// lost answers which of the claimed patrols are not free any more.
func (d Docket) lost(claims []PatrolID) error {
	var lost []PatrolID
	for _, id := range claims {
		if p, ok := d.Patrols[id]; !ok || p.Status != Free || !p.ClaimedBy.IsZero() {
			lost = append(lost, id)
		}
	}
	if lost != nil {
		return &LostRace{Patrols: lost}
	}
	return nil
}
