package fence

import (
	"math"
	"time"
)

// A street that is closed is narrower than any margin, and nobody is ever clear inside it.
// Who was clear of it on one side and is clear of it on another has crossed it all the
// same. The way between the two counts where the area lies across it: wherever the way
// really was, within the margin, it met the area. A corner that is only brushed does not.

const (
	// shiftTurns and shiftSteps are in how many directions, and how far, a way is moved to
	// see whether the area is missed by it anywhere.
	shiftTurns = 16
	shiftSteps = 2
	// mostWay bounds the fixes of a way; of a longer one every other is left out.
	mostWay = 64
)

// way is the fixes since the last that was clear outside, that one first; none where nobody
// knows how they came. It is kept while the side is Outside.
type way struct {
	fixes   []Fix
	marginM float64   // the widest of its fixes
	met     bool      // it has met an edge, as it was reported
	from    time.Time // when it first met one
	to      time.Time // and when it last did
}

func (w *way) begin(at Fix) {
	*w = way{fixes: append(w.fixes[:0], at), marginM: marginOf(at.AccuracyM)}
}

func (w *way) end() { *w = way{fixes: w.fixes[:0]} }

// leg adds the next fix; meets are the shares of the leg to it at which it meets an edge.
func (w *way) leg(fix Fix, meets []float64) {
	if len(w.fixes) == 0 {
		return
	}
	before := w.fixes[len(w.fixes)-1]
	when := func(share float64) time.Time {
		return before.T.Add(time.Duration(share * float64(fix.T.Sub(before.T))))
	}
	if len(meets) > 0 {
		if !w.met {
			w.met, w.from = true, when(meets[0])
		}
		w.to = when(meets[len(meets)-1])
	}
	if len(w.fixes) == mostWay {
		kept := w.fixes[:0]
		for i := 0; i < mostWay; i += 2 {
			kept = append(kept, w.fixes[i])
		}
		w.fixes = append(kept, before)
	}
	w.fixes, w.marginM = append(w.fixes, fix), max(w.marginM, marginOf(fix.AccuracyM))
}

// through says whether the way leads across the area, whose ends are outside.
func (w *way) through(f *Fence) bool {
	if !w.met {
		return false
	}
	xy := make([][2]float64, len(w.fixes))
	for i := range w.fixes {
		xy[i][0], xy[i][1] = f.local.XY(w.fixes[i].Point)
	}
	first, last := xy[0], xy[len(xy)-1]
	// Who stands still within the margin has crossed nothing.
	if math.Hypot(last[0]-first[0], last[1]-first[1]) <= 2*w.marginM ||
		f.depth(first[0], first[1]) > -w.marginM || f.depth(last[0], last[1]) > -w.marginM {
		return false
	}
	// The corners of a polygon around the circle of the margin, and of one half as wide.
	reach := w.marginM / math.Cos(math.Pi/shiftTurns)
	for k := range shiftTurns {
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / shiftTurns)
		for step := 1; step <= shiftSteps; step++ {
			r := reach * float64(step) / shiftSteps
			if !f.meets(xy, r*cos, r*sin) {
				return false
			}
		}
	}
	return true
}

// meets says whether a way of corners, moved by dx and dy, meets an edge.
func (f *Fence) meets(xy [][2]float64, dx, dy float64) bool {
	for i := 1; i < len(xy); i++ {
		if len(f.cuts(xy[i-1][0]+dx, xy[i-1][1]+dy, xy[i][0]+dx, xy[i][1]+dy)) > 0 {
			return true
		}
	}
	return false
}
