package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// In characters.
const (
	maxDayName   = 100
	MaxDaySource = 200
)

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
	d.Source = strings.TrimSpace(d.Source)
	if faults := d.faults("", "/path/day"); len(faults) > 0 {
		return CalendarBook{}, invalid(faults[0].Pointer, faults[0].Detail)
	}
	return s.editCalendar(ctx, v, func(was CalendarBook) (CalendarEdit, calendarChange) {
		c := calendarChange{said: facts{"day": d.Day, "kind": d.Kind, "name": d.Name, "source": d.Source}, before: was.dayFacts(d.Day), after: dayFacts(d)}
		if d.Kind == "" {
			return CalendarEdit{Clear: []Day{d.Day}}, c
		}
		return CalendarEdit{Set: []CalendarDay{d}}, c
	})
}

// MostDaysAtOnce bounds how many days one edit sets: a year has some 35 of its own.
const MostDaysAtOnce = 400

// SetDays makes all of these days holidays or make-up days, or none of them where one cannot
// be; the fault names each that cannot. Running clocks are counted again once.
func (s *Service) SetDays(ctx context.Context, v Viewer, days []CalendarDay) (CalendarBook, error) {
	if err := allow(v, ActEditCalendar); err != nil {
		return CalendarBook{}, err
	}
	if len(days) == 0 || len(days) > MostDaysAtOnce {
		return CalendarBook{}, invalid("/days", fmt.Sprintf("must be 1 to %d days", MostDaysAtOnce))
	}
	days = slices.Clone(days)
	var faults []FieldFault
	seen := map[Day]bool{}
	for i := range days {
		d := &days[i]
		d.Source = strings.TrimSpace(d.Source)
		at := fmt.Sprintf("/days/%d", i)
		faults = append(faults, d.faults(at, at+"/day")...)
		if d.Kind == "" {
			faults = append(faults, FieldFault{at + "/kind", "must be holiday or workday"})
		}
		if seen[d.Day] {
			faults = append(faults, FieldFault{at + "/day", "is there twice"})
		}
		seen[d.Day] = true
	}
	if len(faults) > 0 {
		return CalendarBook{}, &Fault{Kind: Invalid, Code: "invalid", Detail: "What was sent cannot be used: a day " + faults[0].Detail + ".", Fields: faults}
	}
	return s.editCalendar(ctx, v, func(was CalendarBook) (CalendarEdit, calendarChange) {
		before, after := was.daysFacts(days)
		return CalendarEdit{Set: days}, calendarChange{said: facts{"imported": len(days)}, before: before, after: after}
	})
}

// faults is what is wrong with a day: day points to its date, and at to what holds the rest.
func (d CalendarDay) faults(at, day string) (out []FieldFault) {
	if d.Kind != "" && d.Kind != DayHoliday && d.Kind != DayWorkday {
		out = append(out, FieldFault{at + "/kind", "must be holiday or workday"})
	}
	if y := d.Day.Time().Year(); y < 2000 || y > 2100 {
		out = append(out, FieldFault{day, "must lie between 2000 and 2100"})
	}
	if utf8.RuneCountInString(d.Name) > maxDayName {
		out = append(out, FieldFault{at + "/name", "may have 100 characters at most"})
	}
	if utf8.RuneCountInString(d.Source) > MaxDaySource {
		out = append(out, FieldFault{at + "/source", fmt.Sprintf("may have %d characters at most; the number of the notice will do", MaxDaySource)})
	}
	return out
}

// SetHours sets the working hours of a working day.
func (s *Service) SetHours(ctx context.Context, v Viewer, hours []WorkSpan) (CalendarBook, error) {
	if err := allow(v, ActEditCalendar); err != nil {
		return CalendarBook{}, err
	}
	if err := CheckHours(hours); err != nil {
		return CalendarBook{}, err
	}
	return s.editCalendar(ctx, v, func(was CalendarBook) (CalendarEdit, calendarChange) {
		had := was.Hours
		if len(had) == 0 {
			had = usualHours
		}
		return CalendarEdit{Hours: hours}, calendarChange{said: facts{"hours": hours}, before: facts{"hours": had}, after: facts{"hours": hours}}
	})
}

// calendarChange is what the event of an edit says, and what was before and is after.
type calendarChange struct{ said, before, after facts }

// dayFacts is a day as events have it: one that goes by the week has no more than its date.
func dayFacts(d CalendarDay) facts {
	if d.Kind == "" {
		return facts{d.Day.String(): nil}
	}
	return facts{d.Day.String(): facts{"kind": d.Kind, "name": d.Name, "source": d.Source}}
}

func (b CalendarBook) dayFacts(day Day) facts {
	if i := slices.IndexFunc(b.Days, func(d CalendarDay) bool { return d.Day == day }); i >= 0 {
		return dayFacts(b.Days[i])
	}
	return dayFacts(CalendarDay{Day: day})
}

// daysFacts are some days as they were and as they are.
func (b CalendarBook) daysFacts(is []CalendarDay) (before, after facts) {
	before, after = facts{}, facts{}
	for _, d := range is {
		maps.Copy(before, b.dayFacts(d.Day))
		maps.Copy(after, dayFacts(d))
	}
	return before, after
}

func (s *Service) editCalendar(ctx context.Context, v Viewer, edit func(CalendarBook) (CalendarEdit, calendarChange)) (CalendarBook, error) {
	book, err := s.Store.EditCalendar(ctx, func(was CalendarBook, now time.Time) (CalendarEdit, error) {
		e, c := edit(was)
		event, err := newChange("calendar", now, s.District, CaseID{}, PatrolID{}, v, c.said, c.before, c.after)
		e.Events = []Event{event}
		return e, err
	})
	if err != nil {
		return book, err
	}
	s.Wake()
	return s.Calendar(ctx)
}

// CalendarImported is the event of an import of days: was and is are those that changed.
func CalendarImported(district DistrictID, now time.Time, was CalendarBook, is []CalendarDay) (Event, error) {
	before, after := was.daysFacts(is)
	return newChange("calendar", now, district, CaseID{}, PatrolID{}, Viewer{From: FromCommand}, facts{"imported": len(is)}, before, after)
}
