package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Routes is what the router knows, for the tests that walk all of it.
func (s *Server) Routes() []*echo.Route { return s.echo.Routes() }

// KnownKind says whether a kind of event has words.
func KnownKind(kind string) bool { return eventWords[kind].ZH != "" }

// SetVigil changes how often the right of a socket is asked for again, before there
// is one.
func (s *Server) SetVigil(every time.Duration) { s.vigilEvery = every }

// ForgetReady makes the next question about readiness look anew.
func (s *Server) ForgetReady() {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	s.ready.at = time.Time{}
}

// SetUploads changes how many bytes of photos may be on their way.
func (s *Server) SetUploads(most int64) { s.uploads.most = most }

// Unasked is how many open sockets the watch has not asked for yet.
func (s *Server) Unasked() (n int) {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for w := range s.watching {
		if w.asked.IsZero() {
			n++
		}
	}
	return n
}

// What the fuzz targets and tables reach into.
var (
	ParseJSON = parseJSON
	ShortGrid = shortGrid
)

// IsRefusal says whether an error is one that a caller is told, and of what status.
func IsRefusal(err error) (int, bool) {
	r, known := asRefusal(err)
	return r.Status, known
}

// Crossing is how many reports without photos are being dispatched, for which those with
// photos wait.
func (s *Server) Crossing() int {
	x := &s.uploads.way
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.going
}

// RefusedFields is what a refusal says of the fields.
func RefusedFields(err error) []FieldProblem {
	r, _ := asRefusal(err)
	return r.Errors
}

// DrawnPolygon reads what stands in the place of a polygon as GET /patrols/within does.
func (s *Server) DrawnPolygon(text string) (dispatch.Region, error) {
	request := httptest.NewRequest(http.MethodGet, "/?polygon="+url.QueryEscape(text), nil)
	q := query{c: echo.New().NewContext(request, nil)}
	region := s.drawn(&q, "polygon", q.crs())
	return region, q.err()
}

// ReadForm reads a multipart body as POST /reports does.
func (s *Server) ReadForm(boundary string, body []byte) error {
	_, err := s.readForm(multipartReader(boundary, body), (&uploads{most: maxUploads}).hold())
	return err
}

// DecodeReport reads a report's JSON as POST /reports does.
func (s *Server) DecodeReport(body []byte) error {
	_, err := s.decodeReport(body)
	return err
}

// Unmarshal is the plain decoder that parseJSON is held against.
func Unmarshal(body []byte) (v any, err error) { return v, json.Unmarshal(body, &v) }

// NewDecoders is a Server that can decode and nothing else.
func NewDecoders() (*Server, error) {
	s, err := described()
	return &Server{spec: s}, err
}

// SlowBodyDeadline is until when the next bytes of a body must come.
func SlowBodyDeadline(since time.Time, bytes int64, now time.Time) time.Time {
	return (&slowBody{since: since, bytes: bytes}).deadline(now)
}

// StatusesOfReadError is what a caller is answered when a body cannot be read, as JSON
// and as a form.
func StatusesOfReadError(err error) (out []int) {
	for _, e := range []error{readError(err), formError(err)} {
		r, _ := asRefusal(e)
		out = append(out, r.Status)
	}
	return out
}

// TrackPage is the page of a track that the door answers.
func TrackPage(fixes []realtime.TrackPlace, limit int) []byte {
	page := trackPage{limit: limit}
	for i := range fixes {
		page.add(&fixes[i])
	}
	return page.end()
}
