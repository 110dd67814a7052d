package realtime

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// How a device is listened to: a goroutine reads while there is something to read and
// then ends; the waker starts the next. Whatever ends a socket closes its connection
// and wakes it, so that its end is always found by whoever reads, and by nobody else.

// What a socket's reader is about.
const (
	asleep int32 = iota
	awake
	roused // awake, and woken once more since it looked last
)

// wake lets what has come be read.
func (s *socket) wake() {
	for {
		switch s.state.Load() {
		case asleep:
			if s.state.CompareAndSwap(asleep, awake) {
				go s.listen() // finish counts it out
				return
			}
		case awake:
			if s.state.CompareAndSwap(awake, roused) {
				return
			}
		default:
			return
		}
	}
}

// cut ends the socket without a word.
func (s *socket) cut() {
	s.out.to.Close()
	s.wake()
}

// listen reads until there is nothing to read, or the socket has ended.
func (s *socket) listen() {
	for {
		if err := s.drink(); err != nil {
			s.finish(err) // and is awake for good: nobody wakes it any more
			return
		}
		if s.state.CompareAndSwap(awake, asleep) {
			return
		}
		s.state.Store(awake)
	}
}

// finish is the end of a socket.
func (s *socket) finish(err error) {
	b := s.server
	defer b.reads.Done()
	b.exit(s)
	s.out.to.Close()
	s.ended(goneIsFine(err))
}

// drink takes what has come; nil when there is no more for now.
func (s *socket) drink() (err error) {
	g := glasses.Get().(*glass)
	shared := g.b
	defer func() {
		if r := recover(); r != nil {
			s.server.log.Error("a device's socket ended in a panic", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
		g.b = shared
		glasses.Put(g)
	}()
	// A message that is half there has a buffer of its own, which is read into where it
	// ends: what comes byte by byte is not copied byte by byte.
	g.b = g.b[:0]
	if s.in.rest != nil {
		g.b = s.in.rest
	}
	for {
		if len(g.b) == cap(g.b) {
			g.b = slices.Grow(g.b, cap(g.b))
		}
		n, err := s.fill(g)
		if errors.Is(err, errDry) {
			s.keep(g.b, shared)
			return nil
		}
		if err != nil {
			return err
		}
		g.b = g.b[:len(g.b)+n]
		done, err := s.in.take(g.b, s.hand)
		if errors.Is(err, errTooLong) {
			s.close(beacon.CloseProtocol, fmt.Sprintf("a message is at most %d bytes", beacon.MaxMessageBytes))
			err = nil
		}
		var fault *frameError
		if errors.As(err, &fault) {
			told := websocket.FormatCloseMessage(websocket.CloseProtocolError, fault.fault)
			_ = s.out.write(websocket.CloseMessage, told, time.Second) // it ends either way
		}
		if err != nil {
			return err
		}
		g.b = slices.Delete(g.b, 0, done)
	}
}

// keep remembers what is left of a buffer until more comes; of the shared one, by a copy.
func (s *socket) keep(left, shared []byte) {
	switch {
	case len(left) == 0:
		s.in.rest = nil
	case &left[:1][0] == &shared[:1][0]:
		s.in.rest = slices.Clone(left)
	default:
		s.in.rest = left
	}
}

// glass holds what is read at once: readers share them, since nearly all are asleep at
// any moment.
type glass struct {
	b []byte
	// The read under way, for once.
	n    int
	err  error
	once func(fd uintptr) bool // g.read, made one time
}

const glassBytes = 4 << 10

var glasses = sync.Pool{New: func() any {
	g := &glass{b: make([]byte, 0, glassBytes)}
	g.once = g.read
	return g
}}

// errDry says that nothing is there to be read.
var errDry = errors.New("nothing to read")

// fill reads once into the room behind g.b, without waiting unless the socket has a
// reader of its own.
func (s *socket) fill(g *glass) (int, error) {
	if s.raw == nil {
		return s.out.to.Read(g.b[len(g.b):cap(g.b)])
	}
	if err := s.raw.Read(g.once); err != nil {
		return 0, err
	}
	return g.n, g.err
}

func (g *glass) read(fd uintptr) bool {
	for {
		g.n, g.err = unix.Read(int(fd), g.b[len(g.b):cap(g.b)])
		switch {
		case errors.Is(g.err, unix.EINTR):
			continue
		case errors.Is(g.err, unix.EAGAIN):
			g.err = errDry
		case g.err == nil && g.n == 0:
			g.err = io.EOF
		}
		return true
	}
}

// hand takes one message or control frame.
func (s *socket) hand(kind int, payload []byte) error {
	switch kind {
	case websocket.PingMessage:
		s.hear()
		// A failure shows at the next read; after a close frame it is none.
		_ = s.out.write(websocket.PongMessage, payload, time.Second)
		return nil
	case websocket.PongMessage:
		s.hear()
		return nil
	case websocket.CloseMessage:
		said, err := closeFrame(payload)
		if err != nil {
			return err
		}
		// The answer to it; when this end has closed first, it was the answer.
		_ = s.out.write(websocket.CloseMessage, websocket.FormatCloseMessage(said.Code, ""), time.Second)
		return said
	}
	s.hear()
	if s.closing() {
		return nil // only waiting for the peer's close frame
	}
	if kind != websocket.TextMessage && !s.binary {
		s.close(beacon.CloseProtocol, "a message is JSON text")
		return nil
	}
	message, err := decode(kind, payload)
	if err == nil {
		err = s.take(s.server.over, message, s.server.now())
	}
	var protocol *beacon.ProtocolError
	if errors.As(err, &protocol) {
		s.close(beacon.CloseProtocol, protocol.Reason)
		return nil
	}
	return err
}

// rawOf is how a connection is read without waiting; nil if it cannot be, like one
// that has a cipher in between.
func rawOf(conn net.Conn) syscall.RawConn {
	if c, is := conn.(syscall.Conn); is {
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
