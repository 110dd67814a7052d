package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// importCmd brings the register in: tables, the map, the roads. A running service
// takes each of them over within seconds.
type importCmd struct {
	Departments importDepartmentsCmd `cmd:"" help:"Departments: code,name_zh,name_en."`
	Areas       importAreasCmd       `cmd:"" help:"District, towns, villages: code,name,level,parent_code[,phone]; phone is the town's information room."`
	Staff       importStaffCmd       `cmd:"" help:"People, their patrols, devices and grids: code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id[,phone][,grid_part][,works_in]; works_in names the grids, villages and towns that a patrol is sent to, with ; between them: left empty it stays as it is, and the code of the district is everywhere."`
	Categories  importCategoriesCmd  `cmd:"" help:"What can be reported: code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode[,skill][,revisit_days][,crews][,listed,article][,same_m,same_hours,same_joins][,covert_hours][,check_percent]; see docs/categories.md."`
	Places      importPlacesCmd      `cmd:"" help:"Cameras, rental houses, markets, factories: code,name,kind,lon,lat,url,visits_per_week[,crs][,fence_m]; or points with these properties."`
	Calendar    importCalendarCmd    `cmd:"" help:"Holidays and make-up days: day,kind,name; kind is holiday or workday."`
	Shifts      importShiftsCmd      `cmd:"" help:"When patrols are on duty: patrol_code,from,until; times in RFC 3339, or offsets from now such as -1h or +8h30m."`
	Grids       importGridsCmd       `cmd:"" help:"The map of grids, as a version that is checked; a draft, unless it is put in force."`
	Water       importWaterCmd       `cmd:"" help:"Rivers, canals and lakes to draw: lines and polygons with the properties kind, name, width_m. All that was there is replaced."`
	Speeds      importSpeedsCmd      `cmd:"" help:"Speeds on some roads at some hours: way or class, direction, modes, days, hours, kmh or factor, note."`
	Roads       importRoadsCmd       `cmd:"" help:"Roads, from OpenStreetMap or drawn lines."`
}

// importTable is what the tables have in common.
type importTable struct {
	File   string `arg:"" type:"existingfile" help:"Table in CSV, UTF-8, with a header."`
	DryRun bool   `name:"dry-run" help:"Check everything and say what would change; change nothing."`
	JSON   bool   `name:"json" help:"Print the result as JSON."`
}

type (
	importDepartmentsCmd struct{ importTable }
	importAreasCmd       struct{ importTable }
	importCategoriesCmd  struct{ importTable }
	importShiftsCmd      struct{ importTable }
	importCalendarCmd    struct{ importTable }
	importStaffCmd       struct {
		importTable
		Simulated bool `help:"New patrols and devices are played by a simulator, and marked so."`
	}
)

// Run imports the table.
func (c importDepartmentsCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "departments", (*pgstore.Register).Departments, pgstore.RegisterOptions{})
}

// Run imports the table.
func (c importAreasCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "areas", (*pgstore.Register).Areas, pgstore.RegisterOptions{})
}

// Run imports the table.
func (c importStaffCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "staff", (*pgstore.Register).Staff, pgstore.RegisterOptions{Simulated: c.Simulated})
}

// Run imports the table.
func (c importCategoriesCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "categories", (*pgstore.Register).Categories, pgstore.RegisterOptions{})
}

// Run imports the table.
func (c importShiftsCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "shifts", (*pgstore.Register).Shifts, pgstore.RegisterOptions{})
}

// Run imports the table.
func (c importCalendarCmd) Run(ctx context.Context, env *Env) error {
	return c.store(ctx, env, "calendar", (*pgstore.Register).CalendarDays, pgstore.RegisterOptions{})
}

type tableImport func(*pgstore.Register, context.Context, io.Reader, pgstore.RegisterOptions) (roster.Result, error)

func (c importTable) store(ctx context.Context, env *Env, what string, run tableImport, o pgstore.RegisterOptions) error {
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	return c.storeIn(ctx, env, what, run, o)
}

// storeIn works in a database that is open.
func (c importTable) storeIn(ctx context.Context, env *Env, what string, run tableImport, o pgstore.RegisterOptions) error {
	in, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("import %s: %w", what, err)
	}
	defer in.Close()
	o.DryRun = c.DryRun
	stop := showWork(env, "importing "+filepath.Base(c.File))
	result, err := run(pgstore.NewRegister(env.DB), ctx, in, o)
	stop()
	if err != nil {
		return fmt.Errorf("import %s: %s: %w", what, filepath.Base(c.File), err)
	}
	if err := printImport(env.Stdout, c.JSON, c.DryRun, result, result); err != nil {
		return err
	}
	return refusedRows(result)
}

func refusedRows(r roster.Result) error {
	if len(r.Refused) > 0 {
		return errRefusedRows
	}
	return nil
}

// shownChanges is how many changes a person reads; a program gets all of them.
const shownChanges = 20

// printImport writes whole as JSON, or r for a person.
func printImport(w io.Writer, asJSON, dryRun bool, r roster.Result, whole any) error {
	if asJSON {
		return printed(json.NewEncoder(w).Encode(whole))
	}
	var faults []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		faults = append(faults, err)
	}
	for _, f := range r.Refused {
		say("refused: %v", &f)
	}
	for i, c := range r.Changes {
		if i == shownChanges {
			say("... and %d more changes (--json names them all)", len(r.Changes)-i)
			break
		}
		say("%s: %s %s %s", c.Change, c.What, c.Code, c.Detail)
	}
	note := ""
	if dryRun {
		note = "; dry run, nothing was stored"
	}
	say("%d rows accepted, %d refused, %d changes%s", r.Accepted, len(r.Refused), len(r.Changes), note)
	return printed(errors.Join(faults...))
}

func printed(err error) error {
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// showWork says that something goes on, once it has taken two seconds: a bar on a
// terminal, log lines elsewhere. The caller stops it.
func showWork(env *Env, what string) (stop func()) {
	const patience, every = 2 * time.Second, 3 * time.Second
	began := time.Now()
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		var bar *progressbar.ProgressBar
		for {
			select {
			case <-quit:
				if bar != nil {
					_ = bar.Finish() // a bar that cannot be drawn stops nothing
				}
				return
			case <-wait.C:
			}
			f, terminal := env.Stderr.(*os.File)
			if terminal = terminal && term.IsTerminal(int(f.Fd())); terminal {
				if bar == nil {
					bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
						progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
				}
				_ = bar.Add(1)
				wait.Reset(100 * time.Millisecond)
				continue
			}
			env.Log.Info(what, "seconds", int(time.Since(began).Seconds()))
			wait.Reset(every)
		}
	})
	return func() {
		close(quit)
		ended.Wait()
	}
}
