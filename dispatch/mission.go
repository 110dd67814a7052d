package dispatch

import (
	"slices"
	"time"
)

// MissionState is how far a mission has come.
type MissionState string

// The states of a mission.
const (
	Gathering MissionState = "gathering" // somebody is still to be in place
	InPlace   MissionState = "in_place"  // everybody is; the commander says when to go
	Going     MissionState = "going"     // the commander said go
	Ended     MissionState = "ended"     // nobody is on it any more
)

// Mission is several departments, or several patrols, on one case: who goes is in the
// case's assignments, what they are to bring together, where and when they meet, and
// who commands is here. A case has one from the first plan that sends more than one
// department or more than one patrol.
type Mission struct {
	ID    MissionID    `json:"id"`
	State MissionState `json:"state"`
	// Commander is the patrol whose people command: to them the mission is a grant,
	// beside what their role may do. Nil: nobody of the mission commands, the desk does.
	Commander *PatrolID `json:"commander"`
	// Crews is what each department is to bring by now, the lead first.
	Crews []Crew `json:"crews"`
	// Rendezvous is where they meet; nil is the place of the case itself. MeetAt is when
	// the last of them is to be there, nil before it is known.
	Rendezvous *Rendezvous `json:"rendezvous"`
	MeetAt     *time.Time  `json:"meet_at"`
	// Meeting is what is known of where they meet; nil before it was looked for.
	Meeting   *Meeting   `json:"-"`
	InPlaceAt *time.Time `json:"in_place_at"` // since when everybody is in place
	WentAt    *time.Time `json:"went_at"`     // when the commander said go
	EndedAt   *time.Time `json:"ended_at"`
	// Cover marks a plan that leaves towns without police; nil leaves none.
	Cover  *CoverMark `json:"cover"`
	MadeAt time.Time  `json:"made_at"`
}

// Rendezvous is a place to meet.
type Rendezvous struct {
	Lon  float64 `json:"lon"`
	Lat  float64 `json:"lat"`
	Name string  `json:"name"`
	// What follows is filled in where one case is looked at, see Case.meets.
	MeetingFacts
	MeetAt  *time.Time `json:"meet_at"`
	Members []Meets    `json:"members"`
}

// Crew is what one department is to bring: so many people, and each of the skills with
// somebody among them. No people: nobody is wanted of it any more.
type Crew struct {
	Department string   `json:"department"`
	Part       string   `json:"part,omitempty"` // lead, assist; of a category's rule neither
	People     int      `json:"people"`
	Skills     []string `json:"skills"`
}

// CoverMark says which towns a plan leaves without any police near, and the best plan
// that leaves none; Next is nil where there is no such plan.
type CoverMark struct {
	Towns []Town         `json:"towns"`
	Next  []CoverInstead `json:"next"`
	// NextLatestS is when the last of Next would be there, LatestS of those who go.
	LatestS     float64  `json:"latest_s"`
	NextLatestS *float64 `json:"next_latest_s"`
}

// Town is a town by code and name.
type Town struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// CoverInstead is a patrol of the next best plan.
type CoverInstead struct {
	Department string   `json:"department"`
	PatrolID   PatrolID `json:"patrol_id"`
	Code       string   `json:"code"`
	Name       string   `json:"name"`
	EtaS       float64  `json:"eta_s"`
}

// crew answers what a department is to bring.
func (m *Mission) crew(department string) (Crew, bool) {
	if m == nil {
		return Crew{}, false
	}
	i := slices.IndexFunc(m.Crews, func(c Crew) bool { return c.Department == department })
	if i < 0 {
		return Crew{}, false
	}
	return m.Crews[i], true
}

// members answers the places of those assignments of a case that are the mission: of
// departments, and under way or there.
func (c Case) members() []int {
	var out []int
	for i, a := range c.Assignments {
		if a.Kind == KindDepartment && a.State.Active() {
			out = append(out, i)
		}
	}
	return out
}

// allInPlace says whether everybody who goes is in place, and somebody is.
func (c Case) allInPlace() bool {
	members := c.members()
	return len(members) > 0 && !slices.ContainsFunc(members, func(i int) bool { return c.Assignments[i].InPlaceAt == nil })
}
