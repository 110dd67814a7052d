package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// line is an open socket of a test.
type line struct {
	*websocket.Conn
	t *testing.T
}

// opened is a socket that has said its first word.
func (b *bundle) opened(path string, header http.Header, protocols ...string) line {
	b.t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols}
	conn, response, err := dialer.DialContext(b.t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+path, header)
	if err != nil {
		b.t.Fatalf("open %s: %v (%v)", path, err, response)
	}
	b.t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		b.t.Fatalf("%s says nothing: %v", path, err)
	}
	return line{conn, b.t}
}

func (b *bundle) byToken(path, token string) line {
	b.t.Helper()
	return b.opened(path, http.Header{"Authorization": {"Bearer " + token}})
}

// byTicket opens a socket with a ticket that was made with a token.
func (b *bundle) byTicket(purpose, token string) line {
	b.t.Helper()
	var made struct{ Ticket string }
	r := b.want(200, call{method: "POST", path: "/api/v1/tickets", token: token, body: map[string]string{"for": purpose}})
	if err := json.Unmarshal(r.body, &made); err != nil {
		b.t.Fatal(err)
	}
	protocol := "any.v1"
	if purpose == "beacon" {
		protocol = beacon.Subprotocol
	}
	return b.opened("/ws/"+purpose, nil, protocol, "ticket."+made.Ticket)
}

// ends waits until the socket is closed for the reason that its right has ended.
func (l line) ends(what string) {
	l.t.Helper()
	begun := time.Now()
	_, _, err := l.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != beacon.CloseToken {
		l.t.Errorf("%s: the socket ended with %v, want close code %d", what, err, beacon.CloseToken)
		return
	}
	l.t.Logf("%s: closed after %d ms", what, time.Since(begun).Milliseconds())
}

// stays says that the socket still answers.
func (l line) stays(what string) {
	l.t.Helper()
	if err := l.WriteMessage(websocket.TextMessage, []byte("here")); err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	if _, said, err := l.ReadMessage(); err != nil || string(said) != "here" {
		l.t.Errorf("%s: answered %q, %v", what, said, err)
	}
}

// settle waits until the watch has asked for every socket once, so that what ends
// them afterwards is the revision that moves.
func (b *bundle) settle() {
	b.t.Helper()
	for tick := time.NewTicker(5 * time.Millisecond); b.server.Unasked() > 0; {
		select {
		case <-tick.C:
		case <-b.t.Context().Done():
			b.t.Fatal(b.t.Context().Err())
		}
	}
}

// watch runs the watch over open sockets until the test ends.
func (b *bundle) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.server.WatchAccess(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

// Whatever takes a right away ends every socket that stands on it, by whatever means
// the socket was opened, and no other. Nobody asks for a right without need meanwhile, so
// that only the revision which it moves can have ended them.
func TestAccessThatIsTakenAwayEndsItsSockets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.SetVigil(time.Hour)
	b.watch()
	signedIn := func(username string) (cookie *http.Cookie, csrf string) {
		t.Helper()
		if _, err := b.auth.AddAccount(t.Context(), pgauth.NewAccount{Username: username, Password: password, Role: dispatch.RoleOperator}); err != nil {
			t.Fatal(err)
		}
		r := b.want(200, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": username, "password": password}})
		var in struct{ Csrf string }
		if err := json.Unmarshal(r.body, &in); err != nil {
			t.Fatal(err)
		}
		return r.cookies[0], in.Csrf
	}
	kept, _ := b.device("D-kept")
	keptOperator := b.as(dispatch.RoleOperator)
	stays := []line{b.byToken("/ws/beacon", kept), b.byTicket("beacon", kept), b.byTicket("live", keptOperator)}

	device, _ := b.device("D-1")
	sockets := []line{b.byToken("/ws/beacon", device), b.byTicket("beacon", device)}
	b.settle()
	if err := b.auth.RevokeToken(t.Context(), device); err != nil {
		t.Fatal(err)
	}
	for _, l := range sockets {
		l.ends("a token is revoked")
	}

	device, _ = b.device("D-2")
	sockets = []line{b.byToken("/ws/beacon", device), b.byTicket("beacon", device)}
	b.settle()
	b.exec(`UPDATE devices SET revoked_at = gp_now() WHERE code = 'D-2'`)
	for _, l := range sockets {
		l.ends("a device is revoked")
	}

	operator := b.as(dispatch.RoleOperator, func(a *account) { a.username = "gone" })
	cookie, _ := signedIn("leaves")
	byCookie := func(c *http.Cookie) line {
		t.Helper()
		return b.opened("/ws/live", http.Header{"Cookie": {c.String()}, "Origin": {b.url}})
	}
	sockets = []line{b.byToken("/ws/live", operator), b.byTicket("live", operator)}
	b.settle()
	if err := b.auth.SetDisabled(t.Context(), "Gone", true); err != nil {
		t.Fatal(err)
	}
	for _, l := range sockets {
		l.ends("an account is disabled")
	}
	l := byCookie(cookie)
	b.settle()
	b.exec(`UPDATE accounts SET role = 'town_leader', area_code = '331004001' WHERE username = 'leaves'`)
	l.ends("an account has another role")

	cookie, csrf := signedIn("signs-out")
	other := b.want(200, call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "signs-out", "password": password}}).cookies[0]
	stays = append(stays, byCookie(other))
	r := b.want(200, call{method: "POST", path: "/api/v1/tickets", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf},
		body: map[string]string{"for": "live"}})
	var made struct{ Ticket string }
	if err := json.Unmarshal(r.body, &made); err != nil {
		t.Fatal(err)
	}
	sockets = []line{byCookie(cookie), b.opened("/ws/live", nil, "any.v1", "ticket."+made.Ticket)}
	b.settle()
	b.want(204, call{method: "DELETE", path: "/api/v1/session", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}})
	for _, l := range sockets {
		l.ends("a session is signed out")
	}
	for _, l := range stays {
		l.stays("somebody else's socket")
	}
}

// A ticket is worth no more than what it was made with.
func TestTicketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token, _ := b.device("D-1")
	var made struct{ Ticket string }
	r := b.want(200, call{method: "POST", path: "/api/v1/tickets", token: token, body: map[string]string{"for": "beacon"}})
	if err := json.Unmarshal(r.body, &made); err != nil {
		t.Fatal(err)
	}
	if err := b.auth.RevokeToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{Subprotocols: []string{beacon.Subprotocol, "ticket." + made.Ticket}}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+"/ws/beacon", nil)
	if err == nil {
		conn.Close()
		t.Fatal("the ticket of a revoked token opened a socket")
	}
	if response == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %v, want 401", response)
	}
}

// The backstop: where nobody watches, a socket ends with its own vigil, and so does
// one whose right runs out by the clock, which moves no revision.
func TestVigilEndsSocketsWithoutTheWatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.SetVigil(20 * time.Millisecond)
	device, _ := b.device("D-1")
	kept, _ := b.device("D-2")
	operator := b.as(dispatch.RoleOperator)
	stays := b.byToken("/ws/beacon", kept)
	for _, row := range []struct {
		socket line
		token  string
	}{{b.byToken("/ws/beacon", device), device}, {b.byToken("/ws/live", operator), operator}} {
		if err := b.auth.RevokeToken(t.Context(), row.token); err != nil {
			t.Fatal(err)
		}
		row.socket.ends("a token is revoked, and nobody watches")
	}
	b.exec(`INSERT INTO accounts (id, district_id, username, role, password_hash) VALUES ($1, $2, 'brief', 'operator', 'none')`,
		uuid.Must(uuid.NewV7()), pgdb.District)
	_, brief, err := b.auth.CreateToken(t.Context(), pgauth.Owner{Username: "brief"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := b.byTicket("live", brief)
	b.shift(2 * time.Hour)
	l.ends("a token runs out")
	stays.stays("somebody else's socket")
}
