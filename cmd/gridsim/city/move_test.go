package city

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

func testRNG(n uint64) *rand.Rand { return rand.New(rand.NewPCG(1, n)) }

// Whatever the steps in time, a mover stays on its line, never goes back, never
// faster than 1.15 of the planned pace, and arrives exactly at the end, once.
func TestMoverKeepsToItsWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		points := []geo.Point{{Lon: 121.4, Lat: 28.5}}
		for range rapid.IntRange(1, 12).Draw(t, "corners") {
			last := points[len(points)-1]
			points = append(points, geo.Point{
				Lon: last.Lon + rapid.Float64Range(-0.01, 0.01).Draw(t, "east"),
				Lat: last.Lat + rapid.Float64Range(-0.01, 0.01).Draw(t, "north"),
			})
		}
		w := newWay(points)
		if w.lengthM() < 1 { // no way yet: on for a good ten metres
			last := points[len(points)-1]
			points = append(points, geo.Point{Lon: last.Lon, Lat: last.Lat + rapid.Float64Range(0.0001, 0.01).Draw(t, "on north")})
			w = newWay(points)
		}
		duration := rapid.Float64Range(10, 5000).Draw(t, "duration_s")
		m := NewMover(points[0], testRNG(rapid.Uint64().Draw(t, "seed")))
		m.Follow(points, duration)
		arrivals, gone, total := 0, 0.0, 0.0
		for !m.Arrived() {
			d := rapid.Float64Range(0.1, 300).Draw(t, "step_s")
			before := m.alongM
			if m.Advance(time.Duration(d * float64(time.Second))) {
				arrivals++
				break
			}
			total += d
			if m.alongM < before || m.alongM-before > 1.16*w.lengthM()/duration*d {
				t.Fatalf("went %g m in %g s of a way of %g m in %g s", m.alongM-before, d, w.lengthM(), duration)
			}
			if off := offLine(m.At(), points); off > 0.5 {
				t.Fatalf("%.1f m off the line", off)
			}
			gone = m.alongM
		}
		if arrivals != 1 || m.At() != points[len(points)-1] {
			t.Fatalf("arrived %d times at %v, want once at %v", arrivals, m.At(), points[len(points)-1])
		}
		if m.Advance(time.Hour) || m.At() != points[len(points)-1] {
			t.Fatal("it went on after it had arrived")
		}
		if most := total * 1.16 * w.lengthM() / duration; gone > most {
			t.Fatalf("went %g m, at most %g are possible", gone, most)
		}
	})
}

// However fast the machine that plays it, a drive of some minutes takes about as long as
// it was planned to: two that set off at the same time for the same minute arrive
// together, and the number of steps says nothing about how far apart.
func TestADriveTakesAsLongAsPlanned(t *testing.T) {
	t.Parallel()
	const plannedS, drives = 450.0, 400
	points := []geo.Point{{Lon: 121.4, Lat: 28.5}, {Lon: 121.4, Lat: 28.55}}
	for _, step := range []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second, 9 * time.Second} {
		var sum, squares, worst float64
		for seed := range uint64(drives) {
			m := NewMover(points[0], testRNG(seed))
			m.Follow(points, plannedS)
			took := step.Seconds()
			for !m.Advance(step) {
				took += step.Seconds()
			}
			late := took - step.Seconds()/2 - plannedS
			sum, squares, worst = sum+late, squares+late*late, max(worst, math.Abs(late))
		}
		if spread := math.Sqrt(squares / drives); math.Abs(sum/drives) > 8 || spread > 25 || spread < 5 || worst > 60 {
			t.Errorf("in steps of %v: on average %.1f s late, give or take %.1f s, at most %.1f s off", step, sum/drives, spread, worst)
		}
	}
}

// Who has time left takes it, as long as it is told again now and then; who has less than
// the way takes does not race, and a time that is past hurries nobody.
func TestWhoWouldBeEarlyTakesTheTime(t *testing.T) {
	t.Parallel()
	const plannedS, step = 450.0, 3 * time.Second
	points := []geo.Point{{Lon: 121.4, Lat: 28.5}, {Lon: 121.4, Lat: 28.55}}
	for _, c := range []struct{ by, least, most float64 }{{600, 590, 620}, {450, 440, 510}, {100, 400, 520}, {-5, 400, 520}} {
		for seed := range uint64(100) {
			m := NewMover(points[0], testRNG(seed))
			m.Follow(points, plannedS)
			took := 0.0
			for arrived := false; !arrived; took += step.Seconds() {
				m.Spread(time.Duration((c.by - took) * float64(time.Second)))
				arrived = m.Advance(step)
			}
			if took < c.least || took > c.most {
				t.Errorf("a way of %.0f s to be driven in %.0f s took %.0f s, want %.0f to %.0f", plannedS, c.by, took, c.least, c.most)
			}
		}
	}
}

// offLine is the distance from the line, metres, on a flat map.
func offLine(p geo.Point, line []geo.Point) float64 {
	shrink := math.Cos(p.Lat * math.Pi / 180)
	best := math.Inf(1)
	for i := 1; i < len(line); i++ {
		ax, ay := (line[i-1].Lon-p.Lon)*shrink, line[i-1].Lat-p.Lat
		dx, dy := (line[i].Lon-line[i-1].Lon)*shrink, line[i].Lat-line[i-1].Lat
		share := 0.0
		if l := dx*dx + dy*dy; l > 0 {
			share = math.Max(0, math.Min(1, -(ax*dx+ay*dy)/l))
		}
		best = math.Min(best, math.Hypot(ax+dx*share, ay+dy*share)*geo.EarthRadiusM*math.Pi/180)
	}
	return best
}

func TestBearing(t *testing.T) {
	t.Parallel()
	from := geo.Point{Lon: 121.4, Lat: 28.5}
	for name, row := range map[string]struct {
		east, north, want float64
	}{
		"north": {0, 1, 0}, "east": {1, 0, 90}, "south": {0, -1, 180}, "west": {-1, 0, 270},
	} {
		to := geo.Point{Lon: from.Lon + row.east*1e-3, Lat: from.Lat + row.north*1e-3}
		if got := bearing(from, to); math.Abs(got-row.want) > 0.01 {
			t.Errorf("%s: %g degrees, want %g", name, got, row.want)
		}
	}
}

// The phone errs by metres, not by streets, and mostly within what it admits.
func TestReadingsAreHonest(t *testing.T) {
	t.Parallel()
	at := geo.Point{Lon: 121.4, Lat: 28.5}
	m := NewMover(at, testRNG(3))
	within := 0
	for range 2000 {
		r := m.Read()
		off := geo.DistanceM(at, r.Point)
		if off > 40 {
			t.Fatalf("a reading is %.0f m off", off)
		}
		if off <= r.AccuracyM {
			within++
		}
		if r.SpeedMS != 0 || r.HeadingDeg < 0 || r.HeadingDeg > 360 {
			t.Fatalf("reading %+v of somebody who stands", r)
		}
	}
	if within < 1990 {
		t.Errorf("only %d of 2000 readings lie within their accuracy", within)
	}
}
