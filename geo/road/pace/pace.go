// Package pace is speeds that hold on some roads at some hours: what an administrator
// writes, in a table or through the API, and what of it is in force at a moment. It
// knows no database; geo/road/pgroad keeps the rules.
package pace

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Columns are the fields of a rule: as the header of a table, and as names in JSON.
var Columns = []string{"way", "class", "direction", "modes", "days", "hours", "kmh", "factor", "note"}

// The codes of refusals.
const (
	CodeMissing = "missing"
	CodeBad     = "bad"
	CodeUnknown = "unknown"
	CodeTwice   = "twice"
)

// Bounds of a rule.
const (
	MaxKMH    = 200
	MinKMH    = 0.5
	MinFactor = 0.05
	MaxFactor = 10
	MaxNote   = 200
	MaxRules  = 20_000

	dayMin = 24 * 60
)

// Days are days of the week, Monday the lowest bit.
type Days uint8

// EveryDay is all seven.
const EveryDay Days = 1<<7 - 1

var dayNames = [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// Rule is a speed for some roads, modes and hours.
type Rule struct {
	Way       int64 // 0 where the rule is for a class
	Class     road.Class
	Direction string // "", along or against
	Modes     road.ModeSet
	Days      Days
	// FromMin and UntilMin are minutes of the day; a span that ends before it begins
	// goes on past midnight and belongs to the day it began.
	FromMin, UntilMin int
	KMH, Factor       float64 // one of them is 0
	Note              string
}

// Pace is what the rule does while it is in force.
func (r Rule) Pace() road.Pace {
	return road.Pace{Origin: r.Way, Class: r.Class, Along: r.Direction != "against", Against: r.Direction != "along",
		Modes: r.Modes, KMH: r.KMH, Factor: r.Factor}
}

// InForce says whether the rule holds at a moment, told in the district's time zone.
func (r Rule) InForce(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	today := (int(at.Weekday()) + 6) % 7
	on := func(day int) bool { return r.Days>>((day+7)%7)&1 == 1 }
	if r.FromMin < r.UntilMin {
		return on(today) && minute >= r.FromMin && minute < r.UntilMin
	}
	return on(today) && minute >= r.FromMin || on(today-1) && minute < r.UntilMin
}

// Hours are the span as it is written, empty for the whole day.
func (r Rule) Hours() string {
	if r.FromMin == 0 && r.UntilMin == dayMin {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", r.FromMin/60, r.FromMin%60, r.UntilMin/60, r.UntilMin%60)
}

// String are the days as they are written, empty for all.
func (d Days) String() string {
	if d == EveryDay {
		return ""
	}
	var words []string
	for i, name := range dayNames {
		if d>>i&1 == 1 {
			words = append(words, name)
		}
	}
	return strings.Join(words, ";")
}

// fault is what is wrong with a field.
type fault struct{ column, code, detail string }

// read makes a rule of its fields; get answers one, "" where it is left out.
func read(get func(column string) string) (r Rule, faults []fault) {
	bad := func(column, code, format string, args ...any) {
		faults = append(faults, fault{column, code, fmt.Sprintf(format, args...)})
	}
	way, class := get("way"), get("class")
	switch {
	case way == "" && class == "":
		bad("way", CodeMissing, "give the number of a way, or a class such as primary")
	case way != "" && class != "":
		bad("class", CodeTwice, "is given beside way; a rule is for one way or for a class")
	case way != "":
		var err error
		if r.Way, err = strconv.ParseInt(way, 10, 64); err != nil || r.Way == 0 {
			bad("way", CodeBad, "%q is no number of a way; it is the id of OpenStreetMap, such as 4711", short(way))
		}
	default:
		var ok bool
		if r.Class, ok = road.ParseClass(class); !ok {
			bad("class", CodeUnknown, "%q is no class of roads; use one such as primary, residential, service", short(class))
		}
	}
	switch r.Direction = get("direction"); r.Direction {
	case "", "along", "against":
	case "both":
		r.Direction = ""
	default:
		bad("direction", CodeBad, "%q is not along, against or both", short(r.Direction))
	}
	if r.Direction != "" && way == "" {
		bad("direction", CodeBad, "only a way has a direction; leave it empty for a class")
	}
	r.Modes = road.AllModes
	if modes := get("modes"); modes != "" {
		r.Modes = 0
		for _, word := range split(modes) {
			m, err := road.ParseMode(word)
			if err != nil {
				bad("modes", CodeUnknown, "%q is not foot, ebike or car", short(word))
				continue
			}
			r.Modes |= road.SetOf(m)
		}
	}
	var err error
	if r.Days, err = parseDays(get("days")); err != nil {
		bad("days", CodeBad, "%v", err)
	}
	if r.FromMin, r.UntilMin, err = parseHours(get("hours")); err != nil {
		bad("hours", CodeBad, "%v", err)
	}
	kmh, factor := get("kmh"), get("factor")
	switch {
	case kmh == "" && factor == "":
		bad("kmh", CodeMissing, "give a speed in km/h, or a factor of the usual speed")
	case kmh != "" && factor != "":
		bad("factor", CodeTwice, "is given beside kmh; give one of them")
	case kmh != "":
		if r.KMH, err = strconv.ParseFloat(kmh, 64); err != nil || !(r.KMH >= MinKMH && r.KMH <= MaxKMH) {
			bad("kmh", CodeBad, "%q is not within %g..%d km/h; to shut a road, close it", short(kmh), MinKMH, MaxKMH)
		}
	default:
		if r.Factor, err = strconv.ParseFloat(factor, 64); err != nil || !(r.Factor >= MinFactor && r.Factor <= MaxFactor) {
			bad("factor", CodeBad, "%q is not within %g..%d; 0.5 is half as fast", short(factor), MinFactor, MaxFactor)
		}
	}
	// To three decimals: nobody measures more.
	r.KMH, r.Factor = math.Round(r.KMH*1000)/1000, math.Round(r.Factor*1000)/1000
	if r.Note = strings.TrimSpace(get("note")); len([]rune(r.Note)) > MaxNote {
		bad("note", CodeBad, "has more than %d characters", MaxNote)
	}
	return r, faults
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func split(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
}

func parseDays(s string) (Days, error) {
	if strings.TrimSpace(s) == "" {
		return EveryDay, nil
	}
	var d Days
	for _, word := range split(s) {
		first, last, span := strings.Cut(word, "-")
		if !span {
			last = first
		}
		from, until := slices.Index(dayNames[:], first), slices.Index(dayNames[:], last)
		if from < 0 || until < 0 {
			return 0, fmt.Errorf("%q is no day; write mon-fri, or sat;sun", short(word))
		}
		for day := from; ; day = (day + 1) % 7 {
			d |= 1 << day
			if day == until {
				break
			}
		}
	}
	if d == 0 {
		return 0, errors.New("names no day; leave it empty for every day")
	}
	return d, nil
}

func parseHours(s string) (from, until int, err error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, dayMin, nil
	}
	begin, end, ok := strings.Cut(s, "-")
	if from, err = parseClock(begin); err == nil && ok {
		until, err = parseClock(end)
	}
	switch {
	case err != nil || !ok:
		return 0, 0, fmt.Errorf("%q is no span of the day; write 07:00-09:30, a rule for each span", short(s))
	case from == until || from == dayMin:
		return 0, 0, fmt.Errorf("%q lasts no time; leave it empty for the whole day", short(s))
	}
	return from, until, nil
}

func parseClock(s string) (minute int, err error) {
	h, m, ok := strings.Cut(strings.TrimSpace(s), ":")
	hours, err1 := strconv.Atoi(h)
	minutes, err2 := strconv.Atoi(m)
	minute = hours*60 + minutes
	if !ok || err1 != nil || err2 != nil || len(m) != 2 || hours < 0 || minutes < 0 || minutes > 59 || minute > dayMin {
		return 0, errors.New("no time of the day")
	}
	return minute, nil
}

// Read makes a rule of fields that came otherwise than in a table. A field nobody
// knows is refused, too. Line is told in the refusals.
func Read(line int, fields map[string]string) (Rule, []*feature.Refusal) {
	var refused []*feature.Refusal
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(Columns, name) {
			refused = append(refused, &feature.Refusal{Line: line, Column: name, Code: CodeUnknown,
				Detail: "is no field of a rule; there are " + strings.Join(Columns, ", ")})
		}
	}
	rule, faults := read(func(column string) string { return fields[column] })
	for _, f := range faults {
		refused = append(refused, &feature.Refusal{Line: line, Column: f.column, Code: f.code, Detail: f.detail})
	}
	return rule, refused
}

// Table reads rules from a table in CSV with the Columns as its header, of which way
// or class and kmh or factor are needed. A bad row never loses the good ones. Lines
// are those of the good rules. The error is of the whole: no header, not UTF-8, more
// than MaxRules.
func Table(in io.Reader) (rules []Rule, lines []int, refused []*feature.Refusal, err error) {
	for row, err := range feature.CSV(in, nil, Columns, feature.Limits{}) {
		var refusal *feature.Refusal
		if errors.As(err, &refusal) {
			refused = append(refused, refusal)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		rule, faults := read(func(column string) string { return strings.TrimSpace(row.Get(column)) })
		if len(faults) > 0 {
			for _, f := range faults {
				refused = append(refused, row.Refuse(f.column, f.code, "%s", f.detail))
			}
			continue
		}
		if len(rules) == MaxRules {
			return nil, nil, nil, fmt.Errorf("more than %d rules; use classes where many ways share a speed", MaxRules)
		}
		rules, lines = append(rules, rule), append(lines, row.Line)
	}
	return rules, lines, refused, nil
}
