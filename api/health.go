package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// live answers without asking anybody: a database that is away is no reason to
// restart this process.
func (s *Server) live(c echo.Context) error {
	return answer(c, http.StatusOK, Health{Status: HealthStatusOk})
}

var errDraining = refuse(http.StatusServiceUnavailable, "draining", "This node is stopping; ask another.").with("Retry-After", "2")

func (s *Server) readiness(c echo.Context) error {
	if s.draining.Err() != nil {
		return errDraining
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		s.log.WarnContext(ctx, "not ready", "error", err)
		return refuse(http.StatusServiceUnavailable, "not-ready", "This node cannot take work yet; its log says why.").with("Retry-After", "2")
	}
	return answer(c, http.StatusOK, Health{Status: HealthStatusReady})
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
