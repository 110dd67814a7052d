package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Env is what a command works with: the three streams, the log (stderr, JSON)
// and a migrated database. Stdout carries results only.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Log    *slog.Logger
	DB     *pgdb.DB
	// DatabaseURL reaches the database as its owner.
	DatabaseURL string
	Common      Common
}

// Common holds the settings every command shares.
type Common struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL with PostGIS. Empty: a private cluster below the data directory."`
	DataDir     string `name:"data-dir" env:"GRIDPATROL_DATA_DIR" default:"./var" help:"Where the private cluster and local files live."`
}

// errRefusedRows is an import that went through but refused rows: exit code 3.
var errRefusedRows = errors.New("some rows were refused; they are named above, the others are in")

// usageFault is a configuration that cannot work: exit code 2.
type usageFault struct{ error }

// openDatabase gives env a migrated database: the one that is named, or the
// private cluster, started if nobody has. Whoever opens calls the closer.
func (env *Env) openDatabase(ctx context.Context, maxConns int32) (closer func(), err error) {
	url := env.Common.DatabaseURL
	stop := func() {}
	if url == "" {
		cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: env.Common.DataDir, Log: env.Log})
		if err != nil {
			return nil, fmt.Errorf("start the private cluster: %w", err)
		}
		url = cluster.URL()
		// What is still to be written after ctx has ended needs the cluster too.
		watch, endWatch := context.WithCancel(context.WithoutCancel(ctx))
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			cluster.Run(watch)
		}()
		stop = func() {
			endWatch()
			<-watched
			if err := cluster.Stop(context.WithoutCancel(ctx)); err != nil {
				env.Log.Error("stop the private cluster", "error", err)
			}
		}
	}
	env.DatabaseURL = url
	err = migrations.Up(ctx, url, func(s migrations.Step) {
		env.Log.Info("migrated", "version", s.Version, "file", s.Name)
	})
	if err != nil {
		stop()
		return nil, err
	}
	env.DB, err = pgdb.Open(ctx, pgdb.Config{URL: url, MaxConns: maxConns})
	if err != nil {
		stop()
		return nil, err
	}
	return func() {
		env.DB.Close()
		stop()
	}, nil
}
