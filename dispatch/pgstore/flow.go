package pgstore

import (
	"context"
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

const audience = `
(SELECT 'unit' AS whose, id FROM staff WHERE district_id = $1 AND role = 'officer' AND department = $2
   AND (area_code IS NULL OR cardinality($3::text[]) = 0 OR area_code = ANY ($3)) ORDER BY id LIMIT $4)
UNION ALL
(SELECT 'town', id FROM staff WHERE district_id = $1 AND role = 'town_leader' AND area_code = ANY ($3) ORDER BY id LIMIT $4)
UNION ALL
(SELECT 'district', id FROM staff WHERE district_id = $1 AND role IN ('duty_leader', 'district_supervisor') ORDER BY id LIMIT $4)`

// Audience implements dispatch.FlowStore.
func (s *Store) Audience(ctx context.Context, c dispatch.Case) (dispatch.Audience, error) {
	var out dispatch.Audience
	areas := c.Scope.Areas
	if areas == nil {
		areas = []string{}
	}
	rows, err := s.db.Query(ctx, audience, s.district.UUID, c.OwnerOf().Code, areas, mostTold)
	if err != nil {
		return out, fault(err)
	}
	var whose string
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&whose, &id}, func() error {
		staff := dispatch.StaffID{UUID: id}
		switch whose {
		case "unit":
			out.Unit = append(out.Unit, staff)
		case "town":
			out.Town = append(out.Town, staff)
		default:
			out.District = append(out.District, staff)
		}
		return nil
	})
	return out, fault(err)
}

const insertRuling = `
INSERT INTO rulings (id, district_id, case_id, category, lon, lat, owner, came_from, reason, ruled_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const precedents = `
SELECT r.case_id, c.number, r.owner, r.came_from, r.reason, r.made_at,
  ST_Distance(r.place::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography) AS distance_m
FROM rulings r JOIN cases c ON c.id = r.case_id
WHERE r.district_id = $1 AND r.category = $2 AND r.case_id <> $5
  AND r.place && ST_Expand(ST_SetSRID(ST_MakePoint($3, $4), 4326), $6::float8 / 80000)
  AND ST_DWithin(r.place::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography, $6)
ORDER BY r.made_at DESC LIMIT $7`

type precedentRow struct {
	CaseID    uuid.UUID `db:"case_id"`
	Number    string    `db:"number"`
	Owner     string    `db:"owner"`
	CameFrom  string    `db:"came_from"`
	Reason    string    `db:"reason"`
	MadeAt    time.Time `db:"made_at"`
	DistanceM float64   `db:"distance_m"`
}

// Precedents implements dispatch.FlowStore.
func (s *Store) Precedents(ctx context.Context, c dispatch.Case, withinM float64, limit int) ([]dispatch.Precedent, error) {
	rows, err := s.db.Query(ctx, precedents, s.district.UUID, c.Category, c.Lon, c.Lat, c.ID.UUID, withinM, limit)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[precedentRow])
	out := make([]dispatch.Precedent, len(found))
	for i, r := range found {
		out[i] = dispatch.Precedent{CaseID: dispatch.CaseID{UUID: r.CaseID}, Number: r.Number, Owner: r.Owner, From: r.CameFrom,
			Reason: r.Reason, At: r.MadeAt.UTC(), DistanceM: r.DistanceM}
	}
	return out, fault(err)
}
