package batch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sum is what a choice costs by the words of the package comment, written a second time.
func sum(wants []Want, pairs []int, r Rules) (served int, cost int64) {
	for i, w := range wants {
		switch p := pairs[i]; {
		case p == None:
			cost += w.Weight * (r.NobodyMS / 100)
		default:
			served++
			ms := min(MostMS, w.Ways[p].ArrivalMS+w.Ways[p].LaterMS)
			if w.Has != None && w.Has != p {
				ms += r.MoveMS
			}
			cost += w.Weight * (ms / 100)
		}
	}
	return served, cost
}

// slow tries every choice that the rules allow.
func slow(wants []Want, patrols int, r Rules) (served int, cost int64) {
	held := make([]bool, patrols)
	for _, w := range wants {
		if w.Has != None {
			held[w.Has] = true
		}
	}
	served = -1
	pairs, used := make([]int, len(wants)), make([]bool, patrols)
	var try func(i int)
	try = func(i int) {
		if i == len(wants) {
			if n, c := sum(wants, pairs, r); n > served || n == served && c < cost {
				served, cost = n, c
			}
			return
		}
		w := wants[i]
		for p := range patrols {
			if used[p] || !w.Ways[p].Known || w.Has != None && p != w.Has && held[p] {
				continue
			}
			pairs[i], used[p] = p, true
			try(i + 1)
			used[p] = false
		}
		if w.Has == None {
			pairs[i] = None
			try(i + 1)
		}
	}
	try(0)
	return served, cost
}

// some draws wants that cross one another, some of which have a patrol already.
func some(t *rapid.T) ([]Want, int) {
	patrols := rapid.IntRange(0, 6).Draw(t, "patrols")
	wants := make([]Want, rapid.IntRange(0, 6).Draw(t, "wants"))
	free := make([]bool, patrols)
	for i := range wants {
		w := Want{Weight: Weight(rapid.Bool().Draw(t, "urgent"), rapid.Float64Range(0, 1).Draw(t, "used")), Ways: make([]Way, patrols), Has: None}
		for p := range w.Ways {
			w.Ways[p] = Way{Known: rapid.IntRange(0, 4).Draw(t, "known") > 0, ArrivalMS: int64(rapid.IntRange(0, 40).Draw(t, "s")) * 30_000,
				LaterMS: int64(rapid.IntRange(0, 1).Draw(t, "later")) * 3_600_000}
		}
		if patrols > 0 && rapid.IntRange(0, 2).Draw(t, "has") == 0 {
			if p := rapid.IntRange(0, patrols-1).Draw(t, "which"); w.Ways[p].Known && !free[p] {
				w.Has, free[p] = p, true
			}
		}
		wants[i] = w
	}
	return wants, patrols
}

func TestChooseIsAsGoodAsTryingAll(t *testing.T) {
	t.Parallel()
	rules := Rules{}.orDefaults()
	rapid.Check(t, func(t *rapid.T) {
		wants, patrols := some(t)
		got, err := Choose(wants, patrols, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for i, p := range got.Patrol {
			if p == None {
				if wants[i].Has != None {
					t.Fatalf("want %d had %d and ends with nobody", i, wants[i].Has)
				}
				continue
			}
			if seen[p] || !wants[i].Ways[p].Known {
				t.Fatalf("want %d gets %d, which is taken or has no way", i, p)
			}
			seen[p] = true
			if w := wants[i]; w.Has != None && w.Has != p && heldOf(wants, patrols)[p] {
				t.Fatalf("want %d gives up %d for %d, which another want had", i, w.Has, p)
			}
		}
		served, cost := sum(wants, got.Patrol, rules)
		wantServed, wantCost := slow(wants, patrols, rules)
		if served != wantServed || cost != wantCost {
			t.Fatalf("%d are served at %d; trying all serves %d at %d", served, cost, wantServed, wantCost)
		}
	})
}

// An even choice serves as many, and no other makes its dearest pair cheaper.
func TestEvenKeepsWhatIsHeld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wants, patrols := some(t)
		got, err := Choose(wants, patrols, Rules{Even: true})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for i, p := range got.Patrol {
			if p == None && wants[i].Has != None || p != None && seen[p] {
				t.Fatalf("want %d had %d and gets %d", i, wants[i].Has, p)
			}
			seen[p] = p != None
		}
	})
}

func TestWhoComesFirst(t *testing.T) {
	t.Parallel()
	at := func(s ...int64) []Way {
		ways := make([]Way, len(s))
		for i, v := range s {
			ways[i] = Way{Known: v >= 0, ArrivalMS: max(0, v) * 1000}
		}
		return ways
	}
	ordinary, urgent := Weight(false, 0), Weight(true, 0)
	for _, c := range []struct {
		name    string
		wants   []Want
		patrols int
		want    []int
	}{
		{"the nearest for the first would leave the second with the far one", []Want{{ordinary, at(60, 90), None}, {ordinary, at(70, 900), None}}, 2, []int{1, 0}},
		{"one patrol: the urgent one has it, though it is farther", []Want{{ordinary, at(60), None}, {urgent, at(600), None}}, 1, []int{None, 0}},
		{"one patrol: the nearly overdue one has it", []Want{{ordinary, at(60), None}, {Weight(false, 1), at(120), None}}, 1, []int{None, 0}},
		{"as many as can be", []Want{{urgent, at(10, 20), None}, {ordinary, at(500, -1), None}}, 2, []int{1, 0}},
		{"a move that saves 170 s is not made", []Want{{ordinary, at(100, 110), 0}, {ordinary, at(100, 280), None}}, 2, []int{0, 1}},
		{"one that saves 190 s is", []Want{{ordinary, at(100, 110), 0}, {ordinary, at(100, 300), None}}, 2, []int{1, 0}},
		{"who has somebody keeps them, however urgent the other", []Want{{ordinary, at(100), 0}, {urgent, at(100), None}}, 1, []int{0, None}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Choose(c.wants, c.patrols, Rules{})
			if err != nil || !slices.Equal(got.Patrol, c.want) {
				t.Errorf("got %v (%v), want %v", got.Patrol, err, c.want)
			}
		})
	}
}

func TestChooseNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	known := []Way{{Known: true, ArrivalMS: 1}}
	for _, wants := range [][]Want{
		{{Weight: 0, Ways: known, Has: None}},
		{{Weight: MostWeight + 1, Ways: known, Has: None}},
		{{Weight: 100, Ways: nil, Has: None}},
		{{Weight: 100, Ways: []Way{{Known: true, ArrivalMS: -1}}, Has: None}},
		{{Weight: 100, Ways: []Way{{}}, Has: 0}},
		{{Weight: 100, Ways: known, Has: 0}, {Weight: 100, Ways: known, Has: 0}},
		make([]Want, MostWants+1),
	} {
		if _, err := Choose(wants, 1, Rules{}); !errors.Is(err, ErrWant) {
			t.Errorf("%d wants: %v", len(wants), err)
		}
	}
}

// crowd is n wants and m patrols spread over a square of ten minutes' drive.
func crowd(n, m int) []Want {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	type spot struct{ x, y float64 }
	spots := func(n int) []spot {
		out := make([]spot, n)
		for i := range out {
			out[i] = spot{r.Float64() * 600_000, r.Float64() * 600_000}
		}
		return out
	}
	places, patrols := spots(n), spots(m)
	wants := make([]Want, n)
	for i, at := range places {
		wants[i] = Want{Weight: Weight(i%7 == 0, r.Float64()), Ways: make([]Way, m), Has: None}
		for p, from := range patrols {
			wants[i].Ways[p] = Way{Known: true, ArrivalMS: int64(max(at.x-from.x, from.x-at.x) + max(at.y-from.y, from.y-at.y))}
		}
	}
	return wants
}

// A batch is never worse than one after the other: its sum is what is least.
func TestABatchBeatsTurns(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{50, 60}, {50, 40}, {500, 500}, {700, 300}} {
		wants := crowd(size[0], size[1])
		together, err := Choose(wants, size[1], Rules{})
		if err != nil {
			t.Fatal(err)
		}
		turns, err := Nearest(wants, size[1])
		if err != nil {
			t.Fatal(err)
		}
		rules := Rules{}.orDefaults()
		n1, c1 := sum(wants, together.Patrol, rules)
		n2, c2 := sum(wants, turns.Patrol, rules)
		t.Logf("%d wants, %d patrols: together %d s, one after the other %d s", size[0], size[1], together.ArrivalMS/1000, turns.ArrivalMS/1000)
		if n1 < n2 || n1 == n2 && c1 > c2 {
			t.Errorf("%v: together %d at %d, in turns %d at %d", size, n1, c1, n2, c2)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, size := range [][2]int{{50, 60}, {500, 500}, {500, 600}, {500, 400}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			wants := crowd(size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Choose(wants, size[1], Rules{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
