package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// lockFree waits for nobody: whoever holds one case and waits for another could wait in a
// ring. The patrols of all come after it in one statement, in the order in which everybody
// locks patrols.
const lockFree = `
SELECT ` + caseColumns + ` FROM cases c WHERE c.district_id = $1 AND c.id = ANY ($2) ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED`

// ChangeAll implements dispatch.FlowStore. Whatever the number of cases, it goes to the
// database and back six times.
func (s *Store) ChangeAll(ctx context.Context, ids []dispatch.CaseID, decide func(dispatch.Docket, dispatch.Audience) (dispatch.Turn, error)) ([]dispatch.CaseID, error) {
	var had []dispatch.CaseID
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		dockets, err := s.dockets(ctx, tx, ids)
		if err != nil {
			return err
		}
		told, err := s.audiences(ctx, tx, dockets)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i, d := range dockets {
			had = append(had, d.Case.ID)
			turn, err := decide(d, told[i])
			if errors.Is(err, dispatch.ErrLeave) {
				continue
			}
			if err == nil {
				err = s.queueTurn(batch, turn)
			}
			if err != nil {
				return err
			}
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write %d cases: %w", len(dockets), err)
		}
		return nil
	})
	if err != nil {
		return nil, fault(err)
	}
	return had, nil
}

// dockets are those of the cases that nobody else holds.
func (s *Store) dockets(ctx context.Context, tx pgx.Tx, ids []dispatch.CaseID) ([]dispatch.Docket, error) {
	rows, err := tx.Query(ctx, lockFree, s.district.UUID, uuids(ids))
	if err != nil {
		return nil, fmt.Errorf("lock cases: %w", err)
	}
	locked, err := pgx.CollectRows(rows, pgx.RowToStructByName[caseRow])
	if err != nil || len(locked) == 0 {
		return nil, err
	}
	held := make([]dispatch.CaseID, len(locked))
	at := make(map[uuid.UUID]int, len(locked))
	first := map[string]int{} // of each category
	all := make([]papers, len(locked))
	var shared papers
	batch := &pgx.Batch{}
	for i, row := range locked {
		held[i].UUID, at[row.ID], all[i].cases = row.ID, i, locked[i:i+1]
	}
	batch.Queue(lockClaimed, s.district.UUID, uuids(held), uuids([]dispatch.PatrolID{})).Query(collect(&shared.patrols))
	batch.Queue(assignmentsOf, uuids(held), true).Query(collect(&shared.assignments))
	batch.Queue(clocksOf, uuids(held)).Query(collect(&shared.clocks))
	s.queueTime(batch, &shared)
	for i, id := range held {
		s.queueOwn(batch, id, &all[i])
		if _, asked := first[locked[i].Category]; !asked {
			first[locked[i].Category] = i
			s.queueKind(batch, id, &all[i])
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read %d cases: %w", len(held), err)
	}
	for _, row := range shared.assignments {
		p := &all[at[row.CaseID]]
		p.assignments = append(p.assignments, row)
	}
	for _, row := range shared.clocks {
		p := &all[at[row.CaseID]]
		p.clocks = append(p.clocks, row)
	}
	dockets := make([]dispatch.Docket, len(all))
	for i, p := range all {
		same := all[first[locked[i].Category]]
		p.names, p.rule = same.names, same.rule
		p.version, p.now = shared.version, shared.now
		p.patrols = shared.patrols // of all of them: what a turn does not ask for it does not see
		if dockets[i], err = s.docketFrom(ctx, tx, p); err != nil {
			return nil, err
		}
	}
	return dockets, nil
}

// audiences are those of these cases, asked once for each unit and its places.
func (s *Store) audiences(ctx context.Context, on reader, dockets []dispatch.Docket) ([]dispatch.Audience, error) {
	batch := &pgx.Batch{}
	asked := map[string]*dispatch.Audience{}
	keys := make([]string, len(dockets))
	for i, d := range dockets {
		areas := slices.Sorted(slices.Values(d.Case.Scope.Areas))
		keys[i] = d.Case.OwnerOf().Code + "/" + strings.Join(areas, ",")
		if asked[keys[i]] == nil {
			asked[keys[i]] = &dispatch.Audience{}
			s.queueAudience(batch, d.Case, asked[keys[i]])
		}
	}
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("ask whom to tell: %w", err)
	}
	out := make([]dispatch.Audience, len(dockets))
	for i, k := range keys {
		out[i] = *asked[k]
	}
	return out, nil
}
