package pace_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
)

func TestTable(t *testing.T) {
	t.Parallel()
	rules, lines, refused, err := pace.Table(strings.NewReader("way,class,direction,modes,days,hours,kmh,factor,note\n" +
		"4711,,along,car,mon-fri,07:00-09:30,12.5,,早高峰\n" +
		",primary,,,sat;sun,,,0.8,\n" +
		"-3,,,car ebike,fri-mon,22:00-06:00,,1.5,night\n" +
		"7,primary,,,,,20,,\n" +
		"zero,,,,,,20,,\n" +
		",tarmac,,,,,20,,\n" +
		",primary,along,,,,20,,\n" +
		"7,,up,,,,20,,\n" +
		"7,,,boat,,,20,,\n" +
		"7,,,,weekdays,,20,,\n" +
		"7,,,,,7-9,20,,\n" +
		"7,,,,,09:00-09:00,20,,\n" +
		"7,,,,,25:00-26:00,20,,\n" +
		"7,,,,,,,,\n" +
		"7,,,,,,20,0.5,\n" +
		"7,,,,,,0,,\n" +
		"7,,,,,,NaN,,\n" +
		"7,,,,,,,-1,\n" +
		"7,,,,,,20,," + strings.Repeat("长", 201) + "\n" +
		",,,boat,,,fast,,\n" +
		"7,,,,,,20\n" +
		",residential,,foot,,,4,,last\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 4 || len(lines) != 4 || lines[0] != 2 || lines[3] != 23 {
		t.Fatalf("%d rules of lines %v: %+v", len(rules), lines, rules)
	}
	if r := rules[0]; r.Way != 4711 || r.Direction != "along" || r.Modes != road.SetOf(road.Car) || r.Days.String() != "mon;tue;wed;thu;fri" ||
		r.Hours() != "07:00-09:30" || r.KMH != 12.5 || r.Note != "早高峰" {
		t.Errorf("%+v", r)
	}
	if r := rules[1]; r.Class != road.Primary || r.Modes != road.AllModes || r.Hours() != "" || r.Factor != 0.8 || r.Days.String() != "sat;sun" {
		t.Errorf("%+v", r)
	}
	if r := rules[2]; r.Way != -3 || r.Modes != road.SetOf(road.Car, road.EBike) || r.Days.String() != "mon;fri;sat;sun" {
		t.Errorf("%+v", r)
	}
	var got []string
	for _, f := range refused {
		got = append(got, f.Error())
	}
	want := []string{
		`line 5, column class: is given beside way`, `line 6, column way: "zero" is no number`, `line 7, column class: "tarmac" is no class`,
		`line 8, column direction: only a way`, `line 9, column direction: "up" is not along`, `line 10, column modes: "boat"`,
		`line 11, column days: "weekdays" is no day; write mon-fri`, `line 12, column hours: "7-9" is no span of the day; write 07:00-09:30`,
		`line 13, column hours: "09:00-09:00" lasts no time`, `line 14, column hours: "25:00-26:00"`, `line 15, column kmh: give a speed`,
		`line 16, column factor: is given beside kmh`, `line 17, column kmh: "0" is not within`, `line 18, column kmh: "NaN"`,
		`line 19, column factor: "-1" is not within`, `line 20, column note: has more`, `line 21, column way: give`, `line 21, column modes: "boat"`,
		`line 21, column kmh: "fast"`, `line 22: has 7 fields`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d refusals, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("refusal %q, want %q", got[i], want[i])
		}
	}
	if _, _, _, err := pace.Table(strings.NewReader("way;kmh\n1;2\n")); err == nil || !strings.Contains(err.Error(), "commas") {
		t.Errorf("a table with semicolons: %v", err)
	}
}

func TestFieldsNobodyKnowsAreRefused(t *testing.T) {
	t.Parallel()
	_, refused := pace.Read(3, map[string]string{"way": "1", "kmh": "20", "speed": "9"})
	if len(refused) != 1 || refused[0].Line != 3 || refused[0].Column != "speed" || !strings.Contains(refused[0].Detail, "factor") {
		t.Errorf("%+v", refused)
	}
}

func TestHoursThatAreInForce(t *testing.T) {
	t.Parallel()
	rule := func(days, hours string) pace.Rule {
		t.Helper()
		r, refused := pace.Read(1, map[string]string{"class": "primary", "kmh": "20", "days": days, "hours": hours})
		if len(refused) > 0 {
			t.Fatal(refused[0])
		}
		return r
	}
	at := func(day int, clock string) time.Time { // 2026-05-04 is a Monday
		c, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 5, 4+day, c.Hour(), c.Minute(), 0, 0, time.UTC)
	}
	for _, c := range []struct {
		days, hours string
		at          time.Time
		in          bool
	}{
		{"", "", at(3, "12:00"), true},
		{"mon-fri", "07:00-09:00", at(0, "06:59"), false},
		{"mon-fri", "07:00-09:00", at(0, "07:00"), true},
		{"mon-fri", "07:00-09:00", at(4, "08:59"), true},
		{"mon-fri", "07:00-09:00", at(4, "09:00"), false},
		{"mon-fri", "07:00-09:00", at(5, "08:00"), false},
		{"fri", "22:00-06:00", at(4, "21:59"), false},
		{"fri", "22:00-06:00", at(4, "23:00"), true},
		{"fri", "22:00-06:00", at(5, "05:59"), true},
		{"fri", "22:00-06:00", at(5, "06:00"), false},
		{"fri", "22:00-06:00", at(4, "05:00"), false},
		{"sun", "22:00-06:00", at(7, "05:00"), true}, // into Monday
		{"mon", "20:00-24:00", at(0, "23:59"), true},
		{"mon", "20:00-24:00", at(1, "00:00"), false},
		{"mon", "20:00-00:00", at(0, "23:59"), true},
		{"mon", "20:00-00:00", at(1, "00:00"), false},
	} {
		if got := rule(c.days, c.hours).InForce(c.at); got != c.in {
			t.Errorf("%s %s in force on %s: %v", c.days, c.hours, c.at.Format("Mon 15:04"), got)
		}
	}
}

// Whatever is written, what comes of it can be written again and is the same.
func FuzzRead(f *testing.F) {
	f.Add("4711", "", "along", "car", "mon-fri", "07:00-09:30", "12", "", "x")
	f.Add("", "primary", "", "", "", "", "", "0.5", "")
	f.Fuzz(func(t *testing.T, way, class, direction, modes, days, hours, kmh, factor, note string) {
		r, refused := pace.Read(1, map[string]string{"way": way, "class": class, "direction": direction, "modes": modes, "days": days,
			"hours": hours, "kmh": kmh, "factor": factor, "note": note})
		if len(refused) > 0 {
			return
		}
		if (r.KMH > 0) == (r.Factor > 0) || r.Days == 0 || r.Modes == 0 || r.FromMin < 0 || r.FromMin >= 1440 || r.UntilMin > 1440 || r.FromMin == r.UntilMin {
			t.Fatalf("%+v", r)
		}
		again, refused := pace.Read(1, map[string]string{"class": "primary", "days": r.Days.String(), "hours": r.Hours(), "kmh": "20"})
		if len(refused) > 0 || again.Days != r.Days {
			t.Fatalf("%+v reads back as %+v, %v", r, again, refused)
		}
		at := time.Date(2026, 5, 4, 0, rand.IntN(7*24*60), 0, 0, time.UTC)
		if again.InForce(at) != r.InForce(at) {
			t.Fatalf("%+v and %+v differ at %v", r, again, at)
		}
	})
}
