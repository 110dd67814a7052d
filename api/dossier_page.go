package api

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

//go:embed dossier.css
var dossierCSS string

//go:embed dossier.html
var dossierHTML string

// The page asks nobody for anything, so that it can be kept and printed in years: its
// style and pictures are in it, and there is no script.
var (
	dossierTemplate = template.Must(template.New("dossier").Parse(dossierHTML))
	dossierPolicy   = "default-src 'none'; img-src data:; style-src 'sha256-" + dossierDigest() + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func dossierDigest() string {
	sum := sha256.Sum256([]byte(dossierCSS))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// dossierContext is what a page is made of.
type dossierContext struct {
	zone         *time.Location
	by           string
	words        *dossierText
	text         *sheetText
	c            dispatch.CaseDetail
	record       DossierRecord
	tracks       []dossierTrack
	tracksHidden bool
	thumbs       map[string]string
	people       []PersonThen
	frame        frame
	ground       DossierGround
	departments  []Department
	categories   []Category

	names map[string]string // of departments
}

type dossierPage struct {
	W                                                                 *dossierText
	Text                                                              *sheetText
	CSS                                                               template.CSS
	Map                                                               template.HTML
	Number, Category, Stage, Now, By, Zone, Seal                      string
	SealedAll                                                         bool
	ReportedAt, ClosedAt, Place, Cell, Grid, Departments, Description string
	Shortfalls, TracksNote, EventsCut, FirstKey, Meet                 string
	Evaluations                                                       []string // what reporters said when it was settled
	Tracks                                                            []dossierWay
	People                                                            []dossierPerson
	Sent                                                              []dossierSent
	Photos                                                            []dossierPhoto
	Events                                                            []dossierLine
	Heads                                                             []dossierHead
}

type dossierWay struct {
	Number             int
	Colour, Dash, Text string
}

type dossierPerson struct {
	Part, Name, Since, Patrol, Duty string
	Answers                         bool
}

type dossierSent struct{ Department, Patrol, State, Offered, Arrived, Ended, Planned string }

type dossierPhoto struct {
	Data           template.URL
	Size, Hash     string
	Camera, Doubts []string
	Fine           string
}

type dossierLine struct {
	Day, At, Kind, Why, Actor, Role, OnBehalf, Position, Hash string
	Simulated, Sealed                                         bool
	Changes                                                   []dossierChange
	Details                                                   []string
}

type dossierChange struct{ Name, Was, Is string }

type dossierHead struct {
	Position           int64
	At, Key, Hash, Sig string
}

func newDossierPage(in dossierContext) dossierPage {
	w, c := in.words, in.c
	in.names = map[string]string{}
	for _, d := range in.departments {
		in.names[d.Code] = in.text.pick(d.NameZh, d.NameEn)
	}
	p := dossierPage{W: w, Text: in.text, CSS: template.CSS(dossierCSS), Number: c.Number, Category: c.Category, Stage: in.stage(string(c.Stage)),
		Now: in.time(&in.record.Now), By: in.by, Zone: in.zone.String(), ReportedAt: in.time(&c.MadeAt), ClosedAt: in.time(c.ClosedAt),
		Place: fmt.Sprintf("%.6f, %.6f (WGS-84)", c.Lon, c.Lat), Cell: c.Cell.String(), Description: c.Description, Map: drawMap(in)}
	if c.ClosedAt == nil {
		p.ClosedAt = w.StillOpen
	}
	if c.AccuracyM != nil {
		p.Place += fmt.Sprintf(" ± %.0f m", *c.AccuracyM)
	}
	for _, x := range in.categories {
		if x.Code == c.Category {
			p.Category = c.Category + " " + in.text.pick(x.NameZh, x.NameEn)
		}
	}
	if m := c.Mission; m != nil && m.Rendezvous != nil {
		p.Meet = strings.TrimSpace(w.Meet + " " + m.Rendezvous.Name)
	}
	p.Grid = in.grid()
	var departments, short []string
	for _, d := range c.Departments {
		part := w.Assist
		if d.Part == dispatch.PartLead {
			part = w.Lead
		}
		name, local := in.code("unit", d.Code) // the village and the town are in no register
		if !local {
			name = named(in.names, d.Code)
		}
		departments = append(departments, name+" ("+part+")")
	}
	for _, s := range c.Shortfalls {
		short = append(short, named(in.names, s.Department)+" ("+or(in.words.States, string(s.Reason))+")")
	}
	p.Departments, p.Shortfalls = strings.Join(departments, w.And), strings.Join(short, w.And)
	in.ways(&p)
	in.then(&p)
	in.sent(&p)
	in.photos(&p)
	in.events(&p)
	return p
}

func (in *dossierContext) time(t *time.Time) string {
	if t == nil {
		return "—"
	}
	return t.In(in.zone).Format("2006-01-02 15:04:05")
}

// clock is a time without its date on the day of the report.
func (in *dossierContext) clock(t *time.Time) string {
	text := in.time(t)
	return strings.TrimPrefix(text, in.c.MadeAt.In(in.zone).Format("2006-01-02 "))
}

func (in *dossierContext) stage(s string) string {
	if name, there := in.text.Stage[dispatch.Stage(s)]; there {
		return name
	}
	return s
}

func (in *dossierContext) grid() string {
	r, w := in.c.Responsible, in.words
	if r.Code == nil || r.Name == nil {
		return w.NoGrid
	}
	if r.Basis == dispatch.BasisNearest && r.DistanceM != nil {
		return fmt.Sprintf("%s %s, "+w.Nearest, *r.Name, *r.Code, int(math.Round(*r.DistanceM)))
	}
	return fmt.Sprintf("%s %s, "+w.Inside, *r.Name, *r.Code, int(math.Round(r.Share*100)))
}

func (in *dossierContext) part(a dispatch.Assignment) string {
	if a.Kind == dispatch.KindFirstLook {
		return in.words.FirstLook
	}
	return named(in.names, a.Department)
}

func (in *dossierContext) ways(p *dossierPage) {
	for i, t := range in.tracks {
		mark := trackMarks[i%len(trackMarks)]
		count := in.words.NoFixes
		if len(t.fixes) > 0 {
			count = fmt.Sprintf(in.words.Fixes, len(t.fixes))
		}
		p.Tracks = append(p.Tracks, dossierWay{i + 1, mark.colour, mark.dash, in.part(t.assignment) + " " + t.assignment.PatrolName + " · " + count})
	}
	switch {
	case in.tracksHidden:
		p.TracksNote = in.words.TracksHidden
	case len(in.tracks) > 0:
		p.TracksNote = in.words.TracksGone
	}
}

func (in *dossierContext) then(p *dossierPage) {
	w := in.words
	answers := whoAnswered(in.people)
	for _, x := range in.people {
		row := dossierPerson{Part: or(w.Parts, string(x.Part)), Name: x.Name + " (" + x.Code + ")", Duty: w.OffDuty,
			Since: in.time(x.Since) + " – " + in.time(x.Until), Answers: answers != nil && *answers == x.StaffId}
		if x.StandsInFor != nil {
			row.Part += " (" + fmt.Sprintf(w.StandsInFor, x.StandsInFor.Name) + ")"
		}
		if x.Patrol != nil {
			row.Patrol = x.Patrol.Name
		}
		if x.OnDuty {
			row.Duty = w.OnDuty
		}
		p.People = append(p.People, row)
	}
}

func (in *dossierContext) sent(p *dossierPage) {
	for _, a := range in.c.Assignments {
		if a.State == dispatch.Proposed {
			continue
		}
		row := dossierSent{Department: in.part(a), Patrol: a.PatrolName + " (" + a.PatrolCode + ")", State: or(in.words.States, string(a.State)),
			Offered: in.clock(a.OfferedAt), Arrived: in.clock(a.ArrivedAt), Ended: in.clock(a.EndedAt)}
		if a.EtaS != nil && a.RoadM != nil {
			row.Planned = fmt.Sprintf("%.0f min · %.1f km", math.Ceil(*a.EtaS/60), *a.RoadM/1000)
		}
		p.Sent = append(p.Sent, row)
	}
}

func (in *dossierContext) photos(p *dossierPage) {
	for _, r := range in.c.Reports {
		if e := r.Evaluation; e != nil {
			p.Evaluations = append(p.Evaluations, strings.Join(slices.DeleteFunc([]string{in.word("satisfaction", string(e.Satisfaction)), e.Words, in.clock(&e.At)},
				func(s string) bool { return s == "" }), " · "))
		}
		for _, photo := range r.Photos {
			p.Photos = append(p.Photos, in.photo(in.words.Before, r.ReceivedAt, photo))
		}
	}
	for _, e := range in.c.Evidence {
		stage := in.words.After
		if e.Step == dispatch.MovePass || e.Step == dispatch.MoveFail {
			stage = in.words.Check
		}
		for _, photo := range e.Photos {
			p.Photos = append(p.Photos, in.photo(stage, e.At, photo))
		}
	}
}

// photo is one photo at the stage that it belongs to.
func (in *dossierContext) photo(stage string, at time.Time, photo dispatch.Photo) dossierPhoto {
	w := in.words
	row := dossierPhoto{Data: template.URL(in.thumbs[photo.SHA256]), Hash: photo.SHA256,
		Size: fmt.Sprintf("%s · %s · %d × %d · %d kB", stage, in.time(&at), photo.Width, photo.Height, (photo.Bytes+999)/1000)}
	e := photo.Exif
	if e == nil || e.T == nil && e.Lon == nil {
		row.Camera = []string{w.NoCamera}
		return row
	}
	if e.T != nil {
		row.Camera = append(row.Camera, fmt.Sprintf(w.CameraTime, in.time(e.T)))
	}
	if e.DistanceM != nil {
		row.Camera = append(row.Camera, fmt.Sprintf(w.CameraPlace, int(math.Round(*e.DistanceM))))
	}
	for _, d := range e.Doubts {
		row.Doubts = append(row.Doubts, map[dispatch.PhotoDoubt]string{dispatch.DoubtFar: w.Far, dispatch.DoubtOld: w.Old, dispatch.DoubtAhead: w.Ahead}[d])
	}
	if len(e.Doubts) == 0 {
		row.Fine = w.Fine
	}
	return row
}

func (in *dossierContext) events(p *dossierPage) {
	w := in.words
	sealed, unsigned, day := 0, 0, ""
	signed := int64(0)
	for _, h := range in.record.Heads {
		signed = max(signed, h.Position)
		p.Heads = append(p.Heads, dossierHead{h.Position, in.time(&h.At), h.Key, fmt.Sprintf("%x", h.Hash[:]), base64.StdEncoding.EncodeToString(h.Sig)})
		p.FirstKey = cmp.Or(p.FirstKey, h.Key)
	}
	for _, e := range in.record.Events {
		at := e.At.In(in.zone)
		line := dossierLine{At: at.Format("15:04:05"), Kind: in.kind(e.Kind), Position: w.NotYet, Sealed: e.Position > 0,
			Actor: in.who(e.Body["actor"]), OnBehalf: in.who(e.Body["on_behalf"]), Simulated: e.Body["simulated"] == true}
		if d := at.Format("2006-01-02"); d != day {
			day, line.Day = d, d
		}
		if role, _ := e.Body["role"].(string); role != "" {
			line.Role = or(w.Roles, role)
		}
		why, _ := e.Body["why"].(string)
		line.Why = in.reason(why)
		if line.Sealed {
			sealed++
			line.Position, line.Hash = fmt.Sprint(e.Position), e.Hash[:16]+"…"
			if e.Position > signed {
				unsigned++
			}
		}
		line.Changes = in.changes(e.Body["before"], e.Body["after"])
		line.Details = in.details(e)
		p.Events = append(p.Events, line)
	}
	n := len(in.record.Events)
	switch {
	case n > 0 && sealed == n:
		p.SealedAll, p.Seal = true, fmt.Sprintf(w.SealedAll, n)
	case sealed > 0:
		p.Seal = fmt.Sprintf(w.SealedSome, n, sealed)
	default:
		p.Seal = w.SealedNone
	}
	if signed > 0 {
		p.Seal += " " + fmt.Sprintf(w.SignedTo, signed)
	}
	if unsigned > 0 {
		p.Seal += " " + fmt.Sprintf(w.NotSigned, unsigned)
	}
	if n >= 5000 {
		p.EventsCut = w.EventsCut
	}
}

// who is an actor, or whom one acts for, by name where the register has one.
func (in *dossierContext) who(v any) string {
	name, _ := v.(string)
	switch name {
	case "system":
		return in.words.System
	case "command":
		return in.words.Command
	case "resident":
		return in.words.Resident
	}
	if known, there := in.record.Names[name]; there {
		return known
	}
	return name
}

// details are what an event says beside what changed: whom it concerns, then each field
// in its own line.
func (in *dossierContext) details(e DossierEvent) (out []string) {
	d, _ := e.Body["detail"].(map[string]any)
	if department, ok := d["department"].(string); ok {
		who := in.word("unit", department)
		if d["kind"] == dispatch.KindFirstLook {
			who = in.words.FirstLook
		}
		out = append(out, who)
	}
	if id, ok := e.Body["patrol"].(string); ok {
		if name, there := in.record.Names["patrol:"+id]; there {
			out = append(out, name)
		}
	}
	if id, ok := d["staff"].(string); ok {
		if name, there := in.record.Names["staff:"+id]; there {
			out = append(out, name)
		}
	}
	if sums, ok := d["photo_sha256"].([]any); ok {
		out = append(out, fmt.Sprintf("%s × %d", in.words.Photos, len(sums)))
	}
	if reason, ok := d["reason"].(string); ok && e.Kind == "shortfall" {
		out = append(out, or(in.words.States, reason))
	}
	if len(out) > 0 {
		out = []string{strings.Join(out, " · ")}
	}
	return append(out, in.says(e.Kind, d)...)
}

// changes are the fields of before and after, in words.
func (in *dossierContext) changes(before, after any) (out []dossierChange) {
	was, _ := before.(map[string]any)
	is, _ := after.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(is)) {
		switch key {
		case "assignments", "clocks":
			old, _ := was[key].(map[string]any)
			now, _ := is[key].(map[string]any)
			for _, one := range slices.Sorted(maps.Keys(now)) {
				name := in.assignment(one)
				if key == "clocks" {
					name = in.word(key, one)
				}
				out = append(out, dossierChange{name, in.value("", old[one]), cmp.Or(in.value("", now[one]), in.words.None)})
			}
		case "map", "undo_until": // of no use to a reader
		default:
			out = append(out, dossierChange{in.field(key), in.value(key, was[key]), cmp.Or(in.value(key, is[key]), in.words.None)})
		}
	}
	return out
}

func (in *dossierContext) assignment(id string) string {
	for _, a := range in.c.Assignments {
		if a.ID.String() == id {
			return in.part(a) + " " + a.PatrolName
		}
	}
	return in.field("assignments")
}

func (in *dossierContext) value(key string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return in.words.yes(v)
	case float64:
		return in.figure(key, v)
	case string:
		return in.word(key, v)
	case map[string]any:
		return in.object(key, v)
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, in.value(key, e))
		}
		return strings.Join(all, in.words.And)
	}
	return fmt.Sprint(v)
}

// object is a value of several fields, such as whose turn it is: a kind, and a code of
// that kind.
func (in *dossierContext) object(key string, v map[string]any) string {
	if kind, ok := v["kind"].(string); ok && key == "owner" {
		code, _ := v["code"].(string)
		return strings.TrimSpace(in.word("code", code) + " " + or(in.words.States, kind))
	}
	if why, ok := v["why"].(string); ok && key == "reasons" {
		return in.word(key, why)
	}
	if name, ok := v["name"].(string); ok && name != "" {
		return name
	}
	var all []string
	for _, k := range slices.Sorted(maps.Keys(v)) {
		text := in.value(k, v[k])
		if text == "" {
			continue
		}
		name := in.field(k)
		if _, known := fieldWords[k]; !known {
			name = in.word("", k)
		}
		all = append(all, name+" "+text)
	}
	return strings.Join(all, in.words.Comma)
}

// or is a word in the page's language, or the word itself.
func or(words map[string]string, word string) string {
	if w, there := words[word]; there {
		return w
	}
	return word
}
