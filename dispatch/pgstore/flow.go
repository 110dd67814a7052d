package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

type checkRuleRow struct {
	CheckPercent int   `db:"check_percent"`
	RevisitDays  []int `db:"revisit_days"`
}

// ruleInto is a batch callback that leaves the default where a category says nothing.
func ruleInto(out *dispatch.CheckRule) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[checkRuleRow])
		if len(found) > 0 {
			*out = dispatch.CheckRule{CheckPercent: found[0].CheckPercent, RevisitDays: found[0].RevisitDays}
		}
		return err
	}
}

const listDepartments = `SELECT code FROM departments WHERE district_id = $1 ORDER BY code`

// Departments implements dispatch.FlowStore.
func (s *Store) Departments(ctx context.Context) ([]string, error) {
	rows, err := s.db.Query(ctx, listDepartments, s.district.UUID)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, fault(err)
}

// mostTold bounds how many people of one kind are told of a clock.
const mostTold = 30

// Whoever may have to be told of some cases: of which of them is sorted out in Go, so that
// a crowd of cases asks once.
const audience = `
SELECT role, id, coalesce(department, '') AS department, area_code FROM staff
WHERE district_id = $1 AND (role = 'officer' AND department = ANY ($2) AND (area_code IS NULL OR $4 OR area_code = ANY ($3))
  OR role = 'town_leader' AND area_code = ANY ($3) OR role IN ('duty_leader', 'district_supervisor'))
ORDER BY id`

const gridChiefs = `
SELECT staff_id FROM grid_staff WHERE district_id = $1 AND grid_code = $2 AND part = 'chief' AND valid @> (SELECT gp_now()) ORDER BY staff_id`

type audienceRow struct {
	Role       string    `db:"role"`
	ID         uuid.UUID `db:"id"`
	Department string    `db:"department"`
	AreaCode   *string   `db:"area_code"`
}

// Audience implements dispatch.FlowStore.
func (s *Store) Audience(ctx context.Context, c dispatch.Case) (dispatch.Audience, error) {
	out, err := s.audiences(ctx, s.db, []dispatch.Case{c})
	if err != nil {
		return dispatch.Audience{}, fault(err)
	}
	return out[0], nil
}

// audiences are those of these cases, in their order.
func (s *Store) audiences(ctx context.Context, on reader, cases []dispatch.Case) ([]dispatch.Audience, error) {
	units, areas, anywhere := []string{}, []string{}, false
	for _, c := range cases {
		units, areas = append(units, c.OwnerOf().Code), append(areas, c.Scope.Areas...)
		anywhere = anywhere || len(c.Scope.Areas) == 0
	}
	var all []audienceRow
	knowing, chiefs := make([][]dispatch.StaffID, len(cases)), make([][]dispatch.StaffID, len(cases))
	batch := &pgx.Batch{}
	batch.Queue(audience, s.district.UUID, distinct(units), distinct(areas), anywhere).Query(collect(&all))
	for i, c := range cases {
		if c.Covert != nil {
			batch.Queue(peopleBehind, s.district.UUID, uuids(c.Commanders), uuids(c.Scope.Patrols)).Query(func(rows pgx.Rows) (err error) {
				knowing[i], err = pgx.CollectRows(rows, scanStaffID)
				return err
			})
			batch.Queue(gridChiefs, s.district.UUID, c.Responsible.Code).Query(func(rows pgx.Rows) (err error) {
				chiefs[i], err = pgx.CollectRows(rows, scanStaffID)
				return err
			})
		}
	}
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("ask whom to tell: %w", err)
	}
	out := make([]dispatch.Audience, len(cases))
	for i, c := range cases {
		out[i] = audienceOf(c, all)
		out[i].Knowing, out[i].Chiefs = knowing[i], chiefs[i]
	}
	return out, nil
}

// audienceOf is who of these is told of a case: the officers of the unit that it waits for,
// those of its places or of the whole district, the leaders of its town, and the district's.
func audienceOf(c dispatch.Case, all []audienceRow) (out dispatch.Audience) {
	unit := c.OwnerOf().Code
	for _, r := range all {
		here := r.AreaCode != nil && slices.Contains(c.Scope.Areas, *r.AreaCode)
		var told *[]dispatch.StaffID
		switch {
		case r.Role == "officer" && r.Department == unit && (here || r.AreaCode == nil || len(c.Scope.Areas) == 0):
			told = &out.Unit
		case r.Role == "town_leader" && here:
			told = &out.Town
		case r.Role == "duty_leader" || r.Role == "district_supervisor":
			told = &out.District
		}
		if told != nil && len(*told) < mostTold {
			*told = append(*told, dispatch.StaffID{UUID: r.ID})
		}
	}
	return out
}

func distinct(of []string) []string {
	slices.Sort(of)
	return slices.Compact(of)
}

const insertRuling = `
INSERT INTO rulings (id, district_id, case_id, category, lon, lat, owner, came_from, reason, ruled_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// nearRulings runs in the program's own role, as nearCases does; of which cases the
// viewer may know is asked on their behalf afterwards.
const nearRulings = `
SELECT r.case_id, r.owner, r.came_from, r.reason, r.made_at,
  ST_Distance(r.place::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography) AS distance_m
FROM rulings r
WHERE r.district_id = $1 AND r.category = $2 AND r.case_id <> $5
  AND r.place && ST_Expand(ST_SetSRID(ST_MakePoint($3, $4), 4326), $6::float8 / 50000)
  AND ST_DWithin(r.place::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography, $6)
ORDER BY r.made_at DESC LIMIT 100`

const ruledCases = `SELECT c.id, c.number FROM cases c WHERE ` + visibleCase + ` AND c.id = ANY ($8)`

type rulingRow struct {
	CaseID    uuid.UUID `db:"case_id"`
	Owner     string    `db:"owner"`
	CameFrom  string    `db:"came_from"`
	Reason    string    `db:"reason"`
	MadeAt    time.Time `db:"made_at"`
	DistanceM float64   `db:"distance_m"`
}

type ruledCaseRow struct {
	ID     uuid.UUID `db:"id"`
	Number string    `db:"number"`
}

// Precedents implements dispatch.FlowStore.
func (s *Store) Precedents(ctx context.Context, v dispatch.Viewer, c dispatch.Case, withinM float64, limit int) ([]dispatch.Precedent, error) {
	out := []dispatch.Precedent{}
	rows, err := s.db.Query(ctx, nearRulings, s.district.UUID, c.Category, c.Lon, c.Lat, c.ID.UUID, withinM)
	if err != nil {
		return nil, fault(err)
	}
	near, err := pgx.CollectRows(rows, pgx.RowToStructByName[rulingRow])
	if err != nil || len(near) == 0 {
		return out, fault(err)
	}
	ids := make([]uuid.UUID, len(near))
	for i, r := range near {
		ids[i] = r.CaseID
	}
	seen, err := readAs[ruledCaseRow](ctx, s, v, ruledCases, append(s.scope(v), ids)...)
	if err != nil {
		return nil, err
	}
	numbers := make(map[uuid.UUID]string, len(seen))
	for _, k := range seen {
		numbers[k.ID] = k.Number
	}
	for _, r := range near {
		if number, ok := numbers[r.CaseID]; ok && len(out) < limit {
			out = append(out, dispatch.Precedent{CaseID: dispatch.CaseID{UUID: r.CaseID}, Number: number, Owner: r.Owner, From: r.CameFrom,
				Reason: r.Reason, At: r.MadeAt.UTC(), DistanceM: r.DistanceM})
		}
	}
	return out, nil
}
