package dispatch

import (
	"context"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Roads answers how long it takes to get somewhere, and what it would take with no
// road closed. *road.Switch is one.
type Roads interface {
	Unclosed(m road.Mode) (roads road.Engine, closed bool)
	ManyToOne(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]road.Time, error)
	Route(ctx context.Context, m road.Mode, from, to geo.Point) (road.Route, error)
}

// Grids answers which grid is responsible for a place. A special grid counts
// only for the categories it claims; an empty category is claimed by none. An
// accuracyM of 0 is unknown: 20 m are assumed and said. The zero time is the
// present; another answers from the map in force then.
type Grids interface {
	Locate(ctx context.Context, p geo.Point, accuracyM float64, category string, at time.Time) (Located, error)
	// Extent is a box that holds the grids in force now; false where there are none.
	Extent() (geo.Box, bool)
	// Outline answers a grid of any version of the map, with its area and every area
	// above it; false where there is none.
	Outline(id GridID) (region Region, areas []string, known bool)
}

// Located says who answers for a place. MapID names the version of the grids
// that was asked; Areas is the area of the responsible grid and every area above
// it, nearest first. Both are zero where no grid is near.
type Located struct {
	Responsible     Responsible  `json:"responsible"`
	RunnerUp        *Responsible `json:"runner_up"`
	Shares          []GridShare  `json:"shares"`
	Lon             float64      `json:"lon"`
	Lat             float64      `json:"lat"`
	Cell            cell.Cell    `json:"cell"`
	AccuracyM       float64      `json:"accuracy_m"`
	AccuracyAssumed bool         `json:"accuracy_assumed"`

	MapID MapID    `json:"-"`
	Areas []string `json:"-"`
}

// GridShare is how much of the accuracy disc lies in one grid.
type GridShare struct {
	Code   string  `json:"grid"`
	GridID GridID  `json:"grid_id"`
	Share  float64 `json:"share"`
}

// Live answers where patrols are now. Who is free is not its business: statuses
// are read from the store when a plan is made.
type Live interface {
	// Candidates answers the last positions of a department's patrols, nearest to
	// a place by air first, at most limit. An empty department is every one.
	Candidates(department string, near geo.Point, limit int) []Position
	// Within answers who stands in a region, at most Limit of them, those nearest to Near
	// first or else those that were registered first, and how many there are in all, by
	// department. Whoever stands in it is asked about with Admits first.
	Within(ask WithinAsk) ([]Position, []Headcount)
	// Position answers where one patrol was last seen, if ever.
	Position(id PatrolID) (Position, bool)
}

// Trails answers where patrols have been.
type Trails interface {
	// Visited answers in which cells these patrols were from one time to another
	// (not included), each pair once.
	Visited(ctx context.Context, patrols []PatrolID, from, to time.Time) ([]Visit, error)
}

// Visit is a patrol in a cell, by the cell of each resolution from CellRes down to
// coarsestRes: larger cells do not hold exactly what their smaller ones hold.
type Visit struct {
	Patrol PatrolID
	Cells  [CellRes - coarsestRes + 1]cell.Cell
}

// coarsestRes is the resolution of the largest cells that are counted by.
const coarsestRes = 7

// Announcer hears every change after it was committed.
type Announcer interface {
	Announce(Announcement)
}
