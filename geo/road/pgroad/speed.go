package pgroad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Speed is a rule about speeds as it was written down. MadeBy is nil where the command
// line brought it.
type Speed struct {
	ID uuid.UUID
	pace.Rule
	MadeBy  *uuid.UUID
	MadeAt  time.Time
	EndedAt *time.Time
}

// Errors about speeds.
var (
	ErrNoSpeed    = errors.New("no such speed, or it has ended")
	ErrManySpeeds = fmt.Errorf("more than %d speeds would stand; end some, or use classes", pace.MaxRules)
)

const speedColumns = `id, coalesce(way, 0), coalesce(class, ''), direction, modes, days, from_min, until_min,
  coalesce(kmh, 0), coalesce(factor, 0), note, made_by, made_at, ended_at`

const (
	bumpSpeeds = `INSERT INTO road_speed_revisions AS r (district_id, revision) VALUES ($1, 1)
ON CONFLICT (district_id) DO UPDATE SET revision = r.revision + 1`
	countSpeeds = `SELECT count(*) FROM road_speeds WHERE district_id = $1 AND ended_at IS NULL`
	addSpeed    = `INSERT INTO road_speeds (id, district_id, way, class, direction, modes, days, from_min, until_min, kmh, factor, note, made_by)
VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, $6, $7, $8, $9, nullif($10::double precision, 0), nullif($11::double precision, 0), $12, $13)
RETURNING ` + speedColumns
)

// AddSpeeds writes rules down, all or none. They are in force on every node as soon as
// that looks again.
func AddSpeeds(ctx context.Context, db *pgdb.DB, rules []pace.Rule, by *uuid.UUID, actor proof.Actor) ([]Speed, error) {
	var made []Speed
	err := db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, bumpSpeeds, pgdb.District); err != nil {
			return err
		}
		var standing int
		if err := tx.QueryRow(ctx, countSpeeds, pgdb.District).Scan(&standing); err != nil {
			return err
		}
		if standing+len(rules) > pace.MaxRules {
			return ErrManySpeeds
		}
		for some := range slices.Chunk(rules, 1000) {
			batch := &pgx.Batch{}
			for _, r := range some {
				id, err := uuid.NewV7()
				if err != nil {
					return err
				}
				var class *string
				if r.Way == 0 {
					word := r.Class.String()
					class = &word
				}
				batch.Queue(addSpeed, id, pgdb.District, r.Way, class, r.Direction, r.Modes.Strings(), int16(r.Days), r.FromMin, r.UntilMin,
					r.KMH, r.Factor, r.Note, by).QueryRow(func(row pgx.Row) error {
					s, err := scanSpeed(row)
					made = append(made, s)
					return err
				})
			}
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
		}
		for some := range slices.Chunk(made, 1000) { // an event is a page, not a book
			facts := make([]any, len(some))
			for i, s := range some {
				facts[i] = speedFacts(s)
			}
			if err := pgproof.Record(ctx, tx, proof.Entry{Kind: "speeds.set", At: some[0].MadeAt, Actor: actor, Detail: map[string]any{"speeds": facts}, After: map[string]any{"speeds": facts}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("set speeds: %w", err)
	}
	return made, nil
}

const endSpeed = `UPDATE road_speeds SET ended_by = $3, ended_at = gp_now() WHERE id = $1 AND district_id = $2 AND ended_at IS NULL
RETURNING ` + speedColumns

// EndSpeed ends a rule.
func EndSpeed(ctx context.Context, db *pgdb.DB, id, by uuid.UUID, actor proof.Actor) error {
	err := db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, bumpSpeeds, pgdb.District); err != nil {
			return err
		}
		s, err := scanSpeed(tx.QueryRow(ctx, endSpeed, id, pgdb.District, by))
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoSpeed
		}
		if err != nil {
			return err
		}
		after := speedFacts(s)
		after["ended_at"] = s.EndedAt.UTC()
		before := speedFacts(s)
		before["ended_at"] = nil
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "speed.ended", At: *s.EndedAt, Actor: actor, Detail: map[string]any{"speed": id}, Before: before, After: after})
	})
	if err != nil {
		return fmt.Errorf("end a speed: %w", err)
	}
	return nil
}

// speedFacts is a rule in an event.
func speedFacts(s Speed) map[string]any {
	f := map[string]any{"id": s.ID, "modes": s.Modes.Strings(), "direction": s.Direction, "days": s.Days.String(), "hours": s.Hours()}
	if s.Way != 0 {
		f["way"] = strconv.FormatInt(s.Way, 10) // beyond what JSON numbers are sure to hold
	} else {
		f["class"] = s.Class.String()
	}
	if s.KMH > 0 {
		f["kmh"] = s.KMH
	} else {
		f["factor"] = s.Factor
	}
	return f
}

const (
	standingSpeeds = `SELECT ` + speedColumns + ` FROM road_speeds WHERE district_id = $1 AND ended_at IS NULL ORDER BY id`
	listSpeeds     = `SELECT ` + speedColumns + ` FROM road_speeds
WHERE district_id = $1 AND id < $3 AND ($2 OR ended_at IS NULL) ORDER BY id DESC LIMIT $4`
)

func speedsOf(ctx context.Context, db *pgdb.DB, sql string, args ...any) ([]Speed, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read speeds: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Speed, error) { return scanSpeed(row) })
	if err != nil {
		return nil, fmt.Errorf("read speeds: %w", err)
	}
	return list, nil
}

func scanSpeed(row pgx.Row) (Speed, error) {
	var s Speed
	var class string
	var modes []string
	var days int16
	err := row.Scan(&s.ID, &s.Way, &class, &s.Direction, &modes, &days, &s.FromMin, &s.UntilMin, &s.KMH, &s.Factor, &s.Note,
		&s.MadeBy, &s.MadeAt, &s.EndedAt)
	if err != nil {
		return s, err
	}
	s.Days = pace.Days(days)
	if class != "" {
		var ok bool
		if s.Class, ok = road.ParseClass(class); !ok {
			return s, fmt.Errorf("speed %v is of the unknown class %q", s.ID, class)
		}
	}
	s.Modes, err = road.ParseModes(modes)
	return s, err
}

// NoWay says why a rule about a way concerns none of the roads, empty where it does.
// n is nil before any roads are imported.
func NoWay(n *road.Network, r pace.Rule) string {
	if r.Way == 0 {
		return ""
	}
	_, none := pacedBy(n, r)
	return none
}

// pacedBy are the segments a rule concerns, and why those of a way are none.
func pacedBy(n *road.Network, r pace.Rule) (segments []uint32, none string) {
	if n != nil {
		segments = n.Paced(r.Pace())
	}
	switch {
	case r.Way == 0 || len(segments) > 0:
		return segments, ""
	case n == nil:
		return nil, "no roads are imported yet; import them first, or use a class"
	case !n.Numbered():
		return nil, "these roads carry no numbers of ways; import them from OpenStreetMap again, or use a class"
	}
	return nil, fmt.Sprintf("way %d is not among the roads; look its number up in the extract that was imported", r.Way)
}

// SetSpeeds writes rules down and takes them over at once on this node; others follow
// when they look.
func (w *Works) SetSpeeds(ctx context.Context, rules []pace.Rule, by uuid.UUID, actor proof.Actor) ([]Speed, error) {
	made, err := AddSpeeds(ctx, w.db, rules, &by, actor)
	if err != nil {
		return nil, err
	}
	_, err = w.Look(ctx)
	return made, err
}

// EndSpeed ends a rule, at once on this node.
func (w *Works) EndSpeed(ctx context.Context, id, by uuid.UUID, actor proof.Actor) error {
	if err := EndSpeed(ctx, w.db, id, by, actor); err != nil {
		return err
	}
	_, err := w.Look(ctx)
	return err
}

// Speeds lists rules that stand, the newest first; ended ones too where asked for.
func (w *Works) Speeds(ctx context.Context, ended bool, before uuid.UUID, limit int) ([]Speed, error) {
	return speedsOf(ctx, w.db, listSpeeds, pgdb.District, ended, before, limit)
}

// SpeedRoads is how much road a rule concerns, and why it concerns none.
func (w *Works) SpeedRoads(r pace.Rule) (roads road.Extent, none string) {
	n := w.network()
	segments, none := pacedBy(n, r)
	if n == nil {
		return road.Extent{Names: []string{}}, none
	}
	return n.Extent(segments), none
}

// SpeedsInForce are the rules this node has in force.
func (w *Works) SpeedsInForce() map[uuid.UUID]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := make(map[uuid.UUID]bool, len(w.force.paced))
	for _, id := range w.force.paced {
		in[id] = true
	}
	return in
}

// InZone tells by whose clock hours and days count; UTC until told. Tell before
// anything is loaded.
func (w *Works) InZone(zone *time.Location) { w.zone = zone }

// lookAtSpeeds reads the rules again where they changed, and answers those in force
// now. Its caller holds the lock.
func (w *Works) lookAtSpeeds(ctx context.Context, revision int64, now time.Time) ([]uuid.UUID, []road.Pace, error) {
	if revision != w.speedsAt {
		rules, err := speedsOf(ctx, w.db, standingSpeeds, pgdb.District)
		if err != nil {
			return nil, nil, err
		}
		if err := w.lookAtLearned(ctx); err != nil {
			return nil, nil, err
		}
		w.speeds, w.speedsAt = rules, revision
	}
	now = now.In(w.zone)
	ids, paces := []uuid.UUID{}, []road.Pace(nil)
	for _, s := range w.speeds {
		if s.InForce(now) {
			ids, paces = append(ids, s.ID), append(paces, s.Pace())
		}
	}
	return ids, paces, nil
}
