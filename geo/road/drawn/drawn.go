// Package drawn reads roads that somebody drew: lines in GeoJSON or a shapefile,
// with a class, a speed and a direction each. OpenStreetMap files have their own
// package.
//
// Properties, all optional, in either of the words in use:
//
//	class      highway, class, fclass      a class of OpenStreetMap; road without
//	speed      speed_kmh                   what a car goes
//	           maxspeed                    what a car may; it gets to 80 % of it
//	direction  oneway                      yes, true, 1: as drawn; -1: against it
//	name       name
//	modes      modes                       of foot, ebike, car; between ; or ,
//	           foot, ebike|bicycle, car|motor_vehicle    yes or no
package drawn

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// The codes of refusals that this package adds.
const (
	CodeClass     = "class"
	CodeSpeed     = "speed"
	CodeDirection = "direction"
	CodeModes     = "modes"
)

// ofLimit is the share of a signed limit that is reached on the whole.
const ofLimit = 0.8

// Lines reads the roads of a stream. What cannot be used comes as refusals; an
// error means that the file cannot be read on. accepted counts features.
func Lines(features iter.Seq2[feature.Feature, error]) (lines []road.Line, accepted int, refused []*feature.Refusal, err error) {
	for f, err := range features {
		var refusal *feature.Refusal
		if err == nil {
			var made []road.Line
			if made, err = read(f); err == nil {
				lines = append(lines, made...)
				accepted++
				continue
			}
		}
		if !errors.As(err, &refusal) {
			return nil, 0, nil, err
		}
		refused = append(refused, refusal)
	}
	return lines, accepted, refused, nil
}

func read(f feature.Feature) ([]road.Line, error) {
	refuse := func(column, code, format string, args ...any) error {
		return &feature.Refusal{Line: f.Line, Column: column, Code: code, Detail: fmt.Sprintf(format, args...)}
	}
	property := func(keys ...string) (key, value string) {
		for _, k := range keys {
			if v := strings.TrimSpace(f.Properties[k]); v != "" {
				return k, v
			}
		}
		return "", ""
	}
	line := road.Line{Class: road.OtherRoad}
	if key, value := property("highway", "class", "fclass"); key != "" {
		class, ok := road.ParseClass(value)
		if !ok {
			return nil, refuse(key, CodeClass, "%q is no class of road; residential, primary and footway are some", value)
		}
		line.Class = class
	}
	_, line.Name = property("name")
	if key, value := property("speed_kmh", "maxspeed"); key != "" {
		kmh, err := strconv.ParseFloat(value, 64)
		if err != nil || !(kmh > 0 && kmh <= 400) {
			return nil, refuse(key, CodeSpeed, "%q is no speed in km/h", value)
		}
		if key == "maxspeed" {
			kmh *= ofLimit
		}
		line.SpeedKMH = kmh
	}
	against := false
	if key, value := property("oneway"); key != "" {
		switch strings.ToLower(value) {
		case "yes", "true", "1", "f":
			line.OneWay = true
		case "-1", "reverse", "t":
			line.OneWay, against = true, true
		case "no", "false", "0", "b":
		default:
			return nil, refuse(key, CodeDirection, "%q is not yes, no or -1", value)
		}
	}
	var err error
	if line.Modes, err = modes(line.Class, property, refuse); err != nil {
		return nil, err
	}
	var drawn []*geom.LineString
	switch g := f.Geom.(type) {
	case *geom.LineString:
		drawn = append(drawn, g)
	case *geom.MultiLineString:
		for i := range g.NumLineStrings() {
			drawn = append(drawn, g.LineString(i))
		}
	default:
		return nil, refuse("", feature.CodeGeometry, "a road is a line, not a %s", strings.TrimPrefix(fmt.Sprintf("%T", f.Geom), "*geom."))
	}
	var lines []road.Line
	for _, g := range drawn {
		one := line
		for i := range g.NumCoords() {
			c := g.Coord(i)
			one.Points = append(one.Points, geo.Point{Lon: c.X(), Lat: c.Y()})
		}
		if against {
			slices.Reverse(one.Points)
		}
		if err := one.Check(); err != nil {
			return nil, refuse("", feature.CodeGeometry, "%v", err)
		}
		lines = append(lines, one)
	}
	return lines, nil
}

func modes(class road.Class, property func(...string) (string, string), refuse func(column, code, format string, args ...any) error) (road.ModeSet, error) {
	set := class.UsualModes()
	if key, value := property("modes"); key != "" {
		set = 0
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(";, |[]\"", r) }) {
			m, err := road.ParseMode(word)
			if err != nil {
				return 0, refuse(key, CodeModes, "%q is not foot, ebike or car", word)
			}
			set |= road.SetOf(m)
		}
	}
	for m, keys := range map[road.Mode][]string{
		road.Foot: {"foot"}, road.EBike: {"ebike", "bicycle"}, road.Car: {"car", "motor_vehicle"},
	} {
		key, value := property(keys...)
		switch strings.ToLower(value) {
		case "":
		case "yes", "true", "1":
			set |= road.SetOf(m)
		case "no", "false", "0":
			set &^= road.SetOf(m)
		default:
			return 0, refuse(key, CodeModes, "%q is not yes or no", value)
		}
	}
	if set == 0 {
		return 0, refuse("modes", CodeModes, "nobody may use this road")
	}
	return set, nil
}
