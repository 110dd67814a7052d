package realtime_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// wall is a screen that speaks binary.
type wall struct {
	*phone
	seq     int64
	picture *liveframe.Picture
}

func (n *node) wall(t *testing.T, who dispatch.Viewer) *wall {
	t.Helper()
	viewer, err := json.Marshal(who)
	if err != nil {
		t.Fatal(err)
	}
	return &wall{phone: n.dialAs(t, liveframe.Subprotocol, "/ws/live", http.Header{"Viewer": {string(viewer)}}), picture: liveframe.NewPicture()}
}

// step reads one message, whose number must follow the one before: text is answered.
func (w *wall) step() (text liveFrame, isText bool) {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	kind, message, err := w.conn.ReadMessage()
	if err != nil {
		w.t.Fatal(err)
	}
	w.seq++
	if kind == websocket.TextMessage {
		if err := json.Unmarshal(message, &text); err != nil || text.Seq != w.seq {
			w.t.Fatalf("%s: %v, want number %d", message, err, w.seq)
		}
		return text, true
	}
	m, err := liveframe.Decode(message)
	if err == nil {
		err = w.picture.Apply(m)
	}
	if err != nil || int64(m.Seq) != w.seq {
		w.t.Fatalf("message %d: %v, want number %d", m.Seq, err, w.seq)
	}
	return liveFrame{}, false
}

func (w *wall) until(good func(*liveframe.Patrol) bool, of realtimetest.Unit) {
	w.t.Helper()
	for {
		var at *liveframe.Patrol
		for _, p := range w.picture.Patrols {
			if p.ID == of.Patrol.UUID {
				at = &p
			}
		}
		if good(at) {
			return
		}
		w.step()
	}
}

// The whole way: from a phone's fix to what a screen knows, through both kinds of
// message under one count.
func TestAWallSpeaksBinary(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	u := b.units[0]
	p, _ := b.node.open(t, u, uuid.New(), 1)
	now := b.clock.now()
	p.fixes(at(1, now.Add(-time.Second)))
	p.ack(1)
	w := b.node.wall(t, operator)
	if f, text := w.step(); !text || f.Type != "snapshot" || f.Cases == nil || f.Patrols != nil {
		t.Fatalf("%+v", f)
	}
	w.step()
	w.until(func(p *liveframe.Patrol) bool {
		return p != nil && p.Point.Lon == 121.38001 && p.HeadingDeg == 90 && p.T().Equal(now.Add(-time.Second).Truncate(time.Millisecond))
	}, u)
	for i := range int64(5) {
		b.node.beacons.Announce(dispatch.Announcement{Case: &dispatch.CaseChanged{Number: "2026-1", Version: i, Scope: dispatch.Thing{District: district}}})
		p.fixes(at(2+i, b.clock.now()))
	}
	w.until(func(p *liveframe.Patrol) bool { return p != nil && p.Point.Lon > 121.380059 }, u)
	w.send(`{"type":"view","bbox":[10,28,11,29],"zoom":13}`)
	w.until(func(p *liveframe.Patrol) bool { return p == nil }, u)
	w.send(`{"type":"view","bbox":[121,28,122,29],"zoom":8}`)
	for len(w.picture.Counts) != 1 || len(w.picture.Patrols) != 0 {
		w.step()
	}
	w.send(`{"type":"view","bbox":[121,28,122,29],"zoom":12.5}`)
	w.until(func(p *liveframe.Patrol) bool { return p != nil }, u)
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: u.Patrol, Status: dispatch.OffDuty, Version: 3}})
	w.until(func(p *liveframe.Patrol) bool { return p == nil }, u)
	w.send(`{"type":"resync"}`)
	for {
		if f, text := w.step(); text && f.Type == "snapshot" {
			break
		}
	}
}
