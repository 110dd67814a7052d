package pgstore

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// Whose shift is over already is told, too, be it that they went off duty by hand, or that
// nobody was there to tell them in time; and once told they stay so. A duty without an end
// ends nothing.
const endings = `
WITH ahead AS MATERIALIZED (
  SELECT make_interval(secs => coalesce((SELECT hand_over_s FROM dispatch_rules WHERE district_id = $1), $2)) AS so_long
)
SELECT x.case_id, x.id, x.ends FROM (
  SELECT a.case_id, a.id, a.shift_ends_at AS told,
    CASE WHEN (SELECT so_long FROM ahead) = '0' THEN NULL
      WHEN EXISTS (SELECT FROM duties d WHERE d.patrol_id = p.id AND d.during @> (SELECT gp_now())) THEN
        (SELECT e.ends FROM (SELECT ` + shiftEnd + ` AS ends) e WHERE e.ends <= (SELECT gp_now()) + (SELECT so_long FROM ahead))
      ELSE coalesce((SELECT max(upper(d.during)) FROM duties d WHERE d.patrol_id = p.id AND upper(d.during) > a.made_at AND upper(d.during) <= (SELECT gp_now())),
        a.shift_ends_at)
    END AS ends
  FROM assignments a JOIN cases c ON c.id = a.case_id JOIN patrols p ON p.id = a.patrol_id
  WHERE a.district_id = $1 AND a.active AND a.leaves_at IS NULL AND c.stage <> ALL ($3)
) x WHERE x.ends IS DISTINCT FROM x.told ORDER BY x.ends NULLS LAST, x.id LIMIT $4`

// Endings implements dispatch.HandOverStore.
func (s *Store) Endings(ctx context.Context, but []dispatch.Stage, limit int) ([]dispatch.ShiftEnding, error) {
	stages := make([]string, len(but))
	for i, stage := range but {
		stages[i] = string(stage)
	}
	rows, err := s.db.Query(ctx, endings, s.district.UUID, dispatch.UsualDispatchRules.HandOver.Seconds(), stages, limit)
	if err != nil {
		return nil, fault(err)
	}
	var out []dispatch.ShiftEnding
	var of, assignment uuid.UUID
	var ends *time.Time
	_, err = pgx.ForEachRow(rows, []any{&of, &assignment, &ends}, func() error {
		out = append(out, dispatch.ShiftEnding{Case: dispatch.CaseID{UUID: of}, Assignment: dispatch.AssignmentID{UUID: assignment}, EndsAt: utc(ends)})
		return nil
	})
	return out, fault(err)
}
