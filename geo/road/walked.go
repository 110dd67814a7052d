package road

import (
	"context"
	"fmt"
	"sync"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Check says what is wrong with a question, as every engine does: ErrMode or a
// *PointError.
func Check(m Mode, from []geo.Point, to geo.Point) error { return checkAsk(m, from, to) }

// Walked is the time of a way by road between two points that lie so far from it, the
// walks at foot pace added. Where it is no farther, one walks straight and leaves the
// road alone, which walked says.
func Walked(found bool, durationS, distanceM float64, from, to geo.Point, snapFromM, snapToM float64) (t Time, walked bool) {
	t = Time{Kind: KindRoad, SnapFromM: snapFromM, SnapToM: snapToM}
	walk := snapFromM + snapToM
	if found {
		t.Reachable, t.DurationS, t.DistanceM = true, durationS+walk/walkMS, distanceM+walk
	}
	if straight := geo.DistanceM(from, to); straight <= walk && (!found || straight/walkMS < t.DurationS) {
		t.Reachable, t.DurationS, t.DistanceM = true, straight/walkMS, straight
		return t, true
	}
	return t, false
}

// WalkedRoute is the route of such a way. flat is its line from road to road; the steps
// are made to add up to the whole.
func WalkedRoute(found bool, durationS, distanceM float64, from, to geo.Point, snapFromM, snapToM float64, flat []float64, steps []Step) Route {
	t, walked := Walked(found, durationS, distanceM, from, to, snapFromM, snapToM)
	switch {
	case !t.Reachable:
		return Route{Time: t}
	case walked:
		return straightRoute(t, from, to)
	}
	r := Route{Time: t}
	if snapFromM > 0 {
		r.Steps = append(r.Steps, Step{Turn: Walking, DurationS: snapFromM / walkMS, DistanceM: snapFromM})
	}
	if len(steps) == 0 {
		steps = []Step{{Turn: Depart}}
	}
	for _, s := range steps {
		durationS -= s.DurationS
		distanceM -= s.DistanceM
		r.Steps = append(r.Steps, s)
	}
	// What was rounded off each step goes to the last.
	last := &r.Steps[len(r.Steps)-1]
	last.DurationS, last.DistanceM = max(0, last.DurationS+durationS), max(0, last.DistanceM+distanceM)
	if snapToM > 0 {
		r.Steps = append(r.Steps, Step{Turn: Walking, DurationS: snapToM / walkMS, DistanceM: snapToM})
	}
	line := tracer{}
	line.point(from)
	for i := 0; i+1 < len(flat); i += 2 {
		line.point(geo.Point{Lon: flat[i], Lat: flat[i+1]})
	}
	line.point(to)
	r.Geometry = geom.NewLineStringFlat(geom.XY, line.line()).SetSRID(4326)
	return r
}

// Witness hears who answered what was asked under its context: the own engine, or a
// server outside, and why not that.
type Witness struct {
	mu  sync.Mutex // guards by and why; whoever answers writes, who asked reads
	by  string
	why string
}

type witnessKey struct{}

// Witnessed makes a context with a witness.
func Witnessed(ctx context.Context) (context.Context, *Witness) {
	w := &Witness{}
	return context.WithValue(ctx, witnessKey{}, w), w
}

// Tell tells the witness of a context, if it has one, who answered; why is empty where
// that was who should.
func Tell(ctx context.Context, by, why string) {
	if w, ok := ctx.Value(witnessKey{}).(*Witness); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.by, w.why = by, why
	}
}

// By is who answered, empty where nobody told: then the own engine did, as ever. Why
// says why nobody else.
func (w *Witness) By() (by, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.by, w.why
}

func (w *Witness) String() string {
	by, why := w.By()
	if why == "" {
		return by
	}
	return fmt.Sprintf("%s (%s)", by, why)
}
