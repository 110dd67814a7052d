package pgstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Deadlines that are due and that nobody works on, taken for a while. What patrols wait for
// has a share of its own: all places that are to be looked at again in a night are due at
// its first minute, and keep no plan and no offer.
const leaseDeadlines = `
WITH pressing AS (SELECT id FROM deadlines WHERE step IN ('` + dispatch.StepDispatch + `', '` + dispatch.StepOffer + `', '` + dispatch.StepAnswer + `') AND ` + isDue + ` ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED),
first AS (SELECT id FROM deadlines WHERE ` + isDue + ` ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE deadlines d SET leased_until = (SELECT gp_now()) + make_interval(secs => $3), tries = d.tries + 1
WHERE d.id IN (SELECT id FROM pressing UNION SELECT id FROM first)
RETURNING d.id, d.case_id, d.assignment_id, d.stage, d.step, d.due_at, d.together, d.reporter`

const isDue = `district_id = $1 AND due_at <= (SELECT gp_now()) AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  AND NOT (together AND tries = 0 AND due_at > (SELECT gp_now()) - interval '5 s')`

// Once the first window closes, all that wait are taken, due or not. What was tried once
// and came back is planned alone, by leaseDeadlines.
const leaseTogether = `
UPDATE deadlines d SET leased_until = gp_now() + make_interval(secs => $3), tries = d.tries + 1
WHERE d.id IN (SELECT id FROM deadlines
  WHERE district_id = $1 AND together AND tries = 0
    AND EXISTS (SELECT FROM deadlines e WHERE e.district_id = $1 AND e.together AND e.tries = 0 AND e.due_at <= (SELECT gp_now()))
  ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING d.id, d.case_id, d.assignment_id, d.stage, d.step, d.due_at, d.together, d.reporter`

type deadlineRow struct {
	ID           uuid.UUID  `db:"id"`
	CaseID       uuid.UUID  `db:"case_id"`
	AssignmentID *uuid.UUID `db:"assignment_id"`
	Stage        string     `db:"stage"`
	Step         string     `db:"step"`
	DueAt        time.Time  `db:"due_at"`
	Together     bool       `db:"together"`
	Reporter     *uuid.UUID `db:"reporter"`
}

// LeaseDeadlines takes deadlines that are due away from other pollers for the length of the
// lease: at most limit of those that patrols wait for, which stand first, and of all.
func (s *Store) LeaseDeadlines(ctx context.Context, limit int, lease time.Duration) ([]dispatch.Deadline, error) {
	out, err := s.lease(ctx, leaseDeadlines, limit, lease)
	slices.SortFunc(out, func(a, b dispatch.Deadline) int {
		if a.Pressing() != b.Pressing() {
			if a.Pressing() {
				return -1
			}
			return 1
		}
		return a.DueAt.Compare(b.DueAt)
	})
	return out, err
}

// LeaseTogether takes the plans that wait to be made together, at most limit, once the
// first of them is due; none before. The oldest come first.
func (s *Store) LeaseTogether(ctx context.Context, limit int, lease time.Duration) ([]dispatch.Deadline, error) {
	out, err := s.lease(ctx, leaseTogether, limit, lease)
	slices.SortFunc(out, func(a, b dispatch.Deadline) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), slices.Compare(a.ID.UUID[:], b.ID.UUID[:]))
	})
	return out, err
}

func (s *Store) lease(ctx context.Context, query string, limit int, lease time.Duration) ([]dispatch.Deadline, error) {
	rows, err := s.db.Query(ctx, query, s.district.UUID, limit, lease.Seconds())
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[deadlineRow])
	out := make([]dispatch.Deadline, len(found))
	for i, r := range found {
		out[i] = dispatch.Deadline{ID: dispatch.DeadlineID{UUID: r.ID}, Case: dispatch.CaseID{UUID: r.CaseID}, Stage: r.Stage, Step: r.Step, DueAt: r.DueAt.UTC(), Together: r.Together}
		if r.Reporter != nil {
			out[i].Reporter.UUID = *r.Reporter
		}
		if r.AssignmentID != nil {
			out[i].Assignment.UUID = *r.AssignmentID
		}
	}
	return out, fault(err)
}

// A row that has ended meanwhile is gone, and one that was postponed meanwhile stays so.
const renewDeadlines = `
UPDATE deadlines SET leased_until = greatest(leased_until, gp_now() + make_interval(secs => $2)) WHERE id = ANY ($1)`

// RenewDeadlines keeps deadlines away from other pollers for another lease.
func (s *Store) RenewDeadlines(ctx context.Context, ids []dispatch.DeadlineID, lease time.Duration) error {
	raw := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		raw[i] = id.UUID
	}
	_, err := s.db.Exec(ctx, renewDeadlines, raw, lease.Seconds())
	return fault(err)
}

// nextTry is how long what went wrong waits, by its tries so far: a twentieth of a second
// after the first, which two that met or a connection that broke want, and four times as
// long after each, since what lasts is not to be asked for all the time; a minute at most.
// Up to twice that, so that who met does not meet again.
const nextTry = `make_interval(secs => least(60, 0.05 * power(4, greatest(0, least(tries, 7) - 1)) * (1 + random())))`

const postponeDeadline = `
UPDATE deadlines SET leased_until = gp_now() + ` + nextTry + ` WHERE id = $1`

// PostponeDeadline gives a deadline whose work went wrong another try: at once after a
// mishap, later each time where it lasts, a minute at most.
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

// A patrol that has not set out for the only department of its case. What an operator or
// a commander sent stays as they sent it, and so does who comes to relieve somebody.
const movable = `
SELECT a.case_id, a.id, a.patrol_id, a.department
FROM assignments a JOIN cases c ON c.id = a.case_id JOIN plans p ON p.id = a.plan_id
WHERE a.district_id = $1 AND a.active AND a.kind = 'department' AND a.state IN ('offered', 'accepted') AND a.leaves_at IS NULL
  AND a.department = ANY ($2) AND c.closed_at IS NULL AND c.dispatch = 'done' AND jsonb_array_length(c.called) = 1
  AND p.why <> ALL ($3) AND a.relieves IS NULL
  AND NOT EXISTS (SELECT FROM assignments m WHERE (m.patrol_id = a.patrol_id OR m.case_id = a.case_id) AND m.state = 'recalled' AND m.reason = $4
                  AND m.ended_at > (SELECT gp_now()) - make_interval(secs => $5))
ORDER BY a.id DESC LIMIT $6`

// mostMovable bounds how many patrols under orders a batch looks at.
const mostMovable = 32

// Movable implements dispatch.CaseStore.
func (s *Store) Movable(ctx context.Context, departments []string, quiet time.Duration) ([]dispatch.Movable, error) {
	rows, err := s.db.Query(ctx, movable, s.district.UUID, departments, []string{dispatch.WhyOperator, dispatch.WhyMore}, dispatch.ReasonMoved, quiet.Seconds(), mostMovable)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m dispatch.Movable, err error) {
		err = row.Scan(&m.Case.UUID, &m.Assignment.UUID, &m.Patrol.UUID, &m.Department)
		return m, err
	})
	return out, fault(err)
}
