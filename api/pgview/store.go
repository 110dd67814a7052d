package pgview

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Store reads. It is safe for concurrent use.
type Store struct{ db *pgdb.DB }

var (
	_ api.Book     = (*Store)(nil)
	_ api.Register = (*Store)(nil)
)

// New makes a Store.
func New(db *pgdb.DB) *Store { return &Store{db: db} }

// readAs reads rows on behalf of a viewer.
func readAs[T any](ctx context.Context, s *Store, v dispatch.Viewer, scan pgx.RowToFunc[T], query string, args ...any) (out []T, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scan)
		return err
	})
	return out, err
}

const departments = `SELECT code, name_zh, name_en FROM departments WHERE district_id = $1 ORDER BY code`

// Departments by code.
func (s *Store) Departments(ctx context.Context, d dispatch.DistrictID) ([]api.Department, error) {
	out, err := readAs(ctx, s, dispatch.Viewer{District: d}, func(row pgx.CollectableRow) (x api.Department, err error) {
		return x, row.Scan(&x.Code, &x.NameZh, &x.NameEn)
	}, departments, d)
	if err != nil {
		return nil, fmt.Errorf("list departments: %w", err)
	}
	return out, nil
}

const categories = `SELECT code, name_zh, name_en, lead, joint, optional, urgency, dispatch_mode FROM categories
WHERE district_id = $1 AND valid @> coalesce($2, gp_now()) ORDER BY code`

// Categories in force at a time, by code.
func (s *Store) Categories(ctx context.Context, d dispatch.DistrictID, at *time.Time) ([]api.Category, error) {
	out, err := readAs(ctx, s, dispatch.Viewer{District: d}, func(row pgx.CollectableRow) (x api.Category, err error) {
		return x, row.Scan(&x.Code, &x.NameZh, &x.NameEn, &x.Lead, &x.Joint, &x.Optional, &x.Urgency, &x.DispatchMode)
	}, categories, d, at)
	if err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	return out, nil
}

const areas = `SELECT code, name, level, parent_code FROM areas WHERE district_id = $1 ORDER BY code`

// Areas by code.
func (s *Store) Areas(ctx context.Context, d dispatch.DistrictID) ([]api.Area, error) {
	out, err := readAs(ctx, s, dispatch.Viewer{District: d}, func(row pgx.CollectableRow) (x api.Area, err error) {
		return x, row.Scan(&x.Code, &x.Name, &x.Level, &x.ParentCode)
	}, areas, d)
	if err != nil {
		return nil, fmt.Errorf("list areas: %w", err)
	}
	return out, nil
}
