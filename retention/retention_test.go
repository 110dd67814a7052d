package retention_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/retention"
)

func TestDue(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CST", 8*3600)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 5, day, hour, minute, 0, 0, zone) }
	for _, c := range []struct {
		name      string
		now, last time.Time
		want      bool
	}{
		{"before three", at(4, 2, 59), at(3, 3, 10), false},
		{"three, but this node waits", at(4, 3, 5), at(3, 3, 10), false},
		{"its turn", at(4, 3, 10), at(3, 3, 10), true},
		{"never yet", at(4, 4, 0), time.Time{}, true},
		{"another node was first", at(4, 3, 10), at(4, 3, 2), false},
		{"started by hand in the evening", at(4, 3, 10), at(3, 22, 0), true},
		{"after a night that was missed", at(4, 9, 0), at(1, 3, 0), false},
		{"in another zone's clock", at(4, 3, 10).UTC(), at(3, 3, 10).UTC(), true},
	} {
		if got := retention.Due(c.now, c.last, zone, 10*time.Minute); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func lengthM(fixes []retention.Fix, keep []bool) (m float64) {
	last := -1
	for i, f := range fixes {
		if f.Doubtful || (keep != nil && !keep[i]) {
			continue
		}
		if last >= 0 && f.T.Sub(fixes[last].T) <= 5*time.Minute {
			m += geo.DistanceM(fixes[last].Point, f.Point)
		}
		last = i
	}
	return m
}

// checkThinned holds what must be true of any thinned track.
func checkThinned(t *testing.T, name string, fixes []retention.Fix, keep []bool, every time.Duration) (kept int) {
	t.Helper()
	lastGood, lastKept := -1, -1
	for i, f := range fixes {
		if keep[i] {
			kept++
		}
		if f.Doubtful {
			if !keep[i] {
				t.Errorf("%s: fix %d is doubtful and went", name, i)
			}
			continue
		}
		begins := lastGood < 0 || f.T.Sub(fixes[lastGood].T) > 5*time.Minute
		if begins && (!keep[i] || (lastGood >= 0 && !keep[lastGood])) {
			t.Errorf("%s: an end of a stretch went at fix %d", name, i)
		}
		if !begins && keep[i] && lastKept >= 0 {
			// One fix may come later than the step, none may be left out that far.
			if gone := f.T.Sub(fixes[lastKept].T); gone > every && lastGood != lastKept && fixes[lastGood].T.Sub(fixes[lastKept].T) >= every {
				t.Errorf("%s: nothing is left for %v before fix %d", name, gone, i)
			}
		}
		if keep[i] {
			lastKept = i
		}
		lastGood = i
	}
	if lastGood >= 0 && !keep[lastGood] {
		t.Errorf("%s: the last fix went", name)
	}
	return kept
}

func TestThinnedWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		fixes := make([]retention.Fix, r.IntN(400))
		at := time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)
		p := geo.Point{Lon: 121.3, Lat: 28.5}
		for i := range fixes {
			at = at.Add(time.Duration(r.IntN(20)) * time.Second)
			if r.IntN(60) == 0 {
				at = at.Add(10 * time.Minute)
			}
			if r.IntN(4) > 0 {
				p.Lon += r.Float64() * 2e-4
				p.Lat += (r.Float64() - 0.5) * 2e-4
			}
			fixes[i] = retention.Fix{T: at, Point: p, Doubtful: r.IntN(15) == 0}
		}
		every := time.Duration(5+r.IntN(120)) * time.Second
		keep := retention.Thin(fixes, every)
		checkThinned(t, "seed "+strconv.FormatUint(seed, 10), fixes, keep, every)
	}
}

// A round of people's real ways loses most of its fixes and little of its length.
func TestThinnedGeoLife(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(geotest.Data(t, "geolife"), "*", "*.plt"))
	if err != nil || len(paths) == 0 {
		paths, err = filepath.Glob(filepath.Join(geotest.Data(t, "geolife"), "*", "*", "*.plt"))
	}
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tracks: %v", err)
	}
	slices.Sort(paths)
	var all, kept int
	var fullM, thinM, worst float64
	for _, path := range paths[:min(len(paths), 80)] {
		fixes := readPLT(t, path)
		keep := retention.Thin(fixes, time.Minute)
		all += len(fixes)
		kept += checkThinned(t, filepath.Base(path), fixes, keep, time.Minute)
		full, thin := lengthM(fixes, nil), lengthM(fixes, keep)
		fullM, thinM = fullM+full, thinM+thin
		if full > 2000 {
			worst = max(worst, 1-thin/full)
		}
	}
	t.Logf("%d tracks: %d of %d fixes stay (%.1f %%), %.0f of %.0f km (%.2f %%); the worst track loses %.1f %%",
		min(len(paths), 80), kept, all, 100*float64(kept)/float64(all), thinM/1000, fullM/1000, 100*thinM/fullM, 100*worst)
	if lost := 1 - thinM/fullM; lost > 0.025 || lost < 0 {
		t.Errorf("the ways lost %.1f %% of their length", 100*lost)
	}
	if worst > 0.10 {
		t.Errorf("one way lost %.1f %%", 100*worst)
	}
	if kept*2 > all {
		t.Errorf("%d of %d fixes stayed: that thins nothing", kept, all)
	}
}

func readPLT(t *testing.T, path string) []retention.Fix {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fixes []retention.Fix
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); n++ {
		parts := strings.Split(strings.TrimSpace(lines.Text()), ",")
		if n < 6 || len(parts) < 7 {
			continue
		}
		lat, err1 := strconv.ParseFloat(parts[0], 64)
		lon, err2 := strconv.ParseFloat(parts[1], 64)
		at, err3 := time.Parse("2006-01-02 15:04:05", parts[5]+" "+parts[6])
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatalf("%s:%d: %v %v %v", path, n+1, err1, err2, err3)
		}
		// What the service would doubt: nobody walks or rides at 250 km/h.
		doubtful := len(fixes) > 0 && geo.DistanceM(fixes[len(fixes)-1].Point, geo.Point{Lon: lon, Lat: lat}) > 100+70*max(1, at.Sub(fixes[len(fixes)-1].T).Seconds())
		fixes = append(fixes, retention.Fix{T: at, Point: geo.Point{Lon: lon, Lat: lat}, Doubtful: doubtful})
	}
	return fixes
}
