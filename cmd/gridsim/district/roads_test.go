package district

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// streets is the plainest graph that can answer the questions below. It shares
// no code with the product's.
type streets struct {
	at    []geo.Point
	next  [][]hop
	index map[geo.Point]int
}

type hop struct {
	to      int
	lengthM float64
	seconds float64
}

var allModes = []string{"foot", "ebike", "car"}

func buildStreets(roads []Road, mode string, reverse bool) *streets {
	s := &streets{index: map[geo.Point]int{}}
	node := func(p [2]float64) int {
		at := geo.Point{Lon: p[0], Lat: p[1]}
		i, ok := s.index[at]
		if !ok {
			i = len(s.at)
			s.index[at] = i
			s.at = append(s.at, at)
			s.next = append(s.next, nil)
		}
		return i
	}
	for _, r := range roads {
		if mode == "car" && (r.Class == "track" || r.Class == "path") {
			continue
		}
		lengthM := 0.0
		for i := 1; i < len(r.Line); i++ {
			lengthM += geo.DistanceM(geo.Point{Lon: r.Line[i-1][0], Lat: r.Line[i-1][1]}, geo.Point{Lon: r.Line[i][0], Lat: r.Line[i][1]})
		}
		speed := map[string]float64{"foot": 5, "ebike": math.Min(20, float64(r.SpeedKMH)), "car": float64(r.SpeedKMH)}[mode] / 3.6
		a, b := node(r.Line[0]), node(r.Line[len(r.Line)-1])
		if reverse {
			a, b = b, a
		}
		s.next[a] = append(s.next[a], hop{b, lengthM, lengthM / speed})
		if mode == "foot" || r.OneWay != "yes" {
			s.next[b] = append(s.next[b], hop{a, lengthM, lengthM / speed})
		}
	}
	return s
}

func (s *streets) nearest(p geo.Point) (int, float64) {
	best, bestM := -1, math.Inf(1)
	for i, q := range s.at {
		if d := geo.DistanceM(p, q); d < bestM {
			best, bestM = i, d
		}
	}
	return best, bestM
}

type visit struct {
	cost float64
	node int
}
type queue []visit

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].cost < q[j].cost }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(visit)) }
func (q *queue) Pop() any {
	v := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return v
}

func (s *streets) from(start int, cost func(hop) float64) []float64 {
	best := make([]float64, len(s.at))
	for i := range best {
		best[i] = math.Inf(1)
	}
	best[start] = 0
	q := queue{{0, start}}
	for q.Len() > 0 {
		v := heap.Pop(&q).(visit)
		if v.cost > best[v.node] {
			continue
		}
		for _, h := range s.next[v.node] {
			if c := v.cost + cost(h); c < best[h.to] {
				best[h.to] = c
				heap.Push(&q, visit{c, h.to})
			}
		}
	}
	return best
}

func lengthOf(h hop) float64  { return h.lengthM }
func secondsOf(h hop) float64 { return h.seconds }

// Each mode has one network, there and back, and it comes near the middle of
// every grid.
func TestOneNetworkForEachMode(t *testing.T) {
	t.Parallel()
	roads, err := Roads()
	if err != nil {
		t.Fatal(err)
	}
	grids := readRegions(t, GridsFile)
	for _, mode := range allModes {
		there, back := buildStreets(roads, mode, false), buildStreets(roads, mode, true)
		for _, s := range []*streets{there, back} {
			for i, cost := range s.from(0, lengthOf) {
				if math.IsInf(cost, 1) {
					t.Fatalf("%s: %v cannot be reached", mode, s.at[i])
				}
			}
		}
		worst := 0.0
		for _, g := range grids {
			_, d := there.nearest(middle(g))
			worst = math.Max(worst, d)
		}
		t.Logf("%s: %d junctions, the middle of no grid further than %.0f m from one", mode, len(there.at), worst)
		if worst > 600 {
			t.Errorf("%s: a grid's middle is %.0f m from the next junction", mode, worst)
		}
	}
}

func middle(r region) geo.Point {
	var p geo.Point
	n := float64(len(r.rings[0]) - 1)
	for _, c := range r.rings[0][1:] {
		p.Lon += float64(c.lon) / 1e7 / n
		p.Lat += float64(c.lat) / 1e7 / n
	}
	return p
}

func TestRoadsHaveWhatAMapNeeds(t *testing.T) {
	t.Parallel()
	roads, err := Roads()
	if err != nil {
		t.Fatal(err)
	}
	class := map[string]int{}
	oneWay, bridges, names := 0, 0, map[string]bool{}
	for _, r := range roads {
		class[r.Class]++
		names[r.Name] = true
		if r.OneWay == "yes" {
			oneWay++
		}
		if r.Bridge == "yes" {
			bridges++
		}
		if r.SpeedKMH <= 0 || len(r.Line) < 2 || r.Line[0] == r.Line[len(r.Line)-1] {
			t.Errorf("road %d is unfit: %+v", r.ID, r)
		}
	}
	t.Logf("%v, %d one-way, %d bridges, %d names", class, oneWay, bridges, len(names))
	for _, c := range []string{"trunk", "primary", "secondary", "tertiary", "residential", "track", "path"} {
		if class[c] == 0 {
			t.Errorf("no %s", c)
		}
	}
	if oneWay < 50 || bridges < 10 || bridges > 80 {
		t.Errorf("%d one-way streets, %d bridges", oneWay, bridges)
	}
}

// Rivers make the patrol that is nearest on the map the wrong one often enough
// that choosing by road matters.
func TestRoadNearestIsOftenNotAirNearest(t *testing.T) {
	t.Parallel()
	roads, err := Roads()
	if err != nil {
		t.Fatal(err)
	}
	staff, err := Staff()
	if err != nil {
		t.Fatal(err)
	}
	var mode []string
	for _, p := range staff {
		if p["department"] == "police" && p["device_id"] != "" {
			mode = append(mode, p["patrol_mode"])
		}
	}
	var grids []geo.Point
	for _, g := range readRegions(t, GridsFile) {
		if g.kind == "general" {
			grids = append(grids, middle(g))
		}
	}
	net := map[string]*streets{} // against the traffic: from the report to everybody
	for _, m := range allModes {
		net[m] = buildStreets(roads, m, true)
	}
	rng := rand.New(rand.NewPCG(1, 15))
	const reports = 1000
	byTime, byLength := 0, 0
	for range reports {
		to := grids[rng.IntN(len(grids))]
		seconds := map[string][]float64{}
		for _, m := range allModes {
			i, _ := net[m].nearest(to)
			seconds[m] = net[m].from(i, secondsOf)
		}
		i, _ := net["car"].nearest(to)
		lengths := net["car"].from(i, lengthOf)
		air, soonest, shortest := -1, -1, -1
		airM, soonestS, shortestM := math.Inf(1), math.Inf(1), math.Inf(1)
		for k, m := range mode {
			at := net["car"].at[rng.IntN(len(net["car"].at))]
			if d := geo.DistanceM(at, to); d < airM {
				air, airM = k, d
			}
			if s := seconds[m][net[m].index[at]]; s < soonestS {
				soonest, soonestS = k, s
			}
			if d := lengths[net["car"].index[at]]; d < shortestM {
				shortest, shortestM = k, d
			}
		}
		if air != soonest {
			byTime++
		}
		if air != shortest {
			byLength++
		}
	}
	t.Logf("of %d reports, road-nearest is not air-nearest: %d by time in each one's own mode, %d by length for cars alone", reports, byTime, byLength)
	if byTime < reports*15/100 || byLength < reports*15/100 {
		t.Errorf("road-nearest is not air-nearest in %d (time) and %d (length) of %d, want 15 %%", byTime, byLength, reports)
	}
}
