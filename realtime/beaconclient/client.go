// Package beaconclient sends a device's positions to gridpatrol and keeps each one
// until the service says that it is safe, or will never be.
//
// It holds a bounded number of fixes, sends again what was not acknowledged when it
// comes back, obeys the interval it is told, and needs no cgo.
package beaconclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Config of a Client. URL and Token must be set.
type Config struct {
	URL string // ws://host:port/ws/beacon
	// Others are further nodes of the same service: when one is lost the next is tried,
	// round and round. Behind a proxy, or a name with several addresses, none is needed.
	Others []string
	Token  string
	// Stream is that of this install; a new one if zero. One of an earlier process goes on
	// after the last fix that the service has of it, so it is only for whoever saw all that
	// that process sent acknowledged, or sends the very same fixes again.
	Stream uuid.UUID
	// Hold is how many fixes are kept unacknowledged; beyond it the oldest is let go.
	// 10,000 if zero.
	Hold int
	// Binary says to speak beacon.SubprotocolBinary; where the service does not, the
	// client speaks JSON. Places are then rounded to a centimetre.
	Binary bool
	// Speed is how many times faster than life a simulated device plays; 1 if zero.
	Speed float64

	// What the service says. The functions are called from Run, one at a time, and
	// must return soon. Any may be nil.
	OnOffer    func(beacon.Offer)
	OnMission  func(beacon.Mission)
	OnHandOver func(beacon.HandOver)
	OnRecall   func(beacon.Recall)
	OnNotice   func(beacon.Notice)
	OnInterval func(time.Duration)
	OnReject   func(beacon.Reject)
	OnAck      func(beacon.Ack)
	OnHello    func(beacon.Hello)
	// OnClose hears why the service closed. Run comes back, unless the code says that
	// it is of no use; whoever knows better ends it.
	OnClose func(code int, reason string)

	Dialer       *websocket.Dialer // a plain one if nil
	FirstPause   time.Duration     // before coming back, doubled each time; 500 ms if zero
	LongestPause time.Duration     // 30 s if zero
}

// ErrRefused says that the service does not want this device: its token is no
// longer good, or a newer client speaks for the stream. Coming back is of no use.
var ErrRefused = errors.New("the service refuses this device")

// The client's own patience and appetite.
const (
	ackWithin  = 30 * time.Second // with fixes on their way
	quietLimit = 3 * time.Minute  // the service pings more often
	writeLimit = 10 * time.Second
	maxFlying  = 4 * beacon.MaxFixes
	aheadAfter = 5 * time.Second // without a word, with maxFlying on their way: see message
)

// Client is one install of a device. Add may be called at any time, from anywhere;
// Run does the work.
type Client struct {
	config Config
	wake   chan struct{} // holds one token while there is something to send

	mu       sync.Mutex    // guards all below; Add, Run and the reader
	held     []beacon.Fix  // by sequence: not known to be safe
	next     int64         // the next sequence
	sent     int64         // the highest sequence sent in order on this connection
	ahead    int64         // the highest sent alone, before its turn
	greeted  bool          // this connection has had its hello
	numbered bool          // a hello has said which sequences of the stream are taken
	restart  bool          // something was let go: say start again
	interval time.Duration // as told
	progress time.Time     // of the last word of the service
	settled  chan struct{} // closed and replaced when held becomes empty
	stats    Stats
}

// Stats counts what a Client has done.
type Stats struct {
	Added, Acked, Rejected, LetGo, Connections int64
	Held                                       int
}

// New makes a client.
func New(c Config) (*Client, error) {
	if c.URL == "" {
		return nil, errors.New("beaconclient: Config.URL is not set")
	}
	if c.Stream == uuid.Nil {
		c.Stream = uuid.New()
	}
	if c.Hold == 0 {
		c.Hold = 10_000
	}
	if c.Dialer == nil {
		c.Dialer = &websocket.Dialer{HandshakeTimeout: 30 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 1024}
	}
	if c.FirstPause == 0 {
		c.FirstPause = 500 * time.Millisecond
	}
	if c.LongestPause == 0 {
		c.LongestPause = 30 * time.Second
	}
	return &Client{config: c, wake: make(chan struct{}, 1), next: 1, interval: 5 * time.Second, settled: make(chan struct{})}, nil
}

// Stream is the install that this client speaks for.
func (c *Client) Stream() uuid.UUID { return c.config.Stream }

// Add takes a fix over and answers the sequence it was given. That of a fix added before
// the first hello rises by what the service has of an earlier process's stream.
func (c *Client) Add(f beacon.Fix) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Seq = c.next
	c.next++
	c.stats.Added++
	if len(c.held) == c.config.Hold {
		c.held = slices.Delete(c.held, 0, 1)
		c.stats.LetGo++
		c.restart = true
	}
	c.held = append(c.held, f)
	c.nudge()
	return f.Seq
}

func (c *Client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Interval is how often the service wants a fix.
func (c *Client) Interval() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.interval
}

// Greeted says whether the service has answered the present connection's start.
func (c *Client) Greeted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.greeted
}

// Stats answers the counts so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Held = len(c.held)
	return s
}

// Flush waits until every fix added so far is safe or rejected.
func (c *Client) Flush(ctx context.Context) error {
	for {
		c.mu.Lock()
		held, settled := len(c.held), c.settled
		c.mu.Unlock()
		if held == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d fixes are not acknowledged: %w", held, ctx.Err())
		case <-settled:
		}
	}
}

// Run keeps a connection and sends until ctx ends (nil) or the service refuses the
// device (ErrRefused).
func (c *Client) Run(ctx context.Context) error {
	pause := c.config.FirstPause
	nodes := append([]string{c.config.URL}, c.config.Others...)
	for at := 0; ; at++ {
		greeted, err := c.connect(ctx, nodes[at%len(nodes)])
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrRefused) {
			return err
		}
		if greeted {
			pause = c.config.FirstPause
		}
		var busy *busyError
		wait := pause/2 + rand.N(pause)
		if errors.As(err, &busy) && len(nodes) == 1 {
			wait = max(wait, busy.again+rand.N(time.Second)) // another node may have room at once
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if at%len(nodes) == len(nodes)-1 { // all have been tried
			pause = min(2*pause, c.config.LongestPause)
		}
	}
}

// busyError says that a node asks to come again later.
type busyError struct {
	status string
	again  time.Duration
}

func (b *busyError) Error() string { return "connect: " + b.status }

// mostAgain bounds how long a node may send a device away for.
const mostAgain = time.Minute

// connect lives through one connection and says whether the service greeted it.
func (c *Client) connect(ctx context.Context, node string) (greeted bool, err error) {
	dialer := *c.config.Dialer
	dialer.Subprotocols = []string{beacon.Subprotocol}
	if c.config.Binary {
		dialer.Subprotocols = []string{beacon.SubprotocolBinary, beacon.Subprotocol}
	}
	header := http.Header{}
	if c.config.Token != "" {
		header.Set("Authorization", "Bearer "+c.config.Token)
	}
	conn, response, err := dialer.DialContext(ctx, node, header)
	if err != nil {
		if response != nil && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden) {
			return false, fmt.Errorf("%w: %s", ErrRefused, response.Status)
		}
		if response != nil {
			if again, bad := strconv.Atoi(response.Header.Get("Retry-After")); bad == nil && again >= 0 {
				return false, &busyError{status: response.Status, again: min(time.Duration(again)*time.Second, mostAgain)}
			}
		}
		return false, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(1 << 20)
	defer context.AfterFunc(ctx, func() {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
		conn.Close()
	})()

	c.mu.Lock()
	c.stats.Connections++
	c.sent, c.ahead, c.restart, c.progress = 0, 0, true, time.Now()
	c.mu.Unlock()
	hello := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- c.read(conn, hello) }()
	err = c.write(conn, hello, ended)
	conn.Close()
	c.mu.Lock()
	c.greeted = false
	c.mu.Unlock()
	if err == nil {
		err = <-ended // the writer failed; the reader knows why
	}
	select {
	case <-hello:
		greeted = true
	default:
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) && c.config.OnClose != nil {
		c.config.OnClose(closed.Code, closed.Text)
	}
	if websocket.IsCloseError(err, beacon.CloseToken, beacon.CloseReplaced) {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return greeted, err
}

// write sends until the reader has ended, whose error it answers, or writing fails
// (nil).
func (c *Client) write(conn *websocket.Conn, hello <-chan struct{}, ended <-chan error) error {
	check := time.NewTicker(5 * time.Second)
	defer check.Stop()
	var buf []byte
	greeting := hello
	binary := conn.Subprotocol() == beacon.SubprotocolBinary
	for {
		for {
			message, kind := c.message(buf[:0], greeting == nil, binary)
			buf = message
			if kind == nothing {
				break
			}
			if conn.SetWriteDeadline(time.Now().Add(writeLimit)) != nil || conn.WriteMessage(kind, message) != nil {
				return nil
			}
		}
		select {
		case err := <-ended:
			return err
		case <-greeting:
			greeting = nil
		case <-c.wake:
		case <-check.C:
			if c.stuck() {
				return nil
			}
		}
	}
}

// nothing is the kind of no message.
const nothing = 0

// message is the next message to send and its kind: a start when one is due, else a
// burst of what is held and not yet on its way. With as much on its way as may be and a
// service that keeps nothing, as while its database is away, the newest fix goes alone:
// the live map goes on by it, and in its turn it goes again.
func (c *Client) message(b []byte, greeted, binary bool) (message []byte, kind int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.restart {
		c.restart = false
		lowest := c.next
		if len(c.held) > 0 {
			lowest = c.held[0].Seq
		}
		return beacon.AppendStart(b, beacon.Start{Stream: c.config.Stream, LowestHeld: lowest, Speed: c.config.Speed}), websocket.TextMessage
	}
	from := c.after(c.sent)
	if !greeted || from == len(c.held) {
		return b, nothing
	}
	if from >= maxFlying {
		newest := c.held[len(c.held)-1:]
		if newest[0].Seq <= c.ahead || time.Since(c.progress) < aheadAfter {
			return b, nothing
		}
		c.ahead = newest[0].Seq
		b, _, kind = appendFixes(b, newest, binary)
		return b, kind
	}
	b, n, kind := appendFixes(b, c.held[from:], binary)
	if c.sent < c.held[from].Seq && from == 0 {
		c.progress = time.Now() // patience begins with the first fix on its way
	}
	c.sent = c.held[from+n-1].Seq
	return b, kind
}

// appendFixes is a message of the first n fixes, as many as one may carry.
func appendFixes(b []byte, fixes []beacon.Fix, binary bool) (message []byte, n, kind int) {
	if binary {
		message, n = beacon.AppendFixesBinary(b, fixes)
		return message, n, websocket.BinaryMessage
	}
	message, n = beacon.AppendFixes(b, fixes)
	return message, n, websocket.TextMessage
}

// after is the index of the first held fix above seq.
func (c *Client) after(seq int64) int {
	i, _ := slices.BinarySearchFunc(c.held, seq+1, func(f beacon.Fix, want int64) int { return int(f.Seq - want) })
	return i
}

// stuck says that fixes are on their way and the service has said nothing for long.
func (c *Client) stuck() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after(c.sent) > 0 && time.Since(c.progress) > ackWithin
}

// read takes what the service says until the connection ends.
func (c *Client) read(conn *websocket.Conn, hello chan<- struct{}) error {
	greeted := false
	ping := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		_ = conn.SetReadDeadline(time.Now().Add(quietLimit))
		return ping(data)
	})
	for {
		if err := conn.SetReadDeadline(time.Now().Add(quietLimit)); err != nil {
			return err
		}
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		down, err := decode(kind, message)
		if err != nil {
			return err
		}
		c.take(down)
		if _, is := down.(beacon.Hello); is && !greeted {
			greeted = true
			close(hello)
		}
	}
}

func decode(kind int, message []byte) (beacon.Down, error) {
	if kind == websocket.BinaryMessage {
		return beacon.DecodeAckBinary(message)
	}
	return beacon.DecodeDown(message)
}

func (c *Client) take(down beacon.Down) {
	switch m := down.(type) {
	case beacon.Hello:
		c.number(m.Acked)
		c.settle(beacon.Ack{Seq: m.Acked}, &c.stats.Acked)
		c.mu.Lock()
		c.greeted = true
		c.mu.Unlock()
		c.setInterval(m.IntervalS)
		call(c.config.OnHello, m)
	case beacon.Ack:
		c.settle(m, &c.stats.Acked)
		call(c.config.OnAck, m)
	case beacon.Reject:
		c.settle(beacon.Ack{Also: []beacon.Range{{First: m.Seq, Last: m.Seq}}}, &c.stats.Rejected)
		call(c.config.OnReject, m)
	case beacon.Interval:
		c.setInterval(m.IntervalS)
	case beacon.Offer:
		call(c.config.OnOffer, m)
	case beacon.Recall:
		call(c.config.OnRecall, m)
	case beacon.Mission:
		call(c.config.OnMission, m)
	case beacon.HandOver:
		call(c.config.OnHandOver, m)
	case beacon.Notice:
		call(c.config.OnNotice, m)
	}
}

// number makes room, at the first hello, for what an earlier process of the stream sent:
// nothing has been sent yet, so that what is acknowledged is none of what is held.
func (c *Client) number(acked int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.numbered {
		return
	}
	c.numbered = true
	first := c.next
	if len(c.held) > 0 {
		first = c.held[0].Seq
	}
	taken := max(0, acked+1-first)
	for i := range c.held {
		c.held[i].Seq += taken
	}
	c.next += taken
}

func call[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

func (c *Client) setInterval(seconds int) {
	if seconds <= 0 {
		return
	}
	told := time.Duration(seconds) * time.Second
	c.mu.Lock()
	changed := c.interval != told
	c.interval = told
	c.mu.Unlock()
	if changed {
		call(c.config.OnInterval, told)
	}
}

// settle lets go of what is safe, or never will be, and counts it.
func (c *Client) settle(a beacon.Ack, count *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = time.Now()
	before := len(c.held)
	c.held = slices.DeleteFunc(c.held, func(f beacon.Fix) bool {
		return f.Seq <= a.Seq || slices.ContainsFunc(a.Also, func(r beacon.Range) bool { return r.First <= f.Seq && f.Seq <= r.Last })
	})
	*count += int64(before - len(c.held))
	if before > 0 && len(c.held) == 0 {
		close(c.settled)
		c.settled = make(chan struct{})
	}
	c.nudge()
}
