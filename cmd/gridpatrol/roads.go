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
	Check roadsCheckCmd `cmd:"" help:"Load the roads as the service does and check them."`
	Route roadsRouteCmd `cmd:"" help:"Find a way."`

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
	fmt.Fprintf(env.Stdout, "version %d from %s, imported %s\n%.1f MB, SHA-256 %x\n",
		info.Version, info.Source, info.MadeAt.Format(time.RFC3339), float64(info.Size)/1e6, info.SHA256)
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

type roadsCheckCmd struct{}

func (roadsCheckCmd) Run(ctx context.Context, env *Env) error {
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
	took := time.Since(begin).Round(time.Millisecond)
	fmt.Fprintf(env.Stdout, "version %d from %s is sound, loaded in %v\n", version, network.Source(), took)
	return printRoadStats(env.Stdout, network.Stats())
}

type roadsRouteCmd struct {
	From string `required:"" placeholder:"LON,LAT" help:"Where to start."`
	To   string `required:"" placeholder:"LON,LAT" help:"Where to go."`
	Mode string `default:"car" enum:"foot,ebike,car" help:"foot, ebike or car."`
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
		return fmt.Errorf("there is no way by %v; the nearest roads are %.0f m and %.0f m away", mode, route.SnapFromM, route.SnapToM)
	}
	fmt.Fprintf(env.Stdout, "%.0f s, %.0f m by %v; %.0f m to the road, %.0f m from it\n",
		route.DurationS, route.DistanceM, mode, route.SnapFromM, route.SnapToM)
	for _, s := range route.Steps {
		name := s.Name
		if name == "" {
			name = "-"
		}
		fmt.Fprintf(env.Stdout, "%6.0f m %5.0f s  %s\n", s.DistanceM, s.DurationS, name)
	}
	return nil
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
