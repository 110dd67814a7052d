package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

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

// openServer gives env the address of a database: the one that is named, or the
// private cluster, started if nobody has. It changes nothing in it. Whoever opens
// calls the closer.
func (env *Env) openServer(ctx context.Context) (closer func(), err error) {
	env.DatabaseURL = env.Common.DatabaseURL
	if env.DatabaseURL != "" {
		return func() {}, nil
	}
	cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: env.Common.DataDir, Log: env.Log})
	if err != nil {
		return nil, fmt.Errorf("start the private cluster: %w", err)
	}
	env.DatabaseURL = cluster.URL()
	// What is still to be written after ctx has ended needs the cluster too.
	watch, endWatch := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		cluster.Run(watch)
	}()
	return func() {
		endWatch()
		<-watched
		if err := cluster.Stop(context.WithoutCancel(ctx)); err != nil {
			env.Log.Error("stop the private cluster", "error", err)
		}
	}, nil
}

// migrationProgress tells the log how migrations go.
func (env *Env) migrationProgress() migrations.Progress {
	return migrations.Progress{
		Applied: func(s migrations.Step) { env.Log.Info("migrated", "version", s.Version, "file", s.Name) },
		Waiting: func(w migrations.Wait) {
			env.Log.Warn("a migration gives way to those who use its tables", "file", w.Name, "try", w.Try,
				"seconds", int(w.Since.Seconds()), "waits_for", w.Who())
		},
		Working: func(s migrations.Step, since time.Duration, note string) {
			env.Log.Info("migrating", "file", s.Name, "seconds", int(since.Seconds()), "note", note)
		},
	}
}

// allowUnsafeCommit opens a database that may lose what it acknowledged. Only the
// test that has to see a loss sets it; no setting does.
var allowUnsafeCommit bool

// openDatabase gives env a migrated database. Whoever opens calls the closer.
func (env *Env) openDatabase(ctx context.Context, maxConns int32) (closer func(), err error) {
	stop, err := env.openServer(ctx)
	if err != nil {
		return nil, err
	}
	config := pgdb.Config{URL: env.DatabaseURL, MaxConns: maxConns, AllowUnsafeCommit: allowUnsafeCommit}
	// A database that is refused is left as it was found.
	if err := pgdb.Check(ctx, config); err != nil {
		stop()
		return nil, err
	}
	if err := migrations.UpWith(ctx, env.DatabaseURL, env.migrationProgress()); err != nil {
		stop()
		return nil, err
	}
	env.DB, err = pgdb.Open(ctx, config)
	if err != nil {
		stop()
		return nil, err
	}
	return func() {
		env.DB.Close()
		stop()
	}, nil
}

// openReadOnly gives env a database as it is, on connections that refuse every write; it
// brings no schema up to date. Whoever opens calls the closer.
func (env *Env) openReadOnly(ctx context.Context, maxConns int32) (closer func(), err error) {
	stop, err := env.openServer(ctx)
	if err != nil {
		return nil, err
	}
	env.DB, err = pgdb.Open(ctx, pgdb.Config{URL: withSetting(env.DatabaseURL, "default_transaction_read_only", "on"), MaxConns: maxConns})
	if err != nil {
		stop()
		return nil, err
	}
	return func() {
		env.DB.Close()
		stop()
	}, nil
}

// withSetting adds a setting of the session to the address of a database, whether that
// is a URL or a list of key=value.
func withSetting(address, key, value string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return address + " " + key + "=" + value
	}
	settings := u.Query()
	settings.Set(key, value)
	u.RawQuery = settings.Encode()
	return u.String()
}
