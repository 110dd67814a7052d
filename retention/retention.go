// Package retention says how long what is kept is kept: which fixes of an old track
// stay, and when the job that removes the rest is due. What it removes is in
// retention/pgretain; the policy itself is data.
package retention

import (
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Tracks is the kind that is thinned before it is dropped.
const Tracks = "tracks"

// Policy of one kind of data. A nil KeepDays keeps it for ever.
type Policy struct {
	Kind          string
	KeepDays      *int
	LeastDays     int // nobody may keep it shorter
	ThinAfterDays *int
	ThinEveryS    *int
	ChangedAt     time.Time
	ChangedBy     string
}

// The job runs in these hours of the district's night, once.
const (
	fromHour  = 3
	untilHour = 6
)

// Due says whether the night's run is to begin now: not before three plus a delay
// that differs from node to node, not after six, and not when one has begun since
// three. It is asked again and again, so a restart loses nothing.
func Due(now, lastBegan time.Time, zone *time.Location, delay time.Duration) bool {
	local := now.In(zone)
	three := time.Date(local.Year(), local.Month(), local.Day(), fromHour, 0, 0, 0, zone)
	six := time.Date(local.Year(), local.Month(), local.Day(), untilHour, 0, 0, 0, zone)
	return !now.Before(three.Add(delay)) && now.Before(six) && lastBegan.Before(three)
}

// Fix is what thinning asks of a fix. A doubtful one carries a verdict.
type Fix struct {
	T        time.Time
	Point    geo.Point
	Doubtful bool
}

const (
	// thinOffM is how far the way may lie from the line that is left of it: measured on
	// real tracks, 2 m leave 30 % of the fixes and 98 % of the length, 4 m 18 and 96.
	thinOffM = 2
	// gap is a silence after which a track begins anew.
	gap = 5 * time.Minute
	// thinMost bounds what is compared with one line.
	thinMost = 512
)

// Thin says of each fix of one device, in order of time, whether it stays: the first
// and the last of each stretch, every doubtful one, one at least every so often, and
// whatever it takes for the line to stay within a few metres of the way.
func Thin(fixes []Fix, every time.Duration) []bool {
	keep := make([]bool, len(fixes))
	anchor, last := -1, -1 // of the fixes that are beyond doubt: the one kept last, and the newest
	var between []int
	for i, f := range fixes {
		if f.Doubtful {
			keep[i] = true
			continue
		}
		if anchor < 0 || f.T.Sub(fixes[last].T) > gap {
			if last >= 0 {
				keep[last] = true
			}
			keep[i] = true
			anchor, last, between = i, i, between[:0]
			continue
		}
		switch {
		case len(between) > 0 && (len(between) >= thinMost || bends(fixes, anchor, between, i)):
			// The line to the fix before this one still held.
			keep[last] = true
			anchor, between = last, append(between[:0], i)
		default:
			between = append(between, i)
		}
		if f.T.Sub(fixes[anchor].T) >= every {
			keep[i] = true
			anchor, between = i, between[:0]
		}
		last = i
	}
	if last >= 0 {
		keep[last] = true
	}
	return keep
}

// bends says whether the line from one fix to another passes one of those between
// at more than thinOffM.
func bends(fixes []Fix, from int, between []int, to int) bool {
	flat := geo.NewLocal(fixes[from].Point)
	x, y := flat.XY(fixes[to].Point)
	length2 := x*x + y*y
	for _, i := range between {
		px, py := flat.XY(fixes[i].Point)
		along := 0.0
		if length2 > 0 {
			along = min(1, max(0, (px*x+py*y)/length2))
		}
		dx, dy := px-along*x, py-along*y
		if dx*dx+dy*dy > thinOffM*thinOffM {
			return true
		}
	}
	return false
}
