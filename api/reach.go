package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// reach answers the cells that can be reached in a time, or from which a place can be.
func (s *Server) reach(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.ReachAsk{CRS: q.crs(), Mode: dispatch.Mode(q.oneOf("mode", s.spec.words("Mode")...)), Res: q.whole("res", 7, 9, 0)}
	if patrol := q.text("patrol"); patrol != "" {
		id, err := uuid.Parse(patrol)
		if err != nil {
			q.wrong("patrol", "must be a patrol's id")
		}
		ask.Patrol.UUID = id
		if q.text("lon") != "" || q.text("lat") != "" {
			q.wrong("patrol", "is given beside lon and lat; give one of them")
		}
	} else {
		ask.Point = q.point()
	}
	minutes, given := q.number("minutes", 0, dispatch.MaxReachMin)
	if !given && q.text("minutes") == "" {
		q.wrong("minutes", "is missing; give how far to look ahead, such as 10")
	}
	ask.Minutes = minutes
	if back := q.flag("reverse"); back != nil {
		ask.Back = *back
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	found, err := s.places.Reach(ctx, v, ask)
	if err != nil {
		return err
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, found.Looked); err != nil {
		return err
	}
	if len(found.Cells) == 0 {
		if mode, err := road.ParseMode(string(found.Mode)); err == nil {
			if why := road.Outside(s.roads, mode, found.At); why != "" {
				return refuse(http.StatusNotFound, "no-way", "Nothing can be reached: the place "+why+".", FieldProblem{Pointer: "/query/lon", Detail: why})
			}
		}
	}
	return streamCells(c, Reach{
		Mode: Mode(found.Mode), Minutes: ask.Minutes, Reverse: ask.Back, Res: found.Res, EtaKind: EtaKind(found.EtaKind), Lon: found.At.Lon, Lat: found.At.Lat,
		Items: []CellTime{},
	}, found.Cells)
}

// coverage answers how soon each cell has a patrol of a department.
func (s *Server) coverage(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.CoverageAsk{Department: q.text("department"), Res: q.whole("res", 7, 9, 0)}
	if ask.Department == "" {
		q.wrong("department", "is missing; name one, such as police")
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	found, err := s.places.Coverage(ctx, v, ask)
	if err != nil {
		return err
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, found.Patrols); err != nil {
		return err
	}
	return streamCells(c, Coverage{
		Department: ask.Department, Res: found.Res, EtaKind: EtaKind(found.EtaKind), Patrols: len(found.Patrols), Stale: found.Stale,
		Simulated: found.Simulated, At: utc(found.At), Items: []CellTime{},
	}, found.Cells)
}

// streamCells writes an answer whose items are these cells, cell by cell. The head
// comes with an empty list of items.
func streamCells(c echo.Context, head any, cells []dispatch.CellTime) error {
	whole, err := json.Marshal(head)
	if err != nil {
		return err
	}
	// Within a string the quotes would be escaped, so this is the list.
	before, after, ok := strings.Cut(string(whole), `"items":[]`)
	if !ok {
		return fmt.Errorf("%T has no list of items", head)
	}
	w := bufio.NewWriterSize(c.Response(), 32<<10)
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	c.Response().WriteHeader(http.StatusOK)
	w.WriteString(before + `"items":[`) // what a writer could not write, Flush tells
	for i, at := range cells {
		ring, err := closedRing(at.Cell)
		if err != nil {
			return err
		}
		for _, p := range ring {
			p[0], p[1] = math.Round(p[0]*1e6)/1e6, math.Round(p[1]*1e6)/1e6
		}
		one, err := json.Marshal(CellTime{Cell: at.Cell.String(), EtaS: at.EtaS, Boundary: ring})
		if err != nil {
			return err
		}
		if i > 0 {
			w.WriteByte(',')
		}
		if _, err := w.Write(one); err != nil {
			return err
		}
	}
	w.WriteString("]" + after + "\n")
	return w.Flush()
}
