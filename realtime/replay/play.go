package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// Player sends a plan to a service and counts.
type Player struct {
	URL string // ws://host:port/ws/beacon
	// Token is a device's, by its code.
	Token func(ctx context.Context, device string) (string, error)
	Open  OpenFile // track.Open if nil
	// Tally says what the ledger holds of a stream. Nil where nobody can look: then the
	// account says "kept", and not how sure it is.
	Tally func(ctx context.Context, ask Ask) (Tally, error)
	// Progress hears how many points are settled. It may be called from any goroutine.
	Progress func(settled int64)

	Now func() time.Time // time.Now if nil
}

// Ask names a stream, and the times between which its fixes lie.
type Ask struct {
	Device   string
	Stream   uuid.UUID
	From, To time.Time
	Above    int64 // sequences above it were sent in this run
}

// Tally is what the ledger holds of a stream.
type Tally struct {
	Kept        map[string]int64   // fixes by verdict, "" for none
	Seqs        map[string][]int64 // the first sequences of each doubtful verdict
	Rows, Fixes int64              // equal where every fix is there once
	Above       int64              // of Fixes, those above the asked sequence
	Quarantined map[string]int64   // by code, times that cannot be believed
}

// Bounds of one device's sending.
const (
	maxHeld   = 4000             // unacknowledged; then the reading of the file waits
	lastFlush = 10 * time.Second // for what is on its way when the replay is stopped
)

// Play sends everything when its time has come and answers the account, also when
// ctx ends before (then Account.Stopped) or a device is refused (then an error too).
func (p *Player) Play(ctx context.Context, plan *Plan) (*Account, error) {
	if p.Open == nil {
		p.Open = track.Open
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	a := newAccount(plan)
	var playing errgroup.Group
	for _, q := range plan.Queues {
		playing.Go(func() error {
			for _, t := range q.Tracks {
				if ctx.Err() != nil {
					return nil
				}
				if err := p.track(ctx, t, a.of[t], plan.Start != nil); err != nil {
					return fmt.Errorf("%s by %s: %w", t.File, t.Device, err)
				}
			}
			return nil
		})
	}
	err := playing.Wait()
	a.Stopped = ctx.Err() != nil
	a.close()
	return a, err
}

// track plays one track. It answers an error only where going on is of no use.
func (p *Player) track(ctx context.Context, t *Track, a *TrackAccount, paced bool) error {
	token, err := p.Token(ctx, t.Device)
	if err != nil {
		return err
	}
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	s := &sender{player: p, track: t, account: a, greeted: make(chan struct{}), lines: map[int64]int{}}
	s.client, err = beaconclient.New(beaconclient.Config{
		URL: p.URL, Token: token, Stream: t.Stream, Hold: 2 * maxHeld, Speed: t.speed,
		OnHello: s.hello, OnReject: s.reject, OnAck: func(beacon.Ack) { s.progress() },
		OnClose: func(code int, reason string) {
			if code == beacon.CloseProtocol {
				cancel(fmt.Errorf("the service refuses it: %s", reason))
			}
		},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		err := s.client.Run(run)
		if err != nil {
			cancel(err)
		}
		ended <- err
	}()
	sending := s.send(ctx, run, paced)
	if run.Err() == nil {
		flush, stop := context.WithTimeout(run, lastFlush)
		if ctx.Err() == nil {
			stop()
			flush, stop = context.WithCancel(run)
			defer context.AfterFunc(ctx, func() { time.AfterFunc(lastFlush, stop) })()
		}
		_ = s.client.Flush(flush) // what it could not is counted below
		stop()
	}
	why := context.Cause(run)
	cancel(nil)
	<-ended
	s.progress()
	stats := s.client.Stats()
	a.Acked += stats.Acked + stats.Rejected
	a.Unacked += int64(stats.Held)
	if err := p.look(context.WithoutCancel(ctx), t, a, s); err != nil {
		return err
	}
	if why != nil && !errors.Is(why, context.Canceled) {
		return why
	}
	if sending != nil && ctx.Err() == nil {
		return sending
	}
	return nil
}

// sender plays one track over one client.
type sender struct {
	player  *Player
	track   *Track
	account *TrackAccount
	client  *beaconclient.Client
	greeted chan struct{}
	once    sync.Once

	mu      sync.Mutex    // guards all below; the client's goroutine and send
	already int64         // settled before this run
	told    int64         // of the progress, what was told
	lines   map[int64]int // of what is not settled yet
}

func (s *sender) hello(h beacon.Hello) {
	s.once.Do(func() {
		s.mu.Lock()
		s.already = min(h.Acked, s.track.Points)
		s.mu.Unlock()
		close(s.greeted)
	})
}

func (s *sender) reject(r beacon.Reject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.reject(string(r.Code), s.lines[r.Seq], r.Detail)
}

func (s *sender) progress() {
	if s.player.Progress == nil || s.client == nil {
		return
	}
	stats := s.client.Stats()
	s.mu.Lock()
	settled := s.already + stats.Acked + stats.Rejected
	more := settled - s.told
	s.told = settled
	s.mu.Unlock()
	if more > 0 {
		s.player.Progress(more)
	}
}

var errChanged = errors.New("the file has changed since it was looked at, or somebody else speaks for this stream; begin again")

// send hands every point to the client when its time has come. It ends with ctx, and
// with run, which is the client's life.
func (s *sender) send(ctx, run context.Context, paced bool) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-run.Done():
		return context.Cause(run)
	case <-s.greeted:
	}
	s.mu.Lock()
	s.account.Already = s.already
	s.mu.Unlock()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var seq int64
	for point, err := range s.player.Open(s.track.File) {
		if err != nil || point.Device != s.track.Recorder {
			continue // counted in the survey
		}
		if seq++; seq <= s.account.Already {
			continue
		}
		if seq > s.track.Points {
			return errChanged
		}
		fix := s.track.fix(point)
		if wait := fix.T.Sub(s.player.Now()); paced && wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-run.Done():
				return context.Cause(run)
			case <-timer.C:
			}
		}
		if s.client.Stats().Held >= maxHeld {
			if err := s.flush(ctx, run); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		if len(s.lines) > 2*maxHeld {
			for old := range s.lines {
				if old < seq-maxHeld {
					delete(s.lines, old)
				}
			}
		}
		s.lines[seq] = point.Line
		s.mu.Unlock()
		if got := s.client.Add(fix); got != seq {
			return errChanged
		}
		s.account.Sent++
	}
	if seq != s.track.Points {
		return errChanged
	}
	return nil
}

// flush waits until all that was added is settled.
func (s *sender) flush(ctx, run context.Context) error {
	either, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(run, func() { stop(context.Cause(run)) })()
	if err := s.client.Flush(either); err != nil {
		return context.Cause(either)
	}
	return nil
}

// look asks the ledger what became of the track.
func (p *Player) look(ctx context.Context, t *Track, a *TrackAccount, s *sender) error {
	if p.Tally == nil {
		a.kept(a.Acked - a.rejected())
		return nil
	}
	ask := Ask{Device: t.Device, Stream: t.Stream, From: t.at(t.Earliest), To: t.End(), Above: a.Already}
	tally, err := p.Tally(ctx, ask)
	if err != nil {
		return fmt.Errorf("ask what was kept: %w", err)
	}
	a.settle(tally, s.client.Stats().Connections > 1)
	return a.nameLines(p.Open, t, tally.Seqs)
}
