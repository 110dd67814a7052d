package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// Bounds of what one question for who is inside may draw: it must fit into the line of a
// request on any way to here.
const (
	maxDrawnPoints = 200
	maxDrawnBytes  = 16 << 10
	maxAroundM     = 100_000
)

// whoIsWithin answers who is in a grid, a closed area, a drawing, or around a place.
func (s *Server) whoIsWithin(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.InsideAsk{Department: q.text("department"), Limit: q.whole("limit", 1, 200, 50)}
	ask.Status = dispatch.Status(q.oneOf("status", s.spec.words("PatrolStatus")...))
	crs := q.crs()
	given := q.c.QueryParams()
	var ways []string
	for _, way := range []string{"grid_id", "closure_id", "polygon", "lon"} {
		if given.Has(way) || way == "lon" && (given.Has("lat") || given.Has("to_m") || given.Has("from_m")) {
			ways = append(ways, way)
		}
	}
	const oneOf = "give one of grid_id, closure_id, polygon, or lon, lat and to_m"
	var closure *uuid.UUID
	switch {
	case len(ways) == 0:
		q.wrong("polygon", "is missing; "+oneOf)
	case len(ways) > 1:
		q.wrong(ways[1], "is given beside "+ways[0]+"; "+oneOf)
	case ways[0] == "grid_id":
		if id := q.id("grid_id"); id != nil {
			ask.Grid.UUID = *id
		}
	case ways[0] == "closure_id":
		closure = q.id("closure_id")
	case ways[0] == "polygon":
		if area := s.drawn(&q, "polygon", crs); area != nil {
			ask.Region = area
		}
	default:
		around := q.around(crs)
		ask.Region, ask.Near = around, &around.Center
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	if !dispatch.May(v, dispatch.ActSeePatrols) {
		return forbidden(v)
	}
	if closure != nil {
		closed, err := s.works.Closure(ctx, *closure)
		if errors.Is(err, pgroad.ErrNoClosure) {
			return errNotFound
		}
		if err != nil {
			return err
		}
		area, err := areaOf(closed.Shape)
		if err != nil {
			q.wrong("closure_id", "names a closure that "+err.Error()+"; ask with lon, lat and to_m around it instead")
			return q.err()
		}
		ask.Region = area
	}
	found, err := s.places.Inside(ctx, v, ask)
	if err != nil {
		return err
	}
	seen := make([]dispatch.PatrolID, len(found.Items))
	for i, p := range found.Items {
		seen[i] = p.PatrolID
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, seen); err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}

// id reads an identifier; nil where it is none.
func (q *query) id(name string) *uuid.UUID {
	text := q.text(name)
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		q.wrong(name, "must be the identifier of one, such as "+uuid.Nil.String())
		return nil
	}
	return &id
}

// around reads lon, lat, from_m and to_m.
func (q *query) around(crs geo.CRS) geo.Around {
	a := geo.Around{Center: geo.ToWGS84(q.point(), crs)}
	to, given := q.number("to_m", 1, maxAroundM)
	if a.ToM = to; !given && q.text("to_m") == "" {
		q.wrong("to_m", fmt.Sprintf("is missing; give the distance in metres, 1 to %d", maxAroundM))
	}
	from, _ := q.number("from_m", 0, maxAroundM)
	if a.FromM = from; given && from >= to {
		q.wrong("from_m", "must be less than to_m")
	}
	return a
}

// drawn reads a polygon or several as GeoJSON; nil where they are none.
func (s *Server) drawn(q *query, name string, crs geo.CRS) dispatch.Region {
	values := q.c.QueryParams()[name]
	text := values[0]
	if len(values) > 1 {
		q.wrong(name, "is given more than once")
		return nil
	}
	if len(text) > maxDrawnBytes {
		q.wrong(name, fmt.Sprintf("must have %d bytes or fewer; draw it with fewer points", maxDrawnBytes))
		return nil
	}
	value, err := parseJSON([]byte(text))
	var shape geom.T
	if err == nil {
		if fields := s.spec.check("ClosureShape", value); len(fields) > 0 {
			err = invalid(fields...)
		} else {
			shape, err = readShape(json.RawMessage(text), crs)
		}
	}
	var wrong *refusal
	switch {
	case errors.As(err, &wrong):
		q.wrong(name, "is not the GeoJSON of a Polygon or MultiPolygon: "+strings.TrimSpace(strings.TrimPrefix(wrong.Errors[0].Pointer, "/geometry")+" "+wrong.Errors[0].Detail))
		return nil
	case err != nil:
		q.wrong(name, err.Error())
		return nil
	case len(shape.FlatCoords())/2 > maxDrawnPoints:
		q.wrong(name, fmt.Sprintf("has %d points; draw it with at most %d", len(shape.FlatCoords())/2, maxDrawnPoints))
		return nil
	}
	area, err := areaOf(shape)
	if err != nil {
		q.wrong(name, err.Error()+"; draw a Polygon or a MultiPolygon of 3 corners or more")
		return nil
	}
	return area
}

// areaOf makes an area of a drawing, or says why it is none.
func areaOf(shape geom.T) (*grid.Area, error) {
	switch g := shape.(type) {
	case *geom.MultiPolygon:
		return grid.NewArea(g)
	case *geom.Polygon:
		whole := geom.NewMultiPolygon(g.Layout())
		if err := whole.Push(g); err != nil {
			return nil, err
		}
		return grid.NewArea(whole)
	}
	return nil, errors.New("is no area, and nobody stands in it")
}
