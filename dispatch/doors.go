package dispatch

import (
	"context"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"time"
)

var errSoon = &Fault{Kind: Unavailable, Code: "unavailable", Detail: "This part of the service is not connected yet."}

// FileReport makes a report a case and sends who is needed.
func (s *Service) FileReport(ctx context.Context, v Viewer, d ReportDraft) (Filed, error) {
	return Filed{}, errSoon
}

// Reports lists reports within scope, newest first.
func (s *Service) Reports(ctx context.Context, v Viewer, ask PageAsk) (Page[Report], error) {
	return Page[Report]{}, errSoon
}

// Photo answers a photo of a report the viewer may see.
func (s *Service) Photo(ctx context.Context, v Viewer, sha256 [32]byte) (PhotoContent, error) {
	return PhotoContent{}, errSoon
}

// Cases lists cases within scope, newest first.
func (s *Service) Cases(ctx context.Context, v Viewer, f CaseFilter) (Page[Case], error) {
	return Page[Case]{}, errSoon
}

// Case answers one case with its reports and history.
func (s *Service) Case(ctx context.Context, v Viewer, id CaseID) (CaseDetail, error) {
	return CaseDetail{}, errSoon
}

// Choice is the patrol an operator wants for a department.
type Choice struct {
	Department string
	PatrolID   PatrolID
}

// Order is an operator's word to send, as planned or as chosen.
type Order struct {
	Choices []Choice
	Note    string
}

// Dispatch sends patrols. In this and the methods below a version of 0 is not
// compared; any other must be the case's, or the Fault is a Conflict with
// CodeOldVersion.
func (s *Service) Dispatch(ctx context.Context, v Viewer, id CaseID, version int64, o Order) (CaseDetail, error) {
	return CaseDetail{}, errSoon
}

// Undo takes a dispatch back before its offers have left.
func (s *Service) Undo(ctx context.Context, v Viewer, id CaseID, version int64) (CaseDetail, error) {
	return CaseDetail{}, errSoon
}

// CloseCase closes a case.
func (s *Service) CloseCase(ctx context.Context, v Viewer, id CaseID, version int64, reason string) (CaseDetail, error) {
	return CaseDetail{}, errSoon
}

// Answer is what a patrol, or an operator for it, says to an assignment.
func (s *Service) Answer(ctx context.Context, v Viewer, id CaseID, aid AssignmentID, verb Verb, version int64, reason string) (CaseDetail, error) {
	return CaseDetail{}, errSoon
}

// Patrols lists patrols within scope, by code.
func (s *Service) Patrols(ctx context.Context, v Viewer, f PatrolFilter) (Page[Patrol], error) {
	return Page[Patrol]{}, errSoon
}

// Patrol answers one patrol with its people.
func (s *Service) Patrol(ctx context.Context, v Viewer, id PatrolID) (PatrolDetail, error) {
	return PatrolDetail{}, errSoon
}

// SetStatus changes what a patrol is doing, if nobody changed it since version.
func (s *Service) SetStatus(ctx context.Context, v Viewer, id PatrolID, to Status, version int64) (Patrol, error) {
	return Patrol{}, errSoon
}

// SetDuty puts the viewer's own patrol on or off duty.
func (s *Service) SetDuty(ctx context.Context, v Viewer, on bool) (Patrol, error) {
	return Patrol{}, errSoon
}

// LocateAsk is a question for the grid that answers for a place.
type LocateAsk struct {
	Point     geo.Point
	CRS       geo.CRS
	AccuracyM float64
	Category  string
	At        time.Time
}

// Locate answers which grid answers for a place, and how sure that is.
func (s *Service) Locate(ctx context.Context, v Viewer, ask LocateAsk) (Located, error) {
	return Located{}, errSoon
}

// NearestAsk is a question for who would be first at a place.
type NearestAsk struct {
	Point      geo.Point
	CRS        geo.CRS
	Department string
	Limit      int
}

// Nearest answers the free patrols within scope that would be first at a place.
func (s *Service) Nearest(ctx context.Context, v Viewer, ask NearestAsk) ([]Nearest, error) {
	return nil, errSoon
}

// CellCount is how many of something there are in a cell.
type CellCount struct {
	Cell  cell.Cell
	Count int
}

// ReportCells counts the reports within scope that were received in a span of
// time by cell, most first. res is 7 to 9.
func (s *Service) ReportCells(ctx context.Context, v Viewer, res int, from, to time.Time) ([]CellCount, error) {
	return nil, errSoon
}

// PatrolCells counts the patrols within scope by cell, most first.
func (s *Service) PatrolCells(ctx context.Context, v Viewer, res int) ([]CellCount, error) {
	return nil, errSoon
}
