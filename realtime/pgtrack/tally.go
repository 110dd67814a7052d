package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/realtime"
)

// Tally is what the ledger holds of a stream.
type Tally struct {
	Kept        map[string]int64   // fixes by verdict, "" for none
	Seqs        map[string][]int64 // the first sequences of each doubtful verdict
	Rows, Fixes int64              // rows, and different sequences among them
	Above       int64              // of Fixes, those above the asked sequence
	Quarantined map[string]int64   // by code
}

const (
	tallyVerdicts = `SELECT coalesce(verdict, ''), count(*), (array_agg(seq ORDER BY seq))[1:3] FROM tracks
WHERE device_id = $1 AND stream = $2 AND t BETWEEN $3 AND $4 GROUP BY 1`
	tallyFixes = `SELECT count(*), count(DISTINCT seq), count(DISTINCT seq) FILTER (WHERE seq > $5) FROM tracks
WHERE device_id = $1 AND stream = $2 AND t BETWEEN $3 AND $4`
	tallyQuarantine = `SELECT code, count(*) FROM quarantined_fixes WHERE device_id = $1 AND stream = $2 GROUP BY code`
)

// Tally counts what is kept of a stream between two times, both included.
func (s *Store) Tally(ctx context.Context, key realtime.StreamKey, from, to time.Time, above int64) (Tally, error) {
	t := Tally{Kept: map[string]int64{}, Seqs: map[string][]int64{}, Quarantined: map[string]int64{}}
	var batch pgx.Batch
	batch.Queue(tallyVerdicts, key.Device.UUID, key.Stream, from, to).Query(func(rows pgx.Rows) error {
		var verdict string
		var n int64
		var seqs []int64
		_, err := pgx.ForEachRow(rows, []any{&verdict, &n, &seqs}, func() error {
			t.Kept[verdict] = n
			if verdict != "" {
				t.Seqs[verdict] = append([]int64(nil), seqs...)
			}
			return nil
		})
		return err
	})
	batch.Queue(tallyFixes, key.Device.UUID, key.Stream, from, to, above).QueryRow(func(row pgx.Row) error {
		return row.Scan(&t.Rows, &t.Fixes, &t.Above)
	})
	batch.Queue(tallyQuarantine, key.Device.UUID, key.Stream).Query(func(rows pgx.Rows) error {
		var code string
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&code, &n}, func() error {
			t.Quarantined[code] = n
			return nil
		})
		return err
	})
	if err := s.db.SendBatch(ctx, &batch).Close(); err != nil {
		return Tally{}, fmt.Errorf("tally a stream: %w", err)
	}
	return t, nil
}
