package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Three nodes in network namespaces of their own, one PostgreSQL, devices that know
// all three and screens behind a proxy. One node is killed, then the bus of another is
// cut with no word to anybody, then mended. Needs root and ip(8).
func TestThreeNodesOneKilledAndTheBusCut(t *testing.T) {
	const (
		screens    = 9
		backWithin = 5 * time.Second // a screen after its node was killed
		lateAtMost = 6 * time.Second // a place while the bus is cut
		freshAgain = 3 * time.Second // a place when all is well
		saidWithin = 30 * time.Second
	)
	if !chaosAsked(t, "three nodes", "ip") {
		return
	}
	n := newNets(t, 3)
	w := newCrashWorld(t)
	r := newReporters(w)
	token := r.token
	var programs []*crashProgram
	var upstreams []string
	for i := range 3 {
		programs = append(programs, n.serve(w, i))
		upstreams = append(upstreams, n.door(i))
	}
	r.doors = upstreams
	w.address = n.door(0)
	for i := 1; i < 3; i++ {
		w.others = append(w.others, "ws://"+n.door(i)+"/ws/beacon")
	}
	front := newFront(t, upstreams)
	var walls []*wall
	for range screens {
		walls = append(walls, newWall(t, front, token))
	}
	w.load()
	r.run()
	w.awaitAcks(acksBetween)
	r.await(10)
	for _, s := range walls {
		await(t, "every patrol is on every screen", func() bool { return s.patrols() == crashDevices })
	}
	row := func(what string, got, bar time.Duration, ok bool) {
		if !ok {
			t.Errorf("%s: %v, want %v", what, got, bar)
		}
		most := bar.Seconds()
		chaosFigures(t, chaosFigure{Name: "three nodes: " + what, Value: got.Seconds(), Unit: "s", Bar: &most})
	}
	oldest := func() time.Duration {
		var age time.Duration
		for _, s := range walls {
			age = max(age, s.oldest())
		}
		return age.Round(10 * time.Millisecond)
	}

	await(t, "places are fresh on every screen", func() bool { return oldest() < freshAgain })
	row("all well: oldest place on any screen", oldest(), freshAgain, oldest() < freshAgain)

	killed := time.Now()
	programs[1].kill()
	var back time.Duration
	held := 0
	for _, s := range walls {
		if gone, at := s.backAfter(t, killed); gone {
			held++
			back = max(back, at)
		}
	}
	row(fmt.Sprintf("node 2 killed: %d of %d screens were on it; the last is back after", held, screens), back.Round(10*time.Millisecond), backWithin, back <= backWithin && held > 0)
	w.awaitAcks(acksBetween)
	await(t, "places are fresh on every screen", func() bool { return oldest() < freshAgain })
	row("node 2 killed: every patrol is fresh on every screen after", time.Since(killed).Round(10*time.Millisecond), saidWithin, time.Since(killed) < saidWithin)

	r.await(10)
	cut := time.Now()
	n.bus(2, false)
	await(t, "every screen is told", func() bool { return !slices.ContainsFunc(walls, func(s *wall) bool { return !s.told() }) })
	row("bus of node 3 cut silently: every screen is told after", time.Since(cut).Round(10*time.Millisecond), saidWithin, time.Since(cut) < saidWithin)
	late := oldestOver(10*time.Second, oldest)
	row("bus cut: oldest place on any screen in 10 s", late, lateAtMost, late <= lateAtMost)
	w.awaitAcks(acksBetween)

	r.await(10)
	mended := time.Now()
	n.bus(2, true)
	await(t, "no screen is told any more", func() bool { return !slices.ContainsFunc(walls, func(s *wall) bool { return s.told() }) })
	row("bus mended: every screen is told after", time.Since(mended).Round(10*time.Millisecond), saidWithin, time.Since(mended) < saidWithin)
	await(t, "places are fresh on every screen", func() bool { return oldest() < freshAgain })
	late = oldestOver(5*time.Second, oldest)
	row("bus mended: oldest place on any screen in 5 s", late, freshAgain, late <= freshAgain)

	for _, s := range walls {
		s.stop()
	}
	r.stop()
	w.mustEndLoad()
	kept, filed := w.count(), r.count()
	w.mustBeWhole(kept)
	if filed.missing > 0 || filed.doubled > 0 {
		t.Errorf("of %d acknowledged reports %d are missing and %d stand twice", filed.acked, filed.missing, filed.doubled)
	}
	chaosFigures(t,
		chaosFigure{Name: "three nodes: fixes acknowledged", Value: float64(kept.acked), Unit: "fixes"},
		chaosFigure{Name: "three nodes: fixes acknowledged and missing", Value: float64(kept.missing), Unit: "fixes", Bar: new(float64)},
		chaosFigure{Name: "three nodes: fixes there twice", Value: float64(kept.doubled), Unit: "fixes", Bar: new(float64)},
		chaosFigure{Name: "three nodes: reports acknowledged", Value: float64(filed.acked), Unit: "reports"},
		chaosFigure{Name: "three nodes: reports acknowledged and missing", Value: float64(filed.missing), Unit: "reports", Bar: new(float64)},
		chaosFigure{Name: "three nodes: reports there twice", Value: float64(filed.doubled), Unit: "reports", Bar: new(float64)},
	)
}

// oldestOver is the oldest place that is seen within a span: what is measured is the span,
// so there is no signal that would end it sooner.
func oldestOver(span time.Duration, oldest func() time.Duration) (late time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(span); ; {
		late = max(late, oldest())
		select {
		case <-tick.C:
		case <-end:
			return late
		}
	}
}

// nets are network namespaces, each with a door to this one and a bus of its own.
type nets struct {
	t     *testing.T
	count int
}

func newNets(t *testing.T, count int) *nets {
	t.Helper()
	n := &nets{t: t, count: count}
	n.remove()
	t.Cleanup(n.remove)
	n.ip("link add gpdoor type bridge")
	n.ip("addr add 10.91.7.1/24 dev gpdoor")
	n.ip("link set gpdoor up")
	n.ip("link add gpbus type bridge")
	n.ip("link set gpbus up")
	for i := range count {
		n.ip("netns add gpn%d", i)
		n.ip("-n gpn%d link set lo up", i)
		for _, net := range []struct{ name, ip string }{{"door", "10.91.7"}, {"bus", "10.92.7"}} {
			n.ip("link add gp%s%d type veth peer name %s netns gpn%d", net.name, i, net.name, i)
			n.ip("link set gp%s%d master gp%s up", net.name, i, net.name)
			n.ip("-n gpn%d addr add %s.1%d/24 dev %s", i, net.ip, i, net.name)
			n.ip("-n gpn%d link set %s up", i, net.name)
		}
	}
	return n
}

func (n *nets) ip(format string, args ...any) {
	n.t.Helper()
	if out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(format, args...))...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip "+format+": %v: %s", append(args, err, out)...)
	}
}

func (n *nets) remove() {
	for i := range n.count {
		// A namespace goes some time after it is told to, its wires with it; a wire goes at once.
		_ = exec.Command("ip", "link", "del", fmt.Sprintf("gpdoor%d", i)).Run()
		_ = exec.Command("ip", "link", "del", fmt.Sprintf("gpbus%d", i)).Run()
		_ = exec.Command("ip", "netns", "del", fmt.Sprintf("gpn%d", i)).Run()
	}
	_ = exec.Command("ip", "link", "del", "gpdoor").Run()
	_ = exec.Command("ip", "link", "del", "gpbus").Run()
}

func (n *nets) door(i int) string { return fmt.Sprintf("10.91.7.1%d:8080", i) }

// bus cuts a node's bus on the far side of its wire: it hears no word of it.
func (n *nets) bus(i int, up bool) {
	n.t.Helper()
	n.ip("link set gpbus%d %s", i, map[bool]string{true: "up", false: "down"}[up])
}

func (n *nets) serve(w *crashWorld, i int) *crashProgram {
	n.t.Helper()
	var peers []string
	for j := range n.count {
		if j != i {
			peers = append(peers, fmt.Sprintf("10.92.7.1%d:6222", j))
		}
	}
	cmd := exec.Command("ip", "netns", "exec", fmt.Sprintf("gpn%d", i), os.Args[0], "serve", "--listen", n.door(i), "--data-dir", w.dir)
	cmd.Env = append(os.Environ(), beProgram+"=1", "DATABASE_URL=", "GRIDPATROL_BUS_LISTEN="+fmt.Sprintf("10.92.7.1%d:6222", i),
		"GRIDPATROL_BUS_PEERS="+strings.Join(peers, ","), "GRIDPATROL_BUS_SECRET=a secret for three nodes", "GRIDPATROL_BUS_PLAIN=true")
	p, err := w.launch(cmd)
	if err != nil {
		n.t.Fatalf("node %d: %v; the end of the log:\n%s", i, err, w.logEnd())
	}
	return p
}

// newFront is a proxy as one puts before nodes: it hands each connection to the next
// node that takes it.
func newFront(t *testing.T, nodes []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for turn := 0; ; turn++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				for i := range nodes {
					far, err := net.DialTimeout("tcp", nodes[(turn+i)%len(nodes)], 300*time.Millisecond)
					if err != nil {
						continue
					}
					mu.Lock()
					open = append(open, conn, far)
					mu.Unlock()
					var both sync.WaitGroup
					both.Go(func() { _, _ = io.Copy(far, conn); conn.Close(); far.Close() })
					both.Go(func() { _, _ = io.Copy(conn, far); conn.Close(); far.Close() })
					both.Wait()
					return
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

// wall is a screen that comes back as the page does: by itself, at once and then a
// little later each time.
type wall struct {
	stopped chan struct{}
	done    chan struct{}

	mu     sync.Mutex // guards all below; the reader writes, the test reads
	conn   *websocket.Conn
	newest map[string]time.Time
	cut    bool
	lost   time.Time // when the socket last ended
	back   time.Time // when a snapshot last came
}

func newWall(t *testing.T, front, token string) *wall {
	s := &wall{stopped: make(chan struct{}), done: make(chan struct{}), newest: map[string]time.Time{}}
	go func() {
		defer close(s.done)
		for tries := 0; ; tries++ {
			conn, _, err := websocket.DefaultDialer.Dial("ws://"+front+"/ws/live", http.Header{"Authorization": {"Bearer " + token}})
			if err == nil {
				tries = 0
				s.mu.Lock()
				s.conn = conn
				s.mu.Unlock()
				s.read(conn)
			}
			select {
			case <-s.stopped:
				return
			case <-time.After(min(15*time.Second, 500*time.Millisecond<<min(tries, 5))):
			}
		}
	}()
	t.Cleanup(s.stop)
	return s
}

func (s *wall) stop() {
	s.mu.Lock()
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	if s.conn != nil {
		s.conn.Close()
	}
	s.mu.Unlock()
	<-s.done
}

func (s *wall) read(conn *websocket.Conn) {
	defer conn.Close()
	for {
		_, message, err := conn.ReadMessage()
		s.mu.Lock()
		if err != nil {
			s.lost = time.Now()
			s.mu.Unlock()
			return
		}
		var f struct {
			Type           string
			Cut            bool
			Patrols, Moved []struct {
				ID string
				T  time.Time
			}
		}
		_ = json.Unmarshal(message, &f) // what is no frame shows nothing
		switch f.Type {
		case "snapshot":
			s.cut, s.back = false, time.Now()
		case "link":
			s.cut = f.Cut
		}
		for _, p := range slices.Concat(f.Patrols, f.Moved) {
			s.newest[p.ID] = p.T
		}
		s.mu.Unlock()
	}
}

func (s *wall) patrols() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.newest)
}

func (s *wall) told() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// oldest is the age of the oldest place on the screen.
func (s *wall) oldest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var age time.Duration
	for _, at := range s.newest {
		age = max(age, time.Since(at))
	}
	return age
}

// backAfter says whether the screen was lost by a blow, and how long after it a whole
// picture came again. A killed node's sockets end at once, so that a second's peace
// means that the screen was on another.
func (s *wall) backAfter(t *testing.T, blow time.Time) (lost bool, after time.Duration) {
	t.Helper()
	await(t, "the screen is lost, or was on another node", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		lost = s.lost.After(blow)
		return lost || time.Since(blow) > time.Second
	})
	if !lost {
		return false, 0
	}
	await(t, "the screen is back", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		after = s.back.Sub(blow)
		return s.back.After(s.lost)
	})
	return true, after
}
