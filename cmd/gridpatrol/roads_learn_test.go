package main

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	roadpace "github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
)

// learningWorld is a street of a kilometre, way 77, built for 36 km/h, and a road on
// from there, and patrols that drive it to cases.
type learningWorld struct {
	t     *testing.T
	db    *pgdb.DB
	zone  *time.Location
	now   time.Time
	roads *road.Switch
	works *pgroad.Works

	driven int // trips so far
}

func newLearningWorld(t *testing.T) *learningWorld {
	t.Helper()
	w := &learningWorld{t: t, db: pgtest.New(t), zone: time.FixedZone("district", 8*3600), roads: &road.Switch{}}
	w.now = time.Date(2027, 5, 3, 8, 30, 0, 0, w.zone) // a Monday
	pgtest.SetNow(t, w.db, w.now)
	w.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police')`, pgdb.District)
	s := &road.Survey{Nodes: []road.Node{
		road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.58}), road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.589}), road.NodeAt(geo.Point{Lon: 121.38, Lat: 28.598}),
	}}
	for i, origin := range []int64{77, 78} {
		way := road.Way{Nodes: []uint32{uint32(i), uint32(i) + 1}, Class: road.Residential, Origin: origin}
		for m := range way.Travel {
			way.Travel[m] = road.Travel{ForwardMS: 10, BackwardMS: 10}
		}
		s.Ways = append(s.Ways, way)
	}
	network, err := road.Build(t.Context(), s, "street")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgroad.Store(t.Context(), w.db, network); err != nil {
		t.Fatal(err)
	}
	w.works = pgroad.NewWorks(w.db, w.roads)
	w.works.InZone(w.zone)
	if _, err := w.works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *learningWorld) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *learningWorld) count(query string) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

type learningPatrol struct{ patrol, device uuid.UUID }

func (w *learningWorld) patrol(code string, simulated bool) learningPatrol {
	w.t.Helper()
	p := learningPatrol{uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())}
	w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, simulated) VALUES ($1, $2, $3, $3, 'police', 'car', $4)`, p.patrol, pgdb.District, code, simulated)
	w.exec(`INSERT INTO devices (id, district_id, code, simulated) VALUES ($1, $2, $3, $4)`, p.device, pgdb.District, code, simulated)
	w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange($3, NULL))`, p.device, p.patrol, w.now.AddDate(-1, 0, 0))
	return p
}

// trips drive the street north at kmh each, on so many mornings before, promised for
// as long as it takes at 36 km/h. Fixes may be marked as simulated.
func (w *learningWorld) trips(p learningPatrol, kmh float64, mornings int, played bool) {
	w.t.Helper()
	for range mornings {
		// One after the other, on three Mondays from six on.
		began := w.now.AddDate(0, 0, -7*(w.driven%3+1)).Add(-145*time.Minute + time.Duration(w.driven/3)*5*time.Minute)
		w.driven++
		took := time.Duration(980 / (kmh / 3.6) * float64(time.Second))
		w.exec(`WITH k AS (INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell)
		    VALUES ($1, $2, $1::uuid::text, 'handling', 'done', 'C01', 'urgent', 121.38, 28.589, 9) RETURNING id),
		  p AS (INSERT INTO plans (id, district_id, case_id, state, why, input, output) SELECT $1, $2, id, 'committed', 'test', 'in', 'out' FROM k RETURNING id)
		  INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, eta_kind, eta_s, offered_at, arrived_at)
		    SELECT $1, $2, $1, $3, id, 'police', 'department', 'lead', 'done', 'car', 'road', 98, $4, $5 FROM p`,
			uuid.Must(uuid.NewV7()), pgdb.District, p.patrol, began, began.Add(took))
		stream := uuid.New()
		for s := 0.0; s < took.Seconds(); s += 5 {
			m := 20 + s*kmh/3.6
			w.exec(`INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, accuracy_m, mock, simulated)
			  VALUES ($1, $2, $3, $4, $5, $5, $6, 9, 121.38, $7, 8, false, nullif($8, false))`,
				pgdb.District, p.device, stream, int64(s)+1, began.Add(time.Duration(s*float64(time.Second))), p.patrol, 28.58+m/111_200, played)
		}
	}
}

func (w *learningWorld) learn(ask learnAsk) learned {
	w.t.Helper()
	ask.days, ask.zone, ask.actor = 28, w.zone, proof.Command
	out, err := learnSpeeds(w.t.Context(), w.db, ask)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.works.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// drive is how long the street takes a car now, and of which speeds that is.
func (w *learningWorld) drive() (seconds float64, basis string) {
	w.t.Helper()
	way, err := w.roads.Route(w.t.Context(), road.Car, geo.Point{Lon: 121.38, Lat: 28.58}, geo.Point{Lon: 121.38, Lat: 28.589})
	if err != nil || !way.Reachable {
		w.t.Fatalf("%+v, %v", way.Time, err)
	}
	return way.DurationS, way.Version.Basis()
}

// Patrols drive a street at half its speed: that is learned, holds in its hours on
// every node, and gives way to what somebody sets.
func TestSpeedsAreLearnedFromTrips(t *testing.T) {
	t.Parallel()
	w := newLearningWorld(t)
	usual, basis := w.drive()
	if basis != road.BasisFreeFlow {
		t.Errorf("before anything is learned, the times are %s", basis)
	}
	a, b := w.patrol("P1", false), w.patrol("P2", false)

	w.trips(a, 18, 4, false)
	if out := w.learn(learnAsk{}); out.Passes != 4 || out.Speeds != 0 {
		t.Errorf("of too few passes: %+v", out)
	}
	w.trips(a, 18, 16, false)
	if out := w.learn(learnAsk{}); out.Passes != 20 || out.Speeds != 0 {
		t.Errorf("of one patrol alone: %+v", out)
	}
	w.trips(b, 18, 10, false)

	if out := w.learn(learnAsk{dry: true}); out.Speeds != 1 || out.Bands != 2 {
		t.Errorf("a dry run says %+v", out)
	}
	if n := w.count(`SELECT (SELECT count(*) FROM road_learned_speeds) + (SELECT count(*) FROM eta_bands)`); n != 0 {
		t.Errorf("a dry run wrote %d rows", n)
	}
	if s, basis := w.drive(); s != usual || basis != road.BasisFreeFlow {
		t.Errorf("after a dry run %.1f s, %s", s, basis)
	}

	if out := w.learn(learnAsk{}); out.Trips != 30 || out.Skipped != 0 || out.Speeds != 1 {
		t.Errorf("learned %+v", out)
	}
	// 30 passes at half the speed against 5 at the built one.
	want := usual * (30*2 + 5) / 35
	if s, basis := w.drive(); math.Abs(s/want-1) > 0.03 || basis != road.BasisLearned {
		t.Errorf("the street takes %.1f s, %s, not %.1f", s, basis, want)
	}
	list, run, err := w.works.Learned(t.Context(), 0, 10)
	if err != nil || len(list) != 1 || list[0].Way != 77 || list[0].Against || list[0].Passes != 30 || list[0].Patrols != 2 || run.Trips != 30 || run.EndedAt == nil {
		t.Errorf("the list has %+v of %+v, %v", list, run, err)
	}
	bands, err := pgstore.New(w.db).EtaBands(t.Context())
	if err != nil || len(bands) != 2 || bands[0].Bucket != dispatch.WholeWeek || bands[1].Bucket != 1 || bands[0].Arrivals != 30 || math.Abs(bands[0].High-2) > 0.01 {
		t.Errorf("bands are %+v, %v", bands, err)
	}

	other := pgroad.NewWorks(w.db, &road.Switch{})
	other.InZone(w.zone)
	if _, err := other.Load(t.Context()); err != nil || other.BucketInForce() != 1 {
		t.Errorf("a node that starts later is at %d, %v", other.BucketInForce(), err)
	}

	made, err := w.works.SetSpeeds(t.Context(), []roadpace.Rule{{Class: road.Residential, Modes: road.AllModes, Days: roadpace.EveryDay, UntilMin: 24 * 60, Factor: 0.25}}, uuid.New(), proof.System)
	if err != nil {
		t.Fatal(err)
	}
	if s, basis := w.drive(); math.Abs(s/usual-4) > 0.1 || basis != road.BasisFreeFlow {
		t.Errorf("with a speed that somebody set, the street takes %.1f s, %s, usually %.1f", s, basis, usual)
	}
	if err := w.works.EndSpeed(t.Context(), made[0].ID, uuid.New(), proof.System); err != nil {
		t.Fatal(err)
	}
	pgtest.Advance(t, w.db, time.Hour) // half past nine
	if _, err := w.works.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, basis := w.drive(); s != usual || basis != road.BasisFreeFlow {
		t.Errorf("at another hour %.1f s, %s, usually %.1f", s, basis, usual)
	}

	// What ages out is forgotten.
	pgtest.Advance(t, w.db, 28*24*time.Hour)
	if out := w.learn(learnAsk{}); out.Trips != 0 || out.Speeds != 0 || w.count(`SELECT count(*) FROM road_learned_speeds`) != 0 {
		t.Errorf("a month later: %+v", out)
	}
}

func TestNothingIsLearnedFromSimulatedPatrols(t *testing.T) {
	t.Parallel()
	w := newLearningWorld(t)
	for _, code := range []string{"S1", "S2"} {
		w.trips(w.patrol(code, true), 18, 20, true)
	}
	// A patrol of flesh and blood whose devices were played then.
	for _, code := range []string{"P1", "P2"} {
		w.trips(w.patrol(code, false), 18, 5, true)
	}
	if out := w.learn(learnAsk{}); out.Passes != 0 || out.Speeds != 0 || out.Bands != 0 {
		t.Errorf("learned %+v", out)
	}
	if out := w.learn(learnAsk{simulated: true}); out.Passes != 50 || out.Speeds != 1 || out.Bands == 0 {
		t.Errorf("where it was asked for: %+v", out)
	}
}

// Of the nodes that find the night's run due, one takes it.
func TestOneNodeLearnsEachNight(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for night := range 2 {
		last, _, err := pgroad.LastLearning(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		first, err1 := pgroad.BeginLearning(t.Context(), db, last)
		second, err2 := pgroad.BeginLearning(t.Context(), db, last)
		if !first || second || err1 != nil || err2 != nil {
			t.Errorf("night %d: %v %v, %v %v", night, first, second, err1, err2)
		}
		pgtest.Advance(t, db, 24*time.Hour)
	}
}
