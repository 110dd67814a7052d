package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// signIn adds an account with a password and signs it in.
func (b *bundle) signIn(role dispatch.Role) (*http.Cookie, api.Session) {
	b.t.Helper()
	name := "person-" + string(role)
	if _, err := b.auth.AddAccount(b.t.Context(), pgauth.NewAccount{Username: name, Password: password, Role: role, AreaCode: "331004001", Department: "police"}); err != nil {
		b.t.Fatal(err)
	}
	r := b.want(http.StatusOK, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": name, "password": password}})
	var session api.Session
	if err := json.Unmarshal(r.body, &session); err != nil {
		b.t.Fatal(err)
	}
	if len(r.cookies) != 1 || r.cookies[0].Name != "gp_session" {
		b.t.Fatalf("cookies %v", r.cookies)
	}
	if r.header.Get("Cache-Control") != "no-store" {
		b.t.Errorf("a session may be kept by what is between: %v", r.header)
	}
	return r.cookies[0], session
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cookie, session := b.signIn(dispatch.RoleOperator)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Secure || !cookie.Expires.After(time.Now().Add(6*24*time.Hour)) {
		t.Errorf("cookie %+v", cookie)
	}
	if session.Kind != "account" || session.Role != "operator" || session.Name != "person-operator" || session.Csrf == nil ||
		*session.Scope.AreaCode != "331004001" || *session.Scope.Department != "police" || len(session.May) < 5 {
		t.Errorf("session %+v", session)
	}
	r := b.want(http.StatusOK, call{path: "/api/v1/session", cookie: cookie})
	var again api.Session
	if err := json.Unmarshal(r.body, &again); err != nil || again.Csrf == nil || *again.Csrf != *session.Csrf {
		t.Errorf("GET /session: %s", r.body)
	}
	csrf := map[string]string{"X-CSRF-Token": *session.Csrf}
	out := b.want(http.StatusNoContent, call{method: "DELETE", path: "/api/v1/session", cookie: cookie, header: csrf})
	if len(out.cookies) != 1 || out.cookies[0].MaxAge >= 0 {
		t.Errorf("signing out sets %v", out.cookies)
	}
	b.want(http.StatusUnauthorized, call{path: "/api/v1/session", cookie: cookie})
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.signIn(dispatch.RoleOperator)
	r := b.want(http.StatusOK, call{method: "POST", path: "/api/v1/session", header: map[string]string{"X-Forwarded-Proto": "https"},
		body: map[string]string{"username": "person-operator", "password": password}})
	if !r.cookies[0].Secure {
		t.Errorf("cookie %+v", r.cookies[0])
	}
}

func TestWrongPasswordsReadAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.signIn(dispatch.RoleOperator)
	known := b.want(http.StatusUnauthorized, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "person-operator", "password": "wrong"}})
	unknown := b.want(http.StatusUnauthorized, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "nobody", "password": "wrong"}})
	p, q := known.problem(), unknown.problem()
	p.RequestId, q.RequestId = nil, nil
	if a, _ := json.Marshal(p); string(a) != mustJSON(q) {
		t.Errorf("known %s, unknown %s", a, mustJSON(q))
	}
	var last reply
	for range 12 {
		last = b.do(call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "nobody", "password": "wrong"}})
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" {
		t.Errorf("13 guesses: %d %v", last.status, last.header)
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWritesByCookie(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cookie, session := b.signIn(dispatch.RoleOperator)
	other, otherSession := b.signIn(dispatch.RoleDutyLeader)
	_ = other
	for _, row := range []struct {
		name   string
		header map[string]string
		status int
		kind   string
	}{
		{"no token", nil, 403, "csrf"},
		{"another's token", map[string]string{"X-CSRF-Token": *otherSession.Csrf}, 403, "csrf"},
		{"own token", map[string]string{"X-CSRF-Token": *session.Csrf}, 201, ""},
		{"own page", map[string]string{"X-CSRF-Token": *session.Csrf, "Origin": b.url}, 201, ""},
		{"an allowed page", map[string]string{"X-CSRF-Token": *session.Csrf, "Origin": "https://map.example"}, 201, ""},
		{"a strange page", map[string]string{"X-CSRF-Token": *session.Csrf, "Origin": "https://evil.example"}, 403, "origin"},
		{"a page that hides", map[string]string{"X-CSRF-Token": *session.Csrf, "Origin": "null"}, 403, "origin"},
		{"a page beside", map[string]string{"X-CSRF-Token": *session.Csrf, "Origin": "https://map.example.evil.example"}, 403, "origin"},
		{"cross-site without origin", map[string]string{"X-CSRF-Token": *session.Csrf, "Sec-Fetch-Site": "cross-site"}, 403, "origin"},
	} {
		r := b.do(call{method: "POST", path: "/api/v1/reports", cookie: cookie, header: row.header, body: goodReport})
		if kind := strings.TrimPrefix(r.problem().Type, "/problems/"); r.status != row.status || kind != row.kind {
			t.Errorf("%s: %d %s", row.name, r.status, r.body)
		}
	}
	if r := b.do(call{method: "POST", path: "/api/v1/session", header: map[string]string{"Origin": "https://evil.example"}, body: map[string]string{"username": "x", "password": "y"}}); r.status != 403 {
		t.Errorf("signing in from a strange page: %d", r.status)
	}
	// A token is no cookie: no page can make a browser send it.
	b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: b.as(dispatch.RoleOperator), header: map[string]string{"Origin": "https://evil.example"}, body: goodReport})
}

// dial opens a socket and answers what it says first, or the status of a refusal.
func (b *bundle) dial(path string, header http.Header, protocols ...string) (first string, status int) {
	b.t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: 5 * time.Second}
	conn, response, err := dialer.DialContext(b.t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+path, header)
	if err != nil {
		if response == nil {
			b.t.Fatal(err)
		}
		response.Body.Close()
		if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
			b.t.Errorf("a refused socket is told %q", kind)
		}
		return "", response.StatusCode
	}
	defer conn.Close()
	if len(protocols) > 0 && conn.Subprotocol() != protocols[0] {
		b.t.Errorf("the socket speaks %q, want %q", conn.Subprotocol(), protocols[0])
	}
	_, message, err := conn.ReadMessage()
	if err != nil {
		b.t.Fatal(err)
	}
	return string(message), response.StatusCode
}

func TestSockets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const beacon, live = "gridpatrol.beacon.v1.json", "gridpatrol.live.v1.json"
	device, _ := b.device("D-1")
	operator := b.as(dispatch.RoleOperator)
	cookie, session := b.signIn(dispatch.RoleDutyLeader)
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	byCookie := func(origin string) http.Header {
		h := http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return h
	}
	ticket := func(token, purpose string) string {
		t.Helper()
		r := b.want(http.StatusOK, call{method: "POST", path: "/api/v1/tickets", token: token, body: map[string]string{"for": purpose}})
		var out api.Ticket
		if err := json.Unmarshal(r.body, &out); err != nil {
			t.Fatal(err)
		}
		return "ticket." + out.Ticket
	}
	used := ticket(device, "beacon")
	for _, row := range []struct {
		name, path string
		header     http.Header
		protocols  []string
		first      string
		status     int
	}{
		{"a device by token", "/ws/beacon", bearer(device), []string{beacon}, "device", 101},
		{"a device that offers nothing", "/ws/beacon", bearer(device), nil, "device", 101},
		{"a device by ticket", "/ws/beacon", nil, []string{beacon, used}, "device", 101},
		{"the ticket again", "/ws/beacon", nil, []string{beacon, used}, "", 401},
		{"a ticket for the other socket", "/ws/beacon", nil, []string{beacon, ticket(operator, "live")}, "", 401},
		{"an operator sends no beacons", "/ws/beacon", bearer(operator), []string{beacon}, "", 403},
		{"no beacons by cookie", "/ws/beacon", byCookie(b.url), []string{beacon}, "", 401},
		{"another protocol", "/ws/beacon", bearer(device), []string{"mqtt"}, "", 400},
		{"a device watches nobody", "/ws/live", bearer(device), []string{live}, "", 403},
		{"an operator by token", "/ws/live", bearer(operator), []string{live}, "operator", 101},
		{"an operator by ticket", "/ws/live", nil, []string{live, ticket(operator, "live")}, "operator", 101},
		{"a person's own page", "/ws/live", byCookie(b.url), nil, "duty_leader", 101},
		{"an allowed page", "/ws/live", byCookie("https://map.example"), []string{live}, "duty_leader", 101},
		{"a strange page", "/ws/live", byCookie("https://evil.example"), nil, "", 403},
		{"a cookie from nowhere", "/ws/live", byCookie(""), nil, "", 403},
		{"a page that calls it otherwise", "/ws/live", byCookie(b.url), []string{"live.v1"}, "duty_leader", 101},
		{"nobody", "/ws/live", nil, []string{live}, "", 401},
	} {
		first, status := b.dial(row.path, row.header, row.protocols...)
		if first != row.first || status != row.status {
			t.Errorf("%s: %q and %d, want %q and %d", row.name, first, status, row.first, row.status)
		}
	}
	if session.Csrf == nil {
		t.Fatal("no CSRF token")
	}
	r := b.want(http.StatusOK, call{method: "POST", path: "/api/v1/tickets", cookie: cookie, header: map[string]string{"X-CSRF-Token": *session.Csrf}, body: `{"for":"live"}`})
	pgtest.Advance(t, b.db, 31*time.Second)
	var late api.Ticket
	if err := json.Unmarshal(r.body, &late); err != nil {
		t.Fatal(err)
	}
	if _, status := b.dial("/ws/live", nil, live, "ticket."+late.Ticket); status != http.StatusUnauthorized {
		t.Errorf("a ticket after 31 s: %d", status)
	}
	b.want(http.StatusUpgradeRequired, call{path: "/ws/live", token: operator})
}

// A socket outlives the time limit of a request, and ends when the door drains.
func TestDrainEndsSockets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+"/ws/live",
		http.Header{"Authorization": {"Bearer " + b.as(dispatch.RoleOperator)}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(response.Status)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if err := b.server.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err == nil {
		t.Error("the socket outlived the door")
	}
	if _, status := b.dial("/ws/live", http.Header{"Authorization": {"Bearer " + b.as(dispatch.RoleOperator)}}); status != http.StatusServiceUnavailable {
		t.Errorf("a socket while the door drains: %d", status)
	}
}
