package photo

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// WithExif puts EXIF data into a JPEG that has none, as a camera would: for
// simulated phones and for tests. Without ZoneKnown the wall clock stands alone.
func WithExif(jpeg []byte, e Exif) []byte {
	data := append([]byte("Exif\x00\x00"), e.tiff()...)
	out := append([]byte{}, jpeg[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)+2))
	out = append(out, data...)
	return append(out, jpeg[2:]...)
}

// field is one entry of a directory with its value as it is stored.
type field struct {
	tag, kind uint16
	count     uint32
	b         []byte
}

func ascii(tag uint16, text string) field {
	return field{tag, typeASCII, uint32(len(text) + 1), append([]byte(text), 0)}
}

func degrees(tag uint16, v float64) field {
	var b []byte
	units := uint64(math.Round(math.Abs(v) * 3600 * 1e4)) // of 0.1 milli-arcseconds: 3 mm
	for _, part := range [][2]uint64{{units / 36e6, 1}, {units % 36e6 / 6e5, 1}, {units % 6e5, 1e4}} {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(part[0])), uint32(part[1]))
	}
	return field{tag, typeRational, 3, b}
}

// tiff writes the directories that ParseExif reads.
func (e Exif) tiff() []byte {
	const header = 8
	out := []byte("MM\x00*\x00\x00\x00\x08")
	var gps, shot []field
	if e.Place != nil {
		ns, ew := "N", "E"
		if e.Place.Lat < 0 {
			ns = "S"
		}
		if e.Place.Lon < 0 {
			ew = "W"
		}
		gps = []field{ascii(tagLatitudeRef, ns), degrees(tagLatitude, e.Place.Lat), ascii(tagLongitudeRef, ew), degrees(tagLongitude, e.Place.Lon)}
	}
	if !e.Taken.IsZero() {
		shot = append(shot, ascii(tagDateTimeOriginal, e.Taken.Format(wallClock)))
		if e.ZoneKnown {
			shot = append(shot, ascii(tagOffsetOriginal, zoneOf(e.Taken)))
		}
	}
	root := []field{{tagOrientation, typeShort, 1, []byte{0, byte(max(1, e.Orientation))}}}
	long := func(tag uint16) field { return field{tag, typeLong, 1, make([]byte, 4)} }
	if shot != nil {
		root = append(root, long(tagExifIFD))
	}
	if gps != nil {
		root = append(root, long(tagGPSIFD))
	}
	next := uint32(header + sizeOf(root))
	for i := range root {
		switch root[i].tag {
		case tagExifIFD:
			binary.BigEndian.PutUint32(root[i].b, next)
			next += uint32(sizeOf(shot))
		case tagGPSIFD:
			binary.BigEndian.PutUint32(root[i].b, next)
		}
	}
	out = appendDirectory(out, root)
	if shot != nil {
		out = appendDirectory(out, shot)
	}
	if gps != nil {
		out = appendDirectory(out, gps)
	}
	return out
}

func zoneOf(t time.Time) string {
	_, s := t.Zone()
	sign := '+'
	if s < 0 {
		sign, s = '-', -s
	}
	return fmt.Sprintf("%c%02d:%02d", sign, s/3600, s%3600/60)
}

func sizeOf(fields []field) int {
	n := 2 + 12*len(fields) + 4
	for _, f := range fields {
		if len(f.b) > 4 {
			n += len(f.b)
		}
	}
	return n
}

func appendDirectory(out []byte, fields []field) []byte {
	at := uint32(len(out) + 2 + 12*len(fields) + 4)
	out = binary.BigEndian.AppendUint16(out, uint16(len(fields)))
	var far []byte
	for _, f := range fields {
		out = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, f.tag), f.kind)
		out = binary.BigEndian.AppendUint32(out, f.count)
		if len(f.b) > 4 {
			out = binary.BigEndian.AppendUint32(out, at+uint32(len(far)))
			far = append(far, f.b...)
			continue
		}
		out = append(out, f.b...)
		out = append(out, make([]byte, 4-len(f.b))...)
	}
	out = append(out, 0, 0, 0, 0)
	return append(out, far...)
}
