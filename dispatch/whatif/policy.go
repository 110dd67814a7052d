package whatif

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/batch"
	"github.com/gridpatrol/gridpatrol/dispatch/mission"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Policy is a way to choose who goes.
type Policy string

// The policies.
const (
	// Nearest gives each part in turn the patrol that is there first.
	Nearest Policy = "nearest"
	// Batch lets what is not urgent wait for a window and matches it together, so that
	// the sum of arrivals is least; Even so that the latest arrival is.
	Batch Policy = "batch"
	Even  Policy = "even"
	// Team chooses the departments of one report together: the last of them is there as
	// soon as can be, and the others as close before it as can be.
	Team Policy = "team"
)

// Policies are all of them.
var Policies = []Policy{Nearest, Batch, Even, Team}

// Setup is one column of the comparison.
type Setup struct {
	Policy Policy
	Window time.Duration // of Batch and Even
	// Roster are the patrols instead of those that were on duty; nil: those.
	Roster []Patrol
	// RosterName says whose they are, for the table.
	RosterName string
}

// Name is what the column is called.
func (s Setup) Name() string {
	name := string(s.Policy)
	if s.Roster != nil {
		name += " with " + s.RosterName
	}
	return name
}

// Check refuses what cannot be played.
func (s Setup) Check() error {
	if !slices.Contains(Policies, s.Policy) {
		return fmt.Errorf("policy %q is none of %v", s.Policy, Policies)
	}
	if s.Window < 0 || s.Window > time.Hour {
		return fmt.Errorf("a window of %v is not from 0 to 1h", s.Window)
	}
	return nil
}

// joins says whether a part waits for a window.
func (s Setup) joins(w *wait) bool {
	return (s.Policy == Batch || s.Policy == Even) && s.Window > 0 && !w.Report.Urgent
}

// give lets the policy choose for those that are ready, in the order they came.
func (p *play) give(ctx context.Context, now time.Time, ready []*wait) error {
	switch p.setup.Policy {
	case Batch, Even:
		return p.together(ctx, now, ready)
	case Team:
		var err error
		if ready, err = p.teams(ctx, now, ready); err != nil {
			return err
		}
	}
	for _, w := range ready {
		units, from, err := p.free(ctx, w.department(), now)
		if err != nil {
			return err
		}
		wayS, err := p.ways(ctx, now, units, from, w.Report.Place)
		if err != nil {
			return err
		}
		best := -1
		for i, s := range wayS {
			if s >= 0 && (best < 0 || s < wayS[best]) {
				best = i
			}
		}
		if best >= 0 {
			p.send(w, units[best], wayS[best], now)
		}
	}
	return nil
}

// together matches each department's parts with its patrols.
func (p *play) together(ctx context.Context, now time.Time, ready []*wait) error {
	var order []string
	parts := map[string][]*wait{}
	for _, w := range ready {
		d := w.department()
		if parts[d] == nil {
			order = append(order, d)
		}
		parts[d] = append(parts[d], w)
	}
	for _, d := range order {
		units, from, err := p.free(ctx, d, now)
		if err != nil {
			return err
		}
		for list := range slices.Chunk(parts[d], batch.MostWants) {
			if err := p.match(ctx, now, list, units, from); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *play) match(ctx context.Context, now time.Time, list []*wait, units []*unit, from []geo.Point) error {
	wants := make([]batch.Want, len(list))
	wayS := make([][]float64, len(list))
	for i, w := range list {
		var err error
		if wayS[i], err = p.ways(ctx, now, units, from, w.Report.Place); err != nil {
			return err
		}
		wants[i] = batch.Want{Weight: batch.Weight(w.Report.Urgent, float64(now.Sub(w.at))/float64(GiveUp)), Ways: make([]batch.Way, len(units)), Has: batch.None}
		for k, s := range wayS[i] {
			wants[i].Ways[k] = batch.Way{Known: s >= 0 && !units[k].busy, ArrivalMS: int64(max(0, s) * 1000)}
		}
	}
	choice, err := batch.Choose(wants, len(units), batch.Rules{Even: p.setup.Policy == Even})
	if err != nil {
		return err
	}
	for i, k := range choice.Patrol {
		if k != batch.None {
			p.send(list[i], units[k], wayS[i][k], now)
		}
	}
	return nil
}

// teams sends the parts of each report together, and answers those that are left.
func (p *play) teams(ctx context.Context, now time.Time, ready []*wait) (left []*wait, err error) {
	for len(ready) > 0 {
		n := 1
		for n < len(ready) && ready[n].report == ready[0].report {
			n++
		}
		same := ready[:n]
		ready = ready[n:]
		wants := make([]mission.Want, n)
		units, wayS := make([][]*unit, n), make([][]float64, n)
		for i, w := range same {
			all, from, err := p.free(ctx, w.department(), now)
			if err != nil {
				return nil, err
			}
			ways, err := p.ways(ctx, now, all, from, w.Report.Place)
			if err != nil {
				return nil, err
			}
			wants[i].People = 1
			for k, s := range ways {
				if s >= 0 && len(wants[i].Candidates) < mission.MostCandidates {
					units[i], wayS[i] = append(units[i], all[k]), append(wayS[i], s)
					wants[i].Candidates = append(wants[i].Candidates, mission.Candidate{ArrivalMS: int64(s * 1000), People: 1})
				}
			}
		}
		team, err := mission.Choose(wants)
		if err != nil {
			return nil, err
		}
		for i, w := range same {
			if len(team.Chosen[i]) == 0 {
				left = append(left, w)
				continue
			}
			k := team.Chosen[i][0]
			p.send(w, units[i][k], wayS[i][k], now)
		}
	}
	return left, nil
}
