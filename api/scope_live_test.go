package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// watch is the live channel as the service wires it.
type watch struct {
	index *realtime.Index
	bus   *realtime.LocalBus
	live  *realtime.LiveServer
}

func (x *watch) Serve(ctx context.Context, conn *websocket.Conn, who dispatch.Viewer) {
	_ = x.live.Serve(ctx, conn, who) // it has told the peer why
}

func (x *watch) open(t *testing.T, desk *dispatch.Service) api.Socket {
	x.index, x.bus = realtime.NewIndex(time.Now), realtime.NewLocalBus()
	open := true
	var err error
	x.live, err = realtime.NewLiveServer(realtime.LiveConfig{Index: x.index, Bus: x.bus, Tick: 10 * time.Millisecond,
		Cases: func(ctx context.Context, v dispatch.Viewer) ([]dispatch.Case, error) {
			page, err := desk.Cases(ctx, v, dispatch.CaseFilter{Open: &open, PageAsk: dispatch.PageAsk{Limit: 200}})
			return page.Items, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = x.live.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return x
}

// move puts a patrol a little further and lets everybody hear of it.
func (x *watch) move(id uuid.UUID, seq int64) {
	at := geo.Point{Lon: 121.3856 + float64(seq)*1e-5, Lat: 28.5856}
	if s, ok := x.index.Move(realtime.Place{Patrol: dispatch.PatrolID{UUID: id}, Device: dispatch.DeviceID{UUID: id}, Stream: id, Seq: seq, T: time.Now(), Point: at}); ok {
		x.bus.Publish(realtime.Message{Moved: &s})
	}
}

// stand registers patrols and gives each a place.
func (x *watch) stand(all ...*planted) {
	patrols := map[dispatch.PatrolID]*realtime.Patrol{}
	for _, p := range all {
		id := dispatch.PatrolID{UUID: p.patrol}
		patrols[id] = &realtime.Patrol{ID: id, District: p.unit.District, Department: p.unit.Departments[0], Mode: dispatch.Car, Areas: p.unit.Areas, Status: dispatch.Free, Version: 1}
	}
	x.index.SetPatrols(patrols)
	for _, p := range all {
		x.move(p.patrol, 0)
	}
}

func (x *watch) tell(p *planted) {
	x.bus.Publish(realtime.Message{Case: &dispatch.CaseChanged{ID: dispatch.CaseID{UUID: p.caseID}, Number: "N-" + p.name, Stage: dispatch.StageDispatched,
		Version: 9, MadeAt: t0, Patrols: []dispatch.CasePatrol{}, Scope: p.thing}})
}

// TestLiveFramesKeepToTheirScope has everybody who may watch stand before one map on
// real sockets while all patrols move and all cases change, the foreign ones first.
// When the viewer's own show, the foreign ones would have.
func TestLiveFramesKeepToTheirScope(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]struct {
		down     bool
		protocol string
	}{
		"both walls": {false, realtime.LiveSubprotocol}, "the queries alone": {true, realtime.LiveSubprotocol}, "in binary": {true, liveframe.Subprotocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &watch{}
			w := setupScope(t, func(desk *dispatch.Service) api.Socket { return x.open(t, desk) })
			if how.down {
				pgtest.WallDown(t, w.db)
			}
			liveFramesKeepToTheirScope(t, x, w, how.protocol)
		})
	}
}

// dialLive opens the live channel with a token.
func (w *scopeWorld) dialLive(t *testing.T, token, protocol string) (*websocket.Conn, int) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{protocol}}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/ws/live", http.Header{"Authorization": {"Bearer " + token}})
	if response == nil {
		t.Fatal(err)
	}
	return conn, response.StatusCode
}

func liveFramesKeepToTheirScope(t *testing.T, x *watch, w *scopeWorld, protocol string) {
	seen := w.own(w.visitors[dispatch.RoleOperator], false)
	x.stand(append(w.foreign, seen)...)
	all := func(seq int64) {
		for _, p := range append(w.foreign, seen) {
			x.move(p.patrol, seq)
			x.tell(p)
		}
	}
	all(1)
	for _, role := range roles {
		v := w.visitors[role]
		if !dispatch.May(v.Viewer, dispatch.ActWatchLive) {
			r := w.do(call{path: "/ws/live", token: v.token})
			if r.status != http.StatusForbidden {
				t.Errorf("%s opens the live channel: %d", role, r.status)
			}
			continue
		}
		conn, status := w.dialLive(t, v.token, protocol)
		if conn == nil || conn.Subprotocol() != protocol {
			t.Fatalf("%s: opens with %d", role, status)
		}
		heard := w.listen(conn, role, `"type":"snapshot"`, seen.caseID.String())
		if protocol == liveframe.Subprotocol {
			heard += w.listen(conn, role, `"afresh":true`, seen.patrol.String())
		} else if !strings.Contains(heard, seen.patrol.String()) {
			t.Errorf("%s: the snapshot does not show its patrol", role)
		}
		seq := int64(len(roles))
		for i, r := range roles {
			if r == role {
				seq += int64(i)
			}
		}
		all(seq)
		if protocol == liveframe.Subprotocol {
			heard += w.listen(conn, role, `"type":"delta"`) // by its number
		} else {
			heard += w.listen(conn, role, `"type":"delta"`, seen.patrol.String())
		}
		all(seq + 100)
		heard += w.listen(conn, role, `"type":"case"`, seen.caseID.String())
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"view","bbox":[121,28,122,29],"zoom":12}`)); err != nil {
			t.Fatal(err)
		}
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"resync"}`)); err != nil {
			t.Fatal(err)
		}
		heard += w.listen(conn, role, `"type":"snapshot"`, seen.caseID.String())
		conn.Close()
		for _, p := range w.foreign {
			for _, mark := range p.marks(v.Viewer) {
				if strings.Contains(heard, mark) {
					t.Errorf("%s: live frames tell of %s, which is %s", role, mark, p.name)
				}
			}
		}
	}
}

// listen reads frames until one holds all the words, and answers all it read.
func (w *scopeWorld) listen(conn *websocket.Conn, role dispatch.Role, words ...string) string {
	w.t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	var heard strings.Builder
	for {
		kind, frame, err := conn.ReadMessage()
		if err != nil {
			w.t.Fatalf("%s: waits for %v: %v", role, words, err)
		}
		text := string(frame)
		if kind == websocket.BinaryMessage {
			text = spelt(w.t, frame)
		}
		heard.WriteString(text)
		here := true
		for _, word := range words {
			here = here && strings.Contains(text, word)
		}
		if here {
			return heard.String()
		}
	}
}

// spelt is a binary message as words.
func spelt(t *testing.T, frame []byte) string {
	t.Helper()
	m, err := liveframe.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"type":"delta","afresh":%v`, m.Afresh)
	for _, s := range m.Sections {
		for _, p := range s.Full {
			text += fmt.Sprintf(" %d is %s", p.Number, p.ID)
		}
	}
	return text + "}"
}

// Whoever is moved to another town, made another role, or shut out is seen by the
// live channel at once: their socket ends, and the next shows what they may see now.
func TestAChangeOfScopeReachesTheLiveChannel(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{realtime.LiveSubprotocol, liveframe.Subprotocol} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			aChangeOfScopeReachesTheLiveChannel(t, protocol)
		})
	}
}

func aChangeOfScopeReachesTheLiveChannel(t *testing.T, protocol string) {
	x := &watch{}
	w := setupScope(t, func(desk *dispatch.Service) api.Socket { return x.open(t, desk) })
	w.watch()
	away, home := w.foreign[0], w.own(w.visitors[dispatch.RoleOfficer], false)
	x.stand(away, home)
	for _, change := range []struct {
		what, query string
		status      int // of the next try to open
		sees        *planted
	}{
		{"another town", `UPDATE accounts SET area_code = '331004002' WHERE id = $1`, http.StatusSwitchingProtocols, away},
		{"home again", `UPDATE accounts SET area_code = '331004001' WHERE id = $1`, http.StatusSwitchingProtocols, home},
		// Whose patrol one is in decides which covert cases one sees.
		{"taken out of the patrol", `UPDATE patrol_members SET valid = tstzrange(lower(valid), gp_now()) WHERE staff_id = (SELECT staff_id FROM accounts WHERE id = $1)`, http.StatusSwitchingProtocols, home},
		{"in the patrol again", `INSERT INTO patrol_members (patrol_id, staff_id, valid) SELECT patrol_id, staff_id, tstzrange(upper(valid), NULL) FROM patrol_members WHERE staff_id = (SELECT staff_id FROM accounts WHERE id = $1)`, http.StatusSwitchingProtocols, home},
		{"a role that watches nothing", `UPDATE accounts SET role = 'grid_worker' WHERE id = $1`, http.StatusForbidden, nil},
		{"an officer again", `UPDATE accounts SET role = 'officer' WHERE id = $1`, http.StatusSwitchingProtocols, home},
		{"shut out", `UPDATE accounts SET disabled_at = gp_now() WHERE id = $1`, http.StatusUnauthorized, nil},
	} {
		v := w.visitors[dispatch.RoleOfficer]
		before, status := w.dialLive(t, v.token, protocol)
		if before != nil {
			w.listen(before, v.Role, `"type":"snapshot"`)
		} else if status != http.StatusForbidden {
			t.Fatalf("%s: not open before: %d", change.what, status)
		}
		w.exec(change.query, v.Account)
		if before != nil {
			if err := before.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil { // until the socket ends
				_, _, err = before.ReadMessage()
			}
			if !websocket.IsCloseError(err, 4001) {
				t.Errorf("%s: the socket ended with %v, want 4001", change.what, err)
			}
			before.Close()
		}
		after, status := w.dialLive(t, v.token, protocol)
		if status != change.status {
			t.Errorf("%s: opens with %d, want %d", change.what, status, change.status)
		}
		if after == nil {
			continue
		}
		heard := w.listen(after, v.Role, `"type":"snapshot"`)
		if protocol == liveframe.Subprotocol {
			heard += w.listen(after, v.Role, `"afresh":true`)
		}
		after.Close()
		for _, p := range []*planted{away, home} {
			if strings.Contains(heard, p.patrol.String()) != (p == change.sees) {
				t.Errorf("%s: the snapshot shows the patrol of %s: %v", change.what, p.name, p != change.sees)
			}
			if strings.Contains(heard, p.caseID.String()) != (p == change.sees) {
				t.Errorf("%s: the snapshot shows %s: %v", change.what, p.name, p != change.sees)
			}
		}
	}
}
