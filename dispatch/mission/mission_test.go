package mission

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawnWants(t *rapid.T) []Want {
	wants := make([]Want, rapid.IntRange(1, 3).Draw(t, "wants"))
	far := rapid.SampledFrom([]int64{0, 3, 20}).Draw(t, "far")
	for i := range wants {
		w := &wants[i]
		w.People = rapid.IntRange(1, 3).Draw(t, "people")
		w.Skills = Skills(rapid.IntRange(0, 3).Draw(t, "skills"))
		w.Candidates = make([]Candidate, rapid.IntRange(0, 5).Draw(t, "candidates"))
		for k := range w.Candidates {
			w.Candidates[k] = Candidate{ArrivalMS: rapid.Int64Range(0, far).Draw(t, "arrival"), People: rapid.IntRange(1, 2).Draw(t, "of"),
				Skills: Skills(rapid.IntRange(0, 3).Draw(t, "with")), Load: rapid.IntRange(0, 2).Draw(t, "load")}
		}
	}
	return wants
}

// enough says whether some candidates fill a want.
func enough(w Want, chosen []int) bool {
	people, skills := 0, Skills(0)
	for _, k := range chosen {
		people, skills = people+w.Candidates[k].People, skills|w.Candidates[k].Skills
	}
	return people >= w.People && skills&w.Skills == w.Skills
}

// everyTeam is the slow twin: each team there is, for the wants that can be filled.
func everyTeam(wants []Want, each func(Team)) {
	var walk func(i int, chosen [][]int)
	walk = func(i int, chosen [][]int) {
		if i == len(wants) {
			each(figures(wants, chosen))
			return
		}
		w := wants[i]
		all := make([]int, len(w.Candidates))
		for k := range all {
			all[k] = k
		}
		if !enough(w, all) {
			walk(i+1, append(chosen, nil))
			return
		}
		for mask := range 1 << len(all) {
			var some []int
			for k := range all {
				if mask>>k&1 == 1 {
					some = append(some, k)
				}
			}
			if enough(w, some) {
				walk(i+1, append(slices.Clone(chosen), some))
			}
		}
	}
	walk(0, nil)
}

func figures(wants []Want, chosen [][]int) Team {
	team := Team{Chosen: chosen}
	first := int64(1 << 40)
	for i, some := range chosen {
		for _, k := range some {
			at := wants[i].Candidates[k].ArrivalMS
			team.TotalMS += at
			team.LatestMS, first = max(team.LatestMS, at), min(first, at)
		}
	}
	if first < 1<<40 {
		team.SpreadMS = team.LatestMS - first
	}
	return team
}

func patrols(t Team) (n int) {
	for _, some := range t.Chosen {
		n += len(some)
	}
	return n
}

func same(a, b Team) bool {
	return a.LatestMS == b.LatestMS && a.SpreadMS == b.SpreadMS && a.TotalMS == b.TotalMS
}

func TestChooseIsAsGoodAsEveryTeamThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := drawnWants(t)
		got, err := Choose(wants)
		if err != nil {
			t.Fatal(err)
		}
		var best *Team
		everyTeam(wants, func(o Team) {
			if best == nil || better(o, *best) || same(o, *best) && patrols(o) < patrols(*best) {
				best = &o
			}
		})
		if patrols(got) != patrols(*best) {
			t.Errorf("chose %+v, fewer do in %+v of %+v", got, *best, wants)
		}
		if !same(got, *best) || !same(got, figures(wants, got.Chosen)) {
			t.Errorf("chose %+v, best is %+v of %+v", got, *best, wants)
		}
		for i, w := range wants {
			all := make([]int, len(w.Candidates))
			for k := range all {
				all[k] = k
			}
			if lacks := got.Lacks[i] != (Lack{}); lacks == enough(w, all) || lacks && got.Chosen[i] != nil || !lacks && !enough(w, got.Chosen[i]) {
				t.Errorf("want %d %+v got %v and lacks %+v", i, w, got.Chosen[i], got.Lacks[i])
			}
		}
	})
}

func TestKeepingIsTheBestThatLeavesNoTown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := drawnWants(t)
		towns := make([]Town, rapid.IntRange(0, 3).Draw(t, "towns"))
		for i := range towns {
			towns[i].Others = rapid.IntRange(0, 4).Draw(t, "others") == 0
			for w := range wants {
				for k := range wants[w].Candidates {
					if rapid.IntRange(0, 3).Draw(t, "near") == 0 {
						towns[i].Near = append(towns[i].Near, Seat{w, k})
					}
				}
			}
		}
		got, ok, err := Keeping(wants, towns)
		if err != nil {
			t.Fatal(err)
		}
		var best *Team
		everyTeam(wants, func(o Team) {
			if len(Left(o, towns)) == 0 && (best == nil || better(o, *best)) {
				best = &o
			}
		})
		if ok != (best != nil) || ok && (!same(got, *best) || len(Left(got, towns)) > 0) {
			t.Errorf("kept %v %+v, best is %+v of %+v and %+v", ok, got, best, wants, towns)
		}
	})
}

func TestATownIsLeftOnlyByWhoGoes(t *testing.T) {
	t.Parallel()
	team := Team{Chosen: [][]int{{0}, {1, 2}}}
	towns := []Town{
		{Near: []Seat{{0, 0}}},
		{Near: []Seat{{0, 0}}, Others: true},
		{Near: []Seat{{0, 0}, {1, 0}}},
		{Near: []Seat{{1, 2}, {0, 0}, {1, 1}}},
		{},
	}
	if left := Left(team, towns); !slices.Equal(left, []int{0, 3}) {
		t.Errorf("left %v", left)
	}
}

// Each of two towns has two to lose; the best of the parts that keep one comes first.
func TestKeepingLooksAtTheBestPartFirst(t *testing.T) {
	t.Parallel()
	wants := []Want{{People: 2, Candidates: []Candidate{{ArrivalMS: 10, People: 1}, {ArrivalMS: 20, People: 1}, {ArrivalMS: 500, People: 1}, {ArrivalMS: 900, People: 1}}}}
	team, ok, err := Keeping(wants, []Town{{Near: []Seat{{0, 0}, {0, 1}}}})
	if err != nil || !ok || !slices.Equal(team.Chosen[0], []int{1, 2}) { // not 0 and 2, which spread further
		t.Errorf("kept %v %+v %v", ok, team, err)
	}
}

func TestRestedSendsWhoWasSentLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wants := drawnWants(t)
		team, err := Choose(wants)
		if err != nil {
			t.Fatal(err)
		}
		const within = 4
		got := Rested(wants, team, within)
		load := func(team Team) (sum int) {
			for i, some := range team.Chosen {
				for _, k := range some {
					sum += wants[i].Candidates[k].Load
				}
			}
			return sum
		}
		for i, some := range got.Chosen {
			if len(some) != len(team.Chosen[i]) || len(slices.Compact(slices.Clone(some))) != len(some) || len(some) > 0 && !enough(wants[i], some) {
				t.Errorf("want %d has %v for %v", i, some, team.Chosen[i])
			}
		}
		if load(got) > load(team) || got.LatestMS > team.LatestMS+within || !same(got, figures(wants, got.Chosen)) {
			t.Errorf("%+v for %+v of %+v", got, team, wants)
		}
	})
	wants := []Want{{People: 1, Candidates: []Candidate{{ArrivalMS: 100_000, People: 2, Load: 5}, {ArrivalMS: 159_000, People: 2}, {ArrivalMS: 161_000, People: 2}}}}
	team, _ := Choose(wants)
	if got := Rested(wants, team, 60_000); !slices.Equal(got.Chosen[0], []int{1}) || got.LatestMS != 159_000 {
		t.Errorf("sent %+v", got)
	}
}

func TestWhatIsNoWantIsRefused(t *testing.T) {
	t.Parallel()
	for _, w := range []Want{
		{People: 0},
		{People: MostPeople + 1},
		{People: 1, Candidates: []Candidate{{People: 0}}},
		{People: 1, Candidates: []Candidate{{People: 1, ArrivalMS: -1}}},
		{People: 1, Candidates: make([]Candidate, MostCandidates+1)},
	} {
		if _, err := Choose([]Want{w}); !errors.Is(err, ErrWant) {
			t.Errorf("%+v: %v", w.People, err)
		}
		if _, _, err := Keeping([]Want{w}, nil); !errors.Is(err, ErrWant) {
			t.Errorf("%+v: %v", w.People, err)
		}
	}
}
