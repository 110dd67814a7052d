package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// Whoever has the code of a report says once, when it is settled, how content they are.
// Not content asks for a call back, and opens nothing by itself.
func TestAReporterSaysOnceHowContentTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	filed := w.filedBy(w.operator, "C01", 0)
	number, code := filed.Case.Number, filed.FollowUp.Code
	poor := dispatch.Evaluation{Satisfaction: dispatch.Dissatisfied, Words: " 夜里又开工了 "}
	say := func(code string, e dispatch.Evaluation) (dispatch.Followed, error) {
		return w.desk.Evaluate(ctx, number, code, "10.0.0.1", e)
	}
	if _, err := say(code, poor); codeOf(err) != "not-closed" {
		t.Errorf("before it is settled: %v", err)
	}
	if _, err := w.desk.CloseCase(ctx, w.operator, filed.Case.ID, 0, dispatch.Closing{Answer: "已查封"}); err != nil {
		t.Fatal(err)
	}
	if _, err := say("00000-00000", poor); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("a wrong code: %v", err)
	}
	for field, e := range map[string]dispatch.Evaluation{"/satisfaction": {Satisfaction: "great"}, "/words": {Satisfaction: dispatch.Fair, Words: strings.Repeat("长", 1001)}} {
		_, err := say(code, e)
		var f *dispatch.Fault
		if !errors.As(err, &f) || f.Kind != dispatch.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for range 2 { // the answer was lost
		got, err := say(code, poor)
		if err != nil || got.Evaluation == nil || got.Evaluation.Satisfaction != dispatch.Dissatisfied || got.Evaluation.Words != "夜里又开工了" {
			t.Fatalf("%+v, %v", got.Evaluation, err)
		}
	}
	if _, err := say(code, dispatch.Evaluation{Satisfaction: dispatch.Satisfied}); codeOf(err) != "evaluated-already" {
		t.Errorf("a second word: %v", err)
	}
	c := w.see(filed.Case.ID)
	eq(t, "stage", c.Stage, dispatch.StageClosed)
	if e := c.Reports[0].Evaluation; e == nil || e.Words != "夜里又开工了" {
		t.Errorf("the case shows %+v", e)
	}
	eq(t, "items", ask[string](w, `SELECT string_agg(department || ' ' || reason, ', ') FROM operator_items WHERE settled_at IS NULL`), c.Departments[0].Code+" dissatisfied")
	eq(t, "events", ask[string](w, `SELECT string_agg((body->>'actor') || ' ' || (body->'after'->>'satisfaction'), ', ') FROM case_events WHERE kind = 'evaluated'`), "resident dissatisfied")
	eq(t, "words in the chain", ask[int](w, `SELECT count(*) FROM case_events WHERE body::text LIKE '%又开工%'`), 0)
}

// Of a covert case nothing can be said, and nothing that was said is told.
func TestNothingIsSaidOfACovertCase(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"both walls": false, "the queries alone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if down {
				pgtest.WallDown(t, w.db)
			}
			ctx := context.Background()
			leader := w.person2(dispatch.RoleDutyLeader, "")
			before, after := w.filedBy(w.operator, "C01", 0), w.filedBy(w.operator, "A05", 900)
			fair := dispatch.Evaluation{Satisfaction: dispatch.Fair, Words: "SAID"}
			for _, f := range []dispatch.Filed{before, after} {
				if _, err := w.desk.CloseCase(ctx, w.operator, f.Case.ID, 0, dispatch.Closing{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.desk.Evaluate(ctx, before.Case.Number, before.FollowUp.Code, "10.0.0.1", fair); err != nil {
				t.Fatal(err)
			}
			for _, f := range []dispatch.Filed{before, after} {
				w.exec(`UPDATE cases SET covert = jsonb_build_object('since', gp_now(), 'until', $2::timestamptz, 'reason', 'x') WHERE id = $1`, f.Case.ID.UUID, time.Now().Add(time.Hour))
			}
			if got, err := w.desk.FollowUp(ctx, before.Case.Number, before.FollowUp.Code); err != nil || got.Evaluation != nil {
				t.Errorf("it tells %+v, %v", got.Evaluation, err)
			}
			if _, err := w.desk.Evaluate(ctx, after.Case.Number, after.FollowUp.Code, "10.0.0.1", fair); codeOf(err) != "not-closed" {
				t.Errorf("said of a covert case: %v", err)
			}
			seen, err := w.desk.Reports(ctx, leader, false, dispatch.PageAsk{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range seen.Items {
				if r.ID == before.ReportID && r.Evaluation == nil {
					t.Error("whoever knows of the case does not see what was said")
				}
			}
		})
	}
}
