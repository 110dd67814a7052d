package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// cluster is several nodes in this process on one database, with an operator and a
// few devices on duty.
type cluster struct {
	t        *testing.T
	nodes    []*running
	units    []realtimetest.Unit
	devices  []string // tokens, by unit
	operator string
	change   func(*serveConfig) // of every node
}

// newCluster starts a node; more may come later.
func newCluster(t *testing.T, units int, change ...func(*serveConfig)) *cluster {
	t.Helper()
	db := pgtest.New(t)
	c := &cluster{t: t, units: realtimetest.Lay(t, db, units, time.Now())}
	c.change = func(s *serveConfig) {
		for _, f := range change {
			f(s)
		}
	}
	auth := pgauth.New(db, pgauth.Config{})
	if _, err := auth.AddAccount(t.Context(), pgauth.NewAccount{Username: "wang", Password: "a long password", Role: dispatch.Role("operator")}); err != nil {
		t.Fatal(err)
	}
	token := func(owner pgauth.Owner) string {
		_, token, err := auth.CreateToken(t.Context(), owner, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	c.operator = token(pgauth.Owner{Username: "wang"})
	for i := range units {
		c.devices = append(c.devices, token(pgauth.Owner{DeviceCode: "unit-0000" + string(rune('0'+i))}))
	}
	config := serveConfig{Bus: busSettings{Listen: "127.0.0.1:0"}}
	c.change(&config)
	c.nodes = append(c.nodes, runNode(t, db, config))
	return c
}

func (c *cluster) first() *running { return c.nodes[0] }

// join starts another node that knows one bus address, or has no bus.
func (c *cluster) join(peer string) *running {
	c.t.Helper()
	config := serveConfig{}
	if peer != "" {
		config.Bus = busSettings{Listen: "127.0.0.1:0", Peers: []string{peer}}
	}
	c.change(&config)
	n := runNode(c.t, c.first().env.DB, config)
	c.nodes = append(c.nodes, n)
	return n
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(recoverWithin)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not so within %v: %s", recoverWithin, what)
		}
	}
}

func (c *cluster) awaitTogether() {
	c.t.Helper()
	for _, n := range c.nodes {
		await(c.t, "every node hears every other", func() bool { return len(n.service.neighbours.bus.Heard()) == len(c.nodes)-1 })
	}
}

// screen is a viewer's socket and what came down it.
type screen struct {
	conn  *websocket.Conn
	ended chan struct{} // closed with the socket

	mu     sync.Mutex // guards all below; the reader writes, the test reads
	where  map[string][2]float64
	cut    bool
	toldOf int // link frames
	cases  int
	code   int
}

func (c *cluster) watch(n *running) *screen {
	c.t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(c.t.Context(), "ws"+strings.TrimPrefix(n.url, "http")+"/ws/live",
		http.Header{"Authorization": {"Bearer " + c.operator}})
	if err != nil {
		c.t.Fatalf("%v (%v)", err, response)
	}
	s := &screen{conn: conn, ended: make(chan struct{}), where: map[string][2]float64{}}
	go s.read()
	c.t.Cleanup(func() { conn.Close(); <-s.ended })
	return s
}

func (s *screen) read() {
	defer close(s.ended)
	for {
		var f struct {
			Type           string
			Patrols, Moved []struct {
				ID       string
				Lon, Lat float64
			}
			Gone []string
			Cut  bool
		}
		err := s.conn.ReadJSON(&f)
		s.mu.Lock()
		if err != nil {
			if closed, is := err.(*websocket.CloseError); is {
				s.code = closed.Code
			}
			s.mu.Unlock()
			return
		}
		for _, p := range slices.Concat(f.Patrols, f.Moved) {
			s.where[p.ID] = [2]float64{p.Lon, p.Lat}
		}
		switch f.Type {
		case "link":
			s.cut = f.Cut
			s.toldOf++
		case "case":
			s.cases++
		}
		s.mu.Unlock()
	}
}

// sees says whether the screen shows a patrol at a longitude.
func (s *screen) sees(p dispatch.PatrolID, lon float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, there := s.where[p.String()]
	return there && at[0] == lon
}

func (s *screen) told(cut bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.toldOf > 0 && s.cut == cut
}

// phone is a device that sends when it is told to.
type phone struct {
	*beaconclient.Client
	ended chan error
	stop  func()
}

func (c *cluster) phone(unit int, stream uuid.UUID, nodes ...*running) *phone {
	c.t.Helper()
	var urls []string
	for _, n := range nodes {
		urls = append(urls, "ws"+strings.TrimPrefix(n.url, "http")+"/ws/beacon")
	}
	client, err := beaconclient.New(beaconclient.Config{URL: urls[0], Others: urls[1:], Token: c.devices[unit], Stream: stream, FirstPause: 20 * time.Millisecond})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &phone{Client: client, ended: make(chan error, 1), stop: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ended <- client.Run(ctx)
	}()
	c.t.Cleanup(func() { cancel(); <-done })
	return p
}

// at sends a place and waits until it is safe.
func (c *cluster) at(p *phone, lon float64) {
	c.t.Helper()
	p.Add(beacon.Fix{T: time.Now().UTC(), Lon: lon, Lat: 28.5, AccuracyM: 8})
	ctx, cancel := context.WithTimeout(c.t.Context(), recoverWithin)
	defer cancel()
	if err := p.Flush(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// A viewer on any node sees every device; one that comes back elsewhere goes on from
// what is on disk, and its old socket is told that it was replaced.
func TestAViewerOnAnyNodeSeesAll(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	second := c.join(c.first().service.neighbours.bus.Address())
	third := c.join(c.first().service.neighbours.bus.Address())
	c.awaitTogether()
	screens := []*screen{c.watch(c.first()), c.watch(second), c.watch(third)}
	mine, other := c.phone(0, uuid.New(), c.first()), c.phone(1, uuid.New(), second)
	c.at(mine, 121.31)
	c.at(other, 121.41)
	for i, s := range screens {
		await(t, "both patrols are on each screen", func() bool { return s.sees(c.units[0].Patrol, 121.31) && s.sees(c.units[1].Patrol, 121.41) })
		if s.told(true) {
			t.Errorf("screen %d was told that nodes are not heard", i)
		}
	}

	// The same install comes back on the third node while the first still holds it.
	again := c.phone(0, mine.Stream(), third)
	select {
	case err := <-mine.ended:
		if err == nil || !strings.Contains(err.Error(), "4004") {
			t.Errorf("the old socket ended with %v, want 4004", err)
		}
	case <-time.After(recoverWithin):
		t.Fatal("the old socket is still open")
	}
	mine.stop()
	c.at(again, 121.31001)
	for _, s := range screens {
		await(t, "the patrol moves on each screen", func() bool { return s.sees(c.units[0].Patrol, 121.31001) })
	}
	if n := rows(t, c.first().env.DB, `SELECT count(*) FROM tracks WHERE stream = $1`, mine.Stream()); n != 2 {
		t.Errorf("%d fixes of the stream are kept, want 2: it goes on where it was", n)
	}
}

// What is decided on one node is on the screens of all, by the outbox, whatever the
// bus does. That a deadline fires once however many nodes there are, also when one dies
// over it, is held by dispatch/pgstore, TestAMonthOfClocks.
func TestCasesTravelByTheDatabase(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	second := c.join("") // no bus at all
	screens := []*screen{c.watch(c.first()), c.watch(second)}
	realtimetest.Exec(t, c.first().env.DB, `INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, urgency, dispatch_mode, valid)
		SELECT gen_random_uuid(), id, 'A01', '出租房', 'Rental house', 'police', 'ordinary', 'manual', tstzrange('2020-01-01', NULL) FROM districts`)
	r, err := http.NewRequestWithContext(t.Context(), "POST", c.first().url+"/api/v1/reports",
		strings.NewReader(`{"category":"A01","location":{"lon":121.38,"lat":28.58,"accuracy_m":10},"description":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.operator)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("report: %d %s", response.StatusCode, body)
	}
	for _, s := range screens {
		await(t, "the case is on each screen", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.cases > 0
		})
	}
}

// While the bus is cut each node goes on, shows the others' devices from the database
// and says so; when it is whole again all is as before.
func TestACutBusIsSaidAndCaughtUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	way := newWay(t, c.first().service.neighbours.bus.Address())
	second := c.join(way.address)
	c.awaitTogether()
	s := c.watch(second)
	p := c.phone(0, uuid.New(), c.first())
	c.at(p, 121.31)
	await(t, "the other node's patrol is on the screen", func() bool { return s.sees(c.units[0].Patrol, 121.31) })

	way.cut()
	await(t, "the screen is told that nodes are not heard", func() bool { return s.told(true) })
	c.at(p, 121.31001)
	await(t, "the patrol's new place comes by the database", func() bool { return s.sees(c.units[0].Patrol, 121.31001) })
	if status, body := get(t, second.url+"/readyz"); status != http.StatusOK || !strings.Contains(body, `"/bus"`) {
		t.Errorf("/readyz: %d %s, want ready with a note of the bus", status, body)
	}
	if figures := scrape(t, second.metrics); figures["gridpatrol_bus_cut"] != 1 || figures["gridpatrol_bus_peers_unheard"] != 1 {
		t.Errorf("cut %v, unheard %v, want 1 and 1", figures["gridpatrol_bus_cut"], figures["gridpatrol_bus_peers_unheard"])
	}
	late := c.watch(second)
	await(t, "whoever opens the page now is told too", func() bool { return late.told(true) })

	way.mend()
	await(t, "the screen is told that all is well", func() bool { return s.told(false) })
	c.at(p, 121.31002)
	await(t, "the patrol moves", func() bool { return s.sees(c.units[0].Patrol, 121.31002) })
	if _, body := get(t, second.url+"/readyz"); strings.Contains(body, "/bus") {
		t.Errorf("/readyz still speaks of the bus: %s", body)
	}
	if n := scrape(t, second.metrics)[`gridpatrol_bus_dropped_total{why="malformed"}`]; n != 0 {
		t.Errorf("%v messages could not be read", n)
	}
}

// Without a bus a second node is late, not blind; a node that stops leaves nobody
// complaining, and its device goes on elsewhere with all that it held.
func TestWithoutABusAndAfterAStop(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	second := c.join("")
	s := c.watch(second)
	p := c.phone(0, uuid.New(), c.first(), second)
	c.at(p, 121.31)
	await(t, "the patrol comes by the database", func() bool { return s.sees(c.units[0].Patrol, 121.31) })
	await(t, "the screen is told", func() bool { return s.told(true) })
	c.first().stop()
	c.at(p, 121.31001) // by the second node: the client knows both
	await(t, "the patrol moves on", func() bool { return s.sees(c.units[0].Patrol, 121.31001) })
	await(t, "nobody is missed", func() bool { return s.told(false) })
}

// way is a TCP proxy that can be cut.
type way struct {
	address string
	to      string

	mu    sync.Mutex // guards open and conns
	open  bool
	conns []net.Conn
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{address: l.Addr().String(), to: to, open: true}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); w.cut(); running.Wait() })
	return w
}

func (w *way) carry(conn net.Conn) {
	defer conn.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	if !w.open {
		w.mu.Unlock()
		return
	}
	w.conns = append(w.conns, conn, far)
	w.mu.Unlock()
	var both sync.WaitGroup
	for _, c := range [][2]net.Conn{{conn, far}, {far, conn}} {
		both.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			conn.Close()
			far.Close()
		})
	}
	both.Wait()
}

func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = false
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

func (w *way) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = true
}

// A configuration that cannot work is told at once, and no secret is repeated.
func TestBusSettingsAreChecked(t *testing.T) {
	t.Setenv("GRIDPATROL_BUS_SECRET", "short")
	_, err := serveConfig{Listen: "127.0.0.1:0", TZ: "UTC", Bus: busSettings{Listen: "0.0.0.0:6222"}}.check(Common{DataDir: t.TempDir()})
	if err == nil {
		t.Fatal("an open bus was taken")
	}
	for _, want := range []string{"GRIDPATROL_BUS_SECRET: has fewer", "GRIDPATROL_BUS_CERT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	line, _ := json.Marshal(busSettings{})
	if strings.Contains(strings.ToLower(string(line)), "secret") {
		t.Error("a secret can be given where lists of processes show it")
	}
}
