package realtime_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

var district = dispatch.DistrictID{UUID: pgdb.District}

// screen is a viewer's end of a socket.
type screen struct {
	*phone
	seq int64
}

type liveFrame struct {
	Type    string          `json:"type"`
	Seq     int64           `json:"seq"`
	Patrols []livePatrol    `json:"patrols"`
	Moved   []livePatrol    `json:"moved"`
	Gone    []string        `json:"gone"`
	Cases   []dispatch.Case `json:"cases"`
	Case    map[string]any  `json:"case"`
	Notice  *beacon.Notice  `json:"notice"`

	Departments []map[string]any `json:"departments"`
}

// strength is what totals say of a department, and whether they are such a frame.
func (f liveFrame) strength(department, state string) (int, bool) {
	n := 0.0
	for _, row := range f.Departments {
		if row["department"] == department {
			n += row[state].(float64)
		}
	}
	return int(n), f.Type == "totals"
}

type livePatrol struct {
	ID         string    `json:"id"`
	Lon        float64   `json:"lon"`
	Lat        float64   `json:"lat"`
	HeadingDeg *float64  `json:"heading_deg"`
	Status     string    `json:"status"`
	Presence   string    `json:"presence"`
	T          time.Time `json:"t"`
	Department string    `json:"department"`
	Version    int64     `json:"version"`
	Simulated  bool      `json:"simulated"`
}

func (n *node) watch(t *testing.T, who dispatch.Viewer) *screen {
	t.Helper()
	body, err := json.Marshal(who)
	if err != nil {
		t.Fatal(err)
	}
	return &screen{phone: n.dial(t, "/ws/live", http.Header{"Viewer": {string(body)}})}
}

// frame is the next frame; its number must follow the one before.
func (s *screen) frame() liveFrame {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	_, message, err := s.conn.ReadMessage()
	if err != nil {
		s.t.Fatal(err)
	}
	var f liveFrame
	if err := json.Unmarshal(message, &f); err != nil {
		s.t.Fatalf("%s: %v", message, err)
	}
	s.seq++
	if f.Seq != s.seq {
		s.t.Fatalf("frame %d, want %d", f.Seq, s.seq)
	}
	return f
}

// until reads frames until one will do.
func (s *screen) until(what string, good func(liveFrame) bool) liveFrame {
	s.t.Helper()
	for {
		if f := s.frame(); good(f) {
			return f
		}
	}
}

// closes reads on until the service closes with a code.
func (s *screen) closes(code int) {
	s.t.Helper()
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := s.conn.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				s.t.Fatalf("%v, want a close with %d", err, code)
			}
			return
		}
	}
}

func (f liveFrame) movedTo(u realtimetest.Unit) *livePatrol {
	for i, p := range f.Moved {
		if p.ID == u.Patrol.String() {
			return &f.Moved[i]
		}
	}
	return nil
}

var operator = dispatch.Viewer{District: district, Role: dispatch.RoleOperator}

func TestAViewerSeesMovement(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	now := b.clock.now()
	p.fixes(at(1, now.Add(-time.Second)))
	p.ack(1)
	s := b.node.watch(t, operator)
	f := s.frame()
	if f.Type != "snapshot" || len(f.Patrols) != 1 || f.Cases == nil {
		t.Fatalf("%+v", f)
	}
	if got := f.Patrols[0]; got.ID != b.units[0].Patrol.String() || got.Lon != 121.38001 || got.Lat != 28.58 || *got.HeadingDeg != 90 ||
		got.Status != "free" || got.Presence != "online" || got.Department != realtimetest.Department || !got.T.Equal(now.Add(-time.Second).Truncate(time.Millisecond)) {
		t.Errorf("%+v", got)
	}
	p.fixes(at(2, now))
	f = s.until("it moves", func(f liveFrame) bool { return f.movedTo(b.units[0]) != nil })
	if got := f.movedTo(b.units[0]); f.Type != "delta" || got.Lon != 121.38002 {
		t.Errorf("%+v", f)
	}
	// A status is a change too; off duty takes the dot away.
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: b.units[0].Patrol, Status: dispatch.EnRoute, Version: 2}})
	s.until("it is on its way", func(f liveFrame) bool {
		m := f.movedTo(b.units[0])
		return m != nil && m.Status == "en_route" && m.Version == 2
	})
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: b.units[0].Patrol, Status: dispatch.OffDuty, Version: 3}})
	s.until("it is gone", func(f liveFrame) bool { return slices.Contains(f.Gone, b.units[0].Patrol.String()) })
	s.send(`{"type":"resync"}`)
	if f := s.until("a snapshot", func(f liveFrame) bool { return f.Type == "snapshot" }); len(f.Patrols) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestASimulatedPatrolIsShownAsOne(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	realtimetest.Exec(t, b.db, `UPDATE patrols SET simulated = true, version = version + 1 WHERE id = $1`, b.units[0].Patrol.UUID)
	realtimetest.Exec(t, b.db, `UPDATE devices SET simulated = true WHERE id = $1`, b.units[0].Device.UUID) // tells the service
	for i, u := range b.units {
		p, _ := b.node.open(t, u, uuid.New(), 1)
		p.fixes(at(1, b.clock.now()))
		p.ack(1)
		b.want(int64(1-i), `SELECT count(*) FROM tracks WHERE patrol_id = $1 AND simulated`, u.Patrol.UUID)
	}
	s := b.node.watch(t, dispatch.Viewer{District: district, Role: dispatch.RoleOperator})
	s.send(`{"type":"view","bbox":[121,28,122,29],"zoom":12}`)
	marked := map[string]bool{}
	s.until("both", func(f liveFrame) bool {
		for _, p := range append(f.Patrols, f.Moved...) {
			marked[p.ID] = p.Simulated
		}
		return len(marked) == 2
	})
	if !marked[b.units[0].Patrol.String()] || marked[b.units[1].Patrol.String()] {
		t.Errorf("marked as simulated: %v; the first of the two should be", marked)
	}
}

func TestPresenceAgesOnTheScreen(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	p.ack(1)
	s := b.node.watch(t, operator)
	s.frame()
	for _, c := range []struct {
		by   time.Duration
		want string
	}{{2*time.Minute + time.Second, "stale"}, {8 * time.Minute, "lost"}} {
		b.clock.advance(c.by)
		s.until(c.want, func(f liveFrame) bool {
			m := f.movedTo(b.units[0])
			return m != nil && m.Presence == c.want
		})
	}
}

func TestAViewLimitsWhatIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	now := b.clock.now()
	near, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	far, _ := b.node.open(t, b.units[1], uuid.New(), 1)
	near.fixes(at(1, now.Add(-3*time.Second)))
	near.ack(1)
	away := at(1, now.Add(-3*time.Second))
	away.Lat = 30
	far.fixes(away)
	far.ack(1)
	s := b.node.watch(t, operator)
	if f := s.frame(); len(f.Patrols) != 2 {
		t.Fatalf("%+v", f)
	}
	s.send(`{"type":"view","bbox":[121,28,122,29],"zoom":13.5}`)
	s.until("the far one is gone", func(f liveFrame) bool { return slices.Equal(f.Gone, []string{b.units[1].Patrol.String()}) })
	// It drives in, and out again.
	in := at(2, now)
	in.Lat = 28.9
	b.clock.advance(time.Hour)
	in.T = b.clock.now()
	far.fixes(in)
	s.until("it drove in", func(f liveFrame) bool { return f.movedTo(b.units[1]) != nil })
	s.send(`{"type":"view","bbox":[121,29.5,122,31],"zoom":13}`)
	s.until("the view is empty", func(f liveFrame) bool { return len(f.Gone) == 2 })
	s.send(`{"type":"view","bbox":[121,28,122,31],"zoom":10}`)
	s.until("all are there", func(f liveFrame) bool { return len(f.Moved) == 2 })
	s.send(`{"type":"view","bbox":[122,28,121,31],"zoom":10}`)
	s.closes(beacon.CloseProtocol)
}

// Whoever is followed is told of outside the view, and totals are of everybody, over
// either subprotocol and at every zoom.
func TestFollowingAndTotalsReachBeyondTheView(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	for i, u := range b.units {
		p, _ := b.node.open(t, u, uuid.New(), 1)
		f := at(1, b.clock.now().Add(-time.Duration(1+i)*time.Second))
		f.Lat = 30
		p.fixes(f)
		p.ack(1)
	}
	followed, other := b.units[0], b.units[1]
	strength := func(f liveFrame, state string, want int) bool {
		got, told := f.strength(realtimetest.Department, state)
		return told && got == want
	}
	s := b.node.watch(t, operator)
	s.frame()
	s.send(`{"type":"view","bbox":[121,28,122,29],"zoom":13,"totals":true,"follow":["` + followed.Patrol.String() + `"]}`)
	s.until("all are counted", func(f liveFrame) bool { return strength(f, "free", 2) })
	s.until("only the other is gone", func(f liveFrame) bool { return slices.Equal(f.Gone, []string{other.Patrol.String()}) })
	walls := map[string]*wall{}
	for _, zoom := range []string{"8", "13"} {
		w := b.node.wall(t, operator)
		w.send(`{"type":"view","bbox":[121,28,122,29],"zoom":` + zoom + `,"totals":true,"follow":["` + followed.Patrol.String() + `"]}`)
		w.until(func(p *liveframe.Patrol) bool { return p != nil && p.Point.Lat == 30 }, followed)
		w.until(func(p *liveframe.Patrol) bool { return p == nil }, other)
		walls[zoom] = w
	}
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: other.Patrol, Status: dispatch.OnScene, Version: 2}})
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: followed.Patrol, Status: dispatch.OffDuty, Version: 2}})
	s.until("one is off duty, one on the scene", func(f liveFrame) bool { return strength(f, "on_scene", 1) && strength(f, "free", 0) })
	for _, w := range walls {
		for {
			if f, _ := w.step(); strength(f, "on_scene", 1) && strength(f, "free", 0) {
				break
			}
		}
		w.until(func(p *liveframe.Patrol) bool { return p == nil }, followed)
	}
	s.send(`{"type":"view","bbox":[121,28,122,29],"zoom":13,"follow":["nobody"]}`)
	s.closes(beacon.CloseProtocol)
}

func TestAViewerSeesItsScopeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	p.ack(1)
	c := &dispatch.CaseChanged{ID: dispatch.CaseID{UUID: uuid.New()}, Number: "2026-1", Version: 1,
		Scope: dispatch.Thing{District: district, Areas: []string{realtimetest.Area}, Departments: []string{realtimetest.Department}}}
	type want struct {
		patrols int
		hears   bool
	}
	for _, v := range []struct {
		name string
		who  dispatch.Viewer
		want want
	}{
		{"operator", operator, want{1, true}},
		{"officer of the department", dispatch.Viewer{District: district, Role: dispatch.RoleOfficer, Department: realtimetest.Department}, want{1, true}},
		{"officer of another", dispatch.Viewer{District: district, Role: dispatch.RoleOfficer, Department: "fire"}, want{0, false}},
		{"leader of the town", dispatch.Viewer{District: district, Role: dispatch.RoleTownLeader, AreaCode: realtimetest.Area}, want{1, true}},
		{"leader of another", dispatch.Viewer{District: district, Role: dispatch.RoleTownLeader, AreaCode: "town-2"}, want{0, false}},
		{"another district", dispatch.Viewer{District: dispatch.DistrictID{UUID: uuid.New()}, Role: dispatch.RoleOperator}, want{0, false}},
	} {
		s := b.node.watch(t, v.who)
		if f := s.frame(); len(f.Patrols) != v.want.patrols {
			t.Errorf("%s: %d patrols, want %d", v.name, len(f.Patrols), v.want.patrols)
		}
		c.Version++
		b.node.beacons.Announce(dispatch.Announcement{Case: c})
		mine := &dispatch.CaseChanged{Number: "mine", Scope: dispatch.Thing{District: v.who.District, Areas: []string{v.who.AreaCode}, Departments: []string{v.who.Department}}}
		b.node.beacons.Announce(dispatch.Announcement{Case: mine}) // heard after the other one
		f := s.until("a case", func(f liveFrame) bool { return f.Type == "case" })
		if heard := f.Case["number"] != "mine"; heard != v.want.hears {
			t.Errorf("%s: hears of the case: %v", v.name, heard)
		} else if heard && (f.Case["number"] != "2026-1" || f.Case["scope"] != nil) {
			t.Errorf("%s: %v", v.name, f.Case)
		}
	}
}

// A notice is for one person: by their account, or as the member of staff they are.
func TestANoticeReachesWhomItIsFor(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	me, chief := operator, operator
	me.Account.UUID, chief.Account.UUID, chief.Staff.UUID = uuid.New(), uuid.New(), uuid.New()
	mine, theirs := b.node.watch(t, me), b.node.watch(t, chief)
	mine.until("a snapshot", func(f liveFrame) bool { return f.Type == "snapshot" })
	theirs.until("a snapshot", func(f liveFrame) bool { return f.Type == "snapshot" })
	for _, n := range []dispatch.Notice{{Account: dispatch.AccountID{UUID: uuid.New()}, Why: "another's"}, {StaffID: chief.Staff, Why: "chief"}, {Account: me.Account, Why: "me"}} {
		b.node.beacons.Announce(dispatch.Announcement{Notice: &n})
	}
	for _, s := range []struct {
		screen *screen
		want   string
	}{{mine, "me"}, {theirs, "chief"}} {
		f := s.screen.until("a notice", func(f liveFrame) bool { return f.Type == "notice" })
		if f.Notice == nil || f.Notice.Why != s.want {
			t.Errorf("heard %+v, want %s", f.Notice, s.want)
		}
	}
}

// A case that changes while a viewer's cases are being read comes after the
// snapshot.
func TestNoCaseFallsBetweenSnapshotAndNews(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	c := &dispatch.CaseChanged{Number: "2026-1", Scope: dispatch.Thing{District: district}}
	reading := realtime.CaseSource(func(context.Context, dispatch.Viewer) ([]dispatch.Case, error) {
		b.node.beacons.Announce(dispatch.Announcement{Case: c})
		return []dispatch.Case{{Number: "2026-0"}}, nil
	})
	b.cases.Store(&reading)
	s := b.node.watch(t, operator)
	if f := s.frame(); f.Type != "snapshot" || len(f.Cases) != 1 || f.Cases[0].Number != "2026-0" {
		t.Errorf("%+v", f)
	}
	s.until("the case", func(f liveFrame) bool { return f.Type == "case" && f.Case["number"] == "2026-1" })
}

func TestASlowViewerIsClosedAndHarmsNobody(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	of := func(department string) dispatch.Viewer {
		return dispatch.Viewer{District: district, Role: dispatch.RoleOfficer, Department: department}
	}
	slow := b.node.watch(t, of("fire"))
	quick := b.node.watch(t, of(realtimetest.Department))
	slow.frame()
	quick.frame()
	// Only the slow one is sent what no kernel holds much of, so that it is at its
	// bound long before the patience of its blocked write ends.
	large := &dispatch.CaseChanged{Number: strings.Repeat("2026-1 ", 100_000),
		Scope: dispatch.Thing{District: district, Departments: []string{"fire"}}}
	small := &dispatch.CaseChanged{Number: "2026-2", Scope: dispatch.Thing{District: district, Departments: []string{realtimetest.Department}}}
	for i := range 24 {
		large.Version, small.Version = int64(i), int64(i)
		b.node.beacons.Announce(dispatch.Announcement{Case: large})
		b.node.beacons.Announce(dispatch.Announcement{Case: small})
		quick.until("the case", func(f liveFrame) bool { return f.Type == "case" && f.Case["version"] == float64(i) })
	}
	slow.closes(beacon.CloseSlow)
}
