package photo_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

func seeds(f *testing.F) {
	f.Add(phototest.JPEG(f, 16, 8))
	f.Add(photo.WithExif(phototest.JPEG(f, 16, 8), photo.Exif{Place: &vat, Taken: night, ZoneKnown: true, Orientation: 5}))
	f.Add(phototest.PNG(f, 16, 8))
	f.Add(phototest.WebP(phototest.Chunk("VP8X", []byte{8, 0, 0, 0, 0, 0, 0, 0, 0, 0}), phototest.Chunk("EXIF", []byte("II*\x00"))))
	for _, h := range phototest.HostileSet(f) {
		f.Add(h.Body)
	}
}

// Whatever is taken keeps to the limits; whatever is not is refused with words.
func FuzzInspect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		facts, err := photo.Inspect(body)
		var refused *photo.Refusal
		switch {
		case err == nil:
			if facts.Width < 1 || facts.Height < 1 || facts.Width*facts.Height > photo.MaxPixels {
				t.Errorf("taken: %d x %d", facts.Width, facts.Height)
			}
			checkExif(t, facts.Exif)
		case !errors.As(err, &refused) || refused.Code == "" || refused.Detail == "":
			t.Errorf("refused without words: %v", err)
		}
	})
}

func FuzzExif(f *testing.F) {
	written := photo.WithExif(phototest.JPEG(f, 8, 8), photo.Exif{Place: &vat, Taken: night, ZoneKnown: true, Orientation: 5})
	f.Add(written[bytes.Index(written, []byte("MM\x00*")):])
	f.Add([]byte("II*\x00\x08\x00\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) { checkExif(t, photo.ParseExif(body)) })
}

func checkExif(t *testing.T, e photo.Exif) {
	t.Helper()
	if e.Place != nil && e.Place.Check() != nil {
		t.Errorf("a place that is none: %v", e.Place.Check())
	}
	if !e.Taken.IsZero() && (e.Taken.Year() < 1989 || e.Taken.Year() > 2100) {
		t.Errorf("a time that is none: %v", e.Taken)
	}
	if e.Orientation < 1 || e.Orientation > 8 {
		t.Errorf("orientation %d", e.Orientation)
	}
}

// Copies are photos themselves, small, and hold nothing that the original said.
func FuzzMake(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if facts, err := photo.Inspect(body); err != nil || facts.Width*facts.Height > 1_000_000 {
			return // the limits have their own target; this one is to be quick
		}
		copies, err := photo.Make(body)
		if err != nil {
			return
		}
		for _, c := range copies {
			facts, err := photo.Inspect(c.JPEG)
			if err != nil || facts.Width != c.Width || max(c.Width, c.Height) > 2048 {
				t.Errorf("copy %s of %d x %d: %v", c.Size, c.Width, c.Height, err)
			}
			if facts.Exif.Place != nil || facts.Exif.Taken != (time.Time{}) {
				t.Errorf("copy %s says %+v", c.Size, facts.Exif)
			}
		}
	})
}

func BenchmarkInspect3MB(b *testing.B) {
	body := threeMB(b)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := photo.Inspect(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMake3MB(b *testing.B) {
	body := threeMB(b)
	for b.Loop() {
		if _, err := photo.Make(body); err != nil {
			b.Fatal(err)
		}
	}
}

func threeMB(b *testing.B) []byte {
	b.Helper()
	body, err := phototest.Noisy(1)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes", len(body))
	return body
}
