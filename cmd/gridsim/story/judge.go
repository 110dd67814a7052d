package story

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"
)

// Event is an event of the case as the chain has it.
type Event struct {
	N      int64
	Kind   string         `json:"kind"`
	At     time.Time      `json:"at"`
	Patrol string         `json:"patrol"`
	Detail map[string]any `json:"detail"`
	After  map[string]any `json:"after"`
	Why    string         `json:"why"`
}

// Evidence is what is left of the night for whoever has to judge it.
type Evidence struct {
	Events                  []Event // of the case, in the order of the chain
	ChainFault              string  // what verify found; empty for nothing
	SignedAll               bool    // a signed head vouches for all of it
	DossierFile, EventsFile string
}

// ReadEvents reads the events of a case from an export.
func ReadEvents(in io.Reader, caseID string) ([]Event, error) {
	var out []Event
	lines := bufio.NewScanner(in)
	const longest = 16 << 20
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var line struct {
			N int64 `json:"n"`
			E *struct {
				Case string `json:"case"`
				Event
			} `json:"e"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		if line.E != nil && line.E.Case == caseID {
			e := line.E.Event
			e.N = line.N
			out = append(out, e)
		}
	}
	return out, lines.Err()
}

// Point is something that the article says, whether it was so, and by what one sees it.
type Point struct {
	Says string
	Kept bool
	Seen string
}

// What the article asks for, and what the rules of docs/missions.md ask for besides.
const (
	leastStraightM = 80
	leastRoadM     = 150
	apart          = 2 * time.Minute
	// late is how much later than told a patrol may leave: people close a door and get in.
	// A word that is younger than fresh need not have reached whoever leaves just then.
	late  = time.Minute
	fresh = 30 * time.Second
)

// Judge says of each point of the article whether the night kept it, by the chain of
// events and the dossier, and for what rang by the phones themselves.
func Judge(p Played, e Evidence, zone *time.Location) []Point {
	j := judge{Played: p, Evidence: e, zone: zone}
	reported := j.first("reported")
	day := reported.At.In(zone)
	at := func(hour, minute int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone)
	}
	eight, known, half := at(20, 0), at(20, 1), at(20, 30)

	j.point("20:00 a grid worker reports a vat with a photo", !reported.At.IsZero() && !reported.At.Before(eight) && reported.At.Before(known) &&
		strings.Contains(fmt.Sprint(reported.Detail["photo_sha256"]), p.Photo) && p.Photo != "", "%s, photo %.12s…", j.clock(reported.At), p.Photo)
	told := j.first("told", func(e Event) bool { return e.Detail["why"] == "town_leader" })
	j.point("20:01 the town knows", !told.At.IsZero() && !told.At.After(known) && !p.TownTold.IsZero() && !p.TownTold.After(known),
		"on the leader's list at %s", j.clock(p.TownTold))
	j.departments(known)
	j.meeting()
	j.entry(half)
	stages := j.stages()
	j.point("feedback, check and close, and the reporter heard", inOrder(stages, "dispatched", "signed", "handling", "feedback", "verifying", "closed") && p.Result,
		"%s", strings.Join(stages, " > "))
	verified := "every event is as it was sealed, and a signed head vouches for the last"
	if e.ChainFault != "" {
		verified = e.ChainFault
	}
	j.point("the chain of events verifies", e.ChainFault == "" && e.SignedAll && len(e.Events) > 0, "%s", verified)
	j.dossier()
	return j.points
}

// judge collects the points.
type judge struct {
	Played
	Evidence
	zone   *time.Location
	points []Point
}

func (j *judge) point(says string, kept bool, seen string, args ...any) {
	j.points = append(j.points, Point{says, kept, fmt.Sprintf(seen, args...)})
}

func (j *judge) clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(j.zone).Format(clockFace)
}

// all are the events of a kind that are like that.
func (j *judge) all(kind string, like ...func(Event) bool) []Event {
	var out []Event
	for _, e := range j.Events {
		if e.Kind == kind && !slices.ContainsFunc(like, func(is func(Event) bool) bool { return !is(e) }) {
			out = append(out, e)
		}
	}
	return out
}

// first is the first of them; the zero Event where there is none.
func (j *judge) first(kind string, like ...func(Event) bool) Event {
	if found := j.all(kind, like...); len(found) > 0 {
		return found[0]
	}
	return Event{}
}

func of(department string) func(Event) bool {
	return func(e Event) bool { return e.Detail["department"] == department }
}

// both are the departments that go in together, the lead first.
var both = []string{"environment", "police"}

// departments: one plan offers the case to both, and a phone of each rings.
func (j *judge) departments(known time.Time) {
	plan := j.first("plan")
	together, rang := !plan.At.IsZero(), []string{}
	for _, d := range both {
		offer, at := j.first("assignment.offered", of(d)), j.Rang[d]
		together = together && !offer.At.IsZero() && offer.At.Equal(plan.At) && !offer.At.After(known)
		together = together && !at.IsZero() && !at.After(known)
		rang = append(rang, d+" "+j.clock(at))
	}
	j.point("20:01 police and environment know, by one plan", together, "phones rang: %s", strings.Join(rang, ", "))
}

// meeting: a place that keeps the rules, times to leave that are kept, and all in place.
func (j *judge) meeting() {
	places := j.all("mission.rendezvous")
	kept, where := len(places) > 0, "nowhere"
	for _, e := range places {
		straight, _ := e.Detail["straight_m"].(float64)
		road, _ := e.Detail["road_m"].(float64)
		breaks, _ := e.Detail["breaks"].([]any)
		kept = kept && straight >= leastStraightM && road >= leastRoadM && len(breaks) == 0 && e.Detail["no_cover"] == false
		where = fmt.Sprintf("%v, %.0f m by road, %.0f m through the air, out of sight", e.Detail["road"], road, straight)
	}
	j.point("they meet first, at a place that keeps the rules", kept, "%s", where)

	kept, left := true, []string{}
	for _, d := range both {
		leaves := j.first("assignment.en_route", of(d))
		words, ok := j.due(d, leaves), false
		for _, due := range words {
			ok = ok || !leaves.At.IsZero() && !leaves.At.Before(due) && leaves.At.Sub(due) <= late
		}
		kept = kept && ok
		last := time.Time{}
		if len(words) > 0 {
			last = words[len(words)-1]
		}
		left = append(left, fmt.Sprintf("%s told %s, left %s", d, j.clock(last), j.clock(leaves.At)))
	}
	j.point("each leaves when told", kept, "%s", strings.Join(left, "; "))

	kept, there := true, []string{}
	first, last := j.span("mission.arrived")
	for _, d := range both {
		at := j.first("mission.arrived", of(d))
		kept = kept && !at.At.IsZero()
		there = append(there, d+" "+j.clock(at.At))
	}
	all := j.first("mission.in_place")
	j.point("all are in place, within two minutes of each other", kept && last.Sub(first) <= apart && !all.At.IsZero() && !all.At.Before(last), "%s", strings.Join(there, ", "))
}

// due is when a department was told to leave, as it knew it when it left: the words in
// force then and just before. Nobody leaves before they have accepted.
func (j *judge) due(department string, leaves Event) []time.Time {
	var words []time.Time
	accepted := j.first("assignment.accepted", of(department)).At
	for _, e := range j.all("mission.times") {
		if e.N > leaves.N {
			break
		}
		mission, _ := e.After["mission"].(map[string]any)
		times, _ := mission["depart_at"].(map[string]any)
		at, _ := times[fmt.Sprint(leaves.Detail["assignment"])].(string)
		due, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			continue
		}
		if due.Before(accepted) {
			due = accepted
		}
		if leaves.At.Sub(e.At) > fresh {
			words = words[:0] // it had time to be heard, and what was said before is void
		}
		words = append(words, due)
	}
	return words
}

// span is from the first to the last of both departments.
func (j *judge) span(kind string) (first, last time.Time) {
	for _, d := range both {
		at := j.first(kind, of(d)).At
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// entry: the order, and both on scene together in time.
func (j *judge) entry(half time.Time) {
	ordered := j.first("mission.go")
	j.point("the commander says go once all are in place", !ordered.At.IsZero() && ordered.Detail["anyway"] == false && ordered.N > j.first("mission.in_place").N,
		"%s", j.clock(ordered.At))
	first, last := j.span("assignment.on_scene")
	j.point("they enter together, within two minutes, before 20:30", !first.IsZero() && !ordered.At.IsZero() && first.After(ordered.At) && last.Sub(first) <= apart && last.Before(half),
		"%s and %s", j.clock(first), j.clock(last))
}

func (j *judge) stages() []string {
	var out []string
	for _, e := range j.all("stage") {
		out = append(out, fmt.Sprint(e.Detail["to"]))
	}
	return out
}

// inOrder says whether these come in this order, with others between them or not.
func inOrder(all []string, want ...string) bool {
	for _, s := range all {
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// proves are the events that the sentence of the article stands on, beside the stages.
var proves = []string{"reported", "assignment.offered", "mission.rendezvous", "mission.arrived", "mission.go", "assignment.on_scene"}

// dossier: the photo's hash, the course of the case, where they met and when they went in
// together, and where they went.
func (j *judge) dossier() {
	has := func(s string) bool { return bytes.Contains(j.Dossier, []byte(s)) }
	lacks := []string{}
	if j.Photo == "" || !has(j.Photo) {
		lacks = append(lacks, "the photo's hash")
	}
	for _, e := range j.Events {
		if e.Kind != "stage" && !slices.Contains(proves, e.Kind) {
			continue
		}
		if clock := j.clock(e.At); !has(clock) {
			lacks = append(lacks, e.Kind+" "+fmt.Sprint(cmp.Or(e.Detail["to"], e.Detail["department"]))+" at "+clock)
		}
		if road, named := e.Detail["road"].(string); e.Kind == "mission.rendezvous" && named && !has(html.EscapeString(road)) {
			lacks = append(lacks, "where they met, "+road)
		}
	}
	if n := bytes.Count(j.Dossier, []byte(`<path class="track"`)); n < len(both) {
		lacks = append(lacks, fmt.Sprintf("tracks of both (it draws %d)", n))
	}
	if len(lacks) == 0 {
		j.point("the dossier has photo, timeline and tracks", true, "%s", j.DossierFile)
		return
	}
	j.point("the dossier has photo, timeline and tracks", false, "it lacks %s", strings.Join(lacks, ", "))
}
