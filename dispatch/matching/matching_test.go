package matching

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// best is the slow twin: every pairing there is.
func best(c Costs) (pairs int, total, evenPairsTotal, dearest int64) {
	type state struct {
		pairs   int
		total   int64
		dearest int64
	}
	var all []state
	var walk func(row int, used uint32, s state)
	walk = func(row int, used uint32, s state) {
		if row == c.Rows {
			all = append(all, s)
			return
		}
		walk(row+1, used, s)
		for j := range c.Columns {
			if v := c.At(row, j); v != Never && used&(1<<j) == 0 {
				walk(row+1, used|1<<j, state{s.pairs + 1, s.total + v, max(s.dearest, v)})
			}
		}
	}
	walk(0, 0, state{})
	slices.SortFunc(all, func(a, b state) int { return b.pairs - a.pairs })
	all = slices.DeleteFunc(all, func(s state) bool { return s.pairs < all[0].pairs })
	cheap := slices.MinFunc(all, func(a, b state) int { return int(a.total - b.total) })
	even := slices.MinFunc(all, func(a, b state) int {
		if a.dearest != b.dearest {
			return int(a.dearest - b.dearest)
		}
		return int(a.total - b.total)
	})
	return cheap.pairs, cheap.total, even.total, even.dearest
}

func drawn(t *rapid.T) Costs {
	c := NewCosts(rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(0, 6).Draw(t, "columns"))
	largest := rapid.SampledFrom([]int64{0, 1, 5, 1000}).Draw(t, "largest")
	for i := range c.Of {
		if rapid.IntRange(0, 3).Draw(t, "barred") > 0 {
			c.Of[i] = rapid.Int64Range(0, largest).Draw(t, "cost")
		}
	}
	return c
}

func sound(t interface{ Fatalf(string, ...any) }, c Costs, p Pairs) {
	used := map[int]bool{}
	for i, j := range p {
		if j == None {
			continue
		}
		if j < 0 || j >= c.Columns || used[j] || c.At(i, j) == Never {
			t.Fatalf("row %d got column %d, in %v", i, j, p)
		}
		used[j] = true
	}
	if len(p) != c.Rows {
		t.Fatalf("%d rows of %d", len(p), c.Rows)
	}
}

func TestBothAreAsGoodAsEveryPairingThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawn(t)
		pairs, total, evenTotal, dearest := best(c)
		cheap, err := Cheapest(c)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, c, cheap)
		if got, n := cheap.Total(c); n != pairs || got != total {
			t.Errorf("cheapest: %d pairs at %d, best %d at %d: %v of %v", n, got, pairs, total, cheap, c)
		}
		even, err := Evenest(c)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, c, even)
		if got, n := even.Total(c); n != pairs || got != evenTotal || even.Dearest(c) != dearest {
			t.Errorf("evenest: %d pairs at %d, dearest %d; best %d at %d, %d: %v of %v", n, got, even.Dearest(c), pairs, evenTotal, dearest, even, c)
		}
	})
}

// The limit of a pairing that is as even as can be is one under which so many pairs are
// possible, and the cost below it is none, on tables of which only a part is sampled.
func TestTheLimitIsTheLeast(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		c := random(rnd, 35+rnd.IntN(20), 35+rnd.IntN(20), []int64{3, 1000, 1_000_000}[seed%3])
		for i := range c.Of {
			if seed%4 > 0 && rnd.IntN(10) < 8 { // few pairs, so that not all rows are paired by what is cheap
				c.Of[i] = Never
			}
			if seed%5 == 0 && i/c.Columns < 8 && i%c.Columns > 6 { // eight rows that share seven cheap columns
				c.Of[i] = Most
			}
		}
		if seed%7 == 0 {
			for i := range c.Of {
				c.Of[i] = max(c.Of[i], c.At(i/c.Columns, 0)) // nobody may have less than its first
			}
		}
		limit, most := bottleneck(c), newGraph(c).pairs(Most)
		if got := newGraph(c).pairs(limit); got != most {
			t.Errorf("seed %d: %d pairs at the limit %d, %d without one", seed, got, limit, most)
		}
		if most > 0 && newGraph(c).pairs(limit-1) == most {
			t.Errorf("seed %d: the limit %d is not the least", seed, limit)
		}
	}
}

// The prices prove a large pairing: no pair is cheaper than its row and its column
// are priced, every pair there is costs just that, and a column without a row is
// worth nothing. That is the duality of linear programs.
func TestLargeOnesProveThemselves(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{200, 200}, {60, 300}, {300, 60}, {1, 50}, {50, 1}, {128, 129}} {
		for _, largest := range []int64{1, 10, 1_000_000, Most} {
			c := random(rand.New(rand.NewPCG(uint64(largest), uint64(size[0]))), size[0], size[1], largest)
			s := newSolver(c, Most, largest*int64(min(size[0], size[1]))+1)
			s.solve()
			for i := range s.rows {
				rowPrice := int64(math.MaxInt64)
				for j, v := range s.row(i) {
					rowPrice = min(rowPrice, v-s.price[j])
				}
				if j := s.columnOf[i]; s.row(i)[j]-s.price[j] != rowPrice || s.rowOf[j] != i {
					t.Fatalf("%v up to %d: row %d pays %d more than it must", size, largest, i, s.row(i)[j]-s.price[j]-rowPrice)
				}
			}
			for j, i := range s.rowOf {
				if s.rows < s.columns && (s.price[j] > 0 || i == None && s.price[j] != 0) {
					t.Fatalf("%v up to %d: column %d of row %d is priced %d", size, largest, j, i, s.price[j])
				}
			}
		}
	}
}

func random(rnd *rand.Rand, rows, columns int, largest int64) Costs {
	c := NewCosts(rows, columns)
	for i := range c.Of {
		c.Of[i] = rnd.Int64N(largest + 1)
	}
	return c
}

func TestTheSameCostsGiveTheSamePairs(t *testing.T) {
	t.Parallel()
	c := random(rand.New(rand.NewPCG(1, 1)), 80, 90, 3) // many ties
	for _, f := range []func(Costs) (Pairs, error){Cheapest, Evenest} {
		a, _ := f(c)
		b, _ := f(c)
		if !slices.Equal(a, b) {
			t.Errorf("%v and %v", a, b)
		}
	}
}

func TestWhatIsNoTableIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []Costs{
		{Rows: 2, Columns: 2, Of: make([]int64, 3)},
		{Rows: -1, Columns: 1},
		{Rows: 1, Columns: 1, Of: []int64{-1}},
		{Rows: 1, Columns: 1, Of: []int64{Most + 1}},
		{Rows: MostPairs, Columns: 2, Of: make([]int64, 2*MostPairs)},
	} {
		for _, f := range []func(Costs) (Pairs, error){Cheapest, Evenest} {
			if _, err := f(c); !errors.Is(err, ErrCosts) {
				t.Errorf("%d x %d with %d: %v", c.Rows, c.Columns, len(c.Of), err)
			}
		}
	}
}

func BenchmarkCheapest(b *testing.B) {
	for _, n := range []int{100, 200, 500, 2000} {
		c := random(rand.New(rand.NewPCG(7, 7)), n, n, 3_600_000) // an hour in milliseconds
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Cheapest(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEvenest(b *testing.B) {
	c := random(rand.New(rand.NewPCG(7, 7)), 500, 500, 3_600_000)
	for b.Loop() {
		if _, err := Evenest(c); err != nil {
			b.Fatal(err)
		}
	}
}
