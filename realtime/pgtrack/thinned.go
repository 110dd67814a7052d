package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// selectThinned is the last good fix of each patrol in each stretch of time.
const selectThinned = `SELECT patrol_id, t, lon, lat FROM (
  SELECT DISTINCT ON (patrol_id, floor(extract(epoch FROM t) / $4)) patrol_id, t, lon, lat
  FROM tracks WHERE district_id = $1 AND t >= $2 AND t < $3 AND verdict IS NULL AND ($5 OR NOT coalesce(simulated, false))
  ORDER BY patrol_id, floor(extract(epoch FROM t) / $4), t DESC, stream, seq) x
ORDER BY t, patrol_id`

// Thinned visits where patrols were from one time to another (not included), in the
// order of time, at most once in every grain; simulated fixes where asked for. It reads
// in the program's own role, for reckoning with and not for showing to anybody, in a
// transaction that may not write.
func (s *Store) Thinned(ctx context.Context, from, to time.Time, grain time.Duration, simulated bool, visit func(id dispatch.PatrolID, t time.Time, at geo.Point)) error {
	err := pgx.BeginTxFunc(ctx, s.db.Pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectThinned, s.district.UUID, from, to, grain.Seconds(), simulated)
		if err != nil {
			return err
		}
		var id dispatch.PatrolID
		var t time.Time
		var at geo.Point
		_, err = pgx.ForEachRow(rows, []any{&id.UUID, &t, &at.Lon, &at.Lat}, func() error {
			visit(id, t.UTC(), at)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("read thinned tracks: %w", err)
	}
	return nil
}
