package whatif

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

var (
	here  = geo.Point{Lon: 121.38, Lat: 28.58}
	began = time.Date(2026, 5, 3, 8, 0, 0, 0, time.UTC)
)

// atM is a place so many metres east.
func atM(east float64) geo.Point {
	x, y := geo.NewLocal(here).XY(here)
	return geo.NewLocal(here).Point(x+east, y)
}

// past is what a test says happened.
type past struct {
	reports []Report
	patrols []Patrol
	fixes   []Fix
}

func (p past) Reports(_ context.Context, from, to time.Time) (out []Report, _ error) {
	for _, r := range p.reports {
		if !r.At.Before(from) && r.At.Before(to) {
			out = append(out, r)
		}
	}
	return out, nil
}
func (p past) OnDuty(context.Context, time.Time, time.Time) ([]Patrol, error) { return p.patrols, nil }
func (p past) Fixes(_ context.Context, from, to time.Time) (out []Fix, _ error) {
	for _, f := range p.fixes {
		if !f.T.Before(from) && f.T.Before(to) {
			out = append(out, f)
		}
	}
	return out, nil
}

// streets are ten metres a second, whatever the mode.
type streets struct{}

func (streets) ManyToOne(_ context.Context, _ road.Mode, from []geo.Point, to geo.Point) ([]road.Time, error) {
	out := make([]road.Time, len(from))
	for i, p := range from {
		out[i] = road.Time{DurationS: geo.DistanceM(p, to) / 10, Reachable: true}
	}
	return out, nil
}

func id(code string) dispatch.PatrolID {
	return dispatch.PatrolID{UUID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(code))}
}

// patrol stands so many metres east all day, and says so every five minutes.
func (p *past) patrol(code, department string, east float64) {
	p.patrols = append(p.patrols, Patrol{ID: id(code), Code: code, Department: department, Mode: road.Car,
		Duty: []dispatch.Span{{From: began.Add(-3 * time.Hour), Until: began.Add(12 * time.Hour)}}})
	for at := began.Add(-3 * time.Hour); at.Before(began.Add(12 * time.Hour)); at = at.Add(5 * time.Minute) {
		p.fixes = append(p.fixes, Fix{Patrol: id(code), T: at, Point: atM(east)})
	}
	slices.SortStableFunc(p.fixes, func(a, b Fix) int { return a.T.Compare(b.T) })
}

func (p *past) report(after time.Duration, urgent bool, east float64, departments ...string) {
	r := Report{Number: fmt.Sprintf("20260503-%04d", len(p.reports)+1), Urgent: urgent, Place: atM(east), Town: "T1", At: began.Add(after)}
	for _, d := range departments {
		r.Parts = append(r.Parts, Part{Department: d})
	}
	p.reports = append(p.reports, r)
}

func compare(t testing.TB, p past, setups ...Setup) Comparison {
	t.Helper()
	c, err := Compare(t.Context(), p, streets{}, began, began.Add(4*time.Hour), setups, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func is(t testing.TB, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1+want/300 { // a degree is not as long everywhere
		t.Errorf("%s: got %v, want %v", what, or(got), span(want))
	}
}

// Two reports within the window, two patrols: the nearest for the first leaves the
// second with a long way, and the batch does not.
func TestABatchAgainstTheNearest(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("P1", "police", 0)
	p.patrol("P2", "police", 5000)
	p.report(0, false, 2000, "police")            // P1 200 s, P2 300 s
	p.report(time.Second, false, -8000, "police") // P1 800 s, P2 1300 s
	c := compare(t, p, Setup{Policy: Nearest}, Setup{Policy: Batch, Window: 2 * time.Second})
	is(t, "one after the other", &c.Columns[1].All.TotalS, 200+1300)
	is(t, "together", &c.Columns[2].All.TotalS, 302+801)
	if really := c.Columns[0].All; really.Unserved != 2 || really.MedianS != nil {
		t.Errorf("nobody really came: %+v", really)
	}
	p.reports[0].Urgent = true
	c = compare(t, p, Setup{Policy: Batch, Window: 2 * time.Second})
	is(t, "what is urgent does not wait", &c.Columns[1].All.TotalS, 200+1301)
}

func TestWhoIsBusyIsNotSent(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("P1", "police", 0)
	p.report(0, true, 1000, "police")
	p.report(time.Minute, true, 3000, "police")
	p.report(2*time.Minute, true, 3000, "fire") // there is no fire patrol
	stay, late, came := 600.0, 30.0, 400.0
	p.reports[0].Parts[0] = Part{Department: "police", ArrivedS: &came, StayS: &stay, LateS: &late}
	c := compare(t, p, Setup{Policy: Nearest})
	if c.SlackS != 30 {
		t.Errorf("slack %v", c.SlackS)
	}
	played := c.Columns[1]
	// There after 130 s, done after 730 s; from the first place 200 s on to the second.
	if played.All.Unserved != 1 || played.Departments[0].Of != "fire" || played.Departments[0].Unserved != 1 {
		t.Errorf("%+v", played)
	}
	police := played.Departments[1]
	is(t, "median", police.MedianS, 130)
	is(t, "worst", police.WorstS, 730-60+200+30)
	is(t, "really", c.Columns[0].Departments[1].MedianS, 400)
}

func TestWhereAPatrolIs(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("P1", "police", 0)
	p.fixes = slices.DeleteFunc(p.fixes, func(f Fix) bool { return f.T.After(began) && f.T.Before(began.Add(time.Hour)) })
	p.report(9*time.Minute, true, 1000, "police")
	c := compare(t, p, Setup{Policy: Nearest})
	is(t, "its last fix is nine minutes old", c.Columns[1].All.MedianS, 100)
	p.reports[0].At = began.Add(11 * time.Minute)
	c = compare(t, p, Setup{Policy: Nearest})
	if c.Columns[1].All.Unserved != 1 {
		t.Errorf("its last fix is eleven minutes old: %+v", c.Columns[1].All)
	}
	// Long after it was done it is on its round again.
	p = past{}
	p.patrol("P1", "police", 0)
	p.report(0, true, 3000, "police")
	p.report(3*time.Hour, true, -1000, "police")
	c = compare(t, p, Setup{Policy: Nearest})
	is(t, "from its round", &c.Columns[1].All.TotalS, 300+100)
}

func TestAnotherRoster(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("P1", "police", 9000)
	p.report(0, true, 0, "police")
	p.report(2*time.Hour, true, 0, "police")
	post := atM(500)
	night := []Patrol{{ID: id("N1"), Code: "N1", Department: "police", Mode: road.Foot, Post: &post, Duty: []dispatch.Span{{From: began.Add(time.Hour)}}}}
	c := compare(t, p, Setup{Policy: Nearest}, Setup{Policy: Nearest, Roster: night, RosterName: "night.csv"})
	is(t, "as it was", c.Columns[1].All.WorstS, 900)
	// The first waits for the shift to begin.
	is(t, "the first", c.Columns[2].All.WorstS, 3600+50)
	is(t, "the second", c.Columns[2].All.MedianS, 50)
	if c.Columns[2].Name != "nearest with night.csv" || c.Columns[2].Patrols != 1 {
		t.Errorf("%+v", c.Columns[2])
	}
}

// The nearest of each may arrive far apart; a team's first does not wait longer than it
// must, since the last is the same.
func TestATeamArrivesTogether(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("E1", "environment", 100)
	p.patrol("E2", "environment", 4000)
	p.patrol("P1", "police", 5000)
	p.report(0, true, 0, "environment", "police")
	c := compare(t, p, Setup{Policy: Team})
	is(t, "environment comes with police", c.Columns[1].Departments[0].MedianS, 400)
	is(t, "the last is there as soon", c.Columns[1].Departments[1].MedianS, 500)
}

// Whose shift ends before they would be there is not sent, unless another shift of theirs
// follows: by the rule of the plans that are made every day.
func TestNobodyIsSentBeyondTheirShift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		duty []dispatch.Span
		took float64
	}{
		"it ends on the way":     {[]dispatch.Span{{From: began.Add(-time.Hour), Until: began.Add(90 * time.Second)}}, 300},
		"it ends on arrival":     {[]dispatch.Span{{From: began.Add(-time.Hour), Until: began.Add(100 * time.Second)}}, 100},
		"another shift follows":  {[]dispatch.Span{{From: began.Add(-time.Hour), Until: began.Add(90 * time.Second)}, {From: began.Add(90 * time.Second), Until: began.Add(time.Hour)}}, 100},
		"there is a gap between": {[]dispatch.Span{{From: began.Add(-time.Hour), Until: began.Add(90 * time.Second)}, {From: began.Add(95 * time.Second), Until: began.Add(time.Hour)}}, 195},
		"it has no end":          {[]dispatch.Span{{From: began.Add(-time.Hour)}}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p past
			p.patrol("P1", "police", 0)
			p.patrol("P2", "police", 4000)
			p.patrols[0].Duty = c.duty
			if name == "there is a gap between" { // then it comes when it is on duty again
				p.patrols = p.patrols[:1]
			}
			p.report(0, true, 1000, "police")
			for _, policy := range Policies {
				got := compare(t, p, Setup{Policy: policy})
				is(t, string(policy), got.Columns[1].All.MedianS, c.took)
			}
		})
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]struct {
		to    time.Time
		setup Setup
	}{
		"no time":   {began, Setup{Policy: Nearest}},
		"too long":  {began.Add(MostSpan + time.Second), Setup{Policy: Nearest}},
		"no policy": {began.Add(time.Hour), Setup{Policy: "best"}},
		"window":    {began.Add(time.Hour), Setup{Policy: Batch, Window: -time.Second}},
	} {
		if _, err := Compare(t.Context(), past{}, streets{}, began, ask.to, []Setup{ask.setup}, nil); !errors.Is(err, ErrAsk) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever happened: the same past gives the same bytes, nobody is in two places, and
// nobody arrives before the way allows.
func TestEveryPlayCouldHaveBeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p past
		departments := []string{"police", "environment"}
		for i := range rapid.IntRange(1, 5).Draw(t, "patrols") {
			p.patrol(fmt.Sprintf("P%d", i), departments[i%2], float64(rapid.IntRange(-9000, 9000).Draw(t, "stands")))
		}
		for range rapid.IntRange(1, 8).Draw(t, "reports") {
			p.report(time.Duration(rapid.IntRange(-7000, 14000).Draw(t, "at"))*time.Second, rapid.Bool().Draw(t, "urgent"),
				float64(rapid.IntRange(-9000, 9000).Draw(t, "place")), departments[:rapid.IntRange(1, 2).Draw(t, "called")]...)
		}
		slices.SortStableFunc(p.reports, func(a, b Report) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Number, b.Number)) })
		var setups []Setup
		for _, policy := range Policies {
			setups = append(setups, Setup{Policy: policy, Window: 30 * time.Second})
		}
		var texts [2][]byte
		for i := range texts {
			c, err := Compare(context.Background(), p, streets{}, began, began.Add(4*time.Hour), setups, nil)
			if err != nil {
				t.Fatal(err)
			}
			if texts[i], err = json.Marshal(c); err != nil {
				t.Fatal(err)
			}
			for _, col := range c.Columns[1:] {
				if col.All.UnservedReally != 0 || col.All.Parts != c.Parts {
					t.Fatalf("%+v", col)
				}
			}
		}
		if !bytes.Equal(texts[0], texts[1]) {
			t.Fatalf("twice the same past:\n%s\n%s", texts[0], texts[1])
		}
		for _, s := range setups {
			tracks := &trails{}
			tracks.turn(p.fixes)
			played := newPlay(s, p.patrols, p.reports, began.Add(-WarmUp), &play{roads: streets{}, tracks: tracks})
			if err := played.until(context.Background(), began.Add(24*time.Hour)); err != nil {
				t.Fatal(err)
			}
			busy := map[dispatch.PatrolID][]dispatch.Span{}
			for _, w := range played.all {
				if w.arrivedS == nil {
					continue
				}
				if w.unit.Department != w.department() {
					t.Fatalf("%s goes for %s", w.unit.Code, w.department())
				}
				span := dispatch.Span{From: w.sent, Until: w.at.Add(seconds(*w.arrivedS) + usualStay)}
				for _, other := range busy[w.unit.ID] {
					if span.Meets(other) {
						t.Fatalf("%s: %s is sent twice at once", s.Name(), w.unit.Code)
					}
				}
				busy[w.unit.ID] = append(busy[w.unit.ID], span)
			}
		}
	})
}

func TestTheTable(t *testing.T) {
	t.Parallel()
	var p past
	p.patrol("P1", "police", 0)
	p.report(0, true, 1000, "police")
	came := 180.0
	p.reports[0].Parts[0].ArrivedS = &came
	var out bytes.Buffer
	if err := compare(t, p, Setup{Policy: Nearest}).Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 reports with 1 parts", "really", "1:40", "3:00", "1:20 sooner (of 1)", "town T1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
