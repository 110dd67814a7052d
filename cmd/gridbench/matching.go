package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/matching"
)

// matchingCmd measures what a crowded minute costs: so many reports on so many patrols.
type matchingCmd struct {
	Size int `default:"500" help:"Reports, and patrols."`
	Runs int `default:"21" help:"Tables that are matched, other costs each time."`
}

// Run pairs tables of random costs, up to an hour in milliseconds, the cheapest and the
// most even way, and holds each most even one against what its limit may be: its dearest
// pair cannot be dearer than that of the cheapest pairing, nor all its pairs together
// cheaper.
func (c matchingCmd) Run(all *commands) error {
	const hourMS = 3_600_000
	var cheap, even []float64
	for run := range c.Runs {
		rnd := rand.New(rand.NewPCG(7, uint64(run)))
		costs := matching.NewCosts(c.Size, c.Size)
		for i := range costs.Of {
			costs.Of[i] = rnd.Int64N(hourMS + 1)
		}
		began := time.Now()
		cheapest, err := matching.Cheapest(costs)
		if err != nil {
			return err
		}
		cheap = append(cheap, time.Since(began).Seconds()*1000)
		began = time.Now()
		evenest, err := matching.Evenest(costs)
		if err != nil {
			return err
		}
		even = append(even, time.Since(began).Seconds()*1000)
		least, n := cheapest.Total(costs)
		total, m := evenest.Total(costs)
		if n != c.Size || m != c.Size || total < least || evenest.Dearest(costs) > cheapest.Dearest(costs) {
			return fmt.Errorf("table %d: %d pairs at %d, dearest %d, and %d at %d, dearest %d", run, n, least, cheapest.Dearest(costs), m, total, evenest.Dearest(costs))
		}
	}
	of := func(name string, took []float64, most float64) figure {
		slices.Sort(took)
		middle := took[len(took)/2]
		return figure{Name: fmt.Sprintf("%s, %d x %d, median", name, c.Size, c.Size), Value: middle, Unit: "ms", Bar: bar(most), Runs: len(took),
			Spread: (took[len(took)-1] - took[0]) / middle}
	}
	return keep(os.Stdout, all.Out, "matching", []figure{of("the sum of all arrivals least", cheap, 15), of("the last arrival soonest, then the sum", even, 20)})
}
