package dispatch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// planRules counts the versions of the rules: the first picked for each department by
// itself, the second chooses a team, see planTeam, and the third asks whose turn it is where
// one patrol goes alone, too. The older ones are kept for the plans that were made by them. A
// stored input names the rules it was made for.
const planRules = 3

// PlanInput is everything a plan is made from. It is stored with the case as
// canonical bytes: the same input gives the same plan again, byte for byte.
type PlanInput struct {
	Rules    int       `json:"rules"`
	Case     CaseID    `json:"case"`
	Category string    `json:"category"`
	Place    geo.Point `json:"place"`
	Now      time.Time `json:"now"`
	// Reporter is the patrol of whoever reported, who stands at the place.
	Reporter *PatrolID `json:"reporter"`
	Teams    []Team    `json:"teams"`
	// Cover are towns that must not be left without police, as far as it was looked at.
	Cover []CoverTown `json:"cover,omitempty"`
}

// Team is one patrol that is wanted, and who could be it.
type Team struct {
	Kind       string `json:"kind"`
	Department string `json:"department"`
	Part       string `json:"part"`
	Skill      string `json:"skill"`
	// Wanted is the patrol an operator chose; no other will do.
	Wanted *PatrolID `json:"wanted"`
	// WantedToo are further ones that the operator chose, since rules 2.
	WantedToo []PatrolID `json:"wanted_too,omitempty"`
	// People and Skills are what the patrols are to bring together, since rules 2: people
	// are at least 1 unless only a skill is missing.
	People int      `json:"people,omitempty"`
	Skills []string `json:"skills,omitempty"`
	// Adds says that who has the department's part keeps it.
	Adds bool `json:"adds,omitempty"`
	// Contended says that its patrols were lost to other cases too often to try on.
	Contended bool     `json:"contended"`
	Runners   []Runner `json:"runners"`
}

// Runner is a patrol as it was when the plan was made. Post orders a first look:
// 1 the responsible grid's worker, 2 a substitute, 3 a part-timer, 4 anybody near;
// it is 0 for departments. Barred says why this case must not have it again.
type Runner struct {
	PatrolID   PatrolID `json:"patrol_id"`
	Code       string   `json:"code"`
	Name       string   `json:"name"`
	Department string   `json:"department"`
	Mode       Mode     `json:"mode"`
	Status     Status   `json:"status"`
	Skills     []string `json:"skills"`
	Presence   Presence `json:"presence"`
	Post       int      `json:"post"`
	Barred     string   `json:"barred"`
	Lon        *float64 `json:"lon"`
	Lat        *float64 `json:"lat"`
	FixAgeS    *float64 `json:"fix_age_s"`
	AirM       *float64 `json:"air_m"`
	Leg        *Leg     `json:"leg"`
	// Since rules 2: how many come with it, how often it was sent in the last 8 h, in how
	// many seconds its shift ends, and where it works if the place is elsewhere.
	People     int      `json:"people,omitempty"`
	Load       int      `json:"load,omitempty"`
	ShiftEndsS *float64 `json:"shift_ends_s,omitempty"`
	Away       string   `json:"away,omitempty"`
	// Lent is where it works if the place is elsewhere and an operator sends it all the same.
	Lent string `json:"lent,omitempty"`

	Fix road.Fix `json:"-"` // where it is, as roads are asked; the leg says what came of it
}

// Leg is the way of one runner to the place. It is nil where nobody asked, since
// the runner cannot be sent anyway.
type Leg struct {
	DurationS float64 `json:"duration_s"`
	DistanceM float64 `json:"distance_m"`
	Kind      string  `json:"kind"`
	Reachable bool    `json:"reachable"`
	// Roads are those that were asked, see road.Version.
	Roads string `json:"roads_version,omitempty"`
	// OpenS is how long it would take with no road closed, where that differs.
	OpenS *float64 `json:"open_s,omitempty"`
	// Basis is what speeds the time is of, see road.Version.Basis; LowS and HighS are what
	// past arrivals make of it.
	Basis string   `json:"basis,omitempty"`
	LowS  *float64 `json:"low_s,omitempty"`
	HighS *float64 `json:"high_s,omitempty"`
}

// The reasons for which a case must not have a patrol again.
const (
	barredDeclined  = "declined"
	barredExpired   = "did not answer in time"
	barredLost      = "was lost before it arrived"
	barredRecalled  = "was recalled"
	barredContended = "was claimed by another case meanwhile"
)

// Plan says for each team who goes, or why nobody does.
type Plan struct {
	Rules int    `json:"rules"`
	Teams []Pick `json:"teams"`
	// Team is how those who go arrive, Cover which towns they leave; since rules 2.
	Team  *TeamFigures `json:"team,omitempty"`
	Cover *CoverMark   `json:"cover,omitempty"`
}

// Pick is the outcome for one team. Chosen is nil where nobody can be sent;
// Shortfall then says why. OnScene says that the chosen one is there already.
type Pick struct {
	Kind       string          `json:"kind"`
	Department string          `json:"department"`
	Part       string          `json:"part"`
	Chosen     *PatrolID       `json:"chosen"`
	OnScene    bool            `json:"on_scene"`
	Shortfall  ShortfallReason `json:"shortfall"`
	// Also go beside the chosen one, and Lacks is what is still missing; since rules 2.
	Also       []PatrolID  `json:"also,omitempty"`
	Lacks      *Lacks      `json:"lacks,omitempty"`
	Considered int         `json:"considered"`
	Candidates []Candidate `json:"candidates"`

	// Closed says that a closed road changed the choice, and whom it kept from being
	// first; empty where it did not. The candidates' reasons hold the same.
	Closed string `json:"-"`
}

// MakePlan says who goes, by the rules that the input names. It is a pure function, and
// no patrol is given twice.
func MakePlan(in PlanInput) Plan {
	if in.Rules >= 2 {
		return planTeam(in)
	}
	return planEach(in)
}

// planEach is the first version of the rules: for each team the patrol that is there
// first: fresh before stale, then by road, ties by the length of the way and then by id.
func planEach(in PlanInput) Plan {
	out := Plan{Rules: 1, Teams: make([]Pick, len(in.Teams))}
	given := map[PatrolID]bool{}
	for i, team := range in.Teams {
		out.Teams[i] = pick(team, in.Reporter, given)
		if chosen := out.Teams[i].Chosen; chosen != nil {
			given[*chosen] = true
		}
	}
	return out
}

func pick(team Team, reporter *PatrolID, given map[PatrolID]bool) Pick {
	out := Pick{Kind: team.Kind, Department: team.Department, Part: team.Part, Candidates: make([]Candidate, 0, len(team.Runners))}
	var fit, unfit []Runner
	why := map[PatrolID]string{}
	for _, r := range team.Runners {
		if r.Status != OffDuty {
			out.Considered++
		}
		reason := unfitBecause(r, team, given)
		if reason == "" && r.Leg == nil {
			reason = "comes after the grid's own people"
		}
		if reason == "" {
			fit = append(fit, r)
		} else {
			unfit = append(unfit, r)
			why[r.PatrolID] = reason
		}
	}
	slices.SortFunc(fit, soonest)
	slices.SortFunc(unfit, farther)
	for i, r := range fit {
		c := r.candidate()
		rank := i + 1
		c.Rank = &rank
		if i > 0 {
			because := slowerBecause(fit[0], r)
			c.RejectedBecause = &because
		}
		out.Candidates = append(out.Candidates, c)
	}
	for _, r := range unfit {
		c := r.candidate()
		because := why[r.PatrolID]
		c.RejectedBecause = &because
		out.Candidates = append(out.Candidates, c)
	}
	out.Closed = closedChoice(fit, unfit, team, given)
	if team.Contended {
		out.Shortfall = Contended
		return out
	}
	if len(fit) == 0 {
		out.Shortfall = shortfallOf(team, given)
		return out
	}
	out.Chosen = &fit[0].PatrolID
	out.OnScene = team.Kind == KindFirstLook && reporter != nil && *reporter == fit[0].PatrolID
	return out
}

// closedChoice says who would have been first, were no road closed.
func closedChoice(fit, unfit []Runner, team Team, given map[PatrolID]bool) string {
	var kept *Runner
	look := func(r *Runner) {
		if r.Leg == nil || r.Leg.OpenS == nil || kept != nil && *kept.Leg.OpenS <= *r.Leg.OpenS {
			return
		}
		if len(fit) > 0 && (*r.Leg.OpenS >= fit[0].Leg.DurationS || r.Post > fit[0].Post || staleness(r.Presence) > staleness(fit[0].Presence)) {
			return
		}
		kept = r
	}
	for i := 1; i < len(fit); i++ {
		look(&fit[i])
	}
	for i := range unfit {
		if failing(unfit[i], team, given) == failReach {
			look(&unfit[i])
		}
	}
	if kept == nil {
		return ""
	}
	return fmt.Sprintf("a road is closed: %s would have been first, in %.0f s", kept.Code, math.Ceil(*kept.Leg.OpenS))
}

// soonest orders runners that can be sent.
func soonest(a, b Runner) int {
	return cmp.Or(
		cmp.Compare(a.Post, b.Post),
		cmp.Compare(staleness(a.Presence), staleness(b.Presence)),
		cmp.Compare(a.Leg.DurationS, b.Leg.DurationS),
		cmp.Compare(a.Leg.DistanceM, b.Leg.DistanceM),
		compareIDs(a.PatrolID, b.PatrolID))
}

func staleness(p Presence) int {
	if p == Stale {
		return 1
	}
	return 0
}

func slowerBecause(first, r Runner) string {
	switch {
	case r.Post > first.Post:
		return "comes after the " + postNames[first.Post]
	case staleness(r.Presence) > staleness(first.Presence):
		return fmt.Sprintf("stale: last seen %.0f s ago", *r.FixAgeS)
	case r.Leg.DurationS > first.Leg.DurationS:
		later := fmt.Sprintf("later by %.0f s", math.Ceil(r.Leg.DurationS-first.Leg.DurationS))
		if r.Leg.OpenS != nil && *r.Leg.OpenS < first.Leg.DurationS {
			// Who would have been first is told what changed the choice.
			later += fmt.Sprintf(", since a road is closed; %.0f s otherwise", math.Ceil(*r.Leg.OpenS))
		}
		return later
	case r.Leg.DistanceM > first.Leg.DistanceM:
		return fmt.Sprintf("as soon, but %.0f m longer", math.Ceil(r.Leg.DistanceM-first.Leg.DistanceM))
	}
	return "as soon and as near; the other comes first by id"
}

var postNames = map[int]string{1: "grid's own worker", 2: "substitute", 3: "part-timer", 4: "nearest grid worker"}

// The tests of a runner, from the widest to the narrowest. A team's shortfall is
// the narrowest that its best runner came to.
const (
	failSkill = iota
	failBusy
	failContended
	failArea
	failLost
	failReach
	failShift
	failNone
)

// failing answers the first test that r does not pass. Barred patrols count as
// busy: they are on duty, but not for this case.
func failing(r Runner, team Team, given map[PatrolID]bool) int {
	switch {
	case team.Skill != "" && !slices.Contains(r.Skills, team.Skill):
		return failSkill
	case r.Barred == barredContended:
		return failContended
	case r.Status != Free, r.Barred != "", given[r.PatrolID], !team.wants(r.PatrolID):
		return failBusy
	case r.Away != "":
		return failArea
	case r.Presence == Lost || r.FixAgeS == nil:
		return failLost
	case r.Leg != nil && !r.Leg.Reachable:
		return failReach
	case r.Leg != nil && r.ShiftEndsS != nil && r.Leg.DurationS > *r.ShiftEndsS:
		return failShift
	}
	return failNone
}

// wants says whether a patrol may be chosen: any, or one of those that an operator wants.
func (t Team) wants(id PatrolID) bool {
	return t.Wanted == nil || *t.Wanted == id || slices.Contains(t.WantedToo, id)
}

func unfitBecause(r Runner, team Team, given map[PatrolID]bool) string {
	switch failing(r, team, given) {
	case failSkill:
		return "lacks the skill " + team.Skill
	case failContended:
		return barredContended
	case failBusy:
		switch {
		case r.Barred != "":
			return r.Barred
		case r.Status == OffDuty:
			return "off duty"
		case r.Status == Break:
			return "on a break"
		case r.Status != Free:
			return "busy: " + strings.ReplaceAll(string(r.Status), "_", " ")
		case given[r.PatrolID]:
			return "goes to this case already"
		}
		return "an operator chose another"
	case failArea:
		return "works in " + r.Away + " only"
	case failShift:
		return fmt.Sprintf("its shift ends in %.0f s, before it would be there", math.Floor(*r.ShiftEndsS))
	case failLost:
		if r.FixAgeS == nil {
			return "never seen"
		}
		return fmt.Sprintf("lost: last seen %.0f s ago", *r.FixAgeS)
	case failReach:
		if r.Leg.OpenS != nil {
			return fmt.Sprintf("no way from there, since a road is closed; %.0f s otherwise", math.Ceil(*r.Leg.OpenS))
		}
		return "no way from there"
	}
	return ""
}

func shortfallOf(team Team, given map[PatrolID]bool) ShortfallReason {
	best := -1
	for _, r := range team.Runners {
		if r.Status != OffDuty {
			best = max(best, failing(r, team, given))
		}
	}
	switch best {
	case failSkill:
		return NoSkill
	case failBusy:
		return AllBusy
	case failContended:
		return Contended
	case failLost:
		return AllStale
	case failArea, failReach, failShift, failNone:
		return OutOfReach
	}
	return NobodyOnDuty
}

func (r Runner) candidate() Candidate {
	c := Candidate{PatrolID: r.PatrolID, Code: r.Code, Name: r.Name, Mode: r.Mode,
		AirM: tenth(r.AirM), FixAgeS: tenth(r.FixAgeS), Lon: r.Lon, Lat: r.Lat}
	if r.Leg != nil && r.Leg.Reachable {
		c.EtaS, c.RoadM, c.EtaKind = tenth(&r.Leg.DurationS), tenth(&r.Leg.DistanceM), &r.Leg.Kind
		c.EtaLowS, c.EtaHighS = r.Leg.LowS, r.Leg.HighS
		if r.Leg.Basis != "" {
			c.EtaBasis = &r.Leg.Basis
		}
	}
	if r.Leg != nil && r.Leg.Roads != "" {
		c.Roads = &r.Leg.Roads
	}
	return c
}

// tenth rounds what is shown; what is compared is not rounded.
func tenth(v *float64) *float64 {
	if v == nil {
		return nil
	}
	rounded := math.Round(*v*10) / 10
	return &rounded
}

func orFar(v *float64) float64 {
	if v == nil {
		return math.Inf(1)
	}
	return *v
}

func compareIDs[K any](a, b ID[K]) int { return slices.Compare(a.UUID[:], b.UUID[:]) }

// planBytes makes a plan and both its canonical texts.
func planBytes(in PlanInput) (Plan, []byte, []byte, error) {
	input, err := Canonical(in)
	if err != nil {
		return Plan{}, nil, nil, fmt.Errorf("write plan input: %w", err)
	}
	plan := MakePlan(in)
	output, err := Canonical(plan)
	if err != nil {
		return Plan{}, nil, nil, fmt.Errorf("write plan: %w", err)
	}
	return plan, input, output, nil
}

// Replay makes the plan again from a stored input and answers its canonical bytes.
func Replay(input []byte) ([]byte, error) {
	var in PlanInput
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, fmt.Errorf("read plan input: %w", err)
	}
	if in.Rules < 1 || in.Rules > planRules {
		return nil, fmt.Errorf("the plan was made by rules %d; this program has rules 1 to %d", in.Rules, planRules)
	}
	return Canonical(MakePlan(in))
}
