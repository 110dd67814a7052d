package pgstore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func (w *world) person2(role dispatch.Role, department string) dispatch.Viewer {
	return dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: role, Department: department}
}

func (w *world) move(v dispatch.Viewer, id dispatch.CaseID, o dispatch.MoveOrder) dispatch.CaseDetail {
	w.t.Helper()
	c, err := w.desk.Move(context.Background(), v, id, 0, o)
	if err != nil {
		w.t.Fatalf("%s: %v", o.Move, err)
	}
	return c
}

func (w *world) waiting(v dispatch.Viewer, list string) int {
	w.t.Helper()
	page, err := w.desk.Cases(context.Background(), v, dispatch.CaseFilter{Waiting: list})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(page.Items)
}

func TestWhoseItIsIsRuledTheSecondTimeAndSuggestedNextTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, env, police := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOfficer, "environment"), w.person2(dispatch.RoleOfficer, "police")
	c := w.file("C01")
	back := w.move(env, c.ID, dispatch.MoveOrder{Move: "return", Reason: "属于治安", Owner: "police"})
	eq(t, "once: the command centre's", back.Owner.Kind, dispatch.OwnerCommand)
	eq(t, "E1 is free", w.status("E1"), dispatch.Free)
	sent := w.move(w.operator, c.ID, dispatch.MoveOrder{Move: "dispatch"})
	eq(t, "now the police's, as proposed", sent.Owner, dispatch.Owner{Kind: dispatch.OwnerUnit, Code: "police"})
	twice := w.move(police, c.ID, dispatch.MoveOrder{Move: "return", Reason: "属于环保", Owner: "environment"})
	eq(t, "twice: the leader's", twice.Owner.Kind, dispatch.OwnerDutyLeader)
	eq(t, "waits for a ruling", w.waiting(leader, "ruling"), 1)
	if _, err := w.desk.Dispatch(context.Background(), w.operator, c.ID, 0, dispatch.Order{}); codeOf(err) != "move-not-possible" {
		t.Errorf("an operator sends it over the ruling: %v", err)
	}
	w.move(leader, c.ID, dispatch.MoveOrder{Move: "rule", Reason: "排放由生态环境主办", Owner: "environment"})
	ruled := w.move(w.operator, c.ID, dispatch.MoveOrder{Move: "dispatch", Owner: "police"})
	eq(t, "whatever the desk says, whom the ruling named", ruled.Owner.Code, "environment")
	if _, err := w.desk.Move(context.Background(), env, c.ID, 0, dispatch.MoveOrder{Move: "return", Reason: "还是不归我们", Owner: "market"}); codeOf(err) != "move-not-possible" {
		t.Errorf("it is returned after the ruling: %v", err)
	}
	next := w.see(w.file("C01").ID)
	if len(next.Precedents) != 1 || next.Precedents[0].Owner != "environment" || next.Precedents[0].Number != c.Number {
		t.Errorf("the ruling is not suggested: %+v", next.Precedents)
	}
	elsewhere := w.person2(dispatch.RoleOfficer, "market")
	if told, err := w.store.Precedents(context.Background(), elsewhere, next.Case, 1500, 3); err != nil || len(told) != 0 {
		t.Errorf("a department that may not see the case is told how it was ruled: %+v, %v", told, err)
	}
	if len(next.Past) != 1 || !next.Past[0].LikelySame {
		t.Errorf("nobody says that it was reported already: %+v", next.Past)
	}
}

func TestAForgottenCaseClimbs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01") // urgent: 24 h
	env := w.person2(dispatch.RoleOfficer, "environment")
	boss := w.person2(dispatch.RoleTownLeader, "")
	boss.AreaCode = "T1"
	w.move(env, c.ID, dispatch.MoveOrder{Move: "sign"})
	for _, department := range []string{"police", "environment"} { // nobody waits for them to leave
		w.mustAnswer(c, who(w.see(c.ID).Case, department), dispatch.Accept, dispatch.SetOut)
	}
	pass := func(d time.Duration) { pgtest.Advance(t, w.db, d); poll(t, w) }
	pass(19 * time.Hour)
	eq(t, "warned", w.waiting(boss, "warned"), 1)
	eq(t, "not late", w.waiting(boss, "overdue"), 0)
	told := func(why string) int {
		return ask[int](w, `SELECT count(*) FROM notices WHERE staff_id = $1 AND why = $2`, w.staff["leader"].UUID, why)
	}
	eq(t, "the leader was told nothing", told("clock_overdue"), 0)
	pass(6 * time.Hour)
	eq(t, "late", w.waiting(boss, "overdue"), 1)
	eq(t, "the leader was told", told("clock_overdue"), 1)
	late := w.see(c.ID)
	if s := late.Course.Supervision; s == nil || s.Level != "town" || s.By != "system" {
		t.Fatalf("nobody supervises it: %+v", s)
	}
	pass(3 * time.Hour) // the answer was due after two
	if s := w.see(c.ID).Course.Supervision; s.Level != "district" {
		t.Errorf("an order that nobody answered stays at %s", s.Level)
	}
	_, err := w.desk.Move(context.Background(), boss, c.ID, 0, dispatch.MoveOrder{Move: "supervise", Level: "listed", Reason: "久拖不决"})
	if codeOf(err) != "move-not-possible" || dispatch.KindOf(err) != dispatch.Forbidden {
		t.Errorf("a town's leader lists a case: %v", err)
	}
	w.move(env, c.ID, dispatch.MoveOrder{Move: "answer", Result: "正在拆除"})
	eq(t, "answered", w.waiting(boss, "supervised"), 0)
	if _, err := w.desk.Move(context.Background(), env, c.ID, 0, dispatch.MoveOrder{Move: "urge"}); codeOf(err) != "forbidden" {
		t.Errorf("the unit urges itself: %v", err)
	}
	w.move(boss, c.ID, dispatch.MoveOrder{Move: "urge", Reason: "群众反映强烈"})
	if _, err := w.desk.Move(context.Background(), boss, c.ID, 0, dispatch.MoveOrder{Move: "urge"}); codeOf(err) != "move-not-possible" {
		t.Errorf("urged twice in a minute: %v", err)
	}
	w.move(env, c.ID, dispatch.MoveOrder{Move: "start"})
	w.move(env, c.ID, dispatch.MoveOrder{Move: "feedback", Result: "已拆除"})
	eq(t, "waits for a check", w.waiting(boss, "verification"), 1)
	eq(t, "closed", w.move(boss, c.ID, dispatch.MoveOrder{Move: "pass", Result: "现场复核属实"}).Stage, dispatch.StageClosed)
	eq(t, "no clock", ask[int](w, `SELECT count(*) FROM clocks`), 0)
}

func TestMoreTimeIsAskedForAndGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env, leader := w.person2(dispatch.RoleOfficer, "environment"), w.person2(dispatch.RoleDutyLeader, "")
	c := w.file("C01")
	w.move(env, c.ID, dispatch.MoveOrder{Move: "sign"})
	before := w.move(env, c.ID, dispatch.MoveOrder{Move: "start"})
	w.move(env, c.ID, dispatch.MoveOrder{Move: "ask_extension", Reason: "等检测报告", Days: 2})
	eq(t, "waits for approval", w.waiting(leader, "approval"), 1)
	if _, err := w.desk.Move(context.Background(), env, c.ID, 0, dispatch.MoveOrder{Move: "grant"}); codeOf(err) != "forbidden" {
		t.Errorf("the unit grants its own wish: %v", err)
	}
	other := w.file("C01") // a leader who asks for the unit by telephone does not answer as well
	for _, m := range []dispatch.Move{"sign", "start"} {
		w.move(env, other.ID, dispatch.MoveOrder{Move: m})
	}
	w.move(leader, other.ID, dispatch.MoveOrder{Move: "ask_extension", Reason: "单位来电", Days: 2})
	if _, err := w.desk.Move(context.Background(), leader, other.ID, 0, dispatch.MoveOrder{Move: "grant"}); codeOf(err) != "move-not-possible" {
		t.Errorf("a leader grants what they asked for: %v", err)
	}
	w.move(w.person2(dispatch.RoleDutyLeader, ""), other.ID, dispatch.MoveOrder{Move: "grant"})
	after := w.move(leader, c.ID, dispatch.MoveOrder{Move: "grant"})
	eq(t, "two days more", after.DueAt.Sub(*before.DueAt), 48*time.Hour)
	w.move(env, c.ID, dispatch.MoveOrder{Move: "resume"})
	until := after.Now.Add(24 * time.Hour)
	w.move(env, c.ID, dispatch.MoveOrder{Move: "ask_suspension", Reason: "业主外出", Until: &until})
	stands := w.move(leader, c.ID, dispatch.MoveOrder{Move: "grant"})
	eq(t, "suspended", stands.Stage, dispatch.StageSuspended)
	pgtest.Advance(t, w.db, 25*time.Hour)
	poll(t, w)
	on := w.see(c.ID)
	eq(t, "it goes on by itself", on.Stage, dispatch.StageHandling)
	if moved := on.DueAt.Sub(*after.DueAt); moved < 24*time.Hour || moved > 26*time.Hour {
		t.Errorf("its limit stood still for %v, not for a day", moved)
	}
}

func TestSettledOnTheSpotIsStillDrawnForChecking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	worker := w.as("G1")
	drafted := func() dispatch.ReportDraft { d := w.report("C11"); d.SelfHandled = true; return d }
	drawn, spared := 0, 0
	for range 30 {
		filed, err := w.desk.FileReport(ctx, worker, drafted())
		if err != nil {
			t.Fatal(err)
		}
		c := w.see(filed.Case.ID)
		eq(t, "its tier", c.Course.Tier, dispatch.TierGrid)
		eq(t, "nobody is sent", len(c.Assignments), 0)
		eq(t, "the answer and the record", filed.Case.Stage, c.Stage)
		want := dispatch.StageClosed
		if dispatch.Drawn(c.Number, "C11", 20) {
			want, drawn = dispatch.StageVerifying, drawn+1
		} else {
			spared++
		}
		eq(t, "by the lot", c.Stage, want)
		if want == dispatch.StageVerifying {
			if _, err := w.desk.CloseCase(ctx, worker, c.ID, 0, dispatch.Closing{}); err == nil {
				t.Error("who settled it closes it")
			}
			eq(t, "checked by somebody else", w.move(w.operator, c.ID, dispatch.MoveOrder{Move: "pass", Result: "属实"}).Stage, dispatch.StageClosed)
		}
	}
	if drawn == 0 || spared == 0 {
		t.Errorf("%d drawn and %d spared of 30", drawn, spared)
	}
	if _, err := w.desk.FileReport(ctx, w.person2(dispatch.RoleOfficer, "police"), drafted()); codeOf(err) != "forbidden" {
		t.Errorf("an officer settles a grid's matter by one tap: %v", err)
	}
}

func TestWorkThatIsNotOnTheListIsRefusedWithItsArticle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader := w.person2(dispatch.RoleDutyLeader, "")
	rule := dispatch.CategoryRules{Code: "A05", CheckPercent: 20}
	if err := w.desk.SetCategoryRules(ctx, leader, rule); codeOf(err) != "invalid" {
		t.Errorf("it is taken off the list without an article: %v", err)
	}
	rule.Article = "准入清单第七条"
	if err := w.desk.SetCategoryRules(ctx, leader, rule); err != nil {
		t.Fatal(err)
	}
	_, err := w.desk.FileReport(ctx, w.operator, w.report("A05"))
	if codeOf(err) != "not-on-the-list" || !strings.Contains(err.Error(), "准入清单第七条") {
		t.Errorf("not refused with its article: %v", err)
	}
	eq(t, "recorded", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'category_rules'`), 1)
}

func TestADepartmentThatWasHereLatelyIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	w.mustAnswer(c, "E1", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	next := w.see(w.file("A05").ID)
	if len(next.Past) != 1 || len(next.Past[0].Visits) != 1 || next.Past[0].Visits[0].Department != "environment" || next.Past[0].LikelySame {
		t.Errorf("it is not said that environment is here already: %+v", next.Past)
	}
	other := w.person2(dispatch.RoleOfficer, "market")
	if past, err := w.store.Past(context.Background(), other, next.Case, 100, 90, 10); err != nil || len(past) != 0 {
		t.Errorf("a department that may not see the case is told of it: %+v, %v", past, err)
	}
}

// A case of two departments has three clocks from the moment it is sent: until it is
// settled, until the unit signs, and until patrols set out.
func TestAJointCaseHasThreeClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	var names []string
	for _, k := range w.see(c.ID).Clocks {
		names = append(names, string(k.Name))
		if k.Name == dispatch.ClockLeave && k.DueAt.Sub(k.Since) != 30*time.Minute {
			t.Errorf("they have %v to set out", k.DueAt.Sub(k.Since))
		}
	}
	slices.Sort(names)
	eq(t, "clocks", strings.Join(names, " "), "answer leave settle")
	one := w.see(w.file("C11").ID) // the town's own: nobody to set out
	if slices.ContainsFunc(one.Clocks, func(k dispatch.Clock) bool { return k.Name == dispatch.ClockLeave }) {
		t.Errorf("a case of no department waits for somebody to set out: %+v", one.Clocks)
	}
}

// A case that comes back and goes out again is given no more than fifteen days from when it
// first went out: who pushes it around wins nobody time.
func TestReturningACaseWinsNoTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env, police := w.person2(dispatch.RoleOfficer, "environment"), w.person2(dispatch.RoleOfficer, "police")
	settle := func(c dispatch.CaseDetail) dispatch.Clock {
		t.Helper()
		i := slices.IndexFunc(c.Clocks, func(k dispatch.Clock) bool { return k.Name == dispatch.ClockSettle })
		if i < 0 {
			t.Fatalf("no limit runs: %+v", c.Clocks)
		}
		return c.Clocks[i]
	}
	later := func(d time.Duration) {
		pgtest.Advance(t, w.db, d)
		poll(t, w)
	}
	const day = 24 * time.Hour
	c := w.file("C01") // urgent: a day, by any calendar
	sent := settle(w.see(c.ID)).Since
	later(4 * day)
	w.move(env, c.ID, dispatch.MoveOrder{Move: dispatch.MoveReturn, Reason: "属于治安", Owner: "police"})
	again := settle(w.move(w.operator, c.ID, dispatch.MoveOrder{Move: dispatch.MoveDispatch}))
	eq(t, "the second has a whole day", again.DueAt.Sub(again.Since), day)
	later(10*day + 12*time.Hour)
	w.move(police, c.ID, dispatch.MoveOrder{Move: dispatch.MoveReturn, Reason: "属于环保", Owner: "environment"})
	w.move(w.person2(dispatch.RoleDutyLeader, ""), c.ID, dispatch.MoveOrder{Move: dispatch.MoveRule, Reason: "由生态环境主办", Owner: "environment"})
	last := settle(w.move(w.operator, c.ID, dispatch.MoveOrder{Move: dispatch.MoveDispatch}))
	if off := last.DueAt.Sub(sent.Add(dispatch.MostDays * day)); off.Abs() > time.Millisecond {
		t.Errorf("first sent %v it is due %v, %v off the end of its time", sent, last.DueAt, off)
	}
}

// That one of a joint case has taken it on, by which the case is signed, and is on the
// way says nothing of the other: who does not leave is overdue all the same.
func TestWhoDoesNotLeaveIsOverdueThoughTheOtherDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.file("C01")
	leaves := func() *dispatch.Clock {
		now := w.see(c.ID)
		if wrong := clocksRight(now, 0); wrong != "" {
			t.Error(wrong) // by the manual of the walk, too
		}
		if i := slices.IndexFunc(now.Clocks, func(k dispatch.Clock) bool { return k.Name == dispatch.ClockLeave }); i >= 0 {
			return &now.Clocks[i]
		}
		return nil
	}
	begun := leaves()
	first, second := who(w.see(c.ID).Case, "police"), who(w.see(c.ID).Case, "environment")
	w.mustAnswer(c, first, dispatch.Accept, dispatch.SetOut)
	if now := leaves(); now == nil || !now.Since.Equal(begun.Since) {
		t.Fatalf("one has left, and the clock of the other is %+v, begun %v", now, begun.Since)
	}
	w.mustAnswer(c, second, dispatch.Accept)
	if leaves() == nil {
		t.Error("who accepted has not left yet")
	}
	// More time for the case is none for who has not left.
	w.move(w.operator, c.ID, dispatch.MoveOrder{Move: dispatch.MoveStart})
	w.move(w.operator, c.ID, dispatch.MoveOrder{Move: dispatch.MoveAskExtension, Reason: "夜间施工", Days: 1})
	w.move(w.person2(dispatch.RoleDutyLeader, ""), c.ID, dispatch.MoveOrder{Move: dispatch.MoveGrant})
	if now := leaves(); now == nil || !now.Since.Equal(begun.Since) {
		t.Errorf("a longer limit makes the clock until all leave %+v, begun %v", now, begun.Since)
	}
	w.mustAnswer(c, second, dispatch.SetOut)
	if k := leaves(); k != nil {
		t.Errorf("all have left, and %+v runs", k)
	}
}

// A new holiday moves what runs in working time, and nothing that was climbed.
func TestAHolidayMovesRunningClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, urgency, dispatch_mode, valid)
		VALUES (gen_random_uuid(), $1, 'O01', 'x', 'x', 'environment', 'ordinary', 'auto', '[2020-01-01,)')`, pgdb.District)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.SetNow(t, w.db, time.Date(2026, 9, 28, 10, 0, 0, 0, zone))
	w.exec(`UPDATE duties SET during = tstzrange(gp_now() - interval '1 d', gp_now() + interval '1 d')`)
	w.open(func(c *dispatch.Config) { c.BatchWindow = -1 })
	c := w.file("O01")
	eq(t, "three working days", c.DueAt.In(zone).Format(time.DateTime), "2026-10-01 17:30:00")
	leader := w.person2(dispatch.RoleDutyLeader, "")
	for _, d := range []string{"2026-10-01", "2026-10-02"} {
		day, err := dispatch.ParseDay(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.desk.SetDay(context.Background(), leader, dispatch.CalendarDay{Day: day, Kind: dispatch.DayHoliday}); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, w)
	moved := w.see(c.ID)
	eq(t, "after the holiday", moved.DueAt.In(zone).Format(time.DateTime), "2026-10-05 17:30:00")
	if _, err := w.desk.SetDay(context.Background(), w.operator, dispatch.CalendarDay{}); codeOf(err) != "forbidden" {
		t.Errorf("an operator edits the calendar: %v", err)
	}
}

// A program of the release before moves a case and knows no clocks; the next program
// gives it the clock of its stage, and takes those of finished ones away.
func TestCasesOfTheReleaseBeforeGetTheirClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.file("C04"), w.file("C04")
	w.exec(`DELETE FROM clocks WHERE case_id = $1`, a.ID.UUID)
	w.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now() WHERE id = $1`, b.ID.UUID)
	if err := w.desk.Adopt(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := w.see(a.ID)
	if len(got.Clocks) != 1 || got.Clocks[0].Name != dispatch.ClockAccept {
		t.Errorf("the open case has %+v", got.Clocks)
	}
	eq(t, "clocks of the closed case", len(w.see(b.ID).Clocks), 0)
	version := got.Version
	if err := w.desk.Adopt(context.Background()); err != nil {
		t.Fatal(err)
	}
	eq(t, "once", w.see(a.ID).Version, version)
}

// The days of a table are one change of the calendar, with one event, or none at all.
func TestATableOfDaysIsOneChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.person2(dispatch.RoleDutyLeader, "")
	day := func(s, kind string) dispatch.CalendarDay {
		d, err := dispatch.ParseDay(s)
		if err != nil {
			t.Fatal(err)
		}
		return dispatch.CalendarDay{Day: d, Kind: kind, Name: "国庆节", Source: " 国办发明电〔2025〕7号 "}
	}
	had, err := w.desk.Calendar(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]dispatch.CalendarDay{
		nil, {day("2026-10-01", dispatch.DayHoliday), day("2026-10-02", "feast"), day("1026-10-03", dispatch.DayHoliday)},
		{day("2026-10-01", dispatch.DayHoliday), day("2026-10-01", dispatch.DayWorkday)},
		{day("2026-10-01", dispatch.DayHoliday), day("2026-10-02", "")},
	} {
		if _, err := w.desk.SetDays(t.Context(), leader, bad); dispatch.KindOf(err) != dispatch.Invalid {
			t.Errorf("%v was set: %v", bad, err)
		}
	}
	_, err = w.desk.SetDays(t.Context(), leader, []dispatch.CalendarDay{day("2026-10-02", "feast"), day("2026-10-03", dispatch.DayHoliday), day("1026-10-03", dispatch.DayHoliday)})
	var fault *dispatch.Fault
	if !errors.As(err, &fault) || len(fault.Fields) != 2 || fault.Fields[0].Pointer != "/days/0/kind" || fault.Fields[1].Pointer != "/days/2/day" {
		t.Errorf("what is wrong is not named: %+v", err)
	}
	if _, err := w.desk.SetDays(t.Context(), w.person2(dispatch.RoleOfficer, "environment"), []dispatch.CalendarDay{day("2026-10-01", dispatch.DayHoliday)}); dispatch.KindOf(err) != dispatch.Forbidden {
		t.Errorf("an officer sets days: %v", err)
	}
	eq(t, "days", ask[int](w, `SELECT count(*) FROM calendar_days`), len(had.Days))
	is, err := w.desk.SetDays(t.Context(), leader, []dispatch.CalendarDay{day("2026-10-01", dispatch.DayHoliday), day("2026-10-10", dispatch.DayWorkday)})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "version", is.Version, had.Version+1)
	eq(t, "days then", len(is.Days), len(had.Days)+2)
	eq(t, "source", is.Days[len(is.Days)-1].Source, "国办发明电〔2025〕7号")
	eq(t, "events", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'calendar'`), 1)
	eq(t, "what it says", ask[string](w, `SELECT body->'after'->'2026-10-10'->>'kind' FROM case_events WHERE kind = 'calendar'`), dispatch.DayWorkday)
}
