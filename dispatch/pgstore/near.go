package pgstore

import (
	"context"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/jackc/pgx/v5"
)

// herePoint is written out where it is used: an index answers in the order of the
// distance from a constant, not from a column of another table.
const herePoint = `ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography`

// nearPlaces asks by true distance, on the sphere that geo.DistanceM measures on,
// which the index answers in order. It is dispatch.VisibleOnMap in SQL: a place
// belongs to the area of the grid it lies in. Each look at a case asks it twice, and
// making its plan takes longer than following it, so the plan is kept (keepPlan): one for
// any place and distance goes by the same index.
const nearPlaces = `
WITH RECURSIVE below AS (
    SELECT code FROM areas WHERE district_id = $1 AND code = $2
    UNION
    SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = $1
)
SELECT p.id, p.code, p.name, p.kind, ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat, p.url, p.visits_per_week,
  ST_Distance(p.geom::geography, ` + herePoint + `, false) AS distance_m
FROM places_seen p
WHERE p.district_id = $1 AND p.kind = ANY ($5) AND ST_DWithin(p.geom::geography, ` + herePoint + `, $6, false)
  AND ($2 = '' OR EXISTS (
    SELECT FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
    WHERE g.district_id = $1 AND v.valid @> gp_now() AND ST_Covers(g.geom, p.geom) AND g.area_code IN (SELECT code FROM below)))
ORDER BY p.geom::geography <-> ` + herePoint + ` LIMIT $7`

// anywhereM is more than half way round the Earth, metres.
const anywhereM = 21e6

type nearRow struct {
	ID        uuid.UUID `db:"id"`
	Code      string    `db:"code"`
	Name      string    `db:"name"`
	Kind      string    `db:"kind"`
	Lon       float64   `db:"lon"`
	Lat       float64   `db:"lat"`
	URL       *string   `db:"url"`
	Visits    int       `db:"visits_per_week"`
	DistanceM float64   `db:"distance_m"`
}

// Near implements dispatch.CaseStore.
func (s *Store) Near(ctx context.Context, v dispatch.Viewer, p geo.Point) (dispatch.Nearby, error) {
	var cameras, places []nearRow
	batch := &pgx.Batch{}
	batch.Queue(keepPlan)
	ask := func(kinds []string, withinM float64, limit int, out *[]nearRow) {
		batch.Queue(nearPlaces, s.district.UUID, v.AreaCode, p.Lon, p.Lat, kinds, withinM, limit).Query(collect(out))
	}
	ask([]string{"camera"}, anywhereM, dispatch.NearCameras, &cameras)
	ask([]string{"rental_house", "market", "factory"}, dispatch.NearPlacesM, dispatch.NearPlaces, &places)
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	if err != nil {
		return dispatch.Nearby{}, fault(err)
	}
	return dispatch.Nearby{Cameras: nearFrom(cameras), Places: nearFrom(places)}, nil
}

func nearFrom(rows []nearRow) []dispatch.PlaceNear {
	out := make([]dispatch.PlaceNear, len(rows))
	for i, r := range rows {
		out[i] = dispatch.PlaceNear{ID: dispatch.PlaceID{UUID: r.ID}, Code: r.Code, Name: r.Name, Kind: r.Kind, Lon: r.Lon, Lat: r.Lat,
			URL: r.URL, VisitsPerWeek: r.Visits, DistanceM: r.DistanceM}
	}
	return out
}
