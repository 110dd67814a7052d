package pgstore_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// A report that went into a covert case reads, through every door by which its reporter
// hears of it, as it did on the day: under its own case and number, accepted, with the
// receipt. Neither the id nor the number nor the category of the covert one is in any
// answer, and its number opens nothing with the reporter's code.
func TestAReporterHearsOfTheirOwnReportAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wallDown, before, chain bool
	}{
		"joined while it was covert":       {},
		"joined before, then made covert":  {before: true},
		"by way of another, then covert":   {before: true, chain: true},
		"by way of another":                {chain: true},
		"the queries alone":                {wallDown: true},
		"the queries alone, in a chain":    {wallDown: true, chain: true},
		"the queries alone, joined before": {wallDown: true, before: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tc.wallDown {
				pgtest.WallDown(t, w.db)
			}
			w.exec(`UPDATE categories SET name_zh = 'SECRET-CATEGORY', name_en = 'SECRET-CATEGORY' WHERE code = 'C01'`)
			leader := w.person2(dispatch.RoleDutyLeader, "")
			secret := w.file("C01")
			w.exec(`UPDATE cases SET number = 'SECRET-NUMBER' WHERE id = $1`, secret.ID.UUID)
			cover := func() { w.cover(leader, secret.ID, time.Now().Add(time.Hour)) }
			if !tc.before {
				cover()
			}
			reporters := []dispatch.Viewer{w.person2(dispatch.RoleGridWorker, ""), w.person2(dispatch.RoleGridChief, ""), w.as("G1"), w.person2(dispatch.RoleOperator, "")}
			filed := make([]dispatch.Filed, len(reporters))
			for i, v := range reporters {
				d := w.report("A05")
				d.Sent = atM(300 + float64(i)*400)
				if v.Role == dispatch.RoleOperator {
					d.Reporter = dispatch.Contact{Channel: dispatch.ChannelHotline, Phone: "13800000000"}
				}
				f, err := w.desk.FileReport(context.Background(), v, d)
				if err != nil {
					t.Fatal(err)
				}
				filed[i] = f
			}
			var between dispatch.Case
			if tc.chain {
				between = w.filedBy(w.operator, "A05", 2500).Case
			}
			for _, f := range filed {
				into := secret.ID
				if tc.chain {
					into = between.ID
				}
				w.move(leader, f.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: into})
			}
			if tc.chain {
				w.move(leader, between.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: secret.ID})
			}
			if tc.before {
				cover()
			}
			for i, v := range reporters {
				w.hearsAReceipt(v, filed[i], secret)
			}
			// Whoever knows of it is told where the report is.
			w.exec(`UPDATE reports SET reporter_account = $2 WHERE id = $1`, filed[0].ReportID.UUID, leader.Account.UUID)
			own, err := w.desk.Reports(context.Background(), leader, true, dispatch.PageAsk{})
			if err != nil || len(own.Items) != 1 || own.Items[0].CaseID != secret.ID {
				t.Errorf("who knows of it reads in their list %+v, %v", own.Items, err)
			}
			f, err := w.desk.Report(context.Background(), leader, filed[0].ReportID)
			if err != nil || f.Report.CaseID != secret.ID || !f.Covert {
				t.Errorf("who knows of it reads %+v, %v", f, err)
			}
			// After the release it is a report like any other.
			if _, err := w.desk.Release(context.Background(), leader, secret.ID, 0, ""); err != nil {
				t.Fatal(err)
			}
			if own, err = w.desk.Reports(context.Background(), reporters[1], true, dispatch.PageAsk{}); err != nil || len(own.Items) != 1 || own.Items[0].CaseID != secret.ID {
				t.Errorf("after the release the reporter reads %+v, %v", own.Items, err)
			}
		})
	}
}

// hearsAReceipt asks at every door of a reporter.
func (w *world) hearsAReceipt(v dispatch.Viewer, filed dispatch.Filed, secret dispatch.Case) {
	w.t.Helper()
	ctx := context.Background()
	quiet := func(door string, answer any) {
		w.t.Helper()
		b, err := json.Marshal(answer)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, mark := range []string{secret.ID.String(), "SECRET-"} {
			if strings.Contains(string(b), mark) {
				w.t.Errorf("%s reads %q in %s: %s", v.Role, mark, door, b)
			}
		}
	}
	receipt := func(door string, f dispatch.Followed) {
		w.t.Helper()
		quiet(door, f)
		if f.Number != filed.Case.Number || f.Stage != dispatch.StageAccepted || !f.Open || len(f.Goes) > 0 || f.Result != nil ||
			len(f.Messages) != 1 || f.Messages[0].Why != dispatch.WhyReceived {
			w.t.Errorf("%s reads no receipt in %s: %+v", v.Role, door, f)
		}
	}
	own, err := w.desk.Reports(ctx, v, true, dispatch.PageAsk{})
	if err != nil || len(own.Items) != 1 || own.Items[0].CaseID != filed.Case.ID || own.Items[0].CaseNumber != filed.Case.Number || own.Items[0].Stage != dispatch.StageAccepted {
		w.t.Errorf("%s reads in their own list %+v, %v", v.Role, own.Items, err)
	}
	quiet("the own list", own)
	all, err := w.desk.Reports(ctx, v, false, dispatch.PageAsk{})
	if err != nil {
		w.t.Fatal(err)
	}
	quiet("the list", all)
	notices, err := w.desk.Notices(ctx, v, false, dispatch.PageAsk{})
	if err != nil {
		w.t.Fatal(err)
	}
	quiet("notices", notices)
	if f, err := w.desk.Report(ctx, v, filed.ReportID); v.Role == dispatch.RoleOperator {
		if dispatch.KindOf(err) != dispatch.NotFound { // who files for a resident is not the reporter
			w.t.Errorf("who filed for a resident reads %+v, %v", f, err)
		}
	} else if err != nil {
		w.t.Errorf("%s: %v", v.Role, err)
	} else {
		receipt("the report", f)
		if f.Report.CaseID != filed.Case.ID || f.Report.CaseNumber != filed.Case.Number {
			w.t.Errorf("%s reads that the report is in %s", v.Role, f.Report.CaseNumber)
		}
	}
	for _, ref := range []string{filed.ReportID.String(), filed.Case.Number} {
		f, err := w.desk.FollowUp(ctx, ref, filed.FollowUp.Code)
		if err != nil {
			w.t.Errorf("by %s and the code: %v", ref, err)
			continue
		}
		receipt("the follow-up", f)
	}
	if f, err := w.desk.FollowUp(ctx, "SECRET-NUMBER", filed.FollowUp.Code); dispatch.KindOf(err) != dispatch.NotFound {
		w.t.Errorf("the covert case's number opens the report: %+v, %v", f, err)
	}
}

// A report that is joined by rule as it comes in is answered with a receipt of its own,
// the first time and again.
func TestJoinedByRuleToACovertCaseIsAReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules("C01", func(r *dispatch.CategoryRules) { r.Same = dispatch.SameRule{DistanceM: 50, Minutes: 60, Joins: true} })
	leader, reporter := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleGridWorker, "")
	secret := w.file("C01")
	w.exec(`UPDATE cases SET number = 'SECRET-NUMBER' WHERE id = $1`, secret.ID.UUID)
	w.cover(leader, secret.ID, time.Now().Add(time.Hour))
	d := w.report("C01")
	d.Sent, d.Key, d.BodySHA256 = atM(40), uuid.NewString(), [32]byte{1}
	for range 2 {
		filed, err := w.desk.FileReport(context.Background(), reporter, d)
		if err != nil {
			t.Fatal(err)
		}
		if joined := ask[bool](w, `SELECT case_id = $2 FROM reports WHERE id = $1`, filed.ReportID.UUID, secret.ID.UUID); !joined {
			t.Fatal("the rule did not join it")
		}
		b, err := json.Marshal(filed)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "SECRET-") || strings.Contains(string(b), secret.ID.String()) || filed.Case.Stage != dispatch.StageAccepted {
			t.Errorf("the answer tells of the covert case: %s", b)
		}
		w.hearsAReceipt(reporter, filed, secret)
	}
}

// A report that was taken out of a case again answers to its own number, though what it
// was in was joined on with it.
func TestAReportTakenApartKeepsItsNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reporter := w.person2(dispatch.RoleGridWorker, "")
	a, b, c := w.filedBy(reporter, "A05", 0), w.file("A05"), w.file("A05")
	w.move(w.operator, a.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: b.ID})
	w.move(w.operator, b.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: c.ID})
	number := func(ref string) string {
		f, err := w.desk.FollowUp(context.Background(), ref, a.FollowUp.Code)
		if err != nil {
			return err.Error()
		}
		return f.Number
	}
	for _, ref := range []string{a.Case.Number, b.Number, c.Number, a.ReportID.String()} {
		eq(t, "joined, asked by "+ref, number(ref), a.Case.Number)
	}
	w.move(w.operator, a.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "另一件"})
	eq(t, "taken out again", number(a.Case.Number), a.Case.Number)
	eq(t, "by its id", number(a.ReportID.String()), a.Case.Number)
}
