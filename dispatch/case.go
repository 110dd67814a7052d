package dispatch

import (
	"encoding/json"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// DispatchState says where a case's plan stands.
type DispatchState string

// The states of a case's plan.
const (
	DispatchDone     DispatchState = "done"     // committed; patrols are claimed, shortfalls named
	DispatchPending  DispatchState = "pending"  // will be made; a deadline sees to it
	DispatchProposed DispatchState = "proposed" // stored, nobody is claimed
	DispatchNone     DispatchState = "none"     // an operator will plan
)

// Case is the matter being handled.
type Case struct {
	ID          CaseID           `json:"id"`
	Number      string           `json:"number"`
	Stage       Stage            `json:"stage"`
	Dispatch    DispatchState    `json:"dispatch"`
	Cell        cell.Cell        `json:"cell"`
	Category    string           `json:"category"`
	Urgency     string           `json:"urgency"`
	Lon         float64          `json:"lon"`
	Lat         float64          `json:"lat"`
	AccuracyM   *float64         `json:"accuracy_m"`
	Description string           `json:"description"`
	MadeAt      time.Time        `json:"made_at"`
	DueAt       *time.Time       `json:"due_at"`
	Overdue     bool             `json:"overdue"`
	ClosedAt    *time.Time       `json:"closed_at"`
	Version     int64            `json:"version"`
	Responsible Responsible      `json:"responsible"`
	RunnerUp    *Responsible     `json:"runner_up"`
	Departments []CaseDepartment `json:"departments"`
	Assignments []Assignment     `json:"assignments"`
	Shortfalls  []Shortfall      `json:"shortfalls"`
	Owner       Owner            `json:"owner"`
	Clocks      []Clock          `json:"clocks"` // the one that counts first
	// Covert is set until a covert case is released; Commanders see it whatever their scope.
	Covert     *Covert     `json:"covert"`
	Commanders []AccountID `json:"commanders,omitempty"`

	// What follows never leaves through a door. Scope is what Visible needs. MapID
	// is the version of the grids that was asked; it and Departments are empty
	// before the first plan.
	Scope     Thing      `json:"-"`
	MapID     MapID      `json:"-"`
	UndoUntil *time.Time `json:"-"`
	Flow      Flow       `json:"-"`
	// Mission is nil for a case of one patrol, and in lists. A decision that changes it
	// changes this one; it is written with the case.
	Mission *Mission `json:"-"`
	// Cover marks a plan that leaves towns without police; nil leaves none. A mission has
	// the same.
	Cover *CoverMark `json:"-"`
}

// Place is where it is.
func (c Case) Place() geo.Point { return geo.Point{Lon: c.Lon, Lat: c.Lat} }

// CaseDetail is a case with its reports and its history. UndoUntil is set while
// a dispatch can be taken back.
type CaseDetail struct {
	Case
	UndoUntil *time.Time  `json:"undo_until"`
	Reports   []Report    `json:"reports"`
	Events    []CaseEvent `json:"events"`
	Nearby    Nearby      `json:"nearby"`
	// Moves are what can become of it from here, and what of that the viewer may do.
	Moves []NextMove `json:"moves"`
	// Course is what its way so far has left behind; Precedents are rulings nearby.
	Course     Flow        `json:"course"`
	Precedents []Precedent `json:"precedents"`
	Past       []PastCase  `json:"past"` // other cases near it
	// Mission is absent where one patrol goes alone. Cover, which names who stands where, is
	// for those who send.
	Mission *MissionView `json:"mission,omitempty"`
	Cover   *CoverMark   `json:"cover,omitempty"`
	// HandOvers are of patrols whose shift ends, for who may order them and the patrol itself.
	HandOvers []HandOver `json:"hand_overs,omitempty"`
	// Holds are the cases that were joined to it; Been are departments that were at its
	// place lately; Revisits are the looks at its place after it was closed.
	Holds    []JoinedCase `json:"holds"`
	Been     []Been       `json:"been"`
	Revisits []Revisit    `json:"revisits"`
	// Evidence is what was shown with the steps of it, the oldest first.
	Evidence []Evidence `json:"evidence"`
	Now      time.Time  `json:"now"` // on the clock that the case's clocks go by
}

// What stands near a case, as far as the viewer's map shows it.
const (
	NearCameras = 3   // the nearest, however far
	NearPlaces  = 5   // of risk: rental houses, markets, factories
	NearPlacesM = 500 // within this
)

// Nearby is what stands around a case: cameras to look through and places of risk,
// each the nearest first.
type Nearby struct {
	Cameras []PlaceNear `json:"cameras"`
	Places  []PlaceNear `json:"places"`
}

// PlaceNear is a thing that stands still, and how far it is by air.
type PlaceNear struct {
	ID            PlaceID `json:"id"`
	Code          string  `json:"code"`
	Name          string  `json:"name"`
	Kind          string  `json:"kind"`
	Lon           float64 `json:"lon"`
	Lat           float64 `json:"lat"`
	URL           *string `json:"url"`
	VisitsPerWeek int     `json:"visits_per_week"`
	DistanceM     float64 `json:"distance_m"`
}

// The bases on which a grid answers for a place.
const (
	BasisInside  = "inside"  // the place lies in it
	BasisNearest = "nearest" // the place lies in a gap; this is the nearest within 2 km
	BasisNone    = "none"    // no grid is near
)

// Responsible is a grid that answers for a place. Where Basis is none there is no
// grid, and all but Share is nil.
type Responsible struct {
	GridID    *GridID  `json:"grid_id"`
	Code      *string  `json:"code"`
	Name      *string  `json:"name"`
	Kind      *string  `json:"kind"` // general, special
	Share     float64  `json:"share"`
	Basis     string   `json:"basis"`
	DistanceM *float64 `json:"distance_m"` // to the grid, where the place lies in a gap
}

// The parts a department has in a case.
const (
	PartLead   = "lead"
	PartAssist = "assist"
)

// CaseDepartment is a department that a case calls for.
type CaseDepartment struct {
	Code    string `json:"code"`
	Part    string `json:"part"`
	Because string `json:"because"`
}

// Shortfall says that nobody of a department could be sent, and why.
type Shortfall struct {
	Department string          `json:"department"`
	Reason     ShortfallReason `json:"reason"`
	Considered int             `json:"considered"`

	// What follows is absent from shortfalls of older plans, and in announcements. Part is
	// the department's; People and Skills are still wanted; Who was considered, the
	// nearest first; Soonest is free first of those who are not now; Lenders are free and
	// work elsewhere.
	Part    string   `json:"part,omitempty"`
	People  int      `json:"people,omitempty"`
	Skills  []string `json:"skills,omitempty"`
	Who     []Passed `json:"who,omitempty"`
	Soonest *Soonest `json:"soonest,omitempty"`
	Lenders []Lender `json:"lenders,omitempty"`
}

// Passed is a patrol that was considered and is not sent.
type Passed struct {
	PatrolID PatrolID `json:"patrol_id"`
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Because  string   `json:"because"`
	AirM     *float64 `json:"air_m"`
}

// Soonest is who is free first, and when. Estimated says that it is no begin of a shift
// but what such work usually takes.
type Soonest struct {
	PatrolID  PatrolID  `json:"patrol_id"`
	Code      string    `json:"code"`
	Name      string    `json:"name"`
	At        time.Time `json:"at"`
	Estimated bool      `json:"estimated"`
}

// Lender is a patrol of the department that is free and works elsewhere.
type Lender struct {
	PatrolID PatrolID `json:"patrol_id"`
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	WorksIn  string   `json:"works_in"`
	AirM     *float64 `json:"air_m"`
}

// ShortfallReason names why nobody could be sent.
type ShortfallReason string

// The reasons of a shortfall.
const (
	NobodyOnDuty ShortfallReason = "nobody_on_duty"
	AllBusy      ShortfallReason = "all_busy"
	AllStale     ShortfallReason = "all_stale"
	OutOfReach   ShortfallReason = "out_of_reach"
	NoSkill      ShortfallReason = "no_skill"
	Contended    ShortfallReason = "contended"
)

// CaseEvent is one line of a case's history.
type CaseEvent struct {
	ID     string          `json:"id"`
	Kind   string          `json:"kind"`
	At     time.Time       `json:"at"`
	Actor  string          `json:"actor"`
	Detail json.RawMessage `json:"detail"`
	// Simulated says that a program was the actor, or somebody of a patrol that one plays.
	Simulated bool `json:"simulated"`
}

// CaseFilter chooses among cases; nil and empty choose all.
type CaseFilter struct {
	Open       *bool
	Stage      Stage
	Department string
	Category   string
	Waiting    string // one of the lists in Waitings
	PageAsk
}

// PageAsk is which part of a list is wanted: at most Limit rows (0: 50) after
// Cursor, which is the NextCursor of the page before.
type PageAsk struct {
	Limit  int
	Cursor string
}

// Page is a part of a list. NextCursor is nil at the end.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}
