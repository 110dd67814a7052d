package dispatch

import (
	"testing"
	"time"
)

// Each guard is shown a case that it lets through and one that it stops. The walk of
// pgstore goes by them all, and meets some of them seldom.
func TestEveryGuardLetsThroughAndStops(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	later, earlier, just := now.Add(time.Minute), now.Add(-time.Minute), now.Add(-urgeEvery/2)
	officer := Viewer{Account: NewID[accountKind](), Role: RoleOfficer, Department: "environment"}
	leader := Viewer{Account: NewID[accountKind](), Role: RoleDutyLeader}
	town := Viewer{Account: NewID[accountKind](), Role: RoleTownLeader}
	base := Case{Stage: StageHandling, Urgency: "hard", Departments: []CaseDepartment{{Code: "environment", Part: PartLead}}}
	with := func(edit func(*Case)) Case {
		c := base
		edit(&c)
		return c
	}
	flow := func(f Flow) Case { return with(func(c *Case) { c.Flow = f }) }
	police := officer
	police.Department = "police"
	drawn, spared := true, false
	type shown struct {
		v Viewer
		c Case
		o MoveOrder
	}
	sent := func(kind string, state AssignmentState) Case {
		return with(func(c *Case) { c.Assignments = []Assignment{{Kind: kind, State: state}} })
	}
	town1 := &Supervision{Level: LevelTown}
	answered := &Supervision{Level: LevelListed, AnsweredAt: &earlier}
	table := map[Guard]struct{ lets, stops []shown }{
		GuardOwner:      {lets: []shown{{v: officer, c: base}, {v: leader, c: base}}, stops: []shown{{v: police, c: base}}},
		GuardNotHandler: {lets: []shown{{v: leader, c: base}}, stops: []shown{{v: leader, c: flow(Flow{Handlers: []string{actorName(leader)}})}}},
		GuardPlanned: {lets: []shown{{c: with(func(c *Case) { c.Dispatch = DispatchDone })}, {c: with(func(c *Case) { c.Dispatch = DispatchProposed })}},
			stops: []shown{{c: with(func(c *Case) { c.Dispatch = DispatchPending })}}},
		GuardNobodySent: {lets: []shown{{c: base}, {c: sent(KindDepartment, Declined)}, {c: sent(KindFirstLook, There)}},
			stops: []shown{{c: sent(KindDepartment, Offered)}, {c: sent(KindDepartment, OnTheWay)}}},
		GuardFirstReturn: {lets: []shown{{c: flow(Flow{Returns: 1})}, {c: with(func(c *Case) { c.Stage = StageDispatched })}},
			stops: []shown{{c: flow(Flow{Returns: 2})}, {c: with(func(c *Case) { c.Stage, c.Flow.Returns = StageDispatched, 1 })}}},
		GuardSecond: {lets: []shown{{c: flow(Flow{Returns: 2})}, {c: with(func(c *Case) { c.Stage, c.Flow.Returns = StageDispatched, 1 })}},
			stops: []shown{{c: flow(Flow{Returns: 1})}}},
		GuardNotRuled:   {lets: []shown{{c: base}}, stops: []shown{{c: flow(Flow{Ruled: "police"})}}},
		GuardExtension:  {lets: []shown{{c: flow(Flow{Ask: &Asked{For: AskedExtension}})}}, stops: []shown{{c: base}, {c: flow(Flow{Ask: &Asked{For: AskedSuspension}})}}},
		GuardSuspension: {lets: []shown{{c: flow(Flow{Ask: &Asked{For: AskedSuspension}})}}, stops: []shown{{c: base}, {c: flow(Flow{Ask: &Asked{For: AskedExtension}})}}},
		GuardAsked:      {lets: []shown{{c: flow(Flow{Ask: &Asked{}})}}, stops: []shown{{c: base}}},
		GuardNotAsked:   {lets: []shown{{c: base}}, stops: []shown{{c: flow(Flow{Ask: &Asked{}})}}},
		GuardExtendable: {lets: []shown{{c: base}, {c: flow(Flow{Extensions: 1})}},
			stops: []shown{{c: flow(Flow{Extensions: 2})}, {c: with(func(c *Case) { c.Urgency = "ordinary" })}}},
		GuardWritten: {lets: []shown{{c: base, o: MoveOrder{Move: MoveGrant}}, {c: flow(Flow{Extensions: 1}), o: MoveOrder{Move: MoveGrant, Document: "7"}}, {c: flow(Flow{Extensions: 1})}},
			stops: []shown{{c: flow(Flow{Extensions: 1}), o: MoveOrder{Move: MoveGrant}}, {c: flow(Flow{Extensions: 1}), o: MoveOrder{Move: MoveGrant, Document: "  "}}}},
		GuardUndoable: {lets: []shown{{c: with(func(c *Case) { c.UndoUntil = &later })}}, stops: []shown{{c: base}, {c: with(func(c *Case) { c.UndoUntil = &now })}}},
		GuardNotDrawn: {lets: []shown{{c: flow(Flow{Drawn: &spared})}}, stops: []shown{{c: flow(Flow{Drawn: &drawn})}, {c: base}}},
		GuardUnit:     {lets: []shown{{c: base}}, stops: []shown{{c: with(func(c *Case) { c.Stage = StageReported })}}},
		GuardQuiet: {lets: []shown{{c: base}, {c: with(func(c *Case) { at := now.Add(-urgeEvery); c.Flow.UrgedAt = &at })}},
			stops: []shown{{c: flow(Flow{UrgedAt: &just})}}},
		GuardSupervised: {lets: []shown{{c: flow(Flow{Supervision: town1})}}, stops: []shown{{c: base}, {c: flow(Flow{Supervision: answered})}}},
		GuardOwnLevel: {lets: []shown{{v: town, c: base, o: MoveOrder{Level: LevelTown}}, {v: leader, c: base, o: MoveOrder{Level: LevelListed}}, {v: town, c: base, o: MoveOrder{Level: "none"}}},
			stops: []shown{{v: town, c: base, o: MoveOrder{Level: LevelDistrict}}}},
		GuardNobodyThere: {lets: []shown{{c: base}, {c: sent(KindDepartment, OnTheWay)}},
			stops: []shown{{c: with(func(c *Case) {
				c.Assignments = []Assignment{{Kind: KindDepartment, State: Done, ArrivedAt: &earlier}}
			})}}},
		GuardJoined: {lets: []shown{{c: flow(Flow{Joined: &Joined{}})}}, stops: []shown{{c: base}}},
		GuardHigher: {lets: []shown{{v: leader, c: flow(Flow{Supervision: town1}), o: MoveOrder{Level: LevelDistrict}}, {v: town, c: flow(Flow{Supervision: answered}), o: MoveOrder{Level: LevelTown}}},
			stops: []shown{{v: leader, c: flow(Flow{Supervision: town1}), o: MoveOrder{Level: LevelTown}}, {v: town, c: flow(Flow{Supervision: town1})}}},
	}
	for g, show := range table {
		for i, s := range show.lets {
			if !g.holds(s.v, s.c, now, s.o) {
				t.Errorf("%s stops what it is to let through, %d", g, i)
			}
		}
		for i, s := range show.stops {
			if g.holds(s.v, s.c, now, s.o) {
				t.Errorf("%s lets through what it is to stop, %d", g, i)
			}
		}
	}
	used := map[Guard]bool{}
	for _, r := range rules {
		for _, g := range r.When {
			used[g] = true
			if _, ok := table[g]; !ok {
				t.Errorf("guard %s of %s is not shown anything", g, r.Move)
			}
		}
	}
	for g := range guardWords {
		if !used[g] {
			t.Errorf("guard %s stands in no row", g)
		}
	}
}
