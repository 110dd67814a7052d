package road

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
)

// layStreets joins the nodes of a town by rows and columns of streets for everybody,
// where nothing joins them yet.
func layStreets(s *Survey) {
	joined := map[[2]uint32]bool{}
	for _, w := range s.Ways {
		twice(joined, w.Nodes)
	}
	side := uint32(2)
	for side*side < uint32(len(s.Nodes)) {
		side++
	}
	lay := func(a, b uint32, name string) {
		w := Way{Class: Residential, Name: name, Nodes: []uint32{a, b}}
		for m := range w.Travel {
			w.Travel[m] = Travel{ForwardMS: 4, BackwardMS: 4}
		}
		if !twice(joined, w.Nodes) {
			s.Ways = append(s.Ways, w)
		}
	}
	for i := range side {
		for k := range side - 1 {
			lay(i*side+k, i*side+k+1, "横街")
			lay(k*side+i, (k+1)*side+i, "直街")
		}
	}
}

// drawMembers draws who comes, around a town.
func drawMembers(t *rapid.T, n *Network) MeetAsk {
	point := func() geo.Point {
		p := n.point(uint32(rapid.IntRange(0, len(n.points)/2-1).Draw(t, "at")))
		off := rapid.IntRange(-4000, 4000)
		return geo.Point{Lon: p.Lon + float64(off.Draw(t, "dx"))/1e7, Lat: p.Lat + float64(off.Draw(t, "dy"))/1e7}
	}
	q := MeetAsk{Target: point()}
	for range rapid.IntRange(1, 4).Draw(t, "members") {
		q.Members = append(q.Members, Member{Fix: Fix{Point: point()}, Mode: Mode(rapid.IntRange(0, Modes-1).Draw(t, "mode"))})
	}
	return q
}

// In random towns, whatever is closed, the meeting is the one the twin finds.
func TestMeetAgreesWithItsTwin(t *testing.T) {
	t.Parallel()
	ends := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := drawSurvey(t)
		if rapid.IntRange(0, 3).Draw(t, "streets") > 0 {
			layStreets(s)
		}
		for i := range s.Ways {
			switch rapid.IntRange(0, 11).Draw(t, "kind") {
			case 0:
				s.Ways[i].Bridge = true
			case 1:
				s.Ways[i].Tunnel = true
			case 2:
				s.Ways[i].Class = Motorway
			case 3:
				s.Ways[i].Class = Primary
			}
		}
		n, err := Build(context.Background(), s, "drawn")
		if err != nil {
			return
		}
		r, err := Prepare(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		var closed Conditions
		for m := range Mode(Modes) {
			for s := range uint32(n.Segments()) {
				if rapid.IntRange(0, 9).Draw(t, "closed") == 0 {
					closed.Closed[m] = append(closed.Closed[m], s)
				}
			}
		}
		if err := r.Impose(context.Background(), closed, 2); err != nil {
			t.Fatal(err)
		}
		q := drawMembers(t, n)
		got, err := Meet(context.Background(), r, q)
		if err != nil {
			t.Fatal(err)
		}
		newMeetTwin(n, closed, q).check(t, r, got)
		ends[strings.TrimSpace(fmt.Sprint(got.Found, " ", got.NoCover, " ", got.Reason))]++
		if again, _ := Meet(context.Background(), r, q); fmt.Sprint(again) != fmt.Sprint(got) {
			t.Fatalf("%+v, and asked again %+v", got, again)
		}
		if got.Found {
			at, err := MeetAt(context.Background(), r, q, got.At)
			if err != nil || at.NoCover != got.NoCover || at.RoadM != got.RoadM || (len(at.Breaks) > 0) != got.NoCover {
				t.Fatalf("found %+v, judged %+v (%v)", got, at, err)
			}
		}
	})
	t.Log(ends)
	if ends["true false"] < 10 || ends["true true"] < 3 || len(ends) < 4 {
		t.Errorf("the towns are too poor: %v", ends)
	}
}

// On real roads, with some of them closed too.
func TestMeetOnRealRoads(t *testing.T) {
	t.Parallel()
	for extract, rounds := range map[string]int{"liechtenstein": 6, "monaco": 4} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			n := LoadExtract(t, extract)
			r, err := Prepare(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			rnd := rand.New(rand.NewPCG(3, 5))
			covered := 0
			for round := range rounds {
				var closed Conditions
				if round%2 == 1 {
					closed = randomClosures(n, rnd)
				}
				if err := r.Impose(t.Context(), closed, uint64(round+2)); err != nil {
					t.Fatal(err)
				}
				q := meetAround(n, rnd, 3)
				got, err := Meet(t.Context(), r, q)
				if err != nil {
					t.Fatal(err)
				}
				newMeetTwin(n, closed, q).check(t, r, got)
				if got.Found && !got.NoCover {
					covered++
				}
			}
			if covered < rounds/2 {
				t.Errorf("only %d of %d meetings are covered", covered, rounds)
			}
		})
	}
}

// meetAround asks for people within some kilometres of a place.
func meetAround(n *Network, r *rand.Rand, members int) MeetAsk {
	q := MeetAsk{Target: randomPoints(n, r, 1)[0]}
	for i := range members {
		far := geo.Beyond(q.Target, r.Float64()*360, 300+r.Float64()*4000)
		q.Members = append(q.Members, Member{Fix: Fix{Point: far}, Mode: []Mode{Car, Car, EBike, Foot}[i%4]})
	}
	return q
}

// BenchmarkMeet asks for ten members within some kilometres of a place in Porto, another
// place each time.
func BenchmarkMeet(b *testing.B) {
	n := LoadExtract(b, "porto")
	r, err := Prepare(b.Context(), n)
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	found, open := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		q := meetAround(n, rnd, 10)
		begin := time.Now()
		m, err := Meet(context.Background(), r, q)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
		if m.Found {
			found++
		}
		if m.NoCover {
			open++
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(found)/float64(len(took)), "found")
	b.ReportMetric(float64(open)/float64(len(took)), "no-cover")
}
