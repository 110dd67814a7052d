package pgtrack

import (
	"context"
	"errors"
	"fmt"
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
// an area that is closed.
type Area struct {
	Kind   string // grid, closure
	Name   string // the codes of the grids; the closure's id
	Patrol dispatch.PatrolID
	Modes  []string
	Rings  [][]geo.Point
}

// The kinds of Area.
const (
	OwnGrid    = "grid"
	ClosedArea = "closure"
)

// A patrol's beat is every grid that one of its members works in, as one area.
const selectBeats = `SELECT m.patrol_id, string_agg(DISTINCT g.code, ',' ORDER BY g.code), ST_AsBinary(ST_Multi(ST_Union(g.geom)))
FROM patrol_members m
JOIN grid_staff s ON s.staff_id = m.staff_id AND s.part IN ('worker', 'part_timer') AND s.valid @> gp_now()
JOIN grid_versions v ON v.district_id = $1 AND v.state = 'active' AND v.valid @> gp_now()
JOIN grids g ON g.version_id = v.id AND g.code = s.grid_code
WHERE s.district_id = $1 AND m.valid @> gp_now() GROUP BY m.patrol_id LIMIT $2`

const selectClosedAreas = `SELECT id::text, modes, ST_AsBinary(ST_Multi(geom)) FROM road_closures
WHERE district_id = $1 AND lifted_at IS NULL AND during @> gp_now() AND GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON') ORDER BY id DESC LIMIT $2`

// MaxAreas bounds how many of each kind are watched.
const MaxAreas = 5000

// Areas are the fences that are watched now.
func (s *Store) Areas(ctx context.Context) ([]Area, error) {
	var areas []Area
	rows, err := s.db.Query(ctx, selectBeats, s.district.UUID, MaxAreas)
	if err != nil {
		return nil, fmt.Errorf("read beats: %w", err)
	}
	a := Area{Kind: OwnGrid}
	var shape []byte
	_, err = pgx.ForEachRow(rows, []any{&a.Patrol.UUID, &a.Name, &shape}, func() (err error) {
		a.Rings, err = ringsOf(shape)
		areas = append(areas, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read beats: %w", err)
	}
	if rows, err = s.db.Query(ctx, selectClosedAreas, s.district.UUID, MaxAreas); err != nil {
		return nil, fmt.Errorf("read closed areas: %w", err)
	}
	c := Area{Kind: ClosedArea}
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
	return areas, nil
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

// Crossed is a patrol on another side of a fence than before. First says that it has
// not been seen on any: that is written down, and is no event.
type Crossed struct {
	Patrol    dispatch.PatrolID
	Kind      string
	Name      string
	Inside    bool
	At        time.Time
	First     bool
	Simulated bool
}

const turnSide = `INSERT INTO fence_sides AS f (district_id, patrol_id, kind, fence, inside, since) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (patrol_id, kind, fence) DO UPDATE SET inside = excluded.inside, since = excluded.since
  WHERE f.inside <> excluded.inside AND f.since < excluded.since
RETURNING inside`

// dropSides forgets fences that are watched no more.
const dropSides = `DELETE FROM fence_sides f WHERE district_id = $1 AND kind = 'closure'
  AND NOT EXISTS (SELECT FROM road_closures c WHERE c.id::text = f.fence AND c.lifted_at IS NULL AND (upper_inf(c.during) OR upper(c.during) > gp_now()))`

// Cross writes changes of sides down, each as one event whoever else has seen it, and
// answers those that were news. An event tells no place: only which fence, and when.
func (s *Store) Cross(ctx context.Context, all []Crossed) (news []Crossed, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		news = nil
		var entries []proof.Entry
		for _, c := range all {
			var inside bool
			err := tx.QueryRow(ctx, turnSide, s.district.UUID, c.Patrol.UUID, c.Kind, c.Name, c.Inside, c.At).Scan(&inside)
			if errors.Is(err, pgx.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if c.First {
				continue
			}
			verb := "left_"
			if c.Inside {
				verb = "entered_"
			}
			entries = append(entries, proof.Entry{
				Kind: "patrol." + verb + c.Kind, District: s.district.UUID, Patrol: c.Patrol.UUID, Actor: proof.System,
				Detail: map[string]any{c.Kind: c.Name, "at": c.At.UTC().Format(time.RFC3339), "simulated": c.Simulated},
			})
			news = append(news, c)
		}
		return pgproof.Record(ctx, tx, entries...)
	})
	if err != nil {
		return nil, fmt.Errorf("write down who crossed a fence: %w", err)
	}
	return news, nil
}

// ForgetSides drops what is known of closures that are over.
func (s *Store) ForgetSides(ctx context.Context) error {
	_, err := s.db.Exec(ctx, dropSides, s.district.UUID)
	return err
}
