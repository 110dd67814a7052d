package pgstore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// What one poller holds another passes by without waiting, what is leased nobody gets,
// and what a dead one leased is had again when the lease is over.
func TestPollersShareWhatIsDue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		table string
		dead  time.Duration // until the lease of a dead poller is over
		lease func(ctx context.Context, w *world) ([]uuid.UUID, error)
	}{
		{"deadlines", "deadlines", 2 * time.Second, func(ctx context.Context, w *world) ([]uuid.UUID, error) {
			found, err := w.store.LeaseDeadlines(ctx, 100, time.Second)
			return cases(found, func(d dispatch.Deadline) dispatch.CaseID { return d.Case }), err
		}},
		{"what waits together", "deadlines", 2 * time.Second, func(ctx context.Context, w *world) ([]uuid.UUID, error) {
			w.exec(`UPDATE deadlines SET together = true`)
			found, err := w.store.LeaseTogether(ctx, 100, time.Second)
			if again, _ := w.store.LeaseTogether(ctx, 100, time.Second); len(again) > 0 && len(found) > 0 {
				t.Errorf("leased twice: %d", len(again))
			}
			return cases(found, func(d dispatch.Deadline) dispatch.CaseID { return d.Case }), err
		}},
		{"clocks", "clocks", 2 * time.Second, func(ctx context.Context, w *world) ([]uuid.UUID, error) {
			found, err := w.store.LeaseClocks(ctx, 100, time.Second)
			return cases(found, func(d dispatch.DueClock) dispatch.CaseID { return d.Case }), err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pgtest.Freeze(t, w.db, time.Now().Add(time.Minute))
			var all []uuid.UUID
			for range 6 {
				id := w.file("C04").ID.UUID
				all = append(all, id)
				w.exec(`INSERT INTO deadlines (id, district_id, case_id, stage, step, due_at) SELECT gen_random_uuid(), district_id, id, stage, 'dispatch', gp_now() - interval '1 s' FROM cases WHERE id = $1`, id)
			}
			w.exec(`UPDATE clocks SET next_at = gp_now() - interval '1 s'`)
			// Only a test that hangs comes to its end.
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			get := func(what string, want []uuid.UUID) {
				t.Helper()
				got, err := c.lease(ctx, w)
				slices.SortFunc(got, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: got %d (%v), want %d", what, len(got), err, len(want))
				}
			}
			slices.SortFunc(all, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			err := w.db.Tx(ctx, func(tx pgx.Tx) error { // another poller, in the midst of it
				if _, err := tx.Exec(ctx, `SELECT FROM `+c.table+` WHERE case_id = ANY ($1) FOR UPDATE`, all[:2]); err != nil {
					return err
				}
				if c.name != "what waits together" {
					get("while another holds two", all[2:])
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "what waits together" {
				get("all that wait", all)
				return // what came back once is planned alone
			}
			get("once it let go", all[:2])
			get("while the leases run", nil)
			pgtest.Advance(t, w.db, c.dead)
			get("after the leases of the dead", all)
		})
	}
}

// Whoever is alive keeps what they took, and a postponed one stays postponed.
func TestALeaseIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pgtest.Freeze(t, w.db, time.Now().Add(time.Minute))
	id := w.file("C04").ID.UUID
	w.exec(`INSERT INTO deadlines (id, district_id, case_id, stage, step, due_at) SELECT gen_random_uuid(), district_id, id, stage, 'dispatch', gp_now() - interval '1 s' FROM cases WHERE id = $1`, id)
	take := func() []dispatch.Deadline {
		t.Helper()
		found, err := w.store.LeaseDeadlines(t.Context(), 100, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	held := take()
	if len(held) != 1 {
		t.Fatalf("took %d, want 1", len(held))
	}
	renew := func() {
		t.Helper()
		if err := w.store.RenewDeadlines(t.Context(), []dispatch.DeadlineID{held[0].ID}, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		pgtest.Advance(t, w.db, 900*time.Millisecond)
		renew()
	}
	pgtest.Advance(t, w.db, 900*time.Millisecond)
	if got := take(); len(got) != 0 {
		t.Error("another took what is being worked on")
	}
	if err := w.store.PostponeDeadline(t.Context(), held[0].ID); err != nil {
		t.Fatal(err)
	}
	renew() // on its way when the work went wrong
	pgtest.Advance(t, w.db, 950*time.Millisecond)
	if got := take(); len(got) != 0 {
		t.Error("what was renewed as it was postponed is no longer leased")
	}
	// A mishap is tried again within a tenth of a second, what lasts four times as long
	// after each try, and after a minute or two at the latest.
	for try, least := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond, 3200 * time.Millisecond, 12800 * time.Millisecond, 51200 * time.Millisecond, time.Minute, time.Minute} {
		w.exec(`UPDATE deadlines SET leased_until = NULL, tries = $1`, try)
		if got := take(); len(got) != 1 {
			t.Fatalf("try %d: took %d", try, len(got))
		}
		if err := w.store.PostponeDeadline(t.Context(), held[0].ID); err != nil {
			t.Fatal(err)
		}
		pgtest.Advance(t, w.db, least-time.Millisecond)
		if got := take(); len(got) != 0 {
			t.Errorf("the try after try %d came early", try)
		}
		pgtest.Advance(t, w.db, min(least, time.Minute-least)+2*time.Millisecond)
		if got := take(); len(got) != 1 {
			t.Errorf("try %d: took %d when its time had come, want 1", try, len(got))
		}
	}
}

func cases[T any](list []T, of func(T) dispatch.CaseID) (out []uuid.UUID) {
	for _, v := range list {
		out = append(out, of(v).UUID)
	}
	return out
}
