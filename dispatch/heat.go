package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// CellCount is how many of something there are in a cell.
type CellCount struct {
	Cell  cell.Cell
	Count int
}

// ReportCells counts the reports within scope that were received in a span of
// time by cell, most first. res is 7 to 9.
func (s *Service) ReportCells(ctx context.Context, v Viewer, res int, from, to time.Time) ([]CellCount, error) {
	if err := allow(v, ActMapData); err != nil {
		return nil, err
	}
	points, err := s.Store.ReportPoints(ctx, v, from, to)
	if err != nil {
		return nil, err
	}
	counts := map[cell.Cell]int{}
	for _, p := range points {
		counts[cell.At(p, res)]++
	}
	return mostFirst(counts), nil
}

// PatrolCells counts the patrols within scope that were in each cell in a span of
// time, every patrol once a cell, most first; of no span (both times zero) where they
// are now. res is 7 to 9. It answers the patrols that were counted as well: where
// somebody has been was looked at. A viewer of an area sees what happened within it,
// though a patrol of theirs may have left it.
func (s *Service) PatrolCells(ctx context.Context, v Viewer, res int, from, to time.Time) ([]CellCount, []PatrolID, error) {
	if err := allow(v, ActSeePatrols); err != nil {
		return nil, nil, err
	}
	if res < coarsestRes || res > CellRes {
		return nil, nil, invalid("/query/res", fmt.Sprintf("must be %d to %d", coarsestRes, CellRes))
	}
	patrols, err := s.Store.Positioned(ctx, v, nil)
	if err != nil {
		return nil, nil, err
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	visits, err := s.visits(ctx, patrols, veil, from, to)
	if err != nil {
		return nil, nil, err
	}
	type pair struct {
		patrol PatrolID
		cell   cell.Cell
	}
	pairs := map[pair]bool{}
	seen := map[PatrolID]bool{}
	within := s.withinArea(v)
	for _, visit := range visits {
		inside, err := within(ctx, visit.Cells[0])
		if err != nil {
			return nil, nil, err
		}
		if inside {
			pairs[pair{visit.Patrol, visit.Cells[CellRes-res]}] = true
			seen[visit.Patrol] = true
		}
	}
	counts := map[cell.Cell]int{}
	for p := range pairs {
		counts[p.cell]++
	}
	looked := make([]PatrolID, 0, len(seen))
	for id := range seen {
		looked = append(looked, id)
	}
	slices.SortFunc(looked, compareIDs)
	return mostFirst(counts), looked, nil
}

// visits answers where patrols were in a span, or are now.
// Visits are kept by the hour, so a hidden errand hides its patrol from the hour of the
// claim on.
func (s *Service) visits(ctx context.Context, patrols []Patrol, veil Veil, from, to time.Time) ([]Visit, error) {
	if from.IsZero() && to.IsZero() {
		var now []Visit
		for _, p := range patrols {
			if at, ok := s.Live.Position(p.ID); ok && p.Status != OffDuty && at.Presence != Lost && !veil.hidesNow(p.ID, at.Point) {
				now = append(now, VisitAt(p.ID, at.Point))
			}
		}
		return now, nil
	}
	if len(patrols) == 0 || s.Trails == nil {
		return nil, nil
	}
	until := map[time.Time][]PatrolID{} // by the end of what may be counted
	for _, p := range patrols {
		end := to
		if since, hidden := veil.since(p.ID); hidden && since.Truncate(time.Hour).Before(to) {
			end = since.Truncate(time.Hour)
		}
		if from.Before(end) {
			until[end] = append(until[end], p.ID)
		}
	}
	var all []Visit
	for end, ids := range until {
		found, err := s.Trails.Visited(ctx, ids, from, end)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// VisitAt is a patrol in the cells of a place.
func VisitAt(patrol PatrolID, p geo.Point) Visit {
	v := Visit{Patrol: patrol}
	for i := range v.Cells {
		v.Cells[i] = cell.At(p, CellRes-i)
	}
	return v
}

// withinArea says whether the middle of a cell lies in the viewer's area by the map
// in force; a whole district is everywhere.
func (s *Service) withinArea(v Viewer) func(context.Context, cell.Cell) (bool, error) {
	known := map[cell.Cell]bool{}
	return func(ctx context.Context, c cell.Cell) (bool, error) {
		if v.AreaCode == "" {
			return true, nil
		}
		inside, there := known[c]
		if there {
			return inside, nil
		}
		middle, err := c.Center()
		if err != nil {
			return false, fmt.Errorf("place a visit: %w", err)
		}
		const pointM = 1 // only the middle counts
		at, err := s.Grids.Locate(ctx, geo.Point{Lon: middle.Lon, Lat: middle.Lat}, pointM, "", time.Time{})
		if err != nil {
			return false, fmt.Errorf("place a visit: %w", err)
		}
		inside = at.Responsible.Basis == BasisInside && slices.Contains(at.Areas, v.AreaCode)
		known[c] = inside
		return inside, nil
	}
}

func mostFirst(counts map[cell.Cell]int) []CellCount {
	out := make([]CellCount, 0, len(counts))
	for c, n := range counts {
		out = append(out, CellCount{c, n})
	}
	slices.SortFunc(out, func(a, b CellCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cell, b.Cell)) })
	return out
}
