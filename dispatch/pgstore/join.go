package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const insertJoin = `
INSERT INTO case_joins (id, district_id, case_id, into_case_id, reports) VALUES ($1, $2, $3, $4, $5)`

const endJoin = `UPDATE case_joins SET split_at = gp_now() WHERE case_id = $1 AND split_at IS NULL`

const moveReports = `UPDATE reports SET case_id = $2 WHERE case_id = $1 AND id = ANY ($3)`

// ChangeBoth implements dispatch.LikeStore.
func (s *Store) ChangeBoth(ctx context.Context, a, b dispatch.CaseID, decide func(a, b dispatch.Docket, held []dispatch.Docket) (dispatch.BothTurn, error)) error {
	return s.changeHeld(ctx, []dispatch.CaseID{a, b}, func(tx pgx.Tx, of, held []dispatch.Docket) error {
		turn, err := decide(of[0], of[1], held)
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
		return s.writeAll(ctx, tx, append([]dispatch.Turn{turn.A, turn.B}, turn.Held...))
	})
}

const joinedTo = `
SELECT c.id, c.number, j.joined_at, cardinality(j.reports) AS reports
FROM case_joins j JOIN cases c ON c.id = j.case_id
WHERE ` + visibleCase + ` AND j.into_case_id = $8 AND j.split_at IS NULL ORDER BY j.joined_at LIMIT 50`

type joinedRow struct {
	ID       uuid.UUID `db:"id"`
	Number   string    `db:"number"`
	JoinedAt time.Time `db:"joined_at"`
	Reports  int       `db:"reports"`
}

// JoinedTo implements dispatch.LikeStore.
func (s *Store) JoinedTo(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) ([]dispatch.JoinedCase, error) {
	found, err := readKept[joinedRow](ctx, s, v, joinedTo, append(s.scope(v), id.UUID)...)
	out := make([]dispatch.JoinedCase, len(found))
	for i, r := range found {
		out[i] = dispatch.JoinedCase{CaseID: dispatch.CaseID{UUID: r.ID}, Number: r.Number, JoinedAt: r.JoinedAt.UTC(), Reports: r.Reports}
	}
	return out, err
}
