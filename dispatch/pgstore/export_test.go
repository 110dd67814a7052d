package pgstore

import "github.com/gridpatrol/gridpatrol/dispatch"

// The queries whose plans are looked at.
const (
	NearPlaces   = nearPlaces
	ReportPoints = reportPoints
	ListDevices  = listDevices
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
