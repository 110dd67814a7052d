package realtime

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Times and bounds of a device's socket.
const (
	pingAfter   = 30 * time.Second // without a word from the device
	silentAfter = 90 * time.Second // then it is taken for gone
	writeWithin = 10 * time.Second // one message to the device
	closeWithin = 2 * time.Second  // the device's answer to a close
	flushWithin = 3 * time.Second  // the last acknowledgement to a device that is sent away
	helloWithin = 2 * time.Second  // then "nothing is known to be safe" is said
	maxOutBytes = 128 << 10        // waiting for the device; beyond it is slow
)

// socket is one device's connection. A goroutine reads while there is something to
// read, another writes while there is something to write, and both end then, so that
// an idle device costs none.
type socket struct {
	server *BeaconServer
	out    outlet
	raw    syscall.RawConn // of its connection; nil if the socket's reader waits for it itself
	number uint64          // names it to the waker
	older  *socket         // of the same device; guarded by server.mu
	ended  func(error)     // called once, at the end
	device Device
	binary bool    // the device speaks beacon.SubprotocolBinary
	writer *writer // of its stream, once started

	state atomic.Int32 // what the reader is about; wake and listen write

	// The reader's own.
	in      intake
	key     StreamKey
	started bool
	lowest  int64
	judge   judge
	found   Found // where the index keeps whoever moved last

	since time.Time // the socket speaks for its stream; claim writes under server.mu

	heard   atomic.Int64 // unix nanoseconds of the last message, ping or pong; reader writes, sweeper reads
	dropped atomic.Bool  // something was let go while the database was away
	leaving atomic.Bool  // the device is being sent away

	mu      sync.Mutex // guards all below; the writer, pushes and the sweeper write
	queued  []posted
	size    int // of queued
	writing bool
	said    bool          // hello
	told    time.Duration // how often to send; 0 before hello
	battery float32       // of the device, as its newest place said; NaN unknown
	code    int           // of the close frame, once closing
	reason  string
	over    bool // finished
	helloAt *time.Timer
	awayAt  *time.Timer
	cutAt   *time.Timer
}

func decode(kind int, message []byte) (any, error) {
	if kind == websocket.BinaryMessage {
		return beacon.DecodeFixesBinary(message)
	}
	return beacon.DecodeUp(message)
}

// hear notes that the device is there.
func (s *socket) hear() { s.heard.Store(time.Now().UnixNano()) }

// awaitPeer lets the next read wait for a peer that is there. It looks at closing
// after it has set the deadline, because whoever closes sets a shorter one.
func awaitPeer(conn *websocket.Conn, closing func() bool) error {
	if err := conn.SetReadDeadline(time.Now().Add(silentAfter)); err != nil || !closing() {
		return err
	}
	return conn.SetReadDeadline(time.Now().Add(closeWithin))
}

func (s *socket) take(ctx context.Context, message any, received time.Time) error {
	switch m := message.(type) {
	case beacon.Start:
		return s.start(ctx, m, received)
	case beacon.Fixes:
		if s.server.draining.Load() || s.leaving.Load() {
			return nil // too late for the last commit; the device still holds them
		}
		if !s.started {
			return &beacon.ProtocolError{Reason: "fixes before start"}
		}
		return s.fixes(ctx, m, received)
	}
	return nil
}

func (s *socket) start(ctx context.Context, m beacon.Start, received time.Time) error {
	key := StreamKey{Device: s.device.ID, Stream: m.Stream}
	if s.started && key != s.key {
		return &beacon.ProtocolError{Reason: "a socket speaks for one stream"}
	}
	if m.Speed > 1 && !s.server.simulated(ctx, s.device.ID) {
		return &beacon.ProtocolError{Reason: "speed: this device is not marked simulated; send at the speed of life"}
	}
	s.lowest, s.judge.speed = max(s.lowest, m.LowestHeld), m.Speed
	if !s.started {
		s.key, s.started, s.writer = key, true, s.server.writerFor(key)
		s.power(math.NaN())
		s.recall(received)
		s.server.claim(s)
	}
	s.mu.Lock()
	s.said = false
	if s.helloAt == nil {
		// The database may be away; 0 is always true.
		s.helloAt = time.AfterFunc(helloWithin, func() { s.hello(0) })
	}
	s.mu.Unlock()
	err := s.writer.submit(ctx, submission{socket: s, key: key, start: true, lowest: s.lowest, received: received})
	if errors.Is(err, errAway) {
		return nil // hello says that nothing is known to be safe
	}
	return err
}

// recall lets the judge go on from where the device was seen last.
func (s *socket) recall(now time.Time) {
	p := s.server.roster.Load().PatrolAt(s.device.ID, now)
	if p == nil {
		return
	}
	if at, known := s.server.index.Standing(p.ID); known && at.Device == s.device.ID {
		s.judge.resume(&at, s.key.Stream)
		if at.Placed {
			s.power(at.Battery)
		}
	}
}

func (s *socket) fixes(ctx context.Context, m beacon.Fixes, received time.Time) error {
	roster := s.server.roster.Load()
	sub := submission{
		socket: s, key: s.key, lowest: s.lowest, rejects: m.Bad, revision: roster.Revision, received: received,
		fixes: make([]judged, len(m.Good)),
	}
	s.judge.hear(m.Good, received)
	var newest *judged
	for i, f := range m.Good {
		d := &sub.fixes[i]
		*d = s.judge.judge(s.device.ID, f, roster, received)
		if d.live() && (newest == nil || !d.fix.T.Before(newest.fix.T)) {
			newest = d
		}
	}
	// The live map first: it does not wait for the disk.
	if newest != nil {
		kept := newest.track(s.key, received)
		s.power(newest.fix.Battery)
		if at, moved := s.server.move(&s.found, kept.place()); moved {
			s.tell(&at)
		}
	}
	err := s.writer.submit(ctx, sub)
	if errors.Is(err, errAway) {
		s.dropped.Store(true)
		if !s.writer.away.Load() {
			s.close(beacon.CloseDrain, "send again")
		}
		return nil
	}
	return err
}

// hello answers a start, once; it says whether it was this time.
func (s *socket) hello(acked int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said {
		return false
	}
	s.said = true
	if s.helloAt != nil {
		s.helloAt.Stop()
		s.helloAt = nil
	}
	s.told = s.server.intervalOf(s.device.ID, float64(s.battery))
	return s.queueLocked(posted{websocket.TextMessage, beacon.Append(nil, beacon.Hello{
		Stream: s.key.Stream, Acked: acked, ServerTime: s.server.now(), IntervalS: int(s.told / time.Second),
	})})
}

// ack says what is safe, in the words of the device's subprotocol.
func (s *socket) ack(a beacon.Ack) bool {
	if s.binary {
		return s.queue(posted{websocket.BinaryMessage, beacon.AppendAckBinary(nil, a)})
	}
	return s.send(beacon.Append(nil, a))
}

// posted is an encoded message and its kind.
type posted struct {
	kind    int
	message []byte
}

func (s *socket) send(text []byte) bool { return s.queue(posted{websocket.TextMessage, text}) }

// queue takes a message to be sent. A device that does not read is closed at the
// bound.
func (s *socket) queue(p posted) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queueLocked(p)
}

func (s *socket) queueLocked(p posted) bool {
	if s.code != 0 {
		return false
	}
	if s.size+len(p.message) > maxOutBytes {
		s.queued, s.size = nil, 0
		s.closeLocked(beacon.CloseSlow, "the device does not read")
		return false
	}
	s.queued = append(s.queued, p)
	s.size += len(p.message)
	s.writeLocked()
	return true
}

// close sends what waits, then the close frame, and lets the reader wait a moment
// for the peer's. The first close counts.
func (s *socket) close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(code, reason)
}

func (s *socket) closeLocked(code int, reason string) {
	if s.code != 0 {
		return
	}
	s.code, s.reason = code, reason
	s.writeLocked()
}

func (s *socket) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code != 0
}

func (s *socket) writeLocked() {
	if !s.writing {
		s.writing = true
		s.server.writes.Go(s.write)
	}
}

// write empties the queue, one goroutine a socket at a time.
func (s *socket) write() {
	for {
		s.mu.Lock()
		out, code, reason := s.queued, s.code, s.reason
		s.queued, s.size = nil, 0
		if len(out) == 0 && code == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, p := range out {
			if err := s.out.write(p.kind, p.message, writeWithin); err != nil {
				s.cut()
				return
			}
		}
		if code != 0 {
			s.sayClose(code, reason)
			return // writing stays set: nothing is written after a close frame
		}
	}
}

// sayClose sends a close frame and waits for the peer's.
func (s *socket) sayClose(code int, reason string) {
	said, within := closing(code, reason)
	if err := s.out.write(websocket.CloseMessage, said, within); err != nil {
		s.cut()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.cutAt = time.AfterFunc(within, s.cut)
	}
}

// closeConn is the same for a connection that somebody reads from.
func closeConn(conn *websocket.Conn, code int, reason string) {
	said, within := closing(code, reason)
	deadline := time.Now().Add(within)
	if err := conn.WriteControl(websocket.CloseMessage, said, deadline); err != nil {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(deadline)
}

// closing is what a close frame says, and how long the peer has to answer it: closing
// at once would throw the frame away with what the peer has in flight. A slow peer gets
// the time of a message, as it must read what waits for it first.
func closing(code int, reason string) (payload []byte, within time.Duration) {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	within = closeWithin
	if code == closeSlow {
		within = writeWithin
	}
	return websocket.FormatCloseMessage(code, reason), within
}

// Device is who holds a beacon socket, as the door has found out.
type Device struct {
	ID       dispatch.DeviceID
	District dispatch.DistrictID
}
