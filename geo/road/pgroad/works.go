package pgroad

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
)

// Works keeps the roads that serve as the database has them: the network that was
// imported last, with the closures in force. It is safe for concurrent use.
type Works struct {
	db    *pgdb.DB
	roads *road.Switch

	mu      sync.Mutex // guards all below, and who may change what serves
	router  *road.Router
	version int64   // of the network
	force   inForce // what was imposed last

	speeds   []Speed // that stand, as of revision speedsAt
	speedsAt int64

	learned    []LearnedSpeed // of the run that ended at learnedRun
	learnedRun time.Time

	impose uint64 // counts what was imposed

	beside *shelf // networks of other profiles
	zone   *time.Location
}

// NewWorks makes Works that serve through a switch.
func NewWorks(db *pgdb.DB, roads *road.Switch) *Works {
	return &Works{db: db, roads: roads, impose: 1, beside: &shelf{now: time.Now}, zone: time.UTC, speedsAt: -1}
}

// Load takes the active network over, with the closures in force, while the roads
// before still serve. It answers the version.
func (w *Works) Load(ctx context.Context) (int64, error) {
	network, version, err := Load(ctx, w.db)
	if err != nil {
		return 0, err
	}
	router, err := road.Prepare(ctx, network)
	if err != nil {
		return 0, err
	}
	others, err := listBeside(ctx, w.db, version)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was, wasForce := w.router, w.force
	w.router, w.force = router, inForce{}
	if _, err := w.look(ctx); err != nil {
		w.router, w.force = was, wasForce
		return 0, err
	}
	w.version = version
	w.roads.Set(router, version)
	w.beside.replace(others)
	return version, nil
}

// Look takes over which closures and speeds are in force now and says whether that
// changed anything. Call it often: they begin and end by the database's clock.
func (w *Works) Look(ctx context.Context) (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beside.tidy()
	return w.look(ctx)
}

// Close writes a closure down and takes it over at once on this node; others follow
// when they look.
func (w *Works) Close(ctx context.Context, c NewClosure) (Closure, error) {
	made, err := AddClosure(ctx, w.db, c)
	if err != nil {
		return Closure{}, err
	}
	_, err = w.Look(ctx)
	return made, err
}

// Lift ends a closure and opens its roads at once on this node.
func (w *Works) Lift(ctx context.Context, id, by uuid.UUID, actor proof.Actor) error {
	if err := LiftClosure(ctx, w.db, id, by, actor); err != nil {
		return err
	}
	_, err := w.Look(ctx)
	return err
}

// Closures in force or to come, the newest first; ended ones too where asked for. Roads
// and what closes them are public within the district, so they are read in the
// program's own role, for nobody in particular (docs/decisions/0003).
func (w *Works) Closures(ctx context.Context, ended bool, before uuid.UUID, limit int) ([]Closure, error) {
	return listOf(ctx, w.db, ended, before, limit)
}

// Closure is one closure, ended or not; ErrNoClosure where there is none.
func (w *Works) Closure(ctx context.Context, id uuid.UUID) (Closure, error) {
	return oneOf(ctx, w.db, id)
}

const idsInForce = `SELECT coalesce(array_agg(id ORDER BY id), '{}'),
  coalesce((SELECT revision FROM road_speed_revisions WHERE district_id = $1), 0), gp_now()
FROM road_closures WHERE district_id = $1 AND lifted_at IS NULL AND during @> gp_now()`

// inForce is what differs from the roads as they were built. It is never changed.
type inForce struct {
	closures []Closure
	paces    []road.Pace
	// learned holds for the profiles of dispatch only: it is a share of their speeds.
	learned []road.Pace

	// By what a look sees that nothing changed: closures, speeds, what was learned.
	closed, paced []uuid.UUID
	learnedIn     learnedIn
}

// on is what is in force as conditions of a network, what was learned aside.
func (in inForce) on(n *road.Network) (road.Conditions, error) {
	c, err := ConditionsOf(n, in.closures)
	c.Paces = in.paces
	return c, err
}

// inForce answers what is in force on this node, and the number it was imposed as.
func (w *Works) inForce() (uint64, inForce) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.impose, w.force
}

func (w *Works) look(ctx context.Context) (changed bool, err error) {
	if w.router == nil {
		return false, nil
	}
	var ids []uuid.UUID
	var revision int64
	var now time.Time
	if err := w.db.QueryRow(ctx, idsInForce, pgdb.District).Scan(&ids, &revision, &now); err != nil {
		return false, fmt.Errorf("ask what is in force on the roads: %w", err)
	}
	paced, paces, err := w.lookAtSpeeds(ctx, revision, now)
	if err != nil {
		return false, err
	}
	now = now.In(w.zone)
	learned := learnedIn{run: w.learnedRun, bucket: road.BucketOf(now)}
	if len(w.learned) == 0 {
		learned = learnedIn{bucket: w.force.learnedIn.bucket} // the hour changes nothing
	}
	if slices.Equal(ids, w.force.closed) && slices.Equal(paced, w.force.paced) && learned == w.force.learnedIn {
		return false, nil
	}
	closures, err := ClosuresInForce(ctx, w.db)
	if err != nil {
		return false, err
	}
	force := inForce{closures: closures, paces: paces, learned: w.learnedNow(learned.bucket), paced: paced, learnedIn: learned}
	for _, c := range closures {
		force.closed = append(force.closed, c.ID)
	}
	conditions, err := force.on(w.router.Network())
	conditions.Paces = slices.Concat(conditions.Paces, force.learned)
	if err != nil {
		return false, err
	}
	w.impose++
	if err := w.router.Impose(ctx, conditions, w.impose); err != nil {
		return false, err
	}
	w.force = force
	return true, nil
}

// network is the one that serves, nil before any was loaded.
func (w *Works) network() *road.Network {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.router == nil {
		return nil
	}
	return w.router.Network()
}

// Effect is what a closure does to the roads in force.
type Effect struct {
	Roads road.Extent
	// CutOff is what could be reached and left before, by mode, and now cannot.
	CutOff map[road.Mode]road.Extent
}

// Effect answers what a closure does, or would do, beside the other closures in force.
// Before any roads are imported it does nothing.
func (w *Works) Effect(ctx context.Context, c Closure) (Effect, error) {
	e := Effect{Roads: road.Extent{Names: []string{}}, CutOff: map[road.Mode]road.Extent{}}
	n := w.network()
	if n == nil {
		return e, nil
	}
	segments, err := n.Covered(c.Shape)
	if err != nil {
		return e, err
	}
	e.Roads = n.Extent(segments)
	others, err := ClosuresInForce(ctx, w.db)
	if err != nil {
		return e, err
	}
	others = slices.DeleteFunc(others, func(o Closure) bool { return o.ID == c.ID })
	conditions, err := ConditionsOf(n, others)
	if err != nil {
		return e, err
	}
	for m := range road.Mode(road.Modes) {
		if !c.Modes.Has(m) {
			continue
		}
		lost := n.CutOff(m, conditions.Closed[m], append(slices.Clone(conditions.Closed[m]), segments...))
		if len(lost) > 0 {
			e.CutOff[m] = n.Extent(lost)
		}
	}
	return e, nil
}
