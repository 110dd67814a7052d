package api_test

import (
	"context"
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

func (x *watch) tell(p *planted) {
	x.bus.Publish(realtime.Message{Case: &dispatch.CaseChanged{ID: dispatch.CaseID{UUID: p.caseID}, Number: "N-" + p.name, Stage: dispatch.StageDispatched,
		Version: 9, MadeAt: t0, Patrols: []dispatch.CasePatrol{}, Scope: p.thing}})
}

// TestLiveFramesKeepToTheirScope has everybody who may watch stand before one map on
// real sockets while all patrols move and all cases change, the foreign ones first.
// When the viewer's own show, the foreign ones would have.
func TestLiveFramesKeepToTheirScope(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"both walls": false, "the queries alone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &watch{}
			w := setupScope(t, func(desk *dispatch.Service) api.Socket { return x.open(t, desk) })
			if down {
				pgtest.WallDown(t, w.db)
			}
			liveFramesKeepToTheirScope(t, x, w)
		})
	}
}

func liveFramesKeepToTheirScope(t *testing.T, x *watch, w *scopeWorld) {
	seen := w.own(w.visitors[dispatch.RoleOperator], false)
	patrols := map[dispatch.PatrolID]*realtime.Patrol{}
	for _, p := range append(w.foreign, seen) {
		id := dispatch.PatrolID{UUID: p.patrol}
		patrols[id] = &realtime.Patrol{ID: id, District: p.unit.District, Department: p.unit.Departments[0], Mode: dispatch.Car, Areas: p.unit.Areas, Status: dispatch.Free, Version: 1}
	}
	x.index.SetPatrols(patrols)
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
		conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/ws/live", http.Header{"Authorization": {"Bearer " + v.token}})
		if err != nil {
			t.Fatalf("%s: %v (%v)", role, err, response)
		}
		heard := w.listen(conn, role, `"type":"snapshot"`, seen.patrol.String(), seen.caseID.String())
		seq := int64(len(roles))
		for i, r := range roles {
			if r == role {
				seq += int64(i)
			}
		}
		all(seq)
		heard += w.listen(conn, role, `"type":"delta"`, seen.patrol.String())
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
		_, frame, err := conn.ReadMessage()
		if err != nil {
			w.t.Fatalf("%s: waits for %v: %v", role, words, err)
		}
		heard.Write(frame)
		here := true
		for _, word := range words {
			here = here && strings.Contains(string(frame), word)
		}
		if here {
			return heard.String()
		}
	}
}

// Whoever is moved to another town, made another role, or shut out is seen by the
// live channel at once: their socket ends, and the next shows what they may see now.
func TestAChangeOfScopeReachesTheLiveChannel(t *testing.T) {
	t.Parallel()
	x := &watch{}
	w := setupScope(t, func(desk *dispatch.Service) api.Socket { return x.open(t, desk) })
	w.watch()
	away, home := w.foreign[0], w.own(w.visitors[dispatch.RoleOfficer], false)
	for _, change := range []struct {
		what, query string
		status      int // of the next try to open
		sees        *planted
	}{
		{"another town", `UPDATE accounts SET area_code = '331004002' WHERE id = $1`, http.StatusSwitchingProtocols, away},
		{"home again", `UPDATE accounts SET area_code = '331004001' WHERE id = $1`, http.StatusSwitchingProtocols, home},
		{"a role that watches nothing", `UPDATE accounts SET role = 'grid_worker' WHERE id = $1`, http.StatusForbidden, nil},
		{"an officer again", `UPDATE accounts SET role = 'officer' WHERE id = $1`, http.StatusSwitchingProtocols, home},
		{"shut out", `UPDATE accounts SET disabled_at = gp_now() WHERE id = $1`, http.StatusUnauthorized, nil},
	} {
		v := w.visitors[dispatch.RoleOfficer]
		dial := func() (*websocket.Conn, int) {
			conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/ws/live", http.Header{"Authorization": {"Bearer " + v.token}})
			if response == nil {
				t.Fatalf("%s: %v", change.what, err)
			}
			return conn, response.StatusCode
		}
		before, status := dial()
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
		after, status := dial()
		if status != change.status {
			t.Errorf("%s: opens with %d, want %d", change.what, status, change.status)
		}
		if after == nil {
			continue
		}
		heard := w.listen(after, v.Role, `"type":"snapshot"`)
		after.Close()
		for _, p := range []*planted{away, home} {
			if strings.Contains(heard, p.caseID.String()) != (p == change.sees) {
				t.Errorf("%s: the snapshot shows %s: %v", change.what, p.name, p != change.sees)
			}
		}
	}
}
