package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// fakeFences is a book in memory, with the same rule as the one that lasts.
type fakeFences struct {
	areas  []pgtrack.Area
	err    error
	inside map[dispatch.PatrolID][]pgtrack.FenceName
	got    []string
	last   pgtrack.Crossed
}

func (f *fakeFences) Areas(context.Context) ([]pgtrack.Area, error) { return f.areas, nil }
func (f *fakeFences) ForgetSides(context.Context) error             { return nil }
func (f *fakeFences) Insides(context.Context) (map[dispatch.PatrolID][]pgtrack.FenceName, error) {
	return f.inside, f.err
}
func (f *fakeFences) Cross(_ context.Context, all []pgtrack.Crossed) (news []pgtrack.Crossed, err error) {
	if f.err != nil {
		return nil, f.err
	}
	for _, c := range all {
		now := f.inside[c.Patrol]
		if c.Inside == slices.Contains(now, c.FenceName) {
			continue
		}
		verb := "left"
		if c.Inside {
			verb = "entered"
			f.inside[c.Patrol] = append(now, c.FenceName)
		} else {
			f.inside[c.Patrol] = slices.DeleteFunc(now, func(n pgtrack.FenceName) bool { return n == c.FenceName })
		}
		f.last = c
		f.got = append(f.got, strings.TrimSpace(verb+" "+c.Kind+" "+c.Why))
		news = append(news, c)
	}
	return news, nil
}

// fakeLive is a live map of some patrols.
type fakeLive map[dispatch.PatrolID]realtime.Standing

func (l fakeLive) All() []realtime.Standing { return slices.Collect(maps.Values(l)) }
func (l fakeLive) Standing(id dispatch.PatrolID) (realtime.Standing, bool) {
	s, known := l[id]
	return s, known
}

// fenceTown is a worker with a grid, and a car, a closed area and a place that they meet.
type fenceTown struct {
	worker, car dispatch.PatrolID
	local       geo.Local
	book        *fakeFences
	live        fakeLive
	at          time.Time
}

func newFenceTown() *fenceTown {
	w := &fenceTown{worker: dispatch.PatrolID{UUID: uuid.New()}, car: dispatch.PatrolID{UUID: uuid.New()},
		local: geo.NewLocal(geo.Point{Lon: 121.38, Lat: 28.58}), live: fakeLive{}, at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	box := func(x, half float64) [][]geo.Point {
		return [][]geo.Point{{w.local.Point(x-half, -half), w.local.Point(x+half, -half), w.local.Point(x+half, half), w.local.Point(x-half, half)}}
	}
	w.book = &fakeFences{inside: map[dispatch.PatrolID][]pgtrack.FenceName{}, areas: []pgtrack.Area{
		{FenceName: pgtrack.FenceName{Kind: pgtrack.OwnGrid, Name: "G1"}, Patrol: w.worker, Rings: box(0, 200)},
		{FenceName: pgtrack.FenceName{Kind: pgtrack.ClosedArea, Name: "c"}, Modes: []string{"car"}, Rings: box(1000, 100)},
		{FenceName: pgtrack.FenceName{Kind: pgtrack.AroundSpot, Name: "L1"}, Rings: box(3000, 60)},
	}}
	return w
}

// keeper is one that has just started and read its fences.
func (w *fenceTown) keeper(t *testing.T) *fenceKeeper {
	t.Helper()
	k := newFenceKeeper(&Env{Log: slog.New(slog.DiscardHandler)}, realtime.NewIndex(time.Now), realtime.NewLocalBus(), w.book)
	k.live = w.live
	if err := k.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *fenceTown) stand(id dispatch.PatrolID, mode dispatch.Mode, status dispatch.Status, presence dispatch.Presence, x float64) {
	w.live[id] = realtime.Standing{Placed: true, Presence: presence, Enrolled: &realtime.Enrolled{Mode: mode, Status: status},
		Place: realtime.Place{Patrol: id, T: w.at, Point: w.local.Point(x, 0), AccuracyM: 10}}
}

// A worker who leaves the grid on duty, and a patrol that drives into a closed area or
// past a place between two fixes, are noticed once each way; so is who is lost or goes off
// duty within a fence. Whoever is off duty or walks where cars may not drive is not.
func TestTheWatchOverFences(t *testing.T) {
	t.Parallel()
	w := newFenceTown()
	k := w.keeper(t)
	for _, s := range []struct {
		status      dispatch.Status
		presence    dispatch.Presence
		worker, car float64
		fails       bool
		want        []string
	}{
		{dispatch.Free, dispatch.Online, 0, 500, false, []string{"entered grid"}},
		{dispatch.Free, dispatch.Online, 205, 895, false, nil}, // at the edges
		{dispatch.Free, dispatch.Online, 300, 1000, true, nil}, // the database is away
		{dispatch.Free, dispatch.Online, 300, 1000, false, []string{"entered closure", "left grid"}},
		{dispatch.Free, dispatch.Online, 1000, 1000, false, nil},                                                     // on foot the closure is none
		{dispatch.Free, dispatch.Online, 1200, 3800, false, []string{"entered place", "left closure", "left place"}}, // past the place without a fix there
		{dispatch.OffDuty, dispatch.Online, 0, 500, false, nil},
		{dispatch.Free, dispatch.Online, 0, 1000, false, []string{"entered closure", "entered grid"}},
		{dispatch.Free, dispatch.Stale, 10, 1010, false, nil},
		{dispatch.Free, dispatch.Lost, 10, 1010, false, []string{"left closure its position was lost", "left grid its position was lost"}},
		{dispatch.Free, dispatch.Lost, 10, 1010, false, nil},
		{dispatch.Free, dispatch.Online, 20, 1020, false, []string{"entered closure", "entered grid"}},
		{dispatch.OffDuty, dispatch.Lost, 20, 1020, true, nil},
		{dispatch.OffDuty, dispatch.Lost, 20, 1020, false, []string{"left closure went off duty", "left grid went off duty"}},
	} {
		w.book.got, w.book.err = nil, nil
		if s.fails {
			w.book.err = errors.New("away")
		}
		w.at = w.at.Add(30 * time.Second)
		w.stand(w.worker, dispatch.Foot, s.status, s.presence, s.worker)
		w.stand(w.car, dispatch.Car, s.status, s.presence, s.car)
		k.moved[w.worker], k.moved[w.car] = struct{}{}, struct{}{}
		if err := k.look(t.Context()); (err != nil) != s.fails {
			t.Fatalf("%+v: %v", s, err)
		}
		if slices.Sort(w.book.got); !slices.Equal(w.book.got, s.want) {
			t.Errorf("%s %s, worker at %v, car at %v: %v, want %v", s.status, s.presence, s.worker, s.car, w.book.got, s.want)
		}
	}
}

// Who has left while no node looked has left all the same, and who was lost meanwhile is
// said to be. Of what another node wrote that this one sees otherwise, it says so.
func TestTheWatchGoesOnFromWhatIsWrittenDown(t *testing.T) {
	t.Parallel()
	w := newFenceTown()
	expect := func(k *fenceKeeper, what string, want ...string) {
		t.Helper()
		w.book.got = nil
		for range 2 { // the second finds nothing to say
			if err := errors.Join(k.read(t.Context()), k.look(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		if slices.Sort(w.book.got); !slices.Equal(w.book.got, want) {
			t.Errorf("%s: %v, want %v", what, w.book.got, want)
		}
	}
	w.stand(w.worker, dispatch.Foot, dispatch.Free, dispatch.Online, 0)
	w.stand(w.car, dispatch.Car, dispatch.Free, dispatch.Online, 1000)
	k := w.keeper(t)
	expect(k, "they come", "entered closure", "entered grid")

	w.at = w.at.Add(time.Hour)
	w.stand(w.worker, dispatch.Foot, dispatch.Free, dispatch.Online, 500)
	w.stand(w.car, dispatch.Car, dispatch.Free, dispatch.Lost, 1000)
	k = w.keeper(t)
	expect(k, "after a restart", "left closure its position was lost", "left grid")

	w.at = w.at.Add(time.Minute)
	w.stand(w.worker, dispatch.Foot, dispatch.Free, dispatch.Online, 0)
	expect(k, "comes back", "entered grid")
	w.book.inside[w.worker] = nil
	expect(k, "another node has lost it", "entered grid")

	w.stand(w.worker, dispatch.Foot, dispatch.OffDuty, dispatch.Lost, 0)
	k = w.keeper(t)
	w.book.inside[w.worker] = nil
	expect(k, "another node has seen it go")
}

// A fix that comes late moves nobody; who is heard of again far away has left where they
// were; who was lost left when they were lost; what another node has written of somebody at
// an edge counts; and a crowd is written in bounded parts.
func TestTheWatchOverFencesAtItsEdges(t *testing.T) {
	t.Parallel()
	w := newFenceTown()
	k := w.keeper(t)
	look := func(what string, want ...string) {
		t.Helper()
		w.book.got = nil
		if err := k.look(t.Context()); err != nil || !slices.Equal(w.book.got, want) {
			t.Errorf("%s: %v, want %v, %v", what, w.book.got, want, err)
		}
	}
	drive := func(what string, after time.Duration, presence dispatch.Presence, x float64, want ...string) {
		t.Helper()
		w.at = w.at.Add(after)
		w.stand(w.car, dispatch.Car, dispatch.Free, presence, x)
		k.moved[w.car] = struct{}{}
		look(what, want...)
	}
	drive("comes", time.Minute, dispatch.Online, 600)
	drive("was beyond the closed area before", -30*time.Second, dispatch.Online, 1500)
	drive("is where it was", time.Minute, dispatch.Online, 610)
	drive("drives in", time.Minute, dispatch.Online, 1000, "entered closure")
	drive("is heard of far away", time.Hour, dispatch.Online, 9000, "left closure")
	drive("comes back", time.Hour, dispatch.Online, 1000, "entered closure")
	drive("is lost", 0, dispatch.Lost, 1000, "left closure "+pgtrack.WhyLost)
	if want := w.at.Add(realtime.LostAfter); !w.book.last.At.Equal(want) {
		t.Errorf("it left at %v, was lost at %v", w.book.last.At, want)
	}

	w.stand(w.worker, dispatch.Foot, dispatch.Free, dispatch.Online, 195)
	k.moved[w.worker] = struct{}{}
	look("at the edge")
	w.book.inside[w.worker] = []pgtrack.FenceName{{Kind: pgtrack.OwnGrid, Name: "G1"}}
	if err := k.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(time.Minute)
	w.stand(w.worker, dispatch.Foot, dispatch.Free, dispatch.Online, 300)
	look("and out", "left grid")

	for range maxCrossings + 100 {
		id := dispatch.PatrolID{UUID: uuid.New()}
		w.stand(id, dispatch.Car, dispatch.Free, dispatch.Online, 1000)
		k.moved[id] = struct{}{}
	}
	for _, want := range []int{maxCrossings, 100, 0} {
		w.book.got = nil
		if err := k.look(t.Context()); err != nil || len(w.book.got) != want {
			t.Errorf("%d crossings in one write, want %d, %v", len(w.book.got), want, err)
		}
	}
}

// A patrol that was out of reach while it drove into a closed area, and out by the way it
// came, has been there: all of a burst counts, although only its end shows.
func TestTheWatchOverFencesWalksABurst(t *testing.T) {
	t.Parallel()
	w := newFenceTown()
	k := w.keeper(t)
	bus := realtime.NewLocalBus()
	k.news = bus.Subscribe()
	look := func() {
		k.hear(t.Context())
		if err := k.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	began := w.at
	w.stand(w.car, dispatch.Car, dispatch.Free, dispatch.Online, 700)
	k.moved[w.car] = struct{}{}
	look()

	var way []realtime.Place
	for i := range 60 {
		x := 700 + 10*float64(i)
		if i > 30 {
			x = 1300 - 10*float64(i)
		}
		way = append(way, realtime.Place{Patrol: w.car, T: began.Add(time.Duration(i+1) * 5 * time.Second), Point: w.local.Point(x, 0), AccuracyM: 10})
	}
	w.at = way[59].T
	w.stand(w.car, dispatch.Car, dispatch.Free, dispatch.Online, 710)
	s := w.live[w.car]
	bus.Publish(realtime.Message{Moved: &s}) // the end of it shows first
	look()
	bus.Publish(realtime.Message{Way: way})
	look()
	look()
	if want := []string{"entered closure", "left closure"}; !slices.Equal(w.book.got, want) {
		t.Errorf("%q, want %q", w.book.got, want)
	}
	if at := w.book.last.At; !at.After(began.Add(2*time.Minute)) || !at.Before(began.Add(5*time.Minute)) {
		t.Errorf("it left %v after it was last heard of", at.Sub(began))
	}
}
