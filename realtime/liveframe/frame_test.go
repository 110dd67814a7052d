package liveframe_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// What a vector of docs/live.md says of a message.
type wireMessage struct {
	Seq      uint32        `json:"seq"`
	At       time.Time     `json:"at"`
	Afresh   bool          `json:"afresh"`
	Sections []wireSection `json:"sections"`
}

type wireSection struct {
	Kind   string            `json:"kind"`
	Cell   cell.Cell         `json:"cell"`
	Left   []uint32          `json:"left,omitempty"`
	Full   []wirePatrol      `json:"full,omitempty"`
	Moved  []wirePatrol      `json:"moved,omitempty"`
	Lon    float64           `json:"lon,omitempty"`
	Lat    float64           `json:"lat,omitempty"`
	Counts map[string]uint32 `json:"counts,omitempty"`
}

type wirePatrol struct {
	Number     uint32            `json:"number"`
	ID         string            `json:"id,omitempty"`
	Lon        float64           `json:"lon"`
	Lat        float64           `json:"lat"`
	HeadingDeg *float64          `json:"heading_deg"`
	Status     dispatch.Status   `json:"status"`
	Presence   dispatch.Presence `json:"presence"`
	T          time.Time         `json:"t"`
	Version    int64             `json:"version,omitempty"`
	Department string            `json:"department,omitempty"`
	Simulated  bool              `json:"simulated,omitempty"`
}

var (
	kinds   = []string{"changes", "whole", "closed", "counts"}
	classes = []string{"free", "assigned", "en_route", "on_scene", "break", "stale", "lost"}
)

func told(m liveframe.Message) wireMessage {
	out := wireMessage{Seq: m.Seq, At: time.UnixMilli(m.AtMS).UTC(), Afresh: m.Afresh, Sections: []wireSection{}}
	for _, s := range m.Sections {
		w := wireSection{Kind: kinds[s.Kind], Cell: s.Cell, Left: s.Left}
		for _, p := range s.Full {
			w.Full = append(w.Full, wirePatrol{Number: p.Number, ID: p.ID.String(), Lon: p.Point.Lon, Lat: p.Point.Lat, HeadingDeg: known(p.HeadingDeg),
				Status: p.Status, Presence: p.Presence, T: p.T(), Version: p.Version, Department: p.Department, Simulated: p.Simulated})
		}
		for _, p := range s.Moved {
			w.Moved = append(w.Moved, wirePatrol{Number: p.Number, Lon: p.Point.Lon, Lat: p.Point.Lat, HeadingDeg: known(p.HeadingDeg),
				Status: p.Status, Presence: p.Presence, T: time.UnixMilli(p.TMS).UTC()})
		}
		if s.Kind == liveframe.Counts {
			w.Lon, w.Lat, w.Counts = s.Middle.Lon, s.Middle.Lat, map[string]uint32{}
			for i, n := range s.Counts {
				w.Counts[classes[i]] = n
			}
		}
		out.Sections = append(out.Sections, w)
	}
	return out
}

func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// vectors are the messages of docs/live.md, each with what it says.
func vectors(t testing.TB) (out [][2]string) {
	text, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```vectors\n")
	lines, _, _ := strings.Cut(rest, "```")
	for line := range strings.Lines(lines) {
		if bytes, says, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out = append(out, [2]string{bytes, says})
		}
	}
	if len(out) == 0 {
		t.Fatal("no vectors in docs/live.md")
	}
	return out
}

func TestTheVectorsOfTheManual(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		message, err := hex.DecodeString(v[0])
		if err != nil {
			t.Fatal(err)
		}
		m, err := liveframe.Decode(message)
		if err != nil {
			t.Errorf("%s: %v", v[0], err)
			continue
		}
		var want wireMessage
		if err := json.Unmarshal([]byte(v[1]), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, told(m)); diff != "" {
			t.Errorf("%s\n%s", v[0], diff)
		}
	}
}

// What the manual shows is what the service makes.
func TestTheVectorsAreWhatTheServiceMakes(t *testing.T) {
	t.Parallel()
	made := theManualsMessages()
	for i, v := range vectors(t) {
		if i >= len(made) || hex.EncodeToString(made[i]) != v[0] {
			t.Errorf("vector %d is another than the service makes", i)
		}
	}
	if t.Failed() {
		for _, b := range made {
			m, err := liveframe.Decode(b)
			text, _ := json.Marshal(told(m))
			t.Logf("%x %s %v", b, text, err)
		}
	}
}

func theManualsMessages() [][]byte {
	const at = int64(1795420800500) // 2026-11-23T08:00:00.500Z
	c := cell.At(geo.Point{Lon: 121.38, Lat: 28.58}, 7)
	e := cell.EdgesOf(c)
	g := liveframe.GroundOf(c, e.Middle, e.Around)
	p := liveframe.Patrol{Number: 7, ID: uuid.MustParse("019a0000-0000-7000-8000-000000000007"), Point: geo.Point{Lon: 121.38, Lat: 28.58}, HeadingDeg: 90,
		Status: dispatch.EnRoute, Presence: dispatch.Online, TMS: at - 380, Version: 3, Department: "police"}
	q := liveframe.Patrol{Number: 65538, ID: uuid.MustParse("019a0000-0000-7000-8000-000000000008"), Point: geo.Point{Lon: -0.0000001, Lat: -89.9999999}, HeadingDeg: math.NaN(),
		Status: dispatch.Break, Presence: dispatch.Lost, TMS: 0, Version: 1, Department: "综合", Simulated: true}
	var full []byte
	full = liveframe.AppendFull(full, &p)
	full = liveframe.AppendFull(full, &q)
	first := liveframe.AppendSection(liveframe.AppendHead(nil, 2, at, true), liveframe.Whole, g, 0, 2, nil, full, nil)
	p.Point.Lon, p.HeadingDeg, p.TMS, p.Status = 121.38012, 359.9, at+200-61_000, dispatch.OnScene
	moved, _ := liveframe.AppendMove(nil, g, &p, at+200)
	p.Point.Lat, p.HeadingDeg, p.Presence = 28.5712345, math.NaN(), dispatch.Still
	moved, _ = liveframe.AppendMove(moved, g, &p, at+200)
	second := liveframe.AppendSection(liveframe.AppendHead(nil, 3, at+200, false), liveframe.Changes, g, 1, 0, liveframe.AppendLeft(nil, 65538), nil, moved)
	up := c.Up(5)
	third := liveframe.AppendClosed(liveframe.AppendHead(nil, 0xfffffffe, at+400, false), c)
	third = liveframe.AppendCounts(third, liveframe.GroundOf(up, geo.Point{Lon: 121.4, Lat: 28.6}, e.Around), &[liveframe.Classes]uint32{1, 2, 3, 4, 5, 6, 70000})
	return [][]byte{first, second, third, liveframe.AppendHead(nil, 5, at+15_000, false)}
}

// Whatever is sent arrives: places to a step of the cell, all else as it was.
func TestARecordKeepsWhatItHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		home := geo.Point{Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"), Lat: rapid.Float64Range(-88, 88).Draw(t, "lat")}
		e := cell.EdgesOf(cell.At(home, 7))
		g := liveframe.GroundOf(e.Cell, e.Middle, e.Around)
		at := rapid.Int64Range(0, 4e12).Draw(t, "at")
		p := liveframe.Patrol{
			Number: rapid.Uint32().Draw(t, "number"), ID: uuid.UUID{1, 2}, Point: home, HeadingDeg: rapid.SampledFrom([]float64{math.NaN(), 0, 1.5, 180, 358.5}).Draw(t, "heading"),
			Status:   rapid.SampledFrom([]dispatch.Status{dispatch.OffDuty, dispatch.Free, dispatch.Assigned, dispatch.EnRoute, dispatch.OnScene, dispatch.Break}).Draw(t, "status"),
			Presence: rapid.SampledFrom([]dispatch.Presence{dispatch.Online, dispatch.Still, dispatch.Stale, dispatch.Lost}).Draw(t, "presence"),
			TMS:      at - rapid.Int64Range(-1, 65_536).Draw(t, "age"), Version: rapid.Int64Range(0, math.MaxUint32).Draw(t, "version"),
			Department: rapid.StringN(0, 20, 60).Draw(t, "department"), Simulated: rapid.Bool().Draw(t, "simulated"),
		}
		moved, fits := liveframe.AppendMove(nil, g, &p, at)
		if age := at - p.TMS; fits && (age < 0 || age > math.MaxUint16) {
			t.Fatalf("an age of %d ms fits", age)
		} else if !fits && age >= 0 && age <= math.MaxUint16 && math.Abs(home.Lat) < 70 && e.Around.East-e.Around.West < 1 {
			t.Fatalf("%v does not fit into its own cell", home)
		}
		m, err := liveframe.Decode(liveframe.AppendSection(liveframe.AppendHead(nil, 1, at, false), liveframe.Changes, g, 0, 1, nil, liveframe.AppendFull(nil, &p), moved))
		if err != nil {
			t.Fatal(err)
		}
		near := cmpopts.EquateApprox(0, 0.6e-7)
		if diff := cmp.Diff(p, m.Sections[0].Full[0], cmpopts.EquateNaNs(), near); diff != "" {
			t.Fatal(diff)
		}
		if !fits {
			return
		}
		half := float64(int(1)<<g.Step)/2*1e-7 + 0.6e-7
		want := liveframe.Move{Number: p.Number, Point: p.Point, HeadingDeg: p.HeadingDeg, Status: p.Status, Presence: p.Presence, TMS: p.TMS}
		if diff := cmp.Diff(want, m.Sections[0].Moved[0], cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, half)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, b := range theManualsMessages() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := liveframe.Decode(b)
		if err == nil {
			_ = liveframe.NewPicture().Apply(m)
		}
	})
}

func BenchmarkAppendMove(b *testing.B) {
	e := cell.EdgesOf(cell.At(geo.Point{Lon: 121.38, Lat: 28.58}, 7))
	g := liveframe.GroundOf(e.Cell, e.Middle, e.Around)
	p := liveframe.Patrol{Number: 7, Point: e.Middle, HeadingDeg: 90, Status: dispatch.Free, Presence: dispatch.Online}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out, _ = liveframe.AppendMove(out[:0], g, &p, 100)
	}
}
