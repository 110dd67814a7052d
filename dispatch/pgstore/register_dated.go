package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

const openCategories = `
SELECT code, name_zh, name_en, lead, joint, optional, urgency, dispatch_mode, coalesce(skill, '')
FROM categories WHERE district_id = $1 AND upper_inf(valid)`

// A row that began at this very moment (a clock moved by hand) is replaced, since
// it was never in force.
const closeCategory = `
WITH never AS (DELETE FROM categories WHERE district_id = $1 AND code = $2 AND lower(valid) >= gp_now())
UPDATE categories SET valid = tstzrange(lower(valid), gp_now())
WHERE district_id = $1 AND code = $2 AND upper_inf(valid) AND (lower_inf(valid) OR lower(valid) < gp_now())`

const openCategory = `
INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, optional, urgency, dispatch_mode, skill, valid)
VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, ''), tstzrange(gp_now(), NULL))`

// Categories imports the table of categories. A changed category is closed and
// opened anew from now on, so that old cases keep the rule they were made under.
func (g *Register) Categories(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.Categories(in)
	if err != nil {
		return roster.Result{}, err
	}
	result := roster.NewResult(len(good), refused)
	err = g.tx(ctx, o, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, openCategories, pgdb.District)
		if err != nil {
			return err
		}
		there := map[string]roster.Category{}
		var c roster.Category
		_, err = pgx.ForEachRow(rows, []any{&c.Code, &c.NameZH, &c.NameEN, &c.Lead, &c.Joint, &c.Optional, &c.Urgency, &c.DispatchMode, &c.Skill}, func() error {
			copied := c
			copied.Joint, copied.Optional = slices.Clone(c.Joint), slices.Clone(c.Optional)
			there[c.Code] = copied
			return nil
		})
		if err != nil {
			return fmt.Errorf("read categories: %w", err)
		}
		names := []string{"name_zh", "name_en", "lead", "joint", "optional", "urgency", "dispatch_mode", "skill"}
		fields := func(c roster.Category) []any {
			return []any{c.NameZH, c.NameEN, c.Lead, c.Joint, c.Optional, c.Urgency, c.DispatchMode, c.Skill}
		}
		batch := &pgx.Batch{}
		for _, c := range good {
			change := roster.Change{What: "category", Code: c.Code, Change: roster.Added}
			if before, known := there[c.Code]; known {
				change.Change, change.Detail = roster.Changed, diff(names, fields(before), fields(c))
				if change.Detail == "" {
					continue
				}
				batch.Queue(closeCategory, pgdb.District, c.Code)
			}
			result.Changes = append(result.Changes, change)
			batch.Queue(openCategory, slices.Concat([]any{pgdb.District, c.Code}, fields(c))...)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write categories: %w", err)
		}
		changes, err := importRules(ctx, tx, good)
		if err != nil {
			return err
		}
		result.Changes = append(result.Changes, changes...)
		return bump(ctx, tx, result.Changes, "categories")
	})
	return result, err
}

// layShifts gives each patrol that the table names its shifts. What is past stays
// as it happened, unless nothing was known of the patrol's duty at all; from now on the table
// replaces the shifts there are, and a duty begun by hand goes before it. Equal
// shifts keep their rows.
const layShifts = `
WITH asked AS (
  SELECT p.id, range_agg(tstzrange(s.since, s.until)) AS during
  FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) s (code, since, until)
  JOIN patrols p ON p.district_id = $1 AND p.code = s.code GROUP BY p.id
), known AS (
  SELECT a.id, a.during AS asked,
    coalesce(range_agg(d.during) FILTER (WHERE d.source = 'shift'), '{}') AS shifts,
    coalesce(range_agg(d.during) FILTER (WHERE d.source = 'manual'), '{}') AS manual
  FROM asked a LEFT JOIN duties d ON d.patrol_id = a.id GROUP BY a.id, a.during
), wanted AS (
  SELECT id, shifts, (shifts * tstzmultirange(tstzrange(NULL, gp_now()))
    + CASE WHEN isempty(shifts) AND isempty(manual) THEN asked ELSE asked * tstzmultirange(tstzrange(gp_now(), NULL)) END)
    - manual AS during FROM known
), gone AS (
  DELETE FROM duties d USING wanted w
  WHERE d.patrol_id = w.id AND d.source = 'shift' AND NOT d.during = ANY (SELECT unnest(w.during))
)
SELECT w.id, lower(part), upper(part) FROM wanted w, unnest(w.during) part
WHERE w.during <> w.shifts AND NOT EXISTS (
  SELECT FROM duties d WHERE d.patrol_id = w.id AND d.source = 'shift' AND d.during = part)`

// The duties of a patrol may not overlap, so what goes is gone before this.
const insertShifts = `INSERT INTO duties (id, patrol_id, during, source)
SELECT gen_random_uuid(), id, tstzrange(since, until), 'shift'
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) s (id, since, until)`

// Shifts imports the table of shifts. Offsets count from the database's present.
func (g *Register) Shifts(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	var result roster.Result
	err := g.tx(ctx, o, func(tx pgx.Tx) error {
		k, err := known(ctx, tx)
		if err != nil {
			return err
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		good, refused, err := roster.Shifts(in, now, k)
		if err != nil {
			return err
		}
		result = roster.NewResult(len(good), refused)
		var codes []string
		var begins, ends []time.Time
		for _, s := range good {
			codes, begins, ends = append(codes, s.Patrol), append(begins, s.From), append(ends, s.Until)
		}
		before, err := shiftCounts(ctx, tx, codes)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, layShifts, pgdb.District, codes, begins, ends)
		if err != nil {
			return fmt.Errorf("lay shifts: %w", err)
		}
		var ids []uuid.UUID
		var id uuid.UUID
		var since, until time.Time
		from, till := []time.Time{}, []time.Time{}
		_, err = pgx.ForEachRow(rows, []any{&id, &since, &until}, func() error {
			ids, from, till = append(ids, id), append(from, since), append(till, until)
			return nil
		})
		if err != nil {
			return fmt.Errorf("lay shifts: %w", err)
		}
		if _, err := tx.Exec(ctx, insertShifts, ids, from, till); err != nil {
			return fmt.Errorf("write shifts: %w", err)
		}
		after, err := shiftCounts(ctx, tx, codes)
		if err != nil {
			return err
		}
		result.Changes = append(result.Changes, shiftChanges(before, after)...)
		return bump(ctx, tx, result.Changes, "roster")
	})
	return result, err
}

// shiftDigest tells the shifts of a patrol apart.
type shiftDigest struct {
	Code   string
	Count  int
	Digest string
}

func shiftCounts(ctx context.Context, tx pgx.Tx, codes []string) (map[string]shiftDigest, error) {
	rows, err := tx.Query(ctx, `SELECT p.code, count(*)::int, md5(string_agg(d.during::text, ',' ORDER BY d.during))
FROM duties d JOIN patrols p ON p.id = d.patrol_id
WHERE p.district_id = $1 AND p.code = ANY ($2) AND d.source = 'shift' GROUP BY p.code`, pgdb.District, codes)
	if err != nil {
		return nil, fmt.Errorf("read shifts: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[shiftDigest])
	if err != nil {
		return nil, fmt.Errorf("read shifts: %w", err)
	}
	out := map[string]shiftDigest{}
	for _, d := range found {
		out[d.Code] = d
	}
	return out, nil
}

func shiftChanges(before, after map[string]shiftDigest) []roster.Change {
	var out []roster.Change
	for code, is := range after {
		was, there := before[code]
		switch {
		case !there:
			out = append(out, roster.Change{What: "shifts", Code: code, Change: roster.Added, Detail: fmt.Sprintf("%d shifts", is.Count)})
		case was.Digest != is.Digest:
			out = append(out, roster.Change{What: "shifts", Code: code, Change: roster.Changed, Detail: fmt.Sprintf("%d shifts -> %d shifts", was.Count, is.Count)})
		}
	}
	slices.SortFunc(out, func(a, b roster.Change) int { return cmp.Compare(a.Code, b.Code) })
	return out
}
