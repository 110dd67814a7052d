//go:build pairs

// Run by "make verify-roads": minutes, and too long for every day.

package road

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Ten thousand pairs of random places for each mode of each extract: as built, with
// roads closed, after the file was written and read again, and with every duration
// changed. Each is asked cold, from a stand and in a table, and is to be as Dijkstra's
// algorithm says, to the millisecond and the centimetre.
func TestTenThousandPairs(t *testing.T) {
	for _, extract := range []string{"monaco", "liechtenstein", "hamburg-ferry", "columbus", "heidelberg", "porto"} {
		t.Run(extract, func(t *testing.T) {
			n := LoadExtract(t, extract)
			router, err := Prepare(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(41, 43))
			for m := range Mode(Modes) {
				comparePairs(t, "as built", router, n, m, r)
			}
			closures := randomClosures(n, r)
			if err := router.Impose(t.Context(), closures, 2); err != nil {
				t.Fatal(err)
			}
			for m := range Mode(Modes) {
				comparePairs(t, "closed", router, n.reweighted(m, n.under(m, closures.Closed[m])), m, r)
			}
			var file bytes.Buffer
			if _, err := n.WriteTo(&file); err != nil {
				t.Fatal(err)
			}
			again, err := Read(&file)
			if err != nil {
				t.Fatal(err)
			}
			if router, err = Prepare(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			for m := range Mode(Modes) {
				comparePairs(t, "reopened", router, n, m, r)
				durationMS := randomDurations(again, m, r)
				now, err := again.customize(t.Context(), m, router.modes[m], durationMS, 9)
				if err != nil {
					t.Fatal(err)
				}
				router.now[m].Store(now)
				comparePairs(t, "weighted anew", router, again.reweighted(m, durationMS), m, r)
			}
		})
	}
}

// randomDurations are a tenth to ten times those a network was built with, and one road
// of twenty is shut.
func randomDurations(n *Network, m Mode, r *rand.Rand) []uint32 {
	durationMS := make([]uint32, len(n.modes[m].durationMS))
	for arc, d := range n.modes[m].durationMS {
		if durationMS[arc] = d; d != shut {
			durationMS[arc] = uint32(min(float64(d)*math.Pow(10, 2*r.Float64()-1), maxMS))
		}
	}
	for arc := 0; arc < len(durationMS); arc += 2 {
		if r.IntN(20) == 0 {
			durationMS[arc], durationMS[arc+1] = shut, shut
		}
	}
	return durationMS
}

func comparePairs(t *testing.T, phase string, router *Router, oracle *Network, m Mode, r *rand.Rand) {
	t.Helper()
	const side = 100 // squared
	from, to := randomPoints(oracle, r, side), randomPoints(oracle, r, side)
	stands := make([]*Stand, side)
	for i, p := range from {
		var err error
		if stands[i], err = router.Stand(m, p); err != nil {
			t.Fatal(err)
		}
	}
	table := make([][]Time, side)
	if err := router.Matrix(t.Context(), m, from, to, func(i int, row []Time) error { table[i] = row; return nil }); err != nil {
		t.Fatal(err)
	}
	differ, reached := 0, 0
	complain := func(kind string, i int, goal geo.Point, got, want Time) {
		if differ++; differ <= 3 {
			t.Errorf("%s, %v from %v to %v: %s says %+v, Dijkstra %+v", phase, m, from[i], goal, kind, got, want)
		}
	}
	for k, goal := range to {
		want, err := oracle.ManyToOne(t.Context(), m, from, goal)
		if err != nil {
			t.Fatal(err)
		}
		as(router, m, want)
		cold, err := router.ManyToOne(t.Context(), m, from, goal)
		if err != nil {
			t.Fatal(err)
		}
		stood, err := router.StandsToOne(t.Context(), nil, stands, goal)
		if err != nil {
			t.Fatal(err)
		}
		for i := range from {
			if want[i].Reachable {
				reached++
			}
			if cold[i] != want[i] {
				complain("cold", i, goal, cold[i], want[i])
			}
			if stood[i] != want[i] {
				complain("a stand", i, goal, stood[i], want[i])
			}
			if table[i][k] != want[i] {
				complain("a table", i, goal, table[i][k], want[i])
			}
		}
		if want[k].Reachable {
			checkRouterRoute(t, router, oracle, m, from[k], goal, want[k])
		}
	}
	t.Logf("%s, %v: %d pairs, %d with a way, %d of %d answers differ", phase, m, side*side, reached, differ, 3*side*side)
}
