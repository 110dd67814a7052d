package grid

import (
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// entry is a grid that a bin may lie in: its rank, whether it is special, and
// whether it holds the whole bin, border included.
type entry uint32

func (e entry) rank() int     { return int(e >> 2) }
func (e entry) special() bool { return e&2 != 0 }
func (e entry) whole() bool   { return e&1 != 0 }

// raster is the pre-filter: equal bins over the box of all grids, each with the
// grids that have anything to do with it, the lowest code first.
type raster struct {
	box           geo.Box
	columns, rows int
	perLon        float64 // bins to a degree
	perLat        float64
	starts        []int32 // bin i has entries[starts[i]:starts[i+1]]
	entries       []entry
}

// padDeg widens every edge when bins are marked: bins that BorderDeg or rounding
// could reach are marked too.
const padDeg = 10 * BorderDeg

func newRaster(shapes []shape, specials []bool) raster {
	if len(shapes) == 0 {
		return raster{}
	}
	box := shapes[0].box
	for _, s := range shapes {
		box.West, box.South = min(box.West, s.box.West), min(box.South, s.box.South)
		box.East, box.North = max(box.East, s.box.East), max(box.North, s.box.North)
	}
	box.West, box.South = box.West-2*padDeg, box.South-2*padDeg
	box.East, box.North = box.East+2*padDeg, box.North+2*padDeg

	// About a thousand bins to a grid keep four fifths of them whole.
	side := min(max(int(32*math.Sqrt(float64(len(shapes)))), 64), 2048)
	r := raster{box: box, columns: side, rows: side}
	r.perLon = float64(side) / (box.East - box.West)
	r.perLat = float64(side) / (box.North - box.South)

	type mark struct {
		bin int32
		entry
	}
	var marks []mark
	border := make([]int32, side*side) // the last shape, plus one, with an edge in the bin
	for rank := range shapes {
		s := &shapes[rank]
		base := entry(rank) << 2
		if specials[rank] {
			base |= 2
		}
		for _, e := range s.edges {
			r.eachBin(e, func(bin int) {
				if border[bin] != int32(rank+1) {
					border[bin] = int32(rank + 1)
					marks = append(marks, mark{int32(bin), base})
				}
			})
		}
		// Bins without an edge lie wholly inside or outside; a run of them in one
		// row lies on one side.
		for row := r.row(s.box.South); row <= r.row(s.box.North); row++ {
			known, inside := false, false
			for column := r.column(s.box.West); column <= r.column(s.box.East); column++ {
				bin := row*side + column
				if border[bin] == int32(rank+1) {
					known = false
					continue
				}
				if !known {
					known, inside = true, s.contains(r.middle(column, row))
				}
				if inside {
					marks = append(marks, mark{int32(bin), base | 1})
				}
			}
		}
	}
	slices.SortFunc(marks, func(a, b mark) int {
		if a.bin != b.bin {
			return int(a.bin) - int(b.bin)
		}
		return int(a.entry) - int(b.entry)
	})
	r.starts = make([]int32, side*side+1)
	r.entries = make([]entry, len(marks))
	for i, m := range marks {
		r.starts[m.bin+1]++
		r.entries[i] = m.entry
	}
	for i := range side * side {
		r.starts[i+1] += r.starts[i]
	}
	return r
}

// at answers the grids that p may lie in; none outside the raster.
func (r *raster) at(p geo.Point) []entry {
	if r.columns == 0 || !r.box.Contains(p) {
		return nil
	}
	bin := r.row(p.Lat)*r.columns + r.column(p.Lon)
	return r.entries[r.starts[bin]:r.starts[bin+1]]
}

func (r *raster) column(lon float64) int {
	return min(max(int((lon-r.box.West)*r.perLon), 0), r.columns-1)
}

func (r *raster) row(lat float64) int {
	return min(max(int((lat-r.box.South)*r.perLat), 0), r.rows-1)
}

func (r *raster) middle(column, row int) geo.Point {
	return geo.Point{Lon: r.box.West + (float64(column)+0.5)/r.perLon, Lat: r.box.South + (float64(row)+0.5)/r.perLat}
}

// eachBin visits every bin that the edge, widened by padDeg, touches, and perhaps
// a few beside it.
func (r *raster) eachBin(e edge, visit func(bin int)) {
	if e.ay > e.by {
		e = edge{e.bx, e.by, e.ax, e.ay}
	}
	slope := 0.0
	if e.by > e.ay {
		slope = (e.bx - e.ax) / (e.by - e.ay)
	}
	west, east := min(e.ax, e.bx), max(e.ax, e.bx)
	for row := r.row(e.ay - padDeg); row <= r.row(e.by+padDeg); row++ {
		from, to := west, east
		if slope != 0 {
			// Only the stretch of the edge at the height of this row.
			low := r.box.South + float64(row)/r.perLat - 2*padDeg
			high := r.box.South + float64(row+1)/r.perLat + 2*padDeg
			x0, x1 := e.ax+(low-e.ay)*slope, e.ax+(high-e.ay)*slope
			from, to = max(from, min(x0, x1)), min(to, max(x0, x1))
		}
		for column := r.column(from - padDeg); column <= r.column(to+padDeg); column++ {
			visit(row*r.columns + column)
		}
	}
}
