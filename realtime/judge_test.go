package realtime

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// judgeOf makes a judge with one patrol of a mode that is always on duty.
func judgeOf(mode dispatch.Mode, now time.Time) func(f beacon.Fix) judged {
	return judgeAtSpeed(mode, now, 1)
}

func judgeAtSpeed(mode dispatch.Mode, now time.Time, speed float64) func(f beacon.Fix) judged {
	j := judge{speed: speed}
	device := dispatch.DeviceID{UUID: uuid.New()}
	patrol := &Patrol{ID: dispatch.PatrolID{UUID: uuid.New()}, Mode: mode}
	roster := &Roster{
		Patrols:  map[dispatch.PatrolID]*Patrol{patrol.ID: patrol},
		Bindings: map[dispatch.DeviceID][]Binding{device: {{Patrol: patrol.ID}}},
		Duties:   map[dispatch.PatrolID][]Span{patrol.ID: {{}}},
	}
	return func(f beacon.Fix) judged { return j.judge(device, f, roster, now) }
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	const degreesAKm = 1 / 111.195 // of latitude
	fix := func(agoS float64, km float64) beacon.Fix {
		return beacon.Fix{T: now.Add(-time.Duration(agoS * float64(time.Second))), Lon: 121.38, Lat: 28.58 + km*degreesAKm,
			AccuracyM: 10, SpeedMS: math.NaN(), HeadingDeg: math.NaN(), Battery: math.NaN()}
	}
	with := func(f beacon.Fix, change func(*beacon.Fix)) beacon.Fix {
		change(&f)
		return f
	}
	moving := func(f *beacon.Fix) { f.SpeedMS = 3 }
	for _, c := range []struct {
		name  string
		mode  dispatch.Mode
		fixes []beacon.Fix
		want  []Verdict
	}{
		{"the first one", dispatch.Foot, []beacon.Fix{fix(0, 0)}, []Verdict{0}},
		{"a walk", dispatch.Foot, []beacon.Fix{fix(60, 0), fix(30, 0.05), fix(0, 0.1)}, []Verdict{0, 0, 0}},
		{"a bus", dispatch.Foot, []beacon.Fix{fix(60, 0), fix(0, 1)}, []Verdict{0, 0}},
		{"a jump on foot", dispatch.Foot, []beacon.Fix{fix(10, 0), fix(0, 0.6)}, []Verdict{0, Jump}},
		{"the same by car", dispatch.Car, []beacon.Fix{fix(10, 0), fix(0, 0.6)}, []Verdict{0, 0}},
		{"a jump by car", dispatch.Car, []beacon.Fix{fix(10, 0), fix(0, 1)}, []Verdict{0, Jump}},
		{"a jump and back", dispatch.Car, []beacon.Fix{fix(10, 0), fix(5, 5), fix(0, 0.1)}, []Verdict{0, Jump, 0}},
		{"it was the old place that was wrong", dispatch.Car, []beacon.Fix{fix(15, 0), fix(10, 5), fix(5, 5.1), fix(0, 5.2)}, []Verdict{0, Jump, 0, 0}},
		{"a place that was agreed on long ago outweighs as many others", dispatch.Car,
			[]beacon.Fix{fix(45, 0), fix(40, 0), fix(35, 0), fix(30, 5), fix(25, 5), fix(20, 5), fix(15, 5), fix(10, 5)}, []Verdict{0, 0, 0, Jump, Jump, Jump, 0, 0}},
		{"five jumps and back", dispatch.Car,
			[]beacon.Fix{fix(60, 0), fix(55, 0), fix(50, 0), fix(45, 0), fix(40, 0), fix(35, 5), fix(30, 5), fix(25, 5), fix(20, 5), fix(15, 5), fix(10, 0.1)}, []Verdict{0, 0, 0, 0, 0, Jump, Jump, Jump, Jump, Jump, 0}},
		{"half a minute at the new place is enough", dispatch.Foot,
			[]beacon.Fix{fix(90, 0), fix(80, 0), fix(70, 0), fix(60, 0), fix(50, 0), fix(40, 50), fix(20, 50), fix(0, 50)}, []Verdict{0, 0, 0, 0, 0, Jump, Jump, 0}},
		{"accuracy gives the benefit of the doubt", dispatch.Foot, []beacon.Fix{fix(10, 0), with(fix(0, 0.6), func(f *beacon.Fix) { f.AccuracyM = 300 })}, []Verdict{0, 0}},
		{"a signal lost for long", dispatch.Car, []beacon.Fix{fix(3600, 0), fix(0, 60)}, []Verdict{Late, 0}},
		{"mock", dispatch.Car, []beacon.Fix{with(fix(0, 0), func(f *beacon.Fix) { f.Mock = true })}, []Verdict{Mock}},
		{"mock says nothing of the next", dispatch.Car, []beacon.Fix{fix(10, 0), with(fix(5, 50), func(f *beacon.Fix) { f.Mock = true }), fix(0, 0)}, []Verdict{0, Mock, 0}},
		{"500 m are good", dispatch.Car, []beacon.Fix{with(fix(0, 0), func(f *beacon.Fix) { f.AccuracyM = 500 })}, []Verdict{0}},
		{"501 m are not", dispatch.Car, []beacon.Fix{with(fix(0, 0), func(f *beacon.Fix) { f.AccuracyM = 501 })}, []Verdict{Accuracy}},
		{"no accuracy is no doubt", dispatch.Car, []beacon.Fix{with(fix(0, 0), func(f *beacon.Fix) { f.AccuracyM = math.NaN() })}, []Verdict{0}},
		{"two minutes are in time", dispatch.Car, []beacon.Fix{fix(120, 0)}, []Verdict{0}},
		{"more are late", dispatch.Car, []beacon.Fix{fix(120.001, 0)}, []Verdict{Late}},
		{"out of order is late", dispatch.Car, []beacon.Fix{fix(5, 0), fix(10, 0)}, []Verdict{0, Late}},
		{"late and coarse", dispatch.Car, []beacon.Fix{with(fix(300, 0), func(f *beacon.Fix) { f.AccuracyM = 900 })}, []Verdict{Accuracy | Late}},
		{"frozen while moving", dispatch.Car, []beacon.Fix{with(fix(20, 0), moving), with(fix(15, 0), moving), with(fix(10, 0), moving), with(fix(5, 0), moving), with(fix(0, 0.01), moving)},
			[]Verdict{0, 0, 0, Frozen, 0}},
		{"standing still", dispatch.Car, []beacon.Fix{fix(20, 0), fix(15, 0), fix(10, 0), fix(5, 0), fix(0, 0)}, []Verdict{0, 0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			judge := judgeOf(c.mode, now)
			for i, f := range c.fixes {
				f.Seq = int64(i) + 1
				if d := judge(f); d.reject.Code != "" || d.verdict != c.want[i] {
					t.Errorf("fix %d: %q %v, want %q", i+1, d.verdict, d.reject, c.want[i])
				}
			}
		})
	}
}

// A track that is played N times faster is judged as it would have been in life.
func TestTheRuleOfJumpsScalesWithTheSpeed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name           string
		speed          float64
		metres, afterS float64 // in the time that is played
		want           Verdict
	}{
		{"a car in life", 1, 700, 10, 0},
		{"too fast for a car", 1, 800, 10, Jump},
		{"a car, ten times as fast", 10, 700, 1, 0},
		{"the same within a second", 60, 700, 10.0 / 60, 0},
		{"too fast for a car that is played sixty times as fast", 60, 800, 10.0 / 60, Jump},
		{"a jump that is played twice as fast", 2, 5000, 5, Jump},
	} {
		judge := judgeAtSpeed(dispatch.Car, now, c.speed)
		judge(beacon.Fix{Seq: 1, T: now.Add(-time.Duration(c.afterS * float64(time.Second))), Lon: 121.38, Lat: 28.58, AccuracyM: math.NaN()})
		if d := judge(beacon.Fix{Seq: 2, T: now, Lon: 121.38, Lat: 28.58 + c.metres/111195, AccuracyM: math.NaN()}); d.verdict != c.want {
			t.Errorf("%s: %q, want %q", c.name, d.verdict, c.want)
		}
	}
}

func TestTheEdgesOfTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		by   time.Duration
		want beacon.Code
	}{
		{2 * time.Minute, ""}, {2*time.Minute + 1, beacon.Future}, {-7 * 24 * time.Hour, ""}, {-7*24*time.Hour - 1, beacon.TooOld},
	} {
		d := judgeOf(dispatch.Car, now)(beacon.Fix{Seq: 1, T: now.Add(c.by), Lon: 121.38, Lat: 28.58})
		if d.reject.Code != c.want {
			t.Errorf("%s: %q, want %q", c.by, d.reject.Code, c.want)
		}
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		age, unmoved, interval time.Duration
		want                   dispatch.Presence
	}{
		{0, 0, IntervalNormal, dispatch.Online},
		{-time.Minute, 0, IntervalNormal, dispatch.Online},
		{2 * time.Minute, 0, IntervalNormal, dispatch.Online},
		{2*time.Minute + 1, 0, IntervalNormal, dispatch.Stale},
		{2*time.Minute + 1, 0, 90 * time.Second, dispatch.Online}, // announced by a device that is not ours
		{3*time.Minute + 1, 0, 90 * time.Second, dispatch.Stale},
		{10*time.Minute - 1, 0, IntervalNormal, dispatch.Stale},
		{10 * time.Minute, 0, IntervalNormal, dispatch.Lost},
		{0, StillAfter, IntervalNormal, dispatch.Still},
		{5 * time.Minute, StillAfter, IntervalNormal, dispatch.Stale},
	} {
		if got := presences[presenceOf(c.age, c.unmoved, c.interval)]; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
