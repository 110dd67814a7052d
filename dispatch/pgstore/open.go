package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// The key comes first, so that a twin waits here until its elder is in.
const insertKey = `
INSERT INTO idempotency_keys (district_id, scope, key, body_sha256, report_id, case_id) VALUES ($1, $2, $3, $4, $5, $6)`

const today = `
SELECT x.day, gp_now() AS now, (SELECT base FROM case_days WHERE district_id = $1 AND day = x.day) AS base,
  nextval('case_numbers') AS n
FROM (SELECT (gp_now() AT TIME ZONE $2)::date AS day) x`

// The first report of a day lays its base. Whoever comes second at the same moment
// waits here, finds it laid, and takes their number after it.
const beginDay = `
INSERT INTO case_days (district_id, day, base) VALUES ($1, $2, nextval('case_numbers')) ON CONFLICT DO NOTHING`

const numberOfDay = `
SELECT base, nextval('case_numbers') AS n FROM case_days WHERE district_id = $1 AND day = $2`

const categoryNow = `
SELECT c.code, c.lead, c.joint, c.optional, c.urgency, c.dispatch_mode, coalesce(c.skill, '') AS skill, c.name_zh, c.name_en,
  coalesce(r.listed, true) AS listed, coalesce(r.article, '') AS article, coalesce(r.covert_hours, 0) AS covert_hours
FROM categories c LEFT JOIN category_rules r ON r.district_id = c.district_id AND r.code = c.code
WHERE c.district_id = $1 AND c.code = $2 AND c.valid @> (SELECT gp_now())`

const insertCase = `
INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, accuracy_m, cell, description,
  reporter_account, reporter_device, departments, called, made_at, version, due_at, covert, commanders)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

const insertReport = `
INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, accuracy_m, cell, description,
  reporter_account, reporter_device, observed_at, received_at, simulated, channel)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, nullif($18, ''))`

const insertReportPhoto = `
INSERT INTO report_photos (district_id, report_id, position, sha256) VALUES ($1, $2, $3, $4)`

type ruleRow struct {
	Code         string   `db:"code"`
	Lead         string   `db:"lead"`
	Joint        []string `db:"joint"`
	Optional     []string `db:"optional"`
	Urgency      string   `db:"urgency"`
	DispatchMode string   `db:"dispatch_mode"`
	Skill        string   `db:"skill"`
}

// namedRule is a rule with what people call its category.
type namedRule struct {
	ruleRow
	NameZH      string `db:"name_zh"`
	NameEN      string `db:"name_en"`
	Listed      bool   `db:"listed"`
	Article     string `db:"article"`
	CovertHours int    `db:"covert_hours"`
}

func (r ruleRow) rule() dispatch.CategoryRule {
	return dispatch.CategoryRule{Code: r.Code, Lead: r.Lead, Joint: r.Joint, Optional: r.Optional, Urgency: r.Urgency,
		Mode: dispatch.DispatchMode(r.DispatchMode), Skill: r.Skill}
}

// Open implements dispatch.ReportStore.
func (s *Store) Open(ctx context.Context, o dispatch.Opening, birth func(dispatch.Opened) (dispatch.Birth, error)) (dispatch.Opened, error) {
	var opened dispatch.Opened
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		if opened, err = s.number(ctx, tx, o); err != nil {
			return err
		}
		b, err := birth(opened)
		if err != nil {
			return err
		}
		return s.writeBirth(ctx, tx, o, b, opened.Now)
	})
	return opened, fault(err)
}

func (s *Store) number(ctx context.Context, tx pgx.Tx, o dispatch.Opening) (dispatch.Opened, error) {
	var opened dispatch.Opened
	var rules []namedRule
	batch := &pgx.Batch{}
	if o.Draft.Key != "" {
		batch.Queue(insertKey, s.district.UUID, o.Scope, o.Draft.Key, o.Draft.BodySHA256[:], o.ReportID.UUID, o.CaseID.UUID)
	}
	var day time.Time
	var base *int64 // nil: nobody reported today
	var n, version, hooks int64
	batch.Queue(keptVersions, s.district.UUID).QueryRow(func(row pgx.Row) error { return row.Scan(&version, &hooks) })
	batch.Queue(today, s.district.UUID, o.Zone.String()).QueryRow(func(row pgx.Row) error { return row.Scan(&day, &opened.Now, &base, &n) })
	batch.Queue(categoryNow, s.district.UUID, o.Draft.Category).Query(collect(&rules))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return opened, fmt.Errorf("number a case: %w", err)
	}
	if base == nil {
		if _, err := tx.Exec(ctx, beginDay, s.district.UUID, day); err != nil {
			return opened, fmt.Errorf("begin the day's numbers: %w", err)
		}
		if err := tx.QueryRow(ctx, numberOfDay, s.district.UUID, day).Scan(&base, &n); err != nil {
			return opened, fmt.Errorf("number a case: %w", err)
		}
	}
	var err error
	if opened.Calendar, err = s.calendar(ctx, tx, version); err != nil {
		return opened, err
	}
	opened.Number = fmt.Sprintf("%s-%04d", day.Format("20060102"), n-*base)
	opened.Now = opened.Now.UTC()
	if len(rules) == 0 {
		const detail = "is not in the published list; ask for the categories and choose one of them"
		return opened, &dispatch.Fault{Kind: dispatch.Invalid, Code: "unknown-category",
			Detail: fmt.Sprintf("Category %.10q %s.", o.Draft.Category, detail),
			Fields: []dispatch.FieldFault{{Pointer: "/category", Detail: detail}}}
	}
	if !rules[0].Listed {
		return opened, dispatch.NotListed(rules[0].Code, rules[0].Article)
	}
	opened.Rule = rules[0].rule()
	opened.Rule.CovertHours = rules[0].CovertHours
	opened.Names.Category = dispatch.Words{ZH: rules[0].NameZH, EN: rules[0].NameEN}
	return opened, nil
}

func (s *Store) writeBirth(ctx context.Context, tx pgx.Tx, o dispatch.Opening, b dispatch.Birth, now time.Time) error {
	c := b.Case
	called, err := json.Marshal(c.Departments)
	if err != nil {
		return fmt.Errorf("write departments: %w", err)
	}
	observed := o.Draft.ObservedAt
	if observed.IsZero() {
		observed = now
	}
	crs := o.Draft.CRS
	if crs == "" {
		crs = "wgs84"
	}
	batch := &pgx.Batch{}
	batch.Queue(insertCase, c.ID.UUID, s.district.UUID, c.Number, c.Stage, c.Dispatch, c.Category, c.Urgency, c.Lon, c.Lat, c.AccuracyM,
		o.Cell, c.Description, orNull(o.Account), orNull(o.Device), c.Scope.Departments, called, c.MadeAt, c.Version, c.DueAt, c.Covert, uuids(c.Commanders))
	batch.Queue(insertReport, o.ReportID.UUID, s.district.UUID, c.ID.UUID, c.Category, c.Lon, c.Lat, o.Draft.Sent.Lon, o.Draft.Sent.Lat, crs,
		c.AccuracyM, o.Cell, c.Description, orNull(o.Account), orNull(o.Device), observed, now, o.Simulated, o.Draft.Reporter.Channel)
	if o.Draft.Reporter.Name != "" || o.Draft.Reporter.Phone != "" {
		batch.Queue(insertContact, o.ReportID.UUID, s.district.UUID, o.Draft.Reporter.Name, o.Draft.Reporter.Phone)
	}
	batch.Queue(insertFollowUp, s.district.UUID, o.ReportID.UUID, o.CodeHash[:])
	s.notify(batch, b.Notices)
	for i, p := range o.Draft.Photos {
		s.takePhoto(batch, p)
		batch.Queue(insertReportPhoto, s.district.UUID, o.ReportID.UUID, i, p.SHA256[:])
	}
	plan := dispatch.Deadline{ID: o.PlanDeadline, Case: c.ID, Stage: string(c.Stage), Step: dispatch.StepDispatch, DueAt: now.Add(o.PlanAfter)}
	if b.Window > 0 {
		plan.DueAt, plan.Together, plan.Reporter = now.Add(b.Window), true, b.Reporter
	}
	s.arm(batch, []dispatch.Deadline{plan})
	s.arm(batch, b.Arm)
	s.keepClocks(batch, dispatch.Turn{Case: c, SetClocks: c.Clocks})
	s.prove(batch, b.Events)
	if err := s.tell(batch, b.Tell); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write a new case: %w", err)
	}
	return nil
}

const selectKey = `
SELECT body_sha256, report_id, case_id, response FROM idempotency_keys WHERE district_id = $1 AND scope = $2 AND key = $3`

// KeptAnswer implements dispatch.ReportStore.
func (s *Store) KeptAnswer(ctx context.Context, scope, key string) (dispatch.KeptAnswer, error) {
	var kept dispatch.KeptAnswer
	var hash []byte
	err := s.db.QueryRow(ctx, selectKey, s.district.UUID, scope, key).Scan(&hash, &kept.ReportID.UUID, &kept.CaseID.UUID, &kept.Response)
	if errors.Is(err, pgx.ErrNoRows) {
		return kept, missing("idempotency key")
	}
	copy(kept.BodySHA256[:], hash)
	return kept, fault(err)
}

const updateKey = `
UPDATE idempotency_keys SET response = $4 WHERE district_id = $1 AND scope = $2 AND key = $3 AND response IS NULL`

// A response that is kept makes the code in it good.
const keepAnswer = `
WITH kept AS (` + updateKey + ` RETURNING report_id)
INSERT INTO follow_ups (district_id, report_id, code_hash) SELECT $1, report_id, $5 FROM kept ON CONFLICT DO NOTHING`

// KeepAnswer implements dispatch.ReportStore.
func (s *Store) KeepAnswer(ctx context.Context, scope, key string, response []byte, codeHash [32]byte) error {
	_, err := s.db.Exec(ctx, keepAnswer, s.district.UUID, scope, key, response, codeHash[:])
	return fault(err)
}
