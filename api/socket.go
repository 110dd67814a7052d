package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Socket takes an upgraded connection over and keeps it until it ends. ctx ends
// with the request's connection or with the server; Serve closes conn.
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
		defer s.sockets.Done()
		u := upgrader
		u.Subprotocols = offered // the first is answered; a ticket never is
		conn, err := u.Upgrade(c.Response(), r, nil)
		if err != nil {
			return refuse(http.StatusBadRequest, "handshake", "The WebSocket handshake is not complete: "+err.Error())
		}
		// The request's context does not end with a hijacked connection; the server's
		// own does when it drains.
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		who := theCaller(c)
		endVigil := s.keepVigil(ctx, conn, who, cancel)
		defer endVigil()
		defer cancel() // before the vigil is waited for
		defer context.AfterFunc(s.draining, cancel)()
		to.Serve(ctx, conn, who.Viewer)
		return nil
	}
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
