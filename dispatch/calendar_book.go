package dispatch

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"
)

// CalendarBook is the calendar as it is kept and edited. Without hours the usual ones
// count, which Hours then answers.
type CalendarBook struct {
	Version int64         `json:"version"`
	Hours   []WorkSpan    `json:"hours"`
	Days    []CalendarDay `json:"days"`
}

// CalendarEdit is one change of the calendar: hours, days that are set, days that go by
// the week again.
type CalendarEdit struct {
	Hours  []WorkSpan
	Set    []CalendarDay
	Clear  []Day
	Events []Event
}

// CalendarStore keeps the calendar.
type CalendarStore interface {
	Calendar(ctx context.Context) (CalendarBook, error)
	// EditCalendar locks the calendar, commits what decide answers, and has every clock
	// that goes by working time counted again.
	EditCalendar(ctx context.Context, decide func(was CalendarBook, now time.Time) (CalendarEdit, error)) (CalendarBook, error)
}

const maxDayName = 100

// Calendar answers the district's calendar.
func (s *Service) Calendar(ctx context.Context) (CalendarBook, error) {
	book, err := s.Store.Calendar(ctx)
	if len(book.Hours) == 0 {
		book.Hours = slices.Clone(usualHours)
	}
	return book, err
}

// SetDay makes a day a holiday or a make-up day; an empty kind lets it go by the week
// again. Running clocks are counted again.
func (s *Service) SetDay(ctx context.Context, v Viewer, d CalendarDay) (CalendarBook, error) {
	if err := allow(v, ActEditCalendar); err != nil {
		return CalendarBook{}, err
	}
	if d.Kind != "" && d.Kind != DayHoliday && d.Kind != DayWorkday {
		return CalendarBook{}, invalid("/kind", "must be holiday or workday")
	}
	if y := d.Day.Time().Year(); y < 2000 || y > 2100 {
		return CalendarBook{}, invalid("/path/day", "must lie between 2000 and 2100")
	}
	if utf8.RuneCountInString(d.Name) > maxDayName {
		return CalendarBook{}, invalid("/name", "may have 100 characters at most")
	}
	return s.editCalendar(ctx, v, func(was CalendarBook) (CalendarEdit, facts) {
		said := facts{"day": d.Day, "kind": d.Kind, "name": d.Name}
		if d.Kind == "" {
			return CalendarEdit{Clear: []Day{d.Day}}, said
		}
		return CalendarEdit{Set: []CalendarDay{d}}, said
	})
}

// SetHours sets the working hours of a working day.
func (s *Service) SetHours(ctx context.Context, v Viewer, hours []WorkSpan) (CalendarBook, error) {
	if err := allow(v, ActEditCalendar); err != nil {
		return CalendarBook{}, err
	}
	if err := CheckHours(hours); err != nil {
		return CalendarBook{}, err
	}
	return s.editCalendar(ctx, v, func(CalendarBook) (CalendarEdit, facts) {
		return CalendarEdit{Hours: hours}, facts{"hours": hours}
	})
}

func (s *Service) editCalendar(ctx context.Context, v Viewer, edit func(CalendarBook) (CalendarEdit, facts)) (CalendarBook, error) {
	book, err := s.Store.EditCalendar(ctx, func(was CalendarBook, now time.Time) (CalendarEdit, error) {
		e, said := edit(was)
		event, err := newEvent("calendar", now, s.District, CaseID{}, PatrolID{}, v, said)
		e.Events = []Event{event}
		return e, err
	})
	if err != nil {
		return book, err
	}
	s.Wake()
	return s.Calendar(ctx)
}

// CalendarImported is the event of an import of days.
func CalendarImported(district DistrictID, now time.Time, changes int) (Event, error) {
	return newEvent("calendar", now, district, CaseID{}, PatrolID{}, Viewer{From: FromCommand}, facts{"imported": changes})
}
