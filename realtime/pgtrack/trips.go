package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/learn"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// maxTrips bounds one reading: the newest count.
const maxTrips = 50_000

// A trip is what lies between an offer and the arrival. What patrols do otherwise, on
// their rounds, says nothing about how fast somebody called gets through. Trips of more
// than two hours were interrupted.
const (
	selectTrips = `SELECT a.patrol_id, a.mode, a.offered_at, a.arrived_at FROM assignments a JOIN patrols p ON p.id = a.patrol_id
WHERE a.district_id = $1 AND a.arrived_at > a.offered_at AND a.arrived_at <= a.offered_at + interval '2 hours'
  AND a.arrived_at >= gp_now() - make_interval(days => $2) AND ($3 OR NOT p.simulated)
ORDER BY a.arrived_at DESC LIMIT $4`

	// Doubtful and mocked fixes teach nothing.
	selectTripFixes = `SELECT t.t, t.lon, t.lat, coalesce(t.accuracy_m, 0), coalesce(t.speed_ms, 0), t.heading_deg
FROM tracks t
WHERE t.device_id IN (SELECT device_id FROM device_bindings WHERE patrol_id = $1 AND valid && tstzrange($2, $3))
  AND t.t >= $2 AND t.t <= $3 AND t.patrol_id = $1 AND t.verdict IS NULL AND NOT t.mock AND ($4 OR NOT coalesce(t.simulated, false))
ORDER BY t.t, t.stream, t.seq LIMIT $5`
)

// Trips visits the ways patrols took to their cases in the last days, the newest first.
// Those of simulated patrols and devices are left out unless asked for. It reads in the
// program's own role, for nobody: the one who asks keeps no person's way. Done and
// total are of trips.
func (s *Store) Trips(ctx context.Context, days int, simulated bool, visit func(done, total int, t learn.Trip) error) error {
	type trip struct {
		patrol      uuid.UUID
		mode        string
		began, over time.Time
	}
	rows, err := s.db.Query(ctx, selectTrips, pgdb.District, days, simulated, maxTrips)
	if err != nil {
		return fmt.Errorf("read trips: %w", err)
	}
	trips, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t trip, err error) {
		return t, row.Scan(&t.patrol, &t.mode, &t.began, &t.over)
	})
	if err != nil {
		return fmt.Errorf("read trips: %w", err)
	}
	for i, t := range trips {
		mode, err := road.ParseMode(t.mode)
		if err != nil {
			return fmt.Errorf("read trips: %w", err)
		}
		fixes, err := s.tripFixes(ctx, t.patrol, t.began, t.over, simulated)
		if err != nil {
			return err
		}
		if err := visit(i+1, len(trips), learn.Trip{Patrol: t.patrol, Mode: mode, Fixes: fixes}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) tripFixes(ctx context.Context, patrol uuid.UUID, from, to time.Time, simulated bool) ([]match.Fix, error) {
	rows, err := s.db.Query(ctx, selectTripFixes, patrol, from, to, simulated, match.MaxFixes)
	if err != nil {
		return nil, fmt.Errorf("read the track of a trip: %w", err)
	}
	defer rows.Close()
	var fixes []match.Fix
	for rows.Next() {
		var f match.Fix
		var heading *float64
		if err := rows.Scan(&f.T, &f.Lon, &f.Lat, &f.AccuracyM, &f.SpeedMS, &heading); err != nil {
			return nil, fmt.Errorf("read the track of a trip: %w", err)
		}
		if heading != nil {
			f.HeadingDeg, f.Headed = *heading, true
		}
		// Two phones in one car tell the same.
		if len(fixes) == 0 || f.T.After(fixes[len(fixes)-1].T) {
			fixes = append(fixes, f)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the track of a trip: %w", err)
	}
	return fixes, nil
}
