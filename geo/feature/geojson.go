package feature

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// ErrTooLarge says that a file goes beyond Limits.
var ErrTooLarge = errors.New("too large")

// GeoJSON reads a FeatureCollection, a single Feature, or one feature a line
// (which is known by a first line that is a whole Feature). Within a collection a
// syntax error ends the stream; a line of its own can be skipped.
func GeoJSON(r io.Reader, limits Limits) iter.Seq2[Feature, error] {
	limits = limits.orDefault()
	return func(yield func(Feature, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		if err := dropBOM(in); err != nil {
			yield(Feature{}, err)
			return
		}
		first, err := firstLine(in, limits.FeatureBytes)
		if err != nil {
			yield(Feature{}, fmt.Errorf("read features: %w", err))
			return
		}
		whole := io.MultiReader(bytes.NewReader(first), in)
		var head struct{ Type string }
		if trimmed := bytes.TrimLeft(first, "\x1e"); json.Unmarshal(trimmed, &head) == nil && head.Type == "Feature" {
			lines(whole, limits, yield)
			return
		}
		collection(whole, limits, yield)
	}
}

// GeoJSONLines reads one feature a line; RFC 8142 record separators are allowed.
func GeoJSONLines(r io.Reader, limits Limits) iter.Seq2[Feature, error] {
	limits = limits.orDefault()
	return func(yield func(Feature, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		if err := dropBOM(in); err != nil {
			yield(Feature{}, err)
			return
		}
		lines(in, limits, yield)
	}
}

// dropBOM skips the mark that some programs put before UTF-8, and refuses UTF-16.
func dropBOM(in *bufio.Reader) error {
	head, err := in.Peek(3)
	if len(head) < 2 {
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the first bytes: %w", err)
		}
		return nil
	}
	switch {
	case bytes.Equal(head, []byte("\xef\xbb\xbf")):
		_, err = in.Discard(3)
		return err
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return errors.New("the file is UTF-16; save it as UTF-8")
	}
	return nil
}

func firstLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for len(line) < limit {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil && len(bytes.TrimSpace(line)) > 0, errors.Is(err, io.EOF):
			return line, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
	return line, nil
}

func lines(r io.Reader, limits Limits, yield func(Feature, error) bool) {
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, min(64<<10, limits.FeatureBytes)), limits.FeatureBytes)
	number, line := 0, 0
	for scan.Scan() {
		line++
		text := bytes.Trim(scan.Bytes(), "\x1e \t\r")
		if len(text) == 0 {
			continue
		}
		number++
		if number > limits.Features {
			yield(Feature{}, fmt.Errorf("%w: more than %d features", ErrTooLarge, limits.Features))
			return
		}
		f, refusal := decodeFeature(text, limits)
		if refusal != nil {
			refusal.Line, refusal.Feature = line, number
			if !yield(Feature{Number: number, Line: line}, refusal) {
				return
			}
			continue
		}
		f.Number, f.Line = number, line
		if !yield(f, nil) {
			return
		}
	}
	if err := scan.Err(); errors.Is(err, bufio.ErrTooLong) {
		yield(Feature{}, fmt.Errorf("%w: line %d has more than %d bytes", ErrTooLarge, line+1, limits.FeatureBytes))
	} else if err != nil {
		yield(Feature{}, fmt.Errorf("read features: line %d: %w", line+1, err))
	}
}

// meter counts lines for messages, and stops a single value that would fill the
// memory: allowance is what may still be read before the next value begins.
type meter struct {
	in        io.Reader
	allowance int
	offset    int64
	newlines  []int64 // offsets read but not yet passed
	passed    int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.allowance <= 0 {
		return 0, ErrTooLarge
	}
	n, err := m.in.Read(p[:min(len(p), m.allowance)])
	for i, c := range p[:n] {
		if c == '\n' {
			m.newlines = append(m.newlines, m.offset+int64(i))
		}
	}
	m.offset += int64(n)
	m.allowance -= n
	return n, err
}

// line answers the line of an offset; offsets only grow.
func (m *meter) line(offset int64) int {
	n := 0
	for n < len(m.newlines) && m.newlines[n] < offset {
		n++
	}
	m.passed += n
	m.newlines = m.newlines[n:]
	return m.passed + 1
}

func collection(r io.Reader, limits Limits, yield func(Feature, error) bool) {
	m := &meter{in: r, allowance: limits.FeatureBytes}
	dec := json.NewDecoder(m)
	fail := func(err error) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		yield(Feature{}, fmt.Errorf("read GeoJSON: line %d: %w", m.line(dec.InputOffset()), err))
	}
	if t, err := dec.Token(); err != nil {
		fail(err)
		return
	} else if t != json.Delim('{') {
		fail(errors.New("the file should hold a FeatureCollection"))
		return
	}
	members := map[string]json.RawMessage{}
	found := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			fail(err)
			return
		}
		m.allowance = limits.FeatureBytes
		if key == "features" && !found {
			found = true
			if !eachFeature(dec, m, limits, yield, fail) {
				return
			}
			continue
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			fail(err)
			return
		}
		name, _ := key.(string)
		if name == "crs" {
			if err := checkCRS(value); err != nil {
				fail(err)
				return
			}
		}
		if !found && len(members) < 100 {
			members[name] = value
		}
	}
	if _, err := dec.Token(); err != nil {
		fail(err)
		return
	}
	if found {
		return
	}
	// No collection: a single feature that is spread over lines.
	text, err := json.Marshal(members)
	if err == nil {
		f, refusal := decodeFeature(text, limits)
		f.Number, f.Line = 1, 1
		if refusal == nil {
			yield(f, nil)
			return
		}
		refusal.Line, refusal.Feature = 1, 1
		yield(f, refusal)
		return
	}
	fail(err)
}

// eachFeature says whether the file can be read on.
func eachFeature(dec *json.Decoder, m *meter, limits Limits, yield func(Feature, error) bool, fail func(error)) bool {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		if err == nil {
			err = errors.New(`"features" should be a list`)
		}
		fail(err)
		return false
	}
	for number := 1; dec.More(); number++ {
		if number > limits.Features {
			fail(fmt.Errorf("%w: more than %d features", ErrTooLarge, limits.Features))
			return false
		}
		m.allowance = limits.FeatureBytes
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			fail(err)
			return false
		}
		line := m.line(dec.InputOffset() - int64(len(text)) + 1)
		f, refusal := decodeFeature(text, limits)
		f.Number, f.Line = number, line
		var err error
		if refusal != nil {
			refusal.Line, refusal.Feature = line, number
			err = refusal
		}
		if !yield(f, err) {
			return false
		}
	}
	m.allowance = limits.FeatureBytes
	if _, err := dec.Token(); err != nil {
		fail(err)
		return false
	}
	return true
}

// checkCRS accepts the member of older files where it says WGS-84 or CGCS2000.
func checkCRS(text json.RawMessage) error {
	if string(text) == "null" {
		return nil
	}
	var crs struct{ Properties struct{ Name string } }
	if err := json.Unmarshal(text, &crs); err == nil {
		name := strings.ToUpper(crs.Properties.Name)
		for _, known := range []string{"CRS84", "4326", "4490"} {
			if strings.HasSuffix(name, known) {
				return nil
			}
		}
	}
	return fmt.Errorf("the file is in another reference system, %.200s; convert it to WGS-84 longitude and latitude (EPSG:4326)", text)
}

func decodeFeature(text []byte, limits Limits) (Feature, *Refusal) {
	if !utf8.Valid(text) {
		return Feature{}, &Refusal{Code: CodeEncoding, Detail: "is not UTF-8 (GBK perhaps); save the file as UTF-8"}
	}
	var in struct {
		Type       string
		ID         json.RawMessage
		Properties map[string]json.RawMessage
		Geometry   json.RawMessage
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return Feature{}, &Refusal{Code: CodeSyntax, Detail: fmt.Sprintf("is no GeoJSON feature: %v", err)}
	}
	if in.Type != "Feature" {
		return Feature{}, &Refusal{Code: CodeSyntax, Detail: fmt.Sprintf("has type %.40q; a Feature is needed", in.Type)}
	}
	f := Feature{Properties: make(map[string]string, len(in.Properties)+1)}
	if len(in.ID) > 0 {
		f.Properties["id"] = plainText(in.ID) // a property of that name wins
	}
	for name, value := range in.Properties {
		f.Properties[name] = plainText(value)
	}
	g, err := decodeGeometry(in.Geometry, limits.Vertices)
	if err != nil {
		return f, &Refusal{Column: "geometry", Code: CodeGeometry, Detail: err.Error()}
	}
	f.Geom = g
	return f, nil
}

// plainText keeps the digits of a number, so that a code such as 331004001002
// does not turn into 3.31e+11.
func plainText(value json.RawMessage) string {
	if string(value) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(value, &s) == nil {
		return strings.TrimSpace(s)
	}
	return string(value)
}
