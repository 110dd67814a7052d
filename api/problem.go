package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// refusal is a Problem on its way out: the answer to a request that cannot be
// served, with the headers that belong to it.
type refusal struct {
	Problem
	header http.Header
}

func (r *refusal) Error() string { return r.Detail }

// refuse makes a refusal. code becomes the type /problems/<code>.
func refuse(status int, code, detail string, fields ...FieldProblem) *refusal {
	if fields == nil {
		fields = []FieldProblem{}
	}
	return &refusal{Problem: Problem{
		Type: "/problems/" + code, Title: http.StatusText(status), Status: status, Detail: detail, Errors: fields,
	}}
}

func (r *refusal) with(key, value string) *refusal {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(key, value)
	return r
}

// invalid is the refusal of what was sent, with the fields that are wrong.
func invalid(fields ...FieldProblem) *refusal {
	detail := "What was sent cannot be used."
	if len(fields) == 1 {
		detail = fields[0].Pointer + ": " + fields[0].Detail
	} else if len(fields) > 1 {
		detail = fmt.Sprintf("%d fields cannot be used; errors names each.", len(fields))
	}
	return refuse(http.StatusBadRequest, "invalid", detail, fields...)
}

var errNotFound = refuse(http.StatusNotFound, "not-found", "There is nothing here, or it is outside what you may see.")

// statusOf is the one table from a kind of fault to a status.
var statusOf = map[dispatch.Kind]struct {
	status int
	code   string
}{
	dispatch.Invalid:     {http.StatusBadRequest, "invalid"},
	dispatch.NotFound:    {http.StatusNotFound, "not-found"},
	dispatch.Conflict:    {http.StatusConflict, "conflict"},
	dispatch.Forbidden:   {http.StatusForbidden, "forbidden"},
	dispatch.Unavailable: {http.StatusServiceUnavailable, "unavailable"},
}

// asRefusal turns any error into what the caller is told. An error that is no
// known kind becomes a bare 500; known is false for it, and it goes to the log.
func asRefusal(err error) (r *refusal, known bool) {
	var fault *dispatch.Fault
	var throttled *pgauth.ThrottledError
	var tooLarge *http.MaxBytesError
	var httpError *echo.HTTPError
	switch {
	case errors.As(err, &r):
		return r, true
	case errors.As(err, &fault):
		row, ok := statusOf[fault.Kind]
		if !ok {
			break
		}
		code := fault.Code
		if code == "" {
			code = row.code
		}
		fields := make([]FieldProblem, len(fault.Fields))
		for i, f := range fault.Fields {
			fields[i] = FieldProblem{Pointer: f.Pointer, Detail: f.Detail}
		}
		r = refuse(row.status, code, fault.Detail, fields...)
		if fault.Kind == dispatch.Unavailable {
			r = r.with("Retry-After", "2")
		}
		return r, true
	case errors.As(err, &throttled):
		seconds := strconv.Itoa(max(1, int(math.Ceil(throttled.RetryAfter.Seconds()))))
		return refuse(http.StatusTooManyRequests, "throttled",
			"Too many failed sign-ins; wait "+seconds+" s and try again.").with("Retry-After", seconds), true
	case errors.Is(err, pgauth.ErrBusy):
		return refuse(http.StatusServiceUnavailable, "busy",
			"Too many people are signing in at once; try again in a moment.").with("Retry-After", "2"), true
	case errors.As(err, &tooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too-large",
			fmt.Sprintf("The body is larger than %d bytes; send less.", tooLarge.Limit)), true
	case errors.Is(err, geo.ErrCoordinate), errors.Is(err, geo.ErrNullIsland):
		return refuse(http.StatusBadRequest, "invalid", err.Error()), true
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusServiceUnavailable, "too-slow",
			"This took too long and was given up; try again.").with("Retry-After", "2"), false
	case pgdb.Away(err):
		return refuse(http.StatusServiceUnavailable, "unavailable",
			"The database is away for a moment; try again.").with("Retry-After", "2"), false
	case pgdb.Full(err):
		return refuse(http.StatusServiceUnavailable, "disk-full",
			"The disk is full and nothing was kept; send it again when there is room.").with("Retry-After", "10"), false
	case errors.As(err, &httpError):
		switch httpError.Code {
		case http.StatusNotFound:
			return errNotFound, true
		case http.StatusMethodNotAllowed:
			return refuse(httpError.Code, "method-not-allowed", "This address does not take this method; the Allow header says which it takes."), true
		}
	}
	return refuse(http.StatusInternalServerError, "internal",
		"Something went wrong here; it has been logged under the request id."), false
}

// fail is echo's error handler: every refusal leaves through it.
func (s *Server) fail(err error, c echo.Context) {
	r, known := asRefusal(err)
	if !known && !errors.Is(c.Request().Context().Err(), context.Canceled) {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "request failed",
			slog.String("request_id", requestID(c)), slog.String("route", c.Path()), slog.Any("error", err))
	}
	if c.Response().Committed {
		return
	}
	body := r.Problem
	if id := requestID(c); id != "" {
		body.RequestId = &id
	}
	h := c.Response().Header()
	for key, values := range r.header {
		h[key] = values
	}
	h.Set(echo.HeaderContentType, "application/problem+json")
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Del("ETag")
	c.Response().WriteHeader(body.Status)
	if c.Request().Method == http.MethodHead {
		return
	}
	// The connection may be gone; there is nobody left to tell.
	_ = json.NewEncoder(c.Response()).Encode(body)
}
