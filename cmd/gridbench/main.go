// Command gridbench measures the service from outside, as its users meet it: each
// command plays one scenario, prints its figures beside their bars, and keeps them
// in var/bench for docs/bench.md. A missed bar is said, and is no failure of the run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Out string `default:"var/bench" type:"path" help:"Where the figures are kept."`

	Beacon     beaconCmd     `cmd:"" help:"Positions in: what is acknowledged after a commit, and what a viewer sees of it."`
	Soak       soakCmd       `cmd:"" help:"A load for long: do memory, descriptors and goroutines grow?"`
	Live       liveCmd       `cmd:"" help:"Live out: 20,000 patrols that move, 200 viewers, and the index in memory."`
	Dispatch   dispatchCmd   `cmd:"" help:"Report to committed assignment: demo district, everyone moving, open loop."`
	Deadline   deadlineCmd   `cmd:"" help:"Thousands of clocks due at one moment, two nodes: when the last of them has climbed."`
	Road       roadCmd       `cmd:"" help:"The road engine in process: registered and cold patrols, routes, tables, a closure."`
	Matching   matchingCmd   `cmd:"" help:"500 reports on 500 patrols: the sum of all arrivals least, and the last arrival soonest."`
	Verify     verifyCmd     `cmd:"" help:"How long a chain of a million events takes to verify, without a database."`
	RoadMemory roadMemoryCmd `cmd:"" hidden:"" help:"What serving a network file adds to the memory of this process."`
	Photo      photoCmd      `cmd:"" help:"Dispatch with and without 1,000 photos of 3 MB beside it."`
	LiveNode   liveNodeCmd   `cmd:"" hidden:"" help:"The live side of a node, which live is measured on."`
	Floor      floorCmd      `cmd:"" hidden:"" help:"The least that can answer a burst, which beacon is compared with."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	parsed := kong.Parse(&c, kong.Name("gridbench"), kong.Description("Scenario benchmarks of gridpatrol."))
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&c); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "gridbench:", err)
		os.Exit(1)
	}
}
