package photo_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, h := range phototest.HostileSet(t) {
		t.Run(h.Name, func(t *testing.T) {
			t.Parallel()
			_, err := photo.Inspect(h.Body)
			var refused *photo.Refusal
			if !errors.As(err, &refused) || refused.Code != h.Code || !strings.Contains(refused.Detail, h.Remedy) {
				t.Errorf("answered %v (%+v), want %s with %q", err, refused, h.Code, h.Remedy)
			}
			if _, err := photo.Make(h.Body); err == nil {
				t.Error("copies are made of it")
			}
		})
	}
}

func TestRealFilesAreTaken(t *testing.T) {
	t.Parallel()
	jpg := phototest.JPEG(t, 64, 48)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	film := join([]byte("\x00\x00\x00\x10ftypmp42\x00\x00\x00\x00"), []byte("\x00\x00\x00\x0cmdat<htm"), []byte("\x00\x00\x00\x00moovto the end"))
	block := []byte("\x00\x00\x0a\x01\x04\x00\x00\x00Name some data")
	maker := func(block []byte) []byte {
		d := binary.LittleEndian.AppendUint32([]byte("SEFH\x6b\x00\x00\x00\x01\x00\x00\x00\x00\x00\x0a\x01"), uint32(len(block)))
		d = binary.LittleEndian.AppendUint32(d, uint32(len(block)))
		return join(block, d, binary.LittleEndian.AppendUint32(nil, uint32(len(d))), []byte("SEFT"))
	}
	pic := phototest.PNG(t, 64, 48)
	for name, body := range map[string][]byte{
		"JPEG":                          jpg,
		"with a colour profile and XMP": phototest.With(jpg, phototest.Segment(0xe2, []byte("ICC_PROFILE\x00")), phototest.Segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<?xpacket?><x:xmpmeta>"))),
		"with padding":                  join(jpg, make([]byte, 100)),
		"with a gain map behind it":     join(jpg, phototest.JPEG(t, 8, 8), phototest.JPEG(t, 8, 8)),
		"a motion photo":                join(jpg, film),
		"a maker's block":               join(jpg, maker(block)),
		"a maker's motion photo":        join(jpg, maker(join(block, film))),
		"fill bytes before a marker":    phototest.With(jpg, []byte{0xff, 0xff, 0xff}),
		"PNG":                           pic,
		"PNG with text":                 join(pic[:33], phototest.PNGChunk("tEXt", []byte("Software\x00gimp")), pic[33:]),
		"WebP":                          phototest.WebP(),
		"WebP with a canvas":            phototest.WebP(phototest.Chunk("VP8X", make([]byte, 10))),
		"PDF's mark further back":       phototest.With(jpg, phototest.Segment(0xfe, append(make([]byte, 2000), "%PDF-"...))),
		"an archive's mark by chance":   phototest.With(jpg, phototest.Segment(0xfe, []byte("PK\x05\x06 by chance, with no directory behind it"))),
	} {
		facts, err := photo.Inspect(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := photo.Make(body); err != nil {
			t.Errorf("%s (%s) cannot be shown: %v", name, facts.MediaType, err)
		}
	}
}

var (
	china = time.FixedZone("", 8*3600)
	night = time.Date(2026, 5, 3, 21, 40, 12, 0, china)
	vat   = geo.Point{Lon: 121.380123, Lat: 28.580456}
)

func TestExif(t *testing.T) {
	t.Parallel()
	south := geo.Point{Lon: -58.381592, Lat: -34.603722}
	wall := time.Date(2026, 5, 3, 21, 40, 12, 0, time.UTC)
	plain, pic := phototest.JPEG(t, 16, 16), phototest.PNG(t, 16, 16)
	for name, want := range map[string]photo.Exif{
		"all":             {Place: &vat, Taken: night, ZoneKnown: true, Orientation: 6},
		"south and west":  {Place: &south, Taken: night, ZoneKnown: true, Orientation: 1},
		"wall clock only": {Taken: wall, Orientation: 1},
		"place only":      {Place: &vat, Orientation: 8},
		"turned":          {Orientation: 3},
	} {
		written := photo.WithExif(plain, want)
		tiff := written[bytes.Index(written, []byte("Exif\x00\x00"))+6:]
		tiff = tiff[:bytes.Index(tiff, []byte("\xff\xdb"))]
		for kind, body := range map[string][]byte{
			"jpeg": written,
			"png":  bytes.Join([][]byte{pic[:33], phototest.PNGChunk("eXIf", tiff), pic[33:]}, nil),
			"webp": phototest.WebP(phototest.Chunk("VP8X", []byte{8, 0, 0, 0, 0, 0, 0, 0, 0, 0}), phototest.Chunk("EXIF", tiff)),
		} {
			facts, err := photo.Inspect(body)
			if err != nil {
				t.Errorf("%s in %s: %v", name, kind, err)
				continue
			}
			got := facts.Exif
			if (got.Place == nil) != (want.Place == nil) || got.Place != nil && geo.DistanceM(*got.Place, *want.Place) > 0.02 ||
				!got.Taken.Equal(want.Taken) || got.ZoneKnown != want.ZoneKnown || got.Orientation != want.Orientation {
				t.Errorf("%s in %s: %+v at %v, want %+v", name, kind, got, got.Place, want)
			}
		}
	}
}

// A directory by hand: little-endian, satellites' time, a named datum.
func TestExifOfTheSatellites(t *testing.T) {
	t.Parallel()
	gcj := geo.Point{Lon: 121.3844, Lat: 28.5776}
	build := func(datum string, below uint32, lon float64) []byte {
		b := []byte("II*\x00\x08\x00\x00\x00")
		le := binary.LittleEndian
		entry := func(tag, kind uint16, count, v uint32) {
			b = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(b, tag), kind), count), v)
		}
		b = le.AppendUint16(b, 1)
		entry(0x8825, 4, 1, 26)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint16(b, 7)
		at := uint32(26 + 2 + 7*12 + 4)
		entry(1, 2, 2, 'N')
		entry(2, 5, 3, at)
		entry(3, 2, 2, 'E')
		entry(4, 5, 3, at+24)
		entry(7, 5, 3, at+48)
		entry(0x12, 2, uint32(len(datum)), at+72)
		entry(0x1d, 2, 11, at+72+uint32(len(datum)))
		b = le.AppendUint32(b, 0)
		for _, v := range []float64{gcj.Lat, lon} {
			for _, n := range []uint32{uint32(v), 1, 0, 1, uint32(math.Round((v - math.Floor(v)) * 3600 * 1e4)), below} {
				b = le.AppendUint32(b, n)
			}
		}
		for _, n := range []uint32{13, 1, 40, 1, 12, 1} {
			b = le.AppendUint32(b, n)
		}
		return append(append(b, datum...), "2026:05:03\x00"...)
	}
	e := photo.ParseExif(build("WGS-84\x00", 1e4, gcj.Lon))
	if e.Place == nil || geo.DistanceM(*e.Place, gcj) > 0.1 || !e.Taken.Equal(night) || !e.ZoneKnown {
		t.Errorf("satellites: %+v at %v", e, e.Place)
	}
	e = photo.ParseExif(build("GCJ-02\x00", 1e4, gcj.Lon))
	if d := geo.DistanceM(*e.Place, gcj); d < 100 || d > 1000 {
		t.Errorf("a place in GCJ-02 was moved by %.0f m", d)
	}
	if e = photo.ParseExif(build("WGS-84\x00", 0, gcj.Lon)); e.Place != nil {
		t.Errorf("seconds divided by nothing are a place: %v", e.Place)
	}
	if e = photo.ParseExif(build("WGS-84\x00", 1e4, 200)); e.Place != nil {
		t.Errorf("200 degrees east are a place: %v", e.Place)
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	big := photo.WithExif(phototest.JPEG(t, 3000, 2000), photo.Exif{Place: &vat, Taken: night, ZoneKnown: true, Orientation: 6})
	copies, err := photo.Make(big)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[photo.Size][2]int{}
	for _, c := range copies {
		sizes[c.Size] = [2]int{c.Width, c.Height}
		if bytes.Contains(c.JPEG, []byte("Exif")) {
			t.Errorf("%s still holds EXIF data", c.Size)
		}
		facts, err := photo.Inspect(c.JPEG)
		if err != nil || facts.Width != c.Width || facts.Height != c.Height || facts.MediaType != "image/jpeg" {
			t.Errorf("%s: %+v %v", c.Size, facts, err)
		}
	}
	if sizes[photo.Shown] != [2]int{1365, 2048} || sizes[photo.Thumb] != [2]int{213, 320} {
		t.Errorf("sizes %v", sizes)
	}
}

// What stands top left (red) when the camera was held so, by the standard.
func TestTurned(t *testing.T) {
	t.Parallel()
	const red, green, blue, white = "red", "green", "blue", "white"
	for orientation, want := range map[int][4]string{ // top left, top right, bottom left, bottom right
		0: {red, green, blue, white}, 1: {red, green, blue, white}, 2: {green, red, white, blue}, 3: {white, blue, green, red},
		4: {blue, white, red, green}, 5: {red, blue, green, white}, 6: {blue, red, white, green}, 7: {white, green, blue, red}, 8: {green, white, red, blue},
	} {
		copies, err := photo.Make(photo.WithExif(phototest.JPEG(t, 64, 32), photo.Exif{Orientation: orientation}))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(copies[0].JPEG))
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		if (b.Dy() > b.Dx()) != (orientation >= 5) {
			t.Errorf("orientation %d: %v", orientation, b)
		}
		colour := func(x, y int) string {
			r, g, bl, _ := img.At(x, y).RGBA()
			switch {
			case min(r, g, bl) > 0xb000:
				return white
			case r > g && r > bl:
				return red
			case g > bl:
				return green
			}
			return blue
		}
		x, y := b.Dx(), b.Dy()
		got := [4]string{colour(x/4, y/4), colour(3*x/4, y/4), colour(x/4, 3*y/4), colour(3*x/4, 3*y/4)}
		if got != want {
			t.Errorf("orientation %d: %v, want %v", orientation, got, want)
		}
	}
}

// A file may have its structure in order and be broken inside: only opening it shows.
func TestBrokenInside(t *testing.T) {
	t.Parallel()
	pic := bytes.Join([][]byte{phototest.PNGHead(100, 100, 8), phototest.PNGChunk("IDAT", []byte("no zlib stream")), phototest.PNGChunk("IEND", nil)}, nil)
	if _, err := photo.Inspect(pic); err != nil {
		t.Fatalf("the structure is in order: %v", err)
	}
	_, err := photo.Make(pic)
	var refused *photo.Refusal
	if !errors.As(err, &refused) || refused.Code != photo.CodeDamaged {
		t.Errorf("answered %v", err)
	}
}
