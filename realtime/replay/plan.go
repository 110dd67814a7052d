// Package replay plays recorded tracks as devices: it surveys the files, plans when
// and by whom each point is sent, sends it over beaconclient when its time has come,
// and gives an account of every point.
//
//	Survey -> Plan -> Play (or Rehearse) -> Account
//
// It knows neither the register nor the database: who may play, and what became of
// what was sent, is told by ports.
//
// A track is what one device recorded in one file. Tracks are dealt to the devices in
// turn; a device plays its tracks one after another, as one journey: the first point
// of its first track comes to the anchor, the others keep their place to it.
package replay

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Options of a replay.
type Options struct {
	// Anchor is where the first point of each device's first track is moved to; nil
	// leaves tracks where they were.
	Anchor *geo.Point
	// Start is when each device's first track begins. Nil leaves the recorded times,
	// and sends all at once.
	Start *time.Time
	// Speed is how many times faster than life; 1 if zero. It needs a Start.
	Speed float64
}

// The pause between two tracks of a device is the recorded one, but no longer than a
// minute, or than it takes to get from the end of one to the beginning of the next
// at a moderate pace.
const (
	longestPause = time.Minute
	betweenMS    = 10.0
)

// streamSpace makes the names of streams: the same replay by the same device is the
// same stream, so that a second run sends nothing twice.
var streamSpace = uuid.MustParse("6f1a7c52-6a5e-5f0e-9d53-2f1c9a7b4e10")

// Plan is who plays what, and when.
type Plan struct {
	Options
	Queues []Queue
	// Barren are the files out of which no track could be read.
	Barren []*Track
}

// Queue is what one device plays, in order.
type Queue struct {
	Device string
	Tracks []*Track
}

// Track is one recorder's part of one file, and how it is played.
type Track struct {
	Survey
	Device string
	Stream uuid.UUID
	Start  time.Time // when its first point is played
	shift  *track.Shift
	speed  float64
}

// NewPlan deals the tracks to the devices in turn; a track whose file names its
// recorder goes to that device. With paced (a Start was given) times are shifted.
func NewPlan(surveys []Survey, devices []string, o Options) (*Plan, error) {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if !(o.Speed >= 1 && o.Speed <= beacon.MaxSpeed) {
		return nil, fmt.Errorf("the speed must be 1 to %d", beacon.MaxSpeed)
	}
	if o.Speed > 1 && o.Start == nil {
		return nil, errors.New("a speed needs a start")
	}
	p := &Plan{Options: o}
	slot := map[string]int{}
	turn := 0
	for _, s := range surveys {
		t := &Track{Survey: s, speed: o.Speed}
		if s.Points == 0 {
			p.Barren = append(p.Barren, t)
			continue
		}
		t.Device = s.Recorder
		if t.Device == "" {
			if len(devices) == 0 {
				return nil, fmt.Errorf("%s: no device to play it", s.File)
			}
			t.Device = devices[turn%len(devices)]
			turn++
		}
		at, known := slot[t.Device]
		if !known {
			at = len(p.Queues)
			slot[t.Device] = at
			p.Queues = append(p.Queues, Queue{Device: t.Device})
		}
		p.Queues[at].Tracks = append(p.Queues[at].Tracks, t)
	}
	for i := range p.Queues {
		p.schedule(&p.Queues[i])
	}
	return p, nil
}

func (p *Plan) schedule(q *Queue) {
	var shift *track.Shift
	for i, t := range q.Tracks {
		if p.Anchor != nil && shift == nil && t.Placed {
			s := track.NewShift(t.FirstPoint, *p.Anchor)
			shift = &s
		}
		t.shift = shift
		switch {
		case p.Start == nil:
			t.Start = t.First
		case i == 0:
			t.Start = *p.Start
		default:
			before := q.Tracks[i-1]
			t.Start = before.End().Add(p.compress(pause(&before.Survey, &t.Survey)))
		}
		t.Stream = uuid.NewSHA1(streamSpace, fmt.Appendf(nil, "%s %x %s %v %g", t.Device, t.Hash, t.Start.UTC().Format(time.RFC3339Nano), p.Anchor, p.Speed))
	}
}

func (p *Plan) compress(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.Speed)
}

func pause(before, after *Survey) time.Duration {
	longest := longestPause
	if before.Placed && after.Placed {
		way := time.Duration(geo.DistanceM(before.LastPoint, after.FirstPoint) / betweenMS * float64(time.Second)).Round(time.Second)
		longest = max(longest, way)
	}
	if recorded := after.First.Sub(before.Last); recorded >= 0 {
		return min(recorded, longest)
	}
	return longest
}

// End is when the last point of the track is played.
func (t *Track) End() time.Time { return t.at(t.Last) }

// at is when a point is played that was recorded at a time.
func (t *Track) at(recorded time.Time) time.Time {
	return t.Start.Add(time.Duration(float64(recorded.Sub(t.First)) / t.speed)).Truncate(time.Microsecond)
}

// fix is a point as the device sends it. A place that cannot be is sent as it was
// recorded: the service says what is wrong with it.
func (t *Track) fix(p track.Point) beacon.Fix {
	at := p.Point
	if t.shift != nil && at.Check() == nil {
		at = t.shift.Move(at)
	}
	return beacon.Fix{T: t.at(p.T), Lon: at.Lon, Lat: at.Lat, AccuracyM: p.AccuracyM, SpeedMS: p.SpeedMS, HeadingDeg: p.HeadingDeg, Battery: nan}
}

// Tracks are all tracks in the order of devices, the barren files last.
func (p *Plan) Tracks() []*Track {
	var all []*Track
	for _, q := range p.Queues {
		all = append(all, q.Tracks...)
	}
	return append(all, p.Barren...)
}

// Points is how many points there are to send.
func (p *Plan) Points() (n int64) {
	for _, t := range p.Tracks() {
		n += t.Points
	}
	return n
}

// Span is from when to when the devices of the plan play.
func (p *Plan) Span() (from, to time.Time) {
	for _, q := range p.Queues {
		for _, t := range q.Tracks {
			if from.IsZero() || t.at(t.Earliest).Before(from) {
				from = t.at(t.Earliest)
			}
			if end := t.End(); end.After(to) {
				to = end
			}
		}
	}
	return from, to
}
