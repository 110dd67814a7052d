package road

import (
	"context"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Matrix answers the time from each of from to each of to, row by row: each row, one
// of from, is handed over when it is known and is the callee's to keep. A Router
// makes tables faster than it answers their columns; any engine can be asked.
func Matrix(ctx context.Context, e Engine, m Mode, from, to []geo.Point, row func(i int, times []Time) error) error {
	e = Serving(e)
	if tables, ok := e.(interface {
		Matrix(ctx context.Context, m Mode, from, to []geo.Point, row func(i int, times []Time) error) error
	}); ok {
		return tables.Matrix(ctx, m, from, to, row)
	}
	return columns(ctx, e, m, from, to, row)
}

// columns answers a table target by target.
func columns(ctx context.Context, e Engine, m Mode, from, to []geo.Point, row func(i int, times []Time) error) error {
	rows := make([][]Time, len(from))
	for i := range rows {
		rows[i] = make([]Time, len(to))
	}
	for k, goal := range to {
		column, err := e.ManyToOne(ctx, m, from, goal)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i][k] = column[i]
		}
	}
	for i, times := range rows {
		if err := row(i, times); err != nil {
			return err
		}
	}
	return nil
}
