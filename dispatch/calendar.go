package dispatch

import (
	"fmt"
	"slices"
	"time"
)

// Day is a date of the district's calendar, at midnight UTC.
type Day struct{ t time.Time }

// DayOf is the date of an instant in a zone.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return Day{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// ParseDay reads 2026-10-01.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	return Day{t}, err
}

func (d Day) String() string { return d.t.Format(time.DateOnly) }

// MarshalText writes 2026-10-01.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 2026-10-01.
func (d *Day) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDay(string(b))
	return err
}

// Time is midnight UTC of the date.
func (d Day) Time() time.Time { return d.t }

func (d Day) next() Day { return Day{d.t.AddDate(0, 0, 1)} }

// at is a time of the day in a zone: the first instant at which the clock on the wall shows
// it, or more. Where clocks are set forward over it, that is the moment at which they are;
// where they are set back over it, it is shown twice, and the first time counts.
func (d Day) at(minute int, zone *time.Location) time.Time {
	y, m, day := d.t.Date()
	t := time.Date(y, m, day, minute/60, minute%60, 0, 0, zone)
	wall := time.Date(y, m, day, minute/60, minute%60, 0, 0, time.UTC)
	from, until := t.ZoneBounds()
	switch shown := t.UTC().Add(offset(t)); {
	case shown.After(wall):
		return from // skipped, and t is an instant after the step
	case shown.Before(wall):
		return until // or one before it
	}
	if !from.IsZero() { // before the last step it may have been shown, too
		if first := wall.Add(-offset(from.Add(-1))); first.Before(from) {
			return first.In(zone)
		}
	}
	return t
}

// offset is how far the clock on the wall is ahead of UTC.
func offset(t time.Time) time.Duration {
	_, s := t.Zone()
	return time.Duration(s) * time.Second
}

// The kinds of a calendar's own days; all others go by the week.
const (
	DayHoliday = "holiday" // off, though it may be a weekday
	DayWorkday = "workday" // worked, though it may be a weekend: a make-up day
)

// CalendarDay is a day that is not as the week has it.
type CalendarDay struct {
	Day  Day    `json:"day"`
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Source is who says so, such as the number of a notice.
	Source string `json:"source"`
}

// WorkSpan is a stretch of a working day, in minutes after midnight.
type WorkSpan struct {
	From  int `json:"from_min"`
	Until int `json:"until_min"`
}

// usualHours are the working hours of a district that set none.
var usualHours = []WorkSpan{{8*60 + 30, 12 * 60}, {14 * 60, 17*60 + 30}}

// Calendar knows the working hours and days of a district. It never changes once made.
// The zero value is none; make one with NewCalendar.
type Calendar struct {
	version int64 // of its book
	zone    *time.Location
	days    map[Day]string
	hours   []WorkSpan
	a       time.Duration // of work in a working day
}

// NewCalendar makes the calendar of a book; without hours it has the usual ones.
func NewCalendar(zone *time.Location, book CalendarBook) *Calendar {
	hours := book.Hours
	if len(hours) == 0 {
		hours = usualHours
	}
	c := &Calendar{version: book.Version, zone: zone, days: make(map[Day]string, len(book.Days)), hours: slices.Clone(hours)}
	for _, d := range book.Days {
		c.days[d.Day] = d.Kind
	}
	for _, o := range c.hours {
		c.a += time.Duration(o.Until-o.From) * time.Minute
	}
	return c
}

// CheckHours says what is wrong with a day's working hours.
func CheckHours(hours []WorkSpan) error {
	last := 0
	for i, o := range hours {
		if o.From < last || o.Until <= o.From || o.Until > 24*60 {
			return invalid(fmt.Sprintf("/hours/%d", i), "must begin after the stretch before it, end after it begins, and lie within one day")
		}
		last = o.Until
	}
	if len(hours) == 0 || len(hours) > 6 {
		return invalid("/hours", "must be 1 to 6 stretches of a working day")
	}
	return nil
}

// mostDays bounds a walk over a calendar on which nobody ever works.
const mostDays = 3 * 366

// Works says whether a day is worked.
func (c *Calendar) Works(d Day) bool {
	switch c.days[d] {
	case DayHoliday:
		return false
	case DayWorkday:
		return true
	}
	w := d.t.Weekday()
	return w != time.Saturday && w != time.Sunday
}

// Add is when so much working time after t has passed. Where nobody works for three
// years, real time counts.
func (c *Calendar) Add(t time.Time, d time.Duration) time.Time {
	day, left := DayOf(t, c.zone), d
	for range mostDays {
		if c.Works(day) {
			for _, o := range c.hours {
				from, until := day.at(o.From, c.zone), day.at(o.Until, c.zone)
				if from.Before(t) {
					from = t
				}
				if span := until.Sub(from); span > 0 {
					if left <= span {
						return from.Add(left).UTC()
					}
					left -= span
				}
			}
		}
		day = day.next()
	}
	return t.Add(d).UTC()
}

// back is since when so much working time has passed at t. Where nobody works for three
// years, real time counts.
func (c *Calendar) back(t time.Time, d time.Duration) time.Time {
	day, left := DayOf(t, c.zone), d
	for range mostDays {
		if c.Works(day) {
			for _, o := range slices.Backward(c.hours) {
				from, until := day.at(o.From, c.zone), day.at(o.Until, c.zone)
				if until.After(t) {
					until = t
				}
				if span := until.Sub(from); span > 0 {
					if left <= span {
						return until.Add(-left).UTC()
					}
					left -= span
				}
			}
		}
		day = Day{day.t.AddDate(0, 0, -1)}
	}
	return t.Add(-d).UTC()
}

// AddDays is the close of the n-th working day after the day of t, which itself does
// not count.
func (c *Calendar) AddDays(t time.Time, n int) time.Time {
	day, left := DayOf(t, c.zone), n
	for range mostDays {
		day = day.next()
		if c.Works(day) {
			if left--; left <= 0 {
				return day.at(c.hours[len(c.hours)-1].Until, c.zone).UTC()
			}
		}
	}
	return t.AddDate(0, 0, n).UTC()
}

// Between is the working time from a to b.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	var sum time.Duration
	for day := DayOf(a, c.zone); !day.at(0, c.zone).After(b) && sum < mostDays*24*time.Hour; day = day.next() {
		if !c.Works(day) {
			continue
		}
		for _, o := range c.hours {
			from, until := day.at(o.From, c.zone), day.at(o.Until, c.zone)
			if from.Before(a) {
				from = a
			}
			if until.After(b) {
				until = b
			}
			sum += max(0, until.Sub(from))
		}
	}
	return sum
}
