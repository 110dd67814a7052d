package road_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

func written(t testing.TB, n *road.Network) []byte {
	t.Helper()
	var file bytes.Buffer
	count, err := n.WriteTo(&file)
	if err != nil {
		t.Fatal(err)
	}
	if count != int64(file.Len()) {
		t.Fatalf("claims %d bytes, wrote %d", count, file.Len())
	}
	return file.Bytes()
}

// small has a one-way street, a private yard and a name, in some hundred bytes.
func small(t testing.TB) *road.Network {
	t.Helper()
	n, err := road.Build(context.Background(), &road.Survey{
		Nodes: []road.Node{{1213800000, 285800000}, {1213820000, 285800000}, {1213820000, 285820000}},
		Gates: map[uint32]road.Gate{1: {DelayS: [road.Modes]float32{0, 0, 60}}},
		Ways: []road.Way{
			{Nodes: []uint32{0, 1}, Name: "桥", Class: road.Primary, Travel: [road.Modes]road.Travel{
				{ForwardMS: 1, BackwardMS: 1}, {ForwardMS: 6}, {ForwardMS: 10}}},
			{Nodes: []uint32{1, 2}, Class: road.Service, EndsOnly: road.AllModes, Travel: [road.Modes]road.Travel{
				{ForwardMS: 1, BackwardMS: 1}, {ForwardMS: 5, BackwardMS: 5}, {ForwardMS: 4, BackwardMS: 4}}},
			{Nodes: []uint32{2, 0}, Class: road.Residential, Travel: [road.Modes]road.Travel{
				{ForwardMS: 1, BackwardMS: 1}, {ForwardMS: 5, BackwardMS: 5}, {ForwardMS: 4, BackwardMS: 4}}},
		},
		Restrictions: []road.Restriction{{From: 0, Vias: []uint32{1}, To: 2, Modes: road.SetOf(road.Car)}},
	}, "small")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFileKeepsEverything(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]*road.Network{"streets": streets(t), "small": small(t), "monaco": load(t, "monaco")} {
		file := written(t, n)
		begin := time.Now()
		back, err := road.Read(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, read in %v", name, len(file), time.Since(begin))
		if !bytes.Equal(written(t, back), file) {
			t.Errorf("%s: reading and writing changed the file", name)
		}
		s := n.Segment(0)
		from, to := s.Points[0], n.Segment(n.Segments() - 1).Points[0]
		for m := range road.Mode(road.Modes) {
			want, err := n.ManyToOne(t.Context(), m, []geo.Point{from}, to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.ManyToOne(t.Context(), m, []geo.Point{from}, to)
			if err != nil || got[0] != want[0] {
				t.Errorf("%s by %v: %+v after reading, %+v before (%v)", name, m, got, want, err)
			}
		}
	}
}

func TestTheSameSurveyGivesTheSameFile(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(written(t, load(t, "monaco")), written(t, load(t, "monaco"))) {
		t.Error("two imports of one file differ")
	}
}

func TestEveryDamagedByteIsNoticed(t *testing.T) {
	t.Parallel()
	file := written(t, small(t))
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 0x10
		if _, err := road.Read(bytes.NewReader(bad)); !errors.Is(err, road.ErrCorrupt) && !errors.Is(err, road.ErrVersion) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := road.Read(bytes.NewReader(file[:i])); !errors.Is(err, road.ErrCorrupt) {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
	}
}

func TestOtherVersionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, version := range []uint32{0, road.FormatVersion + 1} {
		file := written(t, small(t))
		binary.LittleEndian.PutUint32(file[8:], version)
		if _, err := road.Read(bytes.NewReader(sealed(file))); !errors.Is(err, road.ErrVersion) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// sealed makes the checksum at the end agree with what stands before it.
func sealed(file []byte) []byte {
	if len(file) < sha256.Size {
		return file
	}
	body := file[:len(file)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// FuzzRead reads files whose checksum agrees and whose content may be anything.
// What is accepted must answer questions without a panic. Run it with
// -fuzzminimizetime 10x: the pools make coverage jump, and minimising never ends.
func FuzzRead(f *testing.F) {
	f.Add(written(f, small(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := road.Read(bytes.NewReader(sealed(data)))
		if err != nil {
			if !errors.Is(err, road.ErrCorrupt) && !errors.Is(err, road.ErrVersion) {
				t.Errorf("untyped error %v", err)
			}
			return
		}
		from, to := geo.Point{Lon: 121.38, Lat: 28.58}, geo.Point{Lon: 121.382, Lat: 28.582}
		for m := range road.Mode(road.Modes) {
			if _, err := n.Route(t.Context(), m, from, to); err != nil {
				t.Errorf("route: %v", err)
			}
		}
		n.Stats()
		n.Segment(n.Segments() - 1)
	})
}
