package photo

import (
	"bytes"
	"encoding/binary"
)

const (
	// maxScans bounds the passes of a progressive JPEG: encoders make about ten, and
	// each one costs a walk over the whole picture.
	maxScans = 64
	// maxTailImages bounds what a camera puts behind a picture: previews, depth, gain.
	maxTailImages = 8
)

// walkJPEG checks segments from start to end and what follows the end.
func walkJPEG(b []byte, f *findings) error {
	f.mediaType = "image/jpeg"
	end, err := walkOneJPEG(b, f)
	if err != nil {
		return err
	}
	if !cameraTail(b[end:]) {
		return errForeign
	}
	return nil
}

// walkOneJPEG answers where the picture ends. The compressed data between markers
// is looked through for the next marker only.
func walkOneJPEG(b []byte, f *findings) (end int, err error) {
	framed, scans := false, 0
	progressive := false
	for i := 2; ; {
		if i >= len(b) {
			return 0, errTruncated
		}
		if b[i] != 0xff {
			return 0, errDamaged
		}
		for i < len(b) && b[i] == 0xff { // fill bytes
			i++
		}
		if i >= len(b) {
			return 0, errTruncated
		}
		marker := b[i]
		i++
		switch {
		case marker == 0xd9: // end of image
			if scans == 0 {
				return 0, errTruncated
			}
			return i, nil
		case marker == 0x00 || marker == 0x01 || marker >= 0xd0 && marker <= 0xd8:
			return 0, errDamaged // none of these stands between segments
		}
		if i+2 > len(b) {
			return 0, errTruncated
		}
		size := int(binary.BigEndian.Uint16(b[i:]))
		if size < 2 {
			return 0, errDamaged
		}
		if i+size > len(b) {
			return 0, errTruncated
		}
		segment := b[i+2 : i+size]
		i += size
		switch {
		case marker == 0xc0 || marker == 0xc1 || marker == 0xc2:
			if framed {
				return 0, errDamaged
			}
			framed, progressive = true, marker == 0xc2
			if err := frame(segment, progressive, f); err != nil {
				return 0, err
			}
		case marker >= 0xc3 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			return 0, refuse(CodeNoPhoto, "is a kind of JPEG that cannot be shown (lossless or arithmetic); save it as an ordinary JPEG")
		case marker >= 0xe0 && marker <= 0xef || marker == 0xfe:
			if rest, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xe1 && f.exif == nil {
				f.exif = rest
			}
			if activeText(segment) {
				return 0, errForeign
			}
		case marker == 0xda:
			if !framed {
				return 0, errDamaged
			}
			if scans++; scans > maxScans || !progressive && scans > 4 {
				return 0, refuse(CodeDamaged, "has %d scans, more than any camera makes; save it as an ordinary JPEG", scans)
			}
			next := nextMarker(b[i:])
			if next < 0 {
				return 0, errTruncated
			}
			i += next
		}
	}
}

// nextMarker finds the end of compressed data.
func nextMarker(b []byte) int {
	for i := 0; ; {
		at := bytes.IndexByte(b[i:], 0xff)
		if at < 0 || i+at+1 >= len(b) {
			return -1
		}
		i += at
		switch m := b[i+1]; {
		case m == 0x00 || m >= 0xd0 && m <= 0xd7: // a stuffed byte, a restart
			i += 2
		case m == 0xff:
			i++
		default:
			return i
		}
	}
}

// frame reads the size of the picture and what it takes to hold it.
func frame(s []byte, progressive bool, f *findings) error {
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return errDamaged
	}
	f.height, f.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	most, total := 1, 0
	for c := s[6:]; len(c) >= 3; c = c[3:] {
		h, v := int(c[1]>>4), int(c[1]&15)
		if h < 1 || v < 1 || h > 4 || v > 4 {
			return errDamaged
		}
		most, total = max(most, h*v), total+h*v
	}
	samples := int64(f.width) * int64(f.height) * int64(total) / int64(most)
	f.decodeBytes = samples
	if progressive {
		f.decodeBytes = 5 * samples // a sample and its coefficient of 4 bytes
	}
	return nil
}

// cameraTail says whether what follows the end of a JPEG is what cameras put
// there: nothing, padding, further pictures (previews, gain maps), the short film
// of a motion photo, a maker's block.
func cameraTail(t []byte) bool {
	for range maxTailImages + 1 {
		if makersBlock(t) || film(t) {
			return true
		}
		t = bytes.TrimLeft(t, "\x00")
		switch {
		case len(t) == 0:
			return true
		case bytes.HasPrefix(t, []byte("\xff\xd8\xff")):
			end, err := walkOneJPEG(t, &findings{})
			if err != nil {
				return false
			}
			t = t[end:]
		default:
			return false
		}
	}
	return false
}

// film says whether t is an MP4 file from its first box to its last.
func film(t []byte) bool {
	if len(t) < 8 || string(t[4:8]) != "ftyp" {
		return false
	}
	for len(t) > 0 {
		if makersBlock(t) || len(bytes.TrimLeft(t, "\x00")) == 0 {
			return true
		}
		if len(t) < 8 {
			return false
		}
		size := uint64(binary.BigEndian.Uint32(t))
		for _, c := range t[4:8] {
			if c < 0x20 || c > 0x7e {
				return false
			}
		}
		switch {
		case size == 0: // to the end
			size = uint64(len(t))
		case size == 1 && len(t) >= 16:
			size = binary.BigEndian.Uint64(t[8:])
		}
		if size < 8 || size > uint64(len(t)) {
			return false
		}
		t = t[size:]
	}
	return true
}

// makersBlock says whether t is, from its first byte to its last, the trailer that
// Samsung's cameras write: blocks, then a directory between SEFH and SEFT that
// counts back to the first of them.
func makersBlock(t []byte) bool {
	if len(t) < 20 || string(t[len(t)-4:]) != "SEFT" {
		return false
	}
	size := int64(binary.LittleEndian.Uint32(t[len(t)-8:]))
	at := int64(len(t)) - 8 - size
	if size < 12 || at < 0 {
		return false
	}
	d := t[at : at+size]
	count := int64(binary.LittleEndian.Uint32(d[8:]))
	if string(d[:4]) != "SEFH" || count < 1 || count > 64 || size != 12+12*count {
		return false
	}
	first := int64(0)
	for e := d[12:]; len(e) >= 12; e = e[12:] {
		first = max(first, int64(binary.LittleEndian.Uint32(e[4:])))
	}
	return first == at
}
