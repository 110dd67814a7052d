// Package pgstore keeps the domain in PostgreSQL: every SQL statement of the
// duty, and no decision. It implements dispatch.Store.
//
// Each query is a constant beside its method. What one decision writes goes out
// in one batch, so that a dispatch costs few round trips. Time is gp_now()
// throughout. Locks are taken in the order that package dispatch names.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Store keeps one district. It is safe for concurrent use.
type Store struct {
	db       *pgdb.DB
	district dispatch.DistrictID
	calMu    sync.Mutex   // guards cal and zone
	cal      calendarKept // as this program last read it
	zone     *time.Location
	hookMu   sync.Mutex // guards hooked
	hooked   hooksKept
}

var _ dispatch.Store = (*Store)(nil)

// New makes a store of the district that a program serves.
func New(db *pgdb.DB) *Store {
	return &Store{db: db, district: dispatch.DistrictID{UUID: pgdb.District}, zone: time.UTC}
}

// The SQLSTATEs that mean something to a caller.
const (
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateQueryCanceled = "57014"
	stateAdminShutdown = "57P01"
)

// fault turns what the database says into a kind, by SQLSTATE and constraint.
// Anything else comes back as it is.
func fault(err error) error {
	if err == nil {
		return nil
	}
	if pgdb.Violated(err, "idempotency_keys_pkey") {
		return dispatch.KeyUsed()
	}
	if pgdb.Violated(err, "assignments_one_active") {
		// The backstop: somebody claimed without a compare-and-set. Plan again.
		return &dispatch.LostRace{}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case stateSerialization, stateDeadlock, stateQueryCanceled, stateAdminShutdown:
			return &dispatch.Fault{Kind: dispatch.Unavailable, Code: "unavailable", Detail: "The database is busy; try again.", Err: err}
		}
	}
	return err
}

func missing(what string) error {
	return &dispatch.Fault{Kind: dispatch.NotFound, Code: "not-found", Detail: "There is no such " + what + " within your scope."}
}

// orNull is a parameter that is NULL where an identifier names nothing.
func orNull[K any](id dispatch.ID[K]) *uuid.UUID {
	if id.IsZero() {
		return nil
	}
	return &id.UUID
}

func uuids[K any](ids []dispatch.ID[K]) []uuid.UUID {
	out := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		out[i] = id.UUID
	}
	return out
}

// reader is where a question is asked: of the district, or on behalf of a viewer.
type reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// readAs reads rows on behalf of a viewer. The query's own condition is what the
// plan goes by; the tables' policies are behind it.
func readAs[T any](ctx context.Context, s *Store, v dispatch.Viewer, query string, args ...any) (found []T, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
	return found, fault(err)
}

// readKept is readAs for a question that goes by a key (keepPlan).
func readKept[T any](ctx context.Context, s *Store, v dispatch.Viewer, query string, args ...any) (found []T, err error) {
	batch := &pgx.Batch{}
	batch.Queue(keepPlan)
	batch.Queue(query, args...).Query(collect(&found))
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	return found, fault(err)
}

// scope is the viewer as parameters $1 to $7 of the queries that end in
// visibleCase.
func (s *Store) scope(v dispatch.Viewer) []any {
	return []any{orNull(v.District), orNull(v.Account), orNull(v.Device), orNull(v.Patrol), breadth(v), v.AreaCode, v.Department}
}

// visibleCase is dispatch.Visible for the case c, in SQL; a test holds the two
// against each other.
const visibleCase = `c.district_id = $1 AND (
    ($5::int > 0 AND ($6::text = '' OR $6 = ANY (c.areas)) AND ($7::text = '' OR $7 = ANY (c.departments)))
    OR c.reporter_account = $2::uuid OR c.reporter_device = $3::uuid OR $2::uuid = ANY (c.commanders)
    OR EXISTS (SELECT FROM assignments own WHERE own.case_id = c.id AND own.patrol_id = $4::uuid
               AND own.state IN ('offered', 'accepted', 'en_route', 'on_scene', 'done')))
  AND (c.covert IS NULL OR $2::uuid = ANY (c.commanders)
    OR ($5::int > 1 AND ($6::text = '' OR $6 = ANY (c.areas)) AND ($7::text = '' OR $7 = ANY (c.departments)))
    OR EXISTS (SELECT FROM assignments own WHERE own.case_id = c.id AND own.patrol_id = $4::uuid
               AND own.state IN ('offered', 'accepted', 'en_route', 'on_scene', 'done')))`

// breadth is how much a viewer sees: 0 their own work, 1 their scope, 2 what is covert
// in it as well.
func breadth(v dispatch.Viewer) int {
	switch {
	case v.OwnWorkOnly():
		return 0
	case dispatch.May(v, dispatch.ActSeeCovert):
		return 2
	}
	return 1
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

func limitOf(ask dispatch.PageAsk) int {
	if ask.Limit <= 0 {
		return defaultLimit
	}
	return min(ask.Limit, maxLimit)
}

// before reads a cursor of a list that runs from the newest id down.
func before(ask dispatch.PageAsk) (uuid.UUID, error) {
	if ask.Cursor == "" {
		return uuid.Max, nil
	}
	id, err := uuid.Parse(ask.Cursor)
	if err != nil {
		return uuid.UUID{}, dispatch.BadCursor()
	}
	return id, nil
}

// pageOf cuts a list that was read with one row too many.
func pageOf[T any](rows []T, limit int, cursor func(T) string) dispatch.Page[T] {
	page := dispatch.Page[T]{Items: rows}
	if len(rows) > limit {
		page.Items = rows[:limit]
		next := cursor(page.Items[limit-1])
		page.NextCursor = &next
	}
	if page.Items == nil {
		page.Items = []T{}
	}
	return page
}

// collect is a batch callback that gathers rows into out.
func collect[T any](out *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		got, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
		*out = got
		return err
	}
}

// must is a batch callback for a statement that touches exactly one row.
func must(what string) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("%s: %s rows", what, strconv.FormatInt(tag.RowsAffected(), 10))
		}
		return nil
	}
}
