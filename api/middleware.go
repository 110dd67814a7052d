package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

const requestIDHeader = "X-Request-Id"

var goodRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID is the name of this request in the log and in its problem.
func requestID(c echo.Context) string { return c.Response().Header().Get(requestIDHeader) }

// withRequestID takes the caller's id when it is a decent one, else makes one.
func withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(requestIDHeader)
		if !goodRequestID.MatchString(id) {
			b := make([]byte, 8)
			_, _ = rand.Read(b) // never fails (crypto/rand aborts the program instead)
			id = hex.EncodeToString(b)
		}
		c.Response().Header().Set(requestIDHeader, id)
		return next(c)
	}
}

// contentPolicy lets a page load from here alone.
const contentPolicy = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func withSecurityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(self), microphone=()")
		return next(c)
	}
}

// withRecover turns a panic into a bare 500; the stack goes to the log.
func (s *Server) withRecover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(r)
			}
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}()
		return next(c)
	}
}

// withLog writes one line a request: the route, never the address with its ids,
// positions or secrets.
func (s *Server) withLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begun := time.Now()
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		if err := next(c); err != nil {
			c.Error(err) // write the problem now, so that its status is logged
		}
		took, route, status := time.Since(begun), c.Path(), c.Response().Status
		if route == "" {
			route = "none"
		}
		method := c.Request().Method
		if !knownMethods[method] {
			method = "other"
		}
		s.metrics.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
		s.metrics.seconds.WithLabelValues(route, method).Observe(took.Seconds())
		level := slog.LevelInfo
		if status >= 500 {
			level = slog.LevelWarn
		} else if quietRoutes[route] {
			level = slog.LevelDebug
		}
		attrs := []slog.Attr{
			slog.String("request_id", requestID(c)), slog.String("method", method), slog.String("route", route),
			slog.Int("status", status), slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", c.Response().Size),
		}
		if who, ok := c.Get(callerKey).(caller); ok {
			attrs = append(attrs, slog.String("role", string(who.Viewer.Role)), slog.String("name", who.Name))
		}
		s.log.LogAttrs(c.Request().Context(), level, "request", attrs...)
		return nil
	}
}

// knownMethods keeps a stranger's words out of metrics and log.
var knownMethods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// quietRoutes are asked all day by machines, or in dozens by a page that opens.
var quietRoutes = map[string]bool{
	"/livez": true, "/readyz": true, "/metrics": true, "/*": true, "/assets/*": true, "/api/v1/tiles/:layer/:z/:x/:y": true,
}

// withTimeout gives up on a request that takes too long, and bounds its body.
func withTimeout(limit time.Duration, maxBody int64, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		// What runs after the handler (the log, the problem) goes by the caller's own
		// context again, which tells whether they are still there.
		defer c.SetRequest(r)
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r = r.WithContext(ctx)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
		}
		c.SetRequest(r)
		return next(c)
	}
}

// meters are the door's own figures.
type meters struct {
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMeters(r prometheus.Registerer) (*meters, error) {
	m := &meters{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gridpatrol_http_requests_in_flight", Help: "Requests being served."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gridpatrol_http_requests_total", Help: "Requests served."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gridpatrol_http_request_seconds", Help: "Time to serve a request.",
			Buckets: []float64{.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"route", "method"}),
	}
	for _, c := range []prometheus.Collector{m.inFlight, m.requests, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
