package pgstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

const categoryRules = `
SELECT c.code, c.dispatch_mode, c.urgency, c.lead || c.joint || c.optional AS calls, coalesce(r.check_percent, $2)::int AS check_percent, coalesce(r.listed, true) AS listed, coalesce(r.article, '') AS article,
  coalesce(r.same_m, $3) AS same_m, coalesce(r.same_min, $4)::int AS same_min, coalesce(r.same_bits, $5)::int AS same_bits, coalesce(r.same_joins, false) AS same_joins,
  coalesce(r.revisit_days, '{}') AS revisit_days, coalesce(r.covert_hours, 0) AS covert_hours,
  coalesce(r.crews, '[]') AS crews
FROM categories c LEFT JOIN category_rules r ON r.district_id = c.district_id AND r.code = c.code
WHERE c.district_id = $1 AND c.valid @> (SELECT gp_now()) ORDER BY c.code`

type categoryRulesRow struct {
	Code         string          `db:"code"`
	DispatchMode string          `db:"dispatch_mode"`
	Urgency      string          `db:"urgency"`
	Calls        []string        `db:"calls"`
	CheckPercent int             `db:"check_percent"`
	Listed       bool            `db:"listed"`
	Article      string          `db:"article"`
	SameM        float64         `db:"same_m"`
	SameMin      int             `db:"same_min"`
	SameBits     int             `db:"same_bits"`
	SameJoins    bool            `db:"same_joins"`
	RevisitDays  []int           `db:"revisit_days"`
	CovertHours  int             `db:"covert_hours"`
	Crews        []dispatch.Crew `db:"crews"`
}

// CategoryRules implements dispatch.RuleStore.
func (s *Store) CategoryRules(ctx context.Context) ([]dispatch.CategoryRules, error) {
	return readCategoryRules(ctx, s.db, s.district)
}

func readCategoryRules(ctx context.Context, db reader, district dispatch.DistrictID) ([]dispatch.CategoryRules, error) {
	u := dispatch.UsualSame
	rows, err := db.Query(ctx, categoryRules, district.UUID, defaultCheckPercent, u.DistanceM, u.Minutes, u.PhotoBits)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[categoryRulesRow])
	out := make([]dispatch.CategoryRules, len(found))
	for i, r := range found {
		out[i] = dispatch.CategoryRules{Code: r.Code, Mode: dispatch.DispatchMode(r.DispatchMode), Urgency: r.Urgency, Calls: r.Calls, CheckPercent: r.CheckPercent, Listed: r.Listed, Article: r.Article, RevisitDays: r.RevisitDays, CovertHours: r.CovertHours, Crews: r.Crews,
			Same: dispatch.SameRule{DistanceM: r.SameM, Minutes: r.SameMin, PhotoBits: r.SameBits, Joins: r.SameJoins}}
	}
	return out, fault(err)
}

const setCategoryRules = `
INSERT INTO category_rules (district_id, code, check_percent, listed, article, same_m, same_min, same_bits, same_joins, revisit_days, covert_hours, crews)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, 0), coalesce($12::jsonb, '[]') WHERE EXISTS (SELECT FROM categories WHERE district_id = $1 AND code = $2)
ON CONFLICT (district_id, code) DO UPDATE SET check_percent = excluded.check_percent, listed = excluded.listed, article = excluded.article,
  same_m = excluded.same_m, same_min = excluded.same_min, same_bits = excluded.same_bits, same_joins = excluded.same_joins, revisit_days = excluded.revisit_days,
  covert_hours = excluded.covert_hours,
  crews = CASE WHEN $12::jsonb IS NULL THEN category_rules.crews ELSE excluded.crews END`

// SetCategoryRules implements dispatch.RuleStore.
func (s *Store) SetCategoryRules(ctx context.Context, r dispatch.CategoryRules, event func(dispatch.CategoryRules, time.Time) (dispatch.Event, error)) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		if r.Mode != "" || r.Urgency != "" { // an import may be about to open it anew, too; while it works, the calendar is free
			if _, err := tx.Exec(ctx, lockRegister); err != nil {
				return err
			}
		}
		var now time.Time
		if err := tx.QueryRow(ctx, lockCalendar, s.district.UUID).Scan(&now); err != nil { // rules are changed one at a time, too
			return err
		}
		all, err := readCategoryRules(ctx, tx, s.district)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(had dispatch.CategoryRules) bool { return had.Code == r.Code })
		if i < 0 {
			return missing("category")
		}
		if err := writeCategoryRules(ctx, tx, s.district, r); err != nil {
			return err
		}
		is := all[i]
		is.Mode, is.Urgency = cmp.Or(r.Mode, is.Mode), cmp.Or(r.Urgency, is.Urgency)
		if is.Mode != all[i].Mode || is.Urgency != all[i].Urgency {
			if err := reopenCategory(ctx, tx, s.district, is); err != nil {
				return err
			}
		}
		e, err := event(all[i], now.UTC())
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		s.prove(batch, []dispatch.Event{e})
		return tx.SendBatch(ctx, batch).Close()
	})
	return fault(err)
}

const lastOfCategory = `
SELECT name_zh, name_en, lead, joint, optional, coalesce(skill, '') FROM categories
WHERE district_id = $1 AND code = $2 AND valid @> gp_now()`

// reopenCategory closes a category and opens it anew with the mode and urgency of its
// rules, as an import does: what was reported before keeps those it was reported under.
// Whoever calls it holds lockRegister since before those were read.
func reopenCategory(ctx context.Context, tx pgx.Tx, district dispatch.DistrictID, is dispatch.CategoryRules) error {
	var c roster.Category
	err := tx.QueryRow(ctx, lastOfCategory, district.UUID, is.Code).Scan(&c.NameZH, &c.NameEN, &c.Lead, &c.Joint, &c.Optional, &c.Skill)
	if err != nil {
		return fmt.Errorf("read category %s: %w", is.Code, err)
	}
	batch := &pgx.Batch{}
	batch.Queue(closeCategory, district.UUID, is.Code)
	batch.Queue(openCategory, district.UUID, is.Code, c.NameZH, c.NameEN, c.Lead, c.Joint, c.Optional, is.Urgency, is.Mode, c.Skill)
	batch.Queue(`UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = 'categories'`)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("set how category %s is sent, and how urgent it is: %w", is.Code, err)
	}
	return nil
}

func writeCategoryRules(ctx context.Context, tx pgx.Tx, district dispatch.DistrictID, r dispatch.CategoryRules) error {
	var crews []byte
	if r.Crews != nil {
		var err error
		if crews, err = json.Marshal(r.Crews); err != nil {
			return fmt.Errorf("write crews: %w", err)
		}
	}
	tag, err := tx.Exec(ctx, setCategoryRules, district.UUID, r.Code, r.CheckPercent, r.Listed, r.Article,
		r.Same.DistanceM, r.Same.Minutes, r.Same.PhotoBits, r.Same.Joins, r.RevisitDays, r.CovertHours, crews)
	if err != nil {
		return fmt.Errorf("set the rules of category %s: %w", r.Code, err)
	}
	if tag.RowsAffected() == 0 {
		return missing("category")
	}
	return nil
}

// importRules puts what the rows of a table say over the rules there are.
func importRules(ctx context.Context, tx pgx.Tx, rows []roster.Category) ([]roster.Change, error) {
	if !slices.ContainsFunc(rows, func(c roster.Category) bool { return c.Rules != nil }) {
		return nil, nil
	}
	district := dispatch.DistrictID{UUID: pgdb.District}
	there, err := readCategoryRules(ctx, tx, district)
	if err != nil {
		return nil, fmt.Errorf("read the rules of categories: %w", err)
	}
	names := []string{"revisit_days", "crews", "listed", "article", "same_m", "same_min", "same_joins", "covert_hours", "check_percent"}
	fields := func(r dispatch.CategoryRules) []any {
		return []any{r.RevisitDays, crewWords(r.Crews), r.Listed, r.Article, r.Same.DistanceM, r.Same.Minutes, r.Same.Joins, r.CovertHours, r.CheckPercent}
	}
	var out []roster.Change
	for _, c := range rows {
		i := slices.IndexFunc(there, func(r dispatch.CategoryRules) bool { return r.Code == c.Code })
		if c.Rules == nil || i < 0 {
			continue
		}
		is := c.Rules.Over(there[i])
		if detail := diff(names, fields(there[i]), fields(is)); detail != "" {
			if err := writeCategoryRules(ctx, tx, district, is); err != nil {
				return nil, err
			}
			out = append(out, roster.Change{What: "category rules", Code: c.Code, Change: roster.Changed, Detail: detail})
		}
	}
	return out, nil
}

// crewWords writes crews as a table has them.
func crewWords(crews []dispatch.Crew) string {
	words := make([]string, len(crews))
	for i, c := range crews {
		words[i] = strings.Join(append([]string{c.Department + ":" + strconv.Itoa(c.People)}, c.Skills...), "/")
	}
	return strings.Join(words, ";")
}

// nearCases runs in the program's own role, where the index of places serves; what the
// viewer may see of them is asked on their behalf afterwards. A degree is 111 km north
// and at least half of that east in the country; the exact distance decides.
const nearCases = `
SELECT c.id FROM cases c
WHERE c.district_id = $1 AND c.id <> $2 AND c.made_at > $3::timestamptz - make_interval(days => $4)
  AND c.place && ST_Expand(ST_SetSRID(ST_MakePoint($5, $6), 4326), $7::float8 / 50000)
  AND ST_DWithin(c.place::geography, ST_SetSRID(ST_MakePoint($5, $6), 4326)::geography, $7)
ORDER BY c.id DESC LIMIT 100`

const pastCases = `
SELECT c.id, c.number, c.category, c.stage, c.made_at,
  ST_Distance(c.place::geography, ST_SetSRID(ST_MakePoint($8, $9), 4326)::geography) AS distance_m,
  coalesce((SELECT jsonb_agg(jsonb_build_object('department', a.department, 'at', a.arrived_at) ORDER BY a.arrived_at DESC)
    FROM (SELECT department, max(arrived_at) AS arrived_at FROM assignments WHERE case_id = c.id AND kind = 'department' AND arrived_at IS NOT NULL
      GROUP BY department) a), '[]') AS visits,
  EXISTS (SELECT FROM case_links l WHERE (l.case_id = c.id AND l.old_case_id = $12) OR (l.case_id = $12 AND l.old_case_id = c.id)) AS linked
FROM cases c
WHERE ` + visibleCase + ` AND c.id = ANY ($10)
ORDER BY c.id DESC LIMIT $11`

type pastRow struct {
	ID        uuid.UUID          `db:"id"`
	Number    string             `db:"number"`
	Category  string             `db:"category"`
	Stage     string             `db:"stage"`
	MadeAt    time.Time          `db:"made_at"`
	DistanceM float64            `db:"distance_m"`
	Visits    []dispatch.Visited `db:"visits"`
	Linked    bool               `db:"linked"`
}

// Past implements dispatch.RuleStore.
func (s *Store) Past(ctx context.Context, v dispatch.Viewer, c dispatch.Case, withinM float64, days, limit int) ([]dispatch.PastCase, error) {
	rows, err := s.db.Query(ctx, nearCases, s.district.UUID, c.ID.UUID, c.MadeAt, days, c.Lon, c.Lat, withinM)
	if err != nil {
		return nil, fault(err)
	}
	near, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(near) == 0 {
		return nil, fault(err)
	}
	found, err := readAs[pastRow](ctx, s, v, pastCases, append(s.scope(v), c.Lon, c.Lat, near, limit, c.ID.UUID)...)
	out := make([]dispatch.PastCase, len(found))
	for i, r := range found {
		out[i] = dispatch.PastCase{CaseID: dispatch.CaseID{UUID: r.ID}, Number: r.Number, Category: r.Category, Stage: dispatch.Stage(r.Stage),
			MadeAt: r.MadeAt.UTC(), DistanceM: r.DistanceM, Visits: r.Visits, Linked: r.Linked}
	}
	return out, err
}
