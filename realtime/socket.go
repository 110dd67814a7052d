package realtime

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
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

// socket is one device's connection. Its reader is the goroutine that called
// Serve; a second one writes while there is something to write and then ends, so
// that an idle device costs one goroutine.
type socket struct {
	server *BeaconServer
	conn   *websocket.Conn
	device Device
	binary bool    // the device speaks beacon.SubprotocolBinary
	writer *writer // of its stream, once started

	// The reader's own.
	key     StreamKey
	started bool
	lowest  int64
	judge   judge

	since time.Time // the socket speaks for its stream; claim writes under server.mu

	heard   atomic.Int64 // unix nanoseconds of the last message or pong; reader writes, sweeper reads
	dropped atomic.Bool  // something was let go while the database was away
	leaving atomic.Bool  // the device is being sent away

	mu      sync.Mutex // guards all below; the writer, pushes and the sweeper write
	out     []posted
	outSize int
	writing bool
	said    bool // hello
	code    int  // of the close frame, once closing
	reason  string
	helloAt *time.Timer
	awayAt  *time.Timer
}

// read takes messages until the socket ends.
func (s *socket) read(ctx context.Context) error {
	s.conn.SetPongHandler(func(string) error {
		s.hear()
		return nil
	})
	for {
		s.hear()
		kind, r, err := s.conn.NextReader()
		if err != nil {
			return err
		}
		if s.closing() {
			continue // only waiting for the peer's close frame
		}
		if kind != websocket.TextMessage && !s.binary {
			s.close(beacon.CloseProtocol, "a message is JSON text")
			continue
		}
		message, err := receive(kind, r)
		if err == nil {
			err = s.take(ctx, message, s.server.now())
		}
		var protocol *beacon.ProtocolError
		switch {
		case err == nil:
		case errors.As(err, &protocol):
			s.close(beacon.CloseProtocol, protocol.Reason)
		default:
			return err
		}
	}
}

// buffers hold messages while they are read and decoded: sockets share them, since
// nearly all of them are silent at any moment.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// receive reads a message and takes it apart.
func receive(kind int, r io.Reader) (any, error) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	// One byte over the limit is enough for the decoder to say so.
	if _, err := buf.ReadFrom(io.LimitReader(r, beacon.MaxMessageBytes+1)); err != nil {
		return nil, err
	}
	return decode(kind, buf.Bytes())
}

func decode(kind int, message []byte) (any, error) {
	if kind == websocket.BinaryMessage {
		return beacon.DecodeFixesBinary(message)
	}
	return beacon.DecodeUp(message)
}

// hear notes that the device is there.
func (s *socket) hear() {
	s.heard.Store(time.Now().UnixNano())
	// An error here shows again at the next read.
	_ = awaitPeer(s.conn, s.closing)
}

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

// recall takes up where an earlier socket of this device left off, so that the
// first fix of this one is compared with something.
func (s *socket) recall(now time.Time) {
	p := s.server.roster.Load().PatrolAt(s.device.ID, now)
	if p == nil {
		return
	}
	if at, known := s.server.index.Standing(p.ID); known && at.Placed && at.Device == s.device.ID {
		sent := at.T.Add(-at.Off)
		s.judge.newest = sent
		s.judge.believe(seen{T: sent, Lon: at.Point.Lon, Lat: at.Point.Lat, AccuracyM: at.AccuracyM}, 1)
		s.judge.clock.remember(at.Off)
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
		s.server.move(kept.place())
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
	if s.said {
		s.mu.Unlock()
		return false
	}
	s.said = true
	if s.helloAt != nil {
		s.helloAt.Stop()
		s.helloAt = nil
	}
	s.mu.Unlock()
	return s.send(beacon.Append(nil, beacon.Hello{
		Stream: s.key.Stream, Acked: acked, ServerTime: s.server.now(),
		IntervalS: int(s.server.intervalOf(s.device.ID) / time.Second),
	}))
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
	if s.code != 0 {
		return false
	}
	if s.outSize+len(p.message) > maxOutBytes {
		s.out, s.outSize = nil, 0
		s.closeLocked(beacon.CloseSlow, "the device does not read")
		return false
	}
	s.out = append(s.out, p)
	s.outSize += len(p.message)
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
		out, code, reason := s.out, s.code, s.reason
		s.out, s.outSize = nil, 0
		if len(out) == 0 && code == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, p := range out {
			_ = s.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if err := s.conn.WriteMessage(p.kind, p.message); err != nil {
				s.conn.Close() // the reader ends with an error
				return
			}
		}
		if code != 0 {
			closeConn(s.conn, code, reason)
			return // writing stays set: nothing is written after a close frame
		}
	}
}

// closeConn sends a close frame and lets the reader wait for the peer's: closing
// at once would throw the frame away with what the peer has in flight. A slow peer
// gets the time of a message, as it must read what waits for it first.
func closeConn(conn *websocket.Conn, code int, reason string) {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	within := closeWithin
	if code == closeSlow {
		within = writeWithin
	}
	deadline := time.Now().Add(within)
	if err := conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), deadline); err != nil {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(deadline)
}

// Device is who holds a beacon socket, as the door has found out.
type Device struct {
	ID       dispatch.DeviceID
	District dispatch.DistrictID
}
