package city

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/photo"
)

// chinaTime is what the phones of the city write into their photos.
var chinaTime = time.FixedZone("", 8*3600)

// withCamera writes where and when the phone took a photo: mostly here and just
// now; of ten, one says nothing and one was taken elsewhere.
func withCamera(rng *rand.Rand, jpeg []byte, at geo.Point, now time.Time) []byte {
	offM, age := 30*rng.Float64(), time.Duration(90*rng.Float64())*time.Second
	switch rng.IntN(10) {
	case 0:
		return jpeg
	case 1:
		offM, age = 1200+1500*rng.Float64(), time.Duration(20+100*rng.Float64())*time.Minute
	}
	const mPerDeg = geo.EarthRadiusM * math.Pi / 180
	at.Lat += offM / mPerDeg
	return photo.WithExif(jpeg, photo.Exif{Place: &at, Taken: now.Add(-age).In(chinaTime), ZoneKnown: true})
}

// drawPhoto draws a small street scene: sky, walls, ground and a stain of some
// colour. No two are the same.
func drawPhoto(rng *rand.Rand) ([]byte, error) {
	const w, h = 480, 360
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	horizon := h/3 + rng.IntN(h/5)
	dusk := rng.Float64()
	fill := func(x0, y0, x1, y1 int, c color.RGBA) {
		for y := max(0, y0); y < min(h, y1); y++ {
			for x := max(0, x0); x < min(w, x1); x++ {
				shade := uint8(rng.IntN(9))
				img.SetRGBA(x, y, color.RGBA{c.R - min(c.R, shade), c.G - min(c.G, shade), c.B - min(c.B, shade), 255})
			}
		}
	}
	fill(0, 0, w, horizon, color.RGBA{uint8(150 - 90*dusk), uint8(175 - 100*dusk), uint8(205 - 90*dusk), 255})
	fill(0, horizon, w, h, color.RGBA{uint8(120 - 50*dusk), uint8(116 - 50*dusk), uint8(108 - 45*dusk), 255})
	for x := -20; x < w; {
		width, high := 40+rng.IntN(90), 30+rng.IntN(horizon-20)
		tone := uint8(90 + rng.IntN(90))
		fill(x, horizon-high, x+width, horizon+4, color.RGBA{tone, tone - 10, tone - 25, 255})
		for wy := horizon - high + 10; wy < horizon-14; wy += 22 {
			for wx := x + 8; wx < x+width-12; wx += 20 {
				fill(wx, wy, wx+9, wy+12, color.RGBA{60, 70, 90, 255})
			}
		}
		x += width + 4 + rng.IntN(24)
	}
	cx, cy := w/4+rng.IntN(w/2), horizon+(h-horizon)/2
	rx, ry := 50+rng.IntN(80), 18+rng.IntN(30)
	stain := color.RGBA{uint8(40 + rng.IntN(170)), uint8(40 + rng.IntN(130)), uint8(30 + rng.IntN(120)), 255}
	for y := cy - ry; y < min(h, cy+ry); y++ {
		for x := max(0, cx-rx); x < min(w, cx+rx); x++ {
			dx, dy := float64(x-cx)/float64(rx), float64(y-cy)/float64(ry)
			if dx*dx+dy*dy < 1 {
				img.SetRGBA(x, y, stain)
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 70}); err != nil {
		return nil, fmt.Errorf("draw a photo: %w", err)
	}
	return b.Bytes(), nil
}
