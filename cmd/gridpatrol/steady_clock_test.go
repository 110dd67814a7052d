package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

// The clock tells the database's time to within what it was last told to be off, and
// goes back only where it was off by more than a node may be.
func TestSteadyClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		local := time.Now()
		clock := newSteadyClock(func() time.Time { return local })
		clock.set(0, 0)
		ahead := time.Duration(0) // of local, before the database's
		last := clock.now()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			step := time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "step"))
			local = local.Add(step)
			may := time.Duration(0)
			if rapid.Bool().Draw(t, "measured") {
				ahead = time.Duration(rapid.Int64Range(-int64(5*time.Minute), int64(5*time.Minute)).Draw(t, "ahead"))
				give := time.Duration(rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "give"))
				was := clock.now()
				clock.set(ahead, give)
				right := local.Add(-ahead)
				if may = was.Sub(right); may <= tooFarOff {
					may = 0
					if now := clock.now(); now.Sub(right).Abs() > give && !now.Equal(was) {
						t.Fatalf("it is %v off and does not stand", now.Sub(right))
					}
				} else if now := clock.now(); now.Sub(right).Abs() > give {
					t.Fatalf("it is %v off", now.Sub(right))
				}
			}
			now := clock.now()
			if now.Before(last) && last.Sub(now) > may {
				t.Fatalf("it went back by %v", last.Sub(now))
			}
			last = now
		}
	})
}

// A node whose clock is wrong judges fixes by the database's all the same, is not ready,
// and says what to do about it.
func TestANodeWhoseClockIsWrongKeepsGoodFixes(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-3 * time.Minute, 20 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			unit := realtimetest.Lay(t, db, 1, time.Now())[0]
			r := runNode(t, db, serveConfig{local: func() time.Time { return time.Now().Add(off) }})
			conn := r.beacon(t, unit)
			now := time.Now()
			var fixes []beacon.Fix
			for seq := range int64(3) {
				fixes = append(fixes, beacon.Fix{Seq: seq + 1, T: now.Add(time.Duration(seq-3) * time.Second), Lon: 121.38, Lat: 28.58, AccuracyM: 8, SpeedMS: 1, Battery: 0.5})
			}
			message, _ := beacon.AppendFixes(nil, fixes)
			if err := conn.WriteMessage(websocket.TextMessage, message); err != nil {
				t.Fatal(err)
			}
			for {
				_, said, err := conn.ReadMessage()
				if err != nil {
					t.Fatal(err)
				}
				down, err := beacon.DecodeDown(said)
				if err != nil {
					t.Fatal(err)
				}
				if reject, ok := down.(beacon.Reject); ok {
					t.Fatalf("a good fix was refused: %+v", reject)
				}
				if ack, ok := down.(beacon.Ack); ok && ack.Seq == 3 {
					break
				}
			}
			var kept, doubtful int
			if err := db.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE verdict IS NOT NULL) FROM tracks`).Scan(&kept, &doubtful); err != nil {
				t.Fatal(err)
			}
			if kept != 3 || doubtful != 0 {
				t.Errorf("%d fixes are kept, %d with a doubt", kept, doubtful)
			}
			status, body := get(t, r.url+"/readyz")
			if status != http.StatusServiceUnavailable || !strings.Contains(body, `"/clock"`) || !strings.Contains(body, "timedatectl set-ntp true") {
				t.Errorf("/readyz is %d: %s", status, body)
			}
		})
	}
}

// beacon opens a unit's socket and starts a stream on it.
func (r *running) beacon(t *testing.T, unit realtimetest.Unit) *websocket.Conn {
	t.Helper()
	var code string
	if err := r.env.DB.QueryRow(t.Context(), `SELECT code FROM devices WHERE id = $1`, unit.Device.UUID).Scan(&code); err != nil {
		t.Fatal(err)
	}
	_, token, err := pgauth.New(r.env.DB, pgauth.Config{}).CreateToken(t.Context(), pgauth.Owner{DeviceCode: code}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{Subprotocols: []string{beacon.Subprotocol}}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(r.url, "http")+"/ws/beacon", http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err, response)
	}
	t.Cleanup(func() { conn.Close() })
	start := beacon.AppendStart(nil, beacon.Start{Stream: uuid.New(), LowestHeld: 1})
	if err := conn.WriteMessage(websocket.TextMessage, start); err != nil {
		t.Fatal(err)
	}
	return conn
}
