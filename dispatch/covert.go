package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// How long a case may be covert from now on, and what is taken where nobody says.
const (
	maxCovert     = 30 * 24 * time.Hour
	defaultCovert = 24 * time.Hour
	maxCovertWhy  = 500 // runes
)

// Covert is why a case is kept secret, since when, and until when. By is empty where its
// category asked for it.
type Covert struct {
	Since  time.Time  `json:"since"`
	Until  time.Time  `json:"until"`
	Reason string     `json:"reason"`
	By     *AccountID `json:"by"`
	// Answer is what its reporters are told on release, of a case that was closed before.
	Answer *Words `json:"answer,omitempty"`
}

// state is what events say of it as before and after.
func (c *Covert) state() any {
	if c == nil {
		return nil
	}
	return c.Until.UTC().Format(time.RFC3339)
}

// CoverOrder makes a case covert, or changes when it is released.
type CoverOrder struct {
	Reason string
	Until  time.Time // zero: in 24 h
	// Commanders are accounts who shall see and command it, beside whoever orders this.
	Commanders []AccountID
}

func (o *CoverOrder) check(now time.Time) error {
	o.Reason = strings.TrimSpace(o.Reason)
	switch {
	case o.Reason == "":
		return invalid("/reason", "is missing; say why nobody is to know")
	case utf8.RuneCountInString(o.Reason) > maxCovertWhy:
		return invalid("/reason", fmt.Sprintf("may have %d characters at most", maxCovertWhy))
	case len(o.Commanders) > 20:
		return invalid("/commanders", "may be 20 at most")
	}
	if o.Until.IsZero() {
		o.Until = now.Add(defaultCovert)
	}
	switch {
	case !o.Until.After(now):
		return invalid("/until", "lies in the past; give a time of release that is still to come")
	case o.Until.After(now.Add(maxCovert)):
		return invalid("/until", "may be 30 days from now at most; it can be put off again later")
	}
	o.Until = o.Until.UTC().Truncate(time.Microsecond)
	return nil
}

// Cover makes a case covert until a time, or moves that time. Whoever does it commands
// the case from then on. A grid worker who was to look first and is not there yet is
// called off: somebody in uniform at the door is what this is to prevent. What was joined
// to it becomes covert with it, for it is the same matter at the same door.
func (s *Service) Cover(ctx context.Context, v Viewer, id CaseID, version int64, o CoverOrder) (CaseDetail, error) {
	err := s.changeCovert(ctx, v, id, version, coverHeld, func(t *turn) error {
		c := &t.Case
		if err := o.check(t.now); err != nil {
			return err
		}
		if !c.Stage.Open() && c.Covert == nil {
			return closedCase(*c)
		}
		was := c.Covert
		c.Covert = &Covert{Since: t.now, Until: o.Until, Reason: o.Reason, By: v.Account.OrNull()}
		if was != nil {
			c.Covert.Since, c.Covert.Answer = was.Since, was.Answer
		}
		c.command(append([]AccountID{v.Account}, o.Commanders...)...)
		t.armRelease()
		if was != nil {
			t.event("covert.until", PatrolID{}, facts{"until": o.Until, "reason": o.Reason})
			return nil
		}
		t.event("covert", PatrolID{}, facts{"until": o.Until, "reason": o.Reason})
		t.hidden = true
		for i, a := range c.Assignments {
			if a.Kind == KindFirstLook && a.State.Active() && a.State != There {
				t.end(i, Recalled, reasonNotNeeded)
			}
		}
		return nil
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	return s.detail(ctx, v, id)
}

// Release lets everybody see the case again whom it concerns.
func (s *Service) Release(ctx context.Context, v Viewer, id CaseID, version int64, reason string) (CaseDetail, error) {
	reason = strings.TrimSpace(reason)
	if utf8.RuneCountInString(reason) > maxCovertWhy {
		return CaseDetail{}, invalid("/reason", fmt.Sprintf("may have %d characters at most", maxCovertWhy))
	}
	told, err := s.audience(ctx, id)
	if err != nil {
		return CaseDetail{}, err
	}
	err = s.changeCovert(ctx, v, id, version, released, func(t *turn) error {
		if t.Case.Covert == nil {
			return &Fault{Kind: Conflict, Code: "not-covert", Detail: "The case is not covert; there is nothing to release."}
		}
		t.release("by hand", reason)
		t.tellReleased(told)
		return nil
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	return s.detail(ctx, v, id)
}

func released(held []Docket, _ Case) ([]Turn, error) { return releaseHeld(held) }

// changeCovert changes a case, and in the same transaction what was joined to it: half of
// a matter that is let out tells the rest.
func (s *Service) changeCovert(ctx context.Context, v Viewer, id CaseID, version int64, beside func([]Docket, Case) ([]Turn, error), change func(*turn) error) error {
	return s.Store.ChangeHeld(ctx, id, func(d Docket, held []Docket) ([]Turn, error) {
		if !Visible(v, d.Case.Scope) {
			return nil, hidden("case")
		}
		if !May(v, ActCover) && !d.Case.commandedBy(v) {
			return nil, &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Your role makes no case covert and releases none; ask the duty desk or a commander of the case."}
		}
		if err := d.expect(version); err != nil {
			return nil, err
		}
		t := newTurn(d, v)
		if err := change(t); err != nil {
			return nil, err
		}
		return together(t, held, beside)
	})
}

// together closes a turn with those of what the case holds.
func together(t *turn, held []Docket, beside func([]Docket, Case) ([]Turn, error)) ([]Turn, error) {
	first, err := t.done()
	if err != nil {
		return nil, err
	}
	more, err := beside(held, first.Case)
	return append([]Turn{first}, more...), err
}

// releaseDue releases a case whose time has come, and what was joined to it. A time that
// was put off meanwhile has a row of its own, and a case that was released by hand has
// nothing left to do.
func (s *Service) releaseDue(ctx context.Context, d Deadline) error {
	told, err := s.audience(ctx, d.Case)
	if err != nil {
		return fmt.Errorf("release case %s: %w", d.Case, err)
	}
	err = s.Store.ChangeHeld(ctx, d.Case, func(k Docket, held []Docket) ([]Turn, error) {
		if k.Case.Covert == nil || k.Case.Covert.Until.After(k.Now) {
			return nil, errNothingToDo
		}
		t := newTurn(k, system)
		t.release("its time came", "")
		t.tellReleased(told)
		return together(t, held, released)
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return fmt.Errorf("release case %s: %w", d.Case, err)
	}
	s.Wake()
	if err != nil {
		return s.Store.DropDeadline(ctx, d.ID)
	}
	return nil
}

// release ends what was secret. Who reported a case that has ended already hears of it now,
// whoever ended it.
func (t *turn) release(because, reason string) {
	c := &t.Case
	answer := c.Covert.Answer
	c.Covert = nil
	t.Disarm = append(t.Disarm, Step{Step: StepRelease})
	t.event("covert.released", PatrolID{}, facts{"because": because, "note": reason})
	why, said := WhyClosed, saidClosed(t.names, *c, "")
	switch {
	case c.Stage.Open():
		return
	case c.Stage == StageVoid:
		why, said = WhyVoid, saidVoid()
	}
	if answer != nil {
		said = *answer
	}
	t.toReporters(why, said)
}

// tellReleased tells the grid's chief and the town's leader of what lay in their place and
// was kept from them. Of what came to nothing there is nothing to tell.
func (t *turn) tellReleased(told Audience) {
	if t.Case.Stage == StageVoid {
		return
	}
	t.tellPlace(told.Chiefs, told.Town, saidReleased)
}

const reasonNotNeeded = "it is not needed"

func (t *turn) armRelease() {
	t.Arm = append(t.Arm, t.Case.releaseDeadline())
}

func (c Case) releaseDeadline() Deadline {
	return Deadline{ID: NewID[deadlineKind](), Case: c.ID, Stage: stageAny, Step: StepRelease, DueAt: c.Covert.Until}
}

// stageAny is the stage of a deadline that is due whatever became of its case.
const stageAny = "any"

// keepQuiet takes back what would tell people who do not know of a covert case: its
// reporters have their receipt, those who know are told what is theirs to do, and everybody
// else sees it in their list or not at all.
func (t *turn) keepQuiet() {
	if t.Case.Covert == nil {
		return
	}
	kept := *t.Case.Covert
	for _, n := range t.Notices {
		if n.Why == WhyClosed || n.Why == WhyVoid {
			text := n.Text
			kept.Answer = &text
		}
	}
	if t.Case.Stage.Open() { // what was opened again has no answer yet
		kept.Answer = nil
	}
	t.Case.Covert = &kept
	loud := func(n Notice) bool { return n.Why != WhyReceived && !n.Knows }
	t.Notices = slices.DeleteFunc(t.Notices, loud)
	t.Tell = slices.DeleteFunc(t.Tell, func(a Announcement) bool { return a.Notice != nil && loud(*a.Notice) })
}

// command adds commanders, each once.
func (c *Case) command(ids ...AccountID) {
	for _, id := range ids {
		if !id.IsZero() && !slices.Contains(c.Commanders, id) {
			c.Commanders = append(c.Commanders, id)
		}
	}
}

func (c Case) commandedBy(v Viewer) bool {
	return !v.Account.IsZero() && slices.Contains(c.Commanders, v.Account)
}

// coverAtBirth makes a new case covert where its report or its category asks for it.
func (c *Case) coverAtBirth(v Viewer, asked *CoverOrder, hours int, now time.Time) error {
	switch {
	case asked != nil:
		if err := asked.check(now); err != nil {
			return err
		}
		c.Covert = &Covert{Since: now, Until: asked.Until, Reason: asked.Reason, By: v.Account.OrNull()}
		c.command(asked.Commanders...)
	case hours > 0:
		c.Covert = &Covert{Since: now, Until: now.Add(time.Duration(hours) * time.Hour), Reason: "category " + c.Category}
	default:
		return nil
	}
	if May(v, ActCover) {
		c.command(v.Account)
	}
	return nil
}
