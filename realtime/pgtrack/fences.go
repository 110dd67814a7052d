package pgtrack

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/wkb"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Area is a fence as it is kept: for one patrol, its own grids; for all of some modes,
// an area that is closed; for all, what is around a place that asks for it.
type Area struct {
	FenceName
	Patrol dispatch.PatrolID
	Modes  []string
	Rings  [][]geo.Point
}

// FenceName is what a fence is known by.
type FenceName struct {
	Kind string // grid, closure, place
	Name string // the codes of the grids; the closure's id; the place's code
}

// The kinds of fences.
const (
	OwnGrid    = "grid"
	ClosedArea = "closure"
	AroundSpot = "place"
)

const selectClosedAreas = `SELECT id::text, modes, ST_AsBinary(ST_Multi(geom)) FROM road_closures
WHERE district_id = $1 AND lifted_at IS NULL AND during @> gp_now() AND GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON') ORDER BY id DESC LIMIT $2`

const selectFencedPlaces = `SELECT code, ST_X(geom), ST_Y(geom), fence_m FROM places WHERE district_id = $1 AND fence_m IS NOT NULL ORDER BY code LIMIT $2`

// MaxAreas bounds how many of each kind are watched.
const MaxAreas = 5000

// Areas are the fences that are watched now.
func (s *Store) Areas(ctx context.Context) ([]Area, error) {
	areas, err := s.readBeats(ctx)
	if err != nil {
		return nil, fmt.Errorf("read beats: %w", err)
	}
	rows, err := s.db.Query(ctx, selectClosedAreas, s.district.UUID, MaxAreas)
	if err != nil {
		return nil, fmt.Errorf("read closed areas: %w", err)
	}
	var shape []byte
	c := Area{FenceName: FenceName{Kind: ClosedArea}}
	_, err = pgx.ForEachRow(rows, []any{&c.Name, &c.Modes, &shape}, func() (err error) {
		c.Rings, err = ringsOf(shape)
		area := c
		area.Modes = append([]string(nil), c.Modes...)
		areas = append(areas, area)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read closed areas: %w", err)
	}
	if rows, err = s.db.Query(ctx, selectFencedPlaces, s.district.UUID, MaxAreas); err != nil {
		return nil, fmt.Errorf("read the fences of places: %w", err)
	}
	p := Area{FenceName: FenceName{Kind: AroundSpot}}
	var at geo.Point
	var radiusM float64
	_, err = pgx.ForEachRow(rows, []any{&p.Name, &at.Lon, &at.Lat, &radiusM}, func() error {
		p.Rings = [][]geo.Point{circle(at, radiusM)}
		areas = append(areas, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the fences of places: %w", err)
	}
	return areas, nil
}

// circle is a ring around a place, as 48 corners: within half a percent of the radius.
func circle(at geo.Point, radiusM float64) []geo.Point {
	local := geo.NewLocal(at)
	ring := make([]geo.Point, 48)
	for i := range ring {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(len(ring)))
		ring[i] = local.Point(radiusM*cos, radiusM*sin)
	}
	return ring
}

func ringsOf(shape []byte) (rings [][]geo.Point, err error) {
	t, err := wkb.Unmarshal(shape)
	if err != nil {
		return nil, err
	}
	multi, ok := t.(*geom.MultiPolygon)
	if !ok {
		return nil, fmt.Errorf("a fence is a %T", t)
	}
	for i := range multi.NumPolygons() {
		for k := range multi.Polygon(i).NumLinearRings() {
			coords := multi.Polygon(i).LinearRing(k).Coords()
			ring := make([]geo.Point, 0, len(coords))
			for _, c := range coords[:max(0, len(coords)-1)] { // the last is the first
				ring = append(ring, geo.Point{Lon: c[0], Lat: c[1]})
			}
			rings = append(rings, ring)
		}
	}
	return rings, nil
}

// Crossed is a patrol that has come into a fence or left it. A zero At is the database's
// present. Why is empty where its way took it there.
type Crossed struct {
	Patrol dispatch.PatrolID
	FenceName
	Inside bool
	At     time.Time
	Why    string

	simulated bool // as the register says when it is written down
}

// Why somebody has left a fence whose way did not lead out of it.
const (
	WhyOffDuty = "went off duty"
	WhyLost    = "its position was lost"
	WhyNoFence = "the fence is no more"
)

const (
	// comeIn and goOut change a side once, whoever sees it: what is older than the last
	// change changes nothing. The row of who has left stays for a while, so that a node
	// that hears of the entry late does not write it down again. Whether a program plays the
	// patrol is asked of the register: a node that has just begun has not seen it yet.
	comeIn = `INSERT INTO fence_sides AS f (district_id, patrol_id, kind, fence, inside, since) VALUES ($1, $2, $3, $4, true, coalesce($5, gp_now()))
ON CONFLICT (patrol_id, kind, fence) DO UPDATE SET inside = true, since = excluded.since WHERE NOT f.inside AND f.since < excluded.since
RETURNING f.since, ` + playedByProgram
	goOut = `UPDATE fence_sides f SET inside = false, since = greatest(since, coalesce($5, gp_now()))
WHERE district_id = $1 AND patrol_id = $2 AND kind = $3 AND fence = $4 AND inside AND (since < $5 OR $5 IS NULL)
RETURNING f.since, ` + playedByProgram
	selectInside = `SELECT patrol_id, kind, fence FROM fence_sides WHERE district_id = $1 AND inside`
	// dropSides forgets fences that are watched no more, and who left long ago.
	dropSides = `DELETE FROM fence_sides f WHERE district_id = $1 AND (
  (NOT inside AND since < gp_now() - interval '1 day')
  OR (kind = 'closure' AND NOT EXISTS (SELECT FROM road_closures c WHERE c.id::text = f.fence AND c.lifted_at IS NULL AND (upper_inf(c.during) OR upper(c.during) > gp_now())))
  OR (kind = 'place' AND NOT EXISTS (SELECT FROM places p WHERE p.district_id = f.district_id AND p.code = f.fence AND p.fence_m IS NOT NULL))
  OR (kind = 'grid' AND (patrol_id, fence) NOT IN (SELECT m.patrol_id, ` + nameBeat + ` ` + fromBeats + ` GROUP BY m.patrol_id)))
RETURNING patrol_id, kind, fence, inside, ` + playedByProgram
	playedByProgram = `(SELECT p.simulated FROM patrols p WHERE p.id = f.patrol_id)`
)

// Cross writes changes of sides down, each as one event whoever else has seen it, and
// answers those that were news. An event tells no place: only which fence, and when.
func (s *Store) Cross(ctx context.Context, all []Crossed) (news []Crossed, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		news = nil
		for _, c := range all {
			query := goOut
			if c.Inside {
				query = comeIn
			}
			var at *time.Time
			if !c.At.IsZero() {
				at = &c.At
			}
			err := tx.QueryRow(ctx, query, s.district.UUID, c.Patrol.UUID, c.Kind, c.Name, at).Scan(&c.At, &c.simulated)
			if errors.Is(err, pgx.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			news = append(news, c)
		}
		return s.record(ctx, tx, news)
	})
	if err != nil {
		return nil, fmt.Errorf("write down who crossed a fence: %w", err)
	}
	return news, nil
}

func (s *Store) record(ctx context.Context, tx pgx.Tx, all []Crossed) error {
	var entries []proof.Entry
	for _, c := range all {
		verb := "left_"
		if c.Inside {
			verb = "entered_"
		}
		detail := map[string]any{c.Kind: c.Name, "at": c.At.UTC().Format(time.RFC3339), "simulated": c.simulated}
		if c.Why != "" {
			detail["because"] = c.Why
		}
		entries = append(entries, proof.Entry{Kind: "patrol." + verb + c.Kind, District: s.district.UUID, Patrol: c.Patrol.UUID, Actor: proof.System, Detail: detail})
	}
	if err := s.keepCrossings(ctx, tx, all); err != nil {
		return err
	}
	return pgproof.Record(ctx, tx, entries...)
}

// Insides are the fences that each patrol is in, as it was written down.
func (s *Store) Insides(ctx context.Context) (map[dispatch.PatrolID][]FenceName, error) {
	rows, err := s.db.Query(ctx, selectInside, s.district.UUID)
	if err != nil {
		return nil, fmt.Errorf("read who is in a fence: %w", err)
	}
	out := map[dispatch.PatrolID][]FenceName{}
	var patrol dispatch.PatrolID
	var name FenceName
	_, err = pgx.ForEachRow(rows, []any{&patrol.UUID, &name.Kind, &name.Name}, func() error {
		out[patrol] = append(out[patrol], name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who is in a fence: %w", err)
	}
	return out, nil
}

// ForgetSides drops what is known of fences that are no more. Who was in one has left it.
func (s *Store) ForgetSides(ctx context.Context) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, dropSides, s.district.UUID)
		if err != nil {
			return err
		}
		var left []Crossed
		c := Crossed{At: now, Why: WhyNoFence}
		var inside bool
		_, err = pgx.ForEachRow(rows, []any{&c.Patrol.UUID, &c.Kind, &c.Name, &inside, &c.simulated}, func() error {
			if inside {
				left = append(left, c)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.record(ctx, tx, left)
	})
	if err != nil {
		return fmt.Errorf("forget fences that are no more: %w", err)
	}
	return nil
}
