package dispatch

import (
	"context"
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// MeetThere moves where a mission meets to a place somebody chose, or, nil, sends them
// straight to the case. The place may break rules: whoever stands there knows more than a
// map; the answer says which, and so does the record.
func (s *Service) MeetThere(ctx context.Context, v Viewer, id CaseID, version int64, at *geo.Point) (CaseDetail, error) {
	c, err := s.visible(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if err := mayMeet(v, c); err != nil {
		return CaseDetail{}, err
	}
	next := placed{nil, &Meeting{Direct: true, MeetingFacts: MeetingFacts{ByHand: true, Breaks: []string{}}}}
	because := "sent straight to the case by hand"
	if at != nil {
		if err := at.Check(); err != nil {
			return CaseDetail{}, invalid("/lon", err.Error())
		}
		if m := geo.DistanceM(*at, c.Place()); m > farthestMeetM {
			return CaseDetail{}, invalid("/lon", fmt.Sprintf("is %.0f km from the case; a place to meet lies within %d km of it", m/1000, farthestMeetM/1000))
		}
		riders, err := s.riders(c)
		if err != nil {
			return CaseDetail{}, err
		}
		now, err := s.Store.Now(ctx)
		if err != nil {
			return CaseDetail{}, fmt.Errorf("ask the time: %w", err)
		}
		q, who := meetAsk(c, riders, now)
		judged := road.Meeting{Kind: road.KindStraight, StraightM: geo.DistanceM(*at, c.Place())}
		if len(who) > 0 {
			if judged, err = road.MeetAt(ctx, s.meetRoads(), q, *at); err != nil {
				return CaseDetail{}, fmt.Errorf("judge where they meet: %w", err)
			}
		}
		next = placed{&Rendezvous{Lon: at.Lon, Lat: at.Lat, Name: judged.Road}, meetingOf(judged, who, s.roadsNow(q), now)}
		next.Meeting.ByHand = true
		because = "moved by hand"
	}
	err = s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
		if err := d.expect(version); err != nil {
			return Turn{}, err
		}
		if err := mayMeet(v, d.Case); err != nil {
			return Turn{}, err
		}
		t := newTurn(d, v)
		t.meetAt(next.Rendezvous, next.Meeting, because)
		return t.done()
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	s.gatherNow(ctx, id)
	return s.detail(ctx, v, id)
}

// farthestMeetM bounds how far from the case a place to meet may be chosen.
const farthestMeetM = 20_000

// mayMeet says whether a viewer may say where a mission meets: an operator, while it
// gathers.
func mayMeet(v Viewer, c Case) error {
	m := c.Mission
	switch {
	case !Visible(v, c.Scope):
		return hidden("case")
	case !May(v, ActDispatch):
		return &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Only the desk says where a mission meets; ask an operator."}
	case m == nil:
		return &Fault{Kind: Conflict, Code: "no-mission", Detail: "One patrol alone meets nobody; send more than one first."}
	case m.State == Going || m.State == Ended || !c.Stage.Open():
		return &Fault{Kind: Conflict, Code: "mission-under-way", Detail: "They have met already, or nobody is on the mission any more; where they meet changes nothing now."}
	}
	return nil
}

// mostToGather bounds how many new missions wait for their first look at once; the tick
// takes up the others.
const mostToGather = 64

// gatherSoon leaves it to GatherAsked to find where a mission meets that was just made:
// whoever reported it need not wait for that.
func (s *Service) gatherSoon(id CaseID) {
	select {
	case s.toGather <- id:
	default:
	}
}

// GatherAsked finds, until ctx ends, where missions meet as soon as they are made.
func (s *Service) GatherAsked(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-s.toGather:
			s.gatherNow(ctx, id)
		}
	}
}

// gatherNow looks at one mission at once, instead of with the next tick, which follows if
// this fails.
func (s *Service) gatherNow(ctx context.Context, id CaseID) {
	ctx = context.WithoutCancel(ctx)
	now, err := s.Store.Now(ctx)
	if err == nil {
		err = s.gatherThem(ctx, Gather{Case: id, Now: now})
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a mission waits for its meeting", "case", id, "error", err)
	}
}
