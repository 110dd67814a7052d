package pgtiles_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/pgtiles"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func exec(t testing.TB, db *pgdb.DB, query string, args ...any) {
	t.Helper()
	err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The area that bounds a tile is kept by the layer's own condition and by the
// database, each without the other.
func TestGridsOfATile(t *testing.T) {
	t.Parallel()
	t.Run("both walls", func(t *testing.T) {
		t.Parallel()
		gridsOfATile(t, pgtest.New(t))
	})
	t.Run("the queries alone", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		pgtest.WallDown(t, db)
		gridsOfATile(t, db)
	})
}

func gridsOfATile(t *testing.T, db *pgdb.DB) {
	exec(t, db, `INSERT INTO areas (district_id, code, name, level, parent_code) VALUES
	  ($1, 'd', 'd', 'district', NULL), ($1, 'north', 'n', 'town', 'd'), ($1, 'south', 's', 'town', 'd'), ($1, 'mill', 'm', 'village', 'north')`, pgdb.District)
	now, past := uuid.New(), uuid.New()
	exec(t, db, `INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES
	  ($1, $3, 'active', 'now', tstzrange('2026-01-01', NULL)), ($2, $3, 'active', 'past', tstzrange('2025-01-01', '2026-01-01'))`, now, past, pgdb.District)
	exec(t, db, `INSERT INTO grid_versions (id, district_id, state, source) VALUES ($1, $2, 'draft', 'next')`, uuid.New(), pgdb.District)
	add := func(version uuid.UUID, code, kind, area string, west, south, side float64) {
		t.Helper()
		exec(t, db, `INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		  VALUES (gen_random_uuid(), $1, $2, $3, $3, $4, $5, 1, ST_Multi(ST_MakeEnvelope($6, $7, $8, $9, 4326)))`,
			pgdb.District, version, code, kind, area, west, south, west+side, south+side)
	}
	add(now, "G-north", "general", "north", 121.38, 28.60, 0.01)
	add(now, "G-mill", "general", "mill", 121.39, 28.60, 0.01)
	add(now, "G-south", "general", "south", 121.38, 28.58, 0.01)
	add(now, "A-market", "special", "south", 121.382, 28.582, 0.002)
	add(past, "G-old", "general", "north", 121.38, 28.60, 0.01)
	add(now, "G-far", "general", "north", 122.38, 28.60, 0.01)

	s := pgtiles.New(db)
	const z = 10
	x, y := tileAt(z, 121.385, 28.595)
	codes := func(area string) []string {
		t.Helper()
		tile, err := s.Tile(t.Context(), "grids", z, x, y, area)
		if err != nil {
			t.Fatal(err)
		}
		features := draw(t, tile, z, x, y, "grids", "code")
		var out []string
		for code := range features {
			out = append(out, code)
		}
		slices.Sort(out)
		return out
	}
	for area, want := range map[string][]string{
		"":      {"A-market", "G-mill", "G-north", "G-south"},
		"north": {"G-mill", "G-north"}, "mill": {"G-mill"}, "d": {"A-market", "G-mill", "G-north", "G-south"}, "nowhere": nil,
	} {
		if got := codes(area); !slices.Equal(got, want) {
			t.Errorf("area %q: %v, want %v", area, got, want)
		}
	}
	exec(t, db, `INSERT INTO places (id, district_id, code, name, kind, geom) VALUES
	  (gen_random_uuid(), $1, 'C-1', '路口', 'camera', ST_SetSRID(ST_MakePoint(121.385, 28.605), 4326)),
	  (gen_random_uuid(), $1, 'C-2', '市场', 'market', ST_SetSRID(ST_MakePoint(121.385, 28.585), 4326))`, pgdb.District)
	for area, want := range map[string]int{"": 2, "north": 1, "mill": 0, "d": 2} {
		tile, err := s.Tile(t.Context(), "places", z, x, y, area)
		if err != nil {
			t.Fatal(err)
		}
		if got := draw(t, tile, z, x, y, "places", "code"); len(got) != want {
			t.Errorf("area %q: %d places, want %d", area, len(got), want)
		}
	}
	towns := func() map[string][]string {
		t.Helper()
		out := map[string][]string{}
		for _, area := range []string{"", "north", "mill", "d", "nowhere"} {
			tile, err := s.Tile(t.Context(), "areas", z, x, y, area)
			if err != nil {
				t.Fatal(err)
			}
			out[area] = slices.Sorted(maps.Keys(draw(t, tile, z, x, y, "areas", "code")))
		}
		return out
	}
	for area, want := range map[string][]string{"": {"north", "south"}, "north": {"north"}, "mill": {"north"}, "d": {"north", "south"}, "nowhere": nil} {
		if got := towns()[area]; !slices.Equal(got, want) {
			t.Errorf("area %q sees the towns %v, want %v", area, got, want)
		}
	}
	tile, err := s.Tile(t.Context(), "areas", z, x, y, "")
	if err != nil {
		t.Fatal(err)
	}
	// Two grids side by side are one town without a seam.
	if town := draw(t, tile, z, x, y, "areas", "code")["north"]; len(town) != 1 || town.bound().West > 121.3801 || town.bound().East < 121.3999 {
		t.Errorf("the town of two grids is %d rings, %+v", len(town), town.bound())
	}
	// Another tree of areas makes other towns, without a new map.
	exec(t, db, `UPDATE areas SET parent_code = 'south' WHERE code = 'mill'`)
	exec(t, db, `UPDATE revisions SET revision = revision + 1 WHERE topic = 'grids'`)
	if got := towns()["mill"]; !slices.Equal(got, []string{"south"}) {
		t.Errorf("after the village has changed towns: %v", got)
	}
	tile, err = s.Tile(t.Context(), "grids", z, x, y, "")
	if err != nil {
		t.Fatal(err)
	}
	b := draw(t, tile, z, x, y, "grids", "code")["G-north"].bound()
	unit := 360.0 / 1024 / 4096 // degrees of a tile's unit at zoom 10
	for got, want := range map[float64]float64{b.West: 121.38, b.East: 121.39, b.South: 28.60, b.North: 28.61} {
		if math.Abs(got-want) > unit {
			t.Errorf("a corner is drawn at %.6f, want %.6f to within %.6f", got, want, unit)
		}
	}
}

func TestRoadsOfATile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for i, road := range []struct {
		class string
		rank  int
		name  string
		south float64
	}{{"trunk", 2, "G104", 28.58}, {"trunk", 2, "G104", 28.581}, {"residential", 11, "银安街", 28.582}, {"footway", 17, "", 28.583}} {
		exec(t, db, `INSERT INTO road_segments (district_id, segment, class, rank, name, along, against, length_m, geom)
		  VALUES ($1, $2, $3, $4, $5, '{car}', '{}', 1, ST_SetSRID(ST_MakeLine(ST_MakePoint(121.38, $6), ST_MakePoint(121.39, $6)), 4326))`,
			pgdb.District, i, road.class, road.rank, road.name, road.south)
	}
	s := pgtiles.New(db)
	for z, want := range map[int]int{8: 1, 10: 1, 12: 2, 13: 3, 16: 3} {
		x, y := tileAt(z, 121.385, 28.5815)
		tile, err := s.Tile(t.Context(), "roads", z, x, y, "any area")
		if err != nil {
			t.Fatal(err)
		}
		features := draw(t, tile, z, x, y, "roads", "class")
		if len(features) != want {
			t.Errorf("zoom %d draws %d classes, want %d", z, len(features), want)
		}
		if lines := features["trunk"]; z == 13 && len(lines) != 2 {
			t.Errorf("two pieces of one road are %d lines", len(lines))
		}
	}
}

func TestWaterOfATile(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db, `INSERT INTO waters (id, district_id, kind, name, width_m, geom) VALUES
	  (gen_random_uuid(), $1, 'river', '金清港', 90, ST_SetSRID(ST_MakeLine(ST_MakePoint(121.38, 28.58), ST_MakePoint(121.39, 28.58)), 4326)),
	  (gen_random_uuid(), $1, 'stream', '小溪', NULL, ST_SetSRID(ST_MakeLine(ST_MakePoint(121.38, 28.581), ST_MakePoint(121.39, 28.581)), 4326)),
	  (gen_random_uuid(), $1, 'lake', '飞龙湖', NULL, ST_MakeEnvelope(121.38, 28.582, 121.385, 28.585, 4326))`, pgdb.District)
	s := pgtiles.New(db)
	for z, want := range map[int]int{10: 2, 13: 3} {
		x, y := tileAt(z, 121.385, 28.5815)
		tile, err := s.Tile(t.Context(), "water", z, x, y, "any area")
		if err != nil {
			t.Fatal(err)
		}
		if got := draw(t, tile, z, x, y, "water", "kind"); len(got) != want {
			t.Errorf("zoom %d draws %d kinds of water, want %d", z, len(got), want)
		}
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	s := pgtiles.New(nil) // refused before the database is asked
	if _, err := s.Tile(t.Context(), "secrets", 0, 0, 0, ""); !errors.Is(err, pgtiles.ErrTile) {
		t.Errorf("an unknown layer: %v", err)
	}
	for _, a := range [][3]int{{-1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {3, -1, 0}, {19, 0, 0}} {
		if _, err := s.Tile(t.Context(), "grids", a[0], a[1], a[2], ""); !errors.Is(err, pgtiles.ErrTile) {
			t.Errorf("%v: %v", a, err)
		}
	}
}

func TestRevisionMovesWithTheMap(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := pgtiles.New(db)
	revision := func(layer string) string {
		t.Helper()
		r, err := s.Revision(t.Context(), layer)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	grids, roads := revision("grids"), revision("roads")
	exec(t, db, `UPDATE revisions SET revision = revision + 1 WHERE topic = 'roads'`)
	if revision("roads") == roads || revision("grids") != grids {
		t.Error("a revision does not follow its own topic")
	}
	exec(t, db, `INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES (gen_random_uuid(), $1, 'active', 'x', tstzrange(gp_now() + interval '1 h', NULL))`, pgdb.District)
	if revision("grids") != grids {
		t.Error("a map that is not in force yet changes tiles")
	}
	pgtest.Advance(t, db, 61*60*1e9)
	if revision("grids") == grids {
		t.Error("a map that came into force changes no tile")
	}
}
