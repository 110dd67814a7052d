package fence

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
)

var origin = geo.Point{Lon: 121.38, Lat: 28.58}

// at is a place so many metres to the east and to the north.
func at(x, y float64) geo.Point { return geo.NewLocal(origin).Point(x, y) }

func square(half float64) []geo.Point {
	return []geo.Point{at(-half, -half), at(half, -half), at(half, half), at(-half, half)}
}

func must(t interface{ Fatal(...any) }, rings ...[]geo.Point) *Fence {
	f, err := New(rings)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func said(crossed []Crossing) (s string) {
	for _, c := range crossed {
		if c.Entered {
			s += "+"
		} else {
			s += "-"
		}
	}
	return s
}

func TestCrossings(t *testing.T) {
	t.Parallel()
	plain := [][]geo.Point{square(200)}
	ring := [][]geo.Point{square(300), square(150)}
	for _, c := range []struct {
		name   string
		rings  [][]geo.Point
		places [][2]float64
		everyS float64
		accM   float64
		want   string
	}{
		{"walks in", plain, [][2]float64{{-400, 0}, {-210, 0}, {-190, 0}, {0, 0}}, 5, 10, "+"},
		{"walks out", plain, [][2]float64{{0, 0}, {190, 0}, {210, 0}, {400, 0}}, 5, 10, "-"},
		{"wanders at the edge", plain, [][2]float64{{0, 0}, {195, 0}, {210, 0}, {190, 0}, {212, 0}, {188, 0}}, 5, 10, ""},
		{"begins inside, which is no event", plain, [][2]float64{{0, 0}, {10, 0}}, 5, 10, ""},
		{"drives through between two fixes", plain, [][2]float64{{-400, 0}, {400, 0}}, 10, 10, "+-"},
		{"cuts a corner by less than the margin", plain, [][2]float64{{-400, 190}, {400, 210}}, 10, 10, ""},
		{"passes by", plain, [][2]float64{{-400, 300}, {400, 300}}, 10, 10, ""},
		{"was away for long: nobody knows the way", plain, [][2]float64{{-400, 0}, {400, 0}}, 300, 10, ""},
		{"through a hole", ring, [][2]float64{{-280, 0}, {-220, 0}, {220, 0}}, 10, 10, "-+"},
		{"coarse fixes take more", plain, [][2]float64{{-400, 0}, {-100, 0}, {-320, 0}, {0, 0}}, 5, 140, "+"},
		{"straight along an edge", plain, [][2]float64{{-400, 200}, {400, 200}, {-400, 200}}, 5, 10, ""},
		{"exactly through corners", plain, [][2]float64{{-400, -400}, {400, 400}}, 5, 10, "+-"},
	} {
		f := must(t, c.rings...)
		var w Watch
		var got []Crossing
		for i, p := range c.places {
			got = append(got, w.Step(f, Fix{Point: at(p[0], p[1]), T: start.Add(time.Duration(float64(i) * c.everyS * float64(time.Second))), AccuracyM: c.accM})...)
		}
		if said(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, said(got), c.want)
		}
	}
}

func TestShapesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, rings := range [][][]geo.Point{nil, {}, {{at(0, 0), at(1, 1)}}, {{at(0, 0), at(0, 0), at(0, 0)}}, {{{Lon: math.NaN()}, at(0, 1), at(1, 0)}}} {
		if _, err := New(rings); !errors.Is(err, ErrShape) {
			t.Errorf("%v: %v", rings, err)
		}
	}
}

// star draws an area with dents, so that ways cross it several times.
func star(t *rapid.T) []geo.Point {
	n := rapid.IntRange(3, 14).Draw(t, "corners")
	ring := make([]geo.Point, n)
	for i := range ring {
		r := rapid.Float64Range(60, 900).Draw(t, "radius")
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		ring[i] = at(r*cos, r*sin)
	}
	return ring
}

// slowDepth goes by the sum of angles and by points along every edge.
func slowDepth(ring []geo.Point, p geo.Point) float64 {
	l := geo.NewLocal(origin)
	px, py := l.XY(p)
	turned, least := 0.0, math.Inf(1)
	for i := range ring {
		ax, ay := l.XY(ring[i])
		bx, by := l.XY(ring[(i+1)%len(ring)])
		ax, ay, bx, by = ax-px, ay-py, bx-px, by-py
		turned += math.Atan2(ax*by-ay*bx, ax*bx+ay*by)
		steps := max(1, math.Ceil(math.Hypot(bx-ax, by-ay)))
		for s := 0.0; s <= steps; s++ {
			least = min(least, math.Hypot(ax+(bx-ax)*s/steps, ay+(by-ay)*s/steps))
		}
	}
	if math.Abs(turned) > math.Pi {
		return least
	}
	return -least
}

// What is said is what somebody would say who walked the whole way metre by metre with
// a slow ruler; where that depends on a few metres either is right.
func TestAgainstAWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ring := star(t)
		f := must(t, ring)
		acc := rapid.Float64Range(5, 60).Draw(t, "accuracy")
		margin := marginOf(acc)
		var w Watch
		var got []Crossing
		walk := func(margin float64, places []geo.Point) (s string) {
			side := Unknown
			turn := func(p geo.Point) {
				now := side
				if d := slowDepth(ring, p); d >= margin {
					now = Inside
				} else if d <= -margin {
					now = Outside
				}
				if now != side && side != Unknown {
					s += map[Side]string{Inside: "+", Outside: "-"}[now]
				}
				side = now
			}
			for i, p := range places {
				if i > 0 && side != Unknown {
					steps := max(1, math.Ceil(geo.DistanceM(places[i-1], p)/3))
					for k := 1.0; k < steps; k++ {
						turn(geo.Point{Lon: places[i-1].Lon + (p.Lon-places[i-1].Lon)*k/steps, Lat: places[i-1].Lat + (p.Lat-places[i-1].Lat)*k/steps})
					}
				}
				turn(p)
			}
			return s
		}
		var places []geo.Point
		for i := range rapid.IntRange(2, 8).Draw(t, "fixes") {
			p := at(rapid.Float64Range(-1000, 1000).Draw(t, "x"), rapid.Float64Range(-1000, 1000).Draw(t, "y"))
			places = append(places, p)
			got = append(got, w.Step(f, Fix{Point: p, T: start.Add(time.Duration(i) * 10 * time.Second), AccuracyM: acc})...)
		}
		low, high := walk(margin-4, places), walk(margin+4, places)
		if low != high {
			return // on the edge of the margin
		}
		if said(got) != low {
			t.Fatalf("%q, the walk says %q", said(got), low)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Entered == got[i-1].Entered || got[i].T.Before(got[i-1].T) {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// Who stands still, wherever, with fixes that wander by less than the margin, makes no
// event.
func TestStandingStillSaysNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ring := star(t)
		f := must(t, ring)
		acc := rapid.Float64Range(15, 80).Draw(t, "accuracy")
		x, y := rapid.Float64Range(-1000, 1000).Draw(t, "x"), rapid.Float64Range(-1000, 1000).Draw(t, "y")
		var w Watch
		events := 0 // a depth that varies by less than two margins cannot be clear on both sides
		for i := range 40 {
			r, a := rapid.Float64Range(0, 0.99*acc).Draw(t, "off"), rapid.Float64Range(0, 2*math.Pi).Draw(t, "turn")
			events += len(w.Step(f, Fix{Point: at(x+r*math.Cos(a), y+r*math.Sin(a)), T: start.Add(time.Duration(i) * 5 * time.Second), AccuracyM: acc}))
		}
		if events > 0 {
			t.Fatalf("%d events of somebody who stands still", events)
		}
	})
}

// Whoever crosses any of many fences is told of it by the cells as by looking at all, with
// watches that begin only where a fence is near.
func TestTheIndexMissesNoCrossing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type fenced struct {
			f     *Fence
			whole Watch
			near  *Watch
		}
		var all []*fenced
		var x Index[*fenced]
		for range rapid.IntRange(1, 12).Draw(t, "fences") {
			dx, dy := rapid.Float64Range(-4000, 4000).Draw(t, "fence x"), rapid.Float64Range(-4000, 4000).Draw(t, "fence y")
			half := rapid.SampledFrom([]float64{30, 200, 1500, 60_000}).Draw(t, "half")
			one := &fenced{f: must(t, []geo.Point{at(dx-half, dy-half), at(dx+half, dy-half), at(dx+half, dy+half), at(dx-half, dy+half)})}
			if err := x.Add(one.f, one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		var before *Fix
		now := start
		for range rapid.IntRange(2, 10).Draw(t, "fixes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			fix := Fix{Point: at(rapid.Float64Range(-6000, 6000).Draw(t, "x"), rapid.Float64Range(-6000, 6000).Draw(t, "y")), T: now, AccuracyM: rapid.Float64Range(0, 200).Draw(t, "accuracy")}
			if before != nil && !fix.T.After(before.T) {
				continue
			}
			visited := map[*fenced]int{}
			x.Near(before, fix, func(one *fenced) { visited[one]++ })
			for _, one := range all {
				want := said(one.whole.Step(one.f, fix))
				got := ""
				if visited[one] > 1 {
					t.Fatalf("visited %d times", visited[one])
				}
				if visited[one] == 1 || one.near != nil && one.near.Side == Inside {
					if one.near == nil {
						side := Outside // it was not near before
						if before == nil {
							side = Unknown
						}
						w := Begin(side, before)
						one.near = &w
					}
					got = said(one.near.Step(one.f, fix))
				} else {
					one.near = nil
				}
				if got != want {
					t.Fatalf("by its cells %q, by looking at all %q", got, want)
				}
				if inside := one.near != nil && one.near.Side == Inside; inside != (one.whole.Side == Inside) {
					t.Fatalf("by its cells inside is %v, by looking at all %v", inside, one.whole.Side)
				}
			}
			before = &fix
		}
	})
}
