package realtime

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Config of a BeaconServer. Ledger, Rosters, Snapshots, Index and Bus must be set.
type Config struct {
	Ledger    Ledger
	Rosters   RosterSource
	Snapshots Snapshots
	Index     *Index
	Bus       Bus
	Peers     Peers // the other nodes; none if nil

	Now  func() time.Time // the clock fixes are judged by; time.Now if nil
	Zone *time.Location   // of the days that off-duty fixes are counted by; UTC if nil
	Log  *slog.Logger     // slog.Default if nil
	// Meter hears of commits and of how long they were waited for; nobody if nil.
	Meter Meter

	Writers    int           // commits under way at once; 2 if zero
	BatchFixes int           // most fixes in a commit; 5,000 if zero
	QueueFixes int           // fixes that may wait for a writer; 65,536 if zero
	Linger     time.Duration // least pause between commits, in which the next gathers; 10 ms if zero
	DrainFor   time.Duration // most time for the last commits at the end; 10 s if zero
	// AnswerWithin is the most time for one question to the ledger or about the register,
	// at first. After a third of it without an answer the database counts as away; 10 s if
	// zero.
	AnswerWithin time.Duration
}

func (c *Config) complete() error {
	var faults []error
	for name, missing := range map[string]bool{
		"Ledger": c.Ledger == nil, "Rosters": c.Rosters == nil, "Snapshots": c.Snapshots == nil, "Index": c.Index == nil, "Bus": c.Bus == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("realtime: Config.%s is not set", name))
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	if c.Peers == nil {
		c.Peers = noPeers{}
	}
	setDefault(&c.Writers, 2)
	setDefault(&c.BatchFixes, 5000)
	setDefault(&c.QueueFixes, 65536)
	setDefault(&c.Linger, 10*time.Millisecond)
	setDefault(&c.DrainFor, 10*time.Second)
	setDefault(&c.AnswerWithin, 10*time.Second)
	if c.QueueFixes < beacon.MaxFixes {
		faults = append(faults, fmt.Errorf("realtime: Config.QueueFixes must be at least %d", beacon.MaxFixes))
	}
	return errors.Join(faults...)
}

func setDefault[T ~int | ~int64](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// BeaconServer takes beacons from devices, keeps the index up to date, and
// acknowledges what is on disk.
type BeaconServer struct {
	rosters   RosterSource
	snapshots Snapshots
	index     *Index
	bus       Bus
	peers     Peers
	now       func() time.Time
	zone      *time.Location
	log       *slog.Logger
	drainFor  time.Duration
	within    time.Duration // the most time for one question to the register
	writers   []*writer
	seed      maphash.Seed

	roster   atomic.Pointer[Roster] // reloadRoster writes, everybody reads
	reloadMu sync.Mutex             // one reload at a time
	opened   time.Time              // by the monotonic clock
	asOf     atomic.Int64           // nanoseconds since opened: roster was the register then, or is newer

	stats  stats
	waker  *waker
	writes sync.WaitGroup // socket writers
	reads  sync.WaitGroup // sockets that have not ended

	mu         sync.Mutex                    // guards all below; Hold writes, pushes and the sweeper read
	sockets    map[uint64]*socket            // by number
	byDevice   map[dispatch.DeviceID]*socket // the newest; it leads on to the others
	byStream   map[StreamKey]*socket
	lastSocket uint64                      // the number of the newest
	unsaved    map[dispatch.PatrolID]Place // places on disk that the snapshot lacks

	draining atomic.Bool        // Run sets it under mu; what is read after it is left unacknowledged
	over     context.Context    // ends with Run, and every socket with it
	end      context.CancelFunc // of over
}

var _ dispatch.Announcer = (*BeaconServer)(nil)

// OpenBeacons reads the register and rebuilds the index from the last snapshot.
// The server takes sockets from then on and works once Run does.
func OpenBeacons(ctx context.Context, c Config) (*BeaconServer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	b := &BeaconServer{
		rosters: c.Rosters, snapshots: c.Snapshots, index: c.Index, bus: c.Bus, peers: c.Peers, now: c.Now, zone: c.Zone, log: c.Log, drainFor: c.DrainFor, within: c.AnswerWithin,
		seed: maphash.MakeSeed(), opened: time.Now(), sockets: map[uint64]*socket{}, byDevice: map[dispatch.DeviceID]*socket{},
		byStream: map[StreamKey]*socket{}, unsaved: map[dispatch.PatrolID]Place{},
	}
	b.over, b.end = context.WithCancel(context.Background())
	for range c.Writers {
		b.writers = append(b.writers, newWriter(b, &c))
	}
	if err := b.reloadRoster(ctx); err != nil {
		return nil, err
	}
	places, err := c.Snapshots.Places(ctx)
	if err != nil {
		return nil, err
	}
	c.Index.MoveAll(places, func(Standing) {}) // nobody looks yet
	if b.waker, err = newWaker(); err != nil {
		return nil, err
	}
	return b, nil
}

// Run writes, sweeps and reloads until ctx ends. Then every socket is told to go
// (1001) after what it has sent is on disk and acknowledged, or DrainFor is over.
func (b *BeaconServer) Run(ctx context.Context) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var writers, keeping, waking sync.WaitGroup
	for _, w := range b.writers {
		writers.Go(func() { w.run(writing) })
	}
	waking.Go(func() { b.waker.run(b.awaken) })
	keeping.Go(func() { b.keepRegister(ctx) })
	b.sweep(ctx)
	keeping.Wait()

	b.mu.Lock()
	b.draining.Store(true)
	b.mu.Unlock()
	late := time.AfterFunc(b.drainFor, stop)
	defer late.Stop()
	for _, w := range b.writers {
		w.close()
	}
	writers.Wait()
	b.saveMoved(writing)
	b.end()
	for _, s := range b.all() {
		s.leave()
	}
	b.reads.Wait()
	b.writes.Wait()
	b.waker.close()
	waking.Wait()
	return nil
}

// sweep does each second what nobody waits for and no database is asked about: it goes
// on while there is none.
func (b *BeaconServer) sweep(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, s := range b.index.Sweep() {
			b.bus.Publish(Message{Moved: &s})
			b.retell(&s)
		}
		b.ping()
	}
}

// keepRegister does each second what the database is asked for: it reads the register
// when that has changed, and saves the newest places.
func (b *BeaconServer) keepRegister(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := b.reloadRoster(ctx); err != nil && ctx.Err() == nil {
			b.log.Warn("the register cannot be read", "error", err)
		}
		b.saveMoved(ctx)
	}
}

// saveMoved keeps the newest places for the next start. What fails is tried again
// with the next.
func (b *BeaconServer) saveMoved(ctx context.Context) {
	b.mu.Lock()
	unsaved := b.unsaved
	if len(unsaved) == 0 {
		b.mu.Unlock()
		return
	}
	b.unsaved = make(map[dispatch.PatrolID]Place, len(unsaved))
	b.mu.Unlock()
	places := make([]Place, 0, len(unsaved))
	for _, p := range unsaved {
		places = append(places, p)
	}
	ctx, cancel := context.WithTimeout(ctx, b.within)
	defer cancel()
	if err := b.snapshots.SavePlaces(ctx, places); err != nil {
		b.log.Warn("the newest places are not saved", "error", err)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range unsaved {
			b.keep(p)
		}
	}
}

func (b *BeaconServer) uptime() time.Duration { return time.Since(b.opened) }

// rosterAsOf is when the roster, or an older one, was the register as it stood.
func (b *BeaconServer) rosterAsOf() time.Duration { return time.Duration(b.asOf.Load()) }

// reloadRoster brings the roster, and the index with it, up to the register as it stood
// at some moment since it was called. It reads the register only if that has moved, and
// not if somebody else began to in the meantime.
func (b *BeaconServer) reloadRoster(ctx context.Context) error {
	called := b.uptime()
	b.reloadMu.Lock()
	defer b.reloadMu.Unlock()
	if b.rosterAsOf() > called {
		return nil
	}
	began := b.uptime()
	if known := b.roster.Load(); known != nil {
		soon, cancel := context.WithTimeout(ctx, b.within/5) // it is one number
		defer cancel()
		revision, err := b.rosters.Revision(soon)
		if err != nil {
			return err
		}
		if revision == known.Revision {
			b.asOf.Store(int64(began))
			return nil
		}
	}
	began = b.uptime()
	if err := b.readRoster(ctx); err != nil {
		return err
	}
	b.asOf.Store(int64(began))
	return nil
}

// readRoster reads the register and brings the index up to it.
func (b *BeaconServer) readRoster(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*b.within) // it is all there is, of a province
	defer cancel()
	asked := b.now()
	r, err := b.rosters.Roster(ctx, asked.Add(-TooOldBy-24*time.Hour))
	if err != nil {
		return err
	}
	// Secrets first: no place is to be seen before what hides it is known.
	hidden := b.index.SetSecrets(r.Secrets, asked)
	changed, gone := b.index.SetPatrols(r.Patrols)
	changed = append(changed, hidden...)
	b.roster.Store(r)
	for _, s := range changed {
		b.bus.Publish(Message{Moved: &s})
		b.retell(&s)
	}
	for _, id := range gone {
		b.bus.Publish(Message{Moved: &Standing{Place: Place{Patrol: id}, Enrolled: &nobody}})
	}
	for device := range r.Revoked {
		b.Close(device, beacon.CloseToken, "the device was revoked")
	}
	return nil
}

// simulated says whether a device may play faster than life, by the register as it
// stands: it may have been marked, or lost its mark, a moment ago.
func (b *BeaconServer) simulated(ctx context.Context, device dispatch.DeviceID) bool {
	if err := b.reloadRoster(ctx); err != nil {
		b.log.Warn("the register cannot be read", "error", err)
	}
	return b.roster.Load().Simulated[device]
}

// move shows a place to whoever looks, on any node, and answers what the patrol is by it.
func (b *BeaconServer) move(at *Found, p Place) (Standing, bool) {
	s, newest := b.index.MoveFound(at, p)
	if !newest {
		return s, false
	}
	b.bus.Publish(Message{Moved: &s})
	b.peers.Tell(p)
	if s.turned {
		b.retell(&s)
	}
	return s, true
}

// kept notes which places the next snapshot must hold. Only what is on disk gets
// there: a place shown a moment before its patrol's duty ended does not.
func (b *BeaconServer) kept(done *plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range done.track {
		if f := &done.track[i]; f.Verdict.shows() {
			b.keep(f.place())
		}
	}
	for _, p := range done.shown {
		b.keep(p)
	}
}

// keep notes a place for the next snapshot, under mu.
func (b *BeaconServer) keep(p Place) {
	if known, any := b.unsaved[p.Patrol]; !any || p.newer(&known) {
		b.unsaved[p.Patrol] = p
	}
}

// BeaconUpgrader is how the door upgrades a request for Hold: small buffers, and no
// compression, which costs more than it saves on messages this short. What is written
// goes through buffers that sockets share; what is read does not go through the
// connection's buffer at all. Origins are checked by the door.
func BeaconUpgrader() websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout: 10 * time.Second, ReadBufferSize: 16, WriteBufferSize: 512,
		WriteBufferPool: &sync.Pool{}, Subprotocols: []string{beacon.Subprotocol, beacon.SubprotocolBinary},
	}
}

// Serve is Hold for whoever wants to wait: it ends with the socket. When ctx does, the
// device is sent away.
func (b *BeaconServer) Serve(ctx context.Context, conn *websocket.Conn, device Device) error {
	ended := make(chan error, 1)
	held := b.Hold(conn, device, func(err error) { ended <- err })
	defer context.AfterFunc(ctx, held.Leave)()
	return <-ended
}

// Hold takes a connection over, speaks with its device until the socket ends, closes
// it, and calls ended, once. A peer that just went away is no error. The socket lives
// while Run does, and holds no goroutine and no buffer while its device is silent: conn
// is done with when Hold answers.
func (b *BeaconServer) Hold(conn *websocket.Conn, device Device, ended func(error)) Held {
	s := &socket{
		server: b, out: outlet{to: conn.NetConn()}, raw: rawOf(conn.NetConn()), ended: ended, device: device, binary: conn.Subprotocol() == beacon.SubprotocolBinary,
	}
	s.hear()
	if !b.enter(s) {
		closeConn(conn, beacon.CloseDrain, goesDown)
		conn.Close()
		ended(nil)
		return Held{}
	}
	if b.roster.Load().Revoked[device.ID] {
		s.close(beacon.CloseToken, "the device was revoked")
	}
	if s.raw == nil {
		s.wake() // and waits by itself
	} else if err := b.waker.add(s.raw, s.number); err != nil {
		b.log.Error("a device's socket cannot be waited for", "error", err)
		s.close(beacon.CloseDrain, goesDown)
	}
	return Held{s}
}

// goneIsFine turns the many ways in which a peer leaves into nil.
func goneIsFine(err error) error {
	var closed *websocket.CloseError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &closed), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil
	}
	return err
}
