package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// PatrolDesk is what the door asks about patrols. *dispatch.Service is one.
type PatrolDesk interface {
	Patrols(context.Context, dispatch.Viewer, dispatch.PatrolFilter) (dispatch.Page[dispatch.Patrol], error)
	Patrol(context.Context, dispatch.Viewer, dispatch.PatrolID) (dispatch.PatrolDetail, error)
	SetStatus(context.Context, dispatch.Viewer, dispatch.PatrolID, dispatch.Status, int64) (dispatch.Patrol, error)
	SetDuty(context.Context, dispatch.Viewer, bool) (dispatch.Patrol, error)
	Veil(context.Context, dispatch.Viewer) (dispatch.Veil, error)
}

func (s *Server) listPatrols(c echo.Context) error {
	q := query{c: c}
	var f dispatch.PatrolFilter
	f.Department = q.text("department")
	f.Status = dispatch.Status(q.oneOf("status", s.spec.words("PatrolStatus")...))
	f.Limit, f.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	page, err := s.patrols.Patrols(ctx, v, f)
	if err != nil {
		return err
	}
	var seen []dispatch.PatrolID
	for _, p := range page.Items {
		if p.Lon != nil {
			seen = append(seen, p.ID)
		}
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, seen); err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) getPatrol(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	at := q.moment("at")
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	var found dispatch.PatrolDetail
	var err error
	if at == nil {
		found, err = s.patrols.Patrol(ctx, v, id)
	} else {
		found, err = s.people.PatrolAt(ctx, v, id, *at)
	}
	if err != nil {
		return err
	}
	return s.answerPatrol(c, http.StatusOK, found)
}

// answerPatrol writes down that its place was seen, where there is one.
func (s *Server) answerPatrol(c echo.Context, status int, found dispatch.PatrolDetail) error {
	if found.Lon != nil {
		if err := s.auth.RecordViews(c.Request().Context(), viewer(c), pgauth.ViewedPosition, []dispatch.PatrolID{found.ID}); err != nil {
			return err
		}
	}
	var called []uuid.UUID
	for _, m := range slices.Concat(found.Members, found.Planned) {
		if m.Phone != nil {
			called = append(called, m.StaffID.UUID)
		}
	}
	if err := s.seePhones(c, called); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(found.Version))
	return answer(c, status, found)
}

func (s *Server) setPatrolStatus(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewStatus
	if err := s.readJSON(c, "NewStatus", false, &in); err != nil {
		return err
	}
	changed, err := s.patrols.SetStatus(c.Request().Context(), viewer(c), id, dispatch.Status(in.Status), in.Version)
	var fault *dispatch.Fault
	if errors.As(err, &fault) && fault.Code == dispatch.CodeOldVersion && len(fault.Fields) == 0 {
		return refuse(http.StatusConflict, "old-version", fault.Detail,
			FieldProblem{Pointer: "/version", Detail: "is not the patrol's version any more; read it again"})
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

func (s *Server) setMyDuty(c echo.Context) error {
	var in NewDuty
	if err := s.readJSON(c, "NewDuty", false, &in); err != nil {
		return err
	}
	changed, err := s.patrols.SetDuty(c.Request().Context(), viewer(c), in.On)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}
