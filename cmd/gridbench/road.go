package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
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
	if err := b.ask(filepath.Base(path), b.fleet, b.port, b.cold, b.moving, b.routes, b.table, b.closing, func() error { return b.profiles(path) }); err != nil {
		return err
	}
	pace, err := b.pgRouting()
	if err != nil {
		return err
	}
	b.scale(pace)
	if c.Extract == "" {
		demo := &roadBench{ctx: ctx, rounds: c.Rounds, random: random(c.Seed), of: "demo district: "}
		if demo.net, err = district.Network(ctx); err != nil {
			return err
		}
		if demo.router, err = road.Prepare(ctx, demo.net); err != nil {
			return err
		}
		if err := demo.ask("the demo district", demo.fleet, demo.port, demo.cold, demo.moving, demo.routes, demo.table); err != nil {
			return err
		}
		b.figures = append(b.figures, demo.figures...)
	}
	return keep(os.Stdout, all.Out, "road", b.figures)
}

// ask takes some steps and says how many answers were wrong.
func (b *roadBench) ask(where string, steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %d answers compared with Dijkstra, %d differ; checksum %016x\n", where, b.compared, b.differ, b.sum)
	b.add(figure{Name: "answers that differ from Dijkstra", Value: float64(b.differ), Unit: "of " + strconv.Itoa(b.compared), Bar: bar(0)})
	slices.Sort(b.dijkstra)
	b.add(figure{Name: "Dijkstra's algorithm, 300 places to one report", Value: us(b.dijkstra, 0.5), Unit: "us", Runs: len(b.dijkstra)})
	return nil
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

	of string // before the names of figures

	compared, differ int
	sum              uint64
	dijkstra         []time.Duration // 300 to one
}

func (b *roadBench) add(f figure) {
	if f.Runs == 0 {
		f.Runs = 1
	}
	if b.of != "" { // peers were recorded in Porto
		f.Peer, f.PeerSource = nil, nil
	}
	f.Name = b.of + f.Name
	b.figures = append(b.figures, f)
}

// recorded is a figure of a peer on another machine of this kind.
func recorded(v float64) (*float64, *string) {
	source := "recorded"
	return &v, &source
}

// scale brings the times that peers took on the machine where they were recorded to
// this one. pace is how long this machine takes for what took 1 there; 0 is unknown.
func (b *roadBench) scale(pace float64) {
	if pace == 0 {
		fmt.Println("Peers called recorded are OSRM on another machine of this kind, not scaled: pgRouting, which ran there too, is what they are scaled by.")
		return
	}
	fmt.Printf("Peers called recorded are OSRM on another machine of this kind, their times scaled by %.2f: what pgRouting took here for each second that it took there.\n", pace)
	for i, f := range b.figures {
		if f.Unit == "us" && f.Peer != nil { // shared between cold and warm
			b.figures[i].Peer = bar(*f.Peer * pace)
		}
	}
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
