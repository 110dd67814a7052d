package realtime

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Verdict is what is doubtful about a fix that is kept. Only a fix without any
// doubt moves the live dot; one in another datum does too, where it really is.
type Verdict uint8

// The doubts; a fix may have several.
const (
	Jump     Verdict = 1 << iota // faster than its patrol can move
	Mock                         // the device says that the position is not its own
	Accuracy                     // an accuracy circle above MaxAccuracyM
	Frozen                       // the same place to the last digit while moving
	Late                         // not fresh when it came, or older than one that came before
	GCJ02                        // the device has begun to send in GCJ-02
	BD09                         // the same, in BD-09
)

// Mendable are the doubts that somebody can do something about on the device.
const Mendable = Mock | Frozen | GCJ02 | BD09

var verdictNames = [...]string{"jump", "mock", "accuracy", "frozen", "late", "gcj02", "bd09"}

// shows says whether a fix with these doubts moves the live dot.
func (v Verdict) shows() bool { return v&^(GCJ02|BD09) == 0 }

// String is the doubts by name with commas between; empty for a good fix.
func (v Verdict) String() string {
	var names []string
	for i, name := range verdictNames {
		if v&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// What judging goes by.
const (
	FutureBy     = 2 * time.Minute
	TooOldBy     = 7 * 24 * time.Hour
	MaxAccuracyM = 500.0
	jumpSlackM   = 50.0
	frozenAfter  = 3   // repeats of one place
	frozenMS     = 1.0 // while the device says that it moves at this speed
	// A new place is believed when more fixes agree on it than agreed on the one before,
	// or this many, or over this long: until then each of them is a jump.
	jumpSupport = 5
	jumpFor     = 30 * time.Second
)

// jumpMS is the speed above which a patrol cannot have moved: well above what the
// mode does, since a worker on foot also takes a bus.
func jumpMS(m dispatch.Mode) float64 {
	switch m {
	case dispatch.Foot:
		return 35
	case dispatch.EBike:
		return 40
	}
	return 70
}

// judged is a fix on its way to the ledger. Reject.Code is empty when it is kept.
type judged struct {
	fix    beacon.Fix
	patrol *Patrol
	// simulated follows from the register too, for the fix's own device and patrol.
	simulated bool
	cell      cell.Cell
	verdict   Verdict
	reject    beacon.Reject
	inTime    bool // its time can be believed: whose it is and duty decide, by the roster
	shown     shown
	showsOnly bool // refused for its time alone, which is known to be that of a wrong clock
}

// shown is a fix as the live map has it: by the service's clock, and in WGS-84.
type shown struct {
	T     time.Time
	Off   time.Duration // what was added to the sent time
	Point geo.Point
	Cell  cell.Cell
}

// live says whether the fix moves the live dot.
func (d *judged) live() bool { return d.showsOnly || d.reject.Code == "" && d.verdict.shows() }

// judge remembers of one stream what the next fix is compared with. It belongs to
// the socket's reader.
type judge struct {
	newest  time.Time // of all fixes that were kept
	sent    geo.Point // of the one before, as it was sent
	last    seen      // the newest that is believed
	suspect seen      // a jump that later fixes may confirm
	since   time.Time // of the first of those that agree with suspect
	hasLast bool
	support int // how many fixes agreed on last, one after the other
	agree   int // the same of suspect; 0: there is none
	repeats int
	lonS    float64 // degrees a second of life, of the last step
	latS    float64
	datum   geo.CRS // that the device sends in; empty for the one it began with
	still   bool    // last was reached no faster than at a walk, if at all
	clock   clock
	speed   float64 // how many times faster than life the stream plays; 0 is 1
}

// resume takes up where an earlier socket of the same device left off, so that the
// first fix of this one is compared with something. The datum is that of the stream: a
// new install begins anew. Over a night off duty nothing is left but the datum.
func (j *judge) resume(at *Standing, stream uuid.UUID) {
	if at.Stream == stream {
		j.datum = at.Datum
	}
	if !at.Placed {
		return
	}
	j.clock.remember(at.Off)
	sent := at.T.Add(-at.Off)
	if at.Off < -FutureBy {
		return // it was not kept for its time: what comes is no older than that
	}
	j.newest = sent
	// It was shown, so that it counts as agreed on: else no step from it would mean anything.
	j.believe(seen{T: sent, Lon: at.Point.Lon, Lat: at.Point.Lat, AccuracyM: at.AccuracyM}, datumSupport)
	j.still = at.Presence == dispatch.Still || at.SpeedMS <= walkMS
}

// hear measures the device's clock by a message before its fixes are judged.
func (j *judge) hear(fixes []beacon.Fix, received time.Time) {
	if len(fixes) == 0 {
		return
	}
	newest := fixes[0].T
	for _, f := range fixes[1:] {
		if f.T.After(newest) {
			newest = f.T
		}
	}
	j.clock.hear(len(fixes), newest, received)
}

// seen is what a fix is compared with: its place in WGS-84.
type seen struct {
	T         time.Time
	Lon, Lat  float64
	AccuracyM float64
}

// off is what is added to a device's times for showing them. What is played faster
// than life has no clock.
func (j *judge) off() time.Duration {
	if j.speed > 1 {
		return 0
	}
	return j.clock.off()
}

// lived is how long it took in life from a to b: what is played faster has its times
// closer together.
func (j *judge) lived(a, b time.Time) time.Duration {
	return time.Duration(float64(b.Sub(a)) * max(1, j.speed))
}

// judge decides on one fix: by its coordinates, its time, the register, and what
// came before.
func (j *judge) judge(device dispatch.DeviceID, f beacon.Fix, roster *Roster, now time.Time) judged {
	d := judged{fix: f}
	point := geo.Point{Lon: f.Lon, Lat: f.Lat}
	refuse := func(code beacon.Code, format string, args ...any) judged {
		d.reject = beacon.Reject{Seq: f.Seq, Code: code, Detail: fmt.Sprintf(format, args...)}
		return d
	}
	if err := point.Check(); err != nil {
		if errors.Is(err, geo.ErrNullIsland) {
			return refuse(beacon.NullIsland, "%s", err)
		}
		return refuse(beacon.BadCoordinate, "%s", err)
	}
	off := j.off()
	d.shown = shown{T: f.T.Add(off), Off: off, Point: point}
	if ahead := f.T.Sub(now); ahead > FutureBy {
		d.showOnly(device, roster, now)
		return refuse(beacon.Future, "t is %s ahead of the server's clock", ahead.Round(time.Second))
	}
	if age := now.Sub(f.T); age > TooOldBy {
		d.showOnly(device, roster, now)
		return refuse(beacon.TooOld, "t is more than %d days ago", int(TooOldBy.Hours()/24))
	}
	d.inTime = true
	d.cell = cell.At(point, cell.Res)
	d.shown.Cell = d.cell
	d.verdict = ownDoubts(f, now.Add(-off))
	d.place(device, roster)
	if d.reject.Code == "" {
		more, at := j.doubts(f, d.verdict, d.patrol.Mode)
		d.verdict |= more
		if at != point {
			d.shown.Point, d.shown.Cell = at, cell.At(at, cell.Res)
		}
	}
	return d
}

// showOnly lets a device whose clock is known to be far ahead or behind be seen, although
// its fixes are not kept as its patrol's by their time: for a patrol on duty at the time that it is.
func (d *judged) showOnly(device dispatch.DeviceID, roster *Roster, now time.Time) {
	if d.shown.Off == 0 || d.fix.Mock || d.fix.AccuracyM > MaxAccuracyM || now.Sub(d.shown.T).Abs() > FreshAtLeast {
		return
	}
	p := roster.PatrolAt(device, d.shown.T)
	if p == nil || !roster.OnDuty(p.ID, d.shown.T) {
		return
	}
	d.patrol, d.showsOnly = p, true
	d.cell = cell.At(d.shown.Point, cell.Res)
	d.shown.Cell = d.cell
}

// ownDoubts is what a fix says against itself.
func ownDoubts(f beacon.Fix, now time.Time) Verdict {
	var v Verdict
	if f.Mock {
		v |= Mock
	}
	if f.AccuracyM > MaxAccuracyM {
		v |= Accuracy
	}
	if now.Sub(f.T) > FreshAtLeast {
		v |= Late
	}
	return v
}

// place looks up at t whose fix it is and whether that patrol was on duty.
func (d *judged) place(device dispatch.DeviceID, roster *Roster) {
	d.reject = beacon.Reject{}
	d.patrol = roster.PatrolAt(device, d.fix.T)
	d.simulated = roster.Simulated[device] || (d.patrol != nil && d.patrol.Simulated)
	switch {
	case d.patrol == nil:
		d.reject = beacon.Reject{Seq: d.fix.Seq, Code: beacon.UnknownDevice, Detail: "the device speaks for no patrol at t"}
	case !roster.OnDuty(d.patrol.ID, d.fix.T):
		d.reject = beacon.Reject{Seq: d.fix.Seq, Code: beacon.OffDuty, Detail: "the patrol was off duty at t; the position is not kept"}
	}
}

// doubts is what the fixes before it say against a fix, and where it is in WGS-84.
func (j *judge) doubts(f beacon.Fix, own Verdict, mode dispatch.Mode) (v Verdict, at geo.Point) {
	if f.T.Before(j.newest) {
		return Late, convert(f, j.datum) // out of order: nothing to compare it with
	}
	again := f.T.Equal(j.newest)
	j.newest = f.T
	if own&(Mock|Accuracy) != 0 {
		return 0, convert(f, j.datum) // and it tells nothing about the next one
	}
	if j.hasLast && f.Lon == j.sent.Lon && f.Lat == j.sent.Lat {
		if !again { // a fix that is sent again is not a place that froze
			j.repeats++
		}
	} else {
		j.repeats = 0
	}
	j.sent = geo.Point{Lon: f.Lon, Lat: f.Lat}
	if j.repeats >= frozenAfter && f.SpeedMS >= frozenMS {
		v |= Frozen
	}
	if j.support >= datumSupport {
		j.datum = j.datumOf(f)
	}
	at = convert(f, j.datum)
	s := seen{T: f.T, Lon: at.Lon, Lat: at.Lat, AccuracyM: f.AccuracyM}
	switch {
	case !j.hasLast:
		j.believe(s, 1)
	case j.plausible(&j.last, &s, mode):
		j.believe(s, j.support+1)
	case j.agree > 0 && j.plausible(&j.suspect, &s, mode):
		j.suspect = s
		if j.agree++; j.agree <= min(j.support, jumpSupport) && j.lived(j.since, s.T) < jumpFor {
			v |= Jump
			break
		}
		// It was the old place that was wrong, or the device was away for long; or too few
		// fixes had agreed on it for a step to tell, and the new place is the old one in
		// another datum.
		if j.support < datumSupport {
			j.datum = j.datumOf(f)
			at = convert(f, j.datum)
			s.Lon, s.Lat = at.Lon, at.Lat
		}
		j.believe(s, j.agree)
	default:
		v |= Jump
		j.suspect, j.agree, j.since = s, 1, s.T
	}
	return v | datumVerdict(j.datum), at
}

// believe makes a place the one that the next is compared with.
func (j *judge) believe(s seen, support int) {
	j.lonS, j.latS, j.still = 0, 0, false
	if step := j.lived(j.last.T, s.T); j.hasLast && support > 1 && step > 0 {
		if step <= datumWithin {
			j.lonS, j.latS = (s.Lon-j.last.Lon)/step.Seconds(), (s.Lat-j.last.Lat)/step.Seconds()
		}
		j.still = !strays(geo.Point{Lon: j.last.Lon, Lat: j.last.Lat}, geo.Point{Lon: s.Lon, Lat: s.Lat}, walkMS*step.Seconds())
	}
	j.last, j.hasLast, j.support, j.agree = s, true, support, 0
}

// plausible says whether a patrol could get from a to b in the time between,
// giving it the benefit of both accuracies. What is played faster than life may
// move faster by as much; over the least time of a second, too.
func (j *judge) plausible(a, b *seen, mode dispatch.Mode) bool {
	allowM := jumpSlackM + jumpMS(mode)*max(1, j.lived(a.T, b.T).Seconds())
	if a.AccuracyM > 0 {
		allowM += a.AccuracyM
	}
	if b.AccuracyM > 0 {
		allowM += b.AccuracyM
	}
	return geo.DistanceM(geo.Point{Lon: a.Lon, Lat: a.Lat}, geo.Point{Lon: b.Lon, Lat: b.Lat}) <= allowM
}

// place is the live place that a kept fix tells of.
func (f *TrackFix) place() Place {
	return Place{
		Patrol: f.Patrol, Device: f.Key.Device, Stream: f.Key.Stream, Seq: f.Fix.Seq, T: f.shown.T, Off: f.shown.Off,
		Point: f.shown.Point, Cell: f.shown.Cell, Datum: f.Verdict.datum(),
		AccuracyM: f.Fix.AccuracyM, SpeedMS: f.Fix.SpeedMS, HeadingDeg: f.Fix.HeadingDeg,
		Battery: f.Fix.Battery,
	}
}

// track is the kept fix as the ledger takes it.
func (d *judged) track(key StreamKey, received time.Time) TrackFix {
	return TrackFix{
		Key: key, Patrol: d.patrol.ID, District: d.patrol.District, Fix: d.fix, Cell: d.cell, Verdict: d.verdict,
		Simulated: d.simulated, ReceivedAt: received, shown: d.shown,
	}
}
