package district

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
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
		a, b := node(r.Line[0]), node(r.Line[len(r.Line)-1])
		if reverse {
			a, b = b, a
		}
		s.next[a] = append(s.next[a], hop{b, lengthM})
		if mode == "foot" || r.OneWay != "yes" {
			s.next[b] = append(s.next[b], hop{a, lengthM})
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

func (s *streets) from(start int) []float64 {
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
			if c := v.cost + h.lengthM; c < best[h.to] {
				best[h.to] = c
				heap.Push(&q, visit{c, h.to})
			}
		}
	}
	return best
}

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
			for i, cost := range s.from(0) {
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
// that choosing by road matters: for the product's own roads and each patrol's own
// mode, and by the plain length of the way if all of them drove.
func TestRoadNearestIsOftenNotAirNearest(t *testing.T) {
	t.Parallel()
	roads, err := Roads()
	if err != nil {
		t.Fatal(err)
	}
	network, err := Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	staff, err := Staff()
	if err != nil {
		t.Fatal(err)
	}
	byMode := map[road.Mode]int{}
	for _, p := range staff {
		if p["department"] == "police" && p["device_id"] != "" {
			mode, err := road.ParseMode(p["patrol_mode"])
			if err != nil {
				t.Fatal(err)
			}
			byMode[mode]++
		}
	}
	var grids []geo.Point
	for _, g := range readRegions(t, GridsFile) {
		if g.kind == "general" {
			grids = append(grids, middle(g))
		}
	}
	cars := buildStreets(roads, "car", true) // against the traffic: from the report to everybody
	rng := rand.New(rand.NewPCG(1, 15))
	const reports = 1000
	byTime, byLength := 0, 0
	for range reports {
		to := grids[rng.IntN(len(grids))]
		i, _ := cars.nearest(to)
		lengths := cars.from(i)
		airM, soonestS, shortestM := math.Inf(1), math.Inf(1), math.Inf(1)
		var air, soonest, shortest geo.Point
		for mode := range road.Mode(road.Modes) {
			var from []geo.Point
			for range byMode[mode] {
				i := rng.IntN(len(cars.at))
				from = append(from, cars.at[i])
				if d := geo.DistanceM(cars.at[i], to); d < airM {
					air, airM = cars.at[i], d
				}
				if lengths[i] < shortestM {
					shortest, shortestM = cars.at[i], lengths[i]
				}
			}
			times, err := network.ManyToOne(t.Context(), mode, from, to)
			if err != nil {
				t.Fatal(err)
			}
			for k, time := range times {
				if !time.Reachable || time.Kind != road.KindRoad {
					t.Fatalf("%v cannot get from %v to %v by road: %+v", mode, from[k], to, time)
				}
				if time.DurationS < soonestS {
					soonest, soonestS = from[k], time.DurationS
				}
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
