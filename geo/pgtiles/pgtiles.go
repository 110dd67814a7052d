// Package pgtiles cuts vector tiles out of PostGIS with ST_AsMVT.
//
// It knows geometry and the columns a page draws by, not who may see what: the
// area that bounds a tile is an argument. A tile is a pure function of its
// address, the area, and the revision of its layer, so callers may cache by
// these; the last few tiles are kept here as well.
package pgtiles

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// ErrTile says that there is no such layer or no such address.
var ErrTile = errors.New("no such tile")

// MaxZoom is the deepest zoom that is cut.
const MaxZoom = 18

// A layer's query gets $1 the district, $2 z, $3 x, $4 y, and where the layer is
// bounded $5 the area (empty: the whole district); one of outlines $6 to $8, the
// towns as outlines has them. It transforms the tile's box to 4326
// rather than every geometry to 3857 before it filters, so that the spatial index
// serves it; the margin is the 64 units of 4096 that a tile shows beyond its
// edge, so that lines and labels meet. It reads the views of what the viewer may see:
// the policy of a table would come before the box and keep the index from serving it.
type layer struct {
	topics   []string // of revisions
	bounded  bool
	outlines bool
	query    string
}

// below is an area and every area below it.
const below = `below AS (
    SELECT code FROM areas WHERE district_id = $1 AND code = $5
    UNION
    SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = $1
  )`

const box = `box AS (
    SELECT ST_TileEnvelope($2, $3, $4) AS tile,
           ST_Transform(ST_TileEnvelope($2, $3, $4, margin => 64.0 / 4096), 4326) AS seen
  )`

var layers = map[string]layer{
	// Grids are drawn general ones first, so that special ones lie over them.
	"grids": {topics: []string{"grids"}, bounded: true, query: `WITH RECURSIVE ` + below + `, ` + box + `, drawn AS (
    SELECT g.id::text AS id, g.code, g.name, g.kind, coalesce(g.area_code, '') AS area_code,
           ST_AsMVTGeom(ST_Transform(g.geom, 3857), box.tile, 4096, 64) AS geom
    FROM box, grids_seen g JOIN grid_versions v ON v.id = g.version_id
    WHERE g.district_id = $1 AND v.valid @> gp_now() AND g.geom && box.seen
      AND ($5 = '' OR g.area_code IN (SELECT code FROM below))
    ORDER BY g.kind, g.code
  )
SELECT coalesce(ST_AsMVT(drawn, 'grids', 4096, 'geom'), '') FROM drawn WHERE geom IS NOT NULL`},

	// Roads are everybody's. Small ones join as the map comes nearer; pieces of one
	// name and class travel as one feature, important ones last and so on top.
	"roads": {topics: []string{"roads"}, query: `WITH ` + box + `, drawn AS (
    SELECT r.class, r.rank, r.name,
           ST_AsMVTGeom(ST_Transform(ST_Collect(r.geom), 3857), box.tile, 4096, 64) AS geom
    FROM box, road_segments r
    WHERE r.district_id = $1 AND r.geom && box.seen
      AND r.rank <= CASE WHEN $2 < 9 THEN 3 WHEN $2 < 11 THEN 7 WHEN $2 < 12 THEN 9 WHEN $2 < 13 THEN 11 ELSE 99 END
    GROUP BY r.class, r.rank, r.name, box.tile
    ORDER BY r.rank DESC, r.name
  )
SELECT coalesce(ST_AsMVT(drawn, 'roads', 4096, 'geom'), '') FROM drawn WHERE geom IS NOT NULL`},

	// Towns, as the grids of the map in force make them up. Their union is made once a
	// revision, not for each tile.
	"areas": {topics: []string{"grids"}, bounded: true, outlines: true, query: `WITH RECURSIVE ` + below + `, above AS (
    SELECT code, parent_code FROM areas WHERE district_id = $1 AND code = $5
    UNION
    SELECT a.code, a.parent_code FROM areas a JOIN above b ON a.code = b.parent_code WHERE a.district_id = $1
  ), ` + box + `, drawn AS (
    SELECT t.code, t.name, 'town' AS level,
           ST_AsMVTGeom(ST_Transform(s.geom, 3857), box.tile, 4096, 64) AS geom
    FROM box, unnest($6::text[], $7::text[], $8::bytea[]) AS t(code, name, shape), LATERAL (SELECT ST_GeomFromEWKB(t.shape) AS geom) s
    WHERE s.geom && box.seen AND ($5 = '' OR t.code IN (SELECT code FROM below) OR t.code IN (SELECT code FROM above))
    ORDER BY t.code
  )
SELECT coalesce(ST_AsMVT(drawn, 'areas', 4096, 'geom'), '') FROM drawn WHERE geom IS NOT NULL`},

	// Water is everybody's. Narrow courses join as the map comes nearer.
	"water": {topics: []string{"water"}, query: `WITH ` + box + `, drawn AS (
    SELECT w.kind, w.name, coalesce(w.width_m, 0) AS width_m,
           ST_AsMVTGeom(ST_Transform(w.geom, 3857), box.tile, 4096, 64) AS geom
    FROM box, waters_seen w
    WHERE w.district_id = $1 AND w.geom && box.seen AND ($2 >= 12 OR w.kind <> 'stream')
    ORDER BY w.id
  )
SELECT coalesce(ST_AsMVT(drawn, 'water', 4096, 'geom'), '') FROM drawn WHERE geom IS NOT NULL`},

	// A place belongs to the area of the grid it lies in.
	"places": {topics: []string{"places", "grids"}, bounded: true, query: `WITH RECURSIVE ` + below + `, ` + box + `, drawn AS (
    SELECT p.id::text AS id, p.code, p.name, p.kind, coalesce(p.url, '') AS url, p.visits_per_week,
           ST_AsMVTGeom(ST_Transform(p.geom, 3857), box.tile, 4096, 64) AS geom
    FROM box, places_seen p
    WHERE p.district_id = $1 AND p.geom && box.seen
      AND ($5 = '' OR EXISTS (
        SELECT FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
        WHERE g.district_id = $1 AND v.valid @> gp_now() AND ST_Covers(g.geom, p.geom) AND g.area_code IN (SELECT code FROM below)))
    ORDER BY p.code
  )
SELECT coalesce(ST_AsMVT(drawn, 'places', 4096, 'geom'), '') FROM drawn WHERE geom IS NOT NULL`},
}

// Store cuts tiles. It is safe for concurrent use.
type Store struct {
	db    *pgdb.DB
	cache *cache
	towns townOutlines
}

// New makes a Store that keeps up to 32 MB of tiles.
func New(db *pgdb.DB) *Store { return &Store{db: db, cache: newCache(32 << 20)} }

// Layers names what can be asked for.
func (s *Store) Layers() []string { return slices.Sorted(maps.Keys(layers)) }

// Revision names the state of a layer's data. What is in force can change with
// the hour, at an activation, without anybody writing, so the grids' map version
// is part of it.
func (s *Store) Revision(ctx context.Context, name string) (string, error) {
	var revision int64
	var version *string
	topics := layers[name].topics
	err := s.db.QueryRow(ctx, `SELECT coalesce((SELECT sum(revision) FROM revisions WHERE topic = ANY($1)), 0)::bigint,
	  (SELECT id::text FROM grid_versions WHERE district_id = $2 AND valid @> gp_now() AND 'grids' = ANY($1))`,
		topics, pgdb.District).Scan(&revision, &version)
	if err != nil {
		return "", fmt.Errorf("read revision of %s: %w", name, err)
	}
	text := strconv.FormatInt(revision, 10)
	if version != nil {
		text += "-" + *version
	}
	return text, nil
}

// Tile cuts one tile; nothing in it is no bytes. Its error wraps ErrTile for a
// layer or an address that cannot be.
func (s *Store) Tile(ctx context.Context, name string, z, x, y int, area string) ([]byte, error) {
	l, known := layers[name]
	if !known || z < 0 || z > MaxZoom || x < 0 || y < 0 || x >= 1<<z || y >= 1<<z {
		return nil, fmt.Errorf("%w: %s/%d/%d/%d", ErrTile, name, z, x, y)
	}
	args := []any{pgdb.District, z, x, y}
	if l.bounded {
		args = append(args, area)
	} else {
		area = "" // one tile for all
	}
	revision, err := s.Revision(ctx, name)
	if err != nil {
		return nil, err
	}
	key := cacheKey{name, revision, area, z, x, y}
	if tile, ok := s.cache.get(key); ok {
		return tile, nil
	}
	if l.outlines {
		towns, err := s.towns.at(ctx, s.db, revision)
		if err != nil {
			return nil, err
		}
		args = append(args, towns.codes, towns.names, towns.shapes)
	}
	var tile []byte
	err = s.db.As(ctx, pgdb.Viewer{District: pgdb.District, Area: area}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, l.query, args...).Scan(&tile)
	})
	if err != nil {
		return nil, fmt.Errorf("cut tile %s/%d/%d/%d: %w", name, z, x, y, err)
	}
	s.cache.put(key, tile)
	return tile, nil
}
