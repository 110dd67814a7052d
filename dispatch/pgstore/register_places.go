package pgstore

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

// A place that came as WGS-84 keeps no second position; both are compared, so that
// the same place in another datum is a change that can be seen.
var placeTable = upsert{
	what: "place", topics: []string{"places"},
	fields: []string{"name", "kind", "lon", "lat", "url", "visits_per_week", "crs", "sent lon", "sent lat", "fence_m"},
	before: `SELECT code, name, kind, ST_X(geom), ST_Y(geom), coalesce(url, ''), visits_per_week,
  coalesce(sent_crs, ''), coalesce(sent_lon, 0), coalesce(sent_lat, 0), coalesce(fence_m, 0) FROM places WHERE district_id = $1`,
	write: `INSERT INTO places (id, district_id, code, name, kind, geom, url, visits_per_week, sent_crs, sent_lon, sent_lat, fence_m)
VALUES (gen_random_uuid(), $1, $2, $3, $4, ST_SetSRID(ST_MakePoint($5, $6), 4326), nullif($7, ''), $8, nullif($9, ''),
  CASE WHEN $9::text <> '' THEN $10::double precision END, CASE WHEN $9::text <> '' THEN $11::double precision END, nullif($12::integer, 0))
ON CONFLICT (district_id, code) DO UPDATE SET name = excluded.name, kind = excluded.kind, geom = excluded.geom, url = excluded.url,
  visits_per_week = excluded.visits_per_week, sent_crs = excluded.sent_crs, sent_lon = excluded.sent_lon, sent_lat = excluded.sent_lat,
  fence_m = excluded.fence_m`,
}

// Places imports the table of places; rows without a datum are in o.CRS.
func (g *Register) Places(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.Places(in, o.CRS)
	if err != nil {
		return roster.Result{}, err
	}
	return g.storePlaces(ctx, good, refused, o)
}

// PlaceFeatures imports places that are points of a file of features.
func (g *Register) PlaceFeatures(ctx context.Context, features iter.Seq2[feature.Feature, error], o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.PlaceFeatures(features, o.CRS)
	if err != nil {
		return roster.Result{}, err
	}
	return g.storePlaces(ctx, good, refused, o)
}

func (g *Register) storePlaces(ctx context.Context, good []roster.Place, refused []roster.Refusal, o RegisterOptions) (roster.Result, error) {
	rows := make([]keyed, len(good))
	for i, p := range good {
		crs, sent := "", geo.Point{}
		if p.CRS == geo.GCJ02 || p.CRS == geo.BD09 {
			crs, sent = string(p.CRS), p.Sent
		}
		rows[i] = keyed{p.Code, []any{p.Name, p.Kind, p.At.Lon, p.At.Lat, p.URL, p.VisitsPerWeek, crs, sent.Lon, sent.Lat, 0}}
	}
	result := roster.NewResult(len(good), refused)
	err := g.tx(ctx, o, func(tx pgx.Tx) error {
		fences, err := g.placeFences(ctx, tx)
		if err != nil {
			return err
		}
		for i, p := range good {
			fenceM := fences[p.Code]
			if p.FenceM != nil {
				fenceM = *p.FenceM
			}
			rows[i].values[len(rows[i].values)-1] = fenceM
		}
		changes, err := placeTable.run(ctx, tx, rows)
		result.Changes = append(result.Changes, changes...)
		return err
	})
	return result, err
}

// placeFences are the fences that places have: what a table does not say stays.
func (g *Register) placeFences(ctx context.Context, tx pgx.Tx) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT code, fence_m FROM places WHERE district_id = $1 AND fence_m IS NOT NULL`, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read the fences of places: %w", err)
	}
	fences := map[string]int{}
	var code string
	var fenceM int
	_, err = pgx.ForEachRow(rows, []any{&code, &fenceM}, func() error {
		fences[code] = fenceM
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the fences of places: %w", err)
	}
	return fences, nil
}
