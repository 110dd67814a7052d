package road_test

import (
	"context"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/roadtest"
)

// streets is a town of crossing streets 200 m apart, with one one-way street.
func streets(t testing.TB) *road.Network {
	t.Helper()
	var lines []road.Line
	at := func(x, y int) geo.Point {
		return geo.Point{Lon: 121.38 + 0.002*float64(x), Lat: 28.58 + 0.002*float64(y)}
	}
	for i := range 8 {
		across := road.Line{Class: road.Residential, Name: "横街"}
		along := road.Line{Class: road.Secondary, Name: "直街", OneWay: i == 3}
		for k := range 8 {
			across.Points = append(across.Points, at(k, i))
			along.Points = append(along.Points, at(i, k))
		}
		lines = append(lines, across, along)
	}
	n, err := road.FromLines(context.Background(), lines, "streets")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEngines(t *testing.T) {
	t.Parallel()
	town := geo.Box{West: 121.37, South: 28.57, East: 121.40, North: 28.60}
	t.Run("straight", func(t *testing.T) {
		t.Parallel()
		roadtest.Run(t, road.Straight{}, town)
	})
	t.Run("switch before any roads", func(t *testing.T) {
		t.Parallel()
		roadtest.Run(t, &road.Switch{}, town)
	})
	t.Run("drawn network", func(t *testing.T) {
		t.Parallel()
		roadtest.Run(t, streets(t), town)
	})
	t.Run("switch with a network", func(t *testing.T) {
		t.Parallel()
		s := &road.Switch{}
		s.Set(streets(t), 7)
		if s.Version() != 7 {
			t.Errorf("version %d", s.Version())
		}
		roadtest.Run(t, s, town)
	})
	for extract, box := range map[string]geo.Box{
		"monaco":        {West: 7.41, South: 43.72, East: 7.44, North: 43.75},
		"liechtenstein": {West: 9.48, South: 47.06, East: 9.56, North: 47.22},
		"columbus":      {West: -83.05, South: 39.95, East: -82.9, North: 40.05},
	} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			roadtest.Run(t, load(t, extract), box)
		})
	}
}

// TestSwapUnderQuestions swaps engines while questions are asked: each answer is
// of one engine or the other, whole.
func TestSwapUnderQuestions(t *testing.T) {
	t.Parallel()
	s := &road.Switch{}
	network := streets(t)
	from := []geo.Point{{Lon: 121.381, Lat: 28.581}, {Lon: 121.39, Lat: 28.59}}
	to := geo.Point{Lon: 121.385, Lat: 28.5905}
	swaps := make(chan struct{})
	go func() {
		defer close(swaps)
		for i := range 1000 {
			if i%2 == 0 {
				s.Set(network, int64(i))
			} else {
				s.Set(road.Straight{}, int64(i))
			}
		}
	}()
	for {
		times, err := s.ManyToOne(t.Context(), road.Car, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if times[0].Kind != times[1].Kind {
			t.Fatalf("one answer from two engines: %+v", times)
		}
		select {
		case <-swaps:
			return
		default:
		}
	}
}
