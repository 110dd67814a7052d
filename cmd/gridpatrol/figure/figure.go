// Package figure is what /metrics says of a running service, in the duty's words
// and with units in the names.
//
// Three kinds: what parts report as it happens (histograms), what parts can be
// asked at any time (the live side, the pool, the timers), and what only the
// database knows, which is asked for at most every few seconds however often
// figures are fetched. No label names a person, a patrol, a case or a place; every
// set of labels is bounded by the program's own words.
package figure

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Figures are the ones that parts report as it happens, and the registry of all.
type Figures struct {
	Registry *prometheus.Registry

	plan     *prometheus.HistogramVec
	announce prometheus.Histogram
	ack      prometheus.Histogram
	commit   prometheus.Histogram
	seal     prometheus.Histogram
	sealed   prometheus.Counter
	batch    prometheus.Histogram
	outside  *prometheus.CounterVec
}

// waits are bounds for what people and devices wait for.
var waits = []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300}

// New makes the figures and their registry.
func New() (*Figures, error) {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	f := &Figures{
		Registry: prometheus.NewRegistry(),
		plan: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gridpatrol_report_plan_seconds", Buckets: waits,
			Help: "From a report's receipt until its plan was committed, by how the plan ended."}, []string{"dispatch"}),
		announce: histogram("gridpatrol_outbox_wait_seconds", "From a decision until this node announced it.", waits),
		ack:      histogram("gridpatrol_beacon_ack_seconds", "From a beacon message's receipt until it was on disk and acknowledged.", waits),
		commit:   histogram("gridpatrol_beacon_commit_seconds", "One commit of the beacon writer.", waits),
		seal:     histogram("gridpatrol_event_seal_seconds", "From an event until it was chained, the oldest of each round.", waits),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{Name: "gridpatrol_events_sealed_total",
			Help: "Events that this node chained."}),
		batch: histogram("gridpatrol_beacon_batch_fixes", "Fixes in one commit of the beacon writer.",
			[]float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}),
		outside: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gridpatrol_roads_outside_total",
			Help: "Questions for an outside routing server by how they ended: ok, or why the own engine answered (failed, resting, closed, unknown)."}, []string{"server", "result"}),
	}
	for _, d := range []dispatch.DispatchState{dispatch.DispatchDone, dispatch.DispatchProposed, dispatch.DispatchNone} {
		f.plan.WithLabelValues(string(d)) // there from the start, so that a rate has a beginning
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gridpatrol_build_info",
		Help: "1; the labels say what this program is made of."}, []string{"version", "go", "h3"})
	version, goVersion, h3 := made()
	build.WithLabelValues(version, goVersion, h3).Set(1)
	for _, c := range []prometheus.Collector{
		f.plan, f.announce, f.ack, f.commit, f.batch, f.seal, f.sealed, f.outside, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := f.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register figures: %w", err)
		}
	}
	return f, nil
}

// Planned is dispatch.Config's hook.
func (f *Figures) Planned(end dispatch.DispatchState, took time.Duration) {
	f.plan.WithLabelValues(string(end)).Observe(took.Seconds())
}

// Outside is outside.Config's hook.
func (f *Figures) Outside(server, result string) { f.outside.WithLabelValues(server, result).Inc() }

// Announced hears how long a change waited in the outbox.
func (f *Figures) Announced(waited time.Duration) { f.announce.Observe(waited.Seconds()) }

// Sealed is pgproof.Sealer's hook.
func (f *Figures) Sealed(events int, waited time.Duration) {
	f.sealed.Add(float64(events))
	f.seal.Observe(waited.Seconds())
}

// Committed implements realtime.Meter.
func (f *Figures) Committed(fixes int, took time.Duration) {
	f.batch.Observe(float64(fixes))
	f.commit.Observe(took.Seconds())
}

// Acked implements realtime.Meter.
func (f *Figures) Acked(waited time.Duration) { f.ack.Observe(waited.Seconds()) }

// Watch adds the figures of parts that can be asked.
func (f *Figures) Watch(p Parts) error {
	if p.Beacons == nil || p.Live == nil || p.Patrols == nil || p.Rounds == nil || p.DB == nil || p.ClockAhead == nil {
		return errors.New("figure: every part must be there")
	}
	if err := f.Registry.Register(&memory{p}); err != nil {
		return fmt.Errorf("register figures: %w", err)
	}
	if err := f.Registry.Register(&book{db: p.DB, fresh: bookFreshFor}); err != nil {
		return fmt.Errorf("register figures: %w", err)
	}
	return nil
}

// made reads what the program was built from. H3 is a library of others, whose
// version decides what a cell is called.
func made() (version, goVersion, h3 string) {
	version, goVersion, h3 = "unknown", "unknown", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, goVersion, h3
	}
	goVersion = info.GoVersion
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			version = setting.Value[:min(12, len(setting.Value))]
		}
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/uber/h3-go/v4" {
			h3 = d.Version
		}
	}
	return version, goVersion, h3
}
