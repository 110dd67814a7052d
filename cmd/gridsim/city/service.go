package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// service is the public interface of gridpatrol, as much of it as a city needs.
type service struct {
	base   string
	client *http.Client
}

// maxConnections bounds what the city opens beside its sockets.
const maxConnections = 32

func newService(base string) *service {
	return &service{base: strings.TrimRight(base, "/"), client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections,
			IdleConnTimeout: 90 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
		},
	}}
}

// statusError is an answer that is not 2xx.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.detail) }

// outcomeOf sorts an error into what a patrol does about it.
func outcomeOf(err error) outcome {
	var s *statusError
	switch {
	case err == nil:
		return agreed
	case errors.As(err, &s) && s.status < 500 && s.status != http.StatusTooManyRequests && s.status != http.StatusRequestTimeout:
		return refused
	}
	return again
}

// caller is who asks: a bearer token, or a session.
type caller struct {
	token        string
	cookie, csrf string
}

func (c caller) sign(r *http.Request) {
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
		return
	}
	r.Header.Set("Cookie", c.cookie)
	r.Header.Set("X-CSRF-Token", c.csrf)
}

func (s *service) do(ctx context.Context, who caller, method, path string, body io.Reader, header http.Header, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	who.sign(r)
	response, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	const most = 8 << 20
	data, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		var problem struct{ Detail string }
		_ = json.Unmarshal(data, &problem) // a proxy's page has no detail, and needs none
		return fmt.Errorf("%s %s: %w", method, path, &statusError{response.StatusCode, problem.Detail})
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

func (s *service) get(ctx context.Context, who caller, path string, into any) error {
	return s.do(ctx, who, http.MethodGet, path, nil, nil, into)
}

// signIn opens a session with a password.
func (s *service) signIn(ctx context.Context, username, password string) (caller, error) {
	body, err := json.Marshal(map[string]string{"username": username, "password": password})
	if err != nil {
		return caller{}, fmt.Errorf("sign in: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/v1/session", bytes.NewReader(body))
	if err != nil {
		return caller{}, fmt.Errorf("sign in: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return caller{}, fmt.Errorf("sign in: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return caller{}, fmt.Errorf("sign in %s: %w", username, &statusError{response.StatusCode, response.Status})
	}
	var session struct{ CSRF string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&session); err != nil {
		return caller{}, fmt.Errorf("sign in %s: %w", username, err)
	}
	for _, c := range response.Cookies() {
		if c.Name == "gp_session" {
			return caller{cookie: c.Name + "=" + c.Value, csrf: session.CSRF}, nil
		}
	}
	return caller{}, fmt.Errorf("sign in %s: no session came back", username)
}

// patrolRow is a patrol as the list shows it.
type patrolRow struct {
	ID         string   `json:"id"`
	Code       string   `json:"code"`
	Department string   `json:"department"`
	Mode       string   `json:"mode"`
	Status     string   `json:"status"`
	Lon        *float64 `json:"lon"`
	Lat        *float64 `json:"lat"`
}

// each walks a list to its end.
func each[T any](ctx context.Context, s *service, who caller, path string, most int, take func(T)) error {
	cursor := ""
	for n := 0; n < most; {
		var page struct {
			Items      []T     `json:"items"`
			NextCursor *string `json:"next_cursor"`
		}
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		at := path + join + "limit=200"
		if cursor != "" {
			at += "&cursor=" + url.QueryEscape(cursor)
		}
		if err := s.get(ctx, who, at, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			take(item)
		}
		n += len(page.Items)
		if page.NextCursor == nil || len(page.Items) == 0 {
			return nil
		}
		cursor = *page.NextCursor
	}
	return nil
}

// answer tells the service how far a patrol is with its task.
func (s *service) answer(ctx context.Context, who caller, t Task, action string) error {
	path := "/api/v1/cases/" + url.PathEscape(t.CaseID) + "/assignments/" + url.PathEscape(t.AssignmentID) + "/" + action
	return s.do(ctx, who, http.MethodPost, path, nil, nil, nil)
}

// taskOf is what the service says a claimed patrol is at, and how far.
func (s *service) taskOf(ctx context.Context, who caller, patrolID string) (Task, string, error) {
	var patrol struct {
		AssignmentID *string `json:"assignment_id"`
		CaseID       *string `json:"case_id"`
	}
	if err := s.get(ctx, who, "/api/v1/patrols/"+url.PathEscape(patrolID), &patrol); err != nil {
		return Task{}, "", err
	}
	if patrol.AssignmentID == nil || patrol.CaseID == nil {
		return Task{}, "", nil
	}
	var found struct {
		Lon, Lat    float64
		Assignments []struct{ ID, State string }
	}
	if err := s.get(ctx, who, "/api/v1/cases/"+url.PathEscape(*patrol.CaseID), &found); err != nil {
		return Task{}, "", err
	}
	for _, a := range found.Assignments {
		if a.ID == *patrol.AssignmentID {
			return Task{CaseID: *patrol.CaseID, AssignmentID: a.ID, To: geo.Point{Lon: found.Lon, Lat: found.Lat}}, a.State, nil
		}
	}
	return Task{}, "", nil
}

// sighting is what somebody saw.
type sighting struct {
	Category    string
	At          geo.Point
	AccuracyM   float64
	Description string
	Seen        time.Time
	Resident    string // who telephoned; empty where the caller saw it themselves
	Photos      [][]byte
}

// file sends a report with its photos. The same key sends it once, however
// often it is sent.
func (s *service) file(ctx context.Context, who caller, key string, w sighting) error {
	return s.fileFor(ctx, who, key, w, nil)
}

// fileFor is file, and reads the answer.
func (s *service) fileFor(ctx context.Context, who caller, key string, w sighting, into any) error {
	fields := map[string]any{
		"category":    w.Category,
		"location":    map[string]any{"lon": w.At.Lon, "lat": w.At.Lat, "accuracy_m": w.AccuracyM},
		"description": w.Description,
		"observed_at": w.Seen.UTC().Format(time.RFC3339Nano),
	}
	if w.Resident != "" {
		fields["reporter"] = map[string]string{"channel": "hotline", "name": w.Resident}
	}
	report, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part := func(name, filename, kind string, data []byte) {
		h := textproto.MIMEHeader{"Content-Type": {kind}}
		disposition := fmt.Sprintf(`form-data; name=%q`, name)
		if filename != "" {
			disposition += fmt.Sprintf(`; filename=%q`, filename)
		}
		h.Set("Content-Disposition", disposition)
		p, partErr := form.CreatePart(h)
		if partErr == nil {
			_, partErr = p.Write(data)
		}
		err = errors.Join(err, partErr)
	}
	part("report", "", "application/json", report)
	for i, data := range w.Photos {
		part("photo", fmt.Sprintf("%d.jpg", i+1), "image/jpeg", data)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	return s.do(ctx, who, http.MethodPost, "/api/v1/reports", &body,
		http.Header{"Content-Type": {form.FormDataContentType()}, "Idempotency-Key": {key}}, into)
}

// Way implements Guide by asking the service's own roads.
func (s *service) way(ctx context.Context, who caller, mode string, from, to geo.Point) ([]geo.Point, float64, error) {
	var route struct {
		DurationS float64 `json:"duration_s"`
		Geometry  struct{ Coordinates [][2]float64 }
	}
	path := fmt.Sprintf("/api/v1/route?from=%.7f,%.7f&to=%.7f,%.7f&mode=%s", from.Lon, from.Lat, to.Lon, to.Lat, url.QueryEscape(mode))
	if err := s.get(ctx, who, path, &route); err != nil {
		return nil, 0, err
	}
	if len(route.Geometry.Coordinates) < 2 || route.DurationS <= 0 {
		return nil, 0, errNoWay
	}
	points := make([]geo.Point, len(route.Geometry.Coordinates))
	for i, c := range route.Geometry.Coordinates {
		points[i] = geo.Point{Lon: c[0], Lat: c[1]}
	}
	return points, route.DurationS, nil
}

// RemoteGuide asks the roads that the service has loaded.
type RemoteGuide struct {
	service *service
	who     caller
}

// Way implements Guide.
func (g RemoteGuide) Way(ctx context.Context, mode string, from, to geo.Point) ([]geo.Point, float64, error) {
	return g.service.way(ctx, g.who, mode, from, to)
}
