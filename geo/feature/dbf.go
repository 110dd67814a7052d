package feature

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// dbf reads the table of a shapefile a record at a time. It is written here
// because Chinese tables often come without a .cpg, and a guess needs the raw
// bytes.
type dbf struct {
	in     io.Reader
	left   uint32
	fields []dbfField
	record []byte
	decode encoding.Encoding // nil: guess
}

type dbfField struct {
	name       string
	from, size int
	character  bool
}

// languages are the language driver bytes that name an encoding worth knowing here.
var languages = map[byte]encoding.Encoding{0x4d: simplifiedchinese.GB18030, 0x7a: simplifiedchinese.GB18030}

func newDBF(in io.Reader, codePage string) (*dbf, error) {
	var head [32]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("its header: %w", short(err))
	}
	d := &dbf{in: in, left: binary.LittleEndian.Uint32(head[4:])}
	headSize, recordSize := int(binary.LittleEndian.Uint16(head[8:])), int(binary.LittleEndian.Uint16(head[10:]))
	if headSize < 33 || recordSize < 1 {
		return nil, errors.New("its header has impossible sizes")
	}
	rest := make([]byte, headSize-32)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, fmt.Errorf("its header: %w", short(err))
	}
	switch {
	case codePage != "":
		label := strings.ToLower(codePage)
		switch label { // what Esri and the Chinese survey programs write
		case "936", "cp936", "gb2312", "ansi 936":
			label = "gbk"
		case "65001":
			label = "utf-8"
		}
		e, _ := charset.Lookup(label)
		if e == nil {
			return nil, fmt.Errorf("its .cpg names the encoding %.40q, which is not known", codePage)
		}
		d.decode = e
	default:
		d.decode = languages[head[29]]
	}
	from := 1 // after the mark of deletion
	for len(rest) >= 32 && rest[0] != '\r' {
		f := dbfField{from: from, size: int(rest[16]), character: rest[11] == 'C'}
		name, _, _ := bytes.Cut(rest[:11], []byte{0})
		f.name = d.text(name)
		from += f.size
		if from > recordSize {
			return nil, fmt.Errorf("its field %q reaches beyond the record", f.name)
		}
		d.fields = append(d.fields, f)
		rest = rest[32:]
	}
	d.record = make([]byte, recordSize)
	return d, nil
}

func (d *dbf) next() (properties map[string]string, deleted bool, err error) {
	if d.left == 0 {
		return nil, false, errors.New("it has fewer records than the .shp")
	}
	d.left--
	if _, err := io.ReadFull(d.in, d.record); err != nil {
		return nil, false, short(err)
	}
	properties = make(map[string]string, len(d.fields))
	for _, f := range d.fields {
		value := d.record[f.from : f.from+f.size]
		if f.character {
			properties[f.name] = d.text(value)
		} else {
			properties[f.name] = strings.Trim(string(bytes.ToValidUTF8(value, nil)), " \x00*")
		}
	}
	return properties, d.record[0] == '*', nil
}

// text decodes before it trims, since a byte that looks like a space may be half
// a character. Only spaces and zeros pad a field.
func (d *dbf) text(raw []byte) string {
	e := d.decode
	if e == nil {
		if whole := wholeRunes(raw); utf8.Valid(whole) {
			return strings.Trim(string(whole), " \x00")
		}
		e = simplifiedchinese.GB18030
	}
	out, err := e.NewDecoder().Bytes(raw)
	if err != nil {
		out = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	return strings.Trim(string(out), " \x00")
}

// wholeRunes drops the beginning of a character that a fixed width cut off.
func wholeRunes(raw []byte) []byte {
	for i := len(raw) - 1; i >= 0 && i >= len(raw)-utf8.UTFMax+1; i-- {
		if utf8.RuneStart(raw[i]) {
			if !utf8.FullRune(raw[i:]) {
				return raw[:i]
			}
			break
		}
	}
	return raw
}
