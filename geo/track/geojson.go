package track

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// GeoJSON reads tracks in either of the forms that programs write: a LineString or
// MultiLineString whose property coordTimes (or times) lists the time of each
// position, or a Point with the property t (or time) for each fix.
func GeoJSON(r io.Reader) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		for f, err := range feature.GeoJSON(r, feature.Limits{}) {
			if err != nil {
				if !yield(Point{Line: f.Line}, err) {
					return
				}
				continue
			}
			if !fromFeature(f, yield) {
				return
			}
		}
	}
}

// fromFeature yields the points of one feature and says whether to go on.
func fromFeature(f feature.Feature, yield func(Point, error) bool) bool {
	switch g := f.Geom.(type) {
	case *geom.Point:
		p := blank(f.Line)
		p.Lon, p.Lat = g.X(), g.Y()
		return yield(p, asError(p.fromProperties(f.Properties)))
	case *geom.LineString:
		return line(f, g.FlatCoords(), yield)
	case *geom.MultiLineString:
		return line(f, g.FlatCoords(), yield)
	}
	return yield(Point{Line: f.Line}, refuse(f.Line, "", feature.CodeGeometry,
		"is a %T; a track is a LineString with coordTimes, or a Point with t", f.Geom))
}

// asError keeps a nil refusal a nil error.
func asError(r *feature.Refusal) error {
	if r == nil {
		return nil
	}
	return r
}

func (p *Point) fromProperties(properties map[string]string) *feature.Refusal {
	text := properties["t"]
	if text == "" {
		text = properties["time"]
	}
	if text == "" {
		return refuse(p.Line, "t", CodeTime, "the point has no time; give it the property t or time")
	}
	var err error
	if p.T, err = moment(text); err != nil {
		return refuse(p.Line, "t", CodeTime, "t: %v", err)
	}
	p.Device = properties["device"]
	for _, m := range []struct {
		into   *float64
		column string
		high   float64
	}{
		{&p.AccuracyM, "accuracy_m", maxAccuracyM}, {&p.SpeedMS, "speed_ms", maxSpeedMS}, {&p.HeadingDeg, "heading_deg", 360},
	} {
		if refusal := p.measure(m.into, m.column, properties[m.column], 0, m.high); refusal != nil {
			return refusal
		}
	}
	return nil
}

// line yields the positions of a line with their times; one whose time cannot be
// read is refused by its number in the line.
func line(f feature.Feature, flat []float64, yield func(Point, error) bool) bool {
	times, err := lineTimes(f.Properties)
	if err != nil {
		return yield(Point{Line: f.Line}, refuse(f.Line, "coordTimes", CodeTime, "%v", err))
	}
	if n := len(flat) / 2; len(times) != n {
		return yield(Point{Line: f.Line}, refuse(f.Line, "coordTimes", CodeTime,
			"the line has %d positions and %d times; each position needs one", n, len(times)))
	}
	for i, text := range times {
		p := blank(f.Line)
		p.Point = geo.Point{Lon: flat[2*i], Lat: flat[2*i+1]}
		p.Device = f.Properties["device"]
		t, err := moment(text)
		var refused error
		if err != nil {
			refused = refuse(f.Line, "coordTimes", CodeTime, "position %d: %v", i+1, err)
		}
		p.T = t
		if !yield(p, refused) {
			return false
		}
	}
	return true
}

// lineTimes reads a list of times, or of lists of times, one for each line of a
// MultiLineString; numbers are taken as they are written.
func lineTimes(properties map[string]string) ([]string, error) {
	text := properties["coordTimes"]
	if text == "" {
		text = properties["times"]
	}
	if text == "" {
		return nil, fmt.Errorf("the line has no times; give it the property coordTimes, a list with the time of each position")
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("coordTimes should be a list of times")
	}
	var times []string
	for _, item := range list {
		var inner []json.RawMessage
		if json.Unmarshal(item, &inner) == nil && inner != nil {
			for _, t := range inner {
				times = append(times, unquoted(t))
			}
			continue
		}
		times = append(times, unquoted(item))
	}
	return times, nil
}

func unquoted(t json.RawMessage) string {
	var s string
	if json.Unmarshal(t, &s) == nil {
		return s
	}
	return string(t)
}
