package pgroad_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
)

// pacedNode is a service on the crossing, its clock in the zone of the district, and
// how long a car takes over the bridge.
func pacedNode(t *testing.T, db *pgdb.DB) (works *pgroad.Works, seconds func() float64) {
	t.Helper()
	roads := &road.Switch{}
	works = pgroad.NewWorks(db, roads)
	works.InZone(time.FixedZone("district", 8*3600))
	if _, err := works.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return works, func() float64 {
		t.Helper()
		if _, err := works.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		way, err := roads.Route(t.Context(), road.Car, geo.Point{Lon: 121.382, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.584})
		if err != nil || !way.Reachable {
			t.Fatalf("%+v, %v", way.Time, err)
		}
		return way.DurationS
	}
}

func ruleOf(t *testing.T, fields ...string) pace.Rule {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	r, refused := pace.Read(1, m)
	if len(refused) > 0 {
		t.Fatal(refused[0])
	}
	return r
}

func near(got, want float64) bool { return got > want*0.999-0.01 && got < want*1.001+0.01 }

// A speed is taken over by every node, comes and goes with its hours by the clock of
// the district, and outlives a restart.
func TestSpeedsComeAndGoWithTheirHours(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := pgroad.Store(t.Context(), db, crossing(t, "", 36), crossing(t, "osrm-car", 18)); err != nil {
		t.Fatal(err)
	}
	// Monday, 3 May 2027 is one; 06:59 in the district is 22:59 the day before in UTC.
	pgtest.SetNow(t, db, time.Date(2027, 5, 2, 22, 59, 0, 0, time.UTC))
	first, byFirst := pacedNode(t, db)
	_, bySecond := pacedNode(t, db)
	usual := byFirst()
	by := uuid.Must(uuid.NewV7())
	made, err := first.SetSpeeds(t.Context(), []pace.Rule{
		ruleOf(t, "class", "residential", "modes", "car", "days", "mon-fri", "hours", "07:00-09:00", "factor", "0.5"),
		ruleOf(t, "way", "77", "direction", "along", "days", "mon", "hours", "08:00-09:00", "kmh", "72", "note", "绿波"),
	}, by, proof.System)
	if err != nil || len(made) != 2 || made[0].ID == made[1].ID || *made[0].MadeBy != by {
		t.Fatalf("%+v, %v", made, err)
	}
	for _, c := range []struct {
		after time.Duration
		share float64 // of the usual duration
		what  string
	}{
		{0, 1, "a minute before seven on Monday"},
		{time.Minute, 2, "at seven, of the class"},
		{time.Hour, 0.5, "at eight, of the way"},
		{time.Hour, 1, "at nine"},
		{23 * time.Hour, 2, "at eight on Tuesday, of the class"},
		{4 * 24 * time.Hour, 1, "at eight on Saturday"},
		{2 * 24 * time.Hour, 0.5, "at eight the Monday after"},
	} {
		pgtest.Advance(t, db, c.after)
		for name, seconds := range map[string]func() float64{"first": byFirst, "second": bySecond} {
			if s := seconds(); !near(s, c.share*usual) {
				t.Errorf("%s: %.1f s on the %s node, usually %.1f", c.what, s, name, usual)
			}
		}
	}
	if _, later := pacedNode(t, db); !near(later(), 0.5*usual) {
		t.Errorf("%.1f s on a node that starts later", later())
	}
	engine, mode, err := first.Profile(t.Context(), "osrm-car")
	if err != nil {
		t.Fatal(err)
	}
	if way, err := engine.Route(t.Context(), mode, geo.Point{Lon: 121.382, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.584}); err != nil || !near(way.DurationS, 0.5*usual) {
		t.Errorf("as osrm-car %.1f s, %v", way.DurationS, err)
	}
	if in := first.SpeedsInForce(); !in[made[0].ID] || !in[made[1].ID] {
		t.Errorf("in force are %v", in)
	}

	// New roads come with the speeds in force.
	store(t, db, crossing(t, "", 36))
	if _, err := first.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := byFirst(); !near(s, 0.5*usual) {
		t.Errorf("%.1f s on the new roads", s)
	}

	if err := first.EndSpeed(t.Context(), made[1].ID, by, proof.System); err != nil {
		t.Fatal(err)
	}
	if err := first.EndSpeed(t.Context(), made[1].ID, by, proof.System); !errors.Is(err, pgroad.ErrNoSpeed) {
		t.Errorf("ended twice: %v", err)
	}
	if a, b := byFirst(), bySecond(); !near(a, 2*usual) || !near(b, 2*usual) {
		t.Errorf("%.1f and %.1f s after the way's was ended", a, b)
	}
	if standing, err := first.Speeds(t.Context(), false, uuid.Max, 10); err != nil || len(standing) != 1 || standing[0].ID != made[0].ID {
		t.Errorf("%+v, %v", standing, err)
	}
	all, err := first.Speeds(t.Context(), true, uuid.Max, 10)
	if err != nil || len(all) != 2 || all[0].EndedAt == nil || all[0].Note != "绿波" || all[0].KMH != 72 || all[0].Direction != "along" ||
		all[1].Factor != 0.5 || all[1].Hours() != "07:00-09:00" || all[1].Days.String() != "mon;tue;wed;thu;fri" || all[1].Modes != road.SetOf(road.Car) {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAWayThatIsNotThere(t *testing.T) {
	t.Parallel()
	numbered := crossing(t, "", 36)
	drawn, err := road.FromLines(t.Context(), []road.Line{{Class: road.Residential, Points: []geo.Point{{Lon: 1, Lat: 1}, {Lon: 1.001, Lat: 1}}}}, "drawn")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		net  *road.Network
		way  string
		says string
	}{
		"there":               {numbered, "77", ""},
		"of another town":     {numbered, "78", "not among the roads"},
		"before any roads":    {nil, "77", "no roads are imported"},
		"roads drawn by hand": {drawn, "77", "carry no numbers"},
	} {
		if got := pgroad.NoWay(c.net, ruleOf(t, "way", c.way, "kmh", "20")); (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := pgroad.NoWay(nil, ruleOf(t, "class", "primary", "kmh", "20")); got != "" {
		t.Errorf("a class: %q", got)
	}
}

func TestTooManySpeedsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	rules := make([]pace.Rule, pace.MaxRules+1)
	for i := range rules {
		rules[i] = ruleOf(t, "class", "primary", "kmh", "20")
	}
	if _, err := pgroad.AddSpeeds(t.Context(), db, rules, nil, proof.Command); !errors.Is(err, pgroad.ErrManySpeeds) {
		t.Errorf("got %v", err)
	}
	if made, err := pgroad.AddSpeeds(t.Context(), db, rules[:1500], nil, proof.Command); err != nil || len(made) != 1500 || made[0].MadeBy != nil {
		t.Errorf("%d, %v", len(made), err)
	}
}
