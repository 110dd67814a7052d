package road

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// meetTwin finds where to meet slowly and obviously: it asks Dijkstra's algorithm for
// every way of every place looked at, and follows streets by looking at all roads.
type meetTwin struct {
	n    *Network
	now  [Modes]*Network // with the durations in force
	q    MeetAsk
	used []Mode
	met  map[uint32][]uint32 // segments by node
}

func newMeetTwin(n *Network, closed Conditions, q MeetAsk) *meetTwin {
	w := &meetTwin{n: n, q: q, met: map[uint32][]uint32{}}
	for m := range Mode(Modes) {
		w.now[m] = n.reweighted(m, n.under(m, closed.Closed[m]))
		if slices.ContainsFunc(q.Members, func(who Member) bool { return who.Mode == m }) {
			w.used = append(w.used, m)
		}
	}
	for s := range uint32(n.Segments()) {
		if n.flags[s]&segFerry == 0 {
			for _, node := range n.nodes[2*s : 2*s+2] {
				w.met[node] = append(w.met[node], s)
			}
		}
	}
	return w
}

// streets are the segments of the roads a point is snapped to, with what goes on from
// them.
func (w *meetTwin) streets(segments []uint32) map[uint32]bool {
	found := map[uint32]bool{}
	var add func(s uint32)
	add = func(s uint32) {
		if found[s] {
			return
		}
		found[s] = true
		for _, node := range w.n.nodes[2*s : 2*s+2] {
			if at := w.met[node]; len(at) == 2 {
				add(at[0])
				add(at[1])
			}
		}
	}
	for _, s := range segments {
		add(s)
	}
	return found
}

func (w *meetTwin) snapped(m Mode, p geo.Point) (spot, []uint32) {
	var s snapper
	at := w.now[m].snap(m, w.now[m].modes[m].durationMS, p, &s)
	var segments []uint32
	for _, pl := range at.at {
		segments = append(segments, pl.arc/2)
	}
	return at, segments
}

func (w *meetTwin) one(t fataler, m Mode, from Fix, to geo.Point) Time {
	times, err := w.now[m].FixesToOne(context.Background(), m, []Fix{from}, to)
	if err != nil {
		t.Fatal(err)
	}
	return times[0]
}

type fataler interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// judged is what the twin says of a place.
type judged struct {
	at              geo.Point
	segment         uint32
	reached         bool
	latestS, totalS float64
	lastS           float64 // of the way on
	roadM           float64
	exposed         bool
}

// ways are the lengths of all ways by way of some places: one search for each way.
func (w *meetTwin) ways(t fataler, places []judged) {
	points := make([]geo.Point, len(places))
	for i := range places {
		points[i], places[i].reached, places[i].roadM = places[i].at, true, 1e9
	}
	for _, m := range w.used {
		on, err := w.now[m].ManyToOne(context.Background(), m, points, w.q.Target)
		if err != nil {
			t.Fatal(err)
		}
		var from []Fix
		for _, who := range w.q.Members {
			if who.Mode == m {
				from = append(from, who.Fix)
			}
		}
		for i := range places {
			j := &places[i]
			there, err := w.now[m].FixesToOne(context.Background(), m, append(slices.Clone(from), Fix{Point: w.q.Target}), j.at)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range there[:len(from)] {
				j.reached = j.reached && a.Reachable && on[i].Reachable
				j.latestS = max(j.latestS, a.DurationS+on[i].DurationS)
				j.totalS += a.DurationS + on[i].DurationS
				j.lastS = max(j.lastS, on[i].DurationS)
			}
			for _, d := range []Time{on[i], there[len(from)]} {
				if d.Reachable {
					j.roadM = min(j.roadM, d.DistanceM)
				}
			}
		}
	}
}

// look says whether people are seen at a place.
func (w *meetTwin) look(j *judged) {
	p := j.at
	own, targets := []uint32{j.segment}, []uint32{}
	for _, m := range w.used {
		_, at := w.snapped(m, p)
		own = append(own, at...)
		_, at = w.snapped(m, w.q.Target)
		targets = append(targets, at...)
	}
	mine, its := w.streets(own), w.streets(targets)
	for s := range mine {
		j.exposed = j.exposed || its[s]
	}
	for _, m := range w.used {
		j.exposed = j.exposed || w.straightOn(m, p, mine, its)
	}
}

// straightOn says that a best way from a place to the target leads over nothing but two
// streets, by making the lengths of all ways over any streets and over those better until
// nothing changes.
func (w *meetTwin) straightOn(m Mode, p geo.Point, mine, its map[uint32]bool) bool {
	n := w.now[m]
	g := &n.modes[m]
	start, _ := w.snapped(m, p)
	goal, _ := w.snapped(m, w.q.Target)
	best := func(allowed func(segment uint32) bool) cch.Key {
		far := make([]cch.Key, g.states())
		for s := range far {
			far[s] = cch.Inf
		}
		best := start.direct(goal)
		for _, at := range start.at {
			far[at.arc] = min(far[at.arc], lengthOf(g.durationMS[at.arc]-at.beforeMS, n.lengthCM[at.arc/2]-at.beforeCM)+lengthOf(at.walk()))
		}
		for changed := true; changed; {
			changed = false
			for from := range uint32(g.states()) {
				if far[from] >= cch.Inf {
					continue
				}
				stuck := g.stuck(g.durationMS, from)
				for t := g.turnFirst[from]; t < g.turnFirst[from+1]; t++ {
					to := g.turnTo[t]
					arc := g.arcOf(to)
					if !g.open(g.durationMS, t, stuck) || !allowed(arc/2) {
						continue
					}
					turn := lengthOf(g.turnCostMS[t]&^stuckBit, 0)
					if g.flags[arc]&arcEndsOnly != 0 && g.flags[g.arcOf(from)]&arcEndsOnly == 0 {
						turn += pass
					}
					for _, at := range goal.at {
						if at.arc == arc {
							best = min(best, far[from]+turn+at.before())
						}
					}
					if key := far[from] + turn + lengthOf(g.durationMS[arc], n.lengthCM[arc/2]); key < far[to] {
						far[to], changed = key, true
					}
				}
			}
		}
		return best
	}
	two := best(func(s uint32) bool { return mine[s] || its[s] })
	return two < cch.Inf && two == best(func(uint32) bool { return true })
}

// check compares an answer with what the twin makes of every place looked at. To see
// whether a place is covered is dear, so it looks in their order until one is.
func (w *meetTwin) check(t fataler, r *Router, got Meeting) {
	for i, who := range w.q.Members {
		if !w.one(t, who.Mode, who.Fix, w.q.Target).Reachable {
			if got.Found || got.Reason != BreaksReach || got.Who != i {
				t.Fatalf("%+v, and member %d has no way to the target", got, i)
			}
			return
		}
	}
	c := r.convene(w.q)
	defer c.done()
	var open *judged
	any := false
	for _, ring := range rings {
		var good []judged
		var all []judged
		for _, g := range c.places(ring) {
			any = true
			w.stopped(t, g)
			all = append(all, judged{at: g.at, segment: g.segment})
		}
		w.ways(t, all)
		for _, j := range all {
			if j.reached && j.roadM >= 150 && geo.DistanceM(j.at, w.q.Target) >= 80 {
				good = append(good, j)
			}
		}
		slices.SortFunc(good, func(a, b judged) int {
			return cmp.Or(cmp.Compare(math.Round(a.latestS), math.Round(b.latestS)), cmp.Compare(math.Round(a.totalS), math.Round(b.totalS)), cmp.Compare(a.lastS, b.lastS))
		})
		for i := range good {
			j := &good[i]
			w.look(j)
			if open == nil {
				open = j
			}
			if !j.exposed {
				w.same(t, r, got, *j, false)
				return
			}
		}
	}
	switch {
	case open != nil:
		w.same(t, r, got, *open, true)
	case got.Found || got.Reason == "" || any == (got.Reason == BreaksNoRoadNear):
		t.Fatalf("%+v, and no place serves", got)
	}
}

// stopped checks that people can stop at a place and are not seen from the window.
func (w *meetTwin) stopped(t fataler, g gathering) {
	s := w.n.Segment(int(g.segment))
	if m := geo.DistanceM(g.at, w.q.Target); m < 80 {
		t.Fatalf("%v is %v m from the target", g.at, m)
	}
	for _, m := range w.used {
		d := w.now[m].modes[m].durationMS
		if d[2*g.segment] == shut && d[2*g.segment+1] == shut || w.n.modes[m].flags[2*g.segment]&arcEndsOnly != 0 {
			t.Fatalf("%v is closed or private by %v", s, m)
		}
	}
	if s.Bridge || s.Tunnel || s.Class == Motorway || s.Class == MotorwayLink || s.Class == Ferry || w.n.flags[g.segment]&segFerry != 0 {
		t.Fatalf("nobody can stop on %+v", s)
	}
}

// same compares figures, not places: two may be equally good.
func (w *meetTwin) same(t fataler, r *Router, got Meeting, want judged, noCover bool) {
	sum, last := 0.0, 0.0
	for i, l := range got.Legs {
		who := w.q.Members[i]
		there, on := w.one(t, who.Mode, who.Fix, got.At), w.one(t, who.Mode, Fix{Point: got.At}, w.q.Target)
		l.There.Version, l.On.Version, there.Version, on.Version = Version{}, Version{}, Version{}, Version{}
		if l.There != there || l.On != on {
			t.Fatalf("member %d: %+v, Dijkstra says %+v and %+v", i, l, there, on)
		}
		sum += there.DurationS + on.DurationS
		last = max(last, on.DurationS)
	}
	if !got.Found || got.NoCover != noCover || math.Round(got.LatestS) != math.Round(want.latestS) || math.Round(sum) != math.Round(want.totalS) || last > want.lastS+0.001 {
		t.Fatalf("%+v in all %v s, the twin found %+v, no cover %v", got, sum, want, noCover)
	}
	at := []judged{{at: got.At, segment: w.nearest(r, got.At)}}
	w.ways(t, at)
	w.look(&at[0])
	if j := at[0]; j.roadM != got.RoadM || j.exposed != noCover || got.StraightM < 80 || got.RoadM < 150 {
		t.Fatalf("%+v, the twin says %+v of it", got, j)
	}
}

func (w *meetTwin) nearest(r *Router, p geo.Point) uint32 {
	var heap nearHeap
	c := r.convene(w.q)
	defer c.done()
	nearest := uint32(none)
	w.n.near(p.Lon, p.Lat, &heap, c.stops, func(leaf uint32, _, _ float64) bool {
		nearest = w.n.tree.segment[leaf]
		return false
	})
	return nearest
}
