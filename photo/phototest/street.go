package phototest

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Street is a picture as a phone takes one, of its own for each seed: a sky, a ground,
// walls with windows, things that stand about, and grain.
func Street(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 99))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	fw, fh := float64(w), float64(h)
	horizon := fh * (0.35 + 0.3*r.Float64())
	sky, ground := 120+100*r.Float64(), 50+90*r.Float64()
	lampX, lampY, lamp := r.Float64()*fw, r.Float64()*fh, 60*r.Float64()
	for y := range h {
		for x := range w {
			v := sky + 30*float64(y)/fh
			if float64(y) > horizon {
				v = ground - 20*float64(x)/fw
			}
			d := math.Hypot(float64(x)-lampX, float64(y)-lampY) / fw
			v += lamp * math.Exp(-8*d*d)
			img.SetRGBA(x, y, shade(v, 0.9+0.2*r.Float64()*0.05))
		}
	}
	for range 5 + r.IntN(5) { // walls and things
		x0, y0 := r.Float64()*fw*0.9, r.Float64()*fh*0.8
		bw, bh := fw*(0.08+0.3*r.Float64()), fh*(0.1+0.4*r.Float64())
		v := 30 + 200*r.Float64()
		windows := r.IntN(3) == 0
		for y := int(y0); y < min(h, int(y0+bh)); y++ {
			for x := int(x0); x < min(w, int(x0+bw)); x++ {
				s := v
				if windows && int((float64(x)-x0)/bw*8)%2 == 1 && int((float64(y)-y0)/bh*6)%2 == 1 {
					s = 255 - v
				}
				img.SetRGBA(x, y, shade(s, 1))
			}
		}
	}
	for i := 0; i < len(img.Pix); i += 4 {
		grain := r.IntN(11) - 5
		for k := range 3 {
			img.Pix[i+k] = byte(max(0, min(255, int(img.Pix[i+k])+grain)))
		}
	}
	return img
}

func shade(v, warm float64) color.RGBA {
	b := func(x float64) byte { return byte(math.Max(0, math.Min(255, x))) }
	return color.RGBA{b(v * warm), b(v), b(v * 0.95), 255}
}
