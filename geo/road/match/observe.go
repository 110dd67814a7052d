package match

import (
	"math"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

const (
	unknownSigmaM = 10
	minSigmaM     = 2
	maxSigmaM     = 100
	// togetherSigma is how far from their mean fixes are still taken together.
	togetherSigma = 2
	// Fixes farther apart in time than dense tell of different places sooner.
	dense      = 5 * time.Second
	apartSigma = 1.4
	// strays is how many fixes in a row up to straySigma away may be followed by one
	// that is close again, and belong to it.
	straySigma = 3
	strays     = 2
	// maxTogether is how many fixes make a mean that is good enough.
	maxTogether = 20
	// atEnds is how many at the ends of a track: a mean lies half its length inside.
	atEnds = 4
	// jumpTop is how many times in a row the top speed may be exceeded before the
	// fix that was believed is the one that was wrong.
	jumpTop = 3
)

// observation is one or more fixes that are too close together to tell apart.
type observation struct {
	point      geo.Point
	t          time.Time // the mean
	sigmaM     float64   // of a fix
	meanSigmaM float64   // of the mean
	first, end int       // in work.kept
	headingDeg float64
	headed     bool
	feet       []road.Footing
}

func sigmaOf(f *Fix) float64 {
	if f.AccuracyM <= 0 {
		return unknownSigmaM
	}
	return min(max(f.AccuracyM, minSigmaM), maxSigmaM)
}

// observe drops what cannot be, and takes together what is close together.
func (w *work) observe() {
	w.dropJumps()
	var o observation
	var local geo.Local
	var x, y, sigma, count float64
	var since time.Duration
	close := func() {
		if count == 0 {
			return
		}
		o.point = local.Point(x/count, y/count)
		o.t = w.fixes[w.kept[o.first]].T.Add(since / time.Duration(count))
		o.sigmaM = sigma / count
		// The corner that a mean cuts, and what errors have in common, do not average out.
		o.meanSigmaM = max(o.sigmaM/math.Sqrt(count), o.sigmaM/4, minSigmaM)
		w.seen = append(w.seen, o)
	}
	add := func(i int) {
		f := &w.fixes[w.kept[i]]
		fx, fy := local.XY(f.Point)
		x, y, sigma, count = x+fx, y+fy, sigma+sigmaOf(f), count+1
		since += f.T.Sub(w.fixes[w.kept[o.first]].T)
		o.end, o.headed = i+1, false
	}
	begin := func(i int) {
		f := &w.fixes[w.kept[i]]
		o = observation{first: i, headingDeg: f.HeadingDeg}
		local = geo.NewLocal(f.Point)
		x, y, sigma, count, since = 0, 0, 0, 0, 0
		add(i)
		o.headed = f.Headed && f.SpeedMS >= 2
	}
	for i := 0; i < len(w.kept); i++ {
		k := w.kept[i]
		f := &w.fixes[k]
		if count == 0 {
			begin(i)
			continue
		}
		pause := f.T.Sub(w.fixes[w.kept[i-1]].T)
		silent := pause >= gapAfter
		near := float64(togetherSigma)
		if pause > dense {
			near = apartSigma
		}
		fx, fy := local.XY(f.Point)
		s := min(sigmaOf(f), sigma/count)
		away := math.Hypot(fx-x/count, fy-y/count)
		most := maxTogether
		if len(w.seen) == 0 {
			most = atEnds
		}
		full := i-o.first >= most || i == len(w.kept)-atEnds
		if !silent && !full && away <= near*s {
			for j := o.end; j <= i; j++ { // with those that strayed
				add(j)
			}
			continue
		}
		// One that scatters far does not mean that somebody went on.
		if pause <= dense && !full && away <= straySigma*s && i-o.end < strays && i+1 < len(w.kept) {
			continue
		}
		close()
		i = o.end // and the strays behind it once more
		begin(i)
	}
	close()
}

// dropJumps keeps the fixes that can be reached from one another.
func (w *work) dropJumps() {
	top := topMS[w.mode]
	can := func(a, b int) bool {
		f, g := &w.fixes[a], &w.fixes[b]
		noise := 3 * math.Hypot(sigmaOf(f), sigmaOf(g))
		return geo.DistanceM(f.Point, g.Point)-noise <= top*g.T.Sub(f.T).Seconds()
	}
	var doubtful []int
	for i := range w.fixes {
		if len(w.kept) == 0 || can(w.kept[len(w.kept)-1], i) {
			w.drop(doubtful, Jump)
			doubtful = doubtful[:0]
			w.kept = append(w.kept, i)
			continue
		}
		if len(doubtful) > 0 && !can(doubtful[len(doubtful)-1], i) {
			w.drop(doubtful, Jump)
			doubtful = doubtful[:0]
		}
		doubtful = append(doubtful, i)
		if len(doubtful) == jumpTop {
			// They agree with one another: the track goes on from here. One fix alone
			// before them was the one that jumped.
			if len(w.kept) == 1 {
				w.drop(w.kept, Jump)
				w.kept = w.kept[:0]
			}
			w.kept = append(w.kept, doubtful...)
			doubtful = doubtful[:0]
		}
	}
	w.drop(doubtful, Jump)
}

func (w *work) drop(fixes []int, why State) {
	for _, i := range fixes {
		w.result.Places[i].State = why
	}
}
