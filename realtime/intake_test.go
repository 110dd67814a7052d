package realtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// clientFrame is a frame as a client writes it.
func clientFrame(head byte, payload []byte, mask uint32) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = binary.BigEndian.AppendUint32(b, mask)
	at := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[at+i] ^= b[at-4+i&3]
	}
	return b
}

// What a client writes arrives whole and in order, into however many frames it is cut
// and wherever the network cuts it.
func TestMessagesOutOfBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var sent, heard []string
		var wire []byte
		frame := func(final bool, kind int, payload []byte) {
			head := byte(kind)
			if final {
				head |= 0x80
			}
			wire = append(wire, clientFrame(head, payload, rapid.Uint32().Draw(t, "mask"))...)
		}
		for range rapid.IntRange(1, 8).Draw(t, "messages") {
			kind := rapid.SampledFrom([]int{websocket.TextMessage, websocket.BinaryMessage}).Draw(t, "kind")
			size := rapid.SampledFrom([]int{0, 1, 7, 125, 126, 300, 5000, beacon.MaxMessageBytes}).Draw(t, "bytes")
			message := bytes.Repeat([]byte{byte(rapid.IntRange(0, 255).Draw(t, "byte"))}, size)
			parts := rapid.IntRange(1, 3).Draw(t, "parts")
			for p := range parts {
				of := kind
				if p > 0 {
					of = 0
				}
				frame(p == parts-1, of, message[p*size/parts:(p+1)*size/parts])
				if p == parts-1 {
					sent = append(sent, inShort(kind, message))
				}
				if ping := []byte("here?"); rapid.Bool().Draw(t, "a ping behind") {
					frame(true, websocket.PingMessage, ping)
					sent = append(sent, inShort(websocket.PingMessage, ping))
				}
			}
		}
		var in intake
		for len(wire) > 0 {
			n := min(len(wire), rapid.SampledFrom([]int{1, 2, 13, 1000, 70_000}).Draw(t, "bytes at once"))
			b := append(slices.Clone(in.rest), wire[:n]...)
			wire = wire[n:]
			done, err := in.take(b, func(kind int, payload []byte) error {
				heard = append(heard, inShort(kind, payload))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			in.rest = b[done:]
		}
		if !slices.Equal(sent, heard) || len(in.rest) > 0 || in.half != nil {
			t.Fatalf("sent %q\nheard %q, and %d bytes are left", sent, heard, len(in.rest))
		}
	})
}

func inShort(kind int, payload []byte) string {
	return fmt.Sprintf("%d %d %x", kind, len(payload), crc32.ChecksumIEEE(payload))
}

func TestWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	long := make([]byte, beacon.MaxMessageBytes/2+1)
	for _, c := range []struct {
		name, fault string
		wire        []byte
	}{
		{"not masked", "masked", []byte{0x81, 0x00}},
		{"compressed", "reserved", clientFrame(0xc1, nil, 1)},
		{"opcode 3", "opcode 3", clientFrame(0x83, nil, 1)},
		{"opcode 11", "opcode 11", clientFrame(0x8b, nil, 1)},
		{"a long ping", "control", clientFrame(0x89, make([]byte, 126), 1)},
		{"a ping in parts", "control", clientFrame(0x09, nil, 1)},
		{"an end without a beginning", "continued", clientFrame(0x80, nil, 1)},
		{"a beginning within", "within another", slices.Concat(clientFrame(0x01, nil, 1), clientFrame(0x81, nil, 1))},
		{"too long", "too long", clientFrame(0x82, make([]byte, beacon.MaxMessageBytes+1), 1)[:20]},
		{"too long in parts", "too long", slices.Concat(clientFrame(0x02, long, 1), clientFrame(0x80, long, 1))},
		{"longer than there is memory", "too long", []byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	} {
		var in intake
		_, err := in.take(c.wire, func(int, []byte) error { return errors.New("it was handed on") })
		if err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, want %q", c.name, err, c.fault)
		}
	}
	for payload, fault := range map[string]string{"": "", "\x03\xe8": "", "\x0f\xa1bye": "", "x": "one byte", "\x03\xed": "1005", "\x07\xd0": "2000", "\x03\xe8\xff": "UTF-8"} {
		if _, err := closeFrame([]byte(payload)); (fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("a close frame of %q: %v, want %q", payload, err, fault)
		}
	}
}

func FuzzIntake(f *testing.F) {
	f.Add(clientFrame(0x81, []byte("{}"), 7), 1)
	f.Fuzz(func(t *testing.T, wire []byte, at int) {
		if at < 0 || at > len(wire) {
			return
		}
		var whole, split []string
		note := func(to *[]string) func(int, []byte) error {
			return func(kind int, payload []byte) error {
				*to = append(*to, fmt.Sprintf("%d %x", kind, payload))
				return nil
			}
		}
		var one, two intake
		_, err := one.take(slices.Clone(wire), note(&whole))
		done, _ := two.take(slices.Clone(wire[:at]), note(&split))
		if !two.deaf && err == nil {
			if _, err := two.take(slices.Clone(wire[done:]), note(&split)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(whole, split) {
				t.Fatalf("%q in one, %q in two", whole, split)
			}
		}
	})
}

// late is a connection on which more comes at the worst moment: when the reader has
// found nothing, and has not fallen asleep yet.
type late struct {
	syscall.RawConn
	more func()
}

func (l *late) Read(f func(uintptr) bool) error {
	err := l.RawConn.Read(f)
	if more := l.more; more != nil {
		l.more = nil
		more()
	}
	return err
}

func TestWhatComesWhileFallingAsleepIsRead(t *testing.T) {
	t.Parallel()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	device, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	conn, err := door.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := &BeaconServer{log: slog.Default(), sockets: map[uint64]*socket{}, byDevice: map[dispatch.DeviceID]*socket{}}
	s := &socket{server: b, out: outlet{to: conn}, ended: func(error) {}}
	b.enter(s)
	defer func() {
		s.cut()
		b.reads.Wait() // whoever reads may still be about it
	}()
	raw := &late{RawConn: rawOf(conn)}
	s.raw = raw
	raw.more = func() {
		if _, err := device.Write(clientFrame(0x89, []byte("here?"), 3)); err != nil {
			t.Error(err)
		}
		// The waker's word may come before the bytes can be read; it comes again then.
		for ready := false; !ready; {
			err := raw.RawConn.Control(func(fd uintptr) {
				n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
				ready = n > 0 || err != nil && !errors.Is(err, unix.EINTR)
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
		s.wake()
	}
	s.wake()
	if err := device.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	pong := make([]byte, 7)
	if _, err := io.ReadFull(device, pong); err != nil || string(pong) != "\x8a\x05here?" {
		t.Fatalf("answered %q, %v", pong, err)
	}
}
