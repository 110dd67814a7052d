package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/retention"
	"github.com/gridpatrol/gridpatrol/retention/pgretain"
)

// retentionCmd looks after how long data is kept.
type retentionCmd struct {
	Show retentionShowCmd `cmd:"" default:"1" help:"Say how long each kind of data is kept."`
	Set  retentionSetCmd  `cmd:"" help:"Change how long a kind is kept."`
	Run  retentionRunCmd  `cmd:"" help:"Remove now what has been kept long enough; a service does it each night."`
}

type retentionShowCmd struct{}

// Run prints the policy.
func (retentionShowCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	policies, err := pgretain.New(env.DB).Policies(ctx)
	if err != nil {
		return err
	}
	return printPolicies(env.Stdout, policies...)
}

type retentionSetCmd struct {
	Kind          string `arg:"" help:"The kind, as retention show names it."`
	KeepDays      string `name:"keep-days" required:"" placeholder:"N|ever" help:"Days, or ever."`
	ThinAfterDays *int   `name:"thin-after-days" placeholder:"N" help:"Tracks only: days after which they are thinned."`
	ThinEveryS    *int   `name:"thin-every-s" placeholder:"S" help:"Tracks only: a fix in so many seconds stays, and where the way turns."`
}

// Run changes the policy; the next run keeps to it.
func (c retentionSetCmd) Run(ctx context.Context, env *Env) error {
	change := pgretain.Change{ThinAfterDays: c.ThinAfterDays, ThinEveryS: c.ThinEveryS}
	if c.KeepDays != "ever" {
		days, err := strconv.Atoi(c.KeepDays)
		if err != nil {
			return usageFault{fmt.Errorf("--keep-days: %q is neither a number of days nor the word ever", c.KeepDays)}
		}
		change.KeepDays = &days
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	policy, err := pgretain.New(env.DB).SetPolicy(ctx, "command", c.Kind, change)
	if err != nil {
		return err
	}
	return printPolicies(env.Stdout, policy)
}

func printPolicies(w io.Writer, policies ...retention.Policy) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	days := func(n *int, none string) string {
		if n == nil {
			return none
		}
		return strconv.Itoa(*n) + " d"
	}
	fmt.Fprintln(table, "KIND\tKEPT\tAT LEAST\tTHINNED AFTER\tTO A FIX IN\tSET BY")
	for _, p := range policies {
		step := ""
		if p.ThinEveryS != nil {
			step = strconv.Itoa(*p.ThinEveryS) + " s"
		}
		fmt.Fprintf(table, "%s\t%s\t%d d\t%s\t%s\t%s\n", p.Kind, days(p.KeepDays, "ever"), p.LeastDays, days(p.ThinAfterDays, ""), step, p.ChangedBy)
	}
	return printed(table.Flush())
}

type retentionRunCmd struct {
	DryRun bool `name:"dry-run" help:"Say what would go; remove nothing."`
	JSON   bool `name:"json" help:"Print the report as JSON."`
}

// Run removes, and prints what it removed even when something went wrong.
func (c retentionRunCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	stop := showWork(env, "removing what has been kept long enough")
	report, err := pgretain.New(env.DB).Run(ctx, "command", c.DryRun)
	stop()
	if errors.Is(err, pgretain.ErrBusy) {
		return fmt.Errorf("%w, in a service or another command; its report will be in the list of runs", err)
	}
	if c.JSON {
		return errors.Join(printed(json.NewEncoder(env.Stdout).Encode(report)), err)
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, x := range report.Removed {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d rows\t%d held\t%d bytes\t%s - %s\n", x.Kind, x.Action, x.What, x.Rows, x.Held, x.Bytes, day(x.From), day(x.Until))
	}
	if len(report.Removed) == 0 {
		fmt.Fprintln(table, "nothing is over")
	}
	if c.DryRun {
		fmt.Fprintln(table, "dry run, nothing was removed")
	}
	return errors.Join(printed(table.Flush()), err)
}

func day(t *time.Time) string {
	if t == nil {
		return "?"
	}
	return t.UTC().Format(time.DateOnly)
}

const (
	retentionEvery = 5 * time.Minute
	// retentionSpread keeps nodes from asking for one run at once.
	retentionSpread = 20 * time.Minute
)

// keepRetention begins the night's run when it is due and nobody else has.
func (s *service) keepRetention(ctx context.Context) error {
	delay := rand.N(retentionSpread)
	keeper := pgretain.New(s.env.DB)
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if stray, err := pgtrack.Stray(ctx, s.env.DB); err == nil && stray > 0 {
			s.env.Log.Warn("fixes lie outside every day's partition; they are kept, but no retention reaches them", "fixes", stray)
		}
		now, last, err := keeper.LastBegan(ctx)
		if err == nil && !retention.Due(now, last, s.zone, delay) {
			continue
		}
		if err == nil {
			err = s.retain(ctx, keeper)
		}
		if err != nil && ctx.Err() == nil {
			s.env.Log.Error("remove what has been kept long enough", "error", err)
		}
	}
}

func (s *service) retain(ctx context.Context, keeper *pgretain.Keeper) error {
	report, err := keeper.Run(ctx, "clock", false)
	if errors.Is(err, pgretain.ErrBusy) {
		return nil // another node is at it
	}
	var rows, bytes int64
	for _, x := range report.Removed {
		rows, bytes = rows+x.Rows, bytes+x.Bytes
	}
	s.env.Log.Info("removed what has been kept long enough", "run", report.ID, "state", report.State, "rows", rows, "bytes", bytes, "steps", len(report.Removed))
	return err
}
