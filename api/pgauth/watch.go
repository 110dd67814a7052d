package pgauth

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Proof is what a caller's right stands on, as the hash of a session's secret or of
// a token. A ticket hands on the proof it was made with.
type Proof struct{ session, token []byte }

// AccessRevision moves whenever a token, a device, an account or a session is ended,
// what an account may see is changed, or who is in a patrol.
func (s *Store) AccessRevision(ctx context.Context) (revision int64, err error) {
	if err := s.db.QueryRow(ctx, `SELECT revision FROM access_revision`).Scan(&revision); err != nil {
		return 0, fmt.Errorf("ask whether access has ended: %w", err)
	}
	return revision, nil
}

// A session that nobody uses is not ended here: an open socket is use of it. An
// account whose scope has changed, or its person's patrol, must come again, because a
// socket keeps the scope that it was opened with. A device need not: a fix goes to the
// patrol that it was bound to when it was taken.
const ended = `
SELECT w.n FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::uuid[])
  AS w (n, session, token, account, device, role, area, department, patrol)
LEFT JOIN sessions s ON s.secret_hash = w.session
LEFT JOIN tokens t ON t.secret_hash = w.token
LEFT JOIN accounts a ON a.id = w.account
LEFT JOIN devices d ON d.id = w.device
WHERE (w.session IS NOT NULL AND (s.secret_hash IS NULL OR s.expires_at <= gp_now()))
   OR (w.token IS NOT NULL AND (t.id IS NULL OR t.revoked_at IS NOT NULL OR t.expires_at <= gp_now()))
   OR (w.account IS NOT NULL AND (a.id IS NULL OR a.disabled_at IS NOT NULL
       OR (a.role, coalesce(a.area_code, ''), coalesce(a.department, '')) <> (w.role, w.area, w.department)
       OR ` + patrolOfPerson + ` IS DISTINCT FROM w.patrol))
   OR (w.device IS NOT NULL AND (d.id IS NULL OR d.revoked_at IS NOT NULL))`

// Ended answers which of these callers, by place in the list, may no longer hold what
// they were let in to. One question serves every socket of a node.
func (s *Store) Ended(ctx context.Context, callers []Identity) ([]int, error) {
	n := len(callers)
	places, sessions, tokens := make([]int, n), make([][]byte, n), make([][]byte, n)
	accounts, devices, patrols := make([]*uuid.UUID, n), make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	roles, areas, departments := make([]string, n), make([]string, n), make([]string, n)
	for i, c := range callers {
		places[i], sessions[i], tokens[i] = i, c.Proof.session, c.Proof.token
		accounts[i], devices[i], patrols[i] = idOrNull(c.Viewer.Account), idOrNull(c.Viewer.Device), idOrNull(c.Viewer.Patrol)
		roles[i], areas[i], departments[i] = string(c.Viewer.Role), c.Viewer.AreaCode, c.Viewer.Department
	}
	rows, err := s.db.Query(ctx, ended, places, sessions, tokens, accounts, devices, roles, areas, departments, patrols)
	if err != nil {
		return nil, fmt.Errorf("ask whose access has ended: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("ask whose access has ended: %w", err)
	}
	return out, nil
}

func idOrNull[K any](id dispatch.ID[K]) *uuid.UUID {
	if id.IsZero() {
		return nil
	}
	return &id.UUID
}
