package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

type roadsCheckCmd struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// mostTold is how many of each fault are told; all are counted.
const mostTold = 10

// roadsFaults is what roads check found.
type roadsFaults struct {
	Version int64                   `json:"version"`
	Source  string                  `json:"source"`
	Loaded  float64                 `json:"loaded_s"`
	Stats   road.Stats              `json:"stats"`
	Modes   map[string]road.Health  `json:"modes"`
	Grids   map[string][]strandGrid `json:"unreachable_grids"`
}

// strandGrid is a grid that none of the roads of a mode reaches.
type strandGrid struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Run loads the roads as the service does and looks for what is wrong with them. Faults
// of a drawing are told, with what to do; they do not fail the command, which a town
// with dead ends would never pass.
func (c roadsCheckCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	begin := time.Now()
	network, version, err := pgroad.Load(ctx, env.DB)
	if err != nil {
		return err
	}
	f := roadsFaults{Version: version, Source: network.Source(), Loaded: time.Since(begin).Seconds(), Stats: network.Stats(),
		Modes: map[string]road.Health{}, Grids: map[string][]strandGrid{}}
	store := pgstore.New(env.DB)
	versions, _, err := store.MapVersions(ctx)
	if err != nil {
		return err
	}
	atlas := dispatch.NewAtlas(time.Now)
	atlas.Replace(versions)
	for m := range road.Mode(road.Modes) {
		if f.Modes[m.String()], err = network.Health(ctx, m); err != nil {
			return err
		}
		f.Grids[m.String()] = stranded(network, m, atlas.At(time.Time{}))
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(f)
	}
	return f.print(env.Stdout)
}

// stranded lists the general grids that hold no road one gets to and away from again.
func stranded(n *road.Network, m road.Mode, drawn *dispatch.MapVersion) []strandGrid {
	found := []strandGrid{}
	if drawn == nil {
		return found
	}
	reached := make([]bool, len(drawn.Grids))
	n.Main(m, func(p geo.Point) {
		if ref := drawn.Index.Find(p, nil); ref != grid.None {
			reached[ref] = true
		}
	})
	for i, g := range drawn.Grids {
		if !reached[i] && g.Kind == "general" {
			found = append(found, strandGrid{Code: g.Code, Name: g.Name})
		}
	}
	slices.SortFunc(found, func(a, b strandGrid) int { return strings.Compare(a.Code, b.Code) })
	return found
}

func (f roadsFaults) print(out io.Writer) error {
	w := &errWriter{w: out}
	w.printf("version %d from %s is sound, loaded in %.2f s\n", f.Version, f.Source, f.Loaded)
	if w.err == nil {
		w.err = printRoadStats(out, f.Stats)
	}
	for m := range road.Mode(road.Modes) {
		word := m.String()
		h := f.Modes[word]
		w.printf("\n%s: %d islands, %d ways in without a way out, %d ways out without a way in, %d dead ends, %d of them beside another road, %d grids without a road\n",
			word, len(h.Islands), len(h.Traps), len(h.Sources), h.DeadEnds, len(h.Gaps), len(f.Grids[word]))
		w.patches("island", h.Islands, "nobody is sent there by this mode: connect it with the rest where it touches it, or give the mode access to what lies between")
		w.patches("trap", h.Traps, "one gets in and not out: look at the direction of its one-way streets; at the edge of the file take a larger one")
		w.patches("source", h.Sources, "one gets out and not in: look at the direction of its one-way streets; at the edge of the file take a larger one")
		for _, g := range h.Gaps[:min(len(h.Gaps), mostTold)] {
			w.printf("  gap     %.6f,%.6f  %s ends %.1f m beside %s\n", g.At.Lon, g.At.Lat, called(g.Name), g.WideM, called(g.To))
		}
		w.more(len(h.Gaps), "move the end onto the other road: ends within half a metre are joined")
		for _, g := range f.Grids[word][:min(len(f.Grids[word]), mostTold)] {
			w.printf("  grid    %s %s\n", g.Code, g.Name)
		}
		w.more(len(f.Grids[word]), "whoever reports there is reached by a walk from the next road: check that the file covers the grid and what the mode may use in it")
	}
	return w.err
}

func called(name string) string {
	if name == "" {
		return "a road without a name"
	}
	return name
}

// errWriter keeps the first error of many lines.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.w, format, args...)
	}
}

func (w *errWriter) patches(what string, list []road.Patch, remedy string) {
	for _, p := range list[:min(len(list), mostTold)] {
		w.printf("  %-7s %.6f,%.6f  %.0f m in %d pieces %s\n", what, p.At.Lon, p.At.Lat, p.LengthM, p.Segments, strings.Join(p.Names, ", "))
	}
	w.more(len(list), remedy)
}

// more ends a list with how many were not told, and what to do about all of it.
func (w *errWriter) more(count int, remedy string) {
	if count > mostTold {
		w.printf("          and %d more; --json tells all\n", count-mostTold)
	}
	if count > 0 {
		w.printf("          -> %s\n", remedy)
	}
}
