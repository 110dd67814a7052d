// Package match finds the way that somebody really took from the fixes of a phone: a
// hidden Markov model of the roads (Newson and Krumm, "Hidden Markov Map Matching
// Through Noise and Sparseness", 2009) on the engine's own network.
//
// # Model
//
// Fixes closer together than their accuracy can tell apart are taken together: their
// mean is an observation. Each observation may have been made on any direction of any
// road near it, less likely the farther it is from it (a normal distribution of the
// accuracy). Between two observations somebody takes the quickest way by the turns of
// the mode, or turns round where he stands; less likely the more the way differs from
// the straight line (an exponential distribution). The likeliest chain of places is
// the way.
//
// A fix that cannot be where it says, by the mode's top speed, or that would send the
// way on an errand and back, is left out and named. Where no way is plausible the
// track breaks, and each part is matched by itself. The same fixes give the same
// answer; the roads are those as built, since who passed a closed road did pass it.
package match

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Fix is a position at a time. The zero measures are unknown.
type Fix struct {
	geo.Point
	T          time.Time
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
	Headed     bool // HeadingDeg counts
}

// MaxFixes bounds a track: twelve hours at one fix a second.
const MaxFixes = 43_200

// Errors a caller branches on. They are wrapped with what is wrong where.
var (
	ErrFew   = errors.New("a track needs at least two fixes")
	ErrMany  = fmt.Errorf("a track has at most %d fixes", MaxFixes)
	ErrOrder = errors.New("times must ascend")
	// ErrWork says that the track asks for more work than one answer may cost.
	ErrWork = errors.New("too much work: send a shorter stretch")
)

// FixError says which fix cannot be used, and why.
type FixError struct {
	Index int
	Err   error
}

func (e *FixError) Error() string { return fmt.Sprintf("fix %d: %v", e.Index, e.Err) }
func (e *FixError) Unwrap() error { return e.Err }

// State is what became of a fix.
type State string

// The states of fixes.
const (
	Matched State = "matched"
	Jump    State = "jump"     // it cannot have been there
	OffRoad State = "off_road" // no road is near
	Alone   State = "alone"    // nothing before or after it connects
)

// Place is what became of one fix. All but State is zero where it is not matched.
type Place struct {
	State      State
	Part       int
	Point      geo.Point // on the road
	AwayM      float64   // from the fix
	Segment    int
	Against    bool    // against the drawn direction
	AtM        float64 // along the way of its part
	Confidence float64 // how likely this road is among those near, 0 to 1
}

// Span is a stretch of the way on one direction of a road.
type Span struct {
	Arc          uint32
	FromCM, ToCM uint32
	// Enter and Leave are interpolated between fixes.
	Enter, Leave time.Time
}

// Part is a way without a break.
type Part struct {
	First, Last int // its first and last matched fix
	LengthM     float64
	Spans       []Span
	Line        []float64 // lon, lat, lon, lat
	Confidence  float64   // the mean of its fixes
	Rounds      int       // how often somebody turned round on the road
}

// Break is where the way is not known.
type Break struct {
	After, Before int // the fixes on both sides
	Reason        string
}

// The reasons of breaks.
const (
	BreakGap   = "gap"    // nothing was heard for too long
	BreakNoWay = "no_way" // no plausible way by this mode
)

// Result is what a track was matched to.
type Result struct {
	Mode    road.Mode
	Places  []Place // by fix
	Parts   []Part
	Breaks  []Break
	LengthM float64 // of all parts
}

// Config is how much one answer may cost; zero means the default.
type Config struct {
	// MaxWork bounds the places searches look at, 30 million by default: some ten
	// seconds.
	MaxWork int
}

// topMS is what nobody exceeds by a mode: with room for a blue light, a slope and
// somebody who took the bus.
var topMS = [road.Modes]float64{road.Foot: 8, road.EBike: 20, road.Car: 60}

// Check says what is wrong with a track before any work is done.
func Check(m road.Mode, fixes []Fix) error {
	if m >= road.Modes {
		return fmt.Errorf("%w: %v", road.ErrMode, m)
	}
	if len(fixes) < 2 {
		return fmt.Errorf("%w, this one has %d", ErrFew, len(fixes))
	}
	if len(fixes) > MaxFixes {
		return fmt.Errorf("%w, this one has %d", ErrMany, len(fixes))
	}
	for i := range fixes {
		f := &fixes[i]
		if err := f.Check(); err != nil {
			return &FixError{i, err}
		}
		for _, v := range [3]float64{f.AccuracyM, f.SpeedMS, f.HeadingDeg} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return &FixError{i, errors.New("accuracy, speed and heading must be finite numbers")}
			}
		}
		if i > 0 && !f.T.After(fixes[i-1].T) {
			return &FixError{i, fmt.Errorf("%w: %s is not after %s", ErrOrder, f.T.Format(time.RFC3339Nano), fixes[i-1].T.Format(time.RFC3339Nano))}
		}
	}
	return nil
}

// Match finds the way of a track.
func Match(ctx context.Context, n *road.Network, m road.Mode, fixes []Fix, c Config) (Result, error) {
	if err := Check(m, fixes); err != nil {
		return Result{}, err
	}
	if c.MaxWork == 0 {
		c.MaxWork = 30_000_000
	}
	w := &work{net: n, mode: m, fixes: fixes, config: c, result: Result{Mode: m, Places: make([]Place, len(fixes))}}
	w.observe()
	if err := w.chain(ctx); err != nil {
		return Result{}, err
	}
	return w.result, nil
}
