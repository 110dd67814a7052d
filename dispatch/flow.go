package dispatch

import "slices"

// Move is a step that somebody takes with a case.
type Move string

// The moves.
const (
	MoveAccept        Move = "accept"
	MoveVoid          Move = "void"
	MoveSelfHandle    Move = "self_handle"
	MoveDraw          Move = "draw" // the lot falls: is what was settled on the spot checked?
	MoveFile          Move = "file"
	MoveDispatch      Move = "dispatch"
	MoveUndo          Move = "undo"
	MoveSign          Move = "sign"
	MoveReturn        Move = "return"
	MoveRule          Move = "rule"
	MoveStart         Move = "start"
	MoveAskExtension  Move = "ask_extension"
	MoveAskSuspension Move = "ask_suspension"
	MoveGrant         Move = "grant"
	MoveRefuse        Move = "refuse"
	MoveResume        Move = "resume"
	MoveFeedback      Move = "feedback"
	MoveCheck         Move = "check" // what was fed back lies with whoever checks
	MovePass          Move = "pass"
	MoveFail          Move = "fail"
	MoveClose         Move = "close"
	MoveReopen        Move = "reopen"
	MoveUrge          Move = "urge"
	MoveSupervise     Move = "supervise"
	MoveAnswer        Move = "answer"
	MoveJoin          Move = "join"  // it is the matter of another case
	MoveSplit         Move = "split" // it is not, after all
	MoveCombine       Move = "combine"
)

// RoleSystem is who acts when nobody does: rules and clocks.
const RoleSystem Role = ""

// OwnerKind is who has a case in hand.
type OwnerKind string

// The owners. A unit has a code: the lead department, or village or town.
const (
	OwnerDesk        OwnerKind = "desk"        // the town's information room
	OwnerSupervision OwnerKind = "supervision" // the supervision centre
	OwnerCommand     OwnerKind = "command"     // the command centre
	OwnerUnit        OwnerKind = "unit"        // the responsible unit
	OwnerDutyLeader  OwnerKind = "duty_leader"
	OwnerNobody      OwnerKind = "nobody" // finished
)

// Form is something that a move must bring with it.
type Form string

// The forms of evidence.
const (
	FormReason   Form = "reason"   // why
	FormOwner    Form = "owner"    // the unit that should have it
	FormResult   Form = "result"   // what was done and found
	FormDays     Form = "days"     // how much longer
	FormUntil    Form = "until"    // when it goes on
	FormDocument Form = "document" // the number of a written approval
	FormLevel    Form = "level"    // of supervision
	FormCase     Form = "case"     // another case
)

// Guard is a condition that a row of the table asks besides stage and role.
type Guard string

// The guards; holds in judge.go says what each one looks at.
const (
	GuardOwner       Guard = "owner"        // the actor belongs to the unit that has it
	GuardNotHandler  Guard = "not_handler"  // the actor did not handle it
	GuardPlanned     Guard = "planned"      // nobody is just planning it
	GuardNobodySent  Guard = "nobody_sent"  // no department is on its way
	GuardFirstReturn Guard = "first_return" // it comes, or came, back for the first time
	GuardSecond      Guard = "second_return"
	GuardNotRuled    Guard = "not_ruled" // nobody ruled on it
	GuardExtension   Guard = "asked_extension"
	GuardSuspension  Guard = "asked_suspension"
	GuardAsked       Guard = "asked"
	GuardNotAsked    Guard = "not_asked"
	GuardExtendable  Guard = "extendable"   // neither ordinary nor extended twice
	GuardWritten     Guard = "written"      // a second extension names a document
	GuardUndoable    Guard = "undoable"     // the offers have not left
	GuardNotDrawn    Guard = "not_drawn"    // settled on the spot, and the lot spared it
	GuardUnit        Guard = "with_unit"    // a unit has it
	GuardQuiet       Guard = "quiet"        // it was not urged just now
	GuardSupervised  Guard = "supervised"   // an order waits for its answer
	GuardOwnLevel    Guard = "own_level"    // the actor orders at this level
	GuardHigher      Guard = "level_above"  // no order of this level or above waits
	GuardNobodyThere Guard = "nobody_there" // no department has arrived
	GuardJoined      Guard = "joined"       // it ended as joined to another case
)

// Rule is one row of the state machine: from this stage these roles may take this
// move to that one, if the guards hold and the evidence is there; then the owner has
// it, and the clock runs. An empty To stays. The first row whose guards hold counts.
type Rule struct {
	Move  Move
	From  Stage
	To    Stage
	By    []Role
	When  []Guard
	Needs []Form
	Owner OwnerKind
	Clock ClockName
}

// Those who act together in the table. A duty room that registers by telephone what a
// unit did acts on its behalf, and counts as having handled it.
var (
	room      = []Role{RoleOperator, RoleDutyLeader, RoleAdmin}
	leaders   = []Role{RoleDutyLeader, RoleAdmin}
	unit      = []Role{RoleOfficer, RoleDevice, RoleGridWorker, RolePartTimer, RoleGridChief, RoleTownLeader, RoleOperator, RoleDutyLeader}
	checkers  = []Role{RoleOperator, RoleDutyLeader, RoleAdmin, RoleDistrictSupervisor, RoleTownLeader, RoleGridChief, RoleInstructor}
	onSpot    = []Role{RoleGridWorker, RolePartTimer, RoleDevice, RoleGridChief, RoleInstructor, RoleTownLeader, RoleOperator, RoleDutyLeader}
	urgers    = []Role{RoleOperator, RoleDutyLeader, RoleAdmin, RoleTownLeader, RoleDistrictSupervisor}
	overseers = []Role{RoleDutyLeader, RoleAdmin, RoleTownLeader, RoleDistrictSupervisor}
	closers   = []Role{RoleAdmin, RoleOperator, RoleDutyLeader, RoleDistrictSupervisor}
	system1   = []Role{RoleSystem}
)

func and(roles []Role, more ...Role) []Role { return append(slices.Clone(roles), more...) }

// rules is the state machine of a case. docs/state-machine.md is drawn from it, the
// page asks it what may be done next, and a property test walks it.
var rules = withJoins(withEverywhere([]Rule{
	{Move: MoveAccept, From: StageReported, To: StageAccepted, By: and(room, RoleTownLeader), When: []Guard{GuardPlanned}, Owner: OwnerSupervision, Clock: ClockFile},
	{Move: MoveVoid, From: StageReported, To: StageVoid, By: room, When: []Guard{GuardPlanned, GuardNobodySent}, Needs: []Form{FormReason}, Owner: OwnerNobody},
	{Move: MoveSelfHandle, From: StageReported, To: StageSelfHandled, By: onSpot, When: []Guard{GuardPlanned, GuardNobodySent}, Owner: OwnerSupervision, Clock: ClockCheck},
	{Move: MoveDraw, From: StageSelfHandled, To: StageVerifying, By: system1, Owner: OwnerSupervision, Clock: ClockCheck},
	{Move: MoveFile, From: StageAccepted, To: StageFiled, By: and(room, RoleDistrictSupervisor), Owner: OwnerCommand, Clock: ClockSend},
	{Move: MoveDispatch, From: StageFiled, To: StageDispatched, By: room, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveUndo, From: StageDispatched, To: StageReported, By: room, When: []Guard{GuardUndoable}, Owner: OwnerDesk, Clock: ClockAccept},
	{Move: MoveSign, From: StageDispatched, To: StageSigned, By: unit, When: []Guard{GuardOwner}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveReturn, From: StageDispatched, To: StageReturned, By: unit, When: []Guard{GuardOwner, GuardNotRuled, GuardFirstReturn}, Needs: []Form{FormReason, FormOwner}, Owner: OwnerCommand, Clock: ClockRedirect},
	{Move: MoveReturn, From: StageDispatched, To: StageReturned, By: unit, When: []Guard{GuardOwner, GuardNotRuled, GuardSecond}, Needs: []Form{FormReason, FormOwner}, Owner: OwnerDutyLeader, Clock: ClockRuling},
	{Move: MoveDispatch, From: StageReturned, To: StageDispatched, By: room, When: []Guard{GuardFirstReturn}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveRule, From: StageReturned, To: StageRuled, By: leaders, When: []Guard{GuardSecond}, Needs: []Form{FormReason, FormOwner}, Owner: OwnerCommand, Clock: ClockRedirect},
	{Move: MoveDispatch, From: StageRuled, To: StageDispatched, By: room, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveStart, From: StageSigned, To: StageHandling, By: unit, When: []Guard{GuardOwner}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveAskExtension, From: StageHandling, By: unit, When: []Guard{GuardOwner, GuardNotAsked, GuardExtendable}, Needs: []Form{FormReason, FormDays}},
	{Move: MoveAskSuspension, From: StageHandling, By: unit, When: []Guard{GuardOwner, GuardNotAsked}, Needs: []Form{FormReason, FormUntil}},
	{Move: MoveGrant, From: StageHandling, To: StageExtended, By: leaders, When: []Guard{GuardExtension, GuardNotHandler, GuardWritten}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveGrant, From: StageHandling, To: StageSuspended, By: leaders, When: []Guard{GuardSuspension, GuardNotHandler}, Owner: OwnerUnit, Clock: ClockResume},
	{Move: MoveRefuse, From: StageHandling, By: leaders, When: []Guard{GuardAsked}, Needs: []Form{FormReason}},
	{Move: MoveResume, From: StageExtended, To: StageHandling, By: and(unit, RoleSystem), When: []Guard{GuardOwner}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveResume, From: StageSuspended, To: StageHandling, By: and(unit, RoleSystem), When: []Guard{GuardOwner}, Owner: OwnerUnit, Clock: ClockSettle},
	{Move: MoveFeedback, From: StageHandling, To: StageFeedback, By: unit, When: []Guard{GuardOwner}, Needs: []Form{FormResult}, Owner: OwnerSupervision, Clock: ClockCheck},
	{Move: MoveFeedback, From: StageRework, To: StageFeedback, By: unit, When: []Guard{GuardOwner}, Needs: []Form{FormResult}, Owner: OwnerSupervision, Clock: ClockCheck},
	{Move: MoveCheck, From: StageFeedback, To: StageVerifying, By: system1, Owner: OwnerSupervision, Clock: ClockCheck},
	{Move: MovePass, From: StageVerifying, To: StageClosed, By: system1, When: []Guard{GuardNotDrawn}, Owner: OwnerNobody},
	{Move: MovePass, From: StageVerifying, To: StageClosed, By: checkers, When: []Guard{GuardNotHandler}, Needs: []Form{FormResult}, Owner: OwnerNobody},
	{Move: MoveFail, From: StageVerifying, To: StageRework, By: checkers, When: []Guard{GuardNotHandler}, Needs: []Form{FormReason}, Owner: OwnerUnit, Clock: ClockRework},
	{Move: MoveReopen, From: StageClosed, To: StageReopened, By: and(overseers, RoleOperator), Needs: []Form{FormReason}, Owner: OwnerCommand, Clock: ClockSend},
	{Move: MoveDispatch, From: StageReopened, To: StageDispatched, By: room, Owner: OwnerUnit, Clock: ClockSettle},
}))

// withEverywhere adds what may be done in more than one stage: urging, supervision and
// its answer wherever a unit has the case, and closing from every open stage, which
// walks through the stages between, one event a step. A case that came back twice is
// not closed over the ruling.
func withEverywhere(all []Rule) []Rule {
	for _, s := range []Stage{StageDispatched, StageSigned, StageHandling, StageExtended, StageRework} {
		all = append(all,
			Rule{Move: MoveUrge, From: s, By: urgers, When: []Guard{GuardUnit, GuardQuiet}},
			Rule{Move: MoveSupervise, From: s, By: overseers, When: []Guard{GuardUnit, GuardOwnLevel, GuardHigher}, Needs: []Form{FormLevel, FormReason}},
			Rule{Move: MoveAnswer, From: s, By: unit, When: []Guard{GuardSupervised, GuardOwner}, Needs: []Form{FormResult}})
	}
	for _, s := range []Stage{StageReported, StageSelfHandled, StageAccepted, StageFiled, StageDispatched, StageSigned, StageReturned, StageRuled,
		StageHandling, StageExtended, StageSuspended, StageFeedback, StageVerifying, StageRework, StageReopened} {
		r := Rule{Move: MoveClose, From: s, To: StageClosed, By: closers, When: []Guard{GuardNotHandler}, Owner: OwnerNobody}
		if s == StageReturned {
			r.When = append(r.When, GuardFirstReturn)
		}
		all = append(all, r)
	}
	return all
}

// withJoins adds what is done when one matter was reported twice: the case that is joined
// to another ends as void, by hand wherever nothing of it is decided yet, by rule as long
// as nobody has arrived; split again it begins anew. And a case whose place another
// department would visit anyway may take that one along.
func withJoins(all []Rule) []Rule {
	for _, s := range []Stage{StageReported, StageAccepted, StageFiled, StageDispatched, StageSigned, StageHandling} {
		all = append(all, Rule{Move: MoveJoin, From: s, To: StageVoid, By: room, When: []Guard{GuardPlanned}, Needs: []Form{FormCase}, Owner: OwnerNobody})
		if s != StageHandling {
			all = append(all, Rule{Move: MoveJoin, From: s, To: StageVoid, By: system1, When: []Guard{GuardNobodyThere}, Needs: []Form{FormCase}, Owner: OwnerNobody})
		}
		all = append(all, Rule{Move: MoveCombine, From: s, By: room, When: []Guard{GuardPlanned}, Needs: []Form{FormOwner}})
	}
	return append(all, Rule{Move: MoveSplit, From: StageVoid, To: StageReported, By: room, When: []Guard{GuardJoined}, Needs: []Form{FormReason}, Owner: OwnerDesk, Clock: ClockAccept})
}

// Rules answers the state machine, for whoever draws it.
func Rules() []Rule { return slices.Clone(rules) }

// next is which stage may follow which: what the rows of the table say, closing apart,
// which goes by the stages between.
var next = func() map[Stage][]Stage {
	out := map[Stage][]Stage{}
	for _, r := range rules {
		if r.To != "" && (r.Move != MoveClose || r.From == StageVerifying) && !slices.Contains(out[r.From], r.To) {
			out[r.From] = append(out[r.From], r.To)
		}
	}
	return out
}()

// ownerIn is who has a case in a stage, by the table; of a case that came back twice it
// is the leader who rules.
func ownerIn(s Stage, f Flow) OwnerKind {
	if s == StageReported {
		return OwnerDesk
	}
	for _, r := range rules {
		if r.To == s && r.Owner != "" && (s != StageReturned || slices.Contains(r.When, GuardSecond) == (f.Returns > 1)) {
			return r.Owner
		}
	}
	return OwnerNobody
}

// clockIn is the clock of a stage, by the table.
func clockIn(s Stage, f Flow) ClockName {
	if s == StageReported {
		return ClockAccept
	}
	for _, r := range rules {
		if r.To == s && r.Owner != "" && (s != StageReturned || slices.Contains(r.When, GuardSecond) == (f.Returns > 1)) {
			return r.Clock
		}
	}
	return ""
}
