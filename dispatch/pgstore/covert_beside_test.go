package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func (w *world) cover(v dispatch.Viewer, id dispatch.CaseID, until time.Time) {
	w.t.Helper()
	if _, err := w.desk.Cover(context.Background(), v, id, 0, dispatch.CoverOrder{Reason: "便衣摸排", Until: until}); err != nil {
		w.t.Fatalf("cover: %v", err)
	}
}

// Whoever was somewhere for a covert case was not there, for an operator who does not
// know of it; and is not told as near it or alike.
func TestAVisitForACovertCaseIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader, other := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOperator, "")
	secret := w.file("C01")
	market := w.patrol("M1", "market", 1200)
	w.stayed(market, 12*24*time.Hour, 20, 10*time.Minute)
	w.exec(`INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, made_at, ended_at)
	  SELECT gen_random_uuid(), district_id, case_id, $2, plan_id, 'market', 'department', 'assist', 'done', 'car', gp_now() - interval '13 d', gp_now() - interval '11 d'
	  FROM assignments WHERE case_id = $1 LIMIT 1`, secret.ID.UUID, market.UUID)
	c := w.file("C01")
	eq(t, "before", len(w.see(c.ID).Been), 1)
	w.cover(leader, secret.ID, time.Now().Add(time.Hour))
	for name, v := range map[string]dispatch.Viewer{"who may not know": other, "who made it covert": leader} {
		seen, err := w.desk.Case(ctx, v, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if v.Role == dispatch.RoleDutyLeader {
			want = 1
		}
		eq(t, name+": visits", len(seen.Been), want)
		eq(t, name+": cases near it", len(seen.Past), want)
		tiers, err := w.desk.Tiers(ctx, v, time.Time{}, time.Time{})
		if err != nil || tiers.Settled != 0 {
			t.Errorf("%s: %+v, %v", name, tiers, err)
		}
	}
	if _, err := w.desk.CloseCase(ctx, leader, secret.ID, 0, dispatch.Closing{}); err != nil {
		t.Fatal(err)
	}
	for v, want := range map[*dispatch.Viewer]int{&other: 0, &leader: 1} {
		tiers, err := w.desk.Tiers(ctx, *v, time.Time{}, time.Time{})
		if err != nil || tiers.Settled != want {
			t.Errorf("%s counts %+v, want %d; %v", v.Role, tiers, want, err)
		}
	}
	// Near the target what was done stays hidden after the end, and far from it does not.
	w.exec(`UPDATE assignments SET ended_at = gp_now() - interval '12 d 20 h' WHERE patrol_id = $1`, market.UUID)
	seen := func() int {
		found, err := w.desk.Case(ctx, other, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Been)
	}
	eq(t, "after the end, near the target", seen(), 0)
	w.exec(`UPDATE cases SET lat = lat + 0.02 WHERE id = $1`, secret.ID.UUID)
	eq(t, "after the end, far from it", seen(), 1)
}

// A case that is joined to a covert one is covert as long; the other way round it would
// lay its reports open and is refused. The reporter has a receipt, and hears the rest on
// release, with which both are back.
func TestWhatIsJoinedToACovertCaseIsCovert(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader, other, reporter := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOperator, ""), w.person2(dispatch.RoleGridWorker, "")
	secret := w.file("C01")
	w.cover(leader, secret.ID, time.Now().Add(time.Hour))
	again := w.filedBy(reporter, "C01", 30)
	told := func() int {
		return ask[int](w, `SELECT count(*) FROM notices WHERE account_id = $1`, reporter.Account.UUID)
	}
	had := told()
	if _, err := w.desk.Move(ctx, leader, secret.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: again.Case.ID}); codeOf(err) != "case-covert" {
		t.Errorf("a covert case joined to an open one: %v", err)
	}
	w.move(leader, again.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: secret.ID})
	for name, v := range map[string]dispatch.Viewer{"another operator": other, "its reporter": reporter} {
		if _, err := w.desk.Case(ctx, v, again.Case.ID); dispatch.KindOf(err) != dispatch.NotFound {
			t.Errorf("%s sees what was joined: %v", name, err)
		}
	}
	eq(t, "told meanwhile", told(), had)
	f, err := w.desk.Report(ctx, reporter, again.ReportID)
	if err != nil || f.Stage != dispatch.StageAccepted || len(f.Goes) != 0 {
		t.Errorf("the reporter is told %+v, %v", f, err)
	}
	// Taken apart it is covert still.
	w.move(leader, again.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "另一处"})
	if _, err := w.desk.Case(ctx, other, again.Case.ID); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("split off again it is open to see: %v", err)
	}
	w.move(leader, again.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: secret.ID})
	if _, err := w.desk.Release(ctx, leader, secret.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []dispatch.CaseID{secret.ID, again.Case.ID} {
		if _, err := w.desk.Case(ctx, other, id); err != nil {
			t.Errorf("after the release: %v", err)
		}
	}
	eq(t, "deadlines that release", ask[int](w, `SELECT count(*) FROM deadlines WHERE step = 'release'`), 0)
}

// What a case says of another that became covert later is not read any more: that it went
// into it once, and came out again.
func TestTheHistoryNextDoorNamesNoCovertCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader, other := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOperator, "")
	first, second := w.file("C01"), w.file("C01")
	w.move(w.operator, second.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: first.ID})
	w.move(w.operator, second.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "另一处"})
	w.cover(leader, first.ID, time.Now().Add(time.Hour))
	names := func(v dispatch.Viewer) (n int) {
		seen, err := w.desk.Case(ctx, v, second.ID)
		if err != nil {
			t.Fatal(err)
		}
		if seen.Course.Joined != nil {
			n++
		}
		for _, e := range seen.Events {
			if strings.Contains(string(e.Detail), first.ID.String()) {
				n++
			}
		}
		return n
	}
	eq(t, "to who may not know", names(other), 0)
	eq(t, "to who may", names(leader), 2)
}

// The looks at a covert case's place are nobody's errand until its release, though it lies
// in their grid, and nobody is told of them.
func TestNobodyLooksAgainAtACovertPlace(t *testing.T) {
	t.Parallel()
	for _, wall := range []string{"both walls", "the queries alone"} {
		t.Run(wall, func(t *testing.T) {
			t.Parallel()
			w, c, zone := night(t)
			if wall != "both walls" {
				pgtest.WallDown(t, w.db)
			}
			ctx := context.Background()
			leader, worker := w.person2(dispatch.RoleDutyLeader, ""), w.as("G1")
			// It was closed in the open; whoever reopens the matter may hide it.
			w.exec(`UPDATE cases SET covert = jsonb_build_object('since', gp_now(), 'until', gp_now() + interval '20 d', 'reason', 'x') WHERE id = $1`, c.ID.UUID)
			pgtest.SetNow(t, w.db, time.Date(2026, 5, 7, 20, 10, 0, 0, zone))
			w.deadlinesDue()
			eq(t, "rung", w.rung("G1", dispatch.WhyRevisit), 0)
			eq(t, "the worker's errands", len(w.looks(worker)), 0)
			found := w.looks(leader)
			if len(found) != 1 {
				t.Fatalf("who may know sees %+v", found)
			}
			if _, err := w.desk.ClearRevisit(ctx, worker, found[0].ID, "", nil); dispatch.KindOf(err) != dispatch.NotFound {
				t.Errorf("the worker answers for it: %v", err)
			}
			w.exec(`UPDATE cases SET covert = NULL WHERE id = $1`, c.ID.UUID)
			eq(t, "after the release", len(w.looks(worker)), 1)
			// A look that found a case which is covert says that it found something, not what.
			next := w.file("C01")
			w.exec(`UPDATE revisits SET new_case_id = $2 WHERE id = $1`, found[0].ID.UUID, next.ID.UUID)
			w.cover(leader, next.ID, time.Date(2026, 5, 9, 0, 0, 0, 0, zone))
			for v, want := range map[*dispatch.Viewer]bool{&w.operator: false, &leader: true} {
				seen, err := w.desk.Case(ctx, *v, c.ID)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range seen.Revisits {
					if r.ID == found[0].ID && (r.NewCase != nil) != want {
						t.Errorf("%s is told of the case %v", v.Role, r.NewCase)
					}
				}
			}
		})
	}
}
