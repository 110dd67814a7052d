package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// readyWithin bounds one look at whether this node can take work.
	readyWithin = 4 * time.Second
	// readyFreshFor is how long its answer stands, so that probes cannot load what
	// they look at.
	readyFreshFor = time.Second
)

// Unready is why a node cannot take work, as a stranger may know it: what was
// looked at, and a sentence without names or addresses. Err is for the log.
type Unready struct {
	Check, Detail string
	Err           error
}

func (u *Unready) Error() string { return u.Check + ": " + u.Err.Error() }
func (u *Unready) Unwrap() error { return u.Err }

// live answers without asking anybody: a database that is away is no reason to
// restart this process.
func (s *Server) live(c echo.Context) error {
	return answer(c, http.StatusOK, Health{Status: HealthStatusOk})
}

var errDraining = refuse(http.StatusServiceUnavailable, "draining", "This node is stopping; ask another.",
	FieldProblem{Pointer: "/drain", Detail: "it is finishing what it has begun"}).with("Retry-After", "2")

func (s *Server) getReady(c echo.Context) error {
	if s.draining.Err() != nil {
		return errDraining
	}
	if err := s.ready.ask(c.Request().Context()); err != nil {
		return notReady(err)
	}
	ready := Health{Status: HealthStatusReady}
	if s.notes != nil {
		if notes := s.notes(); len(notes) > 0 {
			ready.Notes = &notes
		}
	}
	return answer(c, http.StatusOK, ready)
}

// notReady tells a stranger which looks failed, and nothing of what they saw.
func notReady(err error) *refusal {
	var fields []FieldProblem
	var names []string
	for _, u := range unready(err) {
		fields = append(fields, FieldProblem{Pointer: "/" + u.Check, Detail: u.Detail})
		names = append(names, u.Check)
	}
	detail := "This node cannot take work yet; its log says why."
	if len(names) > 0 {
		detail = "This node cannot take work yet (" + strings.Join(names, ", ") + "); its log says why."
	}
	return refuse(http.StatusServiceUnavailable, "not-ready", detail, fields...).with("Retry-After", "2")
}

// unready finds every reason in an error, joined or wrapped.
func unready(err error) []*Unready {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Unready
		for _, e := range joined.Unwrap() {
			all = append(all, unready(e)...)
		}
		return all
	}
	var u *Unready
	if errors.As(err, &u) {
		return []*Unready{u}
	}
	return nil
}

// readiness is the last answer to whether this node can take work.
type readiness struct {
	look  func(context.Context) error
	heard func(context.Context, error) // of each look that found something
	fresh time.Duration

	mu  sync.Mutex // guards the two below, and is held while somebody looks: the others want the same answer
	at  time.Time
	err error
}

// ask answers from a look that is fresh, made now if there is none. It is made for
// everybody, so that it outlasts the one who asked first.
func (r *readiness) ask(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < r.fresh {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin)
	defer cancel()
	r.err = r.look(ctx)
	r.at = time.Now()
	if r.err != nil {
		r.heard(ctx, r.err)
	}
	return r.err
}

func (s *Server) openAPI(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-cache")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.spec.json)
}

func (s *Server) docs(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+s.docsPage.styleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set(echo.HeaderCacheControl, "no-cache")
	return c.HTMLBlob(http.StatusOK, s.docsPage.html)
}
