package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// roadsCmd looks at the roads in the database.
type roadsCmd struct {
	Info  roadsInfoCmd  `cmd:"" help:"What roads there are, and since when."`
	Check roadsCheckCmd `cmd:"" help:"Load the roads as the service does and say what is wrong with them, with what to do: islands, one-way traps, dead ends, grids that no road reaches."`
	Route roadsRouteCmd `cmd:"" help:"Find a way, street by street."`
	Bench roadsBenchCmd `cmd:"" help:"Quick figures of these roads on this machine, each answer compared with Dijkstra's algorithm."`

	Learn  roadsLearnCmd  `cmd:"" help:"Learn speeds, and how true promised times were, from past trips; a service does it each night."`
	Import roadsImportCmd `cmd:"" help:"Replace the roads by those of a file or of a table with PostGIS."`
}

type roadsInfoCmd struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

func (c roadsInfoCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	info, err := pgroad.Active(ctx, env.DB)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(info)
	}
	var stats road.Stats
	if err := json.Unmarshal(info.Stats, &stats); err != nil {
		return fmt.Errorf("read the figures of the roads: %w", err)
	}
	fmt.Fprintf(env.Stdout, "version %d from %s, imported %s (%s ago)\nformat %d, %.1f MB, SHA-256 %x\n",
		info.Version, info.Source, info.MadeAt.Format(time.RFC3339), time.Since(info.MadeAt).Round(time.Minute), info.Format, float64(info.Size)/1e6, info.SHA256)
	if err := road.CheckFormat(info.Format); err != nil {
		return fmt.Errorf("version %d from %s: %w", info.Version, info.Source, err)
	}
	return printRoadStats(env.Stdout, stats)
}

func printRoadStats(w io.Writer, s road.Stats) error {
	_, err := fmt.Fprintf(w, "%d segments, %d junctions, %.0f km, within %.4f,%.4f and %.4f,%.4f\n",
		s.Segments, s.Nodes, s.LengthM/1000, s.West, s.South, s.East, s.North)
	for m := range road.Mode(road.Modes) {
		mode := s.Modes[m.String()]
		if err == nil {
			_, err = fmt.Fprintf(w, "%-6s %d arcs, %d turns, %d arcs on islands\n", m, mode.Arcs, mode.Turns, mode.IslandArcs)
		}
	}
	return err
}

type roadsRouteCmd struct {
	From string `required:"" placeholder:"LON,LAT" help:"Where to start."`
	To   string `required:"" placeholder:"LON,LAT" help:"Where to go."`
	Mode string `default:"car" enum:"foot,ebike,car" help:"foot, ebike or car."`
	Lang string `default:"zh" enum:"zh,en" help:"The words of the steps: zh or en."`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (c roadsRouteCmd) Run(ctx context.Context, env *Env) error {
	from, err := lonLat(c.From)
	if err != nil {
		return usageFault{fmt.Errorf("--from: %w", err)}
	}
	to, err := lonLat(c.To)
	if err != nil {
		return usageFault{fmt.Errorf("--to: %w", err)}
	}
	mode, err := road.ParseMode(c.Mode)
	if err != nil {
		return usageFault{err}
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	network, _, err := pgroad.Load(ctx, env.DB)
	if err != nil {
		return err
	}
	route, err := network.Route(ctx, mode, from, to)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(route)
	}
	if !route.Reachable {
		for _, end := range []struct {
			flag string
			p    geo.Point
		}{{"--from", from}, {"--to", to}} {
			if why := network.Outside(mode, end.p); why != "" {
				return fmt.Errorf("there is no way: %s %s", end.flag, why)
			}
		}
		return fmt.Errorf("there is no way by %v; the nearest roads are %.0f m and %.0f m away: try another mode, or see gridpatrol roads check for islands", mode, route.SnapFromM, route.SnapToM)
	}
	return printRoute(env.Stdout, route, mode, c.Lang == "zh")
}

// printRoute tells a way street by street.
func printRoute(out io.Writer, r road.Route, m road.Mode, chinese bool) error {
	w := &errWriter{w: out}
	nameless := "a road without a name"
	if chinese {
		nameless = "无名道路"
	}
	w.printf("%.0f s, %.0f m by %v; %.0f m to the road, %.0f m from it\n", r.DurationS, r.DistanceM, m, r.SnapFromM, r.SnapToM)
	for _, s := range r.Steps {
		name := s.Name
		switch {
		case s.Turn == road.Walking:
			name = ""
		case name == "":
			name = nameless
		}
		space := " "
		if chinese || name == "" {
			space = ""
		}
		w.printf("%6.0f m %5.0f s  %s%s%s\n", s.DistanceM, s.DurationS, s.Turn.Words(chinese), space, name)
	}
	return w.err
}

// lonLat reads "lon,lat".
func lonLat(s string) (geo.Point, error) {
	lon, lat, ok := strings.Cut(s, ",")
	x, errX := strconv.ParseFloat(strings.TrimSpace(lon), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(lat), 64)
	if !ok || errX != nil || errY != nil {
		return geo.Point{}, fmt.Errorf("%q is not lon,lat", s)
	}
	p := geo.Point{Lon: x, Lat: y}
	return p, p.Check()
}
