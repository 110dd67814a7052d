// Package learn finds how fast roads really are from the trips of our own patrols. It
// knows no database: geo/road/pgroad keeps what is learned.
//
// # Model
//
// A trip is matched to the roads (package match). Where it follows a way in one
// direction for a good stretch, on which it was heard at least twice, that is a pass,
// and its slowness is how long it took over how long the built speed would take. Of
// the passes of a way, a direction, a mode and a bucket of the week, the median counts,
// so that a stop at a kiosk does not; somebody who takes more than tenfold stood still,
// which is no pass. Fewer than MinPasses, or of one patrol alone, teach nothing. What
// they teach is drawn towards the built speed as if Prior passes had driven that, and
// stays within MinFactor and MaxFactor of it.
//
// The wait before a turn is within the passes and, a few seconds of it, within the
// turn costs of the roads too; nothing takes that apart.
package learn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
)

// What counts as evidence, and what comes of it.
const (
	MinPasses  = 5
	MinPatrols = 2
	// Prior is how many passes at the built speed the evidence is weighed against.
	Prior = 5
	// MinFactor and MaxFactor bound a learned speed as a share of the built one.
	MinFactor = 0.2
	MaxFactor = 1.5

	minPassM    = 50
	minHeard    = 2   // fixes on a pass
	minSure     = 0.5 // mean confidence of a part
	stoodFactor = 10

	// maxPasses bounds what is kept of one way and bucket; more change no median.
	maxPasses = 400
	// maxWork bounds the matching of one trip, some three seconds.
	maxWork = 10_000_000
)

// Trip is how a patrol went somewhere. Patrol only tells patrols apart.
type Trip struct {
	Patrol [16]byte
	Mode   road.Mode
	Fixes  []match.Fix
}

// Key is what a speed is learned for.
type Key struct {
	Way     int64
	Against bool // the direction the way was drawn in
	Mode    road.Mode
	Bucket  int // see road.BucketOf
}

// Speed is what was learned, with its evidence.
type Speed struct {
	Key
	Factor        float64 // of the built speed
	KMH, BuiltKMH float64
	Passes        int
	Patrols       int
}

type pass struct {
	patrol   [16]byte
	slowness float64
	builtMS  float64 // a metre
}

// Learner gathers passes. One goroutine uses it at a time.
type Learner struct {
	net    *road.Network
	zone   *time.Location
	passes map[Key][]pass

	// Trips were matched, Skipped could not be, Passes came of them.
	Trips, Skipped, Passes int
}

// ErrUnnumbered says that nothing can be learned for roads whose ways have no numbers.
var ErrUnnumbered = errors.New("these roads carry no numbers of ways, by which speeds are kept; import them from OpenStreetMap to learn speeds")

// New makes a learner for a network; zone is the district's.
func New(n *road.Network, zone *time.Location) (*Learner, error) {
	if !n.Numbered() {
		return nil, ErrUnnumbered
	}
	return &Learner{net: n, zone: zone, passes: map[Key][]pass{}}, nil
}

// Add learns from a trip. One that cannot be matched is skipped and counted; the error
// is only that ctx ended.
func (l *Learner) Add(ctx context.Context, t Trip) error {
	found, err := match.Match(ctx, l.net, t.Mode, t.Fixes, match.Config{MaxWork: maxWork})
	if ctx.Err() != nil {
		return fmt.Errorf("learn speeds: %w", ctx.Err())
	}
	if err != nil {
		l.Skipped++
		return nil
	}
	l.Trips++
	for number, p := range found.Parts {
		if p.Confidence < minSure {
			continue
		}
		var heardM []float64
		for _, pl := range found.Places {
			if pl.State == match.Matched && pl.Part == number {
				heardM = append(heardM, pl.AtM)
			}
		}
		l.part(t, p, heardM)
	}
	return nil
}

// part finds the passes of a part: spans that follow each other on one way in one
// direction.
func (l *Learner) part(t Trip, p match.Part, heardM []float64) {
	at := 0.0
	for i := 0; i < len(p.Spans); {
		first := p.Spans[i]
		way, against := l.net.Origin(first.Arc/2), first.Arc&1 == 1
		fromM, builtMS := at, 0.0
		last := first
		for ; i < len(p.Spans) && l.net.Origin(p.Spans[i].Arc/2) == way && (p.Spans[i].Arc&1 == 1) == against; i++ {
			last = p.Spans[i]
			at += float64(last.ToCM-last.FromCM) / 100
			if ms, open := l.net.ArcMS(t.Mode, last.Arc); open && l.net.ArcCM(last.Arc) > 0 {
				builtMS += float64(ms) * float64(last.ToCM-last.FromCM) / float64(l.net.ArcCM(last.Arc))
			}
		}
		heard := 0
		for _, m := range heardM {
			if m >= fromM && m <= at {
				heard++
			}
		}
		tookMS := float64(last.Leave.Sub(first.Enter).Milliseconds())
		if way == 0 || at-fromM < minPassM || heard < minHeard || builtMS <= 0 || tookMS <= 0 || tookMS > stoodFactor*builtMS {
			continue
		}
		key := Key{Way: way, Against: against, Mode: t.Mode, Bucket: road.BucketOf(first.Enter.In(l.zone))}
		if len(l.passes[key]) < maxPasses {
			l.passes[key] = append(l.passes[key], pass{t.Patrol, tookMS / builtMS, builtMS / (at - fromM)})
			l.Passes++
		}
	}
}

// Speeds are what the trips teach, in the order of their keys.
func (l *Learner) Speeds() []Speed {
	var speeds []Speed
	for key, passes := range l.passes {
		if s, ok := speedOf(key, passes); ok {
			speeds = append(speeds, s)
		}
	}
	slices.SortFunc(speeds, func(a, b Speed) int {
		against := func(k Key) int {
			if k.Against {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(a.Way, b.Way), cmp.Compare(against(a.Key), against(b.Key)), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Bucket, b.Bucket))
	})
	return speeds
}

func speedOf(key Key, passes []pass) (Speed, bool) {
	patrols := map[[16]byte]bool{}
	slow, built := make([]float64, len(passes)), make([]float64, len(passes))
	for i, p := range passes {
		patrols[p.patrol] = true
		slow[i], built[i] = p.slowness, p.builtMS
	}
	if len(passes) < MinPasses || len(patrols) < MinPatrols {
		return Speed{}, false
	}
	n := float64(len(passes))
	factor := (n + Prior) / (n*median(slow) + Prior)
	factor = min(max(factor, MinFactor), MaxFactor)
	builtKMH := 3600 / median(built)
	return Speed{Key: key, Factor: factor, KMH: builtKMH * factor, BuiltKMH: builtKMH, Passes: len(passes), Patrols: len(patrols)}, true
}

func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
