package realtime_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

func (n *node) binary(t *testing.T, u realtimetest.Unit, stream uuid.UUID) *phone {
	t.Helper()
	p := n.dialAs(t, beacon.SubprotocolBinary, "/ws/beacon", http.Header{"Authorization": {"Bearer " + u.Device.String()}})
	p.send(string(beacon.AppendStart(nil, beacon.Start{Stream: stream, LowestHeld: 1})))
	hear[beacon.Hello](p)
	return p
}

func (p *phone) records(message []byte) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.BinaryMessage, message); err != nil {
		p.t.Fatal(err)
	}
}

// The same journey by both subprotocols leaves the same rows, the same rejects and
// the same acknowledgements.
func TestBothSubprotocolsMeanTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t, 2)
	n := b.start()
	now := b.clock.now().Truncate(time.Millisecond)
	journey := []beacon.Fix{at(1, now.Add(-3*time.Second)), at(2, now.Add(-2*time.Second)), at(5, now.Add(time.Hour)), at(4, now)}
	for i := range journey {
		journey[i].Lon = float64(int(journey[i].Lon*1e7)) / 1e7 // as exact as a record holds
	}
	journey[1].Mock = true
	type account struct {
		Ack  beacon.Ack
		Bad  []beacon.Code
		Rows []string
	}
	var accounts []account
	for i, u := range b.units[:2] {
		stream := uuid.New()
		var p *phone
		if i == 0 {
			p, _ = n.open(t, u, stream, 1)
			p.fixes(journey...)
		} else {
			p = n.binary(t, u, stream)
			message, _ := beacon.AppendFixesBinary(nil, journey)
			p.records(message)
		}
		ack, rejects := p.ack(2)
		a := account{Ack: ack}
		for _, r := range rejects {
			a.Bad = append(a.Bad, r.Code)
		}
		rows, err := b.db.Query(t.Context(), `SELECT concat_ws(' ', seq, t, lon, lat, accuracy_m, speed_ms, heading_deg, battery, mock, verdict) FROM tracks WHERE stream = $1 ORDER BY seq`, stream)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			a.Rows = append(a.Rows, row)
		}
		rows.Close()
		accounts = append(accounts, a)
	}
	if diff := cmp.Diff(accounts[0], accounts[1]); diff != "" || len(accounts[0].Rows) != 3 || !slices.Equal(accounts[0].Bad, []beacon.Code{beacon.Future}) {
		t.Errorf("%s\n%+v", diff, accounts[0])
	}
	if want := (beacon.Ack{Seq: 2, Also: []beacon.Range{{First: 4, Last: 5}}}); !cmp.Equal(want, accounts[1].Ack) {
		t.Error(cmp.Diff(want, accounts[1].Ack))
	}
}

func TestARecordThatCannotBeIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	n := b.start()
	p := n.binary(t, b.units[0], uuid.New())
	message, _ := beacon.AppendFixesBinary(nil, []beacon.Fix{at(1, b.clock.now()), at(2, b.clock.now())})
	message[30] = 201
	p.records(message)
	_, rejects := p.ack(2)
	if len(rejects) != 1 || rejects[0].Seq != 1 || rejects[0].Code != beacon.BadField || !strings.Contains(rejects[0].Detail, "battery") {
		t.Errorf("%+v", rejects)
	}
	p.records(message[:33])
	if reason := p.closed(beacon.CloseProtocol); !strings.Contains(reason, "32 bytes") {
		t.Error(reason)
	}
}

func TestOnlyWhoSaidSoSpeaksBinary(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	n := b.start()
	p, _ := n.open(t, b.units[0], uuid.New(), 1)
	message, _ := beacon.AppendFixesBinary(nil, []beacon.Fix{at(1, b.clock.now())})
	p.records(message)
	if reason := p.closed(beacon.CloseProtocol); !strings.Contains(reason, "JSON") {
		t.Error(reason)
	}
}
