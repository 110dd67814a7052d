package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

type beaconCmd struct {
	Sockets int           `name:"sockets" default:"2000" help:"Devices, each on a socket of its own."`
	Every   time.Duration `name:"every" default:"2s" help:"Pause between two fixes of a device."`
	Program string        `name:"program" default:"bin/gridpatrol" help:"The program that is measured."`
	For     time.Duration `name:"for" default:"60s" help:"How long the measured part lasts."`

	Held int `name:"held" default:"10000" help:"Sockets that are held at once, saying nothing; 0 leaves it out."`

	FloodSockets int           `name:"flood-sockets" default:"500" help:"Sockets of the flood, at most as many as devices."`
	FloodBurst   int           `name:"flood-burst" default:"20" help:"Fixes in each of its bursts."`
	FloodFor     time.Duration `name:"flood-for" default:"20s" help:"How long each half of the flood lasts; 0s leaves it out."`

	OnlyTrack bool `name:"only-track" help:"Read a day's track, in a town of a few patrols, and keep no figure."`
}

// Run measures on a durable private cluster, made for the run: every device sends
// one fix after the other in an open loop, a viewer looks at all of them, and in the
// end the rows on disk are compared with what was acknowledged.
func (c beaconCmd) Run(ctx context.Context, all *commands) (err error) {
	if c.OnlyTrack {
		c.Sockets = min(c.Sockets, 20)
	}
	if c.Sockets < 1 || c.Every <= 0 || c.For < c.Every {
		return errors.New("--sockets, --every and --for must be above nothing, and --for no less than --every")
	}
	data, err := filepath.Abs(filepath.Join(all.Out, "beacon-data"))
	if err != nil {
		return err
	}
	// The data of a run that went wrong stays to be looked at until the next one.
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("clear the data of an earlier run: %w", err)
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "laying out %d patrols with a device each ...\n", c.Sockets)
	town, err := layTown(ctx, data, c.Sockets)
	if err != nil {
		return err
	}
	defer func() {
		town.close()
		if err == nil {
			err = os.RemoveAll(data)
		}
	}()
	server, err := startServer(ctx, c.Program, data)
	if err != nil {
		return err
	}
	defer server.stop()
	if c.OnlyTrack {
		read, cpu, err := day(ctx, town, server)
		if err != nil {
			return err
		}
		return show(os.Stdout, dayFigures(read, cpu))
	}
	fmt.Fprintf(os.Stderr, "%d sockets, a fix each every %s, for %s ...\n", c.Sockets, c.Every, c.For)
	load, err := c.load(ctx, town, server)
	if err != nil {
		return err
	}
	rows, err := rowsOf(ctx, town.db)
	if err != nil {
		return err
	}
	missing := 0
	for fix := range load.acked {
		if !rows[fix] {
			missing++
		}
	}
	n := float64(len(load.sent))
	one := func(name string, value float64, unit string, bar *float64) figure {
		return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
	}
	figures := []figure{
		one("fixes not acknowledged", n-float64(len(load.acked)), "fixes", bar(0)),
		one("acknowledged and not on disk", float64(missing), "fixes", bar(0)),
		one("rows on disk that nobody sent", float64(max(0, len(rows)-len(load.sent))), "rows", bar(0)),
		one("fix to viewer, p50", quantileMS(load.seen, 0.50), "ms", nil),
		one("fix to viewer, p95", quantileMS(load.seen, 0.95), "ms", bar(500)),
		one("fix to acknowledgement, p50", quantileMS(load.ackedIn, 0.50), "ms", nil),
		one("fix to acknowledgement, p99", quantileMS(load.ackedIn, 0.99), "ms", nil),
		one("fixes sent", n/c.For.Seconds(), "1/s", nil),
		one("sockets", float64(c.Sockets), "", nil),
		one("CPU of the service", load.cpu.Seconds()*1e6/n, "us a fix", nil),
	}
	if c.FloodFor > 0 {
		fmt.Fprintf(os.Stderr, "a flood: %d sockets, bursts of %d, %s and %s ...\n", c.FloodSockets, c.FloodBurst, c.FloodFor, c.FloodFor)
		f, err := c.flood(ctx, town, server, data)
		if err != nil {
			return err
		}
		figures = append(figures, f.figures(one)...)
	}
	read, cpu, err := day(ctx, town, server)
	if err != nil {
		return err
	}
	figures = append(figures, dayFigures(read, cpu)...)
	if c.Held > 0 {
		fmt.Fprintf(os.Stderr, "holding %d sockets ...\n", c.Held)
		server.stop()
		h, err := c.hold(ctx, town, data, c.Held)
		if err != nil {
			return err
		}
		figures = append(figures, h.figures(one)...)
	}
	return keep(os.Stdout, all.Out, "beacon", figures)
}

// never stands for what did not happen within the run; among the figures it shows
// as longer than any run.
const never = 1000 * time.Hour

// quantileMS is the value below which a share of the durations lies.
func quantileMS(d []time.Duration, share float64) float64 {
	d = slices.Sorted(slices.Values(d))
	return float64(d[min(len(d)-1, int(share*float64(len(d))))]) / float64(time.Millisecond)
}

// fixName is what names a fix in the whole run.
type fixName struct {
	patrol [16]byte
	seq    int64
}

func rowsOf(ctx context.Context, db *pgdb.DB) (map[fixName]bool, error) {
	rows, err := db.Query(ctx, `SELECT patrol_id, seq FROM tracks`)
	if err != nil {
		return nil, fmt.Errorf("count what is on disk: %w", err)
	}
	defer rows.Close()
	on := map[fixName]bool{}
	for rows.Next() {
		var f fixName
		if err := rows.Scan(&f.patrol, &f.seq); err != nil {
			return nil, fmt.Errorf("count what is on disk: %w", err)
		}
		on[f] = true
	}
	return on, rows.Err()
}
