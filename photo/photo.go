// Package photo judges the bytes of a photo and makes what is shown of it.
//
// It has two halves that differ in what they cost. Inspect walks the structure of
// a file (segments, chunks, boxes) without decoding a pixel: milliseconds, a few
// allocations, so the door may do it while a report waits. Make decodes, and
// costs up to a second of a core and half a gigabyte; run it elsewhere, a few at
// a time (package photo/copier runs it in a process of its own).
//
// Everything here is made for a stranger's bytes: every length is checked, every
// loop is bounded by the file, and each decoder has a fuzz target.
package photo

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // what photos may be
	_ "image/png"

	_ "golang.org/x/image/webp"
)

const (
	// MaxPixels is 50 megapixels.
	MaxPixels = 50_000_000
	// maxDecodeBytes is what an opened photo may take in memory. A baseline JPEG or
	// an 8-bit PNG of MaxPixels needs less; a progressive JPEG without subsampling,
	// which is held as coefficients, may need more.
	maxDecodeBytes = 512 << 20
)

// Facts is what Inspect finds out.
type Facts struct {
	MediaType     string
	Width, Height int // as stored, before Exif.Orientation
	Exif          Exif
}

// Refusal says why bytes are not taken as a photo, and what their sender can do.
type Refusal struct {
	Code   string // one of the Code constants
	Detail string // follows "The photo ..."
}

func (r *Refusal) Error() string { return r.Detail }

// Why a photo is refused.
const (
	CodeEmpty     = "empty"
	CodeNoPhoto   = "no_photo"  // not JPEG, PNG or WebP, or a kind of them nobody decodes
	CodeHEIC      = "heic"      // HEIC or AVIF
	CodeTooLarge  = "too_large" // pixels or memory
	CodeTruncated = "truncated"
	CodeForeign   = "foreign" // carries something that belongs to no photo
	CodeDamaged   = "damaged"
)

func refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

var (
	errNoPhoto   = &Refusal{CodeNoPhoto, "is no JPEG, PNG or WebP photo; convert it and send it again"}
	errTruncated = &Refusal{CodeTruncated, "ends before the picture does; it was cut off on its way, so send it again from the device that took it"}
	errDamaged   = &Refusal{CodeDamaged, "is damaged; take it anew, or open it and save it again, and send that"}
	errForeign   = &Refusal{CodeForeign, "carries data that belongs to no photo; open it, save it as a new JPEG, and send that"}
)

// findings is what a walk over a file gathers.
type findings struct {
	mediaType     string
	width, height int
	decodeBytes   int64  // to hold it opened
	exif          []byte // a TIFF structure
}

// Inspect judges a file by its content; no name or declared type counts. It reads
// the EXIF data first, so that what a later copy drops is known.
func Inspect(b []byte) (Facts, error) {
	var f findings
	var err error
	switch {
	case len(b) == 0:
		return Facts{}, &Refusal{CodeEmpty, "is empty; it was not read on the device, so choose it again"}
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		err = walkJPEG(b, &f)
	case bytes.HasPrefix(b, []byte(pngSignature)):
		err = walkPNG(b, &f)
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		err = walkWebP(b, &f)
	default:
		return Facts{}, notAPhoto(b)
	}
	if err != nil {
		return Facts{}, err
	}
	if f.width < 1 || f.height < 1 {
		return Facts{}, errDamaged
	}
	if int64(f.width)*int64(f.height) > MaxPixels {
		return Facts{}, refuse(CodeTooLarge, "has %d x %d pixels; send one of 50 megapixels or fewer", f.width, f.height)
	}
	if f.decodeBytes > maxDecodeBytes {
		return Facts{}, refuse(CodeTooLarge, "would take %d MB to open; save it as an ordinary JPEG of 50 megapixels or fewer", f.decodeBytes>>20)
	}
	if err := speaksAnother(b); err != nil {
		return Facts{}, err
	}
	// The walk and the decoder must mean the same picture.
	head, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return Facts{}, errNoPhoto
	}
	if head.Width != f.width || head.Height != f.height {
		return Facts{}, errDamaged
	}
	return Facts{MediaType: f.mediaType, Width: f.width, Height: f.height, Exif: ParseExif(f.exif)}, nil
}
