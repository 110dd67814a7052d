package road

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Mover is the number of somebody who moves and may be asked for at any moment. Whose
// number it is, is the caller's business.
type Mover [16]byte

// Moving is a mover as it moves now. The fix says who.
type Moving struct {
	Fix
	Mode Mode
}

// Fleet is a Switch that keeps the stands of movers, so that a question from where
// they are costs one search for all of them. A stand answers only for the very fix it
// was made of and by the durations in force; everybody else is searched from, so that
// every answer is that of a fresh question. Whoever has news of the movers calls
// Keep; any number of goroutines may ask meanwhile.
type Fleet struct {
	*Switch

	keeping sync.Mutex // one Keep at a time
	// stands is put in place by Keep and never written after that; questions read it.
	stands atomic.Pointer[map[Mover]*Stand]
}

var _ Engine = (*Fleet)(nil)

// NewFleet makes a fleet of nobody on a switch.
func NewFleet(s *Switch) *Fleet {
	f := &Fleet{Switch: s}
	f.stands.Store(&map[Mover]*Stand{})
	return f
}

// Kept says what a Keep did.
type Kept struct {
	Movers  int // that have a stand for where they are
	Renewed int // of them, stands made now
	Waiting int // for whom the bound left no time
}

// Keep takes over who moves where, instead of all before: a mover that is not named is
// forgotten. Stands are made for those that have none, that moved, or whose roads have
// changed since; those who wait longest first, and no more than atMost. Between two
// calls a mover costs nothing however often it sends.
func (f *Fleet) Keep(ctx context.Context, moving []Moving, atMost int) (Kept, error) {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	router, _ := f.Engine().(*Router)
	was := *f.stands.Load()
	next := make(map[Mover]*Stand, len(moving))
	if router == nil { // straight lines need no stands
		f.stands.Store(&next)
		return Kept{}, nil
	}
	var kept Kept
	var due []Moving
	for _, m := range moving {
		if m.Who == (Mover{}) {
			continue
		}
		s := was[m.Who]
		if s.answers(router, m) {
			next[m.Who] = s
			kept.Movers++
			continue
		}
		due = append(due, m)
	}
	// The longest without comes first: who has none, then by the round of its stand.
	slices.SortStableFunc(due, func(a, b Moving) int { return cmp.Compare(was[a.Who].made(), was[b.Who].made()) })
	round := uint64(0)
	for _, s := range was {
		round = max(round, s.round)
	}
	for i, m := range due {
		if i >= atMost {
			kept.Waiting = len(due) - i
			for _, m := range due[i:] {
				if s := was[m.Who]; s != nil {
					next[m.Who] = s // it answers nothing, but says how long it waits
				}
			}
			break
		}
		if err := ctx.Err(); err != nil {
			return Kept{}, err
		}
		s, err := router.StandAt(m.Mode, m.Fix)
		if err != nil {
			return Kept{}, err
		}
		s.round = round + 1
		next[m.Who] = s
		kept.Movers++
		kept.Renewed++
	}
	f.stands.Store(&next)
	return kept, nil
}

// answers says that a stand, nil for none, is what a question from m would find.
func (s *Stand) answers(r *Router, m Moving) bool {
	return s != nil && s.router == r && s.mode == m.Mode && s.fix == m.Fix && !s.Stale()
}

func (s *Stand) made() uint64 {
	if s == nil {
		return 0
	}
	return s.round
}

// ManyToOne implements Engine; bare places are nobody's.
func (f *Fleet) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	return f.Engine().ManyToOne(ctx, m, from, to)
}

// FixesToOne answers like ManyToOne for fixes, those of its movers from their stands.
func (f *Fleet) FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	return f.AppendFixesToOne(ctx, nil, m, from, to)
}

// AppendFixesToOne is FixesToOne into a slice of the caller's: with room in it, and
// everybody standing where their stand is, asking allocates nothing.
func (f *Fleet) AppendFixesToOne(ctx context.Context, times []Time, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	router, ok := f.Engine().(*Router)
	if !ok {
		more, err := FixesToOne(ctx, f.Engine(), m, from, to)
		return append(times, more...), err
	}
	if err := checkFixes(m, from, to); err != nil {
		return nil, err
	}
	stands := *f.stands.Load()
	return router.manyToOne(ctx, times, m, sources{fixes: from, stands: stands}, to)
}
