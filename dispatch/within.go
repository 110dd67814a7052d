package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Region is a part of the map that somebody stands in or does not; on its border they
// do. *grid.Area and geo.Around are such.
type Region interface {
	Contains(geo.Point) bool
	// Boxes hold all of it together, and overlap nowhere.
	Boxes() []geo.Box
}

// WithinAsk is a question for who stands in a region, at least for one of them. Admits
// says of each who does whether it is told of; it is called while positions wait, and
// must neither keep what it is given nor ask the live side for anything.
type WithinAsk struct {
	Region     Region
	Department string // empty is every one
	Near       *geo.Point
	Limit      int
	Admits     func(*Standing) bool
}

// Standing is a patrol where it stands, and what its register says of it.
type Standing struct {
	PatrolID PatrolID
	Point    geo.Point
	Presence Presence
	Status   Status
	Scope    *Thing
}

// Headcount is how many of a department are in a region, and how many of them are free.
type Headcount struct {
	Department string `json:"department"`
	Count      int    `json:"count"`
	Free       int    `json:"free"`
}

// InsideAsk is a question for who is in a region now, or in one of the grids.
type InsideAsk struct {
	Region     Region
	Grid       GridID     // instead of the region
	Near       *geo.Point // the nearest to it come first; without it those that were registered first
	Department string
	Status     Status
	Limit      int
}

// Inside is who is in a region: all of them counted, and the first of them by name.
type Inside struct {
	Items       []InsidePatrol `json:"items"`
	Total       int            `json:"total"`
	Departments []Headcount    `json:"departments"`
}

// InsidePatrol is a patrol that is in a region.
type InsidePatrol struct {
	PatrolID   PatrolID `json:"patrol_id"`
	Code       string   `json:"code"`
	Name       string   `json:"name"`
	Department string   `json:"department"`
	Mode       Mode     `json:"mode"`
	Status     Status   `json:"status"`
	Presence   Presence `json:"presence"`
	Lon        float64  `json:"lon"`
	Lat        float64  `json:"lat"`
	AirM       *float64 `json:"air_m"` // to Near, nil without
	FixAgeS    float64  `json:"fix_age_s"`
	Simulated  bool     `json:"simulated"`
}

// Inside answers the patrols within scope that are in a region. Who is lost is nowhere.
func (s *Service) Inside(ctx context.Context, v Viewer, ask InsideAsk) (Inside, error) {
	if err := allow(v, ActSeePatrols); err != nil {
		return Inside{}, err
	}
	if !ask.Grid.IsZero() {
		region, areas, known := s.Grids.Outline(ask.Grid)
		if !known || !VisibleOnMap(v, Thing{District: v.District, Areas: areas}) {
			return Inside{}, hidden("grid")
		}
		ask.Region = region
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return Inside{}, err
	}
	now := time.Now()
	found, heads := s.Live.Within(WithinAsk{Region: ask.Region, Department: ask.Department, Near: ask.Near, Limit: ask.Limit, Admits: func(p *Standing) bool {
		return p.Presence != Lost && p.Status != OffDuty && (ask.Status == "" || p.Status == ask.Status) && Visible(v, *p.Scope) && !veil.hidesNow(p.PatrolID, p.Point)
	}})
	out := Inside{Items: []InsidePatrol{}, Departments: heads}
	if heads == nil {
		out.Departments = []Headcount{}
	}
	for _, h := range heads {
		out.Total += h.Count
	}
	if len(found) == 0 {
		return out, nil
	}
	ids := make([]PatrolID, len(found))
	for i, at := range found {
		ids[i] = at.PatrolID
	}
	patrols, err := s.Store.Positioned(ctx, v, ids)
	if err != nil {
		return Inside{}, fmt.Errorf("read patrols inside: %w", err)
	}
	for _, at := range found {
		i := slices.IndexFunc(patrols, func(p Patrol) bool { return p.ID == at.PatrolID })
		if i < 0 {
			continue
		}
		p := patrols[i]
		one := InsidePatrol{PatrolID: p.ID, Code: p.Code, Name: p.Name, Department: p.Department, Mode: p.Mode, Status: p.Status, Presence: at.Presence,
			Lon: at.Point.Lon, Lat: at.Point.Lat, FixAgeS: max(0, now.Sub(at.T).Seconds()), Simulated: p.Simulated}
		if ask.Near != nil {
			airM := geo.DistanceM(*ask.Near, at.Point)
			one.AirM = &airM
		}
		out.Items = append(out.Items, one)
	}
	if ask.Near == nil {
		slices.SortFunc(out.Items, func(a, b InsidePatrol) int {
			return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Code, b.Code))
		})
	}
	return out, nil
}
