package osm

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The bounds the format sets.
const (
	maxHeader = 64 << 10
	maxBlob   = 32 << 20
)

const (
	remedyDamaged = "the file is damaged or incomplete: fetch it again and compare its checksum"
	remedyNotPBF  = "this is not an .osm.pbf file: export one, or convert with `osmium cat in.osm -o out.osm.pbf`"
)

// FileError says what is wrong with a file, at which byte, and what to do.
type FileError struct {
	Offset int64 // of the blob that cannot be read
	Err    error
	Remedy string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("at byte %d: %v; %s", e.Offset, e.Err, e.Remedy)
}

func (e *FileError) Unwrap() error { return e.Err }

// Reader yields the data blocks of a file, one at a time.
type Reader struct {
	r       io.Reader
	offset  int64 // bytes consumed
	started bool
	header  []byte
	blob    []byte
	raw     []byte
	zlib    io.ReadCloser // kept for Reset
	block   Block
}

// NewReader reads from r, which should be buffered by the caller or be a file.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Offset is how many bytes were read so far.
func (r *Reader) Offset() int64 { return r.offset }

// Next answers the next data block, valid until the call after, or io.EOF at a
// clean end. Every other error is a *FileError or one of the underlying reader.
func (r *Reader) Next() (*Block, error) {
	for {
		start := r.offset
		kind, data, err := r.nextBlob()
		if err != nil {
			if err == io.EOF && !r.started {
				return nil, &FileError{Offset: 0, Err: errors.New("no header"), Remedy: remedyNotPBF}
			}
			return nil, err
		}
		switch {
		case kind == "OSMHeader":
			if err := checkHeader(data); err != nil {
				var fe *FileError
				if errors.As(err, &fe) {
					fe.Offset = start
					return nil, fe
				}
				return nil, &FileError{Offset: start, Err: fmt.Errorf("header block: %w", err), Remedy: remedyDamaged}
			}
			r.started = true
		case !r.started:
			return nil, &FileError{Offset: start, Err: fmt.Errorf("first blob is %.20q, not OSMHeader", kind), Remedy: remedyNotPBF}
		case kind == "OSMData":
			if err := r.block.parse(data); err != nil {
				return nil, &FileError{Offset: start, Err: fmt.Errorf("data block: %w", err), Remedy: remedyDamaged}
			}
			r.block.offset = start
			return &r.block, nil
		}
		// The format says that blobs of other kinds are to be skipped.
	}
}

// nextBlob answers the kind and the unpacked bytes of the next blob.
func (r *Reader) nextBlob() (string, []byte, error) {
	start := r.offset
	bad := func(remedy, format string, args ...any) error {
		if !r.started {
			remedy = remedyNotPBF
		}
		return &FileError{Offset: start, Err: fmt.Errorf(format, args...), Remedy: remedy}
	}
	var size [4]byte
	n, err := io.ReadFull(r.r, size[:])
	r.offset += int64(n)
	if err == io.EOF {
		return "", nil, io.EOF
	}
	if err == io.ErrUnexpectedEOF {
		return "", nil, bad(remedyDamaged, "the file ends inside the length of a blob")
	}
	if err != nil {
		return "", nil, err
	}
	headerSize := binary.BigEndian.Uint32(size[:])
	if headerSize == 0 || headerSize > maxHeader {
		return "", nil, bad(remedyDamaged, "a blob header claims %d bytes, the format allows 1 to %d", headerSize, maxHeader)
	}
	if r.header, err = r.read(r.header, int(headerSize)); err != nil {
		if err == io.ErrUnexpectedEOF {
			return "", nil, bad(remedyDamaged, "the file ends inside a blob header")
		}
		return "", nil, err
	}
	var kind string
	dataSize := int64(-1)
	err = fields(r.header, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			kind = string(v.bytes)
		case 3:
			dataSize = int64(v.varint)
		}
		return nil
	})
	if err != nil {
		return "", nil, bad(remedyDamaged, "blob header: %w", err)
	}
	if dataSize < 0 || dataSize > maxBlob {
		return "", nil, bad(remedyDamaged, "a blob claims %d bytes, the format allows up to %d", dataSize, maxBlob)
	}
	if r.blob, err = r.read(r.blob, int(dataSize)); err != nil {
		if err == io.ErrUnexpectedEOF {
			return "", nil, bad(remedyDamaged, "the file ends inside a blob of %d bytes", dataSize)
		}
		return "", nil, err
	}
	data, err := r.unpack(r.blob)
	if err != nil {
		var fe *FileError
		if errors.As(err, &fe) {
			fe.Offset = start
			return "", nil, fe
		}
		return "", nil, bad(remedyDamaged, "%w", err)
	}
	return kind, data, nil
}

// read fills buf with the next n bytes, growing it as they arrive and not as
// they are promised.
func (r *Reader) read(buf []byte, n int) ([]byte, error) {
	const step = 1 << 20
	buf = buf[:0]
	for len(buf) < n {
		want := min(n-len(buf), step)
		if cap(buf)-len(buf) < want {
			buf = append(buf, make([]byte, want)...)[:len(buf)]
		}
		got, err := io.ReadFull(r.r, buf[len(buf):len(buf)+want])
		r.offset += int64(got)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return buf, err
		}
		buf = buf[:len(buf)+want]
	}
	return buf, nil
}

var packings = map[protowire.Number]string{4: "lzma", 5: "bzip2", 6: "lz4", 7: "zstd"}

// unpack answers the content of a Blob message.
func (r *Reader) unpack(blob []byte) ([]byte, error) {
	var raw, packed []byte
	var hasRaw, hasPacked bool
	rawSize := int64(-1)
	err := fields(blob, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			raw, hasRaw = v.bytes, true
		case 2:
			rawSize = int64(v.varint)
		case 3:
			packed, hasPacked = v.bytes, true
		case 4, 5, 6, 7:
			return &FileError{Err: fmt.Errorf("the blob is packed with %s", packings[num]),
				Remedy: "repack it with `osmium cat in.osm.pbf -o out.osm.pbf -f pbf,pbf_compression=zlib`"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if hasRaw {
		return raw, nil
	}
	if !hasPacked {
		return nil, errors.New("the blob is empty")
	}
	if rawSize < 0 || rawSize > maxBlob {
		return nil, fmt.Errorf("the blob claims %d bytes unpacked, the format allows up to %d", rawSize, maxBlob)
	}
	if r.zlib == nil {
		if r.zlib, err = zlib.NewReader(bytes.NewReader(packed)); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	} else if err := r.zlib.(zlib.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	out := bytes.NewBuffer(r.raw[:0])
	n, err := io.Copy(out, io.LimitReader(r.zlib, rawSize+1))
	r.raw = out.Bytes()
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if n != rawSize {
		return nil, fmt.Errorf("the blob unpacks to another size than the %d bytes it claims", rawSize)
	}
	return r.raw, nil
}

// checkHeader refuses files that need more than we can do, by name.
func checkHeader(data []byte) error {
	return fields(data, func(num protowire.Number, v value) error {
		if num != 4 {
			return nil
		}
		switch feature := string(v.bytes); feature {
		case "OsmSchema-V0.6", "DenseNodes":
			return nil
		case "HistoricalInformation":
			return &FileError{Err: errors.New("this is a history file"),
				Remedy: "cut one moment out of it with `osmium time-filter`"}
		default:
			return &FileError{Err: fmt.Errorf("the file needs the unknown feature %.40q", feature),
				Remedy: "rewrite it with `osmium cat in.osm.pbf -o out.osm.pbf`"}
		}
	})
}

// value is a field of a message: varint for the number types, bytes for the rest.
type value struct {
	varint uint64
	bytes  []byte
}

// fields calls f for each field of a message, in order.
func fields(msg []byte, f func(protowire.Number, value) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return fmt.Errorf("field tag: %w", protowire.ParseError(n))
		}
		msg = msg[n:]
		var v value
		switch typ {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		msg = msg[n:]
		if err := f(num, v); err != nil {
			return err
		}
	}
	return nil
}

// Tags are the key-value pairs of an element. They share the memory of their
// block: copy what must outlive it.
type Tags []Tag

// Tag is one pair.
type Tag struct{ Key, Value string }

// Get answers the value of a key, empty where it has none.
func (t Tags) Get(key string) string {
	for i := range t {
		if t[i].Key == key {
			return t[i].Value
		}
	}
	return ""
}

// Clone is a copy that outlives the block.
func (t Tags) Clone() Tags {
	c := make(Tags, len(t))
	for i := range t {
		c[i] = Tag{strings.Clone(t[i].Key), strings.Clone(t[i].Value)}
	}
	return c
}
