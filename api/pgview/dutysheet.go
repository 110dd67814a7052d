package pgview

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
)

// A viewer's area and everything below it, and every area with the town it lies in.
const sheetAreas = `WITH RECURSIVE below AS (
    SELECT code FROM areas WHERE district_id = $1 AND code = $2
    UNION
    SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = $1
  ), up AS (
    SELECT code AS start, code, level, parent_code FROM areas WHERE district_id = $1
    UNION ALL
    SELECT up.start, a.code, a.level, a.parent_code FROM areas a JOIN up ON a.code = up.parent_code AND up.level <> 'town'
    WHERE a.district_id = $1
  ), town AS (SELECT start, code FROM up WHERE level = 'town') `

const sheetHead = `SELECT gp_now(), coalesce((SELECT name FROM areas WHERE district_id = $1 AND code = $2), (SELECT name_zh FROM districts WHERE id = $1))`

const sheetTowns = sheetAreas + `
SELECT a.code, a.name, coalesce(a.phone, '') AS phone, s.id AS staff_id, coalesce(s.name, '') AS person, coalesce(n.phone, '') AS person_phone
FROM areas a LEFT JOIN staff s ON s.district_id = $1 AND s.role = 'town_leader' AND s.area_code = a.code LEFT JOIN phones_seen n ON n.id = s.id
WHERE a.district_id = $1 AND a.level = 'town'
  AND ($2 = '' OR a.code IN (SELECT code FROM below) OR a.code IN (SELECT code FROM town WHERE start = $2))
ORDER BY a.code, s.code`

type sheetTownRow struct {
	Code        string     `db:"code"`
	Name        string     `db:"name"`
	Phone       string     `db:"phone"`
	StaffID     *uuid.UUID `db:"staff_id"`
	Person      string     `db:"person"`
	PersonPhone string     `db:"person_phone"`
}

// A row for each person of a grid; whoever is in a patrol that is on duty is too,
// whatever patrol that is.
const sheetGrids = sheetAreas + `
SELECT g.code, g.name, g.kind = 'special' AS special, coalesce(t.code, '') AS town,
  p.id AS staff_id, coalesce(p.name, '') AS person, coalesce(n.phone, '') AS phone, coalesce(s.part, '') AS part,
  coalesce(n.on_duty, false) AS on_duty
FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
LEFT JOIN town t ON t.start = g.area_code
LEFT JOIN grid_staff s ON s.district_id = $1 AND s.grid_code = g.code AND s.valid @> (SELECT gp_now()) AND $3
LEFT JOIN staff p ON p.id = s.staff_id LEFT JOIN phones_seen n ON n.id = p.id
WHERE g.district_id = $1 AND v.valid @> (SELECT gp_now()) AND ($2 = '' OR g.area_code IN (SELECT code FROM below))
ORDER BY t.code NULLS LAST, g.kind, g.code, p.code`

type sheetGridRow struct {
	Code    string     `db:"code"`
	Name    string     `db:"name"`
	Special bool       `db:"special"`
	Town    string     `db:"town"`
	StaffID *uuid.UUID `db:"staff_id"`
	Person  string     `db:"person"`
	Phone   string     `db:"phone"`
	Part    string     `db:"part"`
	OnDuty  bool       `db:"on_duty"`
}

// Grid workers stand with their grids.
const sheetPatrols = sheetAreas + `
SELECT q.id, q.code, q.name, q.department, q.mode, q.status, p.id AS staff_id, coalesce(p.name, '') AS person, coalesce(n.phone, '') AS phone
FROM patrols q
LEFT JOIN patrol_members m ON m.patrol_id = q.id AND m.valid @> (SELECT gp_now())
LEFT JOIN staff p ON p.id = m.staff_id LEFT JOIN phones_seen n ON n.id = p.id
WHERE q.district_id = $1 AND q.status <> 'off_duty' AND q.department <> 'grid' AND ($3 = '' OR q.department = $3)
  AND ($2 = '' OR q.area_code IN (SELECT code FROM below))
ORDER BY q.department, q.code, p.code`

type sheetPatrolRow struct {
	ID         uuid.UUID  `db:"id"`
	Code       string     `db:"code"`
	Name       string     `db:"name"`
	Department string     `db:"department"`
	Mode       string     `db:"mode"`
	Status     string     `db:"status"`
	StaffID    *uuid.UUID `db:"staff_id"`
	Person     string     `db:"person"`
	Phone      string     `db:"phone"`
}

// DutySheet reads who is on duty within the viewer's area and department, in one
// batch. A viewer of one department sees its people only; grid workers are the
// department grid.
func (s *Store) DutySheet(ctx context.Context, v dispatch.Viewer) (api.DutySheet, error) {
	d := api.DutySheet{Area: v.AreaCode}
	var towns []sheetTownRow
	var grids []sheetGridRow
	var patrols []sheetPatrolRow
	gridPeople := v.Department == "" || v.Department == "grid"
	batch := &pgx.Batch{}
	batch.Queue(sheetHead, v.District, v.AreaCode).QueryRow(func(row pgx.Row) error { return row.Scan(&d.At, &d.AreaName) })
	batch.Queue(sheetTowns, v.District, v.AreaCode).Query(collect(&towns))
	batch.Queue(sheetGrids, v.District, v.AreaCode, gridPeople).Query(collect(&grids))
	batch.Queue(sheetPatrols, v.District, v.AreaCode, v.Department).Query(collect(&patrols))
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	if err != nil {
		return d, fmt.Errorf("read the duty sheet: %w", err)
	}
	for _, r := range towns {
		if n := len(d.Towns); n == 0 || d.Towns[n-1].Code != r.Code {
			d.Towns = append(d.Towns, api.DutyTown{Code: r.Code, Name: r.Name, Phone: r.Phone})
		}
		if last := &d.Towns[len(d.Towns)-1]; r.StaffID != nil {
			last.Leaders = append(last.Leaders, api.DutyPerson{ID: *r.StaffID, Name: r.Person, Phone: r.PersonPhone})
		}
	}
	placeGrids(&d, grids)
	for _, r := range patrols {
		if n := len(d.Patrols); n == 0 || d.Patrols[n-1].Code != r.Code {
			d.Patrols = append(d.Patrols, api.DutyPatrol{ID: r.ID, Code: r.Code, Name: r.Name, Department: r.Department,
				Mode: dispatch.Mode(r.Mode), Status: dispatch.Status(r.Status)})
		}
		if last := &d.Patrols[len(d.Patrols)-1]; r.StaffID != nil {
			last.Members = append(last.Members, api.DutyPerson{ID: *r.StaffID, Name: r.Person, Phone: r.Phone, OnDuty: true})
		}
	}
	return d, nil
}

// placeGrids puts every grid under its town with the one person to call.
func placeGrids(d *api.DutySheet, rows []sheetGridRow) {
	at := map[string]int{}
	for i, t := range d.Towns {
		at[t.Code] = i
	}
	for i := 0; i < len(rows); {
		r := rows[i]
		grid := api.DutyGrid{Code: r.Code, Name: r.Name, Special: r.Special}
		for ; i < len(rows) && rows[i].Code == r.Code; i++ {
			p := rows[i]
			if p.StaffID == nil {
				continue
			}
			person := api.DutyPerson{ID: *p.StaffID, Name: p.Person, Phone: p.Phone, Part: p.Part, OnDuty: p.OnDuty}
			if grid.Person == nil || calledBefore(person, *grid.Person) {
				grid.Person = &person
			}
		}
		town, there := at[r.Town]
		if !there {
			town = len(d.Towns)
			at[r.Town] = town
			d.Towns = append(d.Towns, api.DutyTown{})
		}
		d.Towns[town].Grids = append(d.Towns[town].Grids, grid)
	}
}

// calledBefore says whether a is rather called for a grid than b: who is on duty
// first, the worker before the substitute before the part-timer; where nobody is, the
// chief.
func calledBefore(a, b api.DutyPerson) bool {
	rank := func(p api.DutyPerson) int {
		if p.OnDuty {
			return slices.Index([]string{"worker", "substitute", "part_timer", "chief", "instructor"}, p.Part)
		}
		return 10 + slices.Index([]string{"chief", "worker", "substitute", "part_timer", "instructor"}, p.Part)
	}
	return rank(a) < rank(b)
}

// collect is a batch callback that gathers rows into out.
func collect[T any](out *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		got, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
		*out = got
		return err
	}
}
