package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// A time that is asked for is $2; at present there is none.
const patrolPeople = `
SELECT s.id, s.code, s.name, s.role, coalesce(nullif(lower(m.valid), '-infinity'), ` + ever + `) AS since,
  nullif(upper(m.valid), 'infinity') AS until, NOT m.valid @> coalesce($2::timestamptz, (SELECT gp_now())) AS planned
FROM patrol_members m JOIN staff s ON s.id = m.staff_id
WHERE m.patrol_id = $1 AND m.valid && tstzrange(coalesce($2, (SELECT gp_now())), NULL) ORDER BY s.code, since`

const patrolOnDuty = `
SELECT coalesce($2::timestamptz, gp_now()),
  EXISTS (SELECT FROM duties WHERE patrol_id = $1 AND during @> coalesce($2, (SELECT gp_now())))`

type memberRow struct {
	ID      uuid.UUID  `db:"id"`
	Code    string     `db:"code"`
	Name    string     `db:"name"`
	Role    string     `db:"role"`
	Since   time.Time  `db:"since"`
	Until   *time.Time `db:"until"`
	Planned bool       `db:"planned"`
}

// peopleRead is the people of a patrol on their way in.
type peopleRead struct {
	rows   []memberRow
	at     time.Time
	onDuty bool
}

func (r *peopleRead) queue(batch *pgx.Batch, id dispatch.PatrolID, at *time.Time) {
	batch.Queue(patrolPeople, id.UUID, at).Query(collect(&r.rows))
	batch.Queue(patrolOnDuty, id.UUID, at).QueryRow(func(row pgx.Row) error { return row.Scan(&r.at, &r.onDuty) })
}

func (r *peopleRead) people() dispatch.PatrolPeople {
	out := dispatch.PatrolPeople{At: r.at.UTC(), OnDuty: r.onDuty, Members: []dispatch.Member{}, Planned: []dispatch.Member{}}
	for _, m := range r.rows {
		member := dispatch.Member{StaffID: dispatch.StaffID{UUID: m.ID}, Code: m.Code, Name: m.Name, Role: m.Role,
			Since: m.Since.UTC(), Until: utcOrNil(m.Until)}
		if m.Planned {
			out.Planned = append(out.Planned, member)
		} else {
			out.Members = append(out.Members, member)
		}
	}
	return out
}

func utcOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// PatrolPeople implements dispatch.PeopleStore.
func (s *Store) PatrolPeople(ctx context.Context, id dispatch.PatrolID, at *time.Time) (dispatch.PatrolPeople, error) {
	var read peopleRead
	batch := &pgx.Batch{}
	read.queue(batch, id, at)
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return dispatch.PatrolPeople{}, fault(err)
	}
	return read.people(), nil
}

// Phones implements dispatch.PeopleStore.
func (s *Store) Phones(ctx context.Context, v dispatch.Viewer, ids []dispatch.StaffID) (map[dispatch.StaffID]string, error) {
	type phoneRow struct {
		ID    uuid.UUID `db:"id"`
		Phone string    `db:"phone"`
	}
	found, err := readAs[phoneRow](ctx, s, v, `SELECT id, phone FROM phones_seen WHERE district_id = $1 AND id = ANY ($2) AND phone IS NOT NULL`,
		orNull(v.District), uuids(ids))
	out := map[dispatch.StaffID]string{}
	for _, r := range found {
		out[dispatch.StaffID{UUID: r.ID}] = r.Phone
	}
	return out, err
}

// below is the area $2 and all below it, for a list that is bounded by an area.
const below = `
WITH RECURSIVE tree (code) AS (
  SELECT code FROM areas WHERE district_id = $1 AND code = $2
  UNION SELECT a.code FROM areas a JOIN tree t ON a.parent_code = t.code AND a.district_id = $1)`

// A list reads the view of what the viewer may see, and the names of patrols wherever
// they belong; a single person, whom a rule looks at afterwards, is read of all.
const personColumns = `s.id, s.code, s.name, s.role, s.department, s.area_code, s.phone, p.id AS patrol_id, coalesce(p.code, '') AS patrol_code,
  coalesce(p.name, '') AS patrol_name, gp_area_path(s.district_id, s.area_code) AS areas, s.grids, s.parts`

const onePerson = `SELECT ` + personColumns + ` FROM people s LEFT JOIN patrols p ON p.id = s.patrol_id WHERE s.district_id = $1 AND s.id = $2`

const listPeople = below + `
SELECT ` + personColumns + ` FROM people_seen s LEFT JOIN patrol_names p ON p.id = s.patrol_id
WHERE s.district_id = $1 AND ($2::text = '' OR s.area_code IN (SELECT code FROM tree)) AND ($3::text = '' OR s.department = $3)
  AND s.code > $4 AND ($5::text = '' OR strpos(lower(s.code || ' ' || s.name || ' ' || coalesce(s.phone, '')), lower($5)) > 0)
ORDER BY s.code LIMIT $6`

type personRow struct {
	ID         uuid.UUID  `db:"id"`
	Code       string     `db:"code"`
	Name       string     `db:"name"`
	Role       string     `db:"role"`
	Department *string    `db:"department"`
	AreaCode   *string    `db:"area_code"`
	Phone      *string    `db:"phone"`
	PatrolID   *uuid.UUID `db:"patrol_id"`
	PatrolCode string     `db:"patrol_code"`
	PatrolName string     `db:"patrol_name"`
	Areas      []string   `db:"areas"`
	Grids      []string   `db:"grids"`
	Parts      []string   `db:"parts"`
}

func (s *Store) person(r personRow) dispatch.Person {
	p := dispatch.Person{ID: dispatch.StaffID{UUID: r.ID}, Code: r.Code, Name: r.Name, Role: r.Role, Department: r.Department,
		AreaCode: r.AreaCode, Phone: r.Phone, Posts: []dispatch.PersonPost{}, Scope: dispatch.Thing{District: s.district, Areas: r.Areas}}
	if r.Department != nil {
		p.Scope.Departments = []string{*r.Department}
	}
	if r.PatrolID != nil {
		p.Patrol = &dispatch.PatrolRef{ID: dispatch.PatrolID{UUID: *r.PatrolID}, Code: r.PatrolCode, Name: r.PatrolName}
	}
	for i, grid := range r.Grids {
		p.Posts = append(p.Posts, dispatch.PersonPost{Grid: grid, Part: r.Parts[i]})
	}
	return p
}

// Person implements dispatch.PeopleStore.
func (s *Store) Person(ctx context.Context, id dispatch.StaffID) (dispatch.Person, error) {
	rows, err := s.db.Query(ctx, onePerson, s.district.UUID, id.UUID)
	if err != nil {
		return dispatch.Person{}, fault(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[personRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.Person{}, missing("staff member")
	}
	return s.person(found), fault(err)
}

// People implements dispatch.PeopleStore.
func (s *Store) People(ctx context.Context, v dispatch.Viewer, f dispatch.PeopleFilter) (dispatch.Page[dispatch.Person], error) {
	after, err := f.After()
	if err != nil {
		return dispatch.Page[dispatch.Person]{}, err
	}
	limit := limitOf(f.PageAsk)
	found, err := readAs[personRow](ctx, s, v, listPeople, orNull(v.District), v.AreaCode, v.Department, after, f.Text, limit+1)
	if err != nil {
		return dispatch.Page[dispatch.Person]{}, err
	}
	out := make([]dispatch.Person, len(found))
	for i, r := range found {
		out[i] = s.person(r)
	}
	return pageOf(out, limit, func(p dispatch.Person) string { return dispatch.CursorAfter(p.Code) }), nil
}

const gridRef = `SELECT g.code, g.name, gp_area_path(g.district_id, g.area_code) FROM grids g JOIN grid_versions v ON v.id = g.version_id
WHERE g.district_id = $1 AND g.id = $2 AND v.state = 'active'`

// Grid implements dispatch.PeopleStore.
func (s *Store) Grid(ctx context.Context, id dispatch.GridID) (dispatch.GridRef, error) {
	g := dispatch.GridRef{ID: id, Scope: dispatch.Thing{District: s.district, Departments: []string{dispatch.GridDepartment}}}
	err := s.db.QueryRow(ctx, gridRef, s.district.UUID, id.UUID).Scan(&g.Code, &g.Name, &g.Scope.Areas)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, missing("grid")
	}
	return g, fault(err)
}

// PatrolOfDuty implements dispatch.PeopleStore.
func (s *Store) PatrolOfDuty(ctx context.Context, id dispatch.DutyID) (patrol dispatch.PatrolID, err error) {
	err = s.db.QueryRow(ctx, `SELECT d.patrol_id FROM duties d JOIN patrols p ON p.id = d.patrol_id WHERE p.district_id = $1 AND d.id = $2`,
		s.district.UUID, id.UUID).Scan(&patrol.UUID)
	if errors.Is(err, pgx.ErrNoRows) {
		return patrol, missing("shift")
	}
	return patrol, fault(err)
}
