package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func (w *world) asOwner(query string) {
	w.t.Helper()
	err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), query)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// covertNow counts the cases that are covert.
func (w *world) covertNow() int {
	w.t.Helper()
	return ask[int](w, `SELECT count(*) FROM cases WHERE covert IS NOT NULL`)
}

// join joins cases one into the next.
func (w *world) join(v dispatch.Viewer, all ...dispatch.CaseID) {
	w.t.Helper()
	for i := range all[1:] {
		w.move(v, all[i], dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: all[i+1]})
	}
}

// released lets a covert case out, by hand or by its time, which comes.
func (w *world) released(how string, v dispatch.Viewer, c dispatch.CaseID) error {
	w.t.Helper()
	if how == "by hand" {
		_, err := w.desk.Release(context.Background(), v, c, 0, "收网")
		return err
	}
	pgtest.Advance(w.t, w.db, 25*time.Hour)
	return w.desk.Due(context.Background(), dispatch.Deadline{ID: dispatch.DeadlineID(c), Case: c, Step: dispatch.StepRelease})
}

// A covert case and all that was joined to it are released in one transaction, by hand and
// by the clock: where one of them cannot be written, none is, and the deadline is there to
// try again.
func TestAReleaseIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"by hand", "by its time"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			leader := w.person2(dispatch.RoleDutyLeader, "")
			secret, first, second := w.file("A05"), w.file("A05"), w.file("A05")
			w.cover(leader, secret.ID, time.Now().Add(time.Hour))
			w.join(leader, second.ID, first.ID, secret.ID)
			eq(t, "covert", w.covertNow(), 3)
			// The last of them cannot be written, as if the program died before it came to it.
			w.asOwner(`CREATE FUNCTION no_release() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the lights went out''; END';
			  CREATE TRIGGER no_release BEFORE UPDATE ON cases FOR EACH ROW WHEN (OLD.id = '` + second.ID.String() + `' AND NEW.covert IS NULL) EXECUTE FUNCTION no_release()`)
			release := func() error { return w.released(how, leader, secret.ID) }
			if err := release(); err == nil {
				t.Error("a release that could not be written is answered as done")
			}
			eq(t, "covert after a release that failed", w.covertNow(), 3)
			eq(t, "said to be released", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'covert.released'`), 0)
			eq(t, "deadlines that release the case", ask[int](w, `SELECT count(*) FROM deadlines WHERE step = 'release' AND case_id = $1`, secret.ID.UUID), 1)
			w.asOwner(`DROP TRIGGER no_release ON cases`)
			if err := release(); err != nil {
				t.Fatal(err)
			}
			eq(t, "covert after the release", w.covertNow(), 0)
			eq(t, "released, once each", ask[int](w, `SELECT count(DISTINCT case_id) FROM case_events WHERE kind = 'covert.released'`), 3)
			eq(t, "events of it", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'covert.released'`), 3)
			eq(t, "deadlines that are left", ask[int](w, `SELECT count(*) FROM deadlines WHERE step = 'release'`), 0)
		})
	}
}

// What a case holds is covert as long as it: from when it becomes so, or goes into one that
// is, until the time to which it is put off. Nobody else reads of the matter meanwhile.
func TestWhatACaseHoldsIsCovertAsLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader, other := w.person2(dispatch.RoleDutyLeader, ""), w.person2(dispatch.RoleOperator, "")
	secret, first, second, third := w.file("A05"), w.file("A05"), w.file("A05"), w.file("A05")
	all := []dispatch.CaseID{secret.ID, first.ID, second.ID, third.ID}
	hidden := func(when string, want int) {
		t.Helper()
		n := 0
		for _, id := range all {
			if _, err := w.desk.Case(ctx, other, id); dispatch.KindOf(err) == dispatch.NotFound {
				n++
			}
		}
		eq(t, when+": hidden from who may not know", n, want)
		eq(t, when+": covert", w.covertNow(), want)
	}
	w.join(leader, first.ID, secret.ID)
	w.join(leader, second.ID, third.ID)
	hidden("joined", 0)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	w.cover(leader, secret.ID, until)
	hidden("covered", 2)
	w.join(leader, third.ID, secret.ID)
	hidden("joined with what it holds", 4)
	eq(t, "until when", ask[int](w, `SELECT count(*) FROM cases WHERE (covert->>'until')::timestamptz = $1`, until), 4)
	later := until.Add(3 * time.Hour)
	w.cover(leader, secret.ID, later)
	eq(t, "put off", ask[int](w, `SELECT count(*) FROM cases WHERE (covert->>'until')::timestamptz = $1`, later), 4)
	pgtest.Advance(t, w.db, 2*time.Hour)
	w.deadlinesDue()
	hidden("at the time of before", 4)
	pgtest.Advance(t, w.db, 3*time.Hour)
	w.deadlinesDue()
	hidden("at its time", 0)
}

// Whoever joins and whoever releases wait for one another: nothing stays behind covert, and
// nobody waits in a circle.
func TestJoinsWhileACaseIsReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader := w.person2(dispatch.RoleDutyLeader, "")
	for range 3 {
		var all []dispatch.CaseID
		for range 5 {
			all = append(all, w.file("A05").ID)
		}
		secret := all[2] // some ids before it, some after
		w.cover(leader, secret, time.Now().Add(time.Hour))
		var wg sync.WaitGroup
		for _, id := range all {
			wg.Go(func() {
				var err error
				if id == secret {
					_, err = w.desk.Release(ctx, leader, secret, 0, "")
				} else {
					_, err = w.desk.Move(ctx, leader, id, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: secret})
				}
				if err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		eq(t, "covert in the end", w.covertNow(), 0)
	}
}
