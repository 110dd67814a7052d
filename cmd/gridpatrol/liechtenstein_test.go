package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
)

// commune is a commune as its file has it: every ring of every part.
type commune struct {
	code  string
	rings [][][2]float64
}

// readCommunes shares nothing with the product's reader.
func readCommunes(t *testing.T, path string) []commune {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Features []struct {
			Properties struct{ Code string }
			Geometry   struct{ Coordinates [][][][2]float64 }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var all []commune
	for _, f := range file.Features {
		all = append(all, commune{f.Properties.Code, slices.Concat(f.Geometry.Coordinates...)})
	}
	slices.SortFunc(all, func(a, b commune) int {
		if a.code < b.code {
			return -1
		}
		return 1
	})
	return all
}

// side is the exact sign of the turn from a to b to p: left is positive.
func side(a, b, p [2]float64) int {
	r := func(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }
	minus := func(x, y float64) *big.Rat { return new(big.Rat).Sub(r(x), r(y)) }
	left := new(big.Rat).Mul(minus(b[0], a[0]), minus(p[1], a[1]))
	return left.Cmp(new(big.Rat).Mul(minus(b[1], a[1]), minus(p[0], a[0])))
}

// holds says that p lies in the commune or on its border, exactly: by the winding
// of each ring's crossings, where a hole turns an inside into an outside.
func (c commune) holds(p [2]float64) bool {
	inside := false
	for _, ring := range c.rings {
		for i := 1; i < len(ring); i++ {
			low, high := ring[i-1], ring[i]
			if low[1] > high[1] {
				low, high = high, low
			}
			if p[1] < low[1] || p[1] > high[1] {
				continue
			}
			turn := side(low, high, p)
			if turn == 0 && p[0] >= min(low[0], high[0]) && p[0] <= max(low[0], high[0]) {
				return true
			}
			if p[1] < high[1] && turn > 0 { // the ray to the east meets it
				inside = !inside
			}
		}
	}
	return inside
}

// The grid the service names for a place is the one an exact and separate look at
// the file names, at borders and in exclaves too.
func TestLiechtensteinGrids(t *testing.T) {
	t.Parallel()
	path := geotest.Data(t, "liechtenstein-communes.geojson")
	env, _ := importEnv(t)
	tour := filepath.Join("..", "..", "docs", "tour", "liechtenstein")
	areas := importTable{File: filepath.Join(tour, "areas.csv")}
	if err := areas.storeIn(t.Context(), env, "areas", (*pgstore.Register).Areas, pgstore.RegisterOptions{}); err != nil {
		t.Fatal(err)
	}
	grids := importGridsCmd{File: path, CodeProperty: "code", NameProperty: "name", AreaProperty: "code", Activate: true, AcceptGaps: true, TZ: "Asia/Shanghai"}
	if err := grids.storeIn(t.Context(), env, time.Time{}); err != nil {
		t.Fatal(err)
	}
	auth := pgauth.New(env.DB, pgauth.Config{})
	if _, err := auth.AddAccount(t.Context(), pgauth.NewAccount{Username: "admin", Password: "a long password", Role: dispatch.RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	_, token, err := auth.CreateToken(t.Context(), pgauth.Owner{Username: "admin"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	service, err := newService(t.Context(), env, serveConfig{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	locate := func(p [2]float64) string {
		ask := httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("/api/v1/locate?lon=%.7f&lat=%.7f", p[0], p[1]), nil)
		ask.Header.Set("Authorization", "Bearer "+token)
		told := httptest.NewRecorder()
		service.door.ServeHTTP(told, ask)
		var found struct {
			Responsible struct {
				Code  string `json:"code"`
				Basis string `json:"basis"`
			} `json:"responsible"`
		}
		if err := json.Unmarshal(told.Body.Bytes(), &found); err != nil || told.Code != http.StatusOK {
			t.Fatalf("locate %v: %d %s", p, told.Code, told.Body)
		}
		if found.Responsible.Basis != "inside" {
			return ""
		}
		return found.Responsible.Code
	}

	communes := readCommunes(t, path)
	chance := rand.New(rand.NewPCG(1, 2))
	round := func(x float64) float64 { return math.Round(x*1e7) / 1e7 }
	var points [][2]float64
	for range 800 {
		points = append(points, [2]float64{round(9.47 + 0.17*chance.Float64()), round(47.04 + 0.24*chance.Float64())})
	}
	const metreLat = 1 / 111_200.0
	for _, c := range communes {
		for _, ring := range c.rings { // every exclave and hole has its share
			for range 12 {
				i := 1 + chance.IntN(len(ring)-1)
				a, b, along := ring[i-1], ring[i], chance.Float64()
				off, turn := (0.5+19*chance.Float64())*metreLat, 2*math.Pi*chance.Float64()
				points = append(points, a, [2]float64{
					round(a[0] + along*(b[0]-a[0]) + off*math.Cos(turn)/math.Cos(a[1]*math.Pi/180)),
					round(a[1] + along*(b[1]-a[1]) + off*math.Sin(turn)),
				})
			}
		}
	}
	inside := 0
	for _, p := range points {
		want := ""
		for _, c := range communes {
			if c.holds(p) {
				want = c.code // communes are in order: the lower code has a border
				inside++
				break
			}
		}
		if got := locate(p); got != want {
			t.Errorf("%.7f,%.7f lies in %q, the oracle says %q", p[0], p[1], got, want)
		}
	}
	t.Logf("%d points, %d of them inside", len(points), inside)
	if len(points) < 1000 || inside < 700 {
		t.Error("the points are too poor")
	}
}
