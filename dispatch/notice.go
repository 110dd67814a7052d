package dispatch

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// AnswerStore keeps what people were told, and what waits for an operator.
type AnswerStore interface {
	// FollowUpCodes answers the kept codes of a report, or of every report of the case
	// with that number when the id is zero; none where there is no such report.
	FollowUpCodes(ctx context.Context, id ReportID, number string) ([]CodeHash, error)
	// EvaluationOf answers what a reporter said of their report, nil where they did not.
	EvaluationOf(ctx context.Context, id ReportID) (*Evaluation, error)
	ReportFile(ctx context.Context, id ReportID) (ReportFile, error)
	// Notices answers what the viewer was told, newest first, and how much of all of it
	// they have not seen, MaxUnseen at most.
	Notices(ctx context.Context, v Viewer, unseenOnly bool, ask PageAsk) (NoticePage, error)
	// SeeNotices notes that the viewer has seen these and all up to a number, and
	// answers how many are left.
	SeeNotices(ctx context.Context, v Viewer, upTo int64, ids []int64) (unseen int, err error)
	OperatorItems(ctx context.Context, v Viewer, open *bool, ask PageAsk) (Page[OperatorItem], error)
	OperatorItem(ctx context.Context, id int64) (OperatorItem, error)
}

// MaxUnseen is as far as unseen notices are counted.
const MaxUnseen = 999

// ToldNotice is something that the viewer was told, in their own list.
type ToldNotice struct {
	ID       int64      `json:"id"`
	CaseID   CaseID     `json:"case_id"`
	Number   string     `json:"number"`
	ReportID *ReportID  `json:"report_id"`
	Why      string     `json:"why"`
	Text     Words      `json:"text"`
	At       time.Time  `json:"at"`
	SeenAt   *time.Time `json:"seen_at"`
}

// NoticePage is a part of the list, and how many notices in all are unseen.
type NoticePage struct {
	Page[ToldNotice]
	Unseen int `json:"unseen"`
}

// Notices lists what the viewer was told. It is their own list, whatever their role.
func (s *Service) Notices(ctx context.Context, v Viewer, unseenOnly bool, ask PageAsk) (NoticePage, error) {
	return s.Store.Notices(ctx, v, unseenOnly, ask)
}

// SeeNotices notes what the viewer has seen: the notices they name, and all up to
// one. A notice that was written at the same moment as the newest shown may have a
// lower number and never have been shown, so a page names what it shows.
func (s *Service) SeeNotices(ctx context.Context, v Viewer, upTo int64, ids []int64) (int, error) {
	return s.Store.SeeNotices(ctx, v, upTo, ids)
}

// OperatorItem is something that the system could not settle by itself.
type OperatorItem struct {
	ID          int64           `json:"id"`
	CaseID      CaseID          `json:"case_id"`
	Number      string          `json:"number"`
	Category    string          `json:"category"`
	Urgency     string          `json:"urgency"`
	Department  string          `json:"department"`
	Reason      ShortfallReason `json:"reason"`
	MadeAt      time.Time       `json:"made_at"`
	SettledAt   *time.Time      `json:"settled_at"`
	SettledBy   *AccountID      `json:"settled_by"` // nil: by itself, by a dispatch or the end of the case
	SettledNote string          `json:"settled_note"`
}

// ItemSettled is an operator's word that an item needs nothing more.
type ItemSettled struct {
	ID   int64
	By   AccountID
	Note string
}

// OperatorItems lists what waits for an operator within scope, newest first.
func (s *Service) OperatorItems(ctx context.Context, v Viewer, open *bool, ask PageAsk) (Page[OperatorItem], error) {
	if err := allow(v, ActDispatch); err != nil {
		return Page[OperatorItem]{}, err
	}
	return s.Store.OperatorItems(ctx, v, open, ask)
}

const maxNote = 1000 // runes

// SettleItem takes an item off the list, with a note of what was done about it. One
// that is settled already stays as it is.
func (s *Service) SettleItem(ctx context.Context, v Viewer, id int64, note string) (OperatorItem, error) {
	if err := allow(v, ActDispatch); err != nil {
		return OperatorItem{}, err
	}
	note = strings.TrimSpace(note)
	if note == "" {
		return OperatorItem{}, invalid("/note", "is missing; say what was done about it")
	}
	if utf8.RuneCountInString(note) > maxNote {
		return OperatorItem{}, invalid("/note", "may have 1000 characters at most")
	}
	item, err := s.Store.OperatorItem(ctx, id)
	if err != nil {
		return OperatorItem{}, err
	}
	if _, err := s.visible(ctx, v, item.CaseID); err != nil {
		if KindOf(err) == NotFound {
			err = hidden("item")
		}
		return OperatorItem{}, err
	}
	if item.SettledAt != nil {
		return item, nil
	}
	err = s.Store.Change(ctx, item.CaseID, nil, func(d Docket) (Turn, error) {
		t := newTurn(d, v)
		t.SettleItem = &ItemSettled{ID: id, By: v.Account, Note: note}
		t.change("item_settled", PatrolID{}, facts{"department": item.Department, "reason": item.Reason, "note": note},
			facts{"settled_at": nil}, facts{"settled_at": t.now.UTC()})
		return t.done()
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return OperatorItem{}, err
	}
	s.Wake()
	return s.Store.OperatorItem(ctx, id)
}
