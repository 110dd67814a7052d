package realtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

func nearestOf(c *crowd, near geo.Point, limit int, by func(*crowd, *nearest)) []hit {
	n := nearest{limit: limit, near: near, cosLat: math.Cos(near.Lat * math.Pi / 180)}
	by(c, &n)
	if len(n.best) < limit {
		n.sort()
	}
	return n.best
}

func scanAll(c *crowd, n *nearest) {
	for _, e := range c.all {
		n.look(e.Point, e)
	}
}

// The slow twin looks at everybody. Crowds grow, shrink, gather in one spot, scatter
// over the earth, and are asked from near and far.
func TestARasterFindsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		spread := rapid.SampledFrom([]float64{0, 1e-5, 0.01, 1, 60}).Draw(t, "spread")
		home := geo.Point{Lon: rapid.Float64Range(-175, 175).Draw(t, "lon"), Lat: rapid.Float64Range(-80, 80).Draw(t, "lat")}
		somewhere := func() geo.Point {
			p := geo.Point{Lon: home.Lon + spread*rnd.NormFloat64(), Lat: home.Lat + spread*rnd.NormFloat64()/2}
			if rnd.IntN(50) == 0 {
				p = geo.Point{Lon: rnd.Float64()*360 - 180, Lat: rnd.Float64()*160 - 80}
			}
			if rnd.IntN(4) == 0 { // many in the same place: ties go by id
				p.Lon, p.Lat = math.Round(p.Lon*100)/100, math.Round(p.Lat*100)/100
			}
			return geo.Point{Lon: max(-180, min(p.Lon, 180)), Lat: max(-89, min(p.Lat, 89))}
		}
		c := &crowd{}
		var id byte
		for range rapid.IntRange(1, 6).Draw(t, "turns") {
			for range rapid.IntRange(0, 700).Draw(t, "more") {
				e := &entry{slot: -1}
				e.Patrol = dispatch.PatrolID{UUID: uuid.UUID{byte(rnd.IntN(256)), byte(rnd.IntN(256)), id}}
				id++
				e.Point = somewhere()
				c.add(e)
			}
			for range rapid.IntRange(0, 400).Draw(t, "fewer") {
				if len(c.all) > 0 {
					c.remove(c.all[rnd.IntN(len(c.all))])
				}
			}
			if rapid.Bool().Draw(t, "gather") {
				spread /= 100
			}
			for range rapid.IntRange(0, 900).Draw(t, "moves") {
				if len(c.all) > 0 {
					e := c.all[rnd.IntN(len(c.all))]
					e.Point = somewhere()
					c.moved(e)
				}
			}
			for range 8 {
				near, limit := somewhere(), 1+rnd.IntN(9)
				got := nearestOf(c, near, limit, (*crowd).search)
				want := nearestOf(c, near, limit, scanAll)
				if len(got) != len(want) {
					t.Fatalf("%d of %d, scan %d", len(got), len(c.all), len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("the %dth of %d near %v is %v at %g, by scan %v at %g", i, len(c.all), near, got[i].e.Patrol, got[i].d2, want[i].e.Patrol, want[i].d2)
					}
				}
			}
		}
	})
}

func TestARasterIsLaidAnewWhereEverybodyGathers(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	c := &crowd{}
	for range 2000 {
		e := &entry{slot: -1}
		e.Point = geo.Point{Lon: 121 + rnd.Float64(), Lat: 28 + rnd.Float64()}
		c.add(e)
	}
	for range 3 {
		for _, e := range c.all {
			e.Point = geo.Point{Lon: 121.5 + rnd.Float64()*0.01, Lat: 28.5 + rnd.Float64()*0.01}
			c.moved(e)
		}
	}
	most := 0
	for _, e := range c.all {
		most = max(most, len(e.lot.stands))
	}
	if most > crowdedAt {
		t.Errorf("%d of 2000 stand in one square", most)
	}
}

func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{622, 20_000, 1_000_000} {
		rnd := rand.New(rand.NewPCG(1, 1))
		x, ids := fleet(n, "grid")
		place := func() geo.Point { return geo.Point{Lon: 121.2 + 0.4*rnd.Float64(), Lat: 28.4 + 0.3*rnd.Float64()} }
		for _, id := range ids {
			x.Move(Place{Patrol: id, T: indexNow, Point: place()})
		}
		where := make([]geo.Point, 4096)
		for i := range where {
			where[i] = place()
		}
		b.Run(fmt.Sprintf("nearest5of%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				x.Candidates("grid", where[i%len(where)], 5)
			}
		})
		b.Run(fmt.Sprintf("scan5of%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				nearestOf(x.placed["grid"], where[i%len(where)], 5, scanAll)
			}
		})
		b.Run(fmt.Sprintf("move1of%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				// 10 m further, as a car does in a second.
				id := ids[i*7919%len(ids)]
				p := x.entries[id].Place
				p.T, p.Seq, p.Point.Lon = p.T.Add(1), p.Seq+1, p.Point.Lon+1e-4
				x.Move(p)
			}
		})
	}
}
