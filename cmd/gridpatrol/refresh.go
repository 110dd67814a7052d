package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// refreshEvery is how soon a running service takes an import over, and a closed road.
const refreshEvery = 500 * time.Millisecond

// refresher keeps the map and the roads in memory as they are in the database.
type refresher struct {
	env   *Env
	store *pgstore.Store
	atlas *dispatch.Atlas
	works *pgroad.Works
	// promise is what past arrivals say; nil where nobody asks.
	promise *dispatch.Promise

	// What was read last; only run and now, which do not overlap, touch them.
	grids, network, bands int64
}

func newRefresher(env *Env, store *pgstore.Store, atlas *dispatch.Atlas, works *pgroad.Works) *refresher {
	return &refresher{env: env, store: store, atlas: atlas, works: works, grids: -1, network: -1, bands: -1}
}

// run looks for new revisions until ctx ends. A database that is away leaves
// what is in memory in force.
func (r *refresher) run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := r.now(ctx); err != nil && ctx.Err() == nil {
			r.env.Log.Error("take changed maps and roads over", "error", err)
		}
	}
}

const revisions = `SELECT max(revision) FILTER (WHERE topic = 'grids'), max(revision) FILTER (WHERE topic = 'roads'),
  coalesce((SELECT (extract(epoch FROM max(made_at)) * 1e6)::bigint FROM eta_bands), 0) FROM revisions`

// now reads what has changed since it was read last.
func (r *refresher) now(ctx context.Context) error {
	var grids, network, bands int64
	if err := r.env.DB.QueryRow(ctx, revisions).Scan(&grids, &network, &bands); err != nil {
		return fmt.Errorf("ask for revisions: %w", err)
	}
	if grids != r.grids {
		versions, revision, err := r.store.MapVersions(ctx)
		if err != nil {
			return err
		}
		r.atlas.Replace(versions)
		r.grids = revision
		r.env.Log.Info("grids in force", "versions", len(versions), "revision", revision)
	}
	if bands != r.bands && r.promise != nil {
		made, err := r.store.EtaBands(ctx)
		if err != nil {
			return err
		}
		r.promise.Replace(made)
		r.bands = bands
	}
	if network == r.network {
		changed, err := r.works.Look(ctx)
		if changed {
			r.env.Log.Info("closures and speeds taken over")
		}
		return err
	}
	version, err := r.works.Load(ctx)
	switch {
	case errors.Is(err, pgroad.ErrNone):
		r.env.Log.Warn("no roads are imported: distances are straight lines until they are")
	case errors.Is(err, road.ErrCorrupt), errors.Is(err, road.ErrVersion):
		// What serves now goes on; only a new import can mend it.
		r.env.Log.Error("the stored roads cannot be used; import them again", "error", err)
	case err != nil:
		return err
	default:
		r.env.Log.Info("roads in force", "version", version)
		// Reading and preparing took as much again as serving does.
		debug.FreeOSMemory()
	}
	r.network = network
	return nil
}
