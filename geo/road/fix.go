package road

import (
	"context"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Fix is a place with what is known of who stands there. The zero measures are
// unknown, so that Fix{Point: p} is a bare place, as a report is.
type Fix struct {
	geo.Point
	AccuracyM float64 // radius of the circle the true place probably lies in
	SpeedMS   float64
	// HeadingDeg is where it moves, clockwise from north. It counts where Headed and
	// faster than movingMS: a phone at rest points anywhere.
	HeadingDeg float64
	Headed     bool
	// Who is the mover a Fleet may know; the zero Mover is nobody.
	Who Mover
}

// movingMS is the speed from which a heading is believed: a brisk walk.
const movingMS = 2

// heading is the direction a fix moves in by a mode, if that is known. On foot one
// turns on the spot, so it is nobody's.
func (f *Fix) heading(m Mode) (deg float64, moving bool) {
	return f.HeadingDeg, m != Foot && f.Headed && f.SpeedMS >= movingMS && !math.IsNaN(f.HeadingDeg)
}

// slackM is how much farther than the nearest road another one may be and still be
// the one that is meant.
func (f *Fix) slackM() float64 {
	if !(f.AccuracyM > 0) {
		return unknownSlackM
	}
	return min(max(2*f.AccuracyM, minSlackM), maxSlackM)
}

// fixEngine is an engine that makes use of what is known of a start.
type fixEngine interface {
	FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error)
}

// FixesToOne is ManyToOne from places of which more is known; engines that make
// nothing of it are asked for the bare places.
func FixesToOne(ctx context.Context, e interface {
	ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error)
}, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	if knows, ok := e.(fixEngine); ok {
		return knows.FixesToOne(ctx, m, from, to)
	}
	points := make([]geo.Point, len(from))
	for i := range from {
		points[i] = from[i].Point
	}
	return e.ManyToOne(ctx, m, points, to)
}

// FixesToOne answers like ManyToOne for places of which more is known.
func (s *Switch) FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	return FixesToOne(ctx, s.Engine(), m, from, to)
}

func checkFixes(m Mode, from []Fix, to geo.Point) error {
	if err := checkAsk(m, nil, to); err != nil {
		return err
	}
	for i := range from {
		if err := from[i].Check(); err != nil {
			return &PointError{Index: i, Err: err}
		}
	}
	return nil
}

func fixesOf(points []geo.Point) []Fix {
	fixes := make([]Fix, len(points))
	for i, p := range points {
		fixes[i] = Fix{Point: p}
	}
	return fixes
}
