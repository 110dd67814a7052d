package road

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// FormatVersion is the layout of network files this program writes. It reads those
// from OldestFormat on; files of format 1 lack the orders, which Prepare then finds,
// and those before 3 the numbers of ways and the names of profiles.
const (
	FormatVersion = 3
	OldestFormat  = 1
)

// magic begins a network file. The bytes after the name are damaged by
// transfers that take the file for text.
const magic = "GPROADS\x1a"

// Errors about network files; both are wrapped with what was found.
var (
	// ErrCorrupt says that a file is not what was written.
	ErrCorrupt = errors.New("the road network is damaged; import the roads again")
	// ErrVersion says that another version of this program wrote the file.
	ErrVersion = errors.New("the road network was written by another version; import the roads again")
)

// WriteTo writes the network as a file: magic, format version, the arrays of the
// network with their lengths, and the SHA-256 of all before it. The same network
// gives the same bytes.
func (n *Network) WriteTo(w io.Writer) (int64, error) {
	f := &fileWriter{w: bufio.NewWriterSize(w, 1<<20), sum: sha256.New(), buf: make([]byte, 0, 1<<16)}
	f.bytes([]byte(magic))
	f.number(FormatVersion)
	f.text(n.source)
	f.number(n.nodeN)
	writeArray(f, n.points)
	writeArray(f, n.first)
	writeArray(f, n.lengthCM)
	writeArray(f, n.nodes)
	writeArray(f, n.name)
	writeArray(f, n.class)
	writeArray(f, n.flags)
	f.text(strings.Join(n.names, "\x00"))
	low, high := halves(n.origin)
	writeArray(f, low)
	writeArray(f, high)
	f.text(strings.Join(n.profiles[:], "\x00"))
	for m := range n.modes {
		g := &n.modes[m]
		writeArray(f, g.durationMS)
		writeArray(f, g.flags)
		writeArray(f, g.copyOf)
		writeArray(f, g.turnFirst)
		writeArray(f, g.turnTo)
		writeArray(f, g.turnCostMS)
		writeArray(f, g.order)
	}
	sum := f.sum.Sum(nil)
	f.bytes(sum)
	if f.err == nil {
		f.err = f.w.Flush()
	}
	if f.err != nil {
		return f.count, fmt.Errorf("write roads: %w", f.err)
	}
	return f.count, nil
}

// CheckFormat says whether this program reads files of a format; the error wraps
// ErrVersion.
func CheckFormat(format int) error {
	if format < OldestFormat || format > FormatVersion {
		return fmt.Errorf("%w: format %d, this program reads %d to %d", ErrVersion, format, OldestFormat, FormatVersion)
	}
	return nil
}

type fileWriter struct {
	w     *bufio.Writer
	sum   hash.Hash
	buf   []byte
	count int64
	err   error
}

func (f *fileWriter) bytes(b []byte) {
	if f.err != nil {
		return
	}
	f.sum.Write(b)
	n, err := f.w.Write(b)
	f.count += int64(n)
	f.err = err
}

func (f *fileWriter) number(v uint32) { f.bytes(binary.LittleEndian.AppendUint32(nil, v)) }

func (f *fileWriter) text(s string) {
	f.number(uint32(len(s)))
	f.bytes([]byte(s))
}

// element is what the arrays of a file are made of.
type element interface {
	~uint8 | ~uint32 | ~int32
}

func writeArray[E element](f *fileWriter, values []E) {
	f.number(uint32(len(values)))
	size := binary.Size(E(0))
	for len(values) > 0 {
		block := values[:min(len(values), cap(f.buf)/size)]
		values = values[len(block):]
		f.buf = f.buf[:0]
		for _, v := range block {
			if size == 1 {
				f.buf = append(f.buf, byte(v))
			} else {
				f.buf = binary.LittleEndian.AppendUint32(f.buf, uint32(v))
			}
		}
		f.bytes(f.buf)
	}
}

// Read reads what WriteTo wrote. Nothing in the file is believed before the
// checksum agrees and every index was checked; errors about the content wrap
// ErrCorrupt or ErrVersion.
func Read(r io.Reader) (*Network, error) {
	f := &fileReader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New(), buf: make([]byte, 1<<16)}
	if got := f.bytes(len(magic)); f.err == nil && string(got) != magic {
		return nil, fmt.Errorf("read roads: %w: it does not begin like one", ErrCorrupt)
	}
	format := f.number()
	if f.err == nil {
		if err := CheckFormat(int(format)); err != nil {
			return nil, fmt.Errorf("read roads: %w", err)
		}
	}
	n := &Network{}
	n.source = f.text()
	n.nodeN = f.number()
	n.points = readArray[int32](f)
	n.first = readArray[uint32](f)
	n.lengthCM = readArray[uint32](f)
	n.nodes = readArray[uint32](f)
	n.name = readArray[uint32](f)
	n.class = readArray[Class](f)
	n.flags = readArray[uint8](f)
	n.names = strings.Split(f.text(), "\x00")
	if format > 2 {
		n.origin = whole(readArray[uint32](f), readArray[uint32](f))
		copy(n.profiles[:], strings.Split(f.text(), "\x00"))
	}
	for m := range n.modes {
		g := &n.modes[m]
		g.durationMS = readArray[uint32](f)
		g.flags = readArray[uint8](f)
		g.copyOf = readArray[uint32](f)
		g.turnFirst = readArray[uint32](f)
		g.turnTo = readArray[uint32](f)
		g.turnCostMS = readArray[uint32](f)
		if format > 1 {
			g.order = readArray[uint32](f)
		}
	}
	want := f.sum.Sum(nil)
	got := f.bytes(len(want))
	switch {
	case f.err == io.EOF || f.err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("read roads: %w: it ends early", ErrCorrupt)
	case f.err != nil:
		return nil, fmt.Errorf("read roads: %w", f.err)
	case !bytes.Equal(got, want):
		return nil, fmt.Errorf("read roads: %w: the checksum does not agree", ErrCorrupt)
	}
	if err := n.validate(); err != nil {
		return nil, fmt.Errorf("read roads: %w: %w", ErrCorrupt, err)
	}
	if err := n.finish(); err != nil {
		return nil, fmt.Errorf("read roads: %w", err)
	}
	return n, nil
}

// halves are the halves of large numbers, as a file holds them, whole their opposite.
func halves(values []int64) (low, high []uint32) {
	low, high = make([]uint32, len(values)), make([]uint32, len(values))
	for i, v := range values {
		low[i], high[i] = uint32(v), uint32(v>>32)
	}
	return low, high
}

func whole(low, high []uint32) []int64 {
	if len(low) == 0 || len(low) != len(high) {
		return nil
	}
	values := make([]int64, len(low))
	for i := range values {
		values[i] = int64(low[i]) | int64(high[i])<<32
	}
	return values
}

type fileReader struct {
	r   *bufio.Reader
	sum hash.Hash
	buf []byte
	err error
}

// bytes answers the next n bytes, which must fit the buffer; they are valid
// until the next call.
func (f *fileReader) bytes(n int) []byte {
	if f.err != nil {
		return f.buf[:n]
	}
	_, f.err = io.ReadFull(f.r, f.buf[:n])
	f.sum.Write(f.buf[:n])
	return f.buf[:n]
}

func (f *fileReader) number() uint32 {
	b := f.bytes(4)
	if f.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (f *fileReader) text() string {
	var b strings.Builder
	for left := int(f.number()); left > 0 && f.err == nil; {
		n := min(left, len(f.buf))
		b.Write(f.bytes(n))
		left -= n
	}
	return b.String()
}

// readArray grows as bytes arrive, not as they are promised.
func readArray[E element](f *fileReader) []E {
	left := int(f.number())
	size := binary.Size(E(0))
	if f.err != nil {
		return nil
	}
	values := make([]E, 0, min(left, 1<<16))
	for left > 0 && f.err == nil {
		n := min(left, len(f.buf)/size)
		block := f.bytes(n * size)
		for i := range n {
			if size == 1 {
				values = append(values, E(block[i]))
			} else {
				values = append(values, E(binary.LittleEndian.Uint32(block[4*i:])))
			}
		}
		left -= n
	}
	return values
}

// validate checks every index, so that no file can lead a search out of bounds.
func (n *Network) validate() error {
	count := len(n.class)
	if count == 0 || count >= passBit/8 {
		return fmt.Errorf("%d segments", count)
	}
	if len(n.first) != count+1 || len(n.lengthCM) != count || len(n.nodes) != 2*count || len(n.name) != count || len(n.flags) != count ||
		n.origin != nil && len(n.origin) != count {
		return errors.New("lists of segments differ in length")
	}
	if len(n.points)%2 != 0 || n.first[0] != 0 || int(n.first[count]) != len(n.points)/2 {
		return errors.New("points and segments do not match")
	}
	for i := range count {
		if n.first[i+1] < n.first[i]+2 || n.first[i+1] > n.first[count] {
			return fmt.Errorf("segment %d has no two points", i)
		}
		if n.class[i] >= classes || int(n.name[i]) >= len(n.names) || n.nodes[2*i] >= n.nodeN || n.nodes[2*i+1] >= n.nodeN {
			return fmt.Errorf("segment %d names what is not there", i)
		}
		if n.lengthCM[i] > maxCM {
			return fmt.Errorf("segment %d is %d km long", i, n.lengthCM[i]/100_000)
		}
	}
	for i := 0; i < len(n.points); i += 2 {
		if n.points[i] < -180e7 || n.points[i] > 180e7 || n.points[i+1] < -90e7 || n.points[i+1] > 90e7 {
			return fmt.Errorf("point %d is outside the globe", i/2)
		}
	}
	for m := range Mode(Modes) {
		if err := n.modes[m].validate(n.nodes); err != nil {
			return fmt.Errorf("%v: %w", m, err)
		}
	}
	return nil
}

func (g *graph) validate(tails []uint32) error {
	arcs := len(tails)
	if len(g.durationMS) != arcs || len(g.flags) != arcs || len(g.copyOf) > arcs {
		return errors.New("lists of arcs differ in length")
	}
	for arc, d := range g.durationMS {
		if d > maxMS && d != shut {
			return fmt.Errorf("arc %d takes %d ms", arc, d)
		}
	}
	for _, arc := range g.copyOf {
		if int(arc) >= arcs || g.durationMS[arc] == shut {
			return fmt.Errorf("a copy of arc %d, which is not there", arc)
		}
	}
	states := g.states()
	if len(g.turnFirst) != states+1 || g.turnFirst[0] != 0 || int(g.turnFirst[states]) != len(g.turnTo) || len(g.turnTo) != len(g.turnCostMS) {
		return errors.New("turns and arcs do not match")
	}
	if err := g.validateOrder(); err != nil {
		return err
	}
	for s := range uint32(states) {
		arc := g.arcOf(s)
		if g.turnFirst[s+1] < g.turnFirst[s] || int(g.turnFirst[s+1]) > len(g.turnTo) {
			return fmt.Errorf("turns of arc %d are out of order", arc)
		}
		for t := g.turnFirst[s]; t < g.turnFirst[s+1]; t++ {
			to := g.turnTo[t]
			if int(to) >= states || g.turnCostMS[t]&^stuckBit > maxMS {
				return fmt.Errorf("a turn of arc %d leads nowhere", arc)
			}
			next := g.arcOf(to)
			if g.durationMS[arc] == shut || g.durationMS[next] == shut || tails[next] != tails[arc^1] {
				return fmt.Errorf("a turn of arc %d leads to arc %d, which does not begin there", arc, next)
			}
		}
	}
	return nil
}

// validateOrder checks that an order, where there is one, names every open state
// once, by its number among the open ones.
func (g *graph) validateOrder() error {
	if len(g.order) == 0 {
		g.order = nil
		return nil
	}
	open := 0
	for s := range uint32(g.states()) {
		if g.durationMS[g.arcOf(s)] != shut {
			open++
		}
	}
	seen := make([]bool, open)
	for _, v := range g.order {
		if int(v) >= open || seen[v] {
			return errors.New("the order names a state that is not there, or twice")
		}
		seen[v] = true
	}
	if len(g.order) != open {
		return errors.New("the order leaves states out")
	}
	return nil
}
