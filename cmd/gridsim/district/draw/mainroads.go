package draw

import (
	"cmp"
	"math"
	"slices"
)

// mainRoad is a road laid before villages and grids, which keep to it.
type mainRoad struct {
	name  string
	class string
	line  []vec // about every 60 m
}

// trunkPlans are invented courses, kilometres.
var trunkPlans = []struct {
	name, class string
	points      []vec
}{
	{"沿海大道", "trunk", []vec{{6.3, 8.4}, {6.2, 5}, {6.6, 2}, {6.9, -1}, {7.6, -4}, {7.2, -8}}},
	{"台金大道", "trunk", []vec{{-14, 1.9}, {-10.2, 1.7}, {-7.2, 2.0}, {-4.4, 2.1}, {-1, 2.7}, {3, 3.1}, {6.5, 3.2}, {10, 2.5}, {14.5, 2.3}}},
	{"机场路", "trunk", []vec{{-7.4, 8}, {-7.7, 4.4}, {-8.1, 1}, {-8.0, -2}, {-7.2, -4}, {-6.2, -8}}},
	{"路桥大道", "primary", []vec{{-12.6, -1.7}, {-9.6, -1.9}, {-6.5, -1.9}, {-3.2, -2.6}, {0.4, -2.6}, {3.4, -2.2}, {6.2, -2.4}, {9.6, -1.4}, {14, -1.2}}},
	{"银座街", "primary", []vec{{-5.2, 6.4}, {-5.4, 3.2}, {-5.7, 0.6}, {-6.2, -1.8}, {-6.5, -5.2}}},
	{"珠光街", "secondary", []vec{{-8.5, 0.9}, {-5.8, 0.5}, {-3.2, 0.6}, {-0.6, 1.4}, {2.6, 1.2}, {6.4, 0.9}, {11.2, 0.4}}},
	{"商海街", "secondary", []vec{{-8.0, 3.6}, {-5.2, 3.5}, {-2.6, 3.6}, {0.6, 4.2}, {4.6, 4.3}, {8.2, 4.6}, {10.5, 4.4}, {13, 4.2}}},
	{"腾达路", "secondary", []vec{{-0.2, 6.2}, {-0.5, 3.4}, {-0.5, 1.2}, {0.2, -1.2}, {0.5, -3.5}, {0.0, -6.4}}},
	{"海城路", "secondary", []vec{{4.4, 7.8}, {4.5, 4.4}, {4.3, 1.4}, {4.8, -1.2}, {5.8, -3.2}, {5.0, -6.4}}},
	{"聚洋大道", "secondary", []vec{{10.9, 7}, {10.5, 4.4}, {10.7, 1.6}, {10.8, -0.4}, {10.6, -3.4}, {10.2, -8.0}}},
	{"峰江大道", "secondary", []vec{{-11.2, -4.2}, {-8.6, -4.1}, {-6, -4.5}, {-3.4, -4.7}, {0.4, -4.3}, {3.2, -4.3}, {6.0, -4.2}, {11.2, -4.6}}},
	{"永源路", "secondary", []vec{{-3.4, -2.6}, {-3.2, -4.6}, {-2.8, -7}}},
	{"桐屿大道", "secondary", []vec{{-10.6, 6.8}, {-10.2, 3.2}, {-10.1, 1.7}, {-10.3, -0.6}, {-9.9, -2.2}, {-9.6, -4.6}}},
	{"泰隆街", "secondary", []vec{{-10.2, 3.4}, {-8.8, 3.8}, {-7.0, 3.6}}},
}

func layMainRoads(l *land) []mainRoad {
	var out []mainRoad
	for _, p := range trunkPlans {
		points := make([]vec, len(p.points))
		for j, q := range p.points {
			points[j] = q.mul(1000)
		}
		var line, longest []vec // the outline may cut a road into pieces
		for _, q := range curve(points, 60) {
			q = (l.noise + 50).push(q, 1600, 260, 2)
			if l.at(q) < 0 {
				line = nil
				continue
			}
			if line = append(line, q); len(line) > len(longest) {
				longest = line
			}
		}
		out = append(out, mainRoad{p.name, p.class, longest})
	}
	return out
}

// cut splits the main roads where they cross and, between crossings, about every
// 240 m, so that smaller roads can join. It answers the places and the
// stretches between them.
func cutMainRoads(mains []mainRoad) ([]vec, []stretch) {
	type crossing struct {
		at   float64 // place along the road: sample and share of the way to the next
		node int
	}
	var nodes []vec
	nodeAt := func(p vec) int {
		for i, q := range nodes {
			if p.distance(q) < 45 {
				return i
			}
		}
		nodes = append(nodes, p)
		return len(nodes) - 1
	}
	crossings := make([][]crossing, len(mains))
	for i, a := range mains {
		for j, b := range mains[:i] {
			for k := 1; k < len(a.line); k++ {
				for m := 1; m < len(b.line); m++ {
					p, ok := meet(a.line[k-1], a.line[k], b.line[m-1], b.line[m])
					if !ok {
						continue
					}
					n := nodeAt(p)
					crossings[i] = append(crossings[i], crossing{along(a.line, k, p), n})
					crossings[j] = append(crossings[j], crossing{along(b.line, m, p), n})
				}
			}
		}
	}
	var out []stretch
	for i, r := range mains {
		cs := crossings[i]
		slices.SortStableFunc(cs, func(a, b crossing) int { return cmp.Compare(a.at, b.at) })
		// An end that lies on another road joins it.
		ends := [2]float64{0, float64(len(r.line) - 1)}
		var stops []crossing
		last := ends[0]
		add := func(c crossing) {
			for c.at-last > 6 { // 6 samples are 360 m
				last += 4
				stops = append(stops, crossing{last, nodeAt(r.line[int(last)])})
			}
			stops = append(stops, c)
			last = math.Ceil(c.at)
		}
		if len(cs) == 0 || cs[0].at > 1 {
			stops = append(stops, crossing{0, nodeAt(r.line[0])})
		}
		for _, c := range cs {
			add(c)
		}
		if ends[1]-last > 1 {
			add(crossing{ends[1], nodeAt(r.line[len(r.line)-1])})
		}
		for k := 1; k < len(stops); k++ {
			a, b := stops[k-1], stops[k]
			if a.node == b.node {
				continue
			}
			line := []vec{nodes[a.node]}
			for s := int(a.at) + 1; float64(s) < b.at; s++ {
				if p := r.line[s]; p.distance(nodes[a.node]) > 25 && p.distance(nodes[b.node]) > 25 {
					line = append(line, p)
				}
			}
			line = append(line, nodes[b.node])
			out = append(out, stretch{from: a.node, to: b.node, line: line, class: r.class, name: r.name, main: true})
		}
	}
	return nodes, out
}

func along(line []vec, k int, p vec) float64 {
	return float64(k-1) + p.distance(line[k-1])/line[k].distance(line[k-1])
}
