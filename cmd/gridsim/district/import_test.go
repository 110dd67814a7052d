package district

import (
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// Every row of every table is one that an import takes.
func TestImportsTakeEveryRow(t *testing.T) {
	t.Parallel()
	open := func(name string) fs.File {
		f, err := Files().Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	check := func(name string, rows, want int, refused []roster.Refusal, err error) {
		t.Helper()
		if err != nil || len(refused) > 0 || rows != want {
			t.Errorf("%s: %d rows, want %d, refused %v: %v", name, rows, want, refused[:min(3, len(refused))], err)
		}
	}
	known := roster.Known{Departments: map[string]bool{}, AreaLevels: map[string]string{}, Patrols: map[string]roster.KnownPatrol{}, Grids: map[string]bool{}}
	departments, refused, err := roster.Departments(open(DepartmentsFile))
	check(DepartmentsFile, len(departments), 8, refused, err)
	for _, d := range departments {
		known.Departments[d.Code] = true
	}
	areas, refused, err := roster.Areas(open(AreasFile), known)
	check(AreasFile, len(areas), 1+12+228, refused, err)
	for _, a := range areas {
		known.AreaLevels[a.Code] = a.Level
	}
	for _, g := range readRegions(t, GridsFile) {
		known.Grids[g.code] = true
		if known.AreaLevels[g.areaCode] == "" {
			t.Errorf("grid %s lies in area %q, which is not in the list", g.code, g.areaCode)
		}
	}
	categories, refused, err := roster.Categories(open(CategoriesFile))
	check(CategoriesFile, len(categories), 10+9+15+10, refused, err)
	published := map[string]bool{}
	var auto []string
	for _, c := range categories {
		published[c.Code] = true
		if c.DispatchMode == "auto" {
			auto = append(auto, c.Code)
		}
	}
	if want := []string{"A10", "B01", "C01", "C02", "C03", "C12", "D02", "D05"}; !slices.Equal(auto, want) {
		t.Errorf("dispatched by themselves: %v, want %v", auto, want)
	}
	for _, g := range readRegions(t, GridsFile) {
		for _, c := range g.categories {
			if !published[c] {
				t.Errorf("special grid %s claims %s, which is not published", g.code, c)
			}
		}
	}
	staff, patrols, refused, err := roster.People(open(StaffFile), known)
	check(StaffFile, len(staff), 4*622+120+9+12, refused, err)
	for _, p := range patrols {
		known.Patrols[p.Code] = roster.KnownPatrol{Department: p.Department, Mode: p.Mode}
	}
	want, err := Shifts()
	if err != nil {
		t.Fatal(err)
	}
	shifts, refused, err := roster.Shifts(open(ShiftsFile), time.Now(), known)
	check(ShiftsFile, len(shifts), len(want), refused, err)
	places, refused, err := roster.Places(open(PlacesFile), geo.WGS84)
	check(PlacesFile, len(places), 121+60+5+40, refused, err)
	water, refused, err := roster.Waters(feature.GeoJSON(open(WaterFile), feature.Limits{}))
	check(WaterFile, len(water), 7+2, refused, err)
}
