package pgstore_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// cable is what a node reaches the database through. Cut, every connection ends where it
// is, and none is made again: that is all a database sees of a program that was killed.
type cable struct {
	url  string
	stop net.Listener
	ends sync.WaitGroup

	mu  sync.Mutex // guards what follows; connections come while it is cut
	cut bool
	all []net.Conn
}

func layCable(t testing.TB, to string) *cable {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	dir, err := os.MkdirTemp("", "gp") // a path to a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const socket = ".s.PGSQL.5432"
	server := filepath.Join(query.Get("host"), socket)
	c := &cable{}
	if c.stop, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		t.Fatal(err)
	}
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	c.url = u.String()
	c.ends.Go(func() {
		for {
			near, err := c.stop.Accept()
			if err != nil {
				return // cut
			}
			far, err := net.Dial("unix", server)
			if err != nil {
				near.Close()
				continue
			}
			if !c.keep(near, far) {
				return
			}
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				c.ends.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					way[0].Close()
					way[1].Close()
				})
			}
		}
	})
	t.Cleanup(func() { c.snap(); c.ends.Wait() })
	return c
}

func (c *cable) keep(both ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, both...)
	if c.cut {
		for _, conn := range both {
			conn.Close()
		}
	}
	return !c.cut
}

func (c *cable) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *cable) snap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.stop.Close()
	for _, conn := range c.all {
		conn.Close()
	}
}

// node is a program of its own as far as clocks go: its pool, its duty desk and all that
// ticks, as cmd/gridpatrol runs them.
type node struct {
	proc *program // where it has a process of its own; it has nothing of the next four then
	line *cable
	db   *pgdb.DB
	stop context.CancelFunc
	ran  chan error

	// strike is after how many more pieces of work it dies; 0 is never.
	strike atomic.Int64
	how    atomic.Int64
	dead   atomic.Bool
	// lastWork: a process dies as it lays down what it is at.
	lastWork atomic.Bool
	held     atomic.Int64 // what it had leased when it died
	stirs    chan<- struct{}
}

// startNode starts one on the database of a world. It sends to stirs, which holds one,
// when it takes up a piece of work and when it lays it down.
func (w *world) startNode(stirs chan<- struct{}) *node {
	w.t.Helper()
	n := &node{line: layCable(w.t, w.db.Config().ConnString()), ran: make(chan error, 1), stirs: stirs}
	var err error
	if n.db, err = pgdb.Open(context.Background(), pgdb.Config{URL: n.line.url, AllowUnsafeCommit: true}); err != nil {
		w.t.Fatal(err)
	}
	ticks, err := dutyOf(n.db, w.live, w.roads, w.grids, n.over, words{n, &w.said})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() { n.ran <- ticks.Run(ctx) }()
	w.t.Cleanup(n.end)
	return n
}

// end stops a node, dead or alive, and waits for it.
func (n *node) end() {
	if n.proc != nil {
		n.proc.end()
		return
	}
	n.stop()
	if err, open := <-n.ran; open {
		close(n.ran)
		_ = err // what a node without a database says is its own
	}
	n.db.Close()
	n.line.snap()
}

// kill cuts it off, or ends its process on the spot. What it had leased it neither does nor
// gives back.
func (n *node) kill() {
	if n.proc != nil {
		n.dead.Store(true)
		_ = n.proc.cmd.Process.Kill()
		return
	}
	n.line.snap()
	n.dead.Store(true)
	n.stop()
}

func (n *node) stir() {
	select {
	case n.stirs <- struct{}{}:
	default: // nobody has looked since the last time
	}
}

// dutyOf is what ticks on a node. over is around each piece of work.
func dutyOf(db *pgdb.DB, live dispatch.Live, roads dispatch.Roads, grids dispatch.Grids, over func(work func()), complaints io.Writer) (*timers.Timers, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, err
	}
	store, bell := pgstore.New(db), timers.NewBell()
	desk, err := dispatch.New(dispatch.Config{District: district, Store: store, Live: live, Roads: roads, Grids: grids, Zone: zone,
		PlanWithin: time.Minute, Wake: bell.Ring})
	if err != nil {
		return nil, err
	}
	return timers.New(timers.Config{Desk: deskOf{desk, over}, Book: store, Announce: silent{}, Bell: bell, Log: slog.New(slog.NewTextHandler(complaints, nil)),
		Follow: func(ctx context.Context) (timers.Outbox, error) { return store.Follow(ctx) }}), nil
}

// over is work of a node that may die over it: before it has begun, in the midst of it, or
// when it is committed and nobody has been told.
func (n *node) over(work func()) {
	n.stir()
	defer n.stir()
	if n.dead.Load() || n.strike.Add(-1) != 0 {
		work()
		return
	}
	switch n.how.Add(1) % 3 {
	case 0:
		n.kill()
		work()
	case 1:
		cut := time.AfterFunc(time.Duration(n.how.Load()*577%3000)*time.Microsecond, n.kill)
		work()
		if cut.Stop() {
			n.kill() // done before it came to that
		}
	default:
		work()
		n.kill()
	}
}

// deskOf is a desk with something around each piece of its work.
type deskOf struct {
	*dispatch.Service
	over func(work func())
}

func (d deskOf) ClocksDue(ctx context.Context, due []dispatch.DueClock) (failed map[dispatch.DueClock]error) {
	d.over(func() { failed = d.Service.ClocksDue(ctx, due) })
	return failed
}

func (d deskOf) Due(ctx context.Context, due dispatch.Deadline) (err error) {
	d.over(func() { err = d.Service.Due(ctx, due) })
	return err
}

func (d deskOf) Together(ctx context.Context, due []dispatch.Deadline) (failed map[dispatch.DeadlineID]error) {
	d.over(func() { failed = d.Service.Together(ctx, due) })
	return failed
}

// talk keeps what nodes complain of.
type talk struct {
	mu sync.Mutex // guards b; nodes write, the test reads at the end
	b  strings.Builder
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// words is where a node says what went wrong, as long as it lives.
type words struct {
	n  *node
	to *talk
}

func (w words) Write(b []byte) (int, error) {
	if !w.n.dead.Load() && (w.n.line == nil || !w.n.line.isCut()) {
		w.to.mu.Lock()
		defer w.to.mu.Unlock()
		w.to.b.Write(b)
	}
	return len(b), nil
}

// silent hears what is announced.
type silent struct{}

func (silent) Announce(dispatch.Announcement) {}
