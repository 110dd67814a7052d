package pgstore_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func polygon(code string, extra string, coords ...[2]float64) string {
	text := fmt.Sprintf(`{"type":"Feature","properties":{"code":%q,"name":"n%s"%s},"geometry":{"type":"Polygon","coordinates":[[`, code, code, extra)
	for i, c := range coords {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf("[%g,%g]", c[0], c[1])
	}
	return text + "]]}}"
}

// square has its south-west corner at x, y hundredths of a degree east of 121, north of 28.
func square(code string, x, y, w, h float64, extra string) string {
	p := func(dx, dy float64) [2]float64 {
		return [2]float64{math.Round(12100+x+dx) / 100, math.Round(2800+y+dy) / 100}
	}
	return polygon(code, extra, p(0, 0), p(w, 0), p(w, h), p(0, h), p(0, 0))
}

func (o *office) draw(i pgstore.GridImport, features ...string) (pgstore.GridResult, error) {
	i.Source, i.Code, i.Name, i.Kind, i.Area, i.Categories = "test", "code", "name", "kind", "area", "categories"
	text := `{"type":"FeatureCollection","features":[` + strings.Join(features, ",\n") + `]}`
	return o.Grids(o.t.Context(), feature.GeoJSON(strings.NewReader(text), feature.Limits{}), i)
}

func TestGridVersions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	now := pgstore.GridImport{Activate: true}
	r, err := o.draw(now, square("A", 0, 0, 1, 1, `,"area":"V1"`), square("B", 1, 0, 1, 1, ""), square("M", 0, 0, 2, 1, `,"kind":"special","categories":["B08","C14"]`))
	if err != nil || !r.Activated {
		t.Fatalf("%+v %v", r, err)
	}
	same(t, "first", changes(r.Result), "added grid A", "added grid B", "added grid M")
	if c := r.Checked; len(c.Overlaps)+len(c.Gaps)+len(c.Repaired) != 0 || c.Grids != 3 || math.Abs(c.AreaM2-c.UnionM2) > 0.1 || c.AreaM2 < 2e6 {
		t.Errorf("%+v", c)
	}
	r, err = o.draw(now, square("A", 0, 0, 1, 1, `,"area":"V1"`), square("B", 1, 0, 1, 1, ""), square("M", 0, 0, 2, 1, `,"kind":"special","categories":"B08;C14"`))
	if err != nil || len(r.Changes) != 0 || r.Version != "" {
		t.Errorf("the same map again: %+v %v", r, err)
	}
	eq(t, "versions", o.rows(`SELECT count(*) FROM grid_versions`), "1")

	// A day later the border moves; the day before keeps its map.
	pgtest.Advance(t, o.db, 24*time.Hour)
	r, err = o.draw(now, square("A", 0, 0, 2, 1, ""), square("C", 2, 0, 1, 1, ""))
	if err != nil || !r.Activated {
		t.Fatalf("%+v %v", r, err)
	}
	same(t, "second", changes(r.Result), "added grid C", "changed grid A area_code: V1 -> , area_m2: 1089991 -> 2179983", "closed grid B", "closed grid M")
	versions, _, err := pgstore.New(o.db).MapVersions(t.Context())
	if err != nil || len(versions) != 2 {
		t.Fatalf("%v %v", versions, err)
	}
	p := geo.Point{Lon: 121.015, Lat: 28.005}
	for i, want := range []string{"B", "A"} {
		if ref := versions[i].Index.Find(p, nil); ref == grid.None || versions[i].Grids[ref].Code != want {
			t.Errorf("version %d: grid %v, want %s", i, ref, want)
		}
	}
	if !versions[0].Until.Equal(versions[1].From) {
		t.Errorf("one map ends at %v, the next begins at %v", versions[0].Until, versions[1].From)
	}

	// One for next week; nothing may come before it.
	var at time.Time
	if err := o.db.QueryRow(t.Context(), `SELECT gp_now() + interval '7 days'`).Scan(&at); err != nil {
		t.Fatal(err)
	}
	if r, err = o.draw(pgstore.GridImport{Activate: true, EffectiveFrom: at}, square("A", 0, 0, 3, 1, "")); err != nil || !r.Activated {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err = o.draw(now, square("A", 0, 0, 1, 1, "")); !errors.Is(err, pgstore.ErrNotActivated) {
		t.Errorf("before a map that is to come: %v", err)
	}
	eq(t, "states", o.rows(`SELECT state, count(*) FROM grid_versions GROUP BY 1 ORDER BY 1`), "active 3; draft 1")
}

func TestGridFaults(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	now := pgstore.GridImport{Activate: true}
	// B claims a strip of A.
	r, err := o.draw(now, square("A", 0, 0, 1, 1, ""), polygon("B", "", [2]float64{121.009, 28}, [2]float64{121.02, 28}, [2]float64{121.02, 28.01}, [2]float64{121.009, 28.01}, [2]float64{121.009, 28}))
	if !errors.Is(err, pgstore.ErrNotActivated) || r.Activated || !strings.Contains(err.Error(), "A with B") {
		t.Errorf("%v", err)
	}
	if len(r.Checked.Overlaps) != 1 || math.Abs(r.Checked.Overlaps[0].AreaM2-108999) > 50 {
		t.Errorf("%+v", r.Checked)
	}
	eq(t, "it is kept", o.rows(`SELECT state, checked->'overlaps'->0->>'a' FROM grid_versions`), "draft A")

	// A ring of four with a hole in the middle.
	ring := []string{square("A", 0, 0, 3, 1, ""), square("B", 2, 1, 1, 2, ""), square("C", 0, 2, 2, 1, ""), square("D", 0, 1, 1, 1, "")}
	r, err = o.draw(now, ring...)
	if !errors.Is(err, pgstore.ErrNotActivated) || len(r.Checked.Gaps) != 1 || math.Abs(r.Checked.Gaps[0].AreaM2-1089892) > 500 {
		t.Errorf("%v %+v", err, r.Checked)
	}
	if r, err = o.draw(pgstore.GridImport{Activate: true, AcceptGaps: true}, ring...); err != nil || !r.Activated {
		t.Errorf("%v %+v", err, r)
	}
	// An exclave of A fills the hole: no gap.
	ring[0] = strings.Replace(strings.Replace(ring[0], `"Polygon","coordinates":[[`, `"MultiPolygon","coordinates":[[[[121.01,28.01],[121.02,28.01],[121.02,28.02],[121.01,28.02],[121.01,28.01]]],[[`, 1), "]]}}", "]]]}}", 1)
	if r, err = o.draw(pgstore.GridImport{}, ring...); err != nil || len(r.Checked.Gaps) != 0 || len(r.Refused) != 0 {
		t.Errorf("%v %+v", err, r)
	}

	// What can be repaired is, and said; what cannot be used is refused by line.
	r, err = o.draw(pgstore.GridImport{RegisterOptions: pgstore.RegisterOptions{DryRun: true}, Activate: true},
		polygon("bow", "", [2]float64{121, 28}, [2]float64{121.01, 28.01}, [2]float64{121.01, 28}, [2]float64{121, 28.01}, [2]float64{121, 28}), // a bow tie
		polygon("open", "", [2]float64{121.02, 28}, [2]float64{121.03, 28}, [2]float64{121.03, 28}, [2]float64{121.03, 28.01}),
		polygon("flat", "", [2]float64{121, 28}, [2]float64{121.01, 28}, [2]float64{121.005, 28}, [2]float64{121, 28}),
		square("", 0, 0, 1, 1, ""), square("open", 0, 0, 1, 1, ""), square("k", 0, 0, 1, 1, `,"kind":"odd"`),
		square("a", 0, 0, 1, 1, `,"area":"nowhere"`), square("c", 0, 0, 1, 1, `,"categories":["C01"]`),
		`{"type":"Feature","properties":{"code":"p"},"geometry":{"type":"Point","coordinates":[121,28]}}`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "refused", refusals(r.Result), "3  geometry", "4 code required", "5 code duplicate", "6 kind bad_value", "7 area area", "8 categories bad_value", "9  geometry")
	eq(t, "accepted", r.Accepted, 2)
	var repaired []string
	for _, m := range r.Checked.Repaired {
		repaired = append(repaired, strings.SplitN(m.Code+" "+m.What, "[", 2)[0])
		if m.AreaM2 <= 0 {
			t.Errorf("a repair without its area: %+v", m)
		}
	}
	same(t, "repaired", repaired, "bow Self-intersection", "open closed_ring", "open duplicate_points")
}

func TestLiechtensteinsGrids(t *testing.T) {
	t.Parallel()
	path := geotest.Data(t, "liechtenstein-communes.geojson")
	o := newOffice(t)
	r, err := o.Grids(t.Context(), feature.Open(path, feature.Limits{}), pgstore.GridImport{Code: "code", Name: "name", Activate: true})
	if err != nil || r.Accepted != 11 || !r.Activated {
		t.Fatalf("%+v %v", r, err)
	}
	t.Logf("%+v", r.Checked)
	// The principality has 160 km2.
	if c := r.Checked; math.Abs(c.UnionM2-160.5e6) > 1e6 || math.Abs(c.AreaM2-c.UnionM2) > 10 {
		t.Errorf("%+v", c)
	}
}

// TestTheDemoDistrict imports all of the shipped district, and again.
func TestTheDemoDistrict(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	data := filepath.Join("..", "..", "cmd", "gridsim", "district", "data")
	if _, err := os.Stat(filepath.Join(data, "grids.geojson")); err != nil {
		t.Skipf("the demo district is not there: %v", err)
	}
	table := func(fn importer, name string) roster.Result {
		t.Helper()
		in, err := os.Open(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		began := time.Now()
		r, err := fn(t.Context(), in, pgstore.RegisterOptions{Simulated: true})
		if err != nil || len(r.Refused) > 0 {
			t.Fatalf("%s: %v %v", name, r.Refused, err)
		}
		t.Logf("%s: %d rows, %d changes, %v", name, r.Accepted, len(r.Changes), time.Since(began).Round(time.Millisecond))
		return r
	}
	grids := func() pgstore.GridResult {
		t.Helper()
		began := time.Now()
		r, err := o.Grids(t.Context(), feature.Open(filepath.Join(data, "grids.geojson"), feature.Limits{}), pgstore.GridImport{
			Code: "code", Name: "name", Kind: "kind", Area: "area_code", Categories: "categories", Activate: true})
		if err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r.Refused, err)
		}
		t.Logf("grids: %d, overlaps %v, gaps %v, %v", r.Accepted, r.Checked.Overlaps, r.Checked.Gaps, time.Since(began).Round(time.Millisecond))
		return r
	}
	table(o.Departments, "departments.csv")
	table(o.Areas, "areas.csv")
	table(o.Categories, "categories.csv")
	if r := grids(); r.Accepted != 627 || !r.Activated || math.Abs(r.Checked.AreaM2-r.Checked.UnionM2) > 1 {
		t.Errorf("%d grids, sum %f m2, union %f m2", r.Accepted, r.Checked.AreaM2, r.Checked.UnionM2)
	}
	table(o.Staff, "staff.csv")
	table(o.Places, "places.csv")
	table(o.Shifts, "shifts.csv")
	eq(t, "workers", o.rows(`SELECT count(*) FROM grid_staff WHERE part = 'worker'`), "622")
	eq(t, "simulated", o.rows(`SELECT bool_and(p.simulated), bool_and(d.simulated) FROM patrols p, devices d`), "true true")

	for name, fn := range map[string]importer{"departments.csv": o.Departments, "areas.csv": o.Areas, "categories.csv": o.Categories, "staff.csv": o.Staff, "places.csv": o.Places} {
		if r := table(fn, name); len(r.Changes) != 0 {
			t.Errorf("%s again: %d changes, the first %+v", name, len(r.Changes), r.Changes[0])
		}
	}
	if r := grids(); len(r.Changes) != 0 {
		t.Errorf("grids again: %d changes, the first %+v", len(r.Changes), r.Changes[0])
	}
}
