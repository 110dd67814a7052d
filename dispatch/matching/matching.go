// Package matching pairs rows with columns, such as waiting reports with patrols,
// so that the sum of what the pairs cost, or the dearest of them, is least.
//
// It is pure: no clock, no randomness, no I/O. The same costs give the same pairs.
package matching

import (
	"errors"
	"fmt"
	"math"
)

const (
	// Never is the cost of a pair that must not be.
	Never = math.MaxInt64
	// Most is the largest cost a pair may have, and MostPairs how many pairs a table
	// may have: together they keep every sum far inside 64 bits.
	Most      = 1 << 36
	MostPairs = 1 << 24
)

// None stands for the column of a row that has none.
const None = -1

// Costs is a table of costs, row after row. Costs are in whatever unit the caller
// likes, from 0 to Most, or Never.
type Costs struct {
	Rows, Columns int
	Of            []int64 // Rows x Columns
}

// NewCosts makes a table in which no pair may be.
func NewCosts(rows, columns int) Costs {
	c := Costs{Rows: rows, Columns: columns, Of: make([]int64, rows*columns)}
	for i := range c.Of {
		c.Of[i] = Never
	}
	return c
}

// At is the cost of a pair.
func (c Costs) At(row, column int) int64 { return c.Of[row*c.Columns+column] }

// Set says what a pair costs.
func (c Costs) Set(row, column int, cost int64) { c.Of[row*c.Columns+column] = cost }

// Pairs says for each row its column, or None; no column is given twice.
type Pairs []int

// Total is the sum of what the pairs cost, and how many there are.
func (p Pairs) Total(c Costs) (cost int64, pairs int) {
	for row, column := range p {
		if column != None {
			cost += c.At(row, column)
			pairs++
		}
	}
	return cost, pairs
}

// Dearest is the largest cost of a pair, 0 where there is none.
func (p Pairs) Dearest(c Costs) int64 {
	var most int64
	for row, column := range p {
		if column != None {
			most = max(most, c.At(row, column))
		}
	}
	return most
}

// ErrCosts is wrapped by errors that say what is wrong with a table.
var ErrCosts = errors.New("table of costs")

func (c Costs) check() error {
	if c.Rows < 0 || c.Columns < 0 || len(c.Of) != c.Rows*c.Columns {
		return fmt.Errorf("%w: %d x %d with %d costs", ErrCosts, c.Rows, c.Columns, len(c.Of))
	}
	if len(c.Of) > MostPairs {
		return fmt.Errorf("%w: %d x %d is more than %d pairs", ErrCosts, c.Rows, c.Columns, MostPairs)
	}
	for i, v := range c.Of {
		if v != Never && (v < 0 || v > Most) {
			return fmt.Errorf("%w: row %d column %d costs %d, which is not from 0 to %d", ErrCosts, i/c.Columns, i%c.Columns, v, int64(Most))
		}
	}
	return nil
}

// Cheapest pairs as many rows as can be paired, and among all such pairings gives
// one whose total is least. Its work is at most cubic in the shorter side.
func Cheapest(c Costs) (Pairs, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return cheapest(c, Most), nil
}

// Evenest pairs as many rows as can be paired, so that the dearest pair is as cheap
// as it can be, and among all such pairings gives one whose total is least.
func Evenest(c Costs) (Pairs, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return cheapest(c, bottleneck(c)), nil
}

// cheapest is Cheapest over the pairs that cost at most limit.
func cheapest(c Costs, limit int64) Pairs {
	out := make(Pairs, c.Rows)
	if c.Rows == 0 || c.Columns == 0 {
		for i := range out {
			out[i] = None
		}
		return out
	}
	// What may not be costs more than every pairing of what may, so it is taken only
	// where nothing else is left, and then dropped.
	var dearest int64
	for _, v := range c.Of {
		if v <= limit {
			dearest = max(dearest, v)
		}
	}
	barred := dearest*int64(min(c.Rows, c.Columns)) + 1
	s := newSolver(c, limit, barred)
	s.solve()
	for i := range out {
		out[i] = None
	}
	for r, column := range s.columnOf {
		row := r
		if s.turned {
			row, column = column, r
		}
		if c.At(row, column) <= limit {
			out[row] = column
		}
	}
	return out
}
