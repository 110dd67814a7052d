package road_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// onRoads are places within 50 m of a road.
func onRoads(n *road.Network, r *rand.Rand, count int) []geo.Point {
	points := make([]geo.Point, count)
	for i := range points {
		s := n.Segment(r.IntN(n.Segments()))
		p := s.Points[r.IntN(len(s.Points))]
		points[i] = geo.Point{Lon: p.Lon + (r.Float64()-0.5)*0.001, Lat: p.Lat + (r.Float64()-0.5)*0.001}
	}
	return points
}

// median runs f for each round and reports the median duration.
func median(b *testing.B, f func()) {
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		f()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
}

// BenchmarkManyToOne asks for 300 patrols spread over the whole of Porto, and over
// three kilometres around the report, distinct places each time.
func BenchmarkManyToOne(b *testing.B) {
	n := load(b, "porto")
	r := rand.New(rand.NewPCG(1, 2))
	b.Run("300 all over Porto", func(b *testing.B) {
		b.ReportAllocs()
		median(b, func() {
			p := onRoads(n, r, 301)
			if _, err := n.ManyToOne(context.Background(), road.Car, p[1:], p[0]); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("300 within 3 km", func(b *testing.B) {
		b.ReportAllocs()
		median(b, func() {
			to := onRoads(n, r, 1)[0]
			from := make([]geo.Point, 300)
			for i := range from {
				from[i] = geo.Point{Lon: to.Lon + (r.Float64()-0.5)*0.07, Lat: to.Lat + (r.Float64()-0.5)*0.054}
			}
			if _, err := n.ManyToOne(context.Background(), road.Car, from, to); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkRoute(b *testing.B) {
	n := load(b, "porto")
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	median(b, func() {
		p := onRoads(n, r, 2)
		if _, err := n.Route(context.Background(), road.Car, p[0], p[1]); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	file := written(b, load(b, "porto"))
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := road.Read(bytes.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
}
