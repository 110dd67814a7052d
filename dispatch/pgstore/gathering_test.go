package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// Missions that are only proposed do not keep those from meeting who are on their way.
func TestProposalsCrowdNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.category("J01", "environment", []string{"police"}, "confirm")
	proposed := w.file("J01")
	if m := w.see(proposed.ID).Mission; m == nil || m.State != dispatch.Gathering {
		t.Fatalf("the proposal's mission is %+v", m)
	}
	pgtest.Advance(t, w.db, time.Second)
	sent := w.file("C01")
	found, err := w.store.Gatherings(context.Background(), 1)
	if err != nil || len(found) != 1 || found[0].Case != sent.ID {
		t.Errorf("looked at %+v, %v; want the one that goes", found, err)
	}
}

// Whom no road leads to where they meet is not taken for being there already.
func TestWhoCannotGetThereIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setStatus("P2", "break")
	w.at("P1", atM(9000), 5)
	c := w.joint()
	place := atM(-300)
	if _, err := w.desk.MeetThere(context.Background(), w.operator, c.ID, 0, &place); err != nil {
		t.Fatal(err)
	}
	was := meets(t, w.see(c.ID), w.ids["P1"])
	w.roads.cut(atM(9000))
	pgtest.Advance(t, w.db, time.Minute)
	w.mustAnswer(c.Case, "E1", dispatch.Accept, dispatch.SetOut) // times are told anew
	w.gather()
	got := w.see(c.ID)
	p1 := meets(t, got, w.ids["P1"])
	if p1.Eta == nil || was.Eta == nil || p1.Eta.Sub(got.Now) < 5*time.Minute {
		t.Errorf("9 km away with no way there it is expected at %v, now is %v; before %v", p1.Eta, got.Now, was.Eta)
	}
	if at := got.Mission.Rendezvous; at == nil || geo.DistanceM(at.Point(), place) > 1 {
		t.Errorf("they meet at %+v", at)
	}
}
