package dispatch

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Span is a stretch of time, From included, Until not, so that what ends and what
// begins at one instant never meet. A zero From has always been; a zero Until has
// no end.
type Span struct{ From, Until time.Time }

// Empty says that the span holds no instant.
func (s Span) Empty() bool { return !s.Until.IsZero() && !s.From.Before(s.Until) }

// Holds says whether t lies in the span.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.From) && s.endsAfter(t) }

// Meets says whether the two have an instant in common.
func (s Span) Meets(o Span) bool {
	return !s.Empty() && !o.Empty() && s.endsAfter(o.From) && o.endsAfter(s.From)
}

func (s Span) endsAfter(t time.Time) bool { return s.Until.IsZero() || t.Before(s.Until) }

// Hold is one dated row of the register: a person in a patrol, a person with a part
// in a grid, a device that speaks for a patrol, a patrol on duty.
type Hold struct {
	ID     DutyID // of a duty; the others are known by what they say and when they begin
	Patrol PatrolID
	Staff  StaffID
	Device DeviceID
	Grid   string // a grid's code: it keeps its people through a redrawing
	Part   string // in a grid: worker, substitute, part_timer, chief, instructor
	For    StaffID
	Source string // of a duty: shift, manual
	Span

	Name string // of whom or what holds it, for sentences; the store fills it in
}

// HoldKind is one of the dated relations.
type HoldKind int

// The dated relations.
const (
	MemberHold  HoldKind = iota // person in patrol
	PostHold                    // person with a part in a grid
	BindingHold                 // device for patrol
	DutyHold                    // patrol on duty
)

// clash says whether two holds of a kind, were they in force at one time, would
// contradict each other: a person is in one patrol, a device speaks for one, a patrol
// is on one duty, a grid has one full-time worker, and nobody has a part twice.
func (k HoldKind) clash(a, b Hold) bool {
	switch k {
	case MemberHold:
		return a.Staff == b.Staff
	case BindingHold:
		return a.Device == b.Device
	case DutyHold:
		return a.Patrol == b.Patrol
	default:
		return a.Grid == b.Grid && a.Part == b.Part && (a.Part == "worker" || a.Staff == b.Staff)
	}
}

// Edit is one change of a row: Was is nil for a row that begins, Now for one that is
// dropped because it was never in force.
type Edit struct{ Was, Now *Hold }

// told is what edits change, as it was and as it is, row by row.
func told(edits []Edit) (before, after any) {
	var was, now []facts
	for _, e := range edits {
		was, now = append(was, e.Was.facts()), append(now, e.Now.facts())
	}
	if len(was) == 0 {
		return nil, nil
	}
	return was, now
}

// facts is a row in an event; nil of one that is not there.
func (h *Hold) facts() facts {
	if h == nil {
		return nil
	}
	f := h.Span.told()
	for key, id := range map[string]uuid.UUID{"id": h.ID.UUID, "patrol": h.Patrol.UUID, "staff": h.Staff.UUID, "device": h.Device.UUID, "for": h.For.UUID} {
		if id != uuid.Nil {
			f[key] = id
		}
	}
	for key, word := range map[string]string{"grid": h.Grid, "part": h.Part, "source": h.Source} {
		if word != "" {
			f[key] = word
		}
	}
	return f
}

// lay answers the edits that put want among rows, and the rows that it takes the
// place of: each ends where want begins, and goes on where want ends if it would
// have lasted longer. Nothing clashes afterwards.
func lay(k HoldKind, rows []Hold, want Hold) (edits []Edit, displaced []Hold) {
	var after []Edit
	for _, row := range rows {
		if !k.clash(row, want) || !row.Meets(want.Span) {
			continue
		}
		displaced = append(displaced, row)
		was := row
		before, rest := row, row
		before.Until = want.From
		rest.From = want.Until
		switch {
		case !before.Empty():
			edits = append(edits, Edit{&was, &before})
		default:
			edits = append(edits, Edit{Was: &was})
		}
		if !want.Until.IsZero() && !rest.Empty() {
			rest.ID = DutyID{}
			after = append(after, Edit{Now: &rest})
		}
	}
	edits = append(edits, Edit{Now: &want})
	return append(edits, after...), displaced
}

// cut answers the edit that ends a row at a time: one that would not have begun by
// then is dropped.
func cut(row Hold, at time.Time) Edit {
	was := row
	if !row.From.Before(at) {
		return Edit{Was: &was}
	}
	row.Until = at
	return Edit{&was, &row}
}

// The bounds of what may be dated otherwise than from now on.
const (
	// MostBack is how far back a change of people may be dated: as far as a fix may
	// come late.
	MostBack = 7 * 24 * time.Hour
	// MostAhead is how far ahead one may be planned.
	MostAhead = 366 * 24 * time.Hour
	// nearlyNow forgives clocks that differ a little.
	nearlyNow = time.Minute
)

// moment reads a time that a change is dated from. Nothing means now; what is past is
// a correction, which is bounded and must say why.
func moment(now time.Time, given *time.Time, pointer, reason string) (time.Time, error) {
	if given == nil {
		return now, nil
	}
	at := given.UTC()
	switch {
	case at.Before(now.Add(-MostBack)):
		return at, invalid(pointer, "is more than 7 days ago; a correction reaches 7 days back")
	case at.After(now.Add(MostAhead)):
		return at, invalid(pointer, "is more than a year ahead")
	case at.Before(now.Add(-nearlyNow)) && reason == "":
		return at, &Fault{Kind: Invalid, Code: "reason-needed", Detail: "What is dated back is a correction; give a reason, it is recorded.",
			Fields: []FieldFault{{"/reason", "is needed because " + pointer + " lies in the past"}}}
	}
	return at, nil
}

// span reads the two ends of a change; until may be nil.
func span(now time.Time, from, until *time.Time, reason string) (Span, error) {
	begin, err := moment(now, from, "/from", reason)
	if err != nil {
		return Span{}, err
	}
	s := Span{From: begin}
	if until != nil {
		s.Until = until.UTC()
		if !s.Until.After(s.From) {
			return Span{}, invalid("/until", "must be after from")
		}
		if s.Until.After(now.Add(MostAhead)) {
			return Span{}, invalid("/until", "is more than a year ahead; leave it out for no end")
		}
	}
	return s, nil
}

// since is a span in words, for whoever is told that it stands in the way.
func (s Span) since(zone *time.Location) string {
	const layout = "2006-01-02 15:04"
	if s.Until.IsZero() {
		return "since " + s.From.In(zone).Format(layout)
	}
	return fmt.Sprintf("from %s until %s", s.From.In(zone).Format(layout), s.Until.In(zone).Format(layout))
}

// inForce answers the row that match finds in force at a time.
func inForce(rows []Hold, at time.Time, match func(Hold) bool) (Hold, bool) {
	i := slices.IndexFunc(rows, func(h Hold) bool { return match(h) && h.Holds(at) })
	if i < 0 {
		return Hold{}, false
	}
	return rows[i], true
}

// nextOf answers the row in force at a time, or else the first that begins later.
func nextOf(rows []Hold, at time.Time, match func(Hold) bool) (Hold, bool) {
	if h, ok := inForce(rows, at, match); ok {
		return h, true
	}
	var found Hold
	ok := false
	for _, h := range rows {
		if match(h) && h.From.After(at) && (!ok || h.From.Before(found.From)) {
			found, ok = h, true
		}
	}
	return found, ok
}

// told is a span in an event.
func (s Span) told() facts {
	out := facts{"from": s.From.UTC(), "until": nil}
	if !s.Until.IsZero() {
		out["until"] = s.Until.UTC()
	}
	return out
}
