package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Bounds of the questions about cells and minutes.
const (
	// MaxReachMin is how far ahead reach looks, in minutes.
	MaxReachMin = 120
	// maxTimedCells bounds how many cells are timed for one answer: each costs a search
	// of some 50 us.
	maxTimedCells = 20_000
	// maxTimedPairs bounds patrols times cells of one coverage, at about 1 us each.
	maxTimedPairs = 5_000_000
	// coverageFor is how long a coverage is answered again: nobody dispatches by it.
	coverageFor = 5 * time.Second
)

// CellTime is how long it takes to the middle of a cell; nil is a hole: nobody gets
// there.
type CellTime struct {
	Cell cell.Cell
	EtaS *float64
}

// ReachAsk is a question for the cells that can be reached in a time from a point or
// from where a patrol is; or, Back, for the cells from which it can be reached. Res 0
// takes the finest resolution that is not too many cells; a zero Patrol asks for the
// point, and no Mode for the patrol's own, or car.
type ReachAsk struct {
	Point   geo.Point
	CRS     geo.CRS
	Patrol  PatrolID
	Mode    Mode
	Minutes float64
	Res     int
	Back    bool
}

// Reached is the answer to ReachAsk. Looked names the patrol whose position was
// looked at, if any.
type Reached struct {
	At      geo.Point
	Mode    Mode
	Res     int
	EtaKind string
	Cells   []CellTime // by the number of the cell
	Looked  []PatrolID
}

// Reach answers all cells that are reached in time, with how long it takes to the
// middle of each.
func (s *Service) Reach(ctx context.Context, v Viewer, ask ReachAsk) (Reached, error) {
	if err := allow(v, ActMapData); err != nil {
		return Reached{}, err
	}
	out := Reached{Mode: ask.Mode, EtaKind: road.KindRoad}
	if !ask.Patrol.IsZero() {
		at, mode, err := s.whereIs(ctx, v, ask.Patrol)
		if err != nil {
			return Reached{}, err
		}
		out.At, out.Looked = at, []PatrolID{ask.Patrol}
		if out.Mode == "" {
			out.Mode = mode
		}
	} else {
		p, err := fromDoor(ask.Point, ask.CRS)
		if err != nil {
			return Reached{}, err
		}
		out.At = p
	}
	if out.Mode == "" {
		out.Mode = Car
	}
	mode, err := road.ParseMode(string(out.Mode))
	if err != nil {
		return Reached{}, invalid("/query/mode", err.Error())
	}
	if !(ask.Minutes > 0 && ask.Minutes <= MaxReachMin) {
		return Reached{}, invalid("/query/minutes", fmt.Sprintf("must be more than 0 and at most %d", MaxReachMin))
	}
	if ask.Res != 0 && (ask.Res < coarsestRes || ask.Res > CellRes) {
		return Reached{}, invalid("/query/res", fmt.Sprintf("must be %d to %d", coarsestRes, CellRes))
	}
	var cells []cell.Cell
	places := func(b geo.Box) (_ []geo.Point, err error) {
		if cells, out.Res, err = timedCells(b, ask.Res); err != nil {
			return nil, err
		}
		return centres(cells)
	}
	err = road.Reach(ctx, s.Roads, road.ReachAsk{Mode: mode, At: out.At, WithinS: ask.Minutes * 60, Back: ask.Back}, places, func(i int, t road.Time) error {
		out.EtaKind = t.Kind
		out.Cells = append(out.Cells, CellTime{cells[i], &t.DurationS})
		return nil
	})
	if err != nil {
		return Reached{}, fmt.Errorf("see how far one gets: %w", err)
	}
	return out, nil
}

// whereIs answers where a patrol within scope is, and how it goes.
func (s *Service) whereIs(ctx context.Context, v Viewer, id PatrolID) (geo.Point, Mode, error) {
	found, err := s.Store.Positioned(ctx, v, []PatrolID{id})
	if err != nil {
		return geo.Point{}, "", fmt.Errorf("read a patrol: %w", err)
	}
	if len(found) != 1 {
		return geo.Point{}, "", &Fault{Kind: NotFound, Code: "not-found", Detail: "There is no such patrol, or it is outside what you may see."}
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return geo.Point{}, "", err
	}
	at, ok := s.Live.Position(id)
	if !ok || found[0].Status == OffDuty || at.Presence == Lost || veil.hidesNow(id, at.Point) {
		return geo.Point{}, "", &Fault{Kind: Conflict, Code: "no-position", Detail: "Nobody knows where the patrol is now: it is off duty or was not heard of for ten minutes. Ask for a point instead."}
	}
	return at.Point, found[0].Mode, nil
}

// timedCells lists the cells of a box, at the resolution asked for or the finest that
// is not too many.
func timedCells(b geo.Box, res int) (cells []cell.Cell, got int, err error) {
	for got = CellRes; ; got-- {
		if res != 0 {
			got = res
		}
		cells, err = cell.In(b, got, maxTimedCells)
		switch {
		case !errors.Is(err, cell.ErrMany):
			return cells, got, err
		case got == coarsestRes:
			return nil, 0, invalid("/query/minutes", "reaches too many cells ("+err.Error()+"); ask for fewer minutes")
		case res != 0:
			return nil, 0, invalid("/query/res", fmt.Sprintf("gives too many cells (%v); ask for %d, or for fewer minutes", err, res-1))
		}
	}
}

func centres(cells []cell.Cell) ([]geo.Point, error) {
	points := make([]geo.Point, len(cells))
	for i, c := range cells {
		p, err := c.Center()
		if err != nil {
			return nil, err
		}
		points[i] = p
	}
	return points, nil
}

// CoverageAsk is a question for how soon each cell of the viewer's area has a patrol
// of a department. Res 0 takes the finest resolution that is not too much work.
type CoverageAsk struct {
	Department string
	Res        int
}

// Covered is the answer to CoverageAsk. Patrols are those that were counted: free,
// heard of lately, and within the viewer's scope; their positions were looked at.
// Stale ones are free and not heard of lately: they are not counted.
type Covered struct {
	Res       int
	EtaKind   string
	Cells     []CellTime // by the number of the cell
	Patrols   []PatrolID
	Stale     int
	Simulated int // of Patrols
	At        time.Time
}

// Coverage answers for each cell of the viewer's area how long the first free patrol
// of a department takes to its middle, each patrol by its own mode.
func (s *Service) Coverage(ctx context.Context, v Viewer, ask CoverageAsk) (Covered, error) {
	if err := allow(v, ActSeePatrols); err != nil {
		return Covered{}, err
	}
	if ask.Department == "" {
		return Covered{}, invalid("/query/department", "is missing; name one department")
	}
	if ask.Res != 0 && (ask.Res < coarsestRes || ask.Res > CellRes) {
		return Covered{}, invalid("/query/res", fmt.Sprintf("must be %d to %d", coarsestRes, CellRes))
	}
	return s.coverages.answer(ctx, coverageKey{v, ask}, func() (Covered, error) { return s.coverage(ctx, v, ask) })
}

func (s *Service) coverage(ctx context.Context, v Viewer, ask CoverageAsk) (Covered, error) {
	out := Covered{EtaKind: road.KindRoad, At: time.Now()}
	patrols, err := s.Store.Positioned(ctx, v, nil)
	if err != nil {
		return Covered{}, fmt.Errorf("read patrols: %w", err)
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return Covered{}, err
	}
	var from [road.Modes][]geo.Point
	for _, p := range patrols {
		at, ok := s.Live.Position(p.ID)
		if !ok || veil.hidesNow(p.ID, at.Point) || p.Department != ask.Department || p.Status != Free || at.Presence == Lost {
			continue
		}
		if at.Presence == Stale {
			out.Stale++
			continue
		}
		mode, err := road.ParseMode(string(p.Mode))
		if err != nil {
			return Covered{}, fmt.Errorf("patrol %s: %w", p.Code, err)
		}
		from[mode] = append(from[mode], at.Point)
		out.Patrols = append(out.Patrols, p.ID)
		if p.Simulated {
			out.Simulated++
		}
	}
	slices.SortFunc(out.Patrols, compareIDs)
	cells, err := s.areaCells(ctx, v, ask.Res, max(1, len(out.Patrols)))
	if err != nil || len(cells) == 0 {
		return out, err
	}
	out.Res = cells[0].Resolution()
	out.Cells = make([]CellTime, len(cells))
	for i, c := range cells {
		out.Cells[i].Cell = c
	}
	to, err := centres(cells)
	if err != nil {
		return Covered{}, err
	}
	roads := road.Serving(s.Roads)
	for mode, from := range from {
		if len(from) == 0 {
			continue
		}
		err := road.Matrix(ctx, roads, road.Mode(mode), from, to, func(_ int, times []road.Time) error {
			for k, t := range times {
				out.EtaKind = t.Kind
				if was := out.Cells[k].EtaS; t.Reachable && (was == nil || t.DurationS < *was) {
					eta := t.DurationS
					out.Cells[k].EtaS = &eta
				}
			}
			return nil
		})
		if err != nil {
			return Covered{}, fmt.Errorf("ask for ways by %v: %w", road.Mode(mode), err)
		}
	}
	return out, nil
}

// areaCells lists the cells whose middle lies in a grid of the viewer's area.
func (s *Service) areaCells(ctx context.Context, v Viewer, res, patrols int) ([]cell.Cell, error) {
	b, ok := s.Grids.Extent()
	if !ok {
		return nil, nil
	}
	most := min(maxTimedCells, maxTimedPairs/patrols)
	for got := CellRes; ; got-- {
		if res != 0 {
			got = res
		}
		all, err := cell.In(b, got, 4*maxTimedCells)
		if err != nil && !errors.Is(err, cell.ErrMany) {
			return nil, err
		}
		if err == nil {
			var inside []cell.Cell
			for _, c := range all {
				in, err := s.inArea(ctx, v, c)
				if err != nil {
					return nil, err
				}
				if in {
					inside = append(inside, c)
				}
			}
			if len(inside) <= most {
				return inside, nil
			}
			err = fmt.Errorf("%d of resolution %d", len(inside), got)
		}
		if res != 0 || got == coarsestRes {
			return nil, invalid("/query/res", fmt.Sprintf("is more work than one request may be: %d patrols times %v; ask for a coarser resolution", patrols, err))
		}
	}
}

// inArea says whether the middle of a cell lies in a grid of the viewer's area.
func (s *Service) inArea(ctx context.Context, v Viewer, c cell.Cell) (bool, error) {
	middle, err := c.Center()
	if err != nil {
		return false, fmt.Errorf("place a cell: %w", err)
	}
	const pointM = 1 // only the middle counts
	at, err := s.Grids.Locate(ctx, middle, pointM, "", time.Time{})
	if err != nil {
		return false, fmt.Errorf("place a cell: %w", err)
	}
	return at.Responsible.Basis == BasisInside && (v.AreaCode == "" || slices.Contains(at.Areas, v.AreaCode)), nil
}

// coverages answers the same question of the same viewer again for some seconds, and
// works out one at a time: a wall of screens costs no more than one.
type coverages struct {
	working chan struct{} // holds one
	mu      sync.Mutex    // guards kept; whoever works writes, everybody reads
	kept    map[coverageKey]Covered
}

type coverageKey struct {
	viewer Viewer
	ask    CoverageAsk
}

func (c *coverages) answer(ctx context.Context, key coverageKey, work func() (Covered, error)) (Covered, error) {
	if have, ok := c.look(key); ok {
		return have, nil
	}
	select {
	case c.working <- struct{}{}:
	case <-ctx.Done():
		return Covered{}, fmt.Errorf("wait for another coverage: %w", ctx.Err())
	}
	defer func() { <-c.working }()
	if have, ok := c.look(key); ok { // made while we waited
		return have, nil
	}
	made, err := work()
	if err != nil {
		return Covered{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, old := range c.kept {
		if time.Since(old.At) > coverageFor {
			delete(c.kept, k)
		}
	}
	c.kept[key] = made
	return made, nil
}

func (c *coverages) look(key coverageKey) (Covered, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.kept[key]
	return have, ok && time.Since(have.At) <= coverageFor
}

func newCoverages() *coverages {
	return &coverages{working: make(chan struct{}, 1), kept: map[coverageKey]Covered{}}
}
