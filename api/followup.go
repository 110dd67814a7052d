package api

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// followUpHeader carries the code that a reporter was given. It is never part of an
// address, which logs and histories keep.
const followUpHeader = "X-Follow-Up-Code"

// reportAnswers is what a reporter hears, as it leaves: photos say where they can
// be read.
type reportAnswers struct {
	dispatch.Followed
	Report *report `json:"report,omitempty"`
}

// getReport answers a report and what was said of it: all of it to whoever is signed
// in and may see it, the public view to whoever brings its code. An unknown report and
// a wrong code read alike.
func (s *Server) getReport(c echo.Context) error {
	if c.Request().Header.Get(followUpHeader) != "" {
		return s.followUp(c)
	}
	var id dispatch.ReportID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	found, err := s.reports.Report(c.Request().Context(), viewer(c), id)
	if err != nil {
		return err
	}
	if found.Covert {
		if err := s.auth.RecordLook(c.Request().Context(), viewer(c), "case", found.Report.CaseID, map[string]any{"report": id}); err != nil {
			return err
		}
	}
	if found.Contact != nil && found.Report != nil {
		// Whom to call back is personal: who was told is on record before they are.
		if err := s.auth.RecordLook(c.Request().Context(), viewer(c), "contact", found.Report.CaseID, map[string]any{"report": id}); err != nil {
			return err
		}
	}
	out := reportAnswers{Followed: found}
	if found.Report != nil {
		out.Report = &reports([]dispatch.Report{*found.Report})[0]
	}
	return answer(c, http.StatusOK, out)
}

func (s *Server) followUp(c echo.Context) error {
	return s.withCode(c, s.reports.FollowUp)
}

// evaluateReport takes what a reporter says of their report when it is settled. The code
// alone lets it in, and wrong ones are counted as those of a look are.
func (s *Server) evaluateReport(c echo.Context) error {
	if c.Request().Header.Get(followUpHeader) == "" {
		return invalid(FieldProblem{Pointer: "/header/" + followUpHeader, Detail: "is missing; only the reporter says how content they are, by the code that came with the report"})
	}
	var in NewEvaluation
	if err := s.readJSON(c, "NewEvaluation", false, &in); err != nil {
		return err
	}
	e := dispatch.Evaluation{Satisfaction: dispatch.Satisfaction(in.Satisfaction), Words: deref(in.Words)}
	return s.withCode(c, func(ctx context.Context, ref, code string) (dispatch.Followed, error) {
		return s.reports.Evaluate(ctx, ref, code, c.RealIP(), e)
	})
}

// withCode asks by the number and the code of a report, and counts wrong ones.
func (s *Server) withCode(c echo.Context, ask func(ctx context.Context, ref, code string) (dispatch.Followed, error)) error {
	ref := c.Param("id")
	if len(ref) > 64 {
		return errNotFound
	}
	right, wait := s.guesses.Take(ref, c.RealIP())
	if wait > 0 {
		seconds := strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
		return refuse(http.StatusTooManyRequests, "throttled",
			"Too many wrong codes; wait "+seconds+" s and try again.").with("Retry-After", seconds)
	}
	found, err := ask(c.Request().Context(), ref, c.Request().Header.Get(followUpHeader))
	if err != nil {
		if dispatch.KindOf(err) != dispatch.NotFound {
			right() // our own trouble is nobody's wrong guess
		}
		return err
	}
	right()
	return answer(c, http.StatusOK, reportAnswers{Followed: found})
}
