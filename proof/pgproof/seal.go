package pgproof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
)

const (
	// sealEvery is how often a node looks for events to chain.
	sealEvery = 400 * time.Millisecond
	// sealMost bounds one transaction; what is left follows at once.
	sealMost = 2000
	// sealLock is the advisory lock of whoever chains; the district's id follows it.
	sealLock = "gridpatrol seals "
)

// Sealer chains a district's events. Any number of nodes may run one: each round is a
// transaction that holds the district's lock, and whoever does not get it leaves the
// round to the other. Should two come through for whatever reason, the primary key of
// the chain lets one of them commit.
//
// An event is chained when no transaction that began before its own is still running:
// then nobody can commit one that belongs before it. The order is (xid, id).
type Sealer struct {
	DB       *pgdb.DB
	District uuid.UUID
	Log      *slog.Logger
	// Sealed hears how many events were chained and how long the oldest had waited;
	// nil is not called.
	Sealed func(events int, waited time.Duration)

	// The last event that was in the chain when this sealer last looked; Seal alone
	// reads and writes them, so it is called by one at a time.
	seenXID string
	seenID  int64
}

// Run chains until ctx ends, and once more then.
func (s *Sealer) Run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	failed := false
	for {
		_, err := s.Seal(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			s.Log.ErrorContext(ctx, "events wait to be chained; trying again", "error", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if _, err := s.Seal(last); err != nil {
				s.Log.Warn("the last events are left to the next node to chain", "error", err)
			}
			return nil
		case <-tick.C:
		}
	}
}

// tryLock and the look at what is sealed are statements of their own: the second must
// see what the holder before committed.
const tryLock = `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`

const lastSealed = `
SELECT position, hash, xid::text, event_id FROM event_chain WHERE district_id = $1 ORDER BY position DESC LIMIT 1`

// In the order a plain xid would be the text that is answered, and "99" after "100".
//
// The snapshot of the statement is the one that its xmin is asked of, so that every
// transaction below it is over and visible.
const toSeal = `
SELECT e.xid::text, e.id, e.canonical, greatest(extract(epoch FROM gp_now() - e.at), 0)::float8 FROM case_events e
WHERE district_id = $1 AND (xid, id) > ($2::text::xid8, $3::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id LIMIT $4`

const insertLinks = `
INSERT INTO event_chain (district_id, position, xid, event_id, before, hash)
SELECT $1, x.position, x.xid::xid8, x.event_id, x.before, x.hash
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[]) AS x (position, xid, event_id, before, hash)`

type sealRow struct {
	XID       string
	ID        int64
	Canonical []byte
	AgeS      float64
}

// Seal chains what can be chained now and answers how many events that were.
func (s *Sealer) Seal(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.round(ctx)
		total += n
		if err != nil || n < sealMost {
			return total, err
		}
	}
}

// waiting is a cheap look without a transaction, from where this sealer saw the chain
// end last: most rounds find nothing. It asks for the first and not whether there is one:
// the planner drops the order of an EXISTS, expects a third of all events behind any place
// it does not know, and reads the whole table to find none.
const waiting = `
SELECT (SELECT true FROM case_events WHERE district_id = $1 AND (xid, id) > ($2::text::xid8, $3::bigint)
  ORDER BY xid, id LIMIT 1) IS NOT NULL`

func (s *Sealer) round(ctx context.Context) (n int, err error) {
	var there bool
	if s.seenXID == "" {
		s.seenXID = "0"
	}
	if err := s.DB.QueryRow(ctx, waiting, s.District, s.seenXID, s.seenID).Scan(&there); err != nil || !there {
		return 0, err
	}
	var waited float64
	err = s.DB.Tx(ctx, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, tryLock, sealLock+s.District.String()).Scan(&mine); err != nil || !mine {
			return err
		}
		position, prev, xid, id := int64(0), proof.Genesis(s.District), "0", int64(0)
		var hash []byte
		err := tx.QueryRow(ctx, lastSealed, s.District).Scan(&position, &hash, &xid, &id)
		if err == nil {
			copy(prev[:], hash)
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		// What is in the chain stays there, so this may be remembered before the commit.
		s.seenXID, s.seenID = xid, id
		rows, err := tx.Query(ctx, toSeal, s.District, xid, id, sealMost)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealRow])
		if err != nil || len(found) == 0 {
			return err
		}
		n = len(found)
		positions, xids, ids := make([]int64, n), make([]string, n), make([]int64, n)
		before, hashes := make([][]byte, n), make([][]byte, n)
		for i, e := range found {
			position++
			link := proof.Link(prev, position, e.Canonical)
			positions[i], xids[i], ids[i] = position, e.XID, e.ID
			before[i], hashes[i] = append([]byte(nil), prev[:]...), append([]byte(nil), link[:]...)
			prev = link
			waited = max(waited, e.AgeS)
		}
		_, err = tx.Exec(ctx, insertLinks, s.District, positions, xids, ids, before, hashes)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "event_chain_pkey" {
		return 0, nil // somebody else came through; the next round goes on from theirs
	}
	if err != nil {
		return 0, fmt.Errorf("chain events: %w", err)
	}
	if n > 0 && s.Sealed != nil {
		s.Sealed(n, time.Duration(waited*float64(time.Second)))
	}
	return n, nil
}
