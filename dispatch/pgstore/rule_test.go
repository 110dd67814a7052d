package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// What departments bring is of those that come, how a category is sent is dated, and why
// it was changed stands in the record.
func TestRulesOfACategoryAreSetWithAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader := w.person2(dispatch.RoleDutyLeader, "")
	pgtest.Advance(t, w.db, time.Hour)
	rule := dispatch.CategoryRules{Code: "C01", CheckPercent: 20, Listed: true, Mode: dispatch.Confirm, Reason: "夜间误派过多",
		Crews: []dispatch.Crew{{Department: "police", People: 2}, {Department: "fire", People: 2}}}
	var f *dispatch.Fault
	if err := w.desk.SetCategoryRules(ctx, leader, rule); !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != "/crews/1/department" || !strings.Contains(f.Fields[0].Detail, "environment, police") {
		t.Fatalf("a department that does not come brings two: %v, %+v", err, f)
	}
	eq(t, "nothing was set", ask[int](w, `SELECT count(*) FROM category_rules WHERE code = 'C01'`), 0)
	rule.Crews = rule.Crews[:1]
	if err := w.desk.SetCategoryRules(ctx, leader, rule); err != nil {
		t.Fatal(err)
	}
	const event = `SELECT count(*)::int FROM case_events WHERE kind = 'category_rules' AND body->>'why' = '夜间误派过多'
		AND body->'before'->>'dispatch_mode' = 'auto' AND body->'after'->>'dispatch_mode' = 'confirm'`
	eq(t, "events with the reason, before and after", ask[int](w, event), 1)
	eq(t, "modes, dated", ask[string](w, `SELECT string_agg(dispatch_mode || ' ' || upper_inf(valid), ', ' ORDER BY lower(valid)) FROM categories WHERE code = 'C01'`), "auto false, confirm true")
	eq(t, "a report is proposed from now on", w.file("C01").Dispatch, dispatch.DispatchProposed)

	rule.Mode, rule.Crews = "", nil
	if err := w.desk.SetCategoryRules(ctx, leader, rule); err != nil {
		t.Fatal(err)
	}
	eq(t, "rows of a mode that is left out", ask[int](w, `SELECT count(*) FROM categories WHERE code = 'C01'`), 2)
	day, err := dispatch.ParseDay("2026-10-01")
	if err != nil {
		t.Fatal(err)
	}
	book, err := w.desk.SetDay(ctx, leader, dispatch.CalendarDay{Day: day, Kind: dispatch.DayHoliday, Name: "国庆节", Source: " 国办发明电 "})
	if err != nil || len(book.Days) != 1 || book.Days[0].Source != "国办发明电" {
		t.Errorf("who says that it is a holiday is lost: %+v, %v", book.Days, err)
	}
}

// How urgent a category is, and so by which limits its clocks go, is dated: what was reported
// before keeps its own, and what-if counts it as it was. A table that says otherwise says so.
func TestUrgencyOfACategoryIsSetFromNowOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	pgtest.SetNow(t, w.db, time.Date(2026, 9, 1, 3, 0, 0, 0, time.UTC)) // a Tuesday at 11
	leader := w.person2(dispatch.RoleDutyLeader, "")
	old := w.file("A05")
	pgtest.Advance(t, w.db, time.Hour)

	rule := dispatch.UsualRules
	rule.Code, rule.Urgency = "A05", "soon"
	var f *dispatch.Fault
	if err := w.desk.SetCategoryRules(ctx, leader, rule); !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != "/urgency" || !strings.Contains(f.Fields[0].Detail, "urgent, ordinary or hard") {
		t.Fatalf("an urgency that is none: %v, %+v", err, f)
	}
	if err := w.desk.SetCategoryRules(ctx, w.operator, dispatch.CategoryRules{Code: "A05", Listed: true, Urgency: "hard"}); code(err) != "forbidden" {
		t.Errorf("by an operator: %v", err)
	}
	eq(t, "what was refused", ask[string](w, `SELECT string_agg(urgency, ', ') FROM categories WHERE code = 'A05'`), "urgent")
	rule.Urgency, rule.Reason = "hard", "须多部门会商"
	if err := w.desk.SetCategoryRules(ctx, leader, rule); err != nil {
		t.Fatal(err)
	}
	const event = `SELECT count(*)::int FROM case_events WHERE kind = 'category_rules' AND body->>'why' = '须多部门会商'
		AND body->'before' = '{"urgency": "urgent"}' AND body->'after' = '{"urgency": "hard"}'`
	eq(t, "events with the reason, and with what changed alone", ask[int](w, event), 1)
	eq(t, "urgencies, dated", ask[string](w, `SELECT string_agg(urgency || ' ' || dispatch_mode || ' ' || upper_inf(valid), ', ' ORDER BY lower(valid)) FROM categories WHERE code = 'A05'`),
		"urgent manual false, hard manual true")

	later := w.file("A05")
	for _, c := range []struct {
		of      dispatch.Case
		urgency string
		accept  time.Duration // from its report until it must be accepted, in working hours where it is not urgent
		file    time.Duration // from then until it must be filed
	}{{old, "urgent", 15 * time.Minute, 15 * time.Minute}, {later, "hard", 4 * time.Hour, 4 * time.Hour}} {
		due := func(name dispatch.ClockName) time.Duration {
			t.Helper()
			for _, x := range w.see(c.of.ID).Clocks {
				if x.Name == name {
					unit := map[bool]string{true: dispatch.UnitAlways, false: dispatch.UnitHours}[c.urgency == "urgent"]
					eq(t, "its unit", x.Unit, unit)
					return w.worked(x)
				}
			}
			t.Fatalf("no clock %s runs", name)
			return 0
		}
		eq(t, "urgency", w.see(c.of.ID).Urgency, c.urgency)
		eq(t, "until it is accepted", due(dispatch.ClockAccept), c.accept)
		w.move(w.operator, c.of.ID, dispatch.MoveOrder{Move: dispatch.MoveAccept})
		eq(t, "until it is filed", due(dispatch.ClockFile), c.file)
		if _, err := w.desk.Dispatch(ctx, w.operator, c.of.ID, 0, dispatch.Order{}); err != nil {
			t.Fatal(err)
		}
	}

	// A rule that leaves it out leaves it as it is.
	rule.Urgency, rule.CheckPercent = "", 30
	if err := w.desk.SetCategoryRules(ctx, leader, rule); err != nil {
		t.Fatal(err)
	}
	eq(t, "rows of an urgency that is left out", ask[int](w, `SELECT count(*)::int FROM categories WHERE code = 'A05'`), 2)

	// The table that was imported once says before it undoes it what it would undo.
	office := &office{t, w.db, pgstore.NewRegister(w.db)}
	const table = "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode\nA05,A05,A05,police,,,urgent,manual\n"
	same(t, "the table", changes(office.take(office.Categories, table, pgstore.RegisterOptions{DryRun: true})), "changed category A05 urgency: hard -> urgent")
	same(t, "the table, amended", changes(office.take(office.Categories, strings.Replace(table, "urgent", "hard", 1))))

	past, err := pgstore.Past{DB: w.db}.Reports(ctx, time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || len(past) != 2 {
		t.Fatalf("%d reports were dispatched, %v", len(past), err)
	}
	for _, r := range past {
		eq(t, "urgent in what-if: "+r.Number, r.Urgent, r.Case == old.ID)
	}
}

// worked is how much of working time a clock gives, of time where it goes day and night.
func (w *world) worked(c dispatch.Clock) time.Duration {
	if c.Unit == dispatch.UnitAlways {
		return c.DueAt.Sub(c.Since)
	}
	return c.Limit.Span
}
