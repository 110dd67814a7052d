package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/jackc/pgx/v5"
)

// The rule that is in force, or the last that was: a case outlives its category.
const categoryLast = `
SELECT code, lead, joint, optional, urgency, dispatch_mode, coalesce(skill, '') AS skill,
  coalesce((SELECT r.crews FROM category_rules r WHERE r.district_id = $1 AND r.code = $2), '[]') AS crews FROM categories
WHERE district_id = $1 AND code = $2 ORDER BY valid @> (SELECT gp_now()) DESC, lower(valid) DESC LIMIT 1`

const gridPosts = `
SELECT g.part, g.staff_id, m.patrol_id
FROM grid_staff g JOIN staff s ON s.id = g.staff_id
LEFT JOIN patrol_members m ON m.staff_id = g.staff_id AND m.valid @> (SELECT gp_now())
WHERE g.district_id = $1 AND g.grid_code = $2 AND g.valid @> (SELECT gp_now()) ORDER BY s.code, m.patrol_id`

const townLeaders = `
SELECT id FROM staff WHERE district_id = $1 AND role = 'town_leader' AND area_code = ANY ($2) ORDER BY code`

// Who is in a patrol, how often it was sent lately, and when its shift ends are asked for
// each by its own index: of some two hundred that is less than a look at all. Who was sent
// more often than once in twenty minutes is as loaded as can be. Time is left out of what
// members are found by: the planner would take the slow index that has it.
const dutyPatrols = `
SELECT id, code, name, department, mode, status, skills, works_in,
  (SELECT count(*) FILTER (WHERE m.valid @> (SELECT gp_now())) FROM patrol_members m WHERE m.patrol_id = p.id)::int AS people,
  (SELECT count(*) FROM (SELECT FROM assignments a WHERE a.patrol_id = p.id AND a.made_at > (SELECT gp_now()) - interval '8 h' AND a.state <> 'proposed' LIMIT 24) x)::int AS load,
  CASE WHEN status = 'free' THEN ` + shiftEnd + ` END AS shift_ends
FROM patrols p
WHERE id IN (
  SELECT id FROM patrols WHERE district_id = $1 AND department = ANY ($2) AND status <> 'off_duty'
  UNION SELECT unnest($3::uuid[])
  UNION SELECT m.patrol_id FROM grid_staff g JOIN patrol_members m ON m.staff_id = g.staff_id AND m.valid @> (SELECT gp_now())
    WHERE g.district_id = $1 AND g.grid_code = $4 AND g.valid @> (SELECT gp_now()))
  AND district_id = $1`

// lastRuleRow is a rule with what its departments are to bring.
type lastRuleRow struct {
	ruleRow
	Crews []dispatch.Crew `db:"crews"`
}

type dutyRow struct {
	ID         uuid.UUID  `db:"id"`
	Code       string     `db:"code"`
	Name       string     `db:"name"`
	Department string     `db:"department"`
	Mode       string     `db:"mode"`
	Status     string     `db:"status"`
	Skills     []string   `db:"skills"`
	WorksIn    []string   `db:"works_in"`
	People     int        `db:"people"`
	Load       int        `db:"load"`
	ShiftEnds  *time.Time `db:"shift_ends"`
}

type postRow struct {
	Part     string     `db:"part"`
	StaffID  uuid.UUID  `db:"staff_id"`
	PatrolID *uuid.UUID `db:"patrol_id"`
}

// Duty implements dispatch.PatrolStore.
func (s *Store) Duty(ctx context.Context, ask dispatch.DutyAsk) (dispatch.Duty, error) {
	var duty dispatch.Duty
	var rules []lastRuleRow
	var posts []postRow
	var patrols []dutyRow
	var leaders []uuid.UUID
	batch := &pgx.Batch{}
	batch.Queue(keepPlan)
	batch.Queue(`SELECT gp_now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&duty.Now) })
	batch.Queue(categoryLast, s.district.UUID, ask.Category).Query(collect(&rules))
	batch.Queue(dutyPatrols, s.district.UUID, ask.Departments, uuids(ask.Patrols), ask.GridCode).Query(collect(&patrols))
	if ask.GridCode != "" {
		batch.Queue(gridPosts, s.district.UUID, ask.GridCode).Query(collect(&posts))
	}
	if len(ask.Areas) > 0 {
		batch.Queue(townLeaders, s.district.UUID, ask.Areas).Query(func(rows pgx.Rows) (err error) {
			leaders, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			return err
		})
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	if err != nil {
		return duty, fault(err)
	}
	if len(rules) == 0 {
		return duty, missing("category")
	}
	duty.Now = duty.Now.UTC()
	duty.Rule = rules[0].rule()
	duty.Rule.Crews = rules[0].Crews
	for _, p := range patrols {
		duty.Patrols = append(duty.Patrols, dispatch.DutyPatrol{ID: dispatch.PatrolID{UUID: p.ID}, Code: p.Code, Name: p.Name,
			Department: p.Department, Mode: dispatch.Mode(p.Mode), Status: dispatch.Status(p.Status), Skills: p.Skills,
			WorksIn: p.WorksIn, People: p.People, Load: p.Load, ShiftEnds: utc(p.ShiftEnds)})
	}
	for _, p := range posts {
		post := dispatch.GridPost{Part: p.Part, Staff: dispatch.StaffID{UUID: p.StaffID}}
		if p.PatrolID != nil {
			post.Patrol.UUID = *p.PatrolID
		}
		duty.Posts = append(duty.Posts, post)
	}
	for _, id := range leaders {
		duty.Leaders = append(duty.Leaders, dispatch.StaffID{UUID: id})
	}
	return duty, nil
}

const patrolColumns = `p.id, p.code, p.name, p.department, p.mode, p.skills, p.status, p.area_code, p.simulated, p.version`

type patrolRow struct {
	ID         uuid.UUID `db:"id"`
	Code       string    `db:"code"`
	Name       string    `db:"name"`
	Department string    `db:"department"`
	Mode       string    `db:"mode"`
	Skills     []string  `db:"skills"`
	Status     string    `db:"status"`
	AreaCode   *string   `db:"area_code"`
	Simulated  bool      `db:"simulated"`
	Version    int64     `db:"version"`
}

func (r patrolRow) patrol() dispatch.Patrol {
	return dispatch.Patrol{ID: dispatch.PatrolID{UUID: r.ID}, Code: r.Code, Name: r.Name, Department: r.Department,
		Mode: dispatch.Mode(r.Mode), Skills: r.Skills, Status: dispatch.Status(r.Status), Presence: dispatch.Lost,
		AreaCode: r.AreaCode, Simulated: r.Simulated, Version: r.Version}
}

// visiblePatrol is dispatch.Visible for the patrol p, in SQL. Its parameters are
// those of visibleCase; accounts and devices own no patrol.
const visiblePatrol = `p.district_id = $1 AND $2::uuid IS NOT DISTINCT FROM $2 AND $3::uuid IS NOT DISTINCT FROM $3 AND (
    p.id = $4::uuid
    OR ($5::int > 0 AND ($7::text = '' OR p.department = $7) AND ($6::text = '' OR p.area_code IN (
      WITH RECURSIVE tree (code) AS (
        SELECT code FROM areas WHERE district_id = $1 AND code = $6
        UNION SELECT a.code FROM areas a JOIN tree t ON a.parent_code = t.code AND a.district_id = $1)
      SELECT code FROM tree))))`

const listPatrols = `
SELECT ` + patrolColumns + ` FROM patrols p
WHERE ` + visiblePatrol + ` AND p.code > $8 AND ($9::text = '' OR p.department = $9) AND ($10::text = '' OR $10 = CASE WHEN p.id = ANY ($12::uuid[]) AND p.status <> 'off_duty' THEN 'assigned' ELSE p.status END)
ORDER BY p.code LIMIT $11`

// Patrols implements dispatch.PatrolStore.
func (s *Store) Patrols(ctx context.Context, v dispatch.Viewer, f dispatch.PatrolFilter) (dispatch.Page[dispatch.Patrol], error) {
	after, err := f.After()
	if err != nil {
		return dispatch.Page[dispatch.Patrol]{}, err
	}
	limit := limitOf(f.PageAsk)
	found, err := s.patrols(ctx, v, listPatrols, append(s.scope(v), after, f.Department, f.Status, limit+1, uuids(f.Veiled))...)
	if err != nil {
		return dispatch.Page[dispatch.Patrol]{}, err
	}
	return pageOf(found, limit, func(p dispatch.Patrol) string { return dispatch.CursorAfter(p.Code) }), nil
}

const positioned = `
SELECT ` + patrolColumns + ` FROM patrols p
WHERE ` + visiblePatrol + ` AND ($8::uuid[] IS NULL OR p.id = ANY ($8))`

// Positioned implements dispatch.PatrolStore.
func (s *Store) Positioned(ctx context.Context, v dispatch.Viewer, ids []dispatch.PatrolID) ([]dispatch.Patrol, error) {
	var wanted []uuid.UUID
	if ids != nil {
		wanted = uuids(ids)
	}
	return s.patrols(ctx, v, positioned, append(s.scope(v), wanted)...)
}

func (s *Store) patrols(ctx context.Context, v dispatch.Viewer, query string, args ...any) ([]dispatch.Patrol, error) {
	found, err := readAs[patrolRow](ctx, s, v, query, args...)
	if err != nil {
		return nil, err
	}
	out := make([]dispatch.Patrol, len(found))
	for i, r := range found {
		out[i] = r.patrol()
	}
	return out, nil
}

const selectPatrol = `SELECT ` + patrolColumns + ` FROM patrols p WHERE p.district_id = $1 AND p.id = $2`

const patrolNow = `
SELECT p.claimed_by, a.case_id, gp_area_path(p.district_id, p.area_code)
FROM patrols p LEFT JOIN assignments a ON a.id = p.claimed_by WHERE p.id = $1`

// Patrol implements dispatch.PatrolStore.
func (s *Store) Patrol(ctx context.Context, id dispatch.PatrolID) (dispatch.PatrolDetail, error) {
	return s.patrol(ctx, s.db, id)
}

// PatrolSeen implements dispatch.PatrolStore.
func (s *Store) PatrolSeen(ctx context.Context, v dispatch.Viewer, id dispatch.PatrolID) (out dispatch.PatrolDetail, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		out, err = s.patrol(ctx, tx, id)
		return err
	})
	return out, fault(err)
}

func (s *Store) patrol(ctx context.Context, on reader, id dispatch.PatrolID) (dispatch.PatrolDetail, error) {
	var out dispatch.PatrolDetail
	var found []patrolRow
	var people peopleRead
	var assignment, of *uuid.UUID
	var areas []string
	batch := &pgx.Batch{}
	batch.Queue(selectPatrol, s.district.UUID, id.UUID).Query(collect(&found))
	batch.Queue(patrolNow, id.UUID).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&assignment, &of, &areas)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	people.queue(batch, id, nil)
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return out, fault(err)
	}
	if len(found) == 0 {
		return out, missing("patrol")
	}
	out.Patrol = found[0].patrol()
	out.Scope = dispatch.Thing{District: s.district, Areas: areas, Departments: []string{out.Department}, Patrols: []dispatch.PatrolID{out.ID}}
	if assignment != nil && of != nil {
		out.AssignmentID, out.CaseID = &dispatch.AssignmentID{UUID: *assignment}, &dispatch.CaseID{UUID: *of}
	}
	then := people.people()
	out.Members, out.Planned, out.OnDuty, out.PeopleAt = then.Members, then.Planned, then.OnDuty, then.At
	return out, nil
}

// heldColumns asks for the duty of one patrol at a time. EXISTS would be made a hash
// of everybody's duties, which is what shiftsDue wants and a claim does not.
const heldColumns = `p.id, p.department, p.status, p.version, p.claimed_by, (SELECT gp_now()) AS now,
  coalesce((SELECT true FROM duties d WHERE d.patrol_id = p.id AND d.during @> (SELECT gp_now()) LIMIT 1), false) AS on_duty`

const lockPatrol = `
SELECT ` + heldColumns + ` FROM patrols p WHERE p.district_id = $1 AND p.id = $2 FOR NO KEY UPDATE OF p`

// ChangePatrol implements dispatch.PatrolStore.
func (s *Store) ChangePatrol(ctx context.Context, id dispatch.PatrolID, decide func(dispatch.Held) (dispatch.PatrolTurn, error)) error {
	return fault(s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, lockPatrol, s.district.UUID, id.UUID)
		if err != nil {
			return err
		}
		found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[heldRow])
		if errors.Is(err, pgx.ErrNoRows) {
			return missing("patrol")
		}
		if err != nil {
			return fmt.Errorf("lock patrol %s: %w", id, err)
		}
		turn, err := decide(s.held(found))
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		if err := s.queuePatrolTurn(batch, turn); err != nil {
			return err
		}
		return tx.SendBatch(ctx, batch).Close()
	}))
}

// A duty that would end before it has begun is no duty.
const dropEmptyDuty = `DELETE FROM duties WHERE patrol_id = $1 AND lower(during) = gp_now()`

const endDuty = `
UPDATE duties SET during = tstzrange(lower(during), gp_now()) WHERE patrol_id = $1 AND during @> (SELECT gp_now())`

// A duty begun by hand lasts 12 h, or until the next shift begins.
const beginDuty = `
INSERT INTO duties (id, patrol_id, during, source)
SELECT $2, $1, tstzrange(gp_now(), least(gp_now() + interval '12 h',
  (SELECT min(lower(during)) FROM duties WHERE patrol_id = $1 AND lower(during) > gp_now()))), 'manual'
WHERE NOT EXISTS (SELECT FROM duties WHERE patrol_id = $1 AND during @> (SELECT gp_now()))`

const bumpRoster = `UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = 'roster'`

func (s *Store) queuePatrolTurn(batch *pgx.Batch, t dispatch.PatrolTurn) error {
	id := t.Move.ID.UUID
	batch.Queue(movePatrol, id, t.Move.Version, t.Move.To, orNull(t.Move.Claim)).Exec(must("change patrol"))
	switch t.Duty {
	case dispatch.DutyEnds:
		batch.Queue(dropEmptyDuty, id)
		batch.Queue(endDuty, id)
	case dispatch.DutyBegins:
		batch.Queue(beginDuty, id, uuid.Must(uuid.NewV7()))
	}
	s.prove(batch, t.Events)
	if err := s.tell(batch, t.Tell); err != nil {
		return err
	}
	if t.Duty != dispatch.DutyStays {
		batch.Queue(bumpRoster) // last: everybody's lock is held shortest
	}
	return nil
}

// Patrols that somebody is just changing are left for the next tick.
const shiftsDue = `
SELECT ` + heldColumns + ` FROM patrols p
WHERE p.district_id = $1 AND p.claimed_by IS NULL
  AND (p.status = 'off_duty') = EXISTS (SELECT FROM duties d WHERE d.patrol_id = p.id AND d.during @> (SELECT gp_now()))
ORDER BY p.id LIMIT $2 FOR NO KEY UPDATE OF p SKIP LOCKED`

// shiftsAtOnce bounds one transaction; the rest follows with the next tick.
const shiftsAtOnce = 500

// Shifts implements dispatch.PatrolStore.
func (s *Store) Shifts(ctx context.Context, decide func(dispatch.Held, dispatch.Status) (dispatch.PatrolTurn, error)) (int, error) {
	n := 0
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, shiftsDue, s.district.UUID, shiftsAtOnce)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[heldRow])
		if err != nil || len(found) == 0 {
			return err
		}
		batch := &pgx.Batch{}
		for _, r := range found {
			to := dispatch.OffDuty
			if r.OnDuty {
				to = dispatch.Free
			}
			turn, err := decide(s.held(r), to)
			if err != nil {
				return err
			}
			if err := s.queuePatrolTurn(batch, turn); err != nil {
				return err
			}
		}
		n = len(found)
		return tx.SendBatch(ctx, batch).Close()
	})
	return n, fault(err)
}
