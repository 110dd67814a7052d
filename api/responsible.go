package api

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// thenAnswer is ResponsibleThen as the desk has it.
type thenAnswer struct {
	At          time.Time             `json:"at"`
	Responsible dispatch.Responsible  `json:"responsible"`
	RunnerUp    *dispatch.Responsible `json:"runner_up"`
	MapFrom     *time.Time            `json:"map_from"`
	MapUntil    *time.Time            `json:"map_until"`
	MapChanges  []ChangeThen          `json:"map_changes"`
	People      []PersonThen          `json:"people"`
	Answers     *uuid.UUID            `json:"answers"`
}

// responsibleAt answers who was responsible for a place at a time: the grid as it was
// drawn then, its people then, their shifts, and who had set it so. It is written down
// whose names the caller was shown before they leave.
func (s *Server) responsibleAt(c echo.Context) error {
	q := query{c: c}
	ask := dispatch.LocateAsk{CRS: q.crs(), Category: q.category("category")}
	ask.Point = q.point()
	at := q.moment("at")
	if at == nil && len(q.faults) == 0 {
		q.wrong("at", "is missing; give the time, such as 2026-05-03T21:40:00+08:00")
	}
	if err := q.err(); err != nil {
		return err
	}
	ask.At = *at
	ctx, v := c.Request().Context(), viewer(c)
	found, err := s.places.Locate(ctx, v, ask)
	if err != nil {
		return err
	}
	out := thenAnswer{At: utc(*at), Responsible: found.Responsible, RunnerUp: found.RunnerUp, MapChanges: []ChangeThen{}, People: []PersonThen{}}
	if found.Responsible.GridID == nil {
		return answer(c, http.StatusOK, out)
	}
	grid, err := s.book.Grid(ctx, v, *found.Responsible.GridID, at)
	if dispatch.KindOf(err) == dispatch.NotFound {
		return answer(c, http.StatusOK, out) // which grid it was is no secret; whose it was, is
	}
	if err != nil {
		return err
	}
	out.MapFrom, out.MapUntil = grid.ValidFrom, grid.ValidTo
	if out.MapChanges, err = s.records.MapSetBy(ctx, v, *found.Responsible.GridID); err != nil {
		return err
	}
	if len(grid.People) > 0 {
		people, err := s.records.PeopleThen(ctx, v, grid.Code, *at)
		if err != nil {
			return err
		}
		out.People = some(people)
		out.Answers = whoAnswered(out.People)
	}
	if err := s.seePeopleThen(c, grid.Code, *at, out.People); err != nil {
		return err
	}
	return answer(c, http.StatusOK, out)
}

// seePeopleThen writes down whose names and shifts an answer holds; none, and nothing is
// written.
func (s *Server) seePeopleThen(c echo.Context, grid string, at time.Time, people []PersonThen) error {
	if len(people) == 0 {
		return nil
	}
	var staff []uuid.UUID
	for _, p := range people {
		staff = append(staff, p.StaffId)
	}
	slices.SortFunc(staff, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return s.auth.RecordLook(c.Request().Context(), viewer(c), "responsible", dispatch.CaseID{},
		map[string]any{"grid": grid, "at": at.UTC(), "staff": slices.Compact(staff)})
}

// whoAnswered is who had to go and look: the worker if on duty, else who stood in, else
// a part-timer, else the grid's chief, on duty or not.
func whoAnswered(people []PersonThen) *uuid.UUID {
	for _, part := range []GridPart{"worker", "substitute", "part_timer", "chief"} {
		for _, p := range people {
			if p.Part == part && (p.OnDuty || part == "chief") {
				return &p.StaffId
			}
		}
	}
	return nil
}
