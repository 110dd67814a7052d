package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

const (
	// mostPassed bounds who is named beside a shortfall, mostLenders who could be lent.
	mostPassed  = 12
	mostLenders = 3
	// townsFor is how long towns are thought to lie where they lay.
	townsFor = 5 * time.Minute
	// surelyS is how near by air somebody must be, to be near by road whatever the roads:
	// ways are seldom twice as long.
	surelyS = CoverWithinS / 3
)

// foresee asks for what a plan must know beyond the ways: whether it leaves a town
// without, and of departments that lack somebody who will be free. Most plans do
// neither, so they are made once to see.
func (s *Service) foresee(ctx context.Context, b *brief) error {
	plan := MakePlan(b.input)
	var short []string
	var police []PatrolID
	for _, p := range plan.Teams {
		if p.Shortfall != "" {
			short = append(short, p.Department)
		}
		if p.Department == CoverDepartment && p.Kind == KindDepartment {
			police = p.going()
		}
	}
	if len(short) > 0 {
		var err error
		if b.relief, err = s.Store.Relief(ctx, short, nil); err != nil {
			return fmt.Errorf("ask who will be free: %w", err)
		}
	}
	return s.foreseeCover(ctx, b, police, nil)
}

// foreseeCover asks which towns are at stake when those of the police go. gone are on
// their way to other cases of the same batch, and keep no town covered.
func (s *Service) foreseeCover(ctx context.Context, b *brief, police, gone []PatrolID) error {
	b.input.Cover = nil
	if len(police) == 0 {
		return nil
	}
	towns, err := s.towns.answer(ctx, s.Store)
	if err != nil {
		return fmt.Errorf("ask where the towns are: %w", err)
	}
	i := slices.IndexFunc(b.input.Teams, func(t Team) bool { return t.Department == CoverDepartment && t.Kind == KindDepartment })
	watch := slices.DeleteFunc(free(b.input.Teams[i].Runners), func(r Runner) bool { return slices.Contains(gone, r.PatrolID) })
	doubtful := slices.DeleteFunc(slices.Clone(towns), func(t TownAt) bool { return surelyNear(t.At, watch, police) })
	if b.input.Cover, err = s.covered(ctx, doubtful, watch); err != nil || len(b.input.Cover) == 0 {
		return err
	}
	if MakePlan(b.input).Cover != nil && len(doubtful) < len(towns) {
		b.input.Cover, err = s.covered(ctx, towns, watch) // for the next best every town counts
	}
	return err
}

// foresee asks for what follows from the match alone: of a department that falls short by
// it who is free soonest, those counted who go to the others; and which towns are left by
// all who go together, though none of the plans would leave them by itself.
func (b *batchPlan) foresee(ctx context.Context, going []Leaving, goes map[PatrolID]*entry) error {
	var short []string
	var lacking []*entry
	police := map[*entry][]PatrolID{} // that go to each
	for id, to := range goes {
		if to.held != nil {
			police[to] = append(police[to], id)
		}
	}
	for _, e := range b.entries {
		if e.held != nil {
			continue
		}
		for _, p := range MakePlan(e.b.input).Teams {
			if p.Department == CoverDepartment && p.Kind == KindDepartment {
				police[e] = p.going()
			}
			if p.Shortfall == "" {
				continue
			}
			if !slices.Contains(short, p.Department) {
				short = append(short, p.Department)
			}
			if !slices.Contains(lacking, e) {
				lacking = append(lacking, e)
			}
		}
	}
	for _, e := range b.entries {
		var gone []PatrolID
		for to, all := range police {
			if to != e && !to.proposes() {
				gone = append(gone, all...)
			}
		}
		if e.held != nil || len(gone) == 0 {
			continue
		}
		if err := b.s.foreseeCover(ctx, &e.b, police[e], gone); err != nil {
			return err
		}
	}
	if len(short) == 0 {
		return nil
	}
	relief, err := b.s.Store.Relief(ctx, short, going)
	if err != nil {
		return fmt.Errorf("ask who will be free: %w", err)
	}
	for _, e := range lacking {
		e.b.relief = relief
	}
	return nil
}

// free are the patrols that could be sent somewhere, this case or not.
func free(runners []Runner) []Runner {
	return slices.DeleteFunc(slices.Clone(runners), func(r Runner) bool {
		return r.Status != Free || r.Presence == Lost || r.FixAgeS == nil || r.Lon == nil || r.Lat == nil
	})
}

// surelyNear says whether somebody who does not go is so near a town by air that no
// road need be asked for.
func surelyNear(at geo.Point, watch []Runner, going []PatrolID) bool {
	return slices.ContainsFunc(watch, func(r Runner) bool {
		mode, err := road.ParseMode(string(r.Mode))
		if err != nil || slices.Contains(going, r.PatrolID) {
			return false
		}
		times, err := road.Straight{}.ManyToOne(context.Background(), mode, []geo.Point{{Lon: *r.Lon, Lat: *r.Lat}}, at)
		return err == nil && times[0].DurationS <= surelyS
	})
}

// covered answers of each town who is near it by road. Where nobody is, the town is left
// out: no plan takes away what it has not.
func (s *Service) covered(ctx context.Context, towns []TownAt, watch []Runner) ([]CoverTown, error) {
	var from [road.Modes][]road.Fix
	var who [road.Modes][]PatrolID
	for _, r := range watch {
		mode, err := road.ParseMode(string(r.Mode))
		if err != nil {
			return nil, fmt.Errorf("patrol %s: %w", r.Code, err)
		}
		from[mode], who[mode] = append(from[mode], r.Fix), append(who[mode], r.PatrolID)
	}
	var out []CoverTown
	for _, t := range towns {
		c := CoverTown{Town: t.Town}
		for mode := range from {
			if len(from[mode]) == 0 {
				continue
			}
			times, err := road.FixesToOne(ctx, s.Roads, road.Mode(mode), from[mode], t.At)
			if err != nil {
				return nil, fmt.Errorf("ask who is near town %s: %w", t.Code, err)
			}
			for i, way := range times {
				if way.Reachable && way.DurationS <= CoverWithinS {
					c.Near = append(c.Near, who[mode][i])
				}
			}
		}
		if len(c.Near) > 0 {
			slices.SortFunc(c.Near, compareIDs)
			out = append(out, c)
		}
	}
	return out, nil
}

// towns keeps where the towns are for some minutes.
type towns struct {
	mu   sync.Mutex // guards both; whoever finds them old writes, everybody reads
	kept []TownAt
	at   time.Time
}

func (t *towns) answer(ctx context.Context, store Store) ([]TownAt, error) {
	t.mu.Lock()
	kept, at := t.kept, t.at
	t.mu.Unlock()
	if !at.IsZero() && time.Since(at) < townsFor {
		return kept, nil
	}
	found, err := store.Towns(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.at = found, time.Now()
	return found, nil
}

// shortfallOf tells of a team that lacks somebody all that is known: who was looked at
// and why they do not go, who is free soonest, who could be lent.
func (b brief) shortfallOf(p Pick, team Team) Shortfall {
	out := Shortfall{Department: p.Department, Reason: p.Shortfall, Considered: p.Considered, Part: p.Part}
	switch {
	case p.Lacks != nil:
		out.People, out.Skills = p.Lacks.People, p.Lacks.Skills
	case p.Chosen == nil:
		out.People, out.Skills = max(1, team.People), team.Skills
	}
	for _, c := range p.Candidates {
		if c.RejectedBecause != nil && len(out.Who) < mostPassed {
			out.Who = append(out.Who, Passed{PatrolID: c.PatrolID, Code: c.Code, Name: c.Name, Because: *c.RejectedBecause, AirM: c.AirM})
		}
	}
	for _, o := range b.relief[p.Department].Busy {
		if o.FreeAt == nil || out.Soonest != nil && !o.FreeAt.Before(out.Soonest.At) || b.c.has(o.PatrolID) {
			continue
		}
		out.Soonest = &Soonest{PatrolID: o.PatrolID, Code: o.Code, Name: o.Name, At: *o.FreeAt, Estimated: !o.Known}
	}
	for _, r := range team.Runners {
		if r.Away != "" && r.Status == Free && r.Presence != Lost && r.Barred == "" {
			out.Lenders = append(out.Lenders, Lender{PatrolID: r.PatrolID, Code: r.Code, Name: r.Name, WorksIn: r.Away, AirM: tenth(r.AirM)})
		}
	}
	slices.SortFunc(out.Lenders, func(a, b Lender) int { return cmpFar(a.AirM, b.AirM) })
	out.Lenders = out.Lenders[:min(len(out.Lenders), mostLenders)]
	return out
}

// has says whether a patrol is on the case: nobody waits for it to be free for that.
func (c Case) has(id PatrolID) bool {
	return slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.PatrolID == id && a.State.Active() })
}

func cmpFar(a, b *float64) int {
	switch x, y := orFar(a), orFar(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
