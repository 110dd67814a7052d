package realtime

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// sentAt is a message: how many fixes, the sent time of the newest, and its receipt,
// both in seconds from some moment.
type sentAt struct {
	fixes   int
	newestS float64
	recvS   float64
}

func steady(n int, behindS, everyS float64) (all []sentAt) {
	for i := range n {
		all = append(all, sentAt{1, float64(i) * everyS, float64(i)*everyS + behindS})
	}
	return all
}

func TestTheClockOfADevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		messages []sentAt
		offS     float64
	}{
		{"a clock that is right", steady(20, 0.3, 5), 0},
		{"a slow line is no clock", steady(20, 4, 5), 0},
		{"five minutes behind", steady(20, 300, 5), 300},
		{"ten minutes ahead", steady(20, -600, 5), -600},
		{"too few messages to say", steady(5, 300, 5), 0},
		{"enough of them", steady(6, 300, 5), 300},
		{"what was held back, in large messages", []sentAt{{500, 0, 3600}, {500, 500, 3601}, {500, 1000, 3602}, {500, 1500, 3603}, {500, 2000, 3604}, {500, 2500, 3605}, {500, 3000, 3606}, {500, 3500, 3607}}, 0},
		{"what was held back, one by one", func() (all []sentAt) {
			for i := range 40 {
				all = append(all, sentAt{1, float64(i) * 5, 600 + float64(i)*0.05})
			}
			return all
		}(), 0},
		{"a burst that was held back, then life", func() (all []sentAt) {
			all = append(all, sentAt{1, 0, 300}, sentAt{1, 5, 300.1}, sentAt{1, 10, 300.2})
			for i := range 20 {
				all = append(all, sentAt{1, 300 + float64(i)*5, 300.4 + float64(i)*5})
			}
			return all
		}(), 0},
		{"one fix with a time of its own", append(append(steady(10, 0.2, 5), sentAt{1, 160, 50}), func() (all []sentAt) {
			for i := 11; i < 30; i++ {
				all = append(all, sentAt{1, float64(i) * 5, float64(i)*5 + 0.2})
			}
			return all
		}()...), 0},
		{"a clock that was set right", func() (all []sentAt) {
			all = steady(20, 300, 5)
			for i := 20; i < 40; i++ {
				all = append(all, sentAt{1, 300 + float64(i)*5, float64(i)*5 + 300.2})
			}
			return all
		}(), 0},
	} {
		var k clock
		zero := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
		for _, m := range c.messages {
			k.hear(m.fixes, at(m.newestS), at(m.recvS))
		}
		if got := k.off().Seconds(); got != c.offS {
			t.Errorf("%s: off by %v s, want %v", c.name, got, c.offS)
		}
	}
}

// A phone whose clock is wrong is shown as fresh as it is; its times stay its own.
func TestAWrongClockIsCorrectedForShowing(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	device := dispatch.DeviceID{UUID: uuid.UUID{1}}
	patrol := &Patrol{ID: dispatch.PatrolID{UUID: uuid.UUID{2}}, Mode: dispatch.Car}
	roster := &Roster{
		Patrols:  map[dispatch.PatrolID]*Patrol{patrol.ID: patrol},
		Bindings: map[dispatch.DeviceID][]Binding{device: {{Patrol: patrol.ID}}},
		Duties:   map[dispatch.PatrolID][]Span{patrol.ID: {{}}},
	}
	for _, c := range []struct {
		name   string
		behind time.Duration
		code   beacon.Code
	}{
		{"five minutes behind", 5 * time.Minute, ""},
		{"90 seconds ahead", -90 * time.Second, ""},
		{"an hour ahead", -time.Hour, beacon.Future},
		{"ten days behind", 240 * time.Hour, beacon.TooOld},
	} {
		var j judge
		var d judged
		var now time.Time
		for i := range 20 {
			now = start.Add(time.Duration(i) * 5 * time.Second)
			f := beacon.Fix{Seq: int64(i) + 1, T: now.Add(-c.behind), Lon: 121.38, Lat: 28.58, AccuracyM: 8}
			j.hear([]beacon.Fix{f}, now)
			d = j.judge(device, f, roster, now)
		}
		if d.reject.Code != c.code || d.verdict != 0 || !d.live() {
			t.Errorf("%s: %q %q, shown %v", c.name, d.reject.Code, d.verdict, d.live())
		}
		if !d.shown.T.Equal(now) || !d.fix.T.Equal(now.Add(-c.behind)) {
			t.Errorf("%s: shown as of %v, kept as of %v, at %v", c.name, d.shown.T, d.fix.T, now)
		}
		kept := d.track(StreamKey{Device: device}, now)
		if p := kept.place(); p.Off != c.behind || p.Point != (geo.Point{Lon: 121.38, Lat: 28.58}) {
			t.Errorf("%s: the place is %+v", c.name, p)
		}
	}

	// Off duty now, by the service's clock: not even seen.
	roster.Duties[patrol.ID] = []Span{{From: start.Add(50 * time.Minute)}}
	var j judge
	for i := range 20 {
		now := start.Add(time.Duration(i) * 5 * time.Second)
		f := beacon.Fix{Seq: int64(i) + 1, T: now.Add(time.Hour), Lon: 121.38, Lat: 28.58, AccuracyM: 8}
		j.hear([]beacon.Fix{f}, now)
		if d := j.judge(device, f, roster, now); d.live() {
			t.Fatalf("fix %d of a patrol that is off duty is shown", i)
		}
	}
}

// A clock that is found out to run ahead sets its phone back, and not still: what it
// sends next is newer by its own clock, though older than what was shown before.
func TestAClockThatIsFoundOutHoldsNothingBack(t *testing.T) {
	t.Parallel()
	x, ids := fleet(1, "police")
	place := func(stream byte, seq int, t time.Time, off time.Duration) Place {
		return Place{Patrol: ids[0], Device: dispatch.DeviceID{UUID: uuid.UUID{stream}}, Stream: uuid.UUID{stream}, Seq: int64(seq), T: t, Off: off,
			Point: geo.Point{Lon: 121.38 + float64(seq)/1000, Lat: 28.58}}
	}
	ahead := indexNow.Add(90 * time.Second)
	for _, c := range []struct {
		what  string
		place Place
		moves bool
	}{
		{"before it is found out", place(1, 1, ahead, 0), true},
		{"found out", place(1, 2, indexNow.Add(5*time.Second), -90*time.Second), true},
		{"the same again", place(1, 2, indexNow.Add(5*time.Second), -90*time.Second), false},
		{"an older one", place(1, 1, indexNow, -90*time.Second), false},
		{"an older one of another phone", place(2, 9, indexNow.Add(4*time.Second), 0), false},
		{"a newer one of another phone", place(2, 10, indexNow.Add(6*time.Second), 0), true},
		{"set right, which its own clock takes for going back", place(2, 11, indexNow.Add(7*time.Second), time.Hour), true},
	} {
		if _, moved := x.Move(c.place); moved != c.moves {
			t.Errorf("%s: moved %v, want %v", c.what, moved, c.moves)
		}
	}
}

// A phone that was an hour ahead and is set right is late for no longer than it takes to
// measure its clock anew: what it sent by the wrong one was not kept, and makes nothing
// late that comes after.
func TestAClockSetRightBetweenTwoSockets(t *testing.T) {
	t.Parallel()
	p := newDatumPhone(dispatch.Car)
	truth := geo.Point{Lon: 121.38, Lat: 28.58}
	p.index.Move(Place{Patrol: p.patrol.ID, Device: p.device, Stream: p.stream, Seq: 1, T: p.now, Off: -time.Hour, Point: truth, SpeedMS: math.NaN()})
	p.reconnect()
	var verdict Verdict
	for seq := range 12 {
		p.now = p.now.Add(5 * time.Second)
		p.judge.hear([]beacon.Fix{{T: p.now}}, p.now)
		verdict, _ = p.send(seq+2, truth, truth)
	}
	if verdict != 0 {
		t.Errorf("it is %q a minute later", verdict)
	}
}
