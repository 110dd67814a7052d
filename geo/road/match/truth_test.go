package match_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

func extract(t testing.TB, name string) *road.Network {
	t.Helper()
	if name == "district" {
		n, err := district.Network(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	survey, _, err := osm.ImportFile(context.Background(), geotest.Data(t, "osm/"+name+".osm.pbf"), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := road.Build(context.Background(), survey, name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// drive is a trip that was really made: its roads, and where it was when.
type drive struct {
	net     *road.Network
	arcs    []match.Span
	lengthM float64
	timeS   float64
}

// speed of the trips, in shares of the free-flow one: nobody drives as built.
const pace = 0.8

func (d *drive) add(m road.Mode, s match.Span) {
	if s.ToCM <= s.FromCM {
		return
	}
	d.arcs = append(d.arcs, s)
	d.lengthM += float64(s.ToCM-s.FromCM) / 100
	d.timeS += d.seconds(m, s)
}

func (d *drive) seconds(m road.Mode, s match.Span) float64 {
	ms, _ := d.net.ArcMS(m, s.Arc)
	return float64(ms) / 1000 / pace * float64(s.ToCM-s.FromCM) / float64(d.net.ArcCM(s.Arc))
}

// randomDrive goes the quickest ways from place to place, on at each as it came.
func randomDrive(n *road.Network, m road.Mode, r *rand.Rand, legs int, legM float64) *drive {
	for {
		d := &drive{net: n}
		seg := n.Segment(r.IntN(n.Segments()))
		feet := n.Footings(nil, m, seg.Points[0], 30, 3)
		if len(feet) == 0 {
			continue
		}
		at := feet[r.IntN(len(feet))]
		place := seg.Points[0]
		var f road.Follower
		for range legs {
			place = geo.Beyond(place, r.Float64()*360, legM*(0.5+r.Float64()))
			goals := n.Footings(nil, m, place, 400, 2)
			if len(goals) == 0 {
				break
			}
			to := goals[r.IntN(len(goals))]
			f.Search(n, m, at, []road.Footing{to}, uint32(legM*1000))
			leg, ok := f.To(to)
			if !ok {
				break
			}
			arcs := f.Path(nil, to)
			from := at.AtCM
			if leg.Round {
				from = n.ArcCM(at.Arc) - at.AtCM
			}
			for i, arc := range arcs {
				s := match.Span{Arc: arc, ToCM: n.ArcCM(arc)}
				if i == 0 {
					s.FromCM = from
				}
				if i == len(arcs)-1 {
					s.ToCM = to.AtCM
				}
				d.add(m, s)
			}
			at = to
		}
		if d.lengthM > legM {
			return d
		}
	}
}

// at is where the trip was after some seconds, and which way it was headed.
func (d *drive) at(m road.Mode, s float64) geo.Point {
	for i, a := range d.arcs {
		took := d.seconds(m, a)
		if s > took && i+1 < len(d.arcs) {
			s -= took
			continue
		}
		cm := a.FromCM + uint32(math.Min(1, s/took)*float64(a.ToCM-a.FromCM))
		flat := d.net.AppendArc(nil, a.Arc, cm, cm)
		return geo.Point{Lon: flat[0], Lat: flat[1]}
	}
	panic("a trip without roads")
}

var began = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// hear samples a trip as a phone does. jumps is the share of fixes that lie elsewhere.
func (d *drive) hear(m road.Mode, r *rand.Rand, every, sigmaM, accuracyM, jumps float64) []match.Fix {
	var fixes []match.Fix
	for s := 0.0; ; s += every {
		s = math.Min(s, d.timeS)
		p := d.at(m, s)
		local := geo.NewLocal(p)
		p = local.Point(r.NormFloat64()*sigmaM, r.NormFloat64()*sigmaM)
		if s > 0 && s < d.timeS && r.Float64() < jumps {
			p = geo.Beyond(p, r.Float64()*360, 100+r.Float64()*900)
		}
		fixes = append(fixes, match.Fix{Point: p, T: began.Add(time.Duration(s * float64(time.Second))), AccuracyM: accuracyM})
		if s == d.timeS {
			return fixes
		}
	}
}

// score compares a match with the truth: the error of the length, and the shares by
// length of the true roads that were found and of the found roads that are true.
func score(d *drive, got match.Result) (lengthErr, found, right float64) {
	truth, told := map[uint32]float64{}, map[uint32]float64{}
	for _, s := range d.arcs {
		truth[s.Arc] += float64(s.ToCM-s.FromCM) / 100
	}
	toldM := 0.0
	for _, p := range got.Parts {
		for _, s := range p.Spans {
			told[s.Arc] += float64(s.ToCM-s.FromCM) / 100
		}
		toldM += p.LengthM
	}
	both := 0.0
	for arc, m := range truth {
		both += math.Min(m, told[arc])
	}
	return toldM/d.lengthM - 1, both / d.lengthM, both / math.Max(toldM, 1e-9)
}

func legOf(m road.Mode) (legs int, legM float64) {
	if m == road.Foot {
		return 3, 700
	}
	return 3, 2000
}
