package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// VisitsKept is how far back visits are counted and can be asked for. Older ones are
// dropped by retention, whose floor for cell_visits this is.
const VisitsKept = 32 * 24 * time.Hour

// Fixes that say where a patrol was. One that is faked, impossible, wildly inexact or
// in another datum puts nobody anywhere; a late or a frozen one does. What a program
// plays is no proof beside real patrols; a district that is all played, as a demo's,
// counts its own. The district is $1.
const believed = `NOT (coalesce(string_to_array(verdict, ','), '{}') && '{jump,mock,accuracy,gcj02,bd09}')
  AND (simulated IS NOT TRUE OR NOT EXISTS (SELECT FROM patrols WHERE district_id = $1 AND NOT simulated))`

// Due is an hour that has ended and was never counted, or was counted before fixes
// that may have come late since: after 8 hours, 2 days, and the 8 days after which
// none is taken. The newest are counted first.
const selectDueHours = `
SELECT h FROM generate_series(date_trunc('hour', gp_now()) - $2::interval, date_trunc('hour', gp_now() - interval '10 minutes') - interval '1 hour', '1 hour') h
LEFT JOIN cell_hours c ON c.district_id = $1 AND c.hour = h
WHERE c.counted_at IS NULL OR EXISTS (
  SELECT FROM unnest('{8 h,2 d,8 d}'::interval[]) age
  WHERE gp_now() >= h + interval '1 hour' + age AND c.counted_at < h + interval '1 hour' + age)
ORDER BY h DESC LIMIT $3`

const (
	lockVisits  = `SELECT pg_try_advisory_xact_lock(7203915)`
	countedHour = `INSERT INTO cell_hours (district_id, hour, counted_at) VALUES ($1, $2, gp_now())
ON CONFLICT (district_id, hour) DO UPDATE SET counted_at = excluded.counted_at`
	// By lists: COPY does not go with row security.
	addVisits = `INSERT INTO cell_visits (district_id, hour, cell, cell_8, cell_7, patrol_id, fixes)
SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::integer[])`
	dropVisits  = `DELETE FROM cell_visits WHERE district_id = $1 AND hour = $2`
	hourOfFixes = `SELECT patrol_id, lon, lat FROM tracks WHERE district_id = $1 AND t >= $2 AND t < $2 + interval '1 hour' AND ` + believed
)

// CountVisits counts the visits of at most so many hours that are due, each in a
// transaction of its own, and answers how many it counted. Of several nodes one
// works; the others answer 0.
func (s *Store) CountVisits(ctx context.Context, hours int) (counted int, err error) {
	rows, err := s.db.Query(ctx, selectDueHours, s.district, VisitsKept, hours)
	if err != nil {
		return 0, fmt.Errorf("ask which hours are due: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return 0, fmt.Errorf("ask which hours are due: %w", err)
	}
	for _, hour := range due {
		free, err := s.countHour(ctx, hour)
		if err != nil {
			return counted, fmt.Errorf("count the visits of %s: %w", hour.UTC().Format(time.RFC3339), err)
		}
		if !free {
			return counted, nil
		}
		counted++
	}
	return counted, nil
}

func (s *Store) countHour(ctx context.Context, hour time.Time) (free bool, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, lockVisits).Scan(&free); err != nil || !free {
			return err
		}
		fixes := map[dispatch.Visit]int{}
		rows, err := tx.Query(ctx, hourOfFixes, s.district, hour)
		if err != nil {
			return err
		}
		var patrol uuid.UUID
		var at geo.Point
		if _, err := pgx.ForEachRow(rows, []any{&patrol, &at.Lon, &at.Lat}, func() error {
			fixes[dispatch.VisitAt(dispatch.PatrolID{UUID: patrol}, at)]++
			return nil
		}); err != nil {
			return err
		}
		var cells [3][]int64
		var patrols []uuid.UUID
		var counts []int32
		for v, n := range fixes {
			for i, c := range v.Cells {
				cells[i] = append(cells[i], int64(c))
			}
			patrols, counts = append(patrols, v.Patrol.UUID), append(counts, int32(n))
		}
		batch := &pgx.Batch{}
		batch.Queue(countedHour, s.district, hour)
		batch.Queue(dropVisits, s.district, hour)
		if len(counts) > 0 {
			batch.Queue(addVisits, s.district, hour, cells[0], cells[1], cells[2], patrols, counts)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	return free, err
}

// Whole hours that are counted come from the counts; the rest, which is the hour
// that runs and the two ends of the span, from the tracks themselves.
const (
	selectCounted = `SELECT hour FROM cell_hours WHERE district_id = $1 AND hour >= $2 AND hour + interval '1 hour' <= $3 ORDER BY hour`
	selectVisits  = `SELECT DISTINCT patrol_id, cell, cell_8, cell_7 FROM cell_visits
WHERE district_id = $1 AND hour >= $2 AND hour + interval '1 hour' <= $3 AND patrol_id = ANY ($4)`
	selectFixes = `SELECT patrol_id, lon, lat FROM tracks
WHERE district_id = $1 AND t >= $2 AND t < $3 AND patrol_id = ANY ($4) AND ` + believed
)

// Visited answers in which cells these patrols were from one time to another (not
// included), each pair once. It implements dispatch.Trails.
func (s *Store) Visited(ctx context.Context, patrols []dispatch.PatrolID, from, to time.Time) ([]dispatch.Visit, error) {
	ids := make([]uuid.UUID, len(patrols))
	for i, p := range patrols {
		ids[i] = p.UUID
	}
	seen := map[dispatch.Visit]bool{}
	// One transaction, so that an hour that is being counted again is whole.
	err := pgx.BeginTxFunc(ctx, s.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectCounted, s.district, from, to)
		if err != nil {
			return err
		}
		counted, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil {
			return err
		}
		var patrol uuid.UUID
		var c9, c8, c7 int64
		if len(counted) > 0 {
			if rows, err = tx.Query(ctx, selectVisits, s.district, from, to, ids); err != nil {
				return err
			}
			if _, err := pgx.ForEachRow(rows, []any{&patrol, &c9, &c8, &c7}, func() error {
				seen[dispatch.Visit{Patrol: dispatch.PatrolID{UUID: patrol}, Cells: [3]cell.Cell{cell.Cell(c9), cell.Cell(c8), cell.Cell(c7)}}] = true
				return nil
			}); err != nil {
				return err
			}
		}
		var at geo.Point
		for _, gap := range uncounted(counted, from, to) {
			if rows, err = tx.Query(ctx, selectFixes, s.district, gap[0], gap[1], ids); err != nil {
				return err
			}
			if _, err := pgx.ForEachRow(rows, []any{&patrol, &at.Lon, &at.Lat}, func() error {
				seen[dispatch.VisitAt(dispatch.PatrolID{UUID: patrol}, at)] = true
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read where patrols were: %w", err)
	}
	out := make([]dispatch.Visit, 0, len(seen))
	for v := range seen {
		out = append(out, v)
	}
	return out, nil
}

// uncounted answers the stretches of a span that no counted hour covers.
func uncounted(hours []time.Time, from, to time.Time) (out [][2]time.Time) {
	for _, hour := range hours {
		if from.Before(hour) {
			out = append(out, [2]time.Time{from, hour})
		}
		from = hour.Add(time.Hour)
	}
	if from.Before(to) {
		out = append(out, [2]time.Time{from, to})
	}
	return out
}
