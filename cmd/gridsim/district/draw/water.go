package draw

// river is a line with a width.
type river struct {
	name   string
	widthM float64
	line   []vec
}

// riverPlans are invented courses, kilometres. The first is the main river; the
// others run into it.
var riverPlans = []struct {
	name   string
	widthM float64
	points []vec
}{
	{"金清港", 90, []vec{{-11.4, -0.6}, {-9.4, -0.2}, {-7.6, -0.9}, {-5.6, -1.1}, {-3.8, -1.9}, {-1.4, -1.3}, {0.8, -1.5}, {3.2, -0.6}, {5.6, -1.0}, {8.2, -2.2}, {10.6, -2.6}, {14.6, -3.2}}},
	{"南官河", 50, []vec{{-3.4, 6}, {-4.0, 4.4}, {-3.7, 2.6}, {-4.3, 0.8}, {-4.2, -0.6}, {-4.7, -1.62}}},
	{"洪家场浦", 45, []vec{{-5.7, -1.06}, {-5.3, -2.9}, {-5.6, -4.6}, {-5.0, -7.6}}},
	{"三才泾", 40, []vec{{1.9, 6.4}, {1.6, 4.4}, {2.3, 2.2}, {2.2, 0.6}, {3.0, -0.72}}},
	{"二湾河", 45, []vec{{8.2, 8}, {7.4, 5.6}, {7.9, 3.2}, {7.3, 0.8}, {7.8, -2.06}}},
	{"七条河", 40, []vec{{3.2, -7}, {2.7, -4.8}, {3.6, -2.8}, {3.3, -0.65}}},
	{"青龙浦", 40, []vec{{2.0, 3.2}, {4.0, 2.4}, {6.0, 2.6}, {7.6, 2.4}}},
}

// lakes have no bridges: streets go around them.
var lakes = []struct {
	name  string
	at    vec
	sizeM float64
}{{"飞龙湖", vec{-9050, 600}, 360}, {"金大田水库", vec{-11400, -3300}, 260}}

func layRivers(l *land) []river {
	var out []river
	for i, p := range riverPlans {
		points := make([]vec, len(p.points))
		for j, q := range p.points {
			points[j] = q.mul(1000)
		}
		line := curve(points, 70)
		n := l.noise + 41 + noise(i)
		for j, q := range line {
			// All courses wind by the same push, so that those that meet in the plan
			// meet on the map; each then has ripples of its own, but not at its mouth.
			line[j] = (l.noise + 40).push(q, 1700, 900, 3)
			if j > 0 && j < len(line)-1 {
				line[j] = n.push(line[j], 300, 24, 2)
			}
		}
		out = append(out, river{p.name, p.widthM, line})
	}
	return out
}

// inLake says whether a street from a to b would get wet.
func inLake(a, b vec) bool {
	for _, k := range lakes {
		if toSegment(k.at, a, b) < k.sizeM*1.3 {
			return true
		}
	}
	return false
}

// lakeRing is an uneven round shape.
func lakeRing(n noise, at vec, sizeM float64, corners int) []vec {
	var ring []vec
	for i := range corners {
		d := unit(float64(i) / float64(corners))
		p := at.add(d.mul(sizeM * (1 + 0.35*n.rough(at.add(d.mul(sizeM)), sizeM*0.9, 3))))
		ring = append(ring, p)
	}
	return ring
}

func waterJSON(l *land, rivers []river) []byte {
	w := newCollection()
	for _, r := range rivers {
		var line []degrees
		for _, p := range r.line {
			if l.at(p) >= 0 {
				line = append(line, p.degrees())
			}
		}
		w.line(line, "kind", "river", "name", r.name, "width_m", int(r.widthM))
	}
	for i, k := range lakes {
		w.polygon([][]degrees{closed(lakeRing(l.noise+60+noise(i), k.at, k.sizeM, 48))}, "kind", "lake", "name", k.name)
	}
	return w.bytes()
}

func closed(ring []vec) []degrees {
	out := make([]degrees, 0, len(ring)+1)
	for _, p := range ring {
		out = append(out, p.degrees())
	}
	return append(out, out[0])
}
