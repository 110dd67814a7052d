package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo/road/learn"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/retention"
)

// learnDays is how far back a night looks.
const learnDays = 28

type roadsLearnCmd struct {
	Days      int    `default:"28" help:"How many days back, 1 to 400."`
	DryRun    bool   `name:"dry-run" help:"Say what would be learned; keep nothing."`
	Simulated bool   `help:"Learn from simulated patrols and devices, too: for demonstrations, never in service."`
	TZ        string `name:"tz" env:"GRIDPATROL_TZ" default:"Asia/Shanghai" help:"The district's time zone, by whose hours speeds are told apart."`
	JSON      bool   `name:"json" help:"Print as JSON."`
}

// learned is what a run came to.
type learned struct {
	Days    int   `json:"days"`
	Trips   int   `json:"trips"`
	Skipped int   `json:"skipped"` // could not be matched
	Passes  int   `json:"passes"`
	Speeds  int   `json:"speeds"`
	Bands   int   `json:"bands"`
	Took    int64 `json:"took_ms"`
	DryRun  bool  `json:"dry_run"`
}

// Run learns now what a service learns each night.
func (c roadsLearnCmd) Run(ctx context.Context, env *Env) error {
	if c.Days < 1 || c.Days > 400 {
		return usageFault{errors.New("--days must be 1 to 400")}
	}
	zone, err := time.LoadLocation(c.TZ)
	if err != nil {
		return usageFault{fmt.Errorf("--tz: %q is no time zone this machine knows", c.TZ)}
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	last := time.Now()
	result, err := learnSpeeds(ctx, env.DB, learnAsk{days: c.Days, simulated: c.Simulated, dry: c.DryRun, zone: zone, actor: proof.Command,
		progress: func(trip, of int) {
			if time.Since(last) > 3*time.Second {
				last = time.Now()
				env.Log.Info("learning speeds", "trip", trip, "of", of)
			}
		}})
	if err != nil {
		return err
	}
	if c.JSON {
		return printed(json.NewEncoder(env.Stdout).Encode(result))
	}
	_, err = fmt.Fprintf(env.Stdout, "%d trips of %d days (%d could not be matched), %d passes: %d speeds learned, %d bands of arrivals\n",
		result.Trips, result.Days, result.Skipped, result.Passes, result.Speeds, result.Bands)
	if err == nil && c.DryRun {
		_, err = fmt.Fprintln(env.Stdout, "dry run, nothing was kept")
	}
	return printed(err)
}

type learnAsk struct {
	days           int
	simulated, dry bool
	zone           *time.Location
	actor          proof.Actor
	begun          time.Time // of a run that was begun; zero begins one
	progress       func(trip, of int)
}

// learnSpeeds finds how fast roads really are and how true promised times were, and
// keeps both. Roads that nothing can be learned for cost the speeds only.
func learnSpeeds(ctx context.Context, db *pgdb.DB, ask learnAsk) (learned, error) {
	began := time.Now()
	out := learned{Days: ask.days, DryRun: ask.dry}
	speeds, err := speedsOf(ctx, db, ask, &out)
	nothing := errors.Is(err, pgroad.ErrNone) || errors.Is(err, learn.ErrUnnumbered)
	if err != nil && !nothing {
		return out, err
	}
	out.Speeds = len(speeds)
	store := pgstore.New(db)
	arrivals, err := store.Arrivals(ctx, dispatch.BandDays, ask.simulated)
	if err != nil {
		return out, err
	}
	bands := dispatch.EtaBands(arrivals, ask.zone)
	out.Bands = len(bands)
	if !ask.dry {
		run := pgroad.Learning{BeganAt: ask.begun, Days: ask.days, Trips: out.Trips, Passes: out.Passes, Simulated: ask.simulated}
		if err := pgroad.ReplaceLearned(ctx, db, speeds, run, ask.actor); err != nil {
			return out, err
		}
		if err := store.ReplaceEtaBands(ctx, bands); err != nil {
			return out, err
		}
	}
	out.Took = time.Since(began).Milliseconds()
	return out, nil
}

func speedsOf(ctx context.Context, db *pgdb.DB, ask learnAsk, out *learned) ([]learn.Speed, error) {
	network, _, err := pgroad.Load(ctx, db)
	if err != nil {
		return nil, err
	}
	learner, err := learn.New(network, ask.zone)
	if err != nil {
		return nil, err
	}
	err = pgtrack.New(db).Trips(ctx, ask.days, ask.simulated, func(trip, of int, t learn.Trip) error {
		if ask.progress != nil {
			ask.progress(trip, of)
		}
		return learner.Add(ctx, t)
	})
	out.Trips, out.Skipped, out.Passes = learner.Trips, learner.Skipped, learner.Passes
	return learner.Speeds(), err
}

const (
	learnEvery = 5 * time.Minute
	// learnSpread keeps nodes from asking for one run at once, and the run off the
	// beginning of the retention's.
	learnSpread = 40 * time.Minute
)

// keepLearning begins the night's run when it is due and nobody else has.
func (s *service) keepLearning(ctx context.Context) error {
	delay := rand.N(learnSpread)
	tick := time.NewTicker(learnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.learnTonight(ctx, delay); err != nil && ctx.Err() == nil {
			s.env.Log.Error("learn speeds", "error", err)
		}
	}
}

func (s *service) learnTonight(ctx context.Context, delay time.Duration) error {
	last, now, err := pgroad.LastLearning(ctx, s.env.DB)
	if err != nil || !retention.Due(now, last.BeganAt, s.zone, delay) {
		return err
	}
	if mine, err := pgroad.BeginLearning(ctx, s.env.DB, last); err != nil || !mine {
		return err
	}
	out, err := learnSpeeds(ctx, s.env.DB, learnAsk{days: learnDays, zone: s.zone, actor: proof.System, begun: now})
	if err == nil {
		s.env.Log.Info("speeds are learned", "trips", out.Trips, "passes", out.Passes, "speeds", out.Speeds, "bands", out.Bands, "took_ms", out.Took)
	}
	return err
}
