// Command gridpatrol is the dispatch service and its tools: one program that
// serves, migrates, imports and explains. Packages hold what it does; this one
// only wires them together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes that scripts rely on.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

// stopWithin is when a program that was told to stop gives up finishing. What it
// acknowledged is on disk in any case.
const stopWithin = 29 * time.Second

type commands struct {
	Common

	Serve serveCmd `cmd:"" help:"Run the service."`

	Demo        demoCmd        `cmd:"" help:"Run the synthetic demo district, with everyone moving."`
	Import      importCmd      `cmd:"" help:"Bring departments, areas, staff, categories, places, shifts, grids or roads in."`
	Replay      replayCmd      `cmd:"" help:"Play recorded tracks as devices, and give an account of every point."`
	BeaconCheck beaconCheckCmd `cmd:"" name:"beacon-check" help:"Go through the beacon channel of a service as a device would, and say what is not as it must be."`
	Doctor      doctorCmd      `cmd:"" help:"Look at the database and the district, and say what is wrong and what to do."`
	Dispatch    dispatchCmd    `cmd:"" help:"How patrols are sent: what another policy or roster would have done."`
	Explain     explainCmd     `cmd:"" help:"Say of a case who was considered, who goes, and why not the others."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to date."`
	User        userCmd        `cmd:"" help:"Accounts of people."`
	Device      deviceCmd      `cmd:"" help:"Devices of patrols."`
	Token       tokenCmd       `cmd:"" help:"Tokens of programs and devices."`
	Roads       roadsCmd       `cmd:"" help:"Look at the roads in force."`
	Backup      backupCmd      `cmd:"" help:"Write everything into one file, while the service runs or not."`
	Restore     restoreCmd     `cmd:"" help:"Read a backup into an empty database, and compare."`

	Events eventsCmd `cmd:"" help:"The chain of events: export it, rotate the key that signs it."`
	Verify verifyCmd `cmd:"" help:"Find the first event of a chain that is not as it was sealed, in an export or in the database."`

	Retention retentionCmd `cmd:"" help:"How long data is kept."`
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	// Room for two, so that a second signal is heard however soon it comes.
	told := make(chan os.Signal, 2)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go obey(told, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// obey stops the program at the first signal and ends it at the second, or when
// stopping takes too long. It ends with the program.
func obey(told <-chan os.Signal, stop func()) {
	<-told
	stop()
	select {
	case s := <-told:
		code := exitFailed
		if n, ok := s.(syscall.Signal); ok {
			code = 128 + int(n) // as a shell tells of a program that a signal ended
		}
		os.Exit(code)
	case <-time.After(stopWithin):
		fmt.Fprintf(os.Stderr, "gridpatrol: it did not stop within %s; giving up\n", stopWithin)
		os.Exit(exitFailed)
	}
}

// run is main with its world as arguments, so that a test can start it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("gridpatrol"),
		kong.Description("Geospatial dispatch: positions and reports in, the right grid and the right patrols out."),
		kong.Writers(stdout, stderr), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "gridpatrol:", err)
		return exitFailed
	}
	helped := false
	parser.Exit = func(int) { helped = true }
	parsed, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "gridpatrol: %v (see gridpatrol --help)\n", err)
		return exitUsage
	}
	env := &Env{Stdin: stdin, Stdout: stdout, Stderr: stderr, Common: c.Common,
		Log: slog.New(slog.NewJSONHandler(stderr, nil))}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(parsed.Run(env), stderr)
}

func exitCode(err error, stderr io.Writer) int {
	var usage usageFault
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "gridpatrol:", err)
		return exitUsage
	case errors.Is(err, errRefusedRows), errors.Is(err, errRosterRows):
		fmt.Fprintln(stderr, "gridpatrol:", err)
		return exitRefused
	default:
		fmt.Fprintln(stderr, "gridpatrol:", err)
		return exitFailed
	}
}
