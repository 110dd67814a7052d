package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Config is what the door is made of. Every part without a default named here is
// required. *dispatch.Service is all the desks.
type Config struct {
	Auth    *pgauth.Store
	Reports ReportDesk
	Cases   CaseDesk
	Patrols PatrolDesk
	Places  PlaceDesk
	Notices NoticeDesk
	People  PeopleDesk
	Hooks   HookDesk
	// Book, Register and Tracks are read by the pages; pgview.Store is all of them.
	Book     Book
	Register Register
	Tracks   Tracks
	// Records is what a dossier is made of; pgview.Store is one.
	Records Records
	// Roster is what the duty sheet is printed from; pgview.Store is one.
	Roster DutyRoster
	Roads  Roads
	Works  RoadWorks
	// Promise is what past arrivals say about times; nil knows nothing.
	Promise *dispatch.Promise
	Tiles   Tiles
	// Beacon and Live take the sockets of devices and of viewers over.
	Beacon Socket
	Live   Socket
	// Ready answers nil when this node can take work, and else an *Unready or
	// several, joined.
	Ready func(context.Context) error
	// Notes says beside "ready" what is not as it should be; nil says nothing.
	Notes func() []FieldProblem
	// Handshakes is how many sockets may be opened at once, and HandshakesWaiting how
	// many may wait for that; 64 and 8,192 if zero.
	Handshakes, HandshakesWaiting int
	// Page holds the finished files of the page; nil serves the API alone.
	Page fs.FS
	// Origins, beside the service's own, whose pages may use the cookie.
	Origins []string
	// Log is slog.Default when nil.
	Log *slog.Logger
	// Metrics is a registry of its own when nil.
	Metrics *prometheus.Registry
	// Zone is the district's time zone, for what is read on paper; nil is UTC.
	Zone *time.Location
	// Now is time.Now when nil; only default spans of questions go by it.
	Now func() time.Time
	// MaxTime bounds a request; 0 means 15 s. Reports with photos have four times
	// as long, once their body is there.
	MaxTime time.Duration
	// VigilEvery is how often the right of an open socket is asked for again, although
	// nobody has taken one away; 0 means 30 s.
	VigilEvery time.Duration
}

// Server is the door. It is safe for concurrent use.
type Server struct {
	echo     *echo.Echo
	auth     *pgauth.Store
	reports  ReportDesk
	cases    CaseDesk
	patrols  PatrolDesk
	places   PlaceDesk
	notices  NoticeDesk
	guesses  *pgauth.Guesses // of follow-up codes
	people   PeopleDesk
	hooks    HookDesk
	book     Book
	register Register
	tracks   Tracks
	roster   DutyRoster
	records  Records
	zone     *time.Location
	promise  *dispatch.Promise
	roads    Roads
	works    RoadWorks
	tiles    Tiles
	ready    readiness
	notes    func() []FieldProblem
	gates    struct{ beacon, live *gate } // devices in their thousands keep no viewer waiting
	origins  []string
	log      *slog.Logger
	now      func() time.Time
	maxTime  time.Duration
	uploads  *uploads
	matching chan struct{} // holds one for each track being matched
	detours  chan struct{} // one for each request under way that avoids areas
	// vigilEvery is how often a socket's right is asked for again, accessEvery how
	// often WatchAccess looks whether any was taken away.
	vigilEvery, accessEvery time.Duration
	watchMu                 sync.Mutex // guards watching; sockets write, WatchAccess reads
	watching                map[*vigil]struct{}

	spec     *spec
	docsPage docsPage
	static   map[string]*staticFile
	registry *prometheus.Registry
	metrics  *meters

	// draining ends when Drain is called; sockets end with it and are waited for.
	draining context.Context
	drain    context.CancelFunc
	socketMu sync.Mutex // guards sockets.Add against the end of draining
	sockets  sync.WaitGroup
}

// New makes the door and reports everything that is wrong with its parts at once.
func New(c Config) (*Server, error) {
	var faults []error
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"People", c.People == nil}, {"Hooks", c.Hooks == nil},
		{"Auth", c.Auth == nil}, {"Reports", c.Reports == nil}, {"Cases", c.Cases == nil}, {"Patrols", c.Patrols == nil},
		{"Places", c.Places == nil}, {"Notices", c.Notices == nil}, {"Book", c.Book == nil}, {"Register", c.Register == nil}, {"Tracks", c.Tracks == nil},
		{"Roster", c.Roster == nil}, {"Records", c.Records == nil}, {"Roads", c.Roads == nil}, {"Works", c.Works == nil}, {"Tiles", c.Tiles == nil}, {"Beacon", c.Beacon == nil}, {"Live", c.Live == nil},
		{"Ready", c.Ready == nil},
	} {
		if part.missing {
			faults = append(faults, fmt.Errorf("the door needs %s", part.name))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxTime == 0 {
		c.MaxTime = 15 * time.Second
	}
	if c.VigilEvery == 0 {
		c.VigilEvery = vigilEvery
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
		c.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	s := &Server{
		people: c.People, hooks: c.Hooks,
		auth: c.Auth, reports: c.Reports, cases: c.Cases, patrols: c.Patrols, places: c.Places, notices: c.Notices, guesses: pgauth.NewGuesses(c.Now), book: c.Book,
		register: c.Register, tracks: c.Tracks, roster: c.Roster, records: c.Records, zone: c.Zone, promise: c.Promise, roads: c.Roads, works: c.Works, tiles: c.Tiles,
		log: c.Log, now: c.Now, maxTime: c.MaxTime, vigilEvery: c.VigilEvery, accessEvery: accessEvery, watching: map[*vigil]struct{}{}, registry: c.Metrics,
	}
	s.notes = c.Notes
	s.gates.beacon, s.gates.live = newGate(c.Handshakes, c.HandshakesWaiting), newGate(c.Handshakes, c.HandshakesWaiting)
	s.uploads = &uploads{most: maxUploads}
	s.matching = make(chan struct{}, matchesAtOnce)
	s.detours = make(chan struct{}, maxDetours)
	s.ready = readiness{look: c.Ready, fresh: readyFreshFor, heard: func(ctx context.Context, err error) {
		s.log.WarnContext(ctx, "not ready", "error", err)
	}}
	for _, origin := range c.Origins {
		s.origins = append(s.origins, strings.ToLower(strings.TrimSuffix(origin, "/")))
	}
	var err error
	if s.spec, err = described(); err != nil {
		return nil, err
	}
	if s.docsPage, err = renderDocs(s.spec.doc); err != nil {
		return nil, err
	}
	if s.static, err = loadStatic(c.Page); err != nil {
		return nil, err
	}
	if s.metrics, err = newMeters(c.Metrics); err != nil {
		return nil, err
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.routes(c.Beacon, c.Live)
	return s, nil
}

// routes is every door there is, with what it asks of its caller. Sockets have no
// time limit; they keep their own.
func (s *Server) routes(beacon, live Socket) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	// A proxy on this machine may say whom it speaks for; nobody else may.
	e.IPExtractor = echo.ExtractIPFromXFFHeader(echo.TrustLoopback(true), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false))
	e.Use(withRequestID, withSecurityHeaders, s.withLog, s.withRecover)
	s.echo = e

	see := may(dispatch.ActSeeCases)
	// A worker or a device sees no other patrol, but always its own.
	patrols := may(dispatch.ActSeePatrols, dispatch.ActSetStatus)
	mapData := may(dispatch.ActMapData)

	s.add("POST", "/api/v1/session", anybody, s.signIn)
	s.add("GET", "/api/v1/session", signedIn, s.getSession)
	s.add("DELETE", "/api/v1/session", signedIn, s.signOut)
	s.add("POST", "/api/v1/tickets", may(dispatch.ActWatchLive, dispatch.ActSendBeacon), s.makeTicket)
	s.add("PUT", "/api/v1/me/duty", may(dispatch.ActSetStatus), s.setMyDuty)

	s.addSlow("POST", "/api/v1/reports", may(dispatch.ActReport), s.fileReport)
	s.add("GET", "/api/v1/reports", see, s.listReports)
	s.add("GET", "/api/v1/reports/:id", access{anyOf: []dispatch.Action{dispatch.ActSeeCases}, code: true}, s.getReport)
	s.add("POST", "/api/v1/reports/:id/evaluation", access{anyOf: []dispatch.Action{dispatch.ActSeeCases}, code: true}, s.evaluateReport)
	s.add("GET", "/api/v1/me/notices", signedIn, s.listNotices)
	s.add("POST", "/api/v1/me/notices/seen", signedIn, s.seeNotices)
	s.add("GET", "/api/v1/operator-items", may(dispatch.ActDispatch), s.listOperatorItems)
	s.add("POST", "/api/v1/operator-items/:id/settle", may(dispatch.ActDispatch), s.settleOperatorItem)
	s.add("GET", "/api/v1/photos/:sha256", see, s.getPhoto)
	s.add("GET", "/api/v1/cases", see, s.listCases)
	s.add("GET", "/api/v1/cases/:id", see, s.getCase)
	s.add("GET", "/api/v1/cases/:id/dossier", may(dispatch.ActDossier), s.dossier)
	s.add("POST", "/api/v1/cases/:id/dispatch", may(dispatch.ActDispatch), s.dispatchCase)
	s.add("POST", "/api/v1/cases/:id/undo", may(dispatch.ActDispatch), s.undoDispatch)
	s.add("POST", "/api/v1/cases/:id/close", may(dispatch.ActCloseCase), s.closeCase)
	s.add("PUT", "/api/v1/cases/:id/covert", see, s.coverCase)
	s.add("POST", "/api/v1/cases/:id/release", see, s.releaseCase)
	s.addSlow("POST", "/api/v1/cases/:id/moves", see, s.moveCase)
	s.add("PUT", "/api/v1/cases/:id/rendezvous", may(dispatch.ActDispatch), s.moveRendezvous)
	s.add("DELETE", "/api/v1/cases/:id/rendezvous", may(dispatch.ActDispatch), s.dropRendezvous)
	s.addSlow("POST", "/api/v1/cases/:id/assignments/:aid/:action", may(dispatch.ActAnswer), s.answerAssignment)
	s.add("POST", "/api/v1/cases/:id/mission/:action", may(dispatch.ActAnswer), s.commandMission)

	s.add("GET", "/api/v1/patrols", patrols, s.listPatrols)
	s.add("GET", "/api/v1/patrols/within", may(dispatch.ActSeePatrols), s.whoIsWithin)
	s.add("GET", "/api/v1/patrols/:id", patrols, s.getPatrol)
	s.add("GET", "/api/v1/patrols/:id/track", may(dispatch.ActSeeTracks, dispatch.ActSetStatus), s.getTrack)
	s.add("GET", "/api/v1/patrols/:id/presence", may(dispatch.ActSeeTracks, dispatch.ActSetStatus), s.getPresence)
	s.add("PUT", "/api/v1/patrols/:id/status", may(dispatch.ActSetStatus, dispatch.ActCommandPatrol), s.setPatrolStatus)

	s.add("GET", "/api/v1/calendar", signedIn, s.getCalendar)
	s.add("GET", "/api/v1/category-rules", signedIn, s.listCategoryRules)
	s.add("PUT", "/api/v1/category-rules/:code", may(dispatch.ActEditCalendar), s.setCategoryRules)
	s.add("GET", "/api/v1/dispatch-rules", signedIn, s.getDispatchRules)
	s.add("PUT", "/api/v1/dispatch-rules", may(dispatch.ActEditCalendar), s.setDispatchRules)
	s.add("GET", "/api/v1/revisits", see, s.listRevisits)
	s.addSlow("POST", "/api/v1/revisits/:id/clear", may(dispatch.ActReport), s.clearRevisit)
	s.add("GET", "/api/v1/tiers", see, s.countTiers)
	s.add("PUT", "/api/v1/calendar/hours", may(dispatch.ActEditCalendar), s.setHours)
	s.add("PUT", "/api/v1/calendar/days", may(dispatch.ActEditCalendar), s.setDays)
	s.add("PUT", "/api/v1/calendar/days/:day", may(dispatch.ActEditCalendar), s.setDay)
	s.add("DELETE", "/api/v1/calendar/days/:day", may(dispatch.ActEditCalendar), s.clearDay)
	s.add("GET", "/api/v1/duty-sheet", may(dispatch.ActDutySheet), s.dutySheet)
	s.peopleRoutes()
	s.hookRoutes()

	s.add("GET", "/api/v1/grids", mapData, s.listGrids)
	s.add("GET", "/api/v1/grids/:id", mapData, s.getGrid)
	s.add("GET", "/api/v1/locate", mapData, s.locate)
	s.add("GET", "/api/v1/responsible", may(dispatch.ActDossier), s.responsibleAt)
	s.add("GET", "/api/v1/nearest", may(dispatch.ActSeePatrols), s.nearest)
	s.add("POST", "/api/v1/nearest", may(dispatch.ActSeePatrols), s.nearestAround)
	s.add("GET", "/api/v1/route", mapData, s.route)
	s.add("POST", "/api/v1/route", mapData, s.routeAround)
	s.add("POST", "/api/v1/matrix", mapData, s.matrix)
	s.add("POST", "/api/v1/match", mapData, s.matchTrack)
	s.add("GET", "/api/v1/reach", mapData, s.reach)
	s.add("GET", "/api/v1/coverage", may(dispatch.ActSeePatrols), s.coverage)
	s.add("GET", "/api/v1/roads/closures", mapData, s.listClosures)
	s.add("POST", "/api/v1/roads/closures", may(dispatch.ActCloseRoads), s.closeRoads)
	s.add("DELETE", "/api/v1/roads/closures/:id", may(dispatch.ActCloseRoads), s.liftClosure)
	s.add("GET", "/api/v1/roads/speeds", mapData, s.listSpeeds)
	s.add("GET", "/api/v1/roads/speeds/learned", mapData, s.listLearned)
	s.add("POST", "/api/v1/roads/speeds", may(dispatch.ActCloseRoads), s.setSpeeds)
	s.add("DELETE", "/api/v1/roads/speeds/:id", may(dispatch.ActCloseRoads), s.endSpeed)
	s.add("GET", "/api/v1/cells", mapData, s.countCells)
	s.add("GET", "/api/v1/tiles/:layer/:z/:x/:y", mapData, s.getTile)
	s.add("GET", "/api/v1/departments", signedIn, s.listDepartments)
	s.add("GET", "/api/v1/categories", signedIn, s.listCategories)
	s.add("GET", "/api/v1/areas", signedIn, s.listAreas)

	s.add("GET", "/api/v1/openapi.json", anybody, s.openAPI)
	s.add("GET", "/livez", anybody, s.live)
	s.add("GET", "/readyz", anybody, s.getReady)
	s.add("GET", "/docs", anybody, s.docs)
	s.add("GET", "/metrics", may(dispatch.ActAdminister), echo.WrapHandler(s.MetricsHandler()))

	e.GET("/ws/beacon", s.admit(s.gates.beacon, s.guard(access{anyOf: []dispatch.Action{dispatch.ActSendBeacon}, socket: "beacon"}, s.openSocket(realtime.BeaconUpgrader(), beacon))))
	e.GET("/ws/live", s.admit(s.gates.live, s.guard(access{anyOf: []dispatch.Action{dispatch.ActWatchLive}, socket: "live", cookie: true}, s.openSocket(websocket.Upgrader{HandshakeTimeout: 10 * time.Second}, live))))

	// What is left belongs to the page, except below /api.
	s.add("GET", "/api/*", anybody, func(echo.Context) error { return errNotFound })
	s.add("GET", "/*", anybody, s.file)
	s.add("HEAD", "/*", anybody, s.file)
}

func (s *Server) add(method, path string, a access, h echo.HandlerFunc) {
	s.echo.Add(method, path, withTimeout(s.maxTime, maxJSON, s.guard(a, h)))
}

// addSlow is add for what carries photos.
func (s *Server) addSlow(method, path string, a access, h echo.HandlerFunc) {
	s.echo.Add(method, path, withUpload(4*s.maxTime, maxMultipart, s.guard(a, h)))
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// MetricsHandler answers the figures to anybody; give it a listener of its own.
func (s *Server) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}

// Drain makes /readyz refuse and ends every socket; it answers when they have
// ended or ctx has. Call it before http.Server.Shutdown, which waits for plain
// requests only.
func (s *Server) Drain(ctx context.Context) error {
	s.socketMu.Lock()
	s.drain()
	s.socketMu.Unlock()
	s.leaveAll()
	done := make(chan struct{})
	go func() {
		s.sockets.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for sockets: %w", ctx.Err())
	}
}

// HTTPServer answers a server for the door with limits that a slow or hostile
// client runs into. base is what requests' contexts descend from.
func HTTPServer(base context.Context, handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       75 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
