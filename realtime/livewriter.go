package realtime

import (
	"encoding/binary"
	"net"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// liveWriter puts the frames of one viewer on its socket. Only the viewer's writing
// goroutine uses it.
type liveWriter struct {
	conn *websocket.Conn
	head []byte      // of text
	out  []byte      // of positions
	iov  net.Buffers // the same in parts
}

func (w *liveWriter) send(f *frame, seq uint32) error {
	if f.batch != nil {
		return w.positions(f, seq)
	}
	w.head = append(w.head[:0], `{"type":"`...)
	w.head = append(w.head, f.kind...)
	w.head = append(w.head, `","seq":`...)
	w.head = strconv.AppendUint(w.head, uint64(seq), 10)
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	m, err := w.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{w.head, f.rest, {'}'}} {
		if _, err := m.Write(part); err != nil {
			return err
		}
	}
	return m.Close()
}

// positions sends a binary message in one write, past the library, which would send
// 4 KiB at a time. A write to a connection is whole against the writes of others, so
// that the library may answer a ping meanwhile.
func (w *liveWriter) positions(f *frame, seq uint32) error {
	size := liveframe.HeadBytes + f.size()
	w.out = append(w.out[:0], 0x80|websocket.BinaryMessage)
	switch {
	case size < 126:
		w.out = append(w.out, byte(size))
	case size <= 0xffff:
		w.out = binary.BigEndian.AppendUint16(append(w.out, 126), uint16(size))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, 127), uint64(size))
	}
	w.out = liveframe.AppendHead(w.out, seq, f.atMS, f.afresh)
	to := w.conn.NetConn()
	if err := to.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	if tcp, plain := to.(*net.TCPConn); plain && vectored {
		f.parts[0] = w.out
		w.iov = f.parts
		_, err := w.iov.WriteTo(tcp)
		return err
	}
	for _, part := range f.parts[1:] {
		w.out = append(w.out, part...)
	}
	_, err := to.Write(w.out)
	return err
}

var vectored = true
