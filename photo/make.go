package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"

	"golang.org/x/image/draw"
)

// Size names a copy of a photo.
type Size string

// The copies: what a person looks at, and what a list shows.
const (
	Shown Size = "shown"
	Thumb Size = "thumb"
)

// longest is a copy's longer edge in pixels at most; nothing is enlarged.
var longest = map[Size]int{Shown: 2048, Thumb: 320}

const quality = 82

// Copy is a photo encoded anew as JPEG: turned upright, without any metadata,
// without colour profile.
type Copy struct {
	Size          Size
	Width, Height int
	JPEG          []byte
}

// Make opens a photo and makes its copies. The limits of Inspect are looked at
// first, whoever calls. A Refusal says that the photo cannot be shown, ever.
func Make(original []byte) ([]Copy, error) {
	facts, err := Inspect(original)
	if err != nil {
		return nil, err
	}
	opened, _, err := image.Decode(bytes.NewReader(original))
	if err != nil {
		var odd jpeg.UnsupportedError
		if errors.As(err, &odd) {
			return nil, refuse(CodeNoPhoto, "is a kind of JPEG that cannot be shown (%v)", err)
		}
		return nil, refuse(CodeDamaged, "cannot be opened: %v", err)
	}
	shown := fit(opened, longest[Shown])
	opened = nil // the large one may go before the next is made
	upright := turn(shown, facts.Exif.Orientation)
	thumb := fit(upright, longest[Thumb])
	copies := make([]Copy, 0, 2)
	for _, c := range []struct {
		size Size
		img  image.Image
	}{{Shown, upright}, {Thumb, thumb}} {
		var out bytes.Buffer
		if err := jpeg.Encode(&out, c.img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, fmt.Errorf("encode a copy: %w", err)
		}
		b := c.img.Bounds()
		copies = append(copies, Copy{Size: c.size, Width: b.Dx(), Height: b.Dy(), JPEG: out.Bytes()})
	}
	return copies, nil
}

// fit draws an image on white so that its longer edge has most pixels or fewer.
func fit(img image.Image, most int) *image.RGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > most {
		w, h = max(1, (w*most+long/2)/long), max(1, (h*most+long/2)/long)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	op := draw.Op(draw.Src)
	if o, ok := img.(interface{ Opaque() bool }); !ok || !o.Opaque() {
		draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
		op = draw.Over
	}
	switch {
	case w == b.Dx() && h == b.Dy():
		draw.Draw(out, out.Bounds(), img, b.Min, op)
	case max(b.Dx(), b.Dy()) <= 2*most:
		// Four neighbours are all there is to average, and this is four times as fast.
		draw.ApproxBiLinear.Scale(out, out.Bounds(), img, b, op, nil)
	default:
		draw.BiLinear.Scale(out, out.Bounds(), img, b, op, nil)
	}
	return out
}

// turn makes an image upright whose camera was held as an EXIF orientation says.
func turn(in *image.RGBA, orientation int) *image.RGBA {
	if orientation <= 1 || orientation > 8 {
		return in
	}
	w, h := in.Rect.Dx(), in.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var to image.Point
			switch orientation {
			case 2:
				to = image.Pt(w-1-x, y)
			case 3:
				to = image.Pt(w-1-x, h-1-y)
			case 4:
				to = image.Pt(x, h-1-y)
			case 5:
				to = image.Pt(y, x)
			case 6:
				to = image.Pt(h-1-y, x)
			case 7:
				to = image.Pt(h-1-y, w-1-x)
			case 8:
				to = image.Pt(y, w-1-x)
			}
			copy(out.Pix[out.PixOffset(to.X, to.Y):][:4], in.Pix[in.PixOffset(x, y):][:4])
		}
	}
	return out
}
