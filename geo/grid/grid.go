// Package grid answers which grid is responsible for a place: for a point, and
// for the disc of a fix's accuracy, in shares. It knows polygons, not departments.
//
// # Rules
//
//   - Exact geometry decides, holes and exclaves included. A raster of bins only
//     pre-filters; most bins lie wholly in one grid and need no geometry at all.
//     (H3 cells were measured for this: finding the cell of a point takes 1.2 us,
//     ten times the whole lookup, and cells cannot be padded around a border.)
//   - A border belongs to every grid it bounds, to within BorderDeg; of several
//     grids that hold a point the one with the lowest code answers.
//   - A special grid is laid over the general ones and counts only where the caller
//     says that it claims the matter. There it wins, the point and the part of the
//     disc within it alike.
//   - A point in a gap goes to the nearest grid within NearestM, and the answer says so.
//   - Special grids that overlap each other by more than slivers are the import's
//     to refuse; here the lower code takes the overlap.
//
// An Index never changes after New, so any number of goroutines may ask it.
package grid

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/twpayne/go-geom"
)

const (
	// BorderDeg is how near to an edge a point lies on it: a tenth of a millimetre.
	BorderDeg = 1e-9
	// NearestM is how far from a gap the nearest grid still answers for it.
	NearestM = 2000
	// AssumedAccuracyM is the radius of the disc where none was given.
	AssumedAccuracyM = 20
	// MaxDiscM bounds the disc; what claims to be less accurate gets this one.
	MaxDiscM = 20_000
	// None is the Ref of no grid: the part of a disc outside every grid.
	None = -1
)

// Grid is one polygon that somebody is responsible for. Code orders grids and is
// unique.
type Grid struct {
	Code    string
	Special bool // laid over the general ones
	Geom    *geom.MultiPolygon
}

// The ways in which an Answer was found.
const (
	Inside  = "inside"  // the point lies in the responsible grid
	Nearest = "nearest" // in a gap; the responsible grid is within NearestM
	Nowhere = "none"    // no grid is near
)

// Share is the part of the disc that lies in one grid, 0 to 1. Ref is the place
// of the grid in the slice given to New, or None.
type Share struct {
	Ref   int
	Share float64
}

// Answer is who is responsible for a place, and how sure that is.
type Answer struct {
	Basis       string
	Responsible Share // Ref None where Basis is Nowhere
	RunnerUp    Share // the other grid with the largest share; Ref None where there is none
	// RunnerUpM is from the point to the runner-up; 0 where the point lies in it too,
	// on a border or below a special grid.
	RunnerUpM float64
	// Shares of all grids the disc touches, the largest first; the part outside
	// every grid comes last, under None. They sum to 1.
	Shares          []Share
	DistanceM       float64 // from the point to the responsible grid; 0 inside
	AccuracyM       float64 // the radius that was used
	AccuracyAssumed bool    // no usable accuracy was given
}

// ErrGrids says that New was given what no index can be made of.
var ErrGrids = errors.New("bad grids")

// Index is the immutable index over one version of the grids.
type Index struct {
	// By rank, which is the order of codes, so that the lower code is met first.
	refs     []int
	specials []bool
	shapes   []shape
	raster   raster
}

// New makes the index. Its error wraps ErrGrids and names every grid at fault.
func New(grids []Grid) (*Index, error) {
	order := make([]int, len(grids))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(grids[a].Code, grids[b].Code) })

	ix := &Index{refs: order}
	var faults []error
	for rank, ref := range order {
		g := grids[ref]
		if rank > 0 && grids[order[rank-1]].Code == g.Code {
			faults = append(faults, fmt.Errorf("grid %q comes twice", g.Code))
		}
		s, err := newShape(g.Geom)
		if err != nil {
			faults = append(faults, fmt.Errorf("grid %q: %w", g.Code, err))
		}
		ix.shapes = append(ix.shapes, s)
		ix.specials = append(ix.specials, g.Special)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrGrids, errors.Join(faults...))
	}
	ix.raster = newRaster(ix.shapes, ix.specials)
	return ix, nil
}

// Len is how many grids there are.
func (ix *Index) Len() int { return len(ix.refs) }

// Box holds every grid; false where there is none.
func (ix *Index) Box() (b geo.Box, ok bool) {
	for i, s := range ix.shapes {
		if i == 0 {
			b = s.box
			continue
		}
		b = geo.Box{West: min(b.West, s.box.West), South: min(b.South, s.box.South), East: max(b.East, s.box.East), North: max(b.North, s.box.North)}
	}
	return b, len(ix.shapes) > 0
}

// Find answers the grid that holds p: the special one that overrides claims, or
// else the general one; None in a gap. A nil overrides claims nothing.
func (ix *Index) Find(p geo.Point, overrides func(ref int) bool) int {
	if rank := ix.find(p, overrides); rank >= 0 {
		return ix.refs[rank]
	}
	return None
}

func (ix *Index) find(p geo.Point, overrides func(ref int) bool) int {
	general := None
	for _, e := range ix.raster.at(p) {
		rank := e.rank()
		if e.special() {
			if overrides != nil && (e.whole() || ix.shapes[rank].contains(p)) && overrides(ix.refs[rank]) {
				return rank
			}
			continue
		}
		if general == None && (e.whole() || ix.shapes[rank].contains(p)) {
			general = rank
			if overrides == nil {
				return rank
			}
		}
	}
	return general
}

// Locate answers who is responsible for p, known to within accuracyM metres (zero
// or no number: AssumedAccuracyM). Special grids count only where overrides says
// that they claim the matter; nil claims nothing. A point that geo.Point.Check
// refuses is nowhere.
func (ix *Index) Locate(p geo.Point, accuracyM float64, overrides func(ref int) bool) Answer {
	a := Answer{Basis: Nowhere, Responsible: Share{Ref: None}, RunnerUp: Share{Ref: None}, AccuracyM: accuracyM}
	if !(accuracyM > 0) {
		a.AccuracyM, a.AccuracyAssumed = AssumedAccuracyM, true
	}
	a.AccuracyM = min(a.AccuracyM, MaxDiscM)
	if p.Check() != nil {
		a.Shares = []Share{{Ref: None, Share: 1}}
		return a
	}
	local := geo.NewLocal(p)
	rank := ix.find(p, overrides)
	if rank >= 0 {
		a.Basis = Inside
	} else if rank, a.DistanceM = ix.nearest(local, overrides); rank >= 0 {
		a.Basis = Nearest
	}
	if rank >= 0 {
		a.Responsible.Ref = ix.refs[rank]
	}
	a.Shares = ix.shares(local, a.AccuracyM, overrides)
	for _, s := range a.Shares {
		switch {
		case s.Ref == None:
		case s.Ref == a.Responsible.Ref:
			a.Responsible.Share = s.Share
		case a.RunnerUp.Ref == None:
			a.RunnerUp = s
		}
	}
	if a.RunnerUp.Ref != None {
		up := &ix.shapes[slices.Index(ix.refs, a.RunnerUp.Ref)]
		if !up.contains(p) {
			a.RunnerUpM = up.distanceM(local)
		}
	}
	return a
}

// nearest finds the closest grid to the local origin, within NearestM. Of grids
// equally far (to a millimetre) a special one that is claimed wins, then the
// lower code.
func (ix *Index) nearest(local geo.Local, overrides func(ref int) bool) (rank int, distanceM float64) {
	const sameM = 0.001
	box := local.Box(NearestM)
	rank, distanceM = None, math.Inf(1)
	for r := range ix.shapes {
		if !overlap(ix.shapes[r].box, box) {
			continue
		}
		special := ix.specials[r]
		if special && (overrides == nil || !overrides(ix.refs[r])) {
			continue
		}
		d := ix.shapes[r].distanceM(local)
		if d > NearestM {
			continue
		}
		better := rank == None || d < distanceM-sameM
		if !better && d <= distanceM+sameM && special && !ix.specials[rank] {
			better = true
		}
		if better {
			rank, distanceM = r, d
		}
	}
	if rank == None {
		return None, 0
	}
	return rank, distanceM
}

// shares splits the disc among the grids it touches.
func (ix *Index) shares(local geo.Local, radiusM float64, overrides func(ref int) bool) []Share {
	const sliver = 1e-6 // smaller shares are rounding
	box := local.Box(radiusM)
	disc := math.Pi * radiusM * radiusM
	type piece struct {
		rank   int
		areaM2 float64
	}
	var generals, claimed []piece
	for r := range ix.shapes {
		if !overlap(ix.shapes[r].box, box) {
			continue
		}
		if ix.specials[r] && (overrides == nil || !overrides(ix.refs[r])) {
			continue
		}
		area := ix.shapes[r].discArea(local, radiusM)
		if area <= 0 {
			continue
		}
		if ix.specials[r] {
			claimed = append(claimed, piece{r, area})
		} else {
			generals = append(generals, piece{r, area})
		}
	}
	// What a claimed special grid covers is taken from the grids below it.
	for i := range claimed {
		over := newFan(&ix.shapes[claimed[i].rank], local)
		for j := range claimed[i+1:] {
			lower := &claimed[i+1+j]
			lower.areaM2 -= over.commonArea(newFan(&ix.shapes[lower.rank], local), radiusM)
		}
		for j := range generals {
			generals[j].areaM2 -= over.commonArea(newFan(&ix.shapes[generals[j].rank], local), radiusM)
		}
	}
	var out []Share
	sum := 0.0
	for _, p := range append(claimed, generals...) {
		if share := p.areaM2 / disc; share > sliver {
			out = append(out, Share{Ref: ix.refs[p.rank], Share: share})
			sum += share
		}
	}
	// Grids that overlap would count twice; grids that leave a gap leave a share.
	if sum > 1 {
		for i := range out {
			out[i].Share /= sum
		}
	}
	slices.SortStableFunc(out, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
	if sum < 1-sliver {
		out = append(out, Share{Ref: None, Share: 1 - sum})
	}
	return out
}

func overlap(a, b geo.Box) bool {
	return a.West <= b.East && b.West <= a.East && a.South <= b.North && b.South <= a.North
}
