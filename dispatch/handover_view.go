package dispatch

import (
	"context"
	"slices"
	"time"
)

// HandOver is a patrol on a case whose shift ends, as somebody looks at it who may hand it
// over, or who is in it. RelievedBy is who is on the way. Relief, who would take over now,
// and Next, who could first where nobody can, are for those who choose.
type HandOver struct {
	AssignmentID AssignmentID `json:"assignment_id"`
	PatrolID     PatrolID     `json:"patrol_id"`
	Code         string       `json:"code"`
	Name         string       `json:"name"`
	Kind         string       `json:"kind"`
	Department   string       `json:"department"`
	Reason       string       `json:"reason"` // shift_ends
	EndsAt       time.Time    `json:"ends_at"`
	RelievedBy   *Relieving   `json:"relieved_by"`
	Relief       *ReliefNow   `json:"relief"`
	Next         *Soonest     `json:"next"`
}

// Relieving is who is on the way to take over.
type Relieving struct {
	AssignmentID AssignmentID    `json:"assignment_id"`
	PatrolID     PatrolID        `json:"patrol_id"`
	Code         string          `json:"code"`
	Name         string          `json:"name"`
	State        AssignmentState `json:"state"`
	EtaS         *float64        `json:"eta_s"`
}

// ReliefNow is who would take over. Part says why them: worker, substitute or part_timer of
// the grid, or nearest.
type ReliefNow struct {
	PatrolID PatrolID `json:"patrol_id"`
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Part     string   `json:"part"`
	EtaS     *float64 `json:"eta_s"`
}

// postNear is the post of a grid worker who is only near.
const postNear = 4

var reliefParts = map[int]string{1: "worker", 2: "substitute", 3: "part_timer"}

// handOverViews are the hand-overs of a case for a viewer: all for who may order them, and
// their own for a patrol.
func (s *Service) handOverViews(ctx context.Context, v Viewer, veil Veil, c Case) []HandOver {
	due := c.handOvers()
	if due == nil || slices.Contains(waitingStages, c.Stage) {
		return nil
	}
	var out []HandOver
	chooses := Commands(v, c)
	for _, a := range c.Assignments {
		h, is := due[a.ID]
		if !is || !chooses && a.PatrolID != v.Patrol {
			continue
		}
		view := HandOver{AssignmentID: a.ID, PatrolID: a.PatrolID, Code: a.PatrolCode, Name: a.PatrolName, Kind: a.Kind, Department: a.Department,
			Reason: HandOverShiftEnds, EndsAt: h.endsAt}
		if by, comes := c.relief(a.ID); comes {
			view.RelievedBy = &Relieving{AssignmentID: by.ID, PatrolID: by.PatrolID, Code: by.PatrolCode, Name: by.PatrolName, State: by.State, EtaS: by.EtaS}
		} else if chooses {
			s.suggest(ctx, veil, c, a, &view)
		}
		out = append(out, view)
	}
	return out
}

// suggest says who would take over. Where nobody can be asked, nobody is named; the order
// itself says why.
func (s *Service) suggest(ctx context.Context, veil Veil, c Case, a Assignment, view *HandOver) {
	b, err := s.gatherBy(ctx, c, sending{actor: system, relieves: a.ID, operator: true, planBy: time.Now().Add(s.PlanWithin)}, nil, nil)
	if err != nil || len(b.input.Teams) == 0 {
		if err != nil {
			s.Log.WarnContext(ctx, "nobody is suggested for a hand-over", "case", c.ID, "error", err)
		}
		return
	}
	pick := MakePlan(b.input).Teams[0]
	if pick.Chosen == nil || pick.Shortfall != "" {
		if view.Next = b.nextRelief(pick); view.Next != nil {
			if _, hidden := veil.since(view.Next.PatrolID); hidden {
				view.Next = nil
			}
		}
		return
	}
	for _, r := range b.input.Teams[0].Runners {
		if r.PatrolID != *pick.Chosen {
			continue
		}
		view.Relief = &ReliefNow{PatrolID: r.PatrolID, Code: r.Code, Name: r.Name, Part: "nearest"}
		if part, own := reliefParts[r.Post]; own {
			view.Relief.Part = part
		}
		if _, hidden := veil.since(r.PatrolID); !hidden && r.Leg != nil {
			view.Relief.EtaS = tenth(&r.Leg.DurationS)
		}
	}
}
