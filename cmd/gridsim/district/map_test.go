package district

import (
	"context"
	"encoding/json"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/jackc/pgx/v5"
)

// e7 is a place in whole 1e-7 degrees: the files hold no more digits, so sums over
// it are exact.
type e7 struct{ lon, lat int64 }

type region struct {
	code, level, kind, areaCode, parent string
	categories                          []string
	rings                               [][]e7
}

func readRegions(t *testing.T, name string) []region {
	t.Helper()
	raw, err := fs.ReadFile(Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Features []struct {
			Properties struct {
				Code       string   `json:"code"`
				Level      string   `json:"level"`
				Kind       string   `json:"kind"`
				AreaCode   string   `json:"area_code"`
				ParentCode string   `json:"parent_code"`
				Categories []string `json:"categories"`
			} `json:"properties"`
			Geometry struct {
				Type        string         `json:"type"`
				Coordinates [][][2]float64 `json:"coordinates"`
			} `json:"geometry"`
		} `json:"features"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var out []region
	for _, f := range file.Features {
		p := f.Properties
		r := region{code: p.Code, level: p.Level, kind: p.Kind, areaCode: p.AreaCode, parent: p.ParentCode, categories: p.Categories}
		for _, ring := range f.Geometry.Coordinates {
			var points []e7
			for _, c := range ring {
				points = append(points, e7{int64(math.Round(c[0] * 1e7)), int64(math.Round(c[1] * 1e7))})
			}
			if points[0] != points[len(points)-1] {
				t.Fatalf("%s has an open ring", p.Code)
			}
			r.rings = append(r.rings, points)
		}
		out = append(out, r)
	}
	return out
}

type edge struct{ a, b e7 }

// rims is what is left of the directed edges of the regions when those that two
// of them share, in opposite directions, are struck out.
func rims(t *testing.T, regions []region) map[edge]bool {
	t.Helper()
	left := map[edge]bool{}
	for _, r := range regions {
		for _, ring := range r.rings {
			for i := 1; i < len(ring); i++ {
				e := edge{ring[i-1], ring[i]}
				switch back := (edge{e.b, e.a}); {
				case left[e]:
					t.Fatalf("%s: a border stands twice in the same direction", r.code)
				case left[back]:
					delete(left, back)
				default:
					left[e] = true
				}
			}
		}
	}
	return left
}

func area2(r region) int64 {
	sum := int64(0)
	for _, ring := range r.rings {
		o := ring[0]
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			sum += (a.lon-o.lon)*(b.lat-o.lat) - (b.lon-o.lon)*(a.lat-o.lat)
		}
	}
	return sum
}

// Grids make up villages, villages towns, towns the district: exactly, border by
// border, without a sliver.
func TestEveryLevelIsAPartition(t *testing.T) {
	t.Parallel()
	byParent := map[string][]region{}
	grids := 0
	for _, g := range readRegions(t, GridsFile) {
		if g.kind == "general" {
			byParent[g.areaCode] = append(byParent[g.areaCode], g)
			grids++
		}
	}
	areas := readRegions(t, AreaShapesFile)
	level := map[string]int{}
	for _, a := range areas {
		level[a.level]++
		if a.parent != "" {
			byParent[a.parent] = append(byParent[a.parent], a)
		}
	}
	if grids != 622 || level["village"] != 228 || level["town"] != 12 || level["district"] != 1 {
		t.Fatalf("%d grids in %v", grids, level)
	}
	for _, a := range areas {
		parts := byParent[a.code]
		left, rim := rims(t, parts), rims(t, []region{a})
		if len(left) != len(rim) {
			t.Fatalf("%s: its %d parts have a rim of %d borders, it has %d", a.code, len(parts), len(left), len(rim))
		}
		sum := int64(0)
		for _, p := range parts {
			sum += area2(p)
		}
		for e := range rim {
			if !left[e] {
				t.Fatalf("%s: a stretch of its border is no border of its parts", a.code)
			}
		}
		if sum != area2(a) {
			t.Fatalf("%s: its parts have another area than it has", a.code)
		}
	}
}

func TestGridsLookDrawnByHand(t *testing.T) {
	t.Parallel()
	var corners []int
	special := 0
	for _, g := range readRegions(t, GridsFile) {
		n := len(g.rings[0]) - 1
		if n == 4 || n == 6 {
			t.Errorf("grid %s has %d corners", g.code, n)
		}
		if g.kind == "special" {
			special++
			if len(g.categories) == 0 {
				t.Errorf("special grid %s claims nothing", g.code)
			}
			continue
		}
		corners = append(corners, n)
		if len(g.rings) != 1 {
			t.Errorf("grid %s has %d rings", g.code, len(g.rings))
		}
	}
	slices.Sort(corners)
	t.Logf("corners: least %d, median %d, most %d", corners[0], corners[len(corners)/2], corners[len(corners)-1])
	if corners[len(corners)/2] < 30 {
		t.Errorf("the median grid has %d corners, want 30", corners[len(corners)/2])
	}
	if special != 5 {
		t.Errorf("%d special grids, want 5", special)
	}
}

// PostGIS agrees: all valid, and the areas add up to the area of the union.
func TestPostGISAgrees(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	raw, err := fs.ReadFile(Files(), GridsFile)
	if err != nil {
		t.Fatal(err)
	}
	const query = `
WITH f AS (
  SELECT f->'properties'->>'kind' AS kind, f->'properties'->>'code' AS code,
         ST_SetSRID(ST_GeomFromGeoJSON(f->>'geometry'), 4326) AS g
  FROM jsonb_array_elements($1::jsonb->'features') f)
SELECT count(*) FILTER (WHERE kind = 'general'),
       coalesce(string_agg(code, ' ') FILTER (WHERE NOT ST_IsValid(g)), ''),
       sum(ST_Area(g::geography)) FILTER (WHERE kind = 'general'),
       ST_Area((ST_Union(g) FILTER (WHERE kind = 'general'))::geography),
       GeometryType(ST_Union(g) FILTER (WHERE kind = 'general')),
       ST_NumInteriorRings(ST_Union(g) FILTER (WHERE kind = 'general')),
       bool_and(ST_Within(g, (SELECT ST_Union(g) FROM f WHERE kind = 'general'))) FILTER (WHERE kind = 'special')
FROM f`
	var count int
	var invalid, kind string
	var sumM2, unionM2 float64
	var holes int
	var specialInside bool
	err = db.Tx(context.Background(), func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), query, string(raw)).Scan(&count, &invalid, &sumM2, &unionM2, &kind, &holes, &specialInside)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d grids, %.3f km2", count, sumM2/1e6)
	if count != 622 || strings.TrimSpace(invalid) != "" {
		t.Errorf("%d grids, invalid: %s", count, invalid)
	}
	if math.Abs(sumM2-unionM2) > 1 {
		t.Errorf("areas add up to %.2f m2, their union has %.2f m2", sumM2, unionM2)
	}
	if kind != "POLYGON" || holes != 0 || !specialInside {
		t.Errorf("the union is a %s with %d holes, special grids inside: %t", kind, holes, specialInside)
	}
}
