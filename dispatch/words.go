package dispatch

import "github.com/google/uuid"

// An ID is a UUID (version 7) that belongs to one kind of thing, so that two of
// different kinds cannot be swapped. It reads and writes as the usual text.
type ID[Kind any] struct{ uuid.UUID }

// NewID makes an identifier that sorts by the time it was made.
func NewID[Kind any]() ID[Kind] { return ID[Kind]{uuid.Must(uuid.NewV7())} }

// ParseID reads the usual text form.
func ParseID[Kind any](s string) (ID[Kind], error) {
	u, err := uuid.Parse(s)
	return ID[Kind]{u}, err
}

type (
	districtKind   struct{}
	gridKind       struct{}
	staffKind      struct{}
	patrolKind     struct{}
	deviceKind     struct{}
	accountKind    struct{}
	reportKind     struct{}
	caseKind       struct{}
	assignmentKind struct{}
	eventKind      struct{}
)

// The identifiers of the field.
type (
	DistrictID   = ID[districtKind]
	GridID       = ID[gridKind]
	StaffID      = ID[staffKind]
	PatrolID     = ID[patrolKind]
	DeviceID     = ID[deviceKind]
	AccountID    = ID[accountKind]
	ReportID     = ID[reportKind]
	CaseID       = ID[caseKind]
	AssignmentID = ID[assignmentKind]
	EventID      = ID[eventKind]
)

// Status is what a patrol is doing, as the duty sees it.
type Status string

// The statuses of a patrol.
const (
	OffDuty  Status = "off_duty"
	Free     Status = "free"
	Assigned Status = "assigned"
	EnRoute  Status = "en_route"
	OnScene  Status = "on_scene"
	Break    Status = "break"
)

// Mode is how a patrol moves.
type Mode string

// The modes of travel.
const (
	Foot  Mode = "foot"
	EBike Mode = "ebike"
	Car   Mode = "car"
)

// Role is what a person or program may do, before scope by area and department.
type Role string

// The roles of the contract.
const (
	RoleAdmin              Role = "admin"
	RoleOperator           Role = "operator"
	RoleDutyLeader         Role = "duty_leader"
	RoleTownLeader         Role = "town_leader"
	RoleDistrictSupervisor Role = "district_supervisor"
	RoleOfficer            Role = "officer"
	RoleGridWorker         Role = "grid_worker"
	RolePartTimer          Role = "part_timer"
	RoleGridChief          Role = "grid_chief"
	RoleInstructor         Role = "instructor"
	RoleAuditor            Role = "auditor"
	RoleDevice             Role = "device"
)
