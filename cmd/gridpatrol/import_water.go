package main

import (
	"context"
	"io"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// importWaterCmd brings in what the map draws in blue.
type importWaterCmd struct {
	File   string `arg:"" type:"existingfile" help:"Lines and polygons as .geojson, .json, .ndjson, .shp or .zip."`
	DryRun bool   `name:"dry-run" help:"Check everything and say what would change; change nothing."`
	JSON   bool   `name:"json" help:"Print the result as JSON."`
}

// Run imports the water.
func (c importWaterCmd) Run(ctx context.Context, env *Env) error {
	return importTable(c).store(ctx, env, "water",
		func(g *pgstore.Register, ctx context.Context, _ io.Reader, o pgstore.RegisterOptions) (roster.Result, error) {
			return g.Water(ctx, feature.Open(c.File, feature.Limits{}), o)
		}, pgstore.RegisterOptions{})
}
