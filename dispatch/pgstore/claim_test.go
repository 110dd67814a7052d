package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// claimOp is what one commit did to a patrol, or what was tried and lost: an assignment
// of it ends, one is given to it, or it goes on with the one it has.
type claimOp struct {
	patrol      dispatch.PatrolID
	ends, takes dispatch.AssignmentID
	fresh       bool // takes is new
	lost        bool
}

// patrolModel is one patrol: free, or held by one assignment. A claim that was won needs
// it free, one that was lost needs it held, and only what holds it can end or go on.
var patrolModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[dispatch.PatrolID][]porcupine.Operation{}
		for _, op := range history {
			id := op.Input.(claimOp).patrol
			by[id] = append(by[id], op)
		}
		var out [][]porcupine.Operation
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return dispatch.AssignmentID{} },
	Step: func(state, input, _ any) (bool, any) {
		held, op := state.(dispatch.AssignmentID), input.(claimOp)
		if op.lost {
			return !held.IsZero(), held
		}
		if !op.ends.IsZero() {
			if held != op.ends {
				return false, held
			}
			held = dispatch.AssignmentID{}
		}
		switch {
		case op.takes.IsZero():
			return true, held
		case op.fresh:
			return held.IsZero(), op.takes
		}
		return held == op.takes, held
	},
}

// witness is a store that writes down every claim and release with its time.
type witness struct {
	dispatch.Store
	*record
}

// record is what the stores of all nodes write down.
type record struct {
	tries, lost atomic.Int64
	begun       time.Time
	mu          sync.Mutex // guards what follows; all dispatchers write
	ops         []porcupine.Operation
	did         map[string]int // events by kind
}

func newRecord() *record { return &record{begun: time.Now(), did: map[string]int{}} }

func (w *witness) Change(ctx context.Context, id dispatch.CaseID, claims []dispatch.PatrolID, decide func(dispatch.Docket) (dispatch.Turn, error)) error {
	var turn dispatch.Turn
	call := time.Since(w.begun)
	err := w.Store.Change(ctx, id, claims, func(d dispatch.Docket) (dispatch.Turn, error) {
		var err error
		turn, err = decide(d)
		return turn, err
	})
	ret := time.Since(w.begun)
	var race *dispatch.LostRace
	w.mu.Lock()
	defer w.mu.Unlock()
	note := func(op claimOp) {
		w.ops = append(w.ops, porcupine.Operation{Input: op, Call: int64(call), Return: int64(ret)})
	}
	switch {
	case errors.As(err, &race):
		w.tries.Add(int64(len(claims)))
		w.lost.Add(int64(len(race.Patrols)))
		for _, p := range race.Patrols {
			note(claimOp{patrol: p, lost: true})
		}
	case err == nil:
		w.tries.Add(int64(len(claims)))
		for _, e := range turn.Events {
			w.did[e.Kind]++
		}
		w.commit(turn, note)
	}
	return err
}

// commit notes what a turn did, one operation a patrol: it commits as a whole.
func (w *witness) commit(turn dispatch.Turn, note func(claimOp)) {
	ops := map[dispatch.PatrolID]*claimOp{}
	for _, m := range turn.Patrols {
		op := ops[m.ID]
		if op == nil {
			op = &claimOp{patrol: m.ID}
			ops[m.ID] = op
		}
		if op.takes = m.Claim; m.Claim.IsZero() {
			for _, a := range turn.Set {
				if a.PatrolID == m.ID && !a.State.Active() {
					op.ends = a.ID
				}
			}
			continue
		}
		op.fresh = slices.ContainsFunc(turn.Add, func(a dispatch.Assignment) bool { return a.ID == m.Claim })
	}
	for _, op := range ops {
		note(*op)
	}
}

// claimTries is 4,000, in which some hundreds are lost to others, unless
// GRIDPATROL_CLAIM_TRIES says otherwise; make test-clocks tries 50,000.
func claimTries(t *testing.T) int64 {
	if text := os.Getenv("GRIDPATROL_CLAIM_TRIES"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 2_000
	}
	return 4_000
}

// Each commit that claims or releases a patrol looks at what it is about to make
// true, and keeps what must never be.
const invariant = `
CREATE TABLE violations (what text NOT NULL);
GRANT INSERT, SELECT ON violations TO gp_app;
CREATE FUNCTION watch_patrol() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p uuid; n int; held uuid;
BEGIN
  p := NEW.id;
  SELECT count(*) INTO n FROM assignments WHERE patrol_id = p AND active;
  SELECT claimed_by INTO held FROM patrols WHERE id = p;
  IF n > 1 THEN INSERT INTO violations VALUES ('patrol ' || p || ' has ' || n || ' assignments'); END IF;
  IF (held IS NOT NULL) <> (n = 1) THEN INSERT INTO violations VALUES ('patrol ' || p || ' is claimed by ' || coalesce(held::text, 'nobody') || ' with ' || n || ' assignments'); END IF;
  IF held IS NOT NULL AND NOT EXISTS (SELECT FROM assignments WHERE id = held AND patrol_id = p AND active) THEN
    INSERT INTO violations VALUES ('patrol ' || p || ' is claimed by what is no assignment of it'); END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER watch AFTER UPDATE ON patrols DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch_patrol();
DROP INDEX assignments_one_active`

// TestSixteenDispatchersNeverBookTwice lets 16 dispatchers plan at once for cases
// that all want the same 50 patrols. The backstop, the unique index, is taken away,
// so that the compare-and-set stands alone.
func TestSixteenDispatchersNeverBookTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	departments := []string{"police", "environment", "market", "fire", "health"}
	w.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'fire', 'f', 'f'), ($1, 'health', 'h', 'h')`, pgdb.District)
	for i := range 47 {
		w.patrol(fmt.Sprintf("M%02d", i), departments[i%5], float64(1000+10*i))
	}
	for i, lead := range departments {
		w.category(fmt.Sprintf("X%02d", i), lead, []string{departments[(i+1)%5]}, "auto")
	}
	if err := w.db.Owner(ctx, func(conn *pgx.Conn) error { _, err := conn.Exec(ctx, invariant); return err }); err != nil {
		t.Fatal(err)
	}
	const dispatchers = 16
	see := &witness{w.store, newRecord()}
	// Sixteen plans at once on a busy machine may each take longer than a report waits.
	w.open(func(c *dispatch.Config) { c.Store, c.PlanWithin = see, time.Minute })
	cases := make([]dispatch.CaseID, 24)
	for i := range cases {
		cases[i] = w.file(fmt.Sprintf("X%02d", i%5)).ID
		if err := w.release(see, cases[i]); err != nil {
			t.Fatal(err)
		}
	}
	want := claimTries(t)
	see.tries.Store(0)
	var g errgroup.Group
	for n := range dispatchers {
		g.Go(func() error {
			rnd := rand.New(rand.NewPCG(7, uint64(n)))
			for see.tries.Load() < want {
				id := cases[rnd.IntN(len(cases))]
				// A case that the others change each time while it is planned is put off, as
				// the timers do. On a machine so busy that a plan takes longer than their
				// plans and releases of the same case, that happens.
				err := w.desk.Due(ctx, dispatch.Deadline{ID: dispatch.DeadlineID{UUID: uuid.New()}, Case: id, Step: dispatch.StepDispatch})
				if err != nil && dispatch.KindOf(err) != dispatch.Unavailable {
					return err
				}
				if err := w.release(see, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tries in %v, %d patrols lost to another dispatcher", see.tries.Load(), time.Since(see.begun).Round(time.Second), see.lost.Load())
	eq(t, "violations", ask[int](w, `SELECT count(*) FROM violations`), 0)
	if see.lost.Load() == 0 {
		t.Error("nobody raced: the test shows nothing")
	}
	if result := porcupine.CheckOperationsTimeout(patrolModel, see.ops, 0); result != porcupine.Ok {
		t.Errorf("the claims of some patrol fit no order: %v", result)
	}
}

// release gives back what a case holds and puts it where it waits for a plan.
func (w *world) release(s dispatch.Store, id dispatch.CaseID) error {
	ctx := context.Background()
	err := s.Change(ctx, id, nil, func(d dispatch.Docket) (dispatch.Turn, error) {
		turn := dispatch.Turn{Case: d.Case, DisarmAll: true}
		turn.Case.Version++
		for _, a := range d.Case.Assignments {
			if a.State.Active() {
				a.State = dispatch.Done
				turn.Set = append(turn.Set, a)
				turn.Patrols = append(turn.Patrols, dispatch.PatrolMove{ID: a.PatrolID, Version: d.Patrols[a.PatrolID].Version, To: dispatch.Free})
			}
		}
		return turn, nil
	})
	if err != nil {
		return err
	}
	_, err = w.db.Exec(ctx, `DELETE FROM assignments WHERE case_id = $1 AND NOT active`, id.UUID)
	if err == nil {
		_, err = w.db.Exec(ctx, `UPDATE cases SET dispatch = 'pending', version = version + 1 WHERE id = $1`, id.UUID)
	}
	return err
}
