package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Canonical writes v as the one JSON text that its value has (RFC 8785): keys in
// the order of their UTF-16 code units, numbers as ECMAScript writes them, no
// white space, and nothing escaped that need not be. What is signed, chained or
// compared byte for byte is written this way.
func Canonical(v any) ([]byte, error) {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	c := canonizer{in: plain.Bytes(), out: make([]byte, 0, plain.Len())}
	if err := c.value(); err != nil {
		return nil, fmt.Errorf("write canonical JSON: %w", err)
	}
	return c.out, nil
}

// canonizer rewrites valid JSON text member by member: values are written as they
// come, and an object's members are put in order once the object is complete.
type canonizer struct {
	in   []byte
	at   int
	out  []byte
	swap []byte   // where members are put in order
	open []member // of all objects that are not complete yet
}

// member is the text of one member of an object, "key":value, within out.
type member struct {
	key      []byte
	from, to int
}

func (c *canonizer) space() {
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

func (c *canonizer) value() error {
	c.space()
	switch c.in[c.at] {
	case '{':
		return c.object()
	case '[':
		return c.array()
	case '"':
		s, err := c.text()
		c.out = appendCanonicalString(c.out, s)
		return err
	case 't', 'n':
		c.out = append(c.out, c.in[c.at:c.at+4]...)
		c.at += 4
		return nil
	case 'f':
		c.out = append(c.out, "false"...)
		c.at += 5
		return nil
	}
	from := c.at
	for c.at < len(c.in) && strings.IndexByte("+-.eE0123456789", c.in[c.at]) >= 0 {
		c.at++
	}
	var err error
	c.out, err = appendCanonicalNumber(c.out, string(c.in[from:c.at]))
	return err
}

// text reads a string; only one with escapes needs more than a copy.
func (c *canonizer) text() ([]byte, error) {
	from := c.at
	escaped := false
	for c.at++; c.in[c.at] != '"'; c.at++ {
		if c.in[c.at] == '\\' {
			escaped = true
			c.at++
		}
	}
	c.at++
	if !escaped {
		return c.in[from+1 : c.at-1], nil
	}
	var s string
	err := json.Unmarshal(c.in[from:c.at], &s)
	return []byte(s), err
}

func (c *canonizer) array() error {
	c.out = append(c.out, '[')
	c.at++
	for first := true; ; first = false {
		c.space()
		switch c.in[c.at] {
		case ']':
			c.at++
			c.out = append(c.out, ']')
			return nil
		case ',':
			c.at++
		}
		if !first {
			c.out = append(c.out, ',')
		}
		if err := c.value(); err != nil {
			return err
		}
	}
}

func (c *canonizer) object() error {
	c.out = append(c.out, '{')
	c.at++
	base := len(c.open)
	for {
		c.space()
		if c.in[c.at] == ',' {
			c.at++
			c.space()
		}
		if c.in[c.at] == '}' {
			c.at++
			err := c.order(base)
			c.out = append(c.out, '}')
			return err
		}
		from := len(c.out)
		key, err := c.text()
		if err != nil {
			return err
		}
		c.out = append(appendCanonicalString(c.out, key), ':')
		c.space()
		c.at++ // the colon
		if err := c.value(); err != nil {
			return err
		}
		c.open = append(c.open, member{key, from, len(c.out)})
	}
}

// order puts the members since base in order, with commas between.
func (c *canonizer) order(base int) error {
	members := c.open[base:]
	if len(members) == 0 {
		return nil
	}
	from := members[0].from
	slices.SortFunc(members, func(a, b member) int { return byUTF16(a.key, b.key) })
	c.swap = c.swap[:0]
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(m.key, members[i-1].key) {
				return fmt.Errorf("key %q stands twice in one object", m.key)
			}
			c.swap = append(c.swap, ',')
		}
		c.swap = append(c.swap, c.out[m.from:m.to]...)
	}
	c.out = append(c.out[:from], c.swap...)
	c.open = c.open[:base]
	return nil
}

// appendCanonicalNumber writes a number as ECMAScript does.
func appendCanonicalNumber(b []byte, n string) ([]byte, error) {
	f, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return nil, fmt.Errorf("number %s: %w", n, err)
	}
	if abs := math.Abs(f); abs > 1<<53 && abs < 1e21 {
		return nil, fmt.Errorf("number %s is beyond what every reader holds exactly; write it as text", n)
	}
	if f == 0 {
		return append(b, '0'), nil
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64), nil
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if last := len(b) - 1; b[last-1] == '0' && (b[last-2] == '-' || b[last-2] == '+') {
		b = append(b[:last-1], b[last]) // ECMAScript writes e-7, not e-07
	}
	return b, nil
}

func appendCanonicalString(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	if !slices.ContainsFunc(s, func(c byte) bool { return c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf }) {
		return append(append(b, s...), '"')
	}
	for _, r := range string(s) {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func byUTF16(a, b []byte) int {
	if isASCII(a) && isASCII(b) {
		return bytes.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(string(a))), utf16.Encode([]rune(string(b))))
}

func isASCII(s []byte) bool {
	return !slices.ContainsFunc(s, func(c byte) bool { return c >= utf8.RuneSelf })
}
