package dispatch

import (
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Position is where a patrol was last seen, as the live index knows it. T is the
// fix's own time.
type Position struct {
	PatrolID   PatrolID
	Department string
	Point      geo.Point
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
	Headed     bool // the device sent a heading
	T          time.Time
	Presence   Presence
}

// headingAge is how long somebody is thought to go on as before.
const headingAge = 20 * time.Second

// Fix is the position as roads are asked from it: where it moves counts while the fix
// is fresh.
func (p Position) Fix(now time.Time) road.Fix {
	return road.Fix{Who: road.Mover(p.PatrolID.UUID), Point: p.Point, AccuracyM: p.AccuracyM, SpeedMS: p.SpeedMS, HeadingDeg: p.HeadingDeg,
		Headed: p.Headed && now.Sub(p.T) <= headingAge}
}

// Patrol is a dispatchable unit of one department. Place and time are nil before
// its first fix, and while it is off duty.
type Patrol struct {
	ID         PatrolID   `json:"id"`
	Code       string     `json:"code"`
	Name       string     `json:"name"`
	Department string     `json:"department"`
	Mode       Mode       `json:"mode"`
	Skills     []string   `json:"skills"`
	Status     Status     `json:"status"`
	Presence   Presence   `json:"presence"`
	Lon        *float64   `json:"lon"`
	Lat        *float64   `json:"lat"`
	T          *time.Time `json:"t"`
	Cell       *cell.Cell `json:"cell"`
	AccuracyM  *float64   `json:"accuracy_m"`
	HeadingDeg *float64   `json:"heading_deg"`
	AreaCode   *string    `json:"area_code"`
	Simulated  bool       `json:"simulated"`
	Version    int64      `json:"version"`

	// Scope is what Visible needs; it never leaves through a door.
	Scope Thing `json:"-"`
}

// PatrolDetail is a patrol with its people and what claims it at present.
type PatrolDetail struct {
	Patrol
	AssignmentID *AssignmentID `json:"assignment_id"`
	CaseID       *CaseID       `json:"case_id"`
	Members      []Member      `json:"members"`
	// Planned are those who will be members later on.
	Planned []Member `json:"planned"`
	// PeopleAt is the time that the members and OnDuty are of.
	PeopleAt time.Time `json:"people_at"`
	OnDuty   bool      `json:"on_duty"`
}

// Member is a person of a patrol.
type Member struct {
	StaffID StaffID    `json:"staff_id"`
	Code    string     `json:"code"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Phone   *string    `json:"phone"` // nil for whom it does not concern
	Since   time.Time  `json:"since"`
	Until   *time.Time `json:"until"`
}

// PatrolFilter chooses among patrols; empty chooses all.
type PatrolFilter struct {
	Department string
	Status     Status
	// Veiled are patrols that the viewer is told to be busy, whatever they do.
	Veiled []PatrolID
	PageAsk
}

// Nearest is a patrol that could be sent to a place.
type Nearest struct {
	PatrolID   PatrolID `json:"patrol_id"`
	Code       string   `json:"code"`
	Name       string   `json:"name"`
	Department string   `json:"department"`
	Mode       Mode     `json:"mode"`
	Status     Status   `json:"status"`
	Lon        float64  `json:"lon"`
	Lat        float64  `json:"lat"`
	EtaS       float64  `json:"eta_s"`
	RoadM      float64  `json:"road_m"`
	AirM       float64  `json:"air_m"`
	EtaKind    string   `json:"eta_kind"`
	EtaBasis   string   `json:"eta_basis"` // see road.Version.Basis
	EtaLowS    *float64 `json:"eta_low_s"` // see Promise
	EtaHighS   *float64 `json:"eta_high_s"`
	FixAgeS    float64  `json:"fix_age_s"`
	Roads      string   `json:"roads_version"` // see road.Version
	Simulated  bool     `json:"simulated"`
}
