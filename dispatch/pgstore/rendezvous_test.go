package pgstore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// streets gives the world real roads: streets every 200 m, the vat in the middle of one.
func (w *world) streets() *road.Router {
	w.t.Helper()
	local := geo.NewLocal(vat)
	var lines []road.Line
	for i := -8; i <= 8; i++ {
		across, along := road.Line{Class: road.Residential, Name: "横街"}, road.Line{Class: road.Residential, Name: "直街"}
		for k := -8; k <= 8; k++ {
			across.Points = append(across.Points, local.Point(float64(200*k+100), float64(200*i)))
			along.Points = append(along.Points, local.Point(float64(200*i+100), float64(200*k)))
		}
		lines = append(lines, across, along)
	}
	n, err := road.FromLines(context.Background(), lines, "streets")
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := road.Prepare(context.Background(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	roads := &road.Switch{}
	roads.Set(r, 1)
	w.open(func(c *dispatch.Config) { c.Roads = roads })
	return r
}

// joint files a case that police and environment go to together.
func (w *world) joint() dispatch.CaseDetail {
	w.t.Helper()
	c := w.file("C01")
	w.exec(`INSERT INTO missions (id, district_id, case_id, state) VALUES ($1, $2, $3, 'gathering') ON CONFLICT DO NOTHING`,
		uuid.Must(uuid.NewV7()), pgdb.District, c.ID.UUID)
	w.gather()
	return w.see(c.ID)
}

func (w *world) gather() {
	w.t.Helper()
	if err := w.desk.Gatherings(context.Background()); err != nil {
		w.t.Fatalf("look at who gathers: %v", err)
	}
}

func (w *world) at(code string, p geo.Point, accuracyM float64) {
	w.live.edit(w.ids[code], func(at *dispatch.Position) {
		at.Point, at.AccuracyM, at.T, at.Presence = p, accuracyM, time.Now(), dispatch.Online
	})
}

func meets(t *testing.T, c dispatch.CaseDetail, id dispatch.PatrolID) dispatch.Meets {
	t.Helper()
	for _, m := range c.Mission.Rendezvous.Members {
		for _, a := range c.Assignments {
			if a.ID == m.AssignmentID && a.PatrolID == id {
				return m
			}
		}
	}
	t.Fatalf("%v is no member of %+v", id, c.Mission.Rendezvous)
	return dispatch.Meets{}
}

func happened(c dispatch.CaseDetail, kind string) (n int) {
	for _, e := range c.Events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// Police and environment are given a place out of sight and times to leave by which they
// are there together.
func TestAMissionMeetsOutOfSight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.streets()
	c := w.joint()
	r := c.Mission.Rendezvous
	if r == nil || r.StraightM < 80 || r.RoadM < 150 || r.NoCover || r.EtaKind != road.KindRoad || r.ByHand || len(r.Breaks) != 0 || r.Name == "" || r.MeetAt == nil || len(r.Members) != 2 {
		t.Fatalf("they meet at %+v", r)
	}
	first, last := r.Members[0].Eta, r.Members[0].Eta
	for _, m := range r.Members {
		if m.DepartAt == nil || m.Eta == nil || m.Eta.Before(*m.DepartAt) || m.DepartAt.Before(c.MadeAt.Add(-time.Second)) {
			t.Fatalf("%+v", m)
		}
		if m.Eta.Before(*first) {
			first = m.Eta
		}
		if m.Eta.After(*last) {
			last = m.Eta
		}
	}
	if last.Sub(*first) > 2*time.Minute || r.MeetAt.Sub(*last).Abs() > time.Second {
		t.Errorf("the first is there at %v, the last at %v, they meet at %v", first, last, r.MeetAt)
	}
	eq(t, "places told", happened(c, "mission.rendezvous"), 1)
	eq(t, "times told", happened(c, "mission.times"), 1)
	w.gather()
	eq(t, "version, with nothing new", w.see(c.ID).Version, c.Version)

	// E1 sets out and is delayed: everybody hears other times.
	w.mustAnswer(c.Case, "E1", dispatch.Accept, dispatch.SetOut)
	w.gather()
	on := w.see(c.ID)
	if m := meets(t, on, w.ids["E1"]); m.DepartAt != nil {
		t.Errorf("E1 has left and is to leave at %v", m.DepartAt)
	}
	before := *on.Mission.MeetAt
	pgtest.Advance(t, w.db, 40*time.Second)
	w.at("E1", atM(1500), 10)
	w.gather()
	late := w.see(c.ID)
	if got := late.Mission.MeetAt.Sub(before); got < time.Minute {
		t.Errorf("E1 is delayed and they meet %v later", got)
	}
	if m := meets(t, late, w.ids["P1"]); m.DepartAt == nil || !m.DepartAt.After(c.MadeAt.Add(time.Minute)) {
		t.Errorf("P1 leaves at %v", m.DepartAt)
	}
}

// Who is within 60 m of the place, as far as its accuracy tells, is in place; somebody who
// was only offered the case and lives there is not.
func TestInPlaceByPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.streets()
	c := w.joint()
	local := geo.NewLocal(c.Mission.Rendezvous.Point())
	inPlace := func(code string) bool {
		w.gather()
		return meets(t, w.see(c.ID), w.ids[code]).InPlaceAt != nil
	}
	w.at("P1", local.Point(5, 0), 5)
	if inPlace("P1") {
		t.Error("P1 did not accept")
	}
	w.mustAnswer(c.Case, "P1", dispatch.Accept)
	for _, far := range []struct {
		m, accuracy float64
		want        bool
	}{{75, 5, false}, {110, 500, false}, {95, 38, true}} {
		w.at("P1", local.Point(far.m, 0), far.accuracy)
		if got := inPlace("P1"); got != far.want {
			t.Errorf("at %v m, known to %v m: in place %v", far.m, far.accuracy, got)
		}
	}
	seen := w.see(c.ID)
	a, _ := current(seen.Case, w.ids["P1"])
	eq(t, "state", a.State, dispatch.OnTheWay)
	eq(t, "told", happened(seen, "mission.arrived"), 1)
	if moved := seen.Mission.Rendezvous.Point(); moved != c.Mission.Rendezvous.Point() {
		t.Errorf("the place moved to %v though somebody is there", moved)
	}
}

// When the road to the place is closed they meet elsewhere.
func TestAClosedRoadMovesTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.streets()
	c := w.joint()
	was := c.Mission.Rendezvous.Point()
	local := geo.NewLocal(was)
	a, b := local.Point(-60, -60), local.Point(60, 60)
	around := geom.NewPolygonFlat(geom.XY, []float64{a.Lon, a.Lat, b.Lon, a.Lat, b.Lon, b.Lat, a.Lon, b.Lat, a.Lon, a.Lat}, []int{10})
	shut, err := r.Network().Covered(around)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Impose(t.Context(), road.Conditions{Closed: [road.Modes][]uint32{road.Car: shut}}, 2); err != nil {
		t.Fatal(err)
	}
	w.gather()
	moved := w.see(c.ID)
	if at := moved.Mission.Rendezvous; at == nil || geo.DistanceM(at.Point(), was) < 50 || at.NoCover {
		t.Errorf("they meet at %+v, the road at %v is closed", at, was)
	}
	eq(t, "places told", happened(moved, "mission.rendezvous"), 2)
}

// A hand moves the place wherever it likes and hears what speaks against it; nothing moves
// it back.
func TestThePlaceMovedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.streets()
	c := w.joint()
	ctx := context.Background()
	door := atM(20)
	got, err := w.desk.MeetThere(ctx, w.operator, c.ID, c.Version, &door)
	if err != nil {
		t.Fatal(err)
	}
	r := got.Mission.Rendezvous
	if r == nil || !r.ByHand || !slices.Contains(r.Breaks, road.BreaksStraight) || !slices.Contains(r.Breaks, road.BreaksTarget) || r.Point() != door || r.MeetAt == nil {
		t.Errorf("moved to the door: %+v", r)
	}
	w.gather()
	if at := w.see(c.ID).Mission.Rendezvous; at.Point() != door {
		t.Errorf("it was moved back to %+v", at)
	}
	if _, err := w.desk.MeetThere(ctx, w.operator, c.ID, c.Version, &door); codeOf(err) != dispatch.CodeOldVersion {
		t.Errorf("with an old version: %v", err)
	}
	officer := w.as("P1")
	if _, err := w.desk.MeetThere(ctx, officer, c.ID, 0, &door); codeOf(err) != "forbidden" {
		t.Errorf("P1 is no operator: %v", err)
	}
	far := geo.Point{Lon: 120, Lat: 30}
	if _, err := w.desk.MeetThere(ctx, w.operator, c.ID, 0, &far); codeOf(err) != "invalid" {
		t.Errorf("in another city: %v", err)
	}
	direct, err := w.desk.MeetThere(ctx, w.operator, c.ID, 0, nil)
	if err != nil || direct.Mission.Rendezvous != nil {
		t.Fatalf("sent straight there: %+v (%v)", direct.Mission, err)
	}
	w.gather()
	if at := w.see(c.ID).Mission.Rendezvous; at != nil {
		t.Errorf("they meet at %+v though they were sent straight there", at)
	}
	alone := w.file("C04")
	if _, err := w.desk.MeetThere(ctx, w.operator, alone.ID, 0, &door); codeOf(err) != "no-mission" {
		t.Errorf("one alone: %v", err)
	}
}

// No road is asked while a case is locked.
func TestNoRoadIsAskedUnderALock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.roads.setHook(func(context.Context) error {
		if n := ask[int](w, `SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'cases' AND l.mode = 'RowShareLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`); n > 0 {
			t.Error("a case is locked while roads are asked")
		}
		return nil
	})
	c := w.joint()
	if r := c.Mission.Rendezvous; r == nil || r.EtaKind != road.KindStraight || !r.NoCover || r.StraightM < 80 {
		t.Errorf("without roads they meet at %+v", r)
	}
}

// Whoever reports does not wait for the place to meet, and it does not wait for a tick.
func TestANewMissionIsGatheredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.desk.GatherAsked(ctx) }()
	c := w.file("C01")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for m := w.see(c.ID).Mission; m == nil || m.Rendezvous == nil; m = w.see(c.ID).Mission {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("nobody looked where they meet: %+v", m)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
