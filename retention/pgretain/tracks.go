package pgretain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/retention"
)

// day is a partition of tracks and what was done to it.
type day struct {
	Part  string
	Day   time.Time
	State *string
	Every *int
	Held  *int64
}

const listDays = `SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC', d.state, d.every_s, d.held
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
LEFT JOIN track_days d ON d.district_id = $1 AND d.day = to_date(right(c.relname, 8), 'YYYYMMDD')
WHERE i.inhparent = 'tracks'::regclass AND c.relname ~ '^tracks_[0-9]{8}$' ORDER BY 1`

// hold is a patrol's time on a case that is open, or was closed no longer ago than fixes
// are kept: its fixes stay. Who asks whether somebody was there asks after the case, and it
// may have been open for a year.
type hold struct {
	patrol      uuid.UUID
	from, until time.Time
}

// A patrol's time begins when it was chosen and ends when its part did.
const listHolds = `SELECT a.patrol_id, a.made_at, a.ended_at FROM assignments a JOIN cases k ON k.id = a.case_id
WHERE (k.closed_at IS NULL OR k.closed_at >= gp_now() - make_interval(days => $3)) AND a.state <> 'proposed' AND a.made_at < $2 AND coalesce(a.ended_at, 'infinity') >= $1`

// A day is over when its last moment is.
const dayIsOver = `SELECT $1::timestamptz + interval '1 day' <= gp_now() - make_interval(days => $2)`

func (r *run) tracks(ctx context.Context, p retention.Policy) {
	rows, err := r.conn.Query(ctx, listDays, pgdb.District)
	if err != nil {
		r.failed("tracks", err)
		return
	}
	days, err := pgx.CollectRows(rows, pgx.RowToStructByPos[day])
	if err != nil {
		r.failed("tracks", err)
		return
	}
	for _, d := range days {
		if ctx.Err() != nil {
			return
		}
		d.Day = d.Day.UTC()
		r.failed(d.Part, r.oneDay(ctx, d, p))
	}
}

func (r *run) oneDay(ctx context.Context, d day, p retention.Policy) error {
	over := func(days *int) (yes bool, err error) {
		if days == nil {
			return false, nil
		}
		return yes, r.conn.QueryRow(ctx, dayIsOver, d.Day, *days).Scan(&yes)
	}
	drop, err := over(p.KeepDays)
	if err != nil {
		return err
	}
	thin, err := over(p.ThinAfterDays)
	if err != nil || (!drop && !thin) {
		return err
	}
	after := p.ThinAfterDays
	if drop {
		after = p.KeepDays
	}
	holds, err := r.holds(ctx, d.Day, *after)
	if err != nil {
		return err
	}
	switch {
	case drop && len(holds) == 0:
		return r.dropDay(ctx, d)
	case drop && d.State != nil && *d.State == "reduced" && *d.Held > 0:
		// Nothing but what is held is left; it goes when the last case has been closed for as long.
		return nil
	case drop:
		return r.rewriteDay(ctx, d, "reduced", 0, holds)
	case d.State != nil && d.Every != nil && *d.Every >= *p.ThinEveryS && (*d.Held == 0 || len(holds) > 0):
		return nil
	}
	return r.rewriteDay(ctx, d, "thinned", *p.ThinEveryS, holds)
}

// holds are those of a day, of cases that were not closed for so many days.
func (r *run) holds(ctx context.Context, from time.Time, days int) ([]hold, error) {
	rows, err := r.conn.Query(ctx, listHolds, from, from.AddDate(0, 0, 1), days)
	if err != nil {
		return nil, fmt.Errorf("look for cases that hold tracks: %w", err)
	}
	never := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h hold, err error) {
		var until *time.Time
		err = row.Scan(&h.patrol, &h.from, &until)
		h.until = never
		if until != nil {
			h.until = *until
		}
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for open cases: %w", err)
	}
	return found, nil
}

// The exchange of a day for another table, or for none.
const (
	dayStats = `SELECT count(*), min(t), max(t), pg_total_relation_size($1::text::regclass) FROM %s`
	markDay  = `INSERT INTO track_days (district_id, day, state, every_s, fixes_were, fixes_are, held) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (district_id, day) DO UPDATE SET state = excluded.state, every_s = excluded.every_s, fixes_are = excluded.fixes_are, held = excluded.held, at = gp_now()`
)

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func (r *run) dayStats(ctx context.Context, table string) (rows, bytes int64, from, until *time.Time, err error) {
	err = r.conn.QueryRow(ctx, fmt.Sprintf(dayStats, ident(table)), "public."+ident(table)).Scan(&rows, &from, &until, &bytes)
	return rows, bytes, from, until, err
}

func (r *run) dropDay(ctx context.Context, d day) error {
	began := time.Now()
	line := Removed{Kind: retention.Tracks, Action: "dropped", What: d.Part}
	var err error
	if line.Rows, line.Bytes, line.From, line.Until, err = r.dayStats(ctx, d.Part); err != nil {
		return err
	}
	if r.dry {
		r.report.Removed = append(r.report.Removed, line)
		return nil
	}
	err = r.gently(ctx, func(tx pgx.Tx) error {
		for _, statement := range []string{
			"ALTER TABLE tracks DETACH PARTITION " + ident(d.Part),
			"DROP TABLE " + ident(d.Part),
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		line.TookS = time.Since(began).Seconds()
		if _, err := tx.Exec(ctx, markDay, pgdb.District, d.Day, "dropped", nil, line.Rows, 0, 0); err != nil {
			return err
		}
		_, err := r.note(ctx, tx, line)
		return err
	})
	if err == nil {
		r.report.Removed = append(r.report.Removed, line)
	}
	return err
}

// key is what names a fix in its day.
type key struct {
	device, stream uuid.UUID
	t              time.Time
	seq            int64
}

// rewriteDay writes what stays of a day beside it and exchanges the two. Fixes come
// at most 7 days late and no policy is shorter than 9, so nobody writes into it.
func (r *run) rewriteDay(ctx context.Context, d day, state string, everyS int, holds []hold) error {
	began := time.Now()
	line := Removed{Kind: retention.Tracks, Action: state, What: d.Part}
	was, bytes, from, until, err := r.dayStats(ctx, d.Part)
	if err != nil || was == 0 {
		return err
	}
	line.From, line.Until = from, until
	next := d.Part + "_next"
	var kept int64
	write := func(ctx context.Context, tx pgx.Tx) error {
		var err error
		kept, line.Held, err = r.pour(ctx, tx, d, next, time.Duration(everyS)*time.Second, holds)
		return err
	}
	if r.dry {
		err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
			if err := write(ctx, tx); err != nil {
				return err
			}
			return errDry
		})
		if !errors.Is(err, errDry) {
			return err
		}
		if line.Rows = was - kept; line.Rows > 0 {
			r.report.Removed = append(r.report.Removed, line)
		}
		return nil
	}
	if err := pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error { return write(ctx, tx) }); err != nil {
		return fmt.Errorf("write what stays: %w", err)
	}
	_, left, _, _, err := r.dayStats(ctx, next)
	if err != nil {
		return err
	}
	line.Rows, line.Bytes = was-kept, bytes-left
	err = r.gently(ctx, func(tx pgx.Tx) error { return r.exchange(ctx, tx, d, next, state, everyS, was, kept, began, &line) })
	if err != nil {
		return fmt.Errorf("exchange the day: %w", err)
	}
	if line.Rows > 0 {
		r.report.Removed = append(r.report.Removed, line)
	}
	return nil
}

var errDry = errors.New("nothing is to be changed")

func bounds(d time.Time) (from, until string) {
	const form = "'2006-01-02 00:00:00+00'"
	return d.Format(form), d.AddDate(0, 0, 1).Format(form)
}

func (r *run) exchange(ctx context.Context, tx pgx.Tx, d day, next, state string, everyS int, was, kept int64, began time.Time, line *Removed) error {
	from, until := bounds(d.Day)
	for _, statement := range []string{
		"ALTER TABLE tracks DETACH PARTITION " + ident(d.Part),
		fmt.Sprintf("ALTER TABLE tracks ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)", ident(next), from, until),
		"DROP TABLE " + ident(d.Part),
		fmt.Sprintf("ALTER TABLE %s RENAME TO %s", ident(next), ident(d.Part)),
		fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT of_this_day", ident(d.Part)),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	var every *int
	if everyS > 0 {
		every = &everyS
	}
	if _, err := tx.Exec(ctx, markDay, pgdb.District, d.Day, state, every, was, kept, line.Held); err != nil {
		return err
	}
	line.TookS = time.Since(began).Seconds()
	if line.Rows == 0 {
		return nil
	}
	_, err := r.note(ctx, tx, *line)
	return err
}

const (
	fetch    = 20_000
	readDay  = `DECLARE fixes NO SCROLL CURSOR FOR SELECT device_id, stream, t, seq, patrol_id, lon, lat, verdict IS NOT NULL FROM %s ORDER BY device_id, t, stream, seq`
	columns  = `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'tracks'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`
	pourKeys = `INSERT INTO %s (%s) SELECT %s FROM %s JOIN unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::bigint[]) AS stays (device_id, t, stream, seq)
USING (device_id, t, stream, seq)`
)

// row is a fix as it is judged.
type row struct {
	key
	patrol uuid.UUID
	fix    retention.Fix
}

// pour fills the next table with what stays. every 0 leaves only what is held.
func (r *run) pour(ctx context.Context, tx pgx.Tx, d day, next string, every time.Duration, holds []hold) (kept, held int64, err error) {
	from, until := bounds(d.Day)
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + ident(next),
		fmt.Sprintf("CREATE TABLE %s (LIKE tracks INCLUDING ALL)", ident(next)),
		// The exchange then need not look at the rows again.
		fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT of_this_day CHECK (t >= %s AND t < %s)", ident(next), from, until),
		fmt.Sprintf(readDay, ident(d.Part)),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return 0, 0, err
		}
	}
	var names string
	if err := tx.QueryRow(ctx, columns).Scan(&names); err != nil {
		return 0, 0, err
	}
	insert := fmt.Sprintf(pourKeys, ident(next), names, names, ident(d.Part))
	settle := func(group []row) error {
		stays, byHold := choose(group, every, holds)
		held += byHold
		kept += int64(len(stays))
		var devices, streams []uuid.UUID
		var ts []time.Time
		var seqs []int64
		for _, k := range stays {
			devices, ts, streams, seqs = append(devices, k.device), append(ts, k.t), append(streams, k.stream), append(seqs, k.seq)
		}
		if len(stays) == 0 {
			return nil
		}
		tag, err := tx.Exec(ctx, insert, devices, ts, streams, seqs)
		if err == nil && tag.RowsAffected() != int64(len(stays)) {
			err = fmt.Errorf("%d fixes of %d were copied", tag.RowsAffected(), len(stays))
		}
		return err
	}
	// A group is what one device sent in the day.
	var group []row
	for {
		rows, err := tx.Query(ctx, fmt.Sprintf("FETCH %d FROM fixes", fetch))
		if err != nil {
			return 0, 0, err
		}
		found, err := pgx.CollectRows(rows, func(x pgx.CollectableRow) (f row, err error) {
			err = x.Scan(&f.device, &f.stream, &f.t, &f.seq, &f.patrol, &f.fix.Point.Lon, &f.fix.Point.Lat, &f.fix.Doubtful)
			f.fix.T = f.t
			return f, err
		})
		if err != nil {
			return 0, 0, err
		}
		for _, f := range found {
			if len(group) > 0 && group[0].device != f.device {
				if err := settle(group); err != nil {
					return 0, 0, err
				}
				group = group[:0]
			}
			group = append(group, f)
		}
		if len(found) < fetch {
			break
		}
	}
	if err := settle(group); err != nil {
		return 0, 0, err
	}
	_, err = tx.Exec(ctx, "CLOSE fixes")
	return kept, held, err
}

// choose answers what stays of one device's day, and how much of it for open cases
// alone. Each patrol the device spoke for is a track of its own.
func choose(group []row, every time.Duration, holds []hold) (stays []key, held int64) {
	keep := make([]bool, len(group))
	if every > 0 {
		byPatrol := map[uuid.UUID][]int{}
		for i, f := range group {
			byPatrol[f.patrol] = append(byPatrol[f.patrol], i)
		}
		for _, at := range byPatrol {
			fixes := make([]retention.Fix, len(at))
			for n, i := range at {
				fixes[n] = group[i].fix
			}
			for n, stay := range retention.Thin(fixes, every) {
				keep[at[n]] = stay
			}
		}
	}
	for i, f := range group {
		if !keep[i] && isHeld(f, holds) {
			keep[i] = true
			held++
		}
		if keep[i] {
			stays = append(stays, f.key)
		}
	}
	return stays, held
}

func isHeld(f row, holds []hold) bool {
	for _, h := range holds {
		if h.patrol == f.patrol && !f.t.Before(h.from) && f.t.Before(h.until) {
			return true
		}
	}
	return false
}
