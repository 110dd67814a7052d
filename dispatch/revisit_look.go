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
