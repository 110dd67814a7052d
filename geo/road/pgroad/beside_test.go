package pgroad_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
)

// crossing is a road over a bridge, and for one profile by car only.
func crossing(t *testing.T, name string, kmh float32) *road.Network {
	t.Helper()
	s := &road.Survey{Nodes: []road.Node{
		road.NodeAt(geo.Point{Lon: 121.382, Lat: 28.58}), road.NodeAt(geo.Point{Lon: 121.382, Lat: 28.582}), road.NodeAt(geo.Point{Lon: 121.382, Lat: 28.584}),
	}, Ways: []road.Way{{Nodes: []uint32{0, 1, 2}, Name: "桥", Class: road.Residential, Origin: 77}}}
	for m := range road.Mode(road.Modes) {
		if name == "" || m == road.Car {
			s.Ways[0].Travel[m] = road.Travel{ForwardMS: kmh / 3.6, BackwardMS: kmh / 3.6}
		}
	}
	s.Profiles[road.Car] = name
	n, err := road.Build(t.Context(), s, "crossing")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProfilesBesideAreLoadedWhenAsked(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := pgroad.Store(t.Context(), db, crossing(t, "", 36), crossing(t, "osrm-car", 18), crossing(t, "sweeper", 9)); err != nil {
		t.Fatal(err)
	}
	works, _ := node(t, db)
	now := time.Now()
	works.SetShelfClock(func() time.Time { return now })
	if got := works.Profiles(); !slices.Equal(got, []string{"foot", "ebike", "car", "osrm-car", "sweeper"}) {
		t.Errorf("there are %v", got)
	}
	from, to := geo.Point{Lon: 121.382, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.584}
	took := func(name string) float64 {
		t.Helper()
		engine, mode, err := works.Profile(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		way, err := engine.Route(t.Context(), mode, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return way.DurationS
	}
	car := took("car")
	if car < 40 || car > 50 || works.LoadedBeside() != 0 {
		t.Errorf("by car %.1f s, %d networks beside in memory", car, works.LoadedBeside())
	}
	if s := took("osrm-car"); s < 1.99*car || s > 2.01*car || works.LoadedBeside() != 1 {
		t.Errorf("as osrm-car %.1f s, by car %.1f s; %d networks beside in memory", s, car, works.LoadedBeside())
	}
	var unknown *pgroad.UnknownProfile
	if _, _, err := works.Profile(t.Context(), "osrm-tank"); !errors.As(err, &unknown) || !slices.Contains(unknown.Have, "sweeper") || !errors.Is(err, pgroad.ErrNoProfile) {
		t.Errorf("a profile there is not: %v", err)
	}
	if _, _, err := works.Profile(t.Context(), ""); !errors.Is(err, pgroad.ErrNoProfile) {
		t.Errorf("no name: %v", err)
	}

	// What is closed to cars is closed to all that take their place, loaded or not.
	closed, err := works.Close(t.Context(), pgroad.NewClosure{Shape: acrossBridge(121.382), Modes: road.SetOf(road.Car), Reason: "塌方", MadeBy: uuid.Must(uuid.NewV7())})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"car", "osrm-car", "sweeper"} {
		if s := took(name); s != 0 {
			t.Errorf("%s crosses a closed bridge in %.1f s", name, s)
		}
	}
	if err := works.Lift(t.Context(), closed.ID, closed.MadeBy, proof.System); err != nil {
		t.Fatal(err)
	}
	if s := took("sweeper"); s < 3.99*car {
		t.Errorf("the sweeper takes %.1f s", s)
	}

	now = now.Add(9 * time.Minute)
	took("sweeper")
	now = now.Add(2 * time.Minute)
	if _, err := works.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := works.LoadedBeside(); n != 1 {
		t.Errorf("%d networks beside in memory after one was not asked for in eleven minutes", n)
	}
	if s := took("osrm-car"); s == 0 {
		t.Error("what was forgotten is not loaded again")
	}

	// New roads without them take them away.
	store(t, db, crossing(t, "", 36))
	if _, err := works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := works.Profile(t.Context(), "osrm-car"); !errors.Is(err, pgroad.ErrNoProfile) {
		t.Errorf("after an import without it: %v", err)
	}
}

// What was lifted while nobody looked, as by another node, is open on new roads to all
// profiles alike.
func TestNewRoadsForgetWhatWasClosedOnTheOldOnes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store(t, db, crossing(t, "", 36))
	works, metres := node(t, db)
	closed, err := works.Close(t.Context(), pgroad.NewClosure{Shape: acrossBridge(121.382), Modes: road.AllModes, Reason: "塌方", MadeBy: uuid.Must(uuid.NewV7())})
	if err != nil || metres() != 0 {
		t.Fatalf("%.0f m over a closed bridge, %v", metres(), err)
	}
	if err := pgroad.LiftClosure(t.Context(), db, closed.ID, closed.MadeBy, proof.System); err != nil {
		t.Fatal(err)
	}
	if _, err := pgroad.Store(t.Context(), db, crossing(t, "", 36), crossing(t, "osrm-car", 18)); err != nil {
		t.Fatal(err)
	}
	if _, err := works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if metres() == 0 {
		t.Error("by car the bridge is still closed")
	}
	engine, mode, err := works.Profile(t.Context(), "osrm-car")
	if err != nil {
		t.Fatal(err)
	}
	way, err := engine.Route(t.Context(), mode, geo.Point{Lon: 121.382, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.584})
	if err != nil || !way.Reachable {
		t.Errorf("as osrm-car the bridge is still closed: %+v, %v", way.Time, err)
	}
}

func store(t *testing.T, db *pgdb.DB, n *road.Network) {
	t.Helper()
	if _, err := pgroad.Store(t.Context(), db, n); err != nil {
		t.Fatal(err)
	}
}
