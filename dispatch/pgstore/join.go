package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Both cases are locked before any patrol, and all their patrols in one order, so that
// whoever changes one of them waits and nobody waits in a circle.
const lockBoth = `
SELECT id FROM cases WHERE district_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE`

const lockClaimedBoth = `
SELECT p.id FROM patrols p
WHERE p.district_id = $1 AND p.id IN (SELECT patrol_id FROM assignments WHERE case_id = ANY ($2) AND active)
ORDER BY p.id FOR NO KEY UPDATE OF p`

const insertJoin = `
INSERT INTO case_joins (id, district_id, case_id, into_case_id, reports) VALUES ($1, $2, $3, $4, $5)`

const endJoin = `UPDATE case_joins SET split_at = gp_now() WHERE case_id = $1 AND split_at IS NULL`

const moveReports = `UPDATE reports SET case_id = $2 WHERE case_id = $1 AND id = ANY ($3)`

// ChangeBoth implements dispatch.LikeStore.
func (s *Store) ChangeBoth(ctx context.Context, a, b dispatch.CaseID, decide func(a, b dispatch.Docket) (dispatch.BothTurn, error)) error {
	both := []uuid.UUID{a.UUID, b.UUID}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		for _, lock := range []string{lockBoth, lockClaimedBoth} {
			if _, err := tx.Exec(ctx, lock, s.district.UUID, both); err != nil {
				return fmt.Errorf("lock cases %s and %s: %w", a, b, err)
			}
		}
		da, err := s.docket(ctx, tx, a, nil)
		if err != nil {
			return err
		}
		db, err := s.docket(ctx, tx, b, nil)
		if err != nil {
			return err
		}
		turn, err := decide(da, db)
		if err != nil {
			return err
		}
		from, into := a.UUID, b.UUID
		batch := &pgx.Batch{}
		if turn.Split {
			from, into = into, from
			batch.Queue(endJoin, a.UUID).Exec(must("end the join"))
		} else {
			batch.Queue(insertJoin, uuid.Must(uuid.NewV7()), s.district.UUID, a.UUID, b.UUID, uuids(turn.Reports))
		}
		batch.Queue(moveReports, from, into, uuids(turn.Reports))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("move reports: %w", err)
		}
		if err := s.write(ctx, tx, turn.A); err != nil {
			return err
		}
		return s.write(ctx, tx, turn.B)
	})
	return fault(err)
}

const joinedTo = `
SELECT c.id, c.number, j.joined_at, cardinality(j.reports) AS reports
FROM case_joins j JOIN cases c ON c.id = j.case_id
WHERE ` + visibleCase + ` AND j.into_case_id = $8 AND j.split_at IS NULL ORDER BY j.joined_at LIMIT 50`

const joinedCovert = `
WITH RECURSIVE held AS (
  SELECT j.case_id FROM case_joins j WHERE j.into_case_id = $2 AND j.split_at IS NULL
  UNION
  SELECT j.case_id FROM held JOIN case_joins j ON j.into_case_id = held.case_id AND j.split_at IS NULL
)
SELECT c.id FROM held JOIN cases c ON c.id = held.case_id WHERE c.district_id = $1 AND c.covert IS NOT NULL ORDER BY c.id LIMIT 200`

// JoinedCovert implements dispatch.LikeStore.
func (s *Store) JoinedCovert(ctx context.Context, id dispatch.CaseID) ([]dispatch.CaseID, error) {
	rows, err := s.db.Query(ctx, joinedCovert, s.district.UUID, id.UUID)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, scanCaseID)
	return out, fault(err)
}

type joinedRow struct {
	ID       uuid.UUID `db:"id"`
	Number   string    `db:"number"`
	JoinedAt time.Time `db:"joined_at"`
	Reports  int       `db:"reports"`
}

// JoinedTo implements dispatch.LikeStore.
func (s *Store) JoinedTo(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) ([]dispatch.JoinedCase, error) {
	found, err := readAs[joinedRow](ctx, s, v, joinedTo, append(s.scope(v), id.UUID)...)
	out := make([]dispatch.JoinedCase, len(found))
	for i, r := range found {
		out[i] = dispatch.JoinedCase{CaseID: dispatch.CaseID{UUID: r.ID}, Number: r.Number, JoinedAt: r.JoinedAt.UTC(), Reports: r.Reports}
	}
	return out, err
}
