package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Veil is what one viewer must not be told of where patrols are: the secrets of covert
// cases that they do not know of. Every door that tells of a patrol's place looks
// through it. What it hides reads like the everyday: the patrol is busy, and its
// telephone sent no place.
type Veil struct {
	secrets []Secret
	own     PatrolID // of the viewer, whom nothing hides from themselves
}

// veil answers what is hidden from a viewer now. The store is asked, not the live side:
// whoever asks after a case became covert is answered so.
func (s *Service) veil(ctx context.Context, v Viewer) (Veil, error) {
	all, err := s.Store.Secrets(ctx)
	if err != nil {
		return Veil{}, fmt.Errorf("ask what is covert: %w", err)
	}
	out := Veil{own: v.Patrol}
	for i := range all {
		if !all[i].Known(v) {
			out.secrets = append(out.secrets, all[i])
		}
	}
	return out, nil
}

// Veil is for doors that read places past the service: tracks, and what is printed.
func (s *Service) Veil(ctx context.Context, v Viewer) (Veil, error) { return s.veil(ctx, v) }

// Hides says whether the place of a patrol at a time is hidden.
func (x Veil) Hides(patrol PatrolID, at geo.Point, t time.Time) bool {
	for i := range x.secrets {
		if patrol != x.own && x.secrets[i].Hides(patrol, at, t) {
			return true
		}
	}
	return false
}

// hidesNow says whether the newest place of a patrol is hidden.
func (x Veil) hidesNow(patrol PatrolID, at geo.Point) bool {
	for i := range x.secrets {
		if patrol != x.own && x.secrets[i].HidesNow(patrol, at) {
			return true
		}
	}
	return false
}

// since answers from when on anything of a patrol's ways is hidden; false where nothing
// is.
func (x Veil) since(patrol PatrolID) (from time.Time, hidden bool) {
	for _, s := range x.secrets {
		for _, e := range s.Sent {
			if e.Patrol == patrol && patrol != x.own && (!hidden || e.From.Before(from)) {
				from, hidden = e.From, true
			}
		}
	}
	return from, hidden
}

// HidesAfter says whether anything of where a patrol was at a time is hidden, wherever that
// was.
func (x Veil) HidesAfter(patrol PatrolID, t time.Time) bool {
	from, hidden := x.since(patrol)
	return hidden && !t.Before(from)
}

// of says whether a case is one of those the viewer knows nothing of.
func (x Veil) of(id CaseID) bool {
	return slices.ContainsFunc(x.secrets, func(s Secret) bool { return s.Case == id })
}

// cases are those that the viewer knows nothing of.
func (x Veil) cases() []CaseID {
	out := make([]CaseID, len(x.secrets))
	for i, s := range x.secrets {
		out[i] = s.Case
	}
	return out
}

// overHistory takes out of a case whatever names one that the viewer knows nothing of:
// that the two were joined, that one came of the other, that somebody sees to both.
func (x Veil) overHistory(c *CaseDetail) {
	if j := c.Course.Joined; j != nil && x.of(j.CaseID) {
		c.Course.Joined = nil
	}
	c.Events = slices.DeleteFunc(c.Events, func(e CaseEvent) bool { return x.Names(e.Detail) })
}

// Names says whether a text names a case that the viewer knows nothing of.
func (x Veil) Names(text []byte) bool {
	return slices.ContainsFunc(x.secrets, func(s Secret) bool { return bytes.Contains(text, []byte(s.Case.String())) })
}

// busy answers the patrols that are on an errand that the viewer knows nothing of, and
// those whose place is hidden at its end.
func (x Veil) busy(live Live) []PatrolID {
	var out []PatrolID
	for _, s := range x.secrets {
		for _, e := range s.Sent {
			if e.Patrol == x.own {
				continue
			}
			if e.Until == nil {
				out = append(out, e.Patrol)
			} else if at, ok := live.Position(e.Patrol); ok && s.HidesNow(e.Patrol, at.Point) {
				out = append(out, e.Patrol)
			}
		}
	}
	return out
}

// over hides a patrol: it is busy like any other, and nobody heard where it is. Off duty
// there is nothing to hide.
func (x Veil) over(p *Patrol) {
	if p.Lon == nil || p.Lat == nil {
		if from, hidden := x.since(p.ID); !hidden || from.IsZero() || !x.Over(p.ID) {
			return
		}
	} else if !x.hidesNow(p.ID, geo.Point{Lon: *p.Lon, Lat: *p.Lat}) {
		return
	}
	p.Lon, p.Lat, p.T, p.Cell, p.AccuracyM, p.HeadingDeg = nil, nil, nil, nil, nil, nil
	if p.Presence == Still {
		p.Presence = Online
	}
	if p.Status != OffDuty {
		p.Status = Assigned
	}
}

// Over says whether a patrol is on an errand that the viewer knows nothing of.
func (x Veil) Over(id PatrolID) bool {
	for _, s := range x.secrets {
		for _, e := range s.Sent {
			if e.Patrol == id && id != x.own && e.Until == nil {
				return true
			}
		}
	}
	return false
}

// busyElsewhere is what the planner says of any patrol on its way to another case.
const busyElsewhere = "busy: assigned"

// afterErrand is how long after an errand a way may still be measured from its place.
const afterErrand = 30 * time.Minute

// overWays hides how far the way is of a patrol that was sent from an errand that the
// viewer knows nothing of, or soon after it: ways to several cases would show where from.
func (x Veil) overWays(c *Case) {
	own := false
	for i := range c.Assignments {
		if !x.lately(c.Assignments[i].PatrolID, c.Assignments[i].MadeAt) {
			continue
		}
		if !own { // the caller's slice may be another's too
			c.Assignments, own = slices.Clone(c.Assignments), true
		}
		a := &c.Assignments[i]
		a.EtaS, a.RoadM, a.EtaKind, a.FixAgeS = nil, nil, nil, nil
	}
}

// lately says whether a patrol was at a time on an errand that the viewer knows nothing
// of, or soon after one.
func (x Veil) lately(patrol PatrolID, t time.Time) bool {
	for _, s := range x.secrets {
		for _, e := range s.Sent {
			if e.Patrol == patrol && patrol != x.own && !t.Before(e.From) && (e.Until == nil || t.Before(e.Until.Add(afterErrand))) {
				return true
			}
		}
	}
	return false
}

// plannedTogether is longer than plans of one batch lie apart.
const plannedTogether = 2 * time.Minute

// overCandidates hides, in the reasons why who went, where hidden patrols were: a case
// next door would measure the way to them otherwise.
func (x Veil) overCandidates(c *Case) {
	for i := range c.Assignments {
		a := &c.Assignments[i]
		for j := range a.Candidates {
			from, hidden := x.since(a.Candidates[j].PatrolID)
			// Plans that are made together name each other's cases, whichever is written first.
			if !hidden || !a.MadeAt.IsZero() && a.MadeAt.Before(from.Add(-plannedTogether)) {
				continue
			}
			k := &a.Candidates[j]
			if k.PatrolID == a.PatrolID && k.RejectedBecause == nil { // of who was sent nobody says that they were busy
				*k = Candidate{PatrolID: k.PatrolID, Code: k.Code, Name: k.Name, Mode: k.Mode, Rank: k.Rank}
				continue
			}
			because := busyElsewhere
			*k = Candidate{PatrolID: k.PatrolID, Code: k.Code, Name: k.Name, Mode: k.Mode, RejectedBecause: &because}
		}
	}
}

// overShortfalls hides, in what is known of who is missing, the patrols that are on an
// errand that the viewer knows nothing of: they are busy, with nobody knows what nor for
// how long, and they are nobody's to lend.
func (x Veil) overShortfalls(c *Case) {
	if len(x.secrets) == 0 {
		return
	}
	out := slices.Clone(c.Shortfalls)
	for i := range out {
		f := &out[i]
		f.Who = slices.Clone(f.Who)
		for k := range f.Who {
			if _, hidden := x.since(f.Who[k].PatrolID); hidden {
				f.Who[k].Because, f.Who[k].AirM = busyElsewhere, nil
			}
		}
		if f.Soonest != nil {
			if _, hidden := x.since(f.Soonest.PatrolID); hidden {
				f.Soonest = nil
			}
		}
		f.Lenders = slices.DeleteFunc(slices.Clone(f.Lenders), func(l Lender) bool {
			_, hidden := x.since(l.PatrolID)
			return hidden
		})
	}
	c.Shortfalls = out
}

// receipt is what a reporter who does not know of their covert case is told of it: that
// it was taken in.
func (c Case) receipt() Case {
	return Case{ID: c.ID, Number: c.Number, Stage: StageAccepted, Dispatch: DispatchNone, Cell: c.Cell, Category: c.Category, Urgency: c.Urgency,
		Lon: c.Lon, Lat: c.Lat, AccuracyM: c.AccuracyM, Description: c.Description, MadeAt: c.MadeAt, Version: 1,
		Responsible: c.Responsible, RunnerUp: c.RunnerUp, Departments: []CaseDepartment{}, Assignments: []Assignment{}, Shortfalls: []Shortfall{},
		Owner: Owner{Kind: OwnerSupervision}, Clocks: []Clock{}, Commanders: []AccountID{}}
}

// hidden says whether the case that a report is in by now is covert, and none that the
// viewer knows of. It may be another than the one that they filed.
func (f ReportFile) hidden(v Viewer) bool { return f.Case.Covert != nil && !Visible(v, f.Case.Scope) }

// receipt is the same for a report that is followed: what its reporter was told on the
// day, of the case that it was filed as.
func (f ReportFile) receipt(out *Followed) {
	out.Category = f.FiledCategory
	out.Stage, out.StageText, out.Open = StageAccepted, PlainStage(StageAccepted), true
	out.Goes, out.Arrived, out.Result = []FollowedDepartment{}, false, nil
	kept := []Message{}
	for _, m := range out.Messages {
		if m.Why == WhyReceived {
			kept = append(kept, m)
		}
	}
	out.Messages = kept
	out.Evaluation = nil
	if out.Report != nil {
		out.Report.Evaluation = nil
		out.Report.CaseID, out.Report.CaseNumber = f.FiledAs, f.ToldNumber
		out.Report.Stage, out.Report.StageText = out.Stage, out.StageText
	}
}
