package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/proof"
)

// Store keeps what the duty decided. Each method is one transaction. A row that
// is not there is a Fault of the kind NotFound.
type Store interface {
	ReportStore
	PhotoStore
	CaseStore
	PatrolStore
	AnswerStore
	PeopleStore
	FlowStore
	CalendarStore
	RuleStore
	DispatchRuleStore
	HandOverStore
	ProposalStore
	LikeStore
	RevisitStore
	EvidenceStore
	HookStore
}

// ReportStore takes reports in.
type ReportStore interface {
	// Open keeps a report and its case, with the deadline that sees to its plan, and
	// all that birth answers for what it is told. A key that is there already is a
	// Fault with codeKeyUsed.
	Open(ctx context.Context, o Opening, birth func(Opened) (Birth, error)) (Opened, error)
	KeptAnswer(ctx context.Context, scope, key string) (KeptAnswer, error)
	// KeepAnswer keeps a response unless there is one, and with it the hash of the
	// follow-up code that it tells.
	KeepAnswer(ctx context.Context, scope, key string, response []byte, codeHash [32]byte) error
	// Reports lists reports within scope, or only those that the viewer made.
	Reports(ctx context.Context, v Viewer, mine bool, ask PageAsk) (Page[Report], error)
	ReportPoints(ctx context.Context, v Viewer, from, to time.Time) ([]geo.Point, error)
}

// PhotoStore knows photos and their copies, and keeps the bytes that no other vault
// keeps. Originals are never changed.
type PhotoStore interface {
	Vault
	// Photo answers a photo and the viewer's cases whose reports hold it.
	Photo(ctx context.Context, v Viewer, id [32]byte) (Photo, []Case, error)
	// SentPhoto says whether the viewer sent a photo with a report of theirs.
	SentPhoto(ctx context.Context, v Viewer, id [32]byte) (bool, error)
	// PhotoCopy answers a copy without its bytes: NotFound where it is not made yet,
	// PhotoUnshowable where it never will be.
	PhotoCopy(ctx context.Context, id [32]byte, size PhotoSize) (PhotoCopy, error)
	// KeepCopies notes copies whose bytes are kept, or why there can be none, and
	// strikes the photo off the list. What is noted already stays.
	KeepCopies(ctx context.Context, id [32]byte, copies []PhotoCopy, broken string) error
	// LeasePhoto takes the oldest photo that waits for its copies, NotFound if none
	// does. tries counts this one.
	LeasePhoto(ctx context.Context, lease time.Duration) (id [32]byte, tries int, err error)
	PostponePhoto(ctx context.Context, id [32]byte, by time.Duration) error
	// SparePhoto comes before bytes are put into a vault outside the store: they are not
	// dropped there within the hour, in which whoever puts them names them. It waits for
	// a drop of them that is under way.
	SparePhoto(ctx context.Context, id [32]byte) error
	// DropNextPhoto lets drop remove the bytes outside the store that no photo has named
	// for longest, and strikes them off the list, NotFound if there are none. Those that
	// it cannot remove come again an hour later; its error is answered.
	DropNextPhoto(ctx context.Context, drop func(ctx context.Context, id [32]byte) error) error
	// Record writes events that change nothing.
	Record(ctx context.Context, events func(now time.Time) ([]Event, error)) error
}

// PhotoUnshowable is the fault of a photo that cannot be opened.
func PhotoUnshowable(why string) error {
	return &Fault{Kind: Conflict, Code: "photo-unshowable", Detail: "This photo cannot be shown: it " + why + ". Its original is kept."}
}

// CaseStore keeps cases and the decisions about them.
type CaseStore interface {
	// Change locks a case and the patrols that it holds or that are claimed, asks
	// decide what is to be written, and commits it. An error of decide writes nothing
	// and comes back as it is; so does LostRace.
	Change(ctx context.Context, id CaseID, claims []PatrolID, decide func(Docket) (Turn, error)) error
	Cases(ctx context.Context, v Viewer, f CaseFilter) (Page[Case], error)
	// Case finds a case by id, or by number when the id is zero.
	Case(ctx context.Context, id CaseID, number string) (Case, error)
	// Detail is a case with its reports and history, and why who was chosen where the
	// viewer reads that; DetailSeen is the same, and a case out of their scope is not there.
	Detail(ctx context.Context, v Viewer, id CaseID) (CaseDetail, error)
	// Near answers what stands near a place and is on the viewer's map.
	Near(ctx context.Context, v Viewer, p geo.Point) (Nearby, error)
	DetailSeen(ctx context.Context, v Viewer, id CaseID) (CaseDetail, error)
	Plans(ctx context.Context, id CaseID) ([]PlanRecord, error)
	DropDeadline(ctx context.Context, id DeadlineID) error
	// Movable answers patrols of these departments that have not set out for a case of
	// theirs alone, the newest offers first: none that an operator sent, none of a mission,
	// and neither a patrol nor a case that was part of a move within the last quiet.
	Movable(ctx context.Context, departments []string, quiet time.Duration) ([]Movable, error)
	// Unarrived answers the assignments whose patrols are still to arrive.
	Unarrived(ctx context.Context) ([]Unarrived, error)
	// Gatherings answers the missions of which not all are in place, the oldest first.
	Gatherings(ctx context.Context, limit int) ([]Gather, error)
	// Now is the present on the clock that everything in the store goes by.
	Now(ctx context.Context) (time.Time, error)
	// Secrets answers what is secret of the covert cases at present.
	Secrets(ctx context.Context) ([]Secret, error)
	// Short answers cases that lack a department, of which somebody has come free since
	// that was last looked at, the longest first; Looked notes that it was. Those in the
	// given stages are left out.
	Short(ctx context.Context, but []Stage, limit int) ([]ShortCase, error)
	Looked(ctx context.Context, c ShortCase) error
}

// PatrolStore reads and moves patrols and their duties.
type PatrolStore interface {
	Duty(ctx context.Context, ask DutyAsk) (Duty, error)
	// Towns answers the towns that have grids. Relief answers who of some departments is
	// busy or off duty, those among them who are about to be sent with the rest.
	Towns(ctx context.Context) ([]TownAt, error)
	Relief(ctx context.Context, departments []string, going []Leaving) (map[string]Relief, error)
	// ShiftEnds answers until when patrols are on duty, of those that are.
	ShiftEnds(ctx context.Context, patrols []PatrolID) (map[PatrolID]time.Time, error)
	Patrols(ctx context.Context, v Viewer, f PatrolFilter) (Page[Patrol], error)
	// Patrol is a patrol with its people; PatrolSeen is the same for a viewer.
	Patrol(ctx context.Context, id PatrolID) (PatrolDetail, error)
	PatrolSeen(ctx context.Context, v Viewer, id PatrolID) (PatrolDetail, error)
	// Positioned answers the register's side of patrols, all within scope when ids is nil.
	Positioned(ctx context.Context, v Viewer, ids []PatrolID) ([]Patrol, error)
	// ChangePatrol locks one patrol and commits what decide answers for it.
	ChangePatrol(ctx context.Context, id PatrolID, decide func(Held) (PatrolTurn, error)) error
	// Shifts sets patrols free whose duty has begun, and off duty whose duty has
	// ended, where nothing claims them; decide answers what is told of each.
	Shifts(ctx context.Context, decide func(Held, Status) (PatrolTurn, error)) (int, error)
}

// Opening is a report that is to become a case.
type Opening struct {
	ReportID     ReportID
	CaseID       CaseID
	Draft        ReportDraft
	Place        geo.Point // WGS-84
	Cell         int64
	Account      AccountID
	Device       DeviceID
	Simulated    bool   // by a reporter whom a program plays
	Scope        string // of the idempotency key
	Zone         *time.Location
	PlanAfter    time.Duration // when the deadline plans, should nobody have
	PlanDeadline DeadlineID
	CodeHash     [32]byte // of the follow-up code
}

// Opened is what the store knows once a report is taken in.
type Opened struct {
	Now      time.Time
	Number   string
	Rule     CategoryRule
	Names    Names // of the category alone
	Calendar *Calendar
}

// Birth is what is written beside a new case.
type Birth struct {
	Case    Case
	Events  []Event
	Notices []Notice
	Tell    []Announcement
	// Window is how long the case waits for others to be planned with; 0: not at all.
	// Reporter is then the patrol of whoever reported it.
	Window   time.Duration
	Reporter PatrolID
	Arm      []Deadline
}

// CategoryRule is what a category says about who goes and how.
type CategoryRule struct {
	Code     string
	Lead     string
	Joint    []string
	Optional []string
	Urgency  string
	Mode     DispatchMode
	Skill    string
	Same     SameRule // as two reports of it are told to be one matter
	// CovertHours is how long a case of it is covert from its report on; 0: it is not.
	CovertHours int
	Crews       []Crew // of departments that are to bring more than one patrol
}

// KeptAnswer is what an idempotency key stands for. Response is nil while its
// report is being planned.
type KeptAnswer struct {
	BodySHA256 [32]byte
	ReportID   ReportID
	CaseID     CaseID
	Response   []byte
}

// codeKeyUsed: an idempotency key is there already.
const codeKeyUsed = "idempotency-key-used"

// KeyUsed is the fault of a store that finds an idempotency key used.
func KeyUsed() error {
	return &Fault{Kind: Conflict, Code: codeKeyUsed, Detail: "This Idempotency-Key was used before."}
}

// LostRace says that patrols were claimed by somebody else in between.
type LostRace struct{ Patrols []PatrolID }

func (e *LostRace) Error() string {
	return fmt.Sprintf("%d of the patrols to be claimed are no longer free", len(e.Patrols))
}

// Docket is a case as it lies locked on the table, and the patrols it holds or is
// about to claim.
type Docket struct {
	Now       time.Time
	Case      Case
	Patrols   map[PatrolID]Held
	Reporters []Reporter
	Names     Names
	Calendar  *Calendar
	Rule      CheckRule
	Revisits  []Revisit
	Hooks     []Hook // of the district
}

// Held is a locked patrol. OnDuty says whether a duty of it covers the present.
type Held struct {
	ID         PatrolID
	District   DistrictID
	Department string
	Status     Status
	Version    int64
	ClaimedBy  AssignmentID
	OnDuty     bool
	Now        time.Time
}

// Turn is everything one decision about a case writes.
type Turn struct {
	Case         Case
	Plan         *PlanRecord
	DropProposed bool
	Add          []Assignment
	Set          []Assignment
	Patrols      []PatrolMove
	Events       []Event
	Disarm       []Step
	DisarmAll    bool
	Arm          []Deadline
	SetClocks    []Clock
	DropClocks   []ClockName
	Ruling       *Ruling
	SetRevisits  []Revisit // written anew, or changed
	Link         *CaseLink
	Shown        *Evidence // photos that came with the step
	Evaluated    *NewEvaluation
	Notices      []Notice
	Items        []Shortfall // for an operator
	Settled      []string    // departments whose shortfalls are settled
	HandedOver   []string    // departments of which nobody is to hand over any more
	SettleItem   *ItemSettled
	Tell         []Announcement
	News         []HookNews // to webhooks
	Answer       *PendingAnswer
}

// PatrolMove changes a patrol's status and what claims it, if it still has the
// version it was seen with.
type PatrolMove struct {
	ID      PatrolID
	Version int64
	To      Status
	Claim   AssignmentID // zero: nothing claims it
}

// PatrolTurn is what one decision about a patrol writes. Duty says what happens
// to its duties: nothing, the present one ends, or one begins now.
type PatrolTurn struct {
	Move   PatrolMove
	Duty   DutyChange
	Events []Event
	Tell   []Announcement
}

// DutyChange is what a decision does to a patrol's duties.
type DutyChange int

// The changes of duty.
const (
	DutyStays DutyChange = iota
	DutyEnds
	DutyBegins // until the next one, 12 h at most
)

// PlanRecord is a plan as it is kept.
type PlanRecord struct {
	ID     PlanID
	State  string // committed, proposed
	Why    string
	Input  []byte
	Output []byte
	MadeAt time.Time
}

// PendingAnswer is the response that an idempotency key waits for.
type PendingAnswer struct {
	Scope, Key string
	Response   []byte
}

// Event is one line of proof, as canonical bytes.
type Event = proof.Event

// The steps that a deadline may take.
const (
	StepDispatch = "dispatch" // plan what is not planned yet
	StepOffer    = "offer"    // an operator's dispatch can no longer be undone; its offer leaves
	StepAnswer   = "answer"   // an offer was not answered in time
	StepRevisit  = "revisit"  // a place is to be looked at again, or was not
	StepRelease  = "release"  // a covert case is covert no more
)

// Step names a deadline of a case: its own, or that of one assignment.
type Step struct {
	Assignment AssignmentID
	Step       string
}

// Deadline is what is to happen to a case, or to an assignment, at a time, if it is
// still in the stage or state it was armed in.
type Deadline struct {
	ID         DeadlineID
	Case       CaseID
	Assignment AssignmentID
	Stage      string
	Step       string
	DueAt      time.Time
	// Together says that a plan is made with all others that wait. Reporter is then the
	// patrol of whoever reported, zero where that is nobody's.
	Together bool
	Reporter PatrolID
}

// Pressing says that patrols, or somebody who has just reported, wait for it.
func (d Deadline) Pressing() bool {
	return d.Step == StepDispatch || d.Step == StepOffer || d.Step == StepAnswer
}

// Movable is an assignment whose patrol has not set out and could go elsewhere.
type Movable struct {
	Case       CaseID
	Assignment AssignmentID
	Patrol     PatrolID
	Department string
}

// ShortCase is a case that lacks departments.
type ShortCase struct {
	Case        CaseID
	Departments []string
	At          time.Time
}

// Unarrived is an assignment whose patrol is still to arrive.
type Unarrived struct {
	Case       CaseID
	Assignment AssignmentID
	Patrol     PatrolID
}

// DutyAsk is a question for who is on duty, in one look.
type DutyAsk struct {
	Category    string
	Departments []string   // everybody of these who is not off duty
	Patrols     []PatrolID // and these, whatever they do
	GridCode    string     // and the people of this grid
	Areas       []string   // and the leaders of these towns
}

// Duty is who is on duty at Now.
type Duty struct {
	Now     time.Time
	Rule    CategoryRule
	Patrols []DutyPatrol
	Posts   []GridPost
	Leaders []StaffID
}

// DutyPatrol is a patrol as the register knows it.
type DutyPatrol struct {
	ID         PatrolID
	Code       string
	Name       string
	Department string
	Mode       Mode
	Status     Status
	Skills     []string
	WorksIn    []string   // the areas it may be sent to; none is everywhere
	People     int        // who are in it
	Load       int        // how often it was sent in the last 8 h
	ShiftEnds  *time.Time // nil: no shift covers the present
}

// TownAt is a town and a point in the midst of its grids.
type TownAt struct {
	Town
	At geo.Point
}

// Relief is what is known of a department that lacks somebody: who is not free now,
// and until when.
type Relief struct {
	Busy []Occupied
}

// Leaving is a patrol that is about to be sent somewhere, and how long its way is.
type Leaving struct {
	PatrolID PatrolID
	Way      time.Duration
}

// Occupied is a patrol that has something else to do. FreeAt is nil where nobody can
// know; Known says that it is the begin of a shift, and no estimate.
type Occupied struct {
	PatrolID PatrolID
	Code     string
	Name     string
	Status   Status
	FreeAt   *time.Time
	Known    bool
}

// GridPost is a person's part in a grid and the patrol they are in, if any.
type GridPost struct {
	Part   string // worker, substitute, part_timer, chief, instructor
	Staff  StaffID
	Patrol PatrolID
}
