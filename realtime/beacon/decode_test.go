package beacon_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

var measures = cmpopts.EquateNaNs()

// The contract's own example.
func TestTheContractsExample(t *testing.T) {
	t.Parallel()
	got, err := beacon.DecodeUp([]byte(`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00.123Z","lon":121.38,"lat":28.58,"accuracy_m":8,"speed_ms":1.2,"heading_deg":90,"battery":0.8,"mock":false}]}`))
	want := beacon.Fixes{Good: []beacon.Fix{{Seq: 1, T: time.Date(2026, 11, 23, 8, 0, 0, 123e6, time.UTC), Lon: 121.38, Lat: 28.58, AccuracyM: 8, SpeedMS: 1.2, HeadingDeg: 90, Battery: 0.8}}}
	if err != nil || !cmp.Equal(want, got) {
		t.Error(err, cmp.Diff(want, got))
	}
	down := string(beacon.Append(nil, beacon.Ack{Seq: 4, Also: []beacon.Range{{First: 6, Last: 7}, {First: 9, Last: 9}}}))
	if down != `{"type":"ack","seq":4,"also":[[6,7],[9,9]]}` {
		t.Error(down)
	}
}

func TestABadFixIsNamed(t *testing.T) {
	t.Parallel()
	const good = `"t":"2026-11-23T08:00:00Z","lon":121.38,"lat":28.58`
	for _, c := range []struct {
		name, fix, detail string
		code              beacon.Code
	}{
		{"no time", `{"seq":1,"lon":1,"lat":1}`, "t: missing", beacon.BadField},
		{"a time without a zone", `{"seq":1,"t":"2026-11-23T08:00:00","lon":1,"lat":1}`, "RFC 3339", beacon.BadField},
		{"a time before time", `{"seq":1,"t":"1969-12-31T23:59:59Z","lon":1,"lat":1}`, "year", beacon.BadField},
		{"a number for a time", `{"seq":1,"t":1700000000,"lon":1,"lat":1}`, "t: a number", beacon.BadField},
		{"no lon", `{"seq":1,"t":"2026-11-23T08:00:00Z","lat":1}`, "missing", beacon.BadCoordinate},
		{"a text for lat", `{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":"1"}`, "lat: a string", beacon.BadCoordinate},
		{"beyond every number", `{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1e999,"lat":1}`, "lon: a number", beacon.BadCoordinate},
		{"an accuracy below nothing", `{"seq":1,"accuracy_m":-1,` + good + `}`, "accuracy_m", beacon.BadField},
		{"a heading beyond the rose", `{"seq":1,"heading_deg":361,` + good + `}`, "heading_deg", beacon.BadField},
		{"a battery in percent", `{"seq":1,"battery":80,` + good + `}`, "battery", beacon.BadField},
		{"a speed below nothing", `{"seq":1,"speed_ms":-1,` + good + `}`, "speed_ms", beacon.BadField},
		{"a mock that is no bool", `{"seq":1,"mock":"no",` + good + `}`, "mock: a string", beacon.BadField},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := beacon.DecodeUp([]byte(`{"type":"fixes","fixes":[` + c.fix + `,{"seq":2,` + good + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			f := got.(beacon.Fixes)
			if len(f.Good) != 1 || f.Good[0].Seq != 2 {
				t.Errorf("the good one is lost: %+v", f)
			}
			if len(f.Bad) != 1 || f.Bad[0].Seq != 1 || f.Bad[0].Code != c.code || !strings.Contains(f.Bad[0].Detail, c.detail) {
				t.Errorf("%+v, want %s with %q", f.Bad, c.code, c.detail)
			}
		})
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	t.Parallel()
	const stream = `"stream":"7f4c7c0e-7a53-4f3e-9f43-0c3d3c1d2e3f"`
	for message, reason := range map[string]string{
		``:                 "broken JSON",
		`[]`:               "must be an object",
		`{"type":"end"}`:   `type: "end"`,
		`{"type":1}`:       "type: a number",
		`{"type":"start"}`: "stream: missing",
		`{"type":"start","stream":"{7f4c7c0e-7a53-4f3e-9f43-0c3d3c1d2e3f}","lowest_held":1}`: "not a UUID",
		`{"type":"start","stream":"00000000-0000-0000-0000-000000000000","lowest_held":1}`:   "not a UUID",
		`{"type":"start",` + stream + `}`:                             "lowest_held: missing",
		`{"type":"start",` + stream + `,"lowest_held":0}`:             "lowest_held: must be",
		`{"type":"start",` + stream + `,"lowest_held":1e17}`:          "lowest_held",
		`{"type":"start",` + stream + `,"lowest_held":1,"speed":0.5}`: "speed: must be",
		`{"type":"start",` + stream + `,"lowest_held":1,"speed":61}`:  "speed: must be 1 to 60",
		`{"type":"start",` + stream + `,"lowest_held":1,"speed":"2"}`: "speed: a string",
		`{"type":"fixes"}`:                                    "fixes: missing",
		`{"type":"fixes","fixes":{}}`:                         "fixes: a",
		`{"type":"fixes","fixes":[1]}`:                        "fixes[0].seq: must be an object",
		`{"type":"fixes","fixes":[{"seq":0}]}`:                "fixes[0].seq: must be",
		`{"type":"fixes","fixes":[{"seq":9007199254740992}]}`: "fixes[0].seq: must be",
		`{"type":"fixes","fixes":[{"seq":"1"}]}`:              "seq: a string",
	} {
		_, err := beacon.DecodeUp([]byte(message))
		var protocol *beacon.ProtocolError
		if !errors.As(err, &protocol) || !strings.Contains(protocol.Reason, reason) {
			t.Errorf("%s: %v, want %q", message, err, reason)
		}
	}
}

func TestWhatADeviceWritesIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		optional := func(name string, low, high float64) float64 {
			if rapid.Bool().Draw(t, name+" given") {
				return rapid.Float64Range(low, high).Draw(t, name)
			}
			return math.NaN()
		}
		var fixes []beacon.Fix
		for range rapid.IntRange(1, 600).Draw(t, "fixes") {
			fixes = append(fixes, beacon.Fix{
				Seq: rapid.Int64Range(1, beacon.MaxSeq).Draw(t, "seq"), T: time.UnixMicro(rapid.Int64Range(0, 250e15).Draw(t, "t")).UTC(),
				Lon: rapid.Float64Range(-200, 200).Draw(t, "lon"), Lat: rapid.Float64Range(-200, 200).Draw(t, "lat"),
				AccuracyM: optional("accuracy", 0, 1e6), SpeedMS: optional("speed", 0, 1e4), HeadingDeg: optional("heading", 0, 360),
				Battery: optional("battery", 0, 1), Mock: rapid.Bool().Draw(t, "mock"),
			})
		}
		var got []beacon.Fix
		for rest := fixes; len(rest) > 0; {
			message, n := beacon.AppendFixes(nil, rest)
			m, err := beacon.DecodeUp(message)
			if err != nil || len(m.(beacon.Fixes).Bad) > 0 || n == 0 {
				t.Fatalf("%v, %d taken, %+v", err, n, m)
			}
			got, rest = append(got, m.(beacon.Fixes).Good...), rest[n:]
		}
		if d := cmp.Diff(fixes, got, measures); d != "" {
			t.Fatal(d)
		}
	})
}

func TestWhatTheServerWritesIsRead(t *testing.T) {
	t.Parallel()
	eta, expires := 240.5, time.Date(2026, 11, 23, 8, 2, 0, 0, time.UTC)
	for _, m := range []beacon.Down{
		beacon.Hello{Stream: uuid.New(), Acked: 7, IntervalS: 5, ServerTime: expires},
		beacon.Ack{Seq: 3}, beacon.Ack{Seq: 3, Also: []beacon.Range{{First: 5, Last: 6}}},
		beacon.Reject{Seq: 1, Code: beacon.Future, Detail: "a \"quoted\" \x01 word"},
		beacon.Interval{IntervalS: 2},
		beacon.Offer{AssignmentID: "a", CaseID: "c", Category: "C01", Lon: 121.38, Lat: 28.58, EtaS: &eta, ExpiresAt: &expires},
		beacon.Offer{AssignmentID: "a", CaseID: "c", Kind: "first_look", Category: "C01"},
		beacon.Recall{AssignmentID: "a", CaseID: "c", Reason: "withdrawn"},
	} {
		got, err := beacon.DecodeDown(beacon.Append(nil, m))
		if err != nil || !cmp.Equal(m, got) {
			t.Errorf("%T: %v %s", m, err, cmp.Diff(m, got))
		}
	}
}

// Whatever comes, the decoder answers a message within its limits or says what is
// wrong in words that fit a close frame; what it answered is read the same again.
func FuzzDecodeUp(f *testing.F) {
	f.Add([]byte(`{"type":"start","stream":"7f4c7c0e-7a53-4f3e-9f43-0c3d3c1d2e3f","lowest_held":1}`))
	f.Add([]byte(`{"type":"start","stream":"7f4c7c0e-7a53-4f3e-9f43-0c3d3c1d2e3f","lowest_held":1,"speed":2.5}`))
	f.Add([]byte(`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00.123Z","lon":121.38,"lat":28.58,"accuracy_m":8,"mock":true}]}`))
	f.Add([]byte(`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00+08:00","lon":1e400,"lat":null},{"seq":2}]}`))
	f.Add([]byte(`{"TYPE":"fixes","fixes":[null]}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := beacon.DecodeUp(message)
		var protocol *beacon.ProtocolError
		if errors.As(err, &protocol) {
			if protocol.Reason == "" || len(protocol.Reason) > 123 {
				t.Errorf("the reason %q does not fit", protocol.Reason)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m := got.(type) {
		case beacon.Start:
			again, err := beacon.DecodeUp(beacon.AppendStart(nil, m))
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("%+v came back as %+v, %v", m, again, err)
			}
		case beacon.Fixes:
			if len(m.Good)+len(m.Bad) > beacon.MaxFixes || len(m.Good)+len(m.Bad) == 0 {
				t.Errorf("%d fixes", len(m.Good)+len(m.Bad))
			}
			for _, r := range m.Bad {
				if r.Seq < 1 || r.Code == "" || r.Detail == "" {
					t.Errorf("%+v", r)
				}
			}
			if len(m.Good) == 0 {
				return
			}
			encoded, n := beacon.AppendFixes(nil, m.Good)
			again, err := beacon.DecodeUp(encoded)
			if err != nil || !cmp.Equal(m.Good[:n], again.(beacon.Fixes).Good, measures) {
				t.Errorf("%s came back otherwise: %v", encoded, err)
			}
		}
	})
}

func BenchmarkDecodeOneFix(b *testing.B) {
	message := []byte(`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00.123Z","lon":121.38,"lat":28.58,"accuracy_m":8,"speed_ms":1.2,"heading_deg":90,"battery":0.8,"mock":false}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := beacon.DecodeUp(message); err != nil {
			b.Fatal(err)
		}
	}
}
