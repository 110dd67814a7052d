package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/dispatch/whatif"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Past reads what happened, for whatif. It writes nothing: its transactions refuse to.
type Past struct {
	DB *pgdb.DB
	// Simulated takes reports and patrols in that a program plays.
	Simulated bool
}

// pastReports: patrols are wanted from the report on where the category is dispatched at
// once, else from when an operator first sent.
const pastReports = `
SELECT * FROM (
  SELECT c.id, c.number, c.category, c.urgency = 'urgent' AS urgent, c.lon, c.lat, c.called,
    coalesce((SELECT t.code FROM areas t WHERE t.district_id = c.district_id AND t.code = ANY (c.areas) AND t.level = 'town' LIMIT 1), '') AS town,
    CASE WHEN (SELECT k.dispatch_mode FROM categories k WHERE k.district_id = c.district_id AND k.code = c.category AND k.valid @> c.made_at LIMIT 1) = 'auto'
      THEN c.made_at
      ELSE (SELECT min(a.made_at) FROM assignments a WHERE a.case_id = c.id AND a.kind = 'department' AND a.state <> 'proposed') END AS at
  FROM cases c
  WHERE c.district_id = $1 AND c.stage NOT IN ('void', 'self_handled') AND c.made_at < $3 AND c.made_at >= $2::timestamptz - interval '15 days'
    AND ($4 OR NOT EXISTS (SELECT FROM reports r WHERE r.case_id = c.id AND r.simulated))) x
WHERE at >= $2 AND at < $3 ORDER BY at, number LIMIT $5`

// pastArrivals are the first to arrive of each department.
const pastArrivals = `
SELECT DISTINCT ON (case_id, department) case_id, department, arrived_at, offered_at, eta_s,
  CASE WHEN state = 'done' THEN ended_at END AS ended_at
FROM assignments WHERE case_id = ANY ($1) AND kind = 'department' AND arrived_at IS NOT NULL
ORDER BY case_id, department, arrived_at, id`

const pastDuties = `
SELECT p.id, p.code, p.department, p.mode, greatest(lower(d.during), $2::timestamptz) AS since, least(upper(d.during), $3::timestamptz) AS until
FROM duties d JOIN patrols p ON p.id = d.patrol_id
WHERE p.district_id = $1 AND d.during && tstzrange($2, $3) AND p.department <> 'grid' AND ($4 OR NOT p.simulated)
ORDER BY p.code, lower(d.during)`

type pastReport struct {
	ID       uuid.UUID `db:"id"`
	Number   string    `db:"number"`
	Category string    `db:"category"`
	Urgent   bool      `db:"urgent"`
	Lon      float64   `db:"lon"`
	Lat      float64   `db:"lat"`
	Called   []byte    `db:"called"`
	Town     string    `db:"town"`
	At       time.Time `db:"at"`
}

type pastArrival struct {
	CaseID     uuid.UUID  `db:"case_id"`
	Department string     `db:"department"`
	ArrivedAt  time.Time  `db:"arrived_at"`
	OfferedAt  *time.Time `db:"offered_at"`
	EtaS       *float64   `db:"eta_s"`
	EndedAt    *time.Time `db:"ended_at"`
}

// readOnly runs fn in a transaction that sees one moment and may not write.
func (p Past) readOnly(ctx context.Context, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, p.DB.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

// Reports implements whatif.Past. What is settled locally calls no department and is
// not there.
func (p Past) Reports(ctx context.Context, from, to time.Time) ([]whatif.Report, error) {
	var found []pastReport
	var arrivals []pastArrival
	err := p.readOnly(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, pastReports, pgdb.District, from, to, p.Simulated, whatif.MostReports+1)
		if err != nil {
			return err
		}
		if found, err = pgx.CollectRows(rows, pgx.RowToStructByName[pastReport]); err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(found))
		for i, r := range found {
			ids[i] = r.ID
		}
		if rows, err = tx.Query(ctx, pastArrivals, ids); err != nil {
			return err
		}
		arrivals, err = pgx.CollectRows(rows, pgx.RowToStructByName[pastArrival])
		return err
	})
	if err != nil {
		return nil, fault(err)
	}
	type part struct {
		id         uuid.UUID
		department string
	}
	came := make(map[part]pastArrival, len(arrivals))
	for _, a := range arrivals {
		came[part{a.CaseID, a.Department}] = a
	}
	var out []whatif.Report
	for _, r := range found {
		var called []dispatch.CaseDepartment
		if err := json.Unmarshal(r.Called, &called); err != nil {
			return nil, fmt.Errorf("read who case %s called: %w", r.Number, err)
		}
		report := whatif.Report{Case: dispatch.CaseID{UUID: r.ID}, Number: r.Number, Category: r.Category, Urgent: r.Urgent,
			Place: geo.Point{Lon: r.Lon, Lat: r.Lat}, Town: r.Town, At: r.At.UTC()}
		for _, d := range called {
			if dispatch.SettledLocally(d.Code) || d.Code == dispatch.GridDepartment {
				continue
			}
			done := whatif.Part{Department: d.Code}
			if a, ok := came[part{r.ID, d.Code}]; ok {
				done.ArrivedS = between(r.At, &a.ArrivedAt)
				done.StayS = between(a.ArrivedAt, a.EndedAt)
				if a.OfferedAt != nil && a.EtaS != nil {
					late := a.ArrivedAt.Sub(*a.OfferedAt).Seconds() - *a.EtaS
					done.LateS = &late
				}
			}
			report.Parts = append(report.Parts, done)
		}
		if len(report.Parts) > 0 {
			out = append(out, report)
		}
	}
	return out, nil
}

// between is how many seconds lie between two times, nil where one is unknown.
func between(from time.Time, to *time.Time) *float64 {
	if to == nil {
		return nil
	}
	s := max(0, to.Sub(from).Seconds())
	return &s
}

// OnDuty implements whatif.Past.
func (p Past) OnDuty(ctx context.Context, from, to time.Time) ([]whatif.Patrol, error) {
	var out []whatif.Patrol
	err := p.readOnly(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, pastDuties, pgdb.District, from, to, p.Simulated)
		if err != nil {
			return err
		}
		var patrol whatif.Patrol
		var mode string
		var duty dispatch.Span
		_, err = pgx.ForEachRow(rows, []any{&patrol.ID.UUID, &patrol.Code, &patrol.Department, &mode, &duty.From, &duty.Until}, func() error {
			var err error
			if patrol.Mode, err = road.ParseMode(mode); err != nil {
				return fmt.Errorf("patrol %s: %w", patrol.Code, err)
			}
			duty.From, duty.Until = duty.From.UTC(), duty.Until.UTC()
			if n := len(out); n > 0 && out[n-1].ID == patrol.ID {
				out[n-1].Duty = append(out[n-1].Duty, duty)
				return nil
			}
			next := patrol
			next.Duty = []dispatch.Span{duty}
			out = append(out, next)
			return nil
		})
		return err
	})
	return out, fault(err)
}

// Known is what the register holds, for a roster that is to be tried out.
func (p Past) Known(ctx context.Context) (k roster.Known, err error) {
	err = p.readOnly(ctx, func(tx pgx.Tx) error {
		k, err = known(ctx, tx)
		return err
	})
	return k, fault(err)
}
