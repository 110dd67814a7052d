package dispatch

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheDrawingIsFresh(t *testing.T) {
	t.Parallel()
	drawn, err := os.ReadFile("../docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(drawn, DrawFlow()) {
		t.Error("docs/state-machine.md is not what the table says; run make generate")
	}
}

// Whatever is named in the table is known to the rest: words, limits, conditions.
func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	reached := map[Stage]bool{StageReported: true}
	for _, r := range rules {
		reached[r.To] = true
		if moveWords[r.Move] == (Words{}) {
			t.Errorf("move %s has no name", r.Move)
		}
		if len(r.By) == 0 {
			t.Errorf("nobody may %s", r.Move)
		}
		for _, g := range r.When {
			if guardWords[g] == (Words{}) {
				t.Errorf("condition %s says nothing to whom it stops", g)
			}
		}
		if r.To != "" && (r.Owner == "" || r.To.Open() != (r.Clock != "")) {
			if r.Move != MoveClose {
				t.Errorf("%s > %s leaves the case with %q under the clock %q", r.From, r.To, r.Owner, r.Clock)
			}
		}
		if _, known := limits[r.Clock]; r.Clock != "" && !known && r.Clock != ClockResume {
			t.Errorf("clock %s has no limit", r.Clock)
		}
	}
	for s := range stageWords {
		if !reached[s] {
			t.Errorf("no move leads to %s", s)
		}
		if s.Open() && (ownerIn(s, Flow{}) == OwnerNobody || clockIn(s, Flow{}) == "") {
			t.Errorf("in %s a case is without an owner or a clock", s)
		}
		if s.Open() && !slices.ContainsFunc(rules, func(r Rule) bool { return r.From == s && r.To != "" && r.Move != MoveClose }) {
			t.Errorf("no move leads out of %s", s)
		}
	}
	if ownerIn(StageReturned, Flow{Returns: 1}) != OwnerCommand || ownerIn(StageReturned, Flow{Returns: 2}) != OwnerDutyLeader {
		t.Error("what came back once is the command centre's, twice the duty leader's")
	}
}

// Octobers and springs of a district with make-up days, by hand.
func TestWorkingTime(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) Day {
		d, err := ParseDay(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var days []CalendarDay
	for d := 1; d <= 7; d++ {
		days = append(days, CalendarDay{Day: day(fmt.Sprintf("2026-10-%02d", d)), Kind: DayHoliday})
	}
	days = append(days, CalendarDay{Day: day("2026-10-10"), Kind: DayWorkday}) // a Saturday
	c := NewCalendar(zone, CalendarBook{Days: days})
	at := func(s string) time.Time {
		x, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, x := range []struct {
		name, from string
		hours      float64
		want       string
	}{
		{"within a morning", "2026-09-28 09:00", 2, "2026-09-28 11:00"},
		{"over noon", "2026-09-28 11:00", 2, "2026-09-28 15:00"},
		{"over the holidays", "2026-09-30 16:30", 2, "2026-10-08 09:30"},
		{"into the make-up Saturday", "2026-10-09 17:30", 1, "2026-10-10 09:30"},
		{"from a holiday", "2026-10-03 10:00", 1, "2026-10-08 09:30"},
		{"a whole day", "2026-09-28 08:30", 7, "2026-09-28 17:30"},
	} {
		if got := c.Add(at(x.from), time.Duration(x.hours*float64(time.Hour))); !got.Equal(at(x.want)) {
			t.Errorf("%s: %v h after %s is %v, want %s", x.name, x.hours, x.from, got.In(zone), x.want)
		}
	}
	for _, x := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-09-28 10:00", 3, "2026-10-08 17:30"}, // Tuesday, Wednesday, and the first day after the holidays
		{"2026-10-02 10:00", 3, "2026-10-10 17:30"},
		{"2026-10-09 23:00", 1, "2026-10-10 17:30"},
	} {
		if got := c.AddDays(at(x.from), x.n); !got.Equal(at(x.want)) {
			t.Errorf("%d days after %s is %v, want %s", x.n, x.from, got.In(zone), x.want)
		}
	}
	if got := c.Between(at("2026-09-30 16:30"), at("2026-10-08 09:30")); got != 2*time.Hour {
		t.Errorf("between is %v", got)
	}
	// Nobody ever works: real time counts, and nothing hangs.
	var never []CalendarDay
	for d := day("2026-01-01"); d.t.Year() < 2031; d = d.next() {
		never = append(never, CalendarDay{Day: d, Kind: DayHoliday})
	}
	if got := NewCalendar(zone, CalendarBook{Days: never}).Add(at("2026-09-30 16:30"), time.Hour); !got.Equal(at("2026-09-30 17:30")) {
		t.Errorf("in a district that never works an hour is %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := at("2026-09-20 00:00").Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "minute")) * time.Minute)
		d := time.Duration(rapid.IntRange(1, 60*60).Draw(t, "work")) * time.Minute
		if got := c.Between(from, c.Add(from, d)); got != d {
			t.Errorf("%v of work from %v has %v of work in it", d, from, got)
		}
	})
}

func TestAClockClimbsEachRungOnce(t *testing.T) {
	t.Parallel()
	cal := NewCalendar(time.UTC, CalendarBook{})
	at := time.Date(2026, 9, 28, 9, 0, 0, 0, time.UTC) // a Monday
	k := cal.start(ClockSettle, always(24*time.Hour), at)
	var climbed []Rung
	for h := range 50 { // time goes back now and then
		now := at.Add(time.Duration(h-h%7*2) * time.Hour)
		for k.climb(now) {
			climbed = append(climbed, k.Rung)
		}
	}
	if !slices.Equal(climbed, []Rung{RungWarned, RungOverdue, RungDistrict}) {
		t.Errorf("climbed %v", climbed)
	}
	k = cal.start(ClockSettle, days(3), at)
	if want := time.Date(2026, 10, 1, 17, 30, 0, 0, time.UTC); !k.DueAt.Equal(want) {
		t.Errorf("three days from Monday morning is %v", k.DueAt)
	}
	if used := cal.Between(at, k.WarnAt) * 4; used != cal.Between(at, k.DueAt)*3 {
		t.Errorf("it warns at %v", k.WarnAt)
	}
	cal.pause(&k, at.Add(24*time.Hour))
	if k.NextAt != nil {
		t.Error("a paused clock goes on")
	}
	left := k.Left
	cal.resume(&k, at.Add(14*24*time.Hour))
	if got := cal.Between(at.Add(14*24*time.Hour), k.DueAt); got != left {
		t.Errorf("after the pause it has %v, and had %v", got, left)
	}
	most := cal.AddDays(k.Since, MostDays)
	if cal.extend(&k, 99, k.Since, k.Since); !k.DueAt.Equal(most) {
		t.Errorf("it was given until %v, want %v", k.DueAt, most)
	}
}

// The lot falls as often as the rate says, on the same cases each time.
func TestTheLotIsFair(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{0, 5, 20, 100} {
		n := 0
		for i := range 20000 {
			number := fmt.Sprintf("20260503-%04d", i)
			drawn := Drawn(number, "C11", percent)
			if drawn {
				n++
			}
			if again := Drawn(number, "C11", percent); again != drawn {
				t.Fatal("the lot falls differently")
			}
		}
		if off := n - 200*percent; off < -200 || off > 200 {
			t.Errorf("%d %% of 20000 are %d", percent, n)
		}
	}
}
