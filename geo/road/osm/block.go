package osm

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Visitor gets the elements of a block. A nil func skips its kind without
// decoding it. Slices are valid during the call only.
type Visitor struct {
	Node     func(Node) error
	Way      func(Way) error
	Relation func(Relation) error
}

// Node is a place. Lon7 and Lat7 are in units of 1e-7 degree, the precision of
// OpenStreetMap.
type Node struct {
	ID         int64
	Lon7, Lat7 int32
	Tags       Tags
}

// Way is a line through nodes.
type Way struct {
	ID   int64
	Refs []int64
	Tags Tags
}

// Relation binds elements together.
type Relation struct {
	ID      int64
	Members []Member
	Tags    Tags
}

// Member is a part of a relation.
type Member struct {
	Type MemberType
	Ref  int64
	Role string
}

// MemberType says what a member is.
type MemberType uint8

// The types of members.
const (
	MemberNode MemberType = iota
	MemberWay
	MemberRelation
)

// Block is one data block of a file.
type Block struct {
	offset      int64
	strings     []string
	groups      [][]byte
	granularity int64
	latOffset   int64
	lonOffset   int64

	// Scratch, reused from element to element.
	tags    Tags
	refs    []int64
	members []Member
	keys    []uint64
	vals    []uint64
	ids     []int64
	lats    []int64
	lons    []int64
}

func (b *Block) parse(data []byte) error {
	b.strings = b.strings[:0]
	b.groups = b.groups[:0]
	b.granularity, b.latOffset, b.lonOffset = 100, 0, 0
	err := fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			// One copy of the table: its strings are slices of it.
			table := string(v.bytes)
			return stringTable(table, v.bytes, &b.strings)
		case 2:
			b.groups = append(b.groups, v.bytes)
		case 17:
			b.granularity = int64(v.varint)
		case 19:
			b.latOffset = int64(v.varint)
		case 20:
			b.lonOffset = int64(v.varint)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if b.granularity <= 0 || b.granularity > 1e9 {
		return fmt.Errorf("granularity %d is absurd", b.granularity)
	}
	return nil
}

// stringTable appends the strings of a StringTable message, cut from table,
// which holds the same bytes as msg.
func stringTable(table string, msg []byte, out *[]string) error {
	pos := 0
	for pos < len(msg) {
		num, typ, n := protowire.ConsumeTag(msg[pos:])
		if n < 0 {
			return fmt.Errorf("string table: %w", protowire.ParseError(n))
		}
		pos += n
		if num != 1 || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, msg[pos:]); n < 0 {
				return fmt.Errorf("string table: %w", protowire.ParseError(n))
			}
			pos += n
			continue
		}
		s, n := protowire.ConsumeBytes(msg[pos:])
		if n < 0 {
			return fmt.Errorf("string table: %w", protowire.ParseError(n))
		}
		*out = append(*out, table[pos+n-len(s):pos+n])
		pos += n
	}
	return nil
}

// Visit calls v for every element of the block, in the order of the file. An
// error of v is handed through; what is wrong with the block is a *FileError.
func (b *Block) Visit(v Visitor) error {
	for _, group := range b.groups {
		err := fields(group, func(num protowire.Number, f value) error {
			switch {
			case num == 1 && v.Node != nil:
				return b.node(f.bytes, v.Node)
			case num == 2 && v.Node != nil:
				return b.dense(f.bytes, v.Node)
			case num == 3 && v.Way != nil:
				return b.way(f.bytes, v.Way)
			case num == 4 && v.Relation != nil:
				return b.relation(f.bytes, v.Relation)
			}
			return nil
		})
		var told *visitError
		if errors.As(err, &told) {
			return told.err
		}
		if err != nil {
			return &FileError{Offset: b.offset, Err: fmt.Errorf("data block: %w", err), Remedy: remedyDamaged}
		}
	}
	return nil
}

// visitError carries an error of the visitor out, told apart from ours.
type visitError struct{ err error }

func (e *visitError) Error() string { return e.err.Error() }

func tell(err error) error {
	if err == nil {
		return nil
	}
	return &visitError{err}
}

func (b *Block) string(i uint64) (string, error) {
	if i >= uint64(len(b.strings)) {
		return "", fmt.Errorf("string %d of %d", i, len(b.strings))
	}
	return b.strings[i], nil
}

// pairs makes tags of parallel lists of string numbers.
func (b *Block) pairs() (Tags, error) {
	if len(b.keys) != len(b.vals) {
		return nil, fmt.Errorf("%d keys but %d values", len(b.keys), len(b.vals))
	}
	b.tags = b.tags[:0]
	for i := range b.keys {
		k, err := b.string(b.keys[i])
		if err != nil {
			return nil, err
		}
		v, err := b.string(b.vals[i])
		if err != nil {
			return nil, err
		}
		b.tags = append(b.tags, Tag{k, v})
	}
	return b.tags, nil
}

// degrees7 turns a stored coordinate into units of 1e-7 degree. Offsets and
// granularity are in nanodegrees.
func (b *Block) degrees7(offset, stored, limit int64) (int32, error) {
	if stored > math.MaxInt64/b.granularity || stored < math.MinInt64/b.granularity {
		return 0, fmt.Errorf("coordinate %d overflows", stored)
	}
	nano := offset + b.granularity*stored
	if nano > limit || nano < -limit {
		return 0, fmt.Errorf("coordinate %d nanodegrees is outside the globe", nano)
	}
	if nano < 0 {
		return int32((nano - 50) / 100), nil
	}
	return int32((nano + 50) / 100), nil
}

func (b *Block) place(id, lat, lon int64, tags Tags) (Node, error) {
	lat7, err := b.degrees7(b.latOffset, lat, 90e9)
	if err != nil {
		return Node{}, fmt.Errorf("node %d: %w", id, err)
	}
	lon7, err := b.degrees7(b.lonOffset, lon, 180e9)
	if err != nil {
		return Node{}, fmt.Errorf("node %d: %w", id, err)
	}
	return Node{ID: id, Lon7: lon7, Lat7: lat7, Tags: tags}, nil
}

func (b *Block) node(msg []byte, f func(Node) error) error {
	var id, lat, lon int64
	b.keys, b.vals = b.keys[:0], b.vals[:0]
	err := fields(msg, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			id = protowire.DecodeZigZag(v.varint)
		case 2:
			return unpackVarints(v, &b.keys)
		case 3:
			return unpackVarints(v, &b.vals)
		case 8:
			lat = protowire.DecodeZigZag(v.varint)
		case 9:
			lon = protowire.DecodeZigZag(v.varint)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	tags, err := b.pairs()
	if err != nil {
		return fmt.Errorf("node %d: %w", id, err)
	}
	n, err := b.place(id, lat, lon, tags)
	if err != nil {
		return err
	}
	return tell(f(n))
}

func (b *Block) dense(msg []byte, f func(Node) error) error {
	b.ids, b.lats, b.lons, b.keys = b.ids[:0], b.lats[:0], b.lons[:0], b.keys[:0]
	err := fields(msg, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			return unpackDeltas(v, &b.ids)
		case 8:
			return unpackDeltas(v, &b.lats)
		case 9:
			return unpackDeltas(v, &b.lons)
		case 10:
			return unpackVarints(v, &b.keys)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dense nodes: %w", err)
	}
	if len(b.lats) != len(b.ids) || len(b.lons) != len(b.ids) {
		return fmt.Errorf("dense nodes: %d ids, %d lats, %d lons", len(b.ids), len(b.lats), len(b.lons))
	}
	kv := 0
	for i, id := range b.ids {
		b.tags = b.tags[:0]
		// The list is empty when no node has a tag, else key value ... 0 a node.
		for len(b.keys) > 0 {
			if kv >= len(b.keys) {
				return fmt.Errorf("dense nodes: tags end at node %d", id)
			}
			if b.keys[kv] == 0 {
				kv++
				break
			}
			if kv+1 >= len(b.keys) {
				return fmt.Errorf("dense nodes: a key without value at node %d", id)
			}
			k, err := b.string(b.keys[kv])
			if err != nil {
				return fmt.Errorf("node %d: %w", id, err)
			}
			v, err := b.string(b.keys[kv+1])
			if err != nil {
				return fmt.Errorf("node %d: %w", id, err)
			}
			b.tags = append(b.tags, Tag{k, v})
			kv += 2
		}
		n, err := b.place(id, b.lats[i], b.lons[i], b.tags)
		if err != nil {
			return err
		}
		if err := f(n); err != nil {
			return tell(err)
		}
	}
	return nil
}

func (b *Block) way(msg []byte, f func(Way) error) error {
	var w Way
	b.keys, b.vals, b.refs = b.keys[:0], b.vals[:0], b.refs[:0]
	err := fields(msg, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			w.ID = int64(v.varint)
		case 2:
			return unpackVarints(v, &b.keys)
		case 3:
			return unpackVarints(v, &b.vals)
		case 8:
			return unpackDeltas(v, &b.refs)
		}
		return nil
	})
	if err == nil {
		w.Tags, err = b.pairs()
	}
	if err != nil {
		return fmt.Errorf("way %d: %w", w.ID, err)
	}
	w.Refs = b.refs
	return tell(f(w))
}

func (b *Block) relation(msg []byte, f func(Relation) error) error {
	var r Relation
	b.keys, b.vals, b.refs, b.ids = b.keys[:0], b.vals[:0], b.refs[:0], b.ids[:0]
	var roles, types []uint64
	err := fields(msg, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			r.ID = int64(v.varint)
		case 2:
			return unpackVarints(v, &b.keys)
		case 3:
			return unpackVarints(v, &b.vals)
		case 8:
			return unpackVarints(v, &roles)
		case 9:
			return unpackDeltas(v, &b.refs)
		case 10:
			return unpackVarints(v, &types)
		}
		return nil
	})
	if err == nil {
		r.Tags, err = b.pairs()
	}
	if err == nil && (len(roles) != len(b.refs) || len(types) != len(b.refs)) {
		err = fmt.Errorf("%d members, %d roles, %d types", len(b.refs), len(roles), len(types))
	}
	if err != nil {
		return fmt.Errorf("relation %d: %w", r.ID, err)
	}
	b.members = b.members[:0]
	for i, ref := range b.refs {
		role, err := b.string(roles[i])
		if err != nil {
			return fmt.Errorf("relation %d: %w", r.ID, err)
		}
		if types[i] > uint64(MemberRelation) {
			return fmt.Errorf("relation %d: member type %d", r.ID, types[i])
		}
		b.members = append(b.members, Member{Type: MemberType(types[i]), Ref: ref, Role: role})
	}
	r.Members = b.members
	return tell(f(r))
}

// unpackVarints appends a repeated number field. Writers may pack it or not.
func unpackVarints(v value, out *[]uint64) error {
	if v.bytes == nil {
		*out = append(*out, v.varint)
		return nil
	}
	for rest := v.bytes; len(rest) > 0; {
		x, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		*out = append(*out, x)
		rest = rest[n:]
	}
	return nil
}

// unpackDeltas appends a repeated sint64 field that stores differences.
func unpackDeltas(v value, out *[]int64) error {
	var last int64
	if len(*out) > 0 {
		last = (*out)[len(*out)-1]
	}
	if v.bytes == nil {
		*out = append(*out, last+protowire.DecodeZigZag(v.varint))
		return nil
	}
	for rest := v.bytes; len(rest) > 0; {
		x, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		last += protowire.DecodeZigZag(x)
		*out = append(*out, last)
		rest = rest[n:]
	}
	return nil
}
