package realtime_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconcheck"
)

func stepsOf(t *testing.T, c beaconcheck.Config) (all, wrong []string) {
	t.Helper()
	c.Lon, c.Lat = 121.38, 28.58
	err := beaconcheck.Steps(t.Context(), c, func(s beaconcheck.Step) {
		all = append(all, s.Name)
		if s.Wrong != "" {
			wrong = append(wrong, s.Name+": "+s.Wrong)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, wrong
}

func TestOurOwnServiceConforms(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	all, wrong := stepsOf(t, beaconcheck.Config{URL: b.node.url + "/ws/beacon", Token: b.units[0].Device.String(), Now: b.clock.now})
	// The harness has no door that knows tokens.
	if len(wrong) != 1 || !strings.Contains(wrong[0], "401") {
		t.Errorf("wrong: %q", wrong)
	}
	if len(all) != 23 {
		t.Errorf("%d steps", len(all))
	}
}

// A service that upgrades and then acknowledges whatever comes is found out.
func TestAServiceThatSaysYesToAllIsFoundOut(t *testing.T) {
	t.Parallel()
	upgrader := realtime.BeaconUpgrader()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			m, err := beacon.DecodeUp(message)
			start, is := m.(beacon.Start)
			switch {
			case kind == websocket.TextMessage && err == nil && is:
				_ = conn.WriteMessage(websocket.TextMessage, beacon.Append(nil, beacon.Hello{Stream: start.Stream, IntervalS: 5, ServerTime: time.Now()}))
			case err != nil && kind == websocket.TextMessage:
				return
			default:
				_ = conn.WriteMessage(websocket.TextMessage, beacon.Append(nil, beacon.Ack{Seq: 3}))
			}
		}
	}))
	t.Cleanup(server.Close)
	all, wrong := stepsOf(t, beaconcheck.Config{URL: "ws" + strings.TrimPrefix(server.URL, "http"), Token: "good", Within: time.Second})
	// Right are the refusal, and for both the hello and the burst.
	if len(all)-len(wrong) != 5 {
		t.Errorf("%d of %d steps went wrong: %q", len(wrong), len(all), wrong)
	}
}
