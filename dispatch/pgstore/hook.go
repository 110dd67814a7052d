package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const hookColumns = `h.id, h.name, h.url, h.kinds, h.area_code, h.department, h.version, h.made_at, h.made_by,
  coalesce(h.disabled_because, '') AS disabled_because, h.failing_since, h.last_fault, h.delivered_at,
  CASE WHEN h.area_code = '' THEN '{}' ELSE coalesce(gp_area_path(h.district_id, h.area_code), '{}') END AS areas`

const listHooks = `SELECT ` + hookColumns + ` FROM webhooks h WHERE h.district_id = $1 AND h.deleted_at IS NULL ORDER BY h.id`

const oneHook = `SELECT ` + hookColumns + ` FROM webhooks h WHERE h.district_id = $1 AND h.id = $2 AND h.deleted_at IS NULL`

const lockHook = oneHook + ` FOR NO KEY UPDATE OF h`

type hookRow struct {
	ID              uuid.UUID  `db:"id"`
	Name            string     `db:"name"`
	URL             string     `db:"url"`
	Kinds           []string   `db:"kinds"`
	AreaCode        string     `db:"area_code"`
	Department      string     `db:"department"`
	Version         int64      `db:"version"`
	MadeAt          time.Time  `db:"made_at"`
	MadeBy          *uuid.UUID `db:"made_by"`
	DisabledBecause string     `db:"disabled_because"`
	FailingSince    *time.Time `db:"failing_since"`
	LastFault       string     `db:"last_fault"`
	DeliveredAt     *time.Time `db:"delivered_at"`
	Areas           []string   `db:"areas"`
}

func (r hookRow) hook() dispatch.Hook {
	h := dispatch.Hook{ID: dispatch.HookID{UUID: r.ID}, Name: r.Name, URL: r.URL, AreaCode: r.AreaCode, Department: r.Department, Version: r.Version,
		MadeAt: r.MadeAt.UTC(), DisabledBecause: r.DisabledBecause, FailingSince: utcOrNil(r.FailingSince), LastFault: r.LastFault,
		DeliveredAt: utcOrNil(r.DeliveredAt), Areas: r.Areas}
	for _, k := range r.Kinds {
		h.Kinds = append(h.Kinds, dispatch.HookKind(k))
	}
	if r.MadeBy != nil {
		h.MadeBy = &dispatch.AccountID{UUID: *r.MadeBy}
	}
	return h
}

func readHooks(ctx context.Context, on reader, query string, args ...any) ([]dispatch.Hook, error) {
	rows, err := on.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dispatch.Hook, error) {
		r, err := pgx.RowToStructByName[hookRow](row)
		return r.hook(), err
	})
}

// Hooks implements dispatch.HookStore.
func (s *Store) Hooks(ctx context.Context) ([]dispatch.Hook, error) {
	found, err := readHooks(ctx, s.db, listHooks, s.district.UUID)
	return found, fault(err)
}

// Hook implements dispatch.HookStore.
func (s *Store) Hook(ctx context.Context, id dispatch.HookID) (dispatch.Hook, error) {
	return s.hook(ctx, s.db, oneHook, id)
}

func (s *Store) hook(ctx context.Context, on reader, query string, id dispatch.HookID) (dispatch.Hook, error) {
	found, err := readHooks(ctx, on, query, s.district.UUID, id.UUID)
	if err != nil {
		return dispatch.Hook{}, fault(err)
	}
	if len(found) == 0 {
		return dispatch.Hook{}, missing("webhook")
	}
	return found[0], nil
}

// hooksKept are the webhooks as this program last read them: every change of a case asks
// for their version with the calendar's, and the first that sees another reads them again.
type hooksKept struct {
	version int64
	hooks   []dispatch.Hook
}

// hooks answers the webhooks of a version. What tries make of them, since when one fails,
// changes no version.
func (s *Store) hooks(ctx context.Context, on reader, version int64) ([]dispatch.Hook, error) {
	s.hookMu.Lock()
	kept := s.hooked
	s.hookMu.Unlock()
	if kept.version == version {
		return kept.hooks, nil
	}
	found, err := readHooks(ctx, on, listHooks, s.district.UUID)
	if err != nil {
		return nil, fmt.Errorf("read the webhooks: %w", err)
	}
	s.hookMu.Lock()
	defer s.hookMu.Unlock()
	if version > s.hooked.version {
		s.hooked = hooksKept{version: version, hooks: found}
	}
	return found, nil
}

const hookScope = `
SELECT CASE WHEN EXISTS (SELECT FROM areas WHERE district_id = $1 AND code = $2) THEN gp_area_path($1, $2) ELSE '{}' END,
  EXISTS (SELECT FROM departments WHERE district_id = $1 AND code = $3)`

// HookScope implements dispatch.HookStore.
func (s *Store) HookScope(ctx context.Context, area, department string) (areas []string, known bool, err error) {
	err = s.db.QueryRow(ctx, hookScope, s.district.UUID, area, department).Scan(&areas, &known)
	return areas, known, fault(err)
}

// bumpHooks comes first in a transaction: its row is what changes of webhooks wait for.
const bumpHooks = `
INSERT INTO webhook_books (district_id, version) VALUES ($1, 1)
ON CONFLICT (district_id) DO UPDATE SET version = webhook_books.version + 1
RETURNING (SELECT gp_now()), (SELECT count(*) FROM webhooks WHERE district_id = $1 AND deleted_at IS NULL)`

const insertHook = `
INSERT INTO webhooks (id, district_id, name, url, kinds, area_code, department, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

const insertHookSecret = `INSERT INTO webhook_secrets (webhook_id, district_id, secret) VALUES ($1, $2, $3)`

func (s *Store) bumpHooks(ctx context.Context, tx pgx.Tx) (now time.Time, n int, err error) {
	if err := tx.QueryRow(ctx, bumpHooks, s.district.UUID).Scan(&now, &n); err != nil {
		return now, n, fmt.Errorf("lock the webhooks: %w", err)
	}
	return now.UTC(), n, nil
}

// AddHook implements dispatch.HookStore.
func (s *Store) AddHook(ctx context.Context, h dispatch.Hook, secret []byte, decide func(time.Time) (dispatch.Event, error)) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		now, n, err := s.bumpHooks(ctx, tx)
		if err != nil {
			return err
		}
		if n >= dispatch.MostHooks {
			return &dispatch.Fault{Kind: dispatch.Conflict, Code: "too-many-webhooks", Detail: fmt.Sprintf("There are %d webhooks already; delete one first.", n)}
		}
		e, err := decide(now)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(insertHook, h.ID.UUID, s.district.UUID, h.Name, h.URL, h.Kinds, h.AreaCode, h.Department, orNullPtr(h.MadeBy))
		batch.Queue(insertHookSecret, h.ID.UUID, s.district.UUID, secret)
		s.prove(batch, []dispatch.Event{e})
		return tx.SendBatch(ctx, batch).Close()
	})
	return fault(err)
}

func orNullPtr[K any](id *dispatch.ID[K]) *uuid.UUID {
	if id == nil {
		return nil
	}
	return &id.UUID
}

const updateHook = `
UPDATE webhooks SET name = $2, url = $3, kinds = $4, area_code = $5, department = $6, version = $7, disabled_because = nullif($8, ''),
  failing_since = $9, last_fault = $10 WHERE id = $1`

// endCallsOf gives up what waits for a webhook.
const endCallsOf = `
UPDATE webhook_deliveries SET state = 'given_up', due_at = NULL, ended_at = gp_now(), answer = $2
WHERE webhook_id = $1 AND due_at IS NOT NULL`

// ChangeHook implements dispatch.HookStore.
func (s *Store) ChangeHook(ctx context.Context, id dispatch.HookID, decide func(dispatch.Hook, time.Time) (dispatch.Hook, dispatch.Event, error)) error {
	err := s.changeHook(ctx, id, func(batch *pgx.Batch, was dispatch.Hook, now time.Time) error {
		is, e, err := decide(was, now)
		if err != nil {
			return err
		}
		batch.Queue(updateHook, id.UUID, is.Name, is.URL, is.Kinds, is.AreaCode, is.Department, is.Version, is.DisabledBecause, is.FailingSince, is.LastFault)
		if is.DisabledBecause != "" {
			batch.Queue(endCallsOf, id.UUID, "the webhook is disabled")
		}
		s.prove(batch, []dispatch.Event{e})
		return nil
	})
	return fault(err)
}

const dropHook = `UPDATE webhooks SET deleted_at = gp_now(), version = version + 1 WHERE id = $1`

const dropHookSecret = `DELETE FROM webhook_secrets WHERE webhook_id = $1`

// DropHook implements dispatch.HookStore.
func (s *Store) DropHook(ctx context.Context, id dispatch.HookID, decide func(dispatch.Hook, time.Time) (dispatch.Event, error)) error {
	err := s.changeHook(ctx, id, func(batch *pgx.Batch, was dispatch.Hook, now time.Time) error {
		e, err := decide(was, now)
		if err != nil {
			return err
		}
		batch.Queue(dropHook, id.UUID)
		batch.Queue(dropHookSecret, id.UUID)
		batch.Queue(endCallsOf, id.UUID, "the webhook is deleted")
		s.prove(batch, []dispatch.Event{e})
		return nil
	})
	return fault(err)
}

func (s *Store) changeHook(ctx context.Context, id dispatch.HookID, fill func(batch *pgx.Batch, was dispatch.Hook, now time.Time) error) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		now, _, err := s.bumpHooks(ctx, tx)
		if err != nil {
			return err
		}
		was, err := s.hook(ctx, tx, lockHook, id)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		if err := fill(batch, was, now); err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}
