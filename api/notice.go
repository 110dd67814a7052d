package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// NoticeDesk is what the door asks about what people were told, and about what
// waits for an operator. *dispatch.Service is one.
type NoticeDesk interface {
	Notices(ctx context.Context, v dispatch.Viewer, unseenOnly bool, ask dispatch.PageAsk) (dispatch.NoticePage, error)
	SeeNotices(ctx context.Context, v dispatch.Viewer, upTo int64, ids []int64) (unseen int, err error)
	OperatorItems(ctx context.Context, v dispatch.Viewer, open *bool, ask dispatch.PageAsk) (dispatch.Page[dispatch.OperatorItem], error)
	SettleItem(ctx context.Context, v dispatch.Viewer, id int64, note string) (dispatch.OperatorItem, error)
}

func (s *Server) listNotices(c echo.Context) error {
	q := query{c: c}
	unseen := q.flag("unseen")
	var ask dispatch.PageAsk
	ask.Limit, ask.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.notices.Notices(c.Request().Context(), viewer(c), unseen != nil && *unseen, ask)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) seeNotices(c echo.Context) error {
	var in SeenNotices
	if err := s.readJSON(c, "SeenNotices", false, &in); err != nil {
		return err
	}
	if in.UpTo == nil && in.Ids == nil {
		return invalid(FieldProblem{Pointer: "/up_to", Detail: "is missing; give up_to, ids, or both"})
	}
	var upTo int64
	var ids []int64
	if in.UpTo != nil {
		upTo = *in.UpTo
	}
	if in.Ids != nil {
		ids = *in.Ids
	}
	unseen, err := s.notices.SeeNotices(c.Request().Context(), viewer(c), upTo, ids)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, Unseen{Unseen: unseen})
}

func (s *Server) listOperatorItems(c echo.Context) error {
	q := query{c: c}
	open := q.flag("open")
	var ask dispatch.PageAsk
	ask.Limit, ask.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.notices.OperatorItems(c.Request().Context(), viewer(c), open, ask)
	if err != nil {
		return err
	}
	of := make([]dispatch.CaseID, len(page.Items))
	for i, item := range page.Items {
		of[i] = item.CaseID
	}
	if err := s.auth.RecordCovertAmong(c.Request().Context(), viewer(c), pgauth.ViewedInList, of); err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) settleOperatorItem(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return errNotFound
	}
	var in Settlement
	if err := s.readJSON(c, "Settlement", false, &in); err != nil {
		return err
	}
	item, err := s.notices.SettleItem(c.Request().Context(), viewer(c), id, in.Note)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, item)
}
