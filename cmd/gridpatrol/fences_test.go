package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// fakeFences is a book in memory.
type fakeFences struct {
	areas []pgtrack.Area
	err   error
	got   []string
}

func (f *fakeFences) Areas(context.Context) ([]pgtrack.Area, error) { return f.areas, nil }
func (f *fakeFences) ForgetSides(context.Context) error             { return nil }
func (f *fakeFences) Cross(_ context.Context, all []pgtrack.Crossed) ([]pgtrack.Crossed, error) {
	if f.err != nil {
		return nil, f.err
	}
	for _, c := range all {
		f.got = append(f.got, fmt.Sprintf("%s inside=%v first=%v", c.Kind, c.Inside, c.First))
	}
	return all, nil
}

// A worker who leaves the grid on duty and a patrol that drives into a closed area are
// noticed once; whoever is off duty or walks where cars may not drive is not.
func TestTheWatchOverFences(t *testing.T) {
	t.Parallel()
	worker, car := dispatch.PatrolID{UUID: uuid.New()}, dispatch.PatrolID{UUID: uuid.New()}
	local := geo.NewLocal(geo.Point{Lon: 121.38, Lat: 28.58})
	box := func(x, half float64) [][]geo.Point {
		return [][]geo.Point{{local.Point(x-half, -half), local.Point(x+half, -half), local.Point(x+half, half), local.Point(x-half, half)}}
	}
	book := &fakeFences{areas: []pgtrack.Area{
		{Kind: pgtrack.OwnGrid, Name: "G1", Patrol: worker, Rings: box(0, 200)},
		{Kind: pgtrack.ClosedArea, Name: "c", Modes: []string{"car"}, Rings: box(1000, 100)},
	}}
	var standing []realtime.Standing
	k := newFenceKeeper(&Env{Log: slog.New(slog.DiscardHandler)}, realtime.NewIndex(time.Now), book)
	k.all = func() []realtime.Standing { return standing }
	if err := k.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	see := func(status dispatch.Status, workerX, carX float64) error {
		at = at.Add(10 * time.Second)
		of := func(id dispatch.PatrolID, mode dispatch.Mode, x float64) realtime.Standing {
			return realtime.Standing{Placed: true, Presence: dispatch.Online, Enrolled: &realtime.Enrolled{Mode: mode, Status: status},
				Place: realtime.Place{Patrol: id, T: at, Point: local.Point(x, 0), AccuracyM: 10}}
		}
		standing = []realtime.Standing{of(worker, dispatch.Foot, workerX), of(car, dispatch.Car, carX)}
		return k.look(t.Context())
	}
	for _, s := range []struct {
		status       dispatch.Status
		worker, car  float64
		fails        bool
		wantAppended []string
	}{
		{dispatch.Free, 0, 500, false, []string{"grid inside=true first=true"}},
		{dispatch.Free, 205, 895, false, nil}, // at the edges
		{dispatch.Free, 300, 1000, true, nil}, // the database is away
		{dispatch.Free, 300, 1000, false, []string{"grid inside=false first=false", "closure inside=true first=false"}},
		{dispatch.Free, 1000, 1000, false, nil}, // on foot the closure is none
		{dispatch.OffDuty, 0, 500, false, nil},
		{dispatch.Free, 0, 500, false, []string{"grid inside=true first=true"}},
	} {
		book.got, book.err = nil, nil
		if s.fails {
			book.err = errors.New("away")
		}
		if err := see(s.status, s.worker, s.car); (err != nil) != s.fails {
			t.Fatalf("%+v: %v", s, err)
		}
		if !slices.Equal(book.got, s.wantAppended) {
			t.Errorf("%s, worker at %v, car at %v: %v, want %v", s.status, s.worker, s.car, book.got, s.wantAppended)
		}
	}
}
