package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// A right that is taken away on one node ends the sockets that another node holds, also
// when it is taken by a command. What ends them is told by the test below.
func TestAnotherNodeClosesWhatWasRevoked(t *testing.T) {
	w := newCrashWorld(t)
	operator := w.operator()
	w.serve()
	here := w.address
	w.address = freeAddress(t)
	w.serve() // another process on the same database
	there := w.address

	device := func(i int) *websocket.Conn { return w.speak(there, w.devices[i].token) }
	for _, c := range []struct {
		name   string
		socket *websocket.Conn
		revoke func()
	}{
		{"a device reported lost over HTTP", device(0), func() { w.reportLost(here, operator, w.devices[0].code) }},
		{"a device reported lost by the command", device(1), func() { w.command("device", "revoke", w.devices[1].code) }},
		{"a token revoked by the command", device(2), func() { w.command("token", "revoke", w.devices[2].token) }},
		{"an account that is disabled", w.watch(operator), func() { w.command("user", "disable", "--username", "wang") }},
	} {
		ended := make(chan time.Time, 1)
		go func() {
			for {
				if _, _, err := c.socket.ReadMessage(); err != nil {
					if !websocket.IsCloseError(err, beacon.CloseToken) {
						t.Errorf("%s: the socket on the other node ended with %v, want %d", c.name, err, beacon.CloseToken)
					}
					ended <- time.Now()
					return
				}
			}
		}()
		began := time.Now()
		c.revoke()
		done := time.Now()
		select {
		case at := <-ended:
			t.Logf("%s: the socket on the other node ended %v after the command began and %v after it was done", c.name, at.Sub(began), at.Sub(done))
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the socket on the other node is still open; the end of the log:\n%s", c.name, w.logEnd())
			c.socket.Close()
			<-ended
		}
	}
}

// A right that is taken away ends the sockets of every node by the revision that moves:
// no node asks for a right without need while this goes on.
func TestTheRevisionEndsSocketsOnEveryNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, func(s *serveConfig) { s.vigilEvery = time.Hour })
	here := c.first()
	there := c.join(here.service.neighbours.bus.Address())
	auth := pgauth.New(here.env.DB, pgauth.Config{})
	both := func(unit int) (phones []*phone) {
		for _, n := range []*running{here, there} {
			p := c.phone(unit, uuid.New(), n)
			c.at(p, 121.31)
			phones = append(phones, p)
		}
		return phones
	}
	first, token, device := both(0), both(1), both(2)
	screens := []*screen{c.watch(here), c.watch(there)}
	ended := func(what string, p *phone) {
		t.Helper()
		select {
		case err := <-p.ended:
			if err == nil || !strings.Contains(err.Error(), strconv.Itoa(beacon.CloseToken)) {
				t.Errorf("%s: ended with %v, want %d", what, err, beacon.CloseToken)
			}
		case <-time.After(recoverWithin):
			t.Fatalf("%s: a socket is still open", what)
		}
	}
	open := func(what string, phones ...*phone) {
		t.Helper()
		for _, p := range phones {
			c.at(p, 121.31)
			select {
			case err := <-p.ended:
				t.Errorf("%s: another's socket ended with %v", what, err)
			default:
			}
		}
	}
	for _, step := range []struct {
		what  string
		take  func() error
		ends  []*phone
		stays []*phone
	}{
		// Every socket is asked for once after it was opened. That has been when these have ended.
		{"the first", func() error { return auth.RevokeToken(t.Context(), c.devices[0]) }, first, slices.Concat(token, device)},
		{"a token is revoked", func() error { return auth.RevokeToken(t.Context(), c.devices[1]) }, token, device},
		{"a device is reported lost", func() error {
			return dispatch.Revoke(t.Context(), pgstore.New(here.env.DB), dispatch.DistrictID{UUID: pgdb.District}, c.units[2].Device, "lost")
		}, device, nil},
	} {
		if err := step.take(); err != nil {
			t.Fatal(err)
		}
		for _, p := range step.ends {
			ended(step.what, p)
		}
		open(step.what, step.stays...)
	}
	if err := auth.SetDisabled(t.Context(), "wang", true); err != nil {
		t.Fatal(err)
	}
	for i, s := range screens {
		select {
		case <-s.ended:
		case <-time.After(recoverWithin):
			t.Fatalf("an account is disabled: screen %d is still open", i)
		}
		s.mu.Lock()
		if s.code != beacon.CloseToken {
			t.Errorf("an account is disabled: screen %d ended with %d, want %d", i, s.code, beacon.CloseToken)
		}
		s.mu.Unlock()
	}
}

// reportLost says over a node's door that a device is lost.
func (w *crashWorld) reportLost(address, token, code string) {
	w.t.Helper()
	ask := func(method, path, body string) []byte {
		w.t.Helper()
		r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+address+"/api/v1/devices"+path, strings.NewReader(body))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			w.t.Fatalf("%s %s: %d %s, %v", method, path, response.StatusCode, answer, err)
		}
		return answer
	}
	var list struct {
		Items []struct{ ID, Code string }
	}
	if err := json.Unmarshal(ask("GET", "?limit=200", ""), &list); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range list.Items {
		if d.Code == code {
			ask("POST", "/"+d.ID+"/revoke", `{"reason":"丢失"}`)
			return
		}
	}
	w.t.Fatalf("no device %s among %+v", code, list.Items)
}

// speak opens the beacon channel of a device on a node and says hello.
func (w *crashWorld) speak(address, token string) *websocket.Conn {
	w.t.Helper()
	conn, response, err := (&websocket.Dialer{Subprotocols: []string{beacon.Subprotocol}}).DialContext(w.t.Context(), "ws://"+address+"/ws/beacon",
		http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		w.t.Fatalf("%v (%v)", err, response)
	}
	w.t.Cleanup(func() { conn.Close() })
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"start","stream":"0b9a3f0e-5a52-4d53-9a3e-6f2f2f1f7a01","lowest_held":1}`)); err != nil {
		w.t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), `"hello"`) {
		w.t.Fatalf("the first word: %s, %v", message, err)
	}
	return conn
}
