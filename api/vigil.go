package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// vigilEvery is how soon a token that was revoked, or has run out, ends the socket
// it opened. Requests ask each time; a socket was asked once and may stay for days.
const vigilEvery = 30 * time.Second

// vigil keeps asking whether the token that opened a socket is still good. Between
// two questions it costs a timer and no goroutine.
type vigil struct {
	ask   func() error
	end   func()
	every time.Duration

	mu    sync.Mutex // guards all below
	timer *time.Timer
	over  bool
}

// keepVigil watches over a socket until the answer is called, which waits for a
// question under way; ctx ends that. Whoever came by ticket or cookie is not
// watched.
func (s *Server) keepVigil(ctx context.Context, conn *websocket.Conn, who caller, end context.CancelFunc) (stop func()) {
	if who.token == "" {
		return func() {}
	}
	v := &vigil{every: s.vigilEvery,
		ask: func() error {
			asking, cancel := context.WithTimeout(ctx, s.maxTime)
			defer cancel()
			_, err := s.auth.ByToken(asking, who.token)
			return err
		},
		end: func() {
			told := websocket.FormatCloseMessage(beacon.CloseToken, "the token is no longer good")
			_ = conn.WriteControl(websocket.CloseMessage, told, time.Now().Add(2*time.Second)) // a peer that is gone needs no reason
			end()
		},
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.timer = time.AfterFunc(v.every, v.look)
	return v.stop
}

// look asks once. A database that is away ends nothing.
func (v *vigil) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return
	}
	if errors.Is(v.ask(), pgauth.ErrUnknown) {
		v.end()
		return
	}
	v.timer.Reset(v.every)
}

func (v *vigil) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	v.timer.Stop()
}
