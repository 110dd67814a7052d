package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// floorCmd is the least that can answer a burst: one thread on epoll that takes
// frames apart in place, reads each record, and acknowledges without keeping
// anything. What the service costs beyond it, it spends on judging and keeping.
type floorCmd struct{}

// Run serves on a free port, which it prints as the service does, until ctx ends.
func (floorCmd) Run(ctx context.Context) error {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	if err := errors.Join(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1024)); err != nil {
		return err
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(poll)
	watch := func(fd int) error {
		return unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err := watch(listener); err != nil {
		return err
	}
	fmt.Printf("{\"event\":\"ready\",\"url\":\"http://127.0.0.1:%d\"}\n", name.(*unix.SockaddrInet4).Port)
	peers := map[int]*peer{}
	events := make([]unix.EpollEvent, 256)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(poll, events, 200)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			fd := int(e.Fd)
			if fd == listener {
				fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
				if err != nil {
					continue
				}
				_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
				peers[fd] = &peer{fd: fd, buf: make([]byte, 0, 16<<10)}
				if err := watch(fd); err != nil {
					return err
				}
				continue
			}
			if err := peers[fd].read(); err != nil {
				unix.Close(fd)
				delete(peers, fd)
			}
		}
	}
	return nil
}

type peer struct {
	fd     int
	buf    []byte
	opened bool
	seq    uint64
}

var errPeer = errors.New("a peer that this does not serve")

func (p *peer) read() error {
	if len(p.buf) == cap(p.buf) {
		return errPeer
	}
	n, err := unix.Read(p.fd, p.buf[len(p.buf):cap(p.buf)])
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err != nil || n == 0 {
		return errPeer
	}
	p.buf = p.buf[:len(p.buf)+n]
	if !p.opened {
		return p.open()
	}
	rest := p.buf
	for {
		kind, payload, size := unframe(rest)
		if size == 0 {
			break
		}
		rest = rest[size:]
		switch kind {
		case 1: // start
			err = p.write(frameOf(1, beacon.Append(nil, beacon.Hello{})))
		case 2:
			err = p.burst(payload)
		default:
			return errPeer
		}
		if err != nil {
			return err
		}
	}
	p.buf = p.buf[:copy(p.buf[:cap(p.buf)], rest)]
	return nil
}

func (p *peer) burst(records []byte) error {
	for r := records; len(r) >= beacon.RecordBytes; r = r[beacon.RecordBytes:] {
		if seq := binary.BigEndian.Uint64(r); seq == p.seq+1 {
			p.seq = seq
		}
	}
	return p.write(frameOf(2, beacon.AppendAckBinary(nil, beacon.Ack{Seq: int64(p.seq)})))
}

func (p *peer) open() error {
	end := bytes.Index(p.buf, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	const field = "sec-websocket-key:"
	at := bytes.Index(bytes.ToLower(p.buf), []byte(field))
	if at < 0 {
		return errPeer
	}
	key, _, _ := bytes.Cut(p.buf[at+len(field):], []byte("\r\n"))
	sum := sha1.Sum(append(bytes.TrimSpace(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)) // RFC 6455, 1.3
	p.opened, p.buf = true, p.buf[:copy(p.buf, p.buf[end+4:])]
	return p.write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: " +
		beacon.SubprotocolBinary + "\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"))
}

func (p *peer) write(b []byte) error {
	_, err := unix.Write(p.fd, b)
	return err
}

// unframe unmasks the first frame of a client in place; size is 0 until all of it is
// there.
func unframe(b []byte) (kind byte, payload []byte, size int) {
	if len(b) < 6 {
		return 0, nil, 0
	}
	length, head := int(b[1]&0x7f), 2
	if length == 126 {
		if len(b) < 8 {
			return 0, nil, 0
		}
		length, head = int(binary.BigEndian.Uint16(b[2:])), 4
	} else if length == 127 {
		return 8, nil, len(b) // longer than a burst may be
	}
	size = head + 4 + length
	if len(b) < size {
		return 0, nil, 0
	}
	mask := b[head : head+4]
	payload = b[head+4 : size]
	word := uint64(binary.LittleEndian.Uint32(mask))
	word |= word << 32
	i := 0
	for ; i+8 <= len(payload); i += 8 {
		binary.LittleEndian.PutUint64(payload[i:], binary.LittleEndian.Uint64(payload[i:])^word)
	}
	for ; i < len(payload); i++ {
		payload[i] ^= mask[i&3]
	}
	return b[0] & 0x0f, payload, size
}

// frameOf is a short message of a server.
func frameOf(kind byte, payload []byte) []byte {
	b := []byte{0x80 | kind, byte(len(payload))}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{0x80 | kind, 126}, uint16(len(payload)))
	}
	return append(b, payload...)
}

// startFloor starts this program again as the floor.
func startFloor(ctx context.Context, data string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, data, "floor.log", self, "floor")
}
