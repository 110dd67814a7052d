package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	roadpace "github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/proof"
)

// importSpeedsCmd sets speeds that hold on some roads at some hours.
type importSpeedsCmd importTable

// speedsResult is what an import of speeds prints.
type speedsResult struct {
	Accepted int                `json:"accepted"`
	Refused  []*feature.Refusal `json:"refused"`
	Changes  []speedsChange     `json:"changes"`
}

type speedsChange struct {
	What  string `json:"what"`
	Added int    `json:"added"`
}

// Run imports the table. A running service has the speeds in force within a second.
func (c importSpeedsCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	return c.storeIn(ctx, env)
}

// storeIn works in a database that is open.
func (c importSpeedsCmd) storeIn(ctx context.Context, env *Env) error {
	in, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("import speeds: %w", err)
	}
	defer in.Close()
	rules, lines, refused, err := roadpace.Table(in)
	if err != nil {
		return fmt.Errorf("import speeds: %s: %w", filepath.Base(c.File), err)
	}
	var network *road.Network
	if network, _, err = pgroad.Load(ctx, env.DB); err != nil && !errors.Is(err, pgroad.ErrNone) {
		return err
	}
	var good []roadpace.Rule
	for i, rule := range rules {
		if none := pgroad.NoWay(network, rule); none != "" {
			refused = append(refused, &feature.Refusal{Line: lines[i], Column: "way", Code: roadpace.CodeUnknown, Detail: none})
			continue
		}
		good = append(good, rule)
	}
	slices.SortStableFunc(refused, func(a, b *feature.Refusal) int { return cmp.Compare(a.Line, b.Line) })
	if !c.DryRun && len(good) > 0 {
		if _, err := pgroad.AddSpeeds(ctx, env.DB, good, nil, proof.Command); err != nil {
			return fmt.Errorf("import speeds: %w", err)
		}
	}
	result := speedsResult{Accepted: len(good), Refused: append([]*feature.Refusal{}, refused...), Changes: []speedsChange{{What: "speeds", Added: len(good)}}}
	if err := result.print(env, c.JSON, c.DryRun); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if len(refused) > 0 {
		return errRefusedRows
	}
	return nil
}

// print writes the result for a program or for a person.
func (r speedsResult) print(env *Env, asJSON, dryRun bool) error {
	if asJSON {
		return json.NewEncoder(env.Stdout).Encode(r)
	}
	for _, f := range r.Refused {
		if _, err := fmt.Fprintln(env.Stdout, "refused:", f); err != nil {
			return err
		}
	}
	verb := "in force as their hours say"
	if dryRun {
		verb = "nothing was stored"
	}
	_, err := fmt.Fprintf(env.Stdout, "%d speeds accepted, %d refusals; %s\n", r.Accepted, len(r.Refused), verb)
	return err
}
