package dispatch

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

// anyMission is an input of up to three departments, with everything that rules 2 look at.
func anyMission(t *rapid.T) PlanInput {
	in := PlanInput{Rules: 2, Category: "C01", Place: geo.Point{Lon: 121.38, Lat: 28.58}, Now: time.Unix(1764000000, 0).UTC()}
	n := byte(0)
	for i := range rapid.IntRange(1, 3).Draw(t, "teams") {
		team := Team{Kind: KindDepartment, Department: []string{"police", "environment", "market"}[i], Part: PartAssist,
			People: rapid.IntRange(1, 3).Draw(t, "people"), Skills: rapid.SampledFrom([][]string{nil, {"camera"}, {"camera", "boat"}}).Draw(t, "skills")}
		for range rapid.IntRange(0, 5).Draw(t, "runners") {
			r := anyRunner(t, team.Department, 0)
			n++
			r.PatrolID = PatrolID{UUID: uuid.UUID{n}}
			r.Skills = rapid.SampledFrom([][]string{nil, {"camera"}, {"boat"}, {"boat", "camera"}}).Draw(t, "brings")
			r.People = rapid.IntRange(1, 2).Draw(t, "of")
			if r.Leg != nil {
				r.Leg.DurationS *= 100 // so that a minute of rest is none of it
			}
			if rapid.IntRange(0, 5).Draw(t, "ends") == 0 {
				left := float64(rapid.IntRange(0, 500).Draw(t, "shift"))
				r.ShiftEndsS = &left
			}
			if rapid.IntRange(0, 7).Draw(t, "away") == 0 {
				r.Away = "T2"
			}
			team.Runners = append(team.Runners, r)
		}
		in.Teams = append(in.Teams, team)
	}
	return in
}

// mayGo is each hard rule of the duty manual, one sentence at a time.
func mayGo(r Runner) bool {
	return r.Status == Free && r.Barred == "" && r.Away == "" && r.Presence != Lost && r.FixAgeS != nil && r.Leg != nil && r.Leg.Reachable &&
		(r.ShiftEndsS == nil || r.Leg.DurationS <= *r.ShiftEndsS)
}

func brings(some []Runner) (people int, skills []string) {
	for _, r := range some {
		people += max(1, r.People)
		skills = append(skills, r.Skills...)
	}
	return people, skills
}

func fills(team Team, some []Runner) bool {
	people, skills := brings(some)
	return people >= team.People && !slices.ContainsFunc(team.Skills, func(s string) bool { return !slices.Contains(skills, s) })
}

// TestThePlanIsAsGoodAsEveryTeam wires the whole of MakePlan against every team that
// could go: no team of patrols that may go, fresh where the fresh are enough, is better.
func TestThePlanIsAsGoodAsEveryTeam(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyMission(t)
		plan := MakePlan(in)
		var options [][][]Runner // of each team that can be filled
		for i, team := range in.Teams {
			pick := plan.Teams[i]
			var may, fresh []Runner
			for _, r := range team.Runners {
				if mayGo(r) {
					may = append(may, r)
					if r.Presence != Stale {
						fresh = append(fresh, r)
					}
				}
			}
			if fills(team, fresh) {
				may = fresh
			}
			for _, id := range pick.going() {
				if !slices.ContainsFunc(may, func(r Runner) bool { return r.PatrolID == id }) {
					t.Fatalf("team %d sends %v, who may not go", i, id)
				}
			}
			want := team
			people, skills := brings(may)
			lacks := people < team.People
			want.People = min(want.People, people)
			want.Skills = slices.DeleteFunc(slices.Clone(team.Skills), func(s string) bool { lack := !slices.Contains(skills, s); lacks = lacks || lack; return lack })
			if (pick.Shortfall != "") != lacks {
				t.Fatalf("team %d: shortfall %q, lacking %v", i, pick.Shortfall, lacks)
			}
			if (pick.Chosen != nil) != (want.People > 0) {
				t.Fatalf("team %d: chosen %v of %d people who may go", i, pick.Chosen, people)
			}
			var ways [][]Runner
			for mask := 1; mask < 1<<len(may); mask++ {
				var some []Runner
				for k, r := range may {
					if mask>>k&1 == 1 {
						some = append(some, r)
					}
				}
				if fills(want, some) {
					ways = append(ways, some)
				}
			}
			if ways != nil {
				options = append(options, ways)
			}
		}
		best := []float64{math.Inf(1)}
		var walk func(k int, some []Runner)
		walk = func(k int, some []Runner) {
			if k == len(options) {
				if f := arrival(some); slices.Compare(f, best) < 0 {
					best = f
				}
				return
			}
			for _, way := range options[k] {
				walk(k+1, append(slices.Clone(some), way...))
			}
		}
		if len(options) == 0 {
			return
		}
		walk(0, nil)
		var going []Runner
		for i, team := range in.Teams {
			for _, id := range plan.Teams[i].going() {
				going = append(going, team.Runners[slices.IndexFunc(team.Runners, func(r Runner) bool { return r.PatrolID == id })])
			}
		}
		if got := arrival(going); slices.Compare(got, best) != 0 {
			t.Fatalf("latest, spread, total are %v; %v would do", got, best)
		}
	})
}

// arrival is latest, spread and total of a team, in seconds.
func arrival(some []Runner) []float64 {
	first, last, total := math.Inf(1), 0.0, 0.0
	for _, r := range some {
		first, last, total = min(first, r.Leg.DurationS), max(last, r.Leg.DurationS), total+r.Leg.DurationS
	}
	return []float64{last, last - first, total}
}

// What an older program wrote must stay readable and explainable, to the byte.
func TestPlansOfTheFirstRulesReplay(t *testing.T) {
	t.Parallel()
	input := []byte(`{"case":"01900000-0000-7000-8000-000000000001","category":"C01","now":"2025-11-24T16:00:00Z","place":{"Lat":28.58,"Lon":121.38},"reporter":null,"rules":1,"teams":[{"contended":false,"department":"police","kind":"department","part":"lead","runners":[{"air_m":10,"barred":"","code":"P1","department":"police","fix_age_s":1,"lat":28.58,"leg":{"distance_m":9,"duration_s":60,"kind":"road","reachable":true},"lon":121.38,"mode":"car","name":"P1","patrol_id":"01900000-0000-7000-8000-000000000002","post":0,"presence":"online","skills":null,"status":"free"}],"skill":"","wanted":null}]}`)
	output := `{"rules":1,"teams":[{"candidates":[{"air_m":10,"code":"P1","eta_kind":"road","eta_s":60,"fix_age_s":1,"lat":28.58,"lon":121.38,"mode":"car","name":"P1","patrol_id":"01900000-0000-7000-8000-000000000002","rank":1,"rejected_because":null,"road_m":9}],"chosen":"01900000-0000-7000-8000-000000000002","considered":1,"department":"police","kind":"department","on_scene":false,"part":"lead","shortfall":""}]}`
	got, err := Replay(input)
	if err != nil || string(got) != output {
		t.Fatalf("%v\n%s\n%s", err, got, output)
	}
	if _, err := Replay(bytes.Replace(input, []byte(`"rules":1`), []byte(`"rules":9`), 1)); err == nil || !strings.Contains(err.Error(), "rules 1 to 3") {
		t.Errorf("rules of tomorrow: %v", err)
	}
}

// The second rules asked whose turn it is only where several go; what they wrote replays.
func TestPlansOfTheSecondRulesReplay(t *testing.T) {
	t.Parallel()
	tired := runnerAt(1, 60)
	tired.Load = 4
	in := PlanInput{Rules: 2, Teams: []Team{{Kind: KindDepartment, Department: "police", Part: PartLead, People: 1, Runners: []Runner{tired, runnerAt(2, 90)}}}}
	input, err := Canonical(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Replay(input)
	output := `{"rules":2,"teams":[{"candidates":[{"air_m":60,"code":"P1","eta_kind":"road","eta_s":60,"fix_age_s":0,"lat":null,"lon":null,"mode":"","name":"","patrol_id":"01000000-0000-0000-0000-000000000000","rank":1,"rejected_because":null,"road_m":60},{"air_m":90,"code":"P2","eta_kind":"road","eta_s":90,"fix_age_s":0,"lat":null,"lon":null,"mode":"","name":"","patrol_id":"02000000-0000-0000-0000-000000000000","rank":2,"rejected_because":"later by 30 s","road_m":90}],"chosen":"01000000-0000-0000-0000-000000000000","considered":2,"department":"police","kind":"department","on_scene":false,"part":"lead","shortfall":""}]}`
	if err != nil || string(got) != output {
		t.Fatalf("%v\n%s\n%s", err, got, output)
	}
}

// turnOf is whose turn it is among some who may go alone, one sentence at a time.
func turnOf(some []Runner, reporter *PatrolID) (PatrolID, bool) {
	var fresh []Runner
	for _, r := range some {
		if mayGo(r) && r.Presence != Stale {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 { // a stale one only where no fresh one can
		for _, r := range some {
			if mayGo(r) {
				fresh = append(fresh, r)
			}
		}
	}
	if len(fresh) == 0 {
		return PatrolID{}, false
	}
	first := slices.MinFunc(fresh, soonest)
	load := func(r Runner) int {
		if reporter != nil && *reporter == r.PatrolID {
			return 0 // stands there already
		}
		return r.Load
	}
	best := first
	for _, r := range fresh {
		if r.Leg.DurationS-first.Leg.DurationS <= 60 && (load(r) < load(best) || load(r) == load(best) && load(r) < load(first) && soonest(r, best) < 0) {
			best = r
		}
	}
	return best.PatrolID, true
}

// Whoever goes alone is the soonest, unless somebody who was sent less lately is there
// within a minute of them; whoever stands there already stays.
func TestWhoGoesAloneTakesTurns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := PlanInput{Rules: 3, Teams: []Team{{Kind: KindDepartment, Department: "police", Part: PartLead, People: 1}}}
		for n := range rapid.IntRange(0, 6).Draw(t, "runners") {
			r := anyRunner(t, "police", 0)
			r.PatrolID, r.Load = PatrolID{UUID: uuid.UUID{byte(n + 1)}}, rapid.IntRange(0, 3).Draw(t, "load")
			if r.Leg != nil {
				r.Leg.DurationS *= 25
			}
			in.Teams[0].Runners = append(in.Teams[0].Runners, r)
		}
		if len(in.Teams[0].Runners) > 0 && rapid.Bool().Draw(t, "reported") {
			in.Reporter = &in.Teams[0].Runners[0].PatrolID
		}
		pick := MakePlan(in).Teams[0]
		want, some := turnOf(in.Teams[0].Runners, in.Reporter)
		if (pick.Chosen != nil) != some || some && *pick.Chosen != want {
			t.Fatalf("chose %v; it is the turn of %v (%v)", pick.Chosen, want, some)
		}
		for j, c := range pick.Candidates {
			if goes := some && j == 0; goes != (c.RejectedBecause == nil) {
				t.Fatalf("candidate %d: goes %v, rejected because %v", j, goes, c.RejectedBecause)
			}
		}
	})
}

// Each who stays is told why, where one goes alone too.
func TestWhyTheSoonestStays(t *testing.T) {
	t.Parallel()
	tired, worse, alone := runnerAt(1, 60), runnerAt(3, 100), runnerAt(4, 10)
	tired.Load, worse.Load, alone.People = 4, 2, 1
	rested, late := runnerAt(2, 110), runnerAt(5, 300)
	in := PlanInput{Rules: 3, Teams: []Team{{Kind: KindDepartment, Department: "police", People: 1, Runners: []Runner{tired, rested, worse, late}}}}
	told := func() (out []string) {
		for _, c := range MakePlan(in).Teams[0].Candidates {
			if c.RejectedBecause != nil {
				out = append(out, c.Code+" "+*c.RejectedBecause)
			} else {
				out = append(out, c.Code+" goes")
			}
		}
		return out
	}
	want := []string{"P2 goes", "P1 was sent 4 times lately, P2 0 times, and is there within 60 s of it",
		"P3 was sent 2 times lately, P2 0 times, and is there within 60 s of it", "P5 later by 190 s"}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	in.Teams[0].Runners, in.Teams[0].People = []Runner{alone, rested}, 2
	in.Teams[0].Runners[1].People = 2
	want = []string{"P2 goes", "P4 does not bring alone what is wanted"}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func runnerAt(n byte, s float64) Runner {
	zero := 0.0
	return Runner{PatrolID: PatrolID{UUID: uuid.UUID{n}}, Code: "P" + string('0'+n), Status: Free, Presence: Online, FixAgeS: &zero, AirM: &s, People: 1,
		Leg: &Leg{DurationS: s, DistanceM: s, Kind: "road", Reachable: true}}
}

// A plan that leaves a town without police is marked, with the best that does not.
func TestAPlanThatLeavesATownIsMarked(t *testing.T) {
	t.Parallel()
	in := PlanInput{Rules: 2, Teams: []Team{
		{Kind: KindDepartment, Department: "police", People: 1, Runners: []Runner{runnerAt(1, 300), runnerAt(2, 500)}},
		{Kind: KindDepartment, Department: "environment", People: 1, Runners: []Runner{runnerAt(3, 400)}}}}
	first, second := in.Teams[0].Runners[0].PatrolID, in.Teams[0].Runners[1].PatrolID
	in.Cover = []CoverTown{{Town: Town{Code: "T1", Name: "路南"}, Near: []PatrolID{first}}, {Town: Town{Code: "T2"}, Near: []PatrolID{first, second}}}
	plan := MakePlan(in)
	if *plan.Teams[0].Chosen != first {
		t.Fatal("the mark changed who goes")
	}
	mark := plan.Cover
	if mark == nil || len(mark.Towns) != 1 || mark.Towns[0].Code != "T1" || len(mark.Next) != 2 || mark.Next[0].PatrolID != second || *mark.NextLatestS != 500 || mark.LatestS != 400 {
		t.Errorf("marked %+v", mark)
	}
	in.Cover[0].Others = true
	if mark := MakePlan(in).Cover; mark != nil {
		t.Errorf("somebody else is near, and it is marked %+v", mark)
	}
	in.Cover = []CoverTown{{Town: Town{Code: "T1"}, Near: []PatrolID{first}}, {Town: Town{Code: "T2"}, Near: []PatrolID{second}}}
	if mark := MakePlan(in).Cover; mark == nil || mark.Next != nil {
		t.Errorf("no plan leaves neither, and it is marked %+v", mark)
	}
}

// Whoever was sent less often goes, within a minute; and each who stays is told why.
func TestWhyATeamIsNotOfTheFastest(t *testing.T) {
	t.Parallel()
	tired := runnerAt(1, 390)
	tired.Load = 3
	in := PlanInput{Rules: 2, Teams: []Team{
		{Kind: KindDepartment, Department: "police", People: 1, Runners: []Runner{runnerAt(2, 200), tired, runnerAt(4, 380), runnerAt(5, 900)}},
		{Kind: KindDepartment, Department: "environment", People: 1, Runners: []Runner{runnerAt(3, 400)}}}}
	plan := MakePlan(in)
	var got []string
	for _, c := range plan.Teams[0].Candidates {
		if c.RejectedBecause != nil {
			got = append(got, c.Code+" "+*c.RejectedBecause)
		}
	}
	want := []string{"P2 sooner by 180 s, but would wait for the others; those who go arrive together",
		"P1 was sent 3 times lately, P4 0 times, and is there within 60 s of it", "P5 later by 520 s"}
	if !slices.Equal(got, want) || plan.Teams[0].Candidates[0].Code != "P4" || plan.Team.LatestS != 400 || plan.Team.SpreadS != 20 {
		t.Errorf("%q, %+v", got, plan.Team)
	}
}
