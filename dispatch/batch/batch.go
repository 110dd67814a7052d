// Package batch decides for several matters at once who goes where, so that all of
// them together are served soonest, where the nearest for each in turn would leave the
// last ones with whoever is left.
//
// It is pure: no clock, no randomness, no I/O. The same wants give the same choice.
//
// # What is least
//
// As many wants as can be get somebody. Among the ways to do that the one is taken
// whose sum over all wants is least:
//
//	weight x (arrival + later [+ MoveMS where a patrol is taken off what it had])
//	weight x NobodyMS  for a want that gets nobody
//
// A want that has a patrol already never ends with nobody, and is given to another
// patrol only if that one is free. So one move never calls for the next, and what is
// moved saves more than MoveMS, weighted, by being moved.
//
// Times count in tenths of a second, and what is longer than MostMS counts as that.
package batch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/matching"
)

// None stands for the patrol of a want that has none.
const None = matching.None

const (
	// MostWants bounds how many wants one choice looks at.
	MostWants = 1000
	// MostMS is the longest arrival, with what is added to it, that counts as such.
	MostMS = int64(12 * time.Hour / time.Millisecond)
	// MostWeight is the largest weight.
	MostWeight = 1200
)

// The defaults of Rules.
const (
	DefaultNobodyMS = int64(4 * time.Hour / time.Millisecond)
	DefaultMoveMS   = int64(180 * time.Second / time.Millisecond)
)

// Weight is how much a second of waiting counts for a want, in hundredths: 100 for an
// ordinary matter whose limit has just begun, four times as much for an urgent one, and
// up to three times as much when the limit is used up. used is the share of the limit
// that is gone, from 0 to 1.
func Weight(urgent bool, used float64) int64 {
	base := int64(100)
	if urgent {
		base = 400
	}
	return base + int64(2*float64(base)*min(1, max(0, used)))
}

// Way is how a patrol would come to a want. The zero Way is none.
type Way struct {
	Known bool
	// ArrivalMS is when it is there, in milliseconds from now.
	ArrivalMS int64
	// LaterMS is what it counts as later for other reasons: its place is old, others
	// come before it. It does not make the arrival later.
	LaterMS int64
}

// Want is one place where one patrol is wanted.
type Want struct {
	Weight int64 // in hundredths, see Weight
	Ways   []Way // by patrol
	// Has is the patrol that goes there now and has not set out, None where nobody does.
	Has int
}

// Rules are what a choice costs beside the ways. The zero value is the defaults.
type Rules struct {
	NobodyMS int64 // what a want without anybody counts as
	MoveMS   int64 // what a move has to save
	// Even makes the longest single weighted arrival least first, and the sum second.
	Even bool
}

// Choice is who goes.
type Choice struct {
	// Patrol is for each want its patrol, or None.
	Patrol []int
	// Moved are the wants whose patrol is another than the one they had.
	Moved []int
	// ArrivalMS is the sum of the arrivals of all that are served, Served how many are.
	ArrivalMS int64
	Served    int
}

// ErrWant is wrapped by errors that say what is wrong with a want.
var ErrWant = errors.New("want")

func check(wants []Want, patrols int) error {
	if len(wants) > MostWants {
		return fmt.Errorf("%w: %d are more than %d at once", ErrWant, len(wants), MostWants)
	}
	held := map[int]int{}
	for i, w := range wants {
		if w.Weight < 1 || w.Weight > MostWeight {
			return fmt.Errorf("%w %d: weight %d is not from 1 to %d", ErrWant, i, w.Weight, MostWeight)
		}
		if len(w.Ways) != patrols {
			return fmt.Errorf("%w %d: %d ways of %d patrols", ErrWant, i, len(w.Ways), patrols)
		}
		for p, way := range w.Ways {
			if way.ArrivalMS < 0 || way.LaterMS < 0 {
				return fmt.Errorf("%w %d: patrol %d arrives after %d + %d ms", ErrWant, i, p, way.ArrivalMS, way.LaterMS)
			}
		}
		if w.Has == None {
			continue
		}
		if w.Has < 0 || w.Has >= patrols || !w.Ways[w.Has].Known {
			return fmt.Errorf("%w %d: it has patrol %d, whose way is not known", ErrWant, i, w.Has)
		}
		if other, twice := held[w.Has]; twice {
			return fmt.Errorf("%w %d: it has patrol %d, which want %d has too", ErrWant, i, w.Has, other)
		}
		held[w.Has] = i
	}
	return nil
}

func (r Rules) orDefaults() Rules {
	if r.NobodyMS == 0 {
		r.NobodyMS = DefaultNobodyMS
	}
	if r.MoveMS == 0 {
		r.MoveMS = DefaultMoveMS
	}
	return r
}

// cost is what a pair costs, in hundredths of a weighted tenth of a second; ok is false
// for a pair that must not be.
func (r Rules) cost(w Want, patrol int, held bool) (cost int64, ok bool) {
	way := w.Ways[patrol]
	if !way.Known || held && w.Has != None && w.Has != patrol {
		return 0, false // a want that has somebody is given only to a free patrol
	}
	ms := min(MostMS, way.ArrivalMS+way.LaterMS)
	if w.Has != None && w.Has != patrol {
		ms += r.MoveMS
	}
	return w.Weight * (ms / 100), true
}

// Choose gives the best choice, see the package comment.
func Choose(wants []Want, patrols int, r Rules) (Choice, error) {
	if err := check(wants, patrols); err != nil {
		return Choice{}, err
	}
	r = r.orDefaults()
	held := heldOf(wants, patrols)
	costs := matching.NewCosts(len(wants), patrols)
	var most int64
	for i, w := range wants {
		for p := range patrols {
			if c, ok := r.cost(w, p, held[p]); ok {
				costs.Set(i, p, c)
				most = max(most, c)
			}
		}
	}
	solve := matching.Cheapest
	if r.Even {
		solve = matching.Evenest
	}
	// Mostly every patrol is needed, or every want gets one. Then who is left out goes with
	// nobodies, as many as patrols are missing, at what that costs; which is far quicker
	// than what follows for the rest.
	if nobodies := max(0, len(wants)-patrols); nobodies == 0 || !r.Even {
		pairs, err := solve(r.withNobodies(wants, costs, nobodies))
		if err != nil {
			return Choice{}, err
		}
		if !slices.Contains(pairs, None) {
			for i, p := range pairs {
				if p >= patrols {
					pairs[i] = None
				}
			}
			return choiceOf(wants, pairs), nil
		}
	}
	// How many are paired is settled first, so leaving a want out can be counted by
	// taking what it would cost off each of its pairs. A want that has somebody costs
	// more to leave out than all others together, and so never is.
	var base int64
	without := make([]int64, len(wants))
	for i, w := range wants {
		without[i] = w.Weight * (r.NobodyMS / 100)
		most = max(most, without[i])
	}
	for i, w := range wants {
		if w.Has != None {
			without[i] = (most + 1) * int64(len(wants)+1)
		}
		base = max(base, without[i])
	}
	if base+most > matching.Most {
		return Choice{}, fmt.Errorf("%w: %d of them are too many to weigh with one another", ErrWant, len(wants))
	}
	if !r.Even { // the longest pair is judged by itself, whoever is left out
		for i := range wants {
			for p := range patrols {
				if c := costs.At(i, p); c != matching.Never {
					costs.Set(i, p, c-without[i]+base)
				}
			}
		}
	}
	pairs, err := solve(costs)
	if err != nil {
		return Choice{}, err
	}
	if r.Even {
		pairs = keepHeld(wants, pairs)
	}
	return choiceOf(wants, pairs), nil
}

// withNobodies adds columns that stand for nobody to a table.
func (r Rules) withNobodies(wants []Want, c matching.Costs, nobodies int) matching.Costs {
	if nobodies == 0 {
		return c
	}
	out := matching.NewCosts(c.Rows, c.Columns+nobodies)
	for i, w := range wants {
		copy(out.Of[i*out.Columns:], c.Of[i*c.Columns:][:c.Columns])
		for n := range nobodies {
			if w.Has == None { // who has somebody keeps somebody
				out.Set(i, c.Columns+n, w.Weight*(r.NobodyMS/100))
			}
		}
	}
	return out
}

// keepHeld gives wants that an even choice left out what they had: who was to go
// elsewhere from there does not.
func keepHeld(wants []Want, pairs matching.Pairs) matching.Pairs {
	for i, w := range wants {
		if w.Has == None || pairs[i] != None {
			continue
		}
		for j := range pairs {
			if pairs[j] == w.Has {
				pairs[j] = None
			}
		}
		pairs[i] = w.Has
	}
	return pairs
}

func heldOf(wants []Want, patrols int) []bool {
	held := make([]bool, patrols)
	for _, w := range wants {
		if w.Has != None {
			held[w.Has] = true
		}
	}
	return held
}

func choiceOf(wants []Want, pairs []int) Choice {
	c := Choice{Patrol: pairs}
	for i, p := range pairs {
		if p == None {
			continue
		}
		c.Served++
		c.ArrivalMS += wants[i].Ways[p].ArrivalMS
		if wants[i].Has != None && wants[i].Has != p {
			c.Moved = append(c.Moved, i)
		}
	}
	return c
}

// Nearest is what happens without a batch: each want in turn gets the patrol that
// counts as soonest for it among those that are still free; who has one keeps it.
func Nearest(wants []Want, patrols int) (Choice, error) {
	if err := check(wants, patrols); err != nil {
		return Choice{}, err
	}
	taken := heldOf(wants, patrols)
	pairs := make([]int, len(wants))
	for i, w := range wants {
		pairs[i] = w.Has
		if w.Has != None {
			continue
		}
		var best int64
		for p, way := range w.Ways {
			if ms := way.ArrivalMS + way.LaterMS; way.Known && !taken[p] && (pairs[i] == None || ms < best) {
				pairs[i], best = p, ms
			}
		}
		if pairs[i] != None {
			taken[pairs[i]] = true
		}
	}
	return choiceOf(wants, pairs), nil
}
