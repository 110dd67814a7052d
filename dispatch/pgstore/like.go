package pgstore

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/photo/like"
	"github.com/jackc/pgx/v5"
)

const unliked = `
SELECT k.sha256, k.copy_sha256 FROM photo_copies k
WHERE k.district_id = $1 AND k.size = 'thumb' AND k.copy_sha256 IS NOT NULL AND k.sha256 > $2
  AND NOT EXISTS (SELECT FROM photo_likes l WHERE l.district_id = k.district_id AND l.sha256 = k.sha256)
ORDER BY k.sha256 LIMIT $3`

// Unliked implements dispatch.LikeStore.
func (s *Store) Unliked(ctx context.Context, after [32]byte, limit int) ([]dispatch.Unliked, error) {
	rows, err := s.db.Query(ctx, unliked, s.district.UUID, after[:], limit)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u dispatch.Unliked, err error) {
		var id, copied []byte
		err = row.Scan(&id, &copied)
		copy(u.ID[:], id)
		copy(u.Copy[:], copied)
		return u, err
	})
	return out, fault(err)
}

const keepLikeness = `
INSERT INTO photo_likes (district_id, sha256, likeness) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// KeepLikeness implements dispatch.LikeStore.
func (s *Store) KeepLikeness(ctx context.Context, id [32]byte, m *like.Mark) error {
	var kept *int64
	if m != nil {
		bits := int64(*m) // the same 64 bits
		kept = &bits
	}
	_, err := s.db.Exec(ctx, keepLikeness, s.district.UUID, id[:], kept)
	return fault(err)
}

const openCasesOfPhoto = `
SELECT DISTINCT c.id FROM report_photos rp JOIN reports r ON r.id = rp.report_id JOIN cases c ON c.id = r.case_id
WHERE rp.district_id = $1 AND rp.sha256 = $2 AND c.closed_at IS NULL LIMIT 20`

// CasesOfPhoto implements dispatch.LikeStore.
func (s *Store) CasesOfPhoto(ctx context.Context, id [32]byte) ([]dispatch.CaseID, error) {
	rows, err := s.db.Query(ctx, openCasesOfPhoto, s.district.UUID, id[:])
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, scanCaseID)
	return out, fault(err)
}

func scanCaseID(row pgx.CollectableRow) (id dispatch.CaseID, err error) {
	err = row.Scan(&id.UUID)
	return id, err
}

const kinCases = `
SELECT ` + caseColumns + `, ST_Distance(c.place::geography, ST_SetSRID(ST_MakePoint($5, $6), 4326)::geography) AS distance_m
FROM cases c WHERE c.id IN (` + nearCases + `)`

type kinRow struct {
	caseRow
	DistanceM float64 `db:"distance_m"`
}

// Kin implements dispatch.LikeStore. It sends no assignments along but asks for them,
// since whether somebody has arrived is looked at under the lock alone.
func (s *Store) Kin(ctx context.Context, c dispatch.Case, withinM float64, days, limit int) ([]dispatch.Kin, error) {
	rows, err := s.db.Query(ctx, kinCases, s.district.UUID, c.ID.UUID, c.MadeAt, days, c.Lon, c.Lat, withinM)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[kinRow])
	if err != nil {
		return nil, fault(err)
	}
	plain := make([]caseRow, len(found))
	for i, r := range found {
		plain[i] = r.caseRow
	}
	cases := s.cases(plain, nil, nil)
	out := make([]dispatch.Kin, 0, len(found))
	for i, k := range cases {
		if len(out) < limit {
			out = append(out, dispatch.Kin{Case: k, DistanceM: found[i].DistanceM})
		}
	}
	return out, nil
}

// maxMarks bounds how many photos are compared for one case.
const maxMarks = 600

const marksOf = `
SELECT r.case_id, l.likeness FROM reports r JOIN report_photos rp ON rp.report_id = r.id
JOIN photo_likes l ON l.district_id = rp.district_id AND l.sha256 = rp.sha256
WHERE r.case_id = ANY ($1) AND l.likeness IS NOT NULL ORDER BY r.id, rp.position LIMIT $2`

// Marks implements dispatch.LikeStore.
func (s *Store) Marks(ctx context.Context, cases []dispatch.CaseID) (map[dispatch.CaseID][]like.Mark, error) {
	rows, err := s.db.Query(ctx, marksOf, uuids(cases), maxMarks)
	if err != nil {
		return nil, fault(err)
	}
	out := map[dispatch.CaseID][]like.Mark{}
	var id uuid.UUID
	var bits int64
	_, err = pgx.ForEachRow(rows, []any{&id, &bits}, func() error {
		c := dispatch.CaseID{UUID: id}
		out[c] = append(out[c], like.Mark(uint64(bits)))
		return nil
	})
	return out, fault(err)
}

const sameRule = `
SELECT coalesce(same_m, $3), coalesce(same_min, $4), coalesce(same_bits, $5), same_joins
FROM category_rules WHERE district_id = $1 AND code = $2`

// SameRule implements dispatch.LikeStore.
func (s *Store) SameRule(ctx context.Context, category string) (dispatch.SameRule, error) {
	r := dispatch.UsualSame
	rows, err := s.db.Query(ctx, sameRule, s.district.UUID, category, r.DistanceM, r.Minutes, r.PhotoBits)
	if err != nil {
		return r, fault(err)
	}
	_, err = pgx.ForEachRow(rows, []any{&r.DistanceM, &r.Minutes, &r.PhotoBits, &r.Joins}, func() error { return nil })
	return r, fault(err)
}

// beenHere asks the counted visits of the cell first, which are few, and then the tracks
// of the hours in which somebody was in it: near enough, and for longer than driving by
// takes. Grid workers are everywhere by trade and are left out, and so is what the covert
// cases among $9 hide, as dispatch.Secret.Hides says it.
const beenHere = `
WITH lately AS (
  SELECT v.patrol_id, v.hour, p.department, row_number() OVER (PARTITION BY p.department ORDER BY v.hour DESC) AS n
  FROM cell_visits v JOIN patrols p ON p.id = v.patrol_id
  WHERE v.district_id = $1 AND v.cell = ANY ($2) AND v.hour > (SELECT gp_now()) - make_interval(days => $3) AND v.hour < $4
    AND p.department <> 'grid' AND v.fixes > 1
)
SELECT department, max(at) AS at FROM (
  SELECT l.department, (SELECT max(t.t) FROM device_bindings b JOIN tracks t ON t.device_id = b.device_id
      AND t.t >= l.hour AND t.t < l.hour + interval '1 hour'
    WHERE b.patrol_id = l.patrol_id AND t.patrol_id = l.patrol_id
      AND NOT (coalesce(string_to_array(t.verdict, ','), '{}') && '{jump,mock,accuracy}')
      AND ST_DistanceSphere(ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326), ST_SetSRID(ST_MakePoint($5, $6), 4326)) <= $7
      AND NOT EXISTS (SELECT FROM assignments a JOIN cases k ON k.id = a.case_id
        WHERE k.id = ANY ($9) AND a.patrol_id = t.patrol_id AND a.state <> 'proposed' AND t.t >= a.made_at
          AND (a.active OR t.t < coalesce(a.ended_at, a.made_at) OR ST_DistanceSphere(k.place, ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326)) <= 1000))
    HAVING max(t.t) - min(t.t) >= $8::interval) AS at
  FROM lately l WHERE l.n <= 10
) x WHERE at IS NOT NULL GROUP BY department ORDER BY department`

type beenRow struct {
	Department string    `db:"department"`
	At         time.Time `db:"at"`
}
