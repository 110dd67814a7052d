package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// The queries whose plans are looked at.
const (
	NearPlaces   = nearPlaces
	ReportPoints = reportPoints
	ListDevices  = listDevices
	Relief       = relief
)

// The queries that are put together.
var (
	ListNotices = listNotices
	CountUnseen = countUnseen
)

// Whose is the viewer as the queries of notices take them.
func (s *Store) Whose(v dispatch.Viewer) []any { return s.whose(v) }

// Scope is the viewer as the queries take them.
func (s *Store) Scope(v dispatch.Viewer) []any { return s.scope(v) }

// InThePast runs fn as Past does.
func InThePast(db *pgdb.DB, fn func(pgx.Tx) error) error {
	return Past{DB: db}.readOnly(context.Background(), fn)
}

// LeaseCalls is the look whose plan is looked at.
const LeaseCalls = leaseCalls
