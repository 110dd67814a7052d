package roster

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Post is a row of a roster that is only tried out: a patrol that would stand somewhere
// each day from one time to another. Until at or before From means the next day.
type Post struct {
	Line        int
	Code        string
	Department  string
	Mode        string
	Place       geo.Point
	From, Until time.Duration // since local midnight
}

// Posts reads code,department,mode,lon,lat,from,until. Times are those of each day,
// such as 08:30; without either the patrol is always on duty.
func Posts(in io.Reader, known Known) ([]Post, []Refusal, error) {
	return decode(in, []string{"code", "department", "mode", "lon", "lat"}, []string{"from", "until"}, func(r *row) (string, Post) {
		r.required("code", "department", "mode", "lon", "lat")
		p := Post{Line: r.Line, Code: r.like("code", plainCode, wantPlainCode), Department: r.Get("department"), Mode: r.oneOf("mode", "foot", "ebike", "car")}
		if !known.Departments[p.Department] {
			r.refuse("department", CodeDepartment, "there is no department %.40q; import departments first", p.Department)
		}
		number := func(column string) float64 {
			v, err := strconv.ParseFloat(r.Get(column), 64)
			if err != nil {
				r.refuse(column, CodeValue, "%.40q is no number of degrees", r.Get(column))
			}
			return v
		}
		p.Place = geo.Point{Lon: number("lon"), Lat: number("lat")}
		if err := p.Place.Check(); err != nil {
			r.refuse("lon", CodeValue, "%v", err)
		}
		if (r.Get("from") == "") != (r.Get("until") == "") {
			r.refuse("until", CodeRequired, "give both from and until, or neither for a patrol that is always on duty")
		}
		hour := func(column string) time.Duration {
			d, err := hourOfDay(r.Get(column))
			if err != nil {
				r.refuse(column, CodeValue, "%v", err)
			}
			return d
		}
		if r.Get("from") != "" {
			p.From, p.Until = hour("from"), hour("until")
		}
		return p.Code, p
	})
}

func hourOfDay(text string) (time.Duration, error) {
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no time of day; give 08:30, 24:00 at most", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// Duty are the times a post is manned between two instants, by the days of a zone.
func (p Post) Duty(from, to time.Time, zone *time.Location) [][2]time.Time {
	if p.From == p.Until {
		return [][2]time.Time{{from, to}}
	}
	var out [][2]time.Time
	y, m, d := from.In(zone).Date()
	at := func(day int, of time.Duration) time.Time { // by the wall clock, whatever it does that day
		return time.Date(y, m, d+day, 0, int(of/time.Minute), 0, 0, zone)
	}
	for day := -1; at(day, 0).Before(to); day++ {
		begin, end := at(day, p.From), at(day, p.Until)
		if p.Until <= p.From {
			end = at(day+1, p.Until)
		}
		if begin.Before(to) && end.After(from) {
			out = append(out, [2]time.Time{begin, end})
		}
	}
	return out
}
