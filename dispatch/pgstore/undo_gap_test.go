package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// A dispatch that is taken back leaves the gap that it was to fill: in the case, in the
// operator's list, and for whoever comes free next.
func TestWhatIsTakenBackIsLackingAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.setStatus("P1", "break")
	w.setStatus("P2", "break")
	c := w.file("C01")
	eq(t, "lacks", w.items(c), "police all_busy")
	pgtest.Advance(t, w.db, time.Minute)
	w.comesFree("P2")
	sent, err := w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 goes", w.status("P2"), dispatch.Assigned)
	eq(t, "nothing lacks", len(sent.Shortfalls), 0)
	undone, err := w.desk.Undo(ctx, w.operator, c.ID, sent.Version)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "P2 stays", w.status("P2"), dispatch.Free)
	if len(undone.Shortfalls) != 1 || undone.Shortfalls[0].Department != "police" || undone.Shortfalls[0].Reason != dispatch.AllBusy {
		t.Errorf("lacking again: %+v", undone.Shortfalls)
	}
	eq(t, "the item is back", w.items(c), "police all_busy")
	eq(t, "and in the record", kinds(undone)["shortfall"], 2)
	if undone.Course.Filled != nil {
		t.Errorf("the case tells %+v", undone.Course.Filled)
	}
	w.shortfalls()
	eq(t, "nobody is sent at once whom an operator took back", w.status("P2"), dispatch.Free)
	pgtest.Advance(t, w.db, time.Minute)
	w.comesFree("P1")
	w.shortfalls()
	eq(t, "who comes free goes", w.status("P1"), dispatch.Assigned)
	eq(t, "settled", w.items(c), "")
}
