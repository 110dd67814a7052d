package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Follower reads the outbox from the present on, each announcement once.
//
// Whoever commits late has a lower transaction id than others that were seen
// already, so a plain "greater than the last" would skip them. The follower starts
// at the oldest transaction that was still running at its last look and remembers
// what it has answered above that. Waiting until nothing older runs would do as
// well, but one long import would then hold back every announcement. Within a look
// rows come by id, which for one case or patrol is the order of its changes, since
// they are written under its lock.
type Follower struct {
	// Waited hears how long each announcement stood before it was read; nil is not
	// called.
	Waited func(time.Duration)

	s    *Store
	low  string // xid8: everything below is decided and answered
	seen map[int64]string
}

const oldestRunning = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text`

// Planned anew each time: only who knows how late the first of these is takes the index.
const outboxFrom = `
SELECT xid::text, id, body, extract(epoch FROM gp_now() - made_at)::float8 FROM outbox WHERE xid >= $1::text::xid8 AND id <> ALL ($2::bigint[]) ORDER BY id`

// Follow starts following.
func (s *Store) Follow(ctx context.Context) (*Follower, error) {
	f := &Follower{s: s, seen: map[int64]string{}}
	if err := s.db.QueryRow(ctx, oldestRunning).Scan(&f.low); err != nil {
		return nil, fault(err)
	}
	if _, err := f.Next(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

type outboxRow struct {
	XID  string
	ID   int64
	Body []byte
	AgeS float64
}

// Next answers what was committed since, which may be nothing.
func (f *Follower) Next(ctx context.Context) ([]dispatch.Announcement, error) {
	known := make([]int64, 0, len(f.seen))
	for id := range f.seen {
		known = append(known, id)
	}
	// The oldest running transaction is asked for first: rows that commit between
	// the two questions are seen now and found known at the next look.
	var low string
	var found []outboxRow
	batch := &pgx.Batch{}
	batch.Queue(oldestRunning).QueryRow(func(row pgx.Row) error { return row.Scan(&low) })
	batch.Queue(outboxFrom, f.low, known).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[outboxRow])
		return err
	})
	if err := f.s.db.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault(err)
	}
	out := make([]dispatch.Announcement, len(found))
	for i, r := range found {
		if err := json.Unmarshal(r.Body, &out[i]); err != nil {
			return nil, fmt.Errorf("read announcement %d: %w", r.ID, err)
		}
	}
	for _, r := range found {
		f.seen[r.ID] = r.XID
		if f.Waited != nil {
			f.Waited(time.Duration(r.AgeS * float64(time.Second)))
		}
	}
	for id, xid := range f.seen {
		if older(xid, low) {
			delete(f.seen, id)
		}
	}
	f.low = low
	return out, nil
}

// older compares two xid8 as text.
func older(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
