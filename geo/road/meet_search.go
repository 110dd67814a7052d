package road

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// ring is how far around the target places to meet are looked for, and in squares of
// what side: one place is looked at in each, so that both rings have some 350.
type ring struct{ radiusM, sideM float64 }

// The second ring is for the country, where a street may be as long as the first.
var rings = [2]ring{{1000, 95}, {2500, 237.5}}

// gathering is a place looked at. Keys and times are by mode, of those that somebody
// uses.
type gathering struct {
	at       geo.Point
	segment  uint32
	rank     int
	offM     float64 // from the middle of its square
	spots    [Modes]spot
	onKey    [Modes]cch.Key
	on, back [Modes]Time
	legs     []MeetLeg
	latestS  float64
	totalS   float64
}

// convening is one search for a place to meet.
type convening struct {
	r       *Router
	q       MeetAsk
	a       *ask
	modes   []Mode // that somebody uses, once each
	now     [Modes]*metric
	goals   [Modes]spot
	snaps   [Modes]snapper
	streets map[uint32][]uint32 // by segment: its street, see street
	targets []uint32            // the segments of the streets the target stands at
	far     geo.Local
}

func (r *Router) convene(q MeetAsk) *convening {
	c := &convening{r: r, q: q, a: r.asks.Get().(*ask), streets: map[uint32][]uint32{}, far: geo.NewLocal(q.Target)}
	for m := range Mode(Modes) {
		if !slices.ContainsFunc(q.Members, func(who Member) bool { return who.Mode == m }) {
			continue
		}
		c.modes = append(c.modes, m)
		c.now[m] = r.now[m].Load()
		c.goals[m] = r.net.snap(m, c.now[m].durationMS, q.Target, &c.snaps[m])
		for _, at := range c.goals[m].at {
			if !slices.Contains(c.targets, at.arc/2) {
				c.targets = append(c.targets, c.street(at.arc/2)...)
			}
		}
	}
	return c
}

func (c *convening) done() { c.r.asks.Put(c.a) }

func (r *Router) meet(ctx context.Context, q MeetAsk) (Meeting, error) {
	c := r.convene(q)
	defer c.done()
	direct, err := c.direct(ctx)
	if err != nil {
		return Meeting{}, err
	}
	for i, t := range direct {
		if !t.Reachable {
			return Meeting{Reason: BreaksReach, Who: i, Kind: KindRoad}, nil
		}
	}
	failed := Meeting{Reason: BreaksNoRoadNear, Who: -1, Kind: KindRoad}
	var open *gathering // the best in sight
	for _, ring := range rings {
		places := c.places(ring)
		if err := c.weigh(ctx, places); err != nil {
			return Meeting{}, err
		}
		if len(places) > 0 && failed.Reason == BreaksNoRoadNear {
			failed.Reason, failed.Who = c.why(places)
		}
		places = slices.DeleteFunc(places, func(g gathering) bool { return !c.serves(&g) })
		slices.SortFunc(places, better)
		for i := range places {
			g := &places[i]
			if i&63 == 0 && ctx.Err() != nil {
				return Meeting{}, fmt.Errorf("look for a place to meet: %w", ctx.Err())
			}
			if c.exposed(g) == "" {
				return c.meeting(g, direct, false), nil
			}
			if open == nil {
				open = g
			}
		}
	}
	if open == nil {
		return failed, nil
	}
	return c.meeting(open, direct, true), nil
}

// better is the order of places: when the last is at the target and what all together
// travel, to the second; then how short the last run is, since all along the way of the
// slowest there are places as good; and then what is always the same.
func better(a, b gathering) int {
	return cmp.Or(cmp.Compare(math.Round(a.latestS), math.Round(b.latestS)), cmp.Compare(math.Round(a.totalS), math.Round(b.totalS)),
		cmp.Compare(a.lastRunS(), b.lastRunS()), cmp.Compare(a.rank, b.rank), cmp.Compare(a.at.Lon, b.at.Lon), cmp.Compare(a.at.Lat, b.at.Lat))
}

// lastRunS is how long the last of them goes from a place to the target.
func (g *gathering) lastRunS() float64 {
	last := 0.0
	for _, l := range g.legs {
		last = max(last, l.On.DurationS)
	}
	return last
}

// direct is everybody's way to the target by itself.
func (c *convening) direct(ctx context.Context) ([]Time, error) {
	times := make([]Time, len(c.q.Members))
	for _, m := range c.modes {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("look for a place to meet: %w", err)
		}
		c.r.target(c.a, m, c.now[m], c.goals[m])
		for i := range c.q.Members {
			who := &c.q.Members[i]
			if who.Mode != m {
				continue
			}
			c.a.snap.reset()
			start := c.r.net.snapFix(m, c.now[m].durationMS, &who.Fix, &c.a.snap)
			key, _, _ := c.r.from(c.a, m, c.now[m], start, c.goals[m])
			times[i], _ = timeOf(c.r.version(c.now[m]), key, who.Point, c.q.Target, start, c.goals[m])
		}
	}
	return times, nil
}

// places are those of a ring, one in each square: on the road that is least in the way
// of others, and then the nearest to the square's middle.
func (c *convening) places(ring ring) []gathering {
	best := map[[2]int]gathering{}
	box, n := c.far.Box(ring.radiusM), c.r.net
	seen := map[uint32]bool{}
	n.within(box.West, box.South, box.East, box.North, func(segment uint32) {
		if seen[segment] {
			return
		}
		seen[segment] = true
		if !c.stops(segment) {
			return
		}
		rank := standing(n.class[segment])
		n.each(segment, ring.sideM, func(p geo.Point) {
			x, y := c.far.XY(p)
			if d := math.Hypot(x, y); d > ring.radiusM || geo.DistanceM(p, c.q.Target) < MeetStraightM {
				return
			}
			square := [2]int{int(math.Floor(x / ring.sideM)), int(math.Floor(y / ring.sideM))}
			g := gathering{at: p, segment: segment, rank: rank,
				offM: math.Hypot(x-(float64(square[0])+0.5)*ring.sideM, y-(float64(square[1])+0.5)*ring.sideM)}
			have, ok := best[square]
			if !ok || cmp.Or(cmp.Compare(g.rank, have.rank), cmp.Compare(g.offM, have.offM), cmp.Compare(g.segment, have.segment)) < 0 {
				best[square] = g
			}
		})
	})
	places := make([]gathering, 0, len(best))
	for _, g := range best {
		places = append(places, g)
	}
	slices.SortFunc(places, func(a, b gathering) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.at.Lon, b.at.Lon), cmp.Compare(a.at.Lat, b.at.Lat))
	})
	return places
}

// each visits places along a segment, its middle or several that far apart: never its
// ends, which are junctions.
func (n *Network) each(segment uint32, apartM float64, visit func(p geo.Point)) {
	length := float64(n.lengthCM[segment]) / 100
	count := max(1, math.Floor(length/apartM))
	for k := 0.5; k < count; k++ {
		visit(n.along(int(n.first[segment]), int(n.first[segment+1])-1, length*k/count))
	}
}

// stops says that everybody can stop on a segment: it is open to the mode of each and no
// ground where one may only end, and no place where waiting is dangerous.
func (c *convening) stops(segment uint32) bool {
	n := c.r.net
	if n.flags[segment]&(segFerry|segBridge|segTunnel) != 0 {
		return false
	}
	switch n.class[segment] {
	case Motorway, MotorwayLink, TrunkLink, Ferry:
		return false
	}
	for _, m := range c.modes {
		flags, durationMS := n.modes[m].flags, c.now[m].durationMS
		open := false
		for arc := 2 * segment; arc < 2*segment+2; arc++ {
			open = open || durationMS[arc] != shut && flags[arc]&arcMain != 0
			if flags[arc]&arcEndsOnly != 0 {
				return false
			}
		}
		if !open {
			return false
		}
	}
	return true
}

// standing orders roads by how little somebody who waits there is in the way.
func standing(class Class) int {
	switch class {
	case Trunk, Primary, PrimaryLink:
		return 2
	case Secondary, SecondaryLink:
		return 1
	}
	return 0
}

// weigh fills in all ways: one search to the target and one from it for each mode, and
// one from each member.
func (c *convening) weigh(ctx context.Context, places []gathering) error {
	r, a := c.r, c.a
	sweeps := make([]*sweep, Modes)
	for _, m := range c.modes {
		now := c.now[m]
		version := r.version(now)
		for i := range places {
			places[i].spots[m] = r.net.snap(m, now.durationMS, places[i].at, &c.snaps[m])
		}
		r.target(a, m, now, c.goals[m])
		for i := range places {
			g := &places[i]
			g.onKey[m], _, _ = r.from(a, m, now, g.spots[m], c.goals[m])
			g.on[m], _ = timeOf(version, g.onKey[m], g.at, c.q.Target, g.spots[m], c.goals[m])
		}
		sweeps[m] = r.sweep(a, m, now, places)
		r.begin(a, m, now, c.goals[m])
		sweeps[m].from(a, c.goals[m], c.q.Target, version, func(i int, t Time) { places[i].back[m] = t })
	}
	for i := range places {
		places[i].legs = make([]MeetLeg, len(c.q.Members))
	}
	for w := range c.q.Members {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("look for a place to meet: %w", err)
		}
		who := &c.q.Members[w]
		now := c.now[who.Mode]
		a.snap.reset()
		start := r.net.snapFix(who.Mode, now.durationMS, &who.Fix, &a.snap)
		r.begin(a, who.Mode, now, start)
		sweeps[who.Mode].from(a, start, who.Point, r.version(now), func(i int, t Time) {
			g := &places[i]
			g.legs[w] = MeetLeg{There: t, On: g.on[who.Mode]}
			took := t.DurationS + g.on[who.Mode].DurationS
			g.latestS = max(g.latestS, took)
			g.totalS += took
		})
	}
	return nil
}

// serves says that everybody gets to a place and on, and that it is far enough by road.
func (c *convening) serves(g *gathering) bool { return g.reached() < 0 && c.roadM(g) >= MeetRoadM }

// reached is the first member without a way, -1 if there is none.
func (g *gathering) reached() int {
	return slices.IndexFunc(g.legs, func(l MeetLeg) bool { return !l.There.Reachable || !l.On.Reachable })
}

// roadM is how far a place is from the target by road, the shorter of there and back by
// any mode in use.
func (c *convening) roadM(g *gathering) float64 {
	least := math.Inf(1)
	for _, m := range c.modes {
		for _, t := range [2]Time{g.on[m], g.back[m]} {
			if t.Reachable {
				least = min(least, t.DistanceM)
			}
		}
	}
	return least
}

// why says what keeps all of some places from being one to meet at: a member who reaches
// none of them, or that all are too near.
func (c *convening) why(places []gathering) (reason string, who int) {
	for w := range c.q.Members {
		if !slices.ContainsFunc(places, func(g gathering) bool { return g.legs[w].There.Reachable && g.legs[w].On.Reachable }) {
			return BreaksReach, w
		}
	}
	if !slices.ContainsFunc(places, func(g gathering) bool { return g.reached() < 0 }) {
		return BreaksReach, -1
	}
	return BreaksRoad, -1
}

func (c *convening) meeting(g *gathering, direct []Time, open bool) Meeting {
	m := Meeting{Found: true, At: g.at, Road: c.r.net.names[c.r.net.name[g.segment]], Kind: KindRoad, NoCover: open, Who: -1,
		StraightM: geo.DistanceM(g.at, c.q.Target), RoadM: c.roadM(g)}
	for i, leg := range g.legs {
		m.add(leg, direct[i])
	}
	return m
}

func (r *Router) meetAt(ctx context.Context, q MeetAsk, at geo.Point) (Meeting, error) {
	c := r.convene(q)
	defer c.done()
	direct, err := c.direct(ctx)
	if err != nil {
		return Meeting{}, err
	}
	g := gathering{at: at}
	var near nearHeap
	offM := math.Inf(1)
	// The nearest that all can stop on, unless another road is clearly nearer.
	for _, usable := range []func(uint32) bool{c.stops, func(s uint32) bool { return r.net.flags[s]&segFerry == 0 }} {
		r.net.near(at.Lon, at.Lat, &near, usable, func(leaf uint32, distanceM, _ float64) bool {
			if distanceM < offM-meetClearM {
				g.segment, offM = r.net.tree.segment[leaf], distanceM
			}
			return false
		})
	}
	places := []gathering{g}
	if err := c.weigh(ctx, places); err != nil {
		return Meeting{}, err
	}
	exposed := c.exposed(&places[0])
	m := c.meeting(&places[0], direct, exposed != "")
	m.keepsAway()
	if exposed != "" {
		m.Breaks = append(m.Breaks, exposed)
	}
	if !c.stops(places[0].segment) {
		m.Breaks = append(m.Breaks, BreaksStopping)
	}
	if offM > meetOffRoadM {
		m.Breaks = append(m.Breaks, BreaksOffRoad)
	}
	if m.Who = places[0].reached(); m.Who >= 0 {
		m.Breaks = append(m.Breaks, BreaksReach)
	}
	if math.IsInf(m.RoadM, 1) {
		m.RoadM = 0 // nobody gets on from there
	}
	return m, nil
}

// meetClearM is how much nearer than a road to stop on another must be to be what
// somebody meant who pointed at a map.
const meetClearM = 8
