package pgstore

import "github.com/gridpatrol/gridpatrol/dispatch"

// The queries whose plans are looked at.
const (
	NearPlaces   = nearPlaces
	ReportPoints = reportPoints
)

// Scope is the viewer as the queries take them.
func (s *Store) Scope(v dispatch.Viewer) []any { return s.scope(v) }
