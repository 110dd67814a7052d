package story

import (
	"slices"
	"time"
)

// patrolRow is a patrol as the list shows it.
type patrolRow struct {
	ID, Code, Name, Department, Mode, Status string
}

// caseView is as much of a case as its people look at.
type caseView struct {
	ID, Number, Stage string
	Lon, Lat          float64
	Assignments       []assignment
	Mission           *missionView
}

type assignment struct {
	ID, Kind, Department, State string
	PatrolID                    string `json:"patrol_id"`
}

type missionView struct {
	State      string
	Commander  *string
	MeetAt     *time.Time `json:"meet_at"`
	InPlace    int        `json:"in_place"`
	Of         int
	Rendezvous *struct{ Lon, Lat float64 }
	Members    []member
}

type member struct {
	AssignmentID string     `json:"assignment_id"`
	DepartAt     *time.Time `json:"depart_at"`
	InPlaceAt    *time.Time `json:"in_place_at"`
}

// part is what a patrol has to do with the mission of a case.
func (c caseView) part(patrolID string) (assignment, member, bool) {
	i := slices.IndexFunc(c.Assignments, func(a assignment) bool {
		return a.PatrolID == patrolID && a.Kind == "department" && slices.Contains([]string{"offered", "accepted", "en_route", "on_scene"}, a.State)
	})
	if i < 0 || c.Mission == nil {
		return assignment{}, member{}, false
	}
	for _, m := range c.Mission.Members {
		if m.AssignmentID == c.Assignments[i].ID {
			return c.Assignments[i], m, true
		}
	}
	return assignment{}, member{}, false
}

// all says whether so many patrols of departments are as far as that.
func (c caseView) all(state string, n int) bool {
	for _, a := range c.Assignments {
		if a.Kind == "department" && a.State == state {
			n--
		}
	}
	return n <= 0
}
