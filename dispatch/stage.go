package dispatch

import "slices"

// Stage is how far the handling of a case has come.
type Stage string

// The stages of a case.
const (
	StageReported    Stage = "reported"
	StageSelfHandled Stage = "self_handled"
	StageAccepted    Stage = "accepted"
	StageVoid        Stage = "void"
	StageFiled       Stage = "filed"
	StageDispatched  Stage = "dispatched"
	StageSigned      Stage = "signed"
	StageReturned    Stage = "returned"
	StageRuled       Stage = "ruled"
	StageHandling    Stage = "handling"
	StageExtended    Stage = "extended"
	StageSuspended   Stage = "suspended"
	StageFeedback    Stage = "feedback"
	StageVerifying   Stage = "verifying"
	StageRework      Stage = "rework"
	StageClosed      Stage = "closed"
	StageReopened    Stage = "reopened"
)

// May says whether a case may go from this stage to that one.
func (s Stage) May(to Stage) bool { return slices.Contains(next[s], to) }

// Open says whether anything is left to do.
func (s Stage) Open() bool { return s != StageClosed && s != StageVoid }

// mainLine is the way a case takes when nothing goes wrong.
var mainLine = []Stage{StageReported, StageAccepted, StageFiled, StageDispatched, StageSigned, StageHandling, StageFeedback, StageVerifying, StageClosed}

// wayTo answers the stages a case goes through from here to there along the main
// line, both ends left out and in: nothing when it is there or past it. A
// reopened or returned case joins at dispatched; one that was extended or
// suspended joins at handling, one in rework at feedback.
func (s Stage) wayTo(to Stage) []Stage {
	from := slices.Index(mainLine, s)
	switch s {
	case StageReopened, StageReturned, StageRuled:
		from = slices.Index(mainLine, StageDispatched) - 1
	case StageExtended, StageSuspended:
		from = slices.Index(mainLine, StageHandling) - 1
	case StageRework:
		from = slices.Index(mainLine, StageFeedback) - 1
	case StageSelfHandled:
		from = slices.Index(mainLine, StageVerifying) - 1
	}
	end := slices.Index(mainLine, to)
	if from < 0 || end <= from {
		return nil
	}
	return mainLine[from+1 : end+1]
}
