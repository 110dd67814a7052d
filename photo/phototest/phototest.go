// Package phototest draws photos for tests, good ones and hostile ones. All are
// made here, from nothing.
package phototest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/gridpatrol/gridpatrol/photo"
)

// Scene is a picture whose four corners differ: red, green, blue, white from the
// top left to the right and down.
func Scene(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	corners := [4]color.RGBA{{220, 30, 30, 255}, {30, 200, 30, 255}, {30, 30, 220, 255}, {240, 240, 240, 255}}
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, corners[2*(2*y/h)+2*x/w])
		}
	}
	return img
}

// JPEG is a Scene.
func JPEG(t testing.TB, w, h int) []byte {
	return drawn(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, Scene(w, h), nil) })
}

// PNG is a Scene.
func PNG(t testing.TB, w, h int) []byte {
	return drawn(t, func(b *bytes.Buffer) error { return png.Encode(b, Scene(w, h)) })
}

// GIF is a Scene.
func GIF(t testing.TB) []byte {
	return drawn(t, func(b *bytes.Buffer) error { return gif.Encode(b, Scene(4, 4), nil) })
}

func drawn(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// losslessPixel is the VP8L data of one pixel.
const losslessPixel = "\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07"

// WebP is one lossless pixel, with further chunks before it.
func WebP(chunks ...[]byte) []byte {
	body := []byte("WEBP")
	for _, c := range chunks {
		body = append(body, c...)
	}
	body = append(body, Chunk("VP8L", []byte(losslessPixel))...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// Chunk is a chunk of a WebP file.
func Chunk(kind string, body []byte) []byte {
	out := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	if len(body)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

// PNGChunk is a chunk of a PNG file with its sum.
func PNGChunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// PNGHead is the beginning of a PNG of a size and depth.
func PNGHead(width, height uint32, depth byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte("\x89PNG\r\n\x1a\n"), PNGChunk("IHDR", append(head, depth, 6, 0, 0, 0))...)
}

// Segment is a segment of a JPEG file.
func Segment(marker byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
}

// With puts something behind the first two bytes of a JPEG.
func With(jpeg []byte, segments ...[]byte) []byte {
	out := append([]byte{}, jpeg[:2]...)
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, jpeg[2:]...)
}

// Resized changes what a JPEG says of its size.
func Resized(jpeg []byte, width, height uint16) []byte {
	out := bytes.Clone(jpeg)
	at := bytes.Index(out, []byte("\xff\xc0"))
	binary.BigEndian.PutUint16(out[at+5:], height)
	binary.BigEndian.PutUint16(out[at+7:], width)
	return out
}

// Hostile is a file that must be refused.
type Hostile struct {
	Name string
	Body []byte
	Code string
	// Remedy is part of what the sender is told.
	Remedy string
}

// HostileSet is bombs, lies about size, files cut off, and files that are
// something else as well.
func HostileSet(t testing.TB) []Hostile {
	jpg, pic, web := JPEG(t, 64, 48), PNG(t, 64, 48), WebP()
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	zip := []byte("PK\x05\x06" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00")
	// An archive whose comment is the rest of the picture.
	hidden := func() []byte {
		out := With(jpg, Segment(0xfe, zip))
		at := bytes.Index(out, []byte("PK\x05\x06"))
		binary.LittleEndian.PutUint16(out[at+20:], uint16(len(out)-at-22))
		return out
	}()
	progressive := bytes.Replace(Resized(jpg, 7000, 7000), []byte("\xff\xc0"), []byte("\xff\xc2"), 1)
	progressive = bytes.Replace(progressive, []byte("\x03\x01\x22"), []byte("\x03\x01\x11"), 1) // no subsampling
	scan := jpg[bytes.Index(jpg, []byte("\xff\xda")) : len(jpg)-2]
	canvas := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0} // 1 x 1
	big := bytes.Clone(web)
	binary.LittleEndian.PutUint32(big[21:], 16383|16383<<14)
	return []Hostile{
		{"nothing", nil, photo.CodeEmpty, "choose it again"},
		{"a page", []byte("<html><script>alert(1)</script>"), photo.CodeNoPhoto, "JPEG, PNG or WebP"},
		{"a GIF", GIF(t), photo.CodeNoPhoto, "JPEG, PNG or WebP"},
		{"HEIC of an iPhone", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic and so on"), photo.CodeHEIC, "Most Compatible"},
		{"HEIC by a later brand", []byte("\x00\x00\x00\x18ftypxxxx\x00\x00\x00\x00mif1heic and so on"), photo.CodeHEIC, "兼容性最佳"},
		{"AVIF", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif and so on"), photo.CodeHEIC, "as JPEG"},
		{"a film", []byte("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00mp41isom and so on"), photo.CodeNoPhoto, "JPEG, PNG or WebP"},

		{"JPEG of 400 megapixels by its head", Resized(jpg, 20000, 20000), photo.CodeTooLarge, "50 megapixels"},
		{"JPEG of 4,295 megapixels by its head", Resized(jpg, 65535, 65535), photo.CodeTooLarge, "50 megapixels"},
		{"JPEG without height", Resized(jpg, 64, 0), photo.CodeDamaged, "damaged"},
		{"progressive JPEG that needs 735 MB", progressive, photo.CodeTooLarge, "to open"},
		{"JPEG of very many scans", join(jpg[:len(jpg)-2], bytes.Repeat(scan, 80), jpg[len(jpg)-2:]), photo.CodeDamaged, "scans"},
		{"PNG bomb of 3,600 megapixels", PNGHead(60000, 60000, 8), photo.CodeTruncated, "cut off"},
		{"PNG bomb with some data", join(PNGHead(60000, 60000, 8), PNGChunk("IDAT", make([]byte, 100)), PNGChunk("IEND", nil)), photo.CodeTooLarge, "50 megapixels"},
		{"PNG of 2^31 pixels a side", PNGHead(1<<31-1, 1<<31-1, 8), photo.CodeTooLarge, "50 megapixels"},
		{"PNG of 49 deep megapixels and more", join(PNGHead(7100, 7100, 16), PNGChunk("IDAT", make([]byte, 100)), PNGChunk("IEND", nil)), photo.CodeTooLarge, "megapixels"},
		{"WebP of 268 megapixels", big, photo.CodeTooLarge, "50 megapixels"},
		{"WebP whose canvas hides its picture", func() []byte {
			out := WebP(Chunk("VP8X", canvas))
			at := bytes.Index(out, []byte("VP8L")) + 8
			binary.LittleEndian.PutUint32(out[at+1:], 6999|6999<<14)
			return out
		}(), photo.CodeDamaged, "damaged"},
		{"WebP that moves", WebP(Chunk("VP8X", []byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0})), photo.CodeNoPhoto, "single picture"},

		{"JPEG cut in half", jpg[:len(jpg)/2], photo.CodeTruncated, "send it again"},
		{"JPEG without its last byte", jpg[:len(jpg)-1], photo.CodeTruncated, "send it again"},
		{"JPEG cut before its data", jpg[:bytes.Index(jpg, []byte("\xff\xda"))], photo.CodeTruncated, "send it again"},
		{"PNG cut in half", pic[:len(pic)/2], photo.CodeTruncated, "send it again"},
		{"PNG without its end", pic[:len(pic)-12], photo.CodeTruncated, "send it again"},
		{"PNG with a flipped bit", func() []byte { b := bytes.Clone(pic); b[len(b)/2] ^= 1; return b }(), photo.CodeDamaged, "take it anew"},
		{"WebP cut off", web[:len(web)-4], photo.CodeTruncated, "send it again"},
		{"WebP without a picture", join([]byte("RIFF\x0e\x00\x00\x00WEBP"), Chunk("XMP ", []byte("x"))), photo.CodeTruncated, "send it again"},

		{"JPEG and archive", join(jpg, []byte("PK\x03\x04 and more"), zip), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG in an archive's comment", hidden, photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG and page", join(jpg, []byte("<html><script>alert(1)</script>")), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG and a program", join(jpg, []byte("\x7fELF and more")), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG with a page in its comment", With(jpg, Segment(0xfe, []byte("--><ScRiPt>alert(1)</script>"))), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG with a program in its EXIF", With(jpg, Segment(0xe1, []byte("Exif\x00\x00<?php system($_GET[0]);"))), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG that is a PDF", With(jpg, Segment(0xfe, []byte("%PDF-1.7 and more"))), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG and a film that is none", join(jpg, []byte("\x00\x00\x00\x10ftypmp42 and no boxes <html>")), photo.CodeForeign, "save it as a new JPEG"},
		{"JPEG and a maker's block that is none", join(jpg, []byte("#!/bin/sh\nblock"), []byte("SEFH\x6b\x00\x00\x00\x01\x00\x00\x00\x00\x00\x0a\x01\x05\x00\x00\x00\x05\x00\x00\x00\x18\x00\x00\x00SEFT")), photo.CodeForeign, "save it as a new JPEG"},
		{"PNG and archive", join(pic, []byte("PK\x03\x04 and more"), zip), photo.CodeForeign, "save it as a new JPEG"},
		{"PNG and page", join(pic, []byte("<html><script>alert(1)</script>")), photo.CodeForeign, "save it as a new JPEG"},
		{"PNG with a page in its text", join(pic[:33], PNGChunk("tEXt", []byte("Comment\x00<!DOCTYPE html>")), pic[33:]), photo.CodeForeign, "save it as a new JPEG"},
		{"WebP and archive", join(web, []byte("PK\x03\x04 and more")), photo.CodeForeign, "save it as a new JPEG"},
		{"WebP with a page in its metadata", WebP(Chunk("XMP ", []byte("<svg onload=alert(1)>"))), photo.CodeForeign, "save it as a new JPEG"},
	}
}

// Noisy is a JPEG of 12 megapixels whose grain makes it about 3 MB, as a phone's
// photo has it.
func Noisy(seed uint64) ([]byte, error) {
	const w, h = 4032, 3024
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	state := seed*2 + 1
	for i := range img.Y {
		state = state*6364136223846793005 + 1442695040888963407
		img.Y[i] = byte(90 + (i%w)/40 + int(state>>59))
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = byte(110+i%30), byte(120+i%17)
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80})
	return b.Bytes(), err
}
