// Package natsbus carries between nodes what may be lost: where devices of one node
// are, who holds a device's socket, that something was committed, and that a node is
// there. It does so over core NATS, from a server inside the program with routes to
// its peers, or from one outside.
//
// It is the record of nothing. Whatever it loses the database has, and whoever
// notices a hole in a node's messages, or has not heard a node for some seconds that
// the database knows to be at work, reads it there (cmd/gridpatrol's neighbours).
//
//	Tell, Claim, Ring -> what waits (newest place of each patrol) -> every 100 ms one message
//	message -> head looked at -> Hearer
//
// Run's goroutine alone publishes, the subscription's alone hears; Bus.mu guards what
// lies between them and is held for no call of anybody else's.
package natsbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Hearer takes what other nodes say, one call at a time, and must return soon.
type Hearer interface {
	HearPlaces([]realtime.Place)
	HearClaims([]realtime.Claim)
	// Rung: another node has committed something that the outbox tells of.
	Rung()
	// Missed: messages of another node were lost, or it is heard for the first time.
	Missed()
}

const (
	placesEvery = 100 * time.Millisecond
	pulseEvery  = time.Second
	// ringPause is the least time between two rings: a ring makes every other node ask
	// the database.
	ringPause = 20 * time.Millisecond
	// maxClaims bounds the claims that wait for the next message; what is beyond is let
	// go, and a device's old socket then ends by its silence.
	maxClaims = 65_536
	// hearAtOnce bounds what waits to be heard; beyond it NATS lets messages go, which
	// shows as a hole.
	hearAtOnce      = 4096
	hearBytesAtOnce = 64 << 20
)

// Bus is this node's end. It implements realtime.Peers.
type Bus struct {
	c       Config
	subject string
	server  *server.Server // nil where it is outside
	token   string         // for it
	conn    *nats.Conn
	hear    Hearer

	mu     sync.Mutex // guards the four below; devices and Run
	places map[dispatch.PatrolID]realtime.Place
	claims []realtime.Claim
	ring   bool
	others map[uuid.UUID]*other // the subscription writes, Heard reads

	wake  chan struct{} // holds one token while a ring waits
	alone atomic.Bool   // nobody is heard: places need not wait for anybody
	seq   uint64        // Run's own

	stats stats
}

var _ realtime.Peers = (*Bus)(nil)

type other struct {
	seq   uint64
	heard time.Time
}

// Open starts the server, if it is to be inside, and connects. Nothing is said or
// heard until Run. An outside server that is away is waited for by Run, not by Open.
func Open(c Config, hear Hearer) (*Bus, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	b := &Bus{
		c: c, subject: "gridpatrol." + c.Realm + ".nodes", hear: hear,
		places: map[dispatch.PatrolID]realtime.Place{}, others: map[uuid.UUID]*other{}, wake: make(chan struct{}, 1),
	}
	b.alone.Store(true)
	options := []nats.Option{
		nats.Name("gridpatrol " + c.Host), nats.NoEcho(), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond), nats.RetryOnFailedConnect(true),
		nats.ReconnectBufSize(-1), // what was said while the way was cut is old when it is back
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(2 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.Log.Warn("the bus between nodes is away", "error", c.hide(err.Error()))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { c.Log.Info("the bus between nodes is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				return // the hole shows when the next message comes
			}
			c.Log.Warn("the bus between nodes", "error", c.hide(err.Error()))
		}),
	}
	if c.Listen != "" {
		token := rand.Text()
		s, err := embed(&c, token)
		if err != nil {
			return nil, err
		}
		b.server, b.token = s, token
		options = append(options, nats.InProcessServer(s), nats.Token(token))
	} else {
		options = append(options, c.outside()...)
	}
	conn, err := nats.Connect(c.url(), options...)
	if err != nil {
		if b.server != nil {
			b.server.Shutdown()
			b.server.WaitForShutdown()
		}
		return nil, fmt.Errorf("connect to the bus between nodes: %s", c.hide(err.Error()))
	}
	b.conn = conn
	return b, nil
}

// Close ends what Open began; Run does it too.
func (b *Bus) Close() {
	b.conn.Close()
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}

// Address is where the server inside takes routes of peers; empty when it is outside.
func (b *Bus) Address() string {
	if b.server == nil {
		return ""
	}
	return b.server.ClusterAddr().String()
}

// Tell implements realtime.Peers.
func (b *Bus) Tell(p realtime.Place) {
	if b.alone.Load() {
		return // whoever comes reads it in the database
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places[p.Patrol] = p
}

// Claim implements realtime.Peers.
func (b *Bus) Claim(c realtime.Claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.claims) < maxClaims {
		b.claims = append(b.claims, c)
	}
}

// Ring tells the other nodes that the outbox has news, soon and many rings as one.
func (b *Bus) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring = true
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run speaks and hears until ctx ends; then it says goodbye and closes.
func (b *Bus) Run(ctx context.Context) error {
	defer b.Close()
	sub, err := b.conn.Subscribe(b.subject, b.take)
	if err != nil {
		return fmt.Errorf("hear the other nodes: %w", err)
	}
	if err := sub.SetPendingLimits(hearAtOnce, hearBytesAtOnce); err != nil {
		return fmt.Errorf("hear the other nodes: %w", err)
	}
	tick := time.NewTicker(placesEvery)
	defer tick.Stop()
	var pulsed, rung time.Time
	for {
		select {
		case <-ctx.Done():
			b.say(kindBye, 0, 0, nil)
			_ = b.conn.FlushTimeout(time.Second) // who does not hear it notices in some seconds
			return nil
		case <-b.wake:
			if wait := ringPause - time.Since(rung); wait > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(wait):
				}
			}
			b.mu.Lock()
			ring := b.ring
			b.ring = false
			b.mu.Unlock()
			if ring {
				b.say(kindRing, 0, 0, nil)
				rung = time.Now()
			}
		case now := <-tick.C:
			b.flush()
			if now.Sub(pulsed) >= pulseEvery {
				pulsed = now
				b.say(kindPulse, 0, 0, nil)
			}
		}
	}
}

// flush says what has gathered.
func (b *Bus) flush() {
	b.mu.Lock()
	claims := b.claims
	b.claims = nil
	var places map[dispatch.PatrolID]realtime.Place // nil, and not the one that others go on writing, where nobody moved
	if len(b.places) > 0 {
		places, b.places = b.places, make(map[dispatch.PatrolID]realtime.Place, len(b.places))
	}
	b.mu.Unlock()
	ahead := b.c.Ahead()
	for batch := range slices.Chunk(claims, recordsAtOnce) {
		body := make([]byte, 0, len(batch)*claimSize)
		for i := range batch {
			batch[i].At = batch[i].At.Add(-ahead)
			body = appendClaim(body, &batch[i])
		}
		b.say(kindClaims, len(batch), claimSize, body)
	}
	if len(places) == 0 {
		return
	}
	for batch := range slices.Chunk(slices.Collect(maps.Values(places)), recordsAtOnce) {
		body := make([]byte, 0, len(batch)*placeSize)
		for i := range batch {
			body = appendPlace(body, &batch[i])
		}
		b.say(kindPlaces, len(batch), placeSize, body)
		b.stats.placesSent.Add(int64(len(batch)))
	}
}

// say publishes one message. What cannot be said is lost, as the package says.
func (b *Bus) say(k kind, count, size int, body []byte) {
	b.seq++
	m := appendHead(make([]byte, 0, headSize+len(body)), head{kind: k, node: b.c.Node, seq: b.seq}, count, size)
	if err := b.conn.Publish(b.subject, append(m, body...)); err != nil {
		b.stats.unsent.Add(1)
		return
	}
	b.stats.sent.Add(1)
}

// take hears one message.
func (b *Bus) take(m *nats.Msg) {
	h, r, err := openMessage(m.Data)
	if err != nil {
		b.stats.drop(err)
		return
	}
	if h.node == b.c.Node {
		return // a server that echoes all the same
	}
	b.stats.received.Add(1)
	if b.note(h) {
		b.hear.Missed()
	}
	switch h.kind {
	case kindPlaces:
		places := make([]realtime.Place, 0, r.count)
		for i := range r.count {
			p, err := readPlace(r.at(i))
			if err != nil {
				b.stats.drop(err)
				continue
			}
			places = append(places, p)
		}
		b.stats.placesReceived.Add(int64(len(places)))
		b.hear.HearPlaces(places)
	case kindClaims:
		ahead := b.c.Ahead()
		claims := make([]realtime.Claim, r.count)
		for i := range claims {
			claims[i] = readClaim(r.at(i))
			claims[i].At = claims[i].At.Add(ahead)
		}
		b.hear.HearClaims(claims)
	case kindRing:
		b.hear.Rung()
	}
}

// note keeps the book of who is heard, and says whether something was missed: a hole
// in the count, or a node that was not heard before.
func (b *Bus) note(h head) (missed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.kind == kindBye {
		delete(b.others, h.node)
		b.alone.Store(len(b.others) == 0)
		return false
	}
	o := b.others[h.node]
	if o == nil {
		if len(b.others) >= maxOthers {
			b.forget()
		}
		o = &other{}
		b.others[h.node] = o
		b.alone.Store(false)
		missed = true
	} else if h.seq != o.seq+1 {
		b.stats.holes.Add(1)
		missed = true
	}
	o.seq, o.heard = h.seq, time.Now()
	return missed
}

const (
	// maxOthers bounds the book of nodes; forgetAfter is when one that is silent
	// leaves it.
	maxOthers   = 64
	forgetAfter = 30 * time.Second
)

// forget lets go of nodes that have been silent for long, and under mu only.
func (b *Bus) forget() {
	maps.DeleteFunc(b.others, func(_ uuid.UUID, o *other) bool { return time.Since(o.heard) > forgetAfter })
}

// Heard answers how long ago each other node was heard.
func (b *Bus) Heard() map[uuid.UUID]time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	b.alone.Store(len(b.others) == 0)
	out := make(map[uuid.UUID]time.Duration, len(b.others))
	for id, o := range b.others {
		out[id] = time.Since(o.heard)
	}
	return out
}

// logger hands the server's words to ours, without its secret.
type logger struct {
	log  *slog.Logger
	hide func(string) string
}

func (l logger) say(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "bus: "+l.hide(fmt.Sprintf(format, v...)))
}

func (l logger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l logger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l logger) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l logger) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l logger) Debugf(string, ...any)           {}
func (l logger) Tracef(string, ...any)           {}
