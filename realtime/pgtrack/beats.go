package pgtrack

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// A patrol's beat is every grid that one of its members works in, as one area.
const (
	nameBeat  = `string_agg(DISTINCT g.code, ',' ORDER BY g.code)`
	fromBeats = `FROM patrol_members m
JOIN grid_staff s ON s.staff_id = m.staff_id AND s.part IN ('worker', 'part_timer') AND s.valid @> gp_now()
JOIN grid_versions v ON v.district_id = $1 AND v.state = 'active' AND v.valid @> gp_now()
JOIN grids g ON g.version_id = v.id AND g.code = s.grid_code
WHERE s.district_id = $1 AND m.valid @> gp_now()`
	// A name of more than there is room for is of no beat that one patrol walks; its
	// crossings could not be written down, nor those of others beside them.
	nameBeats = `SELECT m.patrol_id, ` + nameBeat + `, v.id ` + fromBeats + ` GROUP BY m.patrol_id, v.id HAVING length(` + nameBeat + `) <= 500 LIMIT $2`
	drawBeats = `SELECT m.patrol_id, ` + nameBeat + `, v.id, ST_AsBinary(ST_Multi(ST_Union(g.geom))) ` + fromBeats + `
  AND m.patrol_id = ANY ($2) GROUP BY m.patrol_id, v.id`
)

// beat is the area of a patrol's own grids, by one version of the map.
type beat struct {
	Area
	version uuid.UUID
}

// readBeats answers the beats of now. The grids of a version of the map never change, so
// only those beats are drawn that were not there before: drawing is nearly all the work.
func (s *Store) readBeats(ctx context.Context) ([]Area, error) {
	s.beatsMu.Lock()
	defer s.beatsMu.Unlock()
	now, missing := map[dispatch.PatrolID]beat{}, []uuid.UUID{}
	rows, err := s.db.Query(ctx, nameBeats, s.district.UUID, MaxAreas)
	if err != nil {
		return nil, err
	}
	b := beat{Area: Area{FenceName: FenceName{Kind: OwnGrid}}}
	_, err = pgx.ForEachRow(rows, []any{&b.Patrol.UUID, &b.Name, &b.version}, func() error {
		if had := s.beats[b.Patrol]; had.Name == b.Name && had.version == b.version {
			now[b.Patrol] = had
		} else {
			missing = append(missing, b.Patrol.UUID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		if rows, err = s.db.Query(ctx, drawBeats, s.district.UUID, missing); err != nil {
			return nil, err
		}
		var shape []byte
		_, err = pgx.ForEachRow(rows, []any{&b.Patrol.UUID, &b.Name, &b.version, &shape}, func() (err error) {
			b.Rings, err = ringsOf(shape)
			now[b.Patrol] = b
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	s.beats = now
	areas := make([]Area, 0, len(now))
	for _, b := range now {
		areas = append(areas, b.Area)
	}
	return areas, nil
}
