package matching

import "math"

// solver is the shortest augmenting path algorithm of R. Jonker and A. Volgenant
// ("A shortest augmenting path algorithm for dense and sparse linear assignment
// problems", Computing 38, 1987), for tables with at least as many columns as rows;
// others are turned. Every row gets a column.
//
// price is the dual of a column. It begins at 0 and only falls, and only for columns
// that have a row, which is what makes it right for tables that are not square.
type solver struct {
	rows, columns int
	turned        bool    // rows are the columns of the caller
	cost          []int64 // rows x columns
	price         []int64
	columnOf      []int // of a row, None while it is free
	rowOf         []int // of a column, None while it is free
}

func newSolver(c Costs, limit, barred int64) *solver {
	s := &solver{rows: c.Rows, columns: c.Columns, turned: c.Rows > c.Columns, cost: make([]int64, len(c.Of))}
	if s.turned {
		s.rows, s.columns = c.Columns, c.Rows
	}
	for i, v := range c.Of {
		if v > limit {
			v = barred
		}
		if s.turned {
			i = i%c.Columns*c.Rows + i/c.Columns
		}
		s.cost[i] = v
	}
	s.price = make([]int64, s.columns)
	s.columnOf, s.rowOf = make([]int, s.rows), make([]int, s.columns)
	for i := range s.columnOf {
		s.columnOf[i] = None
	}
	for j := range s.rowOf {
		s.rowOf[j] = None
	}
	return s
}

func (s *solver) row(i int) []int64 { return s.cost[i*s.columns:][:s.columns] }

func (s *solver) solve() {
	if s.rows == s.columns {
		s.reduceColumns()
	}
	free := make([]int, 0, s.rows)
	for i, j := range s.columnOf {
		if j == None {
			free = append(free, i)
		}
	}
	for range 2 {
		free = s.reduceRows(free)
	}
	p := newPath(s.columns)
	for _, i := range free {
		s.augment(i, p)
	}
}

// reduceColumns prices each column at its cheapest row. That is allowed where every
// column will have a row.
func (s *solver) reduceColumns() {
	cheapest := make([]int, s.columns)
	copy(s.price, s.row(0))
	for i := 1; i < s.rows; i++ {
		for j, v := range s.row(i) {
			if v < s.price[j] {
				s.price[j], cheapest[j] = v, i
			}
		}
	}
	for j := s.columns - 1; j >= 0; j-- {
		if i := cheapest[j]; s.columnOf[i] == None {
			s.columnOf[i], s.rowOf[j] = j, i
		}
	}
}

// reduceRows gives each free row the column it likes best, at a price at which it
// likes the second best as well, and answers the rows that are free afterwards. How
// often rows may push each other out is bounded: what it leaves, augment does.
func (s *solver) reduceRows(free []int) []int {
	var left []int
	for pushes := 8*len(free) + 8; len(free) > 0; pushes-- {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		best, second := int64(math.MaxInt64), int64(math.MaxInt64)
		j, next := 0, None
		price := s.price
		for k, v := range s.row(i) {
			if v -= price[k]; v < second {
				if v < best {
					best, second, j, next = v, best, k, j
				} else {
					second, next = v, k
				}
			}
		}
		if s.columns == 1 {
			second = best
		}
		gain := second - best
		if gain == 0 && s.rowOf[j] != None && s.columns > 1 {
			j = next // as good, and perhaps free
		}
		s.price[j] -= gain
		out := s.rowOf[j]
		s.columnOf[i], s.rowOf[j] = j, i
		if out == None {
			continue
		}
		s.columnOf[out] = None
		if gain > 0 && pushes > 0 {
			free = append(free, out)
		} else {
			left = append(left, out)
		}
	}
	return left
}

// path is the scratch of augment.
type path struct {
	far    []int64 // reduced cost of the shortest path to a column
	from   []int   // the row before it there
	column []int   // done, then the nearest, then the rest
}

func newPath(columns int) *path {
	return &path{far: make([]int64, columns), from: make([]int, columns), column: make([]int, columns)}
}

// augment finds the shortest alternating path from a free row to a free column,
// prices what it passed, and turns the path over.
func (s *solver) augment(free int, p *path) {
	price := s.price
	for j, v := range s.row(free) {
		p.far[j], p.from[j], p.column[j] = v-price[j], free, j
	}
	done, near := 0, 0 // column[:done] are done, column[done:near] at the distance least
	var least int64
	end := None
	for end == None {
		if done == near {
			least, near = s.nearest(p, done)
			for _, j := range p.column[done:near] {
				if s.rowOf[j] == None {
					end = j
					break
				}
			}
			if end != None {
				break
			}
		}
		j := p.column[done]
		done++
		i := s.rowOf[j]
		row := s.row(i)
		base := row[j] - price[j] - least
		for k := near; k < s.columns; k++ {
			j := p.column[k]
			d := row[j] - price[j] - base
			if d >= p.far[j] {
				continue
			}
			p.far[j], p.from[j] = d, i
			if d > least {
				continue
			}
			if s.rowOf[j] == None {
				end = j
				break
			}
			p.column[k] = p.column[near]
			p.column[near] = j
			near++
		}
	}
	for _, j := range p.column[:done] {
		s.price[j] += p.far[j] - least
	}
	for j := end; ; {
		i := p.from[j]
		s.rowOf[j] = i
		j, s.columnOf[i] = s.columnOf[i], j
		if i == free {
			return
		}
	}
}

// nearest moves the columns at the least distance in front of the rest.
func (s *solver) nearest(p *path, done int) (least int64, near int) {
	least = math.MaxInt64
	near = done
	for k := done; k < s.columns; k++ {
		j := p.column[k]
		d := p.far[j]
		if d > least {
			continue
		}
		if d < least {
			least, near = d, done
		}
		p.column[k] = p.column[near]
		p.column[near] = j
		near++
	}
	return least, near
}
