package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/mission"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

const (
	// inPlaceM is how near a fix must be to count as being where they meet, and
	// mostDoubtM how much of the accuracy of a fix is believed to be in the way.
	inPlaceM   = 60
	mostDoubtM = 40
	// soonerS is by how much another place must be better for the last of them, before
	// those who are under way are sent there instead.
	soonerS = 60
	// soughtAgain is how long a search that found nothing stands.
	soughtAgain = 30 * time.Second
	// mostGatherings bounds how many missions one look takes up.
	mostGatherings = 200
)

// Meeting is what is known of where a mission meets, beside the place itself.
type Meeting struct {
	MeetingFacts
	// Direct says that an operator sends them straight to the case: they meet nowhere.
	Direct bool `json:"direct,omitempty"`
	// Reason says why there is no place to meet, see road.Meeting.
	Reason string `json:"reason,omitempty"`
	// Members and Roads are whom and what roads the place was found for.
	Members []AssignmentID `json:"members,omitempty"`
	Roads   string         `json:"roads,omitempty"`
	// SoughtAt is when it was looked for last, ToldAt when times to leave were told last.
	SoughtAt time.Time  `json:"sought_at"`
	ToldAt   *time.Time `json:"told_at,omitempty"`
}

// MeetingFacts are what a place to meet is worth.
type MeetingFacts struct {
	StraightM float64 `json:"straight_m"`
	RoadM     float64 `json:"road_m"`
	NoCover   bool    `json:"no_cover"`
	EtaKind   string  `json:"eta_kind"`
	// ByHand says that somebody chose the place; Breaks are the rules it does not keep, see
	// road.MeetAt.
	ByHand bool     `json:"by_hand"`
	Breaks []string `json:"breaks"`
}

// Meets is a patrol of a mission on its way to where they meet.
type Meets struct {
	AssignmentID AssignmentID `json:"assignment_id"`
	DepartAt     *time.Time   `json:"depart_at"`
	Eta          *time.Time   `json:"eta"`
	InPlaceAt    *time.Time   `json:"in_place_at"`
}

// Gather is a mission of which not all are in place, and the present.
type Gather struct {
	Case CaseID
	Now  time.Time
}

// rider is a patrol of a mission as it comes. at is nil where nobody knows where it is.
type rider struct {
	a    Assignment
	mode road.Mode
	at   *Position
}

func (s *Service) riders(c Case) ([]rider, error) {
	var out []rider
	for _, i := range c.members() {
		a := c.Assignments[i]
		mode, err := road.ParseMode(string(a.Mode))
		if err != nil {
			return nil, fmt.Errorf("patrol %s: %w", a.PatrolCode, err)
		}
		r := rider{a: a, mode: mode}
		if at, ok := s.Live.Position(a.PatrolID); ok {
			r.at = &at
		}
		out = append(out, r)
	}
	return out, nil
}

// promised is how long it was to take when it was sent.
func (r rider) promised() time.Duration {
	if r.a.EtaS == nil {
		return 0
	}
	return time.Duration(*r.a.EtaS * float64(time.Second))
}

// meetAsk is the question for those of whom it is known where they are; who names them.
func meetAsk(c Case, riders []rider, now time.Time) (q road.MeetAsk, who []AssignmentID) {
	q.Target = c.Place()
	for _, r := range riders {
		if r.at != nil && len(q.Members) < road.MostMembers {
			q.Members = append(q.Members, road.Member{Fix: r.at.Fix(now), Mode: r.mode})
			who = append(who, r.a.ID)
		}
	}
	return q, who
}

// Gatherings looks at the missions that gather: finds where they meet, sees who is in
// place, and counts back when each is to leave.
func (s *Service) Gatherings(ctx context.Context) error {
	found, err := s.Store.Gatherings(ctx, mostGatherings)
	if err != nil {
		return fmt.Errorf("list the missions that gather: %w", err)
	}
	var faults []error
	for _, g := range found {
		if err := s.gatherThem(ctx, g); err != nil {
			faults = append(faults, fmt.Errorf("the meeting of case %s: %w", g.Case, err))
		}
	}
	return errors.Join(faults...)
}

// gatherThem brings the meeting of one mission up to where its patrols are now. All roads
// are asked before the case is locked; a case that moved on meanwhile is left to the next
// look.
func (s *Service) gatherThem(ctx context.Context, g Gather) error {
	c, err := s.Store.Case(ctx, g.Case, "")
	if err != nil {
		return err
	}
	m := c.Mission
	if m == nil || m.State != Gathering || !c.Stage.Open() {
		return nil
	}
	riders, err := s.riders(c)
	if err != nil || len(riders) < 2 {
		return err
	}
	next, because, err := s.whereToMeet(ctx, c, riders, g.Now)
	if err != nil {
		return err
	}
	var here []AssignmentID
	var times mission.Times
	told := false
	if next.Rendezvous != nil {
		here = inPlaceBy(next.Rendezvous.Point(), riders, g.Now)
		if times, told, err = s.times(ctx, c, next, riders, here, g.Now); err != nil {
			return err
		}
	}
	if because == "" && !told && len(here) == 0 {
		return nil
	}
	err = s.Store.Change(ctx, c.ID, nil, func(d Docket) (Turn, error) {
		if d.Case.Version != c.Version || d.Case.Mission == nil {
			return Turn{}, errMoved
		}
		t := newTurn(d, system)
		t.meetAt(next.Rendezvous, next.Meeting, because)
		for _, id := range here {
			t.cameByFix(id)
		}
		if told {
			t.tellTimes(riders, times)
		}
		return t.done()
	})
	if errors.Is(err, errMoved) {
		return nil
	}
	if err == nil {
		s.Wake()
	}
	return err
}

// placed is where a mission meets, and what is known of it.
type placed struct {
	Rendezvous *Rendezvous
	Meeting    *Meeting
}

// whereToMeet is where the mission is to meet by now; because is empty where nothing changed. A
// place that was chosen by hand stays and is judged again; one that was found moves only
// while nobody is there, and for a reason: somebody does not get there any more, nobody may
// stop there, or another is better by soonerS.
func (s *Service) whereToMeet(ctx context.Context, c Case, riders []rider, now time.Time) (placed, string, error) {
	m := c.Mission
	was := placed{m.Rendezvous, m.Meeting}
	if m.Meeting != nil && m.Meeting.Direct {
		return was, "", nil
	}
	if slices.ContainsFunc(riders, func(r rider) bool { return r.a.State == There }) && m.Rendezvous == nil {
		return was, "", nil // who comes now goes to those who are there
	}
	q, who := meetAsk(c, riders, now)
	if len(who) == 0 {
		return was, "", nil
	}
	roads := s.roadsNow(q)
	if m.Meeting != nil && slices.Equal(m.Meeting.Members, who) && m.Meeting.Roads == roads &&
		(m.Rendezvous != nil || now.Sub(m.Meeting.SoughtAt) < soughtAgain) {
		return was, "", nil
	}
	engine := s.meetRoads()
	settled := m.Rendezvous != nil && (m.Meeting != nil && m.Meeting.ByHand ||
		slices.ContainsFunc(riders, func(r rider) bool { return r.a.InPlaceAt != nil }))
	found := road.Meeting{}
	var err error
	if !settled {
		if found, err = road.Meet(ctx, engine, q); err != nil {
			return was, "", fmt.Errorf("look for a place to meet: %w", err)
		}
	}
	if m.Rendezvous != nil {
		at, err := road.MeetAt(ctx, engine, q, m.Rendezvous.Point())
		if err != nil {
			return was, "", fmt.Errorf("judge where they meet: %w", err)
		}
		broken := slices.ContainsFunc(at.Breaks, func(b string) bool { return b == road.BreaksReach || b == road.BreaksStopping })
		if settled || !found.Found || !broken && at.LatestS <= found.LatestS+soonerS && at.NoCover == found.NoCover {
			next := placed{m.Rendezvous, meetingOf(at, who, roads, now)}
			if m.Meeting != nil {
				next.Meeting.ToldAt, next.Meeting.ByHand = m.Meeting.ToldAt, m.Meeting.ByHand
			}
			return next, "judged again", nil
		}
	}
	next := placed{nil, meetingOf(found, who, roads, now)}
	if m.Meeting != nil {
		next.Meeting.ToldAt = m.Meeting.ToldAt
	}
	if !found.Found {
		if m.Meeting != nil && m.Rendezvous == nil && m.Meeting.Reason == found.Reason && slices.Equal(m.Meeting.Members, who) {
			return was, "", nil
		}
		return next, "no place serves: " + strings.ReplaceAll(found.Reason, "_", " "), nil
	}
	next.Rendezvous = &Rendezvous{Lon: found.At.Lon, Lat: found.At.Lat, Name: found.Road}
	if m.Rendezvous != nil {
		return next, "the patrols or the roads changed", nil
	}
	return next, "the soonest for the last of them", nil
}

// meetingOf is what a search or a judgement says, rounded to what is worth telling.
func meetingOf(at road.Meeting, who []AssignmentID, roads string, now time.Time) *Meeting {
	breaks := at.Breaks
	if breaks == nil {
		breaks = []string{}
	}
	return &Meeting{MeetingFacts: MeetingFacts{StraightM: math.Round(at.StraightM), RoadM: math.Round(at.RoadM), NoCover: at.NoCover, EtaKind: at.Kind, Breaks: breaks},
		Reason: at.Reason, Members: who, Roads: roads, SoughtAt: now}
}

// meetRoads are the roads that serve now, all questions of one look by the same.
func (s *Service) meetRoads() road.Engine {
	if e, ok := s.Roads.(road.Engine); ok {
		return road.Serving(e)
	}
	return road.Straight{}
}

// roadsNow names the roads of the modes that come: when closures change it does.
func (s *Service) roadsNow(q road.MeetAsk) string {
	versions, ok := s.meetRoads().(interface{ ConditionsVersion(road.Mode) uint64 })
	if !ok {
		return road.KindStraight
	}
	var out []string
	for m := range road.Mode(road.Modes) {
		if slices.ContainsFunc(q.Members, func(who road.Member) bool { return who.Mode == m }) {
			out = append(out, fmt.Sprintf("%v %d", m, versions.ConditionsVersion(m)))
		}
	}
	return strings.Join(out, ", ")
}

// Point is where it is.
func (r *Rendezvous) Point() geo.Point { return geo.Point{Lon: r.Lon, Lat: r.Lat} }

// inPlaceBy are those whose last fix says that they are where they meet, and who said that
// they are coming.
func inPlaceBy(at geo.Point, riders []rider, now time.Time) []AssignmentID {
	var out []AssignmentID
	for _, r := range riders {
		if r.a.InPlaceAt == nil && (r.a.State == Taken || r.a.State == OnTheWay) && r.at != nil && isAt(*r.at, at) &&
			r.a.OfferedAt != nil && !r.at.T.Before(*r.a.OfferedAt) && (r.at.Presence == Online || r.at.Presence == Still) {
			out = append(out, r.a.ID)
		}
	}
	return out
}

// isAt says that a position is at a place, its accuracy allowed for.
func isAt(p Position, at geo.Point) bool {
	return geo.DistanceM(p.Point, at)-min(max(p.AccuracyM, 0), mostDoubtM) <= inPlaceM
}

// times counts back from where everybody is now, and says whether that is to be told.
func (s *Service) times(ctx context.Context, c Case, next placed, riders []rider, here []AssignmentID, now time.Time) (mission.Times, bool, error) {
	all := make([]mission.Going, len(riders))
	var before mission.Times
	if next.Meeting != nil && next.Meeting.ToldAt != nil {
		before.Made = *next.Meeting.ToldAt
	}
	if c.Mission.MeetAt != nil {
		before.MeetAt = *c.Mission.MeetAt
	}
	moved := c.Mission.Rendezvous == nil || c.Mission.Rendezvous.Point() != next.Rendezvous.Point() || next.Meeting.ToldAt == nil
	for i, r := range riders {
		g := mission.Going{Left: r.a.State == OnTheWay || r.a.State == There, InPlace: r.a.InPlaceAt}
		switch {
		case g.InPlace != nil:
		case r.a.State == There, slices.Contains(here, r.a.ID):
			g.InPlace = &now
		case r.at != nil:
			way, err := road.FixesToOne(ctx, s.Roads, r.mode, []road.Fix{r.at.Fix(now)}, next.Rendezvous.Point())
			if err != nil {
				return before, false, fmt.Errorf("ask for the way of %s: %w", r.a.PatrolCode, err)
			}
			g.Eta = time.Duration(way[0].DurationS * float64(time.Second))
			if !way[0].Reachable { // not on any road, as it stands; the times of the others stay sensible
				g.Eta = r.promised()
			}
		default: // nobody knows where it is
			g.Eta = r.promised()
		}
		all[i] = g
		arrive := time.Time{}
		if r.a.ArrivesAt != nil && !moved {
			arrive = *r.a.ArrivesAt
		}
		before.Depart, before.Arrive = append(before.Depart, r.a.DepartAt), append(before.Arrive, arrive)
	}
	times, changed := mission.Revise(before, now, all, mission.DefaultWithin)
	return times, changed, nil
}

// meetAt keeps where they meet.
func (t *turn) meetAt(r *Rendezvous, m *Meeting, because string) {
	if because == "" {
		return
	}
	was := t.Case.Mission.Rendezvous
	mine := *t.Case.Mission
	mine.Rendezvous, mine.Meeting = r, m
	t.Case.Mission = &mine
	said := facts{"because": because}
	switch {
	case r == nil && m != nil:
		said["reason"], said["direct"] = m.Reason, m.Direct
	case r != nil:
		said["lon"], said["lat"], said["road"] = r.Lon, r.Lat, r.Name
		said["straight_m"], said["road_m"], said["no_cover"], said["by_hand"], said["breaks"] = m.StraightM, m.RoadM, m.NoCover, m.ByHand, m.Breaks
	}
	if (was == nil) != (r == nil) || was != nil && was.Point() != r.Point() || r == nil {
		for i := range t.Case.Assignments { // times were of another place
			if a := &t.Case.Assignments[i]; a.Kind == KindDepartment && a.State.Active() && a.State != There && (a.DepartAt != nil || a.InPlaceAt != nil) {
				a.DepartAt, a.InPlaceAt = nil, nil
				t.set(i)
			}
		}
		t.event("mission.rendezvous", PatrolID{}, said)
	}
}

// cameByFix notes that a patrol is where they meet, as its device says.
func (t *turn) cameByFix(id AssignmentID) {
	i := t.find(id)
	if i < 0 || t.Case.Assignments[i].InPlaceAt != nil || !t.Case.Assignments[i].State.Active() {
		return
	}
	if t.Case.Assignments[i].State == Taken {
		t.advance(i, OnTheWay)
	}
	a := &t.Case.Assignments[i]
	a.InPlaceAt = &t.now
	t.set(i)
	t.event("mission.arrived", a.PatrolID, facts{"assignment": a.ID, "department": a.Department, "because": "its position"})
}

// tellTimes keeps when each is to leave and is expected.
func (t *turn) tellTimes(riders []rider, times mission.Times) {
	leave := facts{}
	for k, r := range riders {
		i := t.find(r.a.ID)
		if i < 0 {
			continue
		}
		a := &t.Case.Assignments[i]
		depart, arrive := times.Depart[k], times.Arrive[k]
		if depart != nil {
			at := depart.UTC().Truncate(time.Second)
			depart = &at
			leave[a.PatrolCode] = at
		}
		a.DepartAt, a.ArrivesAt = depart, &arrive
		t.set(i)
	}
	mine := *t.Case.Mission
	meeting := *mine.Meeting
	meeting.ToldAt = &t.now
	mine.MeetAt, mine.Meeting = &times.MeetAt, &meeting
	t.Case.Mission = &mine
	t.event("mission.times", PatrolID{}, facts{"meet_at": times.MeetAt, "depart_at": leave})
}

// meets fills in who meets, for those who look at the case.
func (c *Case) meets() {
	if c.Mission == nil || c.Mission.Rendezvous == nil {
		return
	}
	m := *c.Mission
	r := *m.Rendezvous
	if m.Meeting != nil {
		r.MeetingFacts = m.Meeting.MeetingFacts
	}
	if r.EtaKind == "" { // nobody judged it
		r.EtaKind, r.Breaks = road.KindStraight, []string{}
	}
	r.MeetAt, r.Members = m.MeetAt, []Meets{}
	for _, i := range c.members() {
		a := c.Assignments[i]
		r.Members = append(r.Members, Meets{AssignmentID: a.ID, DepartAt: a.DepartAt, Eta: a.ArrivesAt, InPlaceAt: a.InPlaceAt})
	}
	m.Rendezvous = &r
	c.Mission = &m
}
