package photo

import (
	"bytes"
	"encoding/binary"
)

var errAnimated = &Refusal{CodeNoPhoto, "moves; send a single picture"}

// walkWebP checks the chunks against the size in the head and the file, and the
// canvas against the picture in it: a decoder believes the picture.
func walkWebP(b []byte, f *findings) error {
	f.mediaType = "image/webp"
	size := int64(binary.LittleEndian.Uint32(b[4:])) + 8
	if size > int64(len(b)) {
		return errTruncated
	}
	if size < 12 {
		return errDamaged
	}
	if len(bytes.TrimLeft(b[size:], "\x00")) > 0 {
		return errForeign
	}
	b = b[:size]
	var canvasWidth, canvasHeight int
	pictures := 0
	for i := 12; i < len(b); {
		if i+8 > len(b) {
			return errTruncated
		}
		kind, size := string(b[i:i+4]), int64(binary.LittleEndian.Uint32(b[i+4:]))
		if int64(i)+8+size > int64(len(b)) {
			return errTruncated
		}
		body := b[i+8 : i+8+int(size)]
		i += 8 + int(size+size&1)
		switch kind {
		case "VP8X":
			if len(body) != 10 || canvasWidth > 0 {
				return errDamaged
			}
			if body[0]&0x02 != 0 {
				return errAnimated
			}
			canvasWidth = 1 + int(uint32(body[4])|uint32(body[5])<<8|uint32(body[6])<<16)
			canvasHeight = 1 + int(uint32(body[7])|uint32(body[8])<<8|uint32(body[9])<<16)
		case "VP8 ":
			if len(body) < 10 || body[0]&1 != 0 || string(body[3:6]) != "\x9d\x01\x2a" {
				return errDamaged
			}
			pictures++
			f.width = int(binary.LittleEndian.Uint16(body[6:]) & 0x3fff)
			f.height = int(binary.LittleEndian.Uint16(body[8:]) & 0x3fff)
			f.decodeBytes = int64(f.width) * int64(f.height) * 5 / 2
		case "VP8L":
			if len(body) < 5 || body[0] != 0x2f {
				return errDamaged
			}
			pictures++
			bits := binary.LittleEndian.Uint32(body[1:])
			f.width, f.height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
			f.decodeBytes = int64(f.width) * int64(f.height) * 8
		case "ANIM", "ANMF":
			return errAnimated
		case "ALPH":
		default:
			if kind == "EXIF" && f.exif == nil {
				f.exif = bytes.TrimPrefix(body, []byte("Exif\x00\x00")) // some writers keep JPEG's prefix
			}
			if activeText(body) {
				return errForeign
			}
		}
	}
	switch {
	case pictures == 0:
		return errTruncated
	case pictures > 1, canvasWidth > 0 && (canvasWidth != f.width || canvasHeight != f.height):
		return errDamaged
	}
	return nil
}
