package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// What the reporter of a covert case is told on its release is how it ended: that it was
// void as well, and nothing where it was opened again.
func TestTheAnswerToACovertCaseIsOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader, reporter := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleGridWorker, "")
	release := func(c dispatch.CaseID) {
		t.Helper()
		if _, err := w.desk.Release(ctx, leader, c, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	again := w.filedBy(reporter, "C01", 0)
	w.cover(leader, again.Case.ID, time.Now().Add(time.Hour))
	had := w.told(again.Case.ID)
	if _, err := w.desk.CloseCase(ctx, leader, again.Case.ID, 0, dispatch.Closing{Answer: "已查封"}); err != nil {
		t.Fatal(err)
	}
	w.move(leader, again.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveReopen, Reason: "夜里又开工"})
	release(again.Case.ID)
	eq(t, "opened again, the reporter is told", w.told(again.Case.ID), had)
	if f, err := w.desk.Report(ctx, reporter, again.ReportID); err != nil || !f.Open || f.Result != nil {
		t.Errorf("opened again, they read %+v, %v", f, err)
	}

	void := w.filedBy(reporter, "A05", 900)
	w.cover(leader, void.Case.ID, time.Now().Add(time.Hour))
	w.move(leader, void.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveVoid, Reason: "查无此事"})
	eq(t, "void, until the release", w.told(void.Case.ID), "received")
	release(void.Case.ID)
	eq(t, "void, on release", w.told(void.Case.ID), "received void")
	if f, err := w.desk.Report(ctx, reporter, void.ReportID); err != nil || f.Open || f.Result == nil {
		t.Errorf("void, they read %+v, %v", f, err)
	}

	// Closed by a hand in the database it is answered all the same.
	behind := w.filedBy(reporter, "C01", 1500)
	w.cover(leader, behind.Case.ID, time.Now().Add(time.Hour))
	w.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now(), version = version + 1 WHERE id = $1`, behind.Case.ID.UUID)
	had = w.told(behind.Case.ID)
	release(behind.Case.ID)
	eq(t, "closed behind our back, on release", w.told(behind.Case.ID), had+" closed")

	twice := w.filedBy(reporter, "C01", 2000)
	w.cover(leader, twice.Case.ID, time.Now().Add(time.Hour))
	for _, answer := range []string{"第一次", "第二次"} {
		if _, err := w.desk.CloseCase(ctx, leader, twice.Case.ID, 0, dispatch.Closing{Answer: answer}); err != nil {
			t.Fatal(err)
		}
		if answer == "第一次" {
			w.move(leader, twice.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveReopen, Reason: "未办结"})
		}
	}
	release(twice.Case.ID)
	if said := w.lastTold(twice.Case.ID); !strings.Contains(said, "第二次") {
		t.Errorf("closed twice, they are told %q", said)
	}
	eq(t, "and the last of them alone", strings.Count(w.told(twice.Case.ID), "closed"), 1)
}
