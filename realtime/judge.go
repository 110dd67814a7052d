package realtime

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Verdict is what is doubtful about a fix that is kept. Only a fix without any
// doubt moves the live dot.
type Verdict uint8

// The doubts; a fix may have several.
const (
	Jump     Verdict = 1 << iota // faster than its patrol can move
	Mock                         // the device says that the position is not its own
	Accuracy                     // an accuracy circle above MaxAccuracyM
	Frozen                       // the same place to the last digit while moving
	Late                         // not fresh when it came, or older than one that came before
)

var verdictNames = [...]string{"jump", "mock", "accuracy", "frozen", "late"}

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
}

// judge remembers of one stream what the next fix is compared with. It belongs to
// the socket's reader.
type judge struct {
	newest  time.Time // of all fixes that were kept
	last    beacon.Fix
	suspect beacon.Fix // a jump that the next fix may confirm
	hasLast bool
	hasSus  bool
	repeats int
	speed   float64 // how many times faster than life the stream plays; 0 is 1
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
	if ahead := f.T.Sub(now); ahead > FutureBy {
		return refuse(beacon.Future, "t is %s ahead of the server's clock", ahead.Round(time.Second))
	}
	if age := now.Sub(f.T); age > TooOldBy {
		return refuse(beacon.TooOld, "t is more than %d days ago", int(TooOldBy.Hours()/24))
	}
	d.inTime = true
	d.cell = cell.At(point, cell.Res)
	d.verdict = ownDoubts(f, now)
	d.place(device, roster)
	if d.reject.Code == "" {
		d.verdict |= j.doubts(f, d.verdict, d.patrol.Mode)
	}
	return d
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

// doubts is what the fixes before it say against a fix.
func (j *judge) doubts(f beacon.Fix, own Verdict, mode dispatch.Mode) Verdict {
	if f.T.Before(j.newest) {
		return Late // out of order: nothing to compare it with
	}
	j.newest = f.T
	if own&(Mock|Accuracy) != 0 {
		return 0 // and it tells nothing about the next one
	}
	var v Verdict
	if j.hasLast && f.Lon == j.last.Lon && f.Lat == j.last.Lat {
		j.repeats++
	} else {
		j.repeats = 0
	}
	if j.repeats >= frozenAfter && f.SpeedMS >= frozenMS {
		v |= Frozen
	}
	switch {
	case !j.hasLast || j.plausible(j.last, f, mode):
		j.last, j.hasLast, j.hasSus = f, true, false
	case j.hasSus && j.plausible(j.suspect, f, mode):
		// Two in a row at the new place: it was the old one that was wrong.
		j.last, j.hasSus = f, false
	default:
		v |= Jump
		j.suspect, j.hasSus = f, true
	}
	return v
}

// plausible says whether a patrol could get from a to b in the time between,
// giving it the benefit of both accuracies. What is played faster than life may
// move faster by as much; over the least time of a second, too.
func (j *judge) plausible(a, b beacon.Fix, mode dispatch.Mode) bool {
	allowM := jumpSlackM + jumpMS(mode)*max(1, b.T.Sub(a.T).Seconds()*max(1, j.speed))
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
		Patrol: f.Patrol, Device: f.Key.Device, Stream: f.Key.Stream, Seq: f.Fix.Seq, T: f.Fix.T,
		Point: geo.Point{Lon: f.Fix.Lon, Lat: f.Fix.Lat}, Cell: f.Cell,
		AccuracyM: f.Fix.AccuracyM, SpeedMS: f.Fix.SpeedMS, HeadingDeg: f.Fix.HeadingDeg,
	}
}

// track is the kept fix as the ledger takes it.
func (d *judged) track(key StreamKey, received time.Time) TrackFix {
	return TrackFix{
		Key: key, Patrol: d.patrol.ID, District: d.patrol.District, Fix: d.fix, Cell: d.cell, Verdict: d.verdict,
		Simulated: d.simulated, ReceivedAt: received,
	}
}
