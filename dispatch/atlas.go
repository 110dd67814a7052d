package dispatch

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/grid"
)

// CellRes is the H3 resolution that every report, case and fix carries.
const CellRes = 9

// GridRow is a grid as one version of the map knows it. Areas is its area and
// every area above, nearest first; Categories are those a special grid claims.
type GridRow struct {
	ID         GridID
	Code       string
	Name       string
	Kind       string
	Areas      []string
	Categories []string
}

// MapVersion is one version of the grids and when it was in force: From included,
// Until not; a zero Until has no end. Index was made of Grids, in their order.
type MapVersion struct {
	ID    MapID
	From  time.Time
	Until time.Time
	Grids []GridRow
	Index *grid.Index
}

// Atlas holds every version of the grids that may still be asked for, and is the
// Grids port of the running service. Readers never wait; Replace swaps all of it.
type Atlas struct {
	now      func() time.Time
	versions atomic.Pointer[[]MapVersion]
}

// NewAtlas makes an atlas without maps: every place is outside every grid.
func NewAtlas(now func() time.Time) *Atlas {
	a := &Atlas{now: now}
	a.Replace(nil)
	return a
}

// Replace puts other versions in place of all there are.
func (a *Atlas) Replace(versions []MapVersion) {
	sorted := slices.Clone(versions)
	slices.SortFunc(sorted, func(x, y MapVersion) int { return x.From.Compare(y.From) })
	a.versions.Store(&sorted)
}

// At is the version in force at a time; the zero time is the present. It is nil
// where there was none.
func (a *Atlas) At(at time.Time) *MapVersion {
	if at.IsZero() {
		at = a.now()
	}
	versions := *a.versions.Load()
	for i := len(versions) - 1; i >= 0; i-- {
		v := &versions[i]
		if !at.Before(v.From) && (v.Until.IsZero() || at.Before(v.Until)) {
			return v
		}
	}
	return nil
}

// Locate implements Grids.
func (a *Atlas) Locate(_ context.Context, p geo.Point, accuracyM float64, category string, at time.Time) (Located, error) {
	if err := p.Check(); err != nil {
		return Located{}, &Fault{Kind: Invalid, Code: "bad-coordinate", Detail: err.Error(), Err: err}
	}
	out := Located{Lon: p.Lon, Lat: p.Lat, Cell: cell.At(p, CellRes), Responsible: Responsible{Basis: BasisNone}, Shares: []GridShare{}}
	m := a.At(at)
	if m == nil {
		out.AccuracyM = accuracyM
		if accuracyM <= 0 {
			out.AccuracyM, out.AccuracyAssumed = grid.AssumedAccuracyM, true
		}
		return out, nil
	}
	answer := m.Index.Locate(p, accuracyM, func(ref int) bool {
		return category != "" && slices.Contains(m.Grids[ref].Categories, category)
	})
	out.MapID = m.ID
	out.AccuracyM, out.AccuracyAssumed = answer.AccuracyM, answer.AccuracyAssumed
	out.Responsible.Basis = answer.Basis
	if answer.Responsible.Ref != grid.None {
		out.Responsible = m.responsible(answer.Responsible, answer.Basis)
		if answer.Basis == grid.Nearest {
			out.Responsible.DistanceM = &answer.DistanceM
		}
		out.Areas = m.Grids[answer.Responsible.Ref].Areas
	}
	if answer.RunnerUp.Ref != grid.None {
		// The disc reaches into the runner-up; the point itself lies so far from it, or
		// in it too, below a special grid.
		r := m.responsible(answer.RunnerUp, BasisNearest)
		if r.DistanceM = &answer.RunnerUpM; answer.RunnerUpM == 0 {
			r.Basis, r.DistanceM = BasisInside, nil
		}
		out.RunnerUp = &r
	}
	for _, s := range answer.Shares {
		if s.Ref != grid.None {
			g := m.Grids[s.Ref]
			out.Shares = append(out.Shares, GridShare{Code: g.Code, GridID: g.ID, Share: s.Share})
		}
	}
	return out, nil
}

// Extent implements Grids.
func (a *Atlas) Extent() (geo.Box, bool) {
	m := a.At(time.Time{})
	if m == nil {
		return geo.Box{}, false
	}
	return m.Index.Box()
}

// Outline implements Grids.
func (a *Atlas) Outline(id GridID) (Region, []string, bool) {
	for _, m := range *a.versions.Load() {
		for ref := range m.Grids {
			if m.Grids[ref].ID == id {
				return m.Index.Area(ref), m.Grids[ref].Areas, true
			}
		}
	}
	return nil, nil, false
}

func (m *MapVersion) responsible(s grid.Share, basis string) Responsible {
	g := m.Grids[s.Ref]
	return Responsible{GridID: &g.ID, Code: &g.Code, Name: &g.Name, Kind: &g.Kind, Share: s.Share, Basis: basis}
}
