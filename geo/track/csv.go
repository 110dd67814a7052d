package track

import (
	"io"
	"iter"

	"github.com/gridpatrol/gridpatrol/geo/feature"
)

var (
	csvNeeded   = []string{"lon", "lat", "t"}
	csvOptional = []string{"accuracy_m", "speed_ms", "heading_deg", "device"}
)

// CSV reads a table with the columns lon, lat and t (RFC 3339 with a zone, or
// seconds or milliseconds since 1970) and perhaps accuracy_m, speed_ms, heading_deg
// and device, in any order.
func CSV(r io.Reader) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		for row, err := range feature.CSV(r, csvNeeded, csvOptional, feature.Limits{TableBytes: maxTableBytes}) {
			p := blank(row.Line)
			if err == nil {
				if refusal := p.fromRow(row); refusal != nil {
					err = refusal
				}
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

func (p *Point) fromRow(row feature.Row) *feature.Refusal {
	if refusal := p.place(row.Get("lon"), row.Get("lat")); refusal != nil {
		return refusal
	}
	var err error
	if p.T, err = moment(row.Get("t")); err != nil {
		return refuse(p.Line, "t", CodeTime, "t: %v", err)
	}
	p.Device = row.Get("device")
	for _, m := range []struct {
		into   *float64
		column string
		high   float64
	}{
		{&p.AccuracyM, "accuracy_m", maxAccuracyM}, {&p.SpeedMS, "speed_ms", maxSpeedMS}, {&p.HeadingDeg, "heading_deg", 360},
	} {
		if refusal := p.measure(m.into, m.column, row.Get(m.column), 0, m.high); refusal != nil {
			return refusal
		}
	}
	return nil
}
