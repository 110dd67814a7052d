package match_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
)

var (
	perLine = flag.Int("match.trips", 2, "trips for each line of the table of accuracy")
	only    = flag.Float64("match.every", 0, "only the lines with a fix each so many seconds")
)

// TestAccuracy prints how well trips are found again that were driven on real roads.
func TestAccuracy(t *testing.T) {
	t.Parallel()
	within, of := 0, 0
	for _, where := range []string{"district", "liechtenstein", "porto"} {
		n := extract(t, where)
		for m := range road.Mode(road.Modes) {
			for _, every := range []float64{1, 10, 30, 60} {
				if *only > 0 && every != *only {
					continue
				}
				for _, sigma := range []float64{5, 10, 20} {
					for _, jumps := range []float64{0, 0.03} {
						if jumps > 0 && sigma != 10 {
							continue
						}
						got, all := line(t, n, where, m, every, sigma, jumps)
						if every <= 30 && jumps == 0 {
							within, of = within+got, of+all
						}
					}
				}
			}
		}
	}
	t.Logf("length within 3 %% at 1 and 10 s, within 5 %% at 30 s: %d of %d trips", within, of)
	if within*100 < of*88 {
		t.Errorf("only %d of %d trips have the right length", within, of)
	}
}

func line(t *testing.T, n *road.Network, where string, m road.Mode, every, sigma, jumps float64) (within, trips int) {
	r := rand.New(rand.NewPCG(uint64(m)+1, uint64(every*100+sigma)))
	var errs, found, right []float64
	bar := 0.03
	if every >= 30 {
		bar = 0.05
	}
	fixes, breaks := 0, 0
	var took time.Duration
	legs, legM := legOf(m)
	for range *perLine {
		d := randomDrive(n, m, r, legs, legM)
		heard := d.hear(m, r, every, sigma, sigma*1.5, jumps)
		if len(heard) < 2 {
			continue
		}
		begin := time.Now()
		got, err := match.Match(t.Context(), n, m, heard, match.Config{})
		took += time.Since(begin)
		if err != nil {
			t.Fatal(err)
		}
		e, f, p := score(d, got)
		if math.Abs(e) <= bar {
			within++
		}
		errs, found, right = append(errs, math.Abs(e)), append(found, f), append(right, p)
		fixes += len(heard)
		breaks += len(got.Breaks)
	}
	slices.Sort(errs)
	slices.Sort(found)
	slices.Sort(right)
	at := func(v []float64, q float64) float64 { return v[int(q*float64(len(v)-1))] * 100 }
	t.Logf("%-13s %-5s every %2.0f s, sigma %2.0f m, jumps %.0f %%: within %.0f %%: %3d of %d; error median %5.2f %% p95 %6.2f %%; found median %5.1f %% p5 %5.1f %%, right median %5.1f %%; breaks %d; %5.0f us a fix",
		where, m, every, sigma, jumps*100, bar*100, within, len(errs), at(errs, .5), at(errs, .95), at(found, .5), at(found, .05), at(right, .5), breaks,
		float64(took.Microseconds())/float64(fixes))
	return within, len(errs)
}
