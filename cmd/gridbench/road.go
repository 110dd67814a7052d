package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

// roadCmd measures the road engine in process, by car. Every answer is compared with
// Dijkstra's algorithm on the same network in the same run.
type roadCmd struct {
	Extract string `type:"existingfile" help:"An .osm.pbf file; else osm/porto.osm.pbf of the test data."`
	Rounds  int    `default:"200" help:"How often each question is asked; places differ each time."`
	Seed    uint64 `default:"1" help:"Of the places."`
}

const (
	fleetSize = 300
	bigFleet  = 1000
	tableSide = 200
)

// Run measures and keeps the figures.
func (c roadCmd) Run(ctx context.Context, all *commands) error {
	path, err := c.extract()
	if err != nil {
		return err
	}
	b := &roadBench{ctx: ctx, rounds: c.Rounds, random: random(c.Seed)}
	if err := b.build(path); err != nil {
		return err
	}
	for _, step := range []func() error{b.fleet, b.cold, b.moving, b.routes, b.table, b.closing, func() error { return b.profiles(path) }} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %d answers compared with Dijkstra, %d differ; checksum %016x\n", filepath.Base(path), b.compared, b.differ, b.sum)
	b.add(figure{Name: "answers that differ from Dijkstra", Value: float64(b.differ), Unit: "of " + strconv.Itoa(b.compared), Bar: bar(0)})
	return keep(os.Stdout, all.Out, "road", b.figures)
}

// extract finds the file to run on.
func (c roadCmd) extract() (string, error) {
	if c.Extract != "" {
		return c.Extract, nil
	}
	const rel = "osm/porto.osm.pbf"
	dirs := []string{os.Getenv("GRIDPATROL_TEST_DATA")}
	if here, err := os.Getwd(); err == nil {
		for up := here; ; up = filepath.Dir(up) {
			dirs = append(dirs, filepath.Join(up, "shared", "data"))
			if up == filepath.Dir(up) {
				break
			}
		}
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, rel); dir != "" {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", errors.New("no roads to measure: name an .osm.pbf file with --extract, or set GRIDPATROL_TEST_DATA to a folder with " + rel)
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

type roadBench struct {
	ctx     context.Context
	rounds  int
	random  *rand.Rand
	net     *road.Network
	router  *road.Router
	figures []figure

	compared, differ int
	sum              uint64
}

func (b *roadBench) add(f figure) {
	if f.Runs == 0 {
		f.Runs = 1
	}
	b.figures = append(b.figures, f)
}

// recorded is a figure of a peer on another machine of this kind, unscaled.
func recorded(v float64) (*float64, *string) {
	source := "recorded"
	return &v, &source
}

// residentMB is what the process holds in memory.
func residentMB() float64 {
	runtime.GC()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

func (b *roadBench) build(path string) error {
	bare := residentMB()
	survey, _, err := osm.ImportFile(b.ctx, path, nil)
	if err != nil {
		return err
	}
	car := *survey
	car.Ways = slices.Clone(survey.Ways)
	for i := range car.Ways {
		w := &car.Ways[i]
		w.Travel = [road.Modes]road.Travel{road.Car: w.Travel[road.Car]}
	}
	carOnly, err := road.Build(b.ctx, &car, filepath.Base(path))
	if err != nil {
		return err
	}
	if err := b.memory(carOnly); err != nil {
		return err
	}
	began := time.Now()
	if b.net, err = road.Build(b.ctx, survey, filepath.Base(path)); err != nil {
		return err
	}
	// The file is read and the network built once; a service prepares what is stored.
	b.add(figure{Name: "build, all three modes, import excluded", Value: time.Since(began).Seconds(), Unit: "s", Bar: bar(6)})
	began = time.Now()
	if b.router, err = road.Prepare(b.ctx, b.net); err != nil {
		return err
	}
	b.add(figure{Name: "prepare a stored network, all three modes", Value: time.Since(began).Seconds(), Unit: "s"})
	b.add(figure{Name: "resident memory, all three modes", Value: residentMB() - bare, Unit: "MB"})
	return nil
}

// places are points within some 50 m of roads.
func (b *roadBench) places(count int) []geo.Point {
	out := make([]geo.Point, count)
	for i := range out {
		s := b.net.Segment(b.random.IntN(b.net.Segments()))
		p := s.Points[b.random.IntN(len(s.Points))]
		out[i] = geo.Point{Lon: p.Lon + (b.random.Float64()-0.5)*0.001, Lat: p.Lat + (b.random.Float64()-0.5)*0.001}
	}
	return out
}

// measure asks again and again and keeps the median.
func (b *roadBench) measure(f figure, ask func() (time.Duration, error)) error {
	var took []time.Duration
	for range b.rounds {
		d, err := ask()
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Nanoseconds()) / 1000 }
	f.Value, f.Unit, f.Runs = at(0.5), "us", len(took)
	f.Spread = (at(0.75) - at(0.25)) / f.Value
	b.add(f)
	return nil
}

// check compares times with the plain search.
func (b *roadBench) check(times []road.Time, from []geo.Point, to geo.Point) error {
	want, err := b.net.ManyToOne(b.ctx, road.Car, from, to)
	if err != nil {
		return err
	}
	h := fnv.New64a()
	for i, t := range times {
		b.compared++
		if t != want[i] {
			b.differ++
		}
		fmt.Fprintf(h, "%d %.3f %.2f;", b.sum, t.DurationS, t.DistanceM)
	}
	b.sum = h.Sum64()
	return nil
}

func (b *roadBench) stands(places []geo.Point) ([]*road.Stand, error) {
	out := make([]*road.Stand, len(places))
	for i, p := range places {
		var err error
		if out[i], err = b.router.Stand(road.Car, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *roadBench) fleet() error {
	peer, source := recorded(25_000)
	var times []road.Time
	return b.measure(figure{Name: "300 registered patrols to one report", Bar: bar(100), Peer: peer, PeerSource: source}, func() (time.Duration, error) {
		p := b.places(fleetSize + 1)
		stands, err := b.stands(p[1:])
		if err != nil {
			return 0, err
		}
		began := time.Now()
		times, err = b.router.StandsToOne(b.ctx, times[:0], stands, p[0])
		took := time.Since(began)
		return took, errors.Join(err, b.check(times, p[1:], p[0]))
	})
}

func (b *roadBench) cold() error {
	peer, source := recorded(25_000)
	var times []road.Time
	return b.measure(figure{Name: "300 places to one report, cold", Bar: bar(10_000), Peer: peer, PeerSource: source}, func() (time.Duration, error) {
		p := b.places(fleetSize + 1)
		began := time.Now()
		var err error
		times, err = b.router.AppendManyToOne(b.ctx, times[:0], road.Car, p[1:], p[0])
		took := time.Since(began)
		return took, errors.Join(err, b.check(times, p[1:], p[0]))
	})
}

func (b *roadBench) moving() error {
	return b.measure(figure{Name: "moving a registered patrol", Bar: bar(50)}, func() (time.Duration, error) {
		p := b.places(1)
		began := time.Now()
		_, err := b.router.Stand(road.Car, p[0])
		return time.Since(began), err
	})
}

func (b *roadBench) routes() error {
	peer, source := recorded(335)
	return b.measure(figure{Name: "a route with geometry", Bar: bar(200), Peer: peer, PeerSource: source}, func() (time.Duration, error) {
		p := b.places(2)
		began := time.Now()
		way, err := b.router.Route(b.ctx, road.Car, p[0], p[1])
		took := time.Since(began)
		return took, errors.Join(err, b.check([]road.Time{way.Time}, p[:1], p[1]))
	})
}

func (b *roadBench) table() error {
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = max(5, rounds/10)
	peer, source := recorded(43_000)
	return b.measure(figure{Name: "a table of 200 x 200", Bar: bar(20_000), Peer: peer, PeerSource: source}, func() (time.Duration, error) {
		p := b.places(2 * tableSide)
		from, to := p[:tableSide], p[tableSide:]
		rows := make([][]road.Time, tableSide)
		began := time.Now()
		err := b.router.Matrix(b.ctx, road.Car, from, to, func(i int, times []road.Time) error { rows[i] = times; return nil })
		took := time.Since(began)
		if err != nil {
			return 0, err
		}
		column := make([]road.Time, tableSide)
		for i := range rows {
			column[i] = rows[i][0]
		}
		return took, b.check(column, from, to[0])
	})
}

// closing closes a road under a thousand registered patrols: until the next report
// counts it.
func (b *roadBench) closing() error {
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = 10
	places := b.places(bigFleet)
	var customized []time.Duration
	version := uint64(1)
	err := b.measure(figure{Name: "a closure in force, 1,000 patrols registered anew", Bar: bar(1_000_000)}, func() (time.Duration, error) {
		s := b.net.Segment(b.random.IntN(b.net.Segments()))
		began := time.Now()
		var flat []float64
		for _, p := range s.Points {
			flat = append(flat, p.Lon, p.Lat)
		}
		closed, err := b.net.Covered(geom.NewLineStringFlat(geom.XY, flat))
		if err != nil {
			return 0, err
		}
		version++
		imposing := time.Now()
		if err := b.router.Impose(b.ctx, road.Conditions{Closed: [road.Modes][]uint32{road.Car: closed}}, version); err != nil {
			return 0, err
		}
		customized = append(customized, time.Since(imposing))
		stands, err := b.stands(places)
		if err != nil {
			return 0, err
		}
		_, err = b.router.StandsToOne(b.ctx, nil, stands, places[0])
		return time.Since(began), err
	})
	if err != nil {
		return err
	}
	slices.Sort(customized)
	b.add(figure{Name: "customize, by car", Value: float64(customized[len(customized)/2].Microseconds()) / 1000, Unit: "ms", Bar: bar(150), Runs: len(customized)})
	return b.router.Impose(b.ctx, road.Conditions{}, version+1)
}
