package dispatch

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// almanac is the slow twin of a Calendar: it looks at a clock on a wall once a minute.
type almanac struct {
	zone  *time.Location
	works func(Day) bool
	hours []WorkSpan
	spans map[Day][][2]time.Time // kept, since looking takes long
}

// reads is what the clock on the wall shows, as minutes after midnight of a date.
func (a *almanac) reads(t time.Time, of Day) int {
	w := t.In(a.zone)
	days := int(DayOf(t, a.zone).t.Sub(of.t) / (24 * time.Hour))
	return days*24*60 + w.Hour()*60 + w.Minute()
}

// span is when the stretches of a day begin and end: at the first minute at which the wall
// shows so much.
func (a *almanac) span(d Day) [][2]time.Time {
	if out, known := a.spans[d]; known {
		return out
	}
	out := make([][2]time.Time, len(a.hours))
	for t := d.t.Add(-36 * time.Hour); t.Before(d.t.Add(60 * time.Hour)); t = t.Add(time.Minute) {
		shown := a.reads(t, d)
		for i, o := range a.hours {
			for side, at := range []int{o.From, o.Until} {
				if shown >= at && out[i][side].IsZero() {
					out[i][side] = t
				}
			}
		}
	}
	a.spans[d] = out
	return out
}

// worked says whether the minute that begins at t is worked.
func (a *almanac) worked(t time.Time) bool {
	d := DayOf(t, a.zone)
	if !a.works(d) {
		return false
	}
	for _, s := range a.span(d) {
		if !t.Before(s[0]) && t.Before(s[1]) {
			return true
		}
	}
	return false
}

func (a *almanac) add(t time.Time, minutes int) time.Time {
	for minutes > 0 {
		if a.worked(t) {
			minutes--
		}
		t = t.Add(time.Minute)
	}
	return t
}

func (a *almanac) back(t time.Time, minutes int) time.Time {
	for minutes > 0 {
		t = t.Add(-time.Minute)
		if a.worked(t) {
			minutes--
		}
	}
	return t
}

func (a *almanac) between(from, to time.Time) (n time.Duration) {
	for ; from.Before(to); from = from.Add(time.Minute) {
		if a.worked(from) {
			n += time.Minute
		}
	}
	return n
}

func (a *almanac) addDays(t time.Time, n int) time.Time {
	d := DayOf(t, a.zone)
	for n > 0 {
		if d = (Day{d.t.AddDate(0, 0, 1)}); a.works(d) {
			n--
		}
	}
	return a.span(d)[len(a.hours)-1][1]
}

// Zones whose clocks are set by an hour by night, by half an hour, and at midnight, so that
// a day begins at one o'clock or its last hour comes twice.
var zones = []string{"Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Beirut"}

// Working time is what somebody counts who looks at the wall once a minute: with holidays
// and make-up days, hours that end at midnight or in the hour that comes twice or never, in
// the weeks in which clocks are set.
func TestWorkingTimeIsWhatTheWallShows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, zone)
		for range rapid.IntRange(0, 2).Draw(t, "step") { // the days about the next setting of clocks
			if _, next := begin.ZoneBounds(); !next.IsZero() {
				begin = next
			}
		}
		begin = begin.Add(-time.Duration(rapid.IntRange(0, 4*24*60).Draw(t, "before")) * time.Minute)
		var hours []WorkSpan
		edge := 0
		for range rapid.IntRange(1, 4).Draw(t, "stretches") {
			from := rapid.IntRange(edge, 24*60-1).Draw(t, "from")
			until := rapid.IntRange(from+1, 24*60).Draw(t, "until")
			if hours = append(hours, WorkSpan{from, until}); until > 24*60-4 {
				break
			}
			edge = until
		}
		if err := CheckHours(hours); err != nil {
			t.Fatal(err)
		}
		var book CalendarBook
		book.Hours = hours
		for i := range 20 {
			d := DayOf(begin, zone)
			d.t = d.t.AddDate(0, 0, i-5)
			if kind := rapid.SampledFrom([]string{"", "", DayHoliday, DayWorkday}).Draw(t, "day"); kind != "" {
				book.Days = append(book.Days, CalendarDay{Day: d, Kind: kind})
			}
		}
		cal := NewCalendar(zone, book)
		twin := &almanac{zone: zone, works: cal.Works, hours: hours, spans: map[Day][][2]time.Time{}}

		work := min(rapid.IntRange(1, 600).Draw(t, "work"), 3*int(cal.a/time.Minute))
		if got, want := cal.Add(begin, time.Duration(work)*time.Minute), twin.add(begin, work); !got.Equal(want) {
			t.Fatalf("%d min of %v after %v is %v, want %v", work, hours, begin, got.In(zone), want.In(zone))
		}
		if got, want := cal.back(begin, time.Duration(work)*time.Minute), twin.back(begin, work); !got.Equal(want) {
			t.Fatalf("%d min of %v before %v is %v, want %v", work, hours, begin, got.In(zone), want.In(zone))
		}
		to := begin.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "later")) * time.Minute)
		if got, want := cal.Between(begin, to), twin.between(begin, to); got != want {
			t.Fatalf("from %v to %v is %v of %v, want %v", begin, to, got, hours, want)
		}
		n := rapid.IntRange(1, 5).Draw(t, "days")
		if got, want := cal.AddDays(begin, n), twin.addDays(begin, n); !got.Equal(want) {
			t.Fatalf("%d days of %v after %v is %v, want %v", n, hours, begin, got.In(zone), want.In(zone))
		}
	})
}

// A clock that stood still, however often, whatever was declared a holiday meanwhile, warns
// and climbs when it has run for as long as any other, and what is overdue stays so.
func TestAClockThatStoodStillClimbsAsAnyOther(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		book := CalendarBook{Hours: usualHours}
		cal := NewCalendar(zone, book)
		limit := rapid.SampledFrom([]Limit{days(3), days(7), worked(4 * time.Hour), always(24 * time.Hour)}).Draw(t, "limit")
		ran := func(from, to time.Time) time.Duration {
			if limit.Unit == UnitAlways {
				return to.Sub(from)
			}
			return cal.Between(from, to)
		}
		now := time.Date(2026, 9, 14, 9, 0, 0, 0, zone)
		k := cal.start(ClockSettle, limit, now)
		whole, used := ran(k.Since, k.DueAt), time.Duration(0)
		var climbed []Rung
		until := func(to time.Time) {
			for ; !now.After(to) && k.Rung != RungDistrict; now = now.Add(time.Minute) {
				for k.climb(now) {
					climbed = append(climbed, k.Rung)
					if k.Rung == RungWarned && used != whole*3/4 && used != (whole*3/4+time.Minute).Truncate(time.Minute) || k.Rung == RungOverdue && used != whole {
						t.Fatalf("%s after %v of %v", k.Rung, used, whole)
					}
					if late := used - whole; k.Rung == RungDistrict && (late < whole/4 || late > whole/4+time.Minute) {
						t.Fatalf("with the district after %v of %v", used, whole)
					}
				}
				used += ran(now, now.Add(time.Minute))
			}
		}
		for range rapid.IntRange(1, 3).Draw(t, "pauses") {
			until(now.Add(time.Duration(rapid.IntRange(1, 36*60).Draw(t, "runs")) * time.Minute))
			cal.pause(&k, now)
			if k.NextAt != nil {
				t.Fatal("a paused clock goes on")
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 10*24*60).Draw(t, "stands")) * time.Minute)
			if rapid.Bool().Draw(t, "a holiday") { // tomorrow and the day after
				for i := range 2 {
					d := DayOf(now, zone)
					d.t = d.t.AddDate(0, 0, i+1)
					book.Days = append(book.Days, CalendarDay{Day: d, Kind: rapid.SampledFrom([]string{DayHoliday, DayWorkday}).Draw(t, "kind")})
				}
				book.Version++
				cal = NewCalendar(zone, book)
			}
			cal.resume(&k, now)
		}
		until(now.AddDate(0, 0, 40))
		if len(climbed) != 3 {
			t.Fatalf("climbed %v", climbed)
		}
	})
}

func TestAnExtensionGivesTime(t *testing.T) {
	t.Parallel()
	cal := NewCalendar(time.UTC, CalendarBook{})
	monday := time.Date(2026, 9, 14, 9, 0, 0, 0, time.UTC)
	end := func(day int) time.Time { return time.Date(2026, 9, day, 17, 30, 0, 0, time.UTC) }
	for _, x := range []struct {
		name   string
		limit  Limit
		pause  bool // on Tuesday at nine, until Thursday at nine
		now    time.Time
		days   int
		want   time.Time
		nobody bool // it gives no time
	}{
		{"before it is due", days(3), false, end(15), 2, end(21), false},
		{"long after it was due", days(3), false, end(22), 2, end(24), false},
		{"no more than 15 days", days(7), false, end(18), 99, time.Date(2026, 10, 5, 17, 30, 0, 0, time.UTC), false},
		{"when 15 days are over", days(7), false, time.Date(2026, 10, 6, 9, 0, 0, 0, time.UTC), 3, time.Date(2026, 10, 5, 17, 30, 0, 0, time.UTC), true},
		{"after it stood still for two days", days(3), true, end(17), 2, time.Date(2026, 9, 23, 17, 30, 0, 0, time.UTC), false},
		{"sent eleven working days before", days(3), false, end(15), 9, end(18), false},
		{"an urgent one", always(24 * time.Hour), false, monday.Add(time.Hour), 1, monday.AddDate(0, 0, 2), false},
		{"an urgent one that is overdue", always(24 * time.Hour), false, monday.AddDate(0, 0, 3), 1, monday.AddDate(0, 0, 4), false},
	} {
		k := cal.start(ClockSettle, x.limit, monday)
		if x.pause {
			cal.pause(&k, monday.AddDate(0, 0, 1))
			cal.resume(&k, monday.AddDate(0, 0, 3))
		}
		before, sent := k.ID, k.Since
		if strings.HasPrefix(x.name, "sent") {
			sent = time.Date(2026, 8, 28, 9, 0, 0, 0, time.UTC)
		}
		if gives := cal.extend(&k, x.days, sent, x.now); gives == x.nobody || !k.DueAt.Equal(x.want) || k.Rung != RungRunning || k.ID == before {
			t.Errorf("%s: due %v (%v), want %v", x.name, k.DueAt, gives, x.want)
		}
	}
}

// What comes back and goes out again has the limit of any other, unless the time of the
// case is over before that.
func TestWhatWasReturnedHasNoMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	cal := NewCalendar(time.UTC, CalendarBook{})
	rapid.Check(t, func(t *rapid.T) {
		sent := time.Date(2026, 9, 14, 9, 0, 0, 0, time.UTC)
		now := sent.Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "minutes later")) * time.Minute)
		l := rapid.SampledFrom([]Limit{days(3), days(7), always(24 * time.Hour)}).Draw(t, "limit")
		full, got := cal.start(ClockSettle, l, now), cal.start(ClockSettle, cal.within(l, sent, now), now)
		most := time.Date(2026, 10, 5, 17, 30, 0, 0, time.UTC) // 15 working days later
		if l.Unit == UnitAlways {
			most = sent.AddDate(0, 0, 15)
		}
		switch left := cal.Between(now, most); {
		case !full.DueAt.After(most):
			if !got.DueAt.Equal(full.DueAt) {
				t.Errorf("sent again at %v it is due %v, want %v", now, got.DueAt, full.DueAt)
			}
		case l.Unit == UnitAlways && now.Before(most.Add(-time.Minute)), l.Unit != UnitAlways && left > time.Minute:
			if !got.DueAt.Equal(most) {
				t.Errorf("sent again at %v it is due %v, want the end of its time, %v", now, got.DueAt, most)
			}
		default: // nothing is left
			if got.DueAt.After(cal.Add(now, time.Minute)) && got.DueAt.After(now.Add(time.Minute)) || got.DueAt.Before(now) {
				t.Errorf("sent again at %v, when its time is over, it is due %v", now, got.DueAt)
			}
		}
	})
}
