package pgtrack_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo"
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
    ('POLYGON((121 28,121.1 28,121.1 28.1,121 28))', interval '-1 minute')) AS c (shape, left_over);
INSERT INTO places (id, district_id, code, name, kind, geom, fence_m)
  SELECT gen_random_uuid(), id, 'L' || n, '出租房', 'rental_house', ST_SetSRID(ST_MakePoint(121.005, 28.005), 4326), fence_m
  FROM districts, (VALUES (1, 80), (2, NULL)) AS p (n, fence_m);`

// The fences that are watched are a worker's own grids, as one area, the areas that are
// closed now, and what is around places that ask for it.
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
	if err != nil || len(areas) != 3 {
		t.Fatalf("%+v, %v", areas, err)
	}
	if a := areas[0]; a.Kind != pgtrack.OwnGrid || a.Name != "G1,G2" || a.Patrol.IsZero() || len(a.Rings) != 1 {
		t.Errorf("%+v", a)
	}
	if a := areas[1]; a.Kind != pgtrack.ClosedArea || !slices.Equal(a.Modes, []string{"car", "foot"}) || len(a.Rings) != 1 || len(a.Rings[0]) != 3 {
		t.Errorf("%+v", a)
	}

	if a := areas[2]; a.FenceName != (pgtrack.FenceName{Kind: pgtrack.AroundSpot, Name: "L1"}) || len(a.Rings) != 1 {
		t.Errorf("%+v", a)
	} else {
		for _, p := range a.Rings[0] {
			if off := geo.DistanceM(p, geo.Point{Lon: 121.005, Lat: 28.005}); off < 79 || off > 81 {
				t.Errorf("a corner is %.1f m from a place with a fence of 80 m", off)
			}
		}
	}

	patrol := areas[0].Patrol
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	beat := pgtrack.FenceName{Kind: pgtrack.OwnGrid, Name: "G1,G2"}
	cross := func(c pgtrack.Crossed) int {
		t.Helper()
		c.Patrol = patrol
		news, err := store.Cross(t.Context(), []pgtrack.Crossed{c})
		if err != nil {
			t.Fatal(err)
		}
		return len(news)
	}
	minute := func(m int) time.Time { return at.Add(time.Duration(m) * time.Minute) }
	for i, c := range []struct {
		inside bool
		at     time.Time
		why    string
		news   int
	}{
		{false, minute(0), "", 0},                        // outside is where everybody is
		{true, minute(1), "", 1},                         // came in
		{true, minute(1), "", 0},                         // as another node saw it
		{true, minute(2), "", 0},                         // a node that starts
		{false, minute(0), "", 0},                        // what is older changes nothing
		{false, minute(5), "", 1},                        // left
		{true, minute(3), "", 0},                         // an entry that is heard of late
		{true, minute(9), "", 1},                         // came back
		{false, minute(19), pgtrack.WhyLost, 1},          // and was lost there
		{true, minute(30), "", 1},                        // was heard again
		{false, time.Time{}, pgtrack.WhyOffDuty, 1},      // went home
		{false, time.Time{}, pgtrack.WhyOffDuty, 0},      // as another node heard it
		{true, time.Now().Add(100 * time.Hour), "", 1},   // a clock that is ahead of ours
		{false, time.Time{}, pgtrack.WhyOffDuty, 1},      // keeps nobody there
		{false, time.Now().Add(1000 * time.Hour), "", 0}, // who is outside does not leave
	} {
		if n := cross(pgtrack.Crossed{FenceName: beat, Inside: c.inside, At: c.at, Why: c.why}); n != c.news {
			t.Errorf("crossing %d: %d events, want %d", i, n, c.news)
		}
	}
	var kinds []string
	if err := db.QueryRow(t.Context(), `SELECT array_agg(kind || ' ' || coalesce(body -> 'detail' ->> 'because', '') ORDER BY id) FROM case_events WHERE patrol_id = $1`, patrol.UUID).Scan(&kinds); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kinds, []string{"patrol.entered_grid ", "patrol.left_grid ", "patrol.entered_grid ", "patrol.left_grid its position was lost",
		"patrol.entered_grid ", "patrol.left_grid went off duty", "patrol.entered_grid ", "patrol.left_grid went off duty"}) {
		t.Errorf("%v", kinds)
	}

	// What is known of a fence goes with it, and who was in it has left.
	gone := pgtrack.FenceName{Kind: pgtrack.ClosedArea, Name: uuid.NewString()}
	kept := pgtrack.FenceName{Kind: pgtrack.ClosedArea, Name: areas[1].Name}
	place := pgtrack.FenceName{Kind: pgtrack.AroundSpot, Name: "L1"}
	for _, name := range []pgtrack.FenceName{gone, kept, place, {Kind: pgtrack.OwnGrid, Name: "G9"}} {
		cross(pgtrack.Crossed{FenceName: name, Inside: true, At: at})
	}
	inside := func() []pgtrack.FenceName {
		t.Helper()
		if err := store.ForgetSides(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := store.Insides(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all[patrol]
	}
	if now := inside(); len(now) != 2 || !slices.Contains(now, kept) || !slices.Contains(now, place) {
		t.Errorf("it is in %v", now)
	}
	if err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `UPDATE places SET fence_m = NULL`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if now := inside(); !slices.Equal(now, []pgtrack.FenceName{kept}) {
		t.Errorf("it is in %v", now)
	}
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM case_events WHERE body -> 'detail' ->> 'because' = $1`, pgtrack.WhyNoFence).Scan(&left); err != nil || left != 3 {
		t.Errorf("%d have left fences that are no more, %v", left, err)
	}
}

// A beat is drawn once, and anew when its grids, or the map they are of, are others.
func TestABeatIsDrawnAnewWithTheMap(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := pgtrack.New(db)
	change := func(query string) {
		t.Helper()
		if err := db.Owner(t.Context(), func(conn *pgx.Conn) error { _, err := conn.Exec(t.Context(), query); return err }); err != nil {
			t.Fatal(err)
		}
	}
	change(fencedDistrict)
	beat := func() (string, float64) {
		t.Helper()
		areas, err := store.Areas(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range areas {
			if a.Kind == pgtrack.OwnGrid {
				north := 0.0
				for _, p := range a.Rings[0] {
					north = max(north, p.Lat)
				}
				return a.Name, north
			}
		}
		return "", 0
	}
	look := func(what, name string, north float64) {
		t.Helper()
		for range 2 {
			if gotName, gotNorth := beat(); gotName != name || gotNorth != north {
				t.Errorf("%s: the beat is %q up to %g degrees, want %q up to %g", what, gotName, gotNorth, name, north)
			}
		}
	}
	look("at first", "G1,G2", 28.01)
	change(`UPDATE grid_staff SET valid = tstzrange(lower(valid), gp_now()) WHERE grid_code = 'G2'`)
	look("with one grid less", "G1", 28.01)
	change(`UPDATE grid_versions SET valid = tstzrange(lower(valid), gp_now());
INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT gen_random_uuid(), id, 'active', 'redrawn', tstzrange(gp_now(), NULL) FROM districts;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), v.district_id, v.id, 'G1', '格', 'general', 'D', 1e6, ST_Multi(ST_MakeEnvelope(121, 28, 121.01, 28.02, 4326))
  FROM grid_versions v WHERE source = 'redrawn'`)
	look("by the next map", "G1", 28.02)
	change(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid)
  SELECT s.district_id, 'G1' || lpad(n::text, 12, '0'), s.id, 'worker', tstzrange('2026-01-01', NULL) FROM staff s, generate_series(1, 50) n;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), v.district_id, v.id, 'G1' || lpad(n::text, 12, '0'), '格', 'general', 'D', 1e6, ST_Multi(ST_MakeEnvelope(122, 28, 122.01, 28.02, 4326))
  FROM grid_versions v, generate_series(1, 50) n WHERE source = 'redrawn'`)
	look("with more grids than a name has room for", "", 0)
	change(`UPDATE grid_staff SET valid = tstzrange(lower(valid), gp_now())`)
	look("without grids", "", 0)
}
