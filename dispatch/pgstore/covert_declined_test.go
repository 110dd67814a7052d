package pgstore_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Whoever declines a covert case takes part no more. That they said so is confirmed, also
// when they say it again later, and nothing of what became of the case.
func TestWhoDeclinedIsToldNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader := w.person2(dispatch.RoleDutyLeader, "")
	c := w.covertly(leader)
	a, _ := current(w.seenBy(leader, c.ID).Case, w.ids["P1"])
	decline := func(again string) {
		t.Helper()
		got, err := w.desk.Answer(ctx, w.as("P1"), c.ID, a.ID, dispatch.Decline, 0, "爆胎")
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if own, ok := current(got.Case, w.ids["P1"]); !ok || own.State != dispatch.Declined || len(got.Assignments) != 1 {
			t.Errorf("%s: what they said is not confirmed: %+v", again, got.Assignments)
		}
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range []string{w.ids["P2"].String(), `"P2"`, "SECRET-RESULT", "便衣摸排", leader.Account.String()} {
			if strings.Contains(string(b), mark) {
				t.Errorf("%s: they read %s in %s", again, mark, b)
			}
		}
		if len(got.Events) > 0 || len(got.Reports) > 0 {
			t.Errorf("%s: they read its history: %d events, %d reports", again, len(got.Events), len(got.Reports))
		}
	}
	decline("declined")
	eq(t, "who goes instead", w.status("P2"), dispatch.Assigned)
	b, _ := current(w.seenBy(leader, c.ID).Case, w.ids["P2"])
	for _, verb := range []dispatch.Verb{dispatch.Accept, dispatch.Arrive, dispatch.Finish} {
		if _, err := w.desk.Answer(ctx, w.as("P2"), c.ID, b.ID, verb, 0, "SECRET-RESULT"); err != nil {
			t.Fatal(err)
		}
	}
	decline("said again")
	if _, err := w.desk.Case(ctx, w.as("P1"), c.ID); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("they open the case: %v", err)
	}
}
