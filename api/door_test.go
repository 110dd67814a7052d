package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// open is all that anybody may ask for without signing in.
var open = []string{
	"POST /api/v1/session", "POST /api/v1/enrolments/redeem", "GET /api/v1/openapi.json", "GET /livez", "GET /readyz", "GET /docs",
	"GET /api/*", "GET /*", "HEAD /*",
}

var parameter = regexp.MustCompile(`:\w+`)

// filled is a route with something plausible for each parameter.
func filled(path string) string {
	return parameter.ReplaceAllStringFunc(path, func(name string) string {
		switch name {
		case ":sha256":
			return strings.Repeat("ab", 32)
		case ":action":
			return "accept"
		case ":layer":
			return "grids"
		case ":z", ":x":
			return "0"
		case ":y":
			return "0.mvt"
		}
		return caseID.String()
	})
}

// Every route the router knows, not a list that somebody must keep.
func TestNothingIsOpenButWhatIsMeantToBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	found := 0
	for _, route := range b.server.Routes() {
		if slices.Contains(open, route.Method+" "+route.Path) {
			found++
			continue
		}
		for name, c := range map[string]call{
			"nothing":      {},
			"wrong token":  {token: "gpt_" + strings.Repeat("A", 43)},
			"wrong cookie": {cookie: &http.Cookie{Name: "gp_session", Value: "gps_" + strings.Repeat("A", 43)}},
			"basic":        {header: map[string]string{"Authorization": "Basic YWRtaW46YWRtaW4="}},
		} {
			c.method, c.path = route.Method, filled(route.Path)
			if r := b.do(c); r.status != http.StatusUnauthorized || r.problem().Type != "/problems/unauthenticated" {
				t.Errorf("%s %s with %s: %d %s, want 401", c.method, c.path, name, r.status, r.problem().Type)
			}
		}
	}
	if found != len(open) {
		t.Errorf("%d of %d open routes are there", found, len(open))
	}
}

// The description and the router know the same doors, and agree on which are open.
func TestDescriptionAndRouterAgree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc, err := openapi3.NewLoader().LoadFromData(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{} // to whether it is open
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			path := strings.TrimSuffix(regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(path, ":$1"), ".mvt")
			described[method+" "+path] = op.Security != nil && len(*op.Security) == 0
		}
	}
	for _, route := range b.server.Routes() {
		name := route.Method + " " + route.Path
		if strings.HasSuffix(route.Path, "*") {
			continue
		}
		isOpen, ok := described[name]
		if !ok {
			t.Errorf("%s is not described", name)
		}
		if isOpen != slices.Contains(open, name) {
			t.Errorf("%s is described as open: %v", name, isOpen)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described and not there", name)
	}
}

// Who may do what, row by row, by what the duty manual says. x is allowed.
func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	roles := []dispatch.Role{
		dispatch.RoleAdmin, dispatch.RoleOperator, dispatch.RoleDutyLeader, dispatch.RoleTownLeader, dispatch.RoleDistrictSupervisor,
		dispatch.RoleOfficer, dispatch.RoleGridWorker, dispatch.RolePartTimer, dispatch.RoleGridChief, dispatch.RoleInstructor,
		dispatch.RoleAuditor, dispatch.RoleDevice,
	}
	id := caseID.String()
	const lostID = "0197f5a0-0000-7000-8000-00000000dead"
	b.exec(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, 'lost')`, lostID, pgdb.District)
	track := "/api/v1/patrols/" + patrolID.String() + "/track?from=2026-05-03T00:00:00Z"
	rows := []struct {
		allowed string // one letter a role, in the order above
		call    call
	}{
		//adm op dl tl ds of gw pt gc in au dev
		{"xxxx.xxxxx.x", call{method: "POST", path: "/api/v1/reports", body: goodReport}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/cases"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/cases/" + id}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/reports"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/reports/" + id}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/me/notices"}},
		{"xxxxxxxxxxxx", call{method: "POST", path: "/api/v1/me/notices/seen", body: `{"up_to":7}`}},
		{"xxx.........", call{path: "/api/v1/operator-items"}},
		{"xxx.........", call{method: "POST", path: "/api/v1/operator-items/4/settle", body: `{"note":"x"}`}},
		{"xxx.........", call{method: "POST", path: "/api/v1/cases/" + id + "/dispatch"}},
		{"xxx.........", call{method: "POST", path: "/api/v1/cases/" + id + "/undo"}},
		{"xxx.x.......", call{method: "POST", path: "/api/v1/cases/" + id + "/close"}},
		{"xxx..xxx...x", call{method: "POST", path: "/api/v1/cases/" + id + "/assignments/" + id + "/accept"}},
		{"xxxxxxxx...x", call{path: "/api/v1/patrols"}},
		{"xxx.x.....x.", call{path: track}},
		{"xxx.x.....x.", call{path: "/api/v1/patrols/" + patrolID.String() + "/presence?from=2026-05-03T00:00:00Z"}},
		{"xxx..xxx...x", call{method: "PUT", path: "/api/v1/patrols/" + id + "/status", body: `{"status":"break","version":7}`}},
		{"xxx..xxx...x", call{method: "PUT", path: "/api/v1/me/duty", body: `{"on":true}`}},
		{"xxxxxx......", call{path: "/api/v1/nearest?lon=121.38&lat=28.58"}},
		{"xxxxxx......", call{path: "/api/v1/patrols/within?lon=121.38&lat=28.58&to_m=500"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/locate?lon=121.38&lat=28.58"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/route?from=121.38,28.58&to=121.39,28.58"}},
		{"xxxxx.......", call{path: "/api/v1/duty-sheet"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/grids"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/tiles/grids/0/0/0.mvt"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/cells?res=8&layer=reports"}},
		{"xxxxxx......", call{path: "/api/v1/cells?res=8&layer=patrols"}},
		{"xxxxxx......", call{method: "POST", path: "/api/v1/tickets", body: `{"for":"live"}`}},
		{"...........x", call{method: "POST", path: "/api/v1/tickets", body: `{"for":"beacon"}`}},
		{"x...........", call{path: "/metrics"}},
		// Town leaders and officers without a scope of their own manage nobody, so these
		// roles are tried again with one in TestWhoManagesWhom.
		{"xxx.........", call{path: "/api/v1/staff"}},
		{"xxx.........", call{path: "/api/v1/devices"}},
		{"xxx.........", call{method: "POST", path: "/api/v1/devices/" + lostID + "/revoke"}},
		{"xxx.........", call{method: "POST", path: "/api/v1/enrolments", body: `{"patrol_id":"` + patrolID.String() + `"}`}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/session"}},
		{"xxxxxxxxxxxx", call{path: "/api/v1/categories"}},
	}
	for i, role := range roles {
		token := b.as(role)
		for _, row := range rows {
			c := row.call
			c.token = token
			r := b.do(c)
			if allowed := r.status < 300; allowed != (row.allowed[i] == 'x') || (!allowed && r.status != http.StatusForbidden) {
				t.Errorf("%s: %s %s: %d %.200s", role, c.method, c.path, r.status, r.body)
			}
		}
	}
}

// A patrol may always see where it went itself.
func TestOwnTrack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, own := b.device("D-1")
	const query = "/track?from=2026-05-03T00:00:00Z"
	b.want(http.StatusOK, call{path: "/api/v1/patrols/" + own.String() + query, token: token})
	b.want(http.StatusForbidden, call{path: "/api/v1/patrols/" + patrolID.String() + query, token: token})
}

func TestFaultsBecomeStatuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	for _, row := range []struct {
		fail   error
		status int
		kind   string
	}{
		{&dispatch.Fault{Kind: dispatch.Invalid, Code: "unknown-category", Detail: "x", Fields: []dispatch.FieldFault{{Pointer: "/category", Detail: "y"}}}, 400, "/problems/unknown-category"},
		{&dispatch.Fault{Kind: dispatch.NotFound, Detail: "x"}, 404, "/problems/not-found"},
		{&dispatch.Fault{Kind: dispatch.Conflict, Code: "idempotency-mismatch", Detail: "x"}, 409, "/problems/idempotency-mismatch"},
		{&dispatch.Fault{Kind: dispatch.Forbidden, Detail: "x"}, 403, "/problems/forbidden"},
		{&dispatch.Fault{Kind: dispatch.Unavailable, Detail: "x"}, 503, "/problems/unavailable"},
		{&dispatch.Fault{Kind: "new kind", Detail: "secret"}, 500, "/problems/internal"},
		{errors.New("secret: pq: relation does not exist"), 500, "/problems/internal"},
	} {
		b.desk.fail = row.fail
		r := b.do(call{path: "/api/v1/cases", token: token})
		if p := r.problem(); r.status != row.status || p.Type != row.kind || p.Status != row.status || p.RequestId == nil {
			t.Errorf("%v: %d %s", row.fail, r.status, r.body)
		}
		if strings.Contains(string(r.body), "secret") {
			t.Errorf("the answer tells what went wrong inside: %s", r.body)
		}
	}
	if !strings.Contains(b.log.String(), "relation does not exist") {
		t.Error("the log does not say what went wrong")
	}
}

func TestPanicIsAProblem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.desk.panics = true
	r := b.want(http.StatusInternalServerError, call{path: "/api/v1/cases", token: b.as(dispatch.RoleOperator)})
	if strings.Contains(string(r.body), "fell over") || !strings.Contains(b.log.String(), "the desk fell over") {
		t.Errorf("a panic is answered %s", r.body)
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []call{{path: "/api/v1/nothing"}, {path: "/api/v2/cases"}, {path: "/nothing.html"}, {path: "/.keep"}, {path: "/assets/../index.html.bak"}} {
		if r := b.want(http.StatusNotFound, c); r.problem().Type != "/problems/not-found" {
			t.Errorf("%s: %s", c.path, r.body)
		}
	}
	r := b.want(http.StatusMethodNotAllowed, call{method: "DELETE", path: "/api/v1/cases"})
	if !strings.Contains(r.header.Get("Allow"), "GET") {
		t.Errorf("Allow is %q", r.header.Get("Allow"))
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/api/v1/cases", "/livez", "/nothing", "/docs"} {
		h := b.do(call{path: path}).header
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if id := b.do(call{path: "/livez", header: map[string]string{"X-Request-Id": "from-a-proxy-1"}}).header.Get("X-Request-Id"); id != "from-a-proxy-1" {
		t.Errorf("a decent request id became %q", id)
	}
	if id := b.do(call{path: "/livez", header: map[string]string{"X-Request-Id": "a\tb<script>"}}).header.Get("X-Request-Id"); strings.Contains(id, "<") {
		t.Errorf("an indecent request id was kept: %q", id)
	}
}

// The log tells routes and statuses, never where anybody is nor a secret.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	b.want(http.StatusOK, call{path: "/api/v1/locate?lon=121.38765&lat=28.58432", token: token})
	b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: goodReport, header: map[string]string{"Idempotency-Key": "key-4711"}})
	b.want(http.StatusUnauthorized, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "no-such-user", "password": "hunter2hunter2"}})
	log := b.log.String()
	for _, secret := range []string{"121.38765", "28.58432", token, token[4:], "hunter2", "no-such-user", "key-4711", "黑作坊", "lon="} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(log, `"route":"/api/v1/locate"`) {
		t.Errorf("the log does not name the route: %s", log)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 20 {
		b.want(http.StatusOK, call{path: "/readyz"})
	}
	if n := b.looks.Load(); n > 10 {
		t.Errorf("20 probes looked %d times; an answer stands for a second", n)
	}
	b.ready = errors.Join(&api.Unready{Check: "write", Detail: "it takes no writes", Err: errors.New("read-only: secret address")},
		fmt.Errorf("look: %w", &api.Unready{Check: "disk", Detail: "it is nearly full", Err: errors.New("secret path")}))
	b.server.ForgetReady()
	r := b.want(http.StatusServiceUnavailable, call{path: "/readyz"})
	if strings.Contains(string(r.body), "secret") {
		t.Errorf("readiness tells strangers too much: %s", r.body)
	}
	if e := r.problem().Errors; len(e) != 2 || e[0].Pointer != "/write" || e[1].Pointer != "/disk" || r.header.Get("Retry-After") == "" {
		t.Errorf("what is wrong is not named: %s", r.body)
	}
	if !strings.Contains(b.log.String(), "read-only: secret address") {
		t.Error("the log does not say why")
	}
	b.ready = errors.New("something unforeseen, secret too")
	b.server.ForgetReady()
	if r := b.want(http.StatusServiceUnavailable, call{path: "/readyz"}); strings.Contains(string(r.body), "secret") {
		t.Errorf("readiness tells strangers too much: %s", r.body)
	}
	looked := b.looks.Load()
	b.want(http.StatusOK, call{path: "/livez"})
	if b.looks.Load() != looked {
		t.Error("/livez looks at the database")
	}
	b.ready = nil
	if err := b.server.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := b.want(http.StatusServiceUnavailable, call{path: "/readyz"}); r.problem().Type != "/problems/draining" || r.problem().Errors[0].Pointer != "/drain" {
		t.Errorf("draining: %s", r.body)
	}
	b.want(http.StatusOK, call{path: "/livez"})
}

func TestSlowDeskIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.desk.blocks = true
	r := b.want(http.StatusServiceUnavailable, call{path: "/api/v1/cases", token: b.as(dispatch.RoleOperator)})
	if r.problem().Type != "/problems/too-slow" || r.header.Get("Retry-After") == "" {
		t.Errorf("%s", r.body)
	}
}

func TestNewNamesEveryMissingPart(t *testing.T) {
	t.Parallel()
	_, err := api.New(api.Config{})
	for _, part := range []string{"Auth", "Cases", "Tiles", "Live", "Ready"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, title := range map[string]string{"/": "centre", "/login": "login", "/m": "phone", "/m/": "phone", "/index.html": "centre", "/?wall=1": "centre"} {
		r := b.want(http.StatusOK, call{path: path})
		if !strings.Contains(string(r.body), title) || r.header.Get("Cache-Control") != "no-cache" || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %v %s", path, r.header, r.body)
		}
		b.want(http.StatusNotModified, call{path: path, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
	}
	r := b.want(http.StatusOK, call{path: "/assets/index-a1b2c3.js", header: map[string]string{"Accept-Encoding": "br, gzip"}})
	if r.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.header.Get("Content-Encoding") != "gzip" || len(r.body) > 500 {
		t.Errorf("asset: %v, %d bytes", r.header, len(r.body))
	}
	r = b.want(http.StatusOK, call{path: "/assets/index-a1b2c3.js", header: map[string]string{"Accept-Encoding": "gzip;q=0"}})
	if r.header.Get("Content-Encoding") != "" || len(r.body) != 15*200 {
		t.Errorf("asset without gzip: %v, %d bytes", r.header, len(r.body))
	}
	r = b.want(http.StatusOK, call{path: "/docs"})
	if strings.Contains(string(r.body), "<script") || !strings.Contains(string(r.body), "/api/v1/cases/{id}/dispatch") {
		t.Error("/docs is not the plain page of the API")
	}
	b.want(http.StatusOK, call{path: "/api/v1/openapi.json"})
}
