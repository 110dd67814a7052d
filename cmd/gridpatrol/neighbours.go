package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/cmd/gridpatrol/figure"
	"github.com/gridpatrol/gridpatrol/migrations/pgnode"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/natsbus"
)

const (
	// lookAround is how often a node looks who else is at work.
	lookAround = time.Second
	// quietFor is how long a node may be silent on the bus, where it speaks each second.
	quietFor = 3 * time.Second
	// catchUpEvery is how often places are read from the database while somebody is not
	// heard, and the least time between two readings.
	catchUpEvery = 2 * time.Second
	// settledAfter is after how long a place that a node has acknowledged is surely in the
	// database's list of newest places, which it writes each second, under load too.
	settledAfter = 6 * time.Second
)

// busSettings are how nodes speak with each other; none set is one node alone.
type busSettings struct {
	Listen string   `name:"bus-listen" env:"GRIDPATROL_BUS_LISTEN" placeholder:"ADDR" help:"Address on which this node takes the bus of other nodes, host:port. Empty: no bus, one node."`
	Peers  []string `name:"bus-peers" env:"GRIDPATROL_BUS_PEERS" placeholder:"ADDR" help:"Other nodes' bus addresses, host:port; one that is reached tells of the others."`
	Cert   string   `name:"bus-cert" env:"GRIDPATROL_BUS_CERT" placeholder:"FILE" help:"This node's certificate for the bus, PEM."`
	Key    string   `name:"bus-key" env:"GRIDPATROL_BUS_KEY" placeholder:"FILE" help:"Its key, PEM."`
	CA     string   `name:"bus-ca" env:"GRIDPATROL_BUS_CA" placeholder:"FILE" help:"The authority that signed the nodes' certificates, PEM."`
	Plain  bool     `name:"bus-plain" env:"GRIDPATROL_BUS_PLAIN" help:"Allow the bus without TLS beyond this machine, where the network itself is private."`
	URL    string   `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"A NATS server outside instead: nats://host:4222 or tls://host:4222."`
	Creds  string   `name:"nats-creds" env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file for it."`
}

// settings reads the secrets from the environment, which alone may hold them: a flag
// would show in every list of processes.
func (b busSettings) settings() natsbus.Settings {
	return natsbus.Settings{
		Listen: b.Listen, Peers: b.Peers, Secret: os.Getenv("GRIDPATROL_BUS_SECRET"), Cert: b.Cert, Key: b.Key, CA: b.CA, Plain: b.Plain,
		URL: b.URL, User: os.Getenv("NATS_USER"), Password: os.Getenv("NATS_PASSWORD"), Token: os.Getenv("NATS_TOKEN"), CredentialsFile: b.Creds,
	}
}

// kindOf is what the book of nodes says of a bus.
func kindOf(s natsbus.Settings) string {
	switch {
	case s.Listen != "":
		return "inside"
	case s.URL != "":
		return "outside"
	}
	return "none"
}

// neighbours watches which other nodes are at work and whether they are heard. Who is
// not has its places read from the database, whether there is a bus or not; who is
// heard again is caught up with once.
//
// A node that the bus has lost may be dead or cut off. The database tells: it beats
// there every two seconds, and only one that has beaten since it was heard last is cut
// off. Either way its places are read at once.
type neighbours struct {
	env     *Env
	row     *pgnode.Node
	bus     *natsbus.Bus // nil without
	beacons *realtime.BeaconServer
	local   realtime.Bus
	ring    func()

	missed chan struct{} // holds one token while messages of others were lost
	// What run knows and others read.
	unheard  atomic.Int64
	cut      atomic.Bool
	caughtUp atomic.Int64
	hosts    atomic.Pointer[[]string]

	first map[uuid.UUID]time.Time // when run saw a node in the book that it has not heard; run's own
}

// newNeighbours opens the bus where one is wanted.
func newNeighbours(ctx context.Context, env *Env, n *node, s natsbus.Settings, ring func()) (*neighbours, error) {
	w := &neighbours{env: env, row: n.row, ring: ring, missed: make(chan struct{}, 1), first: map[uuid.UUID]time.Time{}}
	if !s.Wanted() {
		return w, nil
	}
	realm, err := pgnode.Realm(ctx, env.DB)
	if err != nil {
		return nil, err
	}
	ahead := func() time.Duration { d, _ := n.clockAhead(); return d }
	w.bus, err = natsbus.Open(natsbus.Config{Node: n.row.ID(), Host: n.host, Realm: realm, Ahead: ahead, Log: env.Log, Settings: s}, w)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// peers is what the beacon side tells others by.
func (w *neighbours) peers() realtime.Peers {
	if w.bus == nil {
		return nil
	}
	return w.bus
}

// wake is rung after each commit of this node.
func (w *neighbours) wake() {
	w.ring()
	if w.bus != nil {
		w.bus.Ring()
	}
}

func (w *neighbours) HearPlaces(places []realtime.Place) { w.beacons.HearPlaces(places) }
func (w *neighbours) HearClaims(claims []realtime.Claim) { w.beacons.HearClaims(claims) }
func (w *neighbours) Rung()                              { w.ring() }

func (w *neighbours) Missed() {
	select {
	case w.missed <- struct{}{}:
	default:
	}
}

// speak runs the bus, or nothing until ctx ends.
func (w *neighbours) speak(ctx context.Context) error {
	if w.bus == nil {
		<-ctx.Done()
		return nil
	}
	return w.bus.Run(ctx)
}

// run looks around until ctx ends.
func (w *neighbours) run(ctx context.Context) error {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	var owed arrears
	missed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.missed:
			missed = true
			owed.miss(time.Now())
		case <-tick.C:
			w.look(ctx)
		}
		began := time.Now()
		if !owed.due(began, w.unheard.Load() > 0) {
			continue
		}
		if err := w.beacons.CatchUp(ctx); err != nil {
			if ctx.Err() == nil {
				w.env.Log.Warn("the other nodes' places", "error", err)
			}
			continue
		}
		owed.paid(began)
		w.caughtUp.Add(1)
		if missed && w.bus != nil {
			// They may have missed as much of this node.
			for _, c := range w.beacons.Claims() {
				w.bus.Claim(c)
			}
		}
		missed = false
	}
}

// arrears say when places are to be read from the database. What was missed on the bus
// is there only once its node has saved it, so that one reading at once is not enough:
// readings follow until one that began settledAfter later.
type arrears struct {
	last   time.Time // when the last reading began
	missed time.Time // when something was missed last; zero: nothing that was not made good
}

func (a *arrears) miss(now time.Time) { a.missed = now }

// due says whether to read now, and that a reading begins if so.
func (a *arrears) due(now time.Time, unheard bool) bool {
	if (a.missed.IsZero() && !unheard) || now.Sub(a.last) < catchUpEvery {
		return false
	}
	a.last = now
	return true
}

// paid hears of a reading that succeeded.
func (a *arrears) paid(began time.Time) {
	if began.Sub(a.missed) >= settledAfter {
		a.missed = time.Time{}
	}
}

// look compares who is at work with who is heard. A database that does not answer
// leaves things as they are known.
func (w *neighbours) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	others, err := w.row.Others(asking)
	if err != nil {
		if ctx.Err() == nil {
			w.env.Log.Debug("which other nodes there are", "error", err)
		}
		return
	}
	heard := map[uuid.UUID]time.Duration{}
	if w.bus != nil {
		heard = w.bus.Heard()
	}
	now := time.Now()
	unheard, cut := 0, []string{}
	seen := map[uuid.UUID]time.Time{}
	for _, o := range others {
		silent, known := heard[o.ID]
		if known && silent <= quietFor {
			continue
		}
		if !known { // as long as it has been in the book
			since, before := w.first[o.ID]
			if !before {
				since = now
			}
			seen[o.ID] = since
			silent = now.Sub(since)
		}
		unheard++
		if silent > quietFor && o.BeatAgo < silent-lookAround {
			cut = append(cut, o.Host+" ("+o.Bus+")")
		}
	}
	w.first = seen
	w.unheard.Store(int64(unheard))
	slices.Sort(cut)
	w.hosts.Store(&cut)
	if is := len(cut) > 0; w.cut.Swap(is) != is {
		w.tell(is, cut)
	}
}

// tell says once that the way to others is cut, or whole again.
func (w *neighbours) tell(cut bool, hosts []string) {
	w.local.Publish(realtime.Message{Link: &realtime.LinkState{Cut: cut, Unheard: len(hosts)}})
	switch {
	case !cut:
		w.env.Log.Info("every other node is heard again")
		w.Missed()
	case w.bus == nil:
		w.env.Log.Warn("other nodes work on this database and this one has no bus: their places come some seconds late; set GRIDPATROL_BUS_LISTEN and GRIDPATROL_BUS_PEERS, or NATS_URL, on every node", "nodes", strings.Join(hosts, ", "))
	default:
		w.env.Log.Warn("other nodes are at work and not heard: their places come from the database, some seconds late", "nodes", strings.Join(hosts, ", "))
	}
}

// notes is what readiness says of the way to others.
func (w *neighbours) notes() []api.FieldProblem {
	if !w.cut.Load() {
		return nil
	}
	return []api.FieldProblem{{Pointer: "/bus", Detail: "other nodes are at work and not heard; their positions come from the database, some seconds late"}}
}

// figures is what /metrics asks.
func (w *neighbours) figures() figure.Peers {
	p := figure.Peers{Unheard: int(w.unheard.Load()), Cut: w.cut.Load(), CaughtUp: w.caughtUp.Load(), Bus: natsbus.None()}
	if w.bus != nil {
		p.Bus = w.bus.Stats()
	}
	return p
}

// close ends a bus whose service never ran.
func (w *neighbours) close() {
	if w.bus != nil {
		w.bus.Close()
	}
}
