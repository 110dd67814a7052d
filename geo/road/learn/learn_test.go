package learn_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/learn"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
)

const builtKMH = 36

var zone = time.FixedZone("district", 8*3600)

// Monday the third of May 2027, eight in the morning in the district.
var monday = time.Date(2027, 5, 3, 8, 0, 0, 0, zone)

// street is a way of a kilometre to the north and one of a kilometre on from there.
func street(t *testing.T, origins ...int64) *road.Network {
	t.Helper()
	s := &road.Survey{Nodes: []road.Node{
		road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.58}), road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.589}), road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.598}),
	}}
	for i, origin := range origins {
		w := road.Way{Nodes: []uint32{uint32(i), uint32(i) + 1}, Class: road.Residential, Origin: origin}
		for m := range w.Travel {
			w.Travel[m] = road.Travel{ForwardMS: builtKMH / 3.6, BackwardMS: builtKMH / 3.6}
		}
		s.Ways = append(s.Ways, w)
	}
	n, err := road.Build(t.Context(), s, "street")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// drive goes north at kmh, heard every five seconds with some scatter.
func drive(patrol byte, at time.Time, kmh float64, r *rand.Rand) learn.Trip {
	t := learn.Trip{Patrol: [16]byte{patrol}, Mode: road.Car}
	for m := 20.0; m < 980; m += kmh / 3.6 * 5 {
		t.Fixes = append(t.Fixes, match.Fix{T: at, AccuracyM: 8,
			Point: geo.Point{Lon: 121.38 + 3*r.NormFloat64()/97_000, Lat: 28.58 + m/111_200 + 3*r.NormFloat64()/111_200}})
		at = at.Add(5 * time.Second)
	}
	return t
}

func TestLearnedSpeeds(t *testing.T) {
	t.Parallel()
	n := street(t, 77, 78)
	for name, c := range map[string]struct {
		passes, patrols int
		kmh, odd        float64 // every fourth trip drives odd, if not 0
		want            float64 // km/h; 0 is nothing
	}{
		"as built":                    {8, 2, 36, 0, 36},
		"half as fast":                {45, 3, 18, 0, 36 * 50. / 95},
		"few are drawn to the built":  {5, 2, 18, 0, 36 * 10. / 15},
		"faster":                      {45, 2, 50, 0, 36 * 50. / (45*36./50 + 5)},
		"bounded below":               {200, 2, 4.5, 0, 36 * 0.2},
		"bounded above":               {200, 2, 120, 0, 36 * 1.5},
		"a stop now and then":         {45, 2, 18, 4.5, 36 * 50. / 95},
		"who stands still passes not": {45, 2, 3, 0, 0},
		"under the floor of passes":   {4, 2, 18, 0, 0},
		"one patrol alone":            {45, 1, 18, 0, 0},
	} {
		r := rand.New(rand.NewPCG(3, 5))
		l, err := learn.New(n, zone)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.passes {
			kmh := c.kmh
			if c.odd > 0 && i%4 == 3 {
				kmh = c.odd
			}
			if err := l.Add(t.Context(), drive(byte(i%c.patrols), monday.Add(time.Duration(i)*7*24*time.Hour), kmh, r)); err != nil {
				t.Fatal(err)
			}
		}
		got := l.Speeds()
		if c.want == 0 {
			if len(got) > 0 {
				t.Errorf("%s: learned %+v", name, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: learned %+v", name, got)
			continue
		}
		s := got[0]
		if s.Way != 77 || s.Against || s.Mode != road.Car || s.Bucket != 1 || s.Passes != c.passes || s.Patrols != c.patrols ||
			math.Abs(s.KMH/c.want-1) > 0.03 || math.Abs(s.BuiltKMH-36) > 0.5 {
			t.Errorf("%s: learned %+v, not %.1f km/h", name, s, c.want)
		}
	}
}

// Passes are told apart by the hours and days of the district's clock.
func TestHoursAreLearnedApart(t *testing.T) {
	t.Parallel()
	l, err := learn.New(street(t, 77, 78), zone)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 11))
	for i := range 20 {
		at, kmh := monday.Add(time.Duration(i)*7*24*time.Hour), 18.0
		if i%2 == 1 {
			at, kmh = at.Add(5*24*time.Hour), 36 // Saturday
		}
		if err := l.Add(t.Context(), drive(byte(i/2%2), at.UTC(), kmh, r)); err != nil {
			t.Fatal(err)
		}
	}
	got := l.Speeds()
	if len(got) != 2 || got[0].Bucket != 1 || got[1].Bucket != 9 || got[0].Factor > 0.8 || got[1].Factor < 0.95 {
		t.Errorf("learned %+v", got)
	}
	if days, hours := road.BucketWords(9); days != "sat;sun" || hours != "06:00-09:00" {
		t.Errorf("it is %s %s", days, hours)
	}
}

func TestRoadsWithoutNumbers(t *testing.T) {
	t.Parallel()
	if _, err := learn.New(street(t, 0, 0), zone); !errors.Is(err, learn.ErrUnnumbered) {
		t.Errorf("got %v", err)
	}
}
