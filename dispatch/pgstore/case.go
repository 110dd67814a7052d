package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/jackc/pgx/v5"
)

const caseColumns = `c.id, c.number, c.stage, c.dispatch, c.category, c.urgency, c.lon, c.lat, c.accuracy_m, c.cell, c.description,
  c.reporter_account, c.reporter_device, c.map_id, c.responsible, c.runner_up, c.areas, c.departments, c.called, c.shortfalls,
  c.undo_until, c.due_at, c.made_at, c.closed_at, c.version, c.flow, c.covert, c.commanders, c.cover,
  coalesce(c.closed_at IS NULL AND c.due_at < (SELECT gp_now()), false) AS overdue`

type caseRow struct {
	ID              uuid.UUID                 `db:"id"`
	Number          string                    `db:"number"`
	Stage           string                    `db:"stage"`
	Dispatch        string                    `db:"dispatch"`
	Category        string                    `db:"category"`
	Urgency         string                    `db:"urgency"`
	Lon             float64                   `db:"lon"`
	Lat             float64                   `db:"lat"`
	AccuracyM       *float64                  `db:"accuracy_m"`
	Cell            int64                     `db:"cell"`
	Description     string                    `db:"description"`
	ReporterAccount *uuid.UUID                `db:"reporter_account"`
	ReporterDevice  *uuid.UUID                `db:"reporter_device"`
	MapID           *uuid.UUID                `db:"map_id"`
	Responsible     dispatch.Responsible      `db:"responsible"`
	RunnerUp        *dispatch.Responsible     `db:"runner_up"`
	Areas           []string                  `db:"areas"`
	Departments     []string                  `db:"departments"`
	Called          []dispatch.CaseDepartment `db:"called"`
	Shortfalls      []dispatch.Shortfall      `db:"shortfalls"`
	UndoUntil       *time.Time                `db:"undo_until"`
	DueAt           *time.Time                `db:"due_at"`
	MadeAt          time.Time                 `db:"made_at"`
	ClosedAt        *time.Time                `db:"closed_at"`
	Version         int64                     `db:"version"`
	Flow            dispatch.Flow             `db:"flow"`
	Overdue         bool                      `db:"overdue"`
	Covert          *dispatch.Covert          `db:"covert"`
	Commanders      []uuid.UUID               `db:"commanders"`
	Cover           *dispatch.CoverMark       `db:"cover"`
}

// assignmentsOf answers the assignments of some cases. Why each was chosen, its
// candidates, is left out where nobody reads it: it is most of the bytes.
const assignmentsOf = `
SELECT a.case_id, a.id, a.kind, a.department, a.patrol_id, p.code, p.name, a.state, a.eta_s, a.road_m, a.mode, a.eta_kind, a.fix_age_s,
  a.offered_at, a.expires_at, a.arrived_at, a.leaves_at, a.ended_at, a.made_at, a.reason, coalesce(a.part, '') AS part, a.plan_id,
  a.people, a.brings, a.depart_at, a.arrives_at, a.in_place_at, a.relieves, a.shift_ends_at,
  CASE WHEN $2 THEN a.candidates ELSE '[]' END AS candidates
FROM assignments a JOIN patrols p ON p.id = a.patrol_id
WHERE a.case_id = ANY ($1) ORDER BY a.id`

// assignmentsSeen asks the same for a viewer, who reads the names of all who are
// sent, and else only of the patrols in their scope.
var assignmentsSeen = strings.Replace(assignmentsOf, "JOIN patrols p", "JOIN patrol_names p", 1)

type assignmentRow struct {
	CaseID     uuid.UUID            `db:"case_id"`
	ID         uuid.UUID            `db:"id"`
	Kind       string               `db:"kind"`
	Department string               `db:"department"`
	PatrolID   uuid.UUID            `db:"patrol_id"`
	Code       string               `db:"code"`
	Name       string               `db:"name"`
	State      string               `db:"state"`
	EtaS       *float64             `db:"eta_s"`
	RoadM      *float64             `db:"road_m"`
	Mode       string               `db:"mode"`
	EtaKind    *string              `db:"eta_kind"`
	FixAgeS    *float64             `db:"fix_age_s"`
	OfferedAt  *time.Time           `db:"offered_at"`
	ExpiresAt  *time.Time           `db:"expires_at"`
	ArrivedAt  *time.Time           `db:"arrived_at"`
	LeavesAt   *time.Time           `db:"leaves_at"`
	EndedAt    *time.Time           `db:"ended_at"`
	MadeAt     time.Time            `db:"made_at"`
	Reason     string               `db:"reason"`
	Part       string               `db:"part"`
	PlanID     uuid.UUID            `db:"plan_id"`
	People     int                  `db:"people"`
	Brings     []string             `db:"brings"`
	DepartAt   *time.Time           `db:"depart_at"`
	ArrivesAt  *time.Time           `db:"arrives_at"`
	InPlaceAt  *time.Time           `db:"in_place_at"`
	Relieves   *uuid.UUID           `db:"relieves"`
	ShiftEnds  *time.Time           `db:"shift_ends_at"`
	Candidates []dispatch.Candidate `db:"candidates"`
}

func (r assignmentRow) assignment() dispatch.Assignment {
	a := dispatch.Assignment{ID: dispatch.AssignmentID{UUID: r.ID}, Kind: r.Kind, Department: r.Department,
		PatrolID: dispatch.PatrolID{UUID: r.PatrolID}, PatrolCode: r.Code, PatrolName: r.Name,
		State: dispatch.AssignmentState(r.State), EtaS: r.EtaS, RoadM: r.RoadM, Mode: dispatch.Mode(r.Mode), EtaKind: r.EtaKind,
		FixAgeS: r.FixAgeS, OfferedAt: utc(r.OfferedAt), ExpiresAt: utc(r.ExpiresAt), ArrivedAt: utc(r.ArrivedAt),
		LeavesAt: utc(r.LeavesAt), EndedAt: utc(r.EndedAt), MadeAt: r.MadeAt.UTC(), Reason: r.Reason, Part: r.Part, PlanID: dispatch.PlanID{UUID: r.PlanID},
		Candidates: r.Candidates, People: r.People, Brings: r.Brings, DepartAt: utc(r.DepartAt), ArrivesAt: utc(r.ArrivesAt), InPlaceAt: utc(r.InPlaceAt), ShiftEndsAt: utc(r.ShiftEnds)}
	if r.Relieves != nil {
		a.Relieves.UUID = *r.Relieves
	}
	return a
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// cases puts rows together.
func (s *Store) cases(rows []caseRow, assignments []assignmentRow, clocks []clockRow) []dispatch.Case {
	out := make([]dispatch.Case, len(rows))
	at := make(map[uuid.UUID]int, len(rows))
	for i, r := range rows {
		at[r.ID] = i
		c := dispatch.Case{ID: dispatch.CaseID{UUID: r.ID}, Number: r.Number, Stage: dispatch.Stage(r.Stage),
			Dispatch: dispatch.DispatchState(r.Dispatch), Cell: cell.Cell(uint64(r.Cell)), Category: r.Category, Urgency: r.Urgency,
			Lon: r.Lon, Lat: r.Lat, AccuracyM: r.AccuracyM, Description: r.Description, MadeAt: r.MadeAt.UTC(),
			DueAt: utc(r.DueAt), Overdue: r.Overdue, ClosedAt: utc(r.ClosedAt), Version: r.Version,
			Responsible: r.Responsible, RunnerUp: r.RunnerUp, Departments: r.Called, Shortfalls: r.Shortfalls,
			Assignments: []dispatch.Assignment{}, Clocks: []dispatch.Clock{}, UndoUntil: utc(r.UndoUntil), Flow: r.Flow,
			Covert: r.Covert, Cover: r.Cover, Commanders: make([]dispatch.AccountID, len(r.Commanders))}
		for j, id := range r.Commanders {
			c.Commanders[j].UUID = id
		}
		c.Scope = dispatch.Thing{District: s.district, Areas: r.Areas, Departments: r.Departments}
		if r.MapID != nil {
			c.MapID.UUID = *r.MapID
		}
		if r.ReporterAccount != nil {
			c.Scope.Reporter.UUID = *r.ReporterAccount
		}
		if r.ReporterDevice != nil {
			c.Scope.ReportedBy.UUID = *r.ReporterDevice
		}
		out[i] = c
	}
	for _, r := range assignments {
		c := &out[at[r.CaseID]]
		a := r.assignment()
		c.Assignments = append(c.Assignments, a)
	}
	for _, r := range clocks {
		c := &out[at[r.CaseID]]
		c.Clocks = append(c.Clocks, r.clock())
	}
	for i := range out {
		out[i].Rescope()
		out[i].Owner = out[i].OwnerOf()
		out[i].OrderClocks()
	}
	return out
}

const selectCase = `
SELECT ` + caseColumns + ` FROM cases c WHERE c.district_id = $1 AND c.id = $2`

const caseID = `SELECT id FROM cases WHERE district_id = $1 AND number = $2`

// Case implements dispatch.CaseStore.
func (s *Store) Case(ctx context.Context, id dispatch.CaseID, number string) (dispatch.Case, error) {
	if id.IsZero() {
		err := s.db.QueryRow(ctx, caseID, s.district.UUID, number).Scan(&id.UUID)
		if errors.Is(err, pgx.ErrNoRows) {
			return dispatch.Case{}, missing("case")
		}
		if err != nil {
			return dispatch.Case{}, fault(err)
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(keepPlanHere)
	answer := s.queueCase(batch, id, assignmentsOf, true)
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return dispatch.Case{}, fault(err)
	}
	return answer()
}

// Detail implements dispatch.CaseStore, in one round trip.
func (s *Store) Detail(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) (dispatch.CaseDetail, error) {
	batch := &pgx.Batch{}
	batch.Queue(keepPlanHere)
	return s.detail(ctx, s.db, batch, id, assignmentsOf, v.ReadsWhy())
}

// DetailSeen implements dispatch.CaseStore.
func (s *Store) DetailSeen(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) (out dispatch.CaseDetail, err error) {
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(keepPlan)
		out, err = s.detail(ctx, tx, batch, id, assignmentsSeen, v.ReadsWhy())
		return err
	})
	return out, fault(err)
}

// detail asks for all of a case behind what is in the batch.
func (s *Store) detail(ctx context.Context, on reader, batch *pgx.Batch, id dispatch.CaseID, assignments string, why bool) (dispatch.CaseDetail, error) {
	var out dispatch.CaseDetail
	var reports []reportRow
	var events []eventRow
	answer := s.queueCase(batch, id, assignments, why)
	batch.Queue(reportsOf, id.UUID).Query(collect(&reports))
	batch.Queue(selectEvents, id.UUID).Query(collect(&events))
	batch.Queue(`SELECT gp_now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&out.Now) })
	err := on.SendBatch(ctx, batch).Close()
	if err != nil {
		return out, fault(err)
	}
	if out.Case, err = answer(); err != nil {
		return out, err
	}
	out.Now = out.Now.UTC()
	out.UndoUntil = out.Case.UndoUntil
	out.Reports = reportsFrom(reports)
	out.Events = make([]dispatch.CaseEvent, len(events))
	for i, r := range events {
		out.Events[i] = dispatch.CaseEvent{ID: r.ID, Kind: r.Kind, At: r.At.UTC(), Actor: r.Actor, Detail: r.Detail, Simulated: r.Simulated}
	}
	return out, nil
}

// queueCase asks for a case and answers it once the batch has run.
func (s *Store) queueCase(batch *pgx.Batch, id dispatch.CaseID, sent string, why bool) func() (dispatch.Case, error) {
	var found []caseRow
	var assignments []assignmentRow
	var clocks []clockRow
	var missions []missionRow
	batch.Queue(selectCase, s.district.UUID, id.UUID).Query(collect(&found))
	batch.Queue(sent, []uuid.UUID{id.UUID}, why).Query(collect(&assignments))
	batch.Queue(clocksOf, []uuid.UUID{id.UUID}).Query(collect(&clocks))
	batch.Queue(missionsOf, []uuid.UUID{id.UUID}).Query(collect(&missions))
	return func() (dispatch.Case, error) {
		if len(found) == 0 {
			return dispatch.Case{}, missing("case")
		}
		c := s.cases(found, assignments, clocks)[0]
		c.Mission = missionFrom(missions)
		coverOf(&c)
		return c, nil
	}
}

func (s *Store) withAssignments(ctx context.Context, on reader, rows []caseRow) ([]dispatch.Case, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	var assignments []assignmentRow
	var clocks []clockRow
	batch := &pgx.Batch{}
	batch.Queue(assignmentsSeen, ids, false).Query(collect(&assignments))
	batch.Queue(clocksOf, ids).Query(collect(&clocks))
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault(err)
	}
	return s.cases(rows, assignments, clocks), nil
}

const listCases = `
SELECT ` + caseColumns + ` FROM cases c
WHERE ` + visibleCase + `
  AND c.id < $8 AND ($9::boolean IS NULL OR (c.closed_at IS NULL) = $9) AND ($10::text = '' OR c.stage = $10)
  AND ($11::text = '' OR $11 = ANY (c.departments)) AND ($12::text = '' OR c.category = $12)
  AND CASE $13::text WHEN '' THEN true
    WHEN 'overdue' THEN EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id AND k.rung IN ('overdue', 'district'))
    WHEN 'warned' THEN EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id AND k.rung = 'warned')
    WHEN 'ruling' THEN c.stage = 'returned' AND (c.flow->>'returns')::int > 1
    WHEN 'approval' THEN c.flow ? 'ask'
    WHEN 'verification' THEN c.stage = 'verifying'
    WHEN 'supervised' THEN EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id AND k.name = 'supervision')
  END
ORDER BY c.id DESC LIMIT $14`

// Cases implements dispatch.CaseStore.
func (s *Store) Cases(ctx context.Context, v dispatch.Viewer, f dispatch.CaseFilter) (dispatch.Page[dispatch.Case], error) {
	var page dispatch.Page[dispatch.Case]
	last, err := before(f.PageAsk)
	if err != nil {
		return page, err
	}
	limit := limitOf(f.PageAsk)
	var cases []dispatch.Case
	err = s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, listCases, append(s.scope(v), last, f.Open, f.Stage, f.Department, f.Category, f.Waiting, limit+1)...)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[caseRow])
		if err != nil {
			return err
		}
		cases, err = s.withAssignments(ctx, tx, found)
		return err
	})
	if err != nil {
		return page, fault(err)
	}
	return pageOf(cases, limit, func(c dispatch.Case) string { return c.ID.String() }), nil
}

// The changes of one case follow each other under its lock, so the order of their
// ids is the order in which they happened.
const selectEvents = `
SELECT id::text AS id, kind, at, body->>'actor' AS actor, body->'detail' AS detail,
  coalesce((body->>'simulated')::boolean, false) AS simulated FROM case_events WHERE case_id = $1 ORDER BY case_events.id`

type eventRow struct {
	ID        string          `db:"id"`
	Kind      string          `db:"kind"`
	At        time.Time       `db:"at"`
	Actor     string          `db:"actor"`
	Detail    json.RawMessage `db:"detail"`
	Simulated bool            `db:"simulated"`
}

const selectPlans = `SELECT id, state, why, input, output, made_at FROM plans WHERE case_id = $1 ORDER BY id`

type planRow struct {
	ID     uuid.UUID `db:"id"`
	State  string    `db:"state"`
	Why    string    `db:"why"`
	Input  []byte    `db:"input"`
	Output []byte    `db:"output"`
	MadeAt time.Time `db:"made_at"`
}

// Plans implements dispatch.CaseStore.
func (s *Store) Plans(ctx context.Context, id dispatch.CaseID) ([]dispatch.PlanRecord, error) {
	rows, err := s.db.Query(ctx, selectPlans, id.UUID)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[planRow])
	if err != nil {
		return nil, fault(err)
	}
	out := make([]dispatch.PlanRecord, len(found))
	for i, r := range found {
		out[i] = dispatch.PlanRecord{ID: dispatch.PlanID{UUID: r.ID}, State: r.State, Why: r.Why, Input: r.Input, Output: r.Output, MadeAt: r.MadeAt.UTC()}
	}
	return out, nil
}

const reportColumns = `
SELECT r.id, r.case_id, c.number AS case_number, c.stage, r.category, r.lon, r.lat, r.sent_lon, r.sent_lat, r.sent_crs, r.accuracy_m, r.cell, r.description,
  r.observed_at, r.received_at, r.simulated,
  coalesce((SELECT jsonb_agg(` + photoJSON + ` ORDER BY rp.position)
    FROM report_photos rp JOIN photos p USING (district_id, sha256) WHERE rp.report_id = r.id), '[]') AS photos,
  ` + evaluationJSON + ` AS evaluation
FROM reports r JOIN cases c ON c.id = r.case_id`

const reportsOf = reportColumns + ` WHERE r.case_id = $1 ORDER BY r.id`

const listReports = reportColumns + ` WHERE ` + visibleCase + ` AND r.id < $8 ORDER BY r.id DESC LIMIT $9`

// One's own reports, whatever became of them; the indexes of who reported find them. The
// case that one was joined to may be hidden, but for its number and its stage. Of a covert
// one not even that is told: the report reads as what it was filed as.
var listOwnReports = strings.NewReplacer("r.case_id, c.number", "c.case_id, c.number", "JOIN cases c ON c.id = r.case_id", "JOIN reports_told c ON c.report_id = r.id").
	Replace(reportColumns) + `
WHERE r.district_id = $1 AND (r.reporter_account = $2 OR r.reporter_device = $3) AND r.id < $4 ORDER BY r.id DESC LIMIT $5`

type reportRow struct {
	ID          uuid.UUID            `db:"id"`
	CaseID      uuid.UUID            `db:"case_id"`
	CaseNumber  string               `db:"case_number"`
	Stage       dispatch.Stage       `db:"stage"`
	Category    string               `db:"category"`
	Lon         float64              `db:"lon"`
	Lat         float64              `db:"lat"`
	SentLon     float64              `db:"sent_lon"`
	SentLat     float64              `db:"sent_lat"`
	SentCRS     string               `db:"sent_crs"`
	AccuracyM   *float64             `db:"accuracy_m"`
	Cell        int64                `db:"cell"`
	Description string               `db:"description"`
	ObservedAt  time.Time            `db:"observed_at"`
	ReceivedAt  time.Time            `db:"received_at"`
	Photos      []dispatch.Photo     `db:"photos"`
	Evaluation  *dispatch.Evaluation `db:"evaluation"`
	Simulated   bool                 `db:"simulated"`
}

func reportsFrom(found []reportRow) []dispatch.Report {
	out := make([]dispatch.Report, len(found))
	for i, r := range found {
		out[i] = dispatch.Report{ID: dispatch.ReportID{UUID: r.ID}, CaseID: dispatch.CaseID{UUID: r.CaseID}, CaseNumber: r.CaseNumber,
			Stage: r.Stage, StageText: dispatch.PlainStage(r.Stage), Category: r.Category,
			Lon: r.Lon, Lat: r.Lat, AccuracyM: r.AccuracyM, Sent: dispatch.Sent{Lon: r.SentLon, Lat: r.SentLat, CRS: geo.CRS(r.SentCRS)},
			Cell: cell.Cell(uint64(r.Cell)), Description: r.Description, ObservedAt: r.ObservedAt.UTC(), ReceivedAt: r.ReceivedAt.UTC(), Photos: r.Photos,
			Evaluation: r.Evaluation, Simulated: r.Simulated}
		out[i].ComparePhotos()
	}
	return out
}

// Reports implements dispatch.ReportStore.
func (s *Store) Reports(ctx context.Context, v dispatch.Viewer, mine bool, ask dispatch.PageAsk) (dispatch.Page[dispatch.Report], error) {
	last, err := before(ask)
	if err != nil {
		return dispatch.Page[dispatch.Report]{}, err
	}
	limit := limitOf(ask)
	query, args := listReports, append(s.scope(v), last, limit+1)
	if mine {
		query, args = listOwnReports, []any{orNull(v.District), orNull(v.Account), orNull(v.Device), last, limit + 1}
	}
	found, err := readAs[reportRow](ctx, s, v, query, args...)
	if err != nil {
		return dispatch.Page[dispatch.Report]{}, err
	}
	return pageOf(reportsFrom(found), limit, func(r dispatch.Report) string { return r.ID.String() }), nil
}

const reportPoints = `
SELECT r.lon, r.lat FROM reports r JOIN cases c ON c.id = r.case_id
WHERE ` + visibleCase + ` AND r.received_at >= $8 AND r.received_at < $9`

// ReportPoints implements dispatch.ReportStore.
func (s *Store) ReportPoints(ctx context.Context, v dispatch.Viewer, from, to time.Time) ([]geo.Point, error) {
	var points []geo.Point
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, reportPoints, append(s.scope(v), from, to)...)
		if err != nil {
			return err
		}
		points, err = pgx.CollectRows(rows, pgx.RowToStructByPos[geo.Point])
		return err
	})
	return points, fault(err)
}

const unarrived = `
SELECT a.case_id, a.id, a.patrol_id FROM assignments a
WHERE a.district_id = $1 AND a.active AND a.state <> 'on_scene' ORDER BY a.id`

type unarrivedRow struct {
	CaseID   uuid.UUID `db:"case_id"`
	ID       uuid.UUID `db:"id"`
	PatrolID uuid.UUID `db:"patrol_id"`
}

// Unarrived implements dispatch.CaseStore.
func (s *Store) Unarrived(ctx context.Context) ([]dispatch.Unarrived, error) {
	rows, err := s.db.Query(ctx, unarrived, s.district.UUID)
	if err != nil {
		return nil, fault(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[unarrivedRow])
	out := make([]dispatch.Unarrived, len(found))
	for i, r := range found {
		out[i] = dispatch.Unarrived{Case: dispatch.CaseID{UUID: r.CaseID}, Assignment: dispatch.AssignmentID{UUID: r.ID}, Patrol: dispatch.PatrolID{UUID: r.PatrolID}}
	}
	return out, fault(err)
}
