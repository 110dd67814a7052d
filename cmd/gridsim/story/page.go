package story

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// clockScript gives a page the clock of the story, and shows it.
//
//go:embed clock.js
var clockScript []byte

// Where the page finds the clock and its script; no other service has these.
const (
	clockPath  = "/story/clock"
	scriptPath = "/story/clock.js"
)

// Stage is the door of a service with the story's clock in its pages, which count down
// by the browser's clock otherwise.
type Stage struct {
	Door  http.Handler
	Clock *Clock

	once   sync.Once
	opened chan struct{} // closed when a command centre is open
}

// NewStage puts a door on the stage.
func NewStage(door http.Handler, clock *Clock) *Stage {
	return &Stage{Door: door, Clock: clock, opened: make(chan struct{})}
}

// Opened is closed once somebody looks at the command centre.
func (s *Stage) Opened() <-chan struct{} { return s.opened }

// ServeHTTP answers for the clock, and lets the door answer everything else.
func (s *Stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == clockPath:
		scene, pace := s.Clock.Shown()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]any{"now": s.Clock.Now().UnixMilli(), "pace": pace, "scene": scene})
		if r.URL.Query().Get("at") == "/" {
			s.once.Do(func() { close(s.opened) })
		}
	case r.URL.Path == scriptPath:
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(clockScript))
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/"):
		s.page(w, r)
	default:
		s.Door.ServeHTTP(w, r)
	}
}

// page puts the script first into a page, before anything asks what time it is.
func (s *Stage) page(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Accept-Encoding")
	r.Header.Del("If-None-Match")
	r.Header.Del("If-Modified-Since")
	var held held
	held.header = w.Header()
	s.Door.ServeHTTP(&held, r)
	body := held.body.Bytes()
	if strings.HasPrefix(held.header.Get("Content-Type"), "text/html") {
		body = bytes.Replace(body, []byte("<head>"), []byte(`<head><script src="`+scriptPath+`"></script>`), 1)
		held.header.Del("Content-Length")
		held.header.Del("ETag")
	}
	if held.status != 0 {
		w.WriteHeader(held.status)
	}
	_, _ = w.Write(body) // whoever asked may be gone
}

// held is a small answer that waits to be changed.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }
