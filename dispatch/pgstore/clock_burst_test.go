package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/jackc/pgx/v5"
)

// duties answers the case with its clock that counts, as a poller finds it.
func (w *world) duties(ids ...dispatch.CaseID) (out []dispatch.DueClock) {
	w.t.Helper()
	for _, id := range ids {
		k := w.see(id).Clocks[0]
		out = append(out, dispatch.DueClock{Case: id, Name: k.Name, ID: k.ID})
	}
	return out
}

// owner changes the schema.
func owner(w *world, change string) {
	w.t.Helper()
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error { _, err := conn.Exec(context.Background(), change); return err }); err != nil {
		w.t.Fatal(err)
	}
}

// climbs is how often a case's clocks climbed to a rung.
func (w *world) climbs(id dispatch.CaseID, rung string) int {
	return ask[int](w, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = $2`, id.UUID, "clock."+rung)
}

func (w *world) overdueSince(ago string, ids ...dispatch.CaseID) {
	for _, id := range ids {
		w.exec(`UPDATE clocks SET since = since - $2::interval, warn_at = warn_at - $2::interval, due_at = due_at - $2::interval,
			district_at = district_at - $2::interval, next_at = next_at - $2::interval WHERE case_id = $1`, id.UUID, ago)
	}
}

// One commit sees to many; what it cannot, it leaves to a commit of its own.
func TestABadCaseDoesNotKeepTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := []dispatch.CaseID{w.file("C04").ID, w.file("C04").ID, w.file("C04").ID}
	w.overdueSince("40 days", ids...)
	due := w.duties(ids...)
	owner(w, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON cases FOR EACH ROW WHEN (OLD.id = '`+ids[1].String()+`') EXECUTE FUNCTION refuse()`)
	failed := w.desk.ClocksDue(t.Context(), due)
	if len(failed) != 1 || failed[due[1]] == nil {
		t.Errorf("failed: %v, want the second alone", failed)
	}
	for i, want := range []int{1, 0, 1} {
		for _, rung := range []string{"warned", "overdue", "district"} {
			eq(t, rung, w.climbs(ids[i], rung), want)
		}
	}
	owner(w, `DROP TRIGGER refuse ON cases`)
	for range 2 { // once more does nothing
		if failed := w.desk.ClocksDue(t.Context(), due); len(failed) > 0 {
			t.Error(failed)
		}
	}
	for _, id := range ids {
		for _, rung := range []string{"warned", "overdue", "district"} {
			eq(t, rung+" once", w.climbs(id, rung), 1)
		}
	}
}

// A case that somebody works on is seen to when they are done, and the others before.
func TestAHeldCaseIsWaitedForAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, free := w.file("C04").ID, w.file("C04").ID
	w.overdueSince("40 days", held, free)
	due := w.duties(held, free)
	done := make(chan map[dispatch.DueClock]error, 1)
	err := w.store.Change(t.Context(), held, nil, func(dispatch.Docket) (dispatch.Turn, error) {
		go func() { done <- w.desk.ClocksDue(context.Background(), due) }()
		for w.climbs(free, "district") == 0 && t.Context().Err() == nil {
			continue // the other commits while this one is held
		}
		eq(t, "the held one", w.climbs(held, "district"), 0)
		return dispatch.Turn{}, dispatch.ErrLeave
	})
	eq(t, "let go", err, dispatch.ErrLeave)
	if failed := <-done; len(failed) > 0 {
		t.Error(failed)
	}
	eq(t, "the held one then", w.climbs(held, "district"), 1)
}

// What is counted again by a new calendar and is over by it climbs each rung once.
func TestAClockThatIsOverOnceCountedAgainClimbsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.file("C04").ID
	w.exec(`UPDATE clocks SET since = since - interval '40 days', unit = 'working_days', days = 3, counted = -1 WHERE case_id = $1`, id.UUID)
	if failed := w.desk.ClocksDue(t.Context(), w.duties(id)); len(failed) > 0 {
		t.Fatal(failed)
	}
	eq(t, "counted again", w.climbs(id, "moved"), 1)
	for _, rung := range []string{"warned", "overdue", "district"} {
		eq(t, rung, w.climbs(id, rung), 1)
	}
}

// beside does something else once in the middle of each change of a case: after the step
// was decided by what was read, before it is written.
type beside struct {
	dispatch.Store
	do func()
}

func (b beside) Change(ctx context.Context, id dispatch.CaseID, claims []dispatch.PatrolID, decide func(dispatch.Docket) (dispatch.Turn, error)) error {
	return b.Store.Change(ctx, id, claims, func(d dispatch.Docket) (dispatch.Turn, error) {
		t, err := decide(d)
		b.do()
		return t, err
	})
}

// The calendar is edited while a step is under way that starts a clock by the old one.
func TestACalendarEditedBesideAStepCountsForItsClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ordinary("O05", "environment")
	monday := time.Date(2026, 9, 28, 2, 0, 0, 0, time.UTC)
	pgtest.SetNow(t, w.db, monday)
	w.exec(`UPDATE duties SET during = tstzrange(gp_now() - interval '1 d', gp_now() + interval '1 d')`)
	w.open(func(c *dispatch.Config) { c.BatchWindow = -1 })
	id := w.file("O05").ID
	env := w.person2(dispatch.RoleOfficer, "environment")
	w.move(env, id, dispatch.MoveOrder{Move: "sign"})
	w.move(env, id, dispatch.MoveOrder{Move: "start"})
	w.open(func(c *dispatch.Config) {
		c.Store = beside{w.store, func() {
			tuesday := dispatch.CalendarDay{Day: dispatch.DayOf(monday.AddDate(0, 0, 1), time.UTC), Kind: dispatch.DayHoliday}
			_, err := w.store.EditCalendar(context.Background(), func(dispatch.CalendarBook, time.Time) (dispatch.CalendarEdit, error) {
				return dispatch.CalendarEdit{Set: []dispatch.CalendarDay{tuesday}}, nil
			})
			if err != nil {
				t.Error(err)
			}
		}}
	})
	w.move(env, id, dispatch.MoveOrder{Move: "feedback", Result: "已拆除"})
	eq(t, "by the old calendar", w.see(id).Clocks[0].DueAt, monday.AddDate(0, 0, 2).Add(-30*time.Minute+8*time.Hour))
	w.open(nil)
	poll(t, w)
	eq(t, "counted again", w.climbs(id, "moved"), 1)
	eq(t, "a day later", w.see(id).Clocks[0].DueAt, monday.AddDate(0, 0, 3).Add(-30*time.Minute+8*time.Hour))
}

// A clock that stopped between being found due and being seen to leaves no word.
func TestAClockThatStoppedMeanwhileDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.file("C04").ID
	w.overdueSince("40 days", id)
	due := w.duties(id)
	w.exec(`UPDATE clocks SET id = $2, rung = 'district', next_at = NULL WHERE case_id = $1`, id.UUID, uuid.Must(uuid.NewV7()))
	stopped := due[0]
	stopped.Name = dispatch.ClockRework
	version := w.see(id).Version
	if failed := w.desk.ClocksDue(t.Context(), append(due, stopped)); len(failed) > 0 {
		t.Error(failed)
	}
	if err := w.desk.ClockDue(t.Context(), stopped); err != nil {
		t.Error(err)
	}
	eq(t, "version", w.see(id).Version, version)
	eq(t, "taken up again", w.climbs(id, "adopted"), 0)
}

// alone is a desk that sees to each clock in a commit of its own.
type alone struct{ *dispatch.Service }

func (a alone) ClocksDue(ctx context.Context, due []dispatch.DueClock) map[dispatch.DueClock]error {
	failed := map[dispatch.DueClock]error{}
	for _, d := range due {
		if err := a.ClockDue(ctx, d); err != nil {
			failed[d] = err
		}
	}
	return failed
}

// BenchmarkAnHoursEnd is how many rungs a second two nodes climb where 512 are due at one
// moment, together and each alone.
func BenchmarkAnHoursEnd(b *testing.B) {
	w := newWorld(b)
	w.leader("TL", "T1")
	const many = 512
	for range many {
		w.file("C04")
	}
	for name, desk := range map[string]timers.Desk{"together": w.desk, "alone": alone{w.desk}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w.exec(`UPDATE clocks SET rung = 'warned', leased_until = NULL, id = gen_random_uuid(), due_at = gp_now() - interval '1 s', next_at = gp_now() - interval '1 s', district_at = gp_now() + interval '9 days'`)
				b.StartTimer()
				var both sync.WaitGroup
				for range 2 {
					node := timers.New(timers.Config{Desk: desk, Book: pgstore.New(w.db)})
					both.Go(func() {
						for n := 1; n > 0; {
							var err error
							if n, err = node.PollClocks(b.Context()); err != nil {
								b.Error(err)
							}
						}
					})
				}
				both.Wait()
			}
			b.ReportMetric(float64(many*b.N)/b.Elapsed().Seconds(), "rungs/s")
		})
	}
}
