package pgstore_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// twoTowns draws a grid around the vat that belongs to a village of T1, and one from
// 1 km east of it on that belongs to T2.
func (w *world) twoTowns() {
	w.t.Helper()
	for area, span := range map[string][2]float64{"T1V1": {-1000, 1000}, "T2": {1000, 3000}} {
		west, east := atM(span[0]), atM(span[1])
		w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
			SELECT gen_random_uuid(), $1, v.id, $2, $2, 'general', $2, 1, ST_Multi(ST_MakeEnvelope($3, $4, $5, $6, 4326)) FROM grid_versions v WHERE v.valid @> gp_now()`,
			pgdb.District, area, west.Lon, vat.Lat-0.01, east.Lon, vat.Lat+0.01)
	}
}

func TestACaseShowsWhatStandsAroundIt(t *testing.T) {
	t.Parallel()
	t.Run("both walls", func(t *testing.T) {
		t.Parallel()
		aCaseShowsWhatStandsAroundIt(t, newWorld(t))
	})
	t.Run("the queries alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		pgtest.WallDown(t, w.db)
		aCaseShowsWhatStandsAroundIt(t, w)
	})
}

func aCaseShowsWhatStandsAroundIt(t *testing.T, w *world) {
	w.twoTowns()
	table := "code,name,kind,lon,lat,url,visits_per_week\n"
	for _, p := range []struct {
		code, kind string
		east       float64
	}{
		{"K-far", "camera", 1500}, {"K-near", "camera", 40}, {"K-west", "camera", -700}, {"K-4", "camera", -900},
		{"R1", "rental_house", 100}, {"M1", "market", -200}, {"F1", "factory", 300}, {"R2", "rental_house", 400},
		{"R-out", "rental_house", 520}, {"O1", "other", 10},
	} {
		at := atM(p.east)
		table += fmt.Sprintf("%s,%s,%s,%.7f,%.7f,https://video.example/%s,2\n", p.code, p.code, p.kind, at.Lon, at.Lat, p.code)
	}
	if r, err := pgstore.NewRegister(w.db).Places(t.Context(), strings.NewReader(table), pgstore.RegisterOptions{}); err != nil || len(r.Refused) > 0 {
		t.Fatal(r.Refused, err)
	}
	codes := func(list []dispatch.PlaceNear) string {
		var out []string
		for _, p := range list {
			out = append(out, fmt.Sprintf("%s %.0f0", p.Code, p.DistanceM/10)) // the sphere and the ellipsoid differ by 3 in 1,000
			if d := geo.DistanceM(vat, geo.Point{Lon: p.Lon, Lat: p.Lat}); math.Abs(d-p.DistanceM) > 0.01 {
				t.Errorf("%s is %f m away, told %f", p.Code, d, p.DistanceM)
			}
		}
		return strings.Join(out, ", ")
	}
	for area, want := range map[string][2]string{
		"":   {"K-near 40, K-west 700, K-4 900", "R1 100, M1 200, F1 300, R2 400"},
		"T1": {"K-near 40, K-west 700, K-4 900", "R1 100, M1 200, F1 300, R2 400"},
		"T2": {"K-far 1500", ""},
		"T9": {"", ""},
	} {
		v := w.operator
		v.AreaCode = area
		near, err := w.store.Near(t.Context(), v, vat)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{codes(near.Cameras), codes(near.Places)}; got != want {
			t.Errorf("area %q: %q, want %q", area, got, want)
		}
	}
	found, err := w.desk.Case(t.Context(), w.operator, w.file("C01").ID)
	if err != nil || len(found.Nearby.Cameras) != 3 || *found.Nearby.Cameras[0].URL != "https://video.example/K-near" || found.Nearby.Places[0].VisitsPerWeek != 2 {
		t.Errorf("%+v %v", found.Nearby, err)
	}
}

// North of the vat a degree is longer than east of it: the nearest by degrees is
// not the nearest.
func TestNearestIsByDistanceAndNotByDegrees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const step = 0.01
	for code, at := range map[string]geo.Point{"north": {Lon: vat.Lon, Lat: vat.Lat + step}, "east": {Lon: vat.Lon + step*1.1, Lat: vat.Lat}} {
		w.exec(`INSERT INTO places (id, district_id, code, name, kind, geom) VALUES (gen_random_uuid(), $1, $2, $2, 'camera', ST_SetSRID(ST_MakePoint($3, $4), 4326))`,
			pgdb.District, code, at.Lon, at.Lat)
	}
	near, err := w.store.Near(t.Context(), w.operator, vat)
	if err != nil || len(near.Cameras) != 2 || near.Cameras[0].Code != "east" {
		t.Errorf("%+v %v", near, err)
	}
}

func TestPlacesKeepWhatWasSent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const table = "code,name,kind,lon,lat,url,visits_per_week\nA,甲,market,121.4,28.5,,\n"
	o.take(o.Places, table, pgstore.RegisterOptions{CRS: geo.GCJ02})
	eq(t, "sent", o.rows(`SELECT sent_crs, sent_lon, sent_lat, abs(ST_X(geom) - 121.4) > 0.001 FROM places`), "gcj02 121.4 28.5 true")
	same(t, "again", changes(o.take(o.Places, table, pgstore.RegisterOptions{CRS: geo.GCJ02})))
	o.take(o.Places, table)
	eq(t, "as WGS-84", o.rows(`SELECT sent_crs IS NULL, sent_lon IS NULL, ST_X(geom) FROM places`), "true true 121.4")

	const points = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"A","name":"甲","kind":"market"},"geometry":{"type":"Point","coordinates":[121.4,28.5]}},
{"type":"Feature","properties":{"code":"B","name":"乙","kind":"camera","url":"https://video.example/B"},"geometry":{"type":"Point","coordinates":[121.41,28.5]}},
{"type":"Feature","properties":{"code":"C","name":"丙","kind":"shop"},"geometry":{"type":"Point","coordinates":[121.41,28.5]}}]}`
	features := feature.GeoJSON(strings.NewReader(points), feature.Limits{})
	dry, err := o.PlaceFeatures(t.Context(), features, pgstore.RegisterOptions{DryRun: true})
	if err != nil || len(dry.Refused) != 1 || dry.Refused[0].Feature != 3 || dry.Refused[0].Column != "kind" {
		t.Errorf("%+v %v", dry, err)
	}
	same(t, "dry run", changes(dry), "added place B")
	eq(t, "places", o.rows(`SELECT count(*) FROM places`), "1")
	if _, err := o.PlaceFeatures(t.Context(), feature.GeoJSON(strings.NewReader(points), feature.Limits{}), pgstore.RegisterOptions{}); err != nil {
		t.Fatal(err)
	}
	eq(t, "places", o.rows(`SELECT string_agg(code || coalesce(url, ''), ' ' ORDER BY code) FROM places`), "A Bhttps://video.example/B")
}

func TestWaterTakesThePlaceOfWater(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	run := func(names ...string) []string {
		t.Helper()
		var list []string
		for _, n := range names {
			list = append(list, `{"type":"Feature","properties":{"name":"`+n+`"},"geometry":{"type":"LineString","coordinates":[[121,28],[121.1,28]]}}`)
		}
		r, err := o.Water(t.Context(), feature.GeoJSON(strings.NewReader(`{"type":"FeatureCollection","features":[`+strings.Join(list, ",")+`]}`), feature.Limits{}), pgstore.RegisterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return changes(r)
	}
	same(t, "first", run("a", "b"), "changed water  2 rivers and lakes take the place of 0")
	same(t, "again", run("a", "b"))
	same(t, "another", run("c"), "changed water  1 rivers and lakes take the place of 2")
	same(t, "nothing usable", run())
	eq(t, "water", o.rows(`SELECT name, kind FROM waters`), "c river")
}

func TestTelephonesOfAreasStay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.take(o.Areas, "code,name,level,parent_code,phone\nD,区,district,,\nT1,镇,town,D,0576-5550101\n")
	same(t, "a table without telephones", changes(o.take(o.Areas, "code,name,level,parent_code\nT1,镇,town,D\n")))
	same(t, "another number", changes(o.take(o.Areas, "code,name,level,parent_code,phone\nT1,镇,town,D,110\n")), "changed area T1 phone: 0576-5550101 -> 110")
	same(t, "no number", refusals(o.take(o.Areas, "code,name,level,parent_code,phone\nT1,镇,town,D,call me\n")), "2 phone bad_value")
}

func TestANonsenseCursorIsNoPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, cursor := range []string{"P1", "zzz", "!", "YWZ0ZXI6", "YWZ0ZXI6AA"} { // the last two: "after:" and nothing, or a zero byte
		_, err := w.store.Patrols(t.Context(), w.operator, dispatch.PatrolFilter{PageAsk: dispatch.PageAsk{Cursor: cursor}})
		if dispatch.KindOf(err) != dispatch.Invalid {
			t.Errorf("%q: %v", cursor, err)
		}
	}
	page, err := w.store.Patrols(t.Context(), w.operator, dispatch.PatrolFilter{PageAsk: dispatch.PageAsk{Cursor: dispatch.CursorAfter("P1")}})
	if err != nil || len(page.Items) != 1 || page.Items[0].Code != "P2" {
		t.Errorf("%+v %v", page.Items, err)
	}
}
