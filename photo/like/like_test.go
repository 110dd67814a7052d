package like_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"

	"github.com/gridpatrol/gridpatrol/photo/like"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

const suggested = 10 // the usual limit of a category

func encoded(t testing.TB, img image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mark(t testing.TB, img image.Image) like.Mark {
	t.Helper()
	m, err := like.OfJPEG(encoded(t, img, 82))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func edited(in *image.RGBA, edit func(v float64) float64) *image.RGBA {
	out := image.NewRGBA(in.Rect)
	copy(out.Pix, in.Pix)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = byte(math.Max(0, math.Min(255, edit(float64(out.Pix[i])))))
		}
	}
	return out
}

func cropped(in *image.RGBA, share float64) image.Image {
	dx, dy := int(share*float64(in.Rect.Dx())), int(share*float64(in.Rect.Dy()))
	return in.SubImage(image.Rect(dx, dy, in.Rect.Max.X-dx, in.Rect.Max.Y-dy))
}

func turnedBy(in *image.RGBA, degrees float64) image.Image {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(in.Rect.Dx()), float64(in.Rect.Dy())
	const closer = 1.06 // so that no corner stays empty
	m := f64.Aff3{closer * cos, -closer * sin, 0, closer * sin, closer * cos, 0}
	m[2] = w/2 - (m[0]*w/2 + m[1]*h/2)
	m[5] = h/2 - (m[3]*w/2 + m[4]*h/2)
	out := image.NewRGBA(in.Rect)
	draw.BiLinear.Transform(out, m, in, in.Rect, draw.Src, nil)
	return out
}

func quarter(in *image.RGBA, times int) *image.RGBA {
	for range times {
		out := image.NewRGBA(image.Rect(0, 0, in.Rect.Dy(), in.Rect.Dx()))
		for y := range in.Rect.Dy() {
			for x := range in.Rect.Dx() {
				out.SetRGBA(in.Rect.Dy()-1-y, x, in.RGBAAt(x, y))
			}
		}
		in = out
	}
	return in
}

func smaller(in image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(out, out.Rect, in, in.Bounds(), draw.Src, nil)
	return out
}

// What happens to one picture on its way, and how far it may then be from itself.
func TestTheSamePictureStaysLike(t *testing.T) {
	t.Parallel()
	changes := []struct {
		name string
		most int // in nine pictures of ten
		do   func(*image.RGBA) image.Image
	}{
		{"compressed hard", 6, func(in *image.RGBA) image.Image {
			out, err := jpeg.Decode(bytes.NewReader(encoded(t, in, 25)))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}},
		{"made smaller", 6, func(in *image.RGBA) image.Image { return smaller(in, 100, 75) }},
		{"brighter", 6, func(in *image.RGBA) image.Image { return edited(in, func(v float64) float64 { return v*1.2 + 20 }) }},
		{"darker", 6, func(in *image.RGBA) image.Image { return edited(in, func(v float64) float64 { return v * 0.5 }) }},
		{"cropped by 3 %", suggested, func(in *image.RGBA) image.Image { return cropped(in, 0.015) }},
		{"held askew by 1 degree", suggested, func(in *image.RGBA) image.Image { return turnedBy(in, 1) }},
		{"turned by a quarter", 6, func(in *image.RGBA) image.Image { return quarter(in, 1) }},
		{"upside down", 6, func(in *image.RGBA) image.Image { return quarter(in, 2) }},
		{"turned the other way", 6, func(in *image.RGBA) image.Image { return quarter(in, 3) }},
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var all []int
			for seed := range uint64(20) {
				picture := phototest.Street(seed, 160, 120)
				all = append(all, like.Distance(mark(t, picture), mark(t, c.do(picture))))
			}
			slices.Sort(all)
			t.Logf("median %d, nine of ten within %d, at most %d of %d bits", all[10], all[18], all[19], like.Bits)
			if all[18] > c.most {
				t.Errorf("nine of ten differ in up to %d bits, not %d", all[18], c.most)
			}
		})
	}
}

// Different places are far apart: none of thousands of pairs would be suggested.
func TestDifferentPicturesAreNot(t *testing.T) {
	t.Parallel()
	var marks []like.Mark
	for seed := range uint64(60) {
		marks = append(marks, mark(t, phototest.Street(seed, 128, 96)))
	}
	var all []int
	for i, a := range marks {
		for _, b := range marks[:i] {
			all = append(all, like.Distance(a, b))
		}
	}
	slices.Sort(all)
	t.Logf("%d pairs: nearest %d, one in a hundred within %d, median %d", len(all), all[0], all[len(all)/100], all[len(all)/2])
	if n, _ := slices.BinarySearch(all, suggested+1); n > 0 {
		t.Errorf("%d of %d pairs of different pictures would be suggested, the nearest with %d bits", n, len(all), all[0])
	}
}

func TestPlainPicturesAreLikeNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	night := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for i := range night.Pix {
		night.Pix[i] = byte(8 + r.IntN(9)) // grain, and nothing else
	}
	for name, img := range map[string]image.Image{"night": night, "a wall": image.NewUniform(color.Gray{120}), "a speck": phototest.Scene(4, 4)} {
		if u, ok := img.(*image.Uniform); ok {
			wall := image.NewRGBA(image.Rect(0, 0, 64, 64))
			draw.Draw(wall, wall.Rect, u, image.Point{}, draw.Src)
			img = wall
		}
		if m, err := like.Of(img); !errors.Is(err, like.ErrPlain) {
			t.Errorf("%s has the mark %x, %v", name, uint64(m), err)
		}
	}
	if _, err := like.OfJPEG([]byte("no picture")); err == nil || errors.Is(err, like.ErrPlain) {
		t.Errorf("what is no picture is %v", err)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		a, b := like.Mark(r.Uint64()&^1), like.Mark(r.Uint64()&^1)
		if like.Distance(a, a) != 0 {
			t.Fatalf("%x is not itself", uint64(a))
		}
		if d, back := like.Distance(a, b), like.Distance(b, a); d != back || d < 0 || d > like.Bits {
			t.Fatalf("from %x to %x is %d, back %d", uint64(a), uint64(b), d, back)
		}
	}
}

func FuzzOfJPEG(f *testing.F) {
	f.Add(encoded(f, phototest.Street(1, 64, 48), 50))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = like.OfJPEG(b) })
}

func BenchmarkOfJPEG(b *testing.B) {
	thumb := encoded(b, phototest.Street(1, 320, 240), 82)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := like.OfJPEG(thumb); err != nil {
			b.Fatal(err)
		}
	}
}
