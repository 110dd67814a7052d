package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const missionsOf = `
SELECT m.case_id, m.id, m.state, m.commander, m.crews, m.rendezvous_lon, m.rendezvous_lat, m.rendezvous_name, m.meet_at, m.in_place_at,
  m.went_at, m.ended_at, m.cover, m.meeting, m.made_at
FROM missions m WHERE m.case_id = ANY ($1)`

type missionRow struct {
	CaseID         uuid.UUID           `db:"case_id"`
	ID             uuid.UUID           `db:"id"`
	State          string              `db:"state"`
	Commander      *uuid.UUID          `db:"commander"`
	Crews          []dispatch.Crew     `db:"crews"`
	RendezvousLon  *float64            `db:"rendezvous_lon"`
	RendezvousLat  *float64            `db:"rendezvous_lat"`
	RendezvousName string              `db:"rendezvous_name"`
	MeetAt         *time.Time          `db:"meet_at"`
	InPlaceAt      *time.Time          `db:"in_place_at"`
	WentAt         *time.Time          `db:"went_at"`
	EndedAt        *time.Time          `db:"ended_at"`
	Cover          *dispatch.CoverMark `db:"cover"`
	Meeting        *dispatch.Meeting   `db:"meeting"`
	MadeAt         time.Time           `db:"made_at"`
}

// missionFrom answers the mission of a case, nil where it has none.
func missionFrom(rows []missionRow) *dispatch.Mission {
	if len(rows) == 0 {
		return nil
	}
	r := rows[0]
	m := &dispatch.Mission{ID: dispatch.MissionID{UUID: r.ID}, State: dispatch.MissionState(r.State), Crews: r.Crews, MeetAt: utc(r.MeetAt),
		InPlaceAt: utc(r.InPlaceAt), WentAt: utc(r.WentAt), EndedAt: utc(r.EndedAt), Cover: r.Cover, Meeting: r.Meeting, MadeAt: r.MadeAt.UTC()}
	if r.Commander != nil {
		m.Commander = &dispatch.PatrolID{UUID: *r.Commander}
	}
	if r.RendezvousLon != nil && r.RendezvousLat != nil {
		m.Rendezvous = &dispatch.Rendezvous{Lon: *r.RendezvousLon, Lat: *r.RendezvousLat, Name: r.RendezvousName}
	}
	return m
}

// coverOf gives a case the mark of its mission where that was kept before cases had one.
func coverOf(c *dispatch.Case) {
	if c.Cover == nil && c.Mission != nil {
		c.Cover = c.Mission.Cover
	}
}

const keepMission = `
INSERT INTO missions (id, district_id, case_id, state, commander, crews, rendezvous_lon, rendezvous_lat, rendezvous_name, meet_at,
  in_place_at, went_at, ended_at, cover, made_at, meeting)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (case_id) DO UPDATE SET state = excluded.state, commander = excluded.commander, crews = excluded.crews,
  rendezvous_lon = excluded.rendezvous_lon, rendezvous_lat = excluded.rendezvous_lat, rendezvous_name = excluded.rendezvous_name,
  meet_at = excluded.meet_at, in_place_at = excluded.in_place_at, went_at = excluded.went_at, ended_at = excluded.ended_at,
  cover = excluded.cover, meeting = excluded.meeting`

// keepMission writes the mission with its case, whose lock it goes by.
func (s *Store) keepMission(batch *pgx.Batch, c dispatch.Case) error {
	m := c.Mission
	if m == nil {
		return nil
	}
	crews, err1 := json.Marshal(listed(m.Crews))
	var cover, meeting []byte
	var err2, err3 error
	if m.Cover != nil {
		cover, err2 = json.Marshal(m.Cover)
	}
	if m.Meeting != nil {
		meeting, err3 = json.Marshal(m.Meeting)
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("write mission of case %s: %w", c.Number, err)
	}
	var commander *uuid.UUID
	if m.Commander != nil {
		commander = &m.Commander.UUID
	}
	var lon, lat *float64
	name := ""
	if m.Rendezvous != nil {
		lon, lat, name = &m.Rendezvous.Lon, &m.Rendezvous.Lat, m.Rendezvous.Name
	}
	batch.Queue(keepMission, m.ID.UUID, s.district.UUID, c.ID.UUID, m.State, commander, crews, lon, lat, name, m.MeetAt,
		m.InPlaceAt, m.WentAt, m.EndedAt, cover, m.MadeAt, meeting)
	return nil
}

// listed is a list that is never null.
func listed[T any](of []T) []T {
	if of == nil {
		return []T{}
	}
	return of
}

// shiftEnd is when the shift of the patrol p ends: shifts that follow each other are one.
const shiftEnd = `(SELECT upper(r) FROM (SELECT unnest(range_agg(d.during)) AS r FROM duties d
    WHERE d.patrol_id = p.id AND d.during && tstzrange((SELECT gp_now()), (SELECT gp_now()) + interval '24 h')) x
  WHERE r @> (SELECT gp_now()) AND NOT upper_inf(r))`

const shiftEnds = `SELECT p.id, ` + shiftEnd + ` AS ends FROM patrols p WHERE p.district_id = $1 AND p.id = ANY ($2)`

// ShiftEnds implements dispatch.PatrolStore.
func (s *Store) ShiftEnds(ctx context.Context, patrols []dispatch.PatrolID) (map[dispatch.PatrolID]time.Time, error) {
	rows, err := s.db.Query(ctx, shiftEnds, s.district.UUID, uuids(patrols))
	if err != nil {
		return nil, fault(err)
	}
	out := map[dispatch.PatrolID]time.Time{}
	var id uuid.UUID
	var ends *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &ends}, func() error {
		if ends != nil {
			out[dispatch.PatrolID{UUID: id}] = ends.UTC()
		}
		return nil
	})
	return out, fault(err)
}

// A town lies where its grids do: in the grid whose middle is nearest to the middle of
// all of them, so that a road leads there.
const townsAt = `
WITH RECURSIVE below (town, code) AS (
  SELECT code, code FROM areas WHERE district_id = $1 AND level = 'town'
  UNION ALL
  SELECT b.town, a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = $1
), lies AS (
  SELECT b.town, ST_PointOnSurface(g.geom) AS at FROM grids g
  JOIN grid_versions v ON v.id = g.version_id AND v.state = 'active' AND v.valid @> (SELECT gp_now())
  JOIN below b ON b.code = g.area_code WHERE g.district_id = $1 AND g.kind = 'general'
), midst AS (SELECT town, ST_Centroid(ST_Collect(at)) AS at FROM lies GROUP BY town)
SELECT DISTINCT ON (t.code) t.code, t.name, ST_X(l.at) AS lon, ST_Y(l.at) AS lat
FROM areas t JOIN midst m ON m.town = t.code JOIN lies l ON l.town = t.code
WHERE t.district_id = $1 ORDER BY t.code, ST_Distance(l.at, m.at), ST_X(l.at), ST_Y(l.at)`

// Towns implements dispatch.PatrolStore.
func (s *Store) Towns(ctx context.Context) ([]dispatch.TownAt, error) {
	rows, err := s.db.Query(ctx, townsAt, s.district.UUID)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t dispatch.TownAt, err error) {
		err = row.Scan(&t.Code, &t.Name, &t.At.Lon, &t.At.Lat)
		return t, err
	})
	return out, fault(err)
}

// Who is off duty is free when the next shift begins; who works is free when such work
// is usually done, by what the department's last took, and 40 min where it has none; who
// is about to be sent, so long after it is there. Of a break nobody can know.
//
// What work usually takes is looked up once a department, not for each patrol: all of them
// may be out.
const relief = `
WITH usual AS MATERIALIZED (
  SELECT d.department, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY l.took) FROM (
      SELECT x.ended_at - x.arrived_at AS took FROM assignments x
      WHERE x.district_id = $1 AND x.department = d.department AND x.state = 'done' AND x.arrived_at IS NOT NULL
      ORDER BY x.id DESC LIMIT 50) l) AS took
  FROM (SELECT DISTINCT unnest($2::text[]) AS department) d)
SELECT p.id, p.code, p.name, p.department, p.status,
  CASE WHEN g.id IS NOT NULL THEN (SELECT gp_now()) + make_interval(secs => g.way_s) + coalesce(u.took, interval '40 min')
    WHEN p.status = 'off_duty' THEN
      (SELECT lower(d.during) FROM duties d WHERE d.patrol_id = p.id AND lower(d.during) > (SELECT gp_now()) ORDER BY lower(d.during) LIMIT 1)
    WHEN a.id IS NOT NULL THEN greatest((SELECT gp_now()) + interval '1 min',
      coalesce(a.arrived_at, coalesce(a.offered_at, a.made_at) + make_interval(secs => coalesce(a.eta_s, 600)))
      + coalesce(u.took, interval '40 min'))
  END AS free_at, p.status = 'off_duty' AS known
FROM patrols p JOIN usual u ON u.department = p.department LEFT JOIN assignments a ON a.id = p.claimed_by
LEFT JOIN unnest($3::uuid[], $4::float8[]) AS g (id, way_s) ON g.id = p.id
WHERE p.district_id = $1 AND (p.status <> 'free' OR g.id IS NOT NULL)
ORDER BY free_at NULLS LAST, p.code LIMIT 500`

// Relief implements dispatch.PatrolStore.
func (s *Store) Relief(ctx context.Context, departments []string, going []dispatch.Leaving) (map[string]dispatch.Relief, error) {
	ids, ways := make([]uuid.UUID, len(going)), make([]float64, len(going))
	for i, g := range going {
		ids[i], ways[i] = g.PatrolID.UUID, g.Way.Seconds()
	}
	rows, err := s.db.Query(ctx, relief, s.district.UUID, departments, ids, ways)
	if err != nil {
		return nil, fault(err)
	}
	out := map[string]dispatch.Relief{}
	var o dispatch.Occupied
	var id uuid.UUID
	var department, status string
	_, err = pgx.ForEachRow(rows, []any{&id, &o.Code, &o.Name, &department, &status, &o.FreeAt, &o.Known}, func() error {
		one := o
		one.PatrolID, one.Status, one.FreeAt = dispatch.PatrolID{UUID: id}, dispatch.Status(status), utc(o.FreeAt)
		r := out[department]
		r.Busy = append(r.Busy, one)
		out[department] = r
		return nil
	})
	return out, fault(err)
}

// Somebody of the department came free after it was last looked at. The first look waits
// for the people of its grid; those of every grid would be many.
const shortCases = `
SELECT i.case_id, array_agg(i.department ORDER BY i.department), (SELECT gp_now())
FROM operator_items i JOIN cases c ON c.id = i.case_id
WHERE i.district_id = $1 AND i.settled_at IS NULL AND i.reason <> 'shift_ends' AND c.closed_at IS NULL AND c.dispatch = 'done' AND c.stage <> ALL ($3)
  AND EXISTS (SELECT FROM patrols p WHERE p.district_id = $1 AND p.department = i.department AND p.status = 'free' AND p.status_at > i.looked_at)
GROUP BY i.case_id ORDER BY min(i.made_at) LIMIT $2`

// Short implements dispatch.CaseStore.
func (s *Store) Short(ctx context.Context, but []dispatch.Stage, limit int) ([]dispatch.ShortCase, error) {
	stages := make([]string, len(but))
	for i, stage := range but {
		stages[i] = string(stage)
	}
	rows, err := s.db.Query(ctx, shortCases, s.district.UUID, limit, stages)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c dispatch.ShortCase, err error) {
		err = row.Scan(&c.Case.UUID, &c.Departments, &c.At)
		return c, err
	})
	return out, fault(err)
}

const looked = `
UPDATE operator_items SET looked_at = $3 WHERE case_id = $1 AND department = ANY ($2) AND settled_at IS NULL AND looked_at < $3`

// Looked implements dispatch.CaseStore.
func (s *Store) Looked(ctx context.Context, c dispatch.ShortCase) error {
	_, err := s.db.Exec(ctx, looked, c.Case.UUID, c.Departments, c.At)
	return fault(err)
}
