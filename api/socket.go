package api

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Socket takes an upgraded connection over and keeps it until it ends. ctx ends with
// the caller's right or with the server; Serve closes conn.
type Socket interface {
	Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer)
}

// openSocket upgrades a request whose caller is known and hands it on. Anybody
// by cookie has had their origin checked (identify); the upgrader need not again.
// An upgrader without subprotocols takes whatever name the client offers first: what
// viewers speak has one version.
func (s *Server) openSocket(upgrader websocket.Upgrader, to Socket) echo.HandlerFunc {
	upgrader.CheckOrigin = func(*http.Request) bool { return true }
	upgrader.Error = func(http.ResponseWriter, *http.Request, int, error) {
		// The door writes the problem itself.
	}
	known := upgrader.Subprotocols
	return func(c echo.Context) error {
		r := c.Request()
		if !websocket.IsWebSocketUpgrade(r) {
			return refuse(http.StatusUpgradeRequired, "not-a-websocket", "This address is a WebSocket; open it with a WebSocket client.").
				with("Upgrade", "websocket")
		}
		offered := protocolsOf(r)
		if len(known) > 0 && len(offered) > 0 && !slices.Contains(known, offered[0]) {
			names := strings.Join(known, " or ")
			return refuse(http.StatusBadRequest, "subprotocol", "This socket speaks "+names+"; offer it first.",
				FieldProblem{Pointer: "/header/Sec-WebSocket-Protocol", Detail: "must begin with " + names})
		}
		if !s.enter() {
			return errDraining
		}
		handedOn := false
		defer func() {
			if !handedOn {
				s.sockets.Done()
			}
		}()
		u := upgrader
		u.Subprotocols = offered // the first is answered; a ticket never is
		conn, err := u.Upgrade(c.Response(), r, nil)
		if err != nil {
			return refuse(http.StatusBadRequest, "handshake", "The WebSocket handshake is not complete: "+err.Error())
		}
		c.Response().Status = http.StatusSwitchingProtocols // for the log; echo did not see it
		// A goroutine of its own lets go of all that the request needed: its reader, its
		// writer, and a stack that grew while the caller was identified.
		handedOn = true
		go s.serveSocket(to, conn, theCaller(c))
		return nil
	}
}

// serveSocket stays with an upgraded connection until it ends, or the server drains.
// Drain waits for it.
func (s *Server) serveSocket(to Socket, conn *websocket.Conn, who caller) {
	defer s.sockets.Done()
	defer func() {
		if r := recover(); r != nil {
			conn.Close()
			s.log.Error("a socket ended in a panic", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	ctx, cancel := context.WithCancel(s.draining)
	endVigil := s.keepVigil(ctx, conn, who, cancel)
	defer endVigil()
	defer cancel() // before the vigil is waited for
	to.Serve(ctx, conn, who.Viewer)
}

// enter counts a socket in, unless the door drains: Drain must not wait for one
// that comes after it has begun to.
func (s *Server) enter() bool {
	s.socketMu.Lock()
	defer s.socketMu.Unlock()
	if s.draining.Err() != nil {
		return false
	}
	s.sockets.Add(1)
	return true
}

// protocolsOf is what the client offers, without the ticket.
func protocolsOf(r *http.Request) []string {
	var out []string
	for _, p := range websocket.Subprotocols(r) {
		if !strings.HasPrefix(p, "ticket.") {
			out = append(out, p)
		}
	}
	return out
}
