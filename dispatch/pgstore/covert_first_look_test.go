package pgstore_test

import (
	"context"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// covertly files a report of police matters that is covert from the start.
func (w *world) covertly(v dispatch.Viewer) dispatch.Case {
	w.t.Helper()
	w.category("A03", "police", nil, "auto")
	d := w.report("A03")
	d.Covert = &dispatch.CoverOrder{Reason: "便衣摸排"}
	filed, err := w.desk.FileReport(context.Background(), v, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return filed.Case
}

// Whoever chooses a patrol for a covert case sends that one, and nobody in uniform to look
// first; but for whom they choose of the grid.
func TestNobodyLooksFirstAtACovertPlaceUnlessChosen(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(w *world, v dispatch.Viewer, c dispatch.CaseID) error{
		"another instead": func(w *world, v dispatch.Viewer, c dispatch.CaseID) error {
			_, err := w.desk.Dispatch(context.Background(), v, c, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "police", PatrolID: w.ids["P2"]}}})
			return err
		},
		"one beside": func(w *world, v dispatch.Viewer, c dispatch.CaseID) error {
			_, err := w.order(v, c, dispatch.MissionOrder{Act: dispatch.MoreAct, Department: "police", Patrol: w.ids["P2"]})
			return err
		},
		"one of another department": func(w *world, v dispatch.Viewer, c dispatch.CaseID) error {
			_, err := w.desk.Dispatch(context.Background(), v, c, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "environment", PatrolID: w.ids["E1"]}}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			leader := w.person2(dispatch.RoleDutyLeader, "")
			c := w.covertly(leader)
			eq(t, "who goes", w.status("P1"), dispatch.Assigned)
			if err := send(w, leader, c.ID); err != nil {
				t.Fatal(err)
			}
			eq(t, "the grid's worker stays", w.status("G1"), dispatch.Free)
			eq(t, "first looks", ask[int](w, `SELECT count(*) FROM assignments WHERE kind = 'first_look'`), 0)
			eq(t, "and is missed by nobody", ask[int](w, `SELECT count(*) FROM operator_items WHERE department = 'grid'`), 0)
			if _, err := w.desk.Dispatch(context.Background(), leader, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "grid", PatrolID: w.ids["G1"]}}}); err != nil {
				t.Fatal(err)
			}
			eq(t, "chosen, it goes", w.status("G1"), dispatch.Assigned)
		})
	}
}

func (w *world) seenBy(v dispatch.Viewer, id dispatch.CaseID) dispatch.CaseDetail {
	w.t.Helper()
	c, err := w.desk.Case(context.Background(), v, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}
