package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

const (
	lockCalendar = `SELECT gp_now() FROM calendars WHERE district_id = $1 FOR NO KEY UPDATE`

	setDay = `INSERT INTO calendar_days (district_id, day, kind, name, source) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (district_id, day) DO UPDATE SET kind = excluded.kind, name = excluded.name, source = excluded.source`

	clearDay = `DELETE FROM calendar_days WHERE district_id = $1 AND day = $2`

	setHours = `UPDATE calendars SET hours = $2 WHERE district_id = $1`

	// bumpCalendar makes every clock stale that was counted by the calendar of before.
	bumpCalendar = `UPDATE calendars SET version = version + 1 WHERE district_id = $1`
)

// Calendar implements dispatch.CalendarStore.
func (s *Store) Calendar(ctx context.Context) (dispatch.CalendarBook, error) {
	book, err := s.readCalendar(ctx, s.db)
	return book, fault(err)
}

// EditCalendar implements dispatch.CalendarStore.
func (s *Store) EditCalendar(ctx context.Context, decide func(dispatch.CalendarBook, time.Time) (dispatch.CalendarEdit, error)) (book dispatch.CalendarBook, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, lockCalendar, s.district.UUID).Scan(&now); err != nil {
			return fmt.Errorf("lock the calendar: %w", err)
		}
		if book, err = s.readCalendar(ctx, tx); err != nil {
			return err
		}
		edit, err := decide(book, now.UTC())
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, d := range edit.Set {
			batch.Queue(setDay, s.district.UUID, d.Day.Time(), d.Kind, d.Name, d.Source)
		}
		for _, d := range edit.Clear {
			batch.Queue(clearDay, s.district.UUID, d.Time())
		}
		if edit.Hours != nil {
			hours, err := json.Marshal(edit.Hours)
			if err != nil {
				return fmt.Errorf("write working hours: %w", err)
			}
			batch.Queue(setHours, s.district.UUID, hours)
		}
		batch.Queue(bumpCalendar, s.district.UUID)
		s.prove(batch, edit.Events)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write the calendar: %w", err)
		}
		return nil
	})
	return book, fault(err)
}

// CalendarDays imports holidays and make-up days. Days that the table does not name stay.
func (g *Register) CalendarDays(ctx context.Context, in io.Reader, o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.CalendarDays(in)
	if err != nil {
		return roster.Result{}, err
	}
	result := roster.NewResult(len(good), refused)
	err = g.tx(ctx, o, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, lockCalendar, pgdb.District).Scan(&now); err != nil {
			return fmt.Errorf("lock the calendar: %w", err)
		}
		rows, err := tx.Query(ctx, calendarDays, pgdb.District)
		if err != nil {
			return fmt.Errorf("read the calendar: %w", err)
		}
		before, err := pgx.CollectRows(rows, pgx.RowToStructByName[calendarDayRow])
		if err != nil {
			return fmt.Errorf("read the calendar: %w", err)
		}
		had := map[dispatch.Day]dispatch.CalendarDay{}
		batch := &pgx.Batch{}
		var book dispatch.CalendarBook
		for _, d := range before {
			book.Days = append(book.Days, d.day())
			had[d.day().Day] = d.day()
		}
		var changed []dispatch.CalendarDay
		for _, d := range good {
			was, there := had[d.Day]
			if d.Source == "" && there && was.Kind == d.Kind {
				d.Source = was.Source // a table that does not say it leaves it
			}
			if there && was == d {
				continue
			}
			change := roster.Change{What: "calendar", Code: d.Day.String(), Change: roster.Added, Detail: strings.TrimSpace(d.Kind + " " + d.Name + " " + d.Source)}
			if there {
				change.Change = roster.Changed
			}
			result.Changes = append(result.Changes, change)
			changed = append(changed, d)
			batch.Queue(setDay, pgdb.District, d.Day.Time(), d.Kind, d.Name, d.Source)
		}
		if len(result.Changes) == 0 {
			return nil
		}
		event, err := dispatch.CalendarImported(dispatch.DistrictID{UUID: pgdb.District}, now.UTC(), book, changed)
		if err != nil {
			return err
		}
		batch.Queue(bumpCalendar, pgdb.District)
		(&Store{district: dispatch.DistrictID{UUID: pgdb.District}}).prove(batch, []dispatch.Event{event})
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write the calendar: %w", err)
		}
		return nil
	})
	return result, err
}
