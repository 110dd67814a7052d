package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// A plan that is committed claims all whom it chose, in its own transaction, or nobody.
// Looked at as each one commits.
const allOrNothing = `
CREATE FUNCTION watch_plan() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE chosen int; sent int; held int;
BEGIN
  IF NEW.state <> 'committed' THEN RETURN NULL; END IF;
  SELECT sum((t ->> 'chosen' IS NOT NULL)::int + coalesce(jsonb_array_length(t -> 'also'), 0)) INTO chosen
  FROM jsonb_array_elements(convert_from(NEW.output, 'UTF8')::jsonb -> 'teams') t;
  SELECT count(*), count(*) FILTER (WHERE a.active AND p.claimed_by = a.id) INTO sent, held
  FROM assignments a JOIN patrols p ON p.id = a.patrol_id WHERE a.plan_id = NEW.id;
  IF coalesce(chosen, 0) <> sent OR sent <> held THEN
    INSERT INTO violations VALUES ('plan ' || NEW.id || ' chose ' || chosen || ', sent ' || sent || ' and claimed ' || held); END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER watch AFTER INSERT ON plans DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch_plan()`

// TestClaimsUnderEverything lets 16 dispatchers on two nodes do everything that claims or
// frees a patrol at once: plans, declines, offers that run out, recalls by an operator,
// undone dispatches, lost patrols, reports that come in, windows that are matched
// together, and the moves they make. The unique index that stands behind the claims is
// taken away, every commit is looked at in SQL, and what each patrol went through fits one
// order.
func TestClaimsUnderEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	departments := []string{"police", "environment", "market"}
	for i := range 27 {
		w.patrol(fmt.Sprintf("M%02d", i), departments[i%3], float64(500+100*i))
	}
	for i, lead := range departments {
		w.category(fmt.Sprintf("X%02d", i), lead, []string{departments[(i+1)%3]}, "auto")
		w.ordinary(fmt.Sprintf("O%02d", i), lead)
	}
	for _, watch := range []string{invariant, allOrNothing} {
		if err := w.db.Owner(ctx, func(conn *pgx.Conn) error { _, err := conn.Exec(ctx, watch); return err }); err != nil {
			t.Fatal(err)
		}
	}
	// Moves need not save much here, and no quiet, so that there are many.
	w.exec(`UPDATE dispatch_rules SET move_saves_s = 1, move_quiet_s = 0`)
	rec := newRecord()
	zone := time.UTC
	var desks [2]*dispatch.Service
	var nodes [2]*timers.Timers
	for i := range desks {
		see := &witness{pgstore.New(w.db), rec}
		var err error
		desks[i], err = dispatch.New(dispatch.Config{District: district, Store: see, Live: w.live, Roads: w.roads, Grids: w.grids, Zone: zone,
			PlanWithin: time.Minute, BatchWindow: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = timers.New(timers.Config{Desk: desks[i], Book: pgstore.New(w.db)})
	}
	const dispatchers = 16
	want := claimTries(t) / 5
	var g errgroup.Group
	for n := range dispatchers {
		s := storm{w: w, desk: desks[n%2], node: nodes[n%2], rnd: rand.New(rand.NewPCG(11, uint64(n)))}
		g.Go(func() error {
			for rec.tries.Load() < want {
				if err := s.one(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	moved := ask[int](w, `SELECT count(*) FROM assignments WHERE reason = $1`, dispatch.ReasonMoved)
	t.Logf("%d tries in %v, %d patrols lost to another dispatcher, %d moved; %v", rec.tries.Load(), time.Since(rec.begun).Round(time.Second), rec.lost.Load(), moved, rec.did)
	if n := ask[int](w, `SELECT count(*) FROM violations`); n > 0 {
		t.Errorf("%d violations, such as: %s", n, ask[string](w, `SELECT min(what) FROM violations`))
	}
	for _, kind := range []string{"assignment.declined", "assignment.expired", "assignment.recalled", "undone", "assignment.done"} {
		if rec.did[kind] == 0 {
			t.Errorf("there was no %s", kind)
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM (SELECT FROM plans WHERE state = 'committed' GROUP BY case_id HAVING count(*) > 1) x`); n == 0 {
		t.Error("nothing was planned again")
	}
	if n := ask[int](w, `SELECT count(DISTINCT reason) FROM assignments WHERE state = 'recalled'`); n < 3 {
		t.Errorf("patrols were recalled for %d reasons", n)
	}
	if rec.lost.Load() == 0 || moved == 0 && want >= 500 {
		t.Error("nobody raced, or nobody was moved: the test shows too little")
	}
	if result := porcupine.CheckOperationsTimeout(patrolModel, rec.ops, 0); result != porcupine.Ok {
		t.Errorf("the claims of some patrol fit no order: %v", result)
	}
}

// storm is one dispatcher, who does now this, now that.
type storm struct {
	w    *world
	desk *dispatch.Service
	node *timers.Timers
	rnd  *rand.Rand
}

// settled are the ways in which something may not be possible any more.
func settled(err error) error {
	switch dispatch.KindOf(err) {
	case dispatch.Conflict, dispatch.NotFound, dispatch.Unavailable:
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// some answers an assignment at random, with its case and state.
func (s storm) some(ctx context.Context, where string) (c dispatch.CaseID, a dispatch.AssignmentID, p dispatch.PatrolID, err error) {
	err = s.w.db.QueryRow(ctx, `SELECT case_id, id, patrol_id FROM assignments WHERE active AND `+where+` ORDER BY random() LIMIT 1`).Scan(&c.UUID, &a.UUID, &p.UUID)
	return c, a, p, err
}

func (s storm) one(ctx context.Context) error {
	step := func(verbs ...dispatch.Verb) error {
		c, a, p, err := s.some(ctx, "leaves_at IS NULL")
		for _, verb := range verbs {
			if err == nil {
				_, err = s.desk.Answer(ctx, dispatch.Viewer{District: district, Device: dispatch.DeviceID{UUID: uuid.New()}, Patrol: p, Role: dispatch.RoleDevice}, c, a, verb, 0, "no")
			}
		}
		return settled(err)
	}
	report := func(kinds string) error {
		d := s.w.report(fmt.Sprintf("%c%02d", kinds[s.rnd.IntN(len(kinds))], s.rnd.IntN(3)))
		d.Sent = atM(s.rnd.Float64() * 4000)
		_, err := s.desk.FileReport(ctx, s.w.operator, d)
		return settled(err)
	}
	switch s.rnd.IntN(13) {
	case 0: // somebody reports, urgent or not
		return report("XO")
	case 1, 2, 3: // patrols go about, two reports wait, and a window closes over them
		for code := range s.w.ids {
			if s.rnd.IntN(3) == 0 {
				s.w.live.edit(s.w.ids[code], func(at *dispatch.Position) { at.Point = atM(s.rnd.Float64() * 4000) })
			}
		}
		for range 2 {
			if err := report("O"); err != nil {
				return err
			}
		}
		return s.node.PollWindow(ctx)
	case 4:
		return step(dispatch.Decline)
	case 5:
		return step(dispatch.Accept)
	case 6, 7, 8: // more are done than come in, so that somebody is free
		for range 4 {
			if err := step(dispatch.Arrive, dispatch.Finish); err != nil {
				return err
			}
		}
		return nil
	case 9: // an offer runs out
		c, a, _, err := s.some(ctx, "state = 'offered' AND leaves_at IS NULL")
		if err == nil {
			err = s.desk.Due(ctx, dispatch.Deadline{ID: dispatch.DeadlineID{UUID: uuid.New()}, Case: c, Assignment: a, Stage: "offered", Step: dispatch.StepAnswer})
		}
		return settled(err)
	case 10: // an operator sends another, and takes that back or not
		var c dispatch.CaseID
		var p dispatch.PatrolID
		var department string
		err := s.w.db.QueryRow(ctx, `SELECT a.case_id, a.department, p.id FROM assignments a JOIN patrols p ON p.department = a.department AND p.status = 'free'
			WHERE a.active AND a.kind = 'department' ORDER BY random() LIMIT 1`).Scan(&c.UUID, &department, &p.UUID)
		if err == nil {
			_, err = s.desk.Dispatch(ctx, s.w.operator, c, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: department, PatrolID: p}}})
		}
		if err == nil && s.rnd.IntN(2) == 0 {
			_, err = s.desk.Undo(ctx, s.w.operator, c, 0)
		}
		return settled(err)
	case 11: // a patrol is lost, and seen again
		_, _, p, err := s.some(ctx, "state IN ('offered', 'accepted')")
		if err != nil {
			return settled(err)
		}
		s.w.live.edit(p, func(at *dispatch.Position) { at.Presence = dispatch.Lost })
		err = s.desk.LostPatrols(ctx)
		s.w.live.edit(p, func(at *dispatch.Position) { at.Presence = dispatch.Online })
		return settled(err)
	default: // what waits for a plan gets one
		var c dispatch.CaseID
		err := s.w.db.QueryRow(ctx, `SELECT id FROM cases WHERE dispatch = 'pending' OR closed_at IS NULL ORDER BY dispatch = 'pending' DESC, random() LIMIT 1`).Scan(&c.UUID)
		if err == nil && s.rnd.IntN(4) == 0 {
			_, err = s.desk.CloseCase(ctx, s.w.operator, c, 0, dispatch.Closing{Reason: "over"})
		} else if err == nil {
			err = s.desk.Due(ctx, dispatch.Deadline{ID: dispatch.DeadlineID{UUID: uuid.New()}, Case: c, Step: dispatch.StepDispatch})
		}
		return settled(err)
	}
}
