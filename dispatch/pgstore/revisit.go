package pgstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const revisitColumns = `v.id, v.case_id, c.number, v.after_days, v.category, v.lon, v.lat, v.opens_at, v.closes_at, v.state, v.next_at, v.grid_code,
  v.done_at, coalesce(v.done_by, '') AS done_by, v.note, v.new_case_id`

// revisitSeenColumns: whoever is to go is told the number of a case that is not theirs. A
// covert case that came of it is nobody's to hear of here.
var revisitSeenColumns = strings.NewReplacer("c.number", "k.number",
	"v.new_case_id", "CASE WHEN EXISTS (SELECT FROM told_cases n WHERE n.id = v.new_case_id AND n.hidden) THEN NULL ELSE v.new_case_id END AS new_case_id").Replace(revisitColumns)

const revisitPhotos = `coalesce((SELECT jsonb_agg(` + photoJSON + ` ORDER BY rp.position)
  FROM revisit_photos rp JOIN photos p USING (district_id, sha256) WHERE rp.revisit_id = v.id), '[]') AS photos`

// revisitsOf are those of some cases, for their turns.
const revisitsOf = `SELECT ` + revisitColumns + `, '[]'::jsonb AS photos, true AS seen, c.covert IS NOT NULL AS covert FROM revisits v JOIN cases c ON c.id = v.case_id WHERE v.case_id = ANY ($1) ORDER BY v.opens_at, v.id`

// listRevisits and caseRevisits are those that are near, and those of one case. The
// policies bound them; a worker sees those near their grids, whose place the atlas then
// weighs. They are two questions, since one for both would be planned for neither, and
// read every case for each look at one.
var (
	listRevisits = seenRevisits(`v.state IN ('planned', 'open', 'missed', 'climbed') AND v.opens_at <= (SELECT gp_now()) + $8::interval`)
	caseRevisits = seenRevisits(`v.case_id = $8 AND k.id = $8`)
)

func seenRevisits(which string) string {
	return `
SELECT * FROM (
  SELECT ` + revisitSeenColumns + `, ` + revisitPhotos + `, EXISTS (SELECT FROM cases c WHERE c.id = v.case_id AND ` + visibleCase + `) AS seen,
    EXISTS (SELECT FROM cases c WHERE c.id = v.case_id AND c.covert IS NOT NULL) AS covert
  FROM revisits v JOIN told_cases k ON k.id = v.case_id
  WHERE v.district_id = $1 AND NOT k.hidden AND ` + which + `
) v WHERE v.seen OR $9 ORDER BY v.opens_at, v.id LIMIT 200`
}

type revisitRow struct {
	ID        uuid.UUID        `db:"id"`
	CaseID    uuid.UUID        `db:"case_id"`
	Number    string           `db:"number"`
	AfterDays int              `db:"after_days"`
	Category  string           `db:"category"`
	Lon       float64          `db:"lon"`
	Lat       float64          `db:"lat"`
	OpensAt   time.Time        `db:"opens_at"`
	ClosesAt  time.Time        `db:"closes_at"`
	State     string           `db:"state"`
	NextAt    *time.Time       `db:"next_at"`
	GridCode  *string          `db:"grid_code"`
	DoneAt    *time.Time       `db:"done_at"`
	DoneBy    string           `db:"done_by"`
	Note      string           `db:"note"`
	NewCaseID *uuid.UUID       `db:"new_case_id"`
	Photos    []dispatch.Photo `db:"photos"`
	Seen      bool             `db:"seen"`
	Covert    bool             `db:"covert"`
}

func revisitsFrom(rows []revisitRow) []dispatch.Revisit {
	out := make([]dispatch.Revisit, len(rows))
	for i, r := range rows {
		out[i] = dispatch.Revisit{ID: dispatch.RevisitID{UUID: r.ID}, CaseID: dispatch.CaseID{UUID: r.CaseID}, Number: r.Number, AfterDays: r.AfterDays,
			Category: r.Category, Lon: r.Lon, Lat: r.Lat, OpensAt: r.OpensAt.UTC(), ClosesAt: r.ClosesAt.UTC(), State: dispatch.RevisitState(r.State),
			GridCode: r.GridCode, DoneAt: utc(r.DoneAt), Note: r.Note, Photos: r.Photos, NextAt: utc(r.NextAt), DoneBy: r.DoneBy, Seen: r.Seen, Covert: r.Covert}
		if r.NewCaseID != nil {
			out[i].NewCase = &dispatch.CaseID{UUID: *r.NewCaseID}
		}
	}
	return out
}

// Revisits implements dispatch.RevisitStore.
func (s *Store) Revisits(ctx context.Context, v dispatch.Viewer, ask dispatch.RevisitAsk) ([]dispatch.Revisit, error) {
	query, which := listRevisits, any(ask.Soon)
	if !ask.Case.IsZero() {
		query, which = caseRevisits, ask.Case.UUID
	}
	found, err := readAs[revisitRow](ctx, s, v, query, append(s.scope(v), which, v.OwnWorkOnly())...)
	return revisitsFrom(found), err
}

// RevisitCase implements dispatch.RevisitStore.
func (s *Store) RevisitCase(ctx context.Context, id dispatch.RevisitID) (c dispatch.CaseID, err error) {
	err = s.db.QueryRow(ctx, `SELECT case_id FROM revisits WHERE district_id = $1 AND id = $2`, s.district.UUID, id.UUID).Scan(&c.UUID)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, missing("revisit")
	}
	return c, fault(err)
}

const postsOf = `
SELECT DISTINCT g.grid_code FROM grid_staff g
WHERE g.district_id = $1 AND g.valid @> (SELECT gp_now()) AND (g.staff_id = $2
  OR g.staff_id IN (SELECT m.staff_id FROM patrol_members m WHERE m.patrol_id = $3 AND m.valid @> (SELECT gp_now())))`

// PostsOf implements dispatch.RevisitStore.
func (s *Store) PostsOf(ctx context.Context, v dispatch.Viewer) ([]string, error) {
	rows, err := s.db.Query(ctx, postsOf, s.district.UUID, orNull(v.Staff), orNull(v.Patrol))
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, fault(err)
}

const peopleBehind = `
SELECT a.staff_id FROM accounts a WHERE a.district_id = $1 AND a.id = ANY ($2) AND a.staff_id IS NOT NULL AND a.disabled_at IS NULL
UNION SELECT m.staff_id FROM patrol_members m WHERE m.patrol_id = ANY ($3) AND m.valid @> (SELECT gp_now())`

// PeopleBehind implements dispatch.RevisitStore.
func (s *Store) PeopleBehind(ctx context.Context, accounts []dispatch.AccountID, patrols []dispatch.PatrolID) ([]dispatch.StaffID, error) {
	rows, err := s.db.Query(ctx, peopleBehind, s.district.UUID, uuids(accounts), uuids(patrols))
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, scanStaffID)
	return out, fault(err)
}

func scanStaffID(row pgx.CollectableRow) (id dispatch.StaffID, err error) {
	err = row.Scan(&id.UUID)
	return id, err
}

const setRevisit = `
INSERT INTO revisits (id, district_id, case_id, after_days, category, lon, lat, opens_at, closes_at, state, next_at, grid_code, done_at, done_by, note, new_case_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, nullif($14, ''), $15, $16)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, next_at = excluded.next_at, grid_code = excluded.grid_code, done_at = excluded.done_at,
  done_by = excluded.done_by, note = excluded.note, new_case_id = excluded.new_case_id`

const insertLink = `
INSERT INTO case_links (district_id, case_id, old_case_id, why) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

// keepRevisits writes what a turn did to the revisits of its case, and what it links.
func (s *Store) keepRevisits(batch *pgx.Batch, t dispatch.Turn) {
	for _, r := range t.SetRevisits {
		var found *uuid.UUID
		if r.NewCase != nil {
			found = &r.NewCase.UUID
		}
		batch.Queue(setRevisit, r.ID.UUID, s.district.UUID, t.Case.ID.UUID, r.AfterDays, r.Category, r.Lon, r.Lat, r.OpensAt, r.ClosesAt,
			r.State, r.NextAt, r.GridCode, r.DoneAt, r.DoneBy, strings.ToValidUTF8(r.Note, ""), found)
		for i, p := range r.NewPhotos {
			s.takePhoto(batch, p)
			batch.Queue(`INSERT INTO revisit_photos (district_id, revisit_id, position, sha256) VALUES ($1, $2, $3, $4)`, s.district.UUID, r.ID.UUID, i, p.SHA256[:])
		}
	}
	if t.Link != nil {
		batch.Queue(insertLink, s.district.UUID, t.Case.ID.UUID, t.Link.Old.UUID, t.Link.Why)
	}
}
