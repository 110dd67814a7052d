package timers

import (
	"sync/atomic"
	"time"
)

// name is one of the clocks that tick.
type name int

const (
	deadlines name = iota
	relay          // of announcements
	shifts
	lost // patrols
	broom
	caseClocks
	adoption  // of cases without a clock
	windows   // of what is planned together
	gathering // of missions
	missing   // departments
	endings   // of shifts
)

var names = [...]string{deadlines: "deadlines", relay: "relay", shifts: "shifts", lost: "lost_patrols", broom: "forget", caseClocks: "case_clocks", adoption: "adopt", windows: "batches", gathering: "gatherings", missing: "shortfalls", endings: "hand_overs"}

var ticks = [...]time.Duration{
	deadlines:  250 * time.Millisecond, // with the lease of the dead and the work, 2 s at most
	relay:      500 * time.Millisecond, // for what other nodes commit
	shifts:     time.Second,
	lost:       5 * time.Second,
	broom:      time.Minute,
	caseClocks: 250 * time.Millisecond,
	adoption:   20 * time.Second,
	windows:    250 * time.Millisecond,
	gathering:  2 * time.Second,
	missing:    time.Second,
	endings:    5 * time.Second, // it asks for the shift of each patrol on a case
}

// round is how one clock goes. Its own goroutine writes, Rounds reads.
type round struct {
	ended  atomic.Int64 // unix nanoseconds of the last round without an error, or of the start
	failed atomic.Int64
}

func (r *round) end(err error) {
	if err != nil {
		r.failed.Add(1)
		return
	}
	r.ended.Store(time.Now().UnixNano())
}

// Round is how a clock goes: how often it is to come round, when it last did
// without an error (or was made), and how many rounds ended with one.
type Round struct {
	Name   string
	Every  time.Duration
	Ended  time.Time
	Failed int64
}

// Late is how much later than its tick a clock comes round; 0 is in time.
func (r Round) Late(now time.Time) time.Duration { return max(0, now.Sub(r.Ended)-r.Every) }

// Rounds answers how every clock goes.
func (t *Timers) Rounds() []Round {
	all := make([]Round, len(names))
	for i := range all {
		all[i] = Round{Name: names[i], Every: ticks[i], Ended: time.Unix(0, t.rounds[i].ended.Load()), Failed: t.rounds[i].failed.Load()}
	}
	return all
}

// Late is how late the slowest clock is.
func (t *Timers) Late() time.Duration {
	var worst time.Duration
	now := time.Now()
	for _, r := range t.Rounds() {
		worst = max(worst, r.Late(now))
	}
	return worst
}
