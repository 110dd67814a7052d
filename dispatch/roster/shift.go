package roster

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Shift is a row of shifts: when a patrol is on duty, From included, Until not.
type Shift struct {
	Line        int
	Patrol      string
	From, Until time.Time
}

// longestShift is a bound against typing errors in dates.
const longestShift = 31 * 24 * time.Hour

// Shifts reads patrol_code,from,until. A time is RFC 3339, or an offset from the
// moment of the import such as -1h or +8h30m.
func Shifts(in io.Reader, now time.Time, known Known) ([]Shift, []Refusal, error) {
	return decode(in, []string{"patrol_code", "from", "until"}, nil, func(r *row) (string, Shift) {
		r.required("patrol_code", "from", "until")
		s := Shift{Line: r.Line, Patrol: r.Get("patrol_code")}
		if _, there := known.Patrols[s.Patrol]; !there {
			r.refuse("patrol_code", CodePatrol, "there is no patrol %.40q; import staff first", s.Patrol)
		}
		moment := func(column string) time.Time {
			t, err := parseMoment(r.Get(column), now)
			if err != nil {
				r.refuse(column, CodeValue, "%v", err)
			}
			return t
		}
		s.From, s.Until = moment("from"), moment("until")
		if !s.From.Before(s.Until) {
			r.refuse("until", CodeValue, "the shift ends before it begins")
		}
		if s.Until.Sub(s.From) > longestShift {
			r.refuse("until", CodeValue, "the shift lasts longer than 31 days")
		}
		return "", s
	})
}

func parseMoment(text string, now time.Time) (time.Time, error) {
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		if d, err := time.ParseDuration(text); err == nil {
			return now.Add(d), nil
		}
	} else if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%.40q is no time; give 2026-11-23T08:00:00+08:00, or +8h30m from the import on", text)
}
