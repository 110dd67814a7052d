package pgstore

import (
	"context"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const named = `
SELECT DISTINCT a.patrol_id FROM cases c JOIN assignments a ON a.case_id = c.id AND a.state = 'proposed'
WHERE c.district_id = $1 AND c.dispatch = 'proposed' AND c.closed_at IS NULL AND c.id <> ALL ($2) AND c.covert IS NULL`

// Named implements dispatch.ProposalStore.
func (s *Store) Named(ctx context.Context, but []dispatch.CaseID) (map[dispatch.PatrolID]bool, error) {
	rows, err := s.db.Query(ctx, named, s.district.UUID, uuids(but))
	if err != nil {
		return nil, fault(err)
	}
	out := map[dispatch.PatrolID]bool{}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		out[dispatch.PatrolID{UUID: id}] = true
		return nil
	})
	return out, fault(err)
}

// Who came free is looked at once for each plan: one that helps nothing makes no third. A
// proposal that nobody decides is not made again and again as patrols come and go: each
// time it is left alone for as long as it had waited until then, and ten minutes at most.
const staleProposals = `
SELECT x.id, x.taken FROM (
  SELECT c.id, c.made_at,
    EXISTS (SELECT FROM assignments a JOIN patrols p ON p.id = a.patrol_id WHERE a.case_id = c.id AND a.state = 'proposed' AND p.status <> 'free') AS taken,
    EXISTS (SELECT FROM assignments a JOIN patrols q ON q.district_id = $1 AND q.department = a.department AND q.status = 'free'
      WHERE a.case_id = c.id AND a.state = 'proposed' AND q.status_at > l.planned
        AND EXISTS (SELECT FROM assignments b JOIN cases o ON o.id = b.case_id AND o.covert IS NULL WHERE b.patrol_id = a.patrol_id AND b.state = 'proposed' AND b.case_id <> c.id)
        AND NOT EXISTS (SELECT FROM assignments b WHERE b.patrol_id = q.id AND b.state = 'proposed')) AS shared,
    EXISTS (SELECT FROM jsonb_array_elements(c.shortfalls) f JOIN patrols p ON p.district_id = $1 AND p.department = f->>'department' AND p.status = 'free'
      WHERE p.status_at > l.planned) AS filled
  FROM cases c CROSS JOIN LATERAL (SELECT max(made_at) AS planned FROM plans WHERE case_id = c.id) l
  WHERE c.district_id = $1 AND c.dispatch = 'proposed' AND c.stage = 'reported' AND c.closed_at IS NULL
    AND (SELECT gp_now()) - l.planned >= least(l.planned - c.made_at, interval '10 min')
) x WHERE x.taken OR x.shared OR x.filled ORDER BY x.made_at LIMIT $2`

// StaleProposals implements dispatch.ProposalStore.
func (s *Store) StaleProposals(ctx context.Context, limit int) ([]dispatch.StaleProposal, error) {
	rows, err := s.db.Query(ctx, staleProposals, s.district.UUID, limit)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p dispatch.StaleProposal, err error) {
		err = row.Scan(&p.Case.UUID, &p.Taken)
		return p, err
	})
	return out, fault(err)
}
