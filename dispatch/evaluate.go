package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Satisfaction is how content a reporter is with what was done.
type Satisfaction string

// The answers of 评价, from 满意 to 不满意.
const (
	Satisfied    Satisfaction = "satisfied"
	Fair         Satisfaction = "fair"
	Dissatisfied Satisfaction = "dissatisfied"
)

// Evaluation is what a reporter says of a closed case, once for each report.
type Evaluation struct {
	Satisfaction Satisfaction `json:"satisfaction"`
	Words        string       `json:"words"`
	At           time.Time    `json:"at"`
}

// NewEvaluation is one as it is written.
type NewEvaluation struct {
	Report ReportID
	Evaluation
}

// AskDissatisfied is why an operator's item asks for a call back: a reporter is not content.
const AskDissatisfied ShortfallReason = "dissatisfied"

const maxEvaluation = 1000 // runes

// reporterActor is whoever brings a report's code: nobody who is signed in.
const reporterActor = "resident"

func (e Evaluation) check() error {
	switch e.Satisfaction {
	case Satisfied, Fair, Dissatisfied:
	default:
		return invalid("/satisfaction", "must be satisfied, fair or dissatisfied")
	}
	if utf8.RuneCountInString(e.Words) > maxEvaluation {
		return invalid("/words", fmt.Sprintf("may have %d characters at most", maxEvaluation))
	}
	return nil
}

// Evaluate takes what the reporter who has the code says of their report once its case is
// closed. Said twice alike it counts once; otherwise the first word stands. Whoever is not
// content is called back: an item asks for it. Nothing is opened again by itself.
// from is the address that it was said from.
func (s *Service) Evaluate(ctx context.Context, ref, code, from string, e Evaluation) (Followed, error) {
	e.Words = strings.TrimSpace(e.Words)
	if err := e.check(); err != nil {
		return Followed{}, err
	}
	file, err := s.fileOfCode(ctx, ref, code)
	if err != nil {
		return Followed{}, err
	}
	if s.toldOf(file).Stage != StageClosed {
		return Followed{}, &Fault{Kind: Conflict, Code: "not-closed", Detail: "It is not settled yet; say how content you are when it is."}
	}
	err = s.Store.Change(ctx, file.Case.ID, nil, func(d Docket) (Turn, error) {
		now, err := s.Store.EvaluationOf(ctx, file.Report.ID)
		switch {
		case err != nil:
			return Turn{}, err
		case now != nil && now.Satisfaction == e.Satisfaction && now.Words == e.Words:
			return Turn{}, errNothingToDo
		case now != nil:
			return Turn{}, &Fault{Kind: Conflict, Code: "evaluated-already", Detail: "You have said already how content you are; that stands."}
		case d.Case.Stage != StageClosed:
			return Turn{}, &Fault{Kind: Conflict, Code: "not-closed", Detail: "It was opened again just now; say how content you are when it is settled."}
		}
		t := newTurn(d, Viewer{District: s.District, Resident: true, From: from})
		e.At = t.now
		t.Evaluated = &NewEvaluation{Report: file.Report.ID, Evaluation: e}
		t.change("evaluated", PatrolID{}, facts{"report": file.Report.ID, "satisfaction": e.Satisfaction}, facts{"satisfaction": nil}, facts{"satisfaction": e.Satisfaction})
		if e.Satisfaction == Dissatisfied {
			t.Items = append(t.Items, Shortfall{Department: t.Case.answersFor(), Reason: AskDissatisfied})
		}
		return t.done()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return Followed{}, err
	}
	s.Wake()
	if file, err = s.Store.ReportFile(ctx, file.Report.ID); err != nil {
		return Followed{}, err
	}
	return s.toldOf(file), nil
}

// answersFor is the department whose work was evaluated: the lead, or the grid where the
// matter was settled locally.
func (c Case) answersFor() string {
	if lead := c.lead(); lead != "" && !local(lead) {
		return lead
	}
	return GridDepartment
}
