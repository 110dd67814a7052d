package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/jackc/pgx/v5"
)

// Register stores what package roster has read: one transaction a table, good
// rows in, refused rows named. What was imported before and says the same is
// left alone, so that an import can be repeated; what a table does not name is
// left alone too.
type Register struct {
	db *pgdb.DB
}

// NewRegister makes the register of the district that a program serves.
func NewRegister(db *pgdb.DB) *Register { return &Register{db: db} }

// RegisterOptions of an import.
type RegisterOptions struct {
	DryRun    bool    // check and compare, change nothing
	Simulated bool    // new patrols and devices are played by a simulator
	CRS       geo.CRS // of positions whose row names none; empty is WGS-84
}

// errDryRun rolls a transaction back that went well.
var errDryRun = errors.New("dry run")

// Imports wait for each other; services go on working. The lock is no row of
// revisions, as the duty bumps that one while it holds a patrol.
const lockRegister = `SELECT pg_advisory_xact_lock(7203912)`

// tx runs one import.
func (g *Register) tx(ctx context.Context, o RegisterOptions, fn func(pgx.Tx) error) error {
	err := g.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRegister); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		if o.DryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// bump tells running services to read a topic again; last, as others wait for it.
func bump(ctx context.Context, tx pgx.Tx, changes []roster.Change, topics ...string) error {
	if len(changes) == 0 {
		return nil
	}
	if err := recordChanges(ctx, tx, changes); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = ANY ($1)`, topics)
	return err
}

// changesAnEvent bounds what one event of an import names.
const changesAnEvent = 500

// recordChanges writes down what an import changed. What people's fields were and are
// is left to the register: a telephone is personal, and an event stays.
func recordChanges(ctx context.Context, tx pgx.Tx, changes []roster.Change) error {
	var entries []proof.Entry
	for part := range slices.Chunk(changes, changesAnEvent) {
		named := make([]roster.Change, len(part))
		for i, c := range part {
			if named[i] = c; c.What == "staff" || c.What == "area" {
				named[i].Detail = ""
			}
		}
		entries = append(entries, proof.Entry{Kind: "register.changed", Actor: proof.Command, Detail: map[string]any{"changes": named}})
	}
	return pgproof.Record(ctx, tx, entries...)
}

// known reads what rows may refer to.
func known(ctx context.Context, tx pgx.Tx) (roster.Known, error) {
	k := roster.Known{Departments: map[string]bool{}, AreaLevels: map[string]string{},
		Patrols: map[string]roster.KnownPatrol{}, Grids: map[string]bool{}, Named: map[string][]string{}}
	each := func(query string, fn func(a, b, c string)) error {
		rows, err := tx.Query(ctx, query, pgdb.District)
		if err != nil {
			return err
		}
		var a, b, c string
		_, err = pgx.ForEachRow(rows, []any{&a, &b, &c}, func() error {
			fn(a, b, c)
			return nil
		})
		return err
	}
	err := errors.Join(
		each(`SELECT code, '', '' FROM departments WHERE district_id = $1`, func(code, _, _ string) { k.Departments[code] = true }),
		each(`SELECT code, level, name FROM areas WHERE district_id = $1 ORDER BY code`, func(code, level, name string) {
			k.AreaLevels[code], k.Named[name] = level, append(k.Named[name], code)
		}),
		each(`SELECT g.code, g.name, '' FROM grids g JOIN grid_versions v ON v.id = g.version_id
			WHERE g.district_id = $1 AND v.state = 'active' AND v.valid @> (SELECT gp_now()) ORDER BY g.code`, func(code, name, _ string) {
			k.Named[name] = append(k.Named[name], code)
		}),
		each(`SELECT code, department, mode FROM patrols WHERE district_id = $1`, func(code, department, mode string) {
			k.Patrols[code] = roster.KnownPatrol{Department: department, Mode: mode}
		}),
		each(`SELECT p.code, area, '' FROM patrols p, unnest(p.works_in) area WHERE p.district_id = $1 ORDER BY p.code, area`, func(code, area, _ string) {
			p := k.Patrols[code]
			p.WorksIn = append(p.WorksIn, area)
			k.Patrols[code] = p
		}),
		each(`SELECT DISTINCT code, '', '' FROM grids WHERE district_id = $1`, func(code, _, _ string) { k.Grids[code] = true }))
	if err != nil {
		return k, fmt.Errorf("read what the register knows: %w", err)
	}
	return k, nil
}

// diff says in words which fields differ; names, before and after run in step.
func diff(names []string, before, after []any) string {
	var out []string
	for i, name := range names {
		was, is := fmt.Sprint(before[i]), fmt.Sprint(after[i])
		if was != is {
			out = append(out, fmt.Sprintf("%s: %s -> %s", name, was, is))
		}
	}
	return strings.Join(out, ", ")
}

// upsert is the import of a table whose rows are not dated: what is there under a
// code is compared, added or changed.
type upsert struct {
	what   string
	fields []string
	// before reads code and then the fields; its only parameter is the district.
	before string
	// write takes the district, the code and then the fields.
	write string
	// topics to read again.
	topics []string
}

// keyed is a row by its code.
type keyed struct {
	code   string
	values []any
}

func (u upsert) run(ctx context.Context, tx pgx.Tx, rows []keyed) ([]roster.Change, error) {
	there := map[string][]any{}
	found, err := tx.Query(ctx, u.before, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", u.what, err)
	}
	for found.Next() {
		values, err := found.Values()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", u.what, err)
		}
		there[values[0].(string)] = values[1:]
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", u.what, err)
	}
	var changes []roster.Change
	batch := &pgx.Batch{}
	for _, r := range rows {
		before, known := there[r.code]
		change := roster.Change{What: u.what, Code: r.code, Change: roster.Added}
		if known {
			change.Change, change.Detail = roster.Changed, diff(u.fields, before, r.values)
			if change.Detail == "" {
				continue
			}
		}
		changes = append(changes, change)
		batch.Queue(u.write, slices.Concat([]any{pgdb.District, r.code}, r.values)...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", u.what, err)
	}
	return changes, bump(ctx, tx, changes, u.topics...)
}

var departmentTable = upsert{
	what: "department", fields: []string{"name_zh", "name_en"}, topics: []string{"roster"},
	before: `SELECT code, name_zh, name_en FROM departments WHERE district_id = $1`,
	write: `INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, $2, $3, $4)
ON CONFLICT (district_id, code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en`,
}

// Departments imports the table of departments.
func (g *Register) Departments(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.Departments(in)
	if err != nil {
		return roster.Result{}, err
	}
	rows := make([]keyed, len(good))
	for i, d := range good {
		rows[i] = keyed{d.Code, []any{d.NameZH, d.NameEN}}
	}
	result := roster.NewResult(len(good), refused)
	err = g.tx(ctx, o, func(tx pgx.Tx) error {
		changes, err := departmentTable.run(ctx, tx, rows)
		result.Changes = append(result.Changes, changes...)
		return err
	})
	return result, err
}

var areaTable = upsert{
	// The grids topic as well: a map knows the areas above each grid.
	what: "area", fields: []string{"name", "level", "parent_code", "phone"}, topics: []string{"roster", "grids"},
	before: `SELECT code, name, level, coalesce(parent_code, ''), coalesce(phone, '') FROM areas WHERE district_id = $1`,
	write: `INSERT INTO areas (district_id, code, name, level, parent_code, phone) VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''))
ON CONFLICT (district_id, code) DO UPDATE SET name = excluded.name, parent_code = excluded.parent_code, phone = excluded.phone`,
}

const renameDistrict = `UPDATE districts SET code = $2, name_zh = $3, name_en = $3 WHERE id = $1 AND (code, name_zh) <> ($2, $3)`

// Areas imports the tree of areas; the district's own row names the district.
func (g *Register) Areas(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	var result roster.Result
	err := g.tx(ctx, o, func(tx pgx.Tx) error {
		k, err := known(ctx, tx)
		if err != nil {
			return err
		}
		good, refused, err := roster.Areas(in, k)
		if err != nil {
			return err
		}
		phones, err := phonesOf(ctx, tx)
		if err != nil {
			return err
		}
		rows := make([]keyed, len(good))
		for i, a := range good {
			rows[i] = keyed{a.Code, []any{a.Name, a.Level, a.Parent, cmp.Or(a.Phone, phones[a.Code])}}
			if a.Level == "district" {
				if _, err := tx.Exec(ctx, renameDistrict, pgdb.District, a.Code, a.Name); err != nil {
					return fmt.Errorf("name the district: %w", err)
				}
			}
		}
		result = roster.NewResult(len(good), refused)
		changes, err := areaTable.run(ctx, tx, rows)
		result.Changes = append(result.Changes, changes...)
		return err
	})
	return result, err
}

// phonesOf answers the telephones there are: a table without that column, or with
// an empty field, leaves them as they are.
func phonesOf(ctx context.Context, tx pgx.Tx) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT code, phone FROM areas WHERE district_id = $1 AND phone IS NOT NULL`, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("read telephones of areas: %w", err)
	}
	out := map[string]string{}
	var code, phone string
	_, err = pgx.ForEachRow(rows, []any{&code, &phone}, func() error {
		out[code] = phone
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read telephones of areas: %w", err)
	}
	return out, nil
}
