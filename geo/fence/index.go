package fence

import (
	"errors"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

const (
	// indexRes is the resolution of the cells by which fences are found: edges of some
	// 500 m, so that a place has a handful of them and a town some hundred.
	indexRes = 8
	// cellRadiusM is more than from the middle of such a cell to any point of it.
	cellRadiusM = 700.0
	// strideM is how far apart a way is looked at.
	strideM = 300.0
	// maxStrides bounds a way: 20 km within wayWithin is none.
	maxStrides = 64
	// maxFenceCells bounds what a fence lies in; a larger one is near everybody.
	maxFenceCells = 2000
)

// Index finds the fences that somebody could have crossed, by the cells of the way. It
// answers too many rather than too few, and is not changed once it is filled.
type Index[T any] struct {
	byCell map[cell.Cell][]int
	wide   []int
	things []T
}

// Add puts a fence in, with what stands for it.
func (x *Index[T]) Add(f *Fence, thing T) error {
	if x.byCell == nil {
		x.byCell = map[cell.Cell][]int{}
	}
	n := len(x.things)
	cells, err := cell.In(f.grown(cellRadiusM+mostMarginM+strideM), indexRes, maxFenceCells)
	if err != nil && !errors.Is(err, cell.ErrMany) {
		return err
	}
	x.things = append(x.things, thing)
	if err != nil {
		x.wide = append(x.wide, n)
	}
	for _, c := range cells {
		x.byCell[c] = append(x.byCell[c], n)
	}
	return nil
}

// Near visits, each once, everything whose fence is nearer than its margin to the fix, or
// to the straight way to it from the one before where that counts; before may be nil.
func (x *Index[T]) Near(before *Fix, fix Fix, visit func(T)) {
	var seen map[int]bool
	look := func(at []int) {
		for _, n := range at {
			if seen[n] {
				continue
			}
			if seen == nil {
				seen = map[int]bool{}
			}
			seen[n] = true
			visit(x.things[n])
		}
	}
	look(x.wide)
	strides := 1
	if before != nil && fix.T.Sub(before.T) <= wayWithin {
		strides = max(1, int(min(maxStrides, math.Ceil(geo.DistanceM(before.Point, fix.Point)/strideM))))
	}
	last := cell.Cell(0)
	for k := range strides {
		p := fix.Point
		if k > 0 {
			share := float64(k) / float64(strides)
			p = geo.Point{Lon: p.Lon + (before.Point.Lon-p.Lon)*share, Lat: p.Lat + (before.Point.Lat-p.Lat)*share}
		}
		if c := cell.At(p, indexRes); c != last {
			last = c
			look(x.byCell[c])
		}
	}
}

// grown is a box that holds every point within some metres of the fence.
func (f *Fence) grown(metres float64) geo.Box {
	w, s := f.local.XY(geo.Point{Lon: f.box.West, Lat: f.box.South})
	e, n := f.local.XY(geo.Point{Lon: f.box.East, Lat: f.box.North})
	low, high := f.local.Point(w-metres, s-metres), f.local.Point(e+metres, n+metres)
	return geo.Box{West: low.Lon, South: low.Lat, East: high.Lon, North: high.Lat}
}
