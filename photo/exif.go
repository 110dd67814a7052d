package photo

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Exif is what a camera wrote into a photo. Anybody can write anything there, so
// it is a claim to compare, never a fact. The zero value is "it says nothing".
type Exif struct {
	// Place is WGS-84, which the standard's readers assume where no datum is named;
	// a GPSMapDatum of GCJ-02 is converted. Nil where there is none, or none usable.
	Place *geo.Point
	// Taken is when the picture was taken. Without ZoneKnown it is the camera's wall
	// clock written down as UTC.
	Taken     time.Time
	ZoneKnown bool
	// Orientation is 1 to 8; 1 where nothing is said.
	Orientation int
}

// The tags that are read.
const (
	tagOrientation      = 0x0112
	tagExifIFD          = 0x8769
	tagGPSIFD           = 0x8825
	tagDateTimeOriginal = 0x9003
	tagOffsetOriginal   = 0x9011
	tagLatitudeRef      = 0x0001
	tagLatitude         = 0x0002
	tagLongitudeRef     = 0x0003
	tagLongitude        = 0x0004
	tagTimeStamp        = 0x0007
	tagMapDatum         = 0x0012
	tagDateStamp        = 0x001d
)

// The types of values that are read, and their bytes each.
const (
	typeASCII    = 2
	typeShort    = 3
	typeLong     = 4
	typeRational = 5
)

var typeBytes = map[uint16]int{typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8}

// maxEntries bounds a directory; cameras write some sixty.
const maxEntries = 512

// tiff is the structure that EXIF data has in every kind of file.
type tiff struct {
	b     []byte
	order binary.ByteOrder
}

// value is one field of a directory.
type value struct {
	t    tiff
	kind uint16
	b    []byte
}

// ParseExif reads place, time and orientation out of EXIF data and skips what it
// cannot follow. It looks at three directories and follows no chain.
func ParseExif(b []byte) Exif {
	e := Exif{Orientation: 1}
	if len(b) < 8 {
		return e
	}
	t := tiff{b: b}
	switch string(b[:4]) {
	case "II*\x00":
		t.order = binary.LittleEndian
	case "MM\x00*":
		t.order = binary.BigEndian
	default:
		return e
	}
	root := t.directory(t.order.Uint32(b[4:]))
	if o := root[tagOrientation].number(); o >= 1 && o <= 8 {
		e.Orientation = int(o)
	}
	shot := t.directory(root[tagExifIFD].number())
	gps := t.directory(root[tagGPSIFD].number())
	e.Place = place(gps)
	e.Taken, e.ZoneKnown = taken(shot, gps)
	return e
}

// directory reads the fields at an offset; of a tag that comes twice the first counts.
func (t tiff) directory(at uint32) map[uint16]value {
	if at == 0 || int64(at)+2 > int64(len(t.b)) {
		return nil
	}
	n := int(t.order.Uint16(t.b[at:]))
	if n > maxEntries {
		return nil
	}
	fields := map[uint16]value{}
	for i := range n {
		entry := int64(at) + 2 + int64(i)*12
		if entry+12 > int64(len(t.b)) {
			break
		}
		e := t.b[entry : entry+12]
		tag, kind := t.order.Uint16(e), t.order.Uint16(e[2:])
		size := int64(typeBytes[kind]) * int64(t.order.Uint32(e[4:]))
		content := e[8:12]
		if size > 4 {
			from := int64(t.order.Uint32(e[8:]))
			if from+size > int64(len(t.b)) {
				continue
			}
			content = t.b[from : from+size]
		}
		if _, seen := fields[tag]; size > 0 && !seen {
			fields[tag] = value{t, kind, content[:size]}
		}
	}
	return fields
}

func (v value) number() uint32 {
	switch {
	case v.kind == typeShort && len(v.b) >= 2:
		return uint32(v.t.order.Uint16(v.b))
	case v.kind == typeLong && len(v.b) >= 4:
		return v.t.order.Uint32(v.b)
	}
	return 0
}

func (v value) text() string {
	if v.kind != typeASCII || len(v.b) > 64 {
		return ""
	}
	text, _, _ := strings.Cut(string(v.b), "\x00")
	return strings.TrimSpace(text)
}

// three reads degrees, minutes, seconds, or hours, minutes, seconds.
func (v value) three() (out [3]float64, ok bool) {
	if v.kind != typeRational || len(v.b) < 24 {
		return out, false
	}
	for i := range out {
		above, below := v.t.order.Uint32(v.b[8*i:]), v.t.order.Uint32(v.b[8*i+4:])
		if below == 0 {
			if above != 0 {
				return out, false
			}
			continue // 0/0 is how some cameras leave the seconds out
		}
		out[i] = float64(above) / float64(below)
	}
	return out, true
}

func place(gps map[uint16]value) *geo.Point {
	lat, okLat := gps[tagLatitude].three()
	lon, okLon := gps[tagLongitude].three()
	if !okLat || !okLon {
		return nil
	}
	p := geo.Point{Lon: lon[0] + lon[1]/60 + lon[2]/3600, Lat: lat[0] + lat[1]/60 + lat[2]/3600}
	switch gps[tagLatitudeRef].text() {
	case "N":
	case "S":
		p.Lat = -p.Lat
	default:
		return nil
	}
	switch gps[tagLongitudeRef].text() {
	case "E":
	case "W":
		p.Lon = -p.Lon
	default:
		return nil
	}
	if p.Check() != nil {
		return nil
	}
	if strings.Contains(strings.ToUpper(gps[tagMapDatum].text()), "GCJ") {
		p = geo.ToWGS84(p, geo.GCJ02)
	}
	return &p
}

const wallClock = "2006:01:02 15:04:05"

// taken prefers the shutter's own clock with its offset, then without, then the
// satellites' time, which is UTC but may be that of an older fix.
func taken(shot, gps map[uint16]value) (at time.Time, zoneKnown bool) {
	if text := shot[tagDateTimeOriginal].text(); text != "" {
		if at, err := time.Parse(wallClock+"-07:00", text+shot[tagOffsetOriginal].text()); err == nil && sensible(at) {
			return at.UTC(), true
		}
		if at, err := time.Parse(wallClock, text); err == nil && sensible(at) {
			return at, false
		}
	}
	day, err := time.Parse("2006:01:02", gps[tagDateStamp].text())
	clock, ok := gps[tagTimeStamp].three()
	if err != nil || !ok || !sensible(day) || clock[0] >= 24 || clock[1] >= 60 || clock[2] >= 61 {
		return time.Time{}, false
	}
	seconds := clock[0]*3600 + clock[1]*60 + clock[2]
	return day.Add(time.Duration(math.Round(seconds)) * time.Second), true
}

// sensible leaves out clocks that were never set.
func sensible(at time.Time) bool { return at.Year() >= 1990 && at.Year() < 2100 }
