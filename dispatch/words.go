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

// IsZero says that this names nothing.
func (id ID[Kind]) IsZero() bool { return id.UUID == uuid.UUID{} }

// OrNull is the identifier, or nil when it names nothing.
func (id ID[Kind]) OrNull() *ID[Kind] {
	if id.IsZero() {
		return nil
	}
	return &id
}

type (
	districtKind   struct{}
	gridKind       struct{}
	placeKind      struct{}
	staffKind      struct{}
	patrolKind     struct{}
	deviceKind     struct{}
	accountKind    struct{}
	reportKind     struct{}
	caseKind       struct{}
	assignmentKind struct{}
	planKind       struct{}
	versionKind    struct{}
	deadlineKind   struct{}
	dutyKind       struct{}
	enrolmentKind  struct{}
	missionKind    struct{}
	revisitKind    struct{}
	evidenceKind   struct{}
	hookKind       struct{}
	hookCallKind   struct{}
)

// The identifiers of the field.
type (
	DistrictID   = ID[districtKind]
	GridID       = ID[gridKind]
	PlaceID      = ID[placeKind]
	StaffID      = ID[staffKind]
	PatrolID     = ID[patrolKind]
	DeviceID     = ID[deviceKind]
	AccountID    = ID[accountKind]
	ReportID     = ID[reportKind]
	CaseID       = ID[caseKind]
	AssignmentID = ID[assignmentKind]
	PlanID       = ID[planKind]
	RevisitID    = ID[revisitKind]
	EvidenceID   = ID[evidenceKind]
	MapID        = ID[versionKind] // a version of the grids
	DeadlineID   = ID[deadlineKind]
	DutyID       = ID[dutyKind]
	EnrolmentID  = ID[enrolmentKind]
	MissionID    = ID[missionKind]
	HookID       = ID[hookKind]
	HookCallID   = ID[hookCallKind]
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
	// RoleWebhook is what a webhook looks as. No account has it, and it grants nothing.
	RoleWebhook Role = "webhook"
)

// Presence is how much of a patrol's whereabouts is known; it follows from its
// fixes and can never be set.
type Presence string

// The presences of a patrol.
const (
	Online Presence = "online"
	Still  Presence = "still"
	Stale  Presence = "stale" // the last fix is old: ranks after fresh ones
	Lost   Presence = "lost"  // too old to be chosen at all, or never seen
)

// DispatchMode says how a category's reports are sent.
type DispatchMode string

// The modes of dispatch.
const (
	Auto    DispatchMode = "auto"    // at once, by the system
	Confirm DispatchMode = "confirm" // proposed; an operator sends
	Manual  DispatchMode = "manual"  // an operator plans and sends
)

// GridDepartment is the department that the grid workers form.
const GridDepartment = "grid"
