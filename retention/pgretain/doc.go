// Package pgretain removes what has been kept long enough, and writes down what it
// removed. It works as owner of the tables, since the service's own role may
// neither delete looks at positions nor photos.
//
// # Who runs it
//
// One node at a time: a run holds an advisory lock of its session, which ends with
// it in any way. A queue of jobs would add a leader and retries to what is one loop
// that asks the table of runs whether tonight's has begun.
//
// # How it stays out of the way
//
// Rows go in batches, each with its line of the report in one transaction. A day of
// tracks is rewritten beside its partition and then exchanged, or dropped whole;
// DETACH CONCURRENTLY is refused where there is a default partition, so the exchange
// takes its lock for a moment, gives up after lockWait, and tries again. A run that
// is killed leaves a day as it was or as it will be, and at most a table named
// ..._next, which the next run drops.
package pgretain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/retention"
)

// ErrBusy is a run that another node is at.
var ErrBusy = errors.New("another run is going on")

// ErrPolicy is a policy that cannot be set.
var ErrPolicy = errors.New("this cannot be the policy")

const runLock = 7_203_918

// Keeper keeps to the policy.
type Keeper struct{ db *pgdb.DB }

// New makes a keeper.
func New(db *pgdb.DB) *Keeper { return &Keeper{db: db} }

// Removed is one line of a run's report.
type Removed struct {
	Kind   string     `json:"kind" db:"kind"`
	Action string     `json:"action" db:"action"`
	What   string     `json:"what" db:"what"`
	From   *time.Time `json:"from_at" db:"from_at"`
	Until  *time.Time `json:"until_at" db:"until_at"`
	Rows   int64      `json:"rows" db:"rows"`
	Held   int64      `json:"held" db:"held"`
	Bytes  int64      `json:"bytes" db:"bytes"`
	TookS  float64    `json:"took_s" db:"took_s"`
}

// Report is one run.
type Report struct {
	ID        uuid.UUID  `json:"id" db:"id"`
	BeganAt   time.Time  `json:"began_at" db:"began_at"`
	EndedAt   *time.Time `json:"ended_at" db:"ended_at"`
	StartedBy string     `json:"started_by" db:"started_by"`
	State     string     `json:"state" db:"state"`
	Fault     string     `json:"fault" db:"fault"`
	Removed   []Removed  `json:"removed" db:"-"`
}

// run is one run under way, on the owner's connection.
type run struct {
	conn   *pgx.Conn
	id     uuid.UUID
	dry    bool
	report *Report
	faults []error
}

const (
	markBroken = `UPDATE retention_runs SET state = 'broken_off', ended_at = gp_now() WHERE district_id = $1 AND state = 'running'`
	beginRun   = `INSERT INTO retention_runs (id, district_id, started_by, state) VALUES ($1, $2, $3, 'running') RETURNING began_at`
	endRun     = `UPDATE retention_runs SET state = $2, fault = $3, ended_at = gp_now() WHERE id = $1 RETURNING ended_at`
)

// Run removes what is over and answers the report. A dry run removes nothing and
// leaves no report behind. What could not be done is told at the end; the rest is
// done all the same.
func (k *Keeper) Run(ctx context.Context, startedBy string, dry bool) (*Report, error) {
	r := &run{id: uuid.Must(uuid.NewV7()), dry: dry, report: &Report{StartedBy: startedBy, State: "done", Removed: []Removed{}}}
	r.report.ID = r.id
	err := k.db.Owner(ctx, func(conn *pgx.Conn) error {
		r.conn = conn
		return r.all(ctx, startedBy)
	})
	return r.report, err
}

func (r *run) all(ctx context.Context, startedBy string) error {
	// Row security must refuse rather than hide what is to go.
	if err := pgdb.AllRows(ctx, r.conn); err != nil {
		return err
	}
	var alone bool
	if err := r.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", runLock).Scan(&alone); err != nil {
		return fmt.Errorf("lock the run: %w", err)
	}
	if !alone {
		return ErrBusy
	}
	policies, err := policiesOf(ctx, r.conn)
	if err != nil {
		return err
	}
	if r.dry {
		if err := r.conn.QueryRow(ctx, "SELECT gp_now()").Scan(&r.report.BeganAt); err != nil {
			return err
		}
	} else {
		if _, err := r.conn.Exec(ctx, markBroken, pgdb.District); err != nil {
			return fmt.Errorf("begin the run: %w", err)
		}
		if err := r.conn.QueryRow(ctx, beginRun, r.id, pgdb.District, startedBy).Scan(&r.report.BeganAt); err != nil {
			return fmt.Errorf("begin the run: %w", err)
		}
	}
	for _, p := range policies {
		if ctx.Err() != nil {
			break
		}
		if p.Kind == retention.Tracks {
			r.tracks(ctx, p)
		} else if p.KeepDays != nil {
			r.remove(ctx, p.Kind, *p.KeepDays)
		}
	}
	return r.end(ctx)
}

func (r *run) end(ctx context.Context) error {
	fault := errors.Join(r.faults...)
	switch {
	case ctx.Err() != nil:
		r.report.State, fault = "broken_off", ctx.Err()
	case fault != nil:
		r.report.State = "failed"
	}
	if fault != nil {
		r.report.Fault = fault.Error()
	}
	if !r.dry {
		// The connection is gone when ctx ended in a query; the next run marks it then.
		if err := r.conn.QueryRow(context.WithoutCancel(ctx), endRun, r.id, r.report.State, r.report.Fault).Scan(&r.report.EndedAt); err != nil && fault == nil {
			return fmt.Errorf("end the run: %w", err)
		}
	}
	return fault
}

func (r *run) failed(what string, err error) {
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("%s: %w", what, err))
	}
}

const addRemoved = `INSERT INTO retention_removed (district_id, run_id, kind, action, what, from_at, until_at, rows, held, bytes, took_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`

func (r *run) note(ctx context.Context, tx pgx.Tx, x Removed) (id int64, err error) {
	err = tx.QueryRow(ctx, addRemoved, pgdb.District, r.id, x.Kind, x.Action, x.What, x.From, x.Until, x.Rows, x.Held, x.Bytes, x.TookS).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("write the report: %w", err)
	}
	return id, nil
}

const (
	// lockWait is how long anybody may stand behind an exchange that waits itself.
	lockWait = "80ms"
	// lockTries at up to two seconds apart are a few minutes.
	lockTries = 120
)

// gently runs fn in a transaction that gives way, again and again.
func (r *run) gently(ctx context.Context, fn func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockWait+"'"); err != nil {
				return err
			}
			return fn(tx)
		})
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || (pg.Code != "55P03" && pg.Code != "40P01") || try == lockTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Duration(try)*50*time.Millisecond, 2*time.Second)):
		}
	}
}
