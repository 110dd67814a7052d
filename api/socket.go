package api

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Socket takes an upgraded connection over and keeps it until it ends. ctx ends with
// the caller's right or with the server; Serve closes conn.
type Socket interface {
	Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer)
}

// Holder is a Socket that needs no goroutine while nothing is said. Hold takes the
// connection over and answers at once; it closes conn and calls ended when the socket
// has ended.
type Holder interface {
	Hold(conn *websocket.Conn, who dispatch.Viewer, ended func()) Line
}

// Line is an open socket.
type Line interface {
	// Leave sends the peer elsewhere: the server goes down.
	Leave()
	// End tells the peer why its socket ends. Whoever does not take the reason in within
	// that time is cut off without.
	End(code int, reason string, within time.Duration)
}

// served is a Line that a goroutine stays with until cancel.
type served struct {
	conn   *websocket.Conn
	cancel context.CancelFunc
}

func (s served) Leave() { s.cancel() }

func (s served) End(code int, reason string, within time.Duration) {
	// A peer that is gone needs no reason.
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(within))
	s.cancel()
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
		if holder, is := to.(Holder); is {
			s.holdSocket(holder, conn, theCaller(c))
		} else {
			go s.serveSocket(to, conn, theCaller(c))
		}
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
	defer cancel()
	defer s.keepVigil(served{conn, cancel}, who).stop()
	to.Serve(ctx, conn, who.Viewer)
}

// holdSocket is serveSocket for a connection that nobody stays with.
func (s *Server) holdSocket(to Holder, conn *websocket.Conn, who caller) {
	h := &held{server: s}
	line := to.Hold(conn, who.Viewer, h.ended)
	h.keep(s.keepVigil(line, who))
}

// held is a socket that nobody stays with.
type held struct {
	server *Server

	mu    sync.Mutex // guards all below; the door and the socket's end write
	vigil *vigil
	over  bool
}

// keep notes who watches over the socket, unless it has ended already.
func (h *held) keep(v *vigil) {
	h.mu.Lock()
	h.vigil = v
	over := h.over
	h.mu.Unlock()
	if over {
		v.stop()
	}
}

func (h *held) ended() {
	defer h.server.sockets.Done()
	h.mu.Lock()
	h.over = true
	v := h.vigil
	h.mu.Unlock()
	if v != nil {
		v.stop()
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
