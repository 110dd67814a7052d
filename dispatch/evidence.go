package dispatch

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Evidence is what somebody showed with a step of a case. Step is the move that it came
// with, or done of an assignment. Photos are compared with the case's place and with when
// they were shown.
type Evidence struct {
	ID     EvidenceID `json:"id"`
	Step   Move       `json:"step"`
	At     time.Time  `json:"at"`
	By     string     `json:"by"`
	Photos []Photo    `json:"photos"`
	Shown  Shown      `json:"-"` // what is to be kept
}

// StepDone is the step of evidence that came with the end of an assignment.
const StepDone = Move(Finish)

// Shown is what comes with a step: up to 9 photos. Key makes it count once, by whoever
// sends it; BodySHA256 tells one body from another.
type Shown struct {
	Photos     []NewPhoto
	Key        string
	BodySHA256 [32]byte
}

// MaxEvidence is how many photos a step may bring.
const MaxEvidence = 9

// shows are the moves that photos may come with.
var shows = []Move{MoveSelfHandle, MoveFeedback, MovePass, MoveFail}

// KeptEvidence is what a key of evidence stands for.
type KeptEvidence struct {
	Case       CaseID
	Step       Move
	BodySHA256 [32]byte
}

// EvidenceStore finds evidence again; it is written with the step that it came with.
type EvidenceStore interface {
	// KeptEvidence answers NotFound where nobody sent that key.
	KeptEvidence(ctx context.Context, by, key string) (KeptEvidence, error)
	// ShownWith answers what was shown of a case, the oldest first, of what the viewer may see.
	ShownWith(ctx context.Context, v Viewer, c Case) ([]Evidence, error)
}

func (s Shown) check(step Move) error {
	switch {
	case len(s.Photos) == 0:
		return nil
	case step != StepDone && !slices.Contains(shows, step):
		return invalid("/form/photo", fmt.Sprintf("goes with self_handle, done, feedback, pass and fail alone; send %.32s without photos", step))
	case len(s.Photos) > MaxEvidence:
		return invalid("/form/photo", fmt.Sprintf("may be %d at most", MaxEvidence))
	}
	return nil
}

// shownBefore says whether this very evidence is kept already, so that nothing is left to
// do. Another body under the same key is a Conflict.
func (s *Service) shownBefore(ctx context.Context, v Viewer, id CaseID, step Move, shown Shown) (bool, error) {
	if shown.Key == "" || len(shown.Photos) == 0 {
		return false, nil
	}
	kept, err := s.Store.KeptEvidence(ctx, actorName(v), shown.Key)
	switch {
	case KindOf(err) == NotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for what was shown: %w", err)
	case kept.Case != id || kept.Step != step || kept.BodySHA256 != shown.BodySHA256:
		return false, &Fault{Kind: Conflict, Code: codeKeyUsed, Detail: "This Idempotency-Key was used with something else; make a new one for each step."}
	}
	return true, nil
}

// show keeps photos with the step that is being taken; their hashes stand in the chain.
func (t *turn) show(step Move, p PatrolID, shown Shown) {
	if len(shown.Photos) == 0 {
		return
	}
	sums := make([]string, len(shown.Photos))
	for i, photo := range shown.Photos {
		sums[i] = hex.EncodeToString(photo.SHA256[:])
	}
	t.Shown = &Evidence{ID: NewID[evidenceKind](), Step: step, At: t.now, By: actorName(t.actor), Shown: shown}
	t.event("evidence", p, facts{"step": step, "photo_sha256": sums})
}

// again answers a case to somebody whose step was taken before.
func (s *Service) again(ctx context.Context, v Viewer, id CaseID, err error) (CaseDetail, error) {
	if err != nil {
		return CaseDetail{}, err
	}
	return s.detail(ctx, v, id)
}

// FinishShowing is Answer of done with photos of how it was left.
func (s *Service) FinishShowing(ctx context.Context, v Viewer, id CaseID, aid AssignmentID, version int64, result string, shown Shown) (CaseDetail, error) {
	if err := shown.check(StepDone); err != nil {
		return CaseDetail{}, err
	}
	if again, err := s.shownBefore(ctx, v, id, StepDone, shown); err != nil || again {
		return s.again(ctx, v, id, err)
	}
	if err := s.mayShow(ctx, v, id, aid); err != nil { // before anything is kept of theirs
		return CaseDetail{}, err
	}
	shown.Photos = s.keepOutside(ctx, shown.Photos)
	return s.answer(ctx, v, id, aid, Finish, version, result, shown)
}

// mayShow refuses who may not answer for an assignment, before its photos are kept.
func (s *Service) mayShow(ctx context.Context, v Viewer, id CaseID, aid AssignmentID) error {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Assignments, func(a Assignment) bool { return a.ID == aid })
	switch {
	case i >= 0:
		return mayAnswer(v, c, c.Assignments[i])
	case !Visible(v, c.Scope):
		return hidden("case")
	}
	return hidden("assignment")
}
