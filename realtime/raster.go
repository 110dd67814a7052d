package realtime

import (
	"iter"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
)

const (
	// perSquare is how many a square holds when the raster is laid; until it is laid anew it
	// may be twice as many. So few that a question looks at few, so many that the squares
	// next to its own hold the nearest few.
	perSquare = 2.5
	// perBlock is how many a block of two lines of the cache holds.
	perBlock = 6
	// crowdedAt is how many in one square make the raster be laid anew.
	crowdedAt = 32 * perBlock
	// leastStep is the side of the smallest square, some 10 m, in degrees.
	leastStep = 1e-4
	// spareBlocks is how many further blocks are made at once.
	spareBlocks = 512
)

// raster is squares of degrees; H3 would say the same at twenty times the cost of
// finding a square. A square has a block, its home, and those that the home has no room
// for stand in further ones. The homes of the squares where nearly all stand lie side by
// side in memory, the core, so that a question finds those around a place without a
// search, and reads their places there without going to the patrols; a table names the
// homes of those further off.
type raster struct {
	stepLon, stepLat float64 // degrees
	from             square  // of core, the one with the least x and y
	wide, high       int32
	core             []block
	spare            [][]block // all others
	free             uint32    // the first that nobody stands in, linked by next; 0 for none
	far              map[square]uint32
	laidFor          int // how many stood in it when it was laid
	moves            int // since then
}

// square is where a square of the raster is, in steps.
type square struct{ x, y int32 }

// block is up to perBlock stands. The number of a block of the core is its place there,
// those of the others come after. While a home has further blocks it is full itself, and
// so are all but the first of them: whoever leaves is replaced from there. So no stand
// ever moves from square to square with another, and a patrol need only know its home.
type block struct {
	who  [perBlock]uint32
	load uint32 // of a home: all in the square; of another: those in the block
	next uint32 // 0 for none
	at   [perBlock]geo.Point
}

func newRaster(stepLon, stepLat float64) *raster {
	return &raster{stepLon: stepLon, stepLat: stepLat, far: map[square]uint32{}}
}

// settle makes the core: what lies between two corners and a quarter as much again on
// each side, at most so many squares.
func (r *raster) settle(west, south, east, north float64, most int) {
	w, s := math.Floor((west-(east-west)/4)/r.stepLon), math.Floor((south-(north-south)/4)/r.stepLat)
	wide, high := math.Floor((east+(east-west)/4)/r.stepLon)-w+1, math.Floor((north+(north-south)/4)/r.stepLat)-s+1
	if wide*high > float64(most) {
		return // they stand on a line, or apart: the table holds them
	}
	r.from, r.wide, r.high = square{int32(w), int32(s)}, int32(wide), int32(high)
	r.core = huge[block](int(wide) * int(high))
}

func (r *raster) squareOf(p geo.Point) square {
	return square{int32(math.Floor(p.Lon / r.stepLon)), int32(math.Floor(p.Lat / r.stepLat))}
}

// find answers the home of a square; not known is one where nobody stands.
func (r *raster) find(s square) (home uint32, known bool) {
	if x, y := s.x-r.from.x, s.y-r.from.y; uint32(x) < uint32(r.wide) && uint32(y) < uint32(r.high) {
		return uint32(y)*uint32(r.wide) + uint32(x), true
	}
	home, known = r.far[s]
	return home, known
}

func (r *raster) block(number uint32) *block {
	if int(number) < len(r.core) {
		return &r.core[number]
	}
	i := int(number) - len(r.core)
	return &r.spare[i/spareBlocks][i%spareBlocks]
}

// fresh answers a block in which nobody stands.
func (r *raster) fresh() uint32 {
	if r.free == 0 {
		first := len(r.core) + len(r.spare)*spareBlocks
		r.spare = append(r.spare, make([]block, spareBlocks))
		for i := spareBlocks - 1; i >= 0; i-- {
			if number := uint32(first + i); number != 0 { // 0 says that there is no next
				r.release(number)
			}
		}
	}
	number := r.free
	b := r.block(number)
	r.free, b.next = b.next, 0
	return number
}

func (r *raster) release(number uint32) {
	b := r.block(number)
	b.load, b.next = 0, r.free
	r.free = number
}

// add answers the home of the square that a place lies in.
func (r *raster) add(who uint32, at geo.Point) uint32 {
	s := r.squareOf(at)
	home, known := r.find(s)
	if !known {
		home = r.fresh()
		r.far[s] = home
	}
	h := r.block(home)
	b, i := h, h.load
	if h.load >= perBlock {
		if h.next == 0 || r.block(h.next).load == perBlock {
			number := r.fresh()
			r.block(number).next, h.next = h.next, number
		}
		b = r.block(h.next)
		i = b.load
		b.load++
	}
	b.who[i], b.at[i] = who, at
	h.load++
	if h.load > crowdedAt && r.moves >= r.laidFor && r.stepLat > leastStep {
		r.laidFor = 0 // lay it anew
	}
	return home
}

// seek finds where in the blocks of its square somebody stands.
func (r *raster) seek(who, home uint32) (*block, int) {
	b := r.block(home)
	for {
		for i := range min(b.load, perBlock) {
			if b.who[i] == who {
				return b, int(i)
			}
		}
		b = r.block(b.next)
	}
}

// remove lets somebody go from where they stood.
func (r *raster) remove(who, home uint32, at geo.Point) {
	b, i := r.seek(who, home)
	h := r.block(home)
	h.load--
	last, j := h, h.load
	if h.load >= perBlock {
		last = r.block(h.next)
		last.load--
		j = last.load
	}
	b.who[i], b.at[i] = last.who[j], last.at[j]
	if last != h && j == 0 {
		gone := h.next
		h.next = last.next
		r.release(gone)
	}
	if h.load == 0 && int(home) >= len(r.core) {
		delete(r.far, r.squareOf(at))
		r.release(home)
	}
}

// homes is every home with somebody in it.
func (r *raster) homes() iter.Seq2[uint32, *block] {
	return func(yield func(uint32, *block) bool) {
		for i := range r.core {
			if r.core[i].load > 0 && !yield(uint32(i), &r.core[i]) {
				return
			}
		}
		for _, home := range r.far {
			if !yield(home, r.block(home)) {
				return
			}
		}
	}
}

// chain is a home and its further blocks.
func (r *raster) chain(b *block) iter.Seq[*block] {
	return func(yield func(*block) bool) {
		for yield(b) && b.next != 0 {
			b = r.block(b.next)
		}
	}
}

// touch brings the nine squares around one to the cache at once: the first look at each
// does not wait for the one before.
func (r *raster) touch(s square) (sum uint32) {
	x, y := s.x-r.from.x, s.y-r.from.y
	if x < 1 || y < 1 || x >= r.wide-1 || y >= r.high-1 {
		return 0
	}
	for i := int(y-1)*int(r.wide) + int(x-1); i < int(y+2)*int(r.wide); i += int(r.wide) {
		row := r.core[i : i+3]
		sum += row[0].load + row[1].load + row[2].load
	}
	return sum
}
