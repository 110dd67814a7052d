package pgstore

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Deadlines that are due and that nobody works on, taken for a while.
const leaseDeadlines = `
UPDATE deadlines d SET leased_until = gp_now() + make_interval(secs => $3), tries = d.tries + 1
WHERE d.id IN (SELECT id FROM deadlines
  WHERE district_id = $1 AND due_at <= (SELECT gp_now()) AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING d.id, d.case_id, d.assignment_id, d.stage, d.step, d.due_at`

type deadlineRow struct {
	ID           uuid.UUID  `db:"id"`
	CaseID       uuid.UUID  `db:"case_id"`
	AssignmentID *uuid.UUID `db:"assignment_id"`
	Stage        string     `db:"stage"`
	Step         string     `db:"step"`
	DueAt        time.Time  `db:"due_at"`
}

// LeaseDeadlines takes deadlines that are due, at most limit, away from other
// pollers for the length of the lease.
func (s *Store) LeaseDeadlines(ctx context.Context, limit int, lease time.Duration) ([]dispatch.Deadline, error) {
	rows, err := s.db.Query(ctx, leaseDeadlines, s.district.UUID, limit, lease.Seconds())
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[deadlineRow])
	out := make([]dispatch.Deadline, len(found))
	for i, r := range found {
		out[i] = dispatch.Deadline{ID: dispatch.DeadlineID{UUID: r.ID}, Case: dispatch.CaseID{UUID: r.CaseID}, Stage: r.Stage, Step: r.Step, DueAt: r.DueAt.UTC()}
		if r.AssignmentID != nil {
			out[i].Assignment.UUID = *r.AssignmentID
		}
	}
	return out, fault(err)
}

const postponeDeadline = `
UPDATE deadlines SET leased_until = gp_now() + make_interval(secs => least(60, power(2, least(tries, 6)))) WHERE id = $1`

// PostponeDeadline gives a deadline whose work went wrong another try, later each
// time, a minute at most.
func (s *Store) PostponeDeadline(ctx context.Context, id dispatch.DeadlineID) error {
	_, err := s.db.Exec(ctx, postponeDeadline, id.UUID)
	return fault(err)
}

const dropDeadline = `DELETE FROM deadlines WHERE id = $1`

// DropDeadline implements dispatch.CaseStore.
func (s *Store) DropDeadline(ctx context.Context, id dispatch.DeadlineID) error {
	_, err := s.db.Exec(ctx, dropDeadline, id.UUID)
	return fault(err)
}

const forgetKeys = `DELETE FROM idempotency_keys WHERE made_at < (SELECT gp_now()) - interval '72 h'`

const forgetOutbox = `DELETE FROM outbox WHERE made_at < (SELECT gp_now()) - interval '1 h'`

// Forget drops what nobody asks for any more: idempotency keys after 72 h, and
// announcements after an hour.
func (s *Store) Forget(ctx context.Context) error {
	batch := &pgx.Batch{}
	batch.Queue(forgetKeys)
	batch.Queue(forgetOutbox)
	return fault(s.db.SendBatch(ctx, batch).Close())
}
