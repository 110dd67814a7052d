// Package road answers how long it takes to get somewhere: travel times from
// many places to one, and routes with their geometry and road names, on foot,
// by e-bike and by car.
//
// # Model
//
// A Network is an edge-based directed graph. A segment is a stretch of road
// between two junctions; each of its two directions is an arc. A trip is a chain
// of arcs joined by turns, and a turn costs time, or is forbidden. Each mode has
// its own permissions and durations on the shared segments, its own turn
// costs, and its own connected components. A Network never changes after it is
// built, so any number of goroutines may ask it at once.
//
// # Seam
//
// Engine is the port the rest of the program knows. Network is exact; Straight
// stands in before any roads were imported, and says so in Time.Kind; Switch
// holds whichever of them serves now. The suite in roadtest runs on all.
//
// The package knows neither patrols nor departments: places are points.
package road

import (
	"context"
	"errors"
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/twpayne/go-geom"
)

// Mode is a way to get around.
type Mode uint8

// The modes every network carries.
const (
	Foot Mode = iota
	EBike
	Car

	// Modes is how many modes there are.
	Modes = 3
)

var modeNames = [Modes]string{"foot", "ebike", "car"}

// String is the word for the mode used in SQL, JSON and on the command line.
func (m Mode) String() string {
	if m < Modes {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// ParseMode reads what String wrote.
func ParseMode(s string) (Mode, error) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("%w: %q is not foot, ebike or car", ErrMode, s)
}

// The kinds of Time.
const (
	KindRoad     = "road"     // along the road network
	KindStraight = "straight" // estimated from the straight line
)

// Engine answers travel times and routes. Implementations are safe for
// concurrent use, deterministic, and stop soon after ctx ends.
//
// Points must pass geo.Point.Check, else the error is a *PointError that
// wraps geo.ErrCoordinate or geo.ErrNullIsland. A pair without a way is no
// error: its Time says Reachable false.
type Engine interface {
	// ManyToOne answers the time from each of from to to, in the order of from.
	ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error)
	// Route answers the soonest way from one point to another.
	Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error)
}

// Time is how long and how far it is. DurationS and DistanceM include the
// walk from the point to the road and from the road to the point, at foot
// pace. Version is the roads that were asked. SnapFromM and SnapToM are how far the nearest road is, and in a Route
// the walks that were taken, which may be to a road a little farther away.
// Where Reachable is false, all figures but the snaps are zero.
type Time struct {
	DurationS float64
	DistanceM float64
	Kind      string
	SnapFromM float64
	SnapToM   float64
	Reachable bool
	Version   Version
}

// Version names the roads an answer was given by. The roads of one version answer the
// same whenever they are asked.
type Version struct {
	Network    uint32 // as told to Switch.Set; 0 outside a switch
	Conditions uint32 // as told to Router.Impose; 1 is nothing closed, 0 no roads at all
	Learned    bool   // some of their speeds were learned, see Basis
}

// The bases of a Time.
const (
	BasisFreeFlow = "free_flow" // speeds of the map, and those somebody set
	BasisLearned  = "learned"   // speeds that patrols were seen to drive are among them
)

// Basis is what speeds a time was reckoned with: of all roads of the mode at that
// moment, whether or not the way itself led over one that was learned.
func (v Version) Basis() string {
	if v.Learned {
		return BasisLearned
	}
	return BasisFreeFlow
}

// String is both numbers, as answers carry them.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Network, v.Conditions) }

// Route is a Time with the way itself. Geometry (SRID 4326) runs from the
// asked point to the asked point, walks included; it is nil where Reachable
// is false. Steps cover the way in order, one a road name.
type Route struct {
	Time
	Geometry *geom.LineString
	Steps    []Step
}

// Step is a stretch of a route along one road. Name is empty where the road has
// none.
type Step struct {
	Name      string
	Turn      Turn // how it begins
	DurationS float64
	DistanceM float64
}

// ErrMode says that a mode is none of Foot, EBike and Car.
var ErrMode = errors.New("unknown mode")

// PointError says which of the asked points cannot be used, and why. Index
// counts within the points to start from; it is -1 for the destination.
type PointError struct {
	Index int
	Err   error
}

func (e *PointError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("destination: %v", e.Err)
	}
	return fmt.Sprintf("start %d: %v", e.Index, e.Err)
}

// Unwrap gives geo.ErrCoordinate or geo.ErrNullIsland to errors.Is.
func (e *PointError) Unwrap() error { return e.Err }

func checkAsk(m Mode, from []geo.Point, to geo.Point) error {
	if m >= Modes {
		return fmt.Errorf("%w: %v", ErrMode, m)
	}
	for i, p := range from {
		if err := p.Check(); err != nil {
			return &PointError{Index: i, Err: err}
		}
	}
	if err := to.Check(); err != nil {
		return &PointError{Index: -1, Err: err}
	}
	return nil
}
