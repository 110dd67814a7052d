package pgstore_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// coverWorld has one town, 4.5 km from the vat: P1 is near both, P2 so far east that it is
// near the vat only.
func coverWorld(t *testing.T) *world {
	w := newWorld(t)
	w.category("A03", "police", nil, "auto")
	w.at("P2", atM(4000), 5)
	return w
}

// A single patrol may leave a town without police like a mission does. The case is marked,
// and the next best can be taken instead.
func TestOnePatrolThatLeavesATownIsMarked(t *testing.T) {
	t.Parallel()
	w := coverWorld(t)
	c := w.file("A03")
	got := w.see(c.ID)
	eq(t, "who goes", who(c, "police"), "P1")
	if got.Mission != nil {
		t.Error("one patrol is a mission")
	}
	mark := got.Cover
	if mark == nil || len(mark.Towns) != 1 || mark.Towns[0].Code != "T1" || len(mark.Next) != 1 || mark.Next[0].Code != "P2" || mark.NextLatestS == nil || *mark.NextLatestS <= mark.LatestS {
		t.Fatalf("marked %+v", mark)
	}
	eq(t, "told", kinds(got)["mission.cover"], 1)
	seen, err := w.desk.Case(context.Background(), dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: dispatch.RoleOfficer, Department: "police"}, c.ID)
	if err != nil || seen.Cover != nil {
		t.Errorf("an officer reads who stands where: %+v %v", seen.Cover, err)
	}

	// The page takes the next best as it does any other patrol.
	got, err = w.desk.Dispatch(context.Background(), w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: mark.Next[0].PatrolID}}})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 goes", w.status("P2"), dispatch.Assigned)
	eq(t, "P1 stays", w.status("P1"), dispatch.Free)
	if got.Cover != nil || got.Mission != nil {
		t.Errorf("still marked %+v, mission %+v", got.Cover, got.Mission)
	}
}

// The mark goes with whoever left the town.
func TestTheMarkEndsWithThePatrol(t *testing.T) {
	t.Parallel()
	w := coverWorld(t)
	c := w.file("A03")
	if w.see(c.ID).Cover == nil {
		t.Fatal("not marked")
	}
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	if w.see(c.ID).Cover == nil {
		t.Error("P1 is at the vat, and the town is thought covered")
	}
	if got := w.mustAnswer(c, "P1", dispatch.Finish); got.Cover != nil {
		t.Errorf("P1 is free, and the case is marked %+v", got.Cover)
	}
	eq(t, "kept", ask[int](w, `SELECT count(*) FROM cases WHERE cover IS NOT NULL`), 0)
}

// Who else is near by road keeps a town covered; who is lost, busy or far does not, and
// nobody takes away what a town never had.
func TestWhoKeepsATownCovered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit   func(w *world)
		marked bool
	}{
		"nobody else":              {func(*world) {}, true},
		"one beside the town":      {func(w *world) { w.patrol("P3", "police", -4000) }, false},
		"one further, yet in time": {func(w *world) { w.patrol("P3", "police", 900) }, false},
		"one that the roads keep off": {func(w *world) {
			w.patrol("P3", "police", 900)
			w.roads.longer[atM(900)] = 2000
		}, true},
		"one that is lost": {func(w *world) {
			w.patrol("P3", "police", -4000)
			w.live.edit(w.ids["P3"], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
		}, true},
		"one that has a break":  {func(w *world) { w.patrol("P3", "police", -4000); w.setStatus("P3", "break") }, true},
		"one of no police":      {func(w *world) { w.patrol("E2", "environment", -4000) }, true},
		"nobody was near":       {func(w *world) { w.at("P1", atM(3900), 5) }, false},
		"who goes was not near": {func(w *world) { w.at("P1", atM(-3000), 5); w.at("P2", atM(20), 5); w.roads.longer[atM(20)] = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := coverWorld(t)
			w.roads.longer = map[geo.Point]float64{}
			c.edit(w)
			got := w.see(w.file("A03").ID)
			if (got.Cover != nil) != c.marked {
				t.Errorf("%s goes, marked %+v", who(got.Case, "police"), got.Cover)
			}
		})
	}
}
