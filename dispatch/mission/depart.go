package mission

import (
	"slices"
	"time"
)

const (
	// DefaultWithin is within how long of each other all arrive where they meet.
	DefaultWithin = 2 * time.Minute
	// Hysteresis is by how much a time must be wrong before it is told anew: less is what
	// a red light makes, and an officer who is told another time each minute believes none.
	Hysteresis = time.Minute
	// Between is how long told times stand at least, whatever happens.
	Between = 30 * time.Second
	// latestEta bounds what is believed of a way.
	latestEta = 24 * time.Hour
)

// Going is one who is to be where all meet.
type Going struct {
	// Eta is how long the way there is from where they are now.
	Eta time.Duration
	// Left says that they are on the way already; InPlace since when they are there.
	Left    bool
	InPlace *time.Time
}

// Times are when all meet and when each leaves for that: as told at Made. Depart is nil
// for who has left or is there, Arrive is when each is expected.
type Times struct {
	MeetAt time.Time
	Depart []*time.Time
	Arrive []time.Time
	Made   time.Time
}

// CountBack gives the times by which all who are still to leave arrive within a while of
// each other: the slowest leaves at once, and the others so that they are there half that
// while before, since a small delay should keep nobody waiting in the street, neither
// them nor the slowest. Nobody is to leave before now. Who has left comes when they come.
func CountBack(now time.Time, all []Going, within time.Duration) Times {
	t := Times{Depart: make([]*time.Time, len(all)), Arrive: make([]time.Time, len(all)), Made: now, MeetAt: now}
	for i, g := range all {
		t.Arrive[i] = now.Add(g.eta())
		if g.InPlace != nil {
			t.Arrive[i] = *g.InPlace
		} else if t.Arrive[i].After(t.MeetAt) {
			t.MeetAt = t.Arrive[i]
		}
	}
	for i, g := range all {
		if g.Left || g.InPlace != nil {
			continue
		}
		depart := t.MeetAt.Add(-within / 2).Add(-g.eta())
		if depart.Before(now) {
			depart = now
		}
		t.Depart[i], t.Arrive[i] = &depart, depart.Add(g.eta())
	}
	return t
}

func (g Going) eta() time.Duration { return min(max(0, g.Eta), latestEta) }

// Revise gives the times to tell by now, and whether they differ from those told before.
// What was told stands for Between at least, and then as long as no time is wrong by more
// than Hysteresis. Where somebody joined, left the mission, set out or came, it is told
// anew at once; told must then be of the same people in the same order, a zero Arrive for
// who is new.
func Revise(told Times, now time.Time, all []Going, within time.Duration) (Times, bool) {
	next := CountBack(now, all, within)
	if len(told.Arrive) != len(all) || slices.ContainsFunc(told.Arrive, time.Time.IsZero) {
		return next, true
	}
	for i, g := range all {
		// Whose time to leave was not told, though they wait for it, or stands though they
		// are under way.
		if (told.Depart[i] == nil) != (g.Left || g.InPlace != nil) {
			return next, true
		}
	}
	if now.Sub(told.Made) < Between {
		return told, false
	}
	if apart(told.MeetAt, next.MeetAt) > Hysteresis {
		return next, true
	}
	for i, d := range next.Depart {
		// A time to leave that has come is no news: told it was.
		if d != nil && apart(*told.Depart[i], *d) > Hysteresis {
			return next, true
		}
	}
	return told, false
}

func apart(a, b time.Time) time.Duration { return a.Sub(b).Abs() }
