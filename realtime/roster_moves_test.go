package realtime_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// restless is a register that moves whenever somebody has read it.
type restless struct {
	realtime.RosterSource
	move  func()
	on    atomic.Bool
	reads atomic.Int64
}

func (r *restless) Roster(ctx context.Context, since time.Time) (*realtime.Roster, error) {
	r.reads.Add(1)
	roster, err := r.RosterSource.Roster(ctx, since)
	if r.on.Load() {
		r.move()
	}
	return roster, err
}

func (b *bundle) moveRegister() {
	realtimetest.Exec(b.t, b.db, `UPDATE revisions SET revision = revision + 1 WHERE topic = 'roster'`)
}

// A register that has moved on before it is read to the end holds nobody up: what came
// before the reading began is kept by what was read, and one reading does for a batch.
func TestRegisterThatMovesAtEveryLook(t *testing.T) {
	t.Parallel()
	r := &restless{}
	b := setup(t, 1, func(c *realtime.Config) { r.RosterSource, c.Rosters = c.Rosters, r })
	r.move = b.moveRegister
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	r.on.Store(true)
	b.moveRegister()
	tries := b.ledger.tries.Load()
	const n = 5
	for seq := int64(1); seq <= n; seq++ {
		p.fixes(at(seq, b.clock.now()))
		p.ack(seq)
	}
	b.want(n, `SELECT count(*) FROM tracks`)
	if tries = b.ledger.tries.Load() - tries; tries > 2*n {
		t.Errorf("%d tries for %d commits", tries, n)
	}
}

// What came after the register was read is judged by a newer one: whoever is off duty by
// then is not kept.
func TestRegisterThatMovedBeforeAFixCame(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	p.ack(1)
	realtimetest.Exec(b.t, b.db, `UPDATE duties SET during = tstzrange(lower(during), gp_now())`)
	b.moveRegister()
	p.fixes(at(2, b.clock.now().Add(time.Second)))
	if _, rejects := p.ack(2); len(rejects) != 1 || rejects[0].Code != beacon.OffDuty {
		t.Errorf("%+v, want one fix off duty", rejects)
	}
	b.want(1, `SELECT count(*) FROM tracks`)
}

// Who wants the register as it stands and finds it there, or read since it was asked
// for, does not read it again.
func TestRegisterIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	r := &restless{}
	b := setup(t, 8, func(c *realtime.Config) { r.RosterSource, c.Rosters, c.Writers = c.Rosters, r, 2 })
	phones := make([]*phone, len(b.units))
	for i, u := range b.units {
		phones[i], _ = b.node.open(t, u, uuid.New(), 1)
	}
	before := r.reads.Load()
	b.moveRegister() // once
	var sent sync.WaitGroup
	for _, p := range phones {
		sent.Go(func() {
			p.fixes(at(1, b.clock.now()))
			p.ack(1)
		})
	}
	sent.Wait()
	b.want(int64(len(phones)), `SELECT count(*) FROM tracks`)
	if reads := r.reads.Load() - before; reads != 1 {
		t.Errorf("the register was read %d times for one change", reads)
	}
}
