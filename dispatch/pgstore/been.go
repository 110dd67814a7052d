package pgstore

import (
	"context"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/jackc/pgx/v5"
)

// Been implements dispatch.LikeStore. What happened after the case was made is its own
// business and no earlier visit.
func (s *Store) Been(ctx context.Context, c dispatch.Case, withinM float64, stayed time.Duration, days int, covert []dispatch.CaseID) ([]dispatch.Been, error) {
	rows, err := s.db.Query(ctx, beenHere, s.district.UUID, cellsAround(c.Place(), withinM), days, c.MadeAt, c.Lon, c.Lat, withinM, stayed, uuids(covert))
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[beenRow])
	out := make([]dispatch.Been, len(found))
	for i, r := range found {
		out[i] = dispatch.Been{Department: r.Department, At: r.At.UTC()}
	}
	return out, fault(err)
}

// cellsAround are the cells in which something within so many metres of a place may lie:
// a cell of the size that visits are counted by is twice as wide.
func cellsAround(p geo.Point, withinM float64) []int64 {
	seen := map[int64]bool{}
	local := geo.NewLocal(p)
	x, y := local.XY(p)
	out := []int64{}
	for _, d := range [][2]float64{{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {0.7, 0.7}, {0.7, -0.7}, {-0.7, 0.7}, {-0.7, -0.7}} {
		id := int64(cell.At(local.Point(x+d[0]*withinM, y+d[1]*withinM), dispatch.CellRes))
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
