package figure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/natsbus"
)

// Parts of a running service that can be asked at any time.
type Parts struct {
	DB      *pgdb.DB
	Beacons func() realtime.Stats
	Live    func() realtime.LiveStats
	Patrols func() []realtime.Standing
	Rounds  func() []timers.Round
	// ClockAhead is how far this machine's clock is before the database's, if it was
	// measured.
	ClockAhead func() (time.Duration, bool)
	// Peers is how this node stands with the others.
	Peers func() Peers
	// Disk answers what the private cluster's disk has free, and all of it; nil when
	// the database is elsewhere.
	Disk func() (free, total uint64, err error)
}

// Peers is how a node stands with the others.
type Peers struct {
	Unheard  int   // others that are at work and silent on the bus
	Cut      bool  // some of them have worked since they were heard last
	CaughtUp int64 // readings of others' places from the database
	Bus      natsbus.Stats
}

// memory collects what is in this process.
type memory struct{ p Parts }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gridpatrol_"+name, help, labels, nil)
}

var (
	peersHeard   = desc("bus_peers", "Other nodes that this node hears over the bus.")
	peersUnheard = desc("bus_peers_unheard", "Other nodes that are at work, by the database, and not heard over the bus.")
	busCut       = desc("bus_cut", "1 while another node works and is not heard: its positions come from the database, late.")
	busCaughtUp  = desc("bus_caught_up_total", "Readings of the other nodes' positions from the database.")
	busMessages  = desc("bus_messages_total", "Messages of the bus, said and heard.", "way")
	busPlaces    = desc("bus_positions_total", "Positions in them.", "way")
	busUnsent    = desc("bus_unsent_total", "Messages that the bus did not take.")
	busHoles     = desc("bus_holes_total", "Holes in the messages of other nodes, each of which makes this node catch up.")
	busDropped   = desc("bus_dropped_total", "Messages and records of the bus that could not be read, by why.", "why")

	beaconSockets  = desc("beacon_sockets", "Devices connected to this node.")
	beaconCommits  = desc("beacon_commits_total", "Commits of the beacon writer.")
	beaconQueue    = desc("beacon_queue_fixes", "Fixes that wait for a commit or are in one.")
	beaconAway     = desc("beacon_database_away", "1 while no fix can be written and nothing is acknowledged.")
	fixesKept      = desc("fixes_kept_total", "Fixes written to tracks and acknowledged.")
	fixesDuplicate = desc("fixes_duplicate_total", "Fixes that were there already.")
	fixesDoubtful  = desc("fixes_doubtful_total", "Fixes kept with a doubt, once for each doubt that they have.", "verdict")
	fixesAside     = desc("fixes_quarantined_total", "Fixes kept aside because their time cannot be believed.")
	fixesRejected  = desc("fixes_rejected_total", "Fixes rejected by name.", "code")
	liveViewers    = desc("live_viewers", "Viewers connected to this node.")
	liveFrames     = desc("live_frames_total", "Frames queued for viewers.")
	liveBytes      = desc("live_frame_bytes_total", "Bytes of those frames.")
	liveSlow       = desc("live_slow_closed_total", "Viewers closed because they did not keep up.")
	patrols        = desc("patrols", "Patrols by status and presence.", "status", "presence")
	timerLate      = desc("timer_late_seconds", "How much later than its tick a timer last came round.", "timer")
	timerFailures  = desc("timer_failures_total", "Rounds of a timer that ended with an error.", "timer")
	clockAhead     = desc("clock_ahead_seconds", "This machine's clock before the database's.")
	diskFree       = desc("disk_free_bytes", "Free on the disk of the private cluster.")
	diskSize       = desc("disk_size_bytes", "Size of the disk of the private cluster.")
	poolUsed       = desc("db_pool_connections", "Connections of this node's pool.", "state")
	poolMax        = desc("db_pool_connections_max", "Most connections that the pool may have.")
	poolWaits      = desc("db_pool_waits_total", "Times somebody waited for a connection.")
	poolWaited     = desc("db_pool_wait_seconds_total", "Time spent waiting for a connection.")
)

// Describe implements prometheus.Collector.
func (m *memory) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *memory) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	b := m.p.Beacons()
	gauge(beaconSockets, float64(b.Sockets))
	counter(beaconCommits, float64(b.Commits))
	gauge(beaconQueue, float64(b.Queued))
	gauge(beaconAway, oneIf(b.Away))
	counter(fixesKept, float64(b.Kept))
	counter(fixesDuplicate, float64(b.Duplicates))
	for verdict, n := range b.Doubtful {
		counter(fixesDoubtful, float64(n), verdict)
	}
	counter(fixesAside, float64(b.Quarantined))
	for code, n := range b.Rejected {
		counter(fixesRejected, float64(n), string(code))
	}
	l := m.p.Live()
	gauge(liveViewers, float64(l.Viewers))
	counter(liveFrames, float64(l.Frames))
	counter(liveBytes, float64(l.Bytes))
	counter(liveSlow, float64(l.Slow))
	m.patrols(gauge)
	if m.p.Peers != nil {
		p := m.p.Peers()
		gauge(peersHeard, float64(p.Bus.Others))
		gauge(peersUnheard, float64(p.Unheard))
		gauge(busCut, oneIf(p.Cut))
		counter(busCaughtUp, float64(p.CaughtUp))
		counter(busMessages, float64(p.Bus.Sent), "said")
		counter(busMessages, float64(p.Bus.Received), "heard")
		counter(busPlaces, float64(p.Bus.PlacesSent), "said")
		counter(busPlaces, float64(p.Bus.PlacesReceived), "heard")
		counter(busUnsent, float64(p.Bus.Unsent))
		counter(busHoles, float64(p.Bus.Holes))
		for why, n := range p.Bus.Dropped {
			counter(busDropped, float64(n), why)
		}
	}
	now := time.Now()
	for _, r := range m.p.Rounds() {
		gauge(timerLate, r.Late(now).Seconds(), r.Name)
		counter(timerFailures, float64(r.Failed), r.Name)
	}
	if ahead, known := m.p.ClockAhead(); known {
		gauge(clockAhead, ahead.Seconds())
	}
	if m.p.Disk != nil {
		if free, total, err := m.p.Disk(); err == nil {
			gauge(diskFree, float64(free))
			gauge(diskSize, float64(total))
		}
	}
	pool := m.p.DB.Stat()
	gauge(poolUsed, float64(pool.AcquiredConns()), "in_use")
	gauge(poolUsed, float64(pool.IdleConns()), "idle")
	gauge(poolMax, float64(pool.MaxConns()))
	counter(poolWaits, float64(pool.EmptyAcquireCount()))
	counter(poolWaited, pool.EmptyAcquireWaitTime().Seconds())
}

// patrols counts every status with every presence, so that a line on a chart ends
// at 0 and not in the air.
func (m *memory) patrols(gauge func(*prometheus.Desc, float64, ...string)) {
	type key struct {
		status   dispatch.Status
		presence dispatch.Presence
	}
	count := map[key]int{}
	for _, status := range []dispatch.Status{dispatch.OffDuty, dispatch.Free, dispatch.Assigned, dispatch.EnRoute, dispatch.OnScene, dispatch.Break} {
		for _, presence := range []dispatch.Presence{dispatch.Online, dispatch.Still, dispatch.Stale, dispatch.Lost} {
			count[key{status, presence}] = 0
		}
	}
	for _, s := range m.p.Patrols() {
		count[key{s.Status, s.Presence}]++
	}
	for k, n := range count {
		gauge(patrols, float64(n), string(k.status), string(k.presence))
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
