package realtime_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconcheck"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
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

// A device whose patrol is off duty has every good fix rejected: no step that sends one
// may say ok, whether it looks at the acknowledgement alone or not.
func TestStepsSayWhenGoodFixesAreRejected(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	realtimetest.Exec(t, b.db, `DELETE FROM duties`)
	_, wrong := stepsOf(t, beaconcheck.Config{URL: b.node.url + "/ws/beacon", Token: b.units[0].Device.String(), Now: b.clock.now})
	for _, protocol := range []string{"json: ", "bin: "} {
		for _, step := range []string{"a burst", "what is sent again", "what lies beyond a hole", "a new socket", "a fix from the future", "a place that cannot be"} {
			if !slices.ContainsFunc(wrong, func(w string) bool {
				return strings.HasPrefix(w, protocol+step) && strings.Contains(w, "off duty")
			}) {
				t.Errorf("%s%s: fixes off duty were called good", protocol, step)
			}
		}
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
