package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// clocksOf is asked beside the case and after its lock, never in the same statement: a
// statement that waited for the lock would read the clocks of before.
const clocksOf = `
SELECT case_id, name, id, rung, unit, span_s, days, since, warn_at, due_at, district_at, next_at, paused, left_s, counted
FROM clocks WHERE case_id = ANY ($1) ORDER BY case_id, name`

type clockRow struct {
	CaseID     uuid.UUID  `db:"case_id"`
	Name       string     `db:"name"`
	ID         uuid.UUID  `db:"id"`
	Rung       string     `db:"rung"`
	Unit       string     `db:"unit"`
	SpanS      float64    `db:"span_s"`
	Days       int        `db:"days"`
	Since      time.Time  `db:"since"`
	WarnAt     time.Time  `db:"warn_at"`
	DueAt      time.Time  `db:"due_at"`
	DistrictAt time.Time  `db:"district_at"`
	NextAt     *time.Time `db:"next_at"`
	Paused     bool       `db:"paused"`
	LeftS      float64    `db:"left_s"`
	Counted    int64      `db:"counted"`
}

func (r clockRow) clock() dispatch.Clock {
	return dispatch.Clock{Name: dispatch.ClockName(r.Name), ID: dispatch.DeadlineID{UUID: r.ID}, Rung: dispatch.Rung(r.Rung), Unit: r.Unit,
		Since: r.Since.UTC(), WarnAt: r.WarnAt.UTC(), DueAt: r.DueAt.UTC(), DistrictAt: r.DistrictAt.UTC(), NextAt: utc(r.NextAt), Paused: r.Paused,
		Limit: dispatch.Limit{Unit: r.Unit, Span: seconds(r.SpanS), Days: r.Days}, Left: seconds(r.LeftS), Counted: r.Counted}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

const setClocks = `
INSERT INTO clocks (case_id, district_id, name, id, rung, unit, span_s, days, since, warn_at, due_at, district_at, next_at, paused, left_s, counted)
SELECT x.case_id, $1, x.name, x.id, x.rung, x.unit, x.span_s, x.days, x.since, x.warn_at, x.due_at, x.district_at, x.next_at, x.paused, x.left_s, x.counted
FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::float8[], $8::int[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
  $12::timestamptz[], $13::timestamptz[], $14::boolean[], $15::float8[], $16::bigint[])
  AS x (case_id, name, id, rung, unit, span_s, days, since, warn_at, due_at, district_at, next_at, paused, left_s, counted)
ON CONFLICT (case_id, name) DO UPDATE SET id = excluded.id, rung = excluded.rung, unit = excluded.unit, span_s = excluded.span_s,
  days = excluded.days, since = excluded.since, warn_at = excluded.warn_at, due_at = excluded.due_at, district_at = excluded.district_at,
  next_at = excluded.next_at, paused = excluded.paused, left_s = excluded.left_s, counted = excluded.counted, leased_until = NULL, tries = 0`

const dropClocks = `
DELETE FROM clocks k USING unnest($1::uuid[], $2::text[]) AS x (case_id, name) WHERE k.case_id = x.case_id AND k.name = x.name`

// keepClocks writes what turns did to the clocks of their cases.
func (s *Store) keepClocks(batch *pgx.Batch, turns ...dispatch.Turn) {
	var gone, cases, ids []uuid.UUID
	var dropped, names, rungs, units []string
	var spans, left []float64
	var days []int
	var since, warn, due, district []time.Time
	var next []*time.Time
	var paused []bool
	var counted []int64
	for _, t := range turns {
		for _, name := range t.DropClocks {
			gone, dropped = append(gone, t.Case.ID.UUID), append(dropped, string(name))
		}
		for _, k := range t.SetClocks {
			cases, names, ids = append(cases, t.Case.ID.UUID), append(names, string(k.Name)), append(ids, k.ID.UUID)
			rungs, units = append(rungs, string(k.Rung)), append(units, k.Limit.Unit)
			spans, days, left = append(spans, k.Limit.Span.Seconds()), append(days, k.Limit.Days), append(left, k.Left.Seconds())
			since, warn, due, district = append(since, k.Since), append(warn, k.WarnAt), append(due, k.DueAt), append(district, k.DistrictAt)
			next, paused, counted = append(next, k.NextAt), append(paused, k.Paused), append(counted, k.Counted)
		}
	}
	if len(gone) > 0 {
		batch.Queue(dropClocks, gone, dropped)
	}
	if len(cases) > 0 {
		batch.Queue(setClocks, s.district.UUID, cases, names, ids, rungs, units, spans, days, since, warn, due, district, next, paused, left, counted)
	}
}

// Clocks whose next rung has come, and those that were counted by a calendar of before,
// taken for a while. A row says by which it was counted, and nobody has to mark it: an edit
// of the calendar beside a step that still counts by the old one loses nothing. Each look
// has a share of its own: a crowd that is due when offices open keeps no urgent clock, an
// edit of the calendar keeps neither, and urgent ones do not keep the rest.
const leaseClocks = `
WITH urgent AS (SELECT case_id, name FROM clocks
  WHERE district_id = $1 AND unit = 'always' AND next_at <= (SELECT gp_now()) AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED),
risen AS (SELECT case_id, name FROM clocks
  WHERE district_id = $1 AND next_at <= (SELECT gp_now()) AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED),
stale AS (SELECT case_id, name FROM clocks
  WHERE district_id = $1 AND unit <> 'always' AND next_at IS NOT NULL AND counted < (SELECT version FROM calendars WHERE district_id = $1)
    AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  ORDER BY counted LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE clocks k SET leased_until = (SELECT gp_now()) + make_interval(secs => $3), tries = k.tries + 1
FROM (SELECT * FROM urgent UNION SELECT * FROM risen UNION SELECT * FROM stale) due
WHERE k.case_id = due.case_id AND k.name = due.name
RETURNING k.case_id, k.name, k.id`

// LeaseClocks takes clocks that are due away from other pollers for the length of the
// lease: at most limit of the urgent, of those that are due first, and of those that are to
// be counted again.
func (s *Store) LeaseClocks(ctx context.Context, limit int, lease time.Duration) ([]dispatch.DueClock, error) {
	rows, err := s.db.Query(ctx, leaseClocks, s.district.UUID, limit, lease.Seconds())
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d dispatch.DueClock, err error) {
		err = row.Scan(&d.Case.UUID, &d.Name, &d.ID.UUID)
		return d, err
	})
	return out, fault(err)
}

const postponeClock = `
UPDATE clocks SET leased_until = gp_now() + ` + nextTry + ` WHERE case_id = $1 AND name = $2 AND id = $3`

// PostponeClock gives a clock whose work went wrong another try: at once after a mishap,
// later each time where it lasts, a minute at most.
func (s *Store) PostponeClock(ctx context.Context, due dispatch.DueClock) error {
	_, err := s.db.Exec(ctx, postponeClock, due.Case.UUID, due.Name, due.ID.UUID)
	return fault(err)
}

const releaseClock = `UPDATE clocks SET leased_until = NULL WHERE case_id = $1 AND name = $2 AND id = $3`

// ReleaseClock implements dispatch.FlowStore.
func (s *Store) ReleaseClock(ctx context.Context, due dispatch.DueClock) error {
	_, err := s.db.Exec(ctx, releaseClock, due.Case.UUID, due.Name, due.ID.UUID)
	return fault(err)
}

const unclocked = `
(SELECT c.id FROM cases c WHERE c.district_id = $1 AND c.closed_at IS NULL AND NOT EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id) LIMIT 200)
UNION ALL
(SELECT k.case_id FROM clocks k JOIN cases c ON c.id = k.case_id WHERE c.district_id = $1 AND c.closed_at IS NOT NULL LIMIT 200)`

// Unclocked implements dispatch.FlowStore.
func (s *Store) Unclocked(ctx context.Context) ([]dispatch.CaseID, error) {
	rows, err := s.db.Query(ctx, unclocked, s.district.UUID)
	if err != nil {
		return nil, fault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id dispatch.CaseID, err error) {
		err = row.Scan(&id.UUID)
		return id, err
	})
	return out, fault(err)
}

// calendarKept is the calendar as this program last read it: every transaction asks for
// its version, the first that sees another one reads it again.
type calendarKept struct {
	version int64
	made    *dispatch.Calendar
}

// keptVersions are those of what this program remembers between transactions: the calendar,
// and the webhooks.
const keptVersions = `
SELECT c.version, coalesce((SELECT b.version FROM webhook_books b WHERE b.district_id = c.district_id), 0) FROM calendars c WHERE c.district_id = $1`

const calendarDays = `SELECT day, kind, name, source FROM calendar_days WHERE district_id = $1 ORDER BY day`

type calendarDayRow struct {
	Day    time.Time `db:"day"`
	Kind   string    `db:"kind"`
	Name   string    `db:"name"`
	Source string    `db:"source"`
}

func (d calendarDayRow) day() dispatch.CalendarDay {
	return dispatch.CalendarDay{Day: dispatch.DayOf(d.Day, time.UTC), Kind: d.Kind, Name: d.Name, Source: d.Source}
}

// InZone implements dispatch.FlowStore.
func (s *Store) InZone(zone *time.Location) {
	s.calMu.Lock()
	defer s.calMu.Unlock()
	s.zone, s.cal = zone, calendarKept{}
}

// calendar answers the calendar of a version, read again where the one that is kept is
// another.
func (s *Store) calendar(ctx context.Context, on reader, version int64) (*dispatch.Calendar, error) {
	s.calMu.Lock()
	kept, zone := s.cal, s.zone
	s.calMu.Unlock()
	if kept.made != nil && kept.version == version {
		return kept.made, nil
	}
	book, err := s.readCalendar(ctx, on)
	if err != nil {
		return nil, err
	}
	made := dispatch.NewCalendar(zone, book)
	s.calMu.Lock()
	defer s.calMu.Unlock()
	if book.Version >= s.cal.version {
		s.cal = calendarKept{version: book.Version, made: made}
	}
	return made, nil
}

func (s *Store) readCalendar(ctx context.Context, on reader) (dispatch.CalendarBook, error) {
	var book dispatch.CalendarBook
	var hours []byte
	var days []calendarDayRow
	batch := &pgx.Batch{}
	batch.Queue(`SELECT version, hours FROM calendars WHERE district_id = $1`, s.district.UUID).
		QueryRow(func(row pgx.Row) error { return row.Scan(&book.Version, &hours) })
	batch.Queue(calendarDays, s.district.UUID).Query(collect(&days))
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return book, fmt.Errorf("read the calendar: %w", err)
	}
	if err := json.Unmarshal(hours, &book.Hours); err != nil {
		return book, fmt.Errorf("read working hours: %w", err)
	}
	book.Days = make([]dispatch.CalendarDay, len(days))
	for i, d := range days {
		book.Days[i] = d.day()
	}
	return book, nil
}

const checkRule = `SELECT check_percent, revisit_days FROM category_rules
WHERE district_id = $1 AND code = (SELECT category FROM cases WHERE id = $2)`

// defaultCheckPercent is how much of what is settled on the spot is checked where the
// category says nothing.
const defaultCheckPercent = dispatch.UsualCheckPercent
