package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gridpatrol/gridpatrol/geo"
)

// RevisitState is how a look at a place after its case was closed stands.
type RevisitState string

// The states of a revisit.
const (
	RevisitPlanned RevisitState = "planned"
	RevisitOpen    RevisitState = "open"    // it is the hour; whose grid it is was told
	RevisitMissed  RevisitState = "missed"  // the hour is over; the grid's chief was told
	RevisitClimbed RevisitState = "climbed" // and half a day later the town
	RevisitClear   RevisitState = "clear"   // somebody looked, and found nothing
	RevisitFound   RevisitState = "found"   // it is there again; a new case has it
	RevisitStopped RevisitState = "stopped" // the case goes on, or nobody is to look
)

// Waits says whether somebody is still to go.
func (r RevisitState) Waits() bool {
	return r == RevisitPlanned || r == RevisitOpen || r == RevisitMissed || r == RevisitClimbed
}

// Revisit is a place that is to be looked at again. It belongs to the place: who goes is
// asked when it is time, from the grids and the people of that day.
type Revisit struct {
	ID        RevisitID    `json:"id"`
	CaseID    CaseID       `json:"case_id"`
	Number    string       `json:"number"`
	AfterDays int          `json:"after_days"`
	Category  string       `json:"category"`
	Lon       float64      `json:"lon"`
	Lat       float64      `json:"lat"`
	OpensAt   time.Time    `json:"opens_at"`
	ClosesAt  time.Time    `json:"closes_at"`
	State     RevisitState `json:"state"`
	GridCode  *string      `json:"grid"` // that was asked last
	DoneAt    *time.Time   `json:"done_at"`
	Note      string       `json:"note"`
	NewCase   *CaseID      `json:"new_case_id"`
	Photos    []Photo      `json:"photos"`

	NextAt    *time.Time `json:"-"` // when its next step is due
	DoneBy    string     `json:"-"`
	NewPhotos []NewPhoto `json:"-"` // that come with the answer
	Seen      bool       `json:"-"` // its case is the viewer's to see
	Covert    bool       `json:"-"` // and is covert
}

// CaseLink says of a case that an earlier one was the same matter.
type CaseLink struct {
	Old CaseID
	Why string
}

// Why a case is linked to an older one.
const (
	LinkRevisit = "revisit" // whoever looked again found it again
	LinkNearby  = "nearby"  // it was reported near it
)

const (
	revisitHours = 2              // that a look may take: the hour of the first event and one more
	revisitAhead = 12 * time.Hour // how long before it is shown
	revisitClimb = 12 * time.Hour // after a missed one, until the town hears of it
	mostRevisits = 6              // of a category
	mostNights   = 366
	againDays    = 90 // how long after its end a matter of the same category is that one come back
)

// RevisitAsk chooses among revisits: of one case, or all that wait and are near in time.
type RevisitAsk struct {
	Case CaseID
	Soon time.Duration
}

// RevisitStore keeps revisits; what changes them is written with their case.
type RevisitStore interface {
	// Revisits answers at most 200, the earliest first, of those that the viewer may see.
	Revisits(ctx context.Context, v Viewer, ask RevisitAsk) ([]Revisit, error)
	// RevisitCase answers the case of a revisit, whoever may see it.
	RevisitCase(ctx context.Context, id RevisitID) (CaseID, error)
	// PostsOf answers the codes of the grids that the people of the viewer's patrol have a
	// part in now.
	PostsOf(ctx context.Context, v Viewer) ([]string, error)
	// PeopleBehind answers who these accounts belong to and who is in these patrols now.
	PeopleBehind(ctx context.Context, accounts []AccountID, patrols []PatrolID) ([]StaffID, error)
}

// planRevisits sets the looks that the category asks for after a case is closed: on so
// many days from now, in the hour in which it was first reported.
func (t *turn) planRevisits() {
	if len(t.rule.RevisitDays) == 0 {
		return
	}
	zone := t.calendar.zone
	hour, today := t.Case.MadeAt.In(zone).Hour(), t.now.In(zone)
	var opens []time.Time
	for _, n := range t.rule.RevisitDays {
		at := time.Date(today.Year(), today.Month(), today.Day()+n, hour, 0, 0, 0, zone).UTC()
		r := Revisit{ID: NewID[revisitKind](), CaseID: t.Case.ID, Number: t.Case.Number, AfterDays: n, Category: t.Case.Category,
			Lon: t.Case.Lon, Lat: t.Case.Lat, OpensAt: at, ClosesAt: at.Add(revisitHours * time.Hour), State: RevisitPlanned}
		r.NextAt = &r.OpensAt
		opens = append(opens, at)
		t.setRevisit(r)
	}
	t.event("revisits.planned", PatrolID{}, facts{"days": t.rule.RevisitDays, "at": opens})
	t.armRevisits()
}

// looksOf is what of revisits an event speaks of when it changed.
func looksOf(all []Revisit) map[RevisitID]RevisitState {
	out := make(map[RevisitID]RevisitState, len(all))
	for _, r := range all {
		out[r.ID] = r.State
	}
	return out
}

// looked answers which revisits are not as the last event left them, and takes them as
// known from here on. Both are nil where none is.
func (t *turn) looked() (was, is facts) {
	now := looksOf(t.revisits)
	for id, state := range now {
		had, there := t.looks[id]
		if there && had == state {
			continue
		}
		if is == nil {
			was, is = facts{}, facts{}
		}
		if was[id.String()], is[id.String()] = any(had), state; !there {
			was[id.String()] = nil
		}
	}
	t.looks = now
	return was, is
}

// setRevisit notes a revisit that is new or has changed.
func (t *turn) setRevisit(r Revisit) {
	for _, list := range []*[]Revisit{&t.revisits, &t.SetRevisits} {
		if i := slices.IndexFunc(*list, func(x Revisit) bool { return x.ID == r.ID }); i >= 0 {
			(*list)[i] = r
		} else {
			*list = append(*list, r)
		}
	}
}

// armRevisits sets the one deadline of the case's revisits to whatever is next.
func (t *turn) armRevisits() {
	var next *time.Time
	for _, r := range t.revisits {
		if r.State.Waits() && r.NextAt != nil && (next == nil || r.NextAt.Before(*next)) {
			next = r.NextAt
		}
	}
	if next == nil {
		t.Disarm = append(t.Disarm, Step{Step: StepRevisit})
		return
	}
	t.arm(AssignmentID{}, StepRevisit, *next)
}

// stopRevisits ends what is still to be looked at: the case goes on, and is looked after
// by whoever has it.
func (t *turn) stopRevisits(because string) {
	n := 0
	for _, r := range slices.Clone(t.revisits) {
		if r.State.Waits() {
			r.State, r.NextAt = RevisitStopped, nil
			t.setRevisit(r)
			n++
		}
	}
	if n > 0 {
		t.Disarm = append(t.Disarm, Step{Step: StepRevisit})
		t.event("revisits.stopped", PatrolID{}, facts{"count": n, "because": because})
	}
}

// The reasons for which staff are told of revisits.
const (
	WhyRevisit        = "revisit"
	WhyRevisitMissed  = "revisit_missed"
	WhyRevisitClimbed = "revisit_climbed"
)

func saidRevisit(n Names, c Case, r Revisit, why string, zone *time.Location) Words {
	if c.Covert != nil && why == WhyRevisitClimbed {
		why = WhyRevisitMissed // no town is told of it
	}
	w, at := n.category(r.Category), r.OpensAt.In(zone).Format("01-02 15:04")+"–"+r.ClosesAt.In(zone).Format("15:04")
	switch why {
	case WhyRevisit:
		return Words{fmt.Sprintf("回访提醒：%s（%s）办结后第 %d 天，请于 %s 到现场查看有无复发。", w.ZH, c.Number, r.AfterDays, at),
			fmt.Sprintf("Look again: %s (%s), %d days after it was closed; be there %s.", w.EN, c.Number, r.AfterDays, at)}
	case WhyRevisitMissed:
		return Words{fmt.Sprintf("回访未完成：%s（%s）应于 %s 回访，尚无人查看，请督促。", w.ZH, c.Number, at),
			fmt.Sprintf("Nobody looked again: %s (%s) was due %s; please see to it.", w.EN, c.Number, at)}
	}
	return Words{fmt.Sprintf("回访逾期上报镇街：%s（%s）应于 %s 回访，至今无人查看。", w.ZH, c.Number, at),
		fmt.Sprintf("Still nobody looked again: %s (%s) was due %s; the town is told.", w.EN, c.Number, at)}
}

// revisitDue does what is due of a case's revisits: tells the people of the grid that the
// place lies in now that it is the hour, its chief that nobody went, and the town.
func (s *Service) revisitDue(ctx context.Context, d Deadline) (err error) {
	for range movedTries {
		if err = s.climbRevisits(ctx, d); !errors.Is(err, errMoved) {
			break
		}
	}
	return err
}

func (s *Service) climbRevisits(ctx context.Context, d Deadline) error {
	c, err := s.Store.Case(ctx, d.Case, "")
	if err != nil {
		return err
	}
	at, err := s.Grids.Locate(ctx, c.Place(), accuracyOf(c), c.Category, time.Time{})
	if err != nil {
		return fmt.Errorf("ask whose place it is: %w", err)
	}
	ask := DutyAsk{Category: c.Category, Areas: at.Areas}
	if at.Responsible.Code != nil {
		ask.GridCode = *at.Responsible.Code
	}
	duty, err := s.Store.Duty(ctx, ask)
	if err != nil {
		return fmt.Errorf("ask who is to look again: %w", err)
	}
	know, err := s.Store.PeopleBehind(ctx, c.Commanders, c.Scope.Patrols)
	if err != nil {
		return fmt.Errorf("ask who knows of it: %w", err)
	}
	err = s.Store.Change(ctx, d.Case, nil, func(k Docket) (Turn, error) {
		if k.Case.Version != c.Version {
			return Turn{}, errMoved // who knows of it may be others by now
		}
		t := newTurn(k, system)
		moved := false
		for _, r := range slices.Clone(t.revisits) {
			for r.State.Waits() && r.NextAt != nil && !r.NextAt.After(t.now) {
				t.climbRevisit(&r, at.Responsible.Code, duty, know)
				moved = true
			}
		}
		if !moved {
			return Turn{}, errNothingToDo
		}
		t.armRevisits()
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return s.rearmRevisits(ctx, d)
	}
	if err == nil {
		s.Wake()
	}
	return err
}

// rearmRevisits is for a deadline that came too early, or with nothing left to do: it is
// dropped, unless something waits.
func (s *Service) rearmRevisits(ctx context.Context, d Deadline) error {
	err := s.Store.Change(ctx, d.Case, nil, func(k Docket) (Turn, error) {
		t := newTurn(k, system)
		if !slices.ContainsFunc(t.revisits, func(r Revisit) bool { return r.State.Waits() && r.NextAt != nil }) {
			return Turn{}, errNothingToDo
		}
		t.armRevisits()
		return t.done()
	})
	if errors.Is(err, errNothingToDo) {
		return s.Store.DropDeadline(ctx, d.ID)
	}
	return err
}

func accuracyOf(c Case) float64 {
	if c.AccuracyM == nil {
		return 0
	}
	return *c.AccuracyM
}

// climbRevisit takes a revisit one step up. Of a covert case neither the grid's people nor
// the town may know: those are told who do, at each step, or nobody would go and nobody
// hear that nobody went.
func (t *turn) climbRevisit(r *Revisit, grid *string, duty Duty, know []StaffID) {
	whom := func(parts ...string) (out []StaffID) {
		for _, p := range duty.Posts {
			if slices.Contains(parts, p.Part) && !slices.Contains(out, p.Staff) {
				out = append(out, p.Staff)
			}
		}
		return out
	}
	r.GridCode = grid
	var told []StaffID
	why := ""
	next := time.Time{}
	switch r.State {
	case RevisitPlanned:
		r.State, why, next = RevisitOpen, WhyRevisit, r.ClosesAt
		if told = whom("worker", "substitute"); len(told) == 0 {
			told = whom("part_timer", "chief")
		}
	case RevisitOpen:
		r.State, why, next = RevisitMissed, WhyRevisitMissed, r.ClosesAt.Add(revisitClimb)
		if told = whom("chief"); len(told) == 0 {
			told = duty.Leaders
		}
	default:
		r.State, why = RevisitClimbed, WhyRevisitClimbed
		told = duty.Leaders
	}
	r.NextAt = nil
	if !next.IsZero() {
		r.NextAt = &next
	}
	t.setRevisit(*r)
	tell := t.toStaff
	if t.Case.Covert != nil {
		told, tell = know, t.toKnowing
	}
	t.event("revisit."+string(r.State), PatrolID{}, facts{"revisit": r.ID, "days": r.AfterDays, "grid": grid, "told": len(told)})
	tell(told, why, saidRevisit(t.names, t.Case, *r, why, t.calendar.zone))
}

// Revisits lists the looks that wait, by now or within half a day: for the people of a grid
// those of places that lie in it today, for others those of the cases that they see. Those of
// a covert case are for whoever knows of it, wherever their grid is.
func (s *Service) Revisits(ctx context.Context, v Viewer) ([]Revisit, error) {
	if err := allow(v, ActSeeCases); err != nil {
		return nil, err
	}
	found, err := s.Store.Revisits(ctx, v, RevisitAsk{Soon: revisitAhead})
	if err != nil || !v.OwnWorkOnly() {
		return found, err
	}
	return s.ownRevisits(ctx, v, found)
}

// ownRevisits keeps those of a worker's own grids, and of the covert cases that they are
// in on.
func (s *Service) ownRevisits(ctx context.Context, v Viewer, all []Revisit) ([]Revisit, error) {
	posts, err := s.Store.PostsOf(ctx, v)
	out := []Revisit{}
	if err != nil {
		return out, err
	}
	for _, r := range all {
		if r.Seen && r.Covert {
			out = append(out, r)
			continue
		}
		if len(posts) == 0 {
			continue
		}
		at, err := s.Grids.Locate(ctx, geo.Point{Lon: r.Lon, Lat: r.Lat}, 0, r.Category, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("ask whose place it is: %w", err)
		}
		if code := at.Responsible.Code; code != nil && slices.Contains(posts, *code) {
			r.GridCode = code
			out = append(out, r)
		}
	}
	return out, nil
}

// seenRevisit answers a revisit that the viewer may answer for.
func (s *Service) seenRevisit(ctx context.Context, v Viewer, id RevisitID) (Revisit, error) {
	c, err := s.Store.RevisitCase(ctx, id)
	if err != nil {
		return Revisit{}, err
	}
	found, err := s.Store.Revisits(ctx, v, RevisitAsk{Case: c})
	if err != nil {
		return Revisit{}, err
	}
	found = slices.DeleteFunc(found, func(r Revisit) bool { return r.ID != id })
	if v.OwnWorkOnly() && len(found) > 0 && !found[0].Seen { // of whoever handled the case it is theirs as well
		if found, err = s.ownRevisits(ctx, v, found); err != nil {
			return Revisit{}, err
		}
	}
	i := slices.IndexFunc(found, func(r Revisit) bool { return r.ID == id })
	if i < 0 {
		return Revisit{}, hidden("revisit")
	}
	return found[i], nil
}

// ClearRevisit is the one tap of whoever looked and found nothing. Said twice it is said
// once; a late one counts.
func (s *Service) ClearRevisit(ctx context.Context, v Viewer, id RevisitID, note string, photos []NewPhoto) (Revisit, error) {
	if err := allow(v, ActReport); err != nil {
		return Revisit{}, err
	}
	note = strings.TrimSpace(note)
	if utf8.RuneCountInString(note) > maxMoveText {
		return Revisit{}, invalid("/note", "may have 1000 characters at most")
	}
	if len(photos) > maxPhotos {
		return Revisit{}, invalid("/photos", fmt.Sprintf("may be %d at most", maxPhotos))
	}
	r, err := s.seenRevisit(ctx, v, id)
	if err != nil {
		return Revisit{}, err
	}
	photos = s.keepOutside(ctx, photos)
	err = s.Store.Change(ctx, r.CaseID, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, v)
		i := slices.IndexFunc(t.revisits, func(x Revisit) bool { return x.ID == id })
		if i < 0 {
			return Turn{}, hidden("revisit")
		}
		k := t.revisits[i]
		switch {
		case k.State == RevisitClear:
			return Turn{}, errNothingToDo
		case !k.State.Waits():
			return Turn{}, &Fault{Kind: Conflict, Code: "revisit-over", Detail: fmt.Sprintf("This revisit is %s; nothing is left to do.", k.State)}
		case t.now.Before(k.OpensAt.Add(-revisitAhead)):
			return Turn{}, &Fault{Kind: Conflict, Code: "revisit-early", Detail: "It is too early; look at the place at the hour of the revisit."}
		}
		k.State, k.NextAt, k.DoneAt, k.DoneBy, k.Note, k.NewPhotos = RevisitClear, nil, &t.now, actorName(v), note, photos
		t.setRevisit(k)
		t.event("revisit.clear", v.Patrol, facts{"revisit": k.ID, "days": k.AfterDays, "late": t.now.After(k.ClosesAt), "note": note, "photos": len(photos)})
		t.armRevisits()
		return t.done()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return Revisit{}, err
	}
	s.Wake()
	return s.seenRevisit(ctx, v, id)
}

// linkBack notes of a new report what it is the return of: the case whose revisit it
// answers, or the last one of its category here. Revisits that wait there are answered by
// it: it was found again.
func (s *Service) linkBack(ctx context.Context, c Case, id RevisitID) (linked bool, err error) {
	old, why := CaseID{}, LinkNearby
	if !id.IsZero() {
		found, err := s.Store.RevisitCase(ctx, id)
		if err != nil && KindOf(err) != NotFound {
			return false, err
		}
		old, why = found, LinkRevisit
	}
	if old.IsZero() {
		kin, err := s.Store.Kin(ctx, c, pastM, againDays, mostKin)
		if err != nil {
			return false, err
		}
		last := time.Time{}
		for _, k := range kin {
			if k.Case.Stage == StageClosed && k.Case.Category == c.Category && k.Case.ClosedAt != nil && k.Case.ClosedAt.After(last) {
				old, last = k.Case.ID, *k.Case.ClosedAt
			}
		}
	}
	if old.IsZero() || old == c.ID {
		return false, nil
	}
	err = s.Store.Change(ctx, old, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, system)
		if t.Case.Stage != StageClosed {
			return Turn{}, errNothingToDo
		}
		for _, r := range slices.Clone(t.revisits) {
			if r.ID != id && (!r.State.Waits() || r.OpensAt.After(t.now.Add(revisitAhead))) || !r.State.Waits() {
				continue
			}
			r.State, r.NextAt, r.DoneAt, r.DoneBy, r.NewCase = RevisitFound, nil, &t.now, "case:"+c.ID.String(), &c.ID
			t.setRevisit(r)
			t.event("revisit.found", PatrolID{}, facts{"revisit": r.ID, "days": r.AfterDays, "case": c.ID})
		}
		t.event("came_back", PatrolID{}, facts{"case": c.ID, "why": why})
		t.armRevisits()
		return t.done()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return false, err
	}
	err = s.Store.Change(ctx, c.ID, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, system)
		t.Link = &CaseLink{Old: old, Why: why}
		t.event("linked", PatrolID{}, facts{"case": old, "why": why})
		return t.done()
	})
	return err == nil, err
}
