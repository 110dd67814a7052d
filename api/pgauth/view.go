package pgauth

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// What of a patrol was looked at.
const (
	ViewedPosition = "position"
	ViewedTrack    = "track"
)

const addViews = `INSERT INTO position_views (district_id, viewer_id, viewer_kind, patrol_id, bucket, what)
SELECT $1, $2, $3, patrol, date_bin('10 minutes', gp_now(), timestamptz '2000-01-01 00:00:00Z'), $5
FROM unnest($4::uuid[]) AS patrol
ON CONFLICT DO NOTHING`

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
	if _, err := s.db.Exec(ctx, addViews, v.District, viewer, kind, ids, what); err != nil {
		return fmt.Errorf("record who looked: %w", err)
	}
	return nil
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
	if _, err := s.db.Exec(ctx, addDutyPrint, v.District, viewer, kind, v.AreaCode, v.Department, people, cases); err != nil {
		return fmt.Errorf("record who printed: %w", err)
	}
	return nil
}
