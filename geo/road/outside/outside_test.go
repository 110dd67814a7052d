package outside_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twpayne/go-geom"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/outside"
	"github.com/gridpatrol/gridpatrol/geo/road/roadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var town = geo.Box{West: 121.37, South: 28.57, East: 121.40, North: 28.60}

// at makes servers of both kinds for an address.
func at(url string) map[string]outside.Server {
	return map[string]outside.Server{"osrm": outside.OSRM([road.Modes]string{url + "/foot", url + "/ebike", url + "/car/"}), "valhalla": outside.Valhalla(url + "/")}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		s.Close()
	})
	return s.URL
}

// Each adapter passes the suite that every engine passes, and it was the server that
// answered.
func TestSuite(t *testing.T) {
	t.Parallel()
	for name, server := range at(serve(t, world{})) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var other atomic.Int64
			e := outside.New(outside.Config{Server: server, Own: &road.Switch{}, Timeout: 20 * time.Second, Told: func(_, result string) {
				if result != "ok" {
					other.Add(1)
				}
			}})
			t.Cleanup(func() { outside.Hang(server) })
			roadtest.Run(t, e, town)
			if other.Load() > 0 {
				t.Errorf("%d questions were not answered by the server", other.Load())
			}
		})
	}
}

// The same suite on real servers, where somebody runs them: their roads must hold the
// box of Liechtenstein.
func TestSuiteOnRealServers(t *testing.T) {
	t.Parallel()
	box := geo.Box{West: 9.48, South: 47.06, East: 9.56, North: 47.22}
	real := map[string]outside.Server{}
	if url := os.Getenv("GRIDPATROL_TEST_OSRM"); url != "" {
		real["osrm"] = outside.OSRM([road.Modes]string{url, url, url})
	}
	if url := os.Getenv("GRIDPATROL_TEST_VALHALLA"); url != "" {
		real["valhalla"] = outside.Valhalla(url)
	}
	for name, server := range real {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { outside.Hang(server) })
			run := roadtest.Run
			if name == "valhalla" {
				run = roadtest.RunLoose
			}
			run(t, outside.New(outside.Config{Server: server, Own: &road.Switch{}}), box)
		})
	}
}

var from, to = geo.Point{Lon: 121.3801, Lat: 28.58}, geo.Point{Lon: 121.39, Lat: 28.59}

// What servers of these kinds answer when something is not as it should be: a place
// that cannot be reached is an answer, everything else falls back to the own engine
// and is said.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	const table = `{"code":"Ok","durations":[[null]],"distances":[[null]],"sources":[{"distance":4.2,"location":[121.38,28.58]}],"destinations":[{"distance":2.1,"location":[121.39,28.59]}]}`
	located := `[{"edges":[{"correlated_lat":28.58,"correlated_lon":121.38}]},{"edges":[{"correlated_lat":28.59,"correlated_lon":121.39}]}]`
	for name, c := range map[string]struct {
		kind, answer string
		status       int
		falls        bool
	}{
		"no way in a table":           {"osrm", table, 200, false},
		"no segment":                  {"osrm", `{"code":"NoSegment","message":"Could not find a matching segment for coordinate 0"}`, 400, false},
		"too big":                     {"osrm", `{"code":"TooBig","message":"Too many table coordinates"}`, 400, true},
		"a proxy's page":              {"osrm", `<html>502 Bad Gateway</html>`, 502, true},
		"half an answer":              {"osrm", table[:60], 200, true},
		"another size":                {"osrm", `{"code":"Ok","durations":[],"distances":[],"sources":[],"destinations":[]}`, 200, true},
		"nothing":                     {"osrm", ``, 200, true},
		"no way, says Valhalla":       {"valhalla", `{"error_code":442,"error":"No path could be found for input"}`, 400, false},
		"no road near, says Valhalla": {"valhalla", `{"error_code":171,"error":"No suitable edges near location"}`, 400, false},
		"Valhalla is full":            {"valhalla", `{"error_code":150,"error":"Exceeded max locations"}`, 400, true},
		"Valhalla is away":            {"valhalla", `{}`, 503, true},
		"a table where none is asked": {"valhalla", located, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.answer))
			}))
			server := at(url)[c.kind]
			defer outside.Hang(server)
			var results []string
			e := outside.New(outside.Config{Server: server, Own: &road.Switch{}, Timeout: 20 * time.Second, Told: func(_, result string) { results = append(results, result) }})
			ctx, w := road.Witnessed(t.Context())
			times, err := e.ManyToOne(ctx, road.Car, []geo.Point{from}, to)
			if err != nil || len(times) != 1 {
				t.Fatalf("%v, %v", times, err)
			}
			by, why := w.By()
			if c.falls {
				if !times[0].Reachable || times[0].Kind != road.KindStraight || by != "own" || !strings.Contains(why, c.kind) || strings.Contains(why, "127.0.0.1") || results[0] != "failed" {
					t.Errorf("%+v by %v, %v", times[0], w, results)
				}
				return
			}
			if times[0].Reachable || by != c.kind || why != "" {
				t.Errorf("%+v by %v", times[0], w)
			}
		})
	}
}

// A server that fails is left alone for a while and then tried with one question; one
// that is back serves again.
func TestAFailingServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	var asked atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		world{}.ServeHTTP(w, r)
	}))
	var mu sync.Mutex
	now := time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)
	server := at(url)["osrm"]
	defer outside.Hang(server)
	e := outside.New(outside.Config{Server: server, Own: &road.Switch{}, Timeout: 20 * time.Second, Failures: 3, Rest: time.Minute, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	by := func() string {
		t.Helper()
		ctx, w := road.Witnessed(t.Context())
		if _, err := e.Route(ctx, road.Car, from, to); err != nil {
			t.Fatal(err)
		}
		by, _ := w.By()
		return by
	}
	if by() != "osrm" {
		t.Fatal("a server that is well was not asked")
	}
	down.Store(true)
	for range 3 {
		by()
	}
	before := asked.Load()
	for range 20 {
		if by() != "own" {
			t.Fatal("a failing server answered")
		}
	}
	if asked.Load() != before {
		t.Errorf("it was asked %d times while it was to be left alone", asked.Load()-before)
	}
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	by() // the trial, which fails
	if asked.Load() != before+1 || by() != "own" || asked.Load() != before+1 {
		t.Errorf("%d questions after the rest, not one", asked.Load()-before)
	}
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	down.Store(false)
	for range 2 {
		if by() != "osrm" {
			t.Error("a server that is back is not asked")
		}
	}
}

// A server that hangs costs no more than its time, and who asks may go away earlier.
func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	server := at(url)["osrm"]
	defer outside.Hang(server)
	e := outside.New(outside.Config{Server: server, Own: &road.Switch{}, Timeout: 20 * time.Millisecond, Failures: 1000})
	ctx, w := road.Witnessed(t.Context())
	times, err := e.ManyToOne(ctx, road.Car, []geo.Point{from}, to)
	if by, why := w.By(); err != nil || !times[0].Reachable || by != "own" || !strings.Contains(why, "too long") {
		t.Errorf("%+v, %v, %v", times, err, w)
	}
	patient := outside.New(outside.Config{Server: server, Own: &road.Switch{}, Timeout: time.Hour})
	short, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := patient.Route(short, road.Car, from, to); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A closed bridge is unknown outside: while one is closed to a mode, the own engine
// answers for that mode.
func TestClosuresAreAnsweredByTheOwnEngine(t *testing.T) {
	t.Parallel()
	n, err := road.FromLines(t.Context(), []road.Line{{Class: road.Residential, Points: []geo.Point{from, to}}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	router, err := road.Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	own := &road.Switch{}
	own.Set(router, 1)
	server := at(serve(t, world{}))["osrm"]
	defer outside.Hang(server)
	e := outside.New(outside.Config{Server: server, Own: own, Timeout: 20 * time.Second})
	by := func(m road.Mode) string {
		ctx, w := road.Witnessed(t.Context())
		if _, err := e.ManyToOne(ctx, m, []geo.Point{from}, to); err != nil {
			t.Fatal(err)
		}
		by, _ := w.By()
		return by
	}
	if got := by(road.Car); got != "osrm" {
		t.Fatalf("nothing is closed, %s answers", got)
	}
	if err := router.Impose(t.Context(), road.Conditions{Closed: [road.Modes][]uint32{road.Car: {0}}}, 2); err != nil {
		t.Fatal(err)
	}
	if by(road.Car) != "own" || by(road.Foot) != "osrm" {
		t.Errorf("closed to cars: %s by car, %s on foot", by(road.Car), by(road.Foot))
	}
	if _, closed := e.Unclosed(road.Car); !closed {
		t.Error("nobody is told that something is closed")
	}
	// Areas to avoid are the own engine's as well.
	line := geom.NewLineStringFlat(geom.XY, []float64{121.384, 28.587, 121.386, 28.583})
	around, err := road.Avoiding(t.Context(), e, road.Foot, []geom.T{line})
	if err != nil {
		t.Fatal(err)
	}
	if times, err := around.ManyToOne(t.Context(), road.Foot, []geo.Point{from}, to); err != nil || times[0].Reachable {
		t.Errorf("%+v, %v", times, err)
	}
}
