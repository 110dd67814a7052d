package pgtrack_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

const fencedDistrict = `
INSERT INTO departments SELECT id, 'grid', '网格', 'Grid' FROM districts;
INSERT INTO areas SELECT id, 'D', '示范区', 'district', NULL FROM districts;
INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT gen_random_uuid(), id, 'active', 'test', '[2026-01-01,)' FROM districts;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), v.district_id, v.id, 'G' || n, '格', 'general', 'D', 1e6,
    ST_Multi(ST_MakeEnvelope(121 + n * 0.01, 28, 121.01 + n * 0.01, 28.01, 4326)) FROM grid_versions v, generate_series(1, 3) n;
INSERT INTO patrols (id, district_id, code, name, department, mode, area_code) SELECT gen_random_uuid(), id, 'P1', '队', 'grid', 'foot', 'D' FROM districts;
INSERT INTO staff (id, district_id, code, name, role, department, area_code) SELECT gen_random_uuid(), id, 'S1', '王', 'grid_worker', 'grid', 'D' FROM districts;
INSERT INTO patrol_members SELECT p.id, s.id, '[2026-01-01,)' FROM patrols p, staff s;
INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid)
  SELECT s.district_id, g, s.id, 'worker', '[2026-01-01,)' FROM staff s, unnest('{G1,G2}'::text[]) g;
INSERT INTO road_closures (id, district_id, geom, modes, during, reason, made_by)
  SELECT gen_random_uuid(), d.id, ST_GeomFromText(shape, 4326), '{car,foot}', tstzrange(gp_now() - interval '1 hour', gp_now() + left_over), 'x', gen_random_uuid()
  FROM districts d, (VALUES ('POLYGON((121 28,121.1 28,121.1 28.1,121 28))', interval '1 hour'), ('LINESTRING(121 28,121.1 28)', interval '1 hour'),
    ('POLYGON((121 28,121.1 28,121.1 28.1,121 28))', interval '-1 minute')) AS c (shape, left_over);`

// The fences that are watched are a worker's own grids, as one area, and the areas
// that are closed now.
func TestAreas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := pgtrack.New(db)
	if err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), fencedDistrict)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	areas, err := store.Areas(t.Context())
	if err != nil || len(areas) != 2 {
		t.Fatalf("%+v, %v", areas, err)
	}
	if a := areas[0]; a.Kind != pgtrack.OwnGrid || a.Name != "G1,G2" || a.Patrol.IsZero() || len(a.Rings) != 1 {
		t.Errorf("%+v", a)
	}
	if a := areas[1]; a.Kind != pgtrack.ClosedArea || !slices.Equal(a.Modes, []string{"car", "foot"}) || len(a.Rings) != 1 || len(a.Rings[0]) != 3 {
		t.Errorf("%+v", a)
	}

	patrol := areas[0].Patrol
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	cross := func(inside, first bool, minute int) int {
		t.Helper()
		news, err := store.Cross(t.Context(), []pgtrack.Crossed{{
			Patrol: patrol, Kind: pgtrack.OwnGrid, Name: "G1,G2", Inside: inside, First: first, At: at.Add(time.Duration(minute) * time.Minute),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return len(news)
	}
	for i, c := range []struct {
		inside, first bool
		minute, news  int
	}{
		{true, true, 0, 0},   // where it began
		{false, false, 5, 1}, // left
		{false, false, 5, 0}, // as another node saw it
		{false, true, 6, 0},  // a node that starts
		{true, false, 4, 0},  // what is older changes nothing
		{true, false, 9, 1},  // came back
	} {
		if n := cross(c.inside, c.first, c.minute); n != c.news {
			t.Errorf("crossing %d: %d events, want %d", i, n, c.news)
		}
	}
	var kinds []string
	if err := db.QueryRow(t.Context(), `SELECT array_agg(kind ORDER BY id) FROM case_events WHERE patrol_id = $1`, patrol.UUID).Scan(&kinds); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kinds, []string{"patrol.left_grid", "patrol.entered_grid"}) {
		t.Errorf("%v", kinds)
	}

	// What is known of a closure goes with it.
	if _, err := store.Cross(t.Context(), []pgtrack.Crossed{{Patrol: patrol, Kind: pgtrack.ClosedArea, Name: areas[1].Name, Inside: true, At: at},
		{Patrol: patrol, Kind: pgtrack.ClosedArea, Name: uuid.NewString(), Inside: true, At: at}}); err != nil {
		t.Fatal(err)
	}
	if err := store.ForgetSides(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM fence_sides WHERE kind = 'closure'`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d closures are remembered, %v", left, err)
	}
}
