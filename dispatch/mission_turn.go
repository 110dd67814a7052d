package dispatch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch/mission"
)

// mostPeople bounds what one department may be asked to bring.
const mostPeople = mission.MostPeople

// join makes the mission of a case whose plan sends more than one department or patrol,
// and keeps what each department is to bring.
func (t *turn) join(plan Plan, b brief) {
	c := &t.Case
	t.markCover(plan)
	crews := slices.Clone(b.crews)
	for i, team := range b.input.Teams {
		if team.Kind != KindDepartment || team.Wanted == nil || team.Adds {
			continue
		}
		// Whom an operator chose is what the department brings.
		k := slices.IndexFunc(crews, func(c Crew) bool { return c.Department == team.Department })
		if k < 0 {
			continue
		}
		crews[k].People, crews[k].Skills = 0, nil
		for _, id := range plan.Teams[i].going() {
			for _, r := range team.Runners {
				if r.PatrolID == id {
					crews[k].People += max(1, r.People)
				}
			}
		}
	}
	if c.Mission == nil {
		patrols := 0
		for _, a := range c.Assignments {
			if a.Kind == KindDepartment && (a.State.Active() || a.State == Proposed) && !c.relieves(a) {
				patrols++
			}
		}
		joint := len(crews) > 1 || patrols > 1 || slices.ContainsFunc(b.crews, func(c Crew) bool { return c.People > 1 || len(c.Skills) > 0 })
		if !joint || len(crews) == 0 {
			return
		}
		c.Mission = &Mission{ID: NewID[missionKind](), State: Gathering, MadeAt: t.now}
	}
	m := c.Mission
	m.Crews = crews
	m.Cover = c.Cover
}

// markCover keeps beside the case which towns a plan leaves without police, if it sends any.
func (t *turn) markCover(plan Plan) {
	c := &t.Case
	if plan.Cover != nil || slices.ContainsFunc(plan.Teams, func(p Pick) bool {
		return p.Department == CoverDepartment && p.Kind == KindDepartment && p.Chosen != nil
	}) {
		c.Cover = plan.Cover
	}
	if plan.Cover != nil {
		names := make([]string, len(plan.Cover.Towns))
		for i, town := range plan.Cover.Towns {
			names[i] = town.Code
		}
		t.event("mission.cover", PatrolID{}, facts{"towns": names, "within_s": CoverWithinS, "instead": plan.Cover.Next})
	}
}

// keepCover drops the mark once nobody of the department is on the case, or would be.
func (t *turn) keepCover() {
	c := &t.Case
	if c.Cover == nil || slices.ContainsFunc(c.Assignments, func(a Assignment) bool {
		return a.Department == CoverDepartment && a.Kind == KindDepartment && (a.State.Active() || a.State == Proposed)
	}) {
		return
	}
	c.Cover = nil
	if c.Mission != nil {
		c.Mission.Cover = nil
	}
}

// keepMission brings a mission up to what its assignments have come to: who commands,
// when they meet, whether all are in place, whether anybody is left.
func (t *turn) keepMission() {
	c := &t.Case
	m := c.Mission
	if m == nil {
		return
	}
	members := c.members()
	proposed := slices.ContainsFunc(c.Assignments, func(a Assignment) bool { return a.State == Proposed })
	if len(members) == 0 {
		if m.State != Ended && !proposed && (c.Dispatch != DispatchPending || !c.Stage.Open()) {
			m.State, m.EndedAt, m.Commander = Ended, &t.now, nil
			t.event("mission.ended", PatrolID{}, nil)
		}
		return
	}
	if m.State == Ended {
		m.State, m.EndedAt, m.InPlaceAt, m.WentAt = Gathering, nil, nil, nil
	}
	m.MeetAt = nil
	for _, i := range members {
		a := c.Assignments[i]
		at := a.ArrivesAt
		if a.InPlaceAt != nil {
			at = a.InPlaceAt
		}
		if at != nil && (m.MeetAt == nil || at.After(*m.MeetAt)) {
			m.MeetAt = at
		}
	}
	if m.Commander == nil || !slices.ContainsFunc(members, func(i int) bool { return c.Assignments[i].PatrolID == *m.Commander }) {
		first := members[0]
		for _, i := range members {
			if c.Assignments[i].Part == PartLead {
				first = i
				break
			}
		}
		id := c.Assignments[first].PatrolID
		m.Commander = &id
		t.event("mission.commander", id, facts{"patrol": id, "because": "the lead's patrol commands"})
	}
	all := c.allInPlace()
	switch {
	case all && m.State == Gathering:
		m.State, m.InPlaceAt = InPlace, &t.now
		t.event("mission.in_place", PatrolID{}, facts{"patrols": len(members)})
	case !all && m.State == InPlace:
		m.State, m.InPlaceAt = Gathering, nil
	}
}

// tellMission tells the patrols that are on the case how their mission stands.
func (t *turn) tellMission() {
	m := t.Case.Mission
	if m == nil {
		return
	}
	told := &MissionTold{CaseID: t.Case.ID, State: m.State, MeetAt: m.MeetAt}
	for _, i := range t.Case.members() {
		told.Of++
		if t.Case.Assignments[i].InPlaceAt != nil {
			told.InPlace++
		}
	}
	for _, a := range t.Case.Assignments {
		if a.State.Active() && a.LeavesAt == nil {
			told.Patrols = append(told.Patrols, a.PatrolID)
		}
	}
	if len(told.Patrols) > 0 {
		t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Mission: told})
	}
}

// missionState is what of a mission an event speaks of when it changed.
func (c Case) missionState() any {
	m := c.Mission
	if m == nil {
		return nil
	}
	out := facts{"state": m.State, "meet_at": timeOf(m.MeetAt)}
	if m.Commander != nil {
		out["commander"] = m.Commander.String()
	}
	if m.Rendezvous != nil {
		out["rendezvous"] = *m.Rendezvous
	}
	if m.Meeting != nil {
		out["direct"], out["by_hand"] = m.Meeting.Direct, m.Meeting.ByHand
	}
	var crews []string
	for _, crew := range m.Crews {
		crews = append(crews, fmt.Sprintf("%s:%d:%s", crew.Department, crew.People, strings.Join(crew.Skills, ",")))
	}
	out["crews"] = crews
	there, times := facts{}, facts{}
	for _, i := range c.members() {
		a := c.Assignments[i]
		if a.InPlaceAt != nil {
			there[a.ID.String()] = timeOf(a.InPlaceAt)
		}
		if a.DepartAt != nil {
			times[a.ID.String()] = timeOf(a.DepartAt)
		}
	}
	out["in_place"], out["depart_at"] = there, times
	return out
}
