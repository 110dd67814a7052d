package road

import (
	"cmp"
	"slices"
)

// rtree is a static tree of boxes around the straight stretches of all
// segments, packed along the Hilbert curve. A box of level 0 covers fan stretches, one
// of level k+1 fan boxes of level k. Stretches have no boxes of their own: to look at
// one is as quick.
type rtree struct {
	stretch []uint32 // by leaf: the point the stretch starts at
	segment []uint32 // by leaf
	levels  [][]box
}

const fan = 16

// box is in units of 1e-7 degree, edges included.
type box struct{ west, south, east, north int32 }

func (b *box) cover(o box) {
	b.west, b.south = min(b.west, o.west), min(b.south, o.south)
	b.east, b.north = max(b.east, o.east), max(b.north, o.north)
}

func (n *Network) plant() {
	type leaf struct {
		order          uint64
		point, segment uint32
	}
	count := len(n.points)/2 - n.Segments()
	leaves := make([]leaf, 0, count)
	for s := range n.Segments() {
		for p := n.first[s]; p+1 < n.first[s+1]; p++ {
			mid := Node{
				Lon7: int32((int64(n.points[2*p]) + int64(n.points[2*p+2])) / 2),
				Lat7: int32((int64(n.points[2*p+1]) + int64(n.points[2*p+3])) / 2),
			}
			leaves = append(leaves, leaf{hilbert(mid), p, uint32(s)})
		}
	}
	slices.SortFunc(leaves, func(a, b leaf) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.point, b.point))
	})
	t := &n.tree
	t.stretch, t.segment = make([]uint32, len(leaves)), make([]uint32, len(leaves))
	level := make([]box, (len(leaves)+fan-1)/fan)
	for i, l := range leaves {
		t.stretch[i], t.segment[i] = l.point, l.segment
		if b := n.box(l.point); i%fan == 0 {
			level[i/fan] = b
		} else {
			level[i/fan].cover(b)
		}
	}
	for {
		t.levels = append(t.levels, level)
		if len(level) <= 1 {
			return
		}
		up := make([]box, (len(level)+fan-1)/fan)
		for i := range level {
			if i%fan == 0 {
				up[i/fan] = level[i]
			} else {
				up[i/fan].cover(level[i])
			}
		}
		level = up
	}
}

// box around the stretch that starts at a point.
func (n *Network) box(p uint32) box {
	return box{
		west: min(n.points[2*p], n.points[2*p+2]), east: max(n.points[2*p], n.points[2*p+2]),
		south: min(n.points[2*p+1], n.points[2*p+3]), north: max(n.points[2*p+1], n.points[2*p+3]),
	}
}

// near visits the stretches around a place in the order of their distance, in
// metres on the plane of the place, until visit answers false. Only the order
// is promised for places far away, where the plane bends.
func (n *Network) near(lon, lat float64, heap *nearHeap, usable func(segment uint32) bool, visit func(leaf uint32, distanceM, along float64) bool) {
	t := &n.tree
	if len(t.stretch) == 0 {
		return
	}
	p := planeAt(lat)
	x, y, xM, yM := lon*1e7, lat*1e7, p.lonM/1e7, p.latM/1e7
	boxM := func(b *box) float64 {
		dx := max(float64(b.west)-x, x-float64(b.east), 0) * xM
		dy := max(float64(b.south)-y, y-float64(b.north), 0) * yM
		return long(dx, dy)
	}
	*heap = (*heap)[:0]
	top := len(t.levels) - 1
	heap.push(nearItem{distanceM: boxM(&t.levels[top][0]), level: int32(top)})
	for len(*heap) > 0 {
		item := heap.pop()
		switch {
		case item.level < 0:
			if !visit(item.index, item.distanceM, item.along) {
				return
			}
		case item.level == 0:
			for i := item.index * fan; i < min((item.index+1)*fan, uint32(len(t.stretch))); i++ {
				if usable(t.segment[i]) {
					d, along := n.toStretchM(t.stretch[i], lon, lat, p)
					heap.push(nearItem{distanceM: d, along: along, level: -1, index: i})
				}
			}
		default:
			below := t.levels[item.level-1]
			for i := int(item.index) * fan; i < min(int(item.index+1)*fan, len(below)); i++ {
				heap.push(nearItem{distanceM: boxM(&below[i]), level: item.level - 1, index: uint32(i)})
			}
		}
	}
}

// toStretchM is the distance from a place to the stretch that starts at a point,
// and how far along it the nearest place is, from 0 to 1.
func (n *Network) toStretchM(point uint32, lon, lat float64, p plane) (distanceM, along float64) {
	ax := (float64(n.points[2*point])/1e7 - lon) * p.lonM
	ay := (float64(n.points[2*point+1])/1e7 - lat) * p.latM
	dx := (float64(int64(n.points[2*point+2])-int64(n.points[2*point])) / 1e7) * p.lonM
	dy := (float64(int64(n.points[2*point+3])-int64(n.points[2*point+1])) / 1e7) * p.latM
	if l2 := dx*dx + dy*dy; l2 > 0 {
		along = min(max(-(ax*dx+ay*dy)/l2, 0), 1)
	}
	return long(ax+along*dx, ay+along*dy), along
}

// nearItem is a box (level 0 and up) or a stretch (-1).
type nearItem struct {
	distanceM, along float64
	level            int32
	index            uint32
}

// before breaks ties by what is, so that equal distances are visited in the same
// order every time: boxes first, since they may hide an equal stretch.
func (a nearItem) before(b nearItem) bool {
	if a.distanceM != b.distanceM {
		return a.distanceM < b.distanceM
	}
	if a.level != b.level {
		return a.level > b.level
	}
	return a.index < b.index
}

type nearHeap []nearItem

func (h *nearHeap) push(item nearItem) {
	*h = append(*h, item)
	s := *h
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !item.before(s[up]) {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = item
}

func (h *nearHeap) pop() nearItem {
	s := *h
	least := s[0]
	last := s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return least
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(last) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return least
}
