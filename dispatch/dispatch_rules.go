package dispatch

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// DispatchRules are how the desk of a district sends, whatever the category.
type DispatchRules struct {
	// Version counts their changes.
	Version int64
	// HandOver is how long before the end of its shift a patrol that is on a case is told to
	// hand over; 0 tells nobody.
	HandOver time.Duration
	// MoveSaves is how much sooner all must be there, in sum, for a patrol that has not set
	// out to be sent elsewhere; 0 moves nobody. MoveQuiet is how long neither it nor its case
	// is moved again.
	MoveSaves time.Duration
	MoveQuiet time.Duration
}

// UsualDispatchRules are those of a district that set none.
var UsualDispatchRules = DispatchRules{HandOver: 30 * time.Minute, MoveSaves: 3 * time.Minute, MoveQuiet: 10 * time.Minute}

// The bounds of dispatch rules. A move that saves less than LeastMoveSaves, or one that may
// follow the last sooner than LeastMoveQuiet, costs patrols more than it gives.
const (
	MostHandOver   = 4 * time.Hour
	LeastMoveSaves = time.Minute
	MostMoveSaves  = time.Hour
	LeastMoveQuiet = time.Minute
	MostMoveQuiet  = 4 * time.Hour
)

// DispatchRuleStore keeps them.
type DispatchRuleStore interface {
	DispatchRules(ctx context.Context) (DispatchRules, error)
	// SetDispatchRules writes what decide answers, under the lock under which it is told
	// what they were; where it fails they stay.
	SetDispatchRules(ctx context.Context, decide func(was DispatchRules, now time.Time) (DispatchRules, Event, error)) (DispatchRules, error)
}

// DispatchRules answers them.
func (s *Service) DispatchRules(ctx context.Context) (DispatchRules, error) {
	return s.Store.DispatchRules(ctx)
}

// SetDispatchRules changes them; a version of 0 is not compared. It is recorded.
func (s *Service) SetDispatchRules(ctx context.Context, v Viewer, want DispatchRules, reason string) (DispatchRules, error) {
	if err := allow(v, ActEditCalendar); err != nil {
		return DispatchRules{}, err
	}
	reason = strings.TrimSpace(reason)
	faults := want.faults()
	if utf8.RuneCountInString(reason) > maxRuleReason {
		faults = append(faults, FieldFault{"/reason", fmt.Sprintf("may have %d characters at most", maxRuleReason)})
	}
	if len(faults) > 0 {
		return DispatchRules{}, wrongRules(faults)
	}
	return s.Store.SetDispatchRules(ctx, func(was DispatchRules, now time.Time) (DispatchRules, Event, error) {
		if want.Version != 0 && want.Version != was.Version {
			return was, Event{}, &Fault{Kind: Conflict, Code: CodeOldVersion,
				Detail: fmt.Sprintf("The rules have version %d by now, not %d; read them again before changing them.", was.Version, want.Version)}
		}
		is := want
		is.Version = was.Version + 1
		said := is.facts()
		if reason != "" {
			said["reason"] = reason
		}
		before, after := changed(was.facts(), is.facts())
		e, err := newChange("dispatch_rules", now, s.District, CaseID{}, PatrolID{}, v, said, before, after)
		return is, e, err
	})
}

func (r DispatchRules) facts() facts {
	return facts{"hand_over_s": int(r.HandOver.Seconds()), "move_saves_s": int(r.MoveSaves.Seconds()), "move_quiet_s": int(r.MoveQuiet.Seconds())}
}

// faults answers all that is wrong with them, by field.
func (r DispatchRules) faults() (out []FieldFault) {
	bound := func(field string, d, least, most time.Duration, off string) {
		if d%time.Second != 0 || (d != 0 || off == "") && (d < least || d > most) {
			out = append(out, FieldFault{"/" + field, fmt.Sprintf("must be %.0f to %.0f seconds%s", least.Seconds(), most.Seconds(), off)})
		}
	}
	bound("hand_over_s", r.HandOver, time.Minute, MostHandOver, ", or 0 to tell nobody")
	bound("move_saves_s", r.MoveSaves, LeastMoveSaves, MostMoveSaves, ", or 0 to move nobody")
	bound("move_quiet_s", r.MoveQuiet, LeastMoveQuiet, MostMoveQuiet, "")
	return out
}
