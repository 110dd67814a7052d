package realtime

import (
	"hash/maphash"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Which sockets there are: by device, which may have several, and by stream, which
// has one.

// Close ends a device's sockets, for instance when its token was revoked.
func (b *BeaconServer) Close(device dispatch.DeviceID, code int, reason string) {
	for _, s := range b.of(device) {
		s.close(code, reason)
	}
}

// ping asks devices that have been silent whether they are there, and ends the sockets
// of those that do not answer.
func (b *BeaconServer) ping() {
	now := time.Now()
	before, gone := now.Add(-pingAfter).UnixNano(), now.Add(-silentAfter).UnixNano()
	for _, s := range b.all() {
		switch heard := s.heard.Load(); {
		case heard < gone:
			s.cut()
		case heard < before:
			// A failure shows at the next read.
			_ = s.out.offer(websocket.PingMessage, nil, time.Second)
		}
	}
}

func (b *BeaconServer) enter(s *socket) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draining.Load() {
		return false
	}
	b.reads.Add(1)
	b.lastSocket++
	s.number = b.lastSocket
	b.sockets[s.number] = s
	s.older = b.byDevice[s.device.ID]
	b.byDevice[s.device.ID] = s
	return true
}

// claim makes the socket the one of its stream; an older one, here or on another
// node, is replaced.
func (b *BeaconServer) claim(s *socket) {
	b.mu.Lock()
	old := b.byStream[s.key]
	b.byStream[s.key] = s
	s.since = time.Now()
	mine := Claim{Key: s.key, At: s.since}
	b.mu.Unlock()
	if old != nil {
		old.replaced()
	}
	b.peers.Claim(mine)
}

// leave tells a device to go elsewhere (1001): after what it has sent is on disk and
// acknowledged, so that it need not send that again, but within flushWithin.
func (s *socket) leave() {
	b := s.server
	s.leaving.Store(true) // what is read from now on the device still holds
	b.mu.Lock()
	started := !s.since.IsZero()
	b.mu.Unlock()
	if !started || b.draining.Load() || !s.writer.submitLast(submission{socket: s, key: s.key, last: true, received: b.now()}) {
		s.close(beacon.CloseDrain, goesDown)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		s.awayAt = time.AfterFunc(flushWithin, func() { s.close(beacon.CloseDrain, goesDown) })
	}
}

// Held is a device's socket, for whoever has let it be held.
type Held struct{ s *socket }

// Leave sends the device elsewhere.
func (h Held) Leave() {
	if h.s != nil {
		h.s.leave()
	}
}

// End closes the socket for a reason. A device that does not take the reason in within
// a time is cut off without.
func (h Held) End(code int, reason string, within time.Duration) {
	s := h.s
	if s == nil {
		return
	}
	s.close(code, reason)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	if s.awayAt != nil {
		s.awayAt.Stop()
	}
	s.awayAt = time.AfterFunc(within, func() {
		if !s.out.said() {
			s.cut()
		}
	})
}

const goesDown = "the service goes down"

func (s *socket) replaced() {
	s.close(beacon.CloseReplaced, "a newer socket speaks for this stream")
}

func (b *BeaconServer) exit(s *socket) {
	s.mu.Lock()
	for _, timer := range []*time.Timer{s.helloAt, s.awayAt, s.cutAt} {
		if timer != nil {
			timer.Stop()
		}
	}
	s.over = true
	if s.code == 0 {
		s.code = beacon.CloseDrain // nothing more is sent
	}
	s.mu.Unlock()
	b.mu.Lock()
	delete(b.sockets, s.number)
	b.leaveDevice(s)
	if s.started && b.byStream[s.key] == s {
		delete(b.byStream, s.key)
	}
	b.mu.Unlock()
	if s.started {
		s.writer.leave(s.key)
	}
}

// leaveDevice takes a socket out of those of its device, which are few.
func (b *BeaconServer) leaveDevice(s *socket) {
	newest := b.byDevice[s.device.ID]
	switch {
	case newest != s:
		for newest.older != s {
			newest = newest.older
		}
		newest.older = s.older
	case s.older == nil:
		delete(b.byDevice, s.device.ID)
	default:
		b.byDevice[s.device.ID] = s.older
	}
}

func (b *BeaconServer) hasSocket(key StreamKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byStream[key] != nil
}

func (b *BeaconServer) of(device dispatch.DeviceID) []*socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	var of []*socket
	for s := b.byDevice[device]; s != nil; s = s.older {
		of = append(of, s)
	}
	return of
}

// awaken wakes the sockets of these numbers. Numbers are never used again: a late word
// about a descriptor that is somebody else's by now wakes nobody.
func (b *BeaconServer) awaken(numbers []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range numbers {
		if s := b.sockets[n]; s != nil {
			s.wake()
		}
	}
}

func (b *BeaconServer) all() []*socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*socket, 0, len(b.sockets))
	for _, s := range b.sockets {
		all = append(all, s)
	}
	return all
}

// sendAgain closes the sockets of which something was let go while the database was
// away.
func (b *BeaconServer) sendAgain(w *writer) {
	for _, s := range b.all() {
		if s.dropped.Load() && b.writerFor(s.key) == w {
			s.close(beacon.CloseDrain, "send again")
		}
	}
}

// writerFor is the one writer that knows a device's streams.
func (b *BeaconServer) writerFor(key StreamKey) *writer {
	return b.writers[maphash.Comparable(b.seed, key.Device)%uint64(len(b.writers))]
}
