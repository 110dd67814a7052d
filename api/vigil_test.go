package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// A socket that a token opened ends soon after the token does, and says why; one
// whose token is good stays.
func TestRevokedTokenEndsItsSocket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.SetVigil(20 * time.Millisecond)
	open := func(token, path string) *websocket.Conn {
		t.Helper()
		var dialer websocket.Dialer
		conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+path,
			http.Header{"Authorization": {"Bearer " + token}})
		if err != nil {
			t.Fatalf("open %s: %v (%v)", path, err, response)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Fatalf("%s says nothing: %v", path, err)
		}
		return conn
	}
	device, _ := b.device("D-1")
	kept, _ := b.device("D-2")
	operator := b.as(dispatch.RoleOperator)
	stays := open(kept, "/ws/beacon")
	for _, row := range []struct {
		conn  *websocket.Conn
		token string
	}{{open(device, "/ws/beacon"), device}, {open(operator, "/ws/live"), operator}} {
		if err := b.auth.RevokeToken(t.Context(), row.token); err != nil {
			t.Fatal(err)
		}
		_, _, err := row.conn.ReadMessage()
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != beacon.CloseToken {
			t.Errorf("a socket whose token was revoked ended with %v, want close code %d", err, beacon.CloseToken)
		}
	}
	if err := stays.WriteMessage(websocket.TextMessage, []byte("here")); err != nil {
		t.Fatal(err)
	}
	if _, said, err := stays.ReadMessage(); err != nil || string(said) != "here" {
		t.Errorf("a socket whose token is good answered %q, %v", said, err)
	}
}
