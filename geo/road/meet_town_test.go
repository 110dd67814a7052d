package road_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

func prepared(t *testing.T, lines ...road.Line) *road.Router {
	t.Helper()
	r, err := road.Prepare(t.Context(), network(t, lines...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func byCar(points ...geo.Point) []road.Member {
	var all []road.Member
	for _, p := range points {
		all = append(all, road.Member{Fix: road.Fix{Point: p}, Mode: road.Car})
	}
	return all
}

func meet(t *testing.T, e road.Engine, q road.MeetAsk) road.Meeting {
	t.Helper()
	m, err := road.Meet(t.Context(), e, q)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mill is a workshop at the end of a lane off a main road, with a side street farther on.
func mill(lane road.Line) []road.Line {
	lane.Name, lane.Points = "厂弄", []geo.Point{at(0, 0), at(0, 300)}
	return []road.Line{
		lane,
		{Class: road.Secondary, Name: "大路", Points: []geo.Point{at(-800, 0), at(-300, 0), at(0, 0), at(400, 0), at(900, 0)}},
		{Class: road.Residential, Name: "横街", Points: []geo.Point{at(400, 0), at(400, 300)}},
		{Class: road.Residential, Name: "西街", Points: []geo.Point{at(-300, 0), at(-300, -300)}},
	}
}

// From the lane itself one is seen, and from the stretches of the main road that turn into
// it; beyond the next corners nobody is.
func TestMeetRoundTheCorner(t *testing.T) {
	t.Parallel()
	r := prepared(t, mill(road.Line{Class: road.Residential})...)
	q := road.MeetAsk{Target: at(2, 290), Members: byCar(at(-700, 0), at(880, 0))}
	m := meet(t, r, q)
	if !m.Found || m.NoCover || m.Road == "厂弄" {
		t.Fatalf("%+v", m)
	}
	beyond := m.Road == "横街" || m.Road == "西街" || m.Road == "大路" && (m.At.Lon > at(400, 0).Lon || m.At.Lon < at(-300, 0).Lon)
	if !beyond {
		t.Errorf("they wait in sight: %+v", m)
	}
	for name, c := range map[string]struct {
		at     geo.Point
		breaks []string
	}{
		"in the lane":          {at(0, 100), []string{road.BreaksTarget}},
		"at the door":          {at(0, 280), []string{road.BreaksStraight, road.BreaksRoad, road.BreaksTarget}},
		"where one turns off":  {at(200, 0), []string{road.BreaksLast}},
		"round the corner":     {at(400, 150), nil},
		"in a field":           {at(600, 250), []string{road.BreaksOffRoad}},
		"on the lane's corner": {at(5, 0), []string{road.BreaksLast}},
	} {
		got, err := road.MeetAt(t.Context(), r, q, c.at)
		if err != nil || !slices.Equal(got.Breaks, c.breaks) {
			t.Errorf("%s: breaks %v, want %v (%v)", name, got.Breaks, c.breaks, err)
		}
	}
}

func TestMeetWhereThereIsNoCorner(t *testing.T) {
	t.Parallel()
	r := prepared(t, road.Line{Class: road.Unclassified, Name: "堤路", Points: []geo.Point{at(-6000, 0), at(6000, 0)}})
	m := meet(t, r, road.MeetAsk{Target: at(0, 5), Members: byCar(at(-3000, 0), at(3000, 0))})
	if !m.Found || !m.NoCover || m.RoadM < 150 || m.StraightM < 80 {
		t.Errorf("%+v", m)
	}
}

// Nobody is asked to wait on a motorway or on private ground, nor where the others cannot
// get to.
func TestMeetWhereAllCanStop(t *testing.T) {
	t.Parallel()
	q := road.MeetAsk{Target: at(2, 290), Members: byCar(at(-700, 0), at(880, 0))}
	for name, change := range map[string]func(l *road.Line){
		"a motorway":     func(l *road.Line) { l.Class = road.Motorway },
		"a cycleway":     func(l *road.Line) { l.Class = road.Cycleway },
		"for feet alone": func(l *road.Line) { l.Modes = road.SetOf(road.Foot) },
	} {
		lines := mill(road.Line{Class: road.Residential})
		for i := range lines {
			if lines[i].Name == "横街" || lines[i].Name == "西街" {
				change(&lines[i])
			}
		}
		if m := meet(t, prepared(t, lines...), q); !m.Found || m.Road != "大路" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	// Somebody on foot comes by a path; where cars and feet meet is open to both.
	lines := append(mill(road.Line{Class: road.Residential}),
		road.Line{Class: road.Path, Name: "小径", Points: []geo.Point{at(400, 300), at(600, 600)}})
	q.Members = append(q.Members, road.Member{Fix: road.Fix{Point: at(600, 600)}, Mode: road.Foot})
	if m := meet(t, prepared(t, lines...), q); !m.Found || m.NoCover || m.Road != "横街" || m.Legs[2].There.DurationS <= 0 {
		t.Errorf("with somebody on foot: %+v", m)
	}
}

func TestMeetThatCannotBe(t *testing.T) {
	t.Parallel()
	r := prepared(t, append(mill(road.Line{Class: road.Residential}),
		road.Line{Class: road.Residential, Name: "岛路", Points: []geo.Point{at(5000, 5000), at(9000, 5000)}})...)
	q := road.MeetAsk{Target: at(2, 290), Members: byCar(at(-700, 0), at(8000, 5000))}
	if m := meet(t, r, q); m.Found || m.Reason != road.BreaksReach || m.Who != 1 {
		t.Errorf("from an island: %+v", m)
	}
	tiny := prepared(t, road.Line{Class: road.Residential, Points: []geo.Point{at(0, 0), at(140, 0)}})
	if m := meet(t, tiny, road.MeetAsk{Target: at(0, 0), Members: byCar(at(140, 0))}); m.Found || m.Reason != road.BreaksRoad && m.Reason != road.BreaksNoRoadNear {
		t.Errorf("in a yard: %+v", m)
	}
	for name, q := range map[string]road.MeetAsk{
		"nobody":  {Target: at(0, 0)},
		"a crowd": {Target: at(0, 0), Members: make([]road.Member, road.MostMembers+1)},
	} {
		if _, err := road.Meet(t.Context(), r, q); !errors.Is(err, road.ErrMembers) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrong *road.PointError
	if _, err := road.Meet(t.Context(), r, road.MeetAsk{Target: at(0, 0), Members: byCar(geo.Point{})}); !errors.As(err, &wrong) || wrong.Index != 0 {
		t.Errorf("from nowhere: %v", err)
	}
}

// Before any roads are known the place lies on a circle, and says what it is worth.
func TestMeetWithoutRoads(t *testing.T) {
	t.Parallel()
	q := road.MeetAsk{Target: at(0, 0), Members: byCar(at(3000, 0), at(3000, 500))}
	m := meet(t, &road.Switch{}, q)
	if !m.Found || m.Kind != road.KindStraight || !m.NoCover || m.StraightM < 80 || m.RoadM < 150 || m.At.Lon <= q.Target.Lon {
		t.Errorf("%+v", m)
	}
	near, err := road.MeetAt(t.Context(), road.Straight{}, q, at(50, 0))
	if err != nil || !slices.Equal(near.Breaks, []string{road.BreaksStraight, road.BreaksRoad}) {
		t.Errorf("%+v (%v)", near, err)
	}
}
