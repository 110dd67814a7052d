package draw

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// collection writes a GeoJSON FeatureCollection, one feature a line, so that a
// change can be read in a diff.
type collection struct {
	buf   []byte
	count int
}

func newCollection() *collection {
	return &collection{buf: []byte("{\"type\":\"FeatureCollection\",\"features\":[\n")}
}

func (w *collection) feature(kind string, coordinates func([]byte) []byte, properties []any) {
	if w.count > 0 {
		w.buf = append(w.buf, ",\n"...)
	}
	w.count++
	w.buf = append(w.buf, `{"type":"Feature","properties":{`...)
	first := true
	for i := 0; i < len(properties); i += 2 {
		value := quote(properties[i+1])
		if value == nil {
			continue
		}
		if !first {
			w.buf = append(w.buf, ',')
		}
		first = false
		w.buf = strconv.AppendQuote(w.buf, properties[i].(string))
		w.buf = append(w.buf, ':')
		w.buf = append(w.buf, value...)
	}
	w.buf = append(w.buf, `},"geometry":{"type":"`...)
	w.buf = append(w.buf, kind...)
	w.buf = append(w.buf, `","coordinates":`...)
	w.buf = coordinates(w.buf)
	w.buf = append(w.buf, "}}"...)
}

// quote is the JSON of a property, nil for one that is not set.
func quote(v any) []byte {
	if v == "" || v == false {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of strings always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

func (w *collection) line(line []degrees, properties ...any) {
	w.feature("LineString", func(b []byte) []byte { return appendLine(b, line) }, properties)
}

func (w *collection) polygon(rings [][]degrees, properties ...any) {
	w.feature("Polygon", func(b []byte) []byte {
		b = append(b, '[')
		for i, r := range rings {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLine(b, r)
		}
		return append(b, ']')
	}, properties)
}

func (w *collection) bytes() []byte { return append(w.buf, "\n]}\n"...) }

// unit points at a share of the full turn, counter-clockwise from east.
func unit(turns float64) vec {
	s, c := math.Sincos(2 * math.Pi * turns)
	return vec{c, s}
}
