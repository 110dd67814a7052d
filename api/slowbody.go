package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Photos from the edge of a network: two bars in the rain carry a few kilobytes a
// second, and six photos have then a long way up. A body is given time by what has
// arrived of it, so that a slow line gets through and an idle one does not stay.
const (
	uploadStart   = 75 * time.Second // before the least speed counts; as ReadTimeout for everything else
	uploadSlowest = 2 << 10          // bytes a second, about what GPRS does
	uploadStill   = 60 * time.Second // without a byte
	uploadAtMost  = 15 * time.Minute
)

// slowBody moves the connection's deadline as the body arrives.
type slowBody struct {
	io.ReadCloser
	to    *http.ResponseController
	since time.Time
	bytes int64
}

func (b *slowBody) Read(p []byte) (int, error) {
	now := time.Now()
	// A server that has no deadlines to move, as in a test, has none that end the body.
	_ = b.to.SetReadDeadline(b.deadline(now))
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// deadline is until when the next bytes must come.
func (b *slowBody) deadline(now time.Time) time.Time {
	given := min(uploadStart+time.Duration(b.bytes)*time.Second/uploadSlowest, uploadAtMost)
	until := b.since.Add(given)
	if still := now.Add(uploadStill); still.Before(until) {
		return still
	}
	return until
}

// withUpload is withTimeout for what carries photos: limit is for the work, which
// begins when the body is there (see working).
func withUpload(limit time.Duration, maxBody int64, next echo.HandlerFunc) echo.HandlerFunc {
	return withTimeout(uploadAtMost+limit, maxBody, func(c echo.Context) error {
		r := c.Request()
		if r.Body != nil {
			to := http.NewResponseController(c.Response().Writer)
			_ = to.SetWriteDeadline(time.Now().Add(uploadAtMost + limit + uploadStill)) // none to move: none that ends it
			r.Body = &slowBody{ReadCloser: r.Body, to: to, since: time.Now()}
		}
		return next(c)
	})
}

// working is the context of the work on a body that has arrived.
func (s *Server) working(c echo.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Request().Context(), 4*s.maxTime)
}
