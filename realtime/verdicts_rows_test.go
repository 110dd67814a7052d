package realtime

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Devices of patrols that stand, or whose battery is low, send every 15 and 30 s. What
// is told from a step is then told of who is on foot alone.
var sparse = []struct {
	every time.Duration
	rows  []spoiling
}{
	{15 * time.Second, []spoiling{
		{"every 15 s: taken for GCJ-02", "gcj02", everyMode, 0, nil, 0, 0.0005},
		{"every 15 s: taken for BD-09", "bd09", everyMode, 0, nil, 0, 0.0005},
		{"every 15 s: GCJ-02 for 30 fixes", "gcj02", everyMode[:1], 30, inDatum(geo.GCJ02), 0.8, 0.07},
	}},
	{28 * time.Second, []spoiling{
		{"every 28 s: taken for GCJ-02", "gcj02", everyMode, 0, nil, 0, 0.0005},
		{"every 28 s: taken for BD-09", "bd09", everyMode, 0, nil, 0, 0.0005},
		{"every 28 s: GCJ-02 for 30 fixes", "gcj02", everyMode[:1], 30, inDatum(geo.GCJ02), 0.8, 0.07},
		{"every 28 s: BD-09 for 30 fixes", "bd09", everyMode[:1], 30, inDatum(geo.BD09), 0.8, 0.07},
	}},
}

func sparseRows(t *testing.T, parts map[dispatch.Mode][][]arrival) {
	for _, s := range sparse {
		for _, row := range s.rows {
			for _, mode := range row.modes {
				thin := thinned(parts[mode], s.every)
				row.row(t, mode, thin, saidOf(mode, thin))
			}
		}
	}
}

// thinned leaves what a device would have sent that was told to send so seldom.
func thinned(parts [][]arrival, every time.Duration) (out [][]arrival) {
	for _, part := range parts {
		var thin []arrival
		for _, a := range part {
			if len(thin) == 0 || a.fix.T.Sub(thin[len(thin)-1].fix.T) >= every {
				thin = append(thin, a)
			}
		}
		out = append(out, thin)
	}
	return out
}

// A fix that is sent again, five times over, is not said anything new of.
func sentAgainRow(t *testing.T, parts [][]arrival, clean [][]string) {
	const copies = 5
	var r result
	for n, part := range parts {
		again := make([]arrival, 0, copies*len(part))
		for _, a := range part {
			for range copies {
				again = append(again, a)
			}
		}
		for i, v := range sayOf(dispatch.Car, again, nil) {
			r.others++
			if v != "" && v != clean[n][i/copies] {
				r.alarms++
			}
		}
	}
	r.print(t, "each fix sent five times", string(dispatch.Car), 0, 0)
}

// A device whose clock is wrong by a constant is shown where it is at the time that it
// is, once its clock has been measured, whatever becomes of its fixes: named are those
// that are shown to within clockSlack of the truth, alarms those called late.
func clockRows(t *testing.T, parts [][]arrival) {
	for _, c := range []struct {
		name string
		by   time.Duration
	}{
		{"a clock 5 minutes behind", -5 * time.Minute},
		{"a clock 8 hours behind", -8 * time.Hour},
		{"a clock 90 s ahead", 90 * time.Second},
		{"a clock 8 hours ahead", 8 * time.Hour},
	} {
		var r result
		for _, part := range parts {
			judge, device, roster := judgeAlone(dispatch.Car, nil)
			for i, a := range part {
				truth := a.fix.T
				a.fix.T = a.fix.T.Add(c.by)
				judge.hear([]beacon.Fix{a.fix}, a.received)
				d := judge.judge(device, a.fix, roster, a.received)
				if i <= 2*clockSamples {
					continue // it has to be measured first
				}
				r.spoiled++
				if d.live() && d.shown.T.Sub(truth).Abs() <= clockSlack {
					r.named++
				}
				r.others++
				if d.verdict&Late != 0 {
					r.alarms++
				}
			}
		}
		r.fixes = r.spoiled
		r.print(t, c.name, string(dispatch.Car), 0.95, 0.01)
	}
}

// judgeAlone is a judge of one device, whose patrol is on duty at those times; at all,
// if nil.
func judgeAlone(mode dispatch.Mode, duty []Span) (*judge, dispatch.DeviceID, *Roster) {
	device := dispatch.DeviceID{UUID: uuid.UUID{1}}
	patrol := &Patrol{ID: dispatch.PatrolID{UUID: uuid.UUID{2}}, Mode: mode}
	if duty == nil {
		duty = []Span{{}}
	}
	return &judge{}, device, &Roster{
		Patrols:  map[dispatch.PatrolID]*Patrol{patrol.ID: patrol},
		Bindings: map[dispatch.DeviceID][]Binding{device: {{Patrol: patrol.ID}}},
		Duties:   map[dispatch.PatrolID][]Span{patrol.ID: duty},
	}
}
