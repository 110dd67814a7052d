package proof

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Format names the format of an export: JSON lines. The first says of what it is, the
// last where it ends; between them come keys, events and heads, each head after the
// event that it signs. Each line of an event holds its canonical bytes as they were
// sealed, so that no JSON has to be written again to check them.
const Format = "gridpatrol.events.v1"

// maxLine bounds a line of an export, in bytes.
const maxLine = 8 << 20

// Header begins an export.
type Header struct {
	Format   string    `json:"format"`
	District uuid.UUID `json:"district"`
	From     int64     `json:"from"` // position of the first event
	Prev     HexHash   `json:"prev"` // the hash before it
	At       time.Time `json:"at"`
}

type ending struct {
	N int64   `json:"n"`
	H HexHash `json:"h"`
}

// otherLine is any line that is no event.
type otherLine struct {
	Key  *Key    `json:"key,omitempty"`
	Head *Head   `json:"head,omitempty"`
	End  *ending `json:"end,omitempty"`
}

// Exporter writes an export.
type Exporter struct {
	w    *bufio.Writer
	last ending
	line []byte
}

// NewExporter writes the first line.
func NewExporter(w io.Writer, h Header) (*Exporter, error) {
	h.Format = Format
	e := &Exporter{w: bufio.NewWriterSize(w, 1<<20), last: ending{N: h.From - 1, H: h.Prev}}
	return e, e.write(h)
}

func (e *Exporter) write(v any) error {
	text, err := Canonical(v)
	if err != nil {
		return err
	}
	_, err = e.w.Write(append(text, '\n'))
	return err
}

// Key writes a key; each must come before the first head that it signed.
func (e *Exporter) Key(k Key) error { return e.write(otherLine{Key: &k}) }

// Head writes a head.
func (e *Exporter) Head(h Head) error { return e.write(otherLine{Head: &h}) }

// Event writes the next event of the chain.
func (e *Exporter) Event(position int64, before, hash Hash, canonical []byte) error {
	b := append(e.line[:0], `{"n":`...)
	b = strconv.AppendInt(b, position, 10)
	b = append(b, `,"p":"`...)
	b = hex.AppendEncode(b, before[:])
	b = append(b, `","h":"`...)
	b = hex.AppendEncode(b, hash[:])
	b = append(b, `","e":`...)
	b = append(append(b, canonical...), '}', '\n')
	e.line, e.last = b, ending{position, HexHash(hash)}
	_, err := e.w.Write(b)
	return err
}

// Close writes the last line. It closes nothing else.
func (e *Exporter) Close() error {
	last := e.last
	if err := e.write(otherLine{End: &last}); err != nil {
		return err
	}
	return e.w.Flush()
}

// Report is what a verification found.
type Report struct {
	District uuid.UUID `json:"district"`
	From     int64     `json:"from"`
	// At is when an export says it was made; nil of a database, which is as it is now.
	At       *time.Time `json:"at,omitempty"`
	Events   int64      `json:"events"`    // that are as they were sealed
	Last     int64      `json:"last"`      // position of the last of them
	Hash     HexHash    `json:"hash"`      // its hash
	Heads    int        `json:"heads"`     // whose signature was good
	SignedTo int64      `json:"signed_to"` // position that the last of them vouches for
	Keys     []string   `json:"keys"`
	Trusted  bool       `json:"trusted"` // the keys were known from elsewhere
	Fault    *Fault     `json:"fault"`
}

// Verify reads an export and finds the first thing that is wrong with it. An error
// is about reading alone; what is wrong with the content is in the report.
func Verify(r io.Reader, trusted ...string) (Report, error) {
	return VerifyKept(r, Kept{}, trusted...)
}

// VerifyKept is Verify against heads that were kept elsewhere: each that was signed before
// the export says it was made must be that of its chain.
func VerifyKept(r io.Reader, kept Kept, trusted ...string) (Report, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	v := verification{trusted: trusted, kept: kept}
	v.report.Trusted = len(trusted) > 0
	var long []byte
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if long, err = readLong(in, append(long[:0], line...)); err == nil {
				line = long
			}
		}
		if err != nil && err != io.EOF {
			if errors.Is(err, errLongLine) {
				v.line++
				v.broken("the line is longer than %d bytes", maxLine)
				break
			}
			return v.report, fmt.Errorf("read the export: %w", err)
		}
		if len(line) == 0 {
			break
		}
		v.line++
		if v.take(bytes.TrimSuffix(line, []byte{'\n'})); v.report.Fault != nil || err == io.EOF {
			break
		}
	}
	v.close()
	return v.report, nil
}

var errLongLine = errors.New("a line is too long")

func readLong(in *bufio.Reader, begun []byte) ([]byte, error) {
	for {
		more, err := in.ReadSlice('\n')
		begun = append(begun, more...)
		switch {
		case len(begun) > maxLine:
			return nil, errLongLine
		case err == nil || err == io.EOF:
			return begun, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

type verification struct {
	trusted []string
	kept    Kept
	check   *Checker
	line    int64
	ended   bool
	report  Report
}

func (v *verification) broken(format string, args ...any) {
	at := int64(1)
	if v.check != nil {
		at = v.check.next
	}
	v.found(&Fault{Kind: Broken, Position: at, To: at, Detail: fmt.Sprintf(format, args...)})
}

func (v *verification) found(f *Fault) {
	if f != nil && v.report.Fault == nil {
		f.Line = v.line
		v.report.Fault = f
	}
}

func (v *verification) take(line []byte) {
	if v.check == nil {
		v.header(line)
		return
	}
	if v.ended {
		v.found(v.check.fault(Inserted, v.check.next, "lines come after the end"))
		return
	}
	if bytes.HasPrefix(line, []byte(`{"n":`)) {
		n, p, h, canonical, ok := splitEvent(line)
		if !ok {
			v.broken("this is no line of an event as one is written")
			return
		}
		v.found(v.check.Event(n, p, h, canonical))
		v.found(v.check.Passed())
		return
	}
	var other otherLine
	if err := strictly(line, &other); err != nil {
		v.broken("this line is no event, key, head or end")
		return
	}
	switch {
	case other.Key != nil:
		if f := v.check.Key(*other.Key); f != nil {
			v.found(f)
			return
		}
		v.report.Keys = append(v.report.Keys, other.Key.ID)
	case other.Head != nil:
		v.found(v.check.Head(*other.Head))
	case other.End != nil:
		v.found(v.check.End(other.End.N, Hash(other.End.H)))
		v.ended = true
	default:
		v.broken("this line is no event, key, head or end")
	}
}

// strictly reads a line that must be exactly as an Exporter writes it.
func strictly(line []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		return err
	}
	again, err := Canonical(dst)
	if err == nil && !bytes.Equal(again, line) {
		err = errors.New("it is written in another way")
	}
	return err
}

func (v *verification) header(line []byte) {
	var h Header
	if err := strictly(line, &h); err != nil || h.Format != Format {
		v.broken("the first line is not that of an export of events (%s)", Format)
		return
	}
	v.report.District, v.report.From = h.District, h.From
	v.check = NewChecker(h.District, h.From, Hash(h.Prev), v.trusted...)
	if h.From < 1 || (h.From == 1 && Hash(h.Prev) != Genesis(h.District)) {
		v.found(v.check.fault(Broken, max(h.From, 1), "the chain does not begin as that of its district does"))
		return
	}
	v.report.At = &h.At
	v.kept.Heads = slices.DeleteFunc(slices.Clone(v.kept.Heads), func(k Head) bool { return k.At.After(h.At) })
	v.found(v.check.Expect(v.kept))
}

func (v *verification) close() {
	if v.check == nil {
		v.line++
		v.broken("the file is empty")
		v.report.Keys = []string{}
		return
	}
	if v.report.Fault == nil && !v.ended {
		v.line++
		v.found(v.check.fault(Missing, v.check.next, "the file is cut off: it does not say where it ends"))
	}
	if v.report.Fault == nil {
		v.found(v.check.Cut())
	}
	if v.report.Fault == nil {
		v.found(v.check.Vouched())
	}
	last, hash := v.check.Last()
	v.report.Last, v.report.Hash, v.report.Events = last, HexHash(hash), last-v.report.From+1
	v.report.Heads, v.report.SignedTo = v.check.Heads(), v.check.SignedTo()
	if v.report.Keys == nil {
		v.report.Keys = []string{}
	}
}

// splitEvent reads a line of an event without parsing what it says.
func splitEvent(line []byte) (n int64, p, h Hash, canonical []byte, ok bool) {
	rest := line[len(`{"n":`):]
	digits := 0
	for digits < len(rest) && digits < 18 && rest[digits] >= '0' && rest[digits] <= '9' {
		n = n*10 + int64(rest[digits]-'0')
		digits++
	}
	if digits == 0 || rest[0] == '0' {
		return
	}
	rest = rest[digits:]
	const (
		beforeP = `,"p":"`
		beforeH = `","h":"`
		beforeE = `","e":`
		atP     = len(beforeP)
		atH     = atP + 64 + len(beforeH)
		atE     = atH + 64 + len(beforeE)
	)
	if len(rest) < atE+3 || string(rest[:atP]) != beforeP || string(rest[atP+64:atH]) != beforeH ||
		string(rest[atH+64:atE]) != beforeE || rest[atE] != '{' || rest[len(rest)-1] != '}' {
		return
	}
	if !unhex(p[:], rest[atP:]) || !unhex(h[:], rest[atH:]) {
		return
	}
	return n, p, h, rest[atE : len(rest)-1], true
}

// unhex reads lower-case digits, as they are written and no other way.
func unhex(dst, src []byte) bool {
	for i := range dst {
		a, b := nibble[src[2*i]], nibble[src[2*i+1]]
		if a|b > 15 {
			return false
		}
		dst[i] = a<<4 | b
	}
	return true
}

var nibble = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()
