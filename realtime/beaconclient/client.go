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
