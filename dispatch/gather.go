package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// nearbyWorkers is how many grid workers around a place are looked at, for when
// the grid's own people cannot come.
const nearbyWorkers = 12

// The words a category uses for what is settled locally: the first look handles
// it, and no department is called.
const (
	settledByVillage = "village"
	settledByTown    = "town"
)

// calledBy answers the departments that a category calls for, and why.
func calledBy(rule CategoryRule) []CaseDepartment {
	lead := CaseDepartment{Code: rule.Lead, Part: PartLead, Because: "leads category " + rule.Code}
	if local(rule.Lead) {
		lead.Because = fmt.Sprintf("category %s is settled by the %s", rule.Code, rule.Lead)
	}
	called := []CaseDepartment{lead}
	for _, code := range rule.Joint {
		if !slices.ContainsFunc(called, func(d CaseDepartment) bool { return d.Code == code }) {
			called = append(called, CaseDepartment{Code: code, Part: PartAssist, Because: "goes along in category " + rule.Code})
		}
	}
	return called
}

// SettledLocally says whether a category's lead is no department but the village or the
// town, so that nobody but the first look is sent.
func SettledLocally(department string) bool { return local(department) }

func local(department string) bool {
	return department == settledByVillage || department == settledByTown
}

// wanted answers the teams that a case still lacks: its first look, and of each called
// department what it is to bring and has not brought.
func wanted(c Case, crews []Crew, choices []Choice) []Team {
	looked := slices.ContainsFunc(c.Assignments, func(a Assignment) bool {
		return a.Kind == KindFirstLook && a.Department == GridDepartment && (a.State.Active() || a.State == Done && c.counts(a))
	})
	var teams []Team
	// add adds a team that an operator chose for, or of which something is lacking.
	add := func(team Team, lacking bool) {
		for _, ch := range choices {
			switch {
			case ch.Department != team.Department:
			case team.Wanted == nil:
				team.Wanted, team.Adds = &ch.PatrolID, ch.Adds
			default:
				team.WantedToo = append(team.WantedToo, ch.PatrolID)
			}
		}
		if team.Wanted != nil || lacking {
			teams = append(teams, team)
		}
	}
	calls := func(department string) bool {
		return slices.ContainsFunc(c.Departments, func(d CaseDepartment) bool { return d.Code == department })
	}
	switch {
	case !calls(GridDepartment): // to a covert case nobody in uniform walks up to look, but whom an operator chose
		add(Team{Kind: KindFirstLook, Department: GridDepartment}, !looked && c.Covert == nil)
	case !looked && c.Covert == nil:
		teams = append(teams, Team{Kind: KindFirstLook, Department: GridDepartment})
	}
	for _, crew := range crews {
		people, skills := missing(c, crew)
		add(Team{Kind: KindDepartment, Department: crew.Department, Part: crew.Part, People: people, Skills: skills}, people > 0 || len(skills) > 0)
	}
	return teams
}

// crewsOf is what the called departments are to bring to a case: what its mission says by
// now, else its category, else one patrol; and more of one, if that is asked for.
func crewsOf(c Case, rule CategoryRule, more *Crew) []Crew {
	var out []Crew
	for _, d := range c.Departments {
		if local(d.Code) {
			continue
		}
		crew, ok := c.Mission.crew(d.Code)
		if !ok {
			crew = Crew{People: 1}
			if i := slices.IndexFunc(rule.Crews, func(r Crew) bool { return r.Department == d.Code }); i >= 0 {
				crew = rule.Crews[i]
			} else if more != nil && more.Department == d.Code && !called(c, d.Code) {
				crew.People = 0
			}
		}
		crew.Department, crew.Part, crew.Skills = d.Code, d.Part, slices.Clone(crew.Skills)
		if more != nil && more.Department == d.Code {
			// More is more than is there: two who came as one patrol do not fill it.
			there, _ := missing(c, Crew{Department: d.Code, People: mostPeople})
			crew.People = min(max(crew.People, mostPeople-there)+more.People, mostPeople)
			for _, skill := range more.Skills {
				if !slices.Contains(crew.Skills, skill) {
					crew.Skills = append(crew.Skills, skill)
				}
			}
		}
		out = append(out, crew)
	}
	return out
}

// called says whether a department had a patrol on the case before.
func called(c Case, department string) bool {
	return slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.Kind == KindDepartment && a.Department == department })
}

// missing answers how many people of a crew, and which skills, are neither under way nor
// have been there. Who is to relieve somebody brings nothing more while that one stays.
func missing(c Case, want Crew) (people int, skills []string) {
	people = want.People
	var has []string
	for _, a := range c.Assignments {
		if a.Kind != KindDepartment || a.Department != want.Department || !(a.State.Active() || a.State == Done && c.counts(a) && a.Reason != reasonRelieved) {
			continue
		}
		if c.relieves(a) {
			continue
		}
		people = max(0, people-max(1, a.People))
		has = append(has, a.Brings...)
	}
	for _, skill := range want.Skills {
		if !slices.Contains(has, skill) {
			skills = append(skills, skill)
		}
	}
	return people, skills
}

// counts says whether what a patrol did counts for the case as it is now: not what was
// done before it was opened again.
func (c Case) counts(a Assignment) bool {
	return c.Flow.ReopenedAt == nil || a.EndedAt == nil || a.EndedAt.After(*c.Flow.ReopenedAt)
}

// barred answers the patrols that must not have the case again, and why. Whose offer
// was taken back before it left never heard of the case and may have it: an operator
// who undoes has changed their mind about this dispatch, not about the patrol. Nor was
// there anything against whom a mission let go.
func barred(c Case) map[PatrolID]string {
	out := map[PatrolID]string{}
	for _, a := range c.Assignments {
		switch a.State {
		case Declined:
			out[a.PatrolID] = barredDeclined
		case Expired:
			out[a.PatrolID] = barredExpired
		case Recalled:
			switch {
			case a.Reason == reasonUndone, a.Reason == reasonJoined, strings.HasPrefix(a.Reason, reasonReleased), strings.HasPrefix(a.Reason, reasonStood):
				delete(out, a.PatrolID) // nobody found fault with them
			case a.Reason == reasonLost:
				out[a.PatrolID] = barredLost
			default:
				out[a.PatrolID] = barredRecalled
			}
		}
	}
	return out
}

// brief is a plan in preparation: the case as the plan sees it, and who is to be told.
type brief struct {
	c       Case
	rule    CategoryRule
	input   PlanInput
	chiefs  []StaffID
	leaders []StaffID
	relief  map[string]Relief // of departments that lack somebody
	crews   []Crew            // what each department is to bring
	named   bool              // it proposes somebody whom another proposal names
}

// gather collects what a plan is made from. It opens no transaction of its own
// beyond one read, and asks for roads after it. contended are patrols that were
// lost to other cases while this plan was tried, given up the departments whose
// turn it is no more.
func (s *Service) gather(ctx context.Context, c Case, o sending, contended []PatrolID, givenUp []string) (brief, error) {
	reporter, choices := o.reporter, o.choices
	first := c.Stage == StageReported
	if first {
		if err := s.locate(ctx, &c); err != nil {
			return brief{}, err
		}
	}
	if o.more != nil && !slices.ContainsFunc(c.Departments, func(d CaseDepartment) bool { return d.Code == o.more.Department }) {
		c.Departments = append(slices.Clone(c.Departments), CaseDepartment{Code: o.more.Department, Part: PartAssist, Because: o.why})
	}
	positions := map[PatrolID]Position{}
	ask := DutyAsk{Category: c.Category}
	near := s.Live.Candidates(GridDepartment, c.Place(), nearbyWorkers)
	for _, p := range near {
		positions[p.PatrolID] = p
		ask.Patrols = append(ask.Patrols, p.PatrolID)
	}
	if c.Responsible.Code != nil {
		ask.GridCode = *c.Responsible.Code
		if first {
			ask.Areas = c.Scope.Areas
		}
	}
	for _, ch := range choices {
		ask.Patrols = append(ask.Patrols, ch.PatrolID)
		ask.Departments = append(ask.Departments, ch.Department)
	}
	for _, d := range c.Departments {
		ask.Departments = append(ask.Departments, d.Code)
	}
	duty, err := s.Store.Duty(ctx, ask)
	if err != nil {
		return brief{}, fmt.Errorf("ask who is on duty: %w", err)
	}
	b := brief{rule: duty.Rule, leaders: duty.Leaders}
	for _, ch := range choices {
		if o.relieves.IsZero() && ch.Department != GridDepartment && !slices.ContainsFunc(c.Departments, func(d CaseDepartment) bool { return d.Code == ch.Department }) {
			c.Departments = append(c.Departments, CaseDepartment{Code: ch.Department, Part: PartAssist, Because: "an operator asked for it"})
		}
	}
	c.Scope.Departments = scopeDepartments(c)
	b.c = c
	b.input = PlanInput{Rules: planRules, Case: c.ID, Category: c.Category, Place: c.Place(), Now: duty.Now, Reporter: reporter.OrNull()}

	no := barred(c)
	for _, id := range contended {
		no[id] = barredContended
	}
	for _, ch := range choices {
		if no[ch.PatrolID] != barredContended {
			delete(no, ch.PatrolID) // an operator may ask the same patrol again
		}
	}
	for _, p := range duty.Patrols {
		if _, ok := positions[p.ID]; !ok {
			if at, ok := s.Live.Position(p.ID); ok {
				positions[p.ID] = at
			}
		}
	}
	runner := func(p DutyPatrol, post int) Runner {
		r := Runner{PatrolID: p.ID, Code: p.Code, Name: p.Name, Department: p.Department, Mode: p.Mode, Status: p.Status,
			Skills: p.Skills, Presence: Lost, Post: post, Barred: no[p.ID], People: p.People, Load: p.Load}
		if p.ShiftEnds != nil {
			left := p.ShiftEnds.Sub(duty.Now).Seconds()
			r.ShiftEndsS = &left
		}
		if len(p.WorksIn) > 0 && !slices.ContainsFunc(p.WorksIn, func(area string) bool {
			return slices.Contains(c.Scope.Areas, area) || c.Responsible.Code != nil && area == *c.Responsible.Code
		}) {
			r.Away = strings.Join(p.WorksIn, ", ")
			if o.lends(p.ID) {
				r.Away, r.Lent = "", r.Away
			}
		}
		if at, ok := positions[p.ID]; ok {
			age := max(0, duty.Now.Sub(at.T).Seconds())
			air := geo.DistanceM(at.Point, c.Place())
			r.Presence, r.FixAgeS, r.AirM = at.Presence, &age, &air
			r.Lon, r.Lat = &at.Point.Lon, &at.Point.Lat
			r.Fix = at.Fix(duty.Now)
		}
		if p.ID == reporter {
			// Whoever reports stands there, even with a device that sends no position.
			r.Presence, r.FixAgeS, r.AirM, r.Lon, r.Lat = Online, new(float64), new(float64), &c.Lon, &c.Lat
			r.Leg = &Leg{Kind: road.KindStraight, Reachable: true}
		}
		return r
	}
	b.crews = crewsOf(c, duty.Rule, o.more)
	teams := wanted(c, b.crews, choices)
	if !o.relieves.IsZero() {
		teams = relieving(c, o)
	}
	for i := range teams {
		team := &teams[i]
		team.Contended = slices.Contains(givenUp, team.Department)
		if team.Kind == KindFirstLook {
			team.Runners = firstLook(duty, near, choices, runner)
			team.stayLonger(c, o, duty.Now)
			continue
		}
		team.Skill = duty.Rule.Skill
		if team.Part != PartLead {
			team.Skill = "" // the skill is what the matter itself needs
		}
		for _, p := range duty.Patrols {
			chosen := team.Wanted != nil && team.wants(p.ID)
			if p.Department == team.Department && (p.Status != OffDuty || chosen) {
				team.Runners = append(team.Runners, runner(p, 0))
			}
		}
		slices.SortFunc(team.Runners, func(a, b Runner) int { return compareIDs(a.PatrolID, b.PatrolID) })
		team.stayLonger(c, o, duty.Now)
	}
	b.input.Teams = teams
	for _, post := range duty.Posts {
		if post.Part == "chief" {
			b.chiefs = append(b.chiefs, post.Staff)
		}
	}
	if err := s.askWays(ctx, b.input); err != nil {
		return b, err
	}
	if proposes(b, o) {
		if err := s.passNamed(ctx, &b, o.beside); err != nil {
			return b, err
		}
	}
	return b, s.foresee(ctx, &b)
}

// firstLook lines up who looks first: the grid's own worker, then its substitutes,
// its part-timers, and the grid workers nearby, with any whom an operator chose.
func firstLook(duty Duty, near []Position, choices []Choice, runner func(DutyPatrol, int) Runner) []Runner {
	patrol := make(map[PatrolID]DutyPatrol, len(duty.Patrols))
	for _, p := range duty.Patrols {
		patrol[p.ID] = p
	}
	var runners []Runner
	seen := map[PatrolID]bool{}
	add := func(id PatrolID, post int) {
		p, ok := patrol[id]
		if ok && !seen[id] && (p.Status != OffDuty || post < postNear) {
			seen[id] = true
			runners = append(runners, runner(p, post))
		}
	}
	for rank, part := range []string{"worker", "substitute", "part_timer"} {
		for _, post := range duty.Posts {
			if post.Part == part && !post.Patrol.IsZero() {
				add(post.Patrol, rank+1)
			}
		}
	}
	for _, p := range near {
		add(p.PatrolID, postNear)
	}
	for _, ch := range choices {
		if ch.Department == GridDepartment && patrol[ch.PatrolID].Department == GridDepartment {
			add(ch.PatrolID, postNear)
		}
	}
	return runners
}

// locate finds who is responsible for the place of a case.
func (s *Service) locate(ctx context.Context, c *Case) error {
	accuracy := 0.0
	if c.AccuracyM != nil {
		accuracy = *c.AccuracyM
	}
	at, err := s.Grids.Locate(ctx, c.Place(), accuracy, c.Category, c.MadeAt)
	if err != nil {
		return fmt.Errorf("locate the case: %w", err)
	}
	c.Responsible, c.RunnerUp, c.MapID, c.Scope.Areas = at.Responsible, at.RunnerUp, at.MapID, at.Areas
	return nil
}

// scopeDepartments are those who may see the case: who is called, and the grid,
// which looks first at everything.
func scopeDepartments(c Case) []string {
	out := []string{GridDepartment}
	for _, d := range c.Departments {
		if !slices.Contains(out, d.Code) {
			out = append(out, d.Code)
		}
	}
	return out
}

// askWays fills in the ways of all runners that could be sent, one question for
// each mode of travel. Grid workers nearby are asked for only when none of the
// grid's own people can come.
func (s *Service) askWays(ctx context.Context, in PlanInput) error {
	var asked [road.Modes][]*Runner
	for i := range in.Teams {
		team := &in.Teams[i]
		ownCanCome := slices.ContainsFunc(team.Runners, func(r Runner) bool {
			return r.Post > 0 && r.Post < postNear && failing(r, *team, nil) == failNone
		})
		for j := range team.Runners {
			r := &team.Runners[j]
			if r.Leg != nil || failing(*r, *team, nil) != failNone || ownCanCome && r.Post == postNear {
				continue
			}
			mode, err := road.ParseMode(string(r.Mode))
			if err != nil {
				return fmt.Errorf("patrol %s: %w", r.Code, err)
			}
			asked[mode] = append(asked[mode], r)
		}
	}
	for mode, runners := range asked {
		if len(runners) == 0 {
			continue
		}
		from := make([]road.Fix, len(runners))
		for i, r := range runners {
			from[i] = r.Fix
		}
		times, err := road.FixesToOne(ctx, s.Roads, road.Mode(mode), from, in.Place)
		if err != nil {
			return fmt.Errorf("ask for ways by %v: %w", road.Mode(mode), err)
		}
		for i, r := range runners {
			r.Leg = &Leg{DurationS: times[i].DurationS, DistanceM: times[i].DistanceM, Kind: times[i].Kind, Reachable: times[i].Reachable,
				Roads: times[i].Version.String(), Basis: times[i].Version.Basis()}
			r.Leg.LowS, r.Leg.HighS = s.Promise.Of(Mode(road.Mode(mode).String()), times[i].Kind, in.Now, times[i].DurationS)
		}
		if err := s.askUnclosed(ctx, road.Mode(mode), from, in.Place, runners); err != nil {
			return err
		}
	}
	return nil
}

// askUnclosed notes where a closed road makes a difference.
func (s *Service) askUnclosed(ctx context.Context, mode road.Mode, from []road.Fix, to geo.Point, runners []*Runner) error {
	roads, closed := s.Roads.Unclosed(mode)
	if !closed {
		return nil
	}
	times, err := road.FixesToOne(ctx, roads, mode, from, to)
	if err != nil {
		return fmt.Errorf("ask for ways by %v with nothing closed: %w", mode, err)
	}
	for i, r := range runners {
		if times[i].Reachable && (!r.Leg.Reachable || times[i].DurationS != r.Leg.DurationS) {
			r.Leg.OpenS = &times[i].DurationS
		}
	}
	return nil
}
