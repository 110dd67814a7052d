package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

type liveCmd struct {
	Patrols int           `default:"20000" help:"Patrols, each of which moves once a second."`
	Towns   int           `default:"10" help:"Towns that they are spread over; a viewer looks at one."`
	Viewers int           `default:"200" help:"Viewers, spread over the towns."`
	For     time.Duration `name:"for" default:"20s" help:"How long the measured part lasts."`
	Index   int           `default:"1000000" help:"The largest index that is measured; 0 leaves the index out."`
}

// Run measures live out: the live side of a node in a process of its own, fed as a
// node's beacons feed it, and its viewers in this one, so that the processor time of
// the two is apart. What is spent without any viewer is measured in the same run.
func (c liveCmd) Run(ctx context.Context, all *commands) error {
	if c.Patrols < c.Towns || c.Towns < 1 || c.Viewers < 1 || c.For < time.Second {
		return errors.New("--towns and --viewers must be above nothing, --patrols no fewer than --towns, and --for a second or more")
	}
	if err := os.MkdirAll(all.Out, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	node, err := startProgram(ctx, all.Out, "live-node.log", self, "live-node", fmt.Sprintf("--patrols=%d", c.Patrols), fmt.Sprintf("--towns=%d", c.Towns))
	if err != nil {
		return err
	}
	defer node.stop()
	// What moving alone costs; the first seconds are warming up.
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	alone, err := cpuOver(ctx, node, c.For/2)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d viewers of %d towns, %d patrols, for %s ...\n", c.Viewers, c.Towns, c.Patrols, c.For)
	watched, err := c.watch(ctx, node)
	if err != nil {
		return err
	}
	updates := float64(watched.updates)
	whole := watched.cpu * float64(c.For/time.Microsecond)
	own := (watched.cpu - alone) * float64(c.For/time.Microsecond)
	one := func(name string, value float64, unit string, bar *float64) figure {
		return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
	}
	figures := []figure{
		one("fix to viewer, p50", quantileMS(watched.took, 0.50), "ms", nil),
		one("fix to viewer, p95", quantileMS(watched.took, 0.95), "ms", bar(400)),
		one("bytes an update on the wire", float64(watched.bytes)/updates, "B", bar(20)),
		one("CPU of showing, an update and viewer", own/updates, "us", bar(0.1)),
		one("the same with moving the index", whole/updates, "us", nil),
		one("CPU of the node, of one core", watched.cpu*100, "%", nil),
		one("updates shown", updates/c.For.Seconds(), "1/s", nil),
		one("moves that a viewer was never shown", float64(watched.missed), "fixes", bar(0)),
		one("messages a viewer and second", float64(watched.messages)/c.For.Seconds()/float64(c.Viewers), "1/s", bar(5.2)),
	}
	if c.Index > 0 {
		for _, n := range []int{622, 20_000, 1_000_000} {
			if n <= c.Index {
				of, err := indexFigures(ctx, n)
				if err != nil {
					return err
				}
				figures = append(figures, of...)
			}
		}
	}
	return keep(os.Stdout, all.Out, "live", figures)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// cpuOver is how much of a core a program uses over a time.
func cpuOver(ctx context.Context, s *server, d time.Duration) (float64, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	from := time.Now()
	if err := pause(ctx, d); err != nil {
		return 0, err
	}
	after, err := s.cpu()
	return float64(after-before) / float64(time.Since(from)), err
}
