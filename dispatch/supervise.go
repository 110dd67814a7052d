package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The reasons for which staff are told of a case's course.
const (
	WhyWarned     = "clock_warned"
	WhyOverdue    = "clock_overdue"
	WhyDistrict   = "clock_district"
	WhyUrged      = "urged"
	WhySupervised = "supervised"
)

// answerHours is how much working time a supervision order gives for its answer.
const answerHours = 7

// answerDue is when a supervision order is to be answered: where nobody says in how
// many hours, a working day from now, of an urgent case two hours.
func (t *turn) answerDue(hours int) time.Time {
	if hours > 0 {
		return t.now.Add(time.Duration(hours) * time.Hour)
	}
	if t.Case.Urgency == "urgent" {
		return t.now.Add(2 * time.Hour)
	}
	return t.calendar.Add(t.now, answerHours*time.Hour)
}

// supervise orders the unit to answer, at a level. An order that waits is raised.
func (t *turn) supervise(level, reason string, due time.Time, told Audience) {
	t.Case.Flow.Supervision = &Supervision{Level: level, Reason: reason, By: actorName(t.actor), At: t.now, DueAt: due}
	if k := t.clock(ClockSupervision); k != nil {
		*k = t.newClock(ClockSupervision)
		t.touch(ClockSupervision)
	}
	t.event("supervised", PatrolID{}, facts{"level": level, "reason": reason, "due_at": due, "unit": t.Case.lead()})
	w := saidSupervised(t.Case, level, due, t.calendar.zone)
	t.toStaff(told, told.Unit, WhySupervised, w)
	if level != LevelTown {
		t.toStaff(told, told.Town, WhySupervised, w)
	}
}

// toStaff tells some of an audience something about the case; of a covert one those who
// know of it, or nobody would hear that it runs out.
func (t *turn) toStaff(told Audience, staff []StaffID, why string, w Words) {
	if t.Case.Covert != nil {
		staff = told.Knowing
	}
	t.note(staff, why, w)
}

// note tells people who may know of the case, covert or not, each of one thing once.
func (t *turn) note(staff []StaffID, why string, w Words) {
	for _, id := range staff {
		n := Notice{StaffID: id, CaseID: t.Case.ID, Number: t.Case.Number, Why: why, Text: w, Seen: !id.IsZero() && id == t.actor.Staff, Knows: true}
		if slices.Contains(t.Notices, n) {
			continue
		}
		t.Notices = append(t.Notices, n)
		if !n.Seen {
			t.Tell = append(t.Tell, Announcement{District: t.Case.Scope.District, Notice: &n})
		}
	}
}

var clockWords = map[ClockName]Words{
	ClockAccept: {"受理", "acceptance"}, ClockFile: {"立案", "filing"}, ClockSend: {"派遣", "dispatch"}, ClockLeave: {"联合出发", "setting out together"},
	ClockAnswer: {"签收", "signing in"}, ClockSettle: {"处置", "handling"}, ClockRedirect: {"改派", "sending on"}, ClockRuling: {"裁定", "the ruling"},
	ClockCheck: {"核查", "the check"}, ClockRework: {"返工", "rework"}, ClockResume: {"挂账", "the suspension"}, ClockSupervision: {"督办答复", "the answer to supervision"},
}

// ClockWords is what a clock measures; false where there is no such clock.
func ClockWords(n ClockName) (Words, bool) {
	w, there := clockWords[n]
	return w, there
}

// LevelWords is a level of supervision; false where there is no such level.
func LevelWords(level string) (Words, bool) {
	w, there := levelWords[level]
	return w, there
}

var levelWords = map[string]Words{LevelTown: {"镇街督办", "town level"}, LevelDistrict: {"区级督办", "district level"}, LevelListed: {"挂牌督办", "listed"}}

func saidUrged(c Case, reason string) Words {
	w := Words{fmt.Sprintf("催办：事件 %s 请尽快办理。", c.Number), fmt.Sprintf("Urged: please see to case %s.", c.Number)}
	if reason != "" {
		w.ZH, w.EN = w.ZH+reason, w.EN+" "+reason
	}
	return w
}

func saidSupervised(c Case, level string, due time.Time, zone *time.Location) Words {
	at := due.In(zone).Format("01-02 15:04")
	return Words{fmt.Sprintf("%s：事件 %s，请于 %s 前答复。", levelWords[level].ZH, c.Number, at),
		fmt.Sprintf("Supervision (%s): case %s, answer by %s.", levelWords[level].EN, c.Number, at)}
}

func saidClock(c Case, k Clock, why string, zone *time.Location) Words {
	n, at := clockWords[k.Name], k.DueAt.In(zone).Format("01-02 15:04")
	switch why {
	case WhyWarned:
		return Words{fmt.Sprintf("事件 %s 的%s时限已用四分之三，%s 到期。", c.Number, n.ZH, at), fmt.Sprintf("Case %s: three quarters of the time for %s are used, due %s.", c.Number, n.EN, at)}
	case WhyOverdue:
		return Words{fmt.Sprintf("事件 %s 的%s已超时（%s 到期）。", c.Number, n.ZH, at), fmt.Sprintf("Case %s: %s is overdue since %s.", c.Number, n.EN, at)}
	}
	if c.Covert != nil { // the district is not told of it
		return Words{fmt.Sprintf("事件 %s 的%s严重超时。", c.Number, n.ZH), fmt.Sprintf("Case %s: %s is long overdue.", c.Number, n.EN)}
	}
	return Words{fmt.Sprintf("事件 %s 的%s严重超时，报区级处理。", c.Number, n.ZH), fmt.Sprintf("Case %s: %s is long overdue, now with the district.", c.Number, n.EN)}
}

// DueClock is a clock whose next rung has come, as a poller found it.
type DueClock struct {
	Case CaseID
	Name ClockName
	ID   DeadlineID
}

// ClockDue takes the clocks of a case up all rungs whose time has come. What is decided is
// decided under the lock of the case, from the clocks as they stand there: a second poller,
// or one that comes late, finds the rungs climbed and does nothing.
func (s *Service) ClockDue(ctx context.Context, due DueClock) error {
	told, err := s.audience(ctx, due.Case)
	if err != nil {
		return err
	}
	err = s.Store.Change(ctx, due.Case, nil, func(d Docket) (Turn, error) { return climbed(d, told) })
	if errors.Is(err, errNothingToDo) {
		return s.Store.ReleaseClock(ctx, due)
	}
	if err == nil {
		s.Wake()
	}
	return err
}

// audience is who is told of a case as it is now.
func (s *Service) audience(ctx context.Context, id CaseID) (Audience, error) {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return Audience{}, err
	}
	told, err := s.Store.Audience(ctx, c)
	if err != nil {
		return Audience{}, fmt.Errorf("ask whom to tell: %w", err)
	}
	return told, nil
}

// ClocksDue does for several what ClockDue does for one, in one commit: at the end of an
// office's hours hundreds are due at once. A case that somebody else works on is waited for
// alone, and where the commit fails each is tried alone, so that one bad case never keeps
// the others. It answers which failed.
func (s *Service) ClocksDue(ctx context.Context, due []DueClock) map[DueClock]error {
	of := map[CaseID][]DueClock{}
	ids := make([]CaseID, 0, len(due))
	for _, d := range due {
		if of[d.Case] == nil {
			ids = append(ids, d.Case)
		}
		of[d.Case] = append(of[d.Case], d)
	}
	idle := map[CaseID]bool{}
	had, err := s.Store.ChangeAll(ctx, ids, func(d Docket, told Audience) (Turn, error) {
		t, err := climbed(d, told)
		if errors.Is(err, errNothingToDo) {
			idle[d.Case.ID] = true
			return Turn{}, ErrLeave
		}
		return t, err
	})
	if err != nil {
		had, idle = nil, nil
	}
	if len(had) > len(idle) {
		s.Wake()
	}
	failed := map[DueClock]error{}
	for _, id := range ids {
		alone := !slices.Contains(had, id)
		for _, d := range of[id] {
			var err error
			switch {
			case alone:
				err = s.ClockDue(ctx, d)
				alone = err != nil // it sees to all clocks of the case
			case idle[id]:
				err = s.Store.ReleaseClock(ctx, d)
			}
			if err != nil {
				failed[d] = err
			}
		}
	}
	return failed
}

// climbed is what is due of the clocks of a case.
func climbed(d Docket, told Audience) (Turn, error) {
	t := newTurn(d, system)
	did := t.adopt()
	for {
		k := t.dueClock()
		switch {
		case k == nil && did:
			return t.done()
		case k == nil:
			return Turn{}, errNothingToDo
		case t.calendar.stale(k):
			t.recount(k)
		case k.climb(t.now):
			t.touch(k.Name)
			t.rung(*k, told)
		}
		did = true
	}
}

// adopt sees to a case whose clocks are not those of its stage: a program that knows no
// clocks moved it.
func (t *turn) adopt() bool {
	want := clocksOf(t.Case)
	if len(want) == len(t.Case.Clocks) && !slices.ContainsFunc(t.Case.Clocks, func(k Clock) bool { return !slices.Contains(want, k.Name) }) {
		return false
	}
	t.keepTime()
	t.event("clock.adopted", PatrolID{}, facts{"stage": t.Case.Stage})
	return true
}

// dueClock is the clock of the case that is seen to next: one that is to be counted again,
// else the one that has waited longest, nil when none is due. Whoever changes the case asks
// again, since its clocks may be others then.
func (t *turn) dueClock() *Clock {
	var next *Clock
	for i := range t.Case.Clocks {
		switch k := &t.Case.Clocks[i]; {
		case t.calendar.stale(k):
			return k
		case k.NextAt == nil || k.NextAt.After(t.now):
		case next == nil || k.NextAt.Before(*next.NextAt):
			next = k
		}
	}
	return next
}

// rung does what a rung of a clock asks for. It is written down as an event, once.
func (t *turn) rung(k Clock, told Audience) {
	said := facts{"clock": k.Name, "arming": k.ID, "due_at": k.DueAt, "owner": t.Case.OwnerOf()}
	zone := t.calendar.zone
	switch k.Rung {
	case RungWarned:
		t.event("clock.warned", PatrolID{}, said)
		t.toStaff(told, told.Unit, WhyWarned, saidClock(t.Case, k, WhyWarned, zone))
	case RungOverdue:
		t.event("clock.overdue", PatrolID{}, said)
		if k.Name == ClockResume {
			t.Case.Flow.Until = nil
			t.stage(StageHandling, "the suspension has ended")
			return
		}
		t.toStaff(told, told.Town, WhyOverdue, saidClock(t.Case, k, WhyOverdue, zone))
		t.overseen(k, LevelTown, told)
	case RungDistrict:
		t.event("clock.district", PatrolID{}, said)
		t.toStaff(told, told.District, WhyDistrict, saidClock(t.Case, k, WhyDistrict, zone))
		t.overseen(k, LevelDistrict, told)
	}
}

// overseen puts a unit's overdue case under supervision, and raises an order that was
// not answered.
func (t *turn) overseen(k Clock, level string, told Audience) {
	if t.Case.OwnerOf().Kind != OwnerUnit {
		return
	}
	s := t.Case.Flow.Supervision
	open := s != nil && s.AnsweredAt == nil
	if k.Name == ClockSupervision {
		level = LevelDistrict
	} else if k.Name != ClockSettle && k.Name != ClockRework {
		return
	}
	if open && slices.Index(levels, s.Level) >= slices.Index(levels, level) {
		return
	}
	t.supervise(level, string(k.Name)+" overdue", t.answerDue(0), told)
}

// recount works a clock out again by a calendar that has changed. What it has climbed
// it keeps.
func (t *turn) recount(k *Clock) {
	was := k.DueAt
	t.calendar.set(k)
	t.touch(k.Name)
	if !k.DueAt.Equal(was) {
		t.keepTime()
		t.event("clock.moved", PatrolID{}, facts{"clock": k.Name, "from": was, "to": k.DueAt, "because": "the calendar changed"})
	}
}

// Adopt gives a clock to every open case that has none, or not the one of its stage: a
// program of the release before, which knows no clocks, moved it.
func (s *Service) Adopt(ctx context.Context) error {
	ids, err := s.Store.Unclocked(ctx)
	if err != nil {
		return fmt.Errorf("list cases without a clock: %w", err)
	}
	var faults []error
	for _, id := range ids {
		err := s.Store.Change(ctx, id, nil, func(d Docket) (Turn, error) {
			t := newTurn(d, system)
			t.keepTime()
			if len(t.touched)+len(t.DropClocks) == 0 {
				return Turn{}, errNothingToDo
			}
			t.event("clock.adopted", PatrolID{}, facts{"stage": t.Case.Stage})
			return t.done()
		})
		if err != nil && !errors.Is(err, errNothingToDo) {
			faults = append(faults, fmt.Errorf("give case %s a clock: %w", id, err))
		}
	}
	return errors.Join(faults...)
}
