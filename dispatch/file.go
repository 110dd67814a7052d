package dispatch

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/proof"
)

const (
	maxDescription = 4000 // runes
	maxPhotos      = 6
	// clockSlack is how far ahead of ours a reporter's clock may be.
	clockSlack = 2 * time.Minute
	// oldestReport is how long ago something may have been seen.
	oldestReport = 30 * 24 * time.Hour
	// twinPoll and twinPatience: how often and how long a parallel twin looks for
	// the answer of the report that came first.
	twinPoll     = 20 * time.Millisecond
	twinPatience = 5 * time.Second
)

// FileReport makes a report a case and sends who is needed.
//
// The report is on disk, with a deadline that sees to its plan, before anything is
// planned; from then on nothing can be lost. When planning fails or takes too long
// the answer says pending and the deadline finishes it. A report that comes with a
// key that was used with the same body gets the answer it got before.
//
// Of a covert case that its reporter does not know of the answer is a receipt, and the
// same again for the same key.
func (s *Service) FileReport(ctx context.Context, v Viewer, d ReportDraft) (Filed, error) {
	filed, err := s.fileReport(ctx, v, d)
	if err != nil {
		return Filed{}, err
	}
	scope := filed.Case.Scope
	if filed.Replayed { // what was kept has none, and it may have become covert since
		c, err := s.Store.Case(ctx, filed.Case.ID, "")
		if err != nil {
			return Filed{}, err
		}
		scope = c.Scope
	}
	if !Visible(v, scope) {
		filed.Case = filed.Case.receipt()
		return filed, nil
	}
	veil, err := s.veil(ctx, v)
	if err != nil {
		return Filed{}, err
	}
	veil.overCandidates(&filed.Case)
	veil.overWays(&filed.Case)
	veil.overShortfalls(&filed.Case)
	return filed, nil
}

func (s *Service) fileReport(ctx context.Context, v Viewer, d ReportDraft) (Filed, error) {
	if err := allow(v, ActReport); err != nil {
		return Filed{}, err
	}
	place, err := checkReport(d)
	if err != nil {
		return Filed{}, err
	}
	if d.SelfHandled && !slices.Contains(onSpot, v.Role) {
		return Filed{}, &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Your role settles nothing on the spot; report it without self_handled."}
	}
	if d.Covert != nil && !May(v, ActCover) {
		return Filed{}, &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Your role makes no case covert; report it without covert, and tell the duty desk."}
	}
	d.Photos = s.keepOutside(ctx, d.Photos)
	id, code := NewID[reportKind](), newFollowUpCode()
	followUp := followUpOf(id, code)
	o := Opening{CodeHash: hashFollowUp(id, code), ReportID: id, CaseID: NewID[caseKind](), Draft: d, Place: place, Cell: int64(cell.At(place, CellRes)),
		Account: v.Account, Device: v.Device, Simulated: v.Simulated, Scope: actorName(v), Zone: s.Zone, PlanAfter: s.PlanWithin + time.Second, PlanDeadline: NewID[deadlineKind]()}
	var c Case
	var waits bool // for others to be planned with
	opened, err := s.Store.Open(ctx, o, func(op Opened) (Birth, error) {
		birth, err := s.birth(v, o, op)
		c, waits = birth.Case, birth.Window > 0
		return birth, err
	})
	if faultCode(err) == codeKeyUsed {
		return s.answerAgain(ctx, o)
	}
	if err != nil {
		return Filed{}, fmt.Errorf("take in report: %w", err)
	}
	s.Wake()

	// The report is kept: whether its sender still listens does not matter any more.
	ctx = context.WithoutCancel(ctx)
	sent := sending{actor: system, why: "reported", reporter: v.Patrol, filed: o.ReportID, followUp: followUp, planBy: time.Now().Add(s.PlanWithin)}
	if d.Key != "" {
		sent.answer = &PendingAnswer{Scope: o.Scope, Key: d.Key}
	}
	filed := Filed{ReportID: o.ReportID, FollowUp: followUp}
	joined, linked := s.kinOf(ctx, v, c, d, s.answerJoined(sent, filed))
	if joined || linked {
		if c, err = s.Store.Case(ctx, c.ID, ""); err != nil {
			return Filed{}, err
		}
	}
	if joined {
		filed.Case = c
		return filed, nil
	}
	if d.SelfHandled {
		settled, err := s.settleReport(ctx, v, c, filed, func(f Filed) (*PendingAnswer, error) {
			return sent.answer.with(f)
		})
		if err == nil {
			return settled, nil
		}
		s.Log.ErrorContext(ctx, "what was settled on the spot is planned like any report", "case", c.ID, "error", err)
	}
	if waits {
		// Its plan comes with the window. Who answers for the place is known already.
		if err := s.locate(ctx, &c); err != nil {
			s.Log.ErrorContext(ctx, "a report is answered without its grid", "case", c.ID, "error", err)
		}
	} else {
		done, err := s.send(ctx, c, sent)
		if err == nil {
			return Filed{ReportID: o.ReportID, Case: done, FollowUp: followUp}, nil
		}
		s.Log.ErrorContext(ctx, "a report waits for its plan", "case", c.ID, "error", err, "at", opened.Now)
	}
	filed.Case = c
	if d.Key != "" {
		response, err := json.Marshal(filed)
		if err != nil {
			return Filed{}, fmt.Errorf("write answer to report: %w", err)
		}
		if err := s.Store.KeepAnswer(ctx, o.Scope, d.Key, response, o.CodeHash); err != nil {
			return Filed{}, fmt.Errorf("keep answer to report: %w", err)
		}
	}
	return filed, nil
}

// birth is a case as it comes to be.
func (s *Service) birth(v Viewer, o Opening, op Opened) (Birth, error) {
	if !o.Draft.ObservedAt.IsZero() && o.Draft.ObservedAt.After(op.Now.Add(clockSlack)) {
		return Birth{}, invalid("/observed_at", "lies in the future; check the clock of the device")
	}
	c := Case{ID: o.CaseID, Number: op.Number, Stage: StageReported, Dispatch: DispatchPending, Cell: cell.Cell(o.Cell),
		Category: op.Rule.Code, Urgency: op.Rule.Urgency, Lon: o.Place.Lon, Lat: o.Place.Lat, Description: o.Draft.Description,
		MadeAt: op.Now, Version: 1, Responsible: Responsible{Basis: BasisNone}, Departments: calledBy(op.Rule),
		Assignments: []Assignment{}, Shortfalls: []Shortfall{}}
	if o.Draft.AccuracyM > 0 {
		c.AccuracyM = &o.Draft.AccuracyM
	}
	c.Scope = Thing{District: s.District, Reporter: v.Account, ReportedBy: v.Device}
	c.Scope.Departments = scopeDepartments(c)
	c.Commanders = []AccountID{}
	if err := c.coverAtBirth(v, o.Draft.Covert, op.Rule.CovertHours, op.Now); err != nil {
		return Birth{}, err
	}
	c.Rescope()
	reported := facts{"report": o.ReportID, "number": c.Number, "category": c.Category, "cell": c.Cell, "photos": len(o.Draft.Photos)}
	if len(o.Draft.Photos) > 0 {
		var sums []string
		for _, p := range o.Draft.Photos {
			sums = append(sums, hex.EncodeToString(p.SHA256[:]))
		}
		reported["photo_sha256"] = sums
	}
	c.Owner = c.OwnerOf()
	accept := op.Calendar.start(ClockAccept, limitOf(ClockAccept, c.Urgency), op.Now)
	c.Clocks, c.DueAt = []Clock{accept}, &accept.DueAt
	entry := proof.Entry{Kind: "reported", At: op.Now, District: s.District.UUID, Case: c.ID.UUID, Patrol: v.Patrol.UUID, Actor: ActorOf(v),
		Detail: reported, After: facts{"stage": c.Stage, "category": c.Category, "urgency": c.Urgency, "dispatch": c.Dispatch, "covert": c.Covert.state()}}
	if o.Draft.Reporter.onBehalf() {
		entry.Actor.OnBehalf = "resident"
	}
	opened, err := proof.Write(entry)
	if err != nil {
		return Birth{}, err
	}
	b := Birth{Case: c, Events: []Event{opened}, Tell: []Announcement{{District: s.District, Case: caseChanged(c, false)}}}
	if s.waitsForOthers(op.Rule) && !o.Draft.SelfHandled {
		b.Window, b.Reporter = s.BatchWindow, v.Patrol
	}
	if c.Covert != nil {
		b.Arm = append(b.Arm, c.releaseDeadline())
	}
	who := Reporter{Report: o.ReportID}
	if !o.Draft.Reporter.onBehalf() {
		who.Account, who.Device = v.Account, v.Device
	}
	b.Notices, b.Tell = noteReporter(b.Notices, b.Tell, c, who, WhyReceived, saidReceived(op.Names, c), v)
	return b, nil
}

func checkReport(d ReportDraft) (geo.Point, error) {
	fields := []FieldFault{}
	bad := func(pointer, detail string) { fields = append(fields, FieldFault{pointer, detail}) }
	if d.Category == "" {
		bad("/category", "is missing; give a category of the published list, such as C01")
	}
	place := geo.ToWGS84(d.Sent, d.CRS)
	if err := d.Sent.Check(); err != nil {
		bad("/location", err.Error())
	} else if err := place.Check(); err != nil {
		bad("/location", err.Error())
	}
	if !(d.AccuracyM >= 0 && d.AccuracyM <= 10000) {
		bad("/location/accuracy_m", "must lie between 0 and 10000")
	}
	if utf8.RuneCountInString(d.Description) > maxDescription {
		bad("/description", fmt.Sprintf("may have %d characters at most", maxDescription))
	}
	if !d.ObservedAt.IsZero() && time.Since(d.ObservedAt) > oldestReport {
		bad("/observed_at", "is more than 30 days ago")
	}
	fields = append(fields, d.Reporter.faults()...)
	if len(d.Photos) > maxPhotos {
		bad("/photos", fmt.Sprintf("may be %d at most", maxPhotos))
	}
	if len(fields) > 0 {
		return geo.Point{}, &Fault{Kind: Invalid, Code: "invalid-report", Detail: "The report cannot be taken in: " + fields[0].Detail + ".", Fields: fields}
	}
	return place, nil
}

// answerAgain gives a report that was filed before the answer it got, waiting for
// it while the first one is still being planned. When that takes too long, it
// answers what there is by now.
func (s *Service) answerAgain(ctx context.Context, o Opening) (Filed, error) {
	tick := time.NewTicker(twinPoll)
	defer tick.Stop()
	patience, stop := context.WithTimeout(ctx, twinPatience)
	defer stop()
	for {
		kept, err := s.Store.KeptAnswer(ctx, o.Scope, o.Draft.Key)
		if err != nil {
			return Filed{}, fmt.Errorf("look up idempotency key: %w", err)
		}
		if kept.BodySHA256 != o.Draft.BodySHA256 {
			return Filed{}, &Fault{Kind: Conflict, Code: CodeIdempotencyMismatch,
				Detail: "This Idempotency-Key was used with another body; use a new key for a new report.",
				Fields: []FieldFault{{"/header/Idempotency-Key", "was used with another body"}}}
		}
		if kept.Response != nil {
			var filed Filed
			if err := json.Unmarshal(kept.Response, &filed); err != nil {
				return Filed{}, fmt.Errorf("read kept answer: %w", err)
			}
			filed.Replayed = true
			return filed, nil
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			if err := ctx.Err(); err != nil {
				return Filed{}, err
			}
			return s.answerLate(ctx, o, kept)
		}
	}
}

// answerLate is for a key whose first report was never answered, since the
// program died in between. The code it was given died with it: only its hash is
// kept, so the report gets another beside it.
func (s *Service) answerLate(ctx context.Context, o Opening, kept KeptAnswer) (Filed, error) {
	c, err := s.Store.Case(ctx, kept.CaseID, "")
	if err != nil {
		return Filed{}, err
	}
	code := newFollowUpCode()
	filed := Filed{ReportID: kept.ReportID, Case: c, FollowUp: followUpOf(kept.ReportID, code)}
	response, err := json.Marshal(filed)
	if err != nil {
		return Filed{}, fmt.Errorf("write answer to report: %w", err)
	}
	if err := s.Store.KeepAnswer(ctx, o.Scope, o.Draft.Key, response, hashFollowUp(kept.ReportID, code)); err != nil {
		return Filed{}, fmt.Errorf("keep answer to report: %w", err)
	}
	// Somebody may have kept theirs meanwhile; then that is the answer.
	if kept, err = s.Store.KeptAnswer(ctx, o.Scope, o.Draft.Key); err != nil {
		return Filed{}, fmt.Errorf("look up idempotency key: %w", err)
	}
	var first Filed
	if err := json.Unmarshal(kept.Response, &first); err != nil {
		return Filed{}, fmt.Errorf("read kept answer: %w", err)
	}
	first.Replayed = true
	return first, nil
}
