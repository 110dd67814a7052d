package match

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

const (
	// How far from an observation its road may be.
	reachSigma = 4
	minReachM  = 35
	maxReachM  = 200
	maxRoads   = 12

	// gapAfter is the silence after which nobody says which way was taken, unless
	// it ended within stayM.
	gapAfter = 5 * time.Minute
	stayM    = 200

	// The scale of how much a way differs from the straight line: a constant, a part
	// of the accuracy, and a part of the distance, since the longer one does not
	// look the more bends there are.
	betaM     = 3
	betaSigma = 0.5
	betaShare = 0.05

	// Costs are negative logarithms of likelihoods.
	beam      = 25 // what is so much unlikelier than the best is given up
	roundCost = 6
	skipCost  = 9 // of leaving an observation out
	skipFrom  = 7 // a step this unlikely is tried without the observation before

	// maxSkip is how many observations in a row may connect to nothing before
	// the track breaks.
	maxSkip = 3
)

// work is one track being matched.
type work struct {
	net    *road.Network
	mode   road.Mode
	fixes  []Fix
	config Config
	kept   []int // fixes that may be true
	seen   []observation
	follow road.Follower
	arcs   []uint32
	result Result
}

// column is an observation within the chain: what it costs to be at each footing.
type column struct {
	seen     int
	emission []float64
	cost     []float64
	from     []int32 // by footing: which one of the column before; -1 at the start
	prev     *column
	step     [][]float64 // by footing of prev, by footing: the cost of the way; Inf where there is none
}

// chain finds the likeliest chains, and draws a part of each.
func (w *work) chain(ctx context.Context) error {
	var alive []*column // of the chain, the newest last
	var orphans []int
	finish := func() {
		if len(alive) > 0 {
			w.draw(alive[len(alive)-1])
		}
		alive = alive[:0]
	}
	for i := 0; i < len(w.seen); i++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("match a track: %w", err)
		}
		if w.follow.Settled > w.config.MaxWork {
			return ErrWork
		}
		o := &w.seen[i]
		w.stand(o)
		if len(o.feet) == 0 {
			w.drop(w.kept[o.first:o.end], OffRoad)
			continue
		}
		c := w.column(i)
		if len(alive) == 0 {
			c.start()
			alive = append(alive, c)
			continue
		}
		last := alive[len(alive)-1]
		ok := w.connect(last, c, 0)
		if len(alive) > 1 && (!ok || c.least()-last.least() > skipFrom) {
			without := w.column(i)
			if before := alive[len(alive)-2]; w.connect(before, without, skipCost) && (!ok || without.least() < c.least()) {
				w.drop(w.kept[w.seen[last.seen].first:w.seen[last.seen].end], Jump)
				alive = alive[:len(alive)-1]
				c, ok = without, true
			}
		}
		if ok {
			for _, k := range orphans {
				w.drop(w.kept[w.seen[k].first:w.seen[k].end], Jump)
			}
			orphans = orphans[:0]
			alive = append(alive, c)
			continue
		}
		orphans = append(orphans, i)
		if gap := w.gap(&w.seen[last.seen], o); gap || len(orphans) > maxSkip || i == len(w.seen)-1 {
			finish()
			i = orphans[0] - 1 // what connected to nothing begins anew
			orphans = orphans[:0]
		}
	}
	finish()
	w.tell()
	return nil
}

// stand finds where an observation may have been made.
func (w *work) stand(o *observation) {
	if o.feet == nil {
		reach := min(max(reachSigma*o.sigmaM, minReachM), maxReachM)
		o.feet = w.net.Footings(nil, w.mode, o.point, reach, maxRoads)
	}
}

func (w *work) column(i int) *column {
	o := &w.seen[i]
	c := &column{seen: i, emission: make([]float64, len(o.feet)), cost: make([]float64, len(o.feet)), from: make([]int32, len(o.feet))}
	for k, f := range o.feet {
		z := f.AwayM / o.meanSigmaM
		c.emission[k] = z * z / 2
		if o.headed && w.mode != road.Foot {
			c.emission[k] += 2 * (1 - math.Cos((f.BearingDeg-o.headingDeg)*math.Pi/180))
		}
	}
	return c
}

func (c *column) start() {
	for k := range c.cost {
		c.cost[k], c.from[k] = c.emission[k], -1
	}
}

func (c *column) least() float64 {
	least := math.Inf(1)
	for _, v := range c.cost {
		least = min(least, v)
	}
	return least
}

// gap says that too long was heard nothing to say which way was taken.
func (w *work) gap(a, b *observation) bool {
	silence := w.fixes[w.kept[b.first]].T.Sub(w.fixes[w.kept[a.end-1]].T)
	return silence > gapAfter && geo.DistanceM(a.point, b.point) > stayM
}

// connect takes the chain on from one column to another, extra the dearer. It answers
// whether there is any way.
func (w *work) connect(from, to *column, extra float64) bool {
	a, b := &w.seen[from.seen], &w.seen[to.seen]
	if w.gap(a, b) {
		return false
	}
	air := geo.DistanceM(a.point, b.point)
	noise := a.meanSigmaM + b.meanSigmaM
	beta := betaM + betaSigma*noise/2 + betaShare*air
	limit := w.limit(a, b, air)
	to.prev, to.step = from, make([][]float64, len(from.cost))
	for k := range to.cost {
		to.cost[k], to.from[k] = math.Inf(1), -1
	}
	best, any := from.least(), false
	for i, f := range a.feet {
		if from.cost[i] > best+beam {
			continue
		}
		to.step[i] = make([]float64, len(b.feet))
		w.follow.Search(w.net, w.mode, f, b.feet, uint32(min(limit*100, math.MaxInt32)))
		for k, g := range b.feet {
			step := math.Inf(1)
			if w.stays(f, g, noise) {
				step = air / beta
			} else if leg, ok := w.follow.To(g); ok && float64(leg.LengthCM)/100 <= limit {
				step = math.Abs(float64(leg.LengthCM)/100-air) / beta
				if leg.Round {
					step += roundCost
				}
			}
			to.step[i][k] = step
			if v := from.cost[i] + step + to.emission[k] + extra; v < to.cost[k] {
				to.cost[k], to.from[k], any = v, int32(i), true
			}
		}
	}
	return any
}

// stays says that somebody who seems to have slid back along a road stood still, or
// went on slower than the fixes scatter.
func (w *work) stays(f, g road.Footing, noise float64) bool {
	return f.Arc == g.Arc && g.AtCM < f.AtCM && float64(f.AtCM-g.AtCM)/100 <= 3*noise
}

// limit is the longest way that is plausible between two observations.
func (w *work) limit(a, b *observation, air float64) float64 {
	noise := 3 * (a.sigmaM + b.sigmaM)
	byTime := topMS[w.mode]*b.t.Sub(a.t).Seconds() + noise + 50
	return min(byTime, 5*air+500+noise, 20_000)
}
