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
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/gridpatrol/gridpatrol/retention"
)

const listPolicies = `SELECT kind, keep_days, least_days, thin_after_days, thin_every_s, changed_at, changed_by
FROM retention_policies WHERE district_id = $1 ORDER BY kind`

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func policiesOf(ctx context.Context, q querier) ([]retention.Policy, error) {
	rows, err := q.Query(ctx, listPolicies, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[retention.Policy])
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return found, nil
}

// Policies of every kind, by name.
func (k *Keeper) Policies(ctx context.Context) ([]retention.Policy, error) {
	return policiesOf(ctx, k.db)
}

// Change is a new policy of a kind. For tracks ThinAfterDays and ThinEveryS go
// together; other kinds have neither.
type Change struct {
	KeepDays      *int // nil: for ever
	ThinAfterDays *int
	ThinEveryS    *int
}

const setPolicy = `WITH was AS (SELECT * FROM retention_policies WHERE district_id = $1 AND kind = $2 FOR UPDATE),
changed AS (UPDATE retention_policies p SET keep_days = $3, thin_after_days = $4, thin_every_s = $5, changed_at = gp_now(), changed_by = $6
  FROM was WHERE p.district_id = was.district_id AND p.kind = was.kind RETURNING p.*),
noted AS (INSERT INTO retention_changes (district_id, kind, changed_by, was, is_now)
  SELECT c.district_id, c.kind, $6, to_jsonb(was), to_jsonb(c) FROM changed c, was)
SELECT kind, keep_days, least_days, thin_after_days, thin_every_s, changed_at, changed_by FROM changed`

// SetPolicy changes how long a kind is kept, from the next run on. by is who did.
func (k *Keeper) SetPolicy(ctx context.Context, by, kind string, c Change) (retention.Policy, error) {
	none := retention.Policy{}
	if kind != retention.Tracks && (c.ThinAfterDays != nil || c.ThinEveryS != nil) {
		return none, fmt.Errorf("%w: only tracks can be thinned", ErrPolicy)
	}
	if (c.ThinAfterDays == nil) != (c.ThinEveryS == nil) {
		return none, fmt.Errorf("%w: give both after how many days tracks are thinned and to one fix in how many seconds, or neither", ErrPolicy)
	}
	var p retention.Policy
	err := k.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, setPolicy, pgdb.District, kind, c.KeepDays, c.ThinAfterDays, c.ThinEveryS, by)
		if err != nil {
			return err
		}
		if p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[retention.Policy]); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "retention.changed", Actor: proof.Command, Detail: map[string]any{"kind": kind},
			After: map[string]any{"keep_days": p.KeepDays, "thin_after_days": p.ThinAfterDays, "thin_every_s": p.ThinEveryS}})
	})
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return none, fmt.Errorf("%w: there is no kind %q; gridpatrol retention show lists them", ErrPolicy, kind)
	case errors.As(err, &pg) && pg.Code == "23514":
		return none, k.refused(ctx, kind, pg.ConstraintName)
	case err != nil:
		return none, fmt.Errorf("set the policy: %w", err)
	}
	return p, nil
}

func (k *Keeper) refused(ctx context.Context, kind, constraint string) error {
	least := 0
	policies, err := k.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if p.Kind == kind {
			least = p.LeastDays
		}
	}
	switch constraint {
	case "retention_policies_floor":
		return fmt.Errorf("%w: %s are kept for %d days at least and 36500 at most", ErrPolicy, kind, least)
	case "retention_policies_thin":
		return fmt.Errorf("%w: %s are thinned after %d days at the soonest, and before they are dropped", ErrPolicy, kind, least)
	}
	return fmt.Errorf("%w: a step of thinning is 5 to 3600 seconds", ErrPolicy)
}

const (
	listRuns = `SELECT id, began_at, ended_at, started_by, state, fault FROM retention_runs
WHERE district_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`
	// linesMost bounds one run's report: every kind, and some years of days.
	linesMost   = 2000
	listRemoved = `SELECT run_id, kind, action, what, from_at, until_at, rows, held, bytes, took_s FROM (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY id) AS n FROM retention_removed WHERE run_id = ANY ($1)) x WHERE n <= $2 ORDER BY run_id, n`
	lastBegan = `SELECT gp_now(), coalesce(max(began_at), '-infinity') = '-infinity', coalesce(max(began_at), gp_now()) FROM retention_runs WHERE district_id = $1`
)

// Runs are the newest runs older than before (nil: the newest of all) with what
// they removed.
func (k *Keeper) Runs(ctx context.Context, before *uuid.UUID, limit int) ([]Report, error) {
	rows, err := k.db.Query(ctx, listRuns, pgdb.District, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByName[Report])
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	at := map[uuid.UUID]int{}
	ids := make([]uuid.UUID, len(runs))
	for i := range runs {
		runs[i].Removed = []Removed{}
		ids[i], at[runs[i].ID] = runs[i].ID, i
	}
	if rows, err = k.db.Query(ctx, listRemoved, ids, linesMost); err != nil {
		return nil, fmt.Errorf("list what was removed: %w", err)
	}
	var id uuid.UUID
	var x Removed
	_, err = pgx.ForEachRow(rows, []any{&id, &x.Kind, &x.Action, &x.What, &x.From, &x.Until, &x.Rows, &x.Held, &x.Bytes, &x.TookS}, func() error {
		runs[at[id]].Removed = append(runs[at[id]].Removed, x)
		x.From, x.Until = nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what was removed: %w", err)
	}
	return runs, nil
}

// LastBegan answers the database's time and when the last run began, zero for never.
func (k *Keeper) LastBegan(ctx context.Context) (now, last time.Time, err error) {
	var never bool
	if err := k.db.QueryRow(ctx, lastBegan, pgdb.District).Scan(&now, &never, &last); err != nil {
		return now, last, fmt.Errorf("ask for the last run: %w", err)
	}
	if never {
		last = time.Time{}
	}
	return now, last, nil
}
