package match_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
	"github.com/gridpatrol/gridpatrol/geo/track"
)

// A track without noise is matched to exactly the roads that were driven, in their
// order.
func TestATrackWithoutNoiseIsTheWayDriven(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"district", "liechtenstein", "porto"} {
		n := extract(t, where)
		same := map[string]uint32{}
		for m := range road.Mode(road.Modes) {
			r := rand.New(rand.NewPCG(uint64(m), 5))
			_, legM := legOf(m)
			for trip := range 8 {
				d := randomDrive(n, m, r, 1, legM)
				got, err := match.Match(t.Context(), n, m, d.hear(m, r, 1, 0, 1, 0), match.Config{})
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Parts) != 1 {
					t.Errorf("%s %v trip %d: %d parts", where, m, trip, len(got.Parts))
					continue
				}
				if told, truth := order(n, got.Parts[0].Spans, same), order(n, d.arcs, same); !slices.Equal(told, truth) {
					t.Errorf("%s %v trip %d: over %v, driven %v", where, m, trip, told, truth)
				}
				if math.Abs(got.LengthM-d.lengthM) > 5 {
					t.Errorf("%s %v trip %d: %.1f m, driven %.1f m", where, m, trip, got.LengthM, d.lengthM)
				}
				for i, pl := range got.Places {
					if pl.State != match.Matched || pl.AwayM > 3 || pl.Confidence < 0.1 {
						t.Errorf("%s %v trip %d: fix %d: %+v", where, m, trip, i, pl)
						break
					}
				}
			}
		}
	}
}

// order is the arcs of more than two metres. Where two ways are drawn along the same
// line, one cannot tell which was taken: same remembers the first of each line.
func order(n *road.Network, spans []match.Span, same map[string]uint32) []uint32 {
	var arcs []uint32
	for _, s := range spans {
		if s.ToCM-s.FromCM <= 200 {
			continue
		}
		line := fmt.Sprint(n.AppendArc(nil, s.Arc, 0, n.ArcCM(s.Arc)))
		arc, known := same[line]
		if !known {
			arc, same[line] = s.Arc, s.Arc
		}
		if len(arcs) == 0 || arcs[len(arcs)-1] != arc {
			arcs = append(arcs, arc)
		}
	}
	return arcs
}

// street is a straight one, 2 km long, with a side street each 200 m.
func street(t *testing.T) *road.Network {
	t.Helper()
	lines := []road.Line{{Class: road.Residential, Name: "main", Points: []geo.Point{metre(0, 0), metre(2000, 0)}}}
	for x := 0.0; x <= 2000; x += 200 {
		lines = append(lines, road.Line{Class: road.Residential, Name: "side", Points: []geo.Point{metre(x, 0), metre(x, 300)}})
	}
	n, err := road.FromLines(t.Context(), lines, "street")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var origin = geo.NewLocal(geo.Point{Lon: 121.38, Lat: 28.58})

func metre(east, north float64) geo.Point { return origin.Point(east, north) }

// along is a car at 10 m/s on the street, a fix every 10 s.
func along(count int) []match.Fix {
	fixes := make([]match.Fix, count)
	for i := range fixes {
		fixes[i] = match.Fix{Point: metre(float64(i)*100+20, 3), T: began.Add(time.Duration(i) * 10 * time.Second), AccuracyM: 8}
	}
	return fixes
}

func run(t *testing.T, n *road.Network, m road.Mode, fixes []match.Fix) match.Result {
	t.Helper()
	got, err := match.Match(t.Context(), n, m, fixes, match.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatBecomesOfOddFixes(t *testing.T) {
	t.Parallel()
	n := street(t)
	plain := run(t, n, road.Car, along(15))
	if len(plain.Parts) != 1 || math.Abs(plain.LengthM-1400) > 2 || plain.Parts[0].Rounds != 0 {
		t.Fatalf("a plain drive: %+v", plain.Parts)
	}
	t.Run("a jump is dropped and named", func(t *testing.T) {
		fixes := along(15)
		fixes[7].Point = metre(700, 2500)
		got := run(t, n, road.Car, fixes)
		if got.Places[7].State != match.Jump || math.Abs(got.LengthM-1400) > 2 || len(got.Parts) != 1 {
			t.Errorf("%v, %.0f m in %d parts", got.Places[7].State, got.LengthM, len(got.Parts))
		}
	})
	t.Run("the first fix may be the wrong one", func(t *testing.T) {
		fixes := along(15)
		fixes[0].Point = metre(-9000, 9000)
		got := run(t, n, road.Car, fixes)
		if got.Places[0].State != match.Jump || got.Places[1].State != match.Matched || math.Abs(got.LengthM-1300) > 2 {
			t.Errorf("%v, %v, %.0f m", got.Places[0].State, got.Places[1].State, got.LengthM)
		}
	})
	t.Run("an errand into a side street and back is none", func(t *testing.T) {
		fixes := along(15)
		fixes[8].Point = metre(800, 140)
		got := run(t, n, road.Car, fixes)
		if got.Places[8].State != match.Jump || math.Abs(got.LengthM-1400) > 2 {
			t.Errorf("%v, %.0f m", got.Places[8].State, got.LengthM)
		}
	})
	t.Run("a long silence breaks the track", func(t *testing.T) {
		fixes := along(15)
		for i := 7; i < 15; i++ {
			fixes[i].T = fixes[i].T.Add(20 * time.Minute)
			fixes[i].Point = metre(float64(i)*100+520, 3)
		}
		got := run(t, n, road.Car, fixes)
		if len(got.Parts) != 2 || len(got.Breaks) != 1 || got.Breaks[0] != (match.Break{After: 6, Before: 7, Reason: match.BreakGap}) || math.Abs(got.LengthM-1300) > 2 {
			t.Errorf("%d parts, %+v, %.0f m", len(got.Parts), got.Breaks, got.LengthM)
		}
	})
	t.Run("far from any road", func(t *testing.T) {
		fixes := along(15)
		fixes[14].Point = metre(1600, -260)
		if got := run(t, n, road.Car, fixes); got.Places[14].State != match.OffRoad {
			t.Errorf("%v", got.Places[14].State)
		}
	})
	t.Run("turning round is seen", func(t *testing.T) {
		fixes := along(10)
		for i := 9; i >= 0; i-- {
			fixes = append(fixes, match.Fix{Point: metre(float64(i)*100+20, -3), T: fixes[len(fixes)-1].T.Add(10 * time.Second), AccuracyM: 8})
		}
		got := run(t, n, road.Car, fixes)
		if len(got.Parts) != 1 || got.Parts[0].Rounds != 1 || math.Abs(got.LengthM-1800) > 30 {
			t.Errorf("%.0f m, %d parts, turned round %d times", got.LengthM, len(got.Parts), got.Parts[0].Rounds)
		}
	})
	t.Run("who stands still goes nowhere", func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		var fixes []match.Fix
		for i := range 1200 {
			fixes = append(fixes, match.Fix{Point: metre(500+r.NormFloat64()*8, r.NormFloat64()*8), T: began.Add(time.Duration(i) * time.Second), AccuracyM: 12})
		}
		if got := run(t, n, road.Foot, fixes); got.LengthM > 40 {
			t.Errorf("%.0f m in twenty minutes on one spot", got.LengthM)
		}
	})
}

func TestTheSameTrackHasTheSameAnswer(t *testing.T) {
	t.Parallel()
	n := extract(t, "district")
	r := rand.New(rand.NewPCG(8, 8))
	d := randomDrive(n, road.Car, r, 3, 2000)
	fixes := d.hear(road.Car, r, 10, 15, 0, 0.05)
	first := run(t, n, road.Car, fixes)
	for range 3 {
		if again := run(t, n, road.Car, fixes); !reflect.DeepEqual(first, again) {
			t.Fatal("another answer")
		}
	}
	at := 0.0
	for i, s := range first.Parts[0].Spans {
		if s.ToCM < s.FromCM || s.Leave.Before(s.Enter) || i > 0 && s.Enter.Before(first.Parts[0].Spans[i-1].Leave) {
			t.Errorf("span %d: %+v", i, s)
		}
		at += float64(s.ToCM-s.FromCM) / 100
	}
	if math.Abs(at-first.Parts[0].LengthM) > 0.5 {
		t.Errorf("the spans are %.1f m long, the part %.1f m", at, first.Parts[0].LengthM)
	}
}

func TestNonsenseIsNamed(t *testing.T) {
	t.Parallel()
	n := street(t)
	bad := func(change func(f []match.Fix)) []match.Fix {
		f := along(4)
		change(f)
		return f
	}
	for name, c := range map[string]struct {
		mode  road.Mode
		fixes []match.Fix
		want  error
		index int
	}{
		"no fix":         {road.Car, nil, match.ErrFew, -1},
		"one":            {road.Car, along(1), match.ErrFew, -1},
		"backwards":      {road.Car, bad(func(f []match.Fix) { f[2].T = f[1].T.Add(-time.Second) }), match.ErrOrder, 2},
		"the same time":  {road.Car, bad(func(f []match.Fix) { f[2].T = f[1].T }), match.ErrOrder, 2},
		"swapped":        {road.Car, bad(func(f []match.Fix) { f[3].Lon, f[3].Lat = f[3].Lat, f[3].Lon }), geo.ErrCoordinate, 3},
		"not a number":   {road.Car, bad(func(f []match.Fix) { f[1].Lat = math.NaN() }), geo.ErrCoordinate, 1},
		"an unknown way": {road.Mode(9), along(3), road.ErrMode, -1},
	} {
		_, err := match.Match(t.Context(), n, c.mode, c.fixes, match.Config{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		var at *match.FixError
		if c.index >= 0 && (!errors.As(err, &at) || at.Index != c.index) {
			t.Errorf("%s: not fix %d: %v", name, c.index, err)
		}
	}
	if _, err := match.Match(t.Context(), n, road.Car, along(15), match.Config{MaxWork: 1}); !errors.Is(err, match.ErrWork) {
		t.Errorf("with hardly any work allowed: %v", err)
	}
}

// Tracks of real people go through, moved to a place that has roads.
func TestRealTracks(t *testing.T) {
	t.Parallel()
	n := extract(t, "district")
	files, err := filepath.Glob(filepath.Join(geotest.Data(t, "geolife"), "*", "*.plt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no tracks: ", err)
	}
	slices.Sort(files)
	total, matched := 0, 0
	for i, file := range files {
		if i%max(1, len(files)/12) != 0 {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
		var fixes []match.Fix
		var shift track.Shift
		for p, err := range track.Open(file) {
			if err != nil || p.Check() != nil {
				continue
			}
			if len(fixes) == 0 {
				shift = track.NewShift(p.Point, geo.Point{Lon: 121.382, Lat: 28.585})
			}
			if len(fixes) > 0 && !p.T.After(fixes[len(fixes)-1].T) {
				continue
			}
			fixes = append(fixes, match.Fix{Point: shift.Move(p.Point), T: p.T})
		}
		if len(fixes) < 2 {
			continue
		}
		fixes = fixes[:min(len(fixes), 3000)]
		begin := time.Now()
		got := run(t, n, road.Foot, fixes)
		for k, pl := range got.Places {
			total++
			if pl.State == match.Matched {
				matched++
			}
			if pl.State == "" || pl.Confidence < 0 || pl.Confidence > 1 || math.IsNaN(pl.AwayM) || math.IsInf(pl.AwayM, 0) {
				t.Fatalf("%s: fix %d: %+v", file, k, pl)
			}
		}
		t.Logf("%s: %d fixes, %d parts, %.0f m, %v", filepath.Base(file), len(fixes), len(got.Parts), got.LengthM, time.Since(begin).Round(time.Millisecond))
	}
	t.Logf("%d of %d fixes are on roads", matched, total)
}
