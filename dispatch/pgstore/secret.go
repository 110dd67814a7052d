package pgstore

import (
	"context"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const covertCases = `
SELECT ` + caseColumns + ` FROM cases c WHERE c.district_id = $1 AND c.covert IS NOT NULL`

// Secrets implements dispatch.CaseStore. Most of the time there is none, which one look
// at an index of nothing else says.
func (s *Store) Secrets(ctx context.Context) ([]dispatch.Secret, error) {
	rows, err := s.db.Query(ctx, covertCases, s.district.UUID)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[caseRow])
	if err != nil || len(found) == 0 {
		return nil, fault(err)
	}
	ids := make([]uuid.UUID, len(found))
	for i, r := range found {
		ids[i] = r.ID
	}
	if rows, err = s.db.Query(ctx, assignmentsOf, ids, false); err != nil {
		return nil, fault(err)
	}
	sent, err := pgx.CollectRows(rows, pgx.RowToStructByName[assignmentRow])
	if err != nil {
		return nil, fault(err)
	}
	var out []dispatch.Secret
	for _, c := range s.cases(found, sent, nil) {
		out = append(out, c.Scope.Secrets...)
	}
	return out, nil
}
