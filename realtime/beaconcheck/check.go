// Package beaconcheck goes through the beacon channel of a service step by step, as a
// device would, and says of each step what was expected and what came. A builder of
// devices sees with it what the service answers to good input and to bad; an
// operator, whether the way from there to the service carries the channel at all.
//
// What it sends is kept as the track of the device whose token it is given: take a
// device that is marked as simulated, or one of a patrol that is for tests.
package beaconcheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Config of a run. URL and Token must be set.
type Config struct {
	URL   string // ws:// or wss://, to the channel itself
	Token string
	// Lon and Lat are where the device stands; its fixes are within a few metres.
	Lon, Lat float64
	Now      func() time.Time // time.Now if nil
	Within   time.Duration    // for each answer; 15 s if zero
}

// Step is one thing that was looked at. Wrong is empty where all was as it must be.
type Step struct {
	Name  string `json:"name"`
	Wrong string `json:"wrong,omitempty"`
}

// Steps goes through all of them, for both subprotocols, and hands each on as it is
// done. It ends early only with ctx.
func Steps(ctx context.Context, c Config, each func(Step)) error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Within == 0 {
		c.Within = 15 * time.Second
	}
	each(c.run(ctx, "without a good token the handshake is refused with 401", (*check).refused, beacon.Subprotocol))
	for _, protocol := range []string{beacon.Subprotocol, beacon.SubprotocolBinary} {
		short := protocol[strings.LastIndex(protocol, ".")+1:]
		for _, s := range steps {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			each(c.run(ctx, short+": "+s.name, s.look, protocol))
		}
	}
	return ctx.Err()
}

func (c Config) run(ctx context.Context, name string, look func(*check), protocol string) (s Step) {
	s.Name = name
	k := &check{Config: c, ctx: ctx, protocol: protocol, stream: uuid.New()}
	defer func() {
		for _, l := range k.open {
			l.conn.Close()
		}
		if r := recover(); r != nil {
			wrong, is := r.(wrong)
			if !is {
				panic(r)
			}
			s.Wrong = string(wrong)
		}
	}()
	look(k)
	return s
}

// wrong ends a step.
type wrong string

type step struct {
	name string
	look func(*check)
}

var steps = []step{
	{"the service speaks the subprotocol, and answers a start with hello", (*check).hello},
	{"a burst is acknowledged", (*check).burst},
	{"what is sent again is acknowledged again, and not refused", (*check).again},
	{"what lies beyond a hole is acknowledged by itself, and the hole when it is filled", (*check).hole},
	{"a new socket of the stream hears up to where all is safe", (*check).resume},
	{"a fix from the future is rejected by name, and costs no other", (*check).future},
	{"a place that cannot be is rejected by name, and costs no other", (*check).nowhere},
	{"a newer socket of the stream replaces the older (4004)", (*check).replaced},
	{"fixes before a start end the socket (4008)", (*check).unstarted},
	{"a burst of 501 ends the socket, and the reason names the field (4008)", (*check).tooMany},
	{"what is no message ends the socket (4008)", (*check).nonsense},
}

// check is a step under way.
type check struct {
	Config
	ctx      context.Context
	protocol string
	stream   uuid.UUID
	open     []*line
}

func (k *check) fail(format string, args ...any) { panic(wrong(fmt.Sprintf(format, args...))) }

func (k *check) dial(token string) (*websocket.Conn, *http.Response, error) {
	dialer := websocket.Dialer{Subprotocols: []string{k.protocol}, HandshakeTimeout: k.Within, Proxy: http.ProxyFromEnvironment}
	conn, response, err := dialer.DialContext(k.ctx, k.URL, http.Header{"Authorization": {"Bearer " + token}})
	if response != nil {
		response.Body.Close()
	}
	return conn, response, err
}

func (k *check) refused() {
	conn, response, err := k.dial("no-such-token")
	switch {
	case err == nil:
		conn.Close()
		k.fail("a token that does not exist opened a socket")
	case response == nil:
		k.fail("no answer: %v", err)
	case response.StatusCode != http.StatusUnauthorized:
		k.fail("answered %s", response.Status)
	}
}

// line is a socket.
type line struct {
	*check
	conn *websocket.Conn
}

func (k *check) dialled() *line {
	conn, response, err := k.dial(k.Token)
	if err != nil {
		if response != nil {
			k.fail("the handshake was answered %s", response.Status)
		}
		k.fail("no answer: %v", err)
	}
	l := &line{k, conn}
	k.open = append(k.open, l)
	if got := conn.Subprotocol(); got != k.protocol {
		k.fail("the service speaks %q, not %q; does something in between drop Sec-WebSocket-Protocol?", got, k.protocol)
	}
	return l
}

func (k *check) started(lowest int64) (*line, beacon.Hello) {
	l := k.dialled()
	l.text(string(beacon.AppendStart(nil, beacon.Start{Stream: k.stream, LowestHeld: lowest})))
	hello, is := l.next().(beacon.Hello)
	if !is {
		k.fail("the first message is no hello")
	}
	return l, hello
}

func (l *line) text(message string) {
	if err := l.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		l.fail("cannot send: %v", err)
	}
}

func (l *line) send(fixes ...beacon.Fix) {
	kind, message := websocket.TextMessage, []byte(nil)
	if l.protocol == beacon.SubprotocolBinary {
		kind = websocket.BinaryMessage
		for len(fixes) > 0 { // more than may be in one message, where a step wants that
			var n int
			message, n = beacon.AppendFixesBinary(message, fixes)
			fixes = fixes[n:]
		}
	} else {
		message, _ = beacon.AppendFixes(nil, fixes)
	}
	if err := l.conn.WriteMessage(kind, message); err != nil {
		l.fail("cannot send: %v", err)
	}
}

// next is the next message that says something about fixes; offers, intervals and
// notices may come at any time.
func (l *line) next() beacon.Down {
	for {
		down, err := l.read()
		if err != nil {
			l.fail("%v", err)
		}
		switch down.(type) {
		case beacon.Hello, beacon.Ack, beacon.Reject:
			return down
		}
	}
}

func (l *line) read() (beacon.Down, error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(l.Within))
	kind, message, err := l.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	if kind == websocket.BinaryMessage {
		if l.protocol != beacon.SubprotocolBinary {
			return nil, errors.New("a binary message came on a socket of text")
		}
		return beacon.DecodeAckBinary(message)
	}
	return beacon.DecodeDown(message)
}

// acked waits until all up to seq is safe and answers the last acknowledgement, and
// the rejects on the way.
func (l *line) acked(seq int64) (beacon.Ack, []beacon.Reject) {
	var rejects []beacon.Reject
	for {
		switch m := l.next().(type) {
		case beacon.Reject:
			rejects = append(rejects, m)
		case beacon.Ack:
			if m.Seq > seq {
				l.fail("%d is acknowledged, and no more than %d was sent", m.Seq, seq)
			}
			if m.Seq == seq {
				return m, rejects
			}
		}
	}
}

// closed waits for the service to close, and answers its reason.
func (l *line) closed(code int) string {
	for {
		_, err := l.read()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			if closed.Code != code {
				l.fail("closed with %d %q", closed.Code, closed.Text)
			}
			return closed.Text
		}
		if err != nil {
			l.fail("not closed: %v", err)
		}
	}
}

// fix is a good one.
func (k *check) fix(seq int64) beacon.Fix {
	return beacon.Fix{
		Seq: seq, T: k.Now().Add(-time.Minute + time.Duration(seq)*time.Second).Truncate(time.Millisecond),
		Lon: k.Lon + float64(seq)*1e-6, Lat: k.Lat, AccuracyM: 8, SpeedMS: 0.1, HeadingDeg: 90, Battery: 0.8,
	}
}

func (k *check) hello() {
	_, h := k.started(1)
	off := h.ServerTime.Sub(k.Now())
	switch {
	case h.Stream != k.stream:
		k.fail("hello is for stream %s", h.Stream)
	case h.Acked != 0:
		k.fail("%d of a new stream are said to be safe", h.Acked)
	case h.IntervalS < 1:
		k.fail("the interval is %d s", h.IntervalS)
	case math.Abs(off.Seconds()) > 120:
		k.fail("the clocks are %s apart; fixes more than 2 min ahead of the service are rejected", off.Round(time.Second))
	}
}

// accepted fails where good fixes were rejected, and says what to do.
func (k *check) accepted(rejects []beacon.Reject) {
	for _, r := range rejects {
		switch r.Code {
		case beacon.OffDuty:
			k.fail("a good fix was rejected: its patrol is off duty; give it a shift that lasts")
		case beacon.UnknownDevice:
			k.fail("a good fix was rejected: the device speaks for no patrol; bind it to one")
		}
		k.fail("a good fix was rejected: %s %s", r.Code, r.Detail)
	}
}

func (k *check) burst() {
	l, _ := k.started(1)
	l.send(k.fix(1), k.fix(2), k.fix(3))
	_, rejects := l.acked(3)
	k.accepted(rejects)
}

func (k *check) again() {
	l, _ := k.started(1)
	one, two := k.fix(1), k.fix(2)
	l.send(one, two)
	_, rejects := l.acked(2)
	k.accepted(rejects)
	l.send(one, two)
	_, rejects = l.acked(2)
	k.accepted(rejects)
}

func (k *check) hole() {
	l, _ := k.started(1)
	l.send(k.fix(1), k.fix(3), k.fix(4))
	ack, rejects := l.acked(1)
	k.accepted(rejects)
	if len(ack.Also) != 1 || ack.Also[0] != (beacon.Range{First: 3, Last: 4}) {
		k.fail("3 and 4 were sent; beyond the hole %v is acknowledged", ack.Also)
	}
	l.send(k.fix(2))
	ack, rejects = l.acked(4)
	k.accepted(rejects)
	if len(ack.Also) != 0 {
		k.fail("nothing lies beyond 4, and %v is acknowledged", ack.Also)
	}
}

func (k *check) resume() {
	l, _ := k.started(1)
	l.send(k.fix(1), k.fix(2))
	_, rejects := l.acked(2)
	k.accepted(rejects)
	l.conn.Close()
	l, h := k.started(3)
	if h.Acked != 2 {
		k.fail("2 are safe, and hello says %d", h.Acked)
	}
	l.send(k.fix(3))
	_, rejects = l.acked(3)
	k.accepted(rejects)
}

func (k *check) rejected(bad beacon.Fix, want beacon.Code) {
	l, _ := k.started(1)
	bad.Seq = 2
	l.send(k.fix(1), bad, k.fix(3))
	_, rejects := l.acked(3)
	if len(rejects) != 1 || rejects[0].Seq != 2 || rejects[0].Code != want || rejects[0].Detail == "" {
		k.accepted(dropSeq(rejects, 2))
		k.fail("2 should be rejected as %s with a reason; rejected is %+v", want, rejects)
	}
}

func dropSeq(rejects []beacon.Reject, seq int64) []beacon.Reject {
	var out []beacon.Reject
	for _, r := range rejects {
		if r.Seq != seq {
			out = append(out, r)
		}
	}
	return out
}

func (k *check) future() {
	bad := k.fix(2)
	bad.T = k.Now().Add(time.Hour).Truncate(time.Millisecond)
	k.rejected(bad, beacon.Future)
}

func (k *check) nowhere() {
	bad := k.fix(2)
	bad.Lon, bad.Lat = 0, 0
	k.rejected(bad, beacon.NullIsland)
}

func (k *check) replaced() {
	old, _ := k.started(1)
	k.started(1)
	old.closed(beacon.CloseReplaced)
}

func (k *check) unstarted() {
	l := k.dialled()
	l.send(k.fix(1))
	l.closed(beacon.CloseProtocol)
}

func (k *check) tooMany() {
	l, _ := k.started(1)
	if l.protocol == beacon.SubprotocolBinary {
		fixes := make([]beacon.Fix, beacon.MaxFixes+1)
		for i := range fixes {
			fixes[i] = k.fix(int64(i) + 1)
		}
		l.send(fixes...)
	} else {
		one := `{"seq":1,"t":"2026-01-01T00:00:00Z","lon":1,"lat":1}`
		l.text(`{"type":"fixes","fixes":[` + strings.Repeat(one+",", beacon.MaxFixes) + one + `]}`)
	}
	if reason := l.closed(beacon.CloseProtocol); !strings.Contains(reason, "fixes") {
		k.fail("the reason %q does not name the field", reason)
	}
}

func (k *check) nonsense() {
	l, _ := k.started(1)
	if l.protocol == beacon.SubprotocolBinary {
		if err := l.conn.WriteMessage(websocket.BinaryMessage, make([]byte, beacon.RecordBytes-1)); err != nil {
			k.fail("cannot send: %v", err)
		}
	} else {
		l.text("hello?")
	}
	if l.closed(beacon.CloseProtocol) == "" {
		k.fail("no reason is given")
	}
}
