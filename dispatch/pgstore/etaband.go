package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

const (
	// Under half a minute the answer takes longer than the way. More than four hours is
	// somebody who forgot to say that he had arrived.
	selectArrivals = `SELECT a.mode, a.offered_at, a.eta_s, extract(epoch FROM a.arrived_at - a.offered_at)::double precision
FROM assignments a JOIN patrols p ON p.id = a.patrol_id
WHERE a.district_id = $1 AND a.eta_kind = 'road' AND a.eta_s >= 30 AND a.arrived_at > a.offered_at
  AND a.arrived_at <= a.offered_at + interval '4 hours'
  AND a.arrived_at >= gp_now() - make_interval(days => $2) AND ($3 OR NOT p.simulated)
ORDER BY a.arrived_at DESC LIMIT 200000`

	dropBands  = `DELETE FROM eta_bands WHERE district_id = $1`
	addBand    = `INSERT INTO eta_bands (district_id, mode, bucket, low, high, arrivals) VALUES ($1, $2, nullif($3::smallint, -1::smallint), $4, $5, $6)`
	selectBand = `SELECT mode, coalesce(bucket, -1::smallint), low, high, arrivals FROM eta_bands WHERE district_id = $1 ORDER BY mode, bucket NULLS FIRST`
)

// Arrivals are those of the last days, for bands; of simulated patrols only where asked
// for.
func (s *Store) Arrivals(ctx context.Context, days int, simulated bool) ([]dispatch.Arrival, error) {
	rows, err := s.db.Query(ctx, selectArrivals, pgdb.District, days, simulated)
	if err != nil {
		return nil, fmt.Errorf("read arrivals: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a dispatch.Arrival, err error) {
		return a, row.Scan(&a.Mode, &a.OfferedAt, &a.PromisedS, &a.TookS)
	})
	if err != nil {
		return nil, fmt.Errorf("read arrivals: %w", err)
	}
	return list, nil
}

// ReplaceEtaBands puts bands in the place of those before, all at once.
func (s *Store) ReplaceEtaBands(ctx context.Context, bands []dispatch.EtaBand) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, dropBands, pgdb.District); err != nil {
			return err
		}
		for _, b := range bands {
			if _, err := tx.Exec(ctx, addBand, pgdb.District, string(b.Mode), int16(b.Bucket), b.Low, b.High, b.Arrivals); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep bands of arrivals: %w", err)
	}
	return nil
}

// EtaBands are the bands that were kept last.
func (s *Store) EtaBands(ctx context.Context) ([]dispatch.EtaBand, error) {
	rows, err := s.db.Query(ctx, selectBand, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read bands of arrivals: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b dispatch.EtaBand, err error) {
		return b, row.Scan(&b.Mode, &b.Bucket, &b.Low, &b.High, &b.Arrivals)
	})
	if err != nil {
		return nil, fmt.Errorf("read bands of arrivals: %w", err)
	}
	return list, nil
}
