package pgretain

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// batch is how many rows go in one transaction.
const batch = 2000

// removal says which rows of a kind are over: where, with $1 for the time before
// which they are. at is the time that the report names; size is what a row takes.
type removal struct {
	table, where, at, size string
	action                 string
	// change removes the rows of the batch, "over"; empty deletes them.
	change string
	// after follows each batch, with the same $1: what has nothing left in it.
	after string
}

const (
	caseIsOver   = `EXISTS (SELECT FROM cases k WHERE k.id = x.case_id AND k.closed_at < $1)`
	reportIsOver = `EXISTS (SELECT FROM reports r JOIN cases k ON k.id = r.case_id WHERE r.id = x.report_id AND k.closed_at < $1)`
)

var removals = map[string]removal{
	"quarantined_fixes": {table: "quarantined_fixes", where: "x.received_at < $1", at: "x.received_at"},
	"off_duty_counts":   {table: "off_duty_counts", where: "x.day < ($1 AT TIME ZONE 'UTC')::date", at: "x.day::timestamp AT TIME ZONE 'UTC'"},
	"position_views":    {table: "position_views", where: "x.seen_at < $1", at: "x.seen_at"},
	"presence_moments":  {table: "presence_moments", where: "x.at < $1", at: "x.at"},
	"case_views":        {table: "case_views", where: "x.bucket < $1", at: "x.bucket"},
	"idempotency_keys":  {table: "idempotency_keys", where: "x.made_at < $1", at: "x.made_at"},
	// What waits goes with its webhook.
	"webhook_deliveries": {table: "webhook_deliveries", where: "x.ended_at < $1", at: "x.ended_at"},
	"outbox":             {table: "outbox", where: "x.made_at < $1", at: "x.made_at"},
	"sessions":           {table: "sessions", where: "x.expires_at < $1", at: "x.expires_at"},
	"tickets":            {table: "tickets", where: "x.expires_at < $1", at: "x.expires_at"},
	"tokens":             {table: "tokens", where: "least(x.expires_at, x.revoked_at) < $1", at: "least(x.expires_at, x.revoked_at)"},
	// Somebody who is never called back again: a name and a telephone.
	"report_contacts": {table: "report_contacts", where: "x.made_at < $1 AND " + reportIsOver, at: "x.made_at"},
	// An hour that is taken out of the book is not asked from the counts any more.
	"cell_visits": {table: "cell_visits", where: "x.hour < date_trunc('hour', $1::timestamptz)", at: "x.hour",
		after: `DELETE FROM cell_hours h WHERE h.hour < date_trunc('hour', $1::timestamptz) AND NOT EXISTS (SELECT FROM cell_visits v WHERE v.district_id = h.district_id AND v.hour = h.hour)`},
	"notices": {table: "notices", where: "x.made_at < $1 AND " + caseIsOver, at: "x.made_at"},
	"grid_drafts": {table: "grid_versions", where: `x.state IN ('draft', 'withdrawn') AND x.made_at < $1
		AND NOT EXISTS (SELECT FROM cases k WHERE k.map_id = x.id)
		AND NOT EXISTS (SELECT FROM cases k JOIN grids g ON g.id = k.grid_id WHERE g.version_id = x.id)`, at: "x.made_at"},
	// The plan stays, for who was sent and why; what it was made from goes.
	"plan_inputs": {table: "plans", where: "octet_length(x.input) > 0 AND " + caseIsOver, at: "x.made_at", size: "octet_length(x.input)", action: "emptied",
		change: `UPDATE plans p SET input = '' FROM over WHERE p.ctid = over.ctid`},
	// A photo belongs to every case it was sent to. Its bytes and copies follow its row.
	"photos": {table: "photos", where: `x.made_at < $1 AND NOT EXISTS (SELECT FROM report_photos l JOIN reports r ON r.id = l.report_id JOIN cases k ON k.id = r.case_id
		WHERE l.district_id = x.district_id AND l.sha256 = x.sha256 AND (k.closed_at IS NULL OR k.closed_at >= $1))
		AND NOT EXISTS (SELECT FROM evidence_photos l JOIN evidence e ON e.id = l.evidence_id JOIN cases k ON k.id = e.case_id
		WHERE l.district_id = x.district_id AND l.sha256 = x.sha256 AND (k.closed_at IS NULL OR k.closed_at >= $1))
		AND NOT EXISTS (SELECT FROM revisit_photos l JOIN revisits v ON v.id = l.revisit_id JOIN cases k ON k.id = v.case_id
		WHERE l.district_id = x.district_id AND l.sha256 = x.sha256 AND (k.closed_at IS NULL OR k.closed_at >= $1 OR v.done_at >= $1))`,
		at: "x.made_at", size: "coalesce(x.bytes, octet_length(x.content))",
		change: `DELETE FROM photos p USING over WHERE p.ctid = over.ctid`},
}

// links go before the photos they point at.
const unlinkPhotos = `DELETE FROM report_photos l USING photos p WHERE p.ctid = ANY ($1::tid[]) AND l.district_id = p.district_id AND l.sha256 = p.sha256`

func (m removal) sized() string {
	if m.size != "" {
		return m.size
	}
	return "pg_column_size(x.*)"
}

func (m removal) fill(query string) string {
	change := m.change
	if change == "" {
		change = "DELETE FROM " + m.table + " p USING over WHERE p.ctid = over.ctid"
	}
	return strings.NewReplacer("{table}", m.table, "{where}", m.where, "{at}", m.at, "{size}", m.sized(), "{change}", change).Replace(query)
}

const (
	before    = `SELECT gp_now() - make_interval(days => $1)`
	countOver = `SELECT count(*), min({at}), max({at}), coalesce(sum({size}), 0)::bigint FROM {table} x WHERE {where}`
	// Who holds a row just now keeps it until the next night.
	pickOver = `SELECT array_agg(ctid::text), min(at), max(at), coalesce(sum(size), 0)::bigint FROM (
  SELECT x.ctid, {at} AS at, {size} AS size FROM {table} x WHERE {where} LIMIT $2 FOR UPDATE OF x SKIP LOCKED) o`
	takeOver = `WITH over AS (SELECT unnest($1::tid[]) AS ctid) {change}`
	moreGone = `UPDATE retention_removed SET rows = rows + $2, bytes = bytes + $3, from_at = least(from_at, $4), until_at = greatest(until_at, $5), took_s = $6 WHERE id = $1`
)

// remove deletes a kind's rows that are over, batch by batch.
func (r *run) remove(ctx context.Context, kind string, keepDays int) {
	m, ok := removals[kind]
	if !ok {
		return // a newer program's kind, and its to remove
	}
	r.failed(kind, r.removeRows(ctx, kind, m, keepDays))
}

func (r *run) removeRows(ctx context.Context, kind string, m removal, keepDays int) error {
	began := time.Now()
	line := Removed{Kind: kind, Action: "deleted", What: m.table}
	if m.action != "" {
		line.Action = m.action
	}
	var over time.Time
	if err := r.conn.QueryRow(ctx, before, keepDays).Scan(&over); err != nil {
		return err
	}
	if r.dry {
		if err := r.conn.QueryRow(ctx, m.fill(countOver), over).Scan(&line.Rows, &line.From, &line.Until, &line.Bytes); err != nil {
			return err
		}
	}
	var noted int64
	for !r.dry {
		var gone Removed
		err := r.gently(ctx, func(tx pgx.Tx) error {
			var err error
			gone, err = r.takeBatch(ctx, tx, m, over)
			if err != nil || gone.Rows == 0 {
				return err
			}
			line.TookS = time.Since(began).Seconds()
			if noted == 0 {
				first := line
				first.Rows, first.Bytes, first.From, first.Until = gone.Rows, gone.Bytes, gone.From, gone.Until
				noted, err = r.note(ctx, tx, first)
				return err
			}
			_, err = tx.Exec(ctx, moreGone, noted, gone.Rows, gone.Bytes, gone.From, gone.Until, line.TookS)
			return err
		})
		if err != nil {
			return err
		}
		line.add(gone)
		if gone.Rows < batch {
			break
		}
	}
	line.TookS = time.Since(began).Seconds()
	if line.Rows > 0 {
		r.report.Removed = append(r.report.Removed, line)
	}
	return nil
}

func (x *Removed) add(gone Removed) {
	x.Rows, x.Bytes = x.Rows+gone.Rows, x.Bytes+gone.Bytes
	if gone.From != nil && (x.From == nil || gone.From.Before(*x.From)) {
		x.From = gone.From
	}
	if gone.Until != nil && (x.Until == nil || gone.Until.After(*x.Until)) {
		x.Until = gone.Until
	}
}

func (r *run) takeBatch(ctx context.Context, tx pgx.Tx, m removal, over time.Time) (gone Removed, err error) {
	var ctids []string
	if err := tx.QueryRow(ctx, m.fill(pickOver), over, batch).Scan(&ctids, &gone.From, &gone.Until, &gone.Bytes); err != nil {
		return gone, err
	}
	if len(ctids) == 0 {
		return gone, m.finish(ctx, tx, over)
	}
	if m.table == "photos" {
		if _, err := tx.Exec(ctx, unlinkPhotos, ctids); err != nil {
			return gone, err
		}
	}
	tag, err := tx.Exec(ctx, m.fill(takeOver), ctids)
	gone.Rows = tag.RowsAffected()
	if err != nil {
		return gone, err
	}
	return gone, m.finish(ctx, tx, over)
}

func (m removal) finish(ctx context.Context, tx pgx.Tx, over time.Time) error {
	if m.after == "" {
		return nil
	}
	_, err := tx.Exec(ctx, m.after, over)
	return err
}
