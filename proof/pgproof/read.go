package pgproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
)

// reading is one look at a district's chain: all of it as of one moment.
func reading(ctx context.Context, db *pgdb.DB, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

// chained reads the chain with its events. An event that is gone has no bytes; one
// whose columns say otherwise than its bytes is not whole.
const chained = `
SELECT c.position, c.before, c.hash, e.canonical,
  coalesce(e.body = convert_from(e.canonical, 'UTF8')::jsonb AND e.kind = e.body->>'kind' AND e.case_id IS NOT DISTINCT FROM (e.body->>'case')::uuid
    AND e.patrol_id IS NOT DISTINCT FROM (e.body->>'patrol')::uuid AND e.at = (e.body->>'at')::timestamptz, e.canonical IS NULL) AS whole
FROM event_chain c LEFT JOIN case_events e ON e.xid = c.xid AND e.id = c.event_id
WHERE c.district_id = $1 AND c.position >= $2 ORDER BY c.position`

const plainChain = `
SELECT c.position, c.before, c.hash, e.canonical, true AS whole
FROM event_chain c LEFT JOIN case_events e ON e.xid = c.xid AND e.id = c.event_id
WHERE c.district_id = $1 AND c.position >= $2 ORDER BY c.position`

type link struct {
	position     int64
	before, hash proof.Hash
	canonical    []byte // nil: the event is gone
	whole        bool
}

// eachLink calls fn with each link of the chain; canonical is good until it returns.
func eachLink(ctx context.Context, tx pgx.Tx, query string, district uuid.UUID, from int64, fn func(link) error) error {
	rows, err := tx.Query(ctx, query, district, from)
	if err != nil {
		return fmt.Errorf("read the chain: %w", err)
	}
	defer rows.Close()
	var before, hash []byte
	for rows.Next() {
		var l link
		if err := rows.Scan(&l.position, &before, &hash, &l.canonical, &l.whole); err != nil {
			return fmt.Errorf("read the chain: %w", err)
		}
		copy(l.before[:], before)
		copy(l.hash[:], hash)
		if err := fn(l); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the chain: %w", err)
	}
	return nil
}

const allHeads = `SELECT body FROM event_heads WHERE district_id = $1 AND position >= $2 ORDER BY position`

// Export writes the chain from a position on (1: all of it), with keys and heads. What
// is exported is what is there, even if it is not as it was sealed: to find that out
// is the reader's part.
func Export(ctx context.Context, db *pgdb.DB, district uuid.UUID, from int64, w io.Writer) (events int64, err error) {
	err = reading(ctx, db, func(tx pgx.Tx) error {
		prev := proof.Genesis(district)
		if from > 1 {
			var hash []byte
			err := tx.QueryRow(ctx, `SELECT hash FROM event_chain WHERE district_id = $1 AND position = $2`, district, from-1).Scan(&hash)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("there is no event %d; the chain is shorter", from-1)
			}
			if err != nil {
				return err
			}
			copy(prev[:], hash)
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		keys, err := Keys(ctx, tx, district)
		if err != nil {
			return err
		}
		heads, err := bodies[proof.Head](ctx, tx, allHeads, district, from)
		if err != nil {
			return err
		}
		out, err := proof.NewExporter(w, proof.Header{District: district, From: from, Prev: proof.HexHash(prev), At: now.UTC()})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := out.Key(k); err != nil {
				return err
			}
		}
		err = eachLink(ctx, tx, plainChain, district, from, func(l link) error {
			if l.canonical != nil {
				if err := out.Event(l.position, l.before, l.hash, l.canonical); err != nil {
					return err
				}
				events++
			}
			for len(heads) > 0 && heads[0].Position <= l.position {
				if err := out.Head(heads[0]); err != nil {
					return err
				}
				heads = heads[1:]
			}
			return nil
		})
		for _, h := range heads { // of positions that are gone: the reader is to see them
			err = errors.Join(err, out.Head(h))
		}
		return errors.Join(err, out.Close())
	})
	return events, err
}

// Events that were written below the end of the chain and are not in it.
const stowaways = `
SELECT (SELECT coalesce(max(c.position), 0) + 1 FROM event_chain c WHERE c.district_id = $1 AND (c.xid, c.event_id) < (e.xid, e.id)), e.kind
FROM case_events e
WHERE e.district_id = $1
  AND (e.xid, e.id) <= (SELECT xid, event_id FROM event_chain WHERE district_id = $1 ORDER BY position DESC LIMIT 1)
  AND NOT EXISTS (SELECT FROM event_chain c WHERE c.xid = e.xid AND c.event_id = e.id)
ORDER BY e.xid, e.id LIMIT 1`

// errFound ends a reading that has found something.
var errFound = errors.New("found")

// Verify reads the whole chain and its events where they are kept, and finds the first
// thing that is wrong.
func Verify(ctx context.Context, db *pgdb.DB, district uuid.UUID, trusted ...string) (proof.Report, error) {
	return VerifyKept(ctx, db, district, proof.Kept{}, trusted...)
}

// VerifyKept is Verify against heads that were kept elsewhere: all of them must be those of
// the chain.
func VerifyKept(ctx context.Context, db *pgdb.DB, district uuid.UUID, kept proof.Kept, trusted ...string) (proof.Report, error) {
	report := proof.Report{District: district, From: 1, Keys: []string{}, Trusted: len(trusted) > 0}
	err := reading(ctx, db, func(tx pgx.Tx) error {
		check := proof.NewChecker(district, 1, proof.Genesis(district), trusted...)
		if report.Fault = check.Expect(kept); report.Fault != nil {
			return nil
		}
		keys, err := Keys(ctx, tx, district)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if report.Fault = check.Key(k); report.Fault != nil {
				return nil
			}
			report.Keys = append(report.Keys, k.ID)
		}
		heads, err := bodies[proof.Head](ctx, tx, allHeads, district, 1)
		if err != nil {
			return err
		}
		err = eachLink(ctx, tx, chained, district, 1, func(l link) error {
			switch {
			case l.canonical == nil:
				report.Fault = &proof.Fault{Kind: proof.Missing, Position: l.position, To: l.position, Detail: "the event that was sealed here is gone"}
			case !l.whole:
				report.Fault = &proof.Fault{Kind: proof.Altered, Position: l.position, To: l.position, Detail: "its columns say otherwise than its bytes"}
			}
			if fault := check.Event(l.position, l.before, l.hash, l.canonical); fault != nil && l.canonical != nil {
				report.Fault = fault
			}
			for report.Fault == nil && len(heads) > 0 && heads[0].Position <= l.position {
				report.Fault = check.Head(heads[0])
				heads = heads[1:]
			}
			if report.Fault == nil {
				report.Fault = check.Passed()
			}
			if report.Fault != nil {
				return errFound
			}
			return nil
		})
		if err != nil && !errors.Is(err, errFound) {
			return err
		}
		if report.Fault == nil && len(heads) > 0 {
			report.Fault = check.Head(heads[0])
		}
		if report.Fault == nil {
			report.Fault = check.Cut()
		}
		if report.Fault == nil {
			report.Fault = check.Vouched()
		}
		last, hash := check.Last()
		report.Last, report.Events, report.Hash = last, last, proof.HexHash(hash)
		report.Heads, report.SignedTo = check.Heads(), check.SignedTo()
		var at int64
		var kind string
		err = tx.QueryRow(ctx, stowaways, district).Scan(&at, &kind)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for events beside the chain: %w", err)
		}
		if report.Fault == nil || at <= report.Fault.Position {
			report.Fault = &proof.Fault{Kind: proof.Inserted, Position: at, To: at, Detail: fmt.Sprintf("an event of the kind %.40q was never sealed", kind)}
		}
		return nil
	})
	return report, err
}
