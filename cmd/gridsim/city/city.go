// Package city is a simulated city: it moves the patrols of a demo along the
// roads, sends their beacons over real sockets with their own tokens, files
// reports with photos, and plays the assignments it is given to the end. It knows the
// service only by its public interface.
//
// # Model
//
// One goroutine runs each patrol on duty and owns everything about it; calls to the
// service run beside it, at most one answer and one search for a way at a time. The
// city's own goroutine looks at the register every so often and starts and stops
// patrols as their shifts do. Everything ends with the context, and Run waits
// for it.
//
//	register (GET /patrols) --> city --starts--> patrol --fixes--> radio --> /ws/beacon
//	                                               ^---offers--------'
//	                                               '--> POST accept, en_route, on_scene, done
//	reporters --> POST /reports
//	closer    --> POST /cases/ID/close, with an answer
package city

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
	"github.com/gridpatrol/gridpatrol/geo"
)

// lookEvery is the time between two looks at who is on duty.
const lookEvery = 20 * time.Second

// mostPatrols bounds what is read of the register, and so how many patrols run.
const mostPatrols = 20_000

// city is a run of Config. All fields but counters, seen and the log belong
// to the goroutine of Run.
type city struct {
	config   Config
	service  *service
	admin    caller
	places   *Places
	guide    Guide
	counters *Counters
	devices  map[string]Device // by patrol id or code, looked up only
	out      map[string]*onDuty
	ended    map[string]bool // the service does not want these any more
	patrols  sync.WaitGroup
	logging  sync.Mutex // one line at a time
	mu       sync.Mutex // guards the witnesses, which reporters read
	seen     []*onDuty
}

// onDuty is a patrol that runs.
type onDuty struct {
	patrol *patrol
	cancel context.CancelFunc
	done   chan error // one value when it has ended
}

// Run simulates until ctx ends. A service that is not there yet is waited for.
func Run(ctx context.Context, config Config) (*Counters, error) {
	config, err := config.check()
	counters := &Counters{}
	if err != nil {
		return counters, err
	}
	c := &city{
		config: config, service: newService(config.Demo.URL), admin: caller{token: config.Demo.AdminToken}, counters: counters,
		devices: map[string]Device{}, out: map[string]*onDuty{}, ended: map[string]bool{},
	}
	defer c.service.client.CloseIdleConnections()
	for _, d := range config.Demo.Devices {
		c.devices[d.PatrolID] = d
	}
	rng := rand.New(rand.NewPCG(config.Seed, 0))
	kinds, err := c.open(ctx, rng)
	if err != nil {
		return counters, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer c.patrols.Wait()
	defer stop()

	r := &reporters{
		run: crand.Text(), rng: rand.New(rand.NewPCG(config.Seed, 2)), service: c.service, places: c.places, counters: counters,
		rate: config.ReportsPerMinute, kinds: kinds, people: c.witnesses, hotline: &hotline{signIn: c.signIn}, log: c.log,
	}
	if c.hasPassword("grid_worker") {
		r.worker = &hotline{signIn: func(ctx context.Context) caller { return c.signInAs(ctx, "grid_worker") }}
	}
	shut := &closer{rng: rand.New(rand.NewPCG(config.Seed, 3)), service: c.service, hotline: r.hotline, counters: counters, log: c.log}
	reported, closed := make(chan error, 1), make(chan error, 1)
	go func() { reported <- r.Run(ctx) }()
	go func() { closed <- shut.Run(ctx) }()
	err = c.watch(ctx)
	stop()
	return counters, errors.Join(err, <-reported, <-closed)
}

func (c *city) log(format string, args ...any) {
	c.logging.Lock()
	defer c.logging.Unlock()
	_, _ = fmt.Fprintf(c.config.Out, "gridsim: "+format+"\n", args...) // the city runs on without its log
}

// open waits for the service and learns where people can go and what can happen.
func (c *city) open(ctx context.Context, rng *rand.Rand) ([]kind, error) {
	var kinds []kind
	for try := 1; ; try++ {
		err := func() (err error) {
			kinds = nil
			if err = each(ctx, c.service, c.admin, "/api/v1/categories", 1000, func(k kind) { kinds = append(kinds, k) }); err != nil {
				return err
			}
			var demo bool
			if c.places, demo, err = findPlaces(ctx, c.service, c.admin, rng); err != nil {
				return err
			}
			c.guide = RemoteGuide{c.service, c.admin}
			if demo {
				network, err := district.Network(ctx)
				if err != nil {
					return err
				}
				c.guide = LocalGuide{network}
			}
			return nil
		}()
		if err == nil {
			break
		}
		if outcomeOf(err) == refused || ctx.Err() != nil {
			return nil, err
		}
		if try == 1 {
			c.log("waiting for the service: %v", err)
		}
		if try > 40 || !wait(ctx, backoff(rng, min(try, 4))) {
			return nil, err
		}
	}
	if len(kinds) == 0 {
		return nil, errors.New("the service has no categories: import some first")
	}
	return kinds, nil
}

// signIn makes the caller who files what residents report: an operator by
// password, as a person would; failing that the token.
func (c *city) signIn(ctx context.Context) caller { return c.signInAs(ctx, "operator") }

func (c *city) hasPassword(role string) bool {
	return slices.ContainsFunc(c.config.Demo.Accounts, func(a Account) bool { return a.Role == role && a.Password != "" })
}

func (c *city) signInAs(ctx context.Context, role string) caller {
	for _, a := range c.config.Demo.Accounts {
		if a.Role == role && a.Password != "" {
			who, err := c.service.signIn(ctx, a.Username, a.Password)
			if err == nil {
				return who
			}
			c.log("the %s uses the token instead: %v", role, err)
			break
		}
	}
	return c.admin
}

// watch starts and stops patrols as they go on and off duty, until ctx ends.
func (c *city) watch(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	status := time.NewTicker(c.config.StatusEvery)
	defer status.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			c.log("%s", c.counters.Line())
			return nil
		case <-status.C:
			c.log("%s", c.counters.Line())
		case <-look.C:
			if err := c.look(ctx); err != nil && ctx.Err() == nil {
				if err.Error() != told {
					told = err.Error()
					c.log("cannot read the register: %v", err)
				}
			} else {
				told = ""
			}
			look.Reset(lookEvery)
		}
	}
}

// look compares who is on duty with who is out.
func (c *city) look(ctx context.Context) error {
	c.reap()
	var rows []patrolRow
	if err := each(ctx, c.service, c.admin, "/api/v1/patrols", mostPatrols, func(p patrolRow) { rows = append(rows, p) }); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b patrolRow) int { return strings.Compare(a.Code, b.Code) })
	wanted := map[string]bool{}
	limit := c.config.Devices
	for _, row := range c.choose(rows) {
		if limit > 0 && len(wanted) == limit {
			break
		}
		wanted[row.ID] = true
		if o := c.out[row.ID]; o == nil {
			c.start(ctx, row)
		} else if row.claimed() && o.patrol.idle.Load() {
			c.remind(ctx, row, o)
		}
	}
	for id, o := range c.out {
		if !wanted[id] {
			o.cancel()
		}
	}
	c.mu.Lock()
	c.seen = c.seen[:0]
	for _, o := range c.out {
		c.seen = append(c.seen, o)
	}
	c.mu.Unlock()
	c.counters.OnDuty.Store(int64(len(c.out)))
	return nil
}

// choose lists the patrols on duty that have a device, those already out first
// and then department patrols before grid workers, so that a small city still has
// somebody to send.
func (c *city) choose(rows []patrolRow) []patrolRow {
	var list []patrolRow
	for _, row := range rows {
		if row.Status == "off_duty" || c.ended[row.ID] {
			continue
		}
		if _, ok := c.device(row); ok {
			list = append(list, row)
		}
	}
	rank := func(r patrolRow) int {
		switch {
		case c.out[r.ID] != nil:
			return 0
		case r.Department != "grid":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b patrolRow) int { return rank(a) - rank(b) })
	return list
}

func (r patrolRow) claimed() bool {
	return r.Status == "assigned" || r.Status == "en_route" || r.Status == "on_scene"
}

func (c *city) device(row patrolRow) (Device, bool) {
	d, ok := c.devices[row.ID]
	if !ok {
		d, ok = c.devices[row.Code]
	}
	return d, ok
}

func (c *city) start(ctx context.Context, row patrolRow) {
	d, _ := c.device(row)
	h := fnv.New64a()
	_, _ = h.Write([]byte(row.Code)) // never fails
	rng := rand.New(rand.NewPCG(c.config.Seed, h.Sum64()))
	at := c.places.home(row.Code, rng)
	if row.Lon != nil && row.Lat != nil {
		at = geo.Point{Lon: *row.Lon, Lat: *row.Lat}
	}
	p := newPatrol(row, at, rng)
	p.device, p.who = d.DeviceID, caller{token: d.Token}
	p.places, p.guide, p.service, p.counters = c.places, c.guide, c.service, c.counters
	if c.config.Interval > 0 {
		p.interval, p.fixed = c.config.Interval, true
	}
	radio, err := c.radio(d)
	if err != nil {
		c.ended[row.ID] = true
		c.log("%v", err)
		return
	}
	p.radio = radio
	ctx, cancel := context.WithCancel(ctx)
	o := &onDuty{patrol: p, cancel: cancel, done: make(chan error, 1)}
	c.out[row.ID] = o
	c.patrols.Go(func() { o.done <- p.Run(ctx) })
	if row.claimed() {
		c.remind(ctx, row, o)
	}
}

// remind tells a patrol what the service thinks it is doing: it may have missed
// the offer, or the city was started anew.
func (c *city) remind(ctx context.Context, row patrolRow, o *onDuty) {
	c.patrols.Go(func() {
		task, state, err := c.service.taskOf(ctx, o.patrol.who, row.ID)
		if err != nil || task.AssignmentID == "" {
			return // asked again at the next look
		}
		select {
		case o.patrol.resumes <- resume{task, state}:
		case <-ctx.Done():
		default: // it has not read the last one yet
		}
	})
}

// reap forgets the patrols that have ended.
func (c *city) reap() {
	for id, o := range c.out {
		select {
		case err := <-o.done:
			o.cancel()
			delete(c.out, id)
			if err != nil {
				c.ended[id] = true
				c.log("patrol %s ended: %v", o.patrol.code, err)
			}
		default:
		}
	}
}

// witnesses are the patrols that are out, and where.
func (c *city) witnesses() []witness {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]witness, 0, len(c.seen))
	for _, o := range c.seen {
		select {
		case at := <-o.patrol.where:
			select {
			case o.patrol.where <- at:
			default:
			}
			out = append(out, witness{o.patrol.who, at})
		default:
		}
	}
	return out
}
