package api

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// A socket was asked once who it is and may stay for days; requests are asked each
// time. Two things end a socket whose right has ended, each without the other:
// WatchAccess looks several times a second whether anybody's right has ended at all
// and then asks for all sockets of this node in one question, and in the same way for
// those it has not asked for lately, for what ends by the clock (a token that runs out);
// and each socket has a vigil, which asks for itself where the watch does not come round
// within half a minute.

// vigilEvery is how soon a right that has run out ends the socket it opened.
const vigilEvery = 30 * time.Second

// accessEvery is how soon a right that was taken away is noticed.
const accessEvery = 250 * time.Millisecond

// tellEndWithin is how long a peer has to take the reason in. Whoever does not read
// is cut off without.
const tellEndWithin = 300 * time.Millisecond

// vigil watches over an open socket: it keeps asking whether the right that the socket
// stands on is still good. Between two questions it costs a timer and no goroutine.
type vigil struct {
	server *Server
	who    pgauth.Identity
	line   Line
	once   sync.Once // of end
	asked  time.Time // guarded by Server.watchMu: when WatchAccess last asked for it; zero before

	mu    sync.Mutex // guards all below
	timer *time.Timer
	over  bool
}

// keepVigil watches over a socket until it is stopped.
func (s *Server) keepVigil(line Line, who caller) *vigil {
	v := &vigil{server: s, who: who.Identity, line: line}
	s.watchMu.Lock()
	s.watching[v] = struct{}{}
	s.watchMu.Unlock()
	if s.draining.Err() != nil {
		line.Leave() // leaveAll may have come too early for it
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.timer = time.AfterFunc(s.vigilEvery, v.look)
	return v
}

// leaveAll sends away whoever is there. Drain calls it.
func (s *Server) leaveAll() {
	s.watchMu.Lock()
	all := slices.Collect(maps.Keys(s.watching))
	s.watchMu.Unlock()
	for _, v := range all {
		v.line.Leave()
	}
}

// end tells the peer that its right has ended, and ends the socket.
func (v *vigil) end() {
	v.once.Do(func() {
		v.line.End(beacon.CloseToken, "the right to be here has ended; sign in or enrol again", tellEndWithin)
	})
}

// WatchAccess ends the sockets of this node whose right has been taken away, until
// ctx ends. While the database is away it ends nothing and looks again.
func (s *Server) WatchAccess(ctx context.Context) error {
	var ending sync.WaitGroup
	defer ending.Wait()
	tick := time.NewTicker(s.accessEvery)
	defer tick.Stop()
	seen, failing := int64(-1), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := s.lookAtAccess(ctx, seen, &ending)
		if err != nil && ctx.Err() == nil && !failing {
			s.log.LogAttrs(ctx, slog.LevelWarn, "watch over open sockets", slog.Any("error", err))
		}
		if failing = err != nil; !failing {
			seen = now
		}
	}
}

// lookAtAccess asks for every socket when the revision is another than the one seen, for
// each that it has not asked for lately, and for each once after it has opened: its right
// may have ended between the handshake and its place in the list, when nobody could find
// it there.
func (s *Server) lookAtAccess(ctx context.Context, seen int64, ending *sync.WaitGroup) (int64, error) {
	asking, cancel := context.WithTimeout(ctx, s.maxTime)
	defer cancel()
	revision, err := s.auth.AccessRevision(asking)
	if err != nil {
		return 0, err
	}
	var sockets []*vigil
	now := time.Now()
	s.watchMu.Lock()
	for w := range s.watching {
		if revision != seen || now.Sub(w.asked) >= s.vigilEvery/2 {
			sockets = append(sockets, w)
		}
	}
	s.watchMu.Unlock()
	if len(sockets) == 0 {
		return revision, nil
	}
	callers := make([]pgauth.Identity, len(sockets))
	for i, w := range sockets {
		callers[i] = w.who
	}
	gone, err := s.auth.Ended(asking, callers)
	if err != nil {
		return 0, err
	}
	for _, i := range gone {
		ending.Go(sockets[i].end) // each waits for a peer of its own
	}
	s.watchMu.Lock()
	for _, w := range sockets {
		w.asked = now
	}
	s.watchMu.Unlock()
	return revision, nil
}

// look asks once, unless the watch has. A database that is away ends nothing.
func (v *vigil) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return
	}
	v.server.watchMu.Lock()
	asked := time.Since(v.asked)
	v.server.watchMu.Unlock()
	if asked < v.server.vigilEvery {
		v.timer.Reset(v.server.vigilEvery - asked)
		return
	}
	asking, cancel := context.WithTimeout(v.server.draining, v.server.maxTime)
	defer cancel()
	if gone, err := v.server.auth.Ended(asking, []pgauth.Identity{v.who}); err == nil && len(gone) > 0 {
		v.end()
		return
	}
	v.timer.Reset(v.server.vigilEvery)
}

// stop ends the vigil, and waits for a question under way.
func (v *vigil) stop() {
	v.server.watchMu.Lock()
	delete(v.server.watching, v)
	v.server.watchMu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	v.timer.Stop()
}
