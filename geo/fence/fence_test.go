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

// oblong is an area so many metres to both sides of its middle, turned by an angle.
func oblong(turned, x, y float64) []geo.Point {
	sin, cos := math.Sincos(turned)
	ring := make([]geo.Point, 0, 4)
	for _, c := range [][2]float64{{-x, -y}, {x, -y}, {x, y}, {-x, y}} {
		ring = append(ring, at(c[0]*cos-c[1]*sin, c[0]*sin+c[1]*cos))
	}
	return ring
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
	wall := [][]geo.Point{oblong(0, 10, 200)}
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
		{"drives through a narrow area", wall, [][2]float64{{-60, 0}, {70, 0}}, 5, 10, "+-"},
		{"walks through a narrow area", wall, [][2]float64{{-40, 0}, {-24, 1}, {-16, 2}, {-4, 0}, {8, 1}, {20, 3}, {40, 0}}, 10, 10, "+-"},
		{"walks up to a narrow area, into it and back", wall, [][2]float64{{-40, 0}, {-10, 0}, {0, 0}, {-20, 0}, {-40, 0}}, 10, 10, ""},
		{"wanders to both sides of a narrow area", wall, [][2]float64{{-19, 0}, {19, 0}, {-19, 0}, {19, 0}}, 10, 10, ""},
		{"passes its end by less than the margin", wall, [][2]float64{{-60, 195}, {70, 195}}, 5, 10, ""},
		{"through a narrow area, and nobody knows the way", wall, [][2]float64{{-60, 0}, {70, 0}}, 300, 10, ""},
		{"rests in a narrow area and nobody knows for how long", wall, [][2]float64{{-60, 0}, {0, 0}, {70, 0}}, 121, 10, ""},
		{"by fixes as coarse as a narrow area is long", wall, [][2]float64{{-900, 0}, {900, 0}}, 60, 400, ""},
		{"a mast's fixes wander about a small place", plain, [][2]float64{{0, 0}, {390, 0}, {-390, 100}, {10, 380}}, 60, 400, ""},
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

// A narrow area is crossed by a way that is known all along: who went into it while nobody
// looked may have come in where they go out.
func TestAWayThatIsNotKnownCrossesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		everyS []float64
		want   string
	}{{[]float64{30, 30}, "+-"}, {[]float64{121, 30}, ""}, {[]float64{30, 121}, ""}} {
		f := must(t, oblong(0, 10, 200))
		var w Watch
		now, got := start, []Crossing{}
		for i, x := range []float64{-60, 11, 70} {
			if i > 0 {
				now = now.Add(time.Duration(c.everyS[i-1] * float64(time.Second)))
			}
			got = append(got, w.Step(f, Fix{Point: at(x, 0), T: now, AccuracyM: 10})...)
		}
		if said(got) != c.want {
			t.Errorf("after %v s: %q, want %q", c.everyS, said(got), c.want)
		}
	}
	f := must(t, oblong(0, 10, 200))
	var w Watch
	for i, x := range []float64{-60, -11} {
		w.Step(f, Fix{Point: at(x, 0), T: start.Add(time.Duration(i) * 5 * time.Second), AccuracyM: 10})
	}
	w.Step(f, Fix{Point: at(11, 0), T: start.Add(time.Hour), AccuracyM: 10}) // to the other side, who knows how
	for i, x := range []float64{-11, 11, 70} {
		if got := w.Step(f, Fix{Point: at(x, 0), T: start.Add(time.Hour + time.Duration(i+1)*5*time.Second), AccuracyM: 10}); len(got) > 0 {
			t.Errorf("%q of who was last known to be clear of it before nobody looked", said(got))
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

// slowInside goes by the sum of angles.
func slowInside(ring [][2]float64, px, py float64) bool {
	turned := 0.0
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		ax, ay, bx, by := a[0]-px, a[1]-py, b[0]-px, b[1]-py
		turned += math.Atan2(ax*by-ay*bx, ax*bx+ay*by)
	}
	return math.Abs(turned) > math.Pi
}

// slowThrough says whether a way, step by step, is in the area wherever within the margin
// it really was: moved as a whole to 24 sides.
func slowThrough(ring, way [][2]float64, margin float64) bool {
	first, last := way[0], way[len(way)-1]
	if math.Hypot(last[0]-first[0], last[1]-first[1]) <= 2*margin {
		return false
	}
	for k := range 1 + 2*24 {
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / 24)
		r := margin * float64((k+23)/24) / 2
		hit := false
		for i := 1; i < len(way) && !hit; i++ {
			steps := max(1, math.Ceil(math.Hypot(way[i][0]-way[i-1][0], way[i][1]-way[i-1][1])))
			for s := 0.0; s <= steps && !hit; s++ {
				hit = slowInside(ring, way[i-1][0]+(way[i][0]-way[i-1][0])*s/steps+r*cos, way[i-1][1]+(way[i][1]-way[i-1][1])*s/steps+r*sin)
			}
		}
		if !hit {
			return false
		}
	}
	return true
}

// slowWalk is what somebody would say who walked the whole way metre by metre with a slow
// ruler.
func slowWalk(corners, places []geo.Point, margin float64) (s string) {
	l := geo.NewLocal(origin)
	flat := func(all []geo.Point) (out [][2]float64) {
		for _, p := range all {
			x, y := l.XY(p)
			out = append(out, [2]float64{x, y})
		}
		return out
	}
	ring, side, clearAt := flat(corners), Unknown, -1
	turn := func(p geo.Point) (clear, changed bool) {
		now, d := side, slowDepth(corners, p)
		if d >= margin {
			now = Inside
		} else if d <= -margin {
			now = Outside
		}
		if changed = now != side && side != Unknown; changed {
			s += map[Side]string{Inside: "+", Outside: "-"}[now]
		}
		side = now
		return d <= -margin, changed
	}
	for i, p := range places {
		was, change := side, false
		if i > 0 && side != Unknown {
			steps := max(1, math.Ceil(geo.DistanceM(places[i-1], p)/3))
			for k := 1.0; k < steps; k++ {
				_, changed := turn(geo.Point{Lon: places[i-1].Lon + (p.Lon-places[i-1].Lon)*k/steps, Lat: places[i-1].Lat + (p.Lat-places[i-1].Lat)*k/steps})
				change = change || changed
			}
		}
		clear, changed := turn(p)
		if change || changed || was != Outside {
			clearAt = -1
		}
		if clear {
			if clearAt >= 0 && slowThrough(ring, flat(places[clearAt:i+1]), margin) {
				s += "+-"
			}
			clearAt = i
		}
	}
	return s
}

// against holds a watch against the walk: where that depends on a few metres either is right.
func against(t *rapid.T, ring, places []geo.Point, accuracyM float64) {
	f, margin := must(t, ring), marginOf(accuracyM)
	var w Watch
	var got []Crossing
	for i, p := range places {
		got = append(got, w.Step(f, Fix{Point: p, T: start.Add(time.Duration(i) * 10 * time.Second), AccuracyM: accuracyM})...)
	}
	for i := range got {
		if got[i].T.Before(start) || i > 0 && (got[i].Entered == got[i-1].Entered || got[i].T.Before(got[i-1].T)) {
			t.Fatalf("%+v", got)
		}
	}
	walked := slowWalk(ring, places, margin)
	for _, off := range []float64{-4, -2, 2, 4} {
		if slowWalk(ring, places, margin+off) != walked {
			return
		}
	}
	if said(got) != walked {
		t.Fatalf("%q, the walk says %q", said(got), walked)
	}
}

func drawPlaces(t *rapid.T, within float64) (places []geo.Point) {
	for range rapid.IntRange(2, 8).Draw(t, "fixes") {
		places = append(places, at(rapid.Float64Range(-within, within).Draw(t, "x"), rapid.Float64Range(-within, within).Draw(t, "y")))
	}
	return places
}

func TestAgainstAWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		against(t, star(t), drawPlaces(t, 1000), rapid.Float64Range(5, 60).Draw(t, "accuracy"))
	})
}

// Areas as narrow as streets, which nobody is ever clear inside of.
func TestNarrowAreasAgainstAWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ring := oblong(rapid.Float64Range(0, math.Pi).Draw(t, "turned"), rapid.Float64Range(2, 14).Draw(t, "half as wide"), rapid.Float64Range(60, 400).Draw(t, "half as long"))
		against(t, ring, drawPlaces(t, 300), rapid.Float64Range(5, 40).Draw(t, "accuracy"))
	})
}

// Who stands still, wherever, with fixes that wander by less than each says it may, makes no
// event.
func TestStandingStillSaysNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ring := star(t)
		if rapid.Bool().Draw(t, "narrow") {
			ring = oblong(rapid.Float64Range(0, math.Pi).Draw(t, "turned"), rapid.Float64Range(2, 40).Draw(t, "half as wide"), rapid.Float64Range(60, 900).Draw(t, "half as long"))
		}
		f := must(t, ring)
		worst := rapid.SampledFrom([]float64{15, 80, 500}).Draw(t, "coarsest")
		x, y := rapid.Float64Range(-1000, 1000).Draw(t, "x"), rapid.Float64Range(-1000, 1000).Draw(t, "y")
		if rapid.Bool().Draw(t, "near the edge") {
			edge := ring[rapid.IntRange(0, len(ring)-1).Draw(t, "corner")]
			ex, ey := geo.NewLocal(origin).XY(edge)
			x, y = ex+x/20, ey+y/20
		}
		var w Watch
		for i := range 40 {
			acc := rapid.Float64Range(15, worst).Draw(t, "accuracy")
			r, a := rapid.Float64Range(0, 0.99*acc).Draw(t, "off"), rapid.Float64Range(0, 2*math.Pi).Draw(t, "turn")
			if got := w.Step(f, Fix{Point: at(x+r*math.Cos(a), y+r*math.Sin(a)), T: start.Add(time.Duration(i) * 5 * time.Second), AccuracyM: acc}); len(got) > 0 {
				t.Fatalf("%q of somebody who stands still", said(got))
			}
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
			long := rapid.SampledFrom([]float64{1, 1, 10}).Draw(t, "times as long") * half
			one := &fenced{f: must(t, []geo.Point{at(dx-half, dy-long), at(dx+half, dy-long), at(dx+half, dy+long), at(dx-half, dy+long)})}
			if err := x.Add(one.f, one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		var before *Fix
		now := start
		for range rapid.IntRange(2, 10).Draw(t, "fixes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			fix := Fix{Point: at(rapid.Float64Range(-6000, 6000).Draw(t, "x"), rapid.Float64Range(-6000, 6000).Draw(t, "y")), T: now, AccuracyM: rapid.Float64Range(0, 600).Draw(t, "accuracy")}
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
