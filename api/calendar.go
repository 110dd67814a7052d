package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func (s *Server) getCalendar(c echo.Context) error {
	book, err := s.cases.Calendar(c.Request().Context())
	return answerCalendar(c, book, err)
}

func (s *Server) setHours(c echo.Context) error {
	var in WorkHours
	if err := s.readJSON(c, "WorkHours", false, &in); err != nil {
		return err
	}
	hours := make([]dispatch.WorkSpan, len(in.Hours))
	for i, h := range in.Hours {
		hours[i] = dispatch.WorkSpan{From: h.FromMin, Until: h.UntilMin}
	}
	book, err := s.cases.SetHours(c.Request().Context(), viewer(c), hours)
	return answerCalendar(c, book, err)
}

func (s *Server) setDay(c echo.Context) error {
	var in NewCalendarDay
	if err := s.readJSON(c, "NewCalendarDay", false, &in); err != nil {
		return err
	}
	return s.changeDay(c, dispatch.CalendarDay{Kind: string(in.Kind), Name: deref(in.Name), Source: deref(in.Source)})
}

func (s *Server) setDays(c echo.Context) error {
	var in NewCalendarDays
	if err := s.readJSON(c, "NewCalendarDays", false, &in); err != nil {
		return err
	}
	days := make([]dispatch.CalendarDay, len(in.Days))
	for i, d := range in.Days {
		days[i] = dispatch.CalendarDay{Day: dispatch.DayOf(d.Day.Time, time.UTC), Kind: string(d.Kind), Name: deref(d.Name), Source: deref(d.Source)}
	}
	book, err := s.cases.SetDays(c.Request().Context(), viewer(c), days)
	return answerCalendar(c, book, err)
}

func (s *Server) clearDay(c echo.Context) error {
	return s.changeDay(c, dispatch.CalendarDay{})
}

func (s *Server) changeDay(c echo.Context, d dispatch.CalendarDay) error {
	var err error
	if d.Day, err = dispatch.ParseDay(c.Param("day")); err != nil {
		return invalid(FieldProblem{Pointer: "/path/day", Detail: "must be a date such as 2026-10-01"})
	}
	book, err := s.cases.SetDay(c.Request().Context(), viewer(c), d)
	return answerCalendar(c, book, err)
}

func answerCalendar(c echo.Context, book dispatch.CalendarBook, err error) error {
	if err != nil {
		return err
	}
	book.Days, book.Hours = some(book.Days), some(book.Hours)
	return answer(c, http.StatusOK, book)
}

func (s *Server) listCategoryRules(c echo.Context) error {
	items, err := s.cases.CategoryRules(c.Request().Context())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"items": some(items)})
}

func (s *Server) setCategoryRules(c echo.Context) error {
	var in NewCategoryRules
	if err := s.readJSON(c, "NewCategoryRules", false, &in); err != nil {
		return err
	}
	ctx := c.Request().Context()
	r, err := s.categoryRules(ctx, c.Param("code"))
	if err != nil {
		return err
	}
	r.Mode, r.Urgency, r.Crews = "", "", nil // what is left out stays
	r.CheckPercent, r.Listed, r.Article, r.Reason = in.CheckPercent, in.Listed, deref(in.Article), deref(in.Reason)
	if in.DispatchMode != nil {
		r.Mode = dispatch.DispatchMode(*in.DispatchMode)
	}
	if in.Urgency != nil {
		r.Urgency = string(*in.Urgency)
	}
	if x := in.Same; x != nil {
		r.Same = dispatch.SameRule{DistanceM: x.DistanceM, Minutes: x.Minutes, PhotoBits: x.PhotoBits, Joins: x.Joins}
	}
	if in.RevisitDays != nil {
		r.RevisitDays = *in.RevisitDays
	}
	if in.CovertHours != nil {
		r.CovertHours = *in.CovertHours
	}
	if in.Crews != nil {
		r.Crews = []dispatch.Crew{}
		for _, c := range *in.Crews {
			r.Crews = append(r.Crews, dispatch.Crew{Department: c.Department, People: c.People, Skills: some(c.Skills)})
		}
	}
	if err := s.cases.SetCategoryRules(ctx, viewer(c), r); err != nil {
		return err
	}
	is, err := s.categoryRules(ctx, r.Code)
	if err != nil {
		return err
	}
	is.RevisitDays, is.Crews = some(is.RevisitDays), some(is.Crews)
	return answer(c, http.StatusOK, is)
}

// categoryRules answers the rules of a category. Of one that is not there it answers the
// usual ones: that it is not is said by whoever sets them.
func (s *Server) categoryRules(ctx context.Context, code string) (dispatch.CategoryRules, error) {
	all, err := s.cases.CategoryRules(ctx)
	if i := slices.IndexFunc(all, func(r dispatch.CategoryRules) bool { return r.Code == code }); err == nil && i >= 0 {
		return all[i], nil
	}
	return dispatch.CategoryRules{Code: code, Same: dispatch.UsualSame}, err
}
