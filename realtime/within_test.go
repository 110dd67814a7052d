package realtime

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twpayne/go-geom"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
)

// drawing is polygons with holes whose numbers and their products are exact.
type drawing [][][][2]int

func (d drawing) at(x, y int) geo.Point {
	return geo.Point{Lon: 121 + float64(x)/4096, Lat: 28 + float64(y)/4096}
}

// holds is the slow twin, in whole numbers: within an odd number of the rings of one
// polygon, or on an edge.
func (d drawing) holds(x, y int) bool {
	for _, polygon := range d {
		inside := false
		for _, ring := range polygon {
			for i, a := range ring {
				b := ring[(i+1)%len(ring)]
				side := (b[0]-a[0])*(y-a[1]) - (b[1]-a[1])*(x-a[0])
				if side == 0 && x >= min(a[0], b[0]) && x <= max(a[0], b[0]) && y >= min(a[1], b[1]) && y <= max(a[1], b[1]) {
					return true
				}
				if (a[1] > y) != (b[1] > y) && (side > 0) == (b[1] > a[1]) {
					inside = !inside
				}
			}
		}
		if inside {
			return true
		}
	}
	return false
}

func (d drawing) area() (dispatch.Region, error) {
	mp := geom.NewMultiPolygon(geom.XY)
	for _, polygon := range d {
		var rings [][]geom.Coord
		for _, ring := range polygon {
			var coords []geom.Coord
			for _, c := range ring {
				p := d.at(c[0], c[1])
				coords = append(coords, geom.Coord{p.Lon, p.Lat})
			}
			rings = append(rings, append(coords, coords[0]))
		}
		mp.Push(geom.NewPolygon(geom.XY).MustSetCoords(rings))
	}
	return grid.NewArea(mp)
}

// draw draws polygons with a corner in the middle, which is inside, and the others at most
// half away from it. What the door would refuse is drawn again.
func draw(t *rapid.T, rnd *rand.Rand, middle [2]int, half int) (drawing, dispatch.Region) {
	for {
		var d drawing
		for range rapid.IntRange(1, 3).Draw(t, "polygons") {
			var polygon [][][2]int
			for range rapid.IntRange(1, 2).Draw(t, "rings") {
				var ring [][2]int
				for range rapid.IntRange(3, 6).Draw(t, "corners") {
					ring = append(ring, [2]int{middle[0] + rnd.IntN(2*half+1) - half, middle[1] + rnd.IntN(2*half+1) - half})
				}
				if len(d) == 0 && len(polygon) == 0 {
					ring[0] = middle
				}
				polygon = append(polygon, ring)
			}
			d = append(d, polygon)
		}
		if area, err := d.area(); err == nil {
			return d, area
		}
	}
}

// latticeTown is patrols of three departments on a lattice, most of them near, in lists and in
// rasters, who came, went and moved.
type latticeTown struct {
	x     *Index
	where map[dispatch.PatrolID][2]int
	of    map[dispatch.PatrolID]*Patrol
	ids   []dispatch.PatrolID
}

func newLatticeTown(t *rapid.T, rnd *rand.Rand) *latticeTown {
	w := &latticeTown{where: map[dispatch.PatrolID][2]int{}}
	x, ids := fleet(rapid.SampledFrom([]int{0, 5, 300, 900, 3000}).Draw(t, "patrols"), "police", "market", "fire")
	w.x, w.ids, w.of = x, ids, map[dispatch.PatrolID]*Patrol{}
	statuses := []dispatch.Status{dispatch.Free, dispatch.Free, dispatch.OnScene, dispatch.Break}
	spread := rapid.SampledFrom([]int{1, 40, 400}).Draw(t, "spread")
	for i, id := range ids {
		w.of[id] = &Patrol{ID: id, Department: []string{"police", "market", "fire"}[i%3], Status: statuses[rnd.IntN(4)], Version: 2, Areas: []string{[]string{"A", "B"}[rnd.IntN(2)]}}
		if i%3 == 2 && i > 60 {
			w.of[id].Department = "market" // fire stays a list
		}
	}
	x.SetPatrols(w.of)
	for range 3 {
		for _, id := range ids {
			if rnd.IntN(4) == 0 {
				continue
			}
			at := [2]int{rnd.IntN(spread+1) - spread/3, rnd.IntN(spread+1) - spread/3}
			if rnd.IntN(9) == 0 {
				at = [2]int{rnd.IntN(200_000) - 100_000, rnd.IntN(200_000) - 100_000} // in another province
			}
			age := time.Duration(rnd.IntN(12)) * time.Minute
			if _, newest := x.Move(Place{Patrol: id, T: indexNow.Add(-age), Seq: 1, Point: drawing{}.at(at[0], at[1])}); newest {
				w.where[id] = at
			}
		}
	}
	return w
}

// The slow twin asks everybody, one by one: polygons with holes in whole numbers, rings
// by the distance.
func TestWithinAgainstEverybody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		w := newLatticeTown(t, rnd)
		for range 6 {
			var d drawing
			ask := dispatch.WithinAsk{Department: rapid.SampledFrom([]string{"", "police", "market", "fire", "none"}).Draw(t, "department"), Limit: rapid.SampledFrom([]int{1, 3, 50, 5000}).Draw(t, "limit")}
			holds := func(id dispatch.PatrolID) bool { return d.holds(w.where[id][0], w.where[id][1]) }
			if rapid.Bool().Draw(t, "drawn") {
				half := rapid.SampledFrom([]int{3, 30, 300, 150_000}).Draw(t, "half")
				var middle [2]int
				if len(w.ids) > 0 && rapid.Bool().Draw(t, "at somebody") { // who may be far off
					middle = w.where[w.ids[rnd.IntN(len(w.ids))]]
				}
				d, ask.Region = draw(t, rnd, middle, half)
			} else {
				near := d.at(rnd.IntN(50), rnd.IntN(50))
				a := geo.Around{Center: near, ToM: rapid.SampledFrom([]float64{1, 27, 300, 4000, 1e6, 2e7}).Draw(t, "to")}
				if rapid.Bool().Draw(t, "hollow") {
					a.FromM = a.ToM * rnd.Float64()
				}
				ask.Region, ask.Near = a, &near
				holds = func(id dispatch.PatrolID) bool {
					m := geo.DistanceM(near, d.at(w.where[id][0], w.where[id][1]))
					return m >= a.FromM && m <= a.ToM
				}
			}
			v := dispatch.Viewer{Role: dispatch.RoleTownLeader, AreaCode: rapid.SampledFrom([]string{"", "A"}).Draw(t, "scope")}
			status := rapid.SampledFrom([]dispatch.Status{"", dispatch.Free}).Draw(t, "status")
			ask.Admits = func(s *dispatch.Standing) bool {
				return s.Presence != dispatch.Lost && (status == "" || s.Status == status) && dispatch.Visible(v, *s.Scope)
			}
			want := map[string]dispatch.Headcount{}
			var inside []dispatch.PatrolID
			for id := range w.where {
				p := w.of[id]
				if s, _ := w.x.Standing(id); s.Presence == dispatch.Lost || ask.Department != "" && p.Department != ask.Department || status != "" && p.Status != status ||
					v.AreaCode != "" && p.Areas[0] != v.AreaCode || !holds(id) {
					continue
				}
				inside = append(inside, id)
				h := want[p.Department]
				h.Department = p.Department
				if h.Count++; p.Status == dispatch.Free {
					h.Free++
				}
				want[p.Department] = h
			}
			far := func(id dispatch.PatrolID) float64 {
				if ask.Near == nil {
					return 0
				}
				return geo.DistanceM(*ask.Near, d.at(w.where[id][0], w.where[id][1]))
			}
			slices.SortFunc(inside, func(a, b dispatch.PatrolID) int {
				if fa, fb := far(a), far(b); fa != fb {
					return int(min(1, max(-1, (fa-fb)*1e12)))
				}
				return slices.Compare(a.UUID[:], b.UUID[:])
			})
			found, heads := w.x.Within(ask)
			if len(heads) != len(want) {
				t.Fatalf("%+v, want %+v", heads, want)
			}
			for _, h := range heads {
				if h != want[h.Department] {
					t.Fatalf("%+v, want %+v", h, want[h.Department])
				}
			}
			if len(found) != min(len(inside), ask.Limit) {
				t.Fatalf("%d named of %d, at most %d", len(found), len(inside), ask.Limit)
			}
			for i, p := range found {
				if p.PatrolID != inside[i] || p.Point != d.at(w.where[p.PatrolID][0], w.where[p.PatrolID][1]) || p.Department != w.of[p.PatrolID].Department {
					t.Fatalf("the %dth is %+v, want %s at %v", i, p, inside[i], w.where[inside[i]])
				}
			}
		}
	})
}

// What is beyond the antimeridian is near all the same.
func TestWithinReachesOverTheAntimeridian(t *testing.T) {
	t.Parallel()
	x, ids := fleet(2, "police")
	x.Move(Place{Patrol: ids[0], T: indexNow, Point: geo.Point{Lon: 179.999, Lat: 10}})
	x.Move(Place{Patrol: ids[1], T: indexNow, Point: geo.Point{Lon: -179.999, Lat: 10}})
	near := geo.Point{Lon: -180, Lat: 10}
	found, heads := x.Within(dispatch.WithinAsk{Region: geo.Around{Center: near, ToM: 200}, Near: &near, Limit: 5, Admits: func(*dispatch.Standing) bool { return true }})
	if len(found) != 2 || len(heads) != 1 || heads[0].Count != 2 {
		t.Errorf("%+v, %+v", found, heads)
	}
}

// Nothing is allocated for each that is looked at, nor for each that is inside.
func TestWithinAllocatesForWhomItNamesAlone(t *testing.T) {
	allocs := func(n int) float64 {
		x, ids := fleet(n, "police", "market")
		for i, id := range ids {
			x.Move(Place{Patrol: id, T: indexNow, Point: geo.Point{Lon: 121 + float64(i*7919%1000)*1e-4, Lat: 28 + float64(i*104729%1000)*1e-4}})
		}
		near := geo.Point{Lon: 121.05, Lat: 28.05}
		ask := dispatch.WithinAsk{Region: geo.Around{Center: near, ToM: 50_000}, Near: &near, Limit: 50, Admits: func(s *dispatch.Standing) bool { return s.Status == dispatch.Free }}
		return testing.AllocsPerRun(20, func() {
			if _, heads := x.Within(ask); heads[0].Count+heads[1].Count != n {
				t.Fatalf("%+v", heads)
			}
		})
	}
	if few, many := allocs(200), allocs(8000); many > few+20 { // what it works in grows by doubling
		t.Errorf("%g allocations for 200, %g for 8000", few, many)
	}
}

// Whoever moves from square to square while they are counted is counted once.
func TestWithinCountsWhoeverMovesOnce(t *testing.T) {
	t.Parallel()
	x, ids := fleet(3000, "police", "market")
	rnd := rand.New(rand.NewPCG(5, 1))
	somewhere := func() geo.Point {
		return geo.Point{Lon: 121 + rnd.Float64()*0.1, Lat: 28 + rnd.Float64()*0.1}
	}
	for _, id := range ids {
		x.Move(Place{Patrol: id, T: indexNow.Add(-time.Minute), Point: somewhere()})
	}
	over := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for turn := time.Duration(1); ; turn++ {
			select {
			case <-over:
				return
			default:
				x.Move(Place{Patrol: ids[rnd.IntN(len(ids))], T: indexNow.Add(-time.Minute + turn*time.Microsecond), Point: somewhere()})
			}
		}
	})
	ask := dispatch.WithinAsk{Region: geo.Around{Center: geo.Point{Lon: 121.05, Lat: 28.05}, ToM: 20_000}, Limit: 5, Admits: func(*dispatch.Standing) bool { return true }}
	for range 200 {
		if found, heads := x.Within(ask); len(found) != 5 || len(heads) != 2 || heads[0].Count != 1500 || heads[1].Count != 1500 {
			t.Errorf("%d named, %+v", len(found), heads)
			break
		}
	}
	close(over)
	moving.Wait()
}

func BenchmarkWithin(b *testing.B) {
	for _, n := range []int{622, 20_000, 1_000_000} {
		x, ids := fleet(n, "grid")
		rnd := rand.New(rand.NewPCG(1, 1))
		for _, id := range ids {
			x.Move(Place{Patrol: id, T: indexNow, Point: geo.Point{Lon: 121.2 + 0.4*rnd.Float64(), Lat: 28.4 + 0.3*rnd.Float64()}})
		}
		for _, toM := range []float64{300, 3000, 100_000} {
			ask := dispatch.WithinAsk{Region: geo.Around{Center: geo.Point{Lon: 121.4, Lat: 28.55}, ToM: toM}, Limit: 50, Admits: func(s *dispatch.Standing) bool { return s.Presence != dispatch.Lost }}
			b.Run(fmt.Sprintf("%gmOf%d", toM, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					x.Within(ask)
				}
			})
		}
	}
}
