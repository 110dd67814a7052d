package pgtiles

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// outlines are the towns of one revision of the map: lists in step.
type outlines struct {
	codes, names []string
	shapes       [][]byte // EWKB
}

// townOutlines keeps the newest outlines, a megabyte for a district. Their union
// takes a second, so whoever asks meanwhile waits for it instead of making another.
type townOutlines struct {
	turn     sync.Mutex // held while they are made; guards all below
	revision string
	kept     outlines
}

// A grid belongs to the town that is its area or above it. Special grids lie over
// general ones and add nothing. They are made once for everybody, in the program's own
// role; which towns a viewer is shown is the matter of the layer.
const townUnion = `
WITH RECURSIVE up(start, code, level, parent_code) AS (
    SELECT code, code, level, parent_code FROM areas WHERE district_id = $1
    UNION ALL
    SELECT up.start, a.code, a.level, a.parent_code FROM areas a JOIN up ON a.code = up.parent_code AND up.level <> 'town'
    WHERE a.district_id = $1
)
SELECT t.code, t.name, ST_AsEWKB(ST_Union(g.geom))
FROM grids g JOIN grid_versions v ON v.id = g.version_id
JOIN up ON up.start = g.area_code AND up.level = 'town'
JOIN areas t ON t.district_id = $1 AND t.code = up.code
WHERE g.district_id = $1 AND v.valid @> gp_now() AND g.kind = 'general'
GROUP BY t.code, t.name ORDER BY t.code`

func (o *townOutlines) at(ctx context.Context, db *pgdb.DB, revision string) (outlines, error) {
	o.turn.Lock()
	defer o.turn.Unlock()
	if o.revision == revision {
		return o.kept, nil
	}
	rows, err := db.Query(ctx, townUnion, pgdb.District)
	if err != nil {
		return outlines{}, fmt.Errorf("join the grids of towns: %w", err)
	}
	made := outlines{codes: []string{}, names: []string{}, shapes: [][]byte{}}
	var code, name string
	var shape []byte
	_, err = pgx.ForEachRow(rows, []any{&code, &name, &shape}, func() error {
		made.codes, made.names = append(made.codes, code), append(made.names, name)
		made.shapes = append(made.shapes, append([]byte(nil), shape...))
		return nil
	})
	if err != nil {
		return outlines{}, fmt.Errorf("join the grids of towns: %w", err)
	}
	o.revision, o.kept = revision, made
	return made, nil
}
