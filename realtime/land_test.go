package realtime

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// onlooker is a viewer without a socket, and what it has understood.
type onlooker struct {
	*viewer
	view    view
	picture *liveframe.Picture
	sizes   []int
	totals  *totals // as told last
}

// totals is how many there are of each department and of what is played, by class.
type totals map[rollRow][liveframe.Classes]uint32

func readTotals(body []byte) (totals, error) {
	var m struct {
		Departments []map[string]any `json:"departments"`
	}
	if err := json.Unmarshal(append([]byte{'{'}, append(body[1:len(body):len(body)], '}')...), &m); err != nil {
		return nil, err
	}
	out := totals{}
	for _, row := range m.Departments {
		key := rollRow{row["department"].(string), row["simulated"].(bool)}
		n := out[key]
		for class, name := range classNames {
			n[class] = uint32(row[name].(float64))
		}
		out[key] = n
	}
	return out, nil
}

func newOnlooker(who dispatch.Viewer) *onlooker {
	return &onlooker{viewer: &viewer{binary: true, who: who, stats: &liveStats{}, wake: make(chan struct{}, 1)}, view: everywhere, picture: liveframe.NewPicture()}
}

// read takes what waits, as the writer and a page do.
func (o *onlooker) read(t interface{ Fatal(...any) }) {
	o.mu.Lock()
	frames := o.waiting
	o.waiting, o.bytes, o.ticks = nil, 0, 0
	o.mu.Unlock()
	for _, f := range frames {
		if f.kind == "totals" {
			got, err := readTotals(f.rest)
			if err != nil {
				t.Fatal(err)
			}
			o.totals = &got
		}
		if f.batch == nil {
			continue // text
		}
		b := liveframe.AppendHead(nil, 1, f.atMS, f.afresh)
		for _, part := range f.parts {
			b = append(b, part...)
		}
		f.batch.release()
		o.sizes = append(o.sizes, len(b))
		m, err := liveframe.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.picture.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
}

// shown is what a picture shows, by id, without what differs from connection to
// connection.
func (o *onlooker) shown() map[uuid.UUID]liveframe.Patrol {
	out := map[uuid.UUID]liveframe.Patrol{}
	for _, p := range o.picture.Patrols {
		p.Number = 0
		out[p.ID] = p
	}
	return out
}

// due is what a viewer should see, worked out from the index for every patrol anew.
func (o *onlooker) due(x *Index) (dots map[uuid.UUID]liveframe.Patrol, counts map[cell.Cell][liveframe.Classes]uint32, all totals) {
	dots, counts, all = map[uuid.UUID]liveframe.Patrol{}, map[cell.Cell][liveframe.Classes]uint32{}, totals{}
	res := resOf(o.view.zoom)
	followed := o.view.followed()
	for _, s := range x.All() {
		if !s.Placed || !dispatch.Visible(o.who, s.Thing()) {
			continue
		}
		row := rollRow{s.Department, s.Simulated}
		n := all[row]
		n[liveframe.ClassOf(s.Status, s.Presence)]++
		all[row] = n
		c := cell.At(s.Point, dotRes).Parent(res)
		e := cell.EdgesOf(c)
		inView := overlap(e.Around, o.view.box)
		if inView && res == dotRes || slices.Contains(followed, s.Patrol) {
			dots[s.Patrol.UUID] = liveframe.Patrol{ID: s.Patrol.UUID, Point: s.Point, HeadingDeg: s.HeadingDeg, Status: s.Status, Presence: s.Presence,
				TMS: s.T.UnixMilli(), Version: s.Version, Department: s.Department, Simulated: s.Simulated}
		}
		if inView && res != dotRes {
			n := counts[c]
			n[liveframe.ClassOf(s.Status, s.Presence)]++
			counts[c] = n
		}
	}
	return dots, counts, all
}

func (o *onlooker) check(t *rapid.T, x *Index) {
	dots, counts, all := o.due(x)
	if diff := cmp.Diff(dots, o.shown(), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
		t.Fatalf("%s at zoom %g: %s", o.who.Role, o.view.zoom, diff)
	}
	for _, size := range o.sizes {
		if o.who.District != (dispatch.DistrictID{UUID: uuid.UUID{9}}) && size != liveframe.HeadBytes {
			t.Fatalf("who may see nobody is told of %d bytes", size-liveframe.HeadBytes)
		}
	}
	for c, n := range o.picture.Counts {
		if n == ([liveframe.Classes]uint32{}) {
			delete(o.picture.Counts, c)
		}
	}
	if diff := cmp.Diff(counts, o.picture.Counts, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s at zoom %g: %s", o.who.Role, o.view.zoom, diff)
	}
	if o.view.totals {
		if diff := cmp.Diff(&all, o.totals); diff != "" {
			t.Fatalf("totals of %s: %s", o.who.Role, diff)
		}
	}
}

// The slow twin asks the index for everybody. Patrols move, cross cells, change their
// status, department and area, go off duty and leave the register; viewers of several
// rights come, look elsewhere, do not read for a while, and go.
func TestWindowsShowWhatTheIndexHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := indexNow
		x := NewIndex(func() time.Time { return now })
		home := dispatch.DistrictID{UUID: uuid.UUID{9}}
		register := map[dispatch.PatrolID]*Patrol{}
		for i := range rapid.IntRange(1, 40).Draw(t, "patrols") {
			id := dispatch.PatrolID{UUID: uuid.UUID{byte(i + 1)}}
			register[id] = &Patrol{ID: id, District: home, Department: []string{"police", "fire"}[i%2], Areas: []string{"a", "b"}[i/2%2 : i/2%2+1], Status: dispatch.Free, Version: 1, Simulated: i%5 == 0}
		}
		x.SetPatrols(register)
		h := newHub(x)
		ids := make([]dispatch.PatrolID, 0, len(register))
		for i := range len(register) {
			ids = append(ids, dispatch.PatrolID{UUID: uuid.UUID{byte(i + 1)}})
		}
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		spread := rapid.SampledFrom([]float64{0.01, 0.1, 3}).Draw(t, "spread")
		places := map[dispatch.PatrolID]geo.Point{}
		viewers := []dispatch.Viewer{
			{District: home, Role: dispatch.RoleOperator}, {District: home, Role: dispatch.RoleOfficer, Department: "fire"},
			{District: home, Role: dispatch.RoleTownLeader, AreaCode: "a"}, {District: dispatch.DistrictID{UUID: uuid.UUID{8}}, Role: dispatch.RoleOperator},
		}
		var onlookers []*onlooker
		changed := func(s Standing) { h.dirty[s.Patrol] = struct{}{} }
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch what := rnd.IntN(12); {
			case what < 5: // movement, of many
				for range rnd.IntN(20) {
					id := ids[rnd.IntN(len(ids))]
					at, placed := places[id]
					if !placed || rnd.IntN(10) == 0 {
						at = geo.Point{Lon: 121.4 + spread*rnd.NormFloat64(), Lat: 28.5 + spread*rnd.NormFloat64()}
					} else {
						at.Lon, at.Lat = at.Lon+rnd.NormFloat64()*2e-3, at.Lat+rnd.NormFloat64()*2e-3
					}
					places[id] = at
					now = now.Add(time.Millisecond)
					heading := math.NaN()
					if rnd.IntN(2) == 0 {
						heading = float64(rnd.IntN(240)) * 1.5
					}
					if s, ok := x.Move(Place{Patrol: id, T: now.Add(-time.Duration(rnd.IntN(3)) * time.Minute / 2).Truncate(time.Millisecond), Point: at, HeadingDeg: heading}); ok {
						changed(s)
					}
				}
			case what == 5:
				id := ids[rnd.IntN(len(ids))]
				if s, ok := x.Apply(dispatch.PatrolChanged{ID: id, Version: 1 + rnd.Int64N(9), Status: []dispatch.Status{dispatch.Free, dispatch.EnRoute, dispatch.OnScene, dispatch.OffDuty}[rnd.IntN(4)]}); ok {
					changed(s)
				}
			case what == 6: // the register
				next := map[dispatch.PatrolID]*Patrol{}
				for id, p := range register {
					q := *p
					q.Department, q.Areas = []string{"police", "fire"}[rnd.IntN(2)], []string{"a", "b"}[rnd.IntN(2):][:1]
					if rnd.IntN(8) > 0 {
						next[id] = &q
					}
				}
				moved, gone := x.SetPatrols(next)
				for _, s := range moved {
					changed(s)
				}
				for _, id := range gone {
					h.dirty[id] = struct{}{}
				}
			case what == 7: // time
				now = now.Add(time.Duration(rnd.IntN(300)) * time.Second)
				for _, s := range x.Sweep() {
					changed(s)
				}
			case what == 8:
				o := newOnlooker(viewers[rnd.IntN(len(viewers))])
				onlookers = append(onlookers, o)
				h.ask(ask{viewer: o.viewer, what: askJoin})
				h.ask(ask{viewer: o.viewer, what: askSnapshot})
			case what == 9 && len(onlookers) > 0:
				o := onlookers[rnd.IntN(len(onlookers))]
				at := geo.Point{Lon: 121.4 + spread*rnd.NormFloat64(), Lat: 28.5 + spread*rnd.NormFloat64()}
				wide := spread * rnd.Float64() * 2
				o.view = view{box: geo.Box{West: at.Lon - wide, South: at.Lat - wide, East: at.Lon + wide, North: at.Lat + wide}, zoom: float64(rnd.IntN(16)), totals: rnd.IntN(2) == 0}
				var followed []uuid.UUID
				for range rnd.IntN(4) * rnd.IntN(2) {
					followed = append(followed, ids[rnd.IntN(len(ids))].UUID)
				}
				o.view.following(followed)
				h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
			case what == 10 && len(onlookers) > 1:
				h.ask(ask{viewer: onlookers[0].viewer, what: askLeave})
				onlookers = onlookers[1:]
			case what == 11 && len(onlookers) > 0:
				h.ask(ask{viewer: onlookers[rnd.IntN(len(onlookers))].viewer, what: askSnapshot})
			}
			for range 1 + rnd.IntN(3)*rnd.IntN(8) {
				h.tick(now)
			}
			for _, o := range onlookers {
				if rnd.IntN(2) == 0 {
					o.read(t)
				}
			}
		}
		for _, s := range x.Sweep() {
			changed(s)
		}
		for _, o := range onlookers { // one that was behind is even after a tick
			o.read(t)
		}
		h.tick(now.AddDate(10, 0, 0)) // totals are not told at every tick
		for _, o := range onlookers {
			o.read(t)
			o.check(t, x)
		}
		for _, o := range onlookers {
			h.ask(ask{viewer: o.viewer, what: askLeave})
		}
		if len(h.rolls) > 0 || len(h.land.followers) > 0 {
			t.Fatalf("%d rolls and %d followed are kept when all are gone", len(h.rolls), len(h.land.followers))
		}
		for res, spots := range h.land.spots {
			for c, s := range spots {
				if len(s.panes) > 0 || (s.res == dotRes && len(s.units) == 0) {
					t.Fatalf("%v of resolution %d keeps %d panes and %d units when all are gone", c, res, len(s.panes), len(s.units))
				}
			}
		}
	})
}

// town is patrols that all stand within a cell or two.
func crowdedTown(n int) (*Index, []dispatch.PatrolID, func(round int) []Place) {
	x, ids := fleet(n, "police")
	return x, ids, func(round int) []Place {
		places := make([]Place, n)
		for i, id := range ids {
			places[i] = Place{Patrol: id, Seq: int64(round), T: indexNow.Add(time.Duration(round-2000) * time.Millisecond), HeadingDeg: 90,
				Point: geo.Point{Lon: 121.3 + float64(i%50)*1e-3 + float64(round%100)*1e-5, Lat: 28.5 + float64(i/50)*1e-3}}
		}
		return places
	}
}

// Those who see the same are sent the very same bytes, and a move costs few of them.
func TestViewersOfOneRightShareBytes(t *testing.T) {
	t.Parallel()
	x, _, walk := crowdedTown(1000)
	h := newHub(x)
	move := func(round int) {
		for _, p := range walk(round) {
			x.Move(p)
			h.dirty[p.Patrol] = struct{}{}
		}
		h.tick(time.Now())
	}
	move(0)
	var onlookers []*onlooker
	for i := range 3 {
		who := dispatch.Viewer{Role: dispatch.RoleOperator, Account: dispatch.AccountID{UUID: uuid.UUID{byte(i + 1)}}, From: fmt.Sprint(i)}
		o := newOnlooker(who)
		onlookers = append(onlookers, o)
		h.ask(ask{viewer: o.viewer, what: askJoin})
		h.ask(ask{viewer: o.viewer, what: askSnapshot})
		h.tick(time.Now())
		o.read(t)
	}
	move(1)
	first := onlookers[0].waiting[0].parts
	for _, o := range onlookers[1:] {
		if len(o.waiting) != 1 || len(o.waiting[0].parts) != len(first) {
			t.Fatalf("%d messages a tick", len(o.waiting))
		}
		same := 0
		for _, part := range o.waiting[0].parts {
			for _, f := range first {
				if &part[0] == &f[0] {
					same++
				}
			}
		}
		if same != len(first) {
			t.Errorf("%d of %d sections are shared", same, len(first))
		}
	}
	onlookers[0].read(t)
	if size := onlookers[0].sizes[len(onlookers[0].sizes)-1]; size > 20*1000 || len(onlookers[0].picture.Patrols) != 1000 {
		t.Errorf("%d bytes for 1000 moves of %d patrols", size, len(onlookers[0].picture.Patrols))
	}
}

// A viewer that never reads holds a bounded part of what was sent, and gets the newest
// once it reads.
func TestAViewerThatNeverReadsCostsBoundedMemory(t *testing.T) {
	t.Parallel()
	x, ids, walk := crowdedTown(100)
	h := newHub(x)
	o := newOnlooker(dispatch.Viewer{Role: dispatch.RoleOperator})
	h.ask(ask{viewer: o.viewer, what: askJoin})
	h.ask(ask{viewer: o.viewer, what: askSnapshot})
	for round := range 1000 {
		for _, p := range walk(round) {
			x.Move(p)
			h.dirty[p.Patrol] = struct{}{}
		}
		h.tick(time.Now())
		if len(o.waiting) > maxTicksWaiting+1 {
			t.Fatalf("%d messages wait", len(o.waiting))
		}
	}
	if o.code != 0 {
		t.Errorf("closed with %d", o.code)
	}
	o.read(t)
	h.tick(time.Now())
	o.read(t)
	if got := o.shown()[ids[3].UUID]; len(o.picture.Patrols) != len(ids) || got.TMS != indexNow.Add(-1001*time.Millisecond).UnixMilli() {
		t.Errorf("%d patrols, one of them %+v", len(o.picture.Patrols), got)
	}
}

// One tick of a town of 2,000 in which a fifth has moved, for 20 viewers. The writers'
// part is played by letting go of what was queued.
func BenchmarkFlush(b *testing.B) {
	x, ids, walk := crowdedTown(2000)
	h := newHub(x)
	rounds := [2][]Place{walk(1), walk(2)}
	for _, p := range walk(0) {
		x.Move(p)
	}
	var onlookers []*onlooker
	for range 20 {
		o := newOnlooker(dispatch.Viewer{Role: dispatch.RoleOperator})
		onlookers = append(onlookers, o)
		h.ask(ask{viewer: o.viewer, what: askJoin})
		h.ask(ask{viewer: o.viewer, what: askSnapshot})
		h.tick(time.Now())
		o.read(b)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for k := range 400 {
			i := (n*400 + k) % len(ids)
			p := rounds[n/5%2][i]
			p.T, p.Seq = p.T.Add(time.Duration(n)*time.Microsecond), int64(n)
			x.Move(p)
			h.dirty[ids[i]] = struct{}{}
		}
		n++
		h.tick(indexNow)
		for _, o := range onlookers {
			for _, f := range o.waiting {
				f.batch.release()
			}
			clear(o.waiting)
			o.waiting, o.bytes, o.ticks = o.waiting[:0], 0, 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400/20, "ns/update/viewer")
}

// Screens that come, look elsewhere and ask for all again between two ticks cost those who
// are there nothing: whoever watches gets one frame a tick, and all are answered in it.
func TestWhoeverComesWaitsForTheTick(t *testing.T) {
	t.Parallel()
	x, ids, walk := crowdedTown(50)
	h := newHub(x)
	for _, p := range walk(0) {
		x.Move(p)
	}
	plain := func() *viewer {
		v := newViewer(&websocket.Conn{}, dispatch.Viewer{Role: dispatch.RoleOperator}, &liveStats{})
		h.ask(ask{viewer: v, what: askJoin})
		h.ask(ask{viewer: v, what: askSnapshot})
		return v
	}
	watching, other := plain(), plain()
	h.tick(time.Now())
	watching.waiting, watching.bytes = nil, 0
	there := view{box: geo.Box{West: 121, South: 28, East: 122, North: 29}}
	var came []*viewer
	for i, id := range ids[:20] {
		x.Move(Place{Patrol: id, Seq: 9, T: indexNow.Add(-time.Second), Point: geo.Point{Lon: 121.4, Lat: 28.5 + float64(i)/1e4}})
		h.dirty[id] = struct{}{}
		came = append(came, plain())
		h.ask(ask{viewer: other, what: askView, view: [2]view{there, everywhere}[i%2]})
		h.ask(ask{viewer: other, what: askSnapshot})
	}
	if n := len(watching.waiting); n != 0 {
		t.Fatalf("%d frames before the tick", n)
	}
	if len(h.due) != len(came)+2 {
		t.Errorf("%d questions wait, want one of each kind from each viewer", len(h.due))
	}
	h.tick(time.Now())
	if n := len(watching.waiting); n != 1 {
		t.Errorf("%d frames in a tick", n)
	}
	for _, v := range came {
		if len(v.waiting) == 0 || v.waiting[0].kind != "snapshot" {
			t.Fatal("who came is not shown where everybody stands")
		}
	}
}

// A district in one frame may be larger than what may wait: it is taken when nothing does.
func TestAFrameLargerThanTheBoundGoesOutAlone(t *testing.T) {
	t.Parallel()
	v := newViewer(&websocket.Conn{}, dispatch.Viewer{Role: dispatch.RoleOperator}, &liveStats{})
	v.push(frame{kind: "snapshot", rest: make([]byte, maxBytesWaiting+1)})
	if v.code != 0 || len(v.waiting) != 1 {
		t.Fatalf("closed with %d", v.code)
	}
	v.push(frame{kind: "case", rest: []byte("x")})
	if v.code != closeSlow || len(v.waiting) != 0 {
		t.Errorf("a second one behind it: closed with %d, %d wait", v.code, len(v.waiting))
	}
}
