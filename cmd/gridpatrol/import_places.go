package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// importPlacesCmd brings places in, from a table or from points.
type importPlacesCmd struct {
	File   string `arg:"" type:"existingfile" help:"Table in CSV (UTF-8, with a header), or points as .geojson, .json, .ndjson, .shp or .zip."`
	CRS    string `name:"crs" placeholder:"DATUM" help:"Datum of the positions that name none themselves: wgs84, cgcs2000, gcj02 or bd09."`
	DryRun bool   `name:"dry-run" help:"Check everything and say what would change; change nothing."`
	JSON   bool   `name:"json" help:"Print the result as JSON."`
}

// Run imports the places.
func (c importPlacesCmd) Run(ctx context.Context, env *Env) error {
	run, o, err := c.prepare()
	if err != nil {
		return usageFault{err}
	}
	return c.table().store(ctx, env, "places", run, o)
}

func (c importPlacesCmd) table() importTable {
	return importTable{File: c.File, DryRun: c.DryRun, JSON: c.JSON}
}

// prepare chooses how the file is read.
func (c importPlacesCmd) prepare() (tableImport, pgstore.RegisterOptions, error) {
	crs, err := geo.ParseCRS(c.CRS)
	if err != nil {
		return nil, pgstore.RegisterOptions{}, fmt.Errorf("--crs: %w", err)
	}
	o := pgstore.RegisterOptions{CRS: crs}
	if !isFeatureFile(c.File) {
		return (*pgstore.Register).Places, o, nil
	}
	return func(g *pgstore.Register, ctx context.Context, _ io.Reader, o pgstore.RegisterOptions) (roster.Result, error) {
		return g.PlaceFeatures(ctx, feature.Open(c.File, feature.Limits{}), o)
	}, o, nil
}

// isFeatureFile tells by its name a file of features from a table.
func isFeatureFile(name string) bool {
	kinds := []string{".geojson", ".json", ".ndjson", ".geojsonl", ".geojsons", ".shp", ".zip"}
	return slices.Contains(kinds, strings.ToLower(filepath.Ext(name)))
}
