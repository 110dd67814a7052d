package realtime

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// A followed patrol goes out of the view and comes back, step by step, while dots are
// shown and while cells are counted: it is on the picture all the time, where it is, and
// told by one cell or apart, never by both.
func TestAFollowedPatrolIsToldOnceWhereverItGoes(t *testing.T) {
	t.Parallel()
	x, ids := fleet(2, "police")
	h := newHub(x)
	o := newOnlooker(dispatch.Viewer{Role: dispatch.RoleOperator})
	home := geo.Box{West: 121.3, South: 28.5, East: 121.4, North: 28.6}
	o.view = view{box: home, zoom: 13}
	o.view.following([]uuid.UUID{ids[0].UUID})
	h.ask(ask{viewer: o.viewer, what: askJoin})
	h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
	h.ask(ask{viewer: o.viewer, what: askSnapshot})
	apart, inside := 0, 0
	for step := range 120 {
		lon := 121.35 + 0.004*float64(min(step%60, 60-step%60)) // to 121.47 and back
		for i, id := range ids {
			x.Move(Place{Patrol: id, Seq: int64(step), T: indexNow.Add(time.Duration(step-121) * 100 * time.Millisecond), HeadingDeg: 90, Point: geo.Point{Lon: lon, Lat: 28.55 + float64(i)/1000}})
			h.dirty[id] = struct{}{}
		}
		if step == 60 {
			o.view.zoom = 8
			h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
		}
		h.tick(time.Now())
		o.read(t)
		if got := o.shown()[ids[0].UUID]; got.Point.Lon < lon-1e-6 || got.Point.Lon > lon+1e-6 {
			t.Fatalf("step %d: shown at %g, stands at %g", step, got.Point.Lon, lon)
		}
		told := 0
		for _, p := range h.land.windows[o.viewer].panes {
			if _, shown := p.shown[h.land.units[ids[0]]]; shown && p.spot.res == dotRes {
				told++
				if p.spot.ground.Cell == 0 {
					apart++
				} else {
					inside++
				}
			}
		}
		if told != 1 {
			t.Fatalf("step %d: told by %d panes", step, told)
		}
	}
	if apart < 60 || inside < 20 {
		t.Errorf("%d steps apart and %d inside: the walk does not try both", apart, inside)
	}
	o.view.following(nil)
	h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
	h.tick(time.Now())
	o.read(t)
	if len(o.shown()) != 0 {
		t.Errorf("%d are shown when nobody is followed", len(o.shown()))
	}
}

func TestWhatAViewMayAskFor(t *testing.T) {
	t.Parallel()
	many := make([]byte, 0, 4<<10)
	for range maxFollowed + 1 {
		many = append(many, `,"01a20000-0000-7000-8000-000000000001"`...)
	}
	for message, want := range map[string]string{
		`{"type":"view","bbox":[1,2,3,4],"follow":["x"]}`:                        "follow: number 1 is not the id of a patrol",
		`{"type":"view","bbox":[1,2,3,4],"follow":[` + string(many[1:]) + `]}`:   "follow: 65 patrols; at most 64 can be followed",
		`{"type":"view","bbox":[1,2,3,4],"follow":[1]}`:                          "not a message: an object with type, bbox, zoom, follow and totals is expected",
		`{"type":"view","bbox":[1,2,3,4],"totals":"yes"}`:                        "not a message: an object with type, bbox, zoom, follow and totals is expected",
		`{"type":"view","bbox":[1,2,3,4],"follow":[` + string(many[40:]) + `]}`:  "",
		`{"type":"view","bbox":[1,2,3,4],"zoom":9,"totals":true,"follow":null}`:  "",
		`{"type":"view","bbox":[1,2,3,4],"zoom":9,"something of tomorrow":true}`: "",
	} {
		got := ""
		if _, err := decodeViewer(websocket.TextMessage, []byte(message)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.60s: %q, want %q", message, got, want)
		}
		if len(message) > maxViewerMessageBytes {
			t.Errorf("%d bytes are more than a viewer may send", len(message))
		}
	}
	var one, other view
	a, b := uuid.New(), uuid.New()
	one.following([]uuid.UUID{a, b})
	other.following([]uuid.UUID{b, a, b})
	if one != other || len(one.followed()) != 2 {
		t.Errorf("%v and %v follow the same", one.followed(), other.followed())
	}
}

// Whoever is told of and gone again before the next flush is told of no more: a screen
// that asked to follow them before its first snapshot, and one that stops following them
// in the moment in which they leave what it looks at.
func TestWhoIsGoneInTheSameFlushIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	away := geo.Point{Lon: 121.9, Lat: 28.9}
	near := geo.Point{Lon: 121.35, Lat: 28.55}
	for _, c := range []struct {
		what string
		from geo.Point
		goes func(h *hub, x *Index, o *onlooker, id dispatch.PatrolID)
	}{
		{"off duty", away, func(h *hub, x *Index, o *onlooker, id dispatch.PatrolID) {
			x.Apply(dispatch.PatrolChanged{ID: id, Status: dispatch.OffDuty, Version: 100})
		}},
		{"followed no more", near, func(h *hub, x *Index, o *onlooker, id dispatch.PatrolID) {
			x.Move(Place{Patrol: id, Seq: 2, T: indexNow.Add(-time.Second), HeadingDeg: 90, Point: away})
			o.view.following(nil)
			h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
		}},
	} {
		x, ids := fleet(2, "police")
		h := newHub(x)
		x.Move(Place{Patrol: ids[0], Seq: 1, T: indexNow.Add(-time.Minute), HeadingDeg: 90, Point: c.from})
		h.dirty[ids[0]] = struct{}{}
		o := newOnlooker(dispatch.Viewer{Role: dispatch.RoleOperator})
		o.view = view{box: geo.Box{West: 121.3, South: 28.5, East: 121.4, North: 28.6}, zoom: 13}
		o.view.following([]uuid.UUID{ids[0].UUID})
		h.ask(ask{viewer: o.viewer, what: askJoin})
		h.ask(ask{viewer: o.viewer, what: askView, view: o.view})
		h.ask(ask{viewer: o.viewer, what: askSnapshot})
		h.tick(time.Now())
		o.read(t)
		if _, shown := o.shown()[ids[0].UUID]; !shown {
			t.Fatalf("%s: not shown at first", c.what)
		}
		c.goes(h, x, o, ids[0])
		h.dirty[ids[0]] = struct{}{}
		h.tick(time.Now())
		o.read(t)
		if p, shown := o.shown()[ids[0].UUID]; shown {
			t.Errorf("%s: still shown: %+v", c.what, p)
		}
	}
}
