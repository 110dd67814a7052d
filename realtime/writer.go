package realtime

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// submission is one message of a socket on its way to the ledger.
type submission struct {
	socket   *socket
	key      StreamKey
	start    bool
	last     bool  // the device goes when all before this is answered
	lowest   int64 // what the device holds, as it said last
	fixes    []judged
	rejects  []beacon.Reject // fixes that could not even be read, by name
	revision int64           // of the roster that judged
	received time.Time
	came     time.Duration // when it was read, since the service was opened
}

func (s *submission) weight() int64 { return int64(max(1, len(s.fixes)+len(s.rejects))) }

// errAway says that the queue is full because the database is away. What was to be
// queued is not taken; the device still holds it.
var errAway = errors.New("the database is away")

// writer turns submissions of many sockets into commits, one at a time: while one
// is on its way to disk the next gathers. A stream always goes to the same writer,
// which alone knows and moves its progress.
//
// Its queue is bounded in fixes. At the bound a socket's reader waits, so that the
// back-pressure reaches the device; but while the database is away the reader goes
// on for the sake of the live map, what it reads is let go unacknowledged, and the
// socket is closed when the database is back so that the device sends it again.
type writer struct {
	ledger   Ledger
	server   *BeaconServer
	log      *slog.Logger
	maxFixes int
	linger   time.Duration
	within   time.Duration // the most time for one question to the ledger

	meter  Meter
	room   *semaphore.Weighted
	queued atomic.Int64  // what room has given out; submit and run write, Stats reads
	wake   chan struct{} // holds one token while something waits
	away   atomic.Bool   // written by run and its alarm, read by submit and sockets

	mu      sync.Mutex // guards the three below; sockets put, run takes
	waiting []submission
	left    map[StreamKey]struct{} // streams whose socket is gone
	closed  bool

	streams map[StreamKey]StreamRecord // run's own
}

const (
	maxLinger = 50 * time.Millisecond
	// fewLinger is the pause after a commit of next to nothing: a commit costs the machine
	// and its disk about as much for one fix as for a hundred. From manyFixes on the pause
	// saves nothing.
	fewLinger = 40 * time.Millisecond
	manyFixes = 256
)

func newWriter(server *BeaconServer, c *Config) *writer {
	return &writer{
		ledger: c.Ledger, server: server, log: c.Log, maxFixes: c.BatchFixes, linger: c.Linger, within: c.AnswerWithin,
		meter: c.Meter, room: semaphore.NewWeighted(int64(c.QueueFixes)), wake: make(chan struct{}, 1),
		left: map[StreamKey]struct{}{}, streams: map[StreamKey]StreamRecord{},
	}
}

// submit queues a message and waits for room.
func (w *writer) submit(ctx context.Context, s submission) error {
	s.came = w.server.uptime()
	for n := s.weight(); !w.room.TryAcquire(n); {
		if w.away.Load() {
			return errAway
		}
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		err := w.room.Acquire(soon, n)
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	w.queued.Add(s.weight())
	w.mu.Lock()
	w.waiting = append(w.waiting, s)
	w.mu.Unlock()
	w.nudge()
	return nil
}

// submitLast queues a message that nobody waits with: it says whether there was room.
func (w *writer) submitLast(s submission) bool {
	if w.away.Load() || !w.room.TryAcquire(s.weight()) {
		return false
	}
	s.came = w.server.uptime()
	w.queued.Add(s.weight())
	w.mu.Lock()
	w.waiting = append(w.waiting, s)
	w.mu.Unlock()
	w.nudge()
	return true
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// leave says that a stream has no socket any more.
func (w *writer) leave(key StreamKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left[key] = struct{}{}
}

// close lets run end once everything that waits is settled.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.nudge()
}

// run commits until close, or until ctx ends the tries.
func (w *writer) run(ctx context.Context) {
	var usual time.Duration // what a commit takes
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for {
			batch, closed := w.take()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			began := time.Now()
			w.settle(ctx, batch)
			took := time.Since(began)
			var weight int64
			for i := range batch {
				weight += batch[i].weight()
			}
			w.queued.Add(-weight)
			w.room.Release(weight)
			if ctx.Err() != nil {
				return
			}
			w.forget()
			usual += (took - usual) / 8
			if !closed {
				w.gather(ctx, w.pause(usual, weight))
			}
		}
	}
}

// gather gives the sockets a moment, so that many of them share a commit. A lone device
// waits for none of it, since the pause comes after its commit.
func (w *writer) gather(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// pause is how long to gather after a commit of so many: at least linger, longer where
// they were few, and as long as commits take of late, up to maxLinger, so that a machine
// that has too much to do commits less often. One commit that the disk held up says
// nothing about the next: who waited for it need not wait as long again.
func (w *writer) pause(usual time.Duration, weight int64) time.Duration {
	few := fewLinger * time.Duration(max(0, manyFixes-weight)) / manyFixes
	return max(w.linger, few, min(usual, maxLinger))
}

// take answers what waits, up to maxFixes, in order.
func (w *writer) take() (batch []submission, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, fixes := 0, 0
	for n < len(w.waiting) && (n == 0 || fixes+len(w.waiting[n].fixes) <= w.maxFixes) {
		fixes += len(w.waiting[n].fixes)
		n++
	}
	batch = w.waiting[:n:n]
	if w.waiting = w.waiting[n:]; len(w.waiting) == 0 {
		w.waiting = nil
	}
	return batch, w.closed
}

// forget lets go of streams whose socket is gone.
func (w *writer) forget() {
	w.mu.Lock()
	left := w.left
	w.left = map[StreamKey]struct{}{}
	w.mu.Unlock()
	for key := range left {
		if !w.server.hasSocket(key) {
			delete(w.streams, key)
		}
	}
}

// settle tries until the batch is on disk. An outage is waited out; what the
// database refuses is found by halves, so that one bad message cannot hold back the
// others.
//
// A try that the database does not answer is given up. It may land all the same, later:
// the next one waits for its lock on the streams, finds them moved, and takes what it
// carries for settled.
func (w *writer) settle(ctx context.Context, batch []submission) {
	pause, within := 50*time.Millisecond, w.within
	for {
		err := w.attempt(ctx, batch, within)
		switch {
		case err == nil:
			w.back()
			return
		case ctx.Err() != nil:
			return // never acknowledged; the devices still hold it
		case errors.Is(err, ErrRosterMoved):
			// Once for a batch: what is read now is read after all of it came.
			err = w.alert(func() error { return w.server.reloadRoster(ctx) })
		case errors.Is(err, ErrStreamMoved):
			for i := range batch {
				delete(w.streams, batch[i].key)
			}
			err = nil
		case errors.Is(err, ErrBatch):
			if len(batch) == 1 {
				w.log.Error("a message was refused by the database", "device", batch[0].key.Device, "error", err)
				batch[0].socket.close(beacon.CloseProtocol, "the database refused this message")
				return
			}
			half := len(batch) / 2
			w.settle(ctx, batch[:half])
			w.settle(ctx, batch[half:])
			return
		}
		if err == nil {
			continue
		}
		w.goAway(err)
		if errors.Is(err, context.DeadlineExceeded) {
			// It may be busy and not gone: given up again and again, nothing would ever land.
			within = min(2*within, 4*w.within)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = min(2*pause, 2*time.Second)
	}
}

// attempt is a try that ends within a time.
func (w *writer) attempt(ctx context.Context, batch []submission, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return w.alert(func() error { return w.try(ctx, batch) })
}

// alert calls the database gone before it is given up: no reader is to wait in submit
// for one that says nothing, or the live map would stand still with it.
func (w *writer) alert(ask func() error) error {
	ended := make(chan struct{})
	alarm := time.AfterFunc(w.within/3, func() {
		defer close(ended)
		w.goAway(errSilent)
	})
	err := ask()
	if !alarm.Stop() {
		<-ended // what is said from here on counts
	}
	return err
}

var errSilent = errors.New("it does not answer")

func (w *writer) goAway(err error) {
	if !w.away.Swap(true) {
		w.log.Error("cannot write fixes; nothing is acknowledged until the database is back", "error", err)
	}
}

func (w *writer) back() {
	if w.away.Swap(false) {
		w.log.Info("the database is back; fixes are acknowledged again")
		w.server.sendAgain(w)
	}
}

// try makes one transaction of the batch and, when it is on disk, tells the sockets.
func (w *writer) try(ctx context.Context, batch []submission) error {
	if err := w.load(ctx, batch); err != nil {
		return err
	}
	asOf := w.server.rosterAsOf() // before the roster, which is as new or newer
	p := plan{
		asOf: asOf, roster: w.server.roster.Load(), zone: w.server.zone, known: w.streams,
		streams: map[StreamKey]*StreamRecord{}, changed: map[StreamKey]bool{},
		rejects: make([][]beacon.Reject, len(batch)), overflow: make([]bool, len(batch)),
	}
	for i := range batch {
		p.add(i, &batch[i])
	}
	if out := p.batch(); out != nil {
		began := time.Now()
		if err := w.ledger.Commit(ctx, out); err != nil {
			return err
		}
		w.meter.Committed(len(out.Track)+len(out.Quarantine), time.Since(began))
	}
	for key, record := range p.streams {
		if p.changed[key] {
			record.Version++
		}
		w.streams[key] = *record
	}
	w.server.count(&p)
	w.server.kept(&p)
	w.server.tellWays(p.track)
	for _, place := range p.moved {
		w.server.move(&Found{}, place)
	}
	w.answer(batch, &p)
	now := w.server.now()
	for i := range batch {
		w.meter.Acked(now.Sub(batch[i].received))
	}
	return nil
}

// load reads the progress of streams that this writer does not know yet.
func (w *writer) load(ctx context.Context, batch []submission) error {
	var missing []StreamKey
	seen := map[StreamKey]bool{}
	for i := range batch {
		key := batch[i].key
		if _, known := w.streams[key]; !known && !seen[key] {
			seen[key] = true
			missing = append(missing, key)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	records, err := w.ledger.Streams(ctx, missing)
	if err != nil {
		return err
	}
	for key, record := range records {
		w.streams[key] = record
	}
	return nil
}

// answer tells each socket what is safe now: rejects by name, then one
// acknowledgement however many messages it had in the batch.
func (w *writer) answer(batch []submission, p *plan) {
	last := make(map[*socket]int, len(batch))
	for i := range batch {
		last[batch[i].socket] = i
	}
	for i := range batch {
		s := &batch[i]
		record := w.streams[s.key]
		told := s.start && s.socket.hello(record.Acked) && len(record.Beyond) == 0
		for _, r := range p.rejects[i] {
			s.socket.send(beacon.Append(nil, r))
		}
		if p.overflow[i] {
			s.socket.close(beacon.CloseProtocol, "more holes than can be kept; send what you hold in order")
		}
		if last[s.socket] == i && !told {
			s.socket.ack(beacon.Ack{Seq: record.Acked, Also: record.Beyond})
		}
		if s.last {
			s.socket.close(beacon.CloseDrain, goesDown)
		}
	}
}
