package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"
)

// demoCmd is what make demo runs: the synthetic district, the service, and a city
// that moves. It is the service as anybody runs it, with data in it.
type demoCmd struct {
	Port int    `default:"8080" help:"Port on 127.0.0.1."`
	Seed uint64 `default:"1" help:"What the simulated city's chance follows from."`
	Sim  bool   `default:"true" negatable:"" help:"Whether everyone moves."`

	Story storyConfig `embed:""`
}

// Run loads what is missing, serves, and moves the city until it is told to stop.
func (c demoCmd) Run(ctx context.Context, env *Env) error {
	if c.Story.Play {
		return c.Story.run(ctx, env, c.Port)
	}
	config := serveConfig{Listen: "127.0.0.1:" + strconv.Itoa(c.Port), TZ: "Asia/Shanghai", BatchWindow: 2 * time.Second,
		Webhooks: []string{"127.0.0.0/8"}} // a receiver on this machine, to try them out
	zone, err := config.check(env.Common)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(env.Stderr, "demo: "+format+"\n", args...) }
	say("starting the database")
	closeDatabase, err := env.openDatabase(ctx, 24)
	if err != nil {
		return err
	}
	defer closeDatabase()
	if err := loadDistrict(ctx, env, say); err != nil {
		return fmt.Errorf("load the demo district: %w", err)
	}
	demoFile := filepath.Join(env.Common.DataDir, "demo.json")
	access, err := openAccess(ctx, env, demoFile, say)
	if err != nil {
		return fmt.Errorf("make the demo's sign-ins: %w", err)
	}

	up := make(chan struct{})
	service := part{name: "the service", run: func(ctx context.Context) error {
		return config.serve(ctx, env, zone, func(url string) {
			access.URL = url
			if err := access.write(demoFile); err != nil {
				say("%v", err)
			}
			close(up)
		})
	}}
	city := part{name: "the simulated city", run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-up:
		}
		c.welcome(env, access)
		if !c.Sim {
			<-ctx.Done()
			return nil
		}
		return c.simulate(ctx, env, demoFile)
	}}
	return runLayers(ctx, []part{city}, []part{service})
}

// simulate runs gridsim, which lies beside this program, until ctx ends.
func (c demoCmd) simulate(ctx context.Context, env *Env, demoFile string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	sim := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "gridsim"),
		"--demo", demoFile, "--seed", strconv.FormatUint(c.Seed, 10))
	sim.Stdout, sim.Stderr = env.Stderr, env.Stderr
	// A group of its own, so that Ctrl-C reaches it through this program, in order;
	// and it must not outlive a program that was killed.
	sim.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	sim.Cancel = func() error { return sim.Process.Signal(syscall.SIGTERM) }
	sim.WaitDelay = 10 * time.Second
	err = sim.Run()
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("it stopped by itself")
	}
	return fmt.Errorf("gridsim: %w (make build makes it)", err)
}

// welcome says where to go, who to be, and what to try.
func (c demoCmd) welcome(env *Env, access *demoAccess) {
	out := env.Stdout
	fmt.Fprintf(out, "\n  示范区 · the demo district is up:  %s\n  the phone page:                   %s/m\n\n", access.URL, access.URL)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "  ROLE\tUSERNAME\tPASSWORD")
	for _, a := range access.Accounts {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", a.Role, a.Username, a.Password)
	}
	table.Flush()
	fmt.Fprintf(out, `
  What to try
   - sign in as operator and watch reports arrive; click one to see who goes, and why them
   - open %s/m as worker and file a report yourself
   - bin/gridpatrol explain CASE-NUMBER   prints every candidate of a case
   - tokens for programs and devices are in %s

  Ctrl-C stops all of it.

`, access.URL, filepath.Join(env.Common.DataDir, "demo.json"))
}
