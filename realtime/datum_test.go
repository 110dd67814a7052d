package realtime

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// datumPhone is a device whose patrol is shown on a map: its sockets come and go, the
// index stays.
type datumPhone struct {
	device dispatch.DeviceID
	patrol *Patrol
	roster *Roster
	index  *Index
	now    time.Time
	stream uuid.UUID
	judge  judge
}

func newDatumPhone(mode dispatch.Mode) *datumPhone {
	p := &datumPhone{
		device: dispatch.DeviceID{UUID: uuid.UUID{1}}, patrol: &Patrol{ID: dispatch.PatrolID{UUID: uuid.UUID{2}}, Mode: mode, Status: dispatch.Free, Version: 1},
		now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), stream: uuid.UUID{3},
	}
	p.roster = &Roster{
		Patrols:  map[dispatch.PatrolID]*Patrol{p.patrol.ID: p.patrol},
		Bindings: map[dispatch.DeviceID][]Binding{p.device: {{Patrol: p.patrol.ID}}},
		Duties:   map[dispatch.PatrolID][]Span{p.patrol.ID: {{}}},
	}
	p.index = NewIndex(func() time.Time { return p.now })
	p.index.SetPatrols(p.roster.Patrols)
	return p
}

// reconnect is what a new socket does.
func (p *datumPhone) reconnect() {
	p.judge = judge{}
	if at, known := p.index.Standing(p.patrol.ID); known && at.Placed {
		p.judge.resume(&at, p.stream)
	}
}

// send answers the verdict, and how far from the truth the patrol is shown then.
func (p *datumPhone) send(seq int, sent, truth geo.Point) (Verdict, float64) {
	f := beacon.Fix{Seq: int64(seq), T: p.now, Lon: sent.Lon, Lat: sent.Lat, AccuracyM: 8, SpeedMS: math.NaN(), HeadingDeg: math.NaN(), Battery: math.NaN()}
	d := p.judge.judge(p.device, f, p.roster, p.now)
	if d.live() {
		kept := d.track(StreamKey{Device: p.device, Stream: p.stream}, p.now)
		p.index.Move(kept.place())
	}
	at, _ := p.index.Standing(p.patrol.ID)
	return d.verdict, geo.DistanceM(at.Point, truth)
}

// A device that goes over to another datum is known by it, and shown where it is, at
// every interval that it may have been told, and its next socket knows it too.
func TestTheDatumOfADevice(t *testing.T) {
	t.Parallel()
	const never = -1
	for _, crs := range []geo.CRS{geo.GCJ02, geo.BD09} {
		for _, everyS := range []float64{2, 5, 10, 15, 20, 30} {
			for _, c := range []struct {
				name                string
				mode                dispatch.Mode
				from, back, reopens int // by fix: in the datum, in WGS-84 again, a new socket
				installed, drove    bool
			}{
				{"by car", dispatch.Car, 10, never, never, false, false},
				{"on foot", dispatch.Foot, 10, never, never, false, false},
				{"by car, a new socket later", dispatch.Car, 10, never, 20, false, false},
				{"on foot, a new socket later", dispatch.Foot, 10, never, 20, false, false},
				{"with a new socket", dispatch.Car, 13, never, 13, false, false},
				{"before three fixes have agreed", dispatch.Foot, 1, never, never, false, false},
				{"and back", dispatch.Car, 10, 20, never, false, false},
				{"and back with another install", dispatch.Car, 10, 20, 20, true, false},
				{"a new socket after a drive", dispatch.Car, 10, never, 20, false, true},
				{"another install after a drive, and back", dispatch.Car, 10, 20, 20, true, true},
			} {
				switch {
				case c.from == 13 && everyS > 15 || c.from == 1 && everyS > 5:
					continue // the new socket knows no pace; two fixes that are further apart could be a drive
				}
				t.Run(fmt.Sprintf("%s every %v s %s", crs, everyS, c.name), func(t *testing.T) {
					t.Parallel()
					p := newDatumPhone(c.mode)
					start := geo.Point{Lon: 121.38, Lat: 28.58}
					for i := range 40 {
						if c.drove && i == c.reopens {
							start.Lat += 0.01
							p.now = p.now.Add(3 * time.Minute)
						}
						truth := geo.Point{Lon: start.Lon + float64(i)*1e-5, Lat: start.Lat}
						sent := truth
						in := i >= c.from && (c.back == never || i < c.back)
						if in {
							sent = geo.FromWGS84(truth, crs)
						}
						if i == c.reopens {
							if c.installed {
								p.stream = uuid.UUID{4}
							}
							p.reconnect()
						}
						verdict, off := p.send(i+1, sent, truth)
						p.now = p.now.Add(time.Duration(everyS * float64(time.Second)))
						if c.from == 1 && i < 5 {
							continue // it takes some to be sure
						}
						want := Verdict(0)
						if in {
							want = datumVerdict(crs)
						}
						if verdict != want || off > 5 {
							t.Errorf("fix %d: %q, shown %.0f m off, want %q", i, verdict, off, want)
						}
					}
				})
			}
		}
	}
}

// A device that went over to another datum is known by it the next morning too: its patrol
// had no place over the night, and a shift of 500 m is no step from one.
func TestTheDatumOfADeviceOutlastsTheNight(t *testing.T) {
	t.Parallel()
	x, ids := fleet(1, "police")
	stream, other := uuid.UUID{3}, uuid.UUID{4}
	x.Move(Place{Patrol: ids[0], Device: dispatch.DeviceID{UUID: uuid.UUID{1}}, Stream: stream, Seq: 1, T: indexNow.Add(-time.Minute), HeadingDeg: math.NaN(),
		Point: geo.Point{Lon: 121.38, Lat: 28.58}, Datum: geo.GCJ02})
	x.Apply(dispatch.PatrolChanged{ID: ids[0], Status: dispatch.OffDuty, Version: 100})
	at, known := x.Standing(ids[0])
	if !known || at.Placed {
		t.Fatalf("off duty it is %+v", at)
	}
	for _, c := range []struct {
		stream uuid.UUID
		want   geo.CRS
	}{{stream, geo.GCJ02}, {other, ""}} {
		var j judge
		j.resume(&at, c.stream)
		if j.datum != c.want || j.hasLast {
			t.Errorf("in the morning the judge has datum %q and a last place: %v; want %q", j.datum, j.hasLast, c.want)
		}
	}
}

// Whoever drives off while waiting is not taken for a device in another datum, however
// long the drive.
func TestADriveIsNoDatum(t *testing.T) {
	t.Parallel()
	for _, everyS := range []float64{5, 10, 15, 20, 30} {
		for metres := 100.0; metres <= 2000; metres += 20 {
			for bearing := 0.0; bearing < 360; bearing += 15 {
				p := newDatumPhone(dispatch.Car)
				truth := geo.Point{Lon: 121.38, Lat: 28.58}
				for i := range 6 {
					if i == 5 {
						truth = geo.Beyond(truth, bearing, metres)
					}
					shift := geo.FromWGS84(geo.Point{Lon: 121.38, Lat: 28.58}, geo.GCJ02)
					bd := geo.FromWGS84(geo.Point{Lon: 121.38, Lat: 28.58}, geo.BD09)
					verdict, _ := p.send(i+1, truth, truth)
					near := min(geo.DistanceM(truth, shift), geo.DistanceM(truth, bd))
					if verdict&(GCJ02|BD09) != 0 && (everyS > 15 && near > 100 || near > 400) {
						t.Errorf("every %v s, %.0f m to %.0f degrees: %q, %.0f m from the shift", everyS, metres, bearing, verdict, near)
					}
					p.now = p.now.Add(time.Duration(everyS * float64(time.Second)))
				}
			}
		}
	}
}
