package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"pgregory.net/rapid"
)

// told is what the reporters of a case were told, oldest first.
func (w *world) told(c dispatch.CaseID) string {
	w.t.Helper()
	return ask[string](w, `SELECT coalesce(string_agg(why, ' ' ORDER BY id), '') FROM notices WHERE case_id = $1 AND report_id IS NOT NULL`, c.UUID)
}

func (w *world) lastTold(c dispatch.CaseID) string {
	w.t.Helper()
	return ask[string](w, `SELECT text_zh FROM notices WHERE case_id = $1 AND report_id IS NOT NULL ORDER BY id DESC LIMIT 1`, c.UUID)
}

func (w *world) close(c dispatch.CaseID, answer string) dispatch.CaseDetail {
	w.t.Helper()
	closed, err := w.desk.CloseCase(context.Background(), w.operator, c, 0, dispatch.Closing{Answer: answer})
	if err != nil {
		w.t.Fatal(err)
	}
	return closed
}

func TestTheReporterHearsWhoGoesWhoComesInsteadAndTheResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE departments SET name_zh = '公安' WHERE code = 'police'`)
	c := w.file("C01")
	eq(t, "at first", w.told(c.ID), "received sent")
	w.mustAnswer(c, "P1", dispatch.Accept, dispatch.Decline)
	eq(t, "declined", w.told(c.ID), "received sent accepted replaced")
	if text := w.lastTold(c.ID); !strings.Contains(text, "改派公安人员（预计约") || strings.Contains(text, "P2") {
		t.Errorf("who comes instead reads %s", text)
	}
	w.mustAnswer(c, "P2", dispatch.Decline)
	eq(t, "nobody is left", w.told(c.ID), "received sent accepted replaced waiting")
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive, dispatch.Finish)
	eq(t, "the other department", w.told(c.ID), "received sent accepted replaced waiting accepted en_route on_scene done")
	w.close(c.ID, "")
	if text := w.lastTold(c.ID); !strings.Contains(text, "environment人员已到现场处理完毕") || strings.Contains(text, "公安") {
		t.Errorf("the result reads %s", text)
	}
	eq(t, "history", ask[int](w, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = 'answered' AND body->'detail'->>'standard' = 'true'`, c.ID.UUID), 1)
}

func TestAnOperatorsDispatchIsToldWhenItsOffersLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	send := func() dispatch.Case {
		t.Helper()
		c := w.file("C04")
		if _, err := w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := send()
	if _, err := w.desk.Undo(ctx, w.operator, c.ID, 0); err != nil {
		t.Fatal(err)
	}
	eq(t, "taken back in time", w.told(c.ID), "received")
	c = send()
	pgtest.Advance(t, w.db, 6*time.Second)
	if n := w.tick(); n != 2 { // the first look's offer and the department's
		t.Fatalf("%d offers left", n)
	}
	eq(t, "told once", w.told(c.ID), "received sent")
}

// No case closes with an unanswered reporter, not even by the release before, which
// knows nothing of answers.
func TestACaseClosedBehindOurBackAnswersItsReporter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, stage := range []string{"closed", "void"} {
		c := w.file("A05")
		w.exec(`UPDATE cases SET stage = $2, closed_at = gp_now() WHERE id = $1`, c.ID.UUID, stage)
		eq(t, stage, w.told(c.ID), "received "+stage)
	}
	c := w.file("A05")
	w.close(c.ID, "查无此事")
	eq(t, "answered once", w.told(c.ID), "received closed")
	eq(t, "in its words", w.lastTold(c.ID), "已办结：查无此事")
}

func TestTheCodeOfAnAnswerThatWasLostIsGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	d := w.report("C01")
	d.Key = "lost"
	if _, err := w.desk.FileReport(ctx, w.operator, d); err != nil {
		t.Fatal(err)
	}
	// The program died before it kept what it answered.
	w.exec(`UPDATE idempotency_keys SET response = NULL`)
	again, err := w.desk.FileReport(ctx, w.operator, d)
	if err != nil {
		t.Fatal(err)
	}
	third, err := w.desk.FileReport(ctx, w.operator, d)
	if err != nil || *third.FollowUp != *again.FollowUp {
		t.Fatalf("the same key told %v and %v, %v", again.FollowUp, third.FollowUp, err)
	}
	if _, err := w.desk.FollowUp(ctx, again.Case.Number, again.FollowUp.Code); err != nil {
		t.Error(err)
	}
	if _, err := w.desk.FollowUp(ctx, again.Case.Number, "00000-00000"); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("a wrong code: %v", err)
	}
}

// Whatever happens to cases, in whatever order: every report was received first, and
// every report of a finished case has its one answer, for the right person.
func TestNoCaseClosesWithAnUnansweredReporter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	account := dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}
	device := dispatch.DeviceID{UUID: uuid.Must(uuid.NewV7())}
	verbs := []dispatch.Verb{dispatch.Accept, dispatch.Decline, dispatch.SetOut, dispatch.Arrive, dispatch.Finish}
	const unanswered = `
		SELECT coalesce(string_agg(c.number || ' ' || c.stage, ', '), '') FROM reports r JOIN cases c ON c.id = r.case_id
		WHERE c.closed_at IS NOT NULL AND 1 <> (SELECT count(*) FROM notices n WHERE n.report_id = r.id AND n.why = c.stage AND n.made_at >= c.closed_at)
		   OR (SELECT why FROM notices n WHERE n.report_id = r.id ORDER BY id LIMIT 1) IS DISTINCT FROM 'received'
		   OR EXISTS (SELECT FROM notices n WHERE n.report_id = r.id AND (
		        n.account_id IS DISTINCT FROM CASE WHEN r.channel IS DISTINCT FROM 'hotline' THEN r.reporter_account END
		     OR n.device_id IS DISTINCT FROM CASE WHEN r.channel IS DISTINCT FROM 'hotline' AND r.reporter_account IS NULL THEN r.reporter_device END))`
	answered := 0
	rapid.Check(t, func(rt *rapid.T) {
		var open []dispatch.CaseID
		oneOf := func() (dispatch.CaseID, bool) {
			if len(open) == 0 {
				return dispatch.CaseID{}, false
			}
			return rapid.SampledFrom(open).Draw(rt, "case"), true
		}
		shut := func(id dispatch.CaseID) {
			for i, o := range open {
				if o == id {
					open = append(open[:i], open[i+1:]...)
					answered++
					return
				}
			}
		}
		// An action that is refused is fine; one that leaves somebody without an answer is not.
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"file", "answer", "answer", "answer", "send", "undo", "wait", "close", "behind"}).Draw(rt, "do") {
			case "file":
				v, d := w.operator, w.report(rapid.SampledFrom([]string{"C01", "A05", "C04", "C11"}).Draw(rt, "category"))
				v.Account = account
				switch rapid.SampledFrom([]string{"account", "device", "hotline"}).Draw(rt, "by") {
				case "device":
					v.Account, v.Device, v.Role = dispatch.AccountID{}, device, dispatch.RoleDevice
				case "hotline":
					d.Reporter.Channel = dispatch.ChannelHotline
				}
				filed, err := w.desk.FileReport(ctx, v, d)
				if err != nil {
					rt.Fatal(err)
				}
				open = append(open, filed.Case.ID)
			case "answer":
				id, ok := oneOf()
				if !ok {
					continue
				}
				if all := w.see(id).Assignments; len(all) > 0 {
					a := rapid.SampledFrom(all).Draw(rt, "assignment")
					_, _ = w.desk.Answer(ctx, w.operator, id, a.ID, rapid.SampledFrom(verbs).Draw(rt, "verb"), 0, "")
				}
			case "send":
				if id, ok := oneOf(); ok {
					_, _ = w.desk.Dispatch(ctx, w.operator, id, 0, dispatch.Order{})
				}
			case "undo":
				if id, ok := oneOf(); ok {
					_, _ = w.desk.Undo(ctx, w.operator, id, 0)
				}
			case "wait":
				pgtest.Advance(t, w.db, time.Duration(rapid.IntRange(1, 130).Draw(rt, "seconds"))*time.Second)
				w.tick()
			case "close":
				if id, ok := oneOf(); ok {
					w.close(id, rapid.SampledFrom([]string{"", "已处理"}).Draw(rt, "answer"))
					shut(id)
				}
			case "behind": // as the release before does it
				if id, ok := oneOf(); ok {
					w.exec(`UPDATE assignments SET state = 'recalled' WHERE case_id = $1 AND active`, id.UUID)
					w.exec(`UPDATE patrols p SET status = 'free', claimed_by = NULL, version = version + 1
						WHERE claimed_by IN (SELECT id FROM assignments WHERE case_id = $1)`, id.UUID)
					w.exec(`DELETE FROM deadlines WHERE case_id = $1`, id.UUID)
					w.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now(), dispatch = 'none' WHERE id = $1`, id.UUID)
					shut(id)
				}
			}
			if bad := ask[string](w, unanswered); bad != "" {
				rt.Fatalf("not answered as it must be: %s", bad)
			}
		}
		for _, id := range open {
			w.close(id, "")
			answered++
		}
	})
	if answered < 50 {
		t.Errorf("only %d cases were closed", answered)
	}
	t.Logf("%d cases closed", answered)
}

// What is told is announced after its commit, to whoever reported and to nobody who
// did it themselves; a report by telephone is announced to nobody.
func TestWhatAReporterIsToldIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	follow, err := w.store.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	heard := func() (whys []string) {
		t.Helper()
		news, err := follow.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range news {
			if a.Notice != nil && !a.Notice.Report.IsZero() {
				if a.Notice.Account != w.operator.Account || a.Notice.Text.ZH == "" || a.Notice.Number == "" {
					t.Errorf("announced %+v", a.Notice)
				}
				whys = append(whys, a.Notice.Why)
			}
		}
		return whys
	}
	c := w.file("C01")
	eq(t, "filed", strings.Join(heard(), " "), "sent")
	w.mustAnswer(c, "P1", dispatch.Accept)
	eq(t, "accepted", strings.Join(heard(), " "), "accepted")
	w.close(c.ID, "") // by the reporter's own hand
	eq(t, "closed", strings.Join(heard(), " "), "")
	d := w.report("C01")
	d.Reporter.Channel = dispatch.ChannelHotline
	if _, err := w.desk.FileReport(ctx, w.operator, d); err != nil {
		t.Fatal(err)
	}
	eq(t, "by telephone", strings.Join(heard(), " "), "")
}
