package city

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCity is just enough of the service: two patrols on duty and one off, a socket
// that acknowledges everything and offers one task, and a desk for reports.
type fakeCity struct {
	t       *testing.T
	fixes   atomic.Int64
	offDuty atomic.Int64 // fixes of the patrol that is off duty
	offered sync.Once
	answers chan string
	reports chan []byte // the JSON part
	signIns atomic.Int64
	start   atomic.Int64 // of the city, counted
	keys    sync.Map     // of reports: the start they came in
}

func (f *fakeCity) serve() *httptest.Server {
	mux := http.NewServeMux()
	list := func(items string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer admin" {
				http.Error(w, `{"detail":"no"}`, http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprintf(w, `{"items":[%s],"next_cursor":null}`, items)
		}
	}
	mux.HandleFunc("GET /api/v1/categories", list(`{"code":"C01","name_zh":"酸洗电镀","dispatch_mode":"auto"}`))
	mux.HandleFunc("GET /api/v1/grids", list(`{"code":"g1","bbox":[121.40,28.50,121.42,28.52]}`))
	mux.HandleFunc("GET /api/v1/patrols", list(`
		{"id":"p1","code":"POL01","department":"police","mode":"car","status":"free","lon":121.41,"lat":28.51},
		{"id":"p2","code":"W001","department":"grid","mode":"foot","status":"free","lon":null,"lat":null},
		{"id":"p3","code":"W002","department":"grid","mode":"foot","status":"off_duty","lon":null,"lat":null}`))
	mux.HandleFunc("GET /api/v1/route", func(w http.ResponseWriter, r *http.Request) {
		var a, b, c, d float64
		q := r.URL.Query()
		_, _ = fmt.Sscanf(q.Get("from"), "%f,%f", &a, &b)
		_, _ = fmt.Sscanf(q.Get("to"), "%f,%f", &c, &d)
		_, _ = fmt.Fprintf(w, `{"duration_s":100,"geometry":{"coordinates":[[%f,%f],[%f,%f]]}}`, a, b, c, d)
	})
	mux.HandleFunc("POST /api/v1/session", func(w http.ResponseWriter, _ *http.Request) {
		f.signIns.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "gp_session", Value: "operator"})
		_, _ = io.WriteString(w, `{"csrf":"token"}`)
	})
	mux.HandleFunc("POST /api/v1/cases/c1/assignments/a1/{action}", func(w http.ResponseWriter, r *http.Request) {
		f.answers <- r.Header.Get("Authorization") + " " + r.PathValue("action")
		_, _ = io.WriteString(w, `{}`)
	})
	mux.HandleFunc("POST /api/v1/reports", f.report)
	mux.HandleFunc("GET /ws/beacon", f.socket)
	return httptest.NewServer(mux)
}

func (f *fakeCity) report(w http.ResponseWriter, r *http.Request) {
	byCookie := strings.Contains(r.Header.Get("Cookie"), "gp_session=operator")
	if byCookie && f.signIns.Load() == 1 { // the first session has ended
		http.Error(w, `{"detail":"sign in"}`, http.StatusUnauthorized)
		return
	}
	if byCookie && r.Header.Get("X-CSRF-Token") != "token" {
		f.t.Error("a report by cookie has no CSRF token")
	}
	if !byCookie && !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer t") {
		f.t.Error("a report is nobody's")
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		f.t.Error("a report has no key")
	}
	if before, there := f.keys.LoadOrStore(key, f.start.Load()); there && before != f.start.Load() {
		f.t.Errorf("the key %s came at the start before, for another report", key)
	}
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form := multipart.NewReader(r.Body, params["boundary"])
	var report []byte
	photos := 0
	for {
		part, err := form.NextPart()
		if err != nil {
			break
		}
		data, _ := io.ReadAll(part)
		switch part.FormName() {
		case "report":
			report = data
		case "photo":
			photos++
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				f.t.Errorf("a photo is none: %v", err)
			}
		}
	}
	if photos == 0 {
		f.t.Error("a report has no photo")
	}
	w.WriteHeader(http.StatusCreated)
	select {
	case f.reports <- report:
	default:
	}
}

func (f *fakeCity) socket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: []string{beacon.Subprotocol}}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	for {
		switch m := hear(f.t, conn).(type) {
		case beacon.Start:
			say(conn, beacon.Hello{Stream: m.Stream, Acked: m.LowestHeld - 1, IntervalS: 5})
			if token == "t1" {
				f.offered.Do(func() {
					say(conn, beacon.Offer{AssignmentID: "a1", CaseID: "c1", Lon: 121.411, Lat: 28.511})
				})
			}
		case beacon.Fixes:
			f.fixes.Add(int64(len(m.Good)))
			if token == "t3" {
				f.offDuty.Add(1)
			}
			say(conn, beacon.Ack{Seq: m.Good[len(m.Good)-1].Seq})
		default:
			return
		}
	}
}

// Everybody on duty sends, nobody else does; an offer is accepted with the device's
// own token; reports go in; and all of it ends with the context.
func TestCity(t *testing.T) {
	f := &fakeCity{t: t, answers: make(chan string, 10), reports: make(chan []byte, 10)}
	server := f.serve()
	defer server.Close()
	path := filepath.Join(t.TempDir(), "demo.json")
	raw, err := json.Marshal(map[string]any{
		"url": server.URL, "admin_token": "admin",
		"accounts": []map[string]string{{"role": "operator", "username": "operator", "password": "secret"}},
		"devices": []map[string]string{
			{"device_id": "d1", "patrol_id": "p1", "token": "t1"}, {"device_id": "d2", "patrol_id": "p2", "token": "t2"}, {"device_id": "d3", "patrol_id": "p3", "token": "t3"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	demo, err := ReadDemo(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type result struct {
		counters *Counters
		err      error
	}
	done := make(chan result, 1)
	go func() {
		counters, err := Run(ctx, Config{Demo: demo, ReportsPerMinute: 300, Interval: 50 * time.Millisecond})
		done <- result{counters, err}
	}()
	if got := <-f.answers; got != "Bearer t1 accept" {
		t.Errorf("first answer %q, want Bearer t1 accept", got)
	}
	var report struct {
		Category string
		Location struct{ Lon, Lat float64 }
	}
	if err := json.Unmarshal(<-f.reports, &report); err != nil || report.Category != "C01" || report.Location.Lon < 121.3 || report.Location.Lat > 28.6 {
		t.Errorf("report %+v: %v", report, err)
	}
	cancel()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Log(r.counters.Line())
	if f.fixes.Load() < 20 || f.offDuty.Load() != 0 || r.counters.Acked.Load() < 20 || r.counters.OnDuty.Load() != 2 || r.counters.ReportsFailed.Load() != 0 {
		t.Errorf("%d fixes came, %d of somebody off duty; %s", f.fixes.Load(), f.offDuty.Load(), r.counters.Line())
	}

	// Started again with the same seed on what the service has from before, it reports anew.
	for len(f.reports) > 0 {
		<-f.reports
	}
	f.start.Add(1)
	again, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	go func() {
		counters, err := Run(again, Config{Demo: demo, ReportsPerMinute: 300, Interval: 50 * time.Millisecond})
		done <- result{counters, err}
	}()
	<-f.reports
	stop()
	if r := <-done; r.err != nil {
		t.Fatal(r.err)
	}
}

func TestDemoFileFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo.json")
	if err := os.WriteFile(path, []byte(`{"url":"nowhere","devices":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadDemo(path)
	for _, want := range []string{"url", "admin_token", "devices"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}

// The demo's grid workers have somewhere to walk within their own grid.
func TestDemoPlaces(t *testing.T) {
	t.Parallel()
	p, err := demoPlaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.byGrid) != 622 || len(p.gridOf) != 622 {
		t.Fatalf("%d grids, %d workers with one", len(p.byGrid), len(p.gridOf))
	}
	within := 0
	for _, points := range p.byGrid {
		within += len(points)
	}
	if within < len(p.all)*9/10 {
		t.Errorf("only %d of %d junctions lie in a grid", within, len(p.all))
	}
}
