package pgstore

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

var staffTable = upsert{
	what: "staff", fields: []string{"name", "role", "department", "area_code", "phone"},
	before: `SELECT code, name, role, coalesce(department, ''), coalesce(area_code, ''), coalesce(phone, '') FROM staff WHERE district_id = $1`,
	write: `INSERT INTO staff (id, district_id, code, name, role, department, area_code, phone)
VALUES (gen_random_uuid(), $1, $2, $3, $4, nullif($5, ''), nullif($6, ''), nullif($7, ''))
ON CONFLICT (district_id, code) DO UPDATE SET name = excluded.name, role = excluded.role, department = excluded.department,
  area_code = excluded.area_code, phone = excluded.phone`,
}

// A patrol keeps the name it was made with, and its status: an import sends
// nobody off duty. Rows are locked in the order of ids, as everywhere.
const lockListed = `
SELECT id FROM patrols WHERE district_id = $1 AND code = ANY ($2) ORDER BY id FOR NO KEY UPDATE`

func patrolTable(simulated bool) upsert {
	return upsert{
		what: "patrol", fields: []string{"department", "mode", "skills", "area_code", "works_in"},
		before: `SELECT code, department, mode, skills, coalesce(area_code, ''), works_in FROM patrols WHERE district_id = $1`,
		write: fmt.Sprintf(`INSERT INTO patrols (id, district_id, code, name, department, mode, skills, area_code, works_in, simulated)
VALUES (gen_random_uuid(), $1, $2, $2, $3, $4, $5, nullif($6, ''), $7, %t)
ON CONFLICT (district_id, code) DO UPDATE SET department = excluded.department, mode = excluded.mode, skills = excluded.skills,
  area_code = excluded.area_code, works_in = excluded.works_in`, simulated),
	}
}

const namePatrol = `UPDATE patrols SET name = $3 WHERE district_id = $1 AND code = $2 AND name = code AND name <> $3`

const insertDevice = `
INSERT INTO devices (id, district_id, code, simulated) SELECT gen_random_uuid(), $1, unnest($2::text[]), $3
ON CONFLICT (district_id, code) DO NOTHING RETURNING code`

// Staff imports the table of staff: the people, the patrols they form, the devices
// that speak for these, and who has which part in which grid. What ends is closed
// now, what begins is opened now. A device or member that nothing was known of
// counts from the beginning, as fixes that are still on their way belong to it.
func (g *Register) Staff(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	var result roster.Result
	err := g.tx(ctx, o, func(tx pgx.Tx) error {
		k, err := known(ctx, tx)
		if err != nil {
			return err
		}
		people, patrols, refused, err := roster.People(in, k)
		if err != nil {
			return err
		}
		result = roster.NewResult(len(people), refused)
		steps := []func() ([]roster.Change, error){
			func() ([]roster.Change, error) { return writePeople(ctx, tx, people) },
			func() ([]roster.Change, error) { return writePatrols(ctx, tx, patrols, o.Simulated) },
			func() ([]roster.Change, error) { return writeDevices(ctx, tx, people, o.Simulated) },
			func() ([]roster.Change, error) { return bind(ctx, tx, memberBinding, memberPairs(people)) },
			func() ([]roster.Change, error) { return bind(ctx, tx, deviceBinding, devicePairs(people)) },
			func() ([]roster.Change, error) { return bind(ctx, tx, postBinding, postPairs(people)) },
		}
		for _, step := range steps {
			changes, err := step()
			if err != nil {
				return err
			}
			result.Changes = append(result.Changes, changes...)
		}
		return bump(ctx, tx, result.Changes, "roster")
	})
	return result, err
}

func writePeople(ctx context.Context, tx pgx.Tx, people []roster.Staff) ([]roster.Change, error) {
	rows := make([]keyed, len(people))
	for i, s := range people {
		rows[i] = keyed{s.Code, []any{s.Name, s.Role, s.Department, s.Area, s.Phone}}
	}
	return staffTable.run(ctx, tx, rows)
}

func writePatrols(ctx context.Context, tx pgx.Tx, patrols []roster.Patrol, simulated bool) ([]roster.Change, error) {
	rows := make([]keyed, len(patrols))
	codes := make([]string, len(patrols))
	for i, p := range patrols {
		rows[i] = keyed{p.Code, []any{p.Department, p.Mode, p.Skills, p.Area, p.WorksIn}}
		codes[i] = p.Code
	}
	if _, err := tx.Exec(ctx, lockListed, pgdb.District, codes); err != nil {
		return nil, fmt.Errorf("lock patrols: %w", err)
	}
	changes, err := patrolTable(simulated).run(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	for _, p := range patrols {
		if p.Name != p.Code {
			batch.Queue(namePatrol, pgdb.District, p.Code, p.Name)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("name patrols: %w", err)
	}
	return changes, nil
}

func writeDevices(ctx context.Context, tx pgx.Tx, people []roster.Staff, simulated bool) ([]roster.Change, error) {
	var codes []string
	for _, s := range people {
		if s.Device != "" {
			codes = append(codes, s.Device)
		}
	}
	rows, err := tx.Query(ctx, insertDevice, pgdb.District, codes, simulated)
	if err != nil {
		return nil, fmt.Errorf("write devices: %w", err)
	}
	made, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("write devices: %w", err)
	}
	changes := make([]roster.Change, len(made))
	for i, code := range made {
		changes[i] = roster.Change{What: "device", Code: code, Change: roster.Added}
	}
	return changes, nil
}

// binding is a dated relation: a subject (a person, a device) has one target at a
// time, as far as a table says.
type binding struct {
	what string
	// open reads subject, target and part of what is in force.
	open string
	// shut and begin take the ids of subject and target and the part, begin also
	// whether the subject is new.
	shut, begin string
	subjects    string // code and id of all subjects, and whether anything was ever bound
	targets     string // code and id of all targets; empty: targets are codes
}

// ever is before anybody was tracked.
const ever = `timestamptz '2000-01-01 00:00:00Z'`

var memberBinding = binding{
	what: "member",
	open: `SELECT s.code, p.code, '' FROM patrol_members m JOIN staff s ON s.id = m.staff_id JOIN patrols p ON p.id = m.patrol_id
WHERE s.district_id = $1 AND m.valid @> gp_now()`,
	shut: `UPDATE patrol_members SET valid = tstzrange(lower(valid), gp_now()) WHERE staff_id = $1 AND patrol_id = $2 AND $3 = '' AND valid @> gp_now()`,
	begin: `INSERT INTO patrol_members (staff_id, patrol_id, valid)
SELECT $1, $2, tstzrange(CASE WHEN $4 THEN ` + ever + ` ELSE gp_now() END, NULL) WHERE $3 = ''`,
	subjects: `SELECT s.code, s.id, NOT EXISTS (SELECT FROM patrol_members m WHERE m.staff_id = s.id) FROM staff s WHERE s.district_id = $1`,
	targets:  `SELECT code, id FROM patrols WHERE district_id = $1`,
}

var deviceBinding = binding{
	what: "device_binding",
	open: `SELECT d.code, p.code, '' FROM device_bindings b JOIN devices d ON d.id = b.device_id JOIN patrols p ON p.id = b.patrol_id
WHERE d.district_id = $1 AND b.valid @> gp_now()`,
	shut: `UPDATE device_bindings SET valid = tstzrange(lower(valid), gp_now()) WHERE device_id = $1 AND patrol_id = $2 AND $3 = '' AND valid @> gp_now()`,
	begin: `INSERT INTO device_bindings (device_id, patrol_id, valid)
SELECT $1, $2, tstzrange(CASE WHEN $4 THEN ` + ever + ` ELSE gp_now() END, NULL) WHERE $3 = ''`,
	subjects: `SELECT d.code, d.id, NOT EXISTS (SELECT FROM device_bindings b WHERE b.device_id = d.id) FROM devices d WHERE d.district_id = $1`,
	targets:  `SELECT code, id FROM patrols WHERE district_id = $1`,
}

// A post in a grid is held from now on: who had it before is not known.
var postBinding = binding{
	what: "post",
	open: `SELECT s.code, g.grid_code, g.part FROM grid_staff g JOIN staff s ON s.id = g.staff_id
WHERE g.district_id = $1 AND g.valid @> gp_now()`,
	shut: `UPDATE grid_staff SET valid = tstzrange(lower(valid), gp_now()) WHERE staff_id = $1 AND grid_code = $2 AND part = $3 AND valid @> gp_now()`,
	begin: `INSERT INTO grid_staff (district_id, staff_id, grid_code, part, valid)
SELECT district_id, $1, $2, $3, tstzrange(gp_now(), NULL) FROM staff WHERE id = $1 AND $4::boolean IS NOT NULL`,
	subjects: `SELECT code, id, true FROM staff WHERE district_id = $1`,
}

// pair is what a row says of a subject; an empty target ends what there is.
type pair struct{ subject, target, part string }

func memberPairs(people []roster.Staff) []pair {
	out := make([]pair, len(people))
	for i, s := range people {
		out[i] = pair{s.Code, s.Patrol, ""}
	}
	return out
}

func devicePairs(people []roster.Staff) []pair {
	var out []pair
	seen := map[string]bool{}
	for _, s := range people {
		if s.Device != "" && !seen[s.Device] {
			seen[s.Device] = true
			out = append(out, pair{s.Device, s.Patrol, ""})
		}
	}
	return out
}

func postPairs(people []roster.Staff) []pair {
	out := make([]pair, len(people))
	for i, s := range people {
		out[i] = pair{s.Code, s.Grid, s.Part}
	}
	return out
}

// bind closes what a table no longer says and opens what it says anew. A grid
// has one full-time worker, so a new one ends the post of the old one.
func bind(ctx context.Context, tx pgx.Tx, b binding, pairs []pair) ([]roster.Change, error) {
	s, err := readBound(ctx, tx, b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.what, err)
	}
	var changes []roster.Change
	shut, begin := &pgx.Batch{}, &pgx.Batch{}
	end := func(subject string, was pair) {
		changes = append(changes, roster.Change{What: b.what, Code: subject, Change: roster.Closed, Detail: was.words()})
		shut.Queue(b.shut, s.subjects[subject].id, s.target(was.target), was.part)
		s.drop(was)
	}
	for _, want := range pairs {
		kept := false
		for _, was := range append([]pair(nil), s.open[want.subject]...) {
			if was == want {
				kept = true
				continue
			}
			end(want.subject, was)
		}
		if want.target == "" || kept {
			continue
		}
		if other, held := s.workers[want.target]; held && want.part == "worker" {
			end(other, pair{other, want.target, "worker"})
		}
		changes = append(changes, roster.Change{What: b.what, Code: want.subject, Change: roster.Added, Detail: want.words()})
		begin.Queue(b.begin, s.subjects[want.subject].id, s.target(want.target), want.part, s.subjects[want.subject].fresh)
		s.add(want)
	}
	// Everything ends before anything begins, so that two people can change places.
	for _, batch := range []*pgx.Batch{shut, begin} {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return nil, fmt.Errorf("write %s: %w", b.what, err)
		}
	}
	return changes, nil
}

func (p pair) words() string {
	if p.part == "" {
		return p.target
	}
	return p.part + " of " + p.target
}

// bound is what is in force of a binding, kept up while changes are found.
type bound struct {
	open     map[string][]pair
	workers  map[string]string // who is the full-time worker of a grid
	subjects map[string]subject
	targets  map[string]uuid.UUID // nil: targets are codes
}

type subject struct {
	id    uuid.UUID
	fresh bool
}

func (s *bound) add(p pair) {
	s.open[p.subject] = append(s.open[p.subject], p)
	if p.part == "worker" {
		s.workers[p.target] = p.subject
	}
}

func (s *bound) drop(p pair) {
	rest := s.open[p.subject][:0]
	for _, q := range s.open[p.subject] {
		if q != p {
			rest = append(rest, q)
		}
	}
	s.open[p.subject] = rest
	if p.part == "worker" && s.workers[p.target] == p.subject {
		delete(s.workers, p.target)
	}
}

func (s *bound) target(code string) any {
	if s.targets == nil {
		return code
	}
	return s.targets[code]
}

func readBound(ctx context.Context, tx pgx.Tx, b binding) (*bound, error) {
	s := &bound{open: map[string][]pair{}, workers: map[string]string{}, subjects: map[string]subject{}}
	rows, err := tx.Query(ctx, b.open, pgdb.District)
	if err != nil {
		return nil, err
	}
	var p pair
	if _, err := pgx.ForEachRow(rows, []any{&p.subject, &p.target, &p.part}, func() error {
		s.add(p)
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, b.subjects, pgdb.District); err != nil {
		return nil, err
	}
	var code string
	var one subject
	if _, err := pgx.ForEachRow(rows, []any{&code, &one.id, &one.fresh}, func() error {
		s.subjects[code] = one
		return nil
	}); err != nil || b.targets == "" {
		return s, err
	}
	s.targets = map[string]uuid.UUID{}
	if rows, err = tx.Query(ctx, b.targets, pgdb.District); err != nil {
		return nil, err
	}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&code, &id}, func() error {
		s.targets[code] = id
		return nil
	})
	return s, err
}
