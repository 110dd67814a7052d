package pgstore

import (
	"context"
	"errors"
	"fmt"

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
		cases := make([]dispatch.Case, len(dockets))
		for i, d := range dockets {
			cases[i] = d.Case
		}
		told, err := s.audiences(ctx, tx, cases)
		if err != nil {
			return err
		}
		var turns []dispatch.Turn
		for i, d := range dockets {
			had = append(had, d.Case.ID)
			turn, err := decide(d, told[i])
			if errors.Is(err, dispatch.ErrLeave) {
				continue
			}
			if err != nil {
				return err
			}
			turns = append(turns, turn)
		}
		batch := &pgx.Batch{}
		if err := s.queueTurns(batch, turns...); err != nil {
			return err
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
	s.queueOwn(batch, uuids(held), &shared)
	s.queueTime(batch, &shared)
	for i, id := range held {
		if _, asked := first[locked[i].Category]; !asked {
			first[locked[i].Category] = i
			s.queueKind(batch, id, &all[i])
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read %d cases: %w", len(held), err)
	}
	of := func(id uuid.UUID) *papers { return &all[at[id]] }
	for _, row := range shared.reporters {
		of(row.CaseID).reporters = append(of(row.CaseID).reporters, row)
	}
	for _, row := range shared.missions {
		of(row.CaseID).missions = append(of(row.CaseID).missions, row)
	}
	for _, row := range shared.revisits {
		of(row.CaseID).revisits = append(of(row.CaseID).revisits, row)
	}
	for _, row := range shared.assignments {
		of(row.CaseID).assignments = append(of(row.CaseID).assignments, row)
	}
	for _, row := range shared.clocks {
		of(row.CaseID).clocks = append(of(row.CaseID).clocks, row)
	}
	dockets := make([]dispatch.Docket, len(all))
	for i, p := range all {
		same := all[first[locked[i].Category]]
		p.names, p.rule = same.names, same.rule
		p.version, p.hooks, p.now = shared.version, shared.hooks, shared.now
		p.patrols = shared.patrols // of all of them: what a turn does not ask for it does not see
		if dockets[i], err = s.docketFrom(ctx, tx, p); err != nil {
			return nil, err
		}
	}
	return dockets, nil
}
