package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/api/apitest"
	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/api/pgview"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/pgtiles"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

// bundle is a door over a real database for identity, registers and tiles, with a
// desk whose answers a test sets.
type bundle struct {
	t       *testing.T
	db      *pgdb.DB
	auth    *pgauth.Store
	server  *api.Server
	url     string
	client  *http.Client
	desk    *desk
	works   *pgroad.Works // before roads are imported, straight lines
	outside string        // a server before the roads that answers routes, by name; empty: none
	promise dispatch.Promise
	log     *lockedBuffer
	socket  api.Socket // of viewers
	ready   error
	looks   atomic.Int64 // how often readiness was looked at
}

// password of the accounts that sign in with one.
const password = "correct horse 电池"

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupWith(t, func(b *bundle) duty { return b.desk })
}

// duty is all five desks.
type duty interface {
	api.ReportDesk
	api.CaseDesk
	api.PatrolDesk
	api.PlaceDesk
	api.NoticeDesk
}

func setupWith(t *testing.T, dutyOf func(*bundle) duty) *bundle {
	t.Helper()
	b := &bundle{t: t, db: pgtest.New(t), desk: &desk{}, log: &lockedBuffer{}, socket: echoSocket{}}
	on := dutyOf(b)
	people, isReal := on.(api.PeopleDesk)
	if !isReal {
		people = b.people()
	}
	hooks, isReal := on.(api.HookDesk)
	if !isReal {
		hooks = b.people()
	}
	b.auth = pgauth.New(b.db, pgauth.Config{})
	view := pgview.New(b.db)
	roads := &road.Switch{}
	b.works = pgroad.NewWorks(b.db, roads)
	var err error
	b.server, err = api.New(api.Config{
		People: people, Hooks: hooks,
		Auth: b.auth, Reports: on, Cases: on, Patrols: on, Places: on, Notices: on,
		Book: view, Register: view, Tracks: b.desk, Roster: view, Records: view, Roads: ways{roads, b}, Works: b.works, Promise: &b.promise, Tiles: pgtiles.New(b.db),
		Beacon: echoSocket{}, Live: b.socket,
		Ready: func(context.Context) error { b.looks.Add(1); return b.ready },
		Page: fstest.MapFS{
			"index.html":  {Data: []byte("<!doctype html><title>centre</title>")},
			"login.html":  {Data: []byte("<!doctype html><title>login</title>")},
			"follow.html": {Data: []byte("<!doctype html><title>follow</title>")},
			"m.html":      {Data: []byte("<!doctype html><title>phone</title>")},
			".keep":       {}, "sw.js": {Data: []byte("// worker")},
			"assets/index-a1b2c3.js": {Data: []byte(strings.Repeat("console.log(1)\n", 200))},
		},
		Origins: []string{"https://map.example"},
		Log:     slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(b.server)
	b.url = listener.URL
	base := &http.Transport{}
	b.client = &http.Client{Transport: apitest.Transport(t, base)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := b.server.Drain(ctx); err != nil {
			t.Error(err)
		}
		base.CloseIdleConnections()
		listener.Close()
	})
	b.exec(`INSERT INTO areas (district_id, code, name, level, parent_code) VALUES
	  ($1, '331004', '示范区', 'district', NULL), ($1, '331004001', '路南', 'town', '331004'), ($1, '331004002', '路北', 'town', '331004')`, pgdb.District)
	b.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police'), ($1, 'grid', '网格', 'Grid')`, pgdb.District)
	b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES ($1, $2, 'P-0', 'P-0', 'police', 'car')`, patrolID, pgdb.District)
	return b
}

// ways are the roads with a server outside before them that knows them as well.
type ways struct {
	*road.Switch
	b *bundle
}

func (w ways) Route(ctx context.Context, m road.Mode, from, to geo.Point) (road.Route, error) {
	if w.b.outside != "" {
		road.Tell(ctx, w.b.outside, "")
	}
	return w.Switch.Route(ctx, m, from, to)
}

func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	if _, err := b.db.Exec(b.t.Context(), query, args...); err != nil {
		b.t.Fatal(err)
	}
}

// as makes an account and answers its token. It is written by SQL, so that only the
// tests of signing in pay for passwords.
func (b *bundle) as(role dispatch.Role, change ...func(*account)) string {
	b.t.Helper()
	if role == dispatch.RoleDevice {
		token, _ := b.device("D-" + uuid.NewString())
		return token
	}
	a := account{username: string(role) + "-" + uuid.NewString()[:8]}
	for _, c := range change {
		c(&a)
	}
	b.exec(`INSERT INTO accounts (id, district_id, username, role, area_code, department, password_hash)
	  VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), 'none')`, uuid.Must(uuid.NewV7()), pgdb.District, a.username, role, a.area, a.department)
	_, token, err := b.auth.CreateToken(b.t.Context(), pgauth.Owner{Username: a.username}, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

type account struct{ username, area, department string }

func within(area string) func(*account) { return func(a *account) { a.area = area } }

// device makes a device bound to a patrol of its own.
func (b *bundle) device(code string) (token string, patrol dispatch.PatrolID) {
	b.t.Helper()
	patrol.UUID = uuid.Must(uuid.NewV7())
	id := uuid.Must(uuid.NewV7())
	b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES ($1, $2, $3, $3, 'police', 'car')`, patrol, pgdb.District, "P-"+code)
	b.exec(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, id, pgdb.District, code)
	b.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now(), NULL))`, id, patrol)
	_, token, err := b.auth.CreateToken(b.t.Context(), pgauth.Owner{DeviceCode: code}, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return token, patrol
}

// call is one request.
type call struct {
	method, path string
	token        string
	header       map[string]string
	cookie       *http.Cookie
	body         any // string and []byte as they are, anything else as JSON
	kind         string
}

type reply struct {
	status  int
	header  http.Header
	body    []byte
	cookies []*http.Cookie
}

func (r reply) problem() api.Problem {
	var p api.Problem
	_ = json.Unmarshal(r.body, &p)
	return p
}

func (b *bundle) do(c call) reply {
	b.t.Helper()
	kind, body := c.kind, []byte(nil)
	switch v := c.body.(type) {
	case nil:
	case string:
		body = []byte(v)
	case []byte:
		body = v
	default:
		var err error
		if body, err = json.Marshal(v); err != nil {
			b.t.Fatal(err)
		}
	}
	if kind == "" && c.body != nil {
		kind = "application/json"
	}
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+c.path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	for key, value := range c.header {
		r.Header.Set(key, value)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, content, response.Cookies()}
}

// want checks a status and answers the reply.
func (b *bundle) want(status int, c call) reply {
	b.t.Helper()
	r := b.do(c)
	if r.status != status {
		b.t.Fatalf("%s %s: %d, want %d: %.600s", c.method, c.path, r.status, status, r.body)
	}
	return r
}

// lockedBuffer is a log that handlers write while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// echoSocket says who is there and sends back what it hears, until the door drains.
type echoSocket struct{}

func (echoSocket) Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if conn.WriteMessage(websocket.TextMessage, []byte(who.Role)) != nil {
		return
	}
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, message) != nil {
			return
		}
	}
}

// shift moves the database's time on from the true one.
func (b *bundle) shift(by time.Duration) {
	b.t.Helper()
	err := b.db.Owner(b.t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(b.t.Context(), `UPDATE clock_shift SET shift = $1`, by)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// people is the real desk of people and devices, for a bundle whose other desks are
// played.
func (b *bundle) people() *dispatch.Service {
	b.t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		b.t.Fatal(err)
	}
	service, err := dispatch.New(dispatch.Config{District: dispatch.DistrictID{UUID: pgdb.District}, Store: pgstore.New(b.db),
		Live: standing{}, Roads: road.Straight{}, Grids: dispatch.NewAtlas(time.Now), Zone: zone, Post: taking{}})
	if err != nil {
		b.t.Fatal(err)
	}
	return service
}

// taking is a webhook's end that takes whatever it is sent, and any address but an empty one.
type taking struct{}

func (taking) AddressFault(address string) string {
	if !strings.HasPrefix(address, "https://") {
		return "must begin with https://"
	}
	return ""
}

func (taking) Post(context.Context, string, dispatch.HookCallID, []byte, []byte) dispatch.HookAnswer {
	return dispatch.HookAnswer{Status: http.StatusNoContent, Took: time.Millisecond}
}
