package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Turned is a patrol whose presence has changed. A zero At is the database's present.
type Turned struct {
	Patrol   dispatch.PatrolID
	Presence string
	At       time.Time
}

// keepTurned changes a presence once, whoever sees it: what is older than the last change
// changes nothing. Who was never heard of has nothing to lose. Off duty is said of the
// present, and so comes after whatever was before.
const keepTurned = `WITH told AS (
  SELECT u.*, p.simulated FROM unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS u (patrol_id, presence, at) JOIN patrols p ON p.id = u.patrol_id
), turned AS (
  INSERT INTO presence_now AS n (patrol_id, district_id, presence, since)
  SELECT u.patrol_id, $1::uuid, u.presence, coalesce(u.at, gp_now()) FROM told u
  WHERE u.presence = 'online' OR EXISTS (SELECT FROM presence_now o WHERE o.patrol_id = u.patrol_id)
  ORDER BY u.patrol_id
  ON CONFLICT (patrol_id) DO UPDATE SET presence = excluded.presence, since = greatest(excluded.since, n.since + interval '1 microsecond')
    WHERE n.presence <> excluded.presence AND (n.since < excluded.since OR excluded.presence = 'off_duty')
  RETURNING n.patrol_id, n.presence, n.since
)
INSERT INTO presence_moments (district_id, patrol_id, at, kind, simulated)
SELECT $1::uuid, t.patrol_id, t.since, t.presence, u.simulated FROM turned t JOIN told u ON u.patrol_id = t.patrol_id`

const selectPresences = `SELECT patrol_id, presence FROM presence_now WHERE patrol_id = ANY ($1)`

// Turn writes down whose presence has changed, each patrol once in all, and answers what
// is written down of them now: another word where somebody else knew better.
func (s *Store) Turn(ctx context.Context, all []Turned) (now map[dispatch.PatrolID]string, err error) {
	n := len(all)
	ids, presences, ats := make([]uuid.UUID, n), make([]string, n), make([]*time.Time, n)
	for i := range all {
		ids[i], presences[i] = all[i].Patrol.UUID, all[i].Presence
		if !all[i].At.IsZero() {
			ats[i] = &all[i].At
		}
	}
	now = make(map[dispatch.PatrolID]string, n)
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		clear(now)
		if _, err := tx.Exec(ctx, keepTurned, s.district.UUID, ids, presences, ats); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectPresences, ids)
		if err != nil {
			return err
		}
		var id dispatch.PatrolID
		var presence string
		_, err = pgx.ForEachRow(rows, []any{&id.UUID, &presence}, func() error {
			now[id] = presence
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write down whose presence has changed: %w", err)
	}
	return now, nil
}

const keepCrossed = `INSERT INTO presence_moments (district_id, patrol_id, at, kind, area, name, because, simulated) VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8)`

// keepCrossings writes fences that were crossed beside the changes of presence.
func (s *Store) keepCrossings(ctx context.Context, tx pgx.Tx, all []Crossed) error {
	batch := &pgx.Batch{}
	for _, c := range all {
		kind := "left"
		if c.Inside {
			kind = "entered"
		}
		batch.Queue(keepCrossed, s.district.UUID, c.Patrol.UUID, c.At, kind, c.Kind, c.Name, c.Why, c.simulated)
	}
	return tx.SendBatch(ctx, batch).Close()
}

const (
	selectMoments = `SELECT id, at, kind, area, name, because, simulated FROM presence_moments
WHERE patrol_id = $1 AND at >= $2 AND at < $3 AND (at, id) > ($4, $5) ORDER BY at, id LIMIT $6`
	selectPresenceBefore = `SELECT kind FROM presence_moments WHERE patrol_id = $1 AND at < $2 AND area IS NULL ORDER BY at DESC LIMIT 1`
)

// Moments implements api.Tracks.
func (s *Store) Moments(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, after realtime.MomentCursor, limit int) (was string, found []realtime.PresenceMoment, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectPresenceBefore, patrol.UUID, from)
		if err != nil {
			return err
		}
		before, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(before) > 0 {
			was = before[0]
		}
		if rows, err = tx.Query(ctx, selectMoments, patrol.UUID, from, to, after.At, after.ID, limit); err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m realtime.PresenceMoment, err error) {
			return m, row.Scan(&m.ID, &m.At, &m.Kind, &m.Area, &m.Name, &m.Because, &m.Simulated)
		})
		return err
	})
	if err != nil {
		return "", nil, fmt.Errorf("read a record of presence: %w", err)
	}
	return was, found, nil
}
