package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/geojson"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/proof"
)

// RoadWorks closes roads and opens them again, and knows the profiles there are.
// *pgroad.Works is one.
type RoadWorks interface {
	Profile(ctx context.Context, name string) (road.Engine, road.Mode, error)
	Close(context.Context, pgroad.NewClosure) (pgroad.Closure, error)
	Lift(ctx context.Context, id, by uuid.UUID, actor proof.Actor) error
	Closures(ctx context.Context, ended bool, before uuid.UUID, limit int) ([]pgroad.Closure, error)
	Closure(ctx context.Context, id uuid.UUID) (pgroad.Closure, error)
	Effect(context.Context, pgroad.Closure) (pgroad.Effect, error)

	SetSpeeds(ctx context.Context, rules []pace.Rule, by uuid.UUID, actor proof.Actor) ([]pgroad.Speed, error)
	EndSpeed(ctx context.Context, id, by uuid.UUID, actor proof.Actor) error
	Speeds(ctx context.Context, ended bool, before uuid.UUID, limit int) ([]pgroad.Speed, error)
	SpeedRoads(pace.Rule) (roads road.Extent, none string)
	SpeedsInForce() map[uuid.UUID]bool

	Learned(ctx context.Context, after int64, limit int) ([]pgroad.LearnedSpeed, pgroad.Learning, error)
	BucketInForce() int
}

// Bounds of one closure.
const (
	maxShapePoints  = 2000
	maxClosureAhead = 366 * 24 * time.Hour
)

// newClosure is NewClosure with the drawing as it came.
type newClosure struct {
	Geometry json.RawMessage `json:"geometry"`
	CRS      geo.CRS         `json:"crs"`
	Modes    []string        `json:"modes"`
	From     *time.Time      `json:"from"`
	Until    *time.Time      `json:"until"`
	Reason   string          `json:"reason"`
}

// closure is a closure as it leaves.
type closure struct {
	ID       uuid.UUID         `json:"id"`
	Geometry *geojson.Geometry `json:"geometry"`
	Modes    []string          `json:"modes"`
	From     time.Time         `json:"from"`
	Until    *time.Time        `json:"until"`
	Reason   string            `json:"reason"`
	MadeBy   uuid.UUID         `json:"made_by"`
	MadeAt   time.Time         `json:"made_at"`
	LiftedAt *time.Time        `json:"lifted_at"`
	InForce  bool              `json:"in_force"`
	Roads    road.Extent       `json:"roads"`
	CutsOff  []cutOff          `json:"cuts_off"`
}

type cutOff struct {
	Mode string `json:"mode"`
	road.Extent
}

func (s *Server) closeRoads(c echo.Context) error {
	var in newClosure
	if err := s.readJSON(c, "NewClosure", false, &in); err != nil {
		return err
	}
	shape, err := readShape(in.Geometry, in.CRS)
	if err != nil {
		return err
	}
	made := pgroad.NewClosure{Shape: shape, Modes: road.AllModes, Until: in.Until, Reason: in.Reason, MadeBy: viewer(c).Account.UUID,
		Actor: dispatch.ActorOf(viewer(c))}
	if in.Modes != nil {
		if made.Modes, err = road.ParseModes(in.Modes); err != nil {
			return err
		}
	}
	begin := s.now()
	if in.From != nil {
		begin, made.From = *in.From, *in.From
	}
	switch {
	case in.Until != nil && !in.Until.After(begin):
		return invalid(FieldProblem{Pointer: "/until", Detail: "must be after from, and in the future"})
	case begin.Sub(s.now()) > maxClosureAhead:
		return invalid(FieldProblem{Pointer: "/from", Detail: "is more than a year ahead"})
	case s.now().Sub(begin) > maxClosureAhead:
		return invalid(FieldProblem{Pointer: "/from", Detail: "is more than a year ago"})
	}
	ctx := c.Request().Context()
	effect, err := s.works.Effect(ctx, pgroad.Closure{Shape: shape, Modes: made.Modes})
	if err != nil {
		return shapeRefusal(err)
	}
	if effect.Roads.Segments == 0 {
		return invalid(FieldProblem{Pointer: "/geometry",
			Detail: "lies on no road; draw a line along a road or across it, or an area that a road enters (longitude comes before latitude)"})
	}
	closed, err := s.works.Close(ctx, made)
	if err != nil {
		return err
	}
	out, err := closureOut(closed, effect)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/roads/closures/"+closed.ID.String())
	return answer(c, http.StatusCreated, out)
}

// readShape reads a GeoJSON geometry and converts its points.
func readShape(raw json.RawMessage, crs geo.CRS) (geom.T, error) {
	wrong := func(detail string) error { return invalid(FieldProblem{Pointer: "/geometry", Detail: detail}) }
	var shape geom.T
	if err := geojson.Unmarshal(raw, &shape); err != nil {
		return nil, wrong("is not a GeoJSON line or polygon: " + err.Error())
	}
	stride, flat := shape.Stride(), shape.FlatCoords()
	switch {
	case stride != 2:
		return nil, wrong("must have two numbers a point: longitude, latitude")
	case len(flat) < 4:
		return nil, wrong("needs at least two points")
	case len(flat)/2 > maxShapePoints:
		return nil, wrong(fmt.Sprintf("has %d points; draw it with at most %d", len(flat)/2, maxShapePoints))
	}
	for i := 0; i < len(flat); i += 2 {
		p := geo.Point{Lon: flat[i], Lat: flat[i+1]}
		if err := p.Check(); err != nil {
			return nil, wrong(fmt.Sprintf("point %d: %v", i/2+1, err))
		}
		p = geo.ToWGS84(p, crs)
		flat[i], flat[i+1] = p.Lon, p.Lat
	}
	return withSRID(shape), nil
}

func withSRID(shape geom.T) geom.T {
	switch g := shape.(type) {
	case *geom.LineString:
		return g.SetSRID(4326)
	case *geom.MultiLineString:
		return g.SetSRID(4326)
	case *geom.Polygon:
		return g.SetSRID(4326)
	case *geom.MultiPolygon:
		return g.SetSRID(4326)
	}
	return shape
}

func shapeRefusal(err error) error {
	if errors.Is(err, road.ErrShape) {
		return invalid(FieldProblem{Pointer: "/geometry", Detail: err.Error()})
	}
	return err
}

func (s *Server) listClosures(c echo.Context) error {
	q := query{c: c}
	ended := q.flag("ended")
	limit, before := q.older(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, err := s.works.Closures(ctx, ended != nil && *ended, before, limit+1)
	if err != nil {
		return err
	}
	found, next := pageOf(found, limit, func(f pgroad.Closure) uuid.UUID { return f.ID })
	page := dispatch.Page[closure]{Items: []closure{}, NextCursor: next}
	for _, f := range found {
		effect, err := s.works.Effect(ctx, f)
		if err != nil {
			return err
		}
		out, err := closureOut(f, effect)
		if err != nil {
			return err
		}
		page.Items = append(page.Items, out)
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) liftClosure(c echo.Context) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return errNotFound
	}
	err = s.works.Lift(c.Request().Context(), id, viewer(c).Account.UUID, dispatch.ActorOf(viewer(c)))
	if errors.Is(err, pgroad.ErrNoClosure) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func closureOut(c pgroad.Closure, e pgroad.Effect) (closure, error) {
	shape, err := geojson.Encode(c.Shape)
	if err != nil {
		return closure{}, fmt.Errorf("encode closure %v: %w", c.ID, err)
	}
	out := closure{
		ID: c.ID, Geometry: shape, Modes: c.Modes.Strings(), From: utc(c.From), Reason: c.Reason,
		MadeBy: c.MadeBy, MadeAt: utc(c.MadeAt), InForce: c.InForce, Roads: e.Roads, CutsOff: []cutOff{},
	}
	if c.Until != nil {
		until := utc(*c.Until)
		out.Until = &until
	}
	if c.LiftedAt != nil {
		lifted := utc(*c.LiftedAt)
		out.LiftedAt = &lifted
	}
	for m := range road.Mode(road.Modes) {
		if lost, ok := e.CutOff[m]; ok {
			out.CutsOff = append(out.CutsOff, cutOff{Mode: m.String(), Extent: lost})
		}
	}
	return out, nil
}
