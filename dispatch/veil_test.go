package dispatch

import (
	"testing"
	"time"
)

// Who lacks a department next door to a covert case is told who was considered: not
// that one of them is on it, how far it is, when it will be free, nor that it is lent.
func TestWhoIsMissingSaysNothingOfAHiddenPatrol(t *testing.T) {
	t.Parallel()
	away, free := NewID[patrolKind](), NewID[patrolKind]()
	sent := time.Date(2026, 5, 3, 21, 0, 0, 0, time.UTC)
	veil := Veil{secrets: []Secret{{Case: NewID[caseKind](), Sent: []Errand{{Patrol: away, From: sent}}}}}
	near := 120.0
	kept := []Shortfall{{Department: "police",
		Who:     []Passed{{PatrolID: away, Code: "P1", Because: "busy: goes to case 20260503-0007", AirM: &near}, {PatrolID: free, Code: "P2", Because: "declined this case", AirM: &near}},
		Soonest: &Soonest{PatrolID: away, Code: "P1", At: sent}, Lenders: []Lender{{PatrolID: away, AirM: &near}, {PatrolID: free, AirM: &near}}}}
	c := Case{Shortfalls: kept}
	veil.overShortfalls(&c)
	got := c.Shortfalls[0]
	if w := got.Who[0]; w.Because != busyElsewhere || w.AirM != nil || w.Code != "P1" {
		t.Errorf("of the hidden one it says %+v", w)
	}
	if w := got.Who[1]; w.Because != "declined this case" || w.AirM == nil {
		t.Errorf("of the other it says %+v", w)
	}
	if got.Soonest != nil || len(got.Lenders) != 1 || got.Lenders[0].PatrolID != free {
		t.Errorf("soonest %+v, to lend %+v", got.Soonest, got.Lenders)
	}
	if kept[0].Soonest == nil || kept[0].Who[0].AirM == nil || len(kept[0].Lenders) != 2 {
		t.Error("what is kept was changed with what is shown")
	}
	c = Case{Shortfalls: kept}
	if (Veil{}).overShortfalls(&c); c.Shortfalls[0].Soonest == nil {
		t.Error("whoever knows of everything is not told")
	}
}

// How far the way of whoever was sent is would show where they came from, and that of all
// others they alone were "busy" that they were on a secret errand.
func TestTheWayOfWhoWasSentSaysNothingOfAnErrandBefore(t *testing.T) {
	t.Parallel()
	hidden, other := NewID[patrolKind](), NewID[patrolKind]()
	from := time.Date(2026, 5, 3, 21, 0, 0, 0, time.UTC)
	until := from.Add(50 * time.Minute)
	veil := Veil{secrets: []Secret{{Case: NewID[caseKind](), Sent: []Errand{{Patrol: hidden, From: from, Until: &until}}}}}
	far, busy := 300.0, "busy: assigned"
	rank := func(n int) *int { return &n }
	caseAt := func(at time.Time, sent PatrolID) Case {
		return Case{Assignments: []Assignment{{PatrolID: sent, EtaS: &far, RoadM: &far, FixAgeS: &far, MadeAt: at,
			Candidates: []Candidate{{PatrolID: sent, Rank: rank(1), EtaS: &far}, {PatrolID: other, Rank: rank(2), EtaS: &far}}}}}
	}
	for _, c := range []struct {
		what  string
		at    time.Time
		sent  PatrolID
		tells bool
	}{
		{"before the errand", from.Add(-time.Hour), hidden, true},
		{"a minute after it", until.Add(time.Minute), hidden, false},
		{"an hour after it", until.Add(time.Hour), hidden, true},
		{"somebody else meanwhile", from.Add(time.Minute), other, true},
	} {
		kept := caseAt(c.at, c.sent)
		shown := kept
		veil.overCandidates(&shown)
		veil.overWays(&shown)
		a := shown.Assignments[0]
		if tells := a.EtaS != nil && a.RoadM != nil && a.FixAgeS != nil; tells != c.tells {
			t.Errorf("%s: tells how far the way is: %v", c.what, tells)
		}
		if r := a.Candidates[0]; *r.Rank != 1 || r.RejectedBecause != nil {
			t.Errorf("%s: of who was sent it says %+v", c.what, r)
		}
		if kept.Assignments[0].EtaS == nil {
			t.Errorf("%s: what is kept was changed with what is shown", c.what)
		}
	}
	busyOne := caseAt(until.Add(time.Hour), other)
	busyOne.Assignments[0].Candidates = append(busyOne.Assignments[0].Candidates, Candidate{PatrolID: hidden, Rank: rank(3), EtaS: &far})
	veil.overCandidates(&busyOne)
	if r := busyOne.Assignments[0].Candidates[2]; r.RejectedBecause == nil || *r.RejectedBecause != busy || r.EtaS != nil {
		t.Errorf("of the hidden one who was not sent it says %+v", r)
	}
}
