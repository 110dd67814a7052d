package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/drawn"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

// importRoadsCmd replaces the roads by those of a file.
type importRoadsCmd struct {
	File     string   `arg:"" type:"existingfile" help:"Roads: .osm.pbf, or lines as .geojson, .json, .ndjson, .shp or .zip."`
	DryRun   bool     `name:"dry-run" help:"Read and check everything, change nothing."`
	Profiles []string `sep:"," default:"osrm-foot,osrm-bicycle,osrm-car" help:"Profiles to store beside those of dispatch, for /route?profile=: names of shipped ones or .yaml files; none for none. From .osm.pbf only."`
	JSON     bool     `name:"json" help:"Print the result as JSON."`
}

// roadsResult is what an import of roads prints.
type roadsResult struct {
	Accepted int                `json:"accepted"`
	Refused  []*feature.Refusal `json:"refused"`
	Changes  []roadsChange      `json:"changes"`
	Stats    road.Stats         `json:"stats"`
	OSM      *osm.Stats         `json:"osm,omitempty"`
	Profiles []string           `json:"profiles"` // stored beside those of dispatch
}

type roadsChange struct {
	What    string `json:"what"`
	From    string `json:"from,omitempty"` // the source of the roads replaced
	To      string `json:"to"`
	Version int64  `json:"version,omitempty"` // none in a dry run
}

// Run imports the file. Roads of OpenStreetMap are taken whole; of drawn lines, the
// bad ones are refused by name.
func (c importRoadsCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	profiles, err := c.profiles()
	if err != nil {
		return usageFault{fmt.Errorf("--profiles: %w", err)}
	}
	result := roadsResult{Refused: []*feature.Refusal{}, Profiles: []string{}}
	network, err := c.read(ctx, env, &result)
	if err != nil {
		return err
	}
	beside, err := c.beside(ctx, env, profiles)
	if err != nil {
		return err
	}
	return result.finish(ctx, env, network, c.DryRun, c.JSON, beside...)
}

// finish stores the network, and those beside it, unless nothing is to be changed, and
// prints what was done.
func (r *roadsResult) finish(ctx context.Context, env *Env, network *road.Network, dryRun, asJSON bool, beside ...*road.Network) error {
	change := roadsChange{What: "roads", To: network.Source()}
	before, err := pgroad.Active(ctx, env.DB)
	switch {
	case err == nil:
		change.From = before.Source
	case !errors.Is(err, pgroad.ErrNone):
		return err
	}
	for _, other := range beside {
		for _, name := range other.Profiles() {
			if name != "" {
				r.Profiles = append(r.Profiles, name)
			}
		}
	}
	if !dryRun {
		if change.Version, err = pgroad.Store(ctx, env.DB, network, beside...); err != nil {
			return err
		}
	}
	r.Changes = []roadsChange{change}
	r.Stats = network.Stats()
	if err := r.print(env.Stdout, asJSON, dryRun); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if len(r.Refused) > 0 {
		return errRefusedRows
	}
	return nil
}

// profiles reads what is to be stored beside dispatch's, three at most to a network:
// each takes the place of its mode.
func (c importRoadsCmd) profiles() ([]osm.Profiles, error) {
	var sets []osm.Profiles
	if !c.fromOSM() || len(c.Profiles) == 1 && c.Profiles[0] == "none" {
		return nil, nil
	}
	seen := map[string]bool{}
	for _, name := range profile.Dispatch {
		seen[name] = true
	}
	for _, name := range c.Profiles {
		p, err := profile.Open(name)
		if err != nil {
			return nil, err
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("%s: there is a profile %q already; give this one another name", name, p.Name)
		}
		seen[p.Name] = true
		at := slices.IndexFunc(sets, func(set osm.Profiles) bool { return set[p.Slot()] == nil })
		if at < 0 {
			sets, at = append(sets, osm.Profiles{}), len(sets)
		}
		sets[at][p.Slot()] = p
	}
	return sets, nil
}

// beside builds the networks of further profiles.
func (c importRoadsCmd) beside(ctx context.Context, env *Env, sets []osm.Profiles) ([]*road.Network, error) {
	var networks []*road.Network
	source := filepath.Base(c.File)
	for _, set := range sets {
		progress, stop := showProgress(env, source)
		survey, _, err := osm.ImportFileFor(ctx, c.File, set, progress)
		stop()
		if errors.Is(err, osm.ErrNoRoads) {
			return nil, fmt.Errorf("import %s: none of its roads is for the profiles %s: %w", source, strings.Join(c.Profiles, ", "), err)
		}
		if err != nil {
			return nil, fmt.Errorf("import %s: %w", source, err)
		}
		network, err := road.Build(ctx, survey, source)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func (c importRoadsCmd) fromOSM() bool { return strings.HasSuffix(strings.ToLower(c.File), ".pbf") }

func (c importRoadsCmd) read(ctx context.Context, env *Env, result *roadsResult) (*road.Network, error) {
	source := filepath.Base(c.File)
	if c.fromOSM() {
		progress, stop := showProgress(env, source)
		survey, stats, err := osm.ImportFile(ctx, c.File, progress)
		stop()
		if err != nil {
			return nil, fmt.Errorf("import %s: %w", source, err)
		}
		result.OSM = &stats
		result.Accepted = stats.Roads
		return road.Build(ctx, survey, source)
	}
	lines, accepted, refused, err := drawn.Lines(feature.Open(c.File, feature.Limits{}))
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", source, err)
	}
	result.Accepted = accepted
	result.Refused = append(result.Refused, refused...)
	network, err := road.FromLines(ctx, lines, source)
	if err != nil && len(refused) > 0 {
		return nil, fmt.Errorf("import %s: %w; all %d features were refused, the first because: %w", source, err, len(refused), refused[0])
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", source, err)
	}
	return network, nil
}

// print writes the result for a program or for a person.
func (r roadsResult) print(w io.Writer, asJSON, dryRun bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	for _, f := range r.Refused {
		if _, err := fmt.Fprintln(w, "refused:", f); err != nil {
			return err
		}
	}
	verb := fmt.Sprintf("stored as version %d", r.Changes[0].Version)
	if dryRun {
		verb = "nothing was stored"
	}
	if _, err := fmt.Fprintf(w, "%d roads accepted, %d refused: %d segments, %.0f km; %s\n",
		r.Accepted, len(r.Refused), r.Stats.Segments, r.Stats.LengthM/1000, verb); err != nil {
		return err
	}
	if len(r.Profiles) > 0 {
		_, err := fmt.Fprintf(w, "profiles beside foot, ebike and car: %s\n", strings.Join(r.Profiles, ", "))
		return err
	}
	return nil
}

// showProgress draws a bar on a terminal and writes a log line every few seconds
// elsewhere.
func showProgress(env *Env, source string) (progress osm.Progress, stop func()) {
	if f, ok := env.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("reading "+source),
			progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		return func(read, total int64) {
			bar.ChangeMax64(total)
			_ = bar.Set64(read) // a bar that cannot be drawn stops nothing
		}, func() { _ = bar.Finish() }
	}
	return logProgress(env.Log, source), func() {}
}

func logProgress(log *slog.Logger, source string) osm.Progress {
	const every = 5 * time.Second
	last := time.Now()
	return func(read, total int64) {
		if read < total && time.Since(last) < every {
			return
		}
		last = time.Now()
		log.Info("reading roads", "file", source, "read", read, "of", total)
	}
}
