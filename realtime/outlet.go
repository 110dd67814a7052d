package realtime

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// outlet writes frames to a device, each in one piece. It holds no buffer: what is
// written is put together in one that all share.
type outlet struct {
	to net.Conn

	mu     sync.Mutex // one frame at a time; guards closed
	closed bool       // a close frame was sent, or a frame only in part
}

var frames = sync.Pool{New: func() any { return new([]byte) }}

// write sends a message or a control frame, and ends it with an error when that takes
// too long. After a close frame nothing is sent, and after an error neither: the peer
// would take what comes for the rest of the frame that failed.
func (o *outlet) write(kind int, payload []byte, within time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writeLocked(kind, payload, within)
}

// offer is write for what need not be sent: it does not wait for a frame under way.
func (o *outlet) offer(kind int, payload []byte, within time.Duration) error {
	if !o.mu.TryLock() {
		return nil
	}
	defer o.mu.Unlock()
	return o.writeLocked(kind, payload, within)
}

func (o *outlet) writeLocked(kind int, payload []byte, within time.Duration) error {
	if o.closed {
		return websocket.ErrCloseSent
	}
	o.closed = kind == websocket.CloseMessage
	frame := frames.Get().(*[]byte)
	defer frames.Put(frame)
	b := append((*frame)[:0], 0x80|byte(kind))
	switch n := len(payload); {
	case n <= 125:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	b = append(b, payload...)
	*frame = b
	err := o.to.SetWriteDeadline(time.Now().Add(within))
	if err == nil {
		_, err = o.to.Write(b)
	}
	o.closed = o.closed || err != nil
	return err
}

// said says whether a close frame was sent; it was not while another is under way.
func (o *outlet) said() bool {
	if !o.mu.TryLock() {
		return false
	}
	defer o.mu.Unlock()
	return o.closed
}
