package osm_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// pbf writes small files for tests: what the importer reads, in either encoding
// of nodes.
type pbf struct {
	strings   []string
	numbers   map[string]uint64
	nodes     []pbfNode
	ways      []pbfWay
	relations []pbfRelation
	features  []string
	dense     bool
	raw       bool
}

type pbfNode struct {
	id       int64
	lon, lat float64
	tags     []string // key, value, ...
}

type pbfWay struct {
	id   int64
	refs []int64
	tags []string
}

type pbfRelation struct {
	id      int64
	members []pbfMember
	tags    []string
}

type pbfMember struct {
	kind uint64 // 0 node, 1 way
	ref  int64
	role string
}

func (p *pbf) number(s string) uint64 {
	if p.numbers == nil {
		p.numbers = map[string]uint64{"": 0}
		p.strings = []string{""}
	}
	n, ok := p.numbers[s]
	if !ok {
		n = uint64(len(p.strings))
		p.numbers[s] = n
		p.strings = append(p.strings, s)
	}
	return n
}

func field(msg []byte, num protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(msg, num, protowire.BytesType), content)
}

func varint(msg []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(msg, num, protowire.VarintType), v)
}

func deltas(values []int64) []byte {
	var out []byte
	last := int64(0)
	for _, v := range values {
		out = protowire.AppendVarint(out, protowire.EncodeZigZag(v-last))
		last = v
	}
	return out
}

func (p *pbf) tagLists(tags []string) (keys, values []byte) {
	for i := 0; i < len(tags); i += 2 {
		keys = protowire.AppendVarint(keys, p.number(tags[i]))
		values = protowire.AppendVarint(values, p.number(tags[i+1]))
	}
	return keys, values
}

func stored(degrees float64) int64 {
	if degrees < 0 {
		return int64(degrees*1e7 - 0.5)
	}
	return int64(degrees*1e7 + 0.5)
}

// file is the whole file.
func (p *pbf) file() []byte {
	features := p.features
	if features == nil {
		features = []string{"OsmSchema-V0.6", "DenseNodes"}
	}
	var header []byte
	for _, f := range features {
		header = field(header, 4, []byte(f))
	}
	out := p.blob(nil, "OSMHeader", header)
	return p.blob(out, "OSMData", p.block())
}

// block is the content of the data blob.
func (p *pbf) block() []byte {
	var group []byte
	if p.dense {
		var ids, lats, lons []int64
		var kv []byte
		for _, n := range p.nodes {
			ids, lats, lons = append(ids, n.id), append(lats, stored(n.lat)), append(lons, stored(n.lon))
			for _, t := range n.tags {
				kv = protowire.AppendVarint(kv, p.number(t))
			}
			kv = protowire.AppendVarint(kv, 0)
		}
		var dense []byte
		dense = field(dense, 1, deltas(ids))
		dense = field(dense, 8, deltas(lats))
		dense = field(dense, 9, deltas(lons))
		dense = field(dense, 10, kv)
		group = field(group, 2, dense)
	} else {
		for _, n := range p.nodes {
			keys, values := p.tagLists(n.tags)
			var msg []byte
			msg = varint(msg, 1, protowire.EncodeZigZag(n.id))
			msg = field(msg, 2, keys)
			msg = field(msg, 3, values)
			msg = varint(msg, 8, protowire.EncodeZigZag(stored(n.lat)))
			msg = varint(msg, 9, protowire.EncodeZigZag(stored(n.lon)))
			group = field(group, 1, msg)
		}
	}
	var ways, relations []byte
	for _, w := range p.ways {
		keys, values := p.tagLists(w.tags)
		var msg []byte
		msg = varint(msg, 1, uint64(w.id))
		msg = field(msg, 2, keys)
		msg = field(msg, 3, values)
		msg = field(msg, 8, deltas(w.refs))
		ways = field(ways, 3, msg)
	}
	for _, r := range p.relations {
		keys, values := p.tagLists(r.tags)
		var roles, types []byte
		var refs []int64
		for _, m := range r.members {
			roles = protowire.AppendVarint(roles, p.number(m.role))
			types = protowire.AppendVarint(types, m.kind)
			refs = append(refs, m.ref)
		}
		var msg []byte
		msg = varint(msg, 1, uint64(r.id))
		msg = field(msg, 2, keys)
		msg = field(msg, 3, values)
		msg = field(msg, 8, roles)
		msg = field(msg, 9, deltas(refs))
		msg = field(msg, 10, types)
		relations = field(relations, 4, msg)
	}
	var table []byte
	p.number("")
	for _, s := range p.strings {
		table = field(table, 1, []byte(s))
	}
	var block []byte
	block = field(block, 1, table)
	for _, g := range [][]byte{group, ways, relations} {
		if len(g) > 0 {
			block = field(block, 2, g)
		}
	}
	return block
}

func (p *pbf) blob(out []byte, kind string, content []byte) []byte {
	var blob []byte
	if p.raw {
		blob = field(nil, 1, content)
	} else {
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		_, _ = z.Write(content) // a bytes.Buffer takes everything
		_ = z.Close()
		blob = varint(nil, 2, uint64(len(content)))
		blob = field(blob, 3, packed.Bytes())
	}
	var header []byte
	header = field(header, 1, []byte(kind))
	header = varint(header, 3, uint64(len(blob)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(header)))
	out = append(out, header...)
	return append(out, blob...)
}
