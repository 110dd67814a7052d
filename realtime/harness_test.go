package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

// patience bounds every wait; a test that meets it has failed.
const patience = 20 * time.Second

// bundle is a whole real-time side on real sockets and a real database.
type bundle struct {
	t      *testing.T
	db     *pgdb.DB
	units  []realtimetest.Unit
	clock  *clock
	ledger *gate
	node   *node
	config realtime.Config
	cases  atomic.Pointer[realtime.CaseSource]

	looksMu   sync.Mutex // guards looksFail and looked
	looksFail int
	looked    map[dispatch.Viewer]map[dispatch.PatrolID]bool
}

// node is one run of the service.
type node struct {
	index   *realtime.Index
	bus     *realtime.LocalBus
	beacons *realtime.BeaconServer
	live    *realtime.LiveServer
	url     string
	stop    func()
	shut    func() // the doors: sockets are sent away while the rest works on
}

func setup(t *testing.T, units int, change ...func(*realtime.Config)) *bundle {
	t.Helper()
	db := pgtest.New(t)
	c := &clock{}
	b := &bundle{t: t, db: db, clock: c, units: realtimetest.Lay(t, db, units, c.now())}
	store := pgtrack.New(db)
	b.ledger = &gate{Ledger: store, changed: make(chan struct{})}
	b.config = realtime.Config{
		Ledger: b.ledger, Rosters: store, Snapshots: store, Now: c.now, Linger: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&b.config)
	}
	none := realtime.CaseSource(func(context.Context, dispatch.Viewer) ([]dispatch.Case, error) { return nil, nil })
	b.cases.Store(&none)
	b.node = b.start()
	return b
}

// look keeps who saw whom, after as many failures as the test asks for.
func (b *bundle) look(who dispatch.Viewer, patrols []dispatch.PatrolID) error {
	b.looksMu.Lock()
	defer b.looksMu.Unlock()
	if b.looksFail > 0 {
		b.looksFail--
		return errors.New("the database is away")
	}
	if b.looked == nil {
		b.looked = map[dispatch.Viewer]map[dispatch.PatrolID]bool{}
	}
	if b.looked[who] == nil {
		b.looked[who] = map[dispatch.PatrolID]bool{}
	}
	for _, id := range patrols {
		b.looked[who][id] = true
	}
	return nil
}

// start runs the service; it is stopped with the test at the latest.
func (b *bundle) start() *node {
	b.t.Helper()
	n := &node{index: realtime.NewIndex(b.clock.now), bus: realtime.NewLocalBus()}
	config := b.config
	config.Index, config.Bus = n.index, n.bus
	var err error
	if n.beacons, err = realtime.OpenBeacons(b.t.Context(), config); err != nil {
		b.t.Fatal(err)
	}
	n.live, err = realtime.NewLiveServer(realtime.LiveConfig{
		Index: n.index, Bus: n.bus, Tick: 20 * time.Millisecond, Log: b.config.Log,
		Record: func(_ context.Context, who dispatch.Viewer, patrols []dispatch.PatrolID) error {
			return b.look(who, patrols)
		},
		Cases: func(ctx context.Context, who dispatch.Viewer) ([]dispatch.Case, error) {
			return (*b.cases.Load())(ctx, who)
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = n.beacons.Run(ctx) })
	running.Go(func() { _ = n.live.Run(ctx) })
	doors, shut := context.WithCancel(context.Background())
	n.shut = shut
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := realtime.BeaconUpgrader()
		if r.URL.Path == "/ws/live" {
			upgrader.Subprotocols = websocket.Subprotocols(r) // the first, as the door does
		}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if r.URL.Path == "/ws/live" {
			var who dispatch.Viewer
			if json.Unmarshal([]byte(r.Header.Get("Viewer")), &who) == nil {
				_ = n.live.Serve(ctx, conn, who)
			}
			return
		}
		id, err := uuid.Parse(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err == nil {
			if err := n.beacons.Serve(doors, conn, realtime.Device{ID: dispatch.DeviceID{UUID: id}}); err != nil {
				b.t.Errorf("serve: %v", err)
			}
		}
	}))
	n.url = "ws" + strings.TrimPrefix(server.URL, "http")
	n.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		server.Close()
		shut()
	})
	b.t.Cleanup(n.stop)
	return n
}

// clock is the service's, a step of a test's choosing away from the machine's.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load())).UTC().Truncate(time.Microsecond)
}
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// gate is a ledger whose database can go away.
type gate struct {
	realtime.Ledger
	away    atomic.Bool
	tries   atomic.Int64
	changed chan struct{}
}

var errGate = errors.New("the database is away")

func (g *gate) Commit(ctx context.Context, batch *realtime.Batch) error {
	g.tries.Add(1)
	select {
	case g.changed <- struct{}{}: // somebody waits for a try
	default:
	}
	if g.away.Load() {
		return errGate
	}
	return g.Ledger.Commit(ctx, batch)
}

// phone is a device's end of a socket, driven by hand.
type phone struct {
	t    *testing.T
	conn *websocket.Conn
}

func (n *node) dial(t *testing.T, path string, header http.Header) *phone {
	t.Helper()
	return n.dialAs(t, beacon.Subprotocol, path, header)
}

func (n *node) dialAs(t *testing.T, subprotocol, path string, header http.Header) *phone {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: patience}
	conn, response, err := dialer.DialContext(t.Context(), n.url+path, header)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	t.Cleanup(func() { conn.Close() })
	return &phone{t: t, conn: conn}
}

func (n *node) phone(t *testing.T, u realtimetest.Unit) *phone {
	t.Helper()
	return n.dial(t, "/ws/beacon", http.Header{"Authorization": {"Bearer " + u.Device.String()}})
}

// open is a phone that has been greeted.
func (n *node) open(t *testing.T, u realtimetest.Unit, stream uuid.UUID, lowest int64) (*phone, beacon.Hello) {
	t.Helper()
	p := n.phone(t, u)
	p.send(string(beacon.AppendStart(nil, beacon.Start{Stream: stream, LowestHeld: lowest})))
	return p, hear[beacon.Hello](p)
}

func (p *phone) send(message string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *phone) fixes(fixes ...beacon.Fix) {
	p.t.Helper()
	message, n := beacon.AppendFixes(nil, fixes)
	if n != len(fixes) {
		p.t.Fatalf("%d of %d fixes fit in a message", n, len(fixes))
	}
	p.send(string(message))
}

func (p *phone) next() (beacon.Down, error) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	kind, message, err := p.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	if kind == websocket.BinaryMessage {
		return beacon.DecodeAckBinary(message)
	}
	down, err := beacon.DecodeDown(message)
	if err != nil || down == nil {
		p.t.Fatalf("%s: %v", message, err)
	}
	return down, nil
}

// hear expects the next message to be of a kind.
func hear[M beacon.Down](p *phone) M {
	p.t.Helper()
	down, err := p.next()
	if err != nil {
		p.t.Fatalf("waiting for %T: %v", *new(M), err)
	}
	m, ok := down.(M)
	if !ok {
		p.t.Fatalf("heard %#v, want %T", down, m)
	}
	return m
}

// ack waits until all up to seq is acknowledged, through acknowledgements of parts,
// and answers the last one and the rejects on the way.
func (p *phone) ack(seq int64) (beacon.Ack, []beacon.Reject) {
	p.t.Helper()
	var rejects []beacon.Reject
	for {
		down, err := p.next()
		if err != nil {
			p.t.Fatalf("waiting for the acknowledgement of %d: %v", seq, err)
		}
		switch m := down.(type) {
		case beacon.Reject:
			rejects = append(rejects, m)
		case beacon.Ack:
			if m.Seq >= seq {
				return m, rejects
			}
		}
	}
}

// closed expects the service to close with a code and answers the reason.
func (p *phone) closed(code int) string {
	p.t.Helper()
	for {
		_, err := p.next()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code == code:
			return closed.Text
		case err != nil:
			p.t.Fatalf("%v, want a close with %d", err, code)
		}
	}
}

func (b *bundle) count(query string, args ...any) (n int64) {
	b.t.Helper()
	if err := b.db.QueryRow(b.t.Context(), query, args...).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// want compares a count of the database.
func (b *bundle) want(n int64, query string, args ...any) {
	b.t.Helper()
	if got := b.count(query, args...); got != n {
		b.t.Errorf("%s: %d, want %d", query, got, n)
	}
}

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		case <-poll.C:
		}
	}
}

// at is a good fix at a time, seq metres east of a spot.
func at(seq int64, t time.Time) beacon.Fix {
	return beacon.Fix{Seq: seq, T: t, Lon: 121.38 + float64(seq)*1e-5, Lat: 28.58, AccuracyM: 8, SpeedMS: 1.2, HeadingDeg: 90, Battery: 0.8}
}

func raw(seq int64, t time.Time, lon, lat string) string {
	return fmt.Sprintf(`{"seq":%d,"t":"%s","lon":%s,"lat":%s}`, seq, t.Format(time.RFC3339Nano), lon, lat)
}
