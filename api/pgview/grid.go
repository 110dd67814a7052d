package pgview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
)

// columns of a grid as the pages show it.
const columns = `g.id, g.code, g.name, g.kind, g.area_code, g.categories, g.area_m2,
  ARRAY[ST_XMin(g.geom), ST_YMin(g.geom), ST_XMax(g.geom), ST_YMax(g.geom)]`

func scanned(g *api.Grid) []any {
	return []any{&g.Id, &g.Code, &g.Name, &g.Kind, &g.AreaCode, &g.Categories, &g.AreaM2, &g.Bbox}
}

// The area filter takes a viewer's area and everything below it.
const grids = `WITH RECURSIVE below AS (
    SELECT code FROM areas WHERE district_id = $1 AND code = $3
    UNION
    SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = $1
  )
SELECT ` + columns + `
FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
WHERE g.district_id = $1 AND v.valid @> coalesce($2::timestamptz, gp_now()) AND g.code > $4
  AND ($3 = '' OR g.area_code IN (SELECT code FROM below))
ORDER BY g.code LIMIT $5`

// Grids of the map in force at a time, by code. The cursor is after the last code.
func (s *Store) Grids(ctx context.Context, v dispatch.Viewer, at *time.Time, ask dispatch.PageAsk) (api.GridList, error) {
	after, err := ask.After()
	if err != nil {
		return api.GridList{}, err
	}
	items, err := readAs(ctx, s, v, func(row pgx.CollectableRow) (g api.Grid, err error) {
		return g, row.Scan(scanned(&g)...)
	}, grids, v.District, at, v.AreaCode, after, ask.Limit+1)
	if err != nil {
		return api.GridList{}, fmt.Errorf("list grids: %w", err)
	}
	page := api.GridList{Items: items}
	if len(items) > ask.Limit {
		page.Items = items[:ask.Limit]
		next := dispatch.CursorAfter(items[ask.Limit-1].Code)
		page.NextCursor = &next
	}
	if page.Items == nil {
		page.Items = []api.Grid{}
	}
	return page, nil
}

const oneGrid = `SELECT ` + columns + `, ST_AsGeoJSON(g.geom, 7), lower(v.valid), upper(v.valid),
  v.valid @> coalesce($3::timestamptz, gp_now()), gp_area_path(g.district_id, g.area_code),
  ARRAY(SELECT DISTINCT m.patrol_id FROM grid_staff s JOIN patrol_members m ON m.staff_id = s.staff_id
        WHERE s.district_id = g.district_id AND s.grid_code = g.code
          AND s.valid @> coalesce($3::timestamptz, gp_now()) AND m.valid @> coalesce($3, gp_now()))
FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
WHERE g.district_id = $1 AND v.state = 'active' AND (g.id = $2 OR (v.valid @> $3
  AND g.code = (SELECT o.code FROM grids_seen o JOIN grid_versions w ON w.id = o.version_id WHERE o.id = $2 AND o.district_id = $1 AND w.state = 'active')))
ORDER BY v.valid @> coalesce($3, gp_now()) DESC, g.id = $2 DESC LIMIT 1`

const people = `SELECT s.part, p.id, p.code, p.name,
  nullif(lower(s.valid), '-infinity'), nullif(upper(s.valid), 'infinity'), f.id, f.name
FROM grid_staff s JOIN staff p ON p.id = s.staff_id LEFT JOIN staff f ON f.id = s.for_staff_id
WHERE s.district_id = $1 AND s.grid_code = $2 AND s.valid @> coalesce($3::timestamptz, gp_now())
ORDER BY array_position(ARRAY['worker', 'substitute', 'part_timer', 'chief', 'instructor'], s.part), p.code`

// Grid is one grid with its outline and the people who answered for it at a time.
// Where another drawing of the same code was in force then, it is that one.
// Whom a viewer may not see is left out.
func (s *Store) Grid(ctx context.Context, v dispatch.Viewer, id dispatch.GridID, at *time.Time) (out api.GridDetail, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		out, err = readGrid(ctx, tx, v, id, at)
		return err
	})
	if err != nil || !dispatch.May(v, dispatch.ActSeePhones) {
		return out, err
	}
	return out, s.addPhones(ctx, v, out.People)
}

// addPhones reads the telephones of people whom the viewer was shown.
func (s *Store) addPhones(ctx context.Context, v dispatch.Viewer, people []api.GridPerson) error {
	ids := make([]uuid.UUID, len(people))
	for i, p := range people {
		ids[i] = p.StaffId
	}
	type phone struct {
		ID    uuid.UUID
		Phone string
	}
	found, err := readAs(ctx, s, v, pgx.RowToStructByPos[phone],
		`SELECT id, phone FROM phones_seen WHERE district_id = $1 AND id = ANY ($2) AND phone IS NOT NULL`, v.District, ids)
	if err != nil {
		return fmt.Errorf("read telephones: %w", err)
	}
	for _, f := range found {
		for i := range people {
			if people[i].StaffId == f.ID {
				people[i].Phone = &f.Phone
			}
		}
	}
	return nil
}

func readGrid(ctx context.Context, tx pgx.Tx, v dispatch.Viewer, id dispatch.GridID, at *time.Time) (api.GridDetail, error) {
	var g api.Grid
	var out api.GridDetail
	var outline []byte
	var above []string
	var patrols []uuid.UUID
	err := tx.QueryRow(ctx, oneGrid, v.District, id, at).
		Scan(append(scanned(&g), &outline, &out.ValidFrom, &out.ValidTo, &out.InForce, &above, &patrols)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return api.GridDetail{}, notFound(err)
	}
	if err != nil {
		return api.GridDetail{}, fmt.Errorf("read grid: %w", err)
	}
	thing := dispatch.Thing{District: v.District, Areas: above, Departments: []string{"grid"}}
	if v.Department != "" {
		thing.Departments = append(thing.Departments, v.Department) // a grid is every department's business
	}
	for _, p := range patrols {
		thing.Patrols = append(thing.Patrols, dispatch.PatrolID{UUID: p})
	}
	if !dispatch.VisibleOnMap(v, thing) {
		return api.GridDetail{}, notFound(nil)
	}
	if err := json.Unmarshal(outline, &out.Geometry); err != nil {
		return api.GridDetail{}, fmt.Errorf("read outline of grid %s: %w", g.Code, err)
	}
	out.Id, out.Code, out.Name, out.Kind, out.AreaCode = g.Id, g.Code, g.Name, g.Kind, g.AreaCode
	out.Categories, out.AreaM2, out.Bbox = g.Categories, g.AreaM2, g.Bbox
	out.People = []api.GridPerson{}
	if !dispatch.Visible(v, thing) {
		return out, nil
	}
	rows, err := tx.Query(ctx, people, v.District, g.Code, at)
	if err != nil {
		return api.GridDetail{}, fmt.Errorf("read people of grid %s: %w", g.Code, err)
	}
	out.People, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p api.GridPerson, err error) {
		var other *uuid.UUID
		var name *string
		err = row.Scan(&p.Part, &p.StaffId, &p.Code, &p.Name, &p.Since, &p.Until, &other, &name)
		if other != nil && name != nil {
			p.StandsInFor = &struct {
				Name    string    `json:"name"`
				StaffId uuid.UUID `json:"staff_id"`
			}{*name, *other}
		}
		return p, err
	})
	if err != nil {
		return api.GridDetail{}, fmt.Errorf("read people of grid %s: %w", g.Code, err)
	}
	if out.People == nil {
		out.People = []api.GridPerson{}
	}
	return out, nil
}

func notFound(err error) *dispatch.Fault {
	return &dispatch.Fault{Kind: dispatch.NotFound, Code: "not-found",
		Detail: "There is nothing here, or it is outside what you may see.", Err: err}
}
