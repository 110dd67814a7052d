package pgroad

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"
	wkb "github.com/twpayne/go-geom/encoding/ewkb"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Closure is a drawing that closes roads for a while. Until is nil where nobody knows
// yet.
type Closure struct {
	ID       uuid.UUID
	Shape    geom.T // SRID 4326
	Modes    road.ModeSet
	From     time.Time
	Until    *time.Time
	Reason   string
	MadeBy   uuid.UUID // the account
	MadeAt   time.Time
	LiftedAt *time.Time
	// InForce says whether it closes roads at the moment it was read.
	InForce bool
}

// NewClosure is what a closure is made of. From is the present when zero.
type NewClosure struct {
	Shape  geom.T
	Modes  road.ModeSet
	From   time.Time
	Until  *time.Time
	Reason string
	MadeBy uuid.UUID
	Actor  proof.Actor // as the event names them
}

const closureColumns = `id, ST_AsEWKB(geom) AS shape, modes, lower(during) AS "from",
  CASE WHEN upper_inf(during) THEN NULL ELSE upper(during) END AS until, reason, made_by, made_at, lifted_at,
  lifted_at IS NULL AND during @> gp_now() AS in_force`

const addClosure = `INSERT INTO road_closures (id, district_id, geom, modes, during, reason, made_by)
VALUES ($1, $2, ST_GeomFromEWKB($3), $4, tstzrange(coalesce($5, gp_now()), $6), $7, $8)
RETURNING ` + closureColumns

// AddClosure writes a closure down. It is in force on every node as soon as that looks
// again.
func AddClosure(ctx context.Context, db *pgdb.DB, c NewClosure) (Closure, error) {
	shape, err := wkb.Marshal(c.Shape, wkb.NDR)
	if err != nil {
		return Closure{}, fmt.Errorf("encode the closure: %w", err)
	}
	var from *time.Time
	if !c.From.IsZero() {
		from = &c.From
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Closure{}, fmt.Errorf("name the closure: %w", err)
	}
	var made Closure
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, addClosure, id, pgdb.District, shape, c.Modes.Strings(), from, c.Until, c.Reason, c.MadeBy)
		if err != nil {
			return err
		}
		if made, err = pgx.CollectExactlyOneRow(rows, scanClosure); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "closure.made", At: made.MadeAt, Actor: c.Actor, Why: c.Reason, Detail: map[string]any{"closure": id},
			After: closureFacts(made)})
	})
	if err != nil {
		return Closure{}, fmt.Errorf("close roads: %w", err)
	}
	return made, nil
}

// listOf answers closures in force or to come, the newest first; ended ones too where
// asked for, at most limit before the identifier.
func listOf(ctx context.Context, db *pgdb.DB, ended bool, before uuid.UUID, limit int) ([]Closure, error) {
	rows, err := db.Query(ctx, listClosures, pgdb.District, ended, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list closures: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanClosure)
	if err != nil {
		return nil, fmt.Errorf("list closures: %w", err)
	}
	return list, nil
}

const listClosures = `SELECT ` + closureColumns + ` FROM road_closures
WHERE district_id = $1 AND id < $3 AND ($2 OR lifted_at IS NULL AND (upper_inf(during) OR upper(during) > gp_now()))
ORDER BY id DESC LIMIT $4`

const selectClosure = `SELECT ` + closureColumns + ` FROM road_closures WHERE district_id = $1 AND id = $2`

func oneOf(ctx context.Context, db *pgdb.DB, id uuid.UUID) (Closure, error) {
	rows, err := db.Query(ctx, selectClosure, pgdb.District, id)
	if err != nil {
		return Closure{}, fmt.Errorf("read a closure: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanClosure)
	if errors.Is(err, pgx.ErrNoRows) {
		return Closure{}, ErrNoClosure
	}
	if err != nil {
		return Closure{}, fmt.Errorf("read a closure: %w", err)
	}
	return c, nil
}

const closuresInForce = `SELECT ` + closureColumns + ` FROM road_closures
WHERE district_id = $1 AND lifted_at IS NULL AND during @> gp_now() ORDER BY id`

// ClosuresInForce are those that close roads now.
func ClosuresInForce(ctx context.Context, db *pgdb.DB) ([]Closure, error) {
	rows, err := db.Query(ctx, closuresInForce, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read closures: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanClosure)
	if err != nil {
		return nil, fmt.Errorf("read closures: %w", err)
	}
	return list, nil
}

const liftClosure = `UPDATE road_closures SET lifted_by = $3, lifted_at = gp_now()
WHERE id = $1 AND district_id = $2 AND lifted_at IS NULL AND (upper_inf(during) OR upper(during) > gp_now())`

// ErrNoClosure says that there is no such closure, or that it has ended already.
var ErrNoClosure = errors.New("no such closure, or it has ended")

// LiftClosure ends a closure.
func LiftClosure(ctx context.Context, db *pgdb.DB, id, by uuid.UUID, actor proof.Actor) error {
	return db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, liftClosure+` RETURNING `+closureColumns, id, pgdb.District, by)
		if err != nil {
			return fmt.Errorf("lift a closure: %w", err)
		}
		lifted, err := pgx.CollectExactlyOneRow(rows, scanClosure)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoClosure
		}
		if err != nil {
			return fmt.Errorf("lift a closure: %w", err)
		}
		after := closureFacts(lifted)
		before := maps.Clone(after)
		before["lifted_at"] = nil
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "closure.lifted", Actor: actor, Detail: map[string]any{"closure": id}, Before: before, After: after})
	})
}

// closureFacts is a closure in an event; its drawing is in the register.
func closureFacts(c Closure) map[string]any {
	f := map[string]any{"modes": c.Modes.Strings(), "from": c.From.UTC(), "until": nil, "lifted_at": nil}
	if c.Until != nil {
		f["until"] = c.Until.UTC()
	}
	if c.LiftedAt != nil {
		f["lifted_at"] = c.LiftedAt.UTC()
	}
	return f
}

func scanClosure(row pgx.CollectableRow) (Closure, error) {
	var c Closure
	var shape []byte
	var modes []string
	err := row.Scan(&c.ID, &shape, &modes, &c.From, &c.Until, &c.Reason, &c.MadeBy, &c.MadeAt, &c.LiftedAt, &c.InForce)
	if err != nil {
		return c, err
	}
	if c.Shape, err = wkb.Unmarshal(shape); err != nil {
		return c, fmt.Errorf("read the drawing of closure %v: %w", c.ID, err)
	}
	c.Modes, err = road.ParseModes(modes)
	return c, err
}

// ConditionsOf are what closures make of a network. A drawing that closes nothing on
// these roads is no fault: they may have been imported since.
func ConditionsOf(n *road.Network, closures []Closure) (road.Conditions, error) {
	var c road.Conditions
	for _, closure := range closures {
		segments, err := n.Covered(closure.Shape)
		if err != nil {
			return c, fmt.Errorf("closure %v: %w", closure.ID, err)
		}
		for m := range road.Mode(road.Modes) {
			if closure.Modes.Has(m) {
				c.Closed[m] = append(c.Closed[m], segments...)
			}
		}
	}
	return c, nil
}
