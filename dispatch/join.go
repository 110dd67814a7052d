package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Joined is where a case went that was reported twice.
type Joined struct {
	CaseID  CaseID     `json:"case_id"`
	Number  string     `json:"number"`
	At      time.Time  `json:"at"`
	ByRule  bool       `json:"by_rule,omitempty"`
	Reasons []Likeness `json:"reasons,omitempty"`
	Reports []ReportID `json:"reports"`
}

// JoinedCase is a case that was joined to another.
type JoinedCase struct {
	CaseID   CaseID    `json:"case_id"`
	Number   string    `json:"number"`
	JoinedAt time.Time `json:"joined_at"`
	Reports  int       `json:"reports"`
}

// BothTurn is what one decision about two cases writes. Reports move from A to B; a
// Split takes them back, from where they are by now. Held are those that A holds and that
// change with it.
type BothTurn struct {
	A, B    Turn
	Held    []Turn
	Reports []ReportID
	Split   bool
}

// The reasons for which a reporter is told that cases were joined or split.
const (
	WhyJoined = "joined"
	WhySplit  = "split"
)

const reasonJoined = "the case was joined to another"

func saidJoined(from, into Case) Words {
	w := PlainStage(into.Stage)
	return Words{fmt.Sprintf("您反映的问题（%s）与编号 %s 是同一件事，已合并办理，结果会告知您。目前：%s。", from.Number, into.Number, w.ZH),
		fmt.Sprintf("Your report (%s) is the same matter as %s and is handled with it; you will hear the result. At present: %s.", from.Number, into.Number, w.EN)}
}

func saidSplit(c Case) Words {
	return Words{fmt.Sprintf("您反映的问题经核对是另一件事，恢复按编号 %s 单独办理。", c.Number),
		fmt.Sprintf("What you reported turned out to be another matter; it is handled by itself again, as %s.", c.Number)}
}

// Join ends a case as a part of another: its reports go over, whoever was sent for it is
// free, and its reporters hear from the other case what becomes of it.
func (s *Service) Join(ctx context.Context, v Viewer, id CaseID, version int64, o MoveOrder) (CaseDetail, error) {
	a, err := s.visible(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if _, no := judge(v, a, o, time.Time{}); no != nil {
		return CaseDetail{}, no
	}
	if o.Case.IsZero() || o.Case == id {
		return CaseDetail{}, (MoveOrder{Move: MoveJoin, Case: o.Case}).check(Rule{Move: MoveJoin, Needs: []Form{FormCase}}, a, time.Time{})
	}
	b, err := s.visible(ctx, v, o.Case)
	if err != nil {
		return CaseDetail{}, err
	}
	reasons, err := s.reasonsOf(ctx, v, a, b.ID)
	if err != nil {
		return CaseDetail{}, err
	}
	if err := s.join(ctx, v, id, version, o, reasons, nil); err != nil {
		return CaseDetail{}, err
	}
	return s.detail(ctx, v, id)
}

// reasonsOf is why a viewer may take two cases for one matter, as they were shown it.
func (s *Service) reasonsOf(ctx context.Context, v Viewer, a Case, b CaseID) ([]Likeness, error) {
	past, err := s.past(ctx, v, a)
	for _, p := range past {
		if p.CaseID == b {
			return p.Reasons, err
		}
	}
	return []Likeness{}, err
}

// dealtWith are the stages in which nobody works on a case: what is reported again is not
// settled, whatever was fed back, and a rule that joined it would send nobody.
var dealtWith = []Stage{StageSelfHandled, StageFeedback, StageVerifying, StageSuspended}

func (s *Service) join(ctx context.Context, v Viewer, id CaseID, version int64, o MoveOrder, reasons []Likeness, answer func(Case) (*PendingAnswer, error)) error {
	err := s.Store.ChangeBoth(ctx, id, o.Case, func(da, db Docket, held []Docket) (BothTurn, error) {
		if v.Role != RoleSystem && (!Visible(v, da.Case.Scope) || !Visible(v, db.Case.Scope)) {
			return BothTurn{}, hidden("case")
		}
		if err := da.expect(version); err != nil {
			return BothTurn{}, err
		}
		r, no := judge(v, da.Case, o, da.Now)
		if no != nil {
			return BothTurn{}, no
		}
		if err := o.check(r, da.Case, da.Now); err != nil {
			return BothTurn{}, err
		}
		if !db.Case.Stage.Open() {
			return BothTurn{}, &Fault{Kind: Conflict, Code: "case-closed",
				Detail: fmt.Sprintf("Case %s is %s; join this one to a case that goes on, or open that one again first.", db.Case.Number, db.Case.Stage),
				Fields: []FieldFault{{"/case", "is finished"}}}
		}
		if v.Role == RoleSystem && slices.Contains(dealtWith, db.Case.Stage) {
			return BothTurn{}, &Fault{Kind: Conflict, Code: "case-dealt-with", Detail: fmt.Sprintf("Case %s is %s; only a person joins anything to it now.", db.Case.Number, db.Case.Stage)}
		}
		if da.Case.Covert != nil && db.Case.Covert == nil {
			return BothTurn{}, &Fault{Kind: Conflict, Code: "case-covert",
				Detail: fmt.Sprintf("Case %s is covert and %s is not, so whoever sees that one would read its reports; join it the other way round, or make that one covert first.", da.Case.Number, db.Case.Number),
				Fields: []FieldFault{{"/case", "is not covert"}}}
		}
		out := BothTurn{}
		for _, who := range da.Reporters {
			out.Reports = append(out.Reports, who.Report)
		}
		if len(out.Reports) == 0 {
			return BothTurn{}, &Fault{Kind: Conflict, Code: "nothing-to-join", Detail: "This case has no report that could go over."}
		}
		var err error
		if out.A, err = s.joinAway(da, db.Case, v, o, reasons, out.Reports); err != nil {
			return BothTurn{}, err
		}
		if answer != nil {
			if out.A.Answer, err = answer(out.A.Case); err != nil {
				return BothTurn{}, err
			}
		}
		t := newTurn(db, v)
		t.event("joined_in", PatrolID{}, facts{"case": da.Case.ID, "number": da.Case.Number, "reports": len(out.Reports), "reasons": reasons})
		t.reporters = da.Reporters
		t.toReporters(WhyJoined, saidJoined(da.Case, db.Case))
		if out.B, err = t.done(); err != nil {
			return BothTurn{}, err
		}
		out.Held, err = coverHeld(held, db.Case)
		return out, err
	})
	if err != nil {
		return err
	}
	s.Wake()
	return nil
}

// coverWith makes a case that is a part of a covert one covert as long: where it was, and
// that it went somewhere, says where the other is. It says whether that changes anything.
func (t *turn) coverWith(into Case) bool {
	c := &t.Case
	if into.Covert == nil {
		return false
	}
	commanders := len(c.Commanders)
	c.command(into.Commanders...)
	if c.Covert != nil && !into.Covert.Until.After(c.Covert.Until) {
		return len(c.Commanders) > commanders
	}
	k := Covert{Since: t.now, Until: into.Covert.Until, Reason: into.Covert.Reason, By: into.Covert.By}
	kind := "covert"
	if c.Covert != nil {
		k.Since, k.Answer = c.Covert.Since, c.Covert.Answer
		kind = "covert.until"
	} else {
		t.hidden = true
	}
	c.Covert = &k
	t.armRelease()
	t.event(kind, PatrolID{}, facts{"until": k.Until, "reason": k.Reason, "because": reasonJoined})
	return true
}

// coverHeld does so with all that a case holds which becomes covert, or longer so.
func coverHeld(held []Docket, into Case) ([]Turn, error) {
	var out []Turn
	for _, d := range held {
		t := newTurn(d, system)
		if !t.coverWith(into) {
			continue
		}
		turn, err := t.done()
		if err != nil {
			return nil, err
		}
		out = append(out, turn)
	}
	return out, nil
}

// releaseHeld releases what was joined to a case that is released: it was kept quiet for
// that one.
func releaseHeld(held []Docket) ([]Turn, error) {
	var out []Turn
	for _, d := range held {
		if d.Case.Covert == nil || d.Case.Flow.Joined == nil {
			continue
		}
		t := newTurn(d, system)
		t.release("the case it was joined to was released", "")
		turn, err := t.done()
		if err != nil {
			return nil, err
		}
		out = append(out, turn)
	}
	return out, nil
}

// joinAway is the end of the case that is joined.
func (s *Service) joinAway(d Docket, into Case, v Viewer, o MoveOrder, reasons []Likeness, reports []ReportID) (Turn, error) {
	t := newTurn(d, v)
	c := &t.Case
	for i, a := range c.Assignments {
		if a.State.Active() {
			t.end(i, Recalled, reasonJoined)
		}
	}
	c.Flow.Joined = &Joined{CaseID: into.ID, Number: into.Number, At: t.now, ByRule: v.Role == RoleSystem, Reasons: reasons, Reports: reports}
	c.Dispatch, c.UndoUntil, c.Shortfalls = DispatchNone, nil, []Shortfall{}
	c.Flow.Ask, c.Flow.Supervision = nil, nil // whoever has the matter now answers for it
	t.DropProposed, t.DisarmAll = true, true
	t.coverWith(into)
	c.Assignments = slices.DeleteFunc(c.Assignments, func(a Assignment) bool { return a.State == Proposed })
	t.Settled = append(t.Settled, GridDepartment)
	for _, dep := range c.Departments {
		t.Settled = append(t.Settled, dep.Code)
	}
	t.event("joined", PatrolID{}, facts{"into": into.ID, "number": into.Number, "by_rule": v.Role == RoleSystem, "reasons": reasons, "reason": strings.TrimSpace(o.Reason)})
	t.stage(StageVoid, reasonJoined)
	return t.done()
}

// holder is the case that a joined case's reports are in by now: where it went, or where
// that one went in turn.
func (s *Service) holder(ctx context.Context, c Case) (Case, error) {
	for range 20 { // a chain that long nobody makes
		if c.Flow.Joined == nil {
			return c, nil
		}
		next, err := s.Store.Case(ctx, c.Flow.Joined.CaseID, "")
		if err != nil {
			return Case{}, fmt.Errorf("look where it was joined: %w", err)
		}
		c = next
	}
	return c, nil
}

// Split takes a wrong join back: the reports of the case return to it, and it is a case of
// its own again, at the desk, with its clock, and planned as its category says.
func (s *Service) Split(ctx context.Context, v Viewer, id CaseID, version int64, o MoveOrder) (CaseDetail, error) {
	c, err := s.visible(ctx, v, id)
	if err != nil {
		return CaseDetail{}, err
	}
	if _, no := judge(v, c, o, time.Time{}); no != nil {
		return CaseDetail{}, no
	}
	held, err := s.holder(ctx, c)
	if err != nil {
		return CaseDetail{}, err
	}
	if !Visible(v, held.Scope) {
		return CaseDetail{}, hidden("case")
	}
	err = s.Store.ChangeBoth(ctx, id, held.ID, func(da, db Docket, _ []Docket) (BothTurn, error) {
		if !Visible(v, da.Case.Scope) || !Visible(v, db.Case.Scope) {
			return BothTurn{}, hidden("case")
		}
		if err := da.expect(version); err != nil {
			return BothTurn{}, err
		}
		r, no := judge(v, da.Case, o, da.Now)
		if no != nil {
			return BothTurn{}, no
		}
		if err := o.check(r, da.Case, da.Now); err != nil {
			return BothTurn{}, err
		}
		out := BothTurn{Reports: da.Case.Flow.Joined.Reports, Split: true}
		back := []Reporter{}
		for _, who := range db.Reporters {
			if slices.Contains(out.Reports, who.Report) {
				back = append(back, who)
			}
		}
		if len(back) == 0 || len(back) == len(db.Reporters) {
			return BothTurn{}, &Fault{Kind: Conflict, Code: "join-moved-on", Detail: "Its reports went on to another case meanwhile; look at the case again."}
		}
		t := newTurn(da, v)
		t.Case.Flow.Joined = nil
		t.reporters = back
		t.event("split", PatrolID{}, facts{"from": db.Case.ID, "number": db.Case.Number, "reason": strings.TrimSpace(o.Reason)})
		t.stage(StageReported, strings.TrimSpace(o.Reason))
		t.replan(s.PlanWithin + time.Second)
		t.toReporters(WhySplit, saidSplit(da.Case))
		var err error
		if out.A, err = t.done(); err != nil {
			return BothTurn{}, err
		}
		b := newTurn(db, v)
		b.event("split_off", PatrolID{}, facts{"case": da.Case.ID, "number": da.Case.Number, "reports": len(back), "reason": strings.TrimSpace(o.Reason)})
		out.B, err = b.done()
		return out, err
	})
	if err != nil {
		return CaseDetail{}, err
	}
	s.Wake()
	s.nextBest(ctx, id, "split off again")
	return s.detail(ctx, v, id)
}

// joinByRule joins a case to the oldest open one near it of which its category's rule says
// that it is the same, and says whether it did.
func (s *Service) joinByRule(ctx context.Context, id CaseID, answer func(Case) (*PendingAnswer, error)) (bool, error) {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return false, err
	}
	rule, err := s.Store.SameRule(ctx, c.Category)
	if err != nil || !rule.Joins || !c.Stage.Open() {
		return false, err
	}
	kin, err := s.Store.Kin(ctx, c, rule.DistanceM, rule.Minutes/(24*60)+1, mostKin)
	if err != nil || len(kin) == 0 {
		return false, err
	}
	ids := []CaseID{c.ID}
	for _, k := range kin {
		ids = append(ids, k.Case.ID)
	}
	marks, err := s.Store.Marks(ctx, ids)
	if err != nil {
		return false, err
	}
	slices.SortFunc(kin, func(x, y Kin) int { return x.Case.MadeAt.Compare(y.Case.MadeAt) })
	for _, k := range kin {
		if !k.Case.Stage.Open() || !k.Case.MadeAt.Before(c.MadeAt) && compareIDs(k.Case.ID, c.ID) >= 0 {
			continue
		}
		bits := apartBits(marks[c.ID], marks[k.Case.ID])
		reasons, _ := rule.alike(k.Case.Category == c.Category, k.DistanceM, c.MadeAt.Sub(k.Case.MadeAt), bits)
		if !rule.enough(reasons) {
			continue
		}
		o := MoveOrder{Move: MoveJoin, Case: k.Case.ID}
		err := s.join(ctx, system, c.ID, 0, o, reasons, answer)
		var fault *Fault
		if errors.As(err, &fault) && (fault.Kind == Conflict || fault.Kind == Forbidden) {
			continue // it has moved on, or somebody is there: a person decides
		}
		return err == nil, err
	}
	return false, nil
}

// mostKin bounds how many cases near one are weighed.
const mostKin = 50

// kinOf sees to a new report before anybody is sent: it may be the same matter as an
// open case, by rule, or that of a closed one come back. Neither may hold a report up,
// so what fails is logged, and suggested to whoever looks at the case.
func (s *Service) kinOf(ctx context.Context, v Viewer, c Case, d ReportDraft, answer func(Case) (*PendingAnswer, error)) (joined, linked bool) {
	rule, err := s.Store.SameRule(ctx, c.Category)
	if err == nil && rule.Joins && rule.PhotoBits == 0 && !d.SelfHandled {
		joined, err = s.joinByRule(ctx, c.ID, answer)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a report is not compared with those near it", "case", c.ID, "error", err)
	}
	if joined {
		return true, false
	}
	again := d.Revisit
	if !again.IsZero() {
		if _, err := s.seenRevisit(ctx, v, again); err != nil {
			again = RevisitID{} // gone, or none of theirs: the report counts all the same
		}
	}
	if linked, err = s.linkBack(ctx, c, again); err != nil {
		s.Log.ErrorContext(ctx, "a report is not linked with what was here before", "case", c.ID, "error", err)
	}
	return false, linked
}

// answerJoined is the answer to a report that was joined at once.
func (s *Service) answerJoined(o sending, filed Filed) func(Case) (*PendingAnswer, error) {
	return func(c Case) (*PendingAnswer, error) {
		if o.answer == nil {
			return nil, nil
		}
		filed := filed
		filed.Case = c
		response, err := json.Marshal(filed)
		if err != nil {
			return nil, fmt.Errorf("write answer to report: %w", err)
		}
		return &PendingAnswer{Scope: o.answer.Scope, Key: o.answer.Key, Response: response}, nil
	}
}
