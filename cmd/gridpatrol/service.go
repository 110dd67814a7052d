package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/api/pgview"
	"github.com/gridpatrol/gridpatrol/cmd/gridpatrol/figure"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/hookpost"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/geo/pgtiles"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/web"
)

// drainFor bounds how long the doors wait for what is under way, and lastCommits
// how long the beacon writer has after them. Together with the rest they stay below
// stopWithin.
const (
	drainFor    = 12 * time.Second
	lastCommits = 8 * time.Second
)

// service is the whole of a running node, wired but not started.
type service struct {
	env        *Env
	door       *api.Server
	beacons    *realtime.BeaconServer
	live       *realtime.LiveServer
	timers     *timers.Timers
	photos     timers.Photos
	hooks      timers.Hooks
	post       *hookpost.Poster
	refresh    *refresher
	fleet      *fleetKeeper
	fences     *fenceKeeper
	presences  *presenceKeeper
	node       *node
	neighbours *neighbours
	tracks     *pgtrack.Store
	zone       *time.Location
	sealer     *pgproof.Sealer
	heads      headConfig
	stage      func(door http.Handler) http.Handler // what stands before the door; nil for nothing
}

// newService wires every part together and reads what they keep in memory.
func newService(ctx context.Context, env *Env, c serveConfig, zone *time.Location) (*service, error) {
	district := dispatch.DistrictID{UUID: pgdb.District}
	figures, err := figure.New()
	if err != nil {
		return nil, err
	}
	trackStore := pgtrack.New(env.DB)
	// While a backup reads, no partition can be made; fixes are kept without, and the
	// partition takes them over when it comes.
	if _, err := pgtrack.EnsurePartitions(ctx, env.DB, partitionsAheadDays); errors.Is(err, pgtrack.ErrInUse) {
		env.Log.Warn("the coming days' track partitions have to wait", "error", err)
	} else if err != nil {
		return nil, fmt.Errorf("make the coming days' track partitions: %w", err)
	}
	bus := c.Bus.settings()
	node, err := newNode(env, kindOf(bus), c.machine())
	if err != nil {
		return nil, err
	}
	// Before anything goes by the clock.
	if err := node.measure(ctx); err != nil {
		return nil, err
	}
	now := c.now(node.clock)
	roads := &road.Switch{}
	fleet := road.NewFleet(roads)
	ways := c.Outside.ways(fleet, figures.Outside)
	atlas := dispatch.NewAtlas(now)
	store := pgstore.New(env.DB)
	works := pgroad.NewWorks(env.DB, roads)
	works.InZone(zone)
	refresh := newRefresher(env, store, atlas, works)
	promise := &dispatch.Promise{Zone: zone}
	refresh.promise = promise
	if err := refresh.now(ctx); err != nil {
		return nil, err
	}

	bell := timers.NewBell()
	neighbours, err := newNeighbours(ctx, env, node, bus, bell.Ring)
	if err != nil {
		return nil, err
	}
	opened := false
	defer func() {
		if !opened {
			neighbours.close()
		}
	}()

	index := realtime.NewIndex(now)
	local := realtime.NewLocalBus()
	beacons, err := realtime.OpenBeacons(ctx, realtime.Config{
		Ledger: trackStore, Rosters: trackStore, Snapshots: trackStore, Index: index, Bus: local, Peers: neighbours.peers(), Zone: zone, Log: env.Log,
		Meter: figures, DrainFor: lastCommits, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("open the beacon side: %w", err)
	}
	neighbours.beacons, neighbours.local = beacons, local
	vault, err := c.Photos.open(ctx, env)
	if err != nil {
		return nil, err
	}
	window := c.BatchWindow
	if window == 0 {
		window = -1 // whoever says 0 wants none, and not the default
	}
	post := hookpost.New(hookpost.Config{Networks: c.webhookNetworks()})
	desk, err := dispatch.New(dispatch.Config{
		District: district, Store: store, Live: index, Roads: ways, Grids: atlas, Trails: trackStore, Promise: promise, Zone: zone, Wake: neighbours.wake,
		Planned: figures.Planned, Log: env.Log, Vault: vault, Copier: newPhotoCopier(), BatchWindow: window, Post: post,
	})
	if err != nil {
		return nil, err
	}
	auth := pgauth.New(env.DB, pgauth.Config{})
	live, err := realtime.NewLiveServer(realtime.LiveConfig{
		Index: index, Bus: local, Cases: openCases(desk, auth), Log: env.Log,
		Record: func(ctx context.Context, who dispatch.Viewer, patrols []dispatch.PatrolID) error {
			return auth.RecordViews(ctx, who, pgauth.ViewedPosition, patrols)
		},
	})
	if err != nil {
		return nil, err
	}
	view := pgview.New(env.DB)
	clocks := timers.New(timers.Config{
		Desk: desk, Book: store, Announce: beacons, Bell: bell, Log: env.Log,
		Follow: func(ctx context.Context) (timers.Outbox, error) {
			outbox, err := store.Follow(ctx)
			if err != nil {
				return nil, err
			}
			outbox.Waited = figures.Announced
			return outbox, nil
		},
	})
	node.timers = clocks
	parts := figure.Parts{DB: env.DB, Beacons: beacons.Stats, Live: live.Stats, Patrols: index.All, Rounds: clocks.Rounds, ClockAhead: node.clockAhead, Peers: neighbours.figures}
	if node.dir != "" {
		parts.Disk = func() (free, total uint64, err error) {
			_, free, total, err = fullestDisk(node.dir)
			return free, total, err
		}
	}
	if err := figures.Watch(parts); err != nil {
		return nil, err
	}
	door, err := api.New(api.Config{
		Auth:    auth,
		Reports: desk, Cases: desk, Patrols: desk, Places: desk, People: desk, Notices: desk, Hooks: desk,
		Book: view, Register: view, Tracks: trackStore, Roster: view, Records: view, Zone: zone,
		Roads: ways, Works: works, Promise: promise, Tiles: pgtiles.New(env.DB),
		Beacon: beaconSocket{beacons}, Live: liveSocket(live),
		Ready: node.ready, Notes: neighbours.notes, Page: web.Files(), Origins: c.Origins, Now: now, Log: env.Log, Metrics: figures.Registry, VigilEvery: c.vigilEvery,
	})
	if err != nil {
		return nil, err
	}
	opened = true
	return &service{env: env, door: door, neighbours: neighbours, beacons: beacons, live: live, refresh: refresh, fleet: &fleetKeeper{env: env, index: index, fleet: fleet, now: now}, fences: newFenceKeeper(env, index, local, trackStore), presences: newPresenceKeeper(env, index, local, trackStore), timers: clocks, photos: timers.Photos{Desk: desk, Log: env.Log}, hooks: timers.Hooks{Desk: desk, Log: env.Log}, post: post, node: node, tracks: trackStore, zone: zone,
		sealer: &pgproof.Sealer{DB: env.DB, District: pgdb.District, Log: env.Log, Sealed: figures.Sealed}, heads: c.Heads, stage: c.stage}, nil
}

// run opens the doors, says so, and works until ctx ends. Doors stop first, then
// what they feed: timers, viewers, the beacon writer with its last commit.
func (s *service) run(ctx context.Context, listener, metrics net.Listener, ready func()) error {
	doors := []part{{name: "the doors", run: func(ctx context.Context) error {
		ready()
		return s.serveHTTP(ctx, listener, s.door)
	}}}
	if metrics != nil {
		doors = append(doors, part{name: "the metrics", run: func(ctx context.Context) error {
			return s.serveHTTP(ctx, metrics, s.door.MetricsHandler())
		}})
	}
	return runLayers(ctx, doors,
		[]part{
			{name: "the timers", run: s.timers.Run},
			{name: "the copies of photos", run: s.photos.Run},
			{name: "the webhooks", run: s.keepHooks},
			{name: "the watch over open sockets", run: s.door.WatchAccess},
			{name: "the map and roads in memory", run: s.refresh.run},
			{name: "the ways of whoever is free", run: s.fleet.run},
			{name: "the watch over fences", run: s.fences.run},
			{name: "the record of presence", run: s.presences.run},
		},
		[]part{{name: "the viewers", run: s.live.Run}},
		[]part{{name: "the beacons", run: s.beacons.Run}},
		[]part{
			{name: "the track partitions", run: s.keepPartitions},
			{name: "the visits by cell", run: s.countVisits},
			{name: "the retention", run: s.keepRetention},
			{name: "the learning of speeds", run: s.keepLearning},
			{name: "the sealing of events", run: s.sealer.Run},
			{name: "the signed heads", run: s.keepHeads},
			{name: "the look at other nodes", run: s.neighbours.run},
			{name: "the node's pulse", run: s.node.run},
		},
		// Last, since what is told to others comes from all of the above.
		[]part{{name: "the bus between nodes", run: s.neighbours.speak}},
	)
}

// keepHooks carries messages to webhooks, and lets go of their connections at the end.
func (s *service) keepHooks(ctx context.Context) error {
	defer s.post.Close()
	return s.hooks.Run(ctx)
}

// serveHTTP serves until ctx ends, then refuses new work, ends the sockets and
// waits for the requests under way.
func (s *service) serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	before := handler
	if s.stage != nil {
		before = s.stage(handler)
	}
	server := api.HTTPServer(context.WithoutCancel(ctx), before, s.env.Log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	var err error
	if handler == http.Handler(s.door) {
		s.env.Log.Info("stopping: what is under way is finished; a second signal ends the program at once")
		err = s.door.Drain(drain)
	}
	if shut := server.Shutdown(drain); shut != nil {
		err = errors.Join(err, shut)
		server.Close()
	}
	<-failed // Serve has returned: http.ErrServerClosed
	return err
}

// partitionsAheadDays is how many days ahead of a fix its partition is there.
const partitionsAheadDays = 8

// keepPartitions makes the coming days' partitions, long before they are needed.
func (s *service) keepPartitions(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := pgtrack.EnsurePartitions(ctx, s.env.DB, partitionsAheadDays); err != nil && ctx.Err() == nil {
			s.env.Log.Error("make the coming days' track partitions", "error", err)
		}
	}
}
