package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Cases that are changed together are locked before any patrol, and all of each kind in
// one order, so that whoever changes one of them waits and nobody waits in a circle.
const lockCases = `
SELECT id FROM cases WHERE district_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE`

const lockAllClaimed = `
SELECT p.id FROM patrols p
WHERE p.district_id = $1 AND p.id IN (SELECT patrol_id FROM assignments WHERE case_id = ANY ($2) AND active)
ORDER BY p.id FOR NO KEY UPDATE OF p`

// What was joined to a case, or to one of those. Nobody joins so many by hand; what is
// beyond the limit has its own deadlines.
const heldBy = `
WITH RECURSIVE held AS (
  SELECT j.case_id FROM case_joins j WHERE j.into_case_id = $2 AND j.split_at IS NULL
  UNION
  SELECT j.case_id FROM held JOIN case_joins j ON j.into_case_id = held.case_id AND j.split_at IS NULL
)
SELECT c.id FROM held JOIN cases c ON c.id = held.case_id WHERE c.district_id = $1 ORDER BY c.id LIMIT 200`

// heldTries is how often what is to be locked may have changed before it was.
const heldTries = 5

// errHeldMoved: between the look at what a case holds and its lock something was joined
// to it or taken out. Another look sees it: whoever joins locks the case first.
var errHeldMoved = errors.New("what is joined to the case changes all the time")

// changeHeld locks cases, and with them all that the first of them holds, and has them
// changed in one transaction.
func (s *Store) changeHeld(ctx context.Context, of []dispatch.CaseID, change func(tx pgx.Tx, of, held []dispatch.Docket) error) error {
	var err error
	for range heldTries {
		err = s.db.Tx(ctx, func(tx pgx.Tx) error {
			held, err := s.lockHeld(ctx, tx, of)
			if err != nil {
				return err
			}
			dockets := make([]dispatch.Docket, 0, len(of)+len(held))
			for _, id := range append(slices.Clone(of), held...) {
				d, err := s.docket(ctx, tx, id, nil)
				if err != nil {
					return err
				}
				dockets = append(dockets, d)
			}
			return change(tx, dockets[:len(of)], dockets[len(of):])
		})
		if !errors.Is(err, errHeldMoved) {
			break
		}
	}
	if errors.Is(err, errHeldMoved) {
		return &dispatch.Fault{Kind: dispatch.Unavailable, Code: "case-moves", Detail: "Cases are joined to this one all the time; try again in a moment.", Err: err}
	}
	return fault(err)
}

// lockHeld locks cases and what the first of them holds, and answers the latter.
func (s *Store) lockHeld(ctx context.Context, tx pgx.Tx, of []dispatch.CaseID) ([]dispatch.CaseID, error) {
	holds := func() ([]dispatch.CaseID, error) {
		rows, err := tx.Query(ctx, heldBy, s.district.UUID, of[0].UUID)
		if err != nil {
			return nil, fmt.Errorf("ask what case %s holds: %w", of[0], err)
		}
		out, err := pgx.CollectRows(rows, scanCaseID)
		return slices.DeleteFunc(out, func(id dispatch.CaseID) bool { return slices.Contains(of, id) }), err
	}
	held, err := holds()
	if err != nil {
		return nil, err
	}
	var all []uuid.UUID
	for _, id := range append(slices.Clone(of), held...) {
		all = append(all, id.UUID)
	}
	for _, lock := range []string{lockCases, lockAllClaimed} {
		if _, err := tx.Exec(ctx, lock, s.district.UUID, all); err != nil {
			return nil, fmt.Errorf("lock case %s and what belongs to it: %w", of[0], err)
		}
	}
	now, err := holds()
	if err == nil && !slices.Equal(held, now) {
		err = errHeldMoved
	}
	return held, err
}

func (s *Store) writeAll(ctx context.Context, tx pgx.Tx, turns []dispatch.Turn) error {
	for _, t := range turns {
		if err := s.write(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

// ChangeHeld implements dispatch.LikeStore.
func (s *Store) ChangeHeld(ctx context.Context, id dispatch.CaseID, decide func(d dispatch.Docket, held []dispatch.Docket) ([]dispatch.Turn, error)) error {
	return s.changeHeld(ctx, []dispatch.CaseID{id}, func(tx pgx.Tx, of, held []dispatch.Docket) error {
		turns, err := decide(of[0], held)
		if err != nil {
			return err
		}
		return s.writeAll(ctx, tx, turns)
	})
}
