// Command gridsim is a simulated city for a demo: its patrols move along the
// roads, lose their signal now and then, report what they see, and go where they
// are sent.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
)

type commands struct {
	Demo             string        `required:"" type:"path" help:"The file that the demo wrote (var/demo.json)."`
	ReportsPerMinute float64       `default:"1.5" help:"Reports filed, on average."`
	Devices          int           `help:"How many of the devices on duty take part; 0 is all."`
	Seed             uint64        `default:"1" help:"What everything random follows from."`
	Duration         time.Duration `help:"Stop after so long; 0 is until interrupted."`
	Interval         time.Duration `help:"Time between two fixes; 0 is what the service tells."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its world as arguments. It answers 0, 1 when the city could not
// go on, 2 for a wrong command line or demo file.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("gridsim"), kong.Description("A simulated city for gridpatrol."), kong.Writers(stdout, stderr))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "gridsim:", err)
		return 1
	}
	helped := false
	parser.Exit = func(int) { helped = true }
	if _, err := parser.Parse(args); err != nil && !helped {
		_, _ = fmt.Fprintf(stderr, "gridsim: %v (see gridsim --help)\n", err)
		return 2
	}
	if helped {
		return 0
	}
	demo, err := city.ReadDemo(c.Demo)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "gridsim:", err)
		return 2
	}
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	_, err = city.Run(ctx, city.Config{
		Demo: demo, Seed: c.Seed, Devices: c.Devices, ReportsPerMinute: c.ReportsPerMinute, Interval: c.Interval, Out: stderr,
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		_, _ = fmt.Fprintln(stderr, "gridsim:", err)
		return 1
	}
	return 0
}
