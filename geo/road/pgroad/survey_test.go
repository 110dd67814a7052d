package pgroad_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/drawn"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// surveyed is a database of a customer's.
func surveyed(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// A customer's table, projected as the country does, with rows nobody can use among
// many good ones.
func TestASurveyTableLosesNoGoodRow(t *testing.T) {
	t.Parallel()
	db := surveyed(t)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE "道路 普查" (gid int PRIMARY KEY, "等级" text, kmh numeric, dx boolean, road_name text, who text, shape geometry)`)
	insert := `INSERT INTO "道路 普查" VALUES ($1, $2, $3, $4, $5, $6, ST_Transform(ST_GeomFromText($7, 4326), 4549))`
	const good = 1200
	for i := range good {
		y := 28.58 + float64(i)*1e-5
		exec(insert, i, "国道", 60, i == 0, "G"+fmt.Sprint(i), "", fmt.Sprintf("LINESTRING(121.38 %g, 121.39 %g)", y, y))
	}
	exec(insert, 2001, "跑道", 60, false, "", "", "LINESTRING(121.38 28.58, 121.39 28.58)")
	exec(insert, 2002, "国道", -3, false, "", "", "LINESTRING(121.38 28.58, 121.39 28.58)")
	exec(insert, 2003, "国道", 60, false, "", "", "POLYGON((121.38 28.58, 121.39 28.58, 121.39 28.59, 121.38 28.58))")
	exec(`INSERT INTO "道路 普查" VALUES (2004, '国道', 60, false, '', '', NULL)`)
	exec(`INSERT INTO "道路 普查" VALUES (2005, '国道', 60, false, '', '', ST_GeomFromText('LINESTRING(1 1, 2 2)'))`)
	exec(`INSERT INTO "道路 普查" VALUES (2006, '国道', 60, false, '', '', ST_GeomFromText('LINESTRING(1e30 1e30, 2e30 2e30)', 4549))`)
	exec(`INSERT INTO "道路 普查" VALUES (2007, '国道', 60, false, '', '', ST_GeomFromText('LINESTRINGZ(121.38 28.6 5, 121.39 28.6 6)', 4490))`)
	exec(`INSERT INTO "道路 普查" VALUES (2008, '国道', 60, false, '', 'boat', ST_GeomFromText('LINESTRING(121.38 28.6, 121.39 28.6)', 4326))`)

	survey := pgroad.Survey{Table: "道路 普查", ID: "gid", Classes: map[string]string{"国道": "primary"},
		Columns: map[string]string{"class": "等级", "speed_kmh": "kmh", "oneway": "dx", "name": "road_name", "modes": "who"}}
	var reads, of int64
	lines, accepted, refused, err := drawn.Lines(survey.Features(t.Context(), db, func(read, total int64) { reads, of = read, total }))
	if err != nil {
		t.Fatal(err)
	}
	if accepted != good+1 || len(lines) != good+1 || reads != good+8 || of != good+8 {
		t.Errorf("%d of %d accepted, %d lines, %d and %d told", accepted, good, len(lines), reads, of)
	}
	var codes []string
	for _, r := range refused {
		codes = append(codes, r.Code)
	}
	if got := strings.Join(codes, " "); got != "class speed geometry geometry srid transform modes" {
		t.Errorf("refused for %s: %v", got, refused)
	}
	for _, r := range refused[3:6] {
		if !strings.Contains(r.Detail, "gid = 200") {
			t.Errorf("nobody finds %v", r)
		}
	}
	first := lines[0]
	if first.Class != road.Primary || first.SpeedKMH != 60 || !first.OneWay || first.Name != "G0" || lines[1].OneWay ||
		math.Abs(first.Points[0].Lon-121.38) > 1e-7 || math.Abs(first.Points[0].Lat-28.58) > 1e-7 {
		t.Errorf("the first is %+v", first)
	}
	if _, err := road.FromLines(t.Context(), lines, "table"); err != nil {
		t.Error(err)
	}
}

// Shifted degrees are shifted back, and a geometry without a projection takes the one
// that is said.
func TestASurveyInMarsDegrees(t *testing.T) {
	t.Parallel()
	db := surveyed(t)
	at := geo.FromWGS84(geo.Point{Lon: 121.38, Lat: 28.58}, geo.GCJ02)
	if _, err := db.Exec(t.Context(), `CREATE TABLE mars AS SELECT ST_MakeLine(ST_MakePoint($1, $2), ST_MakePoint($1 + 0.01, $2)) AS g`, at.Lon, at.Lat); err != nil {
		t.Fatal(err)
	}
	var got []feature.Feature
	for f, err := range (pgroad.Survey{Table: "public.mars", SRID: 4326, CRS: geo.GCJ02}).Features(t.Context(), db, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if len(got) != 1 {
		t.Fatalf("%d rows", len(got))
	}
	flat := got[0].Geom.(*geom.LineString).FlatCoords()
	if math.Abs(flat[0]-121.38) > 1e-6 || math.Abs(flat[1]-28.58) > 1e-6 {
		t.Errorf("at %v", flat[:2])
	}
}

func TestASurveyThatIsNotThereSaysWhatIs(t *testing.T) {
	t.Parallel()
	db := surveyed(t)
	for _, sql := range []string{`CREATE TABLE two (name text, a geometry, b geometry)`, `CREATE TABLE none (name text, wkt text)`} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		survey pgroad.Survey
		says   string
	}{
		"no table":      {pgroad.Survey{Table: "nowhere"}, "no table nowhere"},
		"an injection":  {pgroad.Survey{Table: `two"; DROP TABLE two; --`}, "no table"},
		"two lines":     {pgroad.Survey{Table: "two"}, "a, b"},
		"no lines":      {pgroad.Survey{Table: "none"}, "no column of type geometry"},
		"no line named": {pgroad.Survey{Table: "none", Geom: "wkt"}, "no column of type geometry"},
		"no such line":  {pgroad.Survey{Table: "two", Geom: "name"}, "a, b"},
		"no such id":    {pgroad.Survey{Table: "two", Geom: "a", ID: "gid"}, "name, a, b"},
		"no such class": {pgroad.Survey{Table: "two", Geom: "a", Columns: map[string]string{"class": "kind"}}, `"kind" for class`},
	} {
		var failed error
		for _, err := range c.survey.Features(t.Context(), db, nil) {
			failed = err
		}
		if !errors.Is(failed, pgroad.ErrSurvey) || !strings.Contains(failed.Error(), c.says) {
			t.Errorf("%s: %v", name, failed)
		}
	}
}
