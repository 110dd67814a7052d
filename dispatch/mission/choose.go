// Package mission chooses who goes together: for each department that is wanted,
// the patrols that as a team are there first, and at the same time.
//
// It is pure: no clock, no randomness, no I/O. The same wants give the same team.
package mission

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

const (
	// MostPeople and MostSkills bound what one want may ask for.
	MostPeople = 32
	MostSkills = 8
	// MostCandidates bounds who may be looked at for one want.
	MostCandidates = 2000
)

// Skills is a set: bit k stands for the k-th skill the wants of one choice name.
type Skills uint8

// Candidate is a patrol that may be sent. What rules it out (it is off duty, its
// shift ends before, it may not leave its area, nobody knows its way) has done so
// before: it is not here.
type Candidate struct {
	// ArrivalMS is when it is there, in milliseconds from now.
	ArrivalMS int64
	// People is how many come with it, at least one.
	People int
	// Skills are those of its people and what it carries.
	Skills Skills
	// Load is how often it was sent in the last hours.
	Load int
}

// Want is what one department is to bring: so many people, and among the patrols
// that come, each of the skills. No patrol is a candidate of two wants.
type Want struct {
	People     int
	Skills     Skills
	Candidates []Candidate
}

// Lack says what the candidates of a want cannot bring, all of them together.
type Lack struct {
	People int
	Skills Skills
}

// Team is who goes: for each want the indices of its candidates, in ascending order,
// none where it lacks something. The three figures are over all that go.
type Team struct {
	Chosen [][]int
	Lacks  []Lack
	// LatestMS is when the last of them is there, SpreadMS how long the first waits for
	// the last, TotalMS the sum of all arrivals.
	LatestMS, SpreadMS, TotalMS int64
}

// ErrWant is wrapped by errors that say what is wrong with a want.
var ErrWant = errors.New("want")

func check(wants []Want) error {
	for i, w := range wants {
		if w.People < 1 || w.People > MostPeople {
			return fmt.Errorf("%w %d: %d people, which is not from 1 to %d", ErrWant, i, w.People, MostPeople)
		}
		if len(w.Candidates) > MostCandidates {
			return fmt.Errorf("%w %d: %d candidates are more than %d", ErrWant, i, len(w.Candidates), MostCandidates)
		}
		for k, c := range w.Candidates {
			if c.ArrivalMS < 0 || c.People < 1 || c.Load < 0 {
				return fmt.Errorf("%w %d: candidate %d arrives after %d ms with %d people and load %d", ErrWant, i, k, c.ArrivalMS, c.People, c.Load)
			}
		}
	}
	return nil
}

// Choose gives the team whose last patrol is there soonest; among those the one
// whose first and last are closest together; among those the one whose arrivals add
// up to least; then one of fewest patrols.
//
// A want that its candidates cannot fill gets nobody and says what it lacks: whether
// to go without is not for this package to say.
func Choose(wants []Want) (Team, error) {
	if err := check(wants); err != nil {
		return Team{}, err
	}
	return choose(wants, nil), nil
}

// choose leaves out the candidates that are barred.
func choose(wants []Want, barred map[seat]bool) Team {
	team := Team{Chosen: make([][]int, len(wants)), Lacks: make([]Lack, len(wants))}
	lines := make([]line, 0, len(wants))
	for i, w := range wants {
		l := line{want: i, Want: w}
		for k := range w.Candidates {
			if !barred[seat{i, k}] {
				l.order = append(l.order, k)
			}
		}
		slices.SortStableFunc(l.order, func(a, b int) int { return cmp.Compare(w.Candidates[a].ArrivalMS, w.Candidates[b].ArrivalMS) })
		if team.Lacks[i] = l.lack(); team.Lacks[i] == (Lack{}) {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return team
	}
	// The last arrival that is needed by some want bounds them all; then each may be as
	// late as that, and the window is narrowed from its other end.
	var latest int64
	for _, l := range lines {
		latest = max(latest, l.soonest())
	}
	earliest := int64(-1)
	for _, l := range lines {
		e := l.latestStart(latest)
		if earliest < 0 || e < earliest {
			earliest = e
		}
	}
	first := int64(-1)
	for _, l := range lines {
		chosen := l.cheapest(earliest, latest)
		team.Chosen[l.want] = chosen
		for _, k := range chosen {
			at := l.Candidates[k].ArrivalMS
			team.TotalMS += at
			if first < 0 || at < first {
				first = at
			}
			team.LatestMS = max(team.LatestMS, at)
		}
	}
	team.SpreadMS = team.LatestMS - first
	return team
}

// seat is a candidate of a want.
type seat struct{ want, candidate int }

// line is a want whose candidates stand in the order of their arrival.
type line struct {
	Want
	want  int
	order []int
}

func (l line) lack() Lack {
	lack := Lack{People: l.People, Skills: l.Skills}
	for _, k := range l.order {
		lack.People = max(0, lack.People-l.Candidates[k].People)
		lack.Skills &^= l.Candidates[k].Skills
	}
	return lack
}

// soonest is the arrival by which enough of them are there.
func (l line) soonest() int64 {
	people, skills := 0, Skills(0)
	for _, k := range l.order {
		c := l.Candidates[k]
		people, skills = people+c.People, skills|c.Skills
		if people >= l.People && skills&l.Skills == l.Skills {
			return c.ArrivalMS
		}
	}
	panic("a want that lacks nothing is filled by all its candidates")
}

// latestStart is the largest arrival such that those from it to latest are enough.
func (l line) latestStart(latest int64) int64 {
	people, skills := 0, Skills(0)
	for i := len(l.order) - 1; i >= 0; i-- {
		c := l.Candidates[l.order[i]]
		if c.ArrivalMS > latest {
			continue
		}
		people, skills = people+c.People, skills|c.Skills
		if people >= l.People && skills&l.Skills == l.Skills {
			return c.ArrivalMS
		}
	}
	panic("what is enough by the latest arrival is enough from some one on")
}

// filled is a state of cheapest: the best way to have so many people and those
// skills.
type filled struct {
	total   int64
	patrols int
	last    int // index into ways, -1 for nobody
	known   bool
}

// way is a candidate, and those taken before it.
type way struct{ candidate, before int }

// cheapest is the subset of those that arrive from earliest to latest that is enough
// and whose arrivals add up to least: dynamic programming over how many people and
// which skills there are, candidate by candidate.
func (l line) cheapest(earliest, latest int64) []int {
	width := int(l.Skills) + 1 // masks that are subsets of l.Skills; others stay unknown
	states := make([]filled, (l.People+1)*width)
	states[0] = filled{known: true, last: -1}
	var ways []way
	next := make([]filled, len(states))
	for _, k := range l.order {
		c := l.Candidates[k]
		if c.ArrivalMS < earliest || c.ArrivalMS > latest {
			continue
		}
		copy(next, states)
		for at, s := range states {
			if !s.known {
				continue
			}
			people := min(l.People, at/width+c.People)
			skills := at%width | int(c.Skills&l.Skills)
			to := people*width + skills
			if to == at {
				continue // it brings nothing that is still wanted
			}
			total, patrols := s.total+c.ArrivalMS, s.patrols+1
			old := next[to]
			if old.known && (old.total < total || old.total == total && old.patrols <= patrols) {
				continue
			}
			ways = append(ways, way{k, s.last})
			next[to] = filled{total, patrols, len(ways) - 1, true}
		}
		states, next = next, states
	}
	var chosen []int
	for at := states[len(states)-1].last; at >= 0; at = ways[at].before {
		chosen = append(chosen, ways[at].candidate)
	}
	slices.Sort(chosen)
	return chosen
}
