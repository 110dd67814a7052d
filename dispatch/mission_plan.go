package dispatch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch/mission"
)

const (
	// restWithinS is how much later, or sooner, somebody may be there who was sent less
	// often lately and therefore goes instead.
	restWithinS = 60
	// CoverDepartment is who no town is to be without, and CoverWithinS how near one of
	// them must be.
	CoverDepartment = "police"
	CoverWithinS    = 15 * 60
	// mostSkills bounds what one department may be asked to bring.
	mostSkills = 4
)

// CoverTown is a town, and who of CoverDepartment is near it and could still be sent.
type CoverTown struct {
	Town
	Near []PatrolID `json:"near"`
	// Others says that somebody is near who goes nowhere by this plan anyway.
	Others bool `json:"others,omitempty"`
}

// TeamFigures is how a plan's departments arrive: the last, how long the first waits
// for the last, and all ways together.
type TeamFigures struct {
	Patrols int     `json:"patrols"`
	LatestS float64 `json:"latest_s"`
	SpreadS float64 `json:"spread_s"`
	TotalS  float64 `json:"total_s"`
}

// Lacks is what of a team nobody can bring.
type Lacks struct {
	People int      `json:"people"`
	Skills []string `json:"skills,omitempty"`
}

// side is a department's team as the choice sees it.
type side struct {
	at     int // in the plan
	rules  int
	there  *PatrolID // stands at the place, and is relieved of it by nobody's turn
	team   Team
	fit    []Runner // who can be sent, soonest first
	unfit  []Runner
	why    map[PatrolID]string
	seats  []Runner // of fit: those who may be chosen
	want   mission.Want
	lacks  Lacks
	nobody bool // nobody may be chosen
}

// planTeam is the second version of the rules. The first look goes by its order, as
// before. The departments are chosen as one team: the last of them is there soonest,
// then they arrive as close together as can be, then on the shortest ways; fresh
// before stale. Among those who would be there within a minute of each other it is
// the turn of who was sent less often; where one goes alone, since rules 3. A patrol must
// have the skill of the matter, be let into the area, and be there before its shift ends.
func planTeam(in PlanInput) Plan {
	out := Plan{Rules: in.Rules, Teams: make([]Pick, len(in.Teams))}
	given := map[PatrolID]bool{}
	var sides []*side
	for i, team := range in.Teams {
		if team.Kind == KindFirstLook {
			out.Teams[i] = pick(team, in.Reporter, given)
			if chosen := out.Teams[i].Chosen; chosen != nil {
				given[*chosen] = true
			}
		}
	}
	for i, team := range in.Teams {
		if team.Kind != KindFirstLook {
			sides = append(sides, newSide(i, team, given, in))
		}
	}
	wants := wantsOf(sides)
	chosen, err := mission.Choose(wants)
	if err != nil {
		// What bounds a want bounds a crew before it gets here; nobody is sent by a guess.
		chosen = mission.Team{Chosen: make([][]int, len(wants))}
	}
	if seats(chosen) > 1 || in.Rules >= 3 {
		chosen = mission.Rested(wants, chosen, restWithinS*1000)
	}
	out.Cover = coverOf(in, sides, wants, chosen)
	if n := seats(chosen); n > 1 {
		out.Team = &TeamFigures{Patrols: n, LatestS: float64(chosen.LatestMS) / 1000, SpreadS: float64(chosen.SpreadMS) / 1000, TotalS: float64(chosen.TotalMS) / 1000}
	}
	for k, s := range sides {
		out.Teams[s.at] = s.pick(chosen, k, given)
	}
	return out
}

func newSide(at int, team Team, given map[PatrolID]bool, in PlanInput) *side {
	s := &side{at: at, rules: in.Rules, team: team, why: map[PatrolID]string{}}
	if in.Rules >= 3 {
		s.there = in.Reporter
	}
	for _, r := range team.Runners {
		reason := unfitBecause(r, team, given)
		if reason == "" && r.Leg == nil {
			reason = "nobody knows its way"
		}
		if reason == "" {
			s.fit = append(s.fit, r)
		} else {
			s.unfit = append(s.unfit, r)
			s.why[r.PatrolID] = reason
		}
	}
	slices.SortFunc(s.fit, soonest)
	slices.SortFunc(s.unfit, farther)
	s.seat()
	return s
}

// seat lays out what is wanted: of the fresh if they are enough, else of the stale too;
// and if all of them are not enough, as much as they can bring.
func (s *side) seat() {
	s.want = mission.Want{People: min(max(1, s.team.People), mission.MostPeople)}
	skills := s.team.Skills[:min(len(s.team.Skills), mostSkills)]
	for i := range skills {
		s.want.Skills |= 1 << i
	}
	fresh := slices.DeleteFunc(slices.Clone(s.fit), func(r Runner) bool { return staleness(r.Presence) > 0 })
	if s.team.Wanted != nil {
		fresh = s.fit // whom an operator chose goes, fresh or not
	}
	for _, s.seats = range [][]Runner{fresh, s.fit} {
		s.want.Candidates = s.want.Candidates[:0]
		if len(s.seats) > mission.MostCandidates {
			s.seats = s.seats[:mission.MostCandidates]
		}
		for _, r := range s.seats {
			c := mission.Candidate{ArrivalMS: int64(math.Round(r.Leg.DurationS * 1000)), People: max(1, r.People), Load: max(0, r.Load)}
			if s.there != nil && *s.there == r.PatrolID {
				c.Load = 0
			}
			for i, skill := range skills {
				if slices.Contains(r.Skills, skill) {
					c.Skills |= 1 << i
				}
			}
			s.want.Candidates = append(s.want.Candidates, c)
		}
		if s.lacks = s.lack(skills); s.lacks.People == 0 && len(s.lacks.Skills) == 0 {
			break
		}
	}
	if s.team.Wanted != nil { // an operator's choice goes whole
		s.want.People, s.want.Skills, s.lacks = 0, 0, Lacks{}
		for _, c := range s.want.Candidates {
			s.want.People += c.People
		}
		s.want.People = min(s.want.People, mission.MostPeople)
	} else {
		s.want.People -= s.lacks.People
		for i, skill := range skills {
			if slices.Contains(s.lacks.Skills, skill) {
				s.want.Skills &^= 1 << i
			}
		}
	}
	// Where the people are there and only a skill is missing, who does not bring it is
	// of no use.
	s.nobody = s.want.People == 0 || s.team.People == 0 && len(s.team.Skills) > 0 && s.want.Skills == 0 || s.team.Contended
}

// lack answers what all who may be chosen cannot bring.
func (s *side) lack(skills []string) Lacks {
	lacks, has := Lacks{People: s.want.People}, mission.Skills(0)
	for _, c := range s.want.Candidates {
		lacks.People, has = max(0, lacks.People-c.People), has|c.Skills
	}
	for i, skill := range skills {
		if has>>i&1 == 0 {
			lacks.Skills = append(lacks.Skills, skill)
		}
	}
	return lacks
}

// wantsOf is what is chosen from; a side from which nobody may be chosen is there, so
// that places are the same, and lacks everything.
func wantsOf(sides []*side) []mission.Want {
	wants := make([]mission.Want, len(sides))
	for k, s := range sides {
		wants[k] = s.want
		if s.nobody {
			wants[k] = mission.Want{People: 1}
		}
	}
	return wants
}

func seats(t mission.Team) (n int) {
	for _, chosen := range t.Chosen {
		n += len(chosen)
	}
	return n
}

// coverOf marks a team that leaves a town without, and finds the best that does not.
func coverOf(in PlanInput, sides []*side, wants []mission.Want, chosen mission.Team) *CoverMark {
	if len(in.Cover) == 0 {
		return nil
	}
	seat := map[PatrolID]mission.Seat{}
	for k, s := range sides {
		for i, r := range s.seats {
			if !s.nobody {
				seat[r.PatrolID] = mission.Seat{Want: k, Candidate: i}
			}
		}
	}
	towns := make([]mission.Town, len(in.Cover))
	for t, town := range in.Cover {
		towns[t].Others = town.Others
		for _, id := range town.Near {
			if at, ok := seat[id]; ok {
				towns[t].Near = append(towns[t].Near, at)
			} else {
				towns[t].Others = true
			}
		}
	}
	left := mission.Left(chosen, towns)
	if len(left) == 0 {
		return nil
	}
	mark := &CoverMark{LatestS: float64(chosen.LatestMS) / 1000}
	for _, t := range left {
		mark.Towns = append(mark.Towns, in.Cover[t].Town)
	}
	next, ok, err := mission.Keeping(wants, towns)
	if err != nil || !ok {
		return mark
	}
	latest := float64(next.LatestMS) / 1000
	mark.NextLatestS = &latest
	for k, s := range sides {
		for _, i := range next.Chosen[k] {
			r := s.seats[i]
			mark.Next = append(mark.Next, CoverInstead{Department: s.team.Department, PatrolID: r.PatrolID, Code: r.Code, Name: r.Name, EtaS: *tenth(&r.Leg.DurationS)})
		}
	}
	return mark
}

// pick tells what became of a side: who goes first, then who else could, then who
// could not, each with the reason.
func (s *side) pick(chosen mission.Team, k int, given map[PatrolID]bool) Pick {
	team := s.team
	out := Pick{Kind: team.Kind, Department: team.Department, Part: team.Part, Candidates: make([]Candidate, 0, len(team.Runners))}
	for _, r := range team.Runners {
		if r.Status != OffDuty {
			out.Considered++
		}
	}
	goes := map[PatrolID]bool{}
	var going, rest []Runner
	for _, i := range chosen.Chosen[k] {
		goes[s.seats[i].PatrolID] = true
	}
	for _, r := range s.fit {
		if goes[r.PatrolID] {
			going = append(going, r)
		} else {
			rest = append(rest, r)
		}
	}
	add := func(r Runner, rank int, because string) {
		c := r.candidate()
		if rank > 0 {
			c.Rank = &rank
		}
		if because != "" {
			c.RejectedBecause = &because
		}
		out.Candidates = append(out.Candidates, c)
	}
	for i, r := range going {
		add(r, i+1, "")
	}
	for i, r := range rest {
		because := "nobody more is wanted"
		switch {
		case len(going) > 0:
			because = s.notChosen(going[len(going)-1], r, len(going) == 1 && seats(chosen) == 1)
		case team.Contended:
			because = "the department is left to an operator"
		case len(s.lacks.Skills) > 0:
			because = "lacks the skill " + strings.Join(s.lacks.Skills, ", ")
		}
		add(r, len(going)+i+1, because)
	}
	for _, r := range s.unfit {
		add(r, 0, s.why[r.PatrolID])
	}
	if len(going) == 1 && seats(chosen) == 1 || len(going) == 0 {
		out.Closed = closedChoice(s.fit, s.unfit, team, given)
	}
	if len(s.lacks.Skills) > 0 || s.lacks.People > 0 {
		out.Lacks = &Lacks{People: s.lacks.People, Skills: s.lacks.Skills}
	}
	switch {
	case team.Contended:
		out.Shortfall, out.Lacks = Contended, nil
	case len(going) == 0 && len(s.lacks.Skills) > 0 && len(s.fit) > 0:
		out.Shortfall = NoSkill
	case len(going) == 0:
		out.Shortfall = shortfallOf(team, given)
	case out.Lacks != nil && s.lacks.People == 0:
		out.Shortfall = NoSkill
	case out.Lacks != nil:
		// Everybody who can goes; the others' narrowest reason is why there are no more.
		left := team
		left.Runners = s.unfit
		out.Shortfall = shortfallOf(left, given)
	}
	if len(going) > 0 {
		out.Chosen = &going[0].PatrolID
		for _, r := range going[1:] {
			out.Also = append(out.Also, r.PatrolID)
		}
	}
	return out
}

// notChosen says why r stays, though it could go, beside the last of those who go.
func (s *side) notChosen(last, r Runner, alone bool) string {
	sooner := last.Leg.DurationS - r.Leg.DurationS
	switch {
	case staleness(r.Presence) > staleness(last.Presence), alone && (s.rules < 3 || sooner <= 0):
		return slowerBecause(last, r)
	case alone && (sooner > restWithinS || r.Load <= last.Load):
		return "does not bring alone what is wanted"
	case math.Abs(sooner) <= restWithinS && r.Load > last.Load:
		return fmt.Sprintf("was sent %d times lately, %s %d times, and is there within %d s of it", r.Load, last.Code, last.Load, restWithinS)
	case sooner > 0:
		return fmt.Sprintf("sooner by %.0f s, but would wait for the others; those who go arrive together", math.Ceil(sooner))
	}
	return slowerBecause(last, r)
}

// going answers who goes by a pick.
func (p Pick) going() []PatrolID {
	if p.Chosen == nil {
		return nil
	}
	return append([]PatrolID{*p.Chosen}, p.Also...)
}

// candidatesFor are a pick's candidates with one of those who go first.
func (p Pick) candidatesFor(id PatrolID) []Candidate {
	out := slices.Clone(p.Candidates)
	i := slices.IndexFunc(out, func(c Candidate) bool { return c.PatrolID == id })
	if i <= 0 {
		return out
	}
	own := out[i]
	copy(out[1:], out[:i])
	out[0] = own
	return out
}

func farther(a, b Runner) int {
	return cmp.Or(cmp.Compare(orFar(a.AirM), orFar(b.AirM)), compareIDs(a.PatrolID, b.PatrolID))
}
