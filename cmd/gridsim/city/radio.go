package city

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// Radio is one device's line to the service. Send never waits: what cannot go
// out now is kept, within bounds, and goes out in a burst when it can.
type Radio interface {
	// Run keeps the line open until ctx ends.
	Run(ctx context.Context) error
	// Send hands over a fix; its sequence is the radio's business.
	Send(beacon.Fix)
	// Signal cuts the line and lets it come back.
	Signal(on bool)
	// Heard brings beacon.Offer, beacon.Recall and, when the time between two
	// fixes is to change, that time.Duration.
	Heard() <-chan any
}

// line is a Radio over a beaconclient. Without signal the client does not run, and
// keeps what it is given.
type line struct {
	client   *beaconclient.Client
	counters *Counters
	heard    chan any
	changed  chan struct{} // holds one: the signal has changed

	mu     sync.Mutex
	silent bool
	cut    func()             // ends the client's present run; nil without one
	told   beaconclient.Stats // what the counters have had of the client's
}

const (
	// mostHeld is an hour of fixes at one in 4 s; beyond it the oldest go.
	mostHeld = 900
	// mostHeard is how many offers wait for a patrol; more are dropped, and found
	// again in the register.
	mostHeard = 16
)

func (c *city) radio(d Device) (Radio, error) {
	l := &line{counters: c.counters, heard: make(chan any, mostHeard), changed: make(chan struct{}, 1)}
	client, err := beaconclient.New(beaconclient.Config{
		URL: "ws" + strings.TrimPrefix(c.service.base, "http") + "/ws/beacon", Token: d.Token, Hold: mostHeld,
		OnOffer:    func(o beacon.Offer) { l.pass(o) },
		OnRecall:   func(r beacon.Recall) { l.pass(r) },
		OnInterval: func(d time.Duration) { l.pass(d) },
		OnAck:      func(beacon.Ack) { l.count() },
	})
	if err != nil {
		return nil, fmt.Errorf("radio of %s: %w", d.DeviceID, err)
	}
	l.client = client
	return l, nil
}

// Heard implements Radio.
func (l *line) Heard() <-chan any { return l.heard }

func (l *line) pass(m any) {
	select {
	case l.heard <- m:
	default:
	}
}

// Send implements Radio.
func (l *line) Send(f beacon.Fix) {
	l.client.Add(f)
	l.count()
}

// count adds what is new to the city's counters.
func (l *line) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, c := l.client.Stats(), l.counters
	c.Made.Add(now.Added - l.told.Added)
	c.Acked.Add(now.Acked - l.told.Acked)
	c.Rejected.Add(now.Rejected - l.told.Rejected)
	c.Dropped.Add(now.LetGo - l.told.LetGo)
	c.Reconnects.Add(max(0, now.Connections-1) - max(0, l.told.Connections-1))
	l.told = now
}

// Signal implements Radio.
func (l *line) Signal(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = !on
	if !on && l.cut != nil {
		l.cut()
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Run implements Radio. An error says that the service does not want the device.
func (l *line) Run(ctx context.Context) error {
	defer l.count()
	for ctx.Err() == nil {
		connected, cut := context.WithCancel(ctx)
		l.mu.Lock()
		silent := l.silent
		l.cut = cut
		l.mu.Unlock()
		if silent {
			select {
			case <-ctx.Done():
			case <-l.changed:
			}
			cut()
			continue
		}
		err := l.client.Run(connected)
		cut()
		if errors.Is(err, beaconclient.ErrRefused) {
			return err
		}
	}
	return nil
}
