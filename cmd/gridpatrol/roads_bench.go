package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

type roadsBenchCmd struct {
	Mode    string `default:"car" enum:"foot,ebike,car" help:"foot, ebike or car."`
	Patrols int    `default:"300" help:"How many patrols, 1 to 1000."`
	Rounds  int    `default:"20" help:"How many reports, 1 to 1000."`
	Seed    uint64 `default:"1" help:"Of the random places."`
	JSON    bool   `name:"json" help:"Print as JSON."`
}

// benchFigure is a figure of the roads as they are stored; make bench-road compares
// with peers.
type benchFigure struct {
	Name  string  `json:"name"`
	P50US float64 `json:"p50_us"`
	P99US float64 `json:"p99_us"`
	Runs  int     `json:"runs"`
}

type benchRoads struct {
	Version   int64         `json:"version"`
	Source    string        `json:"source"`
	PrepareMS float64       `json:"prepare_ms"`
	Figures   []benchFigure `json:"figures"`
	// Checksum is of all answers, in order; each was compared with Dijkstra's.
	Checksum string `json:"checksum"`
	Verified int    `json:"verified"`
	Wrong    int    `json:"wrong"`
}

var errWrongAnswers = errors.New("some answers differ from Dijkstra's algorithm on the same roads: do not dispatch by them; import the roads again")

// Run asks the roads that are stored, and checks each answer.
func (c roadsBenchCmd) Run(ctx context.Context, env *Env) error {
	mode, err := road.ParseMode(c.Mode)
	if err != nil {
		return usageFault{err}
	}
	if c.Patrols < 1 || c.Patrols > 1000 || c.Rounds < 1 || c.Rounds > 1000 {
		return usageFault{errors.New("--patrols and --rounds must be 1 to 1000")}
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	network, version, err := pgroad.Load(ctx, env.DB)
	if err != nil {
		return err
	}
	out, err := benchOf(ctx, network, mode, c)
	if err != nil {
		return err
	}
	out.Version = version
	if c.JSON {
		if err := json.NewEncoder(env.Stdout).Encode(out); err != nil {
			return err
		}
	} else {
		w := &errWriter{w: env.Stdout}
		w.printf("version %d from %s, by %v: made ready in %.0f ms\n", out.Version, out.Source, mode, out.PrepareMS)
		for _, f := range out.Figures {
			w.printf("%-44s %10.1f us p50 %10.1f us p99  (%d)\n", f.Name, f.P50US, f.P99US, f.Runs)
		}
		w.printf("checksum %s; %d answers compared with Dijkstra's, %d differ\n", out.Checksum, out.Verified, out.Wrong)
		if w.err != nil {
			return w.err
		}
	}
	if out.Wrong > 0 {
		return errWrongAnswers
	}
	return nil
}

func benchOf(ctx context.Context, network *road.Network, mode road.Mode, c roadsBenchCmd) (*benchRoads, error) {
	out := &benchRoads{Source: network.Source()}
	begin := time.Now()
	router, err := road.Prepare(ctx, network)
	if err != nil {
		return nil, err
	}
	out.PrepareMS = float64(time.Since(begin).Microseconds()) / 1000
	r := rand.New(rand.NewPCG(c.Seed, 7))
	anywhere := func() geo.Point {
		s := network.Segment(r.IntN(network.Segments()))
		p := s.Points[r.IntN(len(s.Points))]
		return geo.Point{Lon: p.Lon + (r.Float64()-0.5)*0.002, Lat: p.Lat + (r.Float64()-0.5)*0.002}
	}
	sum := fnv.New64a()
	took := map[string][]time.Duration{}
	var names []string
	timed := func(name string, work func() error) error {
		if took[name] == nil {
			names = append(names, name)
		}
		begin := time.Now()
		err := work()
		took[name] = append(took[name], time.Since(begin))
		return err
	}
	same := func(got, want road.Time) {
		out.Verified++
		if got.Reachable != want.Reachable || got.DurationS != want.DurationS || got.DistanceM != want.DistanceM {
			out.Wrong++
		}
		_ = binary.Write(sum, binary.LittleEndian, []float64{got.DurationS, got.DistanceM})
	}
	for range c.Rounds {
		to := anywhere()
		from := make([]geo.Point, c.Patrols)
		stands := make([]*road.Stand, c.Patrols)
		for i := range from {
			from[i] = anywhere()
			if err := timed("a patrol moves", func() (err error) { stands[i], err = router.Stand(mode, from[i]); return err }); err != nil {
				return nil, err
			}
		}
		var stood, cold []road.Time
		var way road.Route
		if err := timed(fmt.Sprintf("%d registered patrols to a report", c.Patrols), func() (err error) { stood, err = router.StandsToOne(ctx, nil, stands, to); return err }); err != nil {
			return nil, err
		}
		if err := timed(fmt.Sprintf("%d arbitrary places to a report", c.Patrols), func() (err error) { cold, err = router.ManyToOne(ctx, mode, from, to); return err }); err != nil {
			return nil, err
		}
		if err := timed("a route with its line", func() (err error) { way, err = router.Route(ctx, mode, from[0], to); return err }); err != nil {
			return nil, err
		}
		var want []road.Time
		if err := timed("the same by Dijkstra's algorithm", func() (err error) { want, err = network.ManyToOne(ctx, mode, from, to); return err }); err != nil {
			return nil, err
		}
		for i := range want {
			same(stood[i], want[i])
			same(cold[i], want[i])
		}
		same(way.Time, want[0])
	}
	for _, name := range names {
		t := took[name]
		slices.Sort(t)
		at := func(share float64) float64 {
			return float64(t[min(len(t)-1, int(math.Ceil(share*float64(len(t))))-1)].Nanoseconds()) / 1000
		}
		out.Figures = append(out.Figures, benchFigure{Name: name, P50US: at(0.5), P99US: at(0.99), Runs: len(t)})
	}
	out.Checksum = fmt.Sprintf("%016x", sum.Sum64())
	return out, nil
}
