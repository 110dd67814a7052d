package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// importGridsCmd brings a map in. Without --activate or --effective-from it stays a
// draft, and the report says what is wrong with it.
type importGridsCmd struct {
	File               string `arg:"" type:"existingfile" help:"Polygons as .geojson, .json, .ndjson, .shp or .zip."`
	CodeProperty       string `name:"code-property" required:"" placeholder:"P" help:"Property that holds the code of a grid."`
	NameProperty       string `name:"name-property" required:"" placeholder:"P" help:"Property that holds its name."`
	KindProperty       string `name:"kind-property" placeholder:"P" help:"Property that says general or special; without it all are general."`
	AreaProperty       string `name:"area-property" placeholder:"P" help:"Property that holds the code of its village or town."`
	CategoriesProperty string `name:"categories-property" placeholder:"P" help:"Property that lists the categories a special grid claims."`
	EffectiveFrom      string `name:"effective-from" placeholder:"DATE" help:"Put the map in force from then on: 2026-12-01 (midnight in the district) or RFC 3339."`
	Activate           bool   `help:"Put the map in force at once."`
	AcceptGaps         bool   `name:"accept-gaps" help:"Put it in force even where grids leave gaps."`
	TZ                 string `name:"tz" env:"GRIDPATROL_TZ" default:"Asia/Shanghai" help:"The district's time zone."`
	DryRun             bool   `name:"dry-run" help:"Check everything and say what would change; change nothing."`
	JSON               bool   `name:"json" help:"Print the result as JSON."`
}

// Run imports the map.
func (c importGridsCmd) Run(ctx context.Context, env *Env) error {
	from, err := c.from()
	if err != nil {
		return usageFault{err}
	}
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	return c.storeIn(ctx, env, from)
}

// storeIn works in a database that is open.
func (c importGridsCmd) storeIn(ctx context.Context, env *Env, from time.Time) error {
	stop := showWork(env, "importing "+filepath.Base(c.File))
	result, failed := pgstore.NewRegister(env.DB).Grids(ctx, feature.Open(c.File, feature.Limits{}), pgstore.GridImport{
		RegisterOptions: pgstore.RegisterOptions{DryRun: c.DryRun}, Source: filepath.Base(c.File),
		Code: c.CodeProperty, Name: c.NameProperty, Kind: c.KindProperty, Area: c.AreaProperty, Categories: c.CategoriesProperty,
		Activate: c.Activate || c.EffectiveFrom != "", EffectiveFrom: from, AcceptGaps: c.AcceptGaps})
	stop()
	if failed != nil && !errors.Is(failed, pgstore.ErrNotActivated) {
		return failed
	}
	if err := c.print(env.Stdout, result); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return refusedRows(result.Result)
}

func (c importGridsCmd) from() (time.Time, error) {
	if c.EffectiveFrom == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, c.EffectiveFrom); err == nil {
		return t, nil
	}
	zone, err := time.LoadLocation(c.TZ)
	if err != nil {
		return time.Time{}, fmt.Errorf("--tz: %q is no time zone this machine knows", c.TZ)
	}
	t, err := time.ParseInLocation(time.DateOnly, c.EffectiveFrom, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("--effective-from: %q is no date; give 2026-12-01 or 2026-12-01T08:00:00+08:00", c.EffectiveFrom)
	}
	return t, nil
}

// shownFaults is how many overlaps and gaps a person reads.
const shownFaults = 10

func (c importGridsCmd) print(w io.Writer, r pgstore.GridResult) error {
	if err := printImport(w, c.JSON, c.DryRun, r.Result, r); err != nil || c.JSON {
		return err
	}
	var faults []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		faults = append(faults, err)
	}
	k := r.Checked
	for i, o := range k.Overlaps {
		if i < shownFaults {
			say("overlap: %s with %s, %.2f m2", o.A, o.B, o.AreaM2)
		}
	}
	for i, g := range k.Gaps {
		if i < shownFaults {
			say("gap: %.2f m2 at %.6f, %.6f", g.AreaM2, g.Lon, g.Lat)
		}
	}
	for i, m := range k.Repaired {
		if i < shownFaults {
			say("repaired: %s, %s, %.0f m2", m.Code, m.What, m.AreaM2)
		}
	}
	say("%d grids, %.0f m2, union %.0f m2: %d overlaps, %d gaps, %d repairs", k.Grids, k.AreaM2, k.UnionM2, len(k.Overlaps), len(k.Gaps), len(k.Repaired))
	switch {
	case r.Activated && c.EffectiveFrom != "":
		say("version %s is in force from %s on", r.Version, c.EffectiveFrom)
	case r.Activated:
		say("version %s is in force", r.Version)
	case r.Version != "":
		say("version %s is a draft; import with --activate to put a map in force", r.Version)
	case !c.DryRun:
		say("the map in force says the same; nothing was changed")
	}
	return printed(errors.Join(faults...))
}
