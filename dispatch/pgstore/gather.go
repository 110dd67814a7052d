package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// A mission of a plan that is only proposed gathers nobody, and must not crowd out those
// who are on their way; nor does one who goes alone meet anybody.
const gatherings = `
SELECT m.case_id, (SELECT gp_now()) FROM missions m WHERE m.district_id = $1 AND m.ended_at IS NULL AND m.state = 'gathering'
  AND (SELECT count(*) FROM assignments a WHERE a.case_id = m.case_id AND a.active AND a.kind = 'department') > 1
ORDER BY m.made_at, m.case_id LIMIT $2`

// Gatherings implements dispatch.CaseStore.
func (s *Store) Gatherings(ctx context.Context, limit int) ([]dispatch.Gather, error) {
	rows, err := s.db.Query(ctx, gatherings, s.district.UUID, limit)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g dispatch.Gather, err error) {
		err = row.Scan(&g.Case.UUID, &g.Now)
		g.Now = g.Now.UTC()
		return g, err
	})
	return out, fault(err)
}

// Now implements dispatch.CaseStore.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.db.QueryRow(ctx, `SELECT gp_now()`).Scan(&now)
	return now.UTC(), fault(err)
}
