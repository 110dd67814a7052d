package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Bounds of what one request may avoid, and of how many such requests are worked on at
// once: each searches without preparation.
const (
	maxAvoidShapes = 20
	maxAvoidPoints = 2000
	maxDetours     = 2
)

// headerEngine says who answered, where an answer has no field for it and it was not
// the own engine as ever.
const headerEngine = "X-Road-Engine"

// avoidShapes reads what a request avoids.
func avoidShapes(raw []json.RawMessage, crs geo.CRS) ([]geom.T, error) {
	if len(raw) > maxAvoidShapes {
		return nil, invalid(FieldProblem{Pointer: "/avoid", Detail: fmt.Sprintf("has %d areas; draw at most %d", len(raw), maxAvoidShapes)})
	}
	points := 0
	shapes := make([]geom.T, len(raw))
	for i, one := range raw {
		shape, err := readShape(one, crs)
		var wrong *refusal
		if errors.As(err, &wrong) {
			return nil, invalid(FieldProblem{Pointer: fmt.Sprintf("/avoid/%d", i), Detail: wrong.Errors[0].Detail})
		}
		if err != nil {
			return nil, err
		}
		if points += len(shape.FlatCoords()) / 2; points > maxAvoidPoints {
			return nil, invalid(FieldProblem{Pointer: "/avoid", Detail: fmt.Sprintf("has more than %d points in all; draw it with fewer", maxAvoidPoints)})
		}
		shapes[i] = shape
	}
	return shapes, nil
}

// detour waits for its turn to work something out that avoids areas; call the answer
// when that is done.
func (s *Server) detour(ctx context.Context, shapes []geom.T) (done func(), err error) {
	if len(shapes) == 0 {
		return func() {}, nil
	}
	return turn(ctx, s.detours)
}

// turn waits for a turn of those that may be taken at once; call the answer when the
// work is done.
func turn(ctx context.Context, turns chan struct{}) (done func(), err error) {
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}

// avoiding is the roads without what a request avoids, in its turn; call done when it
// is answered.
func (s *Server) avoiding(ctx context.Context, mode road.Mode, raw []json.RawMessage, crs geo.CRS) (roads road.Engine, done func(), err error) {
	shapes, err := avoidShapes(raw, crs)
	if err != nil {
		return nil, nil, err
	}
	if done, err = s.detour(ctx, shapes); err != nil {
		return nil, nil, err
	}
	if roads, err = road.Avoiding(ctx, s.roads, mode, shapes); err != nil {
		done()
		return nil, nil, avoidRefusal(err)
	}
	return roads, done, nil
}

// avoidRefusal tells what is wrong with what is to be avoided.
func avoidRefusal(err error) error {
	switch {
	case errors.Is(err, road.ErrShape), errors.Is(err, road.ErrAvoid):
		return invalid(FieldProblem{Pointer: "/avoid", Detail: err.Error()})
	case errors.Is(err, road.ErrNoAvoid), errors.Is(err, road.ErrAvoidFar):
		return refuse(http.StatusConflict, "cannot-avoid", err.Error()+".", FieldProblem{Pointer: "/avoid", Detail: err.Error()})
	}
	return err
}

// routeAsk is RouteAsk with the drawings as they came.
type routeAsk struct {
	From  lonLat            `json:"from"`
	To    lonLat            `json:"to"`
	Mode  string            `json:"mode"`
	CRS   geo.CRS           `json:"crs"`
	Avoid []json.RawMessage `json:"avoid"`
}

// routeAround is route for who has more to say than fits a line.
func (s *Server) routeAround(c echo.Context) error {
	var in routeAsk
	if err := s.readJSON(c, "RouteAsk", false, &in); err != nil {
		return err
	}
	from, err := placesIn("/from", []lonLat{in.From}, in.CRS)
	if err != nil {
		return onePlace("/from", err)
	}
	to, err := placesIn("/to", []lonLat{in.To}, in.CRS)
	if err != nil {
		return onePlace("/to", err)
	}
	mode, err := modeOf(in.Mode)
	if err != nil {
		return err
	}
	roads, done, err := s.avoiding(c.Request().Context(), mode, in.Avoid, in.CRS)
	if err != nil {
		return err
	}
	defer done()
	return s.answerRoute(c, roads, mode, true, from[0], to[0])
}

// onePlace names the field of a place that is not in a list.
func onePlace(at string, err error) error {
	var wrong *refusal
	if errors.As(err, &wrong) && len(wrong.Errors) == 1 {
		return invalid(FieldProblem{Pointer: at, Detail: wrong.Errors[0].Detail})
	}
	return err
}

// answerRoute asks for a way and answers it, or why there is none. Own says that it is by a
// profile of dispatch, whose times past arrivals can be held against.
func (s *Server) answerRoute(c echo.Context, roads road.Engine, mode road.Mode, own bool, from, to geo.Point) error {
	ctx, told := road.Witnessed(c.Request().Context())
	way, err := roads.Route(ctx, mode, from, to)
	if err != nil {
		return avoidRefusal(err)
	}
	if !way.Reachable || way.Geometry == nil {
		detail := "There is no way between these places by " + mode.String() + "; try another mode or a place nearer to a road."
		var fields []FieldProblem
		for _, end := range []struct {
			name string
			p    geo.Point
		}{{"from", from}, {"to", to}} {
			if why := road.Outside(s.roads, mode, end.p); why != "" {
				at := pointer(end.name)
				if c.Request().Method == http.MethodGet {
					at = pointer("query", end.name)
				}
				fields = append(fields, FieldProblem{Pointer: at, Detail: why})
				detail = "There is no way between these places: " + end.name + " " + why + "."
			}
		}
		return refuse(http.StatusNotFound, "no-way", detail, fields...)
	}
	out := Route{
		DurationS: way.DurationS, DistanceM: way.DistanceM, EtaKind: EtaKind(way.Kind), SnapFromM: way.SnapFromM, SnapToM: way.SnapToM,
		Geometry: LineString{Type: LineStringTypeLineString, Coordinates: coordinates(way.Geometry)},
		Steps:    make([]RouteStep, len(way.Steps)),
	}
	out.EtaBasis = EtaBasis(way.Version.Basis())
	if own {
		out.EtaLowS, out.EtaHighS = s.promise.Of(dispatch.Mode(mode.String()), way.Kind, time.Now(), way.DurationS)
	}
	version := way.Version.String()
	out.RoadsVersion = &version
	engine, why := engineOf(told, way.Kind)
	out.Engine = RouteEngine(engine)
	if why != "" {
		out.EngineNote = &why
	}
	for i, step := range way.Steps {
		out.Steps[i] = RouteStep{Road: step.Name, Turn: RouteStepTurn(step.Turn), DistanceM: step.DistanceM, DurationS: step.DurationS}
	}
	return answer(c, http.StatusOK, out)
}

// engineOf is who answered: the own engine where nobody else says so.
func engineOf(told *road.Witness, kind string) (engine, why string) {
	engine, why = told.By()
	switch {
	case engine != "" && engine != "own":
	case kind == road.KindStraight:
		engine = "straight"
	default:
		engine = "own"
	}
	return engine, why
}

// nearestAsk is NearestAsk with the drawings as they came.
type nearestAsk struct {
	Lon        float64           `json:"lon"`
	Lat        float64           `json:"lat"`
	CRS        geo.CRS           `json:"crs"`
	Department string            `json:"department"`
	Limit      int               `json:"limit"`
	Avoid      []json.RawMessage `json:"avoid"`
}

// nearestAround is nearest for who has more to say than fits a line.
func (s *Server) nearestAround(c echo.Context) error {
	var in nearestAsk
	if err := s.readJSON(c, "NearestAsk", false, &in); err != nil {
		return err
	}
	p, err := placesIn("/lon", []lonLat{{in.Lon, in.Lat}}, in.CRS)
	if err != nil {
		return onePlace("/lon", err)
	}
	shapes, err := avoidShapes(in.Avoid, in.CRS)
	if err != nil {
		return err
	}
	if in.Limit == 0 {
		in.Limit = 5
	}
	done, err := s.detour(c.Request().Context(), shapes)
	if err != nil {
		return err
	}
	defer done()
	return s.answerNearest(c, dispatch.NearestAsk{Point: p[0], Department: in.Department, Limit: in.Limit, Avoid: shapes})
}

func (s *Server) answerNearest(c echo.Context, ask dispatch.NearestAsk) error {
	ctx, told := road.Witnessed(c.Request().Context())
	v := viewer(c)
	items, err := s.places.Nearest(ctx, v, ask)
	if err != nil {
		return avoidRefusal(err)
	}
	if told.String() != "" {
		c.Response().Header().Set(headerEngine, told.String())
	}
	seen := make([]dispatch.PatrolID, len(items))
	for i, n := range items {
		seen[i] = n.PatrolID
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, seen); err != nil {
		return err
	}
	return answer(c, http.StatusOK, list[dispatch.Nearest]{Items: some(items)})
}
