package dispatch

import "time"

// Announcement is one change, told after it was committed, in order for each case
// and each patrol. Exactly one of the pointers is set. The record is in the
// database; whoever misses an announcement reads it there.
type Announcement struct {
	District DistrictID     `json:"district"`
	Case     *CaseChanged   `json:"case,omitempty"`
	Patrol   *PatrolChanged `json:"patrol,omitempty"`
	Offer    *Offer         `json:"offer,omitempty"`
	Recall   *Recall        `json:"recall,omitempty"`
	Notice   *Notice        `json:"notice,omitempty"`
	Mission  *MissionTold   `json:"mission,omitempty"`
	HandOver *HandOverTold  `json:"hand_over,omitempty"`
}

// CaseChanged says that a case has a new version. Scope says who may hear of it.
type CaseChanged struct {
	ID         CaseID        `json:"id"`
	Number     string        `json:"number"`
	Stage      Stage         `json:"stage"`
	Dispatch   DispatchState `json:"dispatch"`
	Category   string        `json:"category"`
	Urgency    string        `json:"urgency"`
	Lon        float64       `json:"lon"`
	Lat        float64       `json:"lat"`
	Version    int64         `json:"version"`
	MadeAt     time.Time     `json:"made_at"`
	Patrols    []CasePatrol  `json:"patrols"` // who is assigned
	Shortfalls []Shortfall   `json:"shortfalls"`
	Scope      Thing         `json:"scope"`
	Covert     bool          `json:"covert,omitempty"`
	// Hidden says that it became covert by this change: who saw it before is told that it
	// is gone, and no more.
	Hidden bool `json:"hidden,omitempty"`
}

// Secret is what the case hides, nil where it is not covert.
func (c *CaseChanged) Secret() *Secret {
	if len(c.Scope.Secrets) == 0 {
		return nil
	}
	return &c.Scope.Secrets[0]
}

// MissionTold says to the patrols of a mission that it changed: who comes, when they
// meet, whether all are in place, or that it is time to go.
type MissionTold struct {
	CaseID  CaseID       `json:"case_id"`
	State   MissionState `json:"state"`
	InPlace int          `json:"in_place"`
	Of      int          `json:"of"`
	MeetAt  *time.Time   `json:"meet_at"`
	Patrols []PatrolID   `json:"patrols"` // who is told
}

// HandOverTold says to a patrol on a case that its shift ends, that somebody comes to take
// over, or that neither is so any more; EndsAt is nil then.
type HandOverTold struct {
	PatrolID     PatrolID     `json:"patrol_id"`
	AssignmentID AssignmentID `json:"assignment_id"`
	CaseID       CaseID       `json:"case_id"`
	Reason       string       `json:"reason"` // one of the HandOver constants
	EndsAt       *time.Time   `json:"ends_at"`
}

// CasePatrol is a patrol that is or was assigned to a case.
type CasePatrol struct {
	AssignmentID AssignmentID    `json:"assignment_id"`
	PatrolID     PatrolID        `json:"patrol_id"`
	Department   string          `json:"department"`
	Kind         string          `json:"kind"`
	State        AssignmentState `json:"state"`
	EtaS         *float64        `json:"eta_s"`
}

// PatrolChanged says that a patrol's status has a new version; an older version
// than the one known is stale news.
type PatrolChanged struct {
	ID         PatrolID `json:"id"`
	Department string   `json:"department"`
	Status     Status   `json:"status"`
	Version    int64    `json:"version"`
	CaseID     *CaseID  `json:"case_id"`
}

// Offer asks a patrol to go.
type Offer struct {
	PatrolID     PatrolID     `json:"patrol_id"`
	AssignmentID AssignmentID `json:"assignment_id"`
	CaseID       CaseID       `json:"case_id"`
	Kind         string       `json:"kind"`
	Category     string       `json:"category"`
	Lon          float64      `json:"lon"`
	Lat          float64      `json:"lat"`
	EtaS         *float64     `json:"eta_s"`
	ExpiresAt    *time.Time   `json:"expires_at"`
}

// Recall tells a patrol that it need not go any more.
type Recall struct {
	PatrolID     PatrolID     `json:"patrol_id"`
	AssignmentID AssignmentID `json:"assignment_id"`
	CaseID       CaseID       `json:"case_id"`
	Reason       string       `json:"reason"`
}

// Notice tells somebody of a case: the grid's chief and the town's leader (Staff),
// or whoever made a report of it (Account or Device, neither where a resident reads
// it with the follow-up code). Text is what they are told, as it stays.
type Notice struct {
	StaffID StaffID   `json:"staff_id,omitzero"`
	Report  ReportID  `json:"report_id,omitzero"`
	Account AccountID `json:"account_id,omitzero"`
	Device  DeviceID  `json:"device_id,omitzero"`
	CaseID  CaseID    `json:"case_id"`
	Number  string    `json:"number"`
	Why     string    `json:"why"` // grid_chief, town_leader, or one of the Why constants
	Text    Words     `json:"text"`
	Seen    bool      `json:"-"` // whoever it is for did it themselves
	Knows   bool      `json:"-"` // whoever it is for may know of the case, covert or not
}
