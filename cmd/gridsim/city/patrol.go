package city

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// patrol is one device on duty: it walks, sends where it is, and plays what it is
// offered. All fields belong to the goroutine of Run; calls run beside it and
// hand their result in through results.
type patrol struct {
	code, mode string
	device     string
	mover      *Mover
	duty       duty
	rng        *rand.Rand
	places     *Places
	guide      Guide
	radio      Radio
	service    answerer
	who        caller
	counters   *Counters
	interval   time.Duration
	fixed      bool // the interval was given and stays

	calls     sync.WaitGroup // what act and find started
	results   chan func(now time.Time)
	resumes   chan resume
	finding   bool      // a way is being looked for
	findNext  func()    // what to look for after that
	restUntil time.Time // standing still on the beat
	silent    time.Time // without signal until then; zero with signal
	nextLoss  time.Time
	idle      atomic.Bool    // it plays no task; for whoever would remind it of one
	where     chan geo.Point // the last place, for whoever files reports; holds one
}

// newPatrol stands somewhere, free and with a full battery. The caller sets the
// rest.
func newPatrol(row patrolRow, at geo.Point, rng *rand.Rand) *patrol {
	return &patrol{
		code: row.Code, mode: row.Mode, rng: rng, mover: NewMover(at, rng), duty: duty{rng: rng}, interval: defaultInterval,
		results: make(chan func(time.Time)), resumes: make(chan resume, 1), where: make(chan geo.Point, 1),
	}
}

// defaultInterval is used until the service says otherwise.
const defaultInterval = 5 * time.Second

// answerer is the part of the service that a patrol talks to.
type answerer interface {
	answer(ctx context.Context, who caller, t Task, action string) error
}

type resume struct {
	task  Task
	state string
}

// Signal is lost about once in meanLoss for lossFor and a while.
const (
	meanLoss = 25 * time.Minute
	lossFor  = 15 * time.Second
	lossMore = 60 * time.Second
)

// Speeds when no way is known, metres a second.
var straightMS = map[string]float64{"foot": 1.3, "ebike": 4.5, "car": 8}

// Run walks until ctx ends and everything it started has ended.
func (p *patrol) Run(ctx context.Context) error {
	radioDone := make(chan error, 1)
	ctx, hangUp := context.WithCancel(ctx)
	go func() { radioDone <- p.radio.Run(ctx) }()
	defer func() {
		hangUp()
		<-radioDone
		p.calls.Wait()
	}()
	p.nextLoss = time.Now().Add(time.Duration(p.rng.ExpFloat64() * float64(meanLoss)))
	// Devices are not in step with each other.
	timer := time.NewTimer(time.Duration(p.rng.Int64N(int64(p.interval))))
	defer timer.Stop()
	last := time.Now()
	for {
		p.idle.Store(p.duty.step == beat)
		select {
		case <-ctx.Done():
			return nil
		case err := <-radioDone:
			radioDone <- err // for the deferred wait
			return err
		case now := <-timer.C:
			p.move(now.Sub(last), now)
			last = now
			p.act(ctx, now)
			timer.Reset(p.interval)
		case heard := <-p.radio.Heard():
			p.hear(heard)
			p.act(ctx, time.Now())
		case r := <-p.resumes:
			if p.duty.Resume(time.Now(), r.task, r.state) && p.duty.step == driving {
				p.setOff(ctx)
			}
		case result := <-p.results:
			result(time.Now())
			p.act(ctx, time.Now())
		}
	}
}

func (p *patrol) hear(message any) {
	switch m := message.(type) {
	case beacon.Offer:
		p.counters.Offers.Add(1)
		p.duty.Offer(time.Now(), Task{CaseID: m.CaseID, AssignmentID: m.AssignmentID, To: geo.Point{Lon: m.Lon, Lat: m.Lat}})
	case beacon.Recall:
		if p.duty.Recall(m.AssignmentID) {
			p.mover.Stop()
		}
	case time.Duration: // between two fixes
		if !p.fixed {
			p.interval = m
		}
	}
}

// move is what happens between two looks at the phone.
func (p *patrol) move(d time.Duration, now time.Time) {
	if p.mover.Advance(d) {
		if p.duty.step == driving {
			p.duty.Arrive(now)
		} else {
			p.restUntil = now.Add(20*time.Second + time.Duration(p.rng.Int64N(int64(100*time.Second))))
		}
	}
	switch {
	case p.silent.IsZero() && now.After(p.nextLoss):
		p.silent = now.Add(lossFor + time.Duration(p.rng.Int64N(int64(lossMore))))
		p.radio.Signal(false)
	case !p.silent.IsZero() && now.After(p.silent):
		p.silent = time.Time{}
		p.nextLoss = now.Add(time.Duration(p.rng.ExpFloat64() * float64(meanLoss)))
		p.radio.Signal(true)
	}
	select {
	case <-p.where:
	default:
	}
	p.where <- p.mover.At()
	r := p.mover.Read()
	p.radio.Send(beacon.Fix{
		T: now.UTC().Truncate(time.Millisecond), Lon: r.Point.Lon, Lat: r.Point.Lat,
		AccuracyM: r.AccuracyM, SpeedMS: r.SpeedMS, HeadingDeg: r.HeadingDeg, Battery: 0.3 + 0.69*float64(len(p.code)%7)/7,
	})
}

// act starts what is due: a call about the task, or the next leg of the beat. A
// patrol without signal cannot call.
func (p *patrol) act(ctx context.Context, now time.Time) {
	if p.silent.IsZero() {
		if action := p.duty.Next(now); action != "" {
			task := p.duty.task
			p.calls.Go(func() {
				err := p.service.answer(ctx, p.who, task, action)
				p.tell(ctx, func(now time.Time) { p.answered(ctx, now, task, action, err) })
			})
		}
	}
	if p.duty.step == beat && !p.finding && p.mover.Arrived() && now.After(p.restUntil) {
		p.find(ctx, p.places.next(p.code, p.mode, p.mover.At(), p.rng), func(points []geo.Point, durationS float64) {
			if p.duty.step == beat {
				p.mover.Follow(points, durationS*1.2) // nobody hurries on the beat
			}
		})
	}
}

func (p *patrol) answered(ctx context.Context, now time.Time, task Task, action string, err error) {
	o := outcomeOf(err)
	switch {
	case ctx.Err() != nil:
		return
	case o == agreed:
		p.counters.Answered.Add(1)
		if action == "done" {
			p.counters.Done.Add(1)
		}
	case o == refused:
		p.counters.Refused.Add(1)
		if p.duty.task.AssignmentID == task.AssignmentID {
			p.mover.Stop()
		}
	}
	if p.duty.Answered(now, task.AssignmentID, o) {
		p.setOff(ctx)
	}
}

func (p *patrol) setOff(ctx context.Context) {
	task := p.duty.task
	p.mover.Stop()
	p.find(ctx, task.To, func(points []geo.Point, durationS float64) {
		if p.duty.step == driving && p.duty.task.AssignmentID == task.AssignmentID {
			p.mover.Follow(points, durationS)
			if p.mover.Arrived() { // it was at the door
				p.duty.Arrive(time.Now())
			}
		}
	})
}

// find looks for a way beside the loop; where there is none, people go straight.
// One way is looked for at a time; the newest wish waits, older ones are dropped.
func (p *patrol) find(ctx context.Context, to geo.Point, then func([]geo.Point, float64)) {
	if p.finding {
		p.findNext = func() { p.find(ctx, to, then) }
		return
	}
	p.finding = true
	from := p.mover.At()
	p.calls.Go(func() {
		points, durationS, err := p.guide.Way(ctx, p.mode, from, to)
		if err != nil {
			points = []geo.Point{from, to}
			durationS = geo.DistanceM(from, to) * 1.3 / straightMS[p.mode]
		}
		p.tell(ctx, func(time.Time) {
			p.finding = false
			then(points, durationS)
			if next := p.findNext; next != nil {
				p.findNext = nil
				next()
			}
		})
	})
}

// tell hands a result to the loop, if it still runs.
func (p *patrol) tell(ctx context.Context, result func(now time.Time)) {
	select {
	case p.results <- result:
	case <-ctx.Done():
	}
}
