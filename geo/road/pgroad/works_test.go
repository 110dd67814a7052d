package pgroad_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
)

// twoBridges is two banks joined by a short bridge in the west and a long way round
// in the east.
func twoBridges(t *testing.T, db *pgdb.DB) {
	t.Helper()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.0018*y} }
	line := func(name string, points ...geo.Point) road.Line {
		return road.Line{Class: road.Residential, Name: name, Points: points}
	}
	n, err := road.FromLines(t.Context(), []road.Line{
		line("南岸", at(0, 0), at(1, 0), at(9, 0)), line("北岸", at(0, 2), at(1, 2), at(9, 2)),
		line("西桥", at(1, 0), at(1, 2)), line("东桥", at(9, 0), at(9, 2)),
	}, "two bridges")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgroad.Store(t.Context(), db, n); err != nil {
		t.Fatal(err)
	}
}

func node(t *testing.T, db *pgdb.DB) (*pgroad.Works, func() float64) {
	t.Helper()
	roads := &road.Switch{}
	works := pgroad.NewWorks(db, roads)
	if _, err := works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return works, func() float64 {
		t.Helper()
		way, err := roads.Route(t.Context(), road.Car, geo.Point{Lon: 121.382, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.5836})
		if err != nil {
			t.Fatal(err)
		}
		if !way.Reachable {
			return 0
		}
		return way.DistanceM
	}
}

func acrossBridge(lon float64) geom.T {
	return geom.NewLineStringFlat(geom.XY, []float64{lon - 0.0002, 28.5818, lon + 0.0002, 28.5818}).SetSRID(4326)
}

func TestAClosureIsTakenOverByEveryNodeAndRemembered(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	twoBridges(t, db)
	first, metresByFirst := node(t, db)
	second, metresBySecond := node(t, db)
	open := metresByFirst()
	by := uuid.Must(uuid.NewV7())
	made, err := first.Close(t.Context(), pgroad.NewClosure{Shape: acrossBridge(121.382), Modes: road.SetOf(road.Car), Reason: "施工", MadeBy: by})
	if err != nil || !made.InForce {
		t.Fatalf("%+v, %v", made, err)
	}
	if m := metresByFirst(); m < open+2000 {
		t.Errorf("%.0f m on the node that closed it, %.0f m before", m, open)
	}
	if changed, err := second.Look(t.Context()); err != nil || !changed {
		t.Errorf("the other node saw nothing: %v", err)
	}
	if m := metresBySecond(); m < open+2000 {
		t.Errorf("%.0f m on the other node", m)
	}
	if changed, err := second.Look(t.Context()); err != nil || changed {
		t.Errorf("the same closures changed something again: %v, %v", changed, err)
	}
	if _, metres := node(t, db); metres() < open+2000 {
		t.Error("a node that starts later does not know of it")
	}

	// The other bridge too: nobody can cross, and it is said before.
	both := pgroad.Closure{Shape: acrossBridge(121.398), Modes: road.AllModes}
	effect, err := first.Effect(t.Context(), both)
	if err != nil || effect.Roads.Segments != 1 || effect.Roads.Names[0] != "东桥" {
		t.Fatalf("%+v, %v", effect, err)
	}
	if lost := effect.CutOff[road.Car]; lost.Segments == 0 {
		t.Errorf("by car it cuts off %+v", effect.CutOff)
	}
	if lost, said := effect.CutOff[road.Foot]; said {
		t.Errorf("on foot the first bridge is open, yet it cuts off %+v", lost)
	}

	if err := second.Lift(t.Context(), made.ID, by, proof.Command); err != nil {
		t.Fatal(err)
	}
	if err := second.Lift(t.Context(), made.ID, by, proof.Command); !errors.Is(err, pgroad.ErrNoClosure) {
		t.Errorf("lifted twice: %v", err)
	}
	if _, err := first.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := metresByFirst(); m != open {
		t.Errorf("%.0f m after it was lifted, %.0f m before", m, open)
	}
	all, err := first.Closures(t.Context(), true, uuid.Max, 10)
	if err != nil || len(all) != 1 || all[0].LiftedAt == nil || all[0].InForce || all[0].Reason != "施工" || all[0].MadeBy != by {
		t.Errorf("%+v, %v", all, err)
	}
	if standing, err := first.Closures(t.Context(), false, uuid.Max, 10); err != nil || len(standing) != 0 {
		t.Errorf("%+v, %v", standing, err)
	}
}

func TestAClosureBeginsAndEndsByTheClock(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	twoBridges(t, db)
	works, metres := node(t, db)
	open := metres()
	at := time.Date(2026, 5, 3, 20, 0, 0, 0, time.UTC)
	pgtest.SetNow(t, db, at)
	until := at.Add(2 * time.Hour)
	if _, err := works.Close(t.Context(), pgroad.NewClosure{Shape: acrossBridge(121.382), Modes: road.AllModes,
		From: at.Add(time.Hour), Until: &until, Reason: "游行", MadeBy: uuid.Must(uuid.NewV7())}); err != nil {
		t.Fatal(err)
	}
	look := func() float64 {
		t.Helper()
		if _, err := works.Look(context.Background()); err != nil {
			t.Fatal(err)
		}
		return metres()
	}
	if m := look(); m != open {
		t.Errorf("before it begins: %.0f m, not %.0f", m, open)
	}
	pgtest.Advance(t, db, 61*time.Minute)
	if m := look(); m < open+2000 {
		t.Errorf("in force: %.0f m, %.0f before", m, open)
	}
	pgtest.Advance(t, db, time.Hour)
	if m := look(); m != open {
		t.Errorf("after its end: %.0f m, not %.0f", m, open)
	}
}

// New roads come with the closures that are in force on them.
func TestNewRoadsKeepWhatIsClosed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	twoBridges(t, db)
	works, metres := node(t, db)
	open := metres()
	if _, err := works.Close(t.Context(), pgroad.NewClosure{Shape: acrossBridge(121.382), Modes: road.AllModes, Reason: "塌方", MadeBy: uuid.Must(uuid.NewV7())}); err != nil {
		t.Fatal(err)
	}
	twoBridges(t, db)
	if _, err := works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := metres(); m < open+2000 {
		t.Errorf("%.0f m on the new roads, %.0f m when all was open", m, open)
	}
}
