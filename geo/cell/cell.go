// Package cell names places by H3 cells. It is the only package that touches
// H3; everybody else passes Cell values on.
//
// A cell only ever pre-filters or counts: which grid a point lies in is decided
// by geometry, and a cell is never called a grid. Cells are computed from WGS-84.
package cell

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/uber/h3-go/v4"
)

// Cell is an H3 cell of any resolution. The zero value is no cell. SQL stores it
// as bigint, JSON shows String.
type Cell uint64

// Res is the resolution of the cell every report, case and fix carries: edges of
// about 200 m, an area of about 0.1 km².
const Res = 9

// MaxRes is the finest resolution there is.
const MaxRes = 15

// ErrCell says that a text or number is no H3 cell, or does not fit the question.
var ErrCell = errors.New("bad cell")

// At answers the cell of the given resolution that holds p. A point that is not
// a position, or a resolution outside 0..MaxRes, has no cell: zero.
func At(p geo.Point, res int) Cell {
	if !(p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180) {
		return 0
	}
	c, err := h3.LatLngToCell(h3.LatLng{Lat: p.Lat, Lng: p.Lon}, res)
	if err != nil {
		return 0
	}
	return Cell(c)
}

// Parse reads what String wrote.
func Parse(s string) (Cell, error) {
	if len(s) == 0 || len(s) > 16 {
		return 0, fmt.Errorf("%w: %.20q is not an H3 cell of up to 16 hexadecimal digits", ErrCell, s)
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || !Cell(n).Valid() {
		return 0, fmt.Errorf("%w: %q is not an H3 cell", ErrCell, s)
	}
	return Cell(n), nil
}

// String is the usual hexadecimal form, "8930e1d8c0bffff".
func (c Cell) String() string { return strconv.FormatUint(uint64(c), 16) }

// MarshalText writes String; no cell is empty.
func (c Cell) MarshalText() ([]byte, error) {
	if c == 0 {
		return nil, nil
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (c *Cell) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = 0
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// Valid says whether c is a cell at all.
func (c Cell) Valid() bool { return h3.Cell(c).IsValid() }

// Resolution is 0 (continents) to MaxRes (a square metre).
func (c Cell) Resolution() int { return int(c>>52) & 15 }

// Parent answers the cell of a coarser resolution that c descends from. Zero when
// res is finer than c's own or c is no cell.
func (c Cell) Parent(res int) Cell {
	p, err := h3.Cell(c).Parent(res)
	if err != nil {
		return 0
	}
	return Cell(p)
}

// Disk answers all cells within k steps of c, c itself included.
func (c Cell) Disk(k int) ([]Cell, error) {
	cells, err := h3.Cell(c).GridDisk(k)
	if err != nil {
		return nil, fmt.Errorf("%w: disk of %d steps around %v: %w", ErrCell, k, c, err)
	}
	return fromH3(cells), nil
}

// Center answers the middle of the cell.
func (c Cell) Center() (geo.Point, error) {
	at, err := h3.Cell(c).LatLng()
	if err != nil {
		return geo.Point{}, fmt.Errorf("%w: centre of %v: %w", ErrCell, c, err)
	}
	return geo.Point{Lon: at.Lng, Lat: at.Lat}, nil
}

// Boundary answers the corners of the cell, counter-clockwise, the first not
// repeated.
func (c Cell) Boundary() ([]geo.Point, error) {
	corners, err := h3.Cell(c).Boundary()
	if err != nil {
		return nil, fmt.Errorf("%w: boundary of %v: %w", ErrCell, c, err)
	}
	out := make([]geo.Point, len(corners))
	for i, at := range corners {
		out[i] = geo.Point{Lon: at.Lng, Lat: at.Lat}
	}
	return out, nil
}

func fromH3(cells []h3.Cell) []Cell {
	out := make([]Cell, len(cells))
	for i, c := range cells {
		out[i] = Cell(c)
	}
	return out
}
