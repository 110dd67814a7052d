package realtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// intake takes a device's frames (RFC 6455) out of the bytes as they come. It keeps
// bytes only while a message is half there: between two messages, which is nearly
// always, a socket holds none.
type intake struct {
	rest []byte  // the beginning of a frame whose end has not come; the reader's
	half *halved // a message that comes in several frames; nil while there is none
	deaf bool    // a message was too long: what comes is let go of
}

// halved is what there is of a message.
type halved struct {
	kind int
	b    []byte
}

const continuation = 0

// maxControlBytes is the longest payload of a ping, a pong or a close frame.
const maxControlBytes = 125

// errTooLong says that a message is longer than the intake takes. Its bytes, and all
// after it, are let go of.
var errTooLong = errors.New("the message is too long")

// frameError is a peer that does not keep to the protocol of frames.
type frameError struct{ fault string }

func (e *frameError) Error() string { return "websocket: " + e.fault }

func broken(format string, args ...any) error { return &frameError{fmt.Sprintf(format, args...)} }

// take hands on every message and control frame that is whole in b, in order, and
// answers how many bytes of b it is done with. What it hands on is in b and is good
// for the call only. An error of handle ends it.
func (in *intake) take(b []byte, handle func(kind int, payload []byte) error) (done int, err error) {
	for {
		if in.deaf {
			return len(b), nil
		}
		n, err := in.frame(b[done:], handle)
		done += n
		if n == 0 || err != nil {
			return done, err
		}
	}
}

// frame takes one frame off the front of b; 0 when it is not all there.
func (in *intake) frame(b []byte, handle func(kind int, payload []byte) error) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	final, kind, length, head := b[0]&0x80 != 0, int(b[0]&0x0f), uint64(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0:
		return 0, broken("reserved bits are set")
	case b[1]&0x80 == 0:
		return 0, broken("a frame of a client is masked")
	}
	switch length {
	case 126:
		if head = 4; len(b) < head {
			return 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return 0, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	control := kind >= websocket.CloseMessage
	room := uint64(beacon.MaxMessageBytes)
	if in.half != nil {
		room -= uint64(len(in.half.b))
	}
	switch {
	case kind != continuation && kind != websocket.TextMessage && kind != websocket.BinaryMessage && (kind < websocket.CloseMessage || kind > websocket.PongMessage):
		return 0, broken("opcode %d means nothing", kind)
	case control && (!final || length > maxControlBytes):
		return 0, broken("a control frame is one, of at most %d bytes", maxControlBytes)
	case kind == continuation && in.half == nil:
		return 0, broken("nothing is to be continued")
	case !control && kind != continuation && in.half != nil:
		return 0, broken("a message begins within another")
	case !control && length > room:
		in.deaf, in.half = true, nil
		return len(b), errTooLong
	}
	end := head + 4 + int(length)
	if len(b) < end {
		return 0, nil
	}
	payload := b[head+4 : end]
	unmask(payload, b[head:head+4])
	if control || final && in.half == nil {
		return end, handle(kind, payload)
	}
	if in.half == nil {
		in.half = &halved{kind: kind}
	}
	in.half.b = append(in.half.b, payload...)
	if !final {
		return end, nil
	}
	whole := in.half
	in.half = nil
	return end, handle(whole.kind, whole.b)
}

// unmask takes a frame's mask off, eight bytes at a time.
func unmask(b, mask []byte) {
	four := uint64(binary.LittleEndian.Uint32(mask))
	eight := four<<32 | four
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^eight)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}

// closeFrame reads the payload of a close frame.
func closeFrame(payload []byte) (*websocket.CloseError, error) {
	if len(payload) == 0 {
		return &websocket.CloseError{Code: websocket.CloseNoStatusReceived}, nil
	}
	if len(payload) == 1 {
		return nil, broken("a close frame of one byte")
	}
	code, reason := int(binary.BigEndian.Uint16(payload)), payload[2:]
	switch {
	case code < 1000 || code > 4999 || code >= 1004 && code <= 1006 || code >= 1015 && code < 3000:
		return nil, broken("close code %d", code)
	case !utf8.Valid(reason):
		return nil, broken("the reason of a close frame is not UTF-8")
	}
	return &websocket.CloseError{Code: code, Text: string(reason)}, nil
}
