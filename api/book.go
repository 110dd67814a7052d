package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Book answers the grids of a map version, as far as a viewer may see them. A nil
// at is the present. What is not there, or not to be seen, is a dispatch.NotFound
// fault.
type Book interface {
	Grids(ctx context.Context, v dispatch.Viewer, at *time.Time, ask dispatch.PageAsk) (GridList, error)
	Grid(ctx context.Context, v dispatch.Viewer, id dispatch.GridID, at *time.Time) (GridDetail, error)
}

// Register answers the lists that pages fill their choices from.
type Register interface {
	Departments(ctx context.Context, d dispatch.DistrictID) ([]Department, error)
	Categories(ctx context.Context, d dispatch.DistrictID, at *time.Time) ([]Category, error)
	Areas(ctx context.Context, d dispatch.DistrictID) ([]Area, error)
}

func (s *Server) listGrids(c echo.Context) error {
	q := query{c: c}
	at := q.moment("at")
	var ask dispatch.PageAsk
	ask.Limit, ask.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.book.Grids(c.Request().Context(), viewer(c), at, ask)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) getGrid(c echo.Context) error {
	var id dispatch.GridID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	at := q.moment("at")
	if err := q.err(); err != nil {
		return err
	}
	found, err := s.book.Grid(c.Request().Context(), viewer(c), id, at)
	if err != nil {
		return err
	}
	var called []uuid.UUID
	for _, p := range found.People {
		if p.Phone != nil {
			called = append(called, p.StaffId)
		}
	}
	if err := s.seePhones(c, called); err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}

func (s *Server) listDepartments(c echo.Context) error {
	items, err := s.register.Departments(c.Request().Context(), viewer(c).District)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, DepartmentList{Items: some(items)})
}

func (s *Server) listCategories(c echo.Context) error {
	q := query{c: c}
	at := q.moment("at")
	if err := q.err(); err != nil {
		return err
	}
	items, err := s.register.Categories(c.Request().Context(), viewer(c).District, at)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, CategoryList{Items: some(items)})
}

func (s *Server) listAreas(c echo.Context) error {
	items, err := s.register.Areas(c.Request().Context(), viewer(c).District)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, AreaList{Items: some(items)})
}
