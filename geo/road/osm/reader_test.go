package osm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/road/osm"
)

type counts struct{ nodes, ways, relations int }

func count(r io.Reader) (counts, error) {
	var c counts
	reader := osm.NewReader(r)
	for {
		block, err := reader.Next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		err = block.Visit(osm.Visitor{
			Node:     func(osm.Node) error { c.nodes++; return nil },
			Way:      func(osm.Way) error { c.ways++; return nil },
			Relation: func(osm.Relation) error { c.relations++; return nil },
		})
		if err != nil {
			return c, err
		}
	}
}

// TestCountsOfExtracts compares with what `osmium fileinfo -e` counts, recorded
// here and asked anew where it is installed. columbus announces dense nodes and
// holds plain ones.
func TestCountsOfExtracts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]counts{
		"columbus":      {110560, 15503, 111},
		"hamburg-ferry": {90719, 1170, 117},
		"heidelberg":    {221009, 31619, 1700},
		"liechtenstein": {142832, 15247, 358},
		"monaco":        {180118, 27377, 212},
		"porto":         {347944, 51458, 357},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := geotest.Data(t, "osm/"+name+".osm.pbf")
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := count(f)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("counted %+v, recorded %+v", got, want)
			}
			osmium, err := exec.LookPath("osmium")
			if err != nil {
				t.Log("osmium is not installed: the recorded counts have to do")
				return
			}
			for what, n := range map[string]int{"nodes": got.nodes, "ways": got.ways, "relations": got.relations} {
				out, err := exec.Command(osmium, "fileinfo", "-e", "-g", "data.count."+what, path).Output()
				if err != nil {
					t.Fatalf("ask osmium: %v", err)
				}
				if told := strings.TrimSpace(string(out)); told != strconv.Itoa(n) {
					t.Errorf("%s: counted %d, osmium says %s", what, n, told)
				}
			}
		})
	}
}

func town() *pbf {
	return &pbf{
		nodes: []pbfNode{
			{id: 1, lon: 121.3800001, lat: 28.58},
			{id: -2, lon: 121.381, lat: 28.5800003, tags: []string{"highway", "traffic_signals"}},
			{id: 3, lon: -121.382, lat: -28.58},
		},
		ways:      []pbfWay{{id: 7, refs: []int64{1, -2, 3}, tags: []string{"highway", "primary", "name", "路桥大道"}}},
		relations: []pbfRelation{{id: 9, members: []pbfMember{{1, 7, "from"}, {0, -2, "via"}}, tags: []string{"type", "restriction"}}},
	}
}

func TestBothEncodingsOfNodesReadTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		dense, raw bool
	}{{"plain", false, false}, {"dense", true, false}, {"dense, not packed", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := town()
			file.dense, file.raw = c.dense, c.raw
			reader := osm.NewReader(bytes.NewReader(file.file()))
			block, err := reader.Next()
			if err != nil {
				t.Fatal(err)
			}
			var nodes []osm.Node
			var name, role string
			err = block.Visit(osm.Visitor{
				Node: func(n osm.Node) error {
					n.Tags = n.Tags.Clone()
					nodes = append(nodes, n)
					return nil
				},
				Way: func(w osm.Way) error {
					name = w.Tags.Get("name")
					if len(w.Refs) != 3 || w.Refs[1] != -2 || w.Refs[2] != 3 {
						t.Errorf("refs %v", w.Refs)
					}
					return nil
				},
				Relation: func(r osm.Relation) error {
					role = r.Members[1].Role
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(nodes) != 3 || nodes[0].Lon7 != 1213800001 || nodes[1].ID != -2 || nodes[1].Lat7 != 285800003 ||
				nodes[2].Lon7 != -1213820000 || nodes[2].Lat7 != -285800000 {
				t.Errorf("nodes %+v", nodes)
			}
			if got := nodes[1].Tags.Get("highway"); got != "traffic_signals" || len(nodes[0].Tags) != 0 {
				t.Errorf("tags %v %v", nodes[0].Tags, nodes[1].Tags)
			}
			if name != "路桥大道" || role != "via" {
				t.Errorf("name %q, role %q", name, role)
			}
			if _, err := reader.Next(); err != io.EOF {
				t.Errorf("after the last block: %v", err)
			}
		})
	}
}

func TestBadFilesNameTheByteAndTheRemedy(t *testing.T) {
	t.Parallel()
	good := town().file()
	headerLen := 4 + int(binary.BigEndian.Uint32(good)) // of the first blob header, with its length
	history := town()
	history.features = []string{"OsmSchema-V0.6", "HistoricalInformation"}
	unknown := town()
	unknown.features = []string{"OsmSchema-V0.6", "Telepathy"}
	zstd := func() []byte {
		blob := field(nil, 7, []byte("packed"))
		header := varint(field(nil, 1, []byte("OSMHeader")), 3, uint64(len(blob)))
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(header))), header...), blob...)
	}()
	damaged := bytes.Clone(good)
	damaged[len(damaged)-20] ^= 0xff
	for _, c := range []struct {
		name, says, remedy string
		file               []byte
	}{
		{"empty", "no header", "not an .osm.pbf", nil},
		{"text", "claims", "not an .osm.pbf", []byte("<osm version='0.6'><node id='1'/></osm>")},
		{"zip", "claims", "not an .osm.pbf", []byte("PK\x03\x04 and so on and on")},
		{"cut in the length", "ends inside the length", "fetch it again", append(bytes.Clone(good), 0, 0)},
		{"cut in a blob", "ends inside a blob", "fetch it again", good[:len(good)-5]},
		{"cut in the first header", "ends inside a blob header", "not an .osm.pbf", good[:headerLen-2]},
		{"damaged", "at byte", "fetch it again", damaged},
		{"packed otherwise", "zstd", "pbf_compression=zlib", zstd},
		{"history", "history file", "time-filter", history.file()},
		{"unknown feature", "Telepathy", "osmium cat", unknown.file()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := count(bytes.NewReader(c.file))
			var fe *osm.FileError
			if !errors.As(err, &fe) {
				t.Fatalf("got %v, want a FileError", err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(fe.Remedy, c.remedy) {
				t.Errorf("error %q does not say %q with the remedy %q", err, c.says, c.remedy)
			}
		})
	}
}

// TestEveryCutIsNoticed cuts a file at each byte: only the ends of blobs are clean.
func TestEveryCutIsNoticed(t *testing.T) {
	t.Parallel()
	good := town().file()
	clean := 0
	for n := range len(good) {
		_, err := count(bytes.NewReader(good[:n]))
		var fe *osm.FileError
		switch {
		case err == nil:
			clean++ // after the header blob: a file without data is a file
		case !errors.As(err, &fe):
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if clean != 1 {
		t.Errorf("%d cuts read as whole files, want 1", clean)
	}
}

func FuzzReader(f *testing.F) {
	dense := town()
	dense.dense = true
	raw := town()
	raw.raw = true
	f.Add(town().file())
	f.Add(dense.file())
	f.Add(raw.file())
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := count(bytes.NewReader(data))
		var fe *osm.FileError
		if err != nil && !errors.As(err, &fe) {
			t.Errorf("untyped error %v", err)
		}
	})
}

// FuzzBlock reaches the inside of a block without having to forge zlib.
func FuzzBlock(f *testing.F) {
	dense := town()
	dense.dense = true
	f.Add(town().block())
	f.Add(dense.block())
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &pbf{raw: true}
		file := p.blob(nil, "OSMHeader", nil)
		file = p.blob(file, "OSMData", data)
		_, err := count(bytes.NewReader(file))
		var fe *osm.FileError
		if err != nil && !errors.As(err, &fe) {
			t.Errorf("untyped error %v", err)
		}
	})
}
