package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/drawn"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// roadsImportCmd replaces the roads by those of a file or of a table.
type roadsImportCmd struct {
	File     string            `arg:"" optional:"" type:"existingfile" help:"A file, as for gridpatrol import roads."`
	Table    string            `name:"postgis" placeholder:"TABLE" help:"A table or view of lines with PostGIS, name or schema.name, instead of a file."`
	From     string            `name:"from" env:"GRIDPATROL_SURVEY_URL" placeholder:"URL" help:"The database of the table; empty: the service's own. Give a URL with a password by GRIDPATROL_SURVEY_URL."`
	Geom     string            `placeholder:"COLUMN" help:"The column of the lines, where there are several of type geometry."`
	ID       string            `name:"id" placeholder:"COLUMN" help:"The column that names a row in refusals."`
	Class    string            `placeholder:"COLUMN" help:"Class of road, in the words of OpenStreetMap, or see --class-of."`
	ClassOf  map[string]string `name:"class-of" placeholder:"VALUE=CLASS" help:"What the values of --class mean, such as 国道=primary."`
	Speed    string            `placeholder:"COLUMN" help:"What a car goes, km/h."`
	MaxSpeed string            `name:"maxspeed" placeholder:"COLUMN" help:"What a car may go, km/h; it gets to 80 % of it."`
	OneWay   string            `name:"oneway" placeholder:"COLUMN" help:"yes, true, 1: as drawn; -1: against it."`
	Name     string            `name:"name" placeholder:"COLUMN" help:"The road's name."`
	Modes    string            `placeholder:"COLUMN" help:"Who may use it: foot, ebike, car, between ; or ,"`
	SRID     int               `name:"srid" help:"Projection of geometries that do not say theirs."`
	CRS      string            `name:"crs" placeholder:"DATUM" help:"gcj02 or bd09 where degrees are shifted like that; they are shifted back."`
	Profiles []string          `sep:"," default:"osrm-foot,osrm-bicycle,osrm-car" help:"As for gridpatrol import roads, from .osm.pbf only."`
	DryRun   bool              `name:"dry-run" help:"Read and check everything, change nothing."`
	JSON     bool              `name:"json" help:"Print the result as JSON."`
}

// Run imports the roads. A row that cannot be used is refused by name and loses no
// other.
func (c roadsImportCmd) Run(ctx context.Context, env *Env) error {
	if (c.File == "") == (c.Table == "") {
		return usageFault{errors.New("give either a file or --postgis TABLE")}
	}
	if c.File != "" {
		return c.file().Run(ctx, env)
	}
	crs, err := geo.ParseCRS(c.CRS)
	if err != nil {
		return usageFault{fmt.Errorf("--crs: %w", err)}
	}
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	pool := env.DB.Pool
	if c.From != "" {
		if pool, err = pgxpool.New(ctx, c.From); err != nil {
			return usageFault{errors.New("--from / GRIDPATROL_SURVEY_URL: cannot be read; give postgres://user@host:5432/name or key=value pairs")}
		}
		defer pool.Close()
	}
	result := roadsResult{Refused: []*feature.Refusal{}, Profiles: []string{}}
	network, err := c.read(ctx, env, pool, crs, &result)
	if err != nil {
		return err
	}
	return result.finish(ctx, env, network, c.DryRun, c.JSON)
}

// file is the command for a file.
func (c roadsImportCmd) file() importRoadsCmd {
	return importRoadsCmd{File: c.File, DryRun: c.DryRun, Profiles: c.Profiles, JSON: c.JSON}
}

func (c roadsImportCmd) read(ctx context.Context, env *Env, pool *pgxpool.Pool, crs geo.CRS, result *roadsResult) (*road.Network, error) {
	survey := pgroad.Survey{Table: c.Table, Geom: c.Geom, ID: c.ID, Columns: map[string]string{}, Classes: c.ClassOf, SRID: c.SRID, CRS: crs}
	for key, column := range map[string]string{"class": c.Class, "speed_kmh": c.Speed, "maxspeed": c.MaxSpeed, "oneway": c.OneWay, "name": c.Name, "modes": c.Modes} {
		if column != "" {
			survey.Columns[key] = column
		}
	}
	progress, stop := showProgress(env, "table "+c.Table)
	lines, accepted, refused, err := drawn.Lines(survey.Features(ctx, pool, progress))
	stop()
	if err != nil {
		return nil, fmt.Errorf("import roads: %w", err)
	}
	for _, r := range refused {
		// In the words of the table.
		if column, ok := survey.Columns[r.Column]; ok {
			r.Column = column
		}
	}
	result.Accepted, result.Refused = accepted, append(result.Refused, refused...)
	network, err := road.FromLines(ctx, lines, "PostGIS "+strings.TrimSpace(c.Table))
	switch {
	case err != nil && len(refused) > 0:
		return nil, fmt.Errorf("import roads of %s: %w; all %d rows were refused, the first because: %w", c.Table, err, len(refused), refused[0])
	case err != nil:
		return nil, fmt.Errorf("import roads of %s: %w", c.Table, err)
	}
	return network, nil
}
