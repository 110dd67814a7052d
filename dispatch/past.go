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
	sameHours = 24 // a report of the same matter so soon is likely the same
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
}

// Visited is a department that was on the spot.
type Visited struct {
	Department string    `json:"department"`
	At         time.Time `json:"at"`
}

// past answers what was near a case before it, as far as the viewer may see it: asked
// on behalf of the viewer, so what is hidden from them is not told this way either.
func (s *Service) past(ctx context.Context, v Viewer, c Case) ([]PastCase, error) {
	found, err := s.Store.Past(ctx, v, c, pastM, pastDays, mostPast)
	for i := range found {
		p := &found[i]
		same := p.Category == c.Category
		p.LikelySame = same && p.Stage.Open() && c.Stage.Open() && c.MadeAt.Sub(p.MadeAt).Abs() <= sameHours*time.Hour
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
