package pgstore

import (
	"context"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const named = `
SELECT p FROM unnest($2::uuid[]) AS p
WHERE EXISTS (SELECT FROM assignments a JOIN cases c ON c.id = a.case_id
  WHERE a.patrol_id = p AND a.state = 'proposed' AND c.district_id = $1 AND c.dispatch = 'proposed' AND c.closed_at IS NULL
    AND c.id <> ALL ($3) AND c.covert IS NULL)`

// Named implements dispatch.ProposalStore.
func (s *Store) Named(ctx context.Context, of []dispatch.PatrolID, but []dispatch.CaseID) (map[dispatch.PatrolID]bool, error) {
	rows, err := s.db.Query(ctx, named, s.district.UUID, uuids(of), uuids(but))
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

// mostProposalsLooked bounds one look, whatever waits; the rest is looked at first next time.
const mostProposalsLooked = 32

// Who came free is looked at once for each plan: one that helps nothing makes no third. A
// proposal that holds is looked at again after an eighth of the time it has waited, one
// that is made again after as long as it has waited, and either after ten minutes at most:
// what nobody decides must not be looked at, or made, each second.
const staleProposals = `
WITH due AS (
  SELECT case_id FROM proposal_looks WHERE district_id = $1 AND look_at <= (SELECT gp_now()) ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
  SELECT c.id, c.made_at, (SELECT gp_now()) - c.made_at AS age, c.closed_at IS NOT NULL OR c.stage <> 'reported' OR c.dispatch NOT IN ('proposed', 'pending') AS over,
    CASE WHEN c.dispatch = 'proposed' AND c.stage = 'reported' AND c.closed_at IS NULL THEN
      EXISTS (SELECT FROM assignments a JOIN patrols p ON p.id = a.patrol_id WHERE a.case_id = c.id AND a.state = 'proposed' AND p.status <> 'free') END AS taken,
    CASE WHEN c.dispatch = 'proposed' AND c.stage = 'reported' AND c.closed_at IS NULL THEN
      EXISTS (SELECT FROM assignments a JOIN patrols q ON q.district_id = $1 AND q.department = a.department AND q.status = 'free'
        WHERE a.case_id = c.id AND a.state = 'proposed' AND q.status_at > l.planned
          AND EXISTS (SELECT FROM assignments b JOIN cases o ON o.id = b.case_id AND o.covert IS NULL WHERE b.patrol_id = a.patrol_id AND b.state = 'proposed' AND b.case_id <> c.id)
          AND NOT EXISTS (SELECT FROM assignments b WHERE b.patrol_id = q.id AND b.state = 'proposed'))
      OR EXISTS (SELECT FROM jsonb_array_elements(c.shortfalls) f JOIN patrols p ON p.district_id = $1 AND p.department = f->>'department' AND p.status = 'free'
        WHERE p.status_at > l.planned) END AS filled
  FROM due JOIN cases c ON c.id = due.case_id CROSS JOIN LATERAL (SELECT max(made_at) AS planned FROM plans WHERE case_id = c.id) l
), stale AS (
  SELECT id, made_at, taken FROM judged WHERE taken OR filled ORDER BY made_at LIMIT $2
), gone AS (
  DELETE FROM proposal_looks l USING judged j WHERE l.case_id = j.id AND j.over
), later AS (
  UPDATE proposal_looks l SET look_at = (SELECT gp_now()) + least(greatest(CASE WHEN s.id IS NULL THEN j.age / 8 ELSE j.age END, interval '1 s'), interval '10 min')
  FROM judged j LEFT JOIN stale s ON s.id = j.id
  WHERE l.case_id = j.id AND NOT j.over AND (s.id IS NOT NULL OR (j.taken OR j.filled) IS NOT TRUE)
)
SELECT id, taken FROM stale ORDER BY made_at`

// StaleProposals implements dispatch.ProposalStore.
func (s *Store) StaleProposals(ctx context.Context, limit int) ([]dispatch.StaleProposal, error) {
	rows, err := s.db.Query(ctx, staleProposals, s.district.UUID, limit, mostProposalsLooked)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p dispatch.StaleProposal, err error) {
		err = row.Scan(&p.Case.UUID, &p.Taken)
		return p, err
	})
	return out, fault(err)
}
