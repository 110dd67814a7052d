package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// PlaceDesk is what the door asks about places. *dispatch.Service is one.
type PlaceDesk interface {
	Locate(context.Context, dispatch.Viewer, dispatch.LocateAsk) (dispatch.Located, error)
	Nearest(context.Context, dispatch.Viewer, dispatch.NearestAsk) ([]dispatch.Nearest, error)
	Inside(context.Context, dispatch.Viewer, dispatch.InsideAsk) (dispatch.Inside, error)
	Reach(context.Context, dispatch.Viewer, dispatch.ReachAsk) (dispatch.Reached, error)
	Coverage(context.Context, dispatch.Viewer, dispatch.CoverageAsk) (dispatch.Covered, error)
	ReportCells(ctx context.Context, v dispatch.Viewer, res int, from, to time.Time) ([]dispatch.CellCount, error)
	PatrolCells(ctx context.Context, v dispatch.Viewer, res int, from, to time.Time) ([]dispatch.CellCount, []dispatch.PatrolID, error)
}

// Roads answers routes and tables. *road.Switch is one.
type Roads = road.Engine

func (s *Server) locate(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.LocateAsk{CRS: q.crs()}
	ask.Point = q.point()
	ask.AccuracyM, _ = q.number("accuracy_m", 0, 10_000)
	ask.Category = q.category("category")
	if at := q.moment("at"); at != nil {
		ask.At = *at
	}
	if err := q.err(); err != nil {
		return err
	}
	found, err := s.places.Locate(c.Request().Context(), viewer(c), ask)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}

func (s *Server) nearest(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.NearestAsk{CRS: q.crs(), Department: q.text("department"), Limit: q.whole("limit", 1, 50, 5)}
	ask.Point = q.point()
	if err := q.err(); err != nil {
		return err
	}
	return s.answerNearest(c, ask)
}

func (s *Server) route(c echo.Context) error {
	q := query{c: c}
	crs := q.crs()
	from, to := q.pair("from", crs), q.pair("to", crs)
	word, profile := q.oneOf("mode", s.spec.words("Mode")...), q.text("profile")
	if word != "" && profile != "" {
		q.wrong("profile", "is given beside mode; give one of them")
	}
	if err := q.err(); err != nil {
		return err
	}
	if profile == "" { // whoever answers times answers this; profiles are of our own roads
		mode, err := modeOf(word)
		if err != nil {
			return err
		}
		return s.answerRoute(c, s.roads, mode, true, from, to)
	}
	engine, mode, err := s.works.Profile(c.Request().Context(), profile)
	if unknown := new(pgroad.UnknownProfile); errors.As(err, &unknown) {
		q.wrong("profile", "is none of "+strings.Join(unknown.Have, ", ")+"; others come with `gridpatrol import roads FILE --profiles`")
		return q.err()
	}
	if err != nil {
		return err
	}
	return s.answerRoute(c, engine, mode, profile == mode.String(), from, to)
}

func coordinates(line *geom.LineString) [][]float64 {
	out := make([][]float64, line.NumCoords())
	for i := range out {
		at := line.Coord(i)
		out[i] = []float64{at.X(), at.Y()}
	}
	return out
}

// The layers that cells count.
const (
	layerReports = "reports"
	layerPatrols = "patrols"
)

// How long a span is counted at once: visits of patrols are kept for so long only.
const (
	maxReportSpan = 366 * 24 * time.Hour
	maxPatrolSpan = 31 * 24 * time.Hour
)

func (s *Server) countCells(c echo.Context) error {
	q := query{c: c}
	res, layer := q.whole("res", 7, 9, 0), q.oneOf("layer", layerReports, layerPatrols)
	from, to := q.moment("from"), q.moment("to")
	if q.text("res") == "" {
		q.wrong("res", "is missing; give 7, 8 or 9")
	}
	if q.text("layer") == "" {
		q.wrong("layer", "is missing; give reports or patrols")
	}
	end := s.now()
	if to != nil {
		end = *to
	}
	begin := end.Add(-24 * time.Hour)
	if from != nil {
		begin = *from
	}
	most := maxReportSpan
	if layer == layerPatrols {
		most = maxPatrolSpan
	}
	if !end.After(begin) {
		q.wrong("from", "must be before to")
	} else if end.Sub(begin) > most {
		q.wrong("from", fmt.Sprintf("must be within %d days of to", most/(24*time.Hour)))
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	needed := dispatch.ActSeeCases
	if layer == layerPatrols {
		needed = dispatch.ActSeePatrols
	}
	if !dispatch.May(v, needed) {
		return forbidden(v)
	}
	var counts []dispatch.CellCount
	var err error
	if layer == layerPatrols && from == nil && to == nil {
		begin, end = time.Time{}, time.Time{} // where they are now
	}
	if layer == layerPatrols {
		var seen []dispatch.PatrolID
		if counts, seen, err = s.places.PatrolCells(ctx, v, res, begin, end); err == nil {
			err = s.auth.RecordViews(ctx, v, pgauth.ViewedTrack, seen)
		}
	} else {
		counts, err = s.places.ReportCells(ctx, v, res, begin, end)
	}
	if err != nil {
		return err
	}
	out := make([]CellCount, len(counts))
	for i, n := range counts {
		ring, err := closedRing(n.Cell)
		if err != nil {
			return err
		}
		out[i] = CellCount{Cell: n.Cell.String(), Count: n.Count, Boundary: ring}
	}
	return answer(c, http.StatusOK, list[CellCount]{Items: out})
}

func closedRing(at cell.Cell) ([][]float64, error) {
	corners, err := at.Boundary()
	if err != nil {
		return nil, err
	}
	ring := make([][]float64, 0, len(corners)+1)
	for _, p := range append(corners, corners[0]) {
		ring = append(ring, []float64{p.Lon, p.Lat})
	}
	return ring, nil
}
