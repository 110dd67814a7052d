package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/migrations/pgnode"
)

const (
	// beatEvery is how often a node says that it is there. The others tell by it who is
	// cut off from who is dead.
	beatEvery = 2 * time.Second
	// lookWithin bounds each question that readiness asks the database.
	lookWithin = 1500 * time.Millisecond
	// leastDisk is what the private cluster's disk must have free: below it
	// PostgreSQL stops in the middle of a commit sooner or later.
	leastDisk = 256 << 20
)

// node is this program as the database and the probes see it.
type node struct {
	env    *Env
	row    *pgnode.Node
	host   string
	timers *timers.Timers
	// dir holds the private cluster; empty when the database is elsewhere.
	dir string
	// ahead is how many nanoseconds this clock is before the database's; beat writes,
	// figures and readiness read.
	ahead    atomic.Int64
	measured atomic.Bool
	local    func() time.Time // the machine's clock
	clock    *steadyClock
}

// newNode names this program; bus is how it speaks with other nodes, and local the
// machine's clock. Its timers are set before it beats.
func newNode(env *Env, bus string, local func() time.Time) (*node, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	row, err := pgnode.New(env.DB, host, bus)
	if err != nil {
		return nil, err
	}
	n := &node{env: env, row: row, host: host, local: local, clock: newSteadyClock(local)}
	if env.Common.DatabaseURL == "" {
		n.dir = env.Common.DataDir
	}
	return n, nil
}

// run beats until ctx ends, and then takes the node out of the book.
func (n *node) run(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := n.beat(ctx); err != nil && ctx.Err() == nil {
			n.env.Log.Error("say that this node is there", "error", err)
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
			defer cancel()
			if err := n.row.Leave(last); err != nil {
				n.env.Log.Warn("this node stays in the book until tomorrow", "error", err)
			}
			return nil
		case <-tick.C:
		}
	}
}

func (n *node) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	if err := n.measure(ctx); err != nil {
		return err
	}
	return n.row.Beat(ctx, n.pulse())
}

// measure asks the database for its time and sets the clock by it.
func (n *node) measure(ctx context.Context) error {
	ahead, give, err := n.row.ClockAhead(ctx, n.local)
	if err != nil {
		return err
	}
	n.clock.set(ahead, give)
	n.ahead.Store(int64(ahead))
	n.measured.Store(true)
	return nil
}

// clockAhead is how far this clock is before the database's, if it was measured.
func (n *node) clockAhead() (time.Duration, bool) {
	return time.Duration(n.ahead.Load()), n.measured.Load()
}

func (n *node) pulse() pgnode.Pulse {
	late := n.timers.Late()
	p := pgnode.Pulse{TimersLate: &late}
	if ahead, known := n.clockAhead(); known {
		p.ClockAhead = &ahead
	}
	return p
}

// said is what a stranger is told about each thing that keeps a node from work.
var said = map[string]string{
	"database": "it cannot be reached",
	"schema":   "it is older than this program needs",
	"write":    "it takes no writes",
	"disk":     "it is nearly full",
	"clock":    "this machine's is more than 30 s from the database's; let both follow one time server: timedatectl set-ntp true",
}

// ready answers what keeps this node from taking work.
func (n *node) ready(ctx context.Context) error {
	return errors.Join(unreadyOf(n.row.Look(ctx, lookWithin, n.pulse())), n.onTime(), n.roomy(leastDisk))
}

// unreadyOf puts the database's faults into the door's words.
func unreadyOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, unreadyOf(e))
		}
		return errors.Join(all...)
	}
	var fault *pgnode.Fault
	if errors.As(err, &fault) {
		return &api.Unready{Check: fault.What, Detail: said[fault.What], Err: fault.Err}
	}
	return err
}

// onTime is whether this machine's clock can be told others by. Fixes are judged by the
// database's; tokens, certificates and what other programs are told are not.
func (n *node) onTime() error {
	ahead, _ := n.clockAhead()
	if ahead.Abs() <= tooFarOff {
		return nil
	}
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return &api.Unready{Check: "clock", Detail: said["clock"], Err: fmt.Errorf("it is %s %s the database's", ahead.Abs().Round(time.Second), way)}
}

func (n *node) roomy(least uint64) error {
	if n.dir == "" {
		return nil
	}
	dir, free, total, err := fullestDisk(n.dir)
	if err == nil && free < least {
		err = fmt.Errorf("the disk of %s has %d of %d MiB free, less than %d", dir, free>>20, total>>20, least>>20)
	}
	if err != nil {
		return &api.Unready{Check: "disk", Detail: said["disk"], Err: err}
	}
	return nil
}

// fullestDisk is the disk with the least room of those that the private cluster
// writes to: that of its log stops every commit as well as that of its data does.
func fullestDisk(dataDir string) (dir string, free, total uint64, err error) {
	for i, d := range append([]string{dataDir}, pgcluster.Dirs(dataDir)...) {
		f, t, err := diskOf(d)
		switch {
		case err != nil && i > 0 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
			// No cluster is there yet, or another user looks.
		case err != nil:
			return d, 0, 0, err
		case i == 0 || f < free:
			dir, free, total = d, f, t
		}
	}
	return dir, free, total, nil
}

// diskOf is what a directory's disk has free for an ordinary user, and all of it.
func diskOf(dir string) (free, total uint64, err error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, 0, fmt.Errorf("ask for the room on the disk of %s: %w", dir, err)
	}
	return disk.Bavail * uint64(disk.Bsize), disk.Blocks * uint64(disk.Bsize), nil
}
