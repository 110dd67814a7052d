package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Person is a member of staff, as those see them who manage them.
type Person struct {
	ID         StaffID      `json:"id"`
	Code       string       `json:"code"`
	Name       string       `json:"name"`
	Role       string       `json:"role"`
	Department *string      `json:"department"`
	AreaCode   *string      `json:"area_code"`
	Phone      *string      `json:"phone"`
	Patrol     *PatrolRef   `json:"patrol"`
	Posts      []PersonPost `json:"posts"`

	Scope Thing `json:"-"`
}

// PatrolRef names a patrol.
type PatrolRef struct {
	ID   PatrolID `json:"id"`
	Code string   `json:"code"`
	Name string   `json:"name"`
}

// PersonPost is a part that a person has in a grid.
type PersonPost struct {
	Grid string `json:"grid"`
	Part string `json:"part"`
}

// PeopleFilter chooses among people; Text finds code, name and telephone.
type PeopleFilter struct {
	Text string
	PageAsk
}

// NewMember puts a person into a patrol. Move ends what they are in elsewhere at the
// same instant.
type NewMember struct {
	Staff       StaffID
	From, Until *time.Time
	Move        bool
	Reason      string
}

// Ending ends something at a time, at present when At is nil.
type Ending struct {
	At     *time.Time
	Reason string
}

// NewPost gives a person a part in a grid.
type NewPost struct {
	Staff       StaffID
	Part        string
	For         StaffID // whom a substitute stands in for; zero: the grid's worker
	From, Until *time.Time
	Move        bool
	Reason      string
}

// People lists the people whom the viewer may manage.
func (s *Service) People(ctx context.Context, v Viewer, f PeopleFilter) (Page[Person], error) {
	if err := manages(v, ActManagePeople); err != nil {
		return Page[Person]{}, err
	}
	return s.Store.People(ctx, v, f)
}

// PatrolAt answers a patrol with its people as they were at a time. Where it was then
// is a matter of its track, so the place is left out.
func (s *Service) PatrolAt(ctx context.Context, v Viewer, id PatrolID, at time.Time) (PatrolDetail, error) {
	p, err := s.Patrol(ctx, v, id)
	if err != nil {
		return PatrolDetail{}, err
	}
	then, err := s.Store.PatrolPeople(ctx, id, &at)
	if err != nil {
		return PatrolDetail{}, err
	}
	p.Members, p.Planned, p.OnDuty, p.PeopleAt = then.Members, then.Planned, then.OnDuty, then.At
	if err := s.addPhones(ctx, v, &p); err != nil {
		return PatrolDetail{}, err
	}
	p.Lon, p.Lat, p.T, p.Cell, p.AccuracyM, p.HeadingDeg, p.Presence = nil, nil, nil, nil, nil, nil, Lost
	p.AssignmentID, p.CaseID = nil, nil
	return p, nil
}

// addPhones gives the telephones of a patrol's people to those who may have them.
func (s *Service) addPhones(ctx context.Context, v Viewer, p *PatrolDetail) error {
	var ids []StaffID
	for _, m := range slices.Concat(p.Members, p.Planned) {
		ids = append(ids, m.StaffID)
	}
	if len(ids) == 0 || !May(v, ActSeePhones) {
		return nil
	}
	phones, err := s.Store.Phones(ctx, v, ids)
	if err != nil {
		return fmt.Errorf("read telephones: %w", err)
	}
	for _, list := range [][]Member{p.Members, p.Planned} {
		for i := range list {
			if phone, ok := phones[list[i].StaffID]; ok {
				list[i].Phone = &phone
			}
		}
	}
	return nil
}

// AddMember puts a person into a patrol from a time on.
func (s *Service) AddMember(ctx context.Context, v Viewer, id PatrolID, in NewMember) (PatrolDetail, error) {
	if _, err := s.managedPatrol(ctx, v, ActManagePeople, id); err != nil {
		return PatrolDetail{}, err
	}
	person, err := s.managedPerson(ctx, v, in.Staff)
	if err != nil {
		return PatrolDetail{}, err
	}
	err = s.Store.ChangeHolds(ctx, MemberHold, Hold{Staff: in.Staff}, func(r Holds) (PeopleTurn, error) {
		when, err := span(r.Now, in.From, in.Until, in.Reason)
		if err != nil {
			return PeopleTurn{}, err
		}
		edits, displaced := lay(MemberHold, r.Holds, Hold{Staff: in.Staff, Patrol: id, Span: when})
		for _, d := range displaced {
			if d.Patrol == id {
				return PeopleTurn{}, clash("already-member", "/staff_id",
					fmt.Sprintf("%s is in this patrol already, %s", person.Name, d.since(s.Zone)), "")
			}
			if !in.Move {
				return PeopleTurn{}, clash("member-elsewhere", "/staff_id",
					fmt.Sprintf("%s is in patrol %s, %s", person.Name, d.Name, d.since(s.Zone)),
					"a person is in one patrol at a time; end that first, or send move: true to end it at the same moment")
			}
		}
		return s.peopleTurn(v, MemberHold, "member.begins", r.Now, id, edits, displaced, when, facts{"staff": in.Staff}, in.Reason)
	})
	if err != nil {
		return PatrolDetail{}, err
	}
	return s.Patrol(ctx, v, id)
}

// EndMember takes a person out of a patrol.
func (s *Service) EndMember(ctx context.Context, v Viewer, id PatrolID, staff StaffID, end Ending) (PatrolDetail, error) {
	if _, err := s.managedPatrol(ctx, v, ActManagePeople, id); err != nil {
		return PatrolDetail{}, err
	}
	err := s.Store.ChangeHolds(ctx, MemberHold, Hold{Staff: staff}, func(r Holds) (PeopleTurn, error) {
		return s.endHold(v, MemberHold, "member.ends", r, id, end, facts{"staff": staff}, "This person is not in the patrol",
			func(h Hold) bool { return h.Patrol == id })
	})
	if err != nil {
		return PatrolDetail{}, err
	}
	return s.Patrol(ctx, v, id)
}

// The parts that a person may have in a grid.
var parts = []string{"worker", "substitute", "part_timer", "chief", "instructor"}

// AddPost gives a person a part in a grid from a time on. Who the worker is, is one
// person at a time; a substitute stands in for somebody.
func (s *Service) AddPost(ctx context.Context, v Viewer, id GridID, in NewPost) error {
	if !slices.Contains(parts, in.Part) {
		return invalid("/part", "must be worker, substitute, part_timer, chief or instructor")
	}
	if !in.For.IsZero() && in.Part != "substitute" {
		return invalid("/for_staff_id", "is for a substitute only")
	}
	grid, err := s.managedGrid(ctx, v, id)
	if err != nil {
		return err
	}
	person, err := s.managedPerson(ctx, v, in.Staff)
	if err != nil {
		return err
	}
	return s.Store.ChangeHolds(ctx, PostHold, Hold{Grid: grid.Code}, func(r Holds) (PeopleTurn, error) {
		when, err := span(r.Now, in.From, in.Until, in.Reason)
		if err != nil {
			return PeopleTurn{}, err
		}
		want := Hold{Grid: grid.Code, Staff: in.Staff, Part: in.Part, For: in.For, Span: when}
		if in.Part == "substitute" {
			if want.For, err = standsInFor(r, want); err != nil {
				return PeopleTurn{}, err
			}
		}
		edits, displaced := lay(PostHold, r.Holds, want)
		for _, d := range displaced {
			if d.Staff == in.Staff {
				return PeopleTurn{}, clash("already-post", "/staff_id",
					fmt.Sprintf("%s has this part in the grid already, %s", person.Name, d.since(s.Zone)), "")
			}
			if !in.Move {
				return PeopleTurn{}, clash("grid-has-worker", "/staff_id",
					fmt.Sprintf("%s is the grid's worker, %s", d.Name, d.since(s.Zone)),
					"a grid has one full-time worker; end that first, or send move: true to end it at the same moment")
			}
		}
		detail := facts{"grid": grid.Code, "staff": in.Staff, "part": in.Part, "for": want.For.OrNull()}
		return s.peopleTurn(v, PostHold, "post.begins", r.Now, PatrolID{}, edits, displaced, when, detail, in.Reason)
	})
}

// standsInFor answers whom a substitute stands in for: whoever was named, or the
// grid's worker at that time.
func standsInFor(r Holds, want Hold) (StaffID, error) {
	if want.For == want.Staff {
		return StaffID{}, invalid("/for_staff_id", "is the substitute; nobody stands in for themselves")
	}
	for _, h := range r.Holds {
		if h.Staff == want.Staff || !h.Holds(want.From) {
			continue
		}
		if h.Staff == want.For || want.For.IsZero() && h.Part == "worker" {
			return h.Staff, nil
		}
	}
	if want.For.IsZero() {
		return StaffID{}, nil // a grid without a worker needs one who stands in all the more
	}
	return StaffID{}, invalid("/for_staff_id", "has no part in this grid at that time")
}

// EndPost ends the part of a person in a grid.
func (s *Service) EndPost(ctx context.Context, v Viewer, id GridID, staff StaffID, part string, end Ending) error {
	grid, err := s.managedGrid(ctx, v, id)
	if err != nil {
		return err
	}
	return s.Store.ChangeHolds(ctx, PostHold, Hold{Grid: grid.Code}, func(r Holds) (PeopleTurn, error) {
		return s.endHold(v, PostHold, "post.ends", r, PatrolID{}, end, facts{"grid": grid.Code, "staff": staff, "part": part},
			"This person does not have this part in the grid",
			func(h Hold) bool { return h.Staff == staff && h.Part == part })
	})
}

// endHold ends the row that match finds in force at the time, or the next one.
func (s *Service) endHold(v Viewer, k HoldKind, kind string, r Holds, p PatrolID, end Ending, detail facts, none string, match func(Hold) bool) (PeopleTurn, error) {
	at, err := moment(r.Now, end.At, "/query/at", end.Reason)
	if err != nil {
		return PeopleTurn{}, err
	}
	row, ok := nextOf(r.Holds, at, match)
	if !ok {
		return PeopleTurn{}, &Fault{Kind: NotFound, Code: "not-found", Detail: none + " at that time; there is nothing to end."}
	}
	edit := cut(row, at)
	detail["was"] = row.told()
	when := Span{From: row.From, Until: at}
	if edit.Now == nil {
		when = Span{From: at, Until: at}
	}
	return s.peopleTurn(v, k, kind, r.Now, p, []Edit{edit}, nil, when, detail, end.Reason)
}

// peopleTurn writes the edits down, with who did it and what they took the place of.
func (s *Service) peopleTurn(v Viewer, k HoldKind, kind string, now time.Time, p PatrolID, edits []Edit, displaced []Hold, when Span, detail facts, reason string) (PeopleTurn, error) {
	for key, value := range when.told() {
		detail[key] = value
	}
	if reason != "" {
		detail["reason"] = reason
	}
	if len(displaced) > 0 {
		var out []facts
		for _, d := range displaced {
			f := d.told()
			if f["patrol"] = d.Patrol.OrNull(); d.Patrol.IsZero() {
				delete(f, "patrol")
			}
			if f["staff"] = d.Staff.OrNull(); d.Staff.IsZero() {
				delete(f, "staff")
			}
			out = append(out, f)
		}
		detail["displaced"] = out
	}
	before, after := told(edits)
	e, err := newChange(kind, now, s.District, CaseID{}, p, v, detail, before, after)
	if err != nil {
		return PeopleTurn{}, err
	}
	return PeopleTurn{Kind: k, Edits: edits, Events: []Event{e}}, nil
}

func clash(code, pointer, what, remedy string) error {
	detail := what + "."
	if remedy != "" {
		detail = what + "; " + remedy + "."
	}
	return &Fault{Kind: Conflict, Code: code, Detail: detail, Fields: []FieldFault{{pointer, what}}}
}

// manages refuses those who manage nobody at all.
func manages(v Viewer, a Action) error {
	if err := allow(v, a); err != nil {
		return err
	}
	if !Manages(v, a, Thing{District: v.District, Areas: []string{v.AreaCode}, Departments: []string{v.Department}}) {
		return &Fault{Kind: Forbidden, Code: "forbidden",
			Detail: "Your account has no area or department of its own to manage; ask an administrator to give it one."}
	}
	return nil
}

// managedPatrol answers a patrol that the viewer may do this to. Whoever sees it and
// may not is told so.
func (s *Service) managedPatrol(ctx context.Context, v Viewer, a Action, id PatrolID) (PatrolDetail, error) {
	if err := manages(v, a); err != nil {
		return PatrolDetail{}, err
	}
	p, err := s.Store.Patrol(ctx, id)
	if err != nil {
		return PatrolDetail{}, err
	}
	if !Manages(v, a, p.Scope) {
		return PatrolDetail{}, hidden("patrol")
	}
	return p, nil
}

func (s *Service) managedPerson(ctx context.Context, v Viewer, id StaffID) (Person, error) {
	p, err := s.Store.Person(ctx, id)
	if err == nil && Manages(v, ActManagePeople, p.Scope) {
		return p, nil
	}
	if err == nil || KindOf(err) == NotFound {
		return Person{}, invalid("/staff_id", "names nobody within your scope")
	}
	return Person{}, err
}

func (s *Service) managedGrid(ctx context.Context, v Viewer, id GridID) (GridRef, error) {
	if err := manages(v, ActManagePeople); err != nil {
		return GridRef{}, err
	}
	g, err := s.Store.Grid(ctx, id)
	if err != nil {
		return GridRef{}, err
	}
	if !VisibleOnMap(v, g.Scope) {
		return GridRef{}, hidden("grid")
	}
	if !Manages(v, ActManagePeople, g.Scope) {
		return GridRef{}, &Fault{Kind: Forbidden, Code: "forbidden", Detail: "A grid's people are managed by its town and by the command centre, not by a department."}
	}
	return g, nil
}
