package road

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// What a place to meet must keep from the target.
const (
	// MeetRoadM is how far by road, the shorter of there and back, by every mode that
	// somebody uses.
	MeetRoadM = 150
	// MeetStraightM is how far as the crow flies: whoever looks out of the window there
	// makes out no uniform.
	MeetStraightM = 80
	// MostMembers bounds how many may meet.
	MostMembers = 64
)

// MeetAsk is a question for where several wait for each other before they go to a
// target together.
type MeetAsk struct {
	Target  geo.Point
	Members []Member
}

// Member is one who comes. Who it is, is the caller's business.
type Member struct {
	Fix
	Mode Mode
}

// The rules that a place to meet may break.
const (
	BreaksStraight   = "near_straight" // nearer than MeetStraightM
	BreaksRoad       = "near_road"     // nearer than MeetRoadM by road
	BreaksTarget     = "target_street" // on the street of the target
	BreaksLast       = "last_street"   // on the street from which somebody turns into that of the target
	BreaksStopping   = "no_stopping"   // motorway, bridge, tunnel, private ground, or closed to somebody's mode
	BreaksOffRoad    = "off_road"      // farther than meetOffRoadM from a road
	BreaksReach      = "out_of_reach"  // somebody cannot get there, or not from there to the target
	BreaksNoRoadNear = "no_road_near"  // nothing within reach of the search could be stopped on at all
)

// meetOffRoadM is how far from a road a place chosen by hand still counts as being on it.
const meetOffRoadM = 30

// Meeting is where to meet. Found is false where there is no such place; Reason then
// says what all places break, and Who, if not -1, which member is the reason.
//
// NoCover says that it is a place in sight of the last stretch: nothing better was found,
// or nobody knows the streets (Kind straight).
type Meeting struct {
	Found   bool
	At      geo.Point
	Road    string // its name, empty where it has none
	Kind    string // KindRoad, KindStraight
	NoCover bool
	// StraightM and RoadM are how far it is from the target, RoadM the shorter of there
	// and back.
	StraightM, RoadM float64
	// LatestS is when the last would be at the target that went by way of the place and
	// waited for nobody, DetourS how much longer all together go than straight there.
	LatestS, DetourS float64
	Legs             []MeetLeg // by member

	Reason string
	Who    int
	Breaks []string // of a place somebody chose, see MeetAt
}

// MeetLeg is what a place to meet means to a member: the way there, and on to the target.
type MeetLeg struct{ There, On Time }

// ErrMembers says that nobody meets, or too many.
var ErrMembers = errors.New("from 1 to 64 can meet")

func (q *MeetAsk) check() error {
	if n := len(q.Members); n < 1 || n > MostMembers {
		return fmt.Errorf("%w, not %d", ErrMembers, n)
	}
	for i := range q.Members {
		if err := checkAsk(q.Members[i].Mode, nil, q.Target); err != nil {
			return err
		}
		if err := q.Members[i].Check(); err != nil {
			return &PointError{Index: i, Err: err}
		}
	}
	return nil
}

// Meet finds the place to meet from which the last of all is at the target soonest, then
// the one with the least detour for all together, both to the second, then the one
// nearest to the target in time, of those that keep the rules: by the
// road, where all can stop; reached by each in their own way; as far from the target as
// MeetRoadM and MeetStraightM say; neither on its street nor on the one from which the
// way on turns into it. The places looked at are bounded: one in each of some hundred
// squares around the target. The same question on the same roads has the same answer.
//
// Only a Router knows streets; of any other engine the place is one on a circle around
// the target, and says so.
func Meet(ctx context.Context, e Engine, q MeetAsk) (Meeting, error) {
	if err := q.check(); err != nil {
		return Meeting{}, err
	}
	if r, ok := Serving(e).(*Router); ok {
		return r.meet(ctx, q)
	}
	return meetCircle(q), ctx.Err()
}

// MeetAt tells what a place somebody chose means to all, and which rules it breaks.
func MeetAt(ctx context.Context, e Engine, q MeetAsk, at geo.Point) (Meeting, error) {
	if err := q.check(); err != nil {
		return Meeting{}, err
	}
	if err := at.Check(); err != nil {
		return Meeting{}, err
	}
	if r, ok := Serving(e).(*Router); ok {
		return r.meetAt(ctx, q, at)
	}
	m := straightMeeting(q, at)
	m.keepsAway()
	return m, ctx.Err()
}

// keepsAway notes which distances are broken.
func (m *Meeting) keepsAway() {
	if m.StraightM < MeetStraightM {
		m.Breaks = append(m.Breaks, BreaksStraight)
	}
	if m.RoadM < MeetRoadM {
		m.Breaks = append(m.Breaks, BreaksRoad)
	}
}

// circleM is how far from the target people meet where nobody knows the roads: two
// blocks or so.
const circleM = 250

// meetCircle looks at the points of the compass around the target.
func meetCircle(q MeetAsk) Meeting {
	const points = 16
	around := make([]Meeting, points)
	for i := range around {
		around[i] = straightMeeting(q, geo.Beyond(q.Target, float64(i)*360/points, circleM))
	}
	return slices.MinFunc(around, func(a, b Meeting) int {
		return cmp.Or(cmp.Compare(a.LatestS, b.LatestS), cmp.Compare(a.DetourS, b.DetourS))
	})
}

func straightMeeting(q MeetAsk, at geo.Point) Meeting {
	m := Meeting{Found: true, At: at, Kind: KindStraight, NoCover: true, Who: -1,
		StraightM: geo.DistanceM(at, q.Target), RoadM: geo.DistanceM(at, q.Target) * detour}
	for _, who := range q.Members {
		leg := MeetLeg{There: straightTime(who.Mode, who.Point, at), On: straightTime(who.Mode, at, q.Target)}
		m.add(leg, straightTime(who.Mode, who.Point, q.Target))
	}
	return m
}

// add counts a member's leg; direct is its way without the meeting.
func (m *Meeting) add(leg MeetLeg, direct Time) {
	took := leg.There.DurationS + leg.On.DurationS
	m.Legs = append(m.Legs, leg)
	m.LatestS = max(m.LatestS, took)
	m.DetourS += took - direct.DurationS
}
