package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// dispatchCmd files reports at a fixed rate, whether or not earlier ones were
// answered, and measures each from the moment it was due, so that a service that
// falls behind cannot hide it.
type dispatchCmd struct {
	Program  string        `default:"bin/gridpatrol" help:"The service to start."`
	Demo     string        `type:"path" help:"Measure this running demo (its demo.json) instead of starting one."`
	Reports  int           `default:"2000" help:"Reports to measure."`
	Rate     float64       `default:"5" help:"Reports each second."`
	Warm     int           `default:"50" help:"Reports before those, not measured."`
	Interval time.Duration `default:"5s" help:"Time between two fixes of a patrol."`
	Seed     uint64        `default:"1" help:"What places and categories follow from."`
	Everyone bool          `default:"true" negatable:"" help:"Put all 622 workers and 200 patrols on duty; without, the demo district as it is."`
}

// The categories that are dispatched at once.
var urgent = []string{"A10", "B01", "C01", "C02", "C03", "C12", "D02", "D05"}

// filed is the part of the answer to a report that is measured.
type filed struct {
	Case struct {
		ID          string `json:"id"`
		Dispatch    string `json:"dispatch"`
		Assignments []struct {
			ID       string `json:"id"`
			PatrolID string `json:"patrol_id"`
			State    string `json:"state"`
			EtaKind  string `json:"eta_kind"`
		} `json:"assignments"`
		Shortfalls []struct{} `json:"shortfalls"`
	} `json:"case"`
}

// tally is what the reports came to.
type tally struct {
	mu          sync.Mutex // guards all; each report's goroutine writes
	took        []time.Duration
	errors      int
	undone      int // answered, but not dispatched
	assignments int
	short       int // departments that nobody could be sent for
	byRoad      int
	unreleased  int
	firstError  error
}

// Run measures.
func (c dispatchCmd) Run(ctx context.Context, all *commands) (err error) {
	s, stop, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if s.dir != "" && c.Everyone {
		if err := fullStrength(ctx, s); err != nil {
			return err
		}
	}
	grids, err := list[gridRow](ctx, s, "/api/v1/grids")
	if err != nil || len(grids) == 0 {
		return fmt.Errorf("list grids (%d): %w", len(grids), err)
	}
	moving, still := context.WithCancel(ctx)
	defer still()
	patrols, run, err := crowd(moving, s, grids, c.Seed, c.Interval)
	if err != nil {
		return err
	}
	moved := make(chan error, 1)
	go func() { moved <- run() }()
	settle, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := seen(settle, s, patrols); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d patrols are moving; filing %d reports at %g/s\n", patrols, c.Warm+c.Reports, c.Rate)
	t := c.file(ctx, s, grids)
	still()
	if err := <-moved; err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "the crowd:", err)
	}
	if t.firstError != nil {
		fmt.Fprintln(os.Stderr, "the first error:", t.firstError)
	}
	if len(t.took) == 0 {
		return errors.New("no report was answered")
	}
	slices.Sort(t.took)
	at := func(q float64) float64 {
		return float64(t.took[min(len(t.took)-1, int(q*float64(len(t.took))))]) / float64(time.Millisecond)
	}
	one := func(name string, value float64, unit string, bar *float64) figure {
		return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
	}
	choose, most := chooseOften(c.Seed), 100.0
	if c.Everyone {
		most = 50
	}
	return keep(os.Stdout, all.Out, "dispatch", []figure{
		figure{Name: "plan among 622 workers and 200 patrols of 5 departments, p50", Value: choose.p50MS, Unit: "ms", Bar: bar(5), Runs: choose.runs},
		figure{Name: "the same, p99", Value: choose.p99MS, Unit: "ms", Runs: choose.runs},
		one("report to committed assignment, p50", at(0.50), "ms", bar(20)),
		one("report to committed assignment, p99", at(0.99), "ms", bar(most)),
		one("report to committed assignment, worst", at(1), "ms", nil),
		one("errors", float64(t.errors), "reports", bar(0)),
		one("answered without a committed plan", float64(t.undone), "reports", bar(0)),
		one("assignments", float64(t.assignments), "", nil),
		one("departments nobody could be sent for", float64(t.short), "", nil),
		one("times by road", 100*float64(t.byRoad)/float64(max(1, t.assignments)), "%", nil),
		one("assignments not released", float64(t.unreleased), "", nil),
		one("patrols moving", float64(patrols), "", nil),
	})
}

func (c dispatchCmd) open(ctx context.Context) (*service, func() error, error) {
	if c.Demo == "" {
		return startDemo(ctx, c.Program)
	}
	s, err := openDemo(c.Demo)
	return s, func() error { return nil }, err
}

// file is the open loop.
func (c dispatchCmd) file(ctx context.Context, s *service, grids []gridRow) *tally {
	t := &tally{}
	tokens := map[string]string{}
	for _, d := range s.Devices {
		tokens[d.PatrolID] = d.Token
	}
	rnd := rand.New(rand.NewPCG(c.Seed, 99))
	gap := time.Duration(float64(time.Second) / c.Rate)
	begun := time.Now()
	var g errgroup.Group
	for i := range c.Warm + c.Reports {
		due := begun.Add(time.Duration(i) * gap)
		at := grids[rnd.IntN(len(grids))].somewhere(rnd)
		body := map[string]any{"category": urgent[rnd.IntN(len(urgent))], "description": "measured",
			"location": map[string]any{"lon": at.Lon, "lat": at.Lat, "accuracy_m": 8}}
		wait := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			wait.Stop()
			_ = g.Wait() // it answers nothing but nil
			return t
		case <-wait.C:
		}
		g.Go(func() error {
			var answer filed
			_, err := s.call(ctx, s.AdminToken, http.MethodPost, "/api/v1/reports", body, &answer)
			t.note(answer, err, time.Since(due), i >= c.Warm)
			for _, a := range answer.Case.Assignments {
				if err := release(ctx, s, tokens[a.PatrolID], answer.Case.ID, a.ID, a.State); err != nil {
					t.stuck(err)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // it answers nothing but nil
	return t
}

func (t *tally) note(a filed, err error, took time.Duration, measured bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.errors++
		if t.firstError == nil {
			t.firstError = err
		}
		return
	}
	if a.Case.Dispatch != "done" {
		t.undone++
	}
	t.assignments += len(a.Case.Assignments)
	t.short += len(a.Case.Shortfalls)
	for _, x := range a.Case.Assignments {
		if x.EtaKind == "road" {
			t.byRoad++
		}
	}
	if measured {
		t.took = append(t.took, took)
	}
}

// stuck notes an assignment that could not be played to its end.
func (t *tally) stuck(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unreleased++
	if t.firstError == nil {
		t.firstError = err
	}
}
