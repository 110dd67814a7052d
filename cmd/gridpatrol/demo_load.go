package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// shiftsSpare is how much of the demo's duty must lie ahead for it to be left as
// it is; with less, it is laid anew from now.
const shiftsSpare = 48 * time.Hour

const demoState = `SELECT
  EXISTS (SELECT FROM grid_versions WHERE district_id = $1 AND state = 'active'),
  EXISTS (SELECT FROM road_networks WHERE district_id = $1 AND active),
  coalesce((SELECT max(upper(during)) FROM duties d JOIN patrols p ON p.id = d.patrol_id WHERE p.district_id = $1 AND d.source = 'shift')
    > gp_now() + $2::interval, false),
  EXISTS (SELECT FROM waters WHERE district_id = $1)`

// loadDistrict brings the demo's files into the database, those that are not there
// yet, by the same way as anybody's import.
func loadDistrict(ctx context.Context, env *Env, say func(string, ...any)) error {
	var grids, roads, shifts, water bool
	if err := env.DB.QueryRow(ctx, demoState, pgdb.District, shiftsSpare).Scan(&grids, &roads, &shifts, &water); err != nil {
		return fmt.Errorf("look what is loaded: %w", err)
	}
	register := pgstore.NewRegister(env.DB)
	options := pgstore.RegisterOptions{Simulated: true}
	table := func(file string, load func(context.Context, io.Reader, pgstore.RegisterOptions) (roster.Result, error)) error {
		say("loading %s", file)
		in, err := district.Files().Open(file)
		if err != nil {
			return err
		}
		defer in.Close()
		result, err := load(ctx, in, options)
		return loaded(file, result, err)
	}
	if !grids {
		for _, t := range []struct {
			file string
			load func(context.Context, io.Reader, pgstore.RegisterOptions) (roster.Result, error)
		}{
			{district.DepartmentsFile, register.Departments},
			{district.AreasFile, register.Areas},
			{district.CategoriesFile, register.Categories},
			{district.PlacesFile, register.Places},
		} {
			if err := table(t.file, t.load); err != nil {
				return err
			}
		}
		if err := loadGrids(ctx, register, options, say); err != nil {
			return err
		}
		if err := table(district.StaffFile, register.Staff); err != nil {
			return err
		}
	}
	result, err := register.CalendarDays(ctx, strings.NewReader(district.Calendar), options)
	if err := loaded("the calendar of 2026", result, err); err != nil {
		return err
	}
	if !water {
		if err := table(district.WaterFile, func(ctx context.Context, in io.Reader, o pgstore.RegisterOptions) (roster.Result, error) {
			return register.Water(ctx, feature.GeoJSON(in, feature.Limits{}), o)
		}); err != nil {
			return err
		}
	}
	if !roads {
		say("building the roads for foot, e-bike and car")
		network, err := district.Network(ctx)
		if err != nil {
			return err
		}
		if _, err := pgroad.Store(ctx, env.DB, network); err != nil {
			return err
		}
	}
	if !shifts {
		return table(district.ShiftsFile, register.Shifts)
	}
	return nil
}

func loadGrids(ctx context.Context, register *pgstore.Register, options pgstore.RegisterOptions, say func(string, ...any)) error {
	say("loading and checking %s", district.GridsFile)
	in, err := district.Files().Open(district.GridsFile)
	if err != nil {
		return err
	}
	defer in.Close()
	result, err := register.Grids(ctx, feature.GeoJSON(in, feature.Limits{}), pgstore.GridImport{
		RegisterOptions: options, Source: "the demo district",
		Code: "code", Name: "name", Kind: "kind", Area: "area_code", Categories: "categories", Activate: true,
	})
	return loaded(district.GridsFile, result.Result, err)
}

// loaded makes a refused row an error: the demo's files are ours to be right.
func loaded(file string, result roster.Result, err error) error {
	if err == nil && len(result.Refused) > 0 {
		first := result.Refused[0]
		err = fmt.Errorf("%d rows were refused, the first: %w", len(result.Refused), &first)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
