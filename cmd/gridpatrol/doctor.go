package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/cmd/gridpatrol/doctor"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
)

type doctorCmd struct {
	JSON bool `name:"json" help:"Print the findings as JSON."`
}

// errUnwell is what a failed check ends with: exit code 1.
var errUnwell = errors.New("something is wrong; each finding says what to do")

// connectWithin bounds reaching the database.
const connectWithin = 20 * time.Second

// Run looks at the database as it is: unlike other commands it migrates nothing,
// or a schema left behind would be mended before it is seen.
func (c doctorCmd) Run(ctx context.Context, env *Env) error {
	return c.report(env.Stdout, c.findings(ctx, env))
}

func (c doctorCmd) findings(ctx context.Context, env *Env) []doctor.Finding {
	url, patient := env.Common.DatabaseURL, doctor.Patient{}
	if url == "" {
		cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: env.Common.DataDir, Log: env.Log})
		if err != nil {
			return unreachable("The private cluster cannot be started: "+err.Error()+".",
				"Read the end of postgres.log in the data directory; `gridpatrol doctor` as the user who runs the service, or as root.")
		}
		defer func() {
			if err := cluster.Stop(context.WithoutCancel(ctx)); err != nil {
				env.Log.Error("stop the private cluster", "error", err)
			}
		}()
		url = cluster.URL()
		patient.Disk = func() (free, total uint64, err error) {
			_, free, total, err = fullestDisk(env.Common.DataDir)
			return free, total, err
		}
	}
	connecting, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgx.Connect(connecting, url)
	if err != nil {
		return unreachable("The database cannot be reached: "+err.Error()+".", "Look at DATABASE_URL and at the server: `pg_isready -d \"$DATABASE_URL\"`.")
	}
	defer conn.Close(context.WithoutCancel(ctx))
	patient.Conn = conn
	return doctor.Examine(ctx, patient)
}

func unreachable(says, remedy string) []doctor.Finding {
	return []doctor.Finding{{Check: "database", Severity: doctor.Fail, Says: says, Remedy: remedy}}
}

func (c doctorCmd) report(out io.Writer, all []doctor.Finding) error {
	worst := doctor.Worst(all)
	if c.JSON {
		if err := json.NewEncoder(out).Encode(struct {
			Worst    doctor.Severity  `json:"worst"`
			Findings []doctor.Finding `json:"findings"`
		}{worst, all}); err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
	} else {
		for _, f := range all {
			mark := string(f.Severity)
			if f.Severity != doctor.OK {
				mark = strings.ToUpper(mark)
			}
			fmt.Fprintf(out, "%-5s %-12s %s\n", mark, f.Check, f.Says)
			if f.Remedy != "" {
				fmt.Fprintf(out, "%18s -> %s\n", "", f.Remedy)
			}
		}
	}
	if worst == doctor.Fail {
		return errUnwell
	}
	return nil
}
