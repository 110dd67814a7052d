package pgauth

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// What of a patrol was looked at.
const (
	ViewedPosition = "position"
	ViewedTrack    = "track"
)

const addViews = `INSERT INTO position_views (district_id, viewer_id, viewer_kind, patrol_id, bucket, what)
SELECT $1, $2, $3, patrol, date_bin('10 minutes', gp_now(), timestamptz '2000-01-01 00:00:00Z'), $5
FROM unnest($4::uuid[]) AS patrol
ON CONFLICT DO NOTHING RETURNING patrol_id`

// Most looks are repeats, and a repeat writes nothing.
const newViews = `SELECT patrol FROM unnest($3::uuid[]) AS patrol WHERE NOT EXISTS (SELECT FROM position_views w
  WHERE w.patrol_id = patrol AND w.bucket = date_bin('10 minutes', gp_now(), timestamptz '2000-01-01 00:00:00Z') AND w.viewer_id = $1 AND w.what = $2)`

// RecordViews writes down that the viewer saw where these patrols are or were,
// once a viewer, patrol and 10 minutes. A patrol's own device or member looking
// at itself is nobody's business and is left out.
func (s *Store) RecordViews(ctx context.Context, v dispatch.Viewer, what string, patrols []dispatch.PatrolID) error {
	ids := make([]uuid.UUID, 0, len(patrols))
	for _, p := range patrols {
		if p != v.Patrol {
			ids = append(ids, p.UUID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	viewer, kind := v.Account.UUID, "account"
	if v.Device != (dispatch.DeviceID{}) {
		viewer, kind = v.Device.UUID, "device"
	}
	rows, err := s.db.Query(ctx, newViews, viewer, what, ids)
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		return fmt.Errorf("look who looked: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, addViews, v.District, viewer, kind, ids, what)
		if err != nil {
			return err
		}
		added, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(added) == 0 {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "viewed." + what, District: v.District.UUID, Actor: dispatch.ActorOf(v),
			Detail: map[string]any{"patrols": added}})
	})
	if err != nil {
		return fmt.Errorf("record who looked: %w", err)
	}
	return nil
}

// RecordLook writes down that the viewer was shown something personal, or something
// covert: what says of which kind, and detail names it by ids alone. Every look counts.
func (s *Store) RecordLook(ctx context.Context, v dispatch.Viewer, what string, of dispatch.CaseID, detail map[string]any) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "viewed." + what, District: v.District.UUID, Case: of.UUID, Actor: dispatch.ActorOf(v), Detail: detail})
	})
	if err != nil {
		return fmt.Errorf("record a look: %w", err)
	}
	return nil
}

// Where a covert case was shown that nobody opened.
const (
	ViewedInList = "list"
	ViewedOnMap  = "map"
)

// CovertOf answers the covert ones among cases.
func CovertOf(cases []dispatch.Case) (ids []dispatch.CaseID) {
	for _, c := range cases {
		if c.Covert != nil {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

const addCaseViews = `INSERT INTO case_views (district_id, viewer_id, viewer_kind, case_id, bucket, what)
SELECT $1, $2, $3, x, date_bin('10 minutes', gp_now(), timestamptz '2000-01-01 00:00:00Z'), $5 FROM unnest($4::uuid[]) AS x
ON CONFLICT DO NOTHING RETURNING case_id`

// RecordCaseViews writes down that the viewer was shown covert cases among others, once a
// viewer, case and 10 minutes: a list is asked for again and again.
func (s *Store) RecordCaseViews(ctx context.Context, v dispatch.Viewer, what string, cases []dispatch.CaseID) error {
	if len(cases) == 0 {
		return nil
	}
	viewer, kind := v.Account.UUID, "account"
	if v.Device != (dispatch.DeviceID{}) {
		viewer, kind = v.Device.UUID, "device"
	}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, addCaseViews, v.District, viewer, kind, caseUUIDs(cases), what)
		if err != nil {
			return err
		}
		added, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		for _, id := range added {
			if err := pgproof.Record(ctx, tx, proof.Entry{Kind: "viewed.case", District: v.District.UUID, Case: id, Actor: dispatch.ActorOf(v),
				Detail: map[string]any{"case": id, "in": what}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record who was shown a covert case: %w", err)
	}
	return nil
}

const covertAmong = `SELECT id FROM cases WHERE district_id = $1 AND covert IS NOT NULL AND id = ANY ($2)`

// RecordCovertAmong is RecordCaseViews for answers that name cases without saying which of
// them are covert: reports, revisits, what is near a case. Nearly always none is, which
// one look at an index of nothing else says.
func (s *Store) RecordCovertAmong(ctx context.Context, v dispatch.Viewer, what string, named []dispatch.CaseID) error {
	if len(named) == 0 {
		return nil
	}
	rows, err := s.db.Query(ctx, covertAmong, v.District, caseUUIDs(named))
	if err != nil {
		return fmt.Errorf("ask which cases are covert: %w", err)
	}
	covert, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id dispatch.CaseID, err error) {
		err = row.Scan(&id.UUID)
		return id, err
	})
	if err != nil {
		return fmt.Errorf("ask which cases are covert: %w", err)
	}
	return s.RecordCaseViews(ctx, v, what, covert)
}

const addDutyPrint = `INSERT INTO duty_prints (district_id, viewer_id, viewer_kind, area_code, department, staff_ids, cases)
VALUES ($1, $2, $3, $4, $5, $6, $7)`

// RecordDutyPrint writes down that the viewer was handed a duty sheet with the
// telephones of these people and so many cases; every print counts.
func (s *Store) RecordDutyPrint(ctx context.Context, v dispatch.Viewer, people []uuid.UUID, cases int) error {
	viewer, kind := v.Account.UUID, "account"
	if v.Device != (dispatch.DeviceID{}) {
		viewer, kind = v.Device.UUID, "device"
	}
	if people == nil {
		people = []uuid.UUID{}
	}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, addDutyPrint, v.District, viewer, kind, v.AreaCode, v.Department, people, cases); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "viewed.duty_sheet", District: v.District.UUID, Actor: dispatch.ActorOf(v),
			Detail: map[string]any{"staff": people, "cases": cases}})
	})
	if err != nil {
		return fmt.Errorf("record who printed: %w", err)
	}
	return nil
}

func caseUUIDs(cases []dispatch.CaseID) []uuid.UUID {
	ids := make([]uuid.UUID, len(cases))
	for i, c := range cases {
		ids[i] = c.UUID
	}
	return ids
}
