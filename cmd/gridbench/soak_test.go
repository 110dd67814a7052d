package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A slope that is there is found, and one that is not is within its interval.
func TestSlopes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	outside := 0
	const runs = 400
	for range runs {
		var looks []soakLook
		for i := range 240 {
			at := time.Duration(i) * soakEvery
			looks = append(looks, soakLook{at: at, files: 700 + r.NormFloat64()*3, residentMB: 200 + 60*at.Hours() + r.NormFloat64()*2})
		}
		flat := slopeOf(looks, func(l soakLook) float64 { return l.files })
		if math.Abs(flat.slope) > flat.within {
			outside++
		}
		if grows := slopeOf(looks, func(l soakLook) float64 { return l.residentMB }); grows.slope-grows.within < 40 || math.Abs(grows.slope-60) > 15 {
			t.Errorf("a growth of 60 MB/h is %.1f +- %.1f", grows.slope, grows.within)
		}
	}
	if outside > runs/10 {
		t.Errorf("%d of %d flat runs are taken for a slope at 95 %%", outside, runs)
	}
}
