package city

import (
	"math/rand/v2"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Task is an assignment a patrol was offered.
type Task struct {
	CaseID       string
	AssignmentID string
	To           geo.Point
}

// step is where a patrol stands in playing its task to the end:
//
//	beat -> deciding -> (accept) -> leaving -> (en_route) -> driving -> (on_scene) -> working -> (done) -> beat
//
// In brackets are the calls to the service; a patrol waits for each answer.
type step int

const (
	beat     step = iota // no task: walking the grid
	deciding             // looking at the offer
	leaving              // accepted, getting ready
	driving              // on the way
	working              // on scene
)

// duty plays tasks. It has no clock and calls nobody: Next says what to do at a
// time, Answered what came of it. One task is played at a time; the service never
// offers a claimed patrol another one.
type duty struct {
	rng     *rand.Rand
	step    step
	task    Task
	due     time.Time // when the present step is over; zero while driving
	asking  string    // the call under way
	retries int
}

// How long the steps take, at least, and how much more at most.
var (
	decideFor = [2]time.Duration{2 * time.Second, 6 * time.Second}
	leaveFor  = [2]time.Duration{3 * time.Second, 10 * time.Second}
	workFor   = [2]time.Duration{40 * time.Second, 80 * time.Second}
)

func (d *duty) after(now time.Time, span [2]time.Duration) time.Time {
	return now.Add(span[0] + time.Duration(d.rng.Int64N(int64(span[1]))))
}

// Offer takes a task on. An offer that came twice, or while another task is being
// played, changes nothing; it answers whether it was taken.
func (d *duty) Offer(now time.Time, t Task) bool {
	if d.step != beat {
		return false
	}
	d.task, d.step, d.asking, d.retries = t, deciding, "", 0
	d.due = d.after(now, decideFor)
	return true
}

// Resume takes up a task in the state the service has it in: after a restart, or
// when the offer was lost on the way.
func (d *duty) Resume(now time.Time, t Task, state string) bool {
	if !d.Offer(now, t) {
		return false
	}
	switch state {
	case "offered":
	case "accepted":
		d.step, d.due = leaving, d.after(now, leaveFor)
	case "en_route":
		d.step, d.due = driving, time.Time{}
	case "on_scene":
		d.step, d.due = working, d.after(now, workFor)
	default:
		d.drop()
		return false
	}
	return true
}

// Recall ends the task if it is the present one.
func (d *duty) Recall(assignmentID string) bool {
	if d.step == beat || d.task.AssignmentID != assignmentID {
		return false
	}
	d.drop()
	return true
}

func (d *duty) drop() { d.step, d.task, d.asking, d.due = beat, Task{}, "", time.Time{} }

// Arrive says that the way is done.
func (d *duty) Arrive(now time.Time) {
	if d.step == driving && d.due.IsZero() {
		d.due = now
	}
}

// Next is the call to make now: accept, en_route, on_scene or done; "" for none.
func (d *duty) Next(now time.Time) string {
	if d.step == beat || d.asking != "" || d.due.IsZero() || now.Before(d.due) {
		return ""
	}
	d.asking = map[step]string{deciding: "accept", leaving: "en_route", driving: "on_scene", working: "done"}[d.step]
	return d.asking
}

// outcome of a call.
type outcome int

const (
	agreed  outcome = iota // the service agreed
	refused                // it will never agree: somebody else has the case, it was recalled
	again                  // it could not be asked
)

// Answered says what came of the call for an assignment. It answers whether the
// patrol should set off now.
func (d *duty) Answered(now time.Time, assignmentID string, o outcome) (setOff bool) {
	if d.asking == "" || d.task.AssignmentID != assignmentID {
		return false // recalled in the meantime
	}
	d.asking = ""
	switch {
	case o == refused:
		d.drop()
		return false
	case o == again:
		d.retries++
		d.due = now.Add(backoff(d.rng, d.retries))
		return false
	}
	d.retries = 0
	switch d.step {
	case deciding:
		d.step, d.due = leaving, d.after(now, leaveFor)
	case leaving:
		d.step, d.due = driving, time.Time{}
		return true
	case driving:
		d.step, d.due = working, d.after(now, workFor)
	case working:
		d.drop()
	}
	return false
}

// backoff grows from half a second to half a minute, with jitter, so that a city
// does not come back all at once.
func backoff(rng *rand.Rand, retries int) time.Duration {
	most := min(30*time.Second, 500*time.Millisecond<<min(retries, 7))
	return most/2 + time.Duration(rng.Int64N(int64(most)/2+1))
}
