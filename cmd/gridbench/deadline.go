package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// deadlineCmd has crowds of clocks come due at one moment, as all those of a night do when
// offices open, and measures when the last of them has climbed, on two nodes that share
// them. Each climbs to overdue: an event, an order of supervision with a clock of its own,
// and notices to the officers of the unit and to the leader of the town.
type deadlineCmd struct {
	Program string `default:"bin/gridpatrol" help:"The service to start."`
	Crowds  []int  `default:"250,500,1000,2000,4000" help:"How many clocks are due at one moment, each in turn."`
	Runs    int    `default:"3" help:"Times each crowd comes."`
}

// latestS is the bar: no deadline is done later than so many seconds after it is due.
const latestS = 2

// Run measures on a durable private cluster, made for the run.
func (c deadlineCmd) Run(ctx context.Context, all *commands) (err error) {
	if c.Runs < 1 {
		return errors.New("--runs must be above nothing")
	}
	data, err := filepath.Abs(filepath.Join(all.Out, "deadline-data"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("clear the data of an earlier run: %w", err)
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	town, err := layTown(ctx, data, 1)
	if err != nil {
		return err
	}
	defer func() {
		town.close()
		if err == nil {
			err = os.RemoveAll(data)
		}
	}()
	if _, err := town.db.Exec(ctx, `INSERT INTO staff (id, district_id, code, name, role, department, area_code) SELECT gen_random_uuid(), $1, role || n, role, role,
		CASE role WHEN 'officer' THEN 'police' END, 'district' FROM unnest('{officer,town_leader}'::text[]) role, generate_series(1, 2) n`, pgdb.District); err != nil {
		return fmt.Errorf("lay out who is told: %w", err)
	}
	for i := range 2 {
		node := filepath.Join(data, fmt.Sprintf("node%d", i))
		if err := os.MkdirAll(node, 0o755); err != nil {
			return err
		}
		s, err := startProgram(ctx, node, "service.log", c.Program, "serve", "--listen=127.0.0.1:0", "--data-dir="+node, "--database-url="+town.cluster.URL())
		if err != nil {
			return err
		}
		defer s.stop()
	}
	var figures []figure
	within := 0.0
	for _, many := range c.Crowds {
		var best, worst float64
		for run := range c.Runs {
			fmt.Fprintf(os.Stderr, "%d due at one moment, %d of %d ...\n", many, run+1, c.Runs)
			late, err := come(ctx, town, many)
			if err != nil {
				return err
			}
			if worst = max(worst, late.Seconds()); run == 0 || late.Seconds() < best {
				best = late.Seconds()
			}
		}
		figures = append(figures, figure{Name: fmt.Sprintf("%d due at one moment, the last climbs after", many), Value: worst, Unit: "s", Bar: bar(latestS), Runs: c.Runs, Spread: (worst - best) / worst})
		if worst <= latestS {
			within = max(within, float64(many))
		}
	}
	figures = append(figures, figure{Name: "the largest of these crowds that is through in time", Value: within, Unit: "clocks", Runs: c.Runs})
	return keep(os.Stdout, all.Out, "deadline", figures)
}

// come has a crowd come due and answers how long after it the last was done: when its
// commit was seen, looked for every 20 ms. It fails where one was done twice or not.
func come(ctx context.Context, t *town, many int) (time.Duration, error) {
	crowd := uuid.NewString()[:8]
	var due time.Time
	err := t.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments, called)
			SELECT gen_random_uuid(), $1, $2 || n, 'handling', 'done', 'A05', 'ordinary', 121.38, 28.58, 1, '{district}', '{police}',
			  '[{"code": "police", "part": "lead", "because": "category"}]' FROM generate_series(1, $3) n`, pgdb.District, crowd, many); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT gp_now() + interval '8 s'`).Scan(&due); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO clocks (case_id, district_id, name, id, rung, unit, span_s, since, warn_at, due_at, district_at, next_at, counted)
			SELECT id, district_id, 'settle', gen_random_uuid(), 'warned', 'working_time', 3600, $2::timestamptz - interval '9 d', $2::timestamptz - interval '8 d', $2, $2::timestamptz + interval '90 d', $2,
			  (SELECT max(version) FROM calendars) FROM cases WHERE number LIKE $1 || '%'`, crowd, due)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("lay out a crowd: %w", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var left int
		var now time.Time
		if err := t.db.QueryRow(ctx, `SELECT gp_now(), count(*) FROM clocks WHERE next_at = $1`, due).Scan(&now, &left); err != nil {
			return 0, fmt.Errorf("look for what is due: %w", err)
		}
		if left == 0 {
			if now.Before(due) {
				return 0, fmt.Errorf("%d clocks climbed before they were due", many)
			}
			var climbed int
			if err := t.db.QueryRow(ctx, `SELECT count(*) FROM case_events e JOIN cases c ON c.id = e.case_id WHERE e.kind = 'clock.overdue' AND c.number LIKE $1 || '%'`, crowd).Scan(&climbed); err != nil {
				return 0, err
			}
			if climbed != many {
				return 0, fmt.Errorf("%d clocks climbed %d times", many, climbed)
			}
			return now.Sub(due), nil
		}
		if now.Sub(due) > 5*time.Minute {
			return 0, fmt.Errorf("of %d clocks %d are not done after 5 min", many, left)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}
