package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

// wayFile is what the oracle keeps of the file.
type wayFile struct {
	at    map[int64][2]float64
	posts map[int64]post
	ways  []wayDrawn
	bans  []banDrawn
}

type wayDrawn struct {
	id    int64
	nodes []int64
	class string
	kmh   [3][2]float64
	ends  [3]bool
	wayS  float64 // of a ferry that says how long it takes
}

type banDrawn struct {
	from, via, to []int64
	viaNode       bool
	only          bool
	binds         [3]bool
}

func readWayFile(t *testing.T, path string) *wayFile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &wayFile{at: map[int64][2]float64{}, posts: map[int64]post{}}
	copied := func(tags osm.Tags) tagged {
		all := tagged{}
		for _, tag := range tags {
			all[strings.Clone(tag.Key)] = strings.Clone(tag.Value)
		}
		return all
	}
	see := osm.Visitor{
		Node: func(n osm.Node) error {
			w.at[n.ID] = [2]float64{float64(n.Lon7) / 1e7, float64(n.Lat7) / 1e7}
			if len(n.Tags) > 0 {
				if p, stands := postAt(copied(n.Tags)); stands {
					w.posts[n.ID] = p
				}
			}
			return nil
		},
		Way: func(o osm.Way) error {
			w.addWay(o.ID, slices.Clone(o.Refs), copied(o.Tags))
			return nil
		},
		Relation: func(r osm.Relation) error {
			w.addBans(r, copied(r.Tags))
			return nil
		},
	}
	for r := osm.NewReader(bufio.NewReader(f)); ; {
		block, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = block.Visit(see)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *wayFile) addWay(id int64, nodes []int64, t tagged) {
	way := wayDrawn{id: id, nodes: nodes, class: classOf(t)}
	if way.class == "" {
		return
	}
	for mode := range 3 {
		way.kmh[mode], way.ends[mode] = pace(mode, t, way.class)
	}
	if way.class == "ferry" {
		var h, m int
		if n, _ := fmt.Sscanf(t["duration"], "%d:%d", &h, &m); n == 2 {
			way.wayS = float64(h*3600 + m*60)
		}
	}
	if way.kmh != [3][2]float64{} {
		w.ways = append(w.ways, way)
	}
}

func (w *wayFile) addBans(r osm.Relation, t tagged) {
	if t["type"] != "restriction" && !strings.HasPrefix(t["type"], "restriction:") || t["day_on"] != "" || t["hour_on"] != "" {
		return
	}
	for key, bound := range map[string]string{
		"restriction": "12", "restriction:vehicle": "12", "restriction:motor_vehicle": "2", "restriction:motorcar": "2",
		"restriction:bicycle": "1", "restriction:foot": "0",
	} {
		b := banDrawn{only: strings.HasPrefix(t[key], "only_")}
		if !b.only && !strings.HasPrefix(t[key], "no_") {
			continue
		}
		for _, word := range strings.Split(t["except"], ";") {
			free := map[string]string{"motorcar": "2", "motor_vehicle": "2", "bicycle": "1", "foot": "0", "vehicle": "12"}[strings.TrimSpace(word)]
			for _, m := range free {
				bound = strings.ReplaceAll(bound, string(m), "")
			}
		}
		for _, m := range bound {
			b.binds[m-'0'] = true
		}
		viaNodes, viaWays := 0, 0
		for _, m := range r.Members {
			way, node := m.Type == osm.MemberWay, m.Type == osm.MemberNode
			switch {
			case m.Role == "from" && way:
				b.from = append(b.from, m.Ref)
			case m.Role == "to" && way:
				b.to = append(b.to, m.Ref)
			case m.Role == "via" && way:
				b.via = append(b.via, m.Ref)
				viaWays++
			case m.Role == "via" && node:
				b.via = append(b.via, m.Ref)
				viaNodes++
			}
		}
		b.viaNode = viaNodes == 1
		if viaNodes+min(viaWays, 1) == 1 {
			w.bans = append(w.bans, b)
		}
	}
}

// metresADegree of longitude and latitude, by the series of the ellipsoid.
func metresADegree(lat float64) (lon, latM float64) {
	f := lat * math.Pi / 180
	return 111412.84*math.Cos(f) - 93.5*math.Cos(3*f) + 0.118*math.Cos(5*f),
		111132.92 - 559.82*math.Cos(2*f) + 1.175*math.Cos(4*f)
}

// flat is the way from a to b in metres east and north.
func flat(a, b [2]float64) (east, north float64) {
	lon, lat := metresADegree((a[1] + b[1]) / 2)
	return (b[0] - a[0]) * lon, (b[1] - a[1]) * lat
}

func apart(a, b [2]float64) float64 { return math.Hypot(flat(a, b)) }

// lane is one direction of a road between two junctions; the other is its number
// with the last bit turned.
type lane struct {
	part     int // of oracleRoads.parts
	from, to int64
	line     [][2]float64
	lengthM  float64
	seconds  [3]float64 // infinite where the mode may not go
	ends     [3]bool
	ferry    bool
}

// wayPart is a way as far as the file holds its nodes.
type wayPart struct {
	nodes []int64
	lanes []int // drawn direction, in order
}

type oracleRoads struct {
	*wayFile
	lanes []lane
	parts []wayPart
	ofID  map[int64][]int // parts by way
	out   map[int64][]int // lanes by the node they leave
	bins  map[[2]int][]stretch
	modes [3]*modeRoads
}

type stretch struct{ lane, after int } // lane of the drawn direction

func binAt(p [2]float64) [2]int {
	return [2]int{int(math.Floor(p[0] * 400)), int(math.Floor(p[1] * 400))}
}

func layRoads(w *wayFile) *oracleRoads {
	o := &oracleRoads{wayFile: w, ofID: map[int64][]int{}, out: map[int64][]int{}, bins: map[[2]int][]stretch{}}
	var of []*wayDrawn
	met := map[int64]int{}
	for i := range w.ways {
		var run []int64
		for k, node := range append(slices.Clone(w.ways[i].nodes), 0) {
			if _, known := w.at[node]; known && k < len(w.ways[i].nodes) {
				run = append(run, node)
				continue
			}
			if len(run) > 1 {
				o.ofID[w.ways[i].id] = append(o.ofID[w.ways[i].id], len(o.parts))
				o.parts, of = append(o.parts, wayPart{nodes: run}), append(of, &w.ways[i])
				for _, n := range append(run[:len(run):len(run)], run[0], run[len(run)-1]) {
					met[n]++
				}
			}
			run = nil
		}
	}
	for p := range o.parts {
		nodes, way, wholeM, start := o.parts[p].nodes, of[p], 0.0, 0
		for k := 1; k < len(nodes); k++ {
			wholeM += apart(w.at[nodes[k-1]], w.at[nodes[k]])
		}
		for k := 1; k < len(nodes); k++ {
			if _, stands := w.posts[nodes[k]]; met[nodes[k]] < 2 && !stands {
				continue
			}
			o.addLanes(p, way, nodes[start:k+1], wholeM)
			start = k
		}
	}
	for mode := range 3 {
		o.modes[mode] = o.ride(mode)
	}
	return o
}

func (o *oracleRoads) addLanes(p int, way *wayDrawn, nodes []int64, wholeM float64) {
	var line [][2]float64
	lengthM := 0.0
	for k, n := range nodes {
		line = append(line, o.at[n])
		if k > 0 {
			lengthM += apart(line[k-1], line[k])
			low, high := binAt(line[k-1]), binAt(line[k])
			for x := min(low[0], high[0]); x <= max(low[0], high[0]); x++ {
				for y := min(low[1], high[1]); y <= max(low[1], high[1]); y++ {
					o.bins[[2]int{x, y}] = append(o.bins[[2]int{x, y}], stretch{len(o.lanes), k - 1})
				}
			}
		}
	}
	there := lane{part: p, from: nodes[0], to: nodes[len(nodes)-1], line: line, lengthM: lengthM, ends: way.ends, ferry: way.class == "ferry"}
	back := there
	back.from, back.to, back.line = there.to, there.from, slices.Clone(line)
	slices.Reverse(back.line)
	for mode := range 3 {
		for i, l := range []*lane{&there, &back} {
			l.seconds[mode] = math.Inf(1)
			if kmh := way.kmh[mode][i]; kmh > 0 {
				l.seconds[mode] = cmp.Or(way.wayS*lengthM/wholeM, lengthM/kmh*3.6)
			}
		}
	}
	o.parts[p].lanes = append(o.parts[p].lanes, len(o.lanes))
	o.out[there.from] = append(o.out[there.from], len(o.lanes))
	o.out[back.from] = append(o.out[back.from], len(o.lanes)+1)
	o.lanes = append(o.lanes, there, back)
}

// heading at the start of a line, over its first ten metres.
func heading(line [][2]float64) float64 {
	k := 1
	for sum := apart(line[0], line[1]); sum < 10 && k+1 < len(line); k++ {
		sum += apart(line[k], line[k+1])
	}
	east, north := flat(line[0], line[k])
	return math.Atan2(east, north) * 180 / math.Pi
}

// turnS is what going from one lane onto another takes.
func (o *oracleRoads) turnS(mode, from, to int) float64 {
	node, round, meet, waitS := o.lanes[from].to, to == from^1, 0, 0.0
	for _, l := range o.out[node] {
		if !math.IsInf(o.lanes[l].seconds[mode], 1) || !math.IsInf(o.lanes[l^1].seconds[mode], 1) {
			meet++
		}
	}
	if p, stands := o.posts[node]; stands && !round && p.facing != -1+2*(from&1) {
		waitS = p.waitS[mode]
	}
	switch {
	case mode == 0 && round:
		return 2
	case mode == 0 || meet < 3 && !round:
		return waitS
	}
	back := slices.Clone(o.lanes[from].line)
	slices.Reverse(back)
	right := heading(o.lanes[to].line) - heading(back) - 180
	for right < -180 {
		right += 360
	}
	extra := 0.0
	if round {
		right, extra = 180, 20
	}
	if mode == 1 {
		if right < 0 {
			return extra + waitS + right*right/8100*6*1.4
		}
		return extra + waitS + right*right/8100*6/1.4
	}
	lean := 1.075
	if right < 0 {
		lean = 1 / 1.075
	}
	return extra + waitS + 7.5/(1+math.Exp(6.5*lean-13/lean*math.Abs(right)/180))
}

// modeRoads are the moves of one mode. A state is a lane and how far one has gone
// into chains of lanes that are forbidden.
type modeRoads struct {
	*oracleRoads
	mode  int
	bans  map[int][]int // chains by their first lane
	chain [][]int
	state []standing
	known map[standing]int
	moves [][]move
	main  []bool // by lane: on no island
}

type standing struct {
	lane int
	into string
}

type move struct {
	to    int
	s     float64
	entry bool // from open ground onto one only for those who end or begin there
}
