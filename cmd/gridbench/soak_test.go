package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// looksOf are looks at a made-up service: n of them, soakEvery apart.
func looksOf(n int, of func(i int, at time.Duration) soakLook) (looks []soakLook) {
	for i := range n {
		at := time.Duration(i) * soakEvery
		l := of(i, at)
		l.at = at
		looks = append(looks, l)
	}
	return looks
}

// A slope that is there is found, and one that is not is within its interval.
func TestSlopes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	grew := 0
	const runs = 400
	for range runs {
		looks := looksOf(600, func(_ int, at time.Duration) soakLook {
			return soakLook{files: 700 + r.NormFloat64()*3, residentMB: 200 + 60*at.Hours() + r.NormFloat64()*2}
		})
		if flat := slopeOf(looks, func(l soakLook) float64 { return l.files }); flat.low > 0 {
			grew++
		}
		if grows := slopeOf(looks, func(l soakLook) float64 { return l.residentMB }); grows.low < 40 || math.Abs(grows.slope-60) > 15 {
			t.Errorf("a growth of 60 MB/h is %.1f, at least %.1f", grows.slope, grows.low)
		}
	}
	if grew > runs/20 { // of 95 %, half lies below
		t.Errorf("%d of %d flat runs are taken for growth", grew, runs)
	}
}

// The slope is that of the slow way: every pair, sorted, and the middle one.
func TestTheSlopeIsTheMiddleOfAllPairs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-100, 100), soakBatches, soakBatches).Draw(t, "values")
		looks := looksOf(soakBatches, func(i int, _ time.Duration) soakLook { return soakLook{files: values[i]} })
		got := slopeOf(looks, func(l soakLook) float64 { return l.files })
		below, above, belowLow := 0, 0, 0
		for i := range looks {
			for k := range i {
				pair := (values[i] - values[k]) / (looks[i].at - looks[k].at).Hours()
				if pair < got.slope-1e-6 {
					below++
				}
				if pair > got.slope+1e-6 {
					above++
				}
				if pair < got.low-1e-6 {
					belowLow++
				}
			}
		}
		const pairs = soakBatches * (soakBatches - 1) / 2
		if below > pairs/2 || above > pairs/2 || belowLow > pairs/2 || got.low > got.slope {
			t.Fatalf("%+v: %d pairs below, %d above, %d below the low end, of %d", got, below, above, belowLow, pairs)
		}
	})
}

// What a short run on a shared machine is red of, and what it is not.
func TestWhatASoakIsRedOf(t *testing.T) {
	t.Parallel()
	const length = 3 * time.Minute
	steady := func(r *rand.Rand) soakLook {
		return soakLook{residentMB: 150 + r.NormFloat64()*2, heapMB: 40 + r.NormFloat64(), files: 540 + math.Round(r.NormFloat64()*2), goroutines: 1600 + math.Round(r.NormFloat64()*8)}
	}
	share := func(at time.Duration) float64 { return at.Seconds() / length.Seconds() }
	for _, c := range []struct {
		name string
		of   func(r *rand.Rand, i int, at time.Duration) soakLook
		red  string // the measures that are named
	}{
		{"steady", func(r *rand.Rand, _ int, _ time.Duration) soakLook { return steady(r) }, ""},
		{"one look in five is far off", func(r *rand.Rand, i int, _ time.Duration) soakLook {
			l := steady(r)
			if i%5 == 4 {
				l.residentMB, l.heapMB, l.files, l.goroutines = l.residentMB+200, l.heapMB+80, l.files+300, l.goroutines+900
			}
			return l
		}, ""},
		{"the end is far off: somebody took the processors", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			if share(at) > 0.85 {
				l.residentMB, l.heapMB, l.goroutines = l.residentMB+60, l.heapMB+30, l.goroutines+400
			}
			return l
		}, ""},
		{"it comes to rest after the warm-up", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			l.residentMB += 6 * (1 - math.Exp(-5*share(at)))
			return l
		}, ""},
		{"it shrinks", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			l.residentMB, l.files, l.goroutines = l.residentMB-50*share(at), l.files-200*share(at), l.goroutines-200*share(at)
			return l
		}, ""},
		{"64 bytes of each fix are kept", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			kept := 64 * 5000 * at.Seconds() / (1 << 20)
			l.residentMB, l.heapMB = l.residentMB+kept, l.heapMB+kept
			return l
		}, "resident memory, heap in use after collection"},
		{"a descriptor a second stays open", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			l.files += at.Seconds()
			return l
		}, "descriptors"},
		{"a goroutine a second stays", func(r *rand.Rand, _ int, at time.Duration) soakLook {
			l := steady(r)
			l.goroutines += at.Seconds()
			return l
		}, "goroutines"},
	} {
		wrong := 0
		const runs = 100
		for seed := range uint64(runs) {
			r := rand.New(rand.NewPCG(seed, 3))
			looks := looksOf(int(length/soakEvery)+1, func(i int, at time.Duration) soakLook { return c.of(r, i, at) })
			err := missedOf(judgeSoak(looks, length))
			var red []string
			for _, m := range soakMeasures {
				if err != nil && strings.Contains(err.Error(), m.name+":") {
					red = append(red, m.name)
				}
			}
			if strings.Join(red, ", ") != c.red {
				wrong++
				if wrong == 1 {
					t.Logf("%s: %v", c.name, err)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: judged wrongly in %d of %d runs", c.name, wrong, runs)
		}
	}
}

// An error says each bar that was missed, and none that was kept.
func TestMissedBarsAreNamed(t *testing.T) {
	t.Parallel()
	kept := []figure{one("a", 1, "MB/h", bar(1)), one("b", 9, "MB/h", nil)}
	if err := missedOf(kept); err != nil {
		t.Error(err)
	}
	err := missedOf(append(kept, one("c", 2.5, "MB/h", bar(2)), one("d", 1, "fixes", bar(0))))
	if want := "missed: c is 2.5 MB/h, above 2\nmissed: d is 1 fixes, above 0"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
