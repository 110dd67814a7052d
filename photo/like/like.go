// Package like says how alike two pictures look. Of a picture it keeps 64 bits: the
// signs of its lowest frequencies, which stay what they are when it is compressed
// again, made smaller, brighter or darker, and change when it shows something else.
//
// It is a hint for a person, never proof: two photos of one wall at night may look
// alike, and of one vat, taken from two sides, they do not. A crop of more than a few
// per cent, and a turn by more than a few degrees that is no quarter, make another
// picture of it.
//
// The package decides nothing and reads nothing but the bytes it is given. Give it
// copies that our own program encoded: it bounds no stranger's bytes.
package like

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what copies are
	"math"
	"math/bits"
)

// Mark is the likeness of a picture. Bit 8*v+u is set where the picture's u-th
// frequency across and v-th down is positive; the first bit, mean brightness, is not
// used.
type Mark uint64

// Bits is how many bits two marks can differ in.
const Bits = 63

// ErrPlain is the fault of a picture that shows nothing to tell it by, such as a wall
// or the night: its mark would be noise, and like any other noise or none.
var ErrPlain = errors.New("the picture is too plain to be told from others")

const (
	side = 32 // of the picture that the frequencies are taken of
	low  = 8  // frequencies each way
	// plain is the least mean difference from the mean that a picture must have, in
	// steps of 255, in the frequencies that are looked at. The grain of a dark photo
	// stays well below it.
	plain = 3.0
	// MostPixels bounds what OfJPEG opens; our copies are smaller.
	MostPixels = 4 << 20
)

// OfJPEG is the mark of a JPEG.
func OfJPEG(b []byte) (Mark, error) {
	head, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return 0, fmt.Errorf("read the head of a copy: %w", err)
	}
	if head.Width*head.Height > MostPixels {
		return 0, fmt.Errorf("a copy of %d x %d pixels is none of ours", head.Width, head.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return 0, fmt.Errorf("open a copy: %w", err)
	}
	return Of(img)
}

// Of is the mark of a picture.
func Of(img image.Image) (Mark, error) {
	if img.Bounds().Dx() < low || img.Bounds().Dy() < low {
		return 0, ErrPlain
	}
	grey := small(img)
	var rows, c [side][low]float64 // across first, then down
	for y := range side {
		for u := range low {
			for x := range side {
				rows[y][u] += grey[y][x] * wave[u][x]
			}
		}
	}
	var m Mark
	power := 0.0
	for v := range low {
		for u := range low {
			for y := range side {
				c[v][u] += rows[y][u] * wave[v][y]
			}
			if u == 0 && v == 0 {
				continue
			}
			power += c[v][u] * c[v][u]
			if c[v][u] > 0 {
				m |= 1 << (8*v + u)
			}
		}
	}
	if math.Sqrt(power)/side < plain {
		return 0, ErrPlain
	}
	return m, nil
}

// wave is the cosines of the discrete cosine transform, each of length one.
var wave = func() (w [low][side]float64) {
	for u := range low {
		scale := math.Sqrt(2.0 / side)
		if u == 0 {
			scale = math.Sqrt(1.0 / side)
		}
		for x := range side {
			w[u][x] = scale * math.Cos(math.Pi*float64(u)*(2*float64(x)+1)/(2*side))
		}
	}
	return w
}()

// small is the brightness of a picture on a grid of side by side: every pixel counts
// in the field that it lies in, so that nothing depends on how it was made smaller.
func small(img image.Image) (out [side][side]float64) {
	b := img.Bounds()
	var n [side][side]float64
	ycc, isYCbCr := img.(*image.YCbCr)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		j := (y - b.Min.Y) * side / b.Dy()
		for x := b.Min.X; x < b.Max.X; x++ {
			i := (x - b.Min.X) * side / b.Dx()
			if isYCbCr { // as a JPEG comes: its brightness is there already
				out[j][i] += float64(ycc.Y[ycc.YOffset(x, y)])
			} else {
				r, g, bl, _ := img.At(x, y).RGBA()
				out[j][i] += (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(bl)) / 257
			}
			n[j][i]++
		}
	}
	for j := range side {
		for i := range side {
			if n[j][i] > 0 {
				out[j][i] /= n[j][i]
				continue
			}
			// A picture of fewer pixels than fields: the pixel that lies here.
			r, g, bl, _ := img.At(b.Min.X+i*b.Dx()/side, b.Min.Y+j*b.Dy()/side).RGBA()
			out[j][i] = (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(bl)) / 257
		}
	}
	return out
}

// Distance is in how many bits two pictures differ, from 0 (the same) to Bits, in
// whichever of the four positions of a phone they differ least. Pictures that have
// nothing to do with one another differ in about 30.
func Distance(a, b Mark) int {
	least := Bits
	for range 4 {
		least = min(least, bits.OnesCount64(uint64(a^b)))
		b = b.turned()
	}
	return least
}

// turned is the mark of the picture turned by a quarter: across and down change
// places, and frequencies that are odd across change their sign.
func (m Mark) turned() (out Mark) {
	for v := range low {
		for u := range low {
			if u == 0 && v == 0 {
				continue
			}
			set := m>>(8*u+v)&1 == 1
			if u%2 == 1 {
				set = !set
			}
			if set {
				out |= 1 << (8*v + u)
			}
		}
	}
	return out
}
