package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const dispatchRules = `SELECT version, hand_over_s, move_saves_s, move_quiet_s FROM dispatch_rules WHERE district_id = $1`

// A district without a row gets one, so that there is something to lock.
const seedDispatchRules = `INSERT INTO dispatch_rules (district_id) VALUES ($1) ON CONFLICT (district_id) DO NOTHING`

const lockDispatchRules = `SELECT gp_now() FROM dispatch_rules WHERE district_id = $1 FOR NO KEY UPDATE`

const setDispatchRules = `
UPDATE dispatch_rules SET version = $2, hand_over_s = $3, move_saves_s = $4, move_quiet_s = $5 WHERE district_id = $1`

// DispatchRules implements dispatch.DispatchRuleStore.
func (s *Store) DispatchRules(ctx context.Context) (dispatch.DispatchRules, error) {
	r, err := readDispatchRules(s.db.QueryRow(ctx, dispatchRules, s.district.UUID))
	return r, fault(err)
}

func readDispatchRules(row pgx.Row) (dispatch.DispatchRules, error) {
	var r dispatch.DispatchRules
	var handOver, saves, quiet int
	err := row.Scan(&r.Version, &handOver, &saves, &quiet)
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.UsualDispatchRules, nil
	}
	r.HandOver, r.MoveSaves, r.MoveQuiet = inSeconds(handOver), inSeconds(saves), inSeconds(quiet)
	return r, err
}

func inSeconds(n int) time.Duration { return time.Duration(n) * time.Second }

// SetDispatchRules implements dispatch.DispatchRuleStore.
func (s *Store) SetDispatchRules(ctx context.Context, decide func(dispatch.DispatchRules, time.Time) (dispatch.DispatchRules, dispatch.Event, error)) (is dispatch.DispatchRules, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, seedDispatchRules, s.district.UUID); err != nil {
			return fmt.Errorf("seed the rules of dispatch: %w", err)
		}
		var now time.Time
		if err := tx.QueryRow(ctx, lockDispatchRules, s.district.UUID).Scan(&now); err != nil {
			return fmt.Errorf("lock the rules of dispatch: %w", err)
		}
		was, err := readDispatchRules(tx.QueryRow(ctx, dispatchRules, s.district.UUID))
		if err != nil {
			return fmt.Errorf("read the rules of dispatch: %w", err)
		}
		var e dispatch.Event
		if is, e, err = decide(was, now.UTC()); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(setDispatchRules, s.district.UUID, is.Version, int(is.HandOver.Seconds()), int(is.MoveSaves.Seconds()), int(is.MoveQuiet.Seconds()))
		s.prove(batch, []dispatch.Event{e})
		return tx.SendBatch(ctx, batch).Close()
	})
	return is, fault(err)
}
