package realtime

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// CaseSource answers the open cases that a viewer may see. It is asked once for a
// snapshot, from the viewer's own goroutine.
type CaseSource func(ctx context.Context, v dispatch.Viewer) ([]dispatch.Case, error)

// LiveConfig of a LiveServer. Index, Bus and Cases must be set.
type LiveConfig struct {
	Index *Index
	Bus   Bus
	Cases CaseSource
	// Record writes down who saw whom; nil writes nothing.
	Record LookRecorder
	Log    *slog.Logger  // slog.Default if nil
	Tick   time.Duration // between two frames to a viewer; 200 ms if zero
}

// LiveServer shows viewers what moves. Over the binary subprotocol, what one right may
// see of a cell of the map is worked out once a tick and encoded once, and all who
// look at the cell share the bytes; over JSON, which tells no more than what lies in
// the view, all do who have the same right and the same view. Only the number in front
// is each connection's own.
//
// Run's goroutine owns what is shown; a viewer's reader and writer reach it through
// channels, and it never waits for them: a viewer whose queue is full is closed.
type LiveServer struct {
	index  *Index
	bus    Bus
	cases  CaseSource
	record LookRecorder
	log    *slog.Logger
	tick   time.Duration

	asks chan ask      // from viewers to Run
	done chan struct{} // closed when Run has ended
	news Subscription

	stats liveStats

	mu      sync.Mutex // guards closed and calls.Add against Run's end
	closed  bool
	calls   sync.WaitGroup // Serve calls
	writers sync.WaitGroup
}

// NewLiveServer makes a server that hears the bus from now on and works once Run
// does.
func NewLiveServer(c LiveConfig) (*LiveServer, error) {
	if c.Index == nil || c.Bus == nil || c.Cases == nil {
		return nil, errors.New("realtime: LiveConfig needs an Index, a Bus and a CaseSource")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Record == nil {
		c.Record = func(context.Context, dispatch.Viewer, []dispatch.PatrolID) error { return nil }
	}
	setDefault(&c.Tick, 200*time.Millisecond)
	return &LiveServer{
		index: c.Index, bus: c.Bus, cases: c.Cases, record: c.Record, log: c.Log, tick: c.Tick,
		asks: make(chan ask), done: make(chan struct{}), news: c.Bus.Subscribe(),
	}, nil
}

// ask is what a viewer wants of Run.
type ask struct {
	viewer *viewer
	what   askKind
	view   view            // for askView
	cases  []dispatch.Case // for askSnapshot
}

type askKind uint8

const (
	askJoin     askKind = iota // hear of cases from now on
	askSnapshot                // send all, then what changes
	askView                    // look elsewhere
	askLeave
)

// Run works until ctx ends, then tells every viewer to come back elsewhere (1001).
func (l *LiveServer) Run(ctx context.Context) error {
	h := newHub(l.index)
	heard := make(chan News)
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for {
			news, err := l.news.Receive(ctx)
			if err != nil {
				return
			}
			select {
			case heard <- news:
			case <-ctx.Done():
				return
			}
		}
	})
	handed := make(chan looks)
	var recording sync.WaitGroup
	recording.Go(func() { recordLooks(ctx, handed, l.record, l.log) })
	handOver := time.NewTicker(looksEvery)
	defer handOver.Stop()
	ticker := time.NewTicker(l.tick)
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case news := <-heard:
			h.hear(news)
		case a := <-l.asks:
			h.ask(a)
		case <-ticker.C:
			h.tick(time.Now())
		case <-handOver.C:
			h.handOver(handed)
		}
	}
	ticker.Stop()
	hearing.Wait()
	for v := range h.viewers {
		h.part(v)
	}
	handed <- h.looks
	close(handed)
	recording.Wait()
	l.news.Close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.done)
	for v := range h.viewers {
		v.close(closeDrain, "the service goes down")
	}
	l.calls.Wait()
	l.writers.Wait()
	return nil
}

// LiveSubprotocol is the name that both sides may agree on in the handshake, or
// liveframe.Subprotocol for positions in binary; this one is spoken without a name too.
const LiveSubprotocol = "gridpatrol.live.v1.json"

// Close codes of the live channel. After each of them a viewer may come back; after
// closeSlow with a smaller view.
const (
	closeDrain    = 1001
	closeSlow     = 4003
	closeProtocol = 4008
)

// Serve shows a viewer what it may see until the socket ends, and closes it. A
// viewer that just went away is no error.
func (l *LiveServer) Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) error {
	defer conn.Close()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		closeConn(conn, closeDrain, "the service goes down")
		return nil
	}
	l.calls.Add(1)
	l.mu.Unlock()
	defer l.calls.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := newViewer(conn, who, &l.stats)
	l.stats.viewers.Add(1)
	defer l.stats.viewers.Add(-1)
	defer context.AfterFunc(ctx, func() { v.close(closeDrain, "the service goes down") })()
	l.writers.Go(v.write)
	defer v.stop()
	if !l.put(ask{viewer: v, what: askJoin}) {
		v.close(closeDrain, "the service goes down")
	}
	defer l.put(ask{viewer: v, what: askLeave})
	l.snapshot(ctx, v)
	return goneIsFine(l.read(ctx, v))
}

// put hands an ask to Run, unless it has ended.
func (l *LiveServer) put(a ask) bool {
	select {
	case l.asks <- a:
		return true
	case <-l.done:
		return false
	}
}

// snapshot reads the cases for a viewer and asks for a whole picture. The viewer
// has been hearing of cases since it joined, so that none falls in between.
func (l *LiveServer) snapshot(ctx context.Context, v *viewer) {
	cases, err := l.cases(ctx, v.who)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Error("cases for a viewer cannot be read", "error", err)
		}
		v.close(closeDrain, "cases cannot be read now; come back")
		return
	}
	l.put(ask{viewer: v, what: askSnapshot, cases: cases})
}

// read takes what the viewer asks for.
func (l *LiveServer) read(ctx context.Context, v *viewer) error {
	v.conn.SetReadLimit(maxViewerMessageBytes)
	alive := func(string) error { return awaitPeer(v.conn, v.closing) }
	v.conn.SetPongHandler(alive)
	for {
		if err := alive(""); err != nil {
			return err
		}
		kind, message, err := v.conn.ReadMessage()
		if err != nil {
			return err
		}
		if v.closing() {
			continue // only waiting for the peer's close frame
		}
		asked, err := decodeViewer(kind, message)
		switch {
		case err != nil:
			v.close(closeProtocol, err.Error())
		case asked.resync:
			l.snapshot(ctx, v)
		default:
			l.put(ask{viewer: v, what: askView, view: asked.view})
		}
	}
}
