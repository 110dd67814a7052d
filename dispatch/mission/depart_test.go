package mission

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var eight = time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)

func drawnGoing(t *rapid.T) []Going {
	all := make([]Going, rapid.IntRange(1, 6).Draw(t, "going"))
	for i := range all {
		all[i].Eta = time.Duration(rapid.IntRange(0, 3600).Draw(t, "eta")) * time.Second
		switch rapid.IntRange(0, 4).Draw(t, "how") {
		case 0:
			all[i].Left = true
		case 1:
			at := eight.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "since")) * time.Second)
			all[i].Left, all[i].InPlace = true, &at
		}
	}
	return all
}

// Of those who leave when told, nobody comes more than the window before the last, nobody
// leaves in the past, and the last is no later than the slowest can be.
func TestAllArriveWithinTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := drawnGoing(t)
		within := time.Duration(rapid.IntRange(30, 600).Draw(t, "within")) * time.Second
		got := CountBack(eight, all, within)
		slowest := eight
		for _, g := range all {
			if g.InPlace == nil && eight.Add(g.Eta).After(slowest) {
				slowest = eight.Add(g.Eta)
			}
		}
		if !got.MeetAt.Equal(slowest) {
			t.Fatalf("they meet at %v, the slowest is there at %v", got.MeetAt, slowest)
		}
		for i, g := range all {
			d := got.Depart[i]
			if (d == nil) != (g.Left || g.InPlace != nil) {
				t.Fatalf("%+v is told to leave at %v", g, d)
			}
			if d == nil {
				continue
			}
			arrives := d.Add(g.Eta)
			if d.Before(eight) || arrives.After(got.MeetAt) || got.MeetAt.Sub(arrives) > within || !arrives.Equal(got.Arrive[i]) {
				t.Fatalf("%+v leaves at %v and is there at %v, they meet at %v", g, d, arrives, got.MeetAt)
			}
		}
	})
}

// However often it is looked, and whatever the ways do, times are told anew only when they
// are wrong by more than the hysteresis, no more often than agreed; and what stands is never
// wrong by more.
func TestTimesAreToldAnewOnlyWhenTheyAreWrong(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := drawnGoing(t)
		const within = DefaultWithin
		told := CountBack(eight, all, within)
		now, said := eight, 0
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			step := time.Duration(rapid.IntRange(1, 40).Draw(t, "step")) * time.Second
			now = now.Add(step)
			for i := range all {
				g := &all[i]
				if g.Left && g.InPlace == nil {
					g.Eta = max(0, g.Eta-step+time.Duration(rapid.IntRange(-10, 60).Draw(t, "delay"))*time.Second)
				}
			}
			right := CountBack(now, all, within)
			next, changed := Revise(told, now, all, within)
			if again, twice := Revise(next, now, all, within); twice || !again.MeetAt.Equal(next.MeetAt) {
				t.Fatalf("told %+v twice", again)
			}
			if !changed {
				if now.Sub(told.Made) >= Between && apart(told.MeetAt, right.MeetAt) > Hysteresis {
					t.Fatalf("%v stands, and it is %v", told.MeetAt, right.MeetAt)
				}
				continue
			}
			if now.Sub(told.Made) < Between {
				t.Fatalf("told anew after %v", now.Sub(told.Made))
			}
			wrong := apart(told.MeetAt, next.MeetAt) > Hysteresis
			for i, d := range next.Depart {
				wrong = wrong || d != nil && apart(*told.Depart[i], *d) > Hysteresis
			}
			if !wrong {
				t.Fatalf("told anew for nothing: %+v after %+v", next, told)
			}
			told = next
			said++
		}
		if limit := int(now.Sub(eight)/Between) + 1; said > limit {
			t.Fatalf("told %d times in %v", said, now.Sub(eight))
		}
	})
}

func TestALateOneMovesTheOthers(t *testing.T) {
	t.Parallel()
	minutes := func(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
	all := []Going{{Eta: minutes(12)}, {Eta: minutes(5)}}
	told := CountBack(eight, all, DefaultWithin)
	if got := told.Depart[1].Sub(eight); got != minutes(6) {
		t.Fatalf("who has 5 min to go leaves after %v", got)
	}
	// The first sets out: told at once that it need not be told any more.
	all[0].Left = true
	told, changed := Revise(told, eight.Add(5*time.Second), all, DefaultWithin)
	if !changed || told.Depart[0] != nil {
		t.Fatalf("%+v", told)
	}
	// 40 s late is no news, 4 min late is.
	at := eight.Add(minutes(3))
	all[0].Eta = minutes(9) + 40*time.Second
	if _, changed := Revise(told, at, all, DefaultWithin); changed {
		t.Error("40 s late was told")
	}
	all[0].Eta = minutes(13)
	told, changed = Revise(told, at, all, DefaultWithin)
	if !changed || !told.MeetAt.Equal(at.Add(minutes(13))) || !told.Depart[1].Equal(at.Add(minutes(7))) {
		t.Errorf("4 min late: %+v %v", told, changed)
	}
	// Somebody joins.
	all = append(all, Going{Eta: minutes(20)})
	told.Arrive, told.Depart = append(told.Arrive, time.Time{}), append(told.Depart, nil)
	told, changed = Revise(told, at.Add(time.Second), all, DefaultWithin)
	if !changed || !told.MeetAt.Equal(at.Add(time.Second).Add(minutes(20))) {
		t.Errorf("with a third: %+v %v", told, changed)
	}
	// Everybody is there.
	for i := range all {
		all[i].Left, all[i].InPlace = true, &at
	}
	if last := CountBack(at, all, DefaultWithin); !last.MeetAt.Equal(at) || !last.Arrive[1].Equal(at) {
		t.Errorf("all in place: %+v", last)
	}
}
