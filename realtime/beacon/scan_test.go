package beacon

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var usual = []string{
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00.123Z","lon":121.38,"lat":28.58,"accuracy_m":8,"speed_ms":1.2,"heading_deg":90,"battery":0.8,"mock":false}]}`,
	"{ \"type\" : \"fixes\" ,\n\t\"fixes\" : [ { \"lat\" : -0.5 , \"lon\" : 1 , \"t\" : \"2026-11-23T08:00:00Z\" , \"seq\" : 9007199254740991 } , {\"seq\":2,\"t\":\"2024-02-29T23:59:59.999999999Z\",\"lon\":0,\"lat\":-0,\"mock\":true} ] } ",
}

// Each of these the general decoder must judge.
var unusual = []string{
	`{"type":"fixes","fixes":[]}`,
	`{"fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}],"type":"fixes"}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00+08:00","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-02-30T08:00:00Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"1969-12-31T23:59:59Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1e2,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":01,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1,"lat":2}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1,"note":"x"}]}`,
	`{"type":"fixes","fixes":[{"seq":1.5,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":9007199254740992,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":0,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1,"battery":80}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}]}]`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00Z","lon":null,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"seq":1,"t":"2026-11-23T08:00:00.Z","lon":1,"lat":1}]}`,
	`{"type":"fixes","fixes":[{"se\u0071":1,"t":"2026-11-23T08:00:00Z","lon":1,"lat":1}]}`,
}

func TestTheScannerKnowsWhatItMayRead(t *testing.T) {
	t.Parallel()
	for _, m := range usual {
		if _, ok := scanFixes([]byte(m)); !ok {
			t.Errorf("the general decoder reads %s", m)
		}
	}
	for _, m := range unusual {
		if got, ok := scanFixes([]byte(m)); ok {
			t.Errorf("read %s as %+v", m, got)
		}
	}
}

// What the scanner reads, it reads as the general decoder does.
func FuzzScan(f *testing.F) {
	for _, m := range append(usual, unusual...) {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		fast, ok := scanFixes(message)
		if !ok {
			return
		}
		slow, err := decodeUp(message)
		if err != nil {
			t.Fatalf("%q: read as %+v, and %v", message, fast, err)
		}
		if diff := cmp.Diff(slow, fast, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" || !json.Valid(message) {
			t.Fatalf("%q: %s", message, diff)
		}
	})
}

func FuzzBinary(f *testing.F) {
	b, _ := AppendFixesBinary(nil, []Fix{{Seq: 1, T: time.UnixMilli(1_700_000_000_000), Lon: 121.38, Lat: 28.58, AccuracyM: 8, SpeedMS: math.NaN(), HeadingDeg: 360, Battery: 1, Mock: true}})
	f.Add(b)
	f.Add(make([]byte, 2*RecordBytes))
	f.Add(b[:31])
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := DecodeFixesBinary(message)
		if err != nil {
			return
		}
		if n := len(got.Good) + len(got.Bad); n*RecordBytes != len(message) {
			t.Fatalf("%d fixes of %d bytes", n, len(message))
		}
		again, n := AppendFixesBinary(nil, got.Good)
		back, err := DecodeFixesBinary(again)
		if len(got.Good) == 0 {
			return
		}
		if err != nil || n != len(got.Good) || len(back.Bad) > 0 || !cmp.Equal(got.Good, back.Good, cmpopts.EquateNaNs()) {
			t.Fatalf("%v: %s", err, cmp.Diff(got.Good, back.Good, cmpopts.EquateNaNs()))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	fixes := make([]Fix, 8)
	for i := range fixes {
		fixes[i] = Fix{Seq: int64(i + 1), T: time.UnixMilli(1_700_000_000_123 + int64(i)*5000).UTC(), Lon: 121.3812345, Lat: 28.5812345, AccuracyM: 8.5, SpeedMS: 1.25, HeadingDeg: 90, Battery: 0.8}
	}
	text, _ := AppendFixes(nil, fixes)
	records, _ := AppendFixesBinary(nil, fixes)
	for name, run := range map[string]func() error{
		"json":    func() error { _, err := DecodeUp(text); return err },
		"general": func() error { _, err := decodeUp(text); return err },
		"binary":  func() error { _, err := DecodeFixesBinary(records); return err },
	} {
		b.Run(fmt.Sprintf("%s of %d", name, len(fixes)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The vectors that docs/beacon.md gives to builders of devices are what this package
// writes and reads.
func TestTheVectorsOfTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/beacon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("```vectors\n"))
	text, _, _ = bytes.Cut(text, []byte("```"))
	n := 0
	for line := range bytes.Lines(text) {
		parts := bytes.SplitN(bytes.TrimSpace(line), []byte(" "), 3)
		record, err := hex.DecodeString(string(parts[1]))
		if err != nil {
			t.Fatal(err)
		}
		n++
		switch string(parts[0]) {
		case "fixes":
			want, err := DecodeUp(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeFixesBinary(record)
			if err != nil || !cmp.Equal(want, got, cmpopts.EquateNaNs()) {
				t.Errorf("%x: %v %s", record, err, cmp.Diff(want, got, cmpopts.EquateNaNs()))
			}
			if back, _ := AppendFixesBinary(nil, got.Good); !bytes.Equal(back, record) {
				t.Errorf("%x is written as %x", record, back)
			}
		case "ack":
			want, err := DecodeDown(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeAckBinary(record)
			if err != nil || !cmp.Equal(want, Down(got), cmpopts.EquateEmpty()) {
				t.Errorf("%x: %v %s", record, err, cmp.Diff(want, Down(got)))
			}
			if back := AppendAckBinary(nil, got); !bytes.Equal(back, record) {
				t.Errorf("%x is written as %x", record, back)
			}
		}
	}
	if n != 4 {
		t.Errorf("%d vectors", n)
	}
}
