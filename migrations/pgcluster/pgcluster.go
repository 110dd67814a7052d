// Package pgcluster runs the private PostgreSQL that serves when no DATABASE_URL
// is given: below the data directory, reached by Unix socket only, by peer
// authentication, with data checksums, in UTC.
//
// Several programs of one data directory share one cluster (the service and a
// command beside it). Two file locks, which the kernel lets go of when a process
// dies in any way, keep order:
//
//	postgres.start  held alone while somebody starts or stops the cluster
//	postgres.users  held shared by everybody who works with it; whoever leaves
//	                last (gets it alone) stops the cluster
//
// Lock order: start before users. The server runs in a session of its own, so
// that Ctrl-C on the terminal reaches the program and not the server; and it
// outlives a program that is killed, to be adopted by the next one.
package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/durable"
)

// Config of a private cluster.
type Config struct {
	// Dir is the data directory of the program; the cluster lives in its folder
	// postgres, beside its locks and its log.
	Dir string
	// Log hears of starts, adoptions and recoveries. Nil: nobody does.
	Log *slog.Logger
	// Settings go over those the cluster is started with. Only tests need any.
	Settings map[string]string
}

// Cluster is a running private cluster that this program uses.
type Cluster struct {
	place place
	log   *slog.Logger
	users *os.File // held shared while in use

	mu     sync.Mutex // guards server: Run replaces it, Stop takes it
	server *postmaster
	closed bool
}

// place is where the parts of a cluster lie, and who it runs as.
type place struct {
	dir      string // absolute, symlinks resolved
	data     string
	socket   string
	account  account
	install  install
	settings map[string]string
	disk     durable.Disk
}

// Start gives a running cluster: it adopts one that runs already, for another
// program or orphaned by a killed one, and else starts it, after making it when
// there is none.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p, err := locate(c)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(ctx, filepath.Join(p.dir, startLock), alone)
	if err != nil {
		return nil, fmt.Errorf("wait for another start of the cluster: %w", err)
	}
	defer lock.Close()
	if err := p.claimSocketDir(); err != nil {
		return nil, err
	}
	users, err := lockFile(ctx, filepath.Join(p.dir, usersLock), shared)
	if err != nil {
		return nil, fmt.Errorf("register as a user of the cluster: %w", err)
	}
	server, err := p.start(ctx, log)
	if err != nil {
		users.Close()
		return nil, err
	}
	return &Cluster{place: p, log: log, users: users, server: server}, nil
}

// locate finds out where everything is and refuses what cannot work, before
// anything is touched.
func locate(c Config) (place, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return place{}, fmt.Errorf("make the data directory: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return place{}, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return place{}, err
	}
	p := place{dir: dir, data: filepath.Join(dir, "postgres"), settings: c.Settings, disk: durable.OS}
	if p.account, err = accountFor(p.data); err != nil {
		return place{}, err
	}
	if err := p.account.mustReach(dir); err != nil {
		return place{}, err
	}
	if p.install, err = installFor(p.data, installed(installRoot, extensionRoot)); err != nil {
		return place{}, err
	}
	p.socket, err = socketDir(dir)
	return p, err
}

// URL reaches the cluster's database as its owner.
func (c *Cluster) URL() string { return c.place.url(databaseName) }

// Run starts the server again whenever it dies, until ctx ends.
func (c *Cluster) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := c.revive(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("start the private cluster again", "error", err)
		}
	}
}

func (c *Cluster) revive(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.server.alive() {
		return nil
	}
	c.log.Warn("the private cluster died; starting it again", "log", c.place.logFile())
	lock, err := lockFile(ctx, filepath.Join(c.place.dir, startLock), alone)
	if err != nil {
		return err
	}
	defer lock.Close()
	server, err := c.place.start(ctx, c.log)
	if err != nil {
		return err
	}
	c.server = server
	return nil
}

// Stop lets go of the cluster and shuts it down when nobody else works with it.
// A second Stop does nothing.
func (c *Cluster) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	lock, err := lockFile(ctx, filepath.Join(c.place.dir, startLock), alone)
	if err != nil {
		c.users.Close()
		return fmt.Errorf("wait for another start of the cluster: %w", err)
	}
	defer lock.Close()
	c.users.Close()
	last, err := tryLockFile(filepath.Join(c.place.dir, usersLock))
	if errors.Is(err, errBusy) {
		c.log.Debug("the private cluster stays up for another program")
		return nil
	}
	if err != nil {
		return err
	}
	defer last.Close()
	if err := c.server.stop(ctx); err != nil {
		return fmt.Errorf("stop the private cluster: %w", err)
	}
	c.log.Info("the private cluster is stopped")
	return nil
}

// Dirs are the folders of a data directory's cluster that fill a disk: its data and
// its write-ahead log, which an operator may have moved to a disk of its own.
func Dirs(dir string) []string {
	data := filepath.Join(dir, "postgres")
	return []string{data, filepath.Join(data, "pg_wal")}
}

// Running says whether the cluster of this data directory is up.
func Running(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	_, err = findPostmaster(filepath.Join(dir, "postgres"))
	return err == nil
}
