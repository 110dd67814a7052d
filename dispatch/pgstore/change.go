package pgstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// keepPlan has the statements after it in a transaction planned once for whatever they are
// asked with: for those that go by the keys they are given, where making a plan takes
// longer than following it.
const keepPlan = `SET LOCAL plan_cache_mode = force_generic_plan`

// keepPlanHere is keepPlan for a batch that is sent by itself, which is a transaction too:
// there SET LOCAL would warn each time.
const keepPlanHere = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true)`

// lockCase and lockClaimed run as statements of their own: the second sees what
// was committed while the first waited for the case.
const lockCase = `
SELECT ` + caseColumns + ` FROM cases c WHERE c.district_id = $1 AND c.id = $2 FOR NO KEY UPDATE`

const lockClaimed = `
SELECT ` + heldColumns + ` FROM patrols p
WHERE p.district_id = $1
  AND p.id IN (SELECT unnest($3::uuid[]) UNION SELECT patrol_id FROM assignments WHERE case_id = ANY ($2) AND active)
ORDER BY p.id FOR NO KEY UPDATE OF p`

type heldRow struct {
	ID         uuid.UUID  `db:"id"`
	Department string     `db:"department"`
	Status     string     `db:"status"`
	Version    int64      `db:"version"`
	ClaimedBy  *uuid.UUID `db:"claimed_by"`
	Now        time.Time  `db:"now"`
	OnDuty     bool       `db:"on_duty"`
}

func (s *Store) held(r heldRow) dispatch.Held {
	h := dispatch.Held{ID: dispatch.PatrolID{UUID: r.ID}, District: s.district, Department: r.Department,
		Status: dispatch.Status(r.Status), Version: r.Version, OnDuty: r.OnDuty, Now: r.Now.UTC()}
	if r.ClaimedBy != nil {
		h.ClaimedBy.UUID = *r.ClaimedBy
	}
	return h
}

// Change implements dispatch.CaseStore.
func (s *Store) Change(ctx context.Context, id dispatch.CaseID, claims []dispatch.PatrolID, decide func(dispatch.Docket) (dispatch.Turn, error)) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		d, err := s.docket(ctx, tx, id, claims)
		if err != nil {
			return err
		}
		turn, err := decide(d)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, turn)
	})
	return fault(err)
}

// papers are the rows of a docket while they are read.
type papers struct {
	cases       []caseRow
	assignments []assignmentRow
	patrols     []heldRow
	reporters   []reporterRow
	names       []nameRow
	clocks      []clockRow
	missions    []missionRow
	revisits    []revisitRow
	rule        dispatch.CheckRule
	version     int64 // of the calendar
	hooks       int64 // the version of the webhooks
	now         time.Time
}

// queuePapers asks for all of a docket but the case and its patrols, which are locked.
func (s *Store) queuePapers(batch *pgx.Batch, id dispatch.CaseID, p *papers) {
	s.queueOwn(batch, []uuid.UUID{id.UUID}, p)
	s.queueKind(batch, id, p)
	s.queueTime(batch, p)
}

// queueOwn asks for what each of some cases has of its own, without why who was chosen,
// which no turn reads; queueKind for what all of a category share, queueTime for what all
// share.
func (s *Store) queueOwn(batch *pgx.Batch, ids []uuid.UUID, p *papers) {
	batch.Queue(reportersOf, ids).Query(collect(&p.reporters))
	batch.Queue(missionsOf, ids).Query(collect(&p.missions))
	batch.Queue(revisitsOf, ids).Query(collect(&p.revisits))
	batch.Queue(assignmentsOf, ids, false).Query(collect(&p.assignments))
	batch.Queue(clocksOf, ids).Query(collect(&p.clocks))
}

func (s *Store) queueKind(batch *pgx.Batch, id dispatch.CaseID, p *papers) {
	p.rule = dispatch.CheckRule{CheckPercent: defaultCheckPercent}
	batch.Queue(namesFor, s.district.UUID, id.UUID).Query(collect(&p.names))
	batch.Queue(checkRule, s.district.UUID, id.UUID).Query(ruleInto(&p.rule))
}

func (s *Store) queueTime(batch *pgx.Batch, p *papers) {
	batch.Queue(keptVersions, s.district.UUID).QueryRow(func(row pgx.Row) error { return row.Scan(&p.version, &p.hooks) })
	batch.Queue(`SELECT gp_now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&p.now) })
}

func (s *Store) docket(ctx context.Context, tx pgx.Tx, id dispatch.CaseID, claims []dispatch.PatrolID) (dispatch.Docket, error) {
	var p papers
	batch := &pgx.Batch{}
	batch.Queue(keepPlan)
	batch.Queue(lockCase, s.district.UUID, id.UUID).Query(collect(&p.cases))
	batch.Queue(lockClaimed, s.district.UUID, []uuid.UUID{id.UUID}, uuids(claims)).Query(collect(&p.patrols))
	s.queuePapers(batch, id, &p)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return dispatch.Docket{}, fmt.Errorf("lock case %s: %w", id, err)
	}
	if len(p.cases) == 0 {
		return dispatch.Docket{}, missing("case")
	}
	return s.docketFrom(ctx, tx, p)
}

func (s *Store) docketFrom(ctx context.Context, tx pgx.Tx, p papers) (dispatch.Docket, error) {
	d := dispatch.Docket{Patrols: map[dispatch.PatrolID]dispatch.Held{}, Rule: p.rule, Now: p.now.UTC(),
		Reporters: reportersFrom(p.reporters), Names: namesFrom(p.names), Revisits: revisitsFrom(p.revisits)}
	d.Case = s.cases(p.cases, p.assignments, p.clocks)[0]
	d.Case.Mission = missionFrom(p.missions)
	coverOf(&d.Case)
	for _, row := range p.patrols {
		d.Patrols[dispatch.PatrolID{UUID: row.ID}] = s.held(row)
	}
	var err error
	if d.Calendar, err = s.calendar(ctx, tx, p.version); err != nil {
		return d, err
	}
	d.Hooks, err = s.hooks(ctx, tx, p.hooks)
	return d, err
}

const updateCase = `
UPDATE cases SET stage = $2, dispatch = $3, map_id = $4, grid_id = $5, responsible = $6, runner_up = $7, areas = $8, departments = $9,
  called = $10, shortfalls = $11, undo_until = $12, due_at = $13, closed_at = $14, version = $15, flow = $16, covert = $17, commanders = $18, cover = $19
WHERE id = $1 AND version = $15 - 1`

const insertPlan = `
INSERT INTO plans (id, district_id, case_id, state, why, input, output) VALUES ($1, $2, $3, $4, $5, $6, $7)`

const dropProposed = `DELETE FROM assignments WHERE case_id = $1 AND state = 'proposed'`

const updateAssignment = `
UPDATE assignments SET state = $2, reason = $3, leaves_at = $4, offered_at = $5, expires_at = $6, arrived_at = $7, ended_at = $8,
  eta_s = $9, depart_at = $10, arrives_at = $11, in_place_at = $12, shift_ends_at = $13
WHERE id = $1`

const insertAssignment = `
INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, eta_s, road_m, mode, eta_kind,
  fix_age_s, candidates, leaves_at, offered_at, expires_at, arrived_at, people, brings, depart_at, arrives_at, in_place_at, relieves)
VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`

// The compare-and-set of every claim and release.
const movePatrol = `
UPDATE patrols SET status = $3, claimed_by = $4, version = version + 1, status_at = gp_now() WHERE id = $1 AND version = $2`

const disarmSome = `
DELETE FROM deadlines d USING unnest($2::uuid[], $3::text[]) AS x (assignment_id, step)
WHERE d.case_id = $1 AND d.step = x.step AND d.assignment_id IS NOT DISTINCT FROM x.assignment_id`

// A covert case is released whatever became of it.
const disarmAll = `DELETE FROM deadlines WHERE case_id = $1 AND step <> 'release'`

const settleItems = `
UPDATE operator_items SET settled_at = gp_now() WHERE case_id = $1 AND department = ANY ($2) AND settled_at IS NULL AND (reason = 'shift_ends') = $3`

// A department has one item in a case. That somebody is missing says more than that the
// shift of one who is there ends.
const insertItems = `
INSERT INTO operator_items (district_id, case_id, department, reason, looked_at)
SELECT DISTINCT ON (x.department) $1::uuid, $2::uuid, x.department, x.reason, gp_now()
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS x (department, reason, n) ORDER BY x.department, x.n DESC
ON CONFLICT (case_id, department) WHERE settled_at IS NULL DO UPDATE SET looked_at = excluded.looked_at,
  reason = CASE WHEN excluded.reason = 'shift_ends' THEN operator_items.reason ELSE excluded.reason END`

func (s *Store) write(ctx context.Context, tx pgx.Tx, t dispatch.Turn) error {
	batch := &pgx.Batch{}
	if err := s.queueTurns(batch, t); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write case %s: %w", t.Case.Number, err)
	}
	return nil
}

// queueTurns puts whole turns of some cases into a batch. What every turn has, clocks,
// events, notices and announcements, is written in one statement each for all of them:
// where hundreds of clocks climb at one moment, statements are most of the work.
func (s *Store) queueTurns(batch *pgx.Batch, turns ...dispatch.Turn) error {
	var events []dispatch.Event
	var notices []dispatch.Notice
	var tell []dispatch.Announcement
	var news []dispatch.HookNews
	for _, t := range turns {
		if err := s.queueOwnOf(batch, t); err != nil {
			return err
		}
		events, notices, tell = append(events, t.Events...), append(notices, t.Notices...), append(tell, t.Tell...)
		news = append(news, t.News...)
	}
	s.keepClocks(batch, turns...)
	s.prove(batch, events)
	s.notify(batch, notices)
	s.keepNews(batch, news)
	return s.tell(batch, tell)
}

// queueOwnOf puts what one turn alone changes into a batch. The order matters where a
// constraint looks: what ends is written before what begins.
func (s *Store) queueOwnOf(batch *pgx.Batch, t dispatch.Turn) error {
	c := t.Case
	if err := s.writeCase(batch, c); err != nil {
		return err
	}
	if t.Plan != nil {
		p := t.Plan
		batch.Queue(insertPlan, p.ID.UUID, s.district.UUID, c.ID.UUID, p.State, p.Why, p.Input, p.Output)
	}
	if t.DropProposed {
		batch.Queue(dropProposed, c.ID.UUID)
	}
	for _, a := range t.Set {
		batch.Queue(updateAssignment, a.ID.UUID, a.State, a.Reason, a.LeavesAt, a.OfferedAt, a.ExpiresAt, a.ArrivedAt, a.EndedAt,
			a.EtaS, a.DepartAt, a.ArrivesAt, a.InPlaceAt, a.ShiftEndsAt).
			Exec(must("change assignment"))
	}
	for _, a := range t.Add {
		candidates, err := json.Marshal(a.Candidates)
		if err != nil {
			return fmt.Errorf("write candidates: %w", err)
		}
		batch.Queue(insertAssignment, a.ID.UUID, s.district.UUID, c.ID.UUID, a.PatrolID.UUID, a.PlanID.UUID, a.Department, a.Kind, a.Part,
			a.State, a.EtaS, a.RoadM, a.Mode, a.EtaKind, a.FixAgeS, candidates, a.LeavesAt, a.OfferedAt, a.ExpiresAt, a.ArrivedAt,
			max(1, a.People), listed(a.Brings), a.DepartAt, a.ArrivesAt, a.InPlaceAt, orNull(a.Relieves))
	}
	if err := s.keepMission(batch, c); err != nil {
		return err
	}
	moves := slices.Clone(t.Patrols)
	slices.SortStableFunc(moves, func(a, b dispatch.PatrolMove) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	for _, m := range moves {
		batch.Queue(movePatrol, m.ID.UUID, m.Version, m.To, orNull(m.Claim)).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return &dispatch.LostRace{Patrols: []dispatch.PatrolID{m.ID}}
			}
			return nil
		})
	}
	s.disarm(batch, t)
	s.arm(batch, t.Arm)
	s.keepRevisits(batch, t)
	s.keepEvidence(batch, t)
	s.keepEvaluation(batch, t)
	if t.Ruling != nil {
		batch.Queue(insertRuling, uuid.Must(uuid.NewV7()), s.district.UUID, c.ID.UUID, c.Category, c.Lon, c.Lat, t.Ruling.Owner, t.Ruling.From, t.Ruling.Reason, orNull(t.Ruling.By))
	}
	s.note(batch, t)
	if t.Answer != nil {
		batch.Queue(updateKey, s.district.UUID, t.Answer.Scope, t.Answer.Key, t.Answer.Response)
	}
	return nil
}

func (s *Store) writeCase(batch *pgx.Batch, c dispatch.Case) error {
	responsible, err1 := json.Marshal(c.Responsible)
	called, err2 := json.Marshal(c.Departments)
	shortfalls, err3 := json.Marshal(c.Shortfalls)
	var runnerUp []byte
	var err4 error
	if c.RunnerUp != nil {
		runnerUp, err4 = json.Marshal(c.RunnerUp)
	}
	flow, err5 := json.Marshal(c.Flow)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return fmt.Errorf("write case %s: %w", c.Number, err)
	}
	var grid *uuid.UUID
	if c.Responsible.GridID != nil {
		grid = &c.Responsible.GridID.UUID
	}
	areas := c.Scope.Areas
	if areas == nil {
		areas = []string{}
	}
	batch.Queue(updateCase, c.ID.UUID, c.Stage, c.Dispatch, orNull(c.MapID), grid, responsible, runnerUp, areas,
		c.Scope.Departments, called, shortfalls, c.UndoUntil, c.DueAt, c.ClosedAt, c.Version, flow, c.Covert, uuids(c.Commanders), c.Cover).Exec(must("change case"))
	return nil
}

func (s *Store) disarm(batch *pgx.Batch, t dispatch.Turn) {
	if t.DisarmAll {
		batch.Queue(disarmAll, t.Case.ID.UUID)
		return
	}
	if len(t.Disarm) == 0 {
		return
	}
	assignments := make([]*uuid.UUID, len(t.Disarm))
	steps := make([]string, len(t.Disarm))
	for i, d := range t.Disarm {
		assignments[i], steps[i] = orNull(d.Assignment), d.Step
	}
	batch.Queue(disarmSome, t.Case.ID.UUID, assignments, steps)
}

func (s *Store) note(batch *pgx.Batch, t dispatch.Turn) {
	id := t.Case.ID.UUID
	if t.SettleItem != nil {
		batch.Queue(settleItem, id, t.SettleItem.ID, orNull(t.SettleItem.By), t.SettleItem.Note)
	}
	if len(t.Settled) > 0 {
		batch.Queue(settleItems, id, t.Settled, false)
	}
	if len(t.HandedOver) > 0 {
		batch.Queue(settleItems, id, t.HandedOver, true)
	}
	if len(t.Items) > 0 {
		departments := make([]string, len(t.Items))
		reasons := make([]string, len(t.Items))
		for i, item := range t.Items {
			departments[i], reasons[i] = item.Department, string(item.Reason)
		}
		batch.Queue(insertItems, s.district.UUID, id, departments, reasons)
	}
}

const armDeadlines = `
INSERT INTO deadlines (id, district_id, case_id, assignment_id, stage, step, due_at, together, reporter)
SELECT x.id, $1, x.case_id, x.assignment_id, x.stage, x.step, x.due_at, x.together, x.reporter
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::boolean[], $9::uuid[])
  AS x (id, case_id, assignment_id, stage, step, due_at, together, reporter)
ON CONFLICT (case_id, assignment_id, step)
DO UPDATE SET id = excluded.id, stage = excluded.stage, due_at = excluded.due_at, leased_until = NULL, tries = 0,
  together = excluded.together, reporter = excluded.reporter`

func (s *Store) arm(batch *pgx.Batch, deadlines []dispatch.Deadline) {
	if len(deadlines) == 0 {
		return
	}
	n := len(deadlines)
	ids, cases, assignments := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]*uuid.UUID, n)
	stages, steps, due := make([]string, n), make([]string, n), make([]time.Time, n)
	together, reporters := make([]bool, n), make([]*uuid.UUID, n)
	for i, d := range deadlines {
		ids[i], cases[i], assignments[i] = d.ID.UUID, d.Case.UUID, orNull(d.Assignment)
		stages[i], steps[i], due[i] = d.Stage, d.Step, d.DueAt
		together[i], reporters[i] = d.Together, orNull(d.Reporter)
	}
	batch.Queue(armDeadlines, s.district.UUID, ids, cases, assignments, stages, steps, due, together, reporters)
}

func (s *Store) prove(batch *pgx.Batch, events []dispatch.Event) {
	pgproof.Queue(batch, s.district.UUID, events)
}

const insertOutbox = `
INSERT INTO outbox (district_id, body)
SELECT $1, x.body FROM unnest($2::bytea[]) WITH ORDINALITY AS x (body, n) ORDER BY x.n`

func (s *Store) tell(batch *pgx.Batch, what []dispatch.Announcement) error {
	if len(what) == 0 {
		return nil
	}
	bodies := make([][]byte, len(what))
	for i, a := range what {
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write announcement: %w", err)
		}
		bodies[i] = body
	}
	batch.Queue(insertOutbox, s.district.UUID, bodies)
	return nil
}
