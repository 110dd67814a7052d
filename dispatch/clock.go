package dispatch

import (
	"slices"
	"time"
)

// ClockName is what a clock of a case measures.
type ClockName string

// The clocks. All but supervision and leave belong to stages.
const (
	ClockAccept      ClockName = "accept"      // until the report is taken up
	ClockFile        ClockName = "file"        // until it is filed
	ClockSend        ClockName = "send"        // until it is dispatched
	ClockLeave       ClockName = "leave"       // until the patrols of a joint case have set out
	ClockAnswer      ClockName = "answer"      // until the unit signs
	ClockSettle      ClockName = "settle"      // from dispatch until it is fed back
	ClockRedirect    ClockName = "redirect"    // until what came back goes out again
	ClockRuling      ClockName = "ruling"      // until somebody rules whose it is
	ClockCheck       ClockName = "check"       // until somebody checked it
	ClockRework      ClockName = "rework"      // until it is fed back again
	ClockResume      ClockName = "resume"      // until a suspension ends
	ClockSupervision ClockName = "supervision" // until a supervision order is answered
)

// Rung is how high a clock has climbed: what happened last.
type Rung string

// The rungs. A clock goes up one at a time and never down while it runs.
const (
	RungRunning  Rung = "running"
	RungWarned   Rung = "warned"   // three quarters are used up
	RungOverdue  Rung = "overdue"  // the town's leader was told
	RungDistrict Rung = "district" // and a quarter of the limit later, the district
)

// Units of a limit.
const (
	UnitAlways = "always"       // urgent: runs day and night
	UnitHours  = "working_time" // runs in working hours
	UnitDays   = "working_days" // until the close of the n-th working day
)

// Limit is how long a clock gives.
type Limit struct {
	Unit string        `json:"unit"`
	Span time.Duration `json:"span,omitempty"` // of always and working_time
	Days int           `json:"days,omitempty"` // of working_days
}

// MostDays is the most working days that any case is given from when it was first
// dispatched, extensions and returns included; an urgent one, days of the real calendar.
const MostDays = 15

func always(d time.Duration) Limit { return Limit{Unit: UnitAlways, Span: d} }
func worked(d time.Duration) Limit { return Limit{Unit: UnitHours, Span: d} }
func days(n int) Limit             { return Limit{Unit: UnitDays, Days: n} }

// limits is how long each clock gives, for urgent, ordinary and hard cases.
var limits = map[ClockName][3]Limit{
	ClockAccept:   {always(15 * time.Minute), worked(2 * time.Hour), worked(4 * time.Hour)},
	ClockFile:     {always(15 * time.Minute), worked(4 * time.Hour), worked(4 * time.Hour)},
	ClockSend:     {always(30 * time.Minute), worked(4 * time.Hour), worked(7 * time.Hour)},
	ClockLeave:    {always(30 * time.Minute), always(30 * time.Minute), always(30 * time.Minute)},
	ClockAnswer:   {always(2 * time.Hour), worked(7 * time.Hour), worked(14 * time.Hour)},
	ClockSettle:   {always(24 * time.Hour), days(3), days(7)},
	ClockRedirect: {always(time.Hour), worked(4 * time.Hour), worked(7 * time.Hour)},
	ClockRuling:   {always(2 * time.Hour), worked(7 * time.Hour), worked(14 * time.Hour)},
	ClockCheck:    {always(24 * time.Hour), days(2), days(3)},
	ClockRework:   {always(12 * time.Hour), days(1), days(3)},
}

// urgencies are those of categories, in the order of limits.
var urgencies = []string{"urgent", "ordinary", "hard"}

// limitOf is the limit of a clock for an urgency.
func limitOf(n ClockName, urgency string) Limit {
	return limits[n][max(0, slices.Index(urgencies, urgency))]
}

// Clock is a limit that runs for a case. A paused one has no NextAt and keeps in Left
// what it still had.
type Clock struct {
	Name   ClockName `json:"name"`
	Rung   Rung      `json:"rung"`
	Unit   string    `json:"unit"`
	Since  time.Time `json:"since"`
	WarnAt time.Time `json:"warn_at"`
	DueAt  time.Time `json:"due_at"`
	Paused bool      `json:"paused"`

	// What follows stays inside. ID names this arming: who comes with another is late.
	ID         DeadlineID    `json:"-"`
	Limit      Limit         `json:"-"`
	DistrictAt time.Time     `json:"-"`
	NextAt     *time.Time    `json:"-"` // nil: nothing more is to happen
	Left       time.Duration `json:"-"`
	Counted    int64         `json:"-"` // the version of the calendar that its times are by
}

// start sets a clock going at a time.
func (cal *Calendar) start(n ClockName, l Limit, at time.Time) Clock {
	c := Clock{ID: NewID[deadlineKind](), Name: n, Rung: RungRunning, Limit: l, Unit: l.Unit, Since: at}
	cal.set(&c)
	return c
}

// set works out a clock's times from its limit, since it began. It leaves the rung.
func (cal *Calendar) set(c *Clock) {
	switch c.Limit.Unit {
	case UnitAlways:
		c.DueAt = c.Since.Add(c.Limit.Span)
	case UnitHours:
		c.DueAt = cal.Add(c.Since, c.Limit.Span)
	default:
		c.DueAt = cal.AddDays(c.Since, c.Limit.Days)
	}
	cal.rungs(c)
	c.Counted = cal.version
}

// stale says whether a clock that goes by working time was counted by a calendar of
// before this one.
func (cal *Calendar) stale(c *Clock) bool {
	return c.Limit.Unit != UnitAlways && c.NextAt != nil && c.Counted < cal.version
}

// rungs works out when a clock warns and climbs, from its beginning and its end.
func (cal *Calendar) rungs(c *Clock) {
	if c.Limit.Unit == UnitAlways {
		whole := c.DueAt.Sub(c.Since)
		c.WarnAt, c.DistrictAt = c.Since.Add(whole*3/4), c.DueAt.Add(whole/4)
	} else {
		whole := cal.Between(c.Since, c.DueAt)
		c.WarnAt, c.DistrictAt = cal.Add(c.Since, whole*3/4), cal.Add(c.DueAt, whole/4)
	}
	// The database keeps microseconds; both sides compare the same instant.
	for _, t := range []*time.Time{&c.WarnAt, &c.DueAt, &c.DistrictAt} {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	c.aim()
}

// aim sets when the next rung is.
func (c *Clock) aim() {
	c.NextAt = nil
	switch {
	case c.Paused:
	case c.Rung == RungRunning:
		c.NextAt = &c.WarnAt
	case c.Rung == RungWarned:
		c.NextAt = &c.DueAt
	case c.Rung == RungOverdue && c.Name != ClockResume:
		c.NextAt = &c.DistrictAt
	}
}

// climb takes a clock one rung up if its time has come, and says whether it did.
func (c *Clock) climb(now time.Time) bool {
	if c.NextAt == nil || c.NextAt.After(now) {
		return false
	}
	c.Rung = map[Rung]Rung{RungRunning: RungWarned, RungWarned: RungOverdue, RungOverdue: RungDistrict}[c.Rung]
	c.aim()
	return true
}

// pause stops a clock where it is: it keeps the working time that it is given as a whole,
// and what of that is left, less than nothing where it is overdue.
func (cal *Calendar) pause(c *Clock, now time.Time) {
	whole, unit := c.DueAt.Sub(c.Since), UnitAlways
	c.Left = c.DueAt.Sub(now)
	if c.Limit.Unit != UnitAlways {
		whole, unit = cal.Between(c.Since, c.DueAt), UnitHours
		if c.Left = cal.Between(now, c.DueAt); c.DueAt.Before(now) {
			c.Left = -cal.Between(c.DueAt, now)
		}
	}
	c.Limit, c.Unit, c.Paused = Limit{Unit: unit, Span: whole}, unit, true
	c.aim()
}

// resume lets a clock go on as though it had run until now without a break, so that it
// warns and climbs when as much is used up as of any other. It is the same arming: what it
// has climbed it does not climb again.
func (cal *Calendar) resume(c *Clock, now time.Time) {
	if c.Limit.Unit == UnitDays { // a release that kept no whole paused it
		c.Limit = Limit{Unit: UnitHours, Span: cal.Between(c.Since, c.DueAt)}
		c.Unit = UnitHours
	}
	used := max(0, c.Limit.Span-c.Left)
	c.Paused, c.Left, c.Since = false, 0, now.Add(-used)
	if c.Limit.Unit != UnitAlways {
		c.Since = cal.back(now, used)
	}
	cal.set(c)
}

// extend gives a clock n more working days, of an urgent one days of the real calendar, and
// starts its rungs again: after it is due, or from now on where that is over, and MostDays
// after the case was first sent at most. It says whether that gives it any time.
func (cal *Calendar) extend(c *Clock, n int, sent, now time.Time) bool {
	c.ID, c.Rung = NewID[deadlineKind](), RungRunning
	from := c.DueAt
	if now.After(from) {
		from = now
	}
	most := cal.most(sent, c.Limit.Unit)
	switch want := cal.AddDays(from, n); c.Limit.Unit {
	case UnitAlways:
		c.Limit.Span = min(from.Sub(c.Since)+time.Duration(n)*24*time.Hour, most.Sub(c.Since))
	case UnitHours: // it went on after a suspension
		if want.After(most) {
			want = most
		}
		c.Limit.Span = cal.Between(c.Since, want)
	default:
		for end := cal.AddDays(c.Since, c.Limit.Days+1); !end.After(want) && !end.After(most); end = cal.AddDays(c.Since, c.Limit.Days+1) {
			c.Limit.Days++
		}
	}
	cal.set(c)
	return c.DueAt.After(now)
}

// most is when the time of a case that was first sent at a time is over at the latest.
func (cal *Calendar) most(sent time.Time, unit string) time.Time {
	if unit == UnitAlways {
		return sent.Add(MostDays * 24 * time.Hour)
	}
	return cal.AddDays(sent, MostDays)
}

// within is a limit, of days or of an urgent case, from now on that ends at the latest when
// the time of the case is over: who is sent to what others have returned has no more than is
// left. Where nothing is left, the clock is due in a minute.
func (cal *Calendar) within(l Limit, sent, now time.Time) Limit {
	most := cal.most(sent, l.Unit)
	if l.Unit == UnitAlways {
		l.Span = max(time.Minute, min(l.Span, most.Sub(now)))
		return l
	}
	for l.Days > 0 && cal.AddDays(now, l.Days).After(most) {
		l.Days--
	}
	if l.Days == 0 {
		return worked(max(time.Minute, cal.Between(now, most)))
	}
	return l
}

// clocksOf are the clocks that run in a stage, the first being the one that counts.
func clocksOf(c Case) []ClockName {
	out := []ClockName{}
	if n := clockIn(c.Stage, c.Flow); n != "" {
		out = append(out, n)
	}
	switch c.Stage {
	case StageDispatched:
		out = append(out, ClockAnswer)
	case StageSuspended:
		out = append(out, ClockSettle) // paused
	}
	if stillToLeave(c) {
		out = append(out, ClockLeave)
	}
	if s := c.Flow.Supervision; s != nil && s.AnsweredAt == nil && c.Stage.Open() {
		out = append(out, ClockSupervision)
	}
	return out
}

// stillToLeave says whether a joint case waits for patrols to set out. That one of them
// has taken it on, and the case is signed by that, says nothing of the others.
func stillToLeave(c Case) bool {
	if len(c.Departments) < 2 || !slices.Contains([]Stage{StageDispatched, StageSigned, StageHandling, StageExtended}, c.Stage) {
		return false
	}
	return slices.ContainsFunc(c.Assignments, func(a Assignment) bool {
		return a.Kind == KindDepartment && (a.State == Offered || a.State == Taken)
	})
}

// keepTime brings the clocks of a case into line with its stage: what does not belong
// stops, what is missing starts now, a suspended case's limit stands still. Every step
// and every turn ends with it, so no open case is ever without a clock.
func (t *turn) keepTime() {
	c := &t.Case
	want := clocksOf(*c)
	kept := c.Clocks[:0:0]
	for _, k := range c.Clocks {
		if slices.Contains(want, k.Name) {
			kept = append(kept, k)
		} else {
			t.DropClocks = append(t.DropClocks, k.Name)
		}
	}
	c.Clocks = kept
	for _, n := range want {
		i := slices.IndexFunc(c.Clocks, func(k Clock) bool { return k.Name == n })
		if i < 0 {
			c.Clocks = append(c.Clocks, t.newClock(n))
			i = len(c.Clocks) - 1
			t.touch(n)
		}
		if k := &c.Clocks[i]; n == ClockSettle && k.Paused != (c.Stage == StageSuspended) {
			if k.Paused {
				began := k.Since
				if t.calendar.resume(k, t.now); c.Flow.SentAt != nil { // nor does a suspension use up the time of the case
					sent := c.Flow.SentAt.Add(k.Since.Sub(began))
					c.Flow.SentAt = &sent
				}
			} else {
				if t.calendar.stale(k) {
					t.calendar.set(k)
				}
				t.calendar.pause(k, t.now)
			}
			t.touch(n)
		}
	}
	if slices.Contains([]Stage{StageReported, StageAccepted, StageFiled, StageReopened}, c.Stage) {
		c.Flow.SentAt = nil // it goes out again as though for the first time
	}
	c.OrderClocks()
	c.DueAt = nil
	if len(c.Clocks) > 0 && !c.Clocks[0].Paused {
		due := c.Clocks[0].DueAt
		c.DueAt = &due
	}
}

// newClock is a clock that starts now; those that have no limit of their own say when
// they end.
func (t *turn) newClock(n ClockName) Clock {
	l := limitOf(n, t.Case.Urgency)
	switch n {
	case ClockSettle:
		if f := &t.Case.Flow; f.SentAt == nil {
			f.SentAt = &t.now
		} else {
			l = t.calendar.within(l, *f.SentAt, t.now)
		}
	case ClockResume:
		l = always(24 * time.Hour)
		if u := t.Case.Flow.Until; u != nil {
			l = always(max(time.Minute, u.Sub(t.now)))
		}
	case ClockSupervision:
		l = always(max(time.Minute, t.Case.Flow.Supervision.DueAt.Sub(t.now)))
	}
	return t.calendar.start(n, l, t.now)
}

// OrderClocks puts the clock that counts first.
func (c *Case) OrderClocks() {
	want := clocksOf(*c)
	slices.SortStableFunc(c.Clocks, func(a, b Clock) int { return slices.Index(want, a.Name) - slices.Index(want, b.Name) })
}

// touch notes that a clock is to be written.
func (t *turn) touch(n ClockName) {
	if !slices.Contains(t.touched, n) {
		t.touched = append(t.touched, n)
	}
}

// clock finds a running clock of the case.
func (t *turn) clock(n ClockName) *Clock {
	for i := range t.Case.Clocks {
		if t.Case.Clocks[i].Name == n {
			return &t.Case.Clocks[i]
		}
	}
	return nil
}
