package pgstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func mustJSON(b []byte, v any) {
	if err := json.Unmarshal(b, v); err != nil {
		panic(err)
	}
}

func TestAVatIsReportedAndEverybodyIsOnTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")

	eq(t, "stage", c.Stage, dispatch.StageDispatched)
	eq(t, "dispatch", c.Dispatch, dispatch.DispatchDone)
	eq(t, "responsible", *c.Responsible.Code, "G-001")
	eq(t, "first look", who(c, "grid"), "G1")
	eq(t, "police", who(c, "police"), "P1")
	eq(t, "environment", who(c, "environment"), "E1")
	eq(t, "shortfalls", len(c.Shortfalls), 0)
	for _, p := range []string{"G1", "P1", "E1"} {
		eq(t, p, w.status(p), dispatch.Assigned)
	}
	eq(t, "P2", w.status("P2"), dispatch.Free)

	seen := w.see(c.ID)
	eq(t, "stages", stages(seen), " accepted filed dispatched")
	police, _ := current(seen.Case, w.ids["P1"])
	if len(police.Candidates) != 2 || *police.Candidates[1].RejectedBecause == "" || *police.Candidates[1].Rank != 2 {
		t.Errorf("the second policeman is not explained: %+v", police.Candidates)
	}
	if police.ExpiresAt == nil || police.ExpiresAt.Sub(*police.OfferedAt).Minutes() != 2 {
		t.Errorf("the offer does not expire in 2 min: %v", police.ExpiresAt)
	}
	eq(t, "notices", ask[int](w, `SELECT count(*) FROM notices WHERE case_id = $1 AND staff_id IS NOT NULL`, c.ID.UUID), 2)

	eq(t, "signed", w.mustAnswer(c, "P1", dispatch.Accept).Stage, dispatch.StageSigned)
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.SetOut)
	eq(t, "E1", w.status("E1"), dispatch.EnRoute)
	eq(t, "handling", w.mustAnswer(c, "E1", dispatch.Arrive).Stage, dispatch.StageHandling)
	w.mustAnswer(c, "P1", dispatch.SetOut, dispatch.Arrive, dispatch.Finish)
	eq(t, "P1 is free again", w.status("P1"), dispatch.Free)
	eq(t, "one still there", w.see(c.ID).Stage, dispatch.StageHandling)
	done := w.mustAnswer(c, "E1", dispatch.Finish)
	eq(t, "fed back", done.Stage, dispatch.StageVerifying)

	_, err := w.desk.CloseCase(context.Background(), w.operator, c.ID, done.Version-1, dispatch.Closing{})
	eq(t, "an old version", codeOf(err), dispatch.CodeOldVersion)
	closed, err := w.desk.CloseCase(context.Background(), w.operator, c.ID, done.Version, dispatch.Closing{Reason: "shut down"})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "closed", closed.Stage, dispatch.StageClosed)
	eq(t, "the first look is recalled", w.status("G1"), dispatch.Free)
	eq(t, "all stages", stages(closed), " accepted filed dispatched signed handling feedback verifying closed")
	eq(t, "deadlines left", ask[int](w, `SELECT count(*) FROM deadlines`), 0)
}

func TestEveryPlanReplaysToTheByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Decline)
	plans, err := w.store.Plans(context.Background(), c.ID)
	if err != nil || len(plans) != 2 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	for _, p := range plans {
		again, err := dispatch.Replay(p.Input)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, p.Output) {
			t.Errorf("replay differs:\n%s\n%s", again, p.Output)
		}
	}
}

func TestWhoDeclinesIsReplacedByTheNextBest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	w.mustAnswer(c, "P1", dispatch.Decline)
	after := w.see(c.ID)
	eq(t, "police", who(after.Case, "police"), "P2")
	eq(t, "P1", w.status("P1"), dispatch.Free)
	eq(t, "dispatch", after.Dispatch, dispatch.DispatchDone)
	w.mustAnswer(c, "P2", dispatch.Decline)
	last := w.see(c.ID)
	eq(t, "police", who(last.Case, "police"), "")
	if len(last.Shortfalls) != 1 || last.Shortfalls[0].Reason != dispatch.AllBusy || last.Shortfalls[0].Considered != 2 {
		t.Errorf("shortfalls: %+v", last.Shortfalls)
	}
	eq(t, "operator's list", ask[int](w, `SELECT count(*) FROM operator_items WHERE settled_at IS NULL`), 1)
}

func TestConfirmClaimsNobodyUntilAnOperatorSends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	c := w.file("C04")
	eq(t, "dispatch", c.Dispatch, dispatch.DispatchProposed)
	eq(t, "stage", c.Stage, dispatch.StageReported)
	eq(t, "proposed", who(c, "environment"), "E1")
	eq(t, "E1", w.status("E1"), dispatch.Free)

	// A nearer one comes on duty before the operator sends: the plan is made anew.
	w.patrol("E2", "environment", 100)
	sent, err := w.desk.Dispatch(ctx, w.operator, c.ID, c.Version, dispatch.Order{})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "sent", who(sent.Case, "environment"), "E2")
	eq(t, "assignments", len(sent.Assignments), 2)
	eq(t, "E2", w.status("E2"), dispatch.Assigned)
	a, _ := current(sent.Case, w.ids["E2"])
	if a.OfferedAt != nil || sent.UndoUntil == nil {
		t.Errorf("the offer left at once: %v, undo until %v", a.OfferedAt, sent.UndoUntil)
	}
	undone, err := w.desk.Undo(ctx, w.operator, c.ID, sent.Version)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "E2", w.status("E2"), dispatch.Free)
	eq(t, "stage", undone.Stage, dispatch.StageReported)
	eq(t, "dispatch", undone.Dispatch, dispatch.DispatchNone)

	// Taken back is not declined: the same patrol is the best one still.
	again, err := w.desk.Dispatch(ctx, w.operator, c.ID, undone.Version, dispatch.Order{})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "sent again", who(again.Case, "environment"), "E2")
	pgtest.Advance(t, w.db, 6*time.Second)
	eq(t, "the offers leave", w.tick() > 0, true)
	c = w.see(c.ID).Case
	w.mustAnswer(c, "E2", dispatch.Decline)
	eq(t, "after E2 has declined", who(w.see(c.ID).Case, "environment"), "E1")
}

// A node that stood still past its lease goes on with the deadline that another has done by
// then: the patrol is told once, and its time to answer does not begin anew.
func TestAnOfferLeavesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	c := w.file("C04")
	if _, err := w.desk.Dispatch(ctx, w.operator, c.ID, c.Version, dispatch.Order{}); err != nil {
		t.Fatal(err)
	}
	pgtest.Advance(t, w.db, 6*time.Second)
	due, err := w.store.LeaseDeadlines(ctx, 64, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	offers := 0
	var first []dispatch.Assignment
	for round := range 2 {
		for _, d := range due {
			if d.Step != dispatch.StepOffer {
				continue
			}
			offers++
			if err := w.desk.Due(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		if round == 0 {
			first = w.see(c.ID).Assignments
			pgtest.Advance(t, w.db, time.Second)
		}
	}
	if offers == 0 {
		t.Fatal("no offer was due")
	}
	eq(t, "they left", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'assignment.offer_left'`), offers/2)
	for i, a := range w.see(c.ID).Assignments {
		eq(t, "time to answer until", *a.ExpiresAt, *first[i].ExpiresAt)
	}
}

func TestManualPlansNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("A05")
	eq(t, "dispatch", c.Dispatch, dispatch.DispatchNone)
	eq(t, "assignments", len(c.Assignments), 0)
	sent, err := w.desk.Dispatch(context.Background(), w.operator, c.ID, 0,
		dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P2"]}, {Department: "market", PatrolID: w.ids["E1"]}}})
	eq(t, "E1 is no market patrol", codeOf(err), "patrol-not-available")
	sent, err = w.desk.Dispatch(context.Background(), w.operator, c.ID, 0,
		dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P2"]}, {Department: "environment", PatrolID: w.ids["E1"]}}})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "police", who(sent.Case, "police"), "P2")
	eq(t, "environment", who(sent.Case, "environment"), "E1")
	eq(t, "stages", stages(sent), " accepted filed dispatched")
}

func codeOf(err error) string {
	var f *dispatch.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func TestExplainSaysWhoAndWhyNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.patrol("P3", "police", 100)
	w.setStatus("P3", "break")
	w.patrol("P4", "police", 200)
	w.live.edit(w.ids["P4"], func(p *dispatch.Position) { p.Presence = dispatch.Lost })
	c := w.file("C01")
	text, err := dispatch.Explain(context.Background(), w.store, c.Number)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"responsible grid G-001", "P1 goes", "together: 2 patrols", "on a break", "lost: last seen", "later by", "replays to the byte", "air min"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
	t.Log(text)
}
