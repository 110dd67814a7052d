package road

import (
	"context"

	"github.com/gridpatrol/gridpatrol/geo"
)

// detour is how much longer a way is than the straight line. The median of 400
// trips each in Porto and Liechtenstein is 1.24 to 1.34 on foot and by bicycle,
// 1.42 to 1.47 by car.
const detour = 1.3

// Door-to-door speeds of the stand-in, metres a second: stops included.
var straightSpeedMS = [Modes]float64{
	Foot:  5 / 3.6,
	EBike: 18 / 3.6,
	Car:   32 / 3.6,
}

// Straight estimates from the great circle. It serves before any roads were
// imported; every answer is of KindStraight and everything is reachable.
type Straight struct{}

var _ Engine = Straight{}

// Unclosed is itself: a straight line is never closed.
func (s Straight) Unclosed(Mode) (Engine, bool) { return s, false }

// ManyToOne implements Engine.
func (Straight) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	if err := checkAsk(m, from, to); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	times := make([]Time, len(from))
	for i, p := range from {
		times[i] = straightTime(m, p, to)
	}
	return times, nil
}

// Route implements Engine. The geometry is the straight line.
func (Straight) Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error) {
	if err := checkAsk(m, []geo.Point{from}, to); err != nil {
		return Route{}, err
	}
	if err := ctx.Err(); err != nil {
		return Route{}, err
	}
	return straightRoute(straightTime(m, from, to), from, to), nil
}

func straightTime(m Mode, from, to geo.Point) Time {
	distance := geo.DistanceM(from, to) * detour
	return Time{
		DurationS: distance / straightSpeedMS[m],
		DistanceM: distance,
		Kind:      KindStraight,
		Reachable: true,
	}
}
