package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// line is a Radio over a WebSocket. Sequences are given out once and a fix is
// kept until the service says that it is safe or will never be; what is left
// after a cut goes out again in bursts.
type line struct {
	url, token string
	counters   *Counters
	rng        *rand.Rand // Run's
	stream     uuid.UUID
	heard      chan any
	wake       chan struct{} // holds one: there is something to send, or the signal changed

	mu      sync.Mutex
	held    []beacon.Fix // by sequence; grows in Send, shrinks in settle
	lastSeq int64
	silent  bool
	cut     func() // ends the present connection; nil without one
}

const (
	// mostHeld is an hour of fixes at one in 4 s; beyond it the oldest go.
	mostHeld = 900
	// mostHeard is how many offers wait for a patrol; more are dropped, and found
	// again in the register.
	mostHeard = 16
	// patience is how long the service may say nothing, acks included.
	patience = 90 * time.Second
)

func (c *city) radio(d Device, rng *rand.Rand) Radio {
	return &line{
		url: "ws" + strings.TrimPrefix(c.service.base, "http") + "/ws/beacon", token: d.Token, counters: c.counters,
		rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), stream: uuid.New(), heard: make(chan any, mostHeard), wake: make(chan struct{}, 1),
	}
}

// Heard implements Radio.
func (l *line) Heard() <-chan any { return l.heard }

// Send implements Radio.
func (l *line) Send(f beacon.Fix) {
	l.mu.Lock()
	l.lastSeq++
	f.Seq = l.lastSeq
	l.held = append(l.held, f)
	if len(l.held) > mostHeld {
		l.held = l.held[1:]
		l.counters.Dropped.Add(1)
	}
	l.mu.Unlock()
	l.poke()
}

func (l *line) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Signal implements Radio.
func (l *line) Signal(on bool) {
	l.mu.Lock()
	l.silent = !on
	if !on && l.cut != nil {
		l.cut()
	}
	l.mu.Unlock()
	l.poke()
}

func (l *line) hasSignal() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.silent
}

// errUnwanted says that the service closed the line for good.
var errUnwanted = errors.New("the service does not want this device")

// Run implements Radio. It ends with ctx, or with an error that wraps
// errUnwanted when the token is no good or another phone took over the stream.
func (l *line) Run(ctx context.Context) error {
	for tries := 0; ctx.Err() == nil; {
		if !l.hasSignal() {
			select {
			case <-ctx.Done():
			case <-l.wake:
			}
			continue
		}
		greeted, err := l.talk(ctx)
		if errors.Is(err, errUnwanted) {
			return err
		}
		if greeted {
			tries = 0
		}
		if ctx.Err() != nil {
			return nil
		}
		l.counters.Reconnects.Add(1)
		if l.hasSignal() {
			tries++
			wait(ctx, backoff(l.rng, tries))
		}
	}
	return nil
}

// talk holds one connection until it breaks, and says whether the service
// answered at all.
func (l *line) talk(ctx context.Context) (greeted bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.setCut(cancel)
	defer l.setCut(nil)
	conn, err := l.dial(ctx)
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()

	hello := make(chan int64, 1)
	ended := make(chan error, 1)
	go func() { ended <- l.read(conn, hello) }()
	err = l.write(ctx, conn, hello, &greeted)
	cancel()
	_ = conn.Close()
	readErr := <-ended
	var closed *websocket.CloseError
	if errors.As(readErr, &closed) && (closed.Code == beacon.CloseToken || closed.Code == beacon.CloseReplaced) {
		return greeted, fmt.Errorf("%w: %w", errUnwanted, readErr)
	}
	return greeted, err
}

func (l *line) setCut(cut func()) {
	l.mu.Lock()
	l.cut = cut
	l.mu.Unlock()
}

func (l *line) dial(ctx context.Context) (*websocket.Conn, error) {
	dialer := websocket.Dialer{
		HandshakeTimeout: 15 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 1024,
		Subprotocols: []string{beacon.Subprotocol}, Proxy: http.ProxyFromEnvironment,
	}
	conn, response, err := dialer.DialContext(ctx, l.url, http.Header{"Authorization": {"Bearer " + l.token}})
	if err != nil {
		if response != nil && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden) {
			return nil, fmt.Errorf("%w: %s", errUnwanted, response.Status)
		}
		return nil, fmt.Errorf("open the line: %w", err)
	}
	return conn, nil
}

// write says start, waits for hello, and then sends what is held as it comes.
func (l *line) write(ctx context.Context, conn *websocket.Conn, hello <-chan int64, greeted *bool) error {
	lowest := l.lowest()
	buf := beacon.AppendStart(nil, beacon.Start{Stream: l.stream, LowestHeld: lowest})
	if err := put(conn, buf); err != nil {
		return err
	}
	var sent int64
	select {
	case <-ctx.Done():
		return ctx.Err()
	case acked, ok := <-hello:
		if !ok {
			return errors.New("the line broke before hello")
		}
		*greeted = true
		l.counters.OnLine.Add(1)
		defer l.counters.OnLine.Add(-1)
		sent = max(acked, lowest-1)
	}
	for {
		// What was let go of in the meantime leaves a hole that the service must
		// not wait for.
		if now := l.lowest(); now > sent+1 && now > lowest {
			lowest = now
			if err := put(conn, beacon.AppendStart(buf[:0], beacon.Start{Stream: l.stream, LowestHeld: lowest})); err != nil {
				return err
			}
		}
		for {
			burst := l.after(sent)
			if len(burst) == 0 {
				break
			}
			message, n := beacon.AppendFixes(buf[:0], burst)
			buf = message
			if err := put(conn, message); err != nil {
				return err
			}
			sent = burst[n-1].Seq
			l.counters.Sent.Add(int64(n))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-hello: // closed by the reader; a second hello changes nothing
			if !ok {
				return errors.New("the line broke")
			}
		case <-l.wake:
		}
	}
}

func put(conn *websocket.Conn, message []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, message); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// lowest is the oldest sequence still held, or the next one when none is.
func (l *line) lowest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) > 0 {
		return l.held[0].Seq
	}
	return l.lastSeq + 1
}

// after is a copy of the oldest held fixes beyond a sequence, one message full.
func (l *line) after(seq int64) []beacon.Fix {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []beacon.Fix
	for _, f := range l.held {
		if f.Seq > seq && len(out) < beacon.MaxFixes {
			out = append(out, f)
		}
	}
	return out
}

// settle lets go of the fixes that are safe, or refused, and says how many.
func (l *line) settle(over func(seq int64) bool) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.held[:0]
	for _, f := range l.held {
		if !over(f.Seq) {
			kept = append(kept, f)
		}
	}
	n := len(l.held) - len(kept)
	l.held = kept
	return int64(n)
}

// down is any message of the service.
type down struct {
	Type      string     `json:"type"`
	Acked     int64      `json:"acked"`
	IntervalS int        `json:"interval_s"`
	Seq       int64      `json:"seq"`
	Also      [][2]int64 `json:"also"`
	beacon.Offer
	Reason string `json:"reason"`
}

// read takes in what the service says until the line breaks; then it closes
// hello.
func (l *line) read(conn *websocket.Conn, hello chan<- int64) error {
	defer close(hello)
	conn.SetReadLimit(beacon.MaxMessageBytes)
	greeted := false
	alive := func() error { return conn.SetReadDeadline(time.Now().Add(patience)) }
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		if err := alive(); err != nil {
			return err
		}
		return pong(data)
	})
	for {
		if err := alive(); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		_, message, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		var m down
		if err := json.Unmarshal(message, &m); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		switch m.Type {
		case "hello":
			l.counters.Acked.Add(l.settle(func(seq int64) bool { return seq <= m.Acked }))
			l.pass(beacon.Interval{IntervalS: m.IntervalS})
			if !greeted {
				greeted = true
				hello <- m.Acked
			}
		case "ack":
			l.counters.Acked.Add(l.settle(func(seq int64) bool {
				for _, r := range m.Also {
					if r[0] <= seq && seq <= r[1] {
						return true
					}
				}
				return seq <= m.Seq
			}))
		case "reject":
			l.counters.Rejected.Add(l.settle(func(seq int64) bool { return seq == m.Seq }))
		case "interval":
			l.pass(beacon.Interval{IntervalS: m.IntervalS})
		case "offer":
			l.pass(m.Offer)
		case "recall":
			l.pass(beacon.Recall{AssignmentID: m.AssignmentID, CaseID: m.CaseID, Reason: m.Reason})
		}
	}
}

func (l *line) pass(m any) {
	select {
	case l.heard <- m:
	default:
	}
}
