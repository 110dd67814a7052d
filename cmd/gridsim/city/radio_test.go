package city

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// base is the other end of the line, played by hand: each connection is handed to
// serve.
func base(t *testing.T, token string, serve func(n int64, conn *websocket.Conn)) *line {
	t.Helper()
	var count atomic.Int64
	up := websocket.Upgrader{Subprotocols: []string{beacon.Subprotocol}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		serve(count.Add(1), conn)
	}))
	t.Cleanup(server.Close)
	c := &city{service: newService(server.URL), counters: &Counters{}}
	radio, err := c.radio(Device{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return radio.(*line)
}

// hear reads one message of the device.
func hear(t *testing.T, conn *websocket.Conn) any {
	_, message, err := conn.ReadMessage()
	if err != nil {
		return nil
	}
	m, err := beacon.DecodeUp(message)
	if err != nil {
		t.Errorf("the device says %s: %v", message, err)
	}
	return m
}

func say(conn *websocket.Conn, m beacon.Down) {
	_ = conn.WriteMessage(websocket.TextMessage, beacon.Append(nil, m)) // the device may be gone
}

// What was not acknowledged before a cut goes out again after it, in order, without
// a hole; what was acknowledged does not.
func TestLineResendsWhatWasNotSafe(t *testing.T) {
	t.Parallel()
	type seen struct{ first, last int64 }
	second := make(chan seen, 1)
	l := base(t, "secret", func(n int64, conn *websocket.Conn) {
		start := hear(t, conn).(beacon.Start)
		if n == 1 {
			say(conn, beacon.Hello{Stream: start.Stream})
			for last := int64(0); last < 5; {
				f := hear(t, conn).(beacon.Fixes)
				last = f.Good[len(f.Good)-1].Seq
			}
			say(conn, beacon.Ack{Seq: 2, Also: []beacon.Range{{First: 4, Last: 4}}})
			return // the line breaks; 3 and 5 were not safe
		}
		if start.LowestHeld != 3 {
			t.Errorf("starts again from %d, want 3", start.LowestHeld)
		}
		say(conn, beacon.Hello{Stream: start.Stream, Acked: 2})
		f := hear(t, conn).(beacon.Fixes)
		second <- seen{f.Good[0].Seq, f.Good[len(f.Good)-1].Seq}
		last := f.Good[len(f.Good)-1].Seq
		say(conn, beacon.Reject{Seq: 3, Code: beacon.OffDuty})
		say(conn, beacon.Ack{Seq: last})
		say(conn, beacon.Offer{AssignmentID: "a1"})
		hear(t, conn)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	for range 5 {
		l.Send(beacon.Fix{T: noon, Lon: 121.4, Lat: 28.5})
	}
	go func() { done <- l.Run(ctx) }()
	if s := <-second; s.first != 3 || s.last != 5 {
		t.Errorf("after the cut it sent %d to %d, want 3 to 5", s.first, s.last)
	}
	<-l.heard // the offer behind the acks: they have been read
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if a, r := l.counters.Acked.Load(), l.counters.Rejected.Load(); a != 4 || r != 1 {
		t.Errorf("%d acked, %d rejected, want 4 and 1", a, r)
	}
}

// A device whose token is no good does not come back.
func TestLineGivesUpWhenUnwanted(t *testing.T) {
	t.Parallel()
	l := base(t, "secret", func(_ int64, conn *websocket.Conn) {
		hear(t, conn)
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(beacon.CloseToken, "revoked"), time.Now().Add(time.Second))
		hear(t, conn)
	})
	if err := l.Run(t.Context()); !errors.Is(err, beaconclient.ErrRefused) {
		t.Errorf("close 4001: %v, want ErrRefused", err)
	}
	l = base(t, "wrong", func(int64, *websocket.Conn) {})
	if err := l.Run(t.Context()); !errors.Is(err, beaconclient.ErrRefused) {
		t.Errorf("401: %v, want ErrRefused", err)
	}
}

// Without signal fixes are kept, within bounds, and the oldest go first.
func TestLineKeepsABoundedNumber(t *testing.T) {
	t.Parallel()
	l := base(t, "secret", func(int64, *websocket.Conn) {})
	l.Signal(false)
	for range mostHeld + 10 {
		l.Send(beacon.Fix{})
	}
	if made, dropped := l.counters.Made.Load(), l.counters.Dropped.Load(); made != mostHeld+10 || dropped != 10 {
		t.Errorf("made %d, dropped %d", made, dropped)
	}
}

// A line that lost its signal keeps quiet, and brings everything when it is back.
func TestLineSendsTheBurstWhenTheSignalIsBack(t *testing.T) {
	t.Parallel()
	got := make(chan int, 100)
	cut := make(chan struct{}, 10)
	l := base(t, "secret", func(n int64, conn *websocket.Conn) {
		defer func() { cut <- struct{}{} }()
		start := hear(t, conn).(beacon.Start)
		say(conn, beacon.Hello{Stream: start.Stream, Acked: start.LowestHeld - 1})
		for {
			f, ok := hear(t, conn).(beacon.Fixes)
			if !ok {
				return
			}
			say(conn, beacon.Ack{Seq: f.Good[len(f.Good)-1].Seq})
			got <- len(f.Good)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	l.Send(beacon.Fix{T: noon, Lon: 121.4, Lat: 28.5})
	if n := <-got; n != 1 {
		t.Fatalf("%d fixes came, want 1", n)
	}
	l.Signal(false)
	<-cut
	for range 7 {
		l.Send(beacon.Fix{T: noon, Lon: 121.4, Lat: 28.5})
	}
	l.Signal(true)
	for n := 0; n < 7; {
		n += <-got
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r := l.counters.Reconnects.Load(); r != 1 {
		t.Errorf("%d reconnects, want 1", r)
	}
}
