package realtime_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

func TestAcknowledgedIsOnDisk(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now := b.clock.now()
	p, hello := b.node.open(t, b.units[0], uuid.New(), 1)
	if hello.Acked != 0 || hello.IntervalS != 5 {
		t.Errorf("hello %+v", hello)
	}
	p.fixes(at(1, now.Add(-2*time.Second)), at(2, now.Add(-time.Second)), at(3, now))
	if ack, rejects := p.ack(3); ack.Seq != 3 || ack.Also != nil || rejects != nil {
		t.Errorf("%+v, rejects %+v", ack, rejects)
	}
	b.want(3, `SELECT count(*) FROM tracks WHERE patrol_id = $1 AND verdict IS NULL AND cell <> 0`, b.units[0].Patrol.UUID)
	b.want(3, `SELECT acked FROM beacon_streams`)
	pos, seen := b.node.index.Position(b.units[0].Patrol)
	if !seen || !pos.T.Equal(now) || pos.Presence != dispatch.Online {
		t.Errorf("the live dot: %+v, %v", pos, seen)
	}
}

func TestReplayChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now, stream := b.clock.now(), uuid.New()
	burst := []beacon.Fix{at(1, now.Add(-2*time.Second)), at(2, now.Add(-time.Second)), at(3, now)}
	for range 3 {
		p, _ := b.node.open(t, b.units[0], stream, 1)
		for range 2 {
			p.fixes(burst...)
			p.ack(3)
		}
		p.conn.Close()
	}
	b.want(3, `SELECT count(*) FROM tracks`)
	// A second install begins at 1 again and is another stream.
	p, hello := b.node.open(t, b.units[0], uuid.New(), 1)
	if hello.Acked != 0 {
		t.Errorf("a new install is told that %d is safe", hello.Acked)
	}
	p.fixes(burst...)
	p.ack(3)
	b.want(6, `SELECT count(*) FROM tracks`)
}

func TestHoles(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now, stream := b.clock.now(), uuid.New()
	p, _ := b.node.open(t, b.units[0], stream, 1)
	p.fixes(at(1, now), at(2, now), at(5, now), at(6, now), at(9, now))
	ack, _ := p.ack(2)
	if d := cmp.Diff(beacon.Ack{Seq: 2, Also: []beacon.Range{{First: 5, Last: 6}, {First: 9, Last: 9}}}, ack); d != "" {
		t.Error(d)
	}
	p.conn.Close()
	// What is known survives the socket, and the device may fill a hole...
	p, hello := b.node.open(t, b.units[0], stream, 3)
	if hello.Acked != 2 {
		t.Errorf("hello acked %d, want 2", hello.Acked)
	}
	if ack := hear[beacon.Ack](p); len(ack.Also) != 2 {
		t.Errorf("after the hello: %+v", ack)
	}
	p.fixes(at(3, now), at(4, now))
	if ack, _ := p.ack(6); ack.Seq != 6 {
		t.Errorf("%+v", ack)
	}
	// ... or let it go.
	p.send(string(beacon.AppendStart(nil, beacon.Start{Stream: stream, LowestHeld: 8})))
	if hello := hear[beacon.Hello](p); hello.Acked != 7 {
		t.Errorf("hello acked %d, want 7", hello.Acked)
	}
	p.ack(7)
	p.fixes(at(8, now))
	p.ack(9)
	b.want(8, `SELECT count(*) FROM tracks`)
	b.want(0, `SELECT cardinality(beyond) FROM beacon_streams`)
}

func TestALateFixMovesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now := b.clock.now()
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, now.Add(-5*time.Minute)))
	p.ack(1)
	if pos, seen := b.node.index.Position(b.units[0].Patrol); seen {
		t.Errorf("a late fix set the live dot: %+v", pos)
	}
	p.fixes(at(3, now), at(2, now.Add(-time.Minute)))
	p.ack(3)
	if pos, _ := b.node.index.Position(b.units[0].Patrol); !pos.T.Equal(now) {
		t.Errorf("the live dot stands at %s, want %s", pos.T, now)
	}
	b.want(2, `SELECT count(*) FROM tracks WHERE verdict = 'late' AND seq IN (1, 2)`)
	b.want(1, `SELECT count(*) FROM tracks WHERE verdict IS NULL AND seq = 3`)
}

func TestRejectsByName(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now := b.clock.now()
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.send(`{"type":"fixes","fixes":[` + strings.Join([]string{
		raw(1, now, "121.38", "28.58"),
		raw(2, now.Add(time.Hour), "121.38", "28.58"),
		raw(3, now, "0", "0"),
		raw(4, now, "28.58", "121.38"),
		raw(5, now, `"east"`, "28.58"),
		raw(6, now.AddDate(0, 0, -8), "121.38", "28.58"),
		raw(7, now.Add(-13*time.Hour), "121.38", "28.58"),
		raw(8, now.AddDate(0, 0, -31), "121.38", "28.58"),
		`{"seq":9,"lon":121.38,"lat":28.58}`,
		raw(10, now, "121.3801", "28.58"),
	}, ",") + `]}`)
	_, rejects := p.ack(10)
	got := map[int64]beacon.Code{}
	for _, r := range rejects {
		got[r.Seq] = r.Code
		if r.Detail == "" {
			t.Errorf("%d is rejected without a word", r.Seq)
		}
	}
	want := map[int64]beacon.Code{2: beacon.Future, 3: beacon.NullIsland, 4: beacon.BadCoordinate, 5: beacon.BadCoordinate,
		6: beacon.TooOld, 7: beacon.OffDuty, 8: beacon.TooOld, 9: beacon.BadField}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b.want(2, `SELECT count(*) FROM tracks`)
	b.want(3, `SELECT count(*) FROM quarantined_fixes`)
	b.want(1, `SELECT count(*) FROM quarantined_fixes WHERE lon IS NOT NULL`) // on duty in an hour, not eight days ago
	b.want(1, `SELECT sum(fixes) FROM off_duty_counts`)
	// Said again, nothing is counted twice.
	p.send(`{"type":"fixes","fixes":[` + raw(7, now.Add(-13*time.Hour), "121.38", "28.58") + `]}`)
	p.ack(10)
	b.want(1, `SELECT sum(fixes) FROM off_duty_counts`)
}

// What is doubtful about the fixes that are kept is counted by its name, and what can be
// mended on the device is noted with its stream.
func TestDoubtsAreCountedAndNoted(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	now := b.clock.now()
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	coarse, mock, both := at(2, now.Add(-2*time.Second)), at(3, now.Add(-time.Second)), at(4, now)
	coarse.AccuracyM, both.AccuracyM = 900, 900
	mock.Mock, both.Mock = true, true
	p.fixes(at(1, now.Add(-3*time.Second)), coarse)
	p.ack(2)
	b.want(0, `SELECT count(*) FROM beacon_streams WHERE doubts IS NOT NULL`)
	p.fixes(mock, both)
	p.ack(4)
	b.want(1, `SELECT count(*) FROM beacon_streams WHERE doubts = 'mock' AND doubted_at = written_at`)
	want := map[string]int64{"accuracy": 2, "mock": 2, "jump": 0, "frozen": 0, "late": 0, "gcj02": 0, "bd09": 0}
	if d := cmp.Diff(want, b.node.beacons.Stats().Doubtful); d != "" {
		t.Error(d)
	}
}

func TestUnboundDevice(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	realtimetest.Exec(t, b.db, `DELETE FROM device_bindings`)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	if _, rejects := p.ack(1); len(rejects) != 1 || rejects[0].Code != beacon.UnknownDevice {
		t.Errorf("%+v", rejects)
	}
}

// Duty is judged by what the register says when the batch is written, not by what
// was in memory when the fix came.
func TestDutyThatHasJustChanged(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	p.fixes(at(1, b.clock.now()))
	p.ack(1)
	ended := b.clock.now().Add(-time.Millisecond)
	realtimetest.Exec(t, b.db, `UPDATE duties SET during = tstzrange(lower(during), $1)`, ended)
	p.fixes(at(2, b.clock.now()))
	if _, rejects := p.ack(2); len(rejects) != 1 || rejects[0].Code != beacon.OffDuty {
		t.Errorf("right after the duty ended: %+v", rejects)
	}
	b.want(1, `SELECT count(*) FROM tracks`)
	realtimetest.Exec(t, b.db, `UPDATE duties SET during = tstzrange(lower(during), NULL)`)
	again := b.clock.now()
	p.fixes(at(3, again))
	if _, rejects := p.ack(3); len(rejects) != 0 {
		t.Errorf("right after the duty began: %+v", rejects)
	}
	if pos, _ := b.node.index.Position(b.units[0].Patrol); !pos.T.Equal(again) {
		t.Errorf("the live dot stands at %s, want %s", pos.T, again)
	}
	// The burst from on-duty minutes is kept although the duty is over.
	realtimetest.Exec(t, b.db, `UPDATE duties SET during = tstzrange(lower(during), $1)`, ended)
	p.fixes(at(4, ended.Add(-time.Minute)))
	if _, rejects := p.ack(4); len(rejects) != 0 {
		t.Errorf("a burst from on-duty minutes: %+v", rejects)
	}
}

func TestProtocolFaults(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	// Each has a stream of its own: they run side by side, and the newest socket of one
	// stream closes the one before.
	start := func() string { return string(beacon.AppendStart(nil, beacon.Start{Stream: uuid.New(), LowestHeld: 1})) }
	for _, c := range []struct {
		name, first, message, reason string
		binary                       bool
	}{
		{name: "no JSON", message: `{"type":`, reason: "broken JSON"},
		{name: "no type", message: `{}`, reason: "type: missing"},
		{name: "fixes first", message: `{"type":"fixes","fixes":[` + raw(1, b.clock.now(), "1", "1") + `]}`, reason: "fixes before start"},
		{name: "another stream", first: start(), message: start(), reason: "one stream"},
		{name: "too long", message: `{"type":"start","pad":"` + strings.Repeat("x", beacon.MaxMessageBytes) + `"}`, reason: "at most 65536 bytes"},
		{name: "too many", first: start(), message: `{"type":"fixes","fixes":[` + strings.Repeat(`{"seq":1},`, 500) + `{"seq":1}]}`, reason: "501, at most 500"},
		{name: "no name", first: start(), message: `{"type":"fixes","fixes":[{"lon":1}]}`, reason: "fixes[0].seq: missing"},
		{name: "binary", binary: true, message: "x", reason: "JSON text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := b.node.phone(t, b.units[0])
			if c.first != "" {
				p.send(c.first)
			}
			kind := websocket.TextMessage
			if c.binary {
				kind = websocket.BinaryMessage
			}
			if err := p.conn.WriteMessage(kind, []byte(c.message)); err != nil {
				t.Fatal(err)
			}
			if reason := p.closed(beacon.CloseProtocol); !strings.Contains(reason, c.reason) {
				t.Errorf("reason %q, want %q", reason, c.reason)
			}
		})
	}
}

func TestOnlyASimulatedDevicePlaysFaster(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	start := func(p *phone, speed float64) {
		p.send(string(beacon.AppendStart(nil, beacon.Start{Stream: uuid.New(), LowestHeld: 1, Speed: speed})))
	}
	p := b.node.phone(t, b.units[0])
	start(p, 2)
	if reason := p.closed(beacon.CloseProtocol); !strings.Contains(reason, "speed: this device is not marked simulated") {
		t.Errorf("a real device is told %q", reason)
	}

	// Marked a moment ago: the service looks again before it refuses. 2 km in 10 s is
	// no jump for what is played thirty times as fast.
	realtimetest.Exec(t, b.db, `UPDATE devices SET simulated = true WHERE id = $1`, b.units[1].Device.UUID)
	now := b.clock.now()
	fast := b.node.phone(t, b.units[1])
	start(fast, 30)
	hear[beacon.Hello](fast)
	far := at(2, now)
	far.Lat += 2000 / 111195.0
	fast.fixes(at(1, now.Add(-10*time.Second)), far)
	fast.ack(2)
	b.want(2, `SELECT count(*) FROM tracks WHERE device_id = $1 AND simulated AND verdict IS NULL`, b.units[1].Device.UUID)

	// The same by a device that announces nothing is a jump, simulated or not; a real
	// one's fixes carry no mark.
	slow := b.node.phone(t, b.units[2])
	start(slow, 1)
	hear[beacon.Hello](slow)
	slow.fixes(at(1, now.Add(-10*time.Second)), far)
	slow.ack(2)
	b.want(1, `SELECT count(*) FROM tracks WHERE device_id = $1 AND simulated IS NULL AND verdict IS NULL`, b.units[2].Device.UUID)
	b.want(1, `SELECT count(*) FROM tracks WHERE device_id = $1 AND simulated IS NULL AND verdict = 'jump'`, b.units[2].Device.UUID)
}

func TestANewerSocketReplaces(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	stream := uuid.New()
	old, _ := b.node.open(t, b.units[0], stream, 1)
	other, _ := b.node.open(t, b.units[0], uuid.New(), 1) // another install of the same device stays
	newer, _ := b.node.open(t, b.units[0], stream, 1)
	old.closed(beacon.CloseReplaced)
	for _, p := range []*phone{newer, other} {
		p.fixes(at(1, b.clock.now()))
		p.ack(1)
	}
}

func TestRevokedDevice(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	realtimetest.Exec(t, b.db, `UPDATE devices SET revoked_at = gp_now()`)
	p.closed(beacon.CloseToken)
	b.node.phone(t, b.units[0]).closed(beacon.CloseToken)
}

func TestWhatIsDecidedReachesThePatrol(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	p, _ := b.node.open(t, b.units[0], uuid.New(), 1)
	patrol := b.units[0].Patrol
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: patrol, Status: dispatch.Assigned, Version: 2}})
	if m := hear[beacon.Interval](p); m.IntervalS != 2 {
		t.Errorf("%+v", m)
	}
	eta := 240.0
	offer := &dispatch.Offer{PatrolID: patrol, Category: "C01", Lon: 121.38, Lat: 28.58, EtaS: &eta}
	b.node.beacons.Announce(dispatch.Announcement{Offer: offer})
	if m := hear[beacon.Offer](p); m.Category != "C01" || *m.EtaS != 240 || m.CaseID != offer.CaseID.String() {
		t.Errorf("%+v", m)
	}
	b.node.beacons.Announce(dispatch.Announcement{Recall: &dispatch.Recall{PatrolID: patrol, Reason: "withdrawn"}})
	if m := hear[beacon.Recall](p); m.Reason != "withdrawn" {
		t.Errorf("%+v", m)
	}
	// Of those who go together each is told, whoever has a socket here.
	meet := b.clock.now().Add(7 * time.Minute).UTC().Truncate(time.Second)
	told := &dispatch.MissionTold{CaseID: dispatch.CaseID{UUID: uuid.New()}, State: dispatch.Gathering, InPlace: 1, Of: 2, MeetAt: &meet,
		Patrols: []dispatch.PatrolID{b.units[1].Patrol, patrol}}
	b.node.beacons.Announce(dispatch.Announcement{Mission: told})
	if m := hear[beacon.Mission](p); m.CaseID != told.CaseID.String() || m.State != string(told.State) || m.InPlace != 1 || m.Of != 2 || m.MeetAt == nil || !m.MeetAt.Equal(meet) {
		t.Errorf("%+v", m)
	}
	report, device := dispatch.ReportID{UUID: uuid.New()}, b.units[0].Device
	for _, to := range []dispatch.DeviceID{b.units[1].Device, device} { // the first is not connected
		b.node.beacons.Announce(dispatch.Announcement{Notice: &dispatch.Notice{Device: to, Report: report, Why: to.String(), Text: dispatch.Words{ZH: "已到现场"}}})
	}
	if m := hear[beacon.Notice](p); m.Why != device.String() || *m.ReportID != report.String() || m.Text.ZH != "已到现场" {
		t.Errorf("%+v", m)
	}
	if b.node.beacons.Push(b.units[1].Patrol, beacon.Interval{IntervalS: 2}) {
		t.Error("a patrol without a socket took a message")
	}
	// Old news changes nothing; back to free is the normal interval again.
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: patrol, Status: dispatch.Break, Version: 1}})
	b.node.beacons.Announce(dispatch.Announcement{Patrol: &dispatch.PatrolChanged{ID: patrol, Status: dispatch.Free, Version: 3}})
	if m := hear[beacon.Interval](p); m.IntervalS != 5 {
		t.Errorf("%+v", m)
	}
}

// A client whose line is cut again and again loses nothing and doubles nothing.
func TestClientLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, 4)
	const n = 2000
	clients := make([]*beaconclient.Client, len(b.units))
	for i, u := range b.units {
		client, err := beaconclient.New(beaconclient.Config{
			URL: b.node.url + "/ws/beacon", Token: u.Device.String(), FirstPause: time.Millisecond, LongestPause: 5 * time.Millisecond,
			Binary: i%2 == 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = client
		defer run(t, client)()
	}
	for i := range n {
		for k, client := range clients {
			client.Add(at(int64(i), b.clock.now()))
			if i%100 == 99 {
				b.node.beacons.Close(b.units[k].Device, beacon.CloseDrain, "a cut")
			}
		}
	}
	for _, client := range clients {
		flush(t, client)
		if s := client.Stats(); s.Acked != n || s.Rejected != 0 || s.LetGo != 0 {
			t.Errorf("%+v", s)
		}
	}
	b.want(int64(n*len(clients)), `SELECT count(*) FROM tracks`)
	b.want(int64(n*len(clients)), `SELECT count(DISTINCT (stream, seq)) FROM tracks`)
}

func run(t *testing.T, client *beaconclient.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("client: %v", err)
		}
	}
}

func flush(t *testing.T, client *beaconclient.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience) // less than the client's own patience
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		t.Fatal(fmt.Errorf("flush: %w; %+v", err, client.Stats()))
	}
}
