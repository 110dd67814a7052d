package pgtiles_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/pgtiles"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// crowded is a district of 20,000 grids, places, segments and rivers, 200 areas of 100 grids
// each, with statistics.
func crowded(t testing.TB) *pgdb.DB {
	t.Helper()
	db := pgtest.New(t)
	version := uuid.New()
	for _, query := range []string{
		`INSERT INTO areas (district_id, code, name, level, parent_code) SELECT $1, 'd', 'd', 'district', NULL WHERE $2::uuid IS NOT NULL`,
		`INSERT INTO areas (district_id, code, name, level, parent_code) SELECT $1, 't' || n, 't', 'town', 'd' FROM generate_series(0, 199) n WHERE $2::uuid IS NOT NULL`,
		`INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES ($2, $1, 'active', 'now', tstzrange('2020-01-01', NULL))`,
		`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		 SELECT gen_random_uuid(), $1, $2, 'G' || n, 'g', 'general', 't' || n / 100, 1,
		   ST_Multi(ST_MakeEnvelope(121 + (n / 100) * 0.005, 28 + (n % 100) * 0.005, 121 + (n / 100 + 1) * 0.005, 28 + (n % 100 + 1) * 0.005, 4326))
		 FROM generate_series(0, 19999) n`,
		`INSERT INTO places (id, district_id, code, name, kind, geom)
		 SELECT gen_random_uuid(), $1, 'P' || n, 'p', 'camera', ST_SetSRID(ST_MakePoint(121.0025 + (n / 100) * 0.005, 28.0025 + (n % 100) * 0.005), 4326)
		 FROM generate_series(0, 19999) n WHERE $2::uuid IS NOT NULL`,
		`INSERT INTO road_segments (district_id, segment, class, rank, name, along, against, length_m, geom)
		 SELECT $1, n, 'residential', 10, 'r' || n % 7, '{foot}', '{foot}', 1,
		   ST_SetSRID(ST_MakeLine(ST_MakePoint(121 + (n / 100) * 0.005, 28 + (n % 100) * 0.005), ST_MakePoint(121.004 + (n / 100) * 0.005, 28 + (n % 100) * 0.005)), 4326)
		 FROM generate_series(0, 19999) n WHERE $2::uuid IS NOT NULL`,
		`INSERT INTO waters (id, district_id, kind, geom)
		 SELECT gen_random_uuid(), $1, 'river', ST_SetSRID(ST_MakeLine(ST_MakePoint(121 + (n / 100) * 0.005, 28 + (n % 100) * 0.005), ST_MakePoint(121.004 + (n / 100) * 0.005, 28 + (n % 100) * 0.005)), 4326)
		 FROM generate_series(0, 19999) n WHERE $2::uuid IS NOT NULL`,
	} {
		exec(t, db, query, pgdb.District, version)
	}
	exec(t, db, `ANALYZE areas, grids, grid_versions, places, road_segments, waters`)
	return db
}

// A tile is cut by the spatial index, for whoever it is cut. A policy's condition
// comes before a condition that might leak, which spatial ones may, so row security
// on the table itself would read all of it for every tile.
func TestTilesKeepTheSpatialIndex(t *testing.T) {
	t.Parallel()
	db := crowded(t)
	const z = 14
	x, y := tileAt(z, 121.5, 28.25)
	for layer, index := range map[string]string{"grids": "grids_geom", "places": "places_geom", "roads": "road_segments_geom", "water": "waters_geom"} {
		for _, area := range []string{"", "t100"} {
			query, bounded := pgtiles.Query(layer)
			args := []any{pgdb.District, z, x, y}
			if bounded {
				args = append(args, area)
			}
			plan := explain(t, db, area, query, args...)
			if !strings.Contains(plan, index) || strings.Contains(plan, "Seq Scan on "+strings.TrimSuffix(index, "_geom")) {
				t.Errorf("the tile of %s for the area %q does not go by %s:\n%s", layer, area, index, plan)
			}
		}
	}
}

func explain(t *testing.T, db *pgdb.DB, area, query string, args ...any) string {
	t.Helper()
	var plan []string
	err := db.As(t.Context(), pgdb.Viewer{District: pgdb.District, Area: area}, func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE) "+query, args...)
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

func BenchmarkTile(b *testing.B) {
	db := crowded(b)
	const z = 14
	x, y := tileAt(z, 121.5, 28.25)
	for _, layer := range []string{"grids", "places", "roads"} {
		for _, area := range []string{"", "t100"} {
			b.Run(layer+"/"+area, func(b *testing.B) {
				for range b.N {
					s := pgtiles.New(db) // without the tiles it kept
					if _, err := s.Tile(b.Context(), layer, z, x, y, area); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
