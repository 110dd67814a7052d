package dispatch

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

func anyRunner(t *rapid.T, department string, post int) Runner {
	var id PatrolID
	copy(id.UUID[:], rapid.SliceOfN(rapid.Byte(), 1, 1).Draw(t, "id")) // few ids, so that they repeat
	r := Runner{PatrolID: id, Code: "P" + id.String()[:2], Department: department, Mode: Car, Post: post,
		Status:   rapid.SampledFrom([]Status{Free, Free, Free, Assigned, EnRoute, OnScene, Break, OffDuty}).Draw(t, "status"),
		Presence: rapid.SampledFrom([]Presence{Online, Online, Still, Stale, Lost}).Draw(t, "presence"),
		Skills:   rapid.SampledFrom([][]string{nil, {"camera"}}).Draw(t, "skills"),
		Barred:   rapid.SampledFrom([]string{"", "", "", "", barredDeclined, barredContended}).Draw(t, "barred")}
	if rapid.IntRange(0, 9).Draw(t, "seen") > 0 {
		age, air := rapid.Float64Range(0, 1000).Draw(t, "age"), rapid.Float64Range(0, 9999).Draw(t, "air")
		r.FixAgeS, r.AirM = &age, &air
		r.Leg = &Leg{DurationS: float64(rapid.IntRange(0, 5).Draw(t, "eta")), DistanceM: float64(rapid.IntRange(0, 3).Draw(t, "road")),
			Kind: "road", Reachable: rapid.IntRange(0, 9).Draw(t, "reachable") > 0}
	}
	return r
}

func anyInput(t *rapid.T, rules int) PlanInput {
	in := PlanInput{Rules: rules, Category: "C01", Place: geo.Point{Lon: 121.38, Lat: 28.58}, Now: time.Unix(1764000000, 0).UTC()}
	for i := range rapid.IntRange(1, 3).Draw(t, "teams") {
		team := Team{Kind: KindDepartment, Department: fmt.Sprintf("d%d", i), Part: PartAssist,
			Skill: rapid.SampledFrom([]string{"", "camera"}).Draw(t, "skill")}
		seen := map[PatrolID]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "runners") {
			r := anyRunner(t, team.Department, 0)
			if !seen[r.PatrolID] {
				seen[r.PatrolID] = true
				team.Runners = append(team.Runners, r)
			}
		}
		in.Teams = append(in.Teams, team)
	}
	return in
}

// slowPick is the rule as the duty manual has it, one sentence at a time.
func slowPick(team Team, given map[PatrolID]bool) (PatrolID, bool) {
	var best *Runner
	for i := range team.Runners {
		r := &team.Runners[i]
		hasSkill := team.Skill == "" || slices.Contains(r.Skills, team.Skill)
		if r.Status != Free || r.Barred != "" || !hasSkill || r.Presence == Lost || r.FixAgeS == nil || !r.Leg.Reachable || given[r.PatrolID] {
			continue
		}
		if best == nil {
			best = r
			continue
		}
		staler, fresher := r.Presence == Stale && best.Presence != Stale, r.Presence != Stale && best.Presence == Stale
		switch {
		case staler:
		case fresher,
			r.Leg.DurationS < best.Leg.DurationS,
			r.Leg.DurationS == best.Leg.DurationS && r.Leg.DistanceM < best.Leg.DistanceM,
			r.Leg.DurationS == best.Leg.DurationS && r.Leg.DistanceM == best.Leg.DistanceM && bytes.Compare(r.PatrolID.UUID[:], best.PatrolID.UUID[:]) < 0:
			best = r
		}
	}
	if best == nil {
		return PatrolID{}, false
	}
	return best.PatrolID, true
}

func TestThePlanIsTheDutyManuals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t, 1)
		plan := MakePlan(in)
		given := map[PatrolID]bool{}
		for i, pick := range plan.Teams {
			want, some := slowPick(in.Teams[i], given)
			if (pick.Chosen != nil) != some || some && *pick.Chosen != want {
				t.Fatalf("team %d: chose %v, the manual says %v (%v)", i, pick.Chosen, want, some)
			}
			if some {
				if given[want] {
					t.Fatalf("patrol %v is given twice", want)
				}
				given[want] = true
			}
			if (pick.Shortfall == "") != some {
				t.Fatalf("team %d: shortfall %q although chosen is %v", i, pick.Shortfall, some)
			}
			if len(pick.Candidates) != len(in.Teams[i].Runners) {
				t.Fatalf("%d of %d runners are explained", len(pick.Candidates), len(in.Teams[i].Runners))
			}
			for j, c := range pick.Candidates {
				if goes := some && j == 0; goes != (c.RejectedBecause == nil) {
					t.Fatalf("candidate %d: goes %v, rejected because %v", j, goes, c.RejectedBecause)
				}
			}
		}
	})
}

func TestAPlanReplaysAndDoesNotMindTheOrderOfRunners(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t, rapid.IntRange(1, planRules).Draw(t, "rules"))
		_, input, output, err := planBytes(in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Replay(input)
		if err != nil || !bytes.Equal(again, output) {
			t.Fatalf("replay differs (%v):\n%s\n%s", err, output, again)
		}
		for i := range in.Teams {
			slices.Reverse(in.Teams[i].Runners)
		}
		turned, err := Canonical(MakePlan(in))
		if err != nil || !bytes.Equal(turned, output) {
			t.Fatalf("the order of runners matters (%v):\n%s\n%s", err, output, turned)
		}
	})
}

func TestShortfallsAreNamed(t *testing.T) {
	t.Parallel()
	one := 1.0
	free := Runner{Status: Free, Presence: Online, FixAgeS: &one, AirM: &one, Leg: &Leg{Reachable: true}, Skills: []string{"camera"}}
	with := func(edit func(*Runner)) Runner { r := free; edit(&r); return r }
	busy, lost := with(func(r *Runner) { r.Status = Assigned }), with(func(r *Runner) { r.Presence = Lost })
	far, plain := with(func(r *Runner) { r.Leg = &Leg{} }), with(func(r *Runner) { r.Skills = nil })
	raced, off := with(func(r *Runner) { r.Barred = barredContended }), with(func(r *Runner) { r.Status = OffDuty })
	for name, c := range map[string]struct {
		runners    []Runner
		want       ShortfallReason
		considered int
	}{
		"nobody":           {nil, NobodyOnDuty, 0},
		"all at home":      {[]Runner{off, off}, NobodyOnDuty, 0},
		"no skill":         {[]Runner{plain, plain}, NoSkill, 2},
		"busy":             {[]Runner{busy, plain}, AllBusy, 2},
		"lost":             {[]Runner{lost, busy}, AllStale, 2},
		"across the water": {[]Runner{far, busy, lost, off}, OutOfReach, 3},
		"raced":            {[]Runner{raced, busy}, Contended, 2},
		"somebody":         {[]Runner{busy, free}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range c.runners {
				c.runners[i].PatrolID.UUID = uuid.UUID{byte(i + 1)}
			}
			pick := MakePlan(PlanInput{Teams: []Team{{Skill: "camera", Runners: slices.Clone(c.runners)}}}).Teams[0]
			if pick.Shortfall != c.want || pick.Considered != c.considered {
				t.Errorf("%q, %d considered", pick.Shortfall, pick.Considered)
			}
		})
	}
}

func FuzzReplay(f *testing.F) {
	_, input, _, err := planBytes(PlanInput{Rules: planRules, Teams: []Team{{Kind: KindDepartment, Runners: []Runner{{Status: Free}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(input)
	f.Fuzz(func(t *testing.T, in []byte) { _, _ = Replay(in) })
}

func TestTheMainLineIsLegal(t *testing.T) {
	t.Parallel()
	for i, s := range mainLine[1:] {
		if !mainLine[i].May(s) {
			t.Errorf("%s may not become %s", mainLine[i], s)
		}
	}
	for s, to := range next {
		if len(to) == 0 {
			t.Errorf("%s leads nowhere", s)
		}
		at := s
		for _, step := range s.wayTo(StageClosed) {
			if !at.May(step) {
				t.Errorf("from %s: %s may not become %s", s, at, step)
			}
			at = step
		}
	}
}

func benchInput(teams, runners int) PlanInput {
	in := PlanInput{Rules: planRules, Category: "C01", Now: time.Unix(1764000000, 0).UTC()}
	for i := range teams {
		team := Team{Kind: KindDepartment, Department: fmt.Sprint("d", i), Part: PartAssist}
		for j := range runners {
			v := math.Sqrt(float64(j*7919%runners)) * 13.37
			team.Runners = append(team.Runners, Runner{PatrolID: PatrolID{UUID: uuid.UUID{byte(i), byte(j)}}, Code: fmt.Sprint("P", j), Status: Free,
				Presence: Online, Mode: Car, FixAgeS: &v, AirM: &v, Lon: &v, Lat: &v, Leg: &Leg{DurationS: v, DistanceM: v, Kind: "road", Reachable: true}})
		}
		in.Teams = append(in.Teams, team)
	}
	return in
}

func BenchmarkPlanBytes(b *testing.B) {
	in := benchInput(3, 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := planBytes(in); err != nil {
			b.Fatal(err)
		}
	}
}

// A closed road that changed a choice is told of whoever would have been first, and of
// nobody else.
func TestAClosedRoadIsTheReasonWhereItChangedTheChoice(t *testing.T) {
	t.Parallel()
	one, soon := 1.0, 60.0
	runner := func(n byte, leg Leg) Runner {
		leg.Kind = "road"
		return Runner{PatrolID: PatrolID{UUID: uuid.UUID{n}}, Status: Free, Presence: Online, FixAgeS: &one, AirM: &one, Leg: &leg}
	}
	in := PlanInput{Teams: []Team{{Kind: KindDepartment, Department: "police", Runners: []Runner{
		runner(1, Leg{DurationS: 300, Reachable: true}),
		runner(2, Leg{DurationS: 420.5, Reachable: true, OpenS: &soon}),
		runner(3, Leg{OpenS: &soon}),
		runner(4, Leg{}),
		runner(5, Leg{DurationS: 310, Reachable: true, OpenS: &[]float64{305}[0]}),
	}}}}
	in.Teams[0].Runners[1].Code = "P-2"
	in.Teams[0].Runners[2].Code = "P-3"
	in.Teams[0].Runners[2].Leg.OpenS = &[]float64{50.2}[0]
	if closed := MakePlan(in).Teams[0].Closed; closed != "a road is closed: P-3 would have been first, in 51 s" {
		t.Errorf("the history says %q", closed)
	}
	in.Teams[0].Runners[2].Leg.OpenS = &[]float64{300}[0]
	if closed := MakePlan(in).Teams[0].Closed; closed != "a road is closed: P-2 would have been first, in 60 s" {
		t.Errorf("the history says %q", closed)
	}
	alone := in
	alone.Teams = []Team{{Kind: KindDepartment, Department: "police", Runners: in.Teams[0].Runners[2:4]}}
	if pick := MakePlan(alone).Teams[0]; pick.Chosen != nil || pick.Closed != "a road is closed: P-3 would have been first, in 300 s" {
		t.Errorf("nobody gets there, and the history says %+v", pick)
	}
	alone.Teams = []Team{{Kind: KindDepartment, Department: "police", Runners: []Runner{in.Teams[0].Runners[0], in.Teams[0].Runners[4]}}}
	if closed := MakePlan(alone).Teams[0].Closed; closed != "" {
		t.Errorf("nothing changed, and the history says %q", closed)
	}
	in.Teams[0].Runners[2].Leg.OpenS = &soon
	var got []string
	for _, c := range MakePlan(in).Teams[0].Candidates {
		if c.RejectedBecause != nil {
			got = append(got, *c.RejectedBecause)
		}
	}
	want := []string{
		"later by 10 s",
		"later by 121 s, since a road is closed; 60 s otherwise",
		"no way from there, since a road is closed; 60 s otherwise",
		"no way from there",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the reasons are %q", got)
	}
}
