package city

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

type fakeRadio struct {
	fixes []beacon.Fix
	heard chan any
	cuts  int
}

func (r *fakeRadio) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (r *fakeRadio) Send(f beacon.Fix)             { r.fixes = append(r.fixes, f) }
func (r *fakeRadio) Heard() <-chan any             { return r.heard }
func (r *fakeRadio) Signal(on bool) {
	if !on {
		r.cuts++
	}
}

type fakeService struct {
	mu   sync.Mutex
	said []string
}

func (s *fakeService) answer(_ context.Context, _ caller, _ Task, action string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, action)
	return nil
}

type straightGuide struct{ paceMS float64 }

func (g straightGuide) Way(_ context.Context, _ string, from, to geo.Point) ([]geo.Point, float64, error) {
	return []geo.Point{from, to}, geo.DistanceM(from, to) / g.paceMS, nil
}

func testPatrol(radio Radio, service answerer) *patrol {
	here := geo.Point{Lon: 121.4, Lat: 28.5}
	p := newPatrol(patrolRow{Code: "POL01", Mode: "car"}, here, testRNG(4))
	p.places = &Places{all: []geo.Point{here, {Lon: 121.41, Lat: 28.5}, {Lon: 121.4, Lat: 28.51}}}
	p.guide, p.radio, p.service, p.counters = straightGuide{10}, radio, service, &Counters{}
	return p
}

// An offer is accepted, driven to and worked off, by the clock; the fixes come all
// the while and show the drive.
func TestPatrolPlaysAnOfferToTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		radio, service := &fakeRadio{heard: make(chan any, 1)}, &fakeService{}
		p := testPatrol(radio, service)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		scene := geo.Point{Lon: 121.45, Lat: 28.52}
		radio.heard <- beacon.Offer{AssignmentID: "a1", CaseID: "c1", Lon: scene.Lon, Lat: scene.Lat}
		synctest.Wait()
		<-time.After(25 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if want := []string{"accept", "en_route", "on_scene", "done"}; !slices.Equal(service.said, want) {
			t.Fatalf("it said %v, want %v", service.said, want)
		}
		nearest := 1e9
		for i, f := range radio.fixes {
			nearest = min(nearest, geo.DistanceM(geo.Point{Lon: f.Lon, Lat: f.Lat}, scene))
			if i > 0 && f.T.Sub(radio.fixes[i-1].T) != defaultInterval {
				t.Fatalf("fix %d comes %v after the one before", i, f.T.Sub(radio.fixes[i-1].T))
			}
		}
		if len(radio.fixes) < 299 || nearest > 40 {
			t.Errorf("%d fixes, the nearest %.0f m from the scene", len(radio.fixes), nearest)
		}
	})
}

// A recall sends the patrol back to its beat.
func TestPatrolIsRecalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		radio, service := &fakeRadio{heard: make(chan any, 1)}, &fakeService{}
		p := testPatrol(radio, service)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		radio.heard <- beacon.Offer{AssignmentID: "a1", CaseID: "c1", Lon: 121.6, Lat: 28.52}
		<-time.After(2 * time.Minute)
		radio.heard <- beacon.Recall{AssignmentID: "a1"}
		<-time.After(30 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if want := []string{"accept", "en_route"}; !slices.Equal(service.said, want) {
			t.Errorf("it said %v, want %v", service.said, want)
		}
	})
}

// Over a day everybody loses the signal a few times, and walks on meanwhile.
func TestPatrolLosesSignalNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		radio := &fakeRadio{heard: make(chan any, 1)}
		p := testPatrol(radio, &fakeService{})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if radio.cuts < 20 || radio.cuts > 120 {
			t.Errorf("lost the signal %d times in a day", radio.cuts)
		}
		farthest := 0.0
		for _, f := range radio.fixes {
			farthest = max(farthest, geo.DistanceM(geo.Point{Lon: f.Lon, Lat: f.Lat}, geo.Point{Lon: 121.4, Lat: 28.5}))
		}
		if farthest < 500 {
			t.Errorf("in a day it came only %.0f m far", farthest)
		}
	})
}
