package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/twpayne/go-geom"
)

// Reports lists reports within scope, or only those the viewer made, newest first.
func (s *Service) Reports(ctx context.Context, v Viewer, mine bool, ask PageAsk) (Page[Report], error) {
	if err := allow(v, ActSeeCases); err != nil {
		return Page[Report]{}, err
	}
	return s.Store.Reports(ctx, v, mine, ask)
}

// Cases lists cases within scope, newest first.
func (s *Service) Cases(ctx context.Context, v Viewer, f CaseFilter) (Page[Case], error) {
	if err := allow(v, ActSeeCases); err != nil {
		return Page[Case]{}, err
	}
	page, err := s.Store.Cases(ctx, v, f)
	if err != nil {
		return page, err
	}
	veil, err := s.veil(ctx, v)
	for i := range page.Items { // who was considered is for whoever looks at the case, through their veil
		page.Items[i].Shortfalls = plainShortfalls(page.Items[i].Shortfalls)
		veil.overWays(&page.Items[i])
	}
	return page, err
}

// plainShortfalls say what is missing and why, and name nobody.
func plainShortfalls(all []Shortfall) []Shortfall {
	out := make([]Shortfall, len(all))
	for i, f := range all {
		out[i] = Shortfall{Department: f.Department, Reason: f.Reason, Considered: f.Considered}
	}
	return out
}

// Case answers one case with its reports and history.
func (s *Service) Case(ctx context.Context, v Viewer, id CaseID) (CaseDetail, error) {
	if err := allow(v, ActSeeCases); err != nil {
		return CaseDetail{}, err
	}
	c, err := s.Store.DetailSeen(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if !Visible(v, c.Scope) {
		return CaseDetail{}, hidden("case")
	}
	err = s.addTo(ctx, v, &c)
	return c, err
}

// addTo adds to a case what depends on who looks.
func (s *Service) addTo(ctx context.Context, v Viewer, c *CaseDetail) (err error) {
	c.meets()
	if c.Nearby, err = s.Store.Near(ctx, v, c.Place()); err != nil {
		return err
	}
	if c.Past, err = s.past(ctx, v, c.Case); err != nil {
		return err
	}
	if c.Mission, err = s.missionView(ctx, v, c.Case); err != nil {
		return err
	}
	if c.Stage.Open() && May(v, ActDispatch) {
		c.Cover = c.Case.Cover
	}
	if c.Holds, err = s.Store.JoinedTo(ctx, v, c.ID); err != nil {
		return err
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return err
	}
	c.HandOvers = s.handOverViews(ctx, v, veil, c.Case)
	if c.Been, err = s.been(ctx, v, veil, c.Case); err != nil {
		return err
	}
	c.Revisits = []Revisit{}
	if c.ClosedAt != nil || c.Flow.ReopenedAt != nil { // they are planned at its end
		if c.Revisits, err = s.Store.Revisits(ctx, v, RevisitAsk{Case: c.ID}); err != nil {
			return err
		}
	}
	if c.Evidence, err = s.Store.ShownWith(ctx, v, c.Case); err != nil {
		return err
	}
	veil.overCandidates(&c.Case)
	veil.overWays(&c.Case)
	veil.overShortfalls(&c.Case)
	c.Moves = NextMoves(v, c.Case, c.Now)
	c.Course, c.Precedents = c.Flow, []Precedent{}
	c.Course.Handlers, c.Course.Filled = nil, nil
	veil.overHistory(c)
	if c.Stage == StageReturned || c.Stage == StageDispatched {
		c.Precedents, err = s.Store.Precedents(ctx, v, c.Case, precedentM, mostPrecedent)
	}
	return err
}

// detail answers a case to somebody who has just changed it.
func (s *Service) detail(ctx context.Context, v Viewer, id CaseID) (CaseDetail, error) {
	c, err := s.Store.Detail(ctx, v, id)
	if err == nil {
		err = s.addTo(ctx, v, &c)
	}
	return c, err
}

func (s *Service) visible(ctx context.Context, v Viewer, id CaseID) (Case, error) {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return Case{}, err
	}
	if !Visible(v, c.Scope) {
		return Case{}, hidden("case")
	}
	return c, nil
}

// Patrols lists patrols within scope, by code.
func (s *Service) Patrols(ctx context.Context, v Viewer, f PatrolFilter) (Page[Patrol], error) {
	if err := allow(v, ActSeePatrols); err != nil && !v.ownOnly() {
		return Page[Patrol]{}, err
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return Page[Patrol]{}, err
	}
	f.Veiled = veil.busy(s.Live)
	page, err := s.Store.Patrols(ctx, v, f)
	if err != nil {
		return Page[Patrol]{}, err
	}
	for i := range page.Items {
		s.place(&page.Items[i])
		veil.over(&page.Items[i])
	}
	return page, nil
}

// Patrol answers one patrol with its people.
func (s *Service) Patrol(ctx context.Context, v Viewer, id PatrolID) (PatrolDetail, error) {
	// An auditor sees where a patrol has been, and so whose it is; where it is now the
	// door keeps to those who may see patrols.
	if err := allow(v, ActSeePatrols); err != nil && v.Patrol != id && !May(v, ActSeeTracks) {
		return PatrolDetail{}, err
	}
	p, err := s.Store.PatrolSeen(ctx, v, id)
	if err != nil {
		return PatrolDetail{}, err
	}
	if !Visible(v, p.Scope) {
		return PatrolDetail{}, hidden("patrol")
	}
	if err := s.addPhones(ctx, v, &p); err != nil {
		return PatrolDetail{}, err
	}
	s.place(&p.Patrol)
	return p, s.hide(ctx, v, &p)
}

// hide takes out of a patrol what a covert case keeps from the viewer.
func (s *Service) hide(ctx context.Context, v Viewer, p *PatrolDetail) error {
	veil, err := s.veil(ctx, v)
	if err != nil {
		return err
	}
	if p.CaseID != nil && veil.of(*p.CaseID) {
		p.CaseID, p.AssignmentID = nil, nil
	}
	veil.over(&p.Patrol)
	return nil
}

// ownOnly says whether the viewer sees a patrol of their own, whatever their role.
func (v Viewer) ownOnly() bool { return !v.Patrol.IsZero() }

// place adds what the live side knows of a patrol. Off duty nobody is tracked.
func (s *Service) place(p *Patrol) {
	p.Presence = Lost
	at, ok := s.Live.Position(p.ID)
	if !ok || p.Status == OffDuty {
		return
	}
	in := cell.At(at.Point, CellRes)
	p.Presence, p.T, p.Cell = at.Presence, &at.T, &in
	p.Lon, p.Lat = &at.Point.Lon, &at.Point.Lat
	if at.AccuracyM > 0 {
		p.AccuracyM = &at.AccuracyM
	}
	p.HeadingDeg = &at.HeadingDeg
}

// LocateAsk is a question for the grid that answers for a place.
type LocateAsk struct {
	Point     geo.Point
	CRS       geo.CRS
	AccuracyM float64
	Category  string
	At        time.Time
}

// Locate answers which grid answers for a place, and how sure that is.
func (s *Service) Locate(ctx context.Context, v Viewer, ask LocateAsk) (Located, error) {
	if err := allow(v, ActMapData); err != nil {
		return Located{}, err
	}
	p, err := fromDoor(ask.Point, ask.CRS)
	if err != nil {
		return Located{}, err
	}
	return s.Grids.Locate(ctx, p, ask.AccuracyM, ask.Category, ask.At)
}

func fromDoor(p geo.Point, crs geo.CRS) (geo.Point, error) {
	if err := p.Check(); err != nil {
		return geo.Point{}, invalid("/query/lon", err.Error())
	}
	p = geo.ToWGS84(p, crs)
	if err := p.Check(); err != nil {
		return geo.Point{}, invalid("/query/lon", err.Error())
	}
	return p, nil
}

// NearestAsk is a question for who would be first at a place.
type NearestAsk struct {
	Point      geo.Point
	CRS        geo.CRS
	Department string
	Limit      int
	Avoid      []geom.T // areas and lines that nobody is to pass
}

// nearestLooked is how many patrols around a place are asked for their way.
const nearestLooked = 256

// Nearest answers the free patrols within scope that would be first at a place.
func (s *Service) Nearest(ctx context.Context, v Viewer, ask NearestAsk) ([]Nearest, error) {
	if err := allow(v, ActSeePatrols); err != nil {
		return nil, err
	}
	p, err := fromDoor(ask.Point, ask.CRS)
	if err != nil {
		return nil, err
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	positions := map[PatrolID]Position{}
	var ids []PatrolID
	for _, at := range s.Live.Candidates(ask.Department, p, nearestLooked) {
		if at.Presence != Lost && !veil.hidesNow(at.PatrolID, at.Point) {
			positions[at.PatrolID] = at
			ids = append(ids, at.PatrolID)
		}
	}
	if len(ids) == 0 {
		return []Nearest{}, nil
	}
	patrols, err := s.Store.Positioned(ctx, v, ids)
	if err != nil {
		return nil, fmt.Errorf("read patrols near: %w", err)
	}
	var byMode [road.Modes][]Patrol
	for _, patrol := range patrols {
		mode, err := road.ParseMode(string(patrol.Mode))
		if err != nil {
			return nil, fmt.Errorf("patrol %s: %w", patrol.Code, err)
		}
		if patrol.Status == Free {
			byMode[mode] = append(byMode[mode], patrol)
		}
	}
	found := []Nearest{}
	for mode, patrols := range byMode {
		if len(patrols) == 0 {
			continue
		}
		from := make([]road.Fix, len(patrols))
		for i, patrol := range patrols {
			from[i] = positions[patrol.ID].Fix(now)
		}
		roads, err := road.Avoiding(ctx, s.Roads, road.Mode(mode), ask.Avoid)
		if err != nil {
			return nil, fmt.Errorf("avoid areas by %v: %w", road.Mode(mode), err)
		}
		times, err := road.FixesToOne(ctx, roads, road.Mode(mode), from, p)
		if err != nil {
			return nil, fmt.Errorf("ask for ways by %v: %w", road.Mode(mode), err)
		}
		for i, patrol := range patrols {
			if !times[i].Reachable {
				continue
			}
			low, high := s.Promise.Of(patrol.Mode, times[i].Kind, now, times[i].DurationS)
			found = append(found, Nearest{PatrolID: patrol.ID, Simulated: patrol.Simulated, Code: patrol.Code, Name: patrol.Name, Department: patrol.Department,
				Mode: patrol.Mode, Status: patrol.Status, Lon: from[i].Lon, Lat: from[i].Lat,
				EtaS: times[i].DurationS, RoadM: times[i].DistanceM, EtaKind: times[i].Kind, EtaBasis: times[i].Version.Basis(), EtaLowS: low, EtaHighS: high, Roads: times[i].Version.String(), AirM: geo.DistanceM(from[i].Point, p),
				FixAgeS: math.Max(0, now.Sub(positions[patrol.ID].T).Seconds())})
		}
	}
	slices.SortFunc(found, func(a, b Nearest) int {
		return cmp.Or(
			cmp.Compare(staleness(positions[a.PatrolID].Presence), staleness(positions[b.PatrolID].Presence)),
			cmp.Compare(a.EtaS, b.EtaS), cmp.Compare(a.RoadM, b.RoadM), compareIDs(a.PatrolID, b.PatrolID))
	})
	if ask.Limit == 0 {
		ask.Limit = 5
	}
	return found[:min(len(found), ask.Limit)], nil
}
