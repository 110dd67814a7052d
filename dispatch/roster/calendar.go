package roster

import (
	"io"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// CalendarDays reads day,kind,name: holidays, and days worked that the week has off.
func CalendarDays(in io.Reader) ([]dispatch.CalendarDay, []Refusal, error) {
	return decode(in, []string{"day", "kind"}, []string{"name"}, func(r *row) (string, dispatch.CalendarDay) {
		r.required("day", "kind")
		d := dispatch.CalendarDay{Kind: r.oneOf("kind", dispatch.DayHoliday, dispatch.DayWorkday), Name: r.Get("name")}
		var err error
		if d.Day, err = dispatch.ParseDay(r.Get("day")); err != nil {
			r.refuse("day", CodeValue, "%.20q is not a date such as 2026-10-01", r.Get("day"))
		}
		if len([]rune(d.Name)) > 100 {
			r.refuse("name", CodeValue, "may have 100 characters at most")
		}
		return r.Get("day"), d
	})
}
