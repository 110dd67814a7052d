package realtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
)

// gathering is a crowd, and beside it a plain list of who stands where.
type gathering struct {
	crowd
	bodies []body
	at     map[uint32]geo.Point
	order  []uint32 // keys of at
}

func newGathering() *gathering {
	return &gathering{bodies: make([]body, 1), at: map[uint32]geo.Point{}}
}

func (g *gathering) comes(id uuid.UUID, at geo.Point) {
	who := uint32(len(g.bodies))
	g.bodies = append(g.bodies, body{id: id})
	g.order = append(g.order, who)
	g.at[who] = at
	g.add(g.bodies, who, at)
}

func (g *gathering) goes(i int) {
	who := g.order[i]
	g.remove(g.bodies, who, g.at[who])
	delete(g.at, who)
	g.order[i] = g.order[len(g.order)-1]
	g.order = g.order[:len(g.order)-1]
}

func (g *gathering) walks(i int, to geo.Point) {
	who := g.order[i]
	g.moved(g.bodies, who, g.at[who], to)
	g.at[who] = to
}

func (g *gathering) scan(n *nearest) {
	for who, at := range g.at {
		n.look(at, who)
	}
}

func (g *gathering) nearest(near geo.Point, limit int, by func(*nearest)) []hit {
	n := newNearest(g.bodies, near, limit)
	by(&n)
	n.end()
	return n.best
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
		g := newGathering()
		var id byte
		for range rapid.IntRange(1, 6).Draw(t, "turns") {
			for range rapid.IntRange(0, 700).Draw(t, "more") {
				g.comes(uuid.UUID{byte(rnd.IntN(256)), byte(rnd.IntN(256)), id}, somewhere())
				id++
			}
			for range rapid.IntRange(0, 400).Draw(t, "fewer") {
				if g.n > 0 {
					g.goes(rnd.IntN(g.n))
				}
			}
			if rapid.Bool().Draw(t, "gather") {
				spread /= 100
			}
			for range rapid.IntRange(0, 900).Draw(t, "moves") {
				if g.n > 0 {
					g.walks(rnd.IntN(g.n), somewhere())
				}
			}
			for range 8 {
				near, limit := somewhere(), 1+rnd.IntN(9)
				got, want := g.nearest(near, limit, g.search), g.nearest(near, limit, g.scan)
				if len(got) != len(want) {
					t.Fatalf("%d of %d, scan %d", len(got), g.n, len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("the %dth of %d near %v is %d at %g, by scan %d at %g", i, g.n, near, got[i].who, got[i].d2, want[i].who, want[i].d2)
					}
				}
			}
		}
	})
}

func TestARasterIsLaidAnewWhereEverybodyGathers(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	g := newGathering()
	for i := range 2000 {
		g.comes(uuid.UUID{byte(i), byte(i >> 8)}, geo.Point{Lon: 121 + rnd.Float64(), Lat: 28 + rnd.Float64()})
	}
	for range 3 {
		for i := range g.order {
			g.walks(i, geo.Point{Lon: 121.5 + rnd.Float64()*0.01, Lat: 28.5 + rnd.Float64()*0.01})
		}
	}
	most := uint32(0)
	for _, home := range g.raster.homes() {
		most = max(most, home.load)
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
				n := newNearest(x.bodies, where[i%len(where)], 5)
				for number := uint32(1); int(number) < len(x.bodies); number++ {
					n.look(x.details[number].point, number)
				}
			}
		})
		b.Run(fmt.Sprintf("move1of%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				// 10 m further, as a car does in a second.
				id := ids[i*7919%len(ids)]
				s, _ := x.Standing(id)
				p := s.Place
				p.T, p.Seq, p.Point.Lon = p.T.Add(1), p.Seq+1, p.Point.Lon+1e-4
				x.Move(p)
			}
		})
	}
}
