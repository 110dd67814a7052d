package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const insertNews = `
INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, case_id, body, due_at)
SELECT x.id, $1, x.hook, x.kind, x.case_id, x.body, gp_now()
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bytea[]) AS x (id, hook, kind, case_id, body)`

// keepNews writes what webhooks are to be told; where they are told nothing it costs
// nothing. The row of a webhook is never deleted, so none of it can fail for want of one.
func (s *Store) keepNews(batch *pgx.Batch, news []dispatch.HookNews) {
	if len(news) == 0 {
		return
	}
	n := len(news)
	ids, hooks, kinds, cases, bodies := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]string, n), make([]*uuid.UUID, n), make([][]byte, n)
	for i, x := range news {
		ids[i], hooks[i], kinds[i], cases[i], bodies[i] = x.ID.UUID, x.Hook.UUID, string(x.Kind), orNull(x.Case), x.Body
	}
	batch.Queue(insertNews, s.district.UUID, ids, hooks, kinds, cases, bodies)
}

const callColumns = `d.id, d.kind, d.case_id, d.body, d.tries, h.id AS hook, h.url, h.area_code, h.department, s.secret`

// leaseCalls asks each webhook for its own few, so that one that does not answer keeps no
// other waiting, by the index of what is due.
const leaseCalls = `
WITH due AS (
  SELECT d.id FROM webhooks h CROSS JOIN LATERAL (
    SELECT x.id FROM webhook_deliveries x WHERE x.webhook_id = h.id AND x.due_at <= (SELECT gp_now())
    ORDER BY x.due_at LIMIT $4 FOR UPDATE SKIP LOCKED) d
  WHERE h.district_id = $1 AND h.deleted_at IS NULL AND h.disabled_because IS NULL AND h.id <> ALL ($2) LIMIT $3)
UPDATE webhook_deliveries d SET due_at = gp_now() + $5, tries = d.tries + 1
FROM due, webhooks h, webhook_secrets s WHERE d.id = due.id AND h.id = d.webhook_id AND s.webhook_id = h.id
RETURNING ` + callColumns

type callRow struct {
	ID         uuid.UUID  `db:"id"`
	Kind       string     `db:"kind"`
	CaseID     *uuid.UUID `db:"case_id"`
	Body       []byte     `db:"body"`
	Tries      int        `db:"tries"`
	Hook       uuid.UUID  `db:"hook"`
	URL        string     `db:"url"`
	AreaCode   string     `db:"area_code"`
	Department string     `db:"department"`
	Secret     []byte     `db:"secret"`
}

func (r callRow) call() dispatch.HookCall {
	c := dispatch.HookCall{ID: dispatch.HookCallID{UUID: r.ID}, Kind: dispatch.HookKind(r.Kind), Body: r.Body, Tries: r.Tries, Secret: r.Secret,
		Hook: dispatch.Hook{ID: dispatch.HookID{UUID: r.Hook}, URL: r.URL, AreaCode: r.AreaCode, Department: r.Department}}
	if r.CaseID != nil {
		c.Case.UUID = *r.CaseID
	}
	return c
}

// LeaseCalls implements dispatch.HookCallStore.
func (s *Store) LeaseCalls(ctx context.Context, limit, each int, busy []dispatch.HookID, lease time.Duration) ([]dispatch.HookCall, error) {
	rows, err := s.db.Query(ctx, leaseCalls, s.district.UUID, uuids(busy), limit, each, lease)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (dispatch.HookCall, error) {
		r, err := pgx.RowToStructByName[callRow](row)
		return r.call(), err
	})
	return out, fault(err)
}

const openCall = `
WITH h AS (SELECT id, url, area_code, department FROM webhooks WHERE district_id = $1 AND id = $2 AND deleted_at IS NULL),
d AS (INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, due_at, tries)
  SELECT $3, $1, h.id, $4, $5, gp_now() + $6, 1 FROM h RETURNING id, kind, case_id, body, tries)
SELECT ` + callColumns + ` FROM d, h JOIN webhook_secrets s ON s.webhook_id = h.id`

// OpenCall implements dispatch.HookCallStore.
func (s *Store) OpenCall(ctx context.Context, id dispatch.HookID, lease time.Duration, body func(time.Time) (dispatch.HookNews, error)) (dispatch.HookCall, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return dispatch.HookCall{}, err
	}
	n, err := body(now)
	if err != nil {
		return dispatch.HookCall{}, err
	}
	rows, err := s.db.Query(ctx, openCall, s.district.UUID, id.UUID, n.ID.UUID, n.Kind, n.Body, lease)
	if err != nil {
		return dispatch.HookCall{}, fault(err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[callRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.HookCall{}, missing("webhook")
	}
	return r.call(), fault(err)
}

// A withheld message is emptied: what it would have told is secret now.
const endCall = `
UPDATE webhook_deliveries SET state = $3, due_at = CASE WHEN $3 = 'waiting' THEN gp_now() + $4::interval END,
  ended_at = CASE WHEN $3 <> 'waiting' THEN gp_now() END, status = nullif($5, 0), answer = $6, took_ms = $7,
  body = CASE WHEN $3 = 'withheld' THEN '' ELSE body END
WHERE id = $1 AND tries = $2 AND state = 'waiting'`

// hookTook writes at most once a minute that all is well.
const hookTook = `
UPDATE webhooks SET failing_since = NULL, last_fault = '', delivered_at = gp_now()
WHERE id = $1 AND (failing_since IS NOT NULL OR delivered_at IS NULL OR delivered_at < gp_now() - interval '1 minute')`

const hookFailed = `
UPDATE webhooks SET failing_since = coalesce(failing_since, gp_now()), last_fault = $2 WHERE id = $1 RETURNING failing_since, gp_now()`

// errOtherCall: another try of the message, or the end of its webhook, came before.
var errOtherCall = errors.New("the message is out of these hands")

// EndCall implements dispatch.HookCallStore. The webhook comes before its messages, in the
// order in which whoever changes it locks them.
func (s *Store) EndCall(ctx context.Context, c dispatch.HookCall, end dispatch.HookCallEnd) (since *time.Time, now time.Time, err error) {
	a := end.Answer
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		switch {
		case end.State == dispatch.CallWithheld:
		case a.OK():
			_, err = tx.Exec(ctx, hookTook, c.Hook.ID.UUID)
		case c.Kind != dispatch.HookPing:
			text := a.Text
			if a.Status != 0 {
				text = fmt.Sprintf("%d %s", a.Status, a.Text)
			}
			err = tx.QueryRow(ctx, hookFailed, c.Hook.ID.UUID, text).Scan(&since, &now)
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, endCall, c.ID.UUID, c.Tries, string(end.State), end.Again, a.Status, a.Text, a.Took.Milliseconds())
		if err == nil && tag.RowsAffected() == 0 {
			err = errOtherCall
		}
		return err
	})
	if errors.Is(err, errOtherCall) {
		return nil, now, nil
	}
	return since, now, fault(err)
}

const seenCallColumns = `id, kind, case_id, made_at, state, due_at, tries, status, answer, took_ms, ended_at`

const listCalls = `
SELECT ` + seenCallColumns + ` FROM webhook_deliveries WHERE district_id = $1 AND webhook_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4`

const oneCall = `SELECT ` + seenCallColumns + ` FROM webhook_deliveries WHERE district_id = $1 AND id = $2`

func seenCall(row pgx.CollectableRow) (c dispatch.HookCallSeen, err error) {
	var of *uuid.UUID
	err = row.Scan(&c.ID.UUID, &c.Kind, &of, &c.MadeAt, &c.State, &c.NextAt, &c.Tries, &c.Status, &c.Answer, &c.TookMS, &c.EndedAt)
	if of != nil {
		c.CaseID = &dispatch.CaseID{UUID: *of}
	}
	c.MadeAt, c.NextAt, c.EndedAt = c.MadeAt.UTC(), utcOrNil(c.NextAt), utcOrNil(c.EndedAt)
	return c, err
}

// HookCalls implements dispatch.HookCallStore.
func (s *Store) HookCalls(ctx context.Context, id dispatch.HookID, ask dispatch.PageAsk) (dispatch.Page[dispatch.HookCallSeen], error) {
	upTo, err := before(ask)
	if err != nil {
		return dispatch.Page[dispatch.HookCallSeen]{}, err
	}
	limit := limitOf(ask)
	rows, err := s.db.Query(ctx, listCalls, s.district.UUID, id.UUID, upTo, limit+1)
	if err != nil {
		return dispatch.Page[dispatch.HookCallSeen]{}, fault(err)
	}
	found, err := pgx.CollectRows(rows, seenCall)
	return pageOf(found, limit, func(c dispatch.HookCallSeen) string { return c.ID.String() }), fault(err)
}

// HookCallSeen implements dispatch.HookCallStore.
func (s *Store) HookCallSeen(ctx context.Context, id dispatch.HookCallID) (dispatch.HookCallSeen, error) {
	rows, err := s.db.Query(ctx, oneCall, s.district.UUID, id.UUID)
	if err != nil {
		return dispatch.HookCallSeen{}, fault(err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, seenCall)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, missing("message")
	}
	return c, fault(err)
}

// overfullHooks counts no further than it must.
const overfullHooks = `
SELECT h.id FROM webhooks h WHERE h.district_id = $1 AND h.deleted_at IS NULL AND h.disabled_because IS NULL
  AND (SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.webhook_id = h.id AND d.due_at IS NOT NULL LIMIT $2 + 1) x) > $2`

// OverfullHooks implements dispatch.HookCallStore.
func (s *Store) OverfullHooks(ctx context.Context, most int) ([]dispatch.HookID, error) {
	rows, err := s.db.Query(ctx, overfullHooks, s.district.UUID, most)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id dispatch.HookID, err error) {
		err = row.Scan(&id.UUID)
		return id, err
	})
	return out, fault(err)
}
