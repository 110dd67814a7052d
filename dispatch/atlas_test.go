package dispatch

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/twpayne/go-geom"
)

// square is a grid with corners (west, south) and (east, north).
func square(west, south, east, north float64) *geom.MultiPolygon {
	return geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{{
		{west, south}, {east, south}, {east, north}, {west, north}, {west, south},
	}}}).SetSRID(4326)
}

func version(t *testing.T, from, until time.Time, rows []GridRow, shapes []*geom.MultiPolygon) MapVersion {
	t.Helper()
	var grids []grid.Grid
	for i, r := range rows {
		grids = append(grids, grid.Grid{Code: r.Code, Special: r.Kind == "special", Geom: shapes[i]})
		rows[i].ID = NewID[gridKind]()
	}
	index, err := grid.New(grids)
	if err != nil {
		t.Fatal(err)
	}
	return MapVersion{ID: NewID[versionKind](), From: from, Until: until, Grids: rows, Index: index}
}

func TestAtlasAnswersForThePastAndForTheCategory(t *testing.T) {
	t.Parallel()
	redrawn := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	old := version(t, redrawn.AddDate(-1, 0, 0), redrawn,
		[]GridRow{{Code: "one", Kind: "general", Areas: []string{"v1", "t1", "d"}}},
		[]*geom.MultiPolygon{square(121.30, 28.50, 121.40, 28.60)})
	now := version(t, redrawn, time.Time{},
		[]GridRow{
			{Code: "east", Kind: "general", Areas: []string{"v2"}},
			{Code: "market", Kind: "special", Areas: []string{"t1"}, Categories: []string{"B08"}},
			{Code: "west", Kind: "general", Areas: []string{"v1"}},
		},
		[]*geom.MultiPolygon{
			square(121.35, 28.50, 121.40, 28.60),
			square(121.36, 28.54, 121.38, 28.56),
			square(121.30, 28.50, 121.35, 28.60),
		})
	atlas := NewAtlas(func() time.Time { return redrawn.AddDate(0, 6, 0) })
	atlas.Replace([]MapVersion{now, old})

	cases := []struct {
		name     string
		at       geo.Point
		category string
		when     time.Time
		want     string // code of the responsible grid; empty for none
		basis    string
	}{
		{"the present", geo.Point{Lon: 121.37, Lat: 28.55}, "", time.Time{}, "east", BasisInside},
		{"a special grid wins for its category", geo.Point{Lon: 121.37, Lat: 28.55}, "B08", time.Time{}, "market", BasisInside},
		{"and for no other", geo.Point{Lon: 121.37, Lat: 28.55}, "A01", time.Time{}, "east", BasisInside},
		{"a special grid did not exist then", geo.Point{Lon: 121.37, Lat: 28.55}, "B08", redrawn.Add(-time.Second), "one", BasisInside},
		{"the very moment of redrawing", geo.Point{Lon: 121.32, Lat: 28.55}, "", redrawn, "west", BasisInside},
		{"before there was any map", geo.Point{Lon: 121.32, Lat: 28.55}, "", redrawn.AddDate(-2, 0, 0), "", BasisNone},
		{"a gap", geo.Point{Lon: 121.41, Lat: 28.55}, "", time.Time{}, "east", BasisNearest},
		{"far away", geo.Point{Lon: 121.50, Lat: 28.55}, "", time.Time{}, "", BasisNone},
	}
	for _, c := range cases {
		got, err := atlas.Locate(context.Background(), c.at, 10, c.category, c.when)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		code := ""
		if got.Responsible.Code != nil {
			code = *got.Responsible.Code
		}
		if code != c.want || got.Responsible.Basis != c.basis {
			t.Errorf("%s: got %q (%s), want %q (%s)", c.name, code, got.Responsible.Basis, c.want, c.basis)
		}
		if (got.Responsible.DistanceM != nil) != (c.basis == BasisNearest) {
			t.Errorf("%s: distance %v does not fit the basis", c.name, got.Responsible.DistanceM)
		}
	}
}

func TestAtlasSplitsADiscOnABorder(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v := version(t, from, time.Time{},
		[]GridRow{{Code: "a", Kind: "general"}, {Code: "b", Kind: "general"}},
		[]*geom.MultiPolygon{square(121.30, 28.50, 121.35, 28.60), square(121.35, 28.50, 121.40, 28.60)})
	atlas := NewAtlas(func() time.Time { return from })
	atlas.Replace([]MapVersion{v})
	got, err := atlas.Locate(context.Background(), geo.Point{Lon: 121.35, Lat: 28.55}, 0, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Responsible.Code != "a" || got.RunnerUp == nil || *got.RunnerUp.Code != "b" {
		t.Fatalf("a border belongs to the lower code, the other runs up: got %+v, %+v", got.Responsible, got.RunnerUp)
	}
	if got.RunnerUp.Basis != BasisInside || got.RunnerUp.DistanceM != nil {
		t.Errorf("the border is the runner-up's too: %+v", got.RunnerUp)
	}
	off, err := atlas.Locate(context.Background(), geo.Point{Lon: 121.3499, Lat: 28.55}, 0, "", time.Time{})
	if err != nil || off.RunnerUp == nil || off.RunnerUp.Basis != BasisNearest || off.RunnerUp.DistanceM == nil ||
		math.Abs(*off.RunnerUp.DistanceM-9.77) > 0.05 {
		t.Errorf("9.8 m from the other grid: %+v %v", off.RunnerUp, err)
	}
	if !got.AccuracyAssumed || got.AccuracyM != 20 {
		t.Errorf("no accuracy: 20 m assumed and said, got %v, %v", got.AccuracyM, got.AccuracyAssumed)
	}
	if s := got.Responsible.Share; s < 0.495 || s > 0.505 {
		t.Errorf("half of the disc lies on each side, got %v", s)
	}
}

func TestAtlasRefusesABadCoordinate(t *testing.T) {
	t.Parallel()
	atlas := NewAtlas(time.Now)
	_, err := atlas.Locate(context.Background(), geo.Point{Lon: 28.5, Lat: 121.3}, 0, "", time.Time{})
	if KindOf(err) != Invalid {
		t.Fatalf("swapped coordinates are invalid, got %v", err)
	}
}
