package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Revision moves whenever what Roster answers has changed.
func (s *Store) Revision(ctx context.Context) (revision int64, err error) {
	if err := s.db.QueryRow(ctx, selectRevision).Scan(&revision); err != nil {
		return 0, fmt.Errorf("read roster revision: %w", err)
	}
	return revision, nil
}

const (
	selectPatrols = `WITH RECURSIVE above (code, at) AS (
  SELECT code, code FROM areas WHERE district_id = $1
  UNION ALL
  SELECT above.code, areas.parent_code FROM above JOIN areas ON areas.district_id = $1 AND areas.code = above.at
  WHERE areas.parent_code IS NOT NULL
), paths AS (SELECT code, array_agg(at) AS areas FROM above GROUP BY code)
SELECT p.id, p.department, p.mode, p.status, p.version, p.simulated, coalesce(paths.areas, '{}')
FROM patrols p LEFT JOIN paths ON paths.code = p.area_code WHERE p.district_id = $1`

	selectBindings = `SELECT b.device_id, b.patrol_id, nullif(lower(b.valid), '-infinity'), nullif(upper(b.valid), 'infinity')
FROM device_bindings b JOIN patrols p ON p.id = b.patrol_id
WHERE p.district_id = $1 AND b.valid && tstzrange($2, NULL) ORDER BY b.device_id, lower(b.valid) NULLS FIRST`

	selectDuties = `SELECT d.patrol_id, nullif(lower(d.during), '-infinity'), nullif(upper(d.during), 'infinity')
FROM duties d JOIN patrols p ON p.id = d.patrol_id
WHERE p.district_id = $1 AND d.during && tstzrange($2, NULL) ORDER BY d.patrol_id, lower(d.during) NULLS FIRST`

	selectMarked = `SELECT id, coalesce(revoked_at <= gp_now(), false), simulated FROM devices
WHERE district_id = $1 AND (simulated OR revoked_at <= gp_now())`
)

// selectSecrets is dispatch.Case.secret in SQL, of every covert case.
const selectSecrets = `SELECT c.id, c.version, c.areas, c.departments, c.commanders, c.lon, c.lat,
  coalesce(array_agg(a.patrol_id) FILTER (WHERE a.active OR a.state = 'done'), '{}'),
  coalesce(jsonb_agg(jsonb_build_object('patrol', a.patrol_id, 'from', a.made_at,
    'until', CASE WHEN NOT a.active THEN coalesce(a.ended_at, a.made_at) END)) FILTER (WHERE a.state <> 'proposed'), '[]')
FROM cases c LEFT JOIN assignments a ON a.case_id = c.id WHERE c.district_id = $1 AND c.covert IS NOT NULL GROUP BY c.id`

func (s *Store) secrets(rows pgx.Rows, r *realtime.Roster) error {
	var id uuid.UUID
	var commanders, partakers []uuid.UUID
	var out realtime.Secret
	_, err := pgx.ForEachRow(rows, []any{&id, &out.Version, &out.Areas, &out.Departments, &commanders, &out.Place.Lon, &out.Place.Lat, &partakers, &out.Sent}, func() error {
		secret := out
		secret.Case.UUID = id
		for _, c := range commanders {
			secret.Commanders = append(secret.Commanders, dispatch.AccountID{UUID: c})
		}
		for _, p := range partakers {
			secret.Partakers = append(secret.Partakers, dispatch.PatrolID{UUID: p})
		}
		r.Secrets = append(r.Secrets, secret)
		out.Areas, out.Departments, out.Sent = nil, nil, nil
		return nil
	})
	return err
}

// Roster reads the register as it stands at one moment, with what was valid since
// a time.
func (s *Store) Roster(ctx context.Context, since time.Time) (*realtime.Roster, error) {
	r := &realtime.Roster{
		Patrols:  map[dispatch.PatrolID]*realtime.Patrol{},
		Bindings: map[dispatch.DeviceID][]realtime.Binding{},
		Duties:   map[dispatch.PatrolID][]realtime.Span{},
		Revoked:  map[dispatch.DeviceID]bool{}, Simulated: map[dispatch.DeviceID]bool{},
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.db.Pool, options, func(tx pgx.Tx) error {
		var batch pgx.Batch
		batch.Queue(selectRevision).QueryRow(func(row pgx.Row) error { return row.Scan(&r.Revision) })
		batch.Queue(selectPatrols, s.district.UUID).Query(func(rows pgx.Rows) error { return s.patrols(rows, r) })
		batch.Queue(selectBindings, s.district.UUID, since).Query(func(rows pgx.Rows) error {
			return eachSpan(rows, true, func(device, patrol uuid.UUID, during realtime.Span) {
				id := dispatch.DeviceID{UUID: device}
				r.Bindings[id] = append(r.Bindings[id], realtime.Binding{Patrol: dispatch.PatrolID{UUID: patrol}, During: during})
			})
		})
		batch.Queue(selectDuties, s.district.UUID, since).Query(func(rows pgx.Rows) error {
			return eachSpan(rows, false, func(patrol, _ uuid.UUID, during realtime.Span) {
				id := dispatch.PatrolID{UUID: patrol}
				r.Duties[id] = append(r.Duties[id], during)
			})
		})
		batch.Queue(selectMarked, s.district.UUID).Query(func(rows pgx.Rows) error {
			var id uuid.UUID
			var revoked, simulated bool
			_, err := pgx.ForEachRow(rows, []any{&id, &revoked, &simulated}, func() error {
				if revoked {
					r.Revoked[dispatch.DeviceID{UUID: id}] = true
				}
				if simulated {
					r.Simulated[dispatch.DeviceID{UUID: id}] = true
				}
				return nil
			})
			return err
		})
		batch.Queue(selectSecrets, s.district.UUID).Query(func(rows pgx.Rows) error { return s.secrets(rows, r) })
		return tx.SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	return r, nil
}

func (s *Store) patrols(rows pgx.Rows, r *realtime.Roster) error {
	var id uuid.UUID
	var department, mode, status string
	var version int64
	var simulated bool
	var areas []string
	_, err := pgx.ForEachRow(rows, []any{&id, &department, &mode, &status, &version, &simulated, &areas}, func() error {
		p := &realtime.Patrol{
			ID: dispatch.PatrolID{UUID: id}, District: s.district, Department: department,
			Mode: dispatch.Mode(mode), Status: dispatch.Status(status), Version: version,
			Simulated: simulated, Areas: append([]string(nil), areas...),
		}
		r.Patrols[p.ID] = p
		return nil
	})
	return err
}

// eachSpan reads rows of one or two ids and a range's ends.
func eachSpan(rows pgx.Rows, two bool, each func(a, b uuid.UUID, during realtime.Span)) error {
	var a, b uuid.UUID
	var from, to *time.Time
	into := []any{&a, &from, &to}
	if two {
		into = []any{&a, &b, &from, &to}
	}
	_, err := pgx.ForEachRow(rows, into, func() error {
		var during realtime.Span
		if from != nil {
			during.From = from.UTC()
		}
		if to != nil {
			during.To = to.UTC()
		}
		each(a, b, during)
		return nil
	})
	return err
}
