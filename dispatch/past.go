package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// How far and how long back a case is looked for that has to do with another.
const (
	pastM     = 100
	pastDays  = 90
	visitDays = 30 // a department that was here so lately might have been asked to look at this too
	mostPast  = 10
)

// PastCase is another case near a case: what was here before, who was there, and
// whether it is likely the same matter.
type PastCase struct {
	CaseID     CaseID    `json:"case_id"`
	Number     string    `json:"number"`
	Category   string    `json:"category"`
	Stage      Stage     `json:"stage"`
	MadeAt     time.Time `json:"made_at"`
	DistanceM  float64   `json:"distance_m"`
	LikelySame bool      `json:"likely_same"`
	Again      bool      `json:"again"` // the same category, and it was finished
	Visits     []Visited `json:"visits"`
	// Reasons are why they look like one matter; Linked says that one came of the other.
	Reasons []Likeness `json:"reasons"`
	Linked  bool       `json:"linked"`
}

// TierShare is how much was settled at one tier.
type TierShare struct {
	Tier  string  `json:"tier"`
	Count int     `json:"count"`
	Share float64 `json:"share"` // of all that were settled
}

// Tiers is where matters were settled: the headline of "small matters stay in the grid".
type Tiers struct {
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	Settled int         `json:"settled"`
	Items   []TierShare `json:"items"`
}

// Tiers counts the cases of the viewer that were closed in a span, by the tier at which
// they were settled. A zero To is now, a zero From 30 days before.
func (s *Service) Tiers(ctx context.Context, v Viewer, from, to time.Time) (Tiers, error) {
	if err := allow(v, ActSeeCases); err != nil {
		return Tiers{}, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return Tiers{}, invalid("/query/from", "must lie before to")
	}
	out, counted, err := s.Store.Tiers(ctx, v, from, to)
	if err != nil {
		return Tiers{}, err
	}
	out.Items = []TierShare{}
	for _, n := range counted {
		out.Settled += n
	}
	for _, tier := range []string{TierGrid, TierVillage, TierTown, TierDistrict} {
		x := TierShare{Tier: tier, Count: counted[tier]}
		if out.Settled > 0 {
			x.Share = float64(x.Count) / float64(out.Settled)
		}
		out.Items = append(out.Items, x)
	}
	return out, nil
}

// Visited is a department that was on the spot.
type Visited struct {
	Department string    `json:"department"`
	At         time.Time `json:"at"`
}

// past answers what was near a case before it, as far as the viewer may see it: asked
// on behalf of the viewer, so what is hidden from them is not told this way either.
func (s *Service) past(ctx context.Context, v Viewer, c Case) ([]PastCase, error) {
	rule, err := s.Store.SameRule(ctx, c.Category)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Past(ctx, v, c, max(pastM, rule.DistanceM), pastDays, mostPast)
	if err != nil || len(found) == 0 {
		return found, err
	}
	ids := []CaseID{c.ID}
	for _, p := range found {
		ids = append(ids, p.CaseID)
	}
	marks, err := s.Store.Marks(ctx, ids) // of cases that the viewer sees
	if err != nil {
		return nil, err
	}
	for i := range found {
		p := &found[i]
		same := p.Category == c.Category
		var likely bool
		p.Reasons, likely = rule.alike(same, p.DistanceM, c.MadeAt.Sub(p.MadeAt), apartBits(marks[c.ID], marks[p.CaseID]))
		p.LikelySame = likely && p.Stage.Open() && c.Stage.Open()
		p.Again = same && !p.Stage.Open() && p.MadeAt.Before(c.MadeAt)
		kept := []Visited{}
		for _, x := range p.Visits {
			if c.MadeAt.Sub(x.At).Abs() <= visitDays*24*time.Hour {
				kept = append(kept, x)
			}
		}
		p.Visits = kept
	}
	return found, err
}

// settleReport is the one tap: a report of something that its reporter has settled on
// the spot. Nobody is sent; the lot decides whether somebody checks.
func (s *Service) settleReport(ctx context.Context, v Viewer, c Case, filed Filed, answer func(Filed) (*PendingAnswer, error)) (Filed, error) {
	if err := s.locate(ctx, &c); err != nil {
		return Filed{}, err
	}
	err := s.Store.Change(ctx, c.ID, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, v)
		k := &t.Case
		k.Responsible, k.RunnerUp, k.MapID, k.Scope.Areas = c.Responsible, c.RunnerUp, c.MapID, c.Scope.Areas
		t.event("located", PatrolID{}, facts{"grid": k.Responsible.Code, "map": k.MapID.OrNull(), "basis": k.Responsible.Basis, "share": k.Responsible.Share})
		t.Disarm = append(t.Disarm, Step{Step: StepDispatch})
		k.Flow.handled(v)
		t.settleOnSpot(s, k.Description)
		turn, err := t.done()
		if err != nil {
			return Turn{}, err
		}
		filed.Case = turn.Case
		turn.Answer, err = answer(filed)
		return turn, err
	})
	if err != nil {
		return Filed{}, err
	}
	s.Wake()
	return filed, nil
}

// with is the answer that a key waits for, filled in; of no key it is nothing.
func (p *PendingAnswer) with(f Filed) (*PendingAnswer, error) {
	if p == nil {
		return nil, nil
	}
	response, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write answer to report: %w", err)
	}
	return &PendingAnswer{Scope: p.Scope, Key: p.Key, Response: response}, nil
}
