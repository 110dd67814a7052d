package roster

import (
	"io"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// CalendarDays reads day,kind,name and perhaps source: holidays, and days worked that the
// week has off, and who says so.
func CalendarDays(in io.Reader) ([]dispatch.CalendarDay, []Refusal, error) {
	return decode(in, []string{"day", "kind"}, []string{"name", "source"}, func(r *row) (string, dispatch.CalendarDay) {
		r.required("day", "kind")
		d := dispatch.CalendarDay{Kind: r.oneOf("kind", dispatch.DayHoliday, dispatch.DayWorkday), Name: r.Get("name"), Source: r.Get("source")}
		var err error
		if d.Day, err = dispatch.ParseDay(r.Get("day")); err != nil {
			r.refuse("day", CodeValue, "%.20q is not a date such as 2026-10-01", r.Get("day"))
		}
		if len([]rune(d.Name)) > 100 {
			r.refuse("name", CodeValue, "may have 100 characters at most")
		}
		if len([]rune(d.Source)) > dispatch.MaxDaySource {
			r.refuse("source", CodeValue, "may have %d characters at most", dispatch.MaxDaySource)
		}
		return r.Get("day"), d
	})
}
