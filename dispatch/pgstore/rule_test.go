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
