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

// ping asks devices that have been silent whether they are there.
func (b *BeaconServer) ping() {
	before := time.Now().Add(-pingAfter).UnixNano()
	for _, s := range b.all() {
		if s.heard.Load() < before {
			// A failure shows at the next read.
			_ = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
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
	b.sockets[s] = struct{}{}
	if b.byDevice[s.device.ID] == nil {
		b.byDevice[s.device.ID] = map[*socket]struct{}{}
	}
	b.byDevice[s.device.ID][s] = struct{}{}
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

// sendAway tells a device to go elsewhere (1001): after what it has sent is on disk and
// acknowledged, so that it need not send that again, but within flushWithin.
func (b *BeaconServer) sendAway(s *socket) {
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

const goesDown = "the service goes down"

func (s *socket) replaced() {
	s.close(beacon.CloseReplaced, "a newer socket speaks for this stream")
}

func (b *BeaconServer) exit(s *socket) {
	s.mu.Lock()
	for _, timer := range []*time.Timer{s.helloAt, s.awayAt} {
		if timer != nil {
			timer.Stop()
		}
	}
	if s.code == 0 {
		s.code = beacon.CloseDrain // nothing more is sent
	}
	s.mu.Unlock()
	b.mu.Lock()
	delete(b.sockets, s)
	delete(b.byDevice[s.device.ID], s)
	if len(b.byDevice[s.device.ID]) == 0 {
		delete(b.byDevice, s.device.ID)
	}
	if s.started && b.byStream[s.key] == s {
		delete(b.byStream, s.key)
	}
	b.mu.Unlock()
	if s.started {
		s.writer.leave(s.key)
	}
	b.reads.Done()
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
	for s := range b.byDevice[device] {
		of = append(of, s)
	}
	return of
}

func (b *BeaconServer) all() []*socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*socket, 0, len(b.sockets))
	for s := range b.sockets {
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
