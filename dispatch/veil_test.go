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
